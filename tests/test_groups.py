"""Groups that underperform: clusters against scikit-learn, means against loops, answers against the reference."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

from fastcl.neighbors import KNNGraph, build_knn_graph
from fastcl.neighbors.groups import dbscan, underperforming_group


class Lab:
    """As much of a Datalab as a check of the reference asks for."""

    def __init__(self, labels):
        self.labels = labels

    def get_info(self, _name):
        return {}


def cleanlab_group(labels, pred_probs, graph=None, *, cluster_ids=None, **options):
    """Return the reference's check after it has run, without the silence that its import imposes."""
    with warnings.catch_warnings():
        from cleanlab.datalab.internal.issue_manager.underperforming_group import UnderperformingGroupIssueManager

        check = UnderperformingGroupIssueManager(Lab(labels), **options)
        given = {} if graph is None else {"knn_graph": graph.to_csr()}
        check.find_issues(pred_probs=pred_probs, cluster_ids=cluster_ids, **given)
    return check


def naive_dbscan(graph, eps, min_samples):
    """Return the clusters by the book: grow each from its lowest core row through close rows."""
    n = len(graph)
    close = [[int(x) for x, d in zip(graph.indices[i], graph.distances[i], strict=True) if d <= eps] for i in range(n)]
    ids, cluster = [-1] * n, -1
    for start in range(n):
        if ids[start] != -1 or len(close[start]) + 1 < min_samples:
            continue
        cluster += 1
        waiting = {start}
        while waiting:
            i = waiting.pop()
            ids[i] = cluster
            if len(close[i]) + 1 >= min_samples:
                waiting |= {x for x in close[i] if ids[x] == -1}
    return ids


def naive_group(labels, pred_probs, ids, min_size, threshold):
    """Return (flags, scores, summary, worst id): the cluster of lowest mean self-confidence counts."""
    own = [float(row[y]) for y, row in zip(labels, pred_probs, strict=True)]
    large = [c for c in sorted(set(ids)) if c != -1 and ids.count(c) >= min_size]
    overall = np.mean([p for p, c in zip(own, ids, strict=True) if c in large])
    ratios = {c: np.mean([p for p, mine in zip(own, ids, strict=True) if mine == c]) / overall for c in large}
    below = {c: ratio for c, ratio in ratios.items() if ratio < 1}
    worst = min(below, key=lambda c: (below[c], c), default=None)
    summary = below.get(worst, 1.0)
    worst = worst if summary < threshold else -2
    return [c == worst for c in ids], [below.get(c, 1.0) for c in ids], summary, worst


def euclidean_graph(features, k=10):
    distances, indices = NearestNeighbors(n_neighbors=k).fit(features).kneighbors()
    return KNNGraph(distances.astype(features.dtype), indices.astype(np.int32), "euclidean", len(features))


def make_blobs(n=503, n_blobs=5, n_classes=3, seed=0, dtype=np.float64):
    """Return labels, probabilities and a graph of blobs, on each of which the model is right at another rate."""
    rng = np.random.default_rng(seed)
    blob = rng.integers(0, n_blobs, n)
    features = 4 * rng.normal(size=(n_blobs, 2))[blob] + 0.4 * rng.normal(size=(n, 2))
    labels = rng.integers(0, n_classes, n)
    pred_probs = rng.random((n, n_classes)) + 1e-3
    pred_probs[np.arange(n), labels] += 3 * rng.random(n_blobs)[blob]
    pred_probs /= pred_probs.sum(axis=1, keepdims=True)
    return labels, pred_probs.astype(dtype), euclidean_graph(features.astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("eps", "min_samples"), [(0.1, 4), (0.2, 1), (0.1, 5), (0.3, 11), (0.05, 2), (0, 2), (50, 5)])
def test_clusters_match_naive_and_scikit_learn(eps, min_samples, dtype):
    for seed in range(3):
        _, _, graph = make_blobs(seed=seed, dtype=dtype)
        ids = dbscan(graph, eps=eps, min_samples=min_samples)
        assert ids.tolist() == naive_dbscan(graph, np.asarray(eps, dtype), min_samples)
        expected = DBSCAN(eps=max(eps, 1e-300), min_samples=min_samples, metric="precomputed").fit_predict(
            graph.to_csr()
        )
        np.testing.assert_array_equal(ids, expected)


def test_clusters_follow_the_direction_of_closeness():
    # 3 is close to the core row 0, but nobody names 3: it starts a group of its own
    indices = np.array([[1, 2], [0, 2], [0, 1], [0, 1], [3, 0]], np.int32)
    graph = KNNGraph(np.full((5, 2), 0.1), indices, "euclidean", 5)
    assert dbscan(graph, min_samples=3).tolist() == [0, 0, 0, 1, 2]
    np.testing.assert_array_equal(
        dbscan(graph, min_samples=3), DBSCAN(min_samples=3, metric="precomputed").fit_predict(graph.to_csr())
    )


