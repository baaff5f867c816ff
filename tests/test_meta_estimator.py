"""CleanLearning among scikit-learn's own: cloned, searched over, routed to, run in threads; nothing left behind."""

from __future__ import annotations

import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import sklearn
from joblib import parallel_config
from problems import make_problem
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted
from test_clean_learning import NAMES, noisy_blobs

from fastcl.classification import CleanLearning
from fastcl.given_issues import issues_given, issues_table

pytestmark = pytest.mark.usefixtures("one_blas_thread")

X, Y = noisy_blobs([61, 83, 57])
OTHER_X, OTHER_Y = noisy_blobs([40, 47], seed=1, n_features=2)
P = make_problem(len(Y), 3, seed=1).pred_probs

# What the checks make inner estimators and splitters warn of is none of our business.
any_warning = pytest.mark.filterwarnings("ignore")


@any_warning
@parametrize_with_checks([CleanLearning(), CleanLearning(GaussianNB())])
def test_passes_every_check_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
@any_warning
@parametrize_with_checks(
    [
        CleanLearning(LogisticRegression()),
        CleanLearning(DecisionTreeClassifier(random_state=0)),
        CleanLearning(GaussianNB(), n_jobs=2, seed=3),
    ]
)
def test_passes_every_check_of_scikit_learn_around_other_classifiers(estimator, check):
    check(estimator)


# -- parameters and copies


def test_clone_and_parameters():
    model = CleanLearning(LogisticRegression(C=3), seed=1, cv_n_folds=4, find_label_issues_kwargs={"frac_noise": 0.5})
    copy = clone(model)
    assert copy.get_params()["clf__C"] == 3
    assert copy.clf is not model.clf
    assert copy.find_label_issues_kwargs == {"frac_noise": 0.5}
    copy.set_params(clf__C=7, cv_n_folds=2)
    assert (model.clf.C, copy.clf.C, copy.cv_n_folds) == (3, 7, 2)
    assert repr(CleanLearning(GaussianNB(), seed=1)) == "CleanLearning(clf=GaussianNB(), seed=1)"
    assert is_classifier(model)


def test_fit_changes_no_parameter():
    options = {"filter_by": "both"}
    inner = GaussianNB()
    model = CleanLearning(inner, find_label_issues_kwargs=options, label_quality_scores_kwargs={})
    before = dict(vars(model))
    model.fit(X, Y).find_label_issues(X, Y)
    assert {name: vars(model)[name] for name in before} == before
    assert options == {"filter_by": "both"}
    assert vars(inner) == vars(GaussianNB())  # never fitted
    assert model.clf is inner


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickles_before_and_after_fit(protocol):
    model = CleanLearning(GaussianNB(), seed=2)
    model = pickle.loads(pickle.dumps(model, protocol)).fit(X, Y)
    again = pickle.loads(pickle.dumps(model, protocol))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    pd.testing.assert_frame_equal(again.get_label_issues(), model.get_label_issues())
    np.testing.assert_array_equal(again.noise_matrix, model.noise_matrix)


def test_copies_of_a_fitted_one_are_unfitted():
    model = CleanLearning(GaussianNB()).fit(X, Y)
    check_is_fitted(model)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        clone(model).predict(X)
    assert clone(model).label_issues_df is None


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "predict_log_proba"])
def test_unfitted_ones_say_so(method):
    for model in (CleanLearning(GaussianNB()), CleanLearning()):
        with pytest.raises(NotFittedError, match="CleanLearning instance is not fitted yet"):
            getattr(model, method)(*((X, Y) if method == "score" else (X,)))
        assert not hasattr(model, "n_features_in_")


# -- among other estimators


