"""CleanLearning of regressions: the reference's answers, scikit-learn's manners, and what is refused."""

from __future__ import annotations

import math

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from cleanlab.regression.learn import CleanLearning as CleanlabCleanLearning
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge, SGDRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import check_estimator

from fastcl.regression.learn import CleanLearning
from fastcl.regression.search import between_neighbors, label_quality, r2

pytestmark = pytest.mark.usefixtures("one_blas_thread")


def make_regression(n, d=4, wrong=0.08, seed=0):
    """Return rows, targets some of which are wrong, and which."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = X @ rng.normal(size=d) + 0.3 * rng.normal(size=n)
    is_wrong = rng.random(n) < wrong
    y[is_wrong] += rng.normal(size=np.count_nonzero(is_wrong)) * 5
    return X, y, is_wrong


X, Y, WRONG = make_regression(151)


def naive_find(model, X, y, seed, n_folds=5, n_boot=5, coarse=(0.01, 0.05, 0.1, 0.15, 0.2), fine_size=3):
    """Return the share, flags, scores and predictions, step by step as the reference describes them."""
    stream, n = np.random.RandomState(seed), len(y)

    def cross_validate(targets, order, share, folds):
        n_dropped = math.ceil(n * share)
        kept, dropped = order[: n - n_dropped], order[n - n_dropped :]
        predicted = np.zeros(n)
        for train, holdout in KFold(folds, shuffle=True, random_state=stream).split(kept):
            fitted = clone(model).fit(X[kept[train]], targets[kept[train]])
            predicted[kept[holdout]] = fitted.predict(X[kept[holdout]])
            if n_dropped:
                predicted[dropped] += fitted.predict(X[dropped]) / folds
        return predicted

    rows = np.arange(n)
    first = cross_validate(y, rows, 0, n_folds)
    order = np.argsort(np.abs(first - y), kind="stable")
    tried = {share: r2_score(y, cross_validate(y, order, share, n_folds)) for share in sorted(coarse)}
    best = max(tried, key=tried.get)
    place = sorted(coarse).index(best)
    finer = {}
    for low in (place - 1, place):
        if 0 <= low < len(coarse) - 1:
            edges = sorted(coarse)[low : low + 2]
            for step in range(1, fine_size + 1):
                share = edges[0] + step * ((edges[1] - edges[0]) / (fine_size + 1))
                finer[share] = r2_score(y, cross_validate(y, order, share, n_folds))
    if finer and max(finer.values()) >= tried[best]:
        best = max(finer, key=finer.get)
    share = best if (tried | finer)[best] > r2_score(y, first) else 0
    predicted = cross_validate(y, order, share, n_folds)
    halves = [cross_validate(y, rows, 0, 2) for _ in range(n_boot)]
    epistemic = np.std([*halves, predicted], axis=0) if n_boot else 0
    uncertainty = epistemic + np.std(cross_validate(predicted - y, rows, 0, n_folds))
    relative = np.abs(predicted - y) / uncertainty
    scores = np.exp(-relative / np.median(relative))
    flags = np.zeros(n, bool)
    flags[np.argsort(scores, kind="stable")[: math.ceil(n * share)]] = True
    return share, flags, scores, predicted


def assert_same(found, share, flags, scores, predictions, expected_share):
    assert share == pytest.approx(expected_share, abs=1e-15)
    np.testing.assert_array_equal(found["is_label_issue"], flags)
    # predictions are equal to about 1e-12; scores divide them by their spread
    np.testing.assert_allclose(found["label_quality"], scores, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["predicted_label"], predictions, rtol=1e-9, atol=1e-9)


MODELS = [
    LinearRegression(),
    Ridge(2.0, fit_intercept=False),
    make_pipeline(StandardScaler(), LinearRegression()),
    DecisionTreeRegressor(max_depth=3, random_state=0),
]


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize(("n", "options"), [(97, {}), (60, {"n_folds": 3, "n_boot": 0}), (11, {})])
def test_find_label_issues_matches_naive(model, n, options):
    X, y, _ = make_regression(n, 3, seed=n)
    share, flags, scores, predictions = naive_find(model, X, y, 5, **options)
    ours = CleanLearning(model, seed=5, cv_n_folds=options.get("n_folds", 5), n_boot=options.get("n_boot", 5))
    found = ours.find_label_issues(X, y)
    assert_same(found, ours.k, flags, scores, predictions, share)


def compare_with_cleanlab(model, X, y, seed, search=None, **options):
    np.random.seed(123)  # noqa: NPY002 - the reference reads the global generator
    theirs = CleanlabCleanLearning(model, seed=seed, **options)
    expected = theirs.find_label_issues(X, y, **(search or {}))
    ours = CleanLearning(model, seed=seed, **options)
    found = ours.find_label_issues(X, y, **(search or {}))
    assert found.columns.tolist() == expected.columns.tolist()
    assert found.dtypes["is_label_issue"] is np.dtype(bool)
    np.testing.assert_array_equal(found["given_label"], expected["given_label"])
    assert found["given_label"].dtype == expected["given_label"].dtype
    columns = ("is_label_issue", "label_quality", "predicted_label")
    assert_same(found, ours.k, *(expected[column] for column in columns), theirs.k)
    np.testing.assert_array_equal(ours.label_issues_mask, theirs.label_issues_mask)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("model", [LinearRegression(), Ridge(0.1)], ids=str)
def test_find_label_issues_matches_cleanlab(model, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(25, 500))
    compare_with_cleanlab(model, *make_regression(n, seed + 1, rng.uniform(0, 0.2), seed)[:2], seed)


@pytest.mark.parametrize("seed", [0, 1])
def test_find_label_issues_with_a_forest_matches_cleanlab(seed):
    model = RandomForestRegressor(3, max_depth=4, random_state=0)
    compare_with_cleanlab(model, *make_regression(120, seed=seed)[:2], seed, n_boot=2)


@pytest.mark.parametrize("options", [{"cv_n_folds": 2}, {"n_boot": 0}, {"include_aleatoric_uncertainty": False}])
def test_options_match_cleanlab(options):
    compare_with_cleanlab(LinearRegression(), X, Y, 0, **options)


@pytest.mark.parametrize(
    "search",
    [
        {"coarse_search_range": [0.3, 0.02, 0.1]},
        {"coarse_search_range": [0.07]},
        {"coarse_search_range": [0.0, 0.1]},
        {"coarse_search_range": [0.99, 0.995]},
        {"coarse_search_range": [0.1, 0.5], "fine_search_size": 7},
        {"fine_search_size": 0},
        {"uncertainty": 2.0},
        {"uncertainty": np.linspace(0.1, 1, len(Y))},
        {"uncertainty": 0.0},
    ],
    ids=str,
)
def test_options_of_a_search_match_cleanlab(search):
    compare_with_cleanlab(LinearRegression(), X, Y, 1, search)


def test_constant_targets_match_cleanlab():
    compare_with_cleanlab(LinearRegression(), X, np.full(151, 3.0), 0)


@pytest.mark.parametrize("y", [np.arange(60) % 2 * 1.0, np.round(make_regression(60)[1])])
def test_equal_residuals_match_naive(y):
    X, model = make_regression(60)[0], KNeighborsRegressor(2)
    share, flags, scores, predictions = naive_find(model, X, y, 0)
    ours = CleanLearning(model, seed=0)
    assert_same(ours.find_label_issues(X, y), ours.k, flags, scores, predictions, share)


@pytest.mark.parametrize("given", [np.int64, np.int32])
def test_s30_predictions_of_whole_targets_are_not_cut_off(given):
    y = np.round(Y * 3).astype(given)
    found = CleanLearning(seed=0).find_label_issues(X, y)
    assert found["given_label"].dtype == given
    assert found["predicted_label"].dtype == np.float64
    expected = CleanLearning(seed=0).find_label_issues(X, y.astype(float))
    np.testing.assert_array_equal(found["predicted_label"], expected["predicted_label"])
    np.random.seed(0)  # noqa: NPY002
    cut_off = CleanlabCleanLearning(seed=0).find_label_issues(X, y.astype(np.int64))
    np.testing.assert_array_equal(found["is_label_issue"], cut_off["is_label_issue"])
    np.testing.assert_array_equal(np.trunc(found["predicted_label"]), cut_off["predicted_label"])


def test_uncertainties_match_cleanlab():
    for predictions in (None, Y + 1):
        theirs = CleanlabCleanLearning(seed=3).get_epistemic_uncertainty(X, Y, predictions)
        ours = CleanLearning(seed=3).get_epistemic_uncertainty(X, Y, predictions)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    residual = X @ X.T[:, 0] + Y
    theirs = CleanlabCleanLearning(seed=3).get_aleatoric_uncertainty(X, residual)
    assert CleanLearning(seed=3).get_aleatoric_uncertainty(X, residual) == pytest.approx(theirs, rel=1e-9)
    assert CleanLearning(n_boot=0).get_epistemic_uncertainty(X, Y).tolist() == [0.0] * len(Y)


def test_fit_matches_cleanlab():
    np.random.seed(0)  # noqa: NPY002
    theirs = CleanlabCleanLearning(Ridge(1.0), seed=2).fit(X, Y, sample_weight=np.arange(151.0) + 1)
    ours = CleanLearning(Ridge(1.0), seed=2).fit(X, Y, sample_weight=np.arange(151.0) + 1)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-12)
    assert ours.score(X, Y) == pytest.approx(theirs.score(X, Y), rel=1e-12)
    assert ours.score(X, Y, np.arange(151)) == pytest.approx(theirs.score(X, Y, np.arange(151)), rel=1e-12)
    np.testing.assert_array_equal(ours.label_issues_mask, theirs.label_issues_mask)


@pytest.mark.parametrize(
    ("seed", "same_as"),
    [(None, 0), (np.int64(7), 7), (np.random.RandomState(7), 7), (np.random.default_rng(1), None)],
)
def test_seeds_of_all_kinds(seed, same_as):
    if same_as is None:
        same_as = int(np.random.default_rng(1).integers(1 << 32))
    found = CleanLearning(seed=seed).find_label_issues(X, Y)
    pd.testing.assert_frame_equal(found, CleanLearning(seed=same_as).find_label_issues(X, Y))


@pytest.mark.parametrize("model", [LinearRegression(), MODELS[-1]], ids=str)
def test_s30_a_second_call_says_the_same_and_the_global_generator_is_left_alone(model):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for seed in (None, 4):
        ours = CleanLearning(model, seed=seed)
        first = ours.find_label_issues(X, Y)
        np.random.seed(99)  # noqa: NPY002
        pd.testing.assert_frame_equal(ours.find_label_issues(X, Y), first)
        np.random.set_state(("MT19937", before, 0))  # noqa: NPY002
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


class Counting(RegressorMixin, BaseEstimator):
    """Predicts the mean, and remembers with what it was fitted."""

    def __init__(self, log=None):
        self.log = log

    def __sklearn_clone__(self):
        return Counting(self.log)

    def fit(self, X, y, sample_weight=None, offset=0, per_row=None):
        self.log.append((len(y), sample_weight, offset, per_row))
        self.mean_ = np.mean(y) + offset
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def test_s30_arguments_reach_every_fit():
    model = Counting([])
    per_row = np.arange(40)
    weights = np.arange(40.0)
    CleanLearning(model).fit(
        X[:40],
        Y[:40],
        sample_weight=weights,
        model_kwargs={"offset": 3, "per_row": per_row},
        model_final_kwargs={"offset": 4},
    )
    *searched, final = model.log
    assert len(searched) in (65, 80)
    assert {offset for _, _, offset, _ in searched} == {3}
    assert all(weight is None for _, weight, _, _ in searched)
    assert all(len(rows) == n for n, _, _, rows in searched)
    assert final[2] == 4
    np.testing.assert_array_equal(final[1], final[3])
    theirs = Counting([])
    CleanlabCleanLearning(theirs).find_label_issues(X[:40], Y[:40], model_kwargs={"offset": 3})
    assert {offset for _, _, offset, _ in theirs.log} == {0, 3}


def test_find_label_issues_cuts_sample_weights_with_the_rows():
    weights = np.r_[np.zeros(75), np.ones(76)]
    found = CleanLearning(n_boot=0).find_label_issues(X, Y, model_kwargs={"sample_weight": weights})
    assert (
        np.abs(found["predicted_label"] - CleanLearning(n_boot=0).find_label_issues(X, Y)["predicted_label"]).max() > 0
    )


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
@pytest.mark.parametrize("model", [LinearRegression(), MODELS[-1]], ids=str)
def test_clean_learning_is_thread_agnostic(model, n_jobs):
    ours = CleanLearning(model, n_jobs=n_jobs).fit(X, Y)
    expected = CleanLearning(model).fit(X, Y)
    pd.testing.assert_frame_equal(ours.label_issues_df, expected.label_issues_df)
    np.testing.assert_array_equal(ours.predict(X), expected.predict(X))


def test_equal_scores_are_flagged_in_the_order_of_rows():
    quality = label_quality(np.array([1e6, 1e6, 1.0, 1e6]), 1.0)
    assert quality.argmin() == 0
    X, y = np.tile([[0.0], [1.0]], (20, 1)), np.tile([0.0, 1.0], 20)
    y[[4, 12, 20, 30]] += 1000
    found = CleanLearning(KNeighborsRegressor(3)).find_label_issues(X, y, coarse_search_range=[0.1])
    assert np.flatnonzero(found["is_label_issue"]).tolist() == [4, 12, 20, 30]


def test_shares_between_neighbours_are_in_order():
    coarse = [0.01, 0.05, 0.1]
    np.testing.assert_allclose(between_neighbors(coarse, 1, 3), [0.02, 0.03, 0.04, 0.0625, 0.075, 0.0875])
    assert between_neighbors(coarse, 0, 1) == pytest.approx([0.03])
    assert between_neighbors([0.1], 0, 3) == []


@pytest.mark.parametrize("seed", range(3))
def test_r2_matches_sklearn(seed):
    rng = np.random.default_rng(seed)
    y, predictions = rng.normal(size=(2, 50))
    assert r2(y, predictions) == pytest.approx(r2_score(y, predictions), rel=1e-12)
    for constant in (y * 0, y * 0 + 1):
        assert r2(y * 0, constant) == r2_score(y * 0, constant)


# -- an estimator of scikit-learn's


QUICK = {"cv_n_folds": 2, "n_boot": 0, "include_aleatoric_uncertainty": False}


@pytest.mark.parametrize(
    "model", [None, make_pipeline(StandardScaler(), LinearRegression())], ids=["default", "pipeline"]
)
@pytest.mark.filterwarnings("ignore")
def test_clean_learning_passes_all_checks_of_sklearn(model):
    assert_passes(CleanLearning(model, **QUICK))


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", [Ridge(), RandomForestRegressor(5, random_state=0), HistGradientBoostingRegressor(max_iter=10)], ids=str
)
@pytest.mark.filterwarnings("ignore")
def test_clean_learning_of_more_models_passes_all_checks_of_sklearn(model):
    assert_passes(CleanLearning(model, **QUICK))


def assert_passes(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert [(result["check_name"], result["exception"]) for result in results if result["status"] == "failed"] == []
    assert [result["check_name"] for result in results if result["status"] == "skipped"] in (
        ["check_array_api_input"],
        [],
    )


def test_parameters_and_the_model_itself_are_never_changed():
    model = Ridge(3.0)
    ours = CleanLearning(model, seed=1)
    before = ours.get_params()
    ours.fit(X, Y)
    assert ours.get_params() == before
    assert ours.model is model
    assert not hasattr(model, "coef_")
    assert ours.model_.alpha == 3.0
    assert clone(ours).get_params()["seed"] == 1


def test_grid_search_and_pipelines():
    search = GridSearchCV(CleanLearning(Ridge(), n_boot=0), {"model__alpha": [0.1, 1e4]}, cv=2).fit(X, Y)
    assert search.best_params_ == {"model__alpha": 0.1}
    fitted = make_pipeline(StandardScaler(), CleanLearning()).fit(X, Y)
    assert fitted.score(X, Y) > 0.3


def test_sparse_rows_match_dense_ones():
    sparse = CleanLearning(Ridge(solver="lsqr", tol=1e-12)).fit(csr_matrix(X), Y)
    dense = CleanLearning(Ridge(solver="lsqr", tol=1e-12)).fit(X, Y)
    np.testing.assert_array_equal(sparse.label_issues_mask, dense.label_issues_mask)
    np.testing.assert_allclose(sparse.predict(csr_matrix(X)), dense.predict(X), rtol=1e-6)


@pytest.mark.parametrize("library", [pd, pl])
def test_tables_reach_the_inner_pipeline(library):
    kind = np.array(["a", "b", "c"])[np.arange(151) % 3]
    frame = library.DataFrame({"kind": kind, "size": X[:, 0], "weight": X[:, 1]})
    y = library.Series(Y + (kind == "b") * 3)
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough"), LinearRegression()
    )
    ours = CleanLearning(model).fit(frame, y)
    assert ours.feature_names_in_.tolist() == ["kind", "size", "weight"]
    assert ours.n_features_in_ == 3
    assert isinstance(ours.label_issues_df, library.DataFrame)
    assert nw.from_native(ours.label_issues_df).shape == (151, 4)
    assert ours.predict(frame).shape == (151,)


def test_numeric_tables_and_lists_say_what_arrays_say():
    expected = CleanLearning().fit(X, Y)
    for form in (pd.DataFrame(X, columns=list("abcd")), X.tolist()):
        ours = CleanLearning().fit(form, Y.tolist())
        np.testing.assert_allclose(
            ours.label_issues_df["label_quality"], expected.label_issues_df["label_quality"], rtol=0, atol=1e-9
        )
        np.testing.assert_allclose(ours.predict(form), expected.predict(X), rtol=1e-9)


def test_weights_are_routed_to_the_model():
    weights = np.arange(151.0)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = CleanLearning(SGDRegressor(random_state=0).set_fit_request(sample_weight=True), n_boot=0)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, inner).fit(X, Y, sample_weight=weights)[-1]
    scaled = StandardScaler().fit_transform(X)
    expected = CleanLearning(SGDRegressor(random_state=0), n_boot=0).fit(scaled, Y, sample_weight=weights)
    np.testing.assert_array_equal(routed.model_.coef_, expected.model_.coef_)
    unweighted = CleanLearning(SGDRegressor(random_state=0), n_boot=0).fit(scaled, Y)
    assert np.abs(unweighted.model_.coef_ - expected.model_.coef_).max() > 0


class OnlyPredicts(BaseEstimator):
    """A model that has no score and is no regressor of scikit-learn's."""

    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full((len(X), 1), self.mean_)


