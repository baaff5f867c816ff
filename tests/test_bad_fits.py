"""Every bad input to CleanLearning: one sentence that names the culprit, before anything is fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from problems import make_problem
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, ShuffleSplit, StratifiedKFold, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from fastcl.classification import CleanLearning
from fastcl.cross_validation import cross_val_pred_probs

pytestmark = pytest.mark.usefixtures("one_blas_thread")

N = 120
Y, P = make_problem(N, 3, seed=61).both()
X = np.random.default_rng(61).normal(size=(N, 4)) + 3 * np.eye(4)[Y]
NAMES = np.array(["ape", "bee", "cow"])
MASK = np.arange(N) % 9 == 0
TABLE = pd.DataFrame({"is_label_issue": MASK, "given_label": Y})
MATRIX = np.full((3, 3), 0.1) + 0.7 * np.eye(3)
SINGULAR = np.array([[0.8, 0.8, 0.0], [0.2, 0.2, 0.0], [0.0, 0.0, 1.0]])
WEIGHTS = np.ones(N)


class Counting(GaussianNB):
    """Counts how often any copy of it is fitted."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        Counting.n_fits += 1
        return super().fit(X, y, sample_weight)


@pytest.fixture(autouse=True)
def _no_fits():
    Counting.n_fits = 0


def changed(array, where, value):
    """A copy of `array` in which one entry is another."""
    array = array.astype(object if value is None or isinstance(value, str) else np.result_type(array, 1.0))
    array[where] = value
    return array


def fit(*arguments, options=None, clf=None, **more):
    return CleanLearning(Counting() if clf is None else clf, **(options or {})).fit(*(arguments or (X, Y)), **more)


def search(*arguments, options=None, clf=None, **more):
    model = CleanLearning(Counting() if clf is None else clf, **(options or {}))
    return model.find_label_issues(*(arguments or (X, Y)), **more)


def assert_refused(error, words, function, *arguments, **more):
    """Assert that a call ends in one clear sentence, and that nothing was fitted for it."""
    with pytest.raises(error) as raised:
        function(*arguments, **more)
    message = str(raised.value)
    assert type(raised.value) is error
    assert message.startswith("`"), message
    assert " must " in message
    assert message.endswith((".", ")"))
    assert ".." not in message
    assert "\n" not in message
    assert len(message) < 400, message
    assert words in message, message
    assert Counting.n_fits == 0


# -- labels

LABELS = {
    "NaN": (changed(Y, 3, np.nan), ValueError, "row 3"),
    "infinite": (changed(Y, 3, np.inf), ValueError, "row 3"),
    "None": ([None, *Y[1:].tolist()], ValueError, "row 0"),
    "a missing name": (changed(NAMES[Y], 7, None), ValueError, "row 7"),
    "pandas' NA": (pd.array([pd.NA, *Y[1:].tolist()], dtype="Int64"), ValueError, ""),
    "a missing category": (pd.Categorical([None, *NAMES[Y[1:]]]), ValueError, "row 0"),
    "polars' null": (pl.Series([None, *Y[1:].tolist()]), ValueError, ""),
    "no date": (np.array(["2020-01-01", "NaT"] * 60, "M8[D]"), ValueError, "row 1"),
    "two columns": (np.column_stack([Y, Y]), ValueError, "(120, 2)"),
    "a scalar array": (np.array(3), ValueError, "shape ()"),
    "one-hot": (np.eye(3, dtype=int)[Y], ValueError, "(120, 3)"),
    "of different lengths": ([[0], [1, 2]] * 60, ValueError, ""),
    "continuous": (X[:, 0], ValueError, ""),
    "one name": (["ape"] * N, ValueError, ""),
    "empty": ([], ValueError, "at least one row"),
    "short": (Y[:-1], ValueError, "119"),
    "long": (np.append(Y, 0), ValueError, "121"),
    "numbers among names": (["ape", *Y[1:].tolist()], TypeError, "int, str"),
    "numbers among objects": (changed(Y, 3, "ape"), TypeError, "int, str"),
    "bytes": (np.array([b"a", b"b"] * 60), TypeError, "got bytes"),
    "complex": (Y + 1j, ValueError, "complex"),
    "a dict": (dict(enumerate(Y.tolist())), TypeError, "dict"),
    "a set": ({1, 2, 3}, TypeError, "set"),
    "a number": (3, TypeError, "int"),
    "a text": ("ape", TypeError, "str"),
    "an object": (object(), TypeError, "object"),
    "a generator": ((label for label in Y), TypeError, "generator"),
    "missing": (None, ValueError, ""),
}