def test_is_a_step_of_a_pipeline():
    model = make_pipeline(StandardScaler(), CleanLearning(GaussianNB(), seed=0)).fit(X, Y)
    expected = CleanLearning(GaussianNB(), seed=0).fit(StandardScaler().fit_transform(X), Y)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(StandardScaler().fit_transform(X)))
    np.testing.assert_array_equal(model[-1].label_issues_mask, expected.label_issues_mask)
    assert model[:1].transform(X).shape == X.shape
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_is_searched_over(n_jobs):
    grid = {"clf__var_smoothing": [1e-9, 1.0], "cv_n_folds": [2, 4]}
    with parallel_config(backend="threading"):
        search = GridSearchCV(CleanLearning(GaussianNB(), seed=0), grid, cv=3, n_jobs=n_jobs).fit(X, Y)
    assert set(search.best_params_) == set(grid)
    for candidate, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        alone = CleanLearning(GaussianNB(), seed=0).set_params(**candidate)
        assert cross_val_score(alone, X, Y, cv=3).mean() == score
    np.testing.assert_array_equal(search.best_estimator_.predict(X), search.predict(X))


def test_a_search_may_be_the_inner_classifier():
    inner = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-1]}, cv=2)
    model = CleanLearning(inner, cv_n_folds=2).fit(X, Y)
    assert model.clf_.best_params_["var_smoothing"] in (1e-9, 1e-1)
    assert model.score(X, Y) == model.clf_.score(X, Y)


@pytest.mark.parametrize(
    "around",
    [
        lambda model: BaggingClassifier(model, 3, random_state=0),
        lambda model: VotingClassifier([("a", model), ("b", GaussianNB())], voting="soft"),
        lambda model: StackingClassifier([("a", model)], GaussianNB()),
        lambda model: CleanLearning(model, cv_n_folds=2),
    ],
    ids=["bagging", "voting", "stacking", "twice"],
)
def test_is_part_of_an_ensemble(around):
    model = around(CleanLearning(GaussianNB(), cv_n_folds=3)).fit(X, NAMES[Y])
    assert set(model.predict(X)) <= set(NAMES[:3])
    assert model.score(X, NAMES[Y]) > 0.5


def test_cross_validation_of_others_takes_it():
    model = CleanLearning(GaussianNB(), cv_n_folds=2)
    assert cross_val_predict(model, X, NAMES[Y], cv=3, method="predict_proba").shape == (len(Y), 3)
    assert cross_val_score(model, X, Y, cv=3, scoring="roc_auc_ovr").min() > 0.5


def test_html_and_tags_do_without_fit():
    assert "CleanLearning" in CleanLearning(GaussianNB())._repr_html_()
    tags = sklearn.utils.get_tags(CleanLearning(RandomForestClassifier()))
    assert tags.estimator_type == "classifier"
    assert tags.input_tags.sparse
    assert not sklearn.utils.get_tags(CleanLearning(GaussianNB())).input_tags.sparse
    assert sklearn.utils.get_tags(CleanLearning(object())).estimator_type == "classifier"


# -- metadata routing


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


class Notes(GaussianNB):
    """Notes the weights it is given."""

    weights: list = []  # noqa: RUF012 -- shared on purpose: clones must leave their notes in one place

    def fit(self, X, y, sample_weight=None, epochs=None):
        self.weights.append((sample_weight, epochs))
        return super().fit(X, y, sample_weight)


@pytest.fixture
def notes():
    Notes.weights.clear()
    return Notes.weights


WEIGHTS = np.linspace(1, 2, len(Y))


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_to_the_classifier_that_asks(notes):
    model = CleanLearning(Notes().set_fit_request(sample_weight=True, epochs=True))
    model.fit(X, Y, sample_weight=WEIGHTS, epochs=7)
    weights, epochs = zip(*notes, strict=True)
    np.testing.assert_array_equal(weights[-1], WEIGHTS[~model.label_issues_mask])
    assert all(given is None for given in weights[:-1])  # the folds do without, as in the reference
    assert epochs == (7,) * 6