def test_a_model_without_a_score_is_scored_by_r2():
    ours = CleanLearning(OnlyPredicts()).fit(X, Y)
    assert ours.score(X, Y) == pytest.approx(r2_score(Y, np.full(151, ours.model_.mean_)))
    weights = np.arange(151)
    assert ours.score(X, Y, weights) == pytest.approx(r2_score(Y, ours.predict(X), sample_weight=weights))


# -- tables and attributes


def test_given_issues_are_left_out_and_nothing_is_searched():
    expected = LinearRegression().fit(X[~WRONG], Y[~WRONG]).predict(X)
    table = pd.DataFrame({"is_label_issue": WRONG, "given_label": Y, "note": "mine"})
    for given in (WRONG, table, pl.DataFrame({"is_label_issue": WRONG}), pd.Series(WRONG), np.flatnonzero(WRONG)):
        before = given.copy() if isinstance(given, pd.DataFrame) else None
        ours = CleanLearning(LinearRegression()).fit(X, Y, label_issues=given)
        np.testing.assert_allclose(ours.predict(X), expected)
        np.testing.assert_array_equal(ours.label_issues_mask, WRONG)
        assert ours.k is None
        if before is not None:
            pd.testing.assert_frame_equal(given, before)
            assert ours.label_issues_df["note"].eq("mine").all()
            assert ours.label_issues_df is not given


