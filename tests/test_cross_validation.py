"""Cross-validated probabilities: the reference's numbers, every form of data, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import types
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from cleanlab.count import estimate_cv_predicted_probabilities
from joblib import parallel_config
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePGroupsOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.naive_bayes import GaussianNB

from fastcl.cross_validation import cross_val_pred_probs, take_rows
from fastcl.neighbors import build_knn_graph, find_exact_duplicates

pytestmark = pytest.mark.usefixtures("one_blas_thread")

SINGLE_EXAMPLE = "are held out together"


def blobs(class_sizes, seed=0, n_features=3):
    """Shuffled Gaussian blobs around one centre a class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(class_sizes)), class_sizes))
    centres = rng.normal(scale=3, size=(len(class_sizes), n_features))
    return centres[labels] + rng.normal(size=(len(labels), n_features)), labels


class ClassShares(ClassifierMixin, BaseEstimator):
    """Takes any X: predicts the shares of the classes it was trained on, and notes what it was given."""

    calls: list[dict] = []  # noqa: RUF012 -- shared on purpose: clones must leave their notes in one place

    def fit(self, X, y, **kwargs):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        self.calls.append({"X": X, "y": y, "kwargs": kwargs})
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (X.shape[0] if scipy.sparse.issparse(X) else len(X), 1))


@pytest.fixture(autouse=True)
def _no_notes():
    ClassShares.calls.clear()