@pytest.mark.parametrize("fault", LABELS)
@pytest.mark.parametrize("function", [fit, search])
def test_fit_rejects_labels(function, fault):
    labels, error, words = LABELS[fault]
    assert_refused(error, words, function, X, labels)


@pytest.mark.parametrize("fault", LABELS)
def test_fit_rejects_labels_beside_given_issues(fault):
    labels, error, words = LABELS[fault]
    assert_refused(error, words, fit, X, labels, label_issues=[1])


@pytest.mark.parametrize("fault", LABELS)
def test_fit_rejects_labels_beside_pred_probs(fault):
    labels, error, _ = LABELS[fault]
    kinds = (TypeError, ValueError) if fault in ("missing", "numbers among objects") else error
    with pytest.raises(kinds, match="must"):
        fit(X, labels, pred_probs=P)
    assert Counting.n_fits == 0


@pytest.mark.parametrize("function", [fit, search])
def test_fit_rejects_one_class(function):
    assert_refused(ValueError, "at least 2 classes; got 1 class (0)", function, X, np.zeros(N, int))


def test_fit_rejects_labels_twice_or_never():
    assert_refused(ValueError, "got both", fit, X, Y, labels=Y)
    assert_refused(ValueError, "`y` must hold the labels", fit, X)
    assert_refused(ValueError, "`labels` must hold the labels", search, X)


# -- rows

ROWS = {
    "short": (X[:-1], ValueError, "119"),
    "sparse and long": (scipy.sparse.csr_array((N + 1, 4)), ValueError, "121"),
    "missing": (None, ValueError, "None"),
    "a scalar array": (np.array(1.0), TypeError, "ndarray"),
    "a number": (5, TypeError, "int"),
    "an object": (object(), TypeError, "object"),
    "a generator": ((row for row in X), TypeError, "generator"),
    "a dict of columns": ({"a": X[:, 0]}, ValueError, "1 rows"),
    "a dict": (dict(enumerate(X)), TypeError, "dict"),
    "a set": (set(range(N)), TypeError, "set"),
    "a text": ("a" * N, TypeError, "str"),
    "a range": (range(N), TypeError, "range"),
    "empty": (X[:0], ValueError, "0 rows"),
}


@pytest.mark.parametrize("fault", ROWS)
@pytest.mark.parametrize("more", [{}, {"pred_probs": P}, {"label_issues": [1]}], ids=["alone", "probs", "issues"])
def test_fit_rejects_rows(fault, more):
    rows, error, words = ROWS[fault]
    assert_refused(error, words, fit, rows, Y, **more)
    if not more:
        assert_refused(error, words, search, rows, Y)


# -- classifiers


class NoPredict(BaseEstimator):
    def fit(self, X, y):
        raise AssertionError

    def predict_proba(self, X):
        raise AssertionError


class NotClonable:
    fit = predict = predict_proba = None


CLASSIFIERS = {
    "a class": (Counting, "Counting"),
    "no fit": (object(), "object"),
    "a text": ("logistic", "str"),
    "a number": (5, "int"),
    "a list": ([Counting()], "list"),
    "no predict": (NoPredict(), "`predict`; got NoPredict"),
    "no predict_proba": (LinearSVC(), "CalibratedClassifierCV"),
    "a regressor": (LinearRegression(), "`predict_proba`; got LinearRegression"),
    "a clustering": (KMeans(2), "`predict_proba`; got KMeans"),
    "cannot be copied": (NotClonable(), "sklearn.base.clone"),
}


