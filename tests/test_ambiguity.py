"""Rows to disagree on, and labels to rely on: against loops, on data whose answers are known, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from problems import make_problem
from sklearn.metrics import roc_auc_score
from test_real_data import load

from fastcl.ambiguity import find_ambiguous, find_well_labeled
from fastcl.count import get_confident_thresholds
from fastcl.filter import find_label_issues
from fastcl.neighbors import KNNGraph, build_knn_graph


def naive_agreement(labels, pred_probs, neighbors=None):
    """Return the chance that two draws from each row's pooled distribution are alike."""
    scores = []
    for i, row in enumerate(pred_probs):
        own = [] if neighbors is None else [labels[x] for x in neighbors[i]]
        pooled = [float(p) * (1 + own.count(k) / max(len(own), 1)) for k, p in enumerate(row)]
        total = sum(pooled)
        scores.append(sum((q / total) ** 2 for q in pooled) if total else 1 / len(row))
    return np.array(scores)


def naive_well_labeled(labels, pred_probs, neighbors=None, threshold=0.55):
    thresholds = get_confident_thresholds(labels, pred_probs)
    agreement = naive_agreement(labels, pred_probs, neighbors)
    found = []
    for i, (y, row) in enumerate(zip(labels, pred_probs, strict=True)):
        good = row.argmax() == y and row[y] >= thresholds[y] - 1e-6 and agreement[i] >= threshold
        if neighbors is not None:
            own = [labels[x] for x in neighbors[i]]
            good = good and all(own.count(k) <= own.count(y) for k in own)
        found.append(good)
    return np.array(found)


def graph_of(problem, k=10, seed=0):
    """Return a graph in which rows of similar probabilities are neighbours."""
    noise = np.random.default_rng(seed).normal(scale=0.1, size=problem.pred_probs.shape)
    return build_knn_graph(problem.pred_probs.astype(np.float64) + noise, n_neighbors=k, metric="euclidean")


@pytest.mark.parametrize("k", [None, 1, 10])
def test_ambiguity_matches_naive(any_problem, k):
    k = None if k is None else min(k, len(any_problem.labels) - 1)
    graph = None if k is None else graph_of(any_problem, k)
    neighbors = None if graph is None else graph.indices
    found = find_ambiguous(*any_problem.both(), graph)
    expected = naive_agreement(any_problem.labels, any_problem.pred_probs, neighbors)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-12)  # sums in another order
    assert found.cut == pytest.approx(0.55 * np.median(expected), rel=1e-12)
    np.testing.assert_array_equal(found.is_issue, found.scores < 0.55 * np.median(found.scores))
    assert found.summary == found.scores.mean()


@pytest.mark.parametrize("k", [None, 10])
def test_well_labeled_matches_naive(any_problem, k):
    k = None if k is None else min(k, len(any_problem.labels) - 1)
    graph = None if k is None else graph_of(any_problem, k)
    neighbors = None if graph is None else graph.indices
    found = find_well_labeled(*any_problem.both(), graph)
    np.testing.assert_array_equal(found, naive_well_labeled(*any_problem.both(), neighbors))


def test_scores_are_those_of_the_formula():
    pred_probs = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0, 0, 0]])
    labels = [0, 1, 2, 0]
    np.testing.assert_allclose(find_ambiguous(labels, pred_probs).scores, [1, 1 / 2, 1 / 3, 1 / 3])
    graph = KNNGraph(np.ones((4, 1)), np.array([[1], [0], [1], [0]], np.int32), "cosine", 4)
    # the one neighbour doubles its class: row 1 has q = (2/3, 1/3, 0), row 2 (1/4, 1/2, 1/4)
    np.testing.assert_allclose(find_ambiguous(labels, pred_probs, graph).scores, [1, 5 / 9, 3 / 8, 1 / 3])


def test_a_wrong_label_alone_makes_no_row_ambiguous():
    problem = make_problem()
    scores = find_ambiguous(*problem.both()).scores
    others = np.roll(problem.labels, 1)
    np.testing.assert_array_equal(find_ambiguous(others, problem.pred_probs).scores, scores)


def test_well_labeled_are_no_issues_and_fewer_with_a_graph():
    problem = make_problem()
    found = find_well_labeled(*problem.both())
    with_graph = find_well_labeled(*problem.both(), graph_of(problem), threshold=0)
    assert 0 < found.sum() < len(found)
    assert not find_label_issues(*problem.both())[found].any()
    assert not with_graph[~find_well_labeled(*problem.both(), threshold=0)].any()
    assert not find_well_labeled(*problem.both(), threshold=1).any()


@pytest.mark.parametrize("n_jobs", [2, 5])
def test_ambiguity_is_thread_agnostic_and_block_size_agnostic(n_jobs, monkeypatch):
    problem = make_problem(3_001)
    graph = graph_of(problem)
    scores, found = find_ambiguous(*problem.both(), graph, n_jobs=1).scores, find_well_labeled(*problem.both(), graph)
    monkeypatch.setattr("fastcl.engine.blocks.BLOCK_BYTES", 10_000)
    np.testing.assert_array_equal(find_ambiguous(*problem.both(), graph, n_jobs=n_jobs).scores, scores)
    np.testing.assert_array_equal(find_well_labeled(*problem.both(), graph, n_jobs=n_jobs), found)