def test_a_table_that_was_found_can_be_given_back():
    ours = CleanLearning()
    table = ours.find_label_issues(X, Y)
    again = CleanLearning().fit(X, Y, label_issues=table)
    np.testing.assert_array_equal(again.predict(X), CleanLearning().fit(X, Y).predict(X))


def test_attributes_come_and_go():
    ours = CleanLearning()
    assert (ours.label_issues_df, ours.label_issues_mask, ours.k) == (None, None, None)
    with pytest.warns(UserWarning, match="No label issues are known"):
        assert ours.get_label_issues() is None
    ours.find_label_issues(X, Y, save_space=True)
    assert ours.label_issues_df is None
    with pytest.raises(NotFittedError):
        ours.predict(X)
    ours.fit(X, Y)
    assert ours.get_label_issues() is ours.label_issues_df
    assert ours.label_issues_mask.sum() == math.ceil(151 * ours.k)
    predicted = ours.predict(X)
    ours.save_space()
    assert (ours.label_issues_df, ours.label_issues_mask, ours.k) == (None, None, None)
    np.testing.assert_array_equal(ours.predict(X), predicted)


def test_a_search_that_keeps_nothing_still_trains():
    ours = CleanLearning().fit(X, Y, find_label_issues_kwargs={"save_space": True, "fine_search_size": 0})
    assert ours.label_issues_df is None
    assert ours.predict(X).shape == (151,)