@pytest.mark.usefixtures("routing")
def test_weights_go_through_pipelines_and_searches(notes):
    clf = Notes().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    inner = CleanLearning(clf, cv_n_folds=2)
    pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), inner)
    pipeline.fit(X, Y, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(notes[-1][0], WEIGHTS[~pipeline[-1].label_issues_mask])
    search = GridSearchCV(pipeline, {"cleanlearning__cv_n_folds": [2, 3]}, cv=2)
    search.fit(X, Y, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(notes[-1][0], WEIGHTS[~search.best_estimator_[-1].label_issues_mask])


@pytest.mark.usefixtures("routing")
def test_weights_nobody_asked_for_are_refused():
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
        CleanLearning(Notes()).fit(X, Y, sample_weight=WEIGHTS)
    with pytest.raises(TypeError, match="foo"):
        CleanLearning(Notes()).fit(X, Y, foo=WEIGHTS)


@pytest.mark.usefixtures("routing")
def test_pred_probs_and_groups_are_requested_in_pipelines():
    model = CleanLearning(GaussianNB()).set_fit_request(pred_probs=True, groups=True, label_issues=True)
    pipeline = make_pipeline(StandardScaler(), model)
    pipeline.fit(X, Y, pred_probs=P)
    expected = CleanLearning(GaussianNB()).find_label_issues(labels=Y, pred_probs=P)
    pd.testing.assert_frame_equal(pipeline[-1].get_label_issues().drop(columns="sample_weight"), expected)
    groups = np.arange(len(Y)) // 2
    pipeline.fit(X, Y, groups=groups)
    alone = CleanLearning(GaussianNB()).fit(StandardScaler().fit_transform(X), Y, groups=groups)
    np.testing.assert_array_equal(pipeline[-1].label_issues_mask, alone.label_issues_mask)
    mask = np.arange(len(Y)) % 7 == 0
    np.testing.assert_array_equal(pipeline.fit(X, Y, label_issues=mask)[-1].label_issues_mask, mask)


@pytest.mark.usefixtures("routing")
def test_pred_probs_and_groups_are_cut_by_a_search():
    model = CleanLearning(GaussianNB()).set_fit_request(pred_probs=True, groups=True)
    groups = np.arange(len(Y)) // 3
    for arguments in ({"pred_probs": P}, {"groups": groups}):
        search = GridSearchCV(model, {"clf__var_smoothing": [1e-9, 1e-2]}, cv=GroupKFold(3))
        search.fit(X, Y, **{"groups": groups} | arguments)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_to_scores():
    model = CleanLearning(GaussianNB().set_score_request(sample_weight=True)).fit(X, Y)
    assert model.score(X, Y, sample_weight=WEIGHTS) == model.clf_.score(X, Y, sample_weight=WEIGHTS)
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
        CleanLearning(GaussianNB()).fit(X, Y).score(X, Y, sample_weight=WEIGHTS)


def test_without_routing_arguments_of_methods_go_through():
    forest = CleanLearning(KNeighborsClassifier(5)).fit(X, Y)
    np.testing.assert_array_equal(forest.predict(X), forest.clf_.predict(X))
    model = CleanLearning(GaussianNB()).fit(X, Y)
    assert model.score(X, Y, sample_weight=WEIGHTS) == model.clf_.score(X, Y, sample_weight=WEIGHTS)
    with pytest.raises(TypeError, match="unexpected keyword"):
        model.predict(X, batch_size=3)


# -- the same answer however it is run


def outcome(model):
    """All numbers a fitted model holds."""
    return (
        model.label_issues_mask,
        model.label_issues_df["label_quality"].to_numpy(),
        model.noise_matrix,
        model.sample_weight,
        model.predict_proba(X),
    )


def assert_same_outcome(model, expected):
    for ours, theirs in zip(outcome(model), outcome(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("n_jobs", [1, 2, -1, 7])
def test_fit_is_thread_agnostic(n_jobs):
    expected = CleanLearning(GaussianNB()).fit(X, Y)
    options = {"n_jobs": n_jobs, "find_label_issues_kwargs": {"n_jobs": n_jobs}}
    assert_same_outcome(CleanLearning(GaussianNB(), **options).fit(X, Y), expected)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_fit_is_backend_agnostic(backend):
    expected = CleanLearning(GaussianNB()).fit(X, Y)
    with parallel_config(backend=backend, n_jobs=2):
        assert_same_outcome(CleanLearning(GaussianNB()).fit(X, Y), expected)


def test_a_random_classifier_is_thread_agnostic():
    models = (CleanLearning(RandomForestClassifier(5, random_state=0), n_jobs=n).fit(X, Y) for n in (1, 2))
    assert_same_outcome(*models)


def test_seeds_of_every_kind():
    def fitted(seed):
        return CleanLearning(GaussianNB(), seed=seed).fit(X, Y)

    assert_same_outcome(fitted(None), fitted(0))
    assert_same_outcome(fitted(3), fitted(np.int64(3)))
    assert_same_outcome(fitted(3), fitted(np.random.RandomState(3)))
    assert_same_outcome(fitted(np.random.default_rng(3)), fitted(np.random.default_rng(3)))
    qualities = [fitted(seed).label_issues_df["label_quality"].to_numpy() for seed in (0, 1, np.random.default_rng(1))]
    assert (qualities[0] != qualities[1]).any()
    assert (qualities[1] != qualities[2]).any()
    used = np.random.RandomState(3)
    first, second = (CleanLearning(GaussianNB(), seed=used).find_label_issues(X, Y) for _ in range(2))
    assert (first["label_quality"] != second["label_quality"]).any()  # a generator is drawn from


def test_one_unfitted_object_serves_many_threads():
    shared = CleanLearning(GaussianNB(), seed=0)
    data = [(X, Y), (OTHER_X, OTHER_Y)] * 8
    expected = [CleanLearning(GaussianNB(), seed=0).find_label_issues(*rows) for rows in data[:2]]
    start = threading.Barrier(4)

    def find(rows):
        start.wait()
        return shared.find_label_issues(*rows)

    with ThreadPoolExecutor(4) as pool:
        for table, wanted in zip(pool.map(find, data), expected * 8, strict=True):
            pd.testing.assert_frame_equal(table, wanted)


def test_one_object_is_fitted_in_many_threads():
    """Who is last wins, but every fit is of one data set: its weights and mask never meet rows of another."""
    shared = CleanLearning(GaussianNB(), seed=0)
    data = [(X, Y), (X[::-1], Y[::-1])] * 6
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda rows: shared.fit(*rows), data))
    assert_same_outcome(shared.fit(X, Y), CleanLearning(GaussianNB(), seed=0).fit(X, Y))


# -- nothing left behind


class Vandal(GaussianNB):
    """Overwrites whatever it is given."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X.copy(), y.copy(), None if sample_weight is None else sample_weight.copy())
        X[...], y[...] = -1, 0
        if sample_weight is not None:
            sample_weight[...] = 0
        return self


@pytest.mark.parametrize("noise", [True, False])
def test_inputs_stay_as_they_are(noise):
    rows, labels, weights, probabilities = X.copy(), Y.copy(), WEIGHTS.copy(), P.copy()
    mask = np.arange(len(Y)) == 3
    arguments = {"clf_final_kwargs": {}, "clf_kwargs": {}}
    for given in ({}, {"pred_probs": probabilities}, {"label_issues": mask}):
        model = CleanLearning(Vandal())
        model.fit(rows, labels, sample_weight=weights if noise else None, **given, **arguments)
        np.testing.assert_array_equal(rows, X)
        np.testing.assert_array_equal(labels, Y)
        np.testing.assert_array_equal(weights, WEIGHTS)
        np.testing.assert_array_equal(probabilities, P)
        np.testing.assert_array_equal(np.flatnonzero(mask), [3])
        assert arguments == {"clf_final_kwargs": {}, "clf_kwargs": {}}
        if model.sample_weight is not None:
            assert (model.sample_weight[~model.label_issues_mask] > 0).all()


def test_read_only_inputs_are_enough():
    rows, labels, probabilities = (np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for a in (X, Y, P))
    expected = CleanLearning(GaussianNB()).fit(X, Y)
    assert_same_outcome(CleanLearning(GaussianNB()).fit(rows, labels), expected)
    CleanLearning(GaussianNB()).fit(rows, labels, pred_probs=probabilities)


def test_s30_global_state_stays_as_it_is():
    state = np.random.get_state()  # noqa: NPY002 -- the global generator is what is tested
    filters, config = list(warnings.filters), sklearn.get_config()
    CleanLearning(GaussianNB(), seed=3).fit(X, Y).predict(X)
    for _ in range(5):
        CleanLearning(GaussianNB(), cv_n_folds=40, n_jobs=4).find_label_issues(X, Y)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(state[1], after[1])
    assert state[2:] == after[2:]
    assert warnings.filters == filters
    assert sklearn.get_config() == config


def test_nothing_is_printed(capfd):
    CleanLearning(GaussianNB(), verbose=True, low_memory=True).fit(X, Y).get_label_issues()
    assert capfd.readouterr() == ("", "")


# -- what fails leaves no half a state


class FailsOnCommand(GaussianNB):
    """Fails in the training that `fail_at` counts, from 1."""

    n_fits = fail_at = 0

    def fit(self, X, y, sample_weight=None):
        type(self).n_fits += 1
        if type(self).n_fits == type(self).fail_at:
            raise RuntimeError("out of memory")
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("fail_at", [1, 3, 6])
@pytest.mark.parametrize("given", [{}, {"pred_probs": True}, {"label_issues": [1, 2]}])
def test_a_failed_fit_leaves_everything_as_it_was(monkeypatch, fail_at, given):
    monkeypatch.setattr(FailsOnCommand, "fail_at", 0)
    model = CleanLearning(FailsOnCommand()).fit(X, Y)
    before, numbers = dict(vars(model)), outcome(model)
    arguments = given | ({"pred_probs": np.full((len(OTHER_Y), 2), 0.5)} if "pred_probs" in given else {})
    monkeypatch.setattr(FailsOnCommand, "n_fits", 0)
    monkeypatch.setattr(FailsOnCommand, "fail_at", 1 if given else fail_at)
    with pytest.raises(RuntimeError, match="out of memory"):
        model.fit(OTHER_X, OTHER_Y, **arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)
    for now, then in zip(outcome(model), numbers, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("fail_at", [1, 6])
def test_a_failed_first_fit_leaves_an_unfitted_object(monkeypatch, fail_at):
    monkeypatch.setattr(FailsOnCommand, "n_fits", 0)
    monkeypatch.setattr(FailsOnCommand, "fail_at", fail_at)
    model = CleanLearning(FailsOnCommand())
    with pytest.raises(RuntimeError, match="out of memory"):
        model.fit(X, Y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert model.label_issues_df is None
    assert not hasattr(model, "classes_")
    monkeypatch.setattr(FailsOnCommand, "fail_at", 0)
    assert_same_outcome(model.fit(X, Y), CleanLearning(GaussianNB()).fit(X, Y))


def test_interrupts_pass_through():
    class Interrupted(BaseEstimator):
        def fit(self, X, y):
            raise KeyboardInterrupt

        predict = predict_proba = fit

    with pytest.raises(KeyboardInterrupt):
        CleanLearning(Interrupted()).fit(X, Y)


# -- issues given


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series])
def test_issues_given_in_any_container(kind):
    labels = np.arange(5)
    np.testing.assert_array_equal(issues_given(kind([3, 1]), labels), [False, True, False, True, False])
    np.testing.assert_array_equal(issues_given(kind([True, False, True, False, False]), labels), [1, 0, 1, 0, 0])


@pytest.mark.parametrize("nothing", [[], (), np.empty(0, int), np.zeros(5, bool)])
def test_issues_given_may_be_none_at_all(nothing):
    assert not issues_given(nothing, np.arange(5)).any()


def test_issues_table_keeps_the_columns_of_the_caller_first():
    given = pd.DataFrame({"mine": [5, 6], "is_label_issue": [True, False], "given_label": [1, 0]})
    table = issues_table(given, np.array([True, False]), {"given_label": np.array([1, 0])})
    assert list(table.columns) == ["is_label_issue", "mine", "given_label"]
    assert list(issues_table([0], np.array([True, False]), {}).columns) == ["is_label_issue"]


# -- splitters


@pytest.mark.parametrize(
    "cv",
    [StratifiedKFold(3), list(StratifiedKFold(3).split(X, Y))],
    ids=["splitter", "pairs"],
)
def test_cv_takes_the_place_of_cv_n_folds(cv):
    expected = CleanLearning(GaussianNB(), cv=StratifiedKFold(3)).fit(X, Y)
    assert_same_outcome(CleanLearning(GaussianNB(), cv=cv, cv_n_folds=1).fit(X, Y), expected)
