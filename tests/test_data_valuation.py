"""The value of rows: closed form against the recursion, against the reference, and what is refused."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from cleanlab.data_valuation import data_shapley_knn as cleanlab_shapley
from scipy.sparse import csr_matrix

from fastcl.data_valuation import data_shapley_knn, find_low_value, label_codes
from fastcl.neighbors import KNNGraph, build_knn_graph


def naive_shapley(labels, neighbors, k):
    """Return the scores by the recursion of the paper, one row at a time, in whole numbers and one division."""
    n = len(labels)
    values = [0] * n
    for i in range(n):
        matches = [int(labels[x] == labels[i]) for x in neighbors[i]]
        credit = 0
        for j in range(k - 2, -1, -1):
            credit += matches[j] - matches[j + 1]
            values[neighbors[i][j]] += credit
    return np.array([0.5 * (value / (n * k) + 1) for value in values])


def random_graph(n, k, seed=0, dtype=np.float64):
    """Return a graph of random neighbours, which is as good as any where distances do not matter."""
    rng = np.random.default_rng(seed)
    indices = np.array([rng.choice(np.delete(np.arange(n), i), k, replace=False) for i in range(n)], np.int32)
    return KNNGraph(np.sort(rng.random((n, k)), axis=1).astype(dtype), indices, "euclidean", n)


def large_graph(n, k):
    rng = np.random.default_rng(0)
    indices = ((np.arange(n)[:, None] + rng.integers(1, n, (n, k))) % n).astype(np.int32)
    return KNNGraph(np.zeros((n, k), np.float32), indices, "cosine", n)


CASES = [(503, 10, 7), (11, 10, 2), (101, 1, 3), (101, 2, 3), (203, 17, 1), (2, 1, 2)]


@pytest.mark.parametrize(("n", "k", "n_classes"), CASES)
def test_shapley_matches_naive(n, k, n_classes):
    graph, labels = random_graph(n, k), np.random.default_rng(1).integers(0, n_classes, n)
    expected = naive_shapley(labels.tolist(), graph.indices.tolist(), k)
    np.testing.assert_array_equal(data_shapley_knn(labels, knn_graph=graph, k=k), expected)


@pytest.mark.parametrize("given_as", [lambda graph: graph, KNNGraph.to_csr])
@pytest.mark.parametrize(("n", "k", "n_classes"), CASES)
def test_shapley_matches_cleanlab(n, k, n_classes, given_as):
    graph, labels = random_graph(n, k), np.random.default_rng(1).integers(0, n_classes, n)
    expected = cleanlab_shapley(labels, knn_graph=graph.to_csr(), k=k)
    # the reference adds floats, which rounds n times
    np.testing.assert_allclose(data_shapley_knn(labels, knn_graph=given_as(graph), k=k), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [2, 8])
def test_shapley_of_features_matches_cleanlab(n_features, dtype):
    rng = np.random.default_rng(2)
    features, labels = rng.normal(size=(301, n_features)).astype(dtype), rng.integers(0, 3, 301)
    expected = cleanlab_shapley(labels, features=features, k=7)
    np.testing.assert_allclose(data_shapley_knn(labels, features=features, k=7), expected, rtol=0, atol=1e-12)


def test_shapley_takes_the_first_k_of_more_neighbours():
    graph, labels = random_graph(203, 20), np.random.default_rng(1).integers(0, 3, 203)
    expected = cleanlab_shapley(labels, knn_graph=graph.to_csr(), k=5)
    np.testing.assert_allclose(data_shapley_knn(labels, knn_graph=graph, k=5), expected, rtol=0, atol=1e-12)


def test_s25_rows_of_a_matrix_are_sorted_by_distance():
    graph, labels = random_graph(203, 8), np.random.default_rng(1).integers(0, 3, 203)
    matrix = graph.to_csr().copy()
    matrix.sort_indices()
    expected = data_shapley_knn(labels, knn_graph=graph, k=5)
    np.testing.assert_array_equal(data_shapley_knn(labels, knn_graph=matrix, k=5), expected)
    assert np.abs(cleanlab_shapley(labels, knn_graph=matrix, k=5) - expected).max() > 1e-4


@pytest.mark.parametrize("features", [None, np.ones((11, 5))])
def test_s25_one_neighbour_says_nothing(features):
    labels = np.arange(11) % 2
    assert data_shapley_knn(labels, features=features, knn_graph=random_graph(11, 3), k=1).tolist() == [0.5] * 11


def test_a_row_that_is_nobodys_neighbour_is_worth_one_half():
    indices = np.array([[1, 2], [0, 2], [0, 1], [0, 1]], np.int32)
    graph = KNNGraph(np.ones((4, 2)), indices, "euclidean", 4)
    assert data_shapley_knn([0, 1, 0, 1], knn_graph=graph, k=2)[3] == 0.5


def test_rows_all_identical_get_an_answer():
    scores = data_shapley_knn([0, 0, 0, 1], features=np.ones((4, 3)), k=3)
    expected = naive_shapley([0, 0, 0, 1], build_knn_graph(np.ones((4, 3)), n_neighbors=3).indices.tolist(), 3)
    np.testing.assert_array_equal(scores, expected)


CODES = np.random.default_rng(5).integers(0, 3, 101)
NAMES = np.array(["ant", "bee", "cat"])


@pytest.mark.parametrize(
    "labels",
    [
        CODES.tolist(),
        CODES - 1,
        CODES.astype(np.uint8),
        CODES.astype(np.float32),
        CODES * 10**12,
        (CODES * 10**12).tolist(),
        NAMES[CODES],
        NAMES[CODES].tolist(),
        NAMES[CODES].astype(object),
        pd.Categorical(NAMES[CODES]),
        pd.Series(NAMES[CODES]),
        [["x", 1, 2.5][code] for code in CODES],
    ],
    ids=lambda labels: f"{type(labels).__name__} {getattr(labels, 'dtype', type(labels[0]).__name__)}",
)
def test_shapley_takes_labels_of_any_kind(labels):
    graph = random_graph(101, 10)
    np.testing.assert_array_equal(data_shapley_knn(labels, knn_graph=graph), data_shapley_knn(CODES, knn_graph=graph))


def test_codes_of_int32_labels_are_not_copied():
    labels = CODES.astype(np.int32)
    assert label_codes(labels) is labels


def test_booleans_are_labels():
    first, second, third = label_codes([True, False, True])
    assert first == third != second


def test_shapley_leaves_read_only_input_as_it_is():
    graph, labels = random_graph(101, 10), CODES.copy()
    for array in (labels, graph.indices, graph.distances):
        array.flags.writeable = False
    data_shapley_knn(labels, knn_graph=graph)
    assert (labels == CODES).all()


def test_low_value_is_below_the_threshold():
    graph = random_graph(101, 10)
    found = find_low_value(CODES, knn_graph=graph)
    np.testing.assert_array_equal(found.scores, data_shapley_knn(CODES, knn_graph=graph))
    np.testing.assert_array_equal(found.is_issue, cleanlab_shapley(CODES, knn_graph=graph.to_csr()) < 0.5)
    assert 0 < found.is_issue.sum() < 101
    assert found.summary == found.scores.mean()
    assert (found.k, found.metric, found.threshold) == (10, "euclidean", 0.5)
    assert not find_low_value(CODES, knn_graph=graph, threshold=0).is_issue.any()


def test_shapley_needs_little_memory():
    graph, labels = large_graph(1_000_000, 10), np.random.default_rng(0).integers(0, 9, 1_000_000)
    data_shapley_knn(labels[:101], knn_graph=random_graph(101, 10))
    tracemalloc.start()
    data_shapley_knn(labels, knn_graph=graph)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6  # 8 bytes a row while credits are added, 20 while they are divided


GRAPH = random_graph(101, 10)


@pytest.mark.parametrize(
    ("error", "words", "labels", "options"),
    [
        (ValueError, "`knn_graph` must be given", CODES, {}),
        (ValueError, "`k` must be less than", CODES, {"knn_graph": GRAPH, "k": 101}),
        (ValueError, "Pass k=4 or less", CODES[:5], {"features": np.ones((5, 2))}),
        (ValueError, "`k` must be at least 1", CODES, {"knn_graph": GRAPH, "k": 0}),
        (TypeError, "`k` must be a whole number", CODES, {"knn_graph": GRAPH, "k": 2.5}),
        (ValueError, "at least 11 neighbours", CODES, {"knn_graph": GRAPH, "k": 11}),
        (ValueError, "made for other data", CODES[:50], {"knn_graph": GRAPH}),
        (ValueError, "100 rows for 101 labels", CODES, {"features": np.ones((100, 2))}),
        (TypeError, "KNNGraph or a scipy sparse matrix", CODES, {"knn_graph": np.ones((101, 101))}),
        (ValueError, "same number of neighbours", CODES, {"knn_graph": csr_matrix(np.tri(101, k=-1))}),
        (ValueError, "whole numbers; got 2.5 in row 0", CODES + 0.5, {"knn_graph": GRAPH}),
        (ValueError, "a label for every row", np.where(CODES, CODES, np.nan), {"knn_graph": GRAPH}),
        (ValueError, "a label for every row", [None, *NAMES[CODES[1:]].tolist()], {"knn_graph": GRAPH}),
        (ValueError, r"shape \(n_samples,\)", np.ones((101, 1), int), {"knn_graph": GRAPH}),
        (ValueError, "among themselves", CODES, {"knn_graph": KNNGraph(GRAPH.distances, GRAPH.indices, "cosine", 500)}),
        (
            ValueError,
            "name neighbours in",
            CODES,
            {"knn_graph": KNNGraph(GRAPH.distances, GRAPH.indices + 1, "cosine", 101)},
        ),
    ],
)
def test_shapley_rejects(error, words, labels, options):
    for function in (data_shapley_knn, find_low_value):
        with pytest.raises(error, match=words):
            function(labels, **options)


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_low_value_rejects_thresholds(threshold):
    with pytest.raises(ValueError, match="`threshold` must lie in"):
        find_low_value(CODES, knn_graph=GRAPH, threshold=threshold)