@pytest.mark.parametrize("fault", CLASSIFIERS)
def test_fit_rejects_classifiers(fault):
    clf, words = CLASSIFIERS[fault]
    assert_refused(ValueError, words, fit, clf=clf)
    if fault != "no predict":
        assert_refused(ValueError, words if fault != "a class" else "Write Counting()", search, clf=clf)


@pytest.mark.parametrize("fault", ["a class", "no fit", "a text", "a number", "a list", "no predict"])
def test_fit_rejects_classifiers_beside_pred_probs(fault):
    clf, words = CLASSIFIERS[fault]
    assert_refused(ValueError, words, fit, clf=clf, pred_probs=P)
    assert_refused(ValueError, words, fit, clf=clf, label_issues=MASK)


@pytest.mark.parametrize("fault", CLASSIFIERS)
def test_impossible_classifiers_can_be_looked_at(fault):
    model = CleanLearning(CLASSIFIERS[fault][0])
    assert "CleanLearning" in repr(model)
    assert model.get_params(deep=False)["clf"] is model.clf


# -- probabilities

PRED_PROBS = {
    "too few columns": (P[:, :2], ValueError, "[0, 2)"),
    "too few rows": (P[:-1], ValueError, "119"),
    "NaN": (changed(P, (3, 1), np.nan), ValueError, "row 3"),
    "logits": (5 * np.log(P), ValueError, "softmax"),
    "one column": (P[:, 0], ValueError, "both columns"),
    "three dimensions": (P[None], ValueError, "(1, 120, 3)"),
    "sparse": (scipy.sparse.csr_array(P), TypeError, "sparse"),
    "a text": ("probabilities", ValueError, "'probabilities'"),
    "an object": (object(), TypeError, "object"),
    "texts": (NAMES[Y], ValueError, ""),
}


@pytest.mark.parametrize("fault", PRED_PROBS)
@pytest.mark.parametrize("more", [{}, {"label_issues": [1]}], ids=["alone", "beside issues"])
def test_fit_rejects_pred_probs(fault, more):
    pred_probs, error, words = PRED_PROBS[fault]
    assert_refused(error, words, fit, pred_probs=pred_probs, **more)
    assert_refused(error, words, search, pred_probs=pred_probs)


def test_fit_rejects_pred_probs_of_other_names():
    assert_refused(ValueError, "distinct names", fit, X, NAMES[Y], pred_probs=P[:, :2])
    table = pd.DataFrame(P, columns=["ape", "bee", "dog"])
    assert_refused(ValueError, "'cow'", fit, X, NAMES[Y], pred_probs=table)


# -- weights

SAMPLE_WEIGHTS = {
    "short": (WEIGHTS[:-1], ValueError, "shape (119,)"),
    "NaN": (changed(WEIGHTS, 3, np.nan), ValueError, "nan in row 3"),
    "infinite": (changed(WEIGHTS, 4, np.inf), ValueError, "inf in row 4"),
    "negative": (changed(WEIGHTS, 5, -1.0), ValueError, "-1.0 in row 5"),
    "texts": (["1"] * N, TypeError, "dtype"),
    "objects": ([None] * N, TypeError, "dtype"),
    "two columns": (np.ones((N, 2)), ValueError, "shape (120, 2)"),
    "a number": (2.0, TypeError, "float"),
    "a text": ("balanced", TypeError, "str"),
    "all zero": (0 * WEIGHTS, ValueError, "zero in every row"),
}


@pytest.mark.parametrize("fault", SAMPLE_WEIGHTS)
@pytest.mark.parametrize("more", [{}, {"pred_probs": P}, {"label_issues": [1]}], ids=["alone", "probs", "issues"])
def test_fit_rejects_sample_weight(fault, more):
    weights, error, words = SAMPLE_WEIGHTS[fault]
    assert_refused(error, words, fit, sample_weight=weights, **more)
    assert_refused(error, words, fit, clf_final_kwargs={"sample_weight": weights}, **more)