# -- what is refused, before anything is fitted


class Untouchable(Counting):
    """A model that must not be fitted."""

    def __sklearn_clone__(self):
        return Untouchable(self.log)

    def fit(self, X, y, sample_weight=None, offset=0, per_row=None):
        raise AssertionError("was fitted")


def refuse(error, match, X=X, y=Y, method="find_label_issues", model=None, options=None, **arguments):
    ours = CleanLearning(Untouchable() if model is None else model, **(options or {}))
    with pytest.raises(error, match=match):
        getattr(ours, method)(X, y, **arguments)


@pytest.mark.parametrize(
    ("y", "error", "match"),
    [
        (None, ValueError, "requires y to be passed"),
        (np.where(np.arange(151) == 3, np.nan, Y), ValueError, "row 3"),
        (np.where(np.arange(151) == 3, np.inf, Y), ValueError, "finite"),
        (np.array(["a"] * 151), TypeError, "real numbers"),
        (Y[:-1], ValueError, "one row per label"),
        (np.column_stack([Y, Y]), ValueError, r"^`y` must be one number a row; got shape \(151, 2\)\.$"),
        (np.ma.masked_less(Y, 0), ValueError, r"^`y` must hold no masked values; got \d+ of them\.$"),
        (Y + 1j, ValueError, r"^`y` must hold real numbers; got dtype complex128\."),
        (np.empty(0), ValueError, "at least one row"),
        (3.0, TypeError, "an array"),
    ],
)
@pytest.mark.parametrize("method", ["find_label_issues", "fit", "get_epistemic_uncertainty"])
def test_clean_learning_rejects_bad_targets(y, error, match, method):
    refuse(error, match, y=y, method=method)