def test_rows_all_identical_are_one_group():
    graph = build_knn_graph(np.ones((40, 4)), n_neighbors=10)
    np.testing.assert_array_equal(dbscan(graph), DBSCAN(metric="precomputed").fit_predict(graph.to_csr()))


@pytest.mark.parametrize("min_cluster_samples", [1, 5, 60])
@pytest.mark.parametrize("threshold", [0.1, 0.7, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_group_matches_naive(dtype, threshold, min_cluster_samples):
    labels, pred_probs, graph = make_blobs(dtype=dtype)
    options = {"threshold": threshold, "min_cluster_samples": min_cluster_samples}
    found = underperforming_group(labels, pred_probs, graph, eps=0.2, **options)
    is_issue, scores, summary, worst = naive_group(
        labels, pred_probs, found.cluster_ids.tolist(), min_cluster_samples, threshold
    )
    assert found.is_issue.tolist() == is_issue
    # sums in another order
    np.testing.assert_allclose(found.scores, scores, rtol=1e-12)
    np.testing.assert_allclose(found.summary, summary, rtol=1e-12)
    assert found.cluster_id == worst
    assert found.is_clustered
    assert found.sizes.tolist() == [int((found.cluster_ids == c).sum()) for c in found.clusters]
    np.testing.assert_allclose(found.ratios, found.self_confidence / found.mean_self_confidence)


def choice_of_cleanlab(found, threshold):
    """Return the group that the reference chooses: it compares a mean with a ratio (S16)."""
    lowest, chosen = 1.0, -2
    for cluster, mean, ratio in zip(found.clusters, found.self_confidence, found.ratios, strict=True):
        if ratio < 1 and mean < lowest:
            lowest, chosen = ratio, cluster
    return chosen if lowest < threshold else -2


@pytest.mark.parametrize("threshold", [0.1, 0.95])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_group_of_graph_matches_cleanlab_but_for_the_choice(seed, threshold):
    labels, pred_probs, graph = make_blobs(seed=seed)
    found = underperforming_group(labels, pred_probs, graph, eps=0.2, threshold=threshold)
    check = cleanlab_group(labels, pred_probs, graph, clustering_kwargs={"eps": 0.2}, threshold=threshold)
    np.testing.assert_allclose(found.scores, check.issues["underperforming_group_score"], rtol=0, atol=1e-12)
    info = check.info["clustering"]["stats"]
    np.testing.assert_array_equal(found.cluster_ids, info["cluster_ids"])
    assert found.clusters.size == info["n_clusters"]
    assert choice_of_cleanlab(found, threshold) == info["underperforming_cluster_id"]
    if found.cluster_id == info["underperforming_cluster_id"]:  # else S16
        np.testing.assert_array_equal(found.is_issue, check.issues["is_underperforming_group_issue"])


def three_groups():
    """Return labels, probabilities and groups with mean self-confidence .32, .30 and about .67: the mean is .53."""
    own = np.repeat([0.30, 0.32, 0.67], [20, 20, 60])
    return np.zeros(100, int), np.column_stack([own, 1 - own]), np.repeat([4, 2, 9], [20, 20, 60])


def test_s16_the_worst_group_is_the_worst():
    labels, pred_probs, _ = three_groups()
    groups = np.repeat([2, 4, 9], [20, 20, 60])
    check = cleanlab_group(labels, pred_probs, cluster_ids=groups, threshold=1.0)
    found = underperforming_group(labels, pred_probs, cluster_ids=groups, threshold=1.0)
    assert (found.cluster_id, found.clusters.tolist()) == (2, [2, 4, 9])
    assert found.summary == found.ratios.min() == pytest.approx(0.30 / 0.526)
    assert found.is_issue.tolist() == [True] * 20 + [False] * 80
    assert check.info["clustering"]["stats"]["underperforming_cluster_id"] == 4
    assert check.summary["score"][0] == pytest.approx(0.32 / 0.526)


def test_s17_every_group_below_the_mean_scores_below_one():
    labels, pred_probs, groups = three_groups()
    found = underperforming_group(labels, pred_probs, cluster_ids=groups)
    check = cleanlab_group(labels, pred_probs, cluster_ids=groups)
    np.testing.assert_allclose(found.scores, check.issues["underperforming_group_score"], rtol=1e-12)
    assert (found.scores < 1).tolist() == [True] * 40 + [False] * 60
    assert not found.is_issue.any()
    assert found.cluster_id == -2 == check.info["clustering"]["stats"]["underperforming_cluster_id"]
    assert not found.is_clustered


def test_rows_of_small_groups_and_of_none_do_not_count():
    labels, pred_probs, groups = three_groups()
    groups = groups.copy()
    groups[:3], groups[3:17] = 7, -1  # leaves 3 rows in each of two groups
    found = underperforming_group(labels, pred_probs, cluster_ids=groups)
    assert found.clusters.tolist() == [2, 9]
    assert (found.scores[:20] == 1).all()
    check = cleanlab_group(labels, pred_probs, cluster_ids=groups)
    np.testing.assert_allclose(found.scores, check.issues["underperforming_group_score"], rtol=1e-12)


def test_one_group_alone_is_never_below_itself():
    labels, pred_probs, _ = three_groups()
    found = underperforming_group(labels, pred_probs, cluster_ids=np.zeros(100, int), threshold=1)
    assert (found.summary, found.cluster_id) == (1.0, -2)
    assert (found.scores == 1).all()


def test_a_model_that_believes_nothing_has_no_worst_group():
    found = underperforming_group(np.zeros(20, int), np.tile([0.0, 1.0], (20, 1)), cluster_ids=np.arange(20) // 10)
    assert (found.summary, found.cluster_id) == (1.0, -2)


def test_ids_may_be_huge():
    labels, pred_probs, groups = three_groups()
    found = underperforming_group(labels, pred_probs, cluster_ids=groups * 10**15)
    assert found.clusters.tolist() == [2 * 10**15, 4 * 10**15, 9 * 10**15]


@pytest.mark.parametrize("n_jobs", [2, 5])
def test_group_is_thread_agnostic(n_jobs):
    labels, pred_probs, graph = make_blobs()
    alone, found = (underperforming_group(labels, pred_probs, graph, eps=0.2, n_jobs=jobs) for jobs in (1, n_jobs))
    np.testing.assert_array_equal(alone.scores, found.scores)


def test_group_takes_names_and_matrices():
    labels, pred_probs, graph = make_blobs()
    names = np.array(["ant", "bee", "cat"])[labels]
    found = underperforming_group(names, pred_probs, graph.to_csr(), eps=0.2)
    np.testing.assert_array_equal(found.scores, underperforming_group(labels, pred_probs, graph, eps=0.2).scores)


def test_group_warns_of_unused_options():
    labels, pred_probs, groups = three_groups()
    with pytest.warns(UserWarning, match="`eps` and `min_samples` are not used"):
        underperforming_group(labels, pred_probs, cluster_ids=groups, eps=0.1)


LABELS, PRED_PROBS, GRAPH = make_blobs()
FAR = KNNGraph(GRAPH.distances, GRAPH.indices, "cosine", 900)


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (ValueError, "`graph` must be given, or `cluster_ids`", {}),
        (ValueError, "among themselves", {"graph": FAR}),
        (ValueError, "made for other data", {"graph": make_blobs(201)[2]}),
        (ValueError, "at least 5 rows; got at most 0. `eps` is 1e-09; half of all rows", {"graph": GRAPH, "eps": 1e-9}),
        (ValueError, "`min_samples` must be at most 11", {"graph": GRAPH, "min_samples": 12}),
        (ValueError, "`min_samples` must be at least 1", {"graph": GRAPH, "min_samples": 0}),
        (ValueError, "`min_cluster_samples` must be", {"graph": GRAPH, "min_cluster_samples": 0}),
        (ValueError, "`eps` must be at least 0", {"graph": GRAPH, "eps": -1}),
        (ValueError, "`threshold` must lie in", {"graph": GRAPH, "threshold": 1.5}),
        (TypeError, "KNNGraph or a scipy sparse matrix", {"graph": np.eye(503)}),
        (TypeError, "`cluster_ids` must hold integers", {"cluster_ids": ["a"] * 503}),
        (ValueError, r"`cluster_ids` must have shape \(503,\)", {"cluster_ids": np.zeros(9, int)}),
        (ValueError, "-1 for no cluster; got -5 in row 2", {"cluster_ids": np.where(np.arange(503) == 2, -5, 0)}),
        (ValueError, "at least 5 rows; got at most 1", {"cluster_ids": np.arange(503)}),
        (ValueError, "at least 5 rows; got at most 0", {"cluster_ids": np.full(503, -1)}),
    ],
)
def test_group_rejects(error, words, options):
    with pytest.raises(error, match=words):
        underperforming_group(LABELS, PRED_PROBS, **options)