def test_fit_rejects_weights_where_they_cannot_be_used():
    words = "got weights for KNeighborsClassifier"
    assert_refused(ValueError, words, fit, clf=KNeighborsClassifier(), sample_weight=WEIGHTS)
    assert_refused(ValueError, "`sample_weight` itself", fit, clf_kwargs={"sample_weight": WEIGHTS})


# -- noise matrices and thresholds

MATRICES = {
    "another shape": (np.eye(2), ValueError, "shape (3, 3); got shape (2, 2)"),
    "a vector": (np.ones(3), ValueError, "got shape (3,)"),
    "a small trace": (np.full((3, 3), 1 / 3), ValueError, "trace above 1; got 1"),
    "NaN": (changed(MATRIX, (0, 0), np.nan), ValueError, "nan"),
    "negative": (MATRIX - 0.5, ValueError, "at least 0"),
    "on its side": (SINGULAR.T, ValueError, "must have columns that sum to 1; got 1.6. Column k is of the rows"),
    "texts": (np.full((3, 3), "a"), TypeError, "dtype"),
    "objects": ([[None] * 3] * 3, TypeError, "dtype"),
    "a text": ("identity", TypeError, "dtype"),
    "a number": (0.5, ValueError, "shape ()"),
}


@pytest.mark.parametrize("fault", MATRICES)
@pytest.mark.parametrize("name", ["noise_matrix", "inverse_noise_matrix"])
@pytest.mark.parametrize("pred_probs", [None, P], ids=["alone", "with pred_probs"])
def test_fit_rejects_noise_matrices(fault, name, pred_probs):
    matrix, error, words = MATRICES[fault]
    for function in (fit, search):
        assert_refused(error, words, function, pred_probs=pred_probs, **{name: matrix})


@pytest.mark.parametrize("pred_probs", [None, P], ids=["alone", "with pred_probs"])
def test_fit_rejects_singular_noise(pred_probs):
    assert_refused(ValueError, "invertible; got rank 2 of 3", fit, pred_probs=pred_probs, noise_matrix=SINGULAR)


@pytest.mark.parametrize("pred_probs", [None, P], ids=["alone", "with pred_probs"])
@pytest.mark.parametrize(
    ("thresholds", "error", "words"),
    [
        ([0.5, 0.5], ValueError, "shape (3,); got shape (2,)"),
        ([0.5, np.nan, 0.5], ValueError, "NaN"),
        (0.5, ValueError, "shape ()"),
        ("high", TypeError, "dtype"),
        (["a", "b", "c"], TypeError, "dtype"),
    ],
)
def test_fit_rejects_thresholds(thresholds, error, words, pred_probs):
    for function in (fit, search):
        assert_refused(error, words, function, thresholds=thresholds, pred_probs=pred_probs)


# -- options

SEARCHES = {
    "multi_label": ({"multi_label": True}, ValueError, "'multi_label'"),
    "a ranking": ({"return_indices_ranked_by": "self_confidence"}, ValueError, "'return_indices_ranked_by'"),
    "unknown": ({"frac": 0.5}, ValueError, "hold only 'confident_joint'"),
    "no text": ({1: 2}, ValueError, "got 1"),
    "an unknown filter": ({"filter_by": "best"}, ValueError, "'best'"),
    "too large a share": ({"frac_noise": 2}, ValueError, "[0, 1]; got 2"),
    "a share in words": ({"frac_noise": "half"}, TypeError, "'half'"),
    "too few examples": ({"min_examples_per_class": -1}, ValueError, "got -1"),
    "no threads": ({"n_jobs": 0}, ValueError, "got 0"),
    "a small joint": ({"confident_joint": np.eye(2)}, ValueError, "(3, 3)"),
    "a negative joint": ({"confident_joint": -np.eye(3)}, ValueError, "at least 0"),
    "too few numbers to remove": ({"num_to_remove_per_class": [1, 2]}, ValueError, "(3,)"),
    "negative numbers to remove": ({"num_to_remove_per_class": [1, 2, -3]}, ValueError, "-3"),
    "numbers for another filter": (
        {"num_to_remove_per_class": [1, 2, 3], "filter_by": "confident_learning"},
        ValueError,
        "'confident_learning'",
    ),
    "a list": ([("frac_noise", 0.5)], TypeError, "got list"),
    "a text": ("both", TypeError, "got str"),
}