@pytest.mark.parametrize("rows", [None, 5, X[:-1]])
def test_clean_learning_rejects_bad_rows(rows):
    refuse((TypeError, ValueError), "`X` must", X=rows)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"fine_search_size": -1}, ValueError, "fine_search_size"),
        ({"fine_search_size": 1.5}, TypeError, "fine_search_size"),
        ({"coarse_search_range": []}, ValueError, "at least one share"),
        ({"coarse_search_range": 0.1}, TypeError, "sequence"),
        ({"coarse_search_range": [0.1, 1.5]}, ValueError, "coarse_search_range"),
        ({"coarse_search_range": [np.nan]}, ValueError, "coarse_search_range"),
        ({"coarse_search_range": ["a"]}, TypeError, "coarse_search_range"),
        ({"coarse_search_range": [0.99]}, ValueError, "cv_n_folds"),
        ({"uncertainty": np.ones(150)}, ValueError, "150 for 151"),
        ({"uncertainty": -1.0}, ValueError, "uncertainty"),
        ({"uncertainty": np.nan}, ValueError, "uncertainty"),
        ({"uncertainty": np.inf}, ValueError, "uncertainty"),
        ({"uncertainty": "large"}, TypeError, "uncertainty"),
        ({"uncertainty": np.arange(151) - 7}, ValueError, "-7.0 in row 0"),
        ({"uncertainty": np.full(151, np.nan)}, ValueError, "uncertainty"),
        ({"model_kwargs": {"sample_weight": np.ones(3)}}, ValueError, "sample_weight"),
    ],
    ids=str,
)
def test_find_label_issues_rejects_bad_options(arguments, error, match):
    refuse(error, match, **arguments)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"cv_n_folds": 1}, ValueError, "cv_n_folds"),
        ({"cv_n_folds": 2.0}, TypeError, "cv_n_folds"),
        ({"cv_n_folds": 152}, ValueError, "n_samples = 151"),
        ({"n_boot": -1}, ValueError, "n_boot"),
        ({"seed": -1}, ValueError, "seed"),
        ({"seed": "a"}, ValueError, "seed"),
        ({"n_jobs": 0}, ValueError, "n_jobs"),
    ],
    ids=str,
)
def test_clean_learning_rejects_bad_parameters(options, error, match):
    refuse(error, match, options=options)
    refuse(error, match, options=options, model=LinearRegression())


