"""Order of rows: the histogram form against sorted distances, against the reference, and what is refused."""

# NumPy's global generator is used here to see that it is left alone.

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from fastcl.neighbors import KNNGraph, build_knn_graph
from fastcl.neighbors.iid import non_iid


class Lab:
    """As much of a Datalab as a check of the reference asks for."""

    def get_info(self, _name):
        return {}


def cleanlab_non_iid(graph, **options):
    """Return the reference's check after it has run; it reseeds NumPy and silences warnings, which is undone."""
    state = np.random.get_state()  # noqa: NPY002
    with warnings.catch_warnings():
        from cleanlab.datalab.internal.issue_manager.noniid import NonIIDIssueManager

        check = NonIIDIssueManager(Lab(), **options)
        check.find_issues(knn_graph=graph.to_csr())
    np.random.set_state(state)  # noqa: NPY002
    return check


def naive_statistic(positions, neighbors):
    """Return the largest difference of the two distributions, from sorted distances."""
    n = len(positions)
    gaps = sorted(abs(int(positions[i]) - int(positions[x])) for i in range(n) for x in neighbors[i])
    total, largest = len(gaps), 0.0
    for rank, gap in enumerate([*gaps, n - 1]):
        background = sum(n - u for u in range(1, gap + 1)) / (n * (n - 1) / 2)
        largest = max(largest, abs(rank / total - background))
    return largest


def naive_score(i, neighbors, n):
    """Return the score of row i, with areas below step functions added up step by step."""
    gaps = sorted(abs(i - int(x)) for x in neighbors)
    to_edge = min(i, n - 1 - i)

    def slope(v):  # of the background distribution between v - 1 and v
        return (2 if v <= to_edge else 1 if v <= n - 1 - to_edge else 0) / (n - 1)

    def area(gap):  # of trapezoids of width 1
        height = total = 0.0
        for v in range(1, gap + 1):
            total += height + slope(v) / 2
            height += slope(v)
        return total

    last, difference = 0, 0.0
    for j, gap in enumerate([*gaps, n - 1]):
        difference += abs(j / len(gaps) * (gap - last) - (area(gap) - area(last)))
        last = gap
    return 1 - math.tanh(difference / max(i, n - i))


def naive_non_iid(graph, num_permutations=25, seed=0):
    n = len(graph)
    random = np.random.RandomState(seed)
    statistic = naive_statistic(range(n), graph.indices)
    permuted = [naive_statistic(random.permutation(n), graph.indices) for _ in range(num_permutations)]
    if max(permuted) - min(permuted) < 1e-12:  # no density, and the reference fails or rounds
        p_value = np.mean([one > statistic - 1e-12 for one in permuted])
    else:
        p_value = gaussian_kde(permuted).integrate_box(statistic, 100)
    return statistic, permuted, p_value, [naive_score(i, graph.indices[i], n) for i in range(n)]