@pytest.mark.parametrize("fault", SEARCHES)
@pytest.mark.parametrize("pred_probs", [None, P], ids=["alone", "with pred_probs"])
def test_fit_rejects_options_of_the_search(fault, pred_probs):
    value, error, words = SEARCHES[fault]
    options = {"find_label_issues_kwargs": value}
    for function in (fit, search):
        assert_refused(error, words, function, options=options, pred_probs=pred_probs)


SCORES = {
    "unknown": ({"scale": 2}, ValueError, "'scale'"),
    "an unknown method": ({"method": "best"}, ValueError, "'best'"),
    "no method": ({"method": None}, ValueError, "None"),
    "adjusted entropy": (
        {"method": "confidence_weighted_entropy", "adjust_pred_probs": True},
        ValueError,
        "`adjust_pred_probs`",
    ),
    "a list": (["method"], TypeError, "got list"),
}


@pytest.mark.parametrize("fault", SCORES)
@pytest.mark.parametrize(
    "more", [{}, {"pred_probs": P}, {"pred_probs": P, "label_issues": MASK}], ids=["alone", "probs", "issues"]
)
def test_fit_rejects_options_of_scores(fault, more):
    value, error, words = SCORES[fault]
    assert_refused(error, words, fit, options={"label_quality_scores_kwargs": value}, **more)


@pytest.mark.parametrize(
    ("clean", "words"),
    [(1, "2 classes; got 3 classes"), ("ape", "2 classes; got 3 classes")],
)
def test_fit_rejects_a_clean_class_among_three(clean, words):
    for pred_probs in (None, P):
        assert_refused(ValueError, words, fit, options={"pulearning": clean}, pred_probs=pred_probs)


@pytest.mark.parametrize("clean", [7, -1, "ape", [1], np.array([0, 1]), {"a": 1}, object()])
def test_fit_rejects_a_clean_class_that_is_none(clean):
    two = P[:, :2] / P[:, :2].sum(axis=1, keepdims=True)
    for pred_probs in (None, two):
        words = "one of the classes [0, 1]"
        assert_refused(ValueError, words, fit, X, Y % 2, options={"pulearning": clean}, pred_probs=pred_probs)


OPTIONS = {
    "one fold": ({"cv_n_folds": 1}, ValueError, "at least 2; got 1"),
    "no fold": ({"cv_n_folds": 0}, ValueError, "got 0"),
    "a part of a fold": ({"cv_n_folds": 2.5}, TypeError, "2.5"),
    "folds in words": ({"cv_n_folds": "5"}, TypeError, "'5'"),
    "folds or not": ({"cv_n_folds": True}, TypeError, "True"),
    "too many folds": ({"cv_n_folds": 41}, ValueError, "at most 40, the rows a class on average; got 41"),
    "a seed in words": ({"seed": "a"}, ValueError, "'a'"),
    "a negative seed": ({"seed": -1}, ValueError, "-1"),
    "a large seed": ({"seed": 1 << 32}, ValueError, "4294967296"),
    "a seed of one half": ({"seed": 0.5}, ValueError, "0.5"),
    "no threads": ({"n_jobs": 0}, ValueError, "got 0"),
    "threads in words": ({"n_jobs": "two"}, ValueError, "'two'"),
    "half a thread": ({"n_jobs": 0.5}, ValueError, "0.5"),
}


@pytest.mark.parametrize("fault", OPTIONS)
def test_fit_rejects_options(fault):
    options, error, words = OPTIONS[fault]
    for function in (fit, search):
        assert_refused(error, words, function, options=options)