def quietly(function, *args, **kwargs):
    """Call with the warnings about small classes (ours, cleanlab's, scikit-learn's) switched off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(*args, **kwargs)


def predict(X, labels, clf=None, *, cv_n_folds=5, clf_kwargs=None, **options):
    """The probabilities, in the words of the reference."""
    return cross_val_pred_probs(clf, X, labels, cv=cv_n_folds, params=clf_kwargs, **options)


# -- the reference's numbers


@pytest.mark.parametrize("clf", [LogisticRegression(), GaussianNB(), RandomForestClassifier(7, random_state=3)])
@pytest.mark.parametrize(("cv_n_folds", "seed"), [(5, 0), (2, 1), (7, 123)])
def test_cross_val_pred_probs_matches_cleanlab(clf, cv_n_folds, seed):
    X, labels = blobs([41, 23, 60, 13], seed=seed)
    ours = predict(X, labels, clf, cv_n_folds=cv_n_folds, seed=seed)
    theirs = estimate_cv_predicted_probabilities(X, labels, clf, cv_n_folds=cv_n_folds, seed=seed)
    assert ours.dtype == np.float64
    np.testing.assert_array_equal(ours, theirs)


def test_default_classifier_matches_cleanlab():
    X, labels = blobs([31, 22, 17])
    theirs = estimate_cv_predicted_probabilities(X, labels, seed=4)
    np.testing.assert_array_equal(predict(X, labels, seed=4), theirs)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cv_n_folds", [2, 3, 5])
def test_rare_classes_match_cleanlab(cv_n_folds, seed):
    X, labels = blobs([1, 30, 2, 1, 3, 25, 1], seed=seed)
    options = {"cv_n_folds": cv_n_folds, "seed": seed}
    ours = quietly(predict, X, labels, **options)
    np.testing.assert_array_equal(ours, quietly(estimate_cv_predicted_probabilities, X, labels, **options))


def test_fit_arguments_match_cleanlab():
    X, labels = blobs([31, 22, 17])
    clf = SGDClassifier(loss="log_loss", max_iter=3, tol=None, random_state=0)

    def later_rows_weigh_more(X_holdout, y_holdout):
        return {"sample_weight": np.linspace(0.1, X_holdout.var(), len(labels) - len(y_holdout))}

    options = {
        "seed": 5,
        "clf_kwargs": {"intercept_init": (1.0, -2.0, 3.0)},  # a tuple: `fit` overwrites initial arrays
        "validation_func": later_rows_weigh_more,
    }
    ours = predict(X, labels, clf, **options)
    np.testing.assert_array_equal(ours, estimate_cv_predicted_probabilities(X, labels, clf, **options))
    for left_out in ("clf_kwargs", "validation_func"):
        assert (ours != predict(X, labels, clf, **options | {left_out: None})).any()


def test_cross_val_pred_probs_matches_naive():
    X, labels = blobs([20, 15, 12])
    naive = np.zeros((len(labels), 3))
    for train, holdout in StratifiedKFold(4, shuffle=True, random_state=9).split(X, labels):
        naive[holdout] = LogisticRegression().fit(X[train], labels[train]).predict_proba(X[holdout])
    np.testing.assert_array_equal(predict(X, labels, cv_n_folds=4, seed=9), naive)


def test_no_model_sees_its_holdout():
    _, labels = blobs([9, 8, 10])
    rows = np.arange(len(labels))
    held_out = []

    def note_holdout(X_holdout, y_holdout):
        np.testing.assert_array_equal(y_holdout, labels[X_holdout])
        held_out.append(X_holdout)
        return {"rows": X_holdout}

    options = {"cv_n_folds": 4, "seed": 1, "clf_kwargs": {"epochs": 3}}
    predict(rows, labels, ClassShares(), validation_func=note_holdout, **options)
    assert len(ClassShares.calls) == 4
    np.testing.assert_array_equal(np.sort(np.concatenate(held_out)), rows)
    for call, holdout in zip(ClassShares.calls, held_out, strict=True):
        assert not np.isin(call["X"], holdout).any()
        assert call["kwargs"]["epochs"] == 3
        np.testing.assert_array_equal(call["kwargs"]["rows"], holdout)
        np.testing.assert_array_equal(call["y"], labels[call["X"]])


# -- any form of data

FORMS = {
    "vector": lambda X: X[:, 0].copy(),
    "matrix": lambda X: X,
    "images": lambda X: X.reshape(-1, 3, 1, 1),
    "read_only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "list": lambda X: X.tolist(),
    "tuple": lambda X: tuple(X.tolist()),
    "texts": lambda X: [str(row) for row in X.tolist()],
    "frame": lambda X: pd.DataFrame(X, columns=list("abc"), index=np.arange(len(X))[::-1]),
    "series": lambda X: pd.Series(X[:, 0], index=np.arange(len(X))[::-1]),
    "polars": lambda X: pl.DataFrame(X),
    "csr": scipy.sparse.csr_matrix,
    "csc": scipy.sparse.csc_array,
    "coo": scipy.sparse.coo_matrix,
    "bsr": scipy.sparse.bsr_array,
}


def plain_rows(X):
    """The rows of any of FORMS as a plain list."""
    if scipy.sparse.issparse(X):
        return X.toarray().tolist()
    return X.rows() if isinstance(X, pl.DataFrame) else np.asarray(X).tolist()


@pytest.mark.parametrize("form", FORMS)
def test_take_rows_is_source_agnostic(form):
    X = FORMS[form](blobs([4, 5])[0])
    rows = np.array([7, 0, 0, 3])
    every_row = plain_rows(X)
    assert plain_rows(take_rows(X, rows)) == [every_row[row] for row in rows]


@pytest.mark.parametrize("form", FORMS)
def test_single_example_is_trained_on_in_any_form(form):
    X, labels = blobs([1, 14, 1, 11])
    X = FORMS[form](X)
    pred_probs = quietly(predict, X, labels, ClassShares(), cv_n_folds=3, seed=0)
    single = np.flatnonzero((labels == 0) | (labels == 2))
    np.testing.assert_array_equal(pred_probs[single], np.eye(4)[labels[single]])
    by_value = {str(row): label for row, label in zip(plain_rows(X), labels, strict=True)}
    for call in ClassShares.calls:
        np.testing.assert_array_equal(np.unique(call["y"]), np.arange(4))
        np.testing.assert_array_equal([by_value[str(row)] for row in plain_rows(call["X"])], call["y"])


@pytest.mark.parametrize("form", ["list", "frame", "csr", "csc", "coo"])
def test_cross_val_pred_probs_is_source_agnostic(form):
    X, labels = blobs([20, 18, 1])
    clf = LogisticRegression(tol=1e-10, max_iter=10_000)
    from_array = quietly(predict, X, labels, clf, seed=2)
    from_form = quietly(predict, FORMS[form](X), labels, clf, seed=2)
    # Sparse products sum in another order, and the solver stops at a gradient of 1e-10.
    np.testing.assert_allclose(from_form, from_array, rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", [list, tuple, pd.Series, np.int8, np.uint64])
def test_labels_of_any_kind(kind):
    X, labels = blobs([20, 18, 9])
    given = labels.astype(kind) if isinstance(kind, type) and issubclass(kind, np.generic) else kind(labels)
    expected = predict(X, labels, seed=2)
    np.testing.assert_array_equal(predict(X, given, seed=2), expected)
    predict(X, given, ClassShares())
    assert all(call["y"].dtype == np.asarray(given).dtype for call in ClassShares.calls)


@pytest.fixture
def torch_data(monkeypatch):
    """A stand-in for torch.utils.data, as if a user had imported torch."""

    class Dataset:
        def __init__(self, items):
            self.items = items

        def __len__(self):
            return len(self.items)

        def __getitem__(self, i):
            return self.items[int(i)]  # one item at a time, as torch data sets do

    class Subset(Dataset):
        def __init__(self, dataset, indices):
            super().__init__([dataset[i] for i in indices])

    module = types.ModuleType("torch.utils.data")
    module.Dataset, module.Subset = Dataset, Subset
    monkeypatch.setitem(sys.modules, "torch.utils.data", module)
    return module


def test_torch_dataset_is_split_by_subset(torch_data):
    _, labels = blobs([12, 1, 11])
    data = torch_data.Dataset(list(range(24)))
    pred_probs = quietly(predict, data, labels, ClassShares(), cv_n_folds=3, seed=0)
    assert all(isinstance(call["X"], torch_data.Subset) for call in ClassShares.calls)
    for call in ClassShares.calls:
        np.testing.assert_array_equal(labels[call["X"].items], call["y"])
        assert len(np.unique(call["y"])) == 3
    np.testing.assert_array_equal(
        pred_probs, quietly(predict, np.arange(24), labels, ClassShares(), cv_n_folds=3, seed=0)
    )


# -- the columns of predict_proba


class FixedOutputs(ClassShares):
    """A network-like classifier: three outputs, whatever `classes_` says."""

    def __init__(self, named=(0, 1, 2), outputs=(0.2, 0.3, 0.5)):
        self.named = named
        self.outputs = outputs

    def fit(self, X, y):
        self.classes_ = self.named
        return self

    def predict_proba(self, X):
        return [list(self.outputs) for _ in X]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ((0, 1, 2), [0.2, 0.3, 0.5]),
        ((2, 0, 1), [0.3, 0.5, 0.2]),  # columns go where the model says
        ((0, 2), [0.2, 0.3, 0.5]),  # one output per class though it noted fewer
        (("cat", "dog", "cow"), [0.2, 0.3, 0.5]),  # its own names: in order
        (None, [0.2, 0.3, 0.5]),
    ],
)
def test_columns_belong_to_classes(named, expected):
    X, labels = blobs([5, 6, 7])
    pred_probs = predict(X, labels, FixedOutputs(named), cv_n_folds=3)
    np.testing.assert_array_equal(pred_probs, np.tile(expected, (18, 1)))


@pytest.mark.parametrize("outputs", [(0.5, 0.5), (0.1, 0.2, 0.3, 0.4), ([0.5], [0.3], [0.2])])
def test_cross_val_pred_probs_rejects_wrong_columns(outputs):
    X, labels = blobs([5, 6, 7])
    with pytest.raises(ValueError, match=r"`predict_proba` must return .* = \(6, 3\); got shape \(6, "):
        predict(X, labels, FixedOutputs(outputs=outputs), cv_n_folds=3)


# -- faults are named before anything is fitted


@pytest.mark.parametrize(
    ("labels", "error", "match"),
    [
        ([0] * 20, ValueError, r"at least 2 classes; got 1 class \(0\)"),
        (np.empty(0, int), ValueError, "have at least one row; got none"),
        ([0.0, np.nan] * 10, ValueError, r"no NaN, infinity or None; got nan in row 1 \(10 such rows\)"),
        (["cat", None] * 10, ValueError, r"got None in row 1 \(10 such rows\)"),
        (np.array(["cat", 1] * 10, object), TypeError, "labels of one kind; got int, str"),
        ([[0, 1], [1]] * 10, ValueError, "be one label a row; got rows of different lengths"),
        (np.ma.masked_equal([0, 1, 2, 1] * 5, 2), ValueError, "hold no masked values; got 5 of them"),
        (None, ValueError, "hold the labels"),
        (3, TypeError, "be a sequence of labels; got int"),
        ("cat", TypeError, "be a sequence of labels; got str"),
    ],
)
def test_cross_val_pred_probs_rejects_labels(labels, error, match):
    with pytest.raises(error, match=match) as raised:
        predict(np.zeros((20, 2)), labels, ClassShares())
    assert str(raised.value).startswith("`y` must ")
    assert not ClassShares.calls


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        (None, ValueError, "hold the rows to learn from; got None"),
        (np.zeros((19, 2)), ValueError, r"one row per label \(20\); got 19 rows"),
        (scipy.sparse.csr_matrix((21, 2)), ValueError, "got 21 rows"),
        (object(), TypeError, "have a length or a shape; got object"),
        (np.array(1.0), TypeError, "have a length or a shape; got ndarray"),
        ({i: i for i in range(20)}, TypeError, "give out rows .* got dict"),
        (range(20), TypeError, "give out rows .* got range"),
    ],
)
def test_cross_val_pred_probs_rejects_examples(X, error, match):
    with pytest.raises(error, match=match) as raised:
        predict(X, [0, 1] * 10, ClassShares())
    assert str(raised.value).startswith("`X` must ")
    assert not ClassShares.calls


@pytest.mark.parametrize(
    ("cv_n_folds", "match"),
    [
        (1, "be at least 2 folds; got 1"),
        (-3, "got -3"),
        (2.5, "be a number, a splitter or pairs of row numbers; got 2.5"),
        ("5", "got '5'"),
        (True, "got True"),
        (13, "be at most the number of rows of the largest class, 12; got 13 folds"),
    ],
)
def test_cross_val_pred_probs_rejects_folds(cv_n_folds, match):
    X, labels = blobs([12, 8])
    with pytest.raises(ValueError, match=match) as raised:
        predict(X, labels, ClassShares(), cv_n_folds=cv_n_folds)
    assert str(raised.value).startswith("`cv` must ")
    assert not ClassShares.calls


def test_as_many_folds_as_the_largest_class_has_examples():
    X, labels = blobs([12, 12])
    assert predict(X, labels, ClassShares(), cv_n_folds=np.int64(12)).shape == (24, 2)


def test_cross_val_pred_probs_rejects_validation_func():
    X, labels = blobs([12, 8])
    with pytest.raises(TypeError, match="`validation_func` must be callable; got dict"):
        predict(X, labels, ClassShares(), validation_func={})
    assert not ClassShares.calls


@pytest.mark.parametrize("params", ["abc", [1], 3])
def test_cross_val_pred_probs_rejects_params(params):
    X, labels = blobs([12, 8])
    with pytest.raises(TypeError, match="`params` must be a dict of arguments of `fit`; got"):
        predict(X, labels, ClassShares(), clf_kwargs=params)
    assert not ClassShares.calls


def test_cross_val_pred_probs_rejects_what_validation_func_returns():
    X, labels = blobs([12, 8])
    with pytest.raises(TypeError, match="`validation_func` must return a dict of arguments of `fit`; got NoneType"):
        predict(X, labels, ClassShares(), validation_func=lambda X, y: None)


def test_a_fit_may_return_nothing():
    class Silent(ClassShares):
        def fit(self, X, y):
            super().fit(X, y)

    X, labels = blobs([12, 8])
    np.testing.assert_array_equal(predict(X, labels, Silent()), predict(X, labels, ClassShares()))


def test_cross_val_pred_probs_rejects_unclonable_classifier():
    class NotAnEstimator:
        fit = predict_proba = None

    X, labels = blobs([12, 8])
    with pytest.raises(ValueError, match=r"`estimator` must be copied by sklearn\.base\.clone.*; got NotAn"):
        predict(X, labels, NotAnEstimator())


# -- warnings


def test_single_examples_warn_once_for_the_whole_run():
    X, labels = blobs([1, 14, 1, 12])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        predict(X, labels, ClassShares(), cv_n_folds=5, seed=0)
    ours = [w for w in caught if SINGLE_EXAMPLE in str(w.message)]
    assert len(ours) == 1
    assert ours[0].category is UserWarning
    assert ours[0].filename == __file__
    assert "2 class(es)" in str(ours[0].message)
    assert ": 0, 2." in str(ours[0].message)


def test_classes_of_two_examples_are_in_every_training_part():
    X, labels = blobs([2, 13, 2, 3, 2])
    for seed in range(10):
        quietly(predict, X, labels, ClassShares(), cv_n_folds=2 + seed % 4, seed=seed)
    assert all(len(np.unique(call["y"])) == 5 for call in ClassShares.calls)
    assert sum(len(call["y"]) for call in ClassShares.calls) == 22 * sum(1 + seed % 4 for seed in range(10))


def test_warnings_of_the_classifier_pass_through():
    X, labels = blobs([30, 30])
    with pytest.warns(ConvergenceWarning):
        predict(X, labels, LogisticRegression(max_iter=1))


# -- splitters and groups


def held_out_by(cv, X, labels, groups=None):
    """The rows of each held-out part, as `validation_func` sees them."""
    parts = []

    def note(X_holdout, y_holdout):
        parts.append(X_holdout[:, -1].astype(int))
        return {}

    rows = np.column_stack([X, np.arange(len(labels))])
    predict(rows, labels, ClassShares(), cv_n_folds=cv, groups=groups, validation_func=note)
    return parts


SPLITTERS = {
    "stratified": StratifiedKFold(4),
    "not stratified": KFold(4, shuffle=True, random_state=0),
    "one at a time": LeaveOneOut(),
    "predefined": PredefinedSplit(np.arange(24) % 3),
    "pairs": list(KFold(3).split(np.zeros(24))),
    "masks": [(np.arange(24) % 3 != k, np.arange(24) % 3 == k) for k in range(3)],
    "generator": (pair for pair in KFold(3).split(np.zeros(24))),
    "arrays": np.array([[np.arange(12), np.arange(12, 24)], [np.arange(12, 24), np.arange(12)]]),
    "lists": [(list(range(12)), list(range(12, 24))), (list(range(12, 24)), list(range(12)))],
}


@pytest.mark.parametrize("name", SPLITTERS)
def test_any_splitter_matches_naive(name):
    X, labels = blobs([13, 11])
    X, labels = X[np.argsort(np.arange(24) % 2)], labels[np.argsort(np.arange(24) % 2)]
    cv = SPLITTERS[name]
    pairs = list(cv.split(X, labels)) if hasattr(cv, "split") else (cv := list(cv))
    naive = np.zeros((24, 2))
    for train, holdout in pairs:
        naive[holdout] = GaussianNB().fit(X[train], labels[train]).predict_proba(X[holdout])
    np.testing.assert_array_equal(predict(X, labels, GaussianNB(), cv_n_folds=cv), naive)


def test_rows_held_out_repeatedly_are_averaged():
    X, labels = blobs([13, 14, 12])
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=4, random_state=0)
    naive, n_times = np.zeros((39, 3)), np.zeros(39)
    for train, holdout in cv.split(X, labels):
        naive[holdout] += GaussianNB().fit(X[train], labels[train]).predict_proba(X[holdout])
        n_times[holdout] += 1
    assert (n_times == 4).all()
    np.testing.assert_array_equal(predict(X, labels, GaussianNB(), cv_n_folds=cv), naive / 4)


@pytest.mark.parametrize("cv", [4, GroupKFold(3), StratifiedGroupKFold(4), LeaveOneGroupOut(), LeavePGroupsOut(2)])
@pytest.mark.parametrize("kind", [np.array, list, pd.Series, lambda groups: np.array([f"g{g}" for g in groups])])
def test_rows_of_a_group_are_held_out_together(cv, kind):
    X, labels = blobs([20, 22])
    groups = np.random.default_rng(0).integers(0, 8, 42)
    for part in held_out_by(cv, X, labels, kind(groups)):
        assert not np.isin(groups[part], np.delete(groups, part)).any()


def test_every_training_part_knows_every_class_though_a_group_is_one():
    X, labels = blobs([10, 10, 10])
    with pytest.warns(UserWarning, match=r"All rows of 3 class\(es\) .* in one group: 0, 1, 2\. 3 of their rows"):
        pred_probs = predict(X, labels, ClassShares(), cv_n_folds=3, groups=labels)
    assert all(len(np.unique(call["y"])) == 3 for call in ClassShares.calls)
    lent = np.flatnonzero(pred_probs.max(axis=1) == 1)
    assert sorted(labels[lent]) == [0, 1, 2]


def test_a_class_in_one_fold_only_matches_naive():
    X, labels = blobs([8, 8, 2])
    rare = np.flatnonzero(labels == 2)
    parts = np.arange(18) % 3
    parts[rare] = 1
    with pytest.warns(UserWarning, match="All rows of 1 class"):
        pred_probs = predict(X, labels, GaussianNB(), cv_n_folds=PredefinedSplit(parts))
    train = np.append(np.flatnonzero(parts != 1), rare[0])
    naive = GaussianNB().fit(X[train], labels[train]).predict_proba(X[parts == 1])
    naive[rare[0] == np.flatnonzero(parts == 1)] = [0, 0, 1]
    np.testing.assert_array_equal(pred_probs[parts == 1], naive)


# -- copies in other folds


def with_copies():
    """Rows each of which has a copy, their labels, and which rows are copies of each other."""
    X, labels = blobs([15, 12])
    return np.concatenate([X, X]), np.concatenate([labels, labels]), np.concatenate([np.arange(27)] * 2)


def test_copies_in_other_folds_are_warned_about():
    X, labels, groups = with_copies()
    graph = build_knn_graph(X, n_neighbors=3, metric="euclidean")
    with pytest.warns(UserWarning, match="rows have an identical row among those") as caught:
        predict(X, labels, GaussianNB(), cv_n_folds=3, knn_graph=graph)
    assert caught[0].filename == __file__
    apart = predict(X, labels, GaussianNB(), cv_n_folds=3, knn_graph=graph, groups=groups)  # silent
    assert apart.shape == (54, 2)
    found = find_exact_duplicates(X)
    np.testing.assert_array_equal(apart, predict(X, labels, GaussianNB(), cv_n_folds=3, knn_graph=graph, groups=found))


def test_rows_without_copies_are_groups_of_their_own():
    X, labels, _ = with_copies()
    found = find_exact_duplicates(X[:40])
    assert (found.group == -1).sum() == 14
    assert len(np.unique(found.fold_groups)) == 27
    predict(X[:40], labels[:40], ClassShares(), groups=found)
    assert max(40 - len(call["y"]) for call in ClassShares.calls) < 14  # not all of them held out at once
    ClassShares.calls.clear()
    with pytest.raises(ValueError, match="`groups` must hold the number of a group for every row; got -1 in 14 rows"):
        predict(X[:40], labels[:40], ClassShares(), groups=found.group)
    assert not ClassShares.calls


def test_how_many_copies_leak_matches_naive():
    X, labels, _ = with_copies()
    X[:20] += np.arange(20)[:, np.newaxis]
    cv = KFold(3, shuffle=True, random_state=1)
    naive = {row for train, holdout in cv.split(X) for row in holdout for other in train if (X[row] == X[other]).all()}
    with pytest.warns(UserWarning, match=f"^{len(naive)} rows have an identical row"):
        predict(X, labels, GaussianNB(), cv_n_folds=cv, knn_graph=build_knn_graph(X, n_neighbors=3, metric="euclidean"))


def test_no_copies_no_warning():
    X, labels = blobs([15, 12])
    predict(X, labels, GaussianNB(), knn_graph=build_knn_graph(X, n_neighbors=3))
    with pytest.raises(ValueError, match="`knn_graph`"):
        predict(X[1:], labels[1:], ClassShares(), knn_graph=build_knn_graph(X, n_neighbors=3))
    assert not ClassShares.calls


# -- the same however it is run


@pytest.mark.parametrize("n_jobs", [2, 3, -1])
def test_cross_val_pred_probs_is_thread_agnostic(n_jobs):
    X, labels = blobs([31, 1, 22, 17])
    expected = quietly(predict, X, labels, RandomForestClassifier(5, random_state=0), n_jobs=1)
    ours = quietly(predict, X, labels, RandomForestClassifier(5, random_state=0), n_jobs=n_jobs)
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_cross_val_pred_probs_is_backend_agnostic(backend):
    X, labels = blobs([31, 22, 17])
    expected = predict(X, labels, GaussianNB())
    with parallel_config(backend=backend, n_jobs=2):
        np.testing.assert_array_equal(predict(X, labels, GaussianNB()), expected)


class AsksForSettings(ClassShares):
    """Notes the settings of scikit-learn that its thread sees."""

    def fit(self, X, y):
        self.calls.append(get_config()["assume_finite"])
        return super().fit(X, y)


def test_threads_see_the_settings_of_the_caller():
    X, labels = blobs([12, 11])
    with config_context(assume_finite=True):
        predict(X, labels, AsksForSettings(), n_jobs=2)
    assert [call for call in ClassShares.calls if isinstance(call, bool)] == [True] * 5


def test_warning_filters_stay_as_they_are():
    X, labels = blobs([30, 30])
    with warnings.catch_warnings():
        warnings.filterwarnings("default", module="__main__")
        before = list(warnings.filters)
        for _ in range(10):
            predict(X, labels, ClassShares(), cv_n_folds=16, n_jobs=4)
        assert warnings.filters == before


class Fails(ClassShares):
    def fit(self, X, y):
        raise RuntimeError("out of memory")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_errors_of_the_classifier_pass_through(n_jobs):
    X, labels = blobs([30, 20])
    with pytest.raises(RuntimeError, match="out of memory"):
        predict(X, labels, Fails(), n_jobs=n_jobs)


def test_nothing_is_shown_but_on_a_terminal(capfd):
    predict(*blobs([30, 20]), ClassShares(), verbose=True)
    assert capfd.readouterr() == ("", "")


# -- nothing left behind


class Vandal(ClassShares):
    """Overwrites whatever it is given."""

    def fit(self, X, y):
        super().fit(X.copy(), y.copy())
        X[...], y[...] = -1, 0
        return self

    def predict_proba(self, X):
        X[...] = -1
        return super().predict_proba(X)


@pytest.mark.parametrize("class_sizes", [[9, 8], [9, 1, 8]])
def test_arrays_of_the_caller_stay_untouched(class_sizes):
    X, labels = blobs(class_sizes)
    X_before, labels_before, clf = X.copy(), labels.copy(), Vandal()
    clf_kwargs: dict[str, object] = {}
    quietly(predict, X, labels, clf, cv_n_folds=3, clf_kwargs=clf_kwargs)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(labels, labels_before)
    assert vars(clf) == vars(clone(clf))  # never fitted
    assert clf_kwargs == {}


def test_global_random_state_stays_untouched():
    X, labels = blobs([30, 20])
    before = np.random.get_state()[1:]  # noqa: NPY002 -- the global generator is what is tested
    for seed in (None, 3):
        predict(X, labels, seed=seed)
    after = np.random.get_state()[1:]  # noqa: NPY002
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_seed_fixes_the_folds():
    X, labels = blobs([30, 20])
    first, again, other = (predict(X, labels, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(predict(X, labels), predict(X, labels, seed=0))  # nothing random unasked
    np.testing.assert_array_equal(predict(X, labels, seed=np.random.RandomState(3)), first)
    drawn = [predict(X, labels, seed=np.random.default_rng(7)) for _ in range(2)]
    np.testing.assert_array_equal(*drawn)


def test_import_loads_nothing_heavy():
    heavy = {"sklearn", "scipy", "pandas", "numba", "faiss", "torch"}
    code = f"import sys, fastcl.cross_validation; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