class NoFit:
    def predict(self, X):
        return X


@pytest.mark.parametrize("model", [NoFit(), StandardScaler(), LinearRegression, "linear"])
@pytest.mark.parametrize("method", ["find_label_issues", "fit"])
def test_clean_learning_rejects_a_model_that_is_none(model, method):
    refuse(ValueError, "`model` must", model=model, method=method)


class NotClonable:
    def fit(self, X, y):
        raise AssertionError("was fitted")

    def predict(self, X):
        return X


def test_clean_learning_rejects_a_model_that_cannot_be_cloned():
    refuse(ValueError, "clone", model=NotClonable())


class TwoOutputs(OnlyPredicts):
    def predict(self, X):
        return np.zeros((len(X), 2))


def test_clean_learning_rejects_predictions_of_several_numbers():
    refuse(ValueError, "one number a row", model=TwoOutputs())


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"sample_weight": np.ones(150)}, ValueError, "sample_weight"),
        ({"sample_weight": np.full(151, np.nan)}, ValueError, "sample_weight"),
        ({"sample_weight": -np.ones(151)}, ValueError, "sample_weight"),
        ({"sample_weight": np.ones(151), "model": OnlyPredicts()}, ValueError, "takes no weights"),
        ({"model_kwargs": {"sample_weight": np.ones(151)}}, ValueError, "model_kwargs"),
        ({"model_final_kwargs": {"sample_weight": np.ones(151)}}, ValueError, "model_final_kwargs"),
        ({"label_issues": np.ones(150, bool)}, ValueError, "label_issues"),
        ({"label_issues": np.ones(151, bool)}, ValueError, "leave some rows"),
        ({"label_issues": np.ones(151)}, ValueError, "label_issues"),
        ({"label_issues": pd.DataFrame({"other": Y})}, ValueError, "is_label_issue"),
        ({"label_issues": pd.DataFrame({"is_label_issue": WRONG, "given_label": Y + 1})}, ValueError, "row 0"),
        ({"wrong_name": 1}, TypeError, "wrong_name"),
        ({"model_kwargs": {"wrong_name": 1}}, TypeError, r"`model\.fit` must take .*; got 'wrong_name'"),
        ({"model_final_kwargs": {"wrong_name": 1}}, TypeError, r"`model\.fit` must take .*; got 'wrong_name'"),
        ({"find_label_issues_kwargs": {"wrong_name": 1}}, ValueError, "wrong_name"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else None,
)
def test_fit_rejects_bad_arguments(arguments, error, match):
    refuse(error, match, method="fit", **arguments)