HALF = np.arange(N) < N // 2
FIRST, LAST = np.flatnonzero(HALF), np.flatnonzero(~HALF)
SPLITTERS = {
    "a text": ("stratified", ValueError, "'stratified'"),
    "a fraction": (2.5, ValueError, "2.5"),
    "one fold": (1, ValueError, "at least 2 folds; got 1"),
    "too many folds": (N, ValueError, "the number of rows of the largest class"),
    "yes": (True, ValueError, "True"),
    "a class": (KFold, ValueError, "KFold"),
    "an object": (object(), ValueError, "object"),
    "nothing": ([], ValueError, "120 such rows"),
    "numbers": ([1, 2], ValueError, "pairs of row numbers; got int"),
    "three parts": ([(FIRST, LAST, LAST)], ValueError, "length 3"),
    "numbers that are none": ([(FIRST / 2, LAST)], ValueError, "float64"),
    "rows that are none": ([(FIRST, LAST + 1), (LAST, FIRST)], ValueError, "61 to 120"),
    "negative rows": ([(LAST, FIRST - N)], ValueError, "-120 to -61"),
    "rows that leak": ([(FIRST, LAST), (np.arange(N), FIRST)], ValueError, "row 0 in both (60 such rows)"),
    "rows never held out": ([(FIRST, LAST)], ValueError, "row 0 in no held-out part (60 such rows)"),
    "time": (TimeSeriesSplit(3), ValueError, "no held-out part"),
    "chance": (ShuffleSplit(2, random_state=0), ValueError, "no held-out part"),
}


@pytest.mark.parametrize("fault", SPLITTERS)
def test_fit_rejects_splitters(fault):
    cv, error, words = SPLITTERS[fault]
    for function in (fit, search):
        assert_refused(error, words, function, options={"cv": cv})
    assert_refused(error, words, cross_val_pred_probs, Counting(), X, Y, cv=cv)


GROUPS = {
    "short": (Y[:-1], ValueError, "shape (119,)"),
    "two columns": (np.column_stack([Y, Y]), ValueError, "shape (120, 2)"),
    "a number": (3, ValueError, "shape ()"),
    "a text": ("patient", ValueError, "shape ()"),
    "NaN": (changed(np.arange(N), 3, np.nan), ValueError, "row 3"),
    "None": ([None] + ["a"] * (N - 1), ValueError, "row 0"),
    "mixed": (np.array(["a", 1, 2, 3, 4, 5] * 20, object), TypeError, "one kind"),
}


@pytest.mark.parametrize("fault", GROUPS)
@pytest.mark.parametrize("cv", [None, GroupKFold(3)], ids=["number", "splitter"])
def test_fit_rejects_groups(fault, cv):
    groups, error, words = GROUPS[fault]
    for function in (fit, search):
        assert_refused(error, words, function, options={"cv": cv}, groups=groups)


def test_fit_rejects_too_few_groups():
    assert_refused(ValueError, "at most 4 folds, the number of groups; got 5", fit, groups=np.arange(N) % 4)


@pytest.mark.parametrize("cv", [GroupKFold(3), LeaveOneGroupOut()])
def test_splitters_say_what_they_miss(cv):
    with pytest.raises(ValueError, match="groups"):
        fit(options={"cv": cv})
    with pytest.raises(ValueError, match="n_splits=70"):
        fit(options={"cv": StratifiedKFold(70)})
    assert Counting.n_fits == 0


# -- issues that are given

