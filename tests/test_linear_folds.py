"""Linear models from shared moments: the same predictions as models that were fitted, or models that are fitted."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import ElasticNet, LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastcl.regression import linear
from fastcl.regression.linear import LeastSquares, LinearFolds, fastest
from fastcl.regression.moments import choose, gather_groups, solve
from fastcl.regression.refit import Refits
from fastcl.regression.splits import draw_split

MODELS = [
    LinearRegression(),
    LinearRegression(fit_intercept=False),
    Ridge(2.0),
    Ridge(0.5, fit_intercept=False),
    Ridge(3, solver="svd"),
    Ridge(solver="cholesky"),
]


def make_rows(n, d, seed=0):
    """Return rows of different scales and offsets, and targets."""
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=(n, d))
    X = (unit + rng.normal(size=d)) * 10 ** rng.uniform(-2, 2, d)
    return X, unit @ rng.normal(size=d) + 0.5 * rng.normal(size=n) + 5


def draw_splits(n, seed=0):
    """Return cross-validations of 2, 3 and 5 folds, with and without rows left out, in random order."""
    stream = np.random.RandomState(seed)
    kinds = [(5, 0), (5, 0.1), (2, 0), (3, 0.3), (5, 0.01)]
    return [draw_split(stream, stream.permutation(n), n_folds, share) for n_folds, share in kinds]


def naive_predictions(model, X, y, splits):
    """Return what models fitted to all folds but one predict for that, and their mean for rows left out."""
    predicted = []
    for split in splits:
        own, left_out = np.zeros(len(y)), np.zeros(len(split.left_out))
        for fold in range(split.n_folds):
            kept = split.order[: len(split.fold_of)]
            fitted = model.fit(X[kept[split.fold_of != fold]], y[kept[split.fold_of != fold]])
            own[kept[split.fold_of == fold]] = fitted.predict(X[kept[split.fold_of == fold]])
            if split.left_out.size:
                left_out += fitted.predict(X[split.left_out])
        own[split.left_out] = left_out / split.n_folds
        predicted.append(own)
    return predicted


def never(*_):
    raise AssertionError("models were fitted")


def predict_fast(model, X, y, splits, n_jobs=1):
    """Return the predictions, none of them by a model that was fitted."""
    with fastest(Refits(model, X, {}, n_jobs)) as folds, pytest.MonkeyPatch.context() as patch:
        assert isinstance(folds, LinearFolds)
        patch.setattr(Refits, "predict", never)
        return folds.predict(y, splits)


def assert_close(predicted, expected):
    # Squaring columns loses twice the digits of their dependence; these are nearly independent.
    for own, theirs in zip(predicted, expected, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=0, atol=1e-11 * np.abs(theirs).max())


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize(("n", "d"), [(503, 7), (101, 1), (64, 20)])
def test_linear_folds_matches_naive(model, n, d):
    X, y = make_rows(n, d)
    splits = draw_splits(n)
    assert_close(predict_fast(model, X, y, splits), naive_predictions(model, X, y, splits))


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=0)[::2],
        pd.DataFrame,
        lambda X: pd.DataFrame(X, columns=list("abcdefg")).astype({"a": "float32"}),
        lambda X: X.tolist(),
    ],
    ids=["fortran", "strided", "frame", "mixed frame", "list"],
)
def test_linear_folds_take_rows_in_any_dense_form(form):
    X, y = make_rows(307, 7)
    X[:, 0] = X[:, 0].astype(np.float32)
    splits = draw_splits(307)
    predicted = predict_fast(LinearRegression(), form(X), y, splits)
    assert_close(predicted, naive_predictions(MODELS[0], X, y, splits))
    np.testing.assert_array_equal(predicted, predict_fast(LinearRegression(), X, y, splits))


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.bool_, np.float16, np.float32])
def test_linear_folds_compute_in_float64(dtype):
    X = np.random.default_rng(0).integers(0, 2, (307, 5)).astype(dtype)
    y = np.random.default_rng(1).normal(size=307)
    splits = draw_splits(307)
    expected = naive_predictions(LinearRegression(), X.astype(float), y, splits)
    assert_close(predict_fast(LinearRegression(), X, y, splits), expected)


def test_linear_folds_read_a_memory_map(tmp_path):
    X, y = make_rows(307, 7)
    np.save(tmp_path / "X.npy", X)
    splits = draw_splits(307)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(predict_fast(MODELS[0], mapped, y, splits), predict_fast(MODELS[0], X, y, splits))


@pytest.mark.parametrize(("n", "d", "block_values"), [(2003, 7, 1 << 9), (5003, 3, 1 << 18)])
def test_linear_folds_is_thread_agnostic(n, d, block_values, monkeypatch):
    monkeypatch.setattr(linear, "BLOCK_VALUES", block_values)
    X, y = make_rows(n, d)
    splits = draw_splits(n)
    one, four = (predict_fast(MODELS[0], X, y, splits, n_jobs) for n_jobs in (1, 4))
    np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize(("name", "value"), [("BLOCK_VALUES", 100), ("MOMENT_BYTES", 1)])
def test_linear_folds_is_block_size_agnostic(name, value, monkeypatch):
    X, y = make_rows(1009, 7)
    splits = draw_splits(1009)
    expected = predict_fast(MODELS[0], X, y, splits)
    monkeypatch.setattr(linear, name, value)
    assert_close(predict_fast(MODELS[0], X, y, splits), expected)


def test_linear_folds_leave_their_arguments_as_they_are():
    X, y = make_rows(307, 7)
    X.flags.writeable = y.flags.writeable = False
    predict_fast(MODELS[0], X, y, draw_splits(307))


@pytest.mark.parametrize("offset", [1e4, 1e6])
def test_linear_folds_keep_the_digits_of_columns_that_vary_little(offset):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(501, 3)) + offset
    y = rng.normal(size=501)
    splits = draw_splits(501)
    for own, theirs in zip(
        predict_fast(MODELS[0], X, y, splits), naive_predictions(MODELS[0], X, y, splits), strict=True
    ):
        # the features themselves are rounded to 1e-16 of the offset, and scikit-learn's predictions with them
        np.testing.assert_allclose(own, theirs, rtol=0, atol=1e-15 * offset * 10)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 2019.7])
def test_a_constant_column_has_no_coefficient(value):
    X, y = make_rows(307, 4)
    X[:, 2] = value
    splits = draw_splits(307)
    assert_close(predict_fast(MODELS[0], X, y, splits), naive_predictions(MODELS[0], X, y, splits))


def dependent(kind):
    """Return rows whose columns are dependent, or so nearly that squares do not tell."""
    X, y = make_rows(200, 4)
    rng = np.random.default_rng(2)
    if kind == "equal":
        X = np.column_stack([X, X[:, 0]])
    elif kind == "one-hot":
        X = np.column_stack([X, np.eye(3)[rng.integers(0, 3, 200)]])
    elif kind == "nearly":
        X = np.column_stack([X, X[:, 0] + 1e-5 * rng.normal(size=200)])
    elif kind == "tiny":  # scikit-learn gives directions no coefficient that are 1e-6 as small as the largest
        X = rng.normal(size=(200, 4)) * [1, 1, 1, 1e-7]
    elif kind == "wide":
        X = rng.normal(size=(60, 100))
    elif kind == "fold":  # varies in few rows only, and not at all without the fold they are in
        X = np.column_stack([X, np.arange(200) == 7])
    return X, y[: len(X)]


@pytest.mark.parametrize("kind", ["equal", "one-hot", "nearly", "tiny", "wide", "fold"])
def test_dependent_columns_are_left_to_fitted_models(kind):
    X, y = dependent(kind)
    splits = draw_splits(len(X))
    with fastest(Refits(LinearRegression(), X, {})) as folds:
        predicted = folds.predict(y, splits)
    expected = naive_predictions(LinearRegression(), X, y, splits)
    np.testing.assert_allclose(predicted, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("noise", [1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("model", [LinearRegression(), Ridge(1e-3)], ids=str)
def test_columns_as_dependent_as_is_allowed_are_predicted_to_nine_digits(noise, model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 5))
    X = np.column_stack([X, X @ rng.normal(size=5) + noise * rng.normal(size=500)])
    y = rng.normal(size=500)
    splits = draw_splits(500)
    with fastest(Refits(model, X, {})) as folds:
        predicted = folds.predict(y, splits)
    np.testing.assert_allclose(predicted, naive_predictions(model, X, y, splits), rtol=0, atol=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_infinite_rows_are_left_to_the_model_to_refuse(value):
    X, y = make_rows(100, 3)
    X[5, 1] = value
    with fastest(Refits(LinearRegression(), X, {})) as folds, pytest.raises(ValueError, match="Input X contains"):
        folds.predict(y, draw_splits(100))


def test_rows_whose_squares_are_too_large_are_left_to_fitted_models():
    X, _ = make_rows(100, 3)
    with fastest(Refits(LinearRegression(), X * 1e200, {})) as folds:
        assert isinstance(folds, Refits)


def test_many_folds_of_many_columns_are_left_to_fitted_models(monkeypatch):
    X, y = make_rows(60, 3)
    splits = [draw_split(np.random.RandomState(0), np.arange(60), 60)]
    assert_close(predict_fast(MODELS[0], X, y, splits), naive_predictions(MODELS[0], X, y, splits))
    monkeypatch.setattr(linear, "MOST_MOMENT_BYTES", 8 * 25 * 60)
    with fastest(Refits(LinearRegression(), X, {})) as folds:
        assert isinstance(folds, LinearFolds)
        monkeypatch.setattr(LinearFolds, "_predict", never)
        assert_close(folds.predict(y, splits), naive_predictions(MODELS[0], X, y, splits))


class Own(LinearRegression):
    pass


@pytest.mark.parametrize(
    "model",
    [
        Own(),
        LinearRegression(positive=True),
        Ridge(solver="lsqr"),
        Ridge(alpha=np.array([1.0])),
        Ridge(positive=True),
        ElasticNet(),
        make_pipeline(StandardScaler(), LinearRegression()),
        None,
    ],
    ids=str,
)
def test_other_models_are_fitted(model):
    assert LeastSquares.of(model) is None


@pytest.mark.parametrize(
    "X", [csr_matrix(np.eye(9)[:, :2]), [["a"], ["b"]] * 5, np.ones(9), np.ones((9, 0)), np.ones((9, 2, 2))]
)
def test_rows_that_are_no_dense_matrix_are_left_to_fitted_models(X):
    refits = Refits(LinearRegression(), X, {})
    with fastest(refits) as folds:
        assert folds is refits


def test_arguments_of_fit_are_left_to_fitted_models():
    X, y = make_rows(60, 2)
    with fastest(Refits(LinearRegression(), X, {"sample_weight": np.arange(60.0)})) as folds:
        assert isinstance(folds, Refits)
        first = folds.predict(y, draw_splits(60)[:1])[0]
    assert np.abs(first - naive_predictions(LinearRegression(), X, y, draw_splits(60)[:1])[0]).max() > 1e-6


def naive_gather(rows, groups, wanted):
    parts = [rows[groups == group] if wanted[group] else rows[:0] for group in range(len(wanted))]
    return np.concatenate(parts), np.cumsum([len(part) for part in parts])


@pytest.mark.parametrize("n", [0, 1, 97])
def test_gather_groups_matches_naive(n):
    rng = np.random.default_rng(n)
    rows, groups = rng.normal(size=(n, 3)), rng.integers(0, 5, n).astype(np.int32)
    wanted = np.array([True, True, False, True, True, True])
    gathered, ends = np.zeros_like(rows), np.zeros(6, np.int64)
    gather_groups(rows, groups, wanted, ends, gathered)
    expected, expected_ends = naive_gather(rows, groups, wanted)
    np.testing.assert_array_equal(gathered[: len(expected)], expected)
    np.testing.assert_array_equal(ends, expected_ends)


def test_choose_takes_the_model_of_the_fold_or_the_mean_of_all():
    predicted = np.array([[9.0, 1.0, 2.0], [9.0, 3.0, 4.0], [9.0, 5.0, 7.0]])
    out = np.empty(3)
    choose(predicted, 1, 2, np.array([0, 1, 2], np.int32), out)
    assert out.tolist() == [1.0, 4.0, 6.0]


@pytest.mark.parametrize(("has_intercept", "penalty"), [(True, 0.0), (False, 0.0), (True, 3.0), (False, 0.1)])
@pytest.mark.parametrize("d", [1, 2, 17])
def test_solve_matches_naive(has_intercept, penalty, d):
    X, y = make_rows(200, d)
    z = np.column_stack([X, np.ones(200), y])
    coefficients = np.empty(d + 1)
    assert solve(z.T @ z, has_intercept, penalty, 0.0, 1e6, np.empty((d, d)), np.empty((d, d)), coefficients)
    about = X.mean(axis=0) * has_intercept
    centred = X - about
    expected = np.linalg.solve(centred.T @ centred + penalty * np.eye(d), centred.T @ y)
    np.testing.assert_allclose(coefficients[:d], expected, rtol=1e-6)
    intercept = (y.mean() - about @ expected) * has_intercept
    np.testing.assert_allclose(coefficients[d], intercept, rtol=1e-6, atol=1e-12)


def test_solve_refuses_what_only_the_inverse_tells():
    sine, cosine, d = 0.9, math.sqrt(1 - 0.9**2), 20  # the matrix of Kahan: harmless pivots, a huge inverse
    upper = np.diag(sine ** np.arange(d)) @ (np.eye(d) - cosine * np.triu(np.ones((d, d)), 1))
    gram = upper.T @ upper
    moments = np.zeros((d + 2, d + 2))
    moments[:d, :d] = gram
    moments[d, d] = 100
    assert (np.diag(upper) ** 2 / np.diag(gram)).min() > 1e-2
    assert np.trace(np.linalg.inv(gram)) > 1e6
    scratch = np.empty((d, d)), np.empty((d, d)), np.empty(d + 1)
    assert solve(moments, False, 0.0, 0.0, 1e12, *scratch)
    assert not solve(moments, False, 0.0, 0.0, 1e5, *scratch)