@pytest.mark.parametrize("n", [1, 4])
def test_clean_learning_rejects_fewer_rows_than_folds(n):
    refuse(ValueError, f"n_samples = {n}", X=X[:n], y=Y[:n])
    refuse(ValueError, f"n_samples = {n}", X=X[:n], y=Y[:n], method="fit")


def test_get_epistemic_uncertainty_rejects_predictions_of_another_length():
    refuse(ValueError, "150 for 151", method="get_epistemic_uncertainty", predictions=Y[:-1])


# -- real data


def test_real_data_of_a_cheap_sensor_match_cleanlab(real_data):
    loaded = np.load(real_data / "regression" / "airquality_co.npz")
    X, given, true = loaded["X"], loaded["given"], loaded["true"]
    X = X.astype(np.float64)  # in single precision residuals tie, and their order decides on the folds
    theirs = CleanlabCleanLearning(seed=0).find_label_issues(X, given)
    found = CleanLearning(seed=0).find_label_issues(X, given)
    np.testing.assert_array_equal(found["is_label_issue"], theirs["is_label_issue"])
    np.testing.assert_allclose(found["label_quality"], theirs["label_quality"], rtol=0, atol=1e-9)
    assert spearmanr(found["label_quality"], np.abs(given - true)).statistic < -0.1