ISSUES = {
    "a short mask": (MASK[:-1], ValueError, "shape (119,)"),
    "a wide mask": (np.column_stack([MASK, MASK]), ValueError, "shape (120, 2)"),
    "rows twice": ([1, 5, 1], ValueError, "once"),
    "rows that are none": ([120], ValueError, "from 0 to 119; got 120"),
    "negative rows": ([3, -1], ValueError, "got -1"),
    "fractions": ([1.5], ValueError, "float64"),
    "a mask of floats": (MASK.astype(float), ValueError, "float64"),
    "a mask of objects": (changed(MASK, 3, None), ValueError, "object"),
    "another column": (TABLE.rename(columns={"is_label_issue": "issue"}), ValueError, "'is_label_issue'"),
    "a column of numbers": (TABLE.assign(is_label_issue=1), ValueError, "boolean; got dtype int64"),
    "a column of objects": (TABLE.astype({"is_label_issue": object}), ValueError, "boolean"),
    "a short table": (TABLE[:-1], ValueError, "shape (119,)"),
    "an empty table": (TABLE[:0], ValueError, "shape (0,)"),
    "other labels": (TABLE.assign(given_label=(Y + 1) % 3), ValueError, "row 0 (120 such rows)"),
    "other names": (TABLE.assign(given_label=NAMES[Y]), ValueError, "other labels in row 0"),
    "other labels in polars": (
        pl.DataFrame({"is_label_issue": MASK, "given_label": 2 - Y}),
        ValueError,
        "other labels",
    ),
    "all rows": (np.ones(N, bool), ValueError, "leave some rows"),
    "a text": ("all", TypeError, "str"),
    "a dict": ({"is_label_issue": MASK}, TypeError, "dict"),
    "a number": (3, TypeError, "int"),
    "a set": ({1, 2}, TypeError, "set"),
}


@pytest.mark.parametrize("fault", ISSUES)
def test_fit_rejects_label_issues(fault):
    issues, error, words = ISSUES[fault]
    assert_refused(error, words, fit, label_issues=issues)


# -- other arguments

ARGUMENTS = {
    "unknown": ({"epochs": 3}, TypeError, "`CleanLearning.fit` must be given arguments that it knows; got 'epochs'"),
    "no dict": ({"clf_kwargs": [1]}, TypeError, "`clf_kwargs`"),
    "a text": ({"clf_final_kwargs": "warm_start"}, TypeError, "`clf_final_kwargs`"),
    "unknown to clf": ({"clf_kwargs": {"epochs": 3}}, TypeError, "`clf.fit` must take the arguments"),
    "unknown to clf in the end": ({"clf_final_kwargs": {"epochs": 3}}, TypeError, "got 'epochs'"),
    "no function": ({"validation_func": 5}, TypeError, "callable"),
}


@pytest.mark.parametrize("fault", ARGUMENTS)
def test_fit_rejects_arguments(fault):
    arguments, error, words = ARGUMENTS[fault]
    assert_refused(error, words, fit, **arguments)


# -- a fitted object survives

FAULTS = {
    "labels": lambda model: model.fit(X, changed(Y, 3, np.nan)),
    "rows": lambda model: model.fit(X[:5], Y),
    "probabilities": lambda model: model.fit(X, Y, pred_probs=P[:, :2]),
    "issues": lambda model: model.fit(X, Y, label_issues=[500]),
    "weights": lambda model: model.fit(X, Y, sample_weight=[1, 2]),
    "rows that the classifier refuses": lambda model: model.fit(changed(X, (3, 0), np.nan), Y),
    "rows refused at the end": lambda model: model.fit(changed(X, (3, 0), np.nan), Y, pred_probs=P),
    "issues that leave nothing": lambda model: model.fit(X, Y, label_issues=np.ones(N, bool)),
    "a search": lambda model: model.find_label_issues(X, Y, pred_probs=P[:, :2]),
    "options": lambda model: model.set_params(cv_n_folds=1).fit(X, Y),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_refused_fit_leaves_everything_as_it_was(fault):
    model = CleanLearning(GaussianNB()).fit(X, Y)
    before, predicted = dict(vars(model)), model.predict_proba(X)
    with pytest.raises(ValueError):
        FAULTS[fault](model)
    assert {name for name in before if vars(model)[name] is not before[name]} <= {"cv_n_folds"}
    assert vars(model).keys() == before.keys()
    np.testing.assert_array_equal(model.predict_proba(X), predicted)
