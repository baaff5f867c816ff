"""CleanLearning: the reference's answers, but for its listed faults; every form of rows and labels."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import test_cross_validation
from cleanlab.classification import CleanLearning as ReferenceCleanLearning
from problems import FILTERS, METHODS, make_problem, quietly, reference
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from fastcl.classification import CleanLearning
from fastcl.filter import find_label_issues

pytestmark = pytest.mark.usefixtures("one_blas_thread")

torch_data = test_cross_validation.torch_data  # a fixture

NAMES = np.array(["ape", "bee", "cow", "dog", "emu", "fox", "gnu"])


def noisy_blobs(class_sizes, seed=0, noise=0.15, n_features=5):
    """Shuffled blobs that overlap, so that no two probabilities tie, with labels some of which are drawn at random."""
    rng = np.random.default_rng(seed)
    K = len(class_sizes)
    true = rng.permutation(np.repeat(np.arange(K), class_sizes))
    X = rng.normal(scale=1.2, size=(K, n_features))[true] + rng.normal(size=(len(true), n_features))
    wrong = (rng.random(len(true)) < noise) & (np.bincount(true)[true] > 10)
    return X, np.where(wrong, rng.integers(0, K, len(true)), true)


X3, Y3 = noisy_blobs([61, 83, 57])
X2, Y2 = noisy_blobs([91, 74], seed=3)
P3 = make_problem(len(Y3), 3, seed=1).pred_probs
MATRIX = np.array([[0.8, 0.1, 0.05], [0.15, 0.85, 0.05], [0.05, 0.05, 0.9]])


def in_the_reference(X, y, clf, options=None, **fit):
    """A fitted CleanLearning of the reference; its constructor keeps and changes what it is given."""
    options = dict(options or {})
    options["find_label_issues_kwargs"] = {"n_jobs": 1} | options.get("find_label_issues_kwargs", {})
    return reference(ReferenceCleanLearning(clone(clf), **options).fit, X, y, **fit)


def assert_same_findings(ours, theirs):
    table, expected = ours.get_label_issues(), theirs.get_label_issues()
    for name in ("is_label_issue", "given_label", "predicted_label"):
        np.testing.assert_array_equal(table[name], expected[name], err_msg=name)
    np.testing.assert_array_equal(ours.label_issues_mask, expected["is_label_issue"])
    np.testing.assert_allclose(table["label_quality"], expected["label_quality"], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(ours.confident_joint, theirs.confident_joint)
    given = ours.ps > 0  # cleanlab's `ps` lacks classes that no row was given
    np.testing.assert_allclose(ours.ps[given], theirs.ps, rtol=0, atol=1e-12)
    for name in ("py", "noise_matrix", "inverse_noise_matrix"):
        if getattr(theirs, name) is not None:
            # The same few operations on a K x K matrix, perhaps summed in another order.
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-12, err_msg=name)
    assert ours.num_classes == theirs.num_classes


def assert_same_model(ours, theirs, X):
    if theirs.sample_weight is None:
        assert ours.sample_weight is None
    else:
        np.testing.assert_allclose(ours.sample_weight, theirs.sample_weight, rtol=1e-12)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    # Weights that differ by 1e-16 move the probabilities of a trained model by about as much.
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-10)


def assert_matches_cleanlab(X, y, clf, options=None, **fit):
    ours = quietly(CleanLearning(clone(clf), **(options or {})).fit, X, y, **fit)
    theirs = in_the_reference(X, y, clf, options, **fit)
    assert_same_findings(ours, theirs)
    assert_same_model(ours, theirs, X)
    return ours


# -- the reference's answers

SIZES = {"two": [91, 74], "three": [61, 83, 57], "seven": [45, 60, 33, 71, 52, 38, 44], "uneven": [200, 21, 103, 35]}


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("seed", range(4))
def test_clean_learning_matches_cleanlab(sizes, seed):
    X, y = noisy_blobs(SIZES[sizes], seed=seed)
    assert_matches_cleanlab(X, y, GaussianNB(), {"seed": seed, "cv_n_folds": 3 + seed})


def test_a_classifier_without_weights_matches_cleanlab():
    ours = assert_matches_cleanlab(X3, Y3, KNeighborsClassifier(15, weights="distance"), {"seed": 1})
    assert ours.sample_weight is None


def search(**options):
    return {"find_label_issues_kwargs": options}


def score(**options):
    return {"label_quality_scores_kwargs": options}


OPTIONS = (
    {filter_by: search(filter_by=filter_by) for filter_by in FILTERS}
    | {method: score(method=method) for method in METHODS}
    | {
        "half of the noise": search(frac_noise=0.5),
        "no noise": search(frac_noise=0.0, filter_by="both"),
        "classes of one row": search(min_examples_per_class=1),
        "classes of many rows": search(min_examples_per_class=20),
        "a number to remove": search(num_to_remove_per_class=[3, 7, 5]),
        "a number to remove by class": search(num_to_remove_per_class=[3, 0, 5], filter_by="prune_by_class"),
        "adjusted scores": score(adjust_pred_probs=True),
        "adjusted margins": score(adjust_pred_probs=True, method="normalized_margin"),
        "converged": {"converge_latent_estimates": True},
        "seven folds": {"cv_n_folds": 7},
    }
)


@pytest.mark.parametrize("options", OPTIONS)
def test_options_match_cleanlab(options):
    assert_matches_cleanlab(X3, Y3, GaussianNB(), OPTIONS[options] | {"seed": 2})


@pytest.mark.parametrize("options", OPTIONS)
def test_options_match_cleanlab_given_pred_probs(options):
    for seed, never_given in ((0, []), (1, [2])):
        y, pred_probs = make_problem(len(Y3), 3, seed=seed, never_given=never_given).both()
        if never_given and OPTIONS[options].get("label_quality_scores_kwargs", {}).get("adjust_pred_probs"):
            continue  # S6
        if never_given and "num_to_remove_per_class" in OPTIONS[options].get("find_label_issues_kwargs", {}):
            continue  # more than there are rows of class 2
        ours = quietly(CleanLearning(GaussianNB(), **OPTIONS[options]).fit, X3, y, pred_probs=pred_probs)
        theirs = in_the_reference(X3, y, GaussianNB(), OPTIONS[options], pred_probs=pred_probs)
        assert_same_findings(ours, theirs)
        assert_same_model(ours, theirs, X3)


def test_a_given_joint_matches_cleanlab():
    joint = np.array([[50, 9, 3], [4, 70, 8], [6, 2, 48]])
    options = search(confident_joint=joint)
    ours = CleanLearning(GaussianNB(), seed=0, **options).fit(X3, Y3)
    theirs = in_the_reference(X3, Y3, GaussianNB(), options | {"seed": 0})
    np.testing.assert_array_equal(ours.label_issues_mask, theirs.label_issues_mask)
    np.testing.assert_array_equal(ours.confident_joint, joint)
    np.testing.assert_allclose(ours.noise_matrix, theirs.noise_matrix, rtol=0, atol=1e-12)
    assert_same_model(ours, theirs, X3)


def doubled(X, y):
    return {"sample_weight": np.full(len(Y3) - len(y), 2.0)}


FITS = {
    "thresholds": {"thresholds": [0.3, 0.6, 0.5]},
    "noise matrix": {"noise_matrix": MATRIX},
    "inverse noise matrix": {"inverse_noise_matrix": MATRIX},
    "weights": {"sample_weight": np.linspace(0.5, 2, len(Y3))},
    "validation": {"validation_func": doubled},
}


@pytest.mark.parametrize("fit", FITS)
def test_arguments_of_fit_match_cleanlab(fit):
    assert_matches_cleanlab(X3, Y3, GaussianNB(), {"seed": 4}, **FITS[fit])


@pytest.mark.parametrize("filter_by", ["confident_learning", "low_self_confidence", "low_normalized_margin"])
def test_thresholds_hold_for_every_filter(filter_by):
    options = {"find_label_issues_kwargs": {"filter_by": filter_by}}
    few, many = (
        CleanLearning(GaussianNB(), seed=4, **options).find_label_issues(X3, Y3, thresholds=[t] * 3)["is_label_issue"]
        for t in (1.1, 0.01)
    )
    assert few.sum() == 0 < many.sum()


def test_both_noise_matrices_match_cleanlab():
    other = np.array([[0.9, 0.1, 0.1], [0.05, 0.7, 0.1], [0.05, 0.2, 0.8]])
    matrices = {"noise_matrix": MATRIX, "inverse_noise_matrix": other}
    ours = CleanLearning(GaussianNB(), seed=0).fit(X3, Y3, **matrices)
    theirs = in_the_reference(X3, Y3, GaussianNB(), {"seed": 0}, **matrices)
    np.testing.assert_array_equal(ours.inverse_noise_matrix, other)
    assert_same_findings(ours, theirs)
    assert_same_model(ours, theirs, X3)


class Notes(GaussianNB):
    """Notes what its `fit` is given."""

    calls: list[dict] = []  # noqa: RUF012 -- shared on purpose: clones must leave their notes in one place

    def fit(self, X, y, sample_weight=None, **more):
        self.calls.append({"X": X, "y": y, "sample_weight": sample_weight} | more)
        return super().fit(X, y, sample_weight)


@pytest.fixture
def notes():
    Notes.calls.clear()
    return Notes.calls


def test_arguments_of_trainings_match_cleanlab(notes):
    arguments = {"clf_kwargs": {"epochs": 3, "rate": 0.1}, "clf_final_kwargs": {"epochs": 5, "last": True}}
    CleanLearning(Notes(), seed=0).fit(X3, Y3, **arguments)
    ours = notes.copy()
    notes.clear()
    in_the_reference(X3, Y3, Notes(), {"seed": 0}, **arguments)
    assert [set(call) for call in ours] == [set(call) for call in notes]
    for call, expected in zip(ours, notes, strict=True):
        for name in expected:
            np.testing.assert_array_equal(call[name], expected[name], err_msg=name)
    assert ours[-1]["epochs"] == 5
    assert ours[-1]["rate"] == 0.1


@pytest.mark.parametrize("seed", range(3))
def test_rare_classes_match_cleanlab(seed):
    X, y = noisy_blobs([1, 60, 2, 1, 3, 55], seed=seed, noise=0.1)
    for options in ({}, search(min_examples_per_class=1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # theirs, ours and scikit-learn's, of classes that are small
            assert_matches_cleanlab(X, y, KNeighborsClassifier(7, weights="distance"), options | {"seed": seed})


@pytest.mark.parametrize("shape", [(5,), (1, 5), (5, 1, 1)])
def test_default_classifier_matches_cleanlab_in_any_dimension(shape):
    X = X3.reshape(-1, *shape)
    ours = CleanLearning(seed=0).fit(X, Y3)
    theirs = reference(ReferenceCleanLearning(seed=0, find_label_issues_kwargs={"n_jobs": 1}).fit, X, Y3)
    assert_same_findings(ours, theirs)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, Y3) == theirs.score(X, Y3)


@pytest.mark.parametrize(
    "given",
    [
        lambda mask: pd.DataFrame({"is_label_issue": mask, "given_label": Y3}),
        lambda mask: pd.DataFrame({"is_label_issue": mask, "label_quality": np.linspace(0, 1, len(mask))}),
        lambda mask: mask,
        np.flatnonzero,
        lambda mask: np.flatnonzero(mask)[::-1],
    ],
    ids=["table", "with quality", "mask", "rows", "rows of any order"],
)
@pytest.mark.parametrize("pred_probs", [None, P3], ids=["alone", "with pred_probs"])
def test_given_issues_match_cleanlab(given, pred_probs):
    mask = np.random.default_rng(0).random(len(Y3)) < 0.2
    ours = CleanLearning(GaussianNB()).fit(X3, Y3, label_issues=given(mask), pred_probs=pred_probs)
    theirs = in_the_reference(X3, Y3, GaussianNB(), label_issues=given(mask), pred_probs=pred_probs)
    table, expected = ours.get_label_issues(), theirs.get_label_issues()
    for name in set(expected) - {"label_quality"}:
        np.testing.assert_array_equal(table[name], expected[name])
    if "label_quality" in expected and "label_quality" not in given(mask):
        np.testing.assert_allclose(table["label_quality"], expected["label_quality"], rtol=0, atol=1e-12)
    assert_same_model(ours, theirs, X3)


def test_issues_found_before_match_cleanlab():
    ours = CleanLearning(GaussianNB(), seed=0)
    ours.fit(X3, Y3, label_issues=ours.find_label_issues(X3, Y3))
    theirs = ReferenceCleanLearning(GaussianNB(), seed=0, find_label_issues_kwargs={"n_jobs": 1})
    reference(theirs.fit, X3, Y3, label_issues=reference(theirs.find_label_issues, X3, Y3))
    assert_same_model(ours, theirs, X3)  # with weights of the noise that was found
    assert ours.sample_weight is not None
    assert_same_model(ours, CleanLearning(GaussianNB(), seed=0).fit(X3, Y3), X3)


def test_low_memory_gives_the_same_answer():
    whole, low = (CleanLearning(GaussianNB(), low_memory=low).fit(X3, Y3) for low in (False, True))
    pd.testing.assert_frame_equal(whole.get_label_issues(), low.get_label_issues())
    np.testing.assert_array_equal(whole.sample_weight, low.sample_weight)


def test_clean_learning_matches_naive():
    """Cross-validate, filter, and train on the rest with weights 1 / P(given k | true k), step by step."""
    model = CleanLearning(GaussianNB(), seed=5, cv_n_folds=4).fit(X3, Y3)
    from sklearn.model_selection import StratifiedKFold

    pred_probs = np.zeros((len(Y3), 3))
    for train, holdout in StratifiedKFold(4, shuffle=True, random_state=5).split(X3, Y3):
        pred_probs[holdout] = GaussianNB().fit(X3[train], Y3[train]).predict_proba(X3[holdout])
    kept = ~find_label_issues(Y3, pred_probs, min_examples_per_class=10)
    weights = np.array([1 / model.noise_matrix[label, label] for label in Y3])
    last = GaussianNB().fit(X3[kept], Y3[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(model.label_issues_mask, ~kept)
    np.testing.assert_allclose(model.sample_weight, weights * kept, rtol=1e-15)
    np.testing.assert_array_equal(model.predict_proba(X3), last.predict_proba(X3))


# -- surprises of the reference, decided


def test_s1_nothing_of_one_data_set_is_used_for_the_next():
    again = CleanLearning(GaussianNB(), seed=0).fit(X3, Y3).fit(X2, Y2)
    fresh = CleanLearning(GaussianNB(), seed=0).fit(X2, Y2)
    pd.testing.assert_frame_equal(again.get_label_issues(), fresh.get_label_issues())
    np.testing.assert_array_equal(again.confident_joint, fresh.confident_joint)
    assert_same_model(again, fresh, X2)
    assert again.find_label_issues_kwargs is None
    other_labels = CleanLearning(GaussianNB()).fit(X3, Y3).fit(X2, Y2, label_issues=fresh.label_issues_mask)
    assert other_labels.sample_weight is None  # the noise that is known is that of other labels


@pytest.mark.parametrize("kind", [list, tuple, pd.Series, pl.Series, pa.array, NAMES.__getitem__])
def test_s2_labels_of_any_kind_are_weighed_alike(kind):
    expected = CleanLearning(GaussianNB()).fit(X3, Y3)
    ours = CleanLearning(GaussianNB()).fit(X3, kind(Y3))
    assert len(np.unique(ours.sample_weight)) == 4  # zero, and one of each class
    np.testing.assert_array_equal(ours.sample_weight, expected.sample_weight)


@pytest.mark.parametrize("filter_by", FILTERS)
@pytest.mark.parametrize("clean", [0, 1])
def test_s16_a_clean_class_has_no_issues_and_the_joint_holds_counts(clean, filter_by):
    model = CleanLearning(GaussianNB(), pulearning=clean, **search(filter_by=filter_by)).fit(X2, Y2)
    plain = CleanLearning(GaussianNB(), **search(filter_by=filter_by)).fit(X2, Y2)
    assert not model.label_issues_mask[clean == Y2].any()
    assert plain.label_issues_mask[clean == Y2].any()
    assert model.label_issues_mask.any()
    assert model.confident_joint[clean, 1 - clean] == 0
    np.testing.assert_array_equal(model.confident_joint.sum(axis=1), np.bincount(Y2))
    assert model.noise_matrix[clean, 1 - clean] == model.inverse_noise_matrix[1 - clean, clean] == 0


def test_s16_the_clean_class_is_named_as_its_labels_are():
    expected = CleanLearning(GaussianNB(), pulearning=1).fit(X2, Y2)
    named = CleanLearning(GaussianNB(), pulearning="bee").fit(X2, NAMES[Y2])
    np.testing.assert_array_equal(named.label_issues_mask, expected.label_issues_mask)
    np.testing.assert_array_equal(CleanLearning(pulearning="bee").fit(X2, NAMES[Y2]).classes_, ["ape", "bee"])


TABLES = {
    "pandas": lambda columns: pd.DataFrame(columns, index=np.arange(len(Y3))[::-1]),
    "polars": pl.DataFrame,
    "arrow": pa.table,
}


@pytest.mark.parametrize("library", TABLES)
def test_s38_table_of_the_caller_is_never_changed(library):
    mask = np.arange(len(Y3)) % 5 == 0
    columns = {"is_label_issue": mask, "given_label": Y3, "mine": np.arange(len(Y3))}
    table = TABLES[library](columns)
    model = CleanLearning(GaussianNB()).fit(X3, Y3)
    model.fit(X3, Y3, label_issues=table, pred_probs=P3)
    assert table.equals(TABLES[library](columns))
    kept = model.get_label_issues()
    assert type(kept) is type(table)
    np.testing.assert_array_equal(kept["mine"], columns["mine"])
    np.testing.assert_array_equal(kept["label_quality"], P3[np.arange(len(Y3)), Y3])


def test_s38_weights_of_the_final_training_are_cut_with_the_rows(notes):
    weights = np.linspace(1, 2, len(Y3))
    model = CleanLearning(Notes()).fit(X3, Y3, clf_final_kwargs={"sample_weight": weights})
    kept = ~model.label_issues_mask
    assert 0 < np.count_nonzero(kept) < len(Y3)
    np.testing.assert_array_equal(notes[-1]["sample_weight"], weights[kept])
    assert all(call["sample_weight"] is None for call in notes[:-1])
    same = CleanLearning(GaussianNB()).fit(X3, Y3, sample_weight=weights)
    np.testing.assert_array_equal(model.predict_proba(X3), same.predict_proba(X3))


@pytest.mark.parametrize("classes", [[0, 2, 3], [1, 3, 7], [-5, 0, 1000], ["b", "c", "d"], [0.0, 1.0, 2.0]])
def test_s40_classes_may_have_any_names(classes):
    classes = np.array(classes)
    expected = CleanLearning(GaussianNB()).fit(X3, Y3)
    model = CleanLearning(GaussianNB()).fit(X3, classes[Y3])
    np.testing.assert_array_equal(model.label_issues_mask, expected.label_issues_mask)
    np.testing.assert_array_equal(model.sample_weight, expected.sample_weight)
    np.testing.assert_array_equal(model.classes_, classes)
    np.testing.assert_array_equal(model.predict(X3), classes[expected.predict(X3)])
    for name in ("given_label", "predicted_label"):
        expected_names = classes[expected.label_issues_df[name]]
        np.testing.assert_array_equal(model.label_issues_df[name], expected_names)


# -- labels of every kind

LABELS = {
    "strings": lambda y: NAMES[y],
    "objects": lambda y: NAMES[y].astype(object),
    "list of strings": lambda y: NAMES[y].tolist(),
    "categories": lambda y: pd.Series(pd.Categorical.from_codes(y, NAMES[:2])),
    "booleans": lambda y: y == 1,
    "list of booleans": lambda y: (y == 1).tolist(),
    "small integers": lambda y: y.astype(np.int8),
    "unsigned": lambda y: y.astype(np.uint64),
    "whole floats": lambda y: y.astype(np.float32),
    "polars": lambda y: pl.Series(NAMES[y]),
    "arrow": lambda y: pa.array(NAMES[y].tolist()),
    "dates": lambda y: np.array(["2020-01-01", "2021-01-01"], "M8[D]")[y],
    "column": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "nullable": lambda y: pd.Series(y, dtype="Int64"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind_give_the_same_issues(kind):
    expected = CleanLearning(GaussianNB(), seed=1).fit(X2, Y2)
    labels = LABELS[kind](Y2)
    model = CleanLearning(GaussianNB(), seed=1).fit(X2, labels)
    np.testing.assert_array_equal(model.label_issues_mask, expected.label_issues_mask)
    np.testing.assert_array_equal(model.predict_proba(X2), expected.predict_proba(X2))
    np.testing.assert_array_equal(model.classes_, np.unique(np.asarray(labels)))
    np.testing.assert_array_equal(np.asarray(model.label_issues_df["given_label"]), np.asarray(labels))


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind_go_with_pred_probs(kind):
    pred_probs = GaussianNB().fit(X2, Y2).predict_proba(X2)
    expected = CleanLearning(GaussianNB()).find_label_issues(labels=Y2, pred_probs=pred_probs)
    table = CleanLearning(GaussianNB()).find_label_issues(labels=LABELS[kind](Y2), pred_probs=pred_probs)
    np.testing.assert_array_equal(np.asarray(table["is_label_issue"]), expected["is_label_issue"])
    np.testing.assert_array_equal(np.asarray(table["given_label"]), np.asarray(LABELS[kind](Y2)))
    model = CleanLearning(GaussianNB()).fit(X2, LABELS[kind](Y2), pred_probs=pred_probs)
    np.testing.assert_array_equal(model.label_issues_mask, expected["is_label_issue"])
    assert model.sample_weight is not None


@pytest.mark.parametrize("library", [pd.Series, pl.Series])
def test_the_table_is_of_the_library_of_the_labels(library):
    names = NAMES[Y3].tolist()
    columns = ["is_label_issue", "label_quality", "given_label", "predicted_label"]
    for table, more in (
        (CleanLearning(GaussianNB()).find_label_issues(X3, library(names)), []),
        (CleanLearning(GaussianNB()).fit(X3, library(names)).get_label_issues(), ["sample_weight"]),
        (CleanLearning(GaussianNB()).fit(X3, labels=library(names)).get_label_issues(), ["sample_weight"]),
    ):
        assert type(table).__module__.split(".")[0] == library.__module__.split(".")[0]
        assert list(table.columns) == columns + more


# -- rows of every kind


class FrameOnly(ClassifierMixin, BaseEstimator):
    """Takes tables only, as they are, and only rows that fit their labels."""

    kinds: set = set()  # noqa: RUF012 -- shared on purpose: clones must leave their notes in one place

    def fit(self, X, y):
        self.kinds.add(type(X))
        np.testing.assert_array_equal(Y3[np.asarray(X["row"])], y)
        self.model_ = GaussianNB().fit(self._numbers(X), y)
        self.classes_ = self.model_.classes_
        return self

    def _numbers(self, X):
        return np.column_stack([np.asarray(X[name]) for name in "abcde"])

    def predict(self, X):
        self.kinds.add(type(X))
        return self.model_.predict(self._numbers(X))

    def predict_proba(self, X):
        return self.model_.predict_proba(self._numbers(X))


@pytest.mark.parametrize("library", TABLES)
def test_tables_reach_the_inner_estimator_as_they_are(library):
    columns = dict(zip("abcde", X3.T.copy(), strict=True)) | {"row": np.arange(len(Y3))}
    table = TABLES[library](columns)
    FrameOnly.kinds.clear()
    model = CleanLearning(FrameOnly(), seed=0).fit(table, Y3)
    expected = CleanLearning(GaussianNB(), seed=0).fit(X3, Y3)
    np.testing.assert_array_equal(model.label_issues_mask, expected.label_issues_mask)
    assert model.predict(table).shape == (len(Y3),)
    assert FrameOnly.kinds == {type(table)}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_are_chosen_by_name(library):
    kind = np.array(["x", "y"])[(X3[:, 0] > 0).astype(int)].tolist()
    table = TABLES[library]({"size": X3[:, 1], "kind": kind, "weight": X3[:, 2]})
    chosen = make_column_transformer((StandardScaler(), ["size", "weight"]), (OneHotEncoder(), ["kind"]))
    model = CleanLearning(make_pipeline(chosen, LogisticRegression())).fit(table, Y3)
    np.testing.assert_array_equal(model.feature_names_in_, ["size", "kind", "weight"])
    assert model.n_features_in_ == 3
    assert model.score(table, Y3) > 0.5


SPARSE = [scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array, scipy.sparse.lil_array]


@pytest.mark.parametrize("form", [*SPARSE, scipy.sparse.dok_array, scipy.sparse.bsr_array, scipy.sparse.dia_array])
def test_sparse_rows_give_the_same_issues(form):
    counts = np.random.default_rng(0).poisson(1 + 2 * np.eye(3)[Y3] @ np.eye(3, 8)).astype(float)
    expected = CleanLearning(MultinomialNB(), seed=0).fit(counts, Y3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scipy.sparse.SparseEfficiencyWarning)  # dia from dense
        X = form(counts)
    model = CleanLearning(MultinomialNB(), seed=0).fit(X, Y3)
    np.testing.assert_array_equal(model.label_issues_mask, expected.label_issues_mask)
    # Sums over stored entries only, in another order.
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(counts), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series])
def test_texts_are_rows(kind):
    rng = np.random.default_rng(0)
    words = [["grass", "milk", "horn"], ["bark", "bone", "wolf"]]
    texts = [" ".join(rng.choice(words[label], 4)) for label in Y2]
    labels = NAMES[[2, 3]][Y2]
    labels[:5] = np.where(labels[:5] == "cow", "dog", "cow")
    model = CleanLearning(make_pipeline(TfidfVectorizer(), MultinomialNB())).fit(kind(texts), labels)
    np.testing.assert_array_equal(np.flatnonzero(model.label_issues_mask), np.arange(5))
    assert model.predict(["milk of grass"])[0] == "cow"


def test_lists_of_lists_are_rows():
    expected = CleanLearning(GaussianNB()).fit(X3, Y3)
    model = CleanLearning(GaussianNB()).fit(X3.tolist(), Y3.tolist())
    np.testing.assert_array_equal(model.label_issues_mask, expected.label_issues_mask)
    np.testing.assert_array_equal(model.predict(X3.tolist()), expected.predict(X3))


# -- classifiers of every kind


class Net(BaseEstimator):
    """Like a network of skorch: no `score`, one output a class, takes data sets."""

    def __init__(self, n_classes=3):
        self.n_classes = n_classes

    def _matrix(self, X):
        return np.stack([X[row] for row in range(len(X))])

    def fit(self, X, y, **_):
        self.model_ = GaussianNB().fit(self._matrix(X), y)
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(self._matrix(X)).astype(np.float32)

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


def test_a_network_takes_torch_datasets(torch_data):
    data = torch_data.Dataset(list(X3))
    model = CleanLearning(Net(), seed=0).fit(data, Y3)
    expected = CleanLearning(GaussianNB(), seed=0).fit(X3, Y3)
    # Probabilities in float32 may move a row over a cut.
    assert np.mean(model.label_issues_mask != expected.label_issues_mask) < 0.02
    assert model.sample_weight is None
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    assert model.score(data, Y3) == np.mean(model.predict(data) == Y3)


def test_a_classifier_without_probabilities_takes_pred_probs():
    y, pred_probs = make_problem(len(Y3), 3, seed=3).both()
    model = CleanLearning(LinearSVC(random_state=0)).fit(X3, y, pred_probs=pred_probs)
    np.testing.assert_array_equal(model.label_issues_mask, find_label_issues(y, pred_probs, min_examples_per_class=10))
    kept = ~model.label_issues_mask
    alone = LinearSVC(random_state=0).fit(X3[kept], y[kept], sample_weight=model.sample_weight[kept])
    np.testing.assert_array_equal(model.decision_function(X3), alone.decision_function(X3))
    assert not hasattr(model, "predict_proba")
    assert hasattr(CleanLearning(GaussianNB()), "predict_proba")
    assert not hasattr(CleanLearning(GaussianNB()), "decision_function")


class Backwards(ClassifierMixin, BaseEstimator):
    """Its columns are the classes from the last to the first."""

    def fit(self, X, y):
        self.model_ = GaussianNB().fit(X, y)
        self.classes_ = self.model_.classes_[::-1]
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)[:, ::-1]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_columns_of_predict_proba_may_come_in_any_order():
    expected = CleanLearning(GaussianNB(), seed=0).fit(X3, Y3)
    model = CleanLearning(Backwards(), seed=0).fit(X3, Y3)
    pd.testing.assert_frame_equal(model.label_issues_df, expected.label_issues_df.drop(columns="sample_weight"))
    np.testing.assert_array_equal(model.classes_, [2, 1, 0])
    np.testing.assert_array_equal(model.classes_[model.predict_proba(X3).argmax(axis=1)], model.predict(X3))


def test_save_space_forgets_rows_and_predicts_on():
    model = CleanLearning(GaussianNB(), seed=0).fit(X3, Y3)
    before, mask = model.predict_proba(X3), model.label_issues_mask
    assert model.save_space() is model
    for name in ("label_issues_df", "label_issues_mask", "sample_weight", "confident_joint", "num_classes"):
        assert getattr(model, name) is None
    np.testing.assert_array_equal(model.predict_proba(X3), before)
    with pytest.warns(UserWarning, match="No label issues are known") as caught:
        assert model.get_label_issues() is None
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(model.fit(X3, Y3).label_issues_mask, mask)


def test_find_label_issues_keeps_nothing_if_asked():
    model = CleanLearning(GaussianNB())
    table = model.find_label_issues(X3, Y3, save_space=True)
    assert model.label_issues_df is model.label_issues_mask is None
    assert model.noise_matrix is not None
    pd.testing.assert_frame_equal(table, model.find_label_issues(X3, Y3))
    assert model.get_label_issues() is model.label_issues_df


def test_files_and_memory_maps_are_pred_probs(tmp_path):
    y, pred_probs = make_problem(len(Y3), 3, seed=3).both()
    np.save(tmp_path / "p.npy", pred_probs)
    expected = CleanLearning(GaussianNB()).fit(X3, y, pred_probs=pred_probs)
    for given in (str(tmp_path / "p.npy"), np.load(tmp_path / "p.npy", mmap_mode="r"), pred_probs.tolist()):
        model = CleanLearning(GaussianNB()).fit(X3, y, pred_probs=given)
        pd.testing.assert_frame_equal(model.label_issues_df, expected.label_issues_df)


@pytest.mark.parametrize("name", ["letter", "banking77"])
def test_real_data_matches_cleanlab(real_data, name):
    if name == "letter":
        file = np.load(real_data / "tabular" / "letter.npz")
        X, y = file["X"], file["noisy"]
    else:
        file = np.load(real_data / "text" / "banking77.npz")
        X, y = file["emb"], file["noisy8"]
    X, y = X[::3].astype(np.float64), y[::3].astype(np.int64)
    clf = GaussianNB(var_smoothing=1e-3)
    ours = quietly(CleanLearning(clf, seed=0).fit, X, y)
    theirs = in_the_reference(X, y, clf, {"seed": 0})
    # Bayes is sure of itself: margins of exactly one tie, and which of them are taken is up to cleanlab's sort.
    assert ours.label_issues_mask.sum() == pytest.approx(theirs.label_issues_mask.sum(), abs=0.01 * len(y))
    np.testing.assert_array_equal(ours.confident_joint, theirs.confident_joint)
    np.testing.assert_allclose(ours.noise_matrix, theirs.noise_matrix, rtol=0, atol=1e-12)