def test_ambiguity_takes_names_matrices_and_slices():
    problem = make_problem()
    graph = graph_of(problem)
    names = np.array([*"abcdefg"])[problem.labels]
    expected = find_ambiguous(*problem.both(), graph[:, :4]).scores
    np.testing.assert_array_equal(find_ambiguous(names, problem.pred_probs, graph[:, :4].to_csr()).scores, expected)


def test_ambiguity_takes_blocks_without_a_graph():
    problem = make_problem()
    blocks = [(problem.labels[i : i + 100], problem.pred_probs[i : i + 100]) for i in range(0, 1_003, 100)]
    np.testing.assert_array_equal(find_ambiguous(None, blocks).scores, find_ambiguous(*problem.both()).scores)
    np.testing.assert_array_equal(find_well_labeled(None, blocks), find_well_labeled(*problem.both()))
    with pytest.raises(ValueError, match="`labels` must be given as an array"):
        find_ambiguous(None, blocks, graph_of(problem))


PROBLEM = make_problem(203)
GRAPH = graph_of(PROBLEM)


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (ValueError, "made for other data", {"graph": graph_of(make_problem(101))}),
        (ValueError, "among themselves", {"graph": KNNGraph(GRAPH.distances, GRAPH.indices, "cosine", 900)}),
        (TypeError, "KNNGraph or a scipy sparse matrix", {"graph": np.eye(203)}),
        (ValueError, "`threshold` must lie in", {"threshold": 1.5}),
        (TypeError, "`threshold` must be a number", {"threshold": "low"}),
        (ValueError, "`n_jobs` must be", {"n_jobs": 0}),
    ],
)
@pytest.mark.parametrize("function", [find_ambiguous, find_well_labeled])
def test_ambiguity_rejects(function, error, words, options):
    with pytest.raises(error, match=words):
        function(*PROBLEM.both(), **options)


@pytest.mark.parametrize("function", [find_ambiguous, find_well_labeled])
def test_ambiguity_rejects_what_is_no_probability(function):
    pred_probs = PROBLEM.pred_probs.copy()
    pred_probs[7, 1] = np.nan
    with pytest.raises(ValueError, match="nan in row 7"):
        function(PROBLEM.labels, pred_probs)


# -- real data


def blended_mnist(real_data):
    """Return features, labels and what was done to each row: 0 nothing, 1 blended with another class, 2 relabelled."""
    from sklearn.decomposition import PCA

    problem, _ = load(real_data / "label_errors" / "mnist.npz")
    labels = problem.labels.copy()
    pixels = np.load(real_data / "image" / "mnist_test_10k.npz")["x"].reshape(len(labels), -1) / 255
    features = PCA(50, random_state=0).fit_transform(pixels)
    rng = np.random.default_rng(0)
    kind = rng.choice(3, len(labels), p=[0.9, 0.05, 0.05])
    blended = features.copy()
    for i in np.flatnonzero(kind == 1):
        j = rng.choice(np.flatnonzero(problem.labels != problem.labels[i]))
        blended[i] = (features[i] + features[j]) / 2
        labels[i] = problem.labels[rng.choice([i, j])]
    relabelled = np.flatnonzero(kind == 2)
    labels[relabelled] = (problem.labels[relabelled] + rng.integers(1, 10, relabelled.size)) % 10
    return blended, labels, kind


def test_blends_of_two_digits_are_ambiguous_and_wrong_labels_are_not(real_data):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import cross_val_predict

    features, labels, kind = blended_mnist(real_data)
    pred_probs = cross_val_predict(LinearDiscriminantAnalysis(), features, labels, cv=3, method="predict_proba")
    graph = build_knn_graph(features, n_neighbors=10)
    scores = find_ambiguous(labels, pred_probs, graph).scores
    assert roc_auc_score(kind[kind != 2] == 1, -scores[kind != 2]) > 0.77
    assert roc_auc_score(kind[kind != 0] == 1, -scores[kind != 0]) > 0.77
    assert abs(roc_auc_score(kind[kind != 1] == 2, -scores[kind != 1]) - 0.5) < 0.03


# share of wrong labels among all rows, and the most there may be among those said to be right
WELL_LABELED = [
    ("cl_cifar10/sparsity0.0_noise0.2.npz", "pred_probs", "noisy", "true", 0.199, 0.004, 0.40),
    ("cl_cifar10/sparsity0.0_noise0.4.npz", "pred_probs", "noisy", "true", 0.399, 0.004, 0.17),
    ("text/banking77.npz", "pred_probs_noisy8", "noisy8", "given", 0.083, 0.0001, 0.5),
    ("tabular/letter.npz", "pred_probs", "noisy", "true", 0.105, 0.0005, 0.5),
]


@pytest.mark.parametrize(("file", "probabilities", "noisy", "true", "base", "wrong", "kept"), WELL_LABELED)
def test_well_labeled_rows_are_right(real_data, file, probabilities, noisy, true, base, wrong, kept):
    problem, arrays = load(real_data / file, probabilities, noisy)
    is_wrong = arrays[true] != problem.labels
    found = find_well_labeled(*problem.both())
    assert is_wrong.mean() == pytest.approx(base, abs=0.001)
    assert is_wrong[found].mean() <= wrong
    assert found.mean() > kept