def make_features(kind, n, dtype=np.float64):
    rng = np.random.default_rng(3)
    features = rng.normal(size=(n, 4))
    return {
        "random order": features,
        "random walk": np.cumsum(features, axis=0),
        "two halves": features + 3 * (np.arange(n) > n / 2)[:, None],
        "duplicates": features[np.arange(n) // 4],
        "slow drift": features + np.linspace(0, 0.7, n)[:, None],
    }[kind].astype(dtype)


KINDS = ("random order", "random walk", "two halves", "duplicates", "slow drift")


@pytest.mark.parametrize(("n", "k"), [(61, 5), (12, 10), (40, 1), (5, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_non_iid_matches_naive(kind, n, k):
    graph = build_knn_graph(make_features(kind, n), n_neighbors=k)
    found = non_iid(graph)
    statistic, permuted, p_value, scores = naive_non_iid(graph)
    # sums of n terms against closed forms: a few roundings
    np.testing.assert_allclose(found.statistic, statistic, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.permuted_statistics, permuted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.p_value, p_value, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n", "k"), [(1_003, 10), (64, 20), (101, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_non_iid_matches_cleanlab(kind, n, k, dtype):
    graph = build_knn_graph(make_features(kind, n, dtype), n_neighbors=k)
    found, check = non_iid(graph), cleanlab_non_iid(graph)
    np.testing.assert_allclose(found.scores, check.issues["non_iid_score"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.statistic, check.statistics["ks"], rtol=0, atol=1e-12)
    # the bandwidth magnifies the rounding of the statistics about a thousand times
    np.testing.assert_allclose(found.summary, check.p_value, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found.is_issue, check.issues["is_non_iid_issue"])


@pytest.mark.parametrize("options", [{"num_permutations": 7}, {"seed": 12}, {"significance_threshold": 0.9}])
def test_options_match_cleanlab(options):
    graph = build_knn_graph(make_features("slow drift", 203))
    found, check = non_iid(graph, **options), cleanlab_non_iid(graph, **options)
    assert abs(found.p_value - check.p_value) < 1e-9
    np.testing.assert_array_equal(found.is_issue, check.issues["is_non_iid_issue"])


def test_ordered_rows_are_found_and_shuffled_ones_not():
    features = make_features("random walk", 503)
    assert non_iid(build_knn_graph(features)).is_issue.sum() == 1
    shuffled = non_iid(build_knn_graph(np.random.default_rng(0).permutation(features)))
    assert shuffled.p_value > 0.05
    assert not shuffled.is_issue.any()


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_non_iid_is_thread_agnostic(n_jobs, monkeypatch):
    monkeypatch.setattr("fastcl.neighbors.iid.ROWS_AT_A_TIME", 97)
    graph = build_knn_graph(make_features("slow drift", 1_003))
    alone, found = non_iid(graph, n_jobs=1), non_iid(graph, n_jobs=n_jobs)
    assert alone.p_value == found.p_value
    np.testing.assert_array_equal(alone.permuted_statistics, found.permuted_statistics)
    np.testing.assert_array_equal(alone.scores, found.scores)


@pytest.mark.parametrize("given_as", [KNNGraph.to_csr, lambda graph: graph[:, :5]])
def test_non_iid_takes_matrices_and_slices(given_as):
    graph = given_as(build_knn_graph(make_features("slow drift", 203)))
    assert (
        non_iid(graph).p_value
        == non_iid(KNNGraph.from_csr(graph) if not isinstance(graph, KNNGraph) else graph).p_value
    )


def test_s5_the_global_generator_is_left_alone():
    graph = build_knn_graph(make_features("slow drift", 103))
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert non_iid(graph).p_value == non_iid(graph).p_value
    assert non_iid(graph, seed=None).p_value != non_iid(graph, seed=None).p_value
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize("n", [2, 3, 7, 30])
def test_s38_each_row_neighbours_all_others(n):
    graph = build_knn_graph(make_features("random order", n), n_neighbors=n - 1)
    found = non_iid(graph)
    assert np.ptp(found.permuted_statistics) == 0
    assert found.p_value == 1.0
    assert not found.is_issue.any()


def test_s38_the_p_value_never_exceeds_one():
    # neighbours that are as far from each other as all pairs are: any permutation differs more
    n = 201
    indices = np.array([np.delete(np.arange(n), i)[(np.arange(20) * 10 + i * 7) % (n - 1)] for i in range(n)], np.int32)
    found = [non_iid(KNNGraph(np.ones((n, 20)), indices, "cosine", n), seed=seed) for seed in range(20)]
    assert all(0 <= one.p_value <= 1 for one in found)


def test_rows_all_identical_are_not_flagged_for_nothing():
    found = non_iid(build_knn_graph(np.ones((50, 5)), n_neighbors=5))
    expected = naive_non_iid(build_knn_graph(np.ones((50, 5)), n_neighbors=5))
    assert abs(found.p_value - expected[2]) < 1e-9


GRAPH = build_knn_graph(make_features("random order", 31), n_neighbors=3)


@pytest.mark.parametrize(
    ("error", "words", "graph", "options"),
    [
        (ValueError, "`num_permutations` must be at least 2", GRAPH, {"num_permutations": 1}),
        (TypeError, "`num_permutations` must be a whole number", GRAPH, {"num_permutations": 2.5}),
        (ValueError, "`significance_threshold` must lie in", GRAPH, {"significance_threshold": 2}),
        (ValueError, "`seed` must lie in", GRAPH, {"seed": -1}),
        (ValueError, "`n_jobs` must be", GRAPH, {"n_jobs": 0}),
        (TypeError, "KNNGraph or a scipy sparse matrix", np.eye(31), {}),
        (ValueError, "among themselves", KNNGraph(GRAPH.distances, GRAPH.indices, "cosine", 500), {}),
        (ValueError, "name neighbours in", KNNGraph(GRAPH.distances, GRAPH.indices - 3, "cosine", 31), {}),
    ],
)
def test_non_iid_rejects(error, words, graph, options):
    with pytest.raises(error, match=words):
        non_iid(graph, **options)
