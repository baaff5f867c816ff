"""New rows by a finished audit: against loops, against the audit itself, in any batches, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import scipy.stats
from datalab_problems import Problem, blobs, label_sets, numbers
from problems import make_problem
from test_real_data import load

import fastcl.datalab.monitoring.judges as judges
from fastcl import Datalab
from fastcl.count import get_confident_thresholds
from fastcl.datalab import check
from fastcl.datalab.check import CHECKS, Finding
from fastcl.datalab.monitoring.fitted import NO_FEATURES
from fastcl.filter import find_label_issues
from fastcl.neighbors import build_knn_graph, query
from fastcl.neighbors.build import SearchedRows

NAMES = np.array(["ant", "bee", "cat", "dog", "eel", "fox", "gnu"])
K = 10  # neighbours of an audit


def naive_label(labels, pred_probs, thresholds):
    """Return flags, scores and predictions: another class than the given one is confident, and beats it."""
    flags, scores, predicted = [], [], []
    for y, row in zip(labels, pred_probs, strict=True):
        top = int(row.argmax())
        confident = [k for k in range(len(row)) if row[k] >= thresholds[k] - 1e-6]
        chosen = confident[0] if len(confident) == 1 else top
        flags.append(y >= 0 and bool(confident) and chosen != y and top != y)
        scores.append(row[y] if y >= 0 else math.nan)
        predicted.append(top)
    return flags, scores, predicted


def naive_distances(new, data, metric):
    """Return the distance of each new row to each row of the data."""
    table = []
    for x in new.astype(np.float64):
        row = []
        for y in data.astype(np.float64):
            if metric == "cosine":
                row.append(max(0.0, 1 - x @ y / math.sqrt((x @ x) * (y @ y))))
            else:
                row.append(math.sqrt(((x - y) ** 2).sum()))
        table.append(row)
    return np.array(table)


def audit(problem, names=None, issue_types=None, **inputs):
    """Return a lab that has run its checks."""
    column = problem.labels if names is None else names[problem.labels]
    lab = Datalab({"y": column}, label_name="y", verbosity=0)
    inputs = inputs or {"pred_probs": problem.pred_probs, "features": problem.features}
    lab.find_issues(**inputs, issue_types=issue_types)
    assert not lab.failed
    return lab


def some_new(n=61, like=None, seed=9):
    """Return rows that the audit has not seen, and with them some that it has, and one that is nearly one."""
    rng = np.random.default_rng(seed)
    problem = like or blobs()
    rows = rng.choice(len(problem.labels), n, replace=False)
    features = problem.features[rows] + rng.normal(size=(n, problem.features.shape[1])) * 0.3
    features[:4], features[4] = problem.features[[7, 50, 3, 20]], problem.features[30] + 1e-5
    features[5] *= 40
    pred_probs = rng.dirichlet(np.ones(problem.pred_probs.shape[1]) * 0.4, n)
    return Problem(problem.labels[rows], pred_probs, features)


@pytest.fixture(scope="module")
def lab():
    return audit(blobs(), NAMES)


@pytest.fixture(scope="module")
def monitor(lab):
    return lab.monitor()


# -- labels


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore:Rows of `pred_probs` sum to")
@pytest.mark.parametrize("options", [{}, {"eighths": True}, {"never_given": (2,)}, {"n_rows": 157, "strength": 1.0}])
def test_label_scores_and_flags_of_audited_rows_are_those_of_the_audit(options, dtype):
    problem = make_problem(**options).as_type(dtype)
    labels, pred_probs = problem.both()
    lab = Datalab({"y": labels}, label_name="y", class_names=list(range(problem.n_classes)))
    lab.find_issues(pred_probs=pred_probs, issue_types=["label"])
    table = lab.score_new(labels=labels, pred_probs=pred_probs)
    audited = lab.get_issues("label")
    for column in ("label_score", "given_label", "predicted_label"):
        np.testing.assert_array_equal(table[column], audited[column])
    thresholds = get_confident_thresholds(labels, pred_probs)
    expected = find_label_issues(labels, pred_probs, filter_by="confident_learning", thresholds=thresholds)
    np.testing.assert_array_equal(table.is_label_issue, expected)
    assert 0 < expected.sum() < len(labels)


@pytest.mark.parametrize("names", [None, NAMES, NAMES[::-1]])
def test_label_matches_naive(names):
    problem = make_problem(503)
    values = np.arange(7) if names is None else names
    lab = Datalab({"y": values[problem.labels]}, label_name="y", class_names=values.tolist())
    lab.find_issues(pred_probs=problem.pred_probs, issue_types=["label"])
    new = make_problem(211, seed=5, strength=1.0)
    column = values[new.labels].astype(object)
    column[::13] = None
    codes = np.where(np.arange(211) % 13 == 0, -1, new.labels)
    table = lab.score_new(labels=column, pred_probs=new.pred_probs)
    thresholds = get_confident_thresholds(*problem.both())
    flags, scores, predicted = naive_label(codes, new.pred_probs, thresholds)
    np.testing.assert_array_equal(table.is_label_issue, flags)
    np.testing.assert_array_equal(table.label_score, scores)
    np.testing.assert_array_equal(table.predicted_label, values[predicted])
    assert table.given_label[::13].isna().all()
    assert 5 < sum(flags) < 150


def test_rows_without_labels_get_a_suggestion_and_no_flag(monitor):
    new = some_new()
    table = monitor.score_new(pred_probs=new.pred_probs)
    assert list(table) == ["predicted_label"]
    np.testing.assert_array_equal(table.predicted_label, NAMES[new.pred_probs.argmax(axis=1)])
    table = monitor.score_new(pred_probs=new.pred_probs, labels=[None] * len(new.labels))
    assert table.label_score.isna().all()
    assert not table.is_label_issue.any()


def test_classes_follow_the_columns_of_the_audit():
    problem, new = make_problem(503, 4), make_problem(97, 4, seed=3)
    order = ["dog", "bee", "ant", "cat"]  # not sorted; arrays without names follow `class_names`, which are
    frame = pd.DataFrame(problem.pred_probs, columns=order)
    lab = Datalab({"y": np.array(order)[problem.labels]}, label_name="y")
    lab.find_issues(pred_probs=frame, issue_types=["label"])
    labels = np.array(order)[new.labels]
    named = pd.DataFrame(new.pred_probs, columns=order)
    found = lab.score_new(labels=labels, pred_probs=named[["cat", "ant", "dog", "bee"]])
    pd.testing.assert_frame_equal(lab.score_new(labels=labels, pred_probs=named[lab.class_names].to_numpy()), found)
    np.testing.assert_array_equal(found.label_score, new.pred_probs[np.arange(97), new.labels])
    assert lab.get_info("label")["class_names"] == lab.class_names == ["ant", "bee", "cat", "dog"]


def test_labels_come_from_the_column_of_new_data(lab, monitor):
    new = some_new()
    direct = monitor.score_new(labels=NAMES[new.labels], pred_probs=new.pred_probs)
    for data in (
        {"y": NAMES[new.labels]},
        pd.DataFrame({"y": NAMES[new.labels]}, index=range(100, 161)),
        pd.DataFrame({"y": pd.Categorical(NAMES[new.labels])}),
    ):
        pd.testing.assert_frame_equal(monitor.score_new(data=data, pred_probs=new.pred_probs), direct)
    other = monitor.score_new(data={"x": new.labels}, pred_probs=new.pred_probs)
    assert list(other) == ["predicted_label"]


def test_declared_classes_of_a_dataset_are_read_as_names(monitor):
    datasets = pytest.importorskip("datasets")
    new = some_new()
    features = datasets.Features({"y": datasets.ClassLabel(names=NAMES[:5].tolist()[::-1])})
    data = datasets.Dataset.from_dict({"y": 4 - new.labels}, features=features)
    table = monitor.score_new(data=data, pred_probs=new.pred_probs)
    assert table["given_label"][:] == NAMES[new.labels].tolist()


# -- distances


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_distances_match_naive(metric, dtype):
    problem = blobs(307)
    features = problem.features.astype(dtype)
    lab = audit(problem, issue_types={"outlier": {"metric": metric}, "near_duplicate": {"metric": metric}},
                features=features)  # fmt: skip
    new = some_new(like=problem).features.astype(dtype)
    table = lab.score_new(features=new)
    distances = naive_distances(new, features, metric)
    nearest = np.sort(distances, axis=1)[:, :K]
    info, averages = lab.get_info("outlier"), nearest.mean(axis=1)
    # distances have the type of the features; copies are exactly 0 here and rounding in the loop
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-7, "atol": 1e-7}
    np.testing.assert_allclose(table.outlier_score, np.exp(-averages / info["scaling_factor"]), **tolerance)
    np.testing.assert_array_equal(table.is_outlier_issue, averages > info["issue_threshold"])
    np.testing.assert_allclose(table.distance_to_nearest_neighbor, nearest[:, 0], **tolerance)
    median = lab.get_info("near_duplicate")["median_distance_to_nearest_neighbor"]
    np.testing.assert_array_equal(table.is_near_duplicate_issue, nearest[:, 0] < 0.13 * median)
    np.testing.assert_allclose(table.near_duplicate_score, 1 - np.exp(-nearest[:, 0] / median), **tolerance)
    np.testing.assert_array_equal(table.nearest_neighbor[4:], distances.argmin(axis=1)[4:])
    assert table.nearest_neighbor[:4].tolist() == [2, 50, 3, 20]  # row 7 is a copy of 2
    assert table.is_near_duplicate_issue[:5].all()
    assert table.is_outlier_issue[5] or metric == "cosine"


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_audited_rows_without_themselves_get_what_the_audit_said(metric, dtype):
    problem = blobs()
    features = np.delete(problem.features, [5, 6, 7, 8], axis=0).astype(dtype)
    labels = {"y": np.delete(problem.labels, [5, 6, 7, 8])}
    lab = Datalab(labels, label_name="y", verbosity=0)
    lab.find_issues(features=features, issue_types={"outlier": {"metric": metric}, "near_duplicate": {}})
    outlier = lab.monitor().judges["outlier"]
    found = outlier.among.rows.nearest(features, K + 1, method="exact")
    other = found.indices != np.arange(len(features))[:, None]
    assert (other.sum(axis=1) == K).all()
    averages = found.distances[other].reshape(-1, K).mean(axis=1)
    scores = judges.distance_scores(averages, scaling_factor=outlier.scaling_factor, metric=metric)
    np.testing.assert_array_equal(scores, lab.get_issues("outlier").outlier_score)
    np.testing.assert_array_equal(averages > outlier.cut, lab.get_issues("outlier").is_outlier_issue)


@pytest.mark.parametrize("left_out", [0, 20, 50, 123])
def test_a_row_left_out_of_the_audit_is_judged_as_an_audit_with_it_would(left_out):
    problem = blobs(200)
    whole = audit(problem, issue_types=["outlier", "near_duplicate"], features=problem.features)
    rest = Problem(*(np.delete(values, left_out, axis=0) for values in problem))
    lab = audit(rest, issue_types=["outlier", "near_duplicate"], features=rest.features)
    table = lab.score_new(features=problem.features[left_out : left_out + 1])
    judged = whole.issues.iloc[left_out]
    assert bool(table.is_outlier_issue[0]) == judged.is_outlier_issue
    assert bool(table.is_near_duplicate_issue[0]) == judged.is_near_duplicate_issue
    # only the medians that scores are divided by differ: one row of 200 has left
    assert table.outlier_score[0] == pytest.approx(judged.outlier_score, abs=0.02)
    assert table.near_duplicate_score[0] == pytest.approx(judged.near_duplicate_score, abs=0.02)


@pytest.mark.parametrize("kind", ["float32", "float64", "mixed", "sparse"])
@pytest.mark.parametrize("colliding", [False, True])
def test_exact_duplicates_match_naive(kind, colliding, monkeypatch):
    rng = np.random.default_rng(0)
    data, new = (rng.integers(-1, 2, (n, 3)).astype(np.float64) for n in (83, 47))
    data[data[:, 0] == 0, 0] = -0.0
    if kind == "mixed":
        new[::5, 0] += 1e-12  # the same once it is float32, but not the same
    if colliding:
        zeros = lambda values, **_: np.zeros(values.shape[0], np.uint64)  # noqa: E731
        monkeypatch.setattr("fastcl.datalab.monitoring.judges.hash_rows", zeros)
    lab_values = data.astype(np.float32) if kind in ("float32", "mixed") else data
    lab = Datalab({"y": rng.integers(0, 2, 83)}, label_name="y", verbosity=0)
    given = sp.csr_matrix(data) if kind == "sparse" else lab_values
    lab.find_issues(features=given, issue_types=["exact_duplicate", "near_duplicate"])
    monitor = lab.monitor()
    if colliding:
        monitor.judges["exact_duplicate"].among.rows.hashes[:] = 0
    values = sp.csr_matrix(new) if kind == "sparse" else new.astype(np.float32) if kind == "float32" else new
    table = monitor.score_new(features=values)
    expected = [next((i for i, y in enumerate(data) if (x == y).all()), -1) for x in new]
    np.testing.assert_array_equal(table.exact_duplicate_of, expected)
    np.testing.assert_array_equal(table.is_exact_duplicate_issue, np.array(expected) >= 0)
    np.testing.assert_array_equal(table.exact_duplicate_score, np.array(expected) < 0)
    assert 5 < sum(row >= 0 for row in expected) < 47


def test_neighbours_are_those_of_query():
    problem = blobs()
    graph = build_knn_graph(problem.features, n_neighbors=4)
    searched = SearchedRows(graph)
    for n in (1, 17, 61):
        new = some_new().features[:n]
        once, again = query(new, graph), searched.nearest(new)
        np.testing.assert_array_equal(once.indices, again.indices)
        np.testing.assert_array_equal(once.distances, again.distances)


# -- other checks


@pytest.mark.parametrize("with_graph", [False, True])
def test_ambiguity_matches_naive(with_graph):
    problem = blobs()
    inputs = {"pred_probs": problem.pred_probs} | ({"features": problem.features} if with_graph else {})
    lab = audit(problem, **inputs)
    new = some_new()
    table = lab.score_new(pred_probs=new.pred_probs, features=new.features if with_graph else None)
    nearest = naive_distances(new.features, problem.features, "cosine").argsort(axis=1, kind="stable")[:, :K]
    expected = []
    for row, near in zip(new.pred_probs, nearest, strict=True):
        votes = [np.mean(problem.labels[near] == k) if with_graph else 0.0 for k in range(5)]
        pooled = row * (1 + np.array(votes))
        expected.append(((pooled / pooled.sum()) ** 2).sum())
    rows = slice(4, None)  # the first are copies of rows with copies: the loop breaks their ties by rounding
    np.testing.assert_allclose(table.ambiguous_score[rows], expected[rows], rtol=1e-12)  # sums in another order
    np.testing.assert_array_equal(table.is_ambiguous_issue, table.ambiguous_score < lab.get_info("ambiguous")["cut"])
    assert 0 < table.is_ambiguous_issue.sum() < 61


def test_outliers_by_probabilities_are_those_of_the_audit():
    problem = make_problem(503)
    lab = Datalab({"y": problem.labels}, label_name="y")
    lab.find_issues(pred_probs=problem.pred_probs, issue_types={"outlier": {"threshold": 0.6}})
    table = lab.score_new(pred_probs=problem.pred_probs)
    pd.testing.assert_frame_equal(table, lab.get_issues("outlier"))
    assert 0 < table.is_outlier_issue.sum() < 503


@pytest.mark.parametrize("kind", ["array", "float32", "frame", "polars"])
def test_rows_that_lack_values_have_no_distances(monitor, lab, kind):
    new = some_new(9)
    features = new.features.copy()
    features[1], features[3, 2] = np.nan, np.nan
    whole = monitor.score_new(features=new.features, pred_probs=new.pred_probs)
    given = {"array": features, "float32": features.astype(np.float32), "frame": pd.DataFrame(features),
             "polars": pl.DataFrame(features)}[kind]  # fmt: skip
    table = monitor.score_new(features=given, pred_probs=new.pred_probs)
    table = table.to_pandas() if kind == "polars" else table
    assert table.is_null_issue.tolist() == [i == 1 for i in range(9)]
    np.testing.assert_array_equal(table.null_score, [1, 0, 1, 1 - 1 / 12, 1, 1, 1, 1, 1])
    for name in ("outlier", "near_duplicate", "exact_duplicate", "ambiguous"):
        assert table[f"{name}_score"].isna().tolist() == [i in (1, 3) for i in range(9)]
        assert not table[f"is_{name}_issue"][[1, 3]].any()
    assert table.nearest_neighbor[[1, 3]].tolist() == [-1, -1]
    if kind == "array":
        complete = [0, 2, 4, 5, 6, 7, 8]
        pd.testing.assert_frame_equal(table.iloc[complete], whole.iloc[complete])


def test_a_batch_without_any_complete_row_is_judged(monitor):
    table = monitor.score_new(features=np.full((2, 12), np.nan))
    assert table.is_null_issue.all()
    assert table.outlier_score.isna().all()


def test_texts_get_what_the_audit_said():
    rng = np.random.default_rng(0)
    texts = [" ".join(["word"] * n) for n in rng.integers(5, 12, 200)]
    texts[3:7] = ["", "hi", "x " * 900, "mail me: jane@example.com"]
    lab = Datalab({"text": texts, "y": rng.integers(0, 2, 200)}, label_name="y", text_key="text", verbosity=0)
    lab.find_issues()
    monitor = lab.monitor()
    table = monitor.score_new(data={"text": texts})
    for name in ("empty_text", "short_text", "long_text", "pii"):
        pd.testing.assert_frame_equal(table[list(lab.get_issues(name))], lab.get_issues(name))
        assert table[f"is_{name}_issue"].sum() == 1
    one = monitor.score_new(data=[{"text": "hi"}])
    assert one.is_short_text_issue.all()
    assert "repeated_text" in monitor.left_out


# -- laws


def test_batches_and_threads_make_no_difference(monitor):
    new = some_new()
    new.features[7] = np.nan
    brought = {"labels": NAMES[new.labels], "pred_probs": new.pred_probs, "features": new.features}
    whole = monitor.score_new(**brought, n_jobs=1)
    for n_jobs in (2, 5, None):
        pd.testing.assert_frame_equal(monitor.score_new(**brought, n_jobs=n_jobs), whole)
    for size in (1, 7, 60):
        parts = [
            monitor.score_new(**{name: values[start : start + size] for name, values in brought.items()})
            for start in range(0, 61, size)
        ]
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)


def test_lab_and_inputs_stay_as_they_are(lab):
    new = some_new()
    new.features[2, 2] = np.nan
    before, copies = lab.issues, [values.copy() for values in new]
    for values in new:
        values.flags.writeable = False
    lab.score_new(labels=NAMES[new.labels], pred_probs=new.pred_probs, features=new.features)
    pd.testing.assert_frame_equal(lab.issues, before)
    for values, copied in zip(new, copies, strict=True):
        np.testing.assert_array_equal(values, copied)


def test_named_features_are_matched_by_name():
    problem, new = blobs(), some_new()
    names = [f"x{j}" for j in range(12)]
    lab = audit(problem, features=pd.DataFrame(problem.features, columns=names))
    plain = lab.score_new(features=new.features)
    for library in (pd.DataFrame, pl.DataFrame):
        table = library({name: new.features[:, j] for j, name in reversed(list(enumerate(names)))})
        given = lab.score_new(features=table)
        pd.testing.assert_frame_equal(given if library is pd.DataFrame else given.to_pandas(), plain)
    assert isinstance(given, pl.DataFrame)
    with pytest.raises(ValueError, match="`features` must have the columns of the data audited; got none called 'x0'"):
        lab.score_new(features=pd.DataFrame(new.features, columns=["y0", *names[1:]]))


def test_a_loaded_lab_judges_as_before(lab, monitor, tmp_path):
    new = some_new()
    brought = {"labels": NAMES[new.labels], "pred_probs": new.pred_probs, "features": new.features}
    lab.save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab")
    again = loaded.monitor(features=blobs().features)
    assert again.needs == monitor.needs
    pd.testing.assert_frame_equal(again.score_new(**brought), monitor.score_new(**brought))
    without = loaded.monitor()
    assert set(without.needs) == {"null", "label"}
    assert without.left_out["outlier"] == NO_FEATURES
    with pytest.raises(ValueError, match="`features` must be those that the graph was made of"):
        loaded.monitor(features=blobs(seed=1).features)


def test_findings_of_other_features_are_left_out():
    first, second = blobs(), blobs(seed=4)
    lab = audit(first, features=first.features, issue_types=["outlier"])
    lab.find_issues(features=second.features, issue_types=["near_duplicate"])
    monitor = lab.monitor()
    assert list(monitor.needs) == ["near_duplicate"]
    assert monitor.left_out["outlier"] == "other features were audited since it ran; run it again"


def test_checks_that_compare_rows_are_left_out_and_named(monitor):
    assert set(monitor.left_out) == {
        "non_iid",
        "class_imbalance",
        "underperforming_group",
        "conflicting_labels",
    }
    assert monitor.needs["ambiguous"] == ("features", "pred_probs")
    assert repr(monitor).startswith("Monitor(null: features, label: pred_probs, outlier: features")


def test_a_check_of_the_user_is_left_out(monkeypatch):
    monkeypatch.setitem(CHECKS, "classification", dict(CHECKS["classification"]))

    @check("unlucky", tasks=("classification",))
    def unlucky(evidence):
        """Rows to leave out."""
        return Finding(np.zeros(evidence.n_rows, np.bool_), np.ones(evidence.n_rows))

    lab = audit(blobs(), issue_types=["unlucky", "label"], pred_probs=blobs().pred_probs)
    assert "unlucky" in lab.monitor().left_out


@pytest.mark.parametrize(("task", "problem"), [("multilabel", label_sets()), ("regression", numbers())])
def test_other_tasks_judge_features_and_leave_labels_out(task, problem):
    lab = Datalab({"y": problem.labels}, label_name="y", task=task, verbosity=0)
    lab.find_issues(pred_probs=problem.pred_probs, features=problem.features)
    monitor = lab.monitor()
    assert "whole data set" in monitor.left_out["label"]
    table = monitor.score_new(features=problem.features[:5], pred_probs=problem.pred_probs[:5])
    assert table.is_exact_duplicate_issue.all()


def test_probabilities_made_of_features_judge_no_new_labels():
    problem = blobs()
    monitor = audit(problem, features=problem.features).monitor()
    assert "audit with those of a model" in monitor.left_out["label"]
    assert "audit with those of a model" in monitor.left_out["ambiguous"]


def test_a_graph_from_elsewhere_finds_no_neighbours_of_new_rows():
    problem = blobs()
    graph = build_knn_graph(problem.features, n_neighbors=10)
    monitor = audit(problem, knn_graph=graph.to_csr(), issue_types=["outlier"]).monitor()
    assert monitor.left_out == {"outlier": "the metric of its graph is not known"}
    with pytest.raises(ValueError, match="New rows are judged by no check of this audit"):
        monitor.score_new(features=problem.features)


# -- what is refused


@pytest.mark.parametrize(
    ("brought", "sentence"),
    [
        ({}, "New rows are judged by features for null, outlier, .* Nothing of it came"),
        ({"labels": ["ant"]}, "Only labels came"),
        ({"labels": ["yak"], "pred_probs": [[0.2] * 5]}, "`labels` must be among the class names 'ant', .*; got 'yak'"),
        ({"labels": ["ant"], "pred_probs": [[0.2] * 5] * 2}, "`pred_probs` must have 1 rows, as what else was brought"),
        ({"pred_probs": [[0.3, 0.7]]}, "`pred_probs` must have 5 columns, those of the classes audited; got 2"),
        ({"pred_probs": [[-1.0, 2, 0, 1, 3]]}, "These look like logits"),
        ({"pred_probs": [[np.nan] * 5]}, "`pred_probs` must hold probabilities in .* and no NaN"),
        ({"pred_probs": np.empty((0, 5))}, "`pred_probs` must have at least one row"),
        ({"features": np.empty((0, 12))}, "`features` must have at least one row"),
        ({"features": np.zeros((2, 3))}, r"`features` must have shape \(n_samples, 12\), .*; got shape \(2, 3\)"),
        ({"features": np.zeros(12)}, r"`features` must have shape \(n_samples, 12\)"),
        ({"features": np.full((1, 12), np.inf)}, "`features` must hold finite numbers .* got inf in row 0"),
        ({"features": np.zeros((2, 12)), "data": {"y": ["ant"]}}, "`features` must have 1 rows"),
        ({"data": {"y": []}}, "`data` must have at least one row"),
        ({"features": np.zeros((2, 12)), "n_jobs": 0}, "`n_jobs` must"),
    ],
)
def test_score_new_rejects_what_does_not_fit(monitor, brought, sentence):
    with pytest.raises(ValueError, match=sentence):
        monitor.score_new(**brought)


@pytest.mark.parametrize("features", [5, np.full((1, 12), "a")])
def test_score_new_rejects_what_is_no_matrix_of_numbers(monitor, features):
    with pytest.raises(TypeError, match="`features` must"):
        monitor.score_new(features=features)


def test_monitor_rejects_a_lab_without_findings():
    with pytest.raises(ValueError, match="No check has run yet"):
        Datalab({"y": [0, 1]}, label_name="y").monitor()


# -- shares


def naive_wilson(k, n, z=1.959963984540054):
    middle, half = k + z * z / 2, z * math.sqrt(k * (n - k) / n + z * z / 4)
    return (middle - half) / (n + z * z), (middle + half) / (n + z * z)


def test_compare_matches_naive(lab, monitor):
    new = some_new()
    new.features[9] = np.nan
    table = monitor.score_new(labels=NAMES[new.labels], pred_probs=new.pred_probs, features=new.features)
    compared = monitor.compare(table).set_index("issue_type")
    for name in ("outlier", "near_duplicate", "exact_duplicate", "null"):
        row = compared.loc[name]
        issues, judged = int(table[f"is_{name}_issue"].sum()), 61 - (name != "null")
        audited = int(lab.get_issues(name)[f"is_{name}_issue"].sum())
        assert (row.num_rows, row.num_issues) == (judged, issues)
        assert row.share == issues / judged
        assert row.audited_share == audited / 503
        assert (row.share_low, row.share_high) == pytest.approx(naive_wilson(issues, judged))
        pvalue = scipy.stats.fisher_exact([[issues, judged - issues], [audited, 503 - audited]])[1]
        assert row.p_value == pytest.approx(pvalue)
    assert compared.loc["near_duplicate"].p_value < 0.05 < compared.loc["null"].p_value


def test_the_share_of_labels_is_by_one_rule_or_not_known(lab, monitor):
    problem = blobs()
    flagged = find_label_issues(problem.labels, problem.pred_probs, filter_by="confident_learning").sum()
    table = monitor.score_new(labels=NAMES[problem.labels], pred_probs=problem.pred_probs)
    compared = monitor.compare(table).set_index("issue_type").loc["label"]
    assert compared.num_issues == flagged
    if "num_confident_label_issues" in lab.get_info("label"):
        assert compared.audited_share == flagged / 503
        assert compared.p_value == pytest.approx(1)
    else:
        assert math.isnan(compared.audited_share)
        assert math.isnan(compared.p_value)


def test_compare_classes_matches_naive(monitor):
    new = some_new()
    column = NAMES[new.labels].astype(object)
    column[:3] = None
    table = monitor.score_new(labels=column, pred_probs=new.pred_probs)
    compared = monitor.compare_classes(table)
    assert compared.class_name.tolist() == NAMES[:5].tolist()
    assert compared.num_given.tolist() == [int((new.labels[3:] == k).sum()) for k in range(5)]
    assert (compared.num_rows == 58).all()
    np.testing.assert_array_equal(compared.audited_share, np.bincount(blobs().labels) / 503)


def test_compare_rejects_other_tables(monitor):
    with pytest.raises(ValueError, match="`table` must be what score_new returned; got columns a"):
        monitor.compare(pd.DataFrame({"a": [1]}))
    with pytest.raises(TypeError, match="`table` must be a table that score_new returned; got ndarray"):
        monitor.compare(np.zeros(3))
    with pytest.raises(ValueError, match="`table` must have a column 'given_label'"):
        monitor.compare_classes(pd.DataFrame({"a": [1]}))


def test_compare_answers_in_the_library_of_the_table(monitor):
    new = some_new()
    data = pl.DataFrame({"y": NAMES[new.labels]})
    table = monitor.score_new(data=data, pred_probs=new.pred_probs, features=new.features)
    assert isinstance(table, pl.DataFrame)
    assert isinstance(monitor.compare(table), pl.DataFrame)
    assert isinstance(monitor.compare_classes(table), pl.DataFrame)


# -- real data


def test_tomorrows_half_of_real_data_is_judged_as_todays(real_data):
    problem, _ = load(real_data / "label_errors" / "cifar10.npz")
    labels, pred_probs = problem.both()
    today = np.arange(len(labels)) % 2 == 0
    lab = Datalab({"y": labels[today]}, label_name="y", verbosity=0)
    lab.find_issues(pred_probs=pred_probs[today], issue_types=["label", "outlier"])
    table = lab.score_new(labels=labels[~today], pred_probs=pred_probs[~today])
    whole = find_label_issues(labels, pred_probs, filter_by="confident_learning")[~today]
    assert (table.is_label_issue != whole).mean() < 0.002  # thresholds of half the data are nearly those of all
    compared = lab.monitor().compare(table).set_index("issue_type")
    assert compared.loc["outlier"].p_value > 0.01
