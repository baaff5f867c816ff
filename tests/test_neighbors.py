"""The neighbour graph: against a literal loop, against cleanlab, for every kind of features, and bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cleanlab.internal.neighbor.knn_graph import create_knn_graph_and_index
from problems import reference
from scipy import sparse

from fastcl.engine import progress
from fastcl.neighbors import KNNGraph, build_knn_graph, query
from fastcl.neighbors.graph import as_knn_graph, graph_of_itself
from fastcl.neighbors.search import all_pairs, candidates, refine
from fastcl.neighbors.search import methods as search_module

RNG = np.random.default_rng(7)


def blobs(n_rows: int, n_columns: int, dtype: str = "float64", seed: int = 0) -> np.ndarray:
    """Rows around a few centres."""
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((5, n_columns))[rng.integers(5, size=n_rows)] + rng.normal(0, 0.4, (n_rows, n_columns))
    ).astype(dtype)


def naive_distances(x: np.ndarray, y: np.ndarray, metric: str) -> np.ndarray:
    """All distances, pair by pair."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    out = np.empty((len(x), len(y)))
    for i in range(len(x)):
        for j in range(len(y)):
            if metric == "euclidean":
                out[i, j] = np.sqrt(((x[i] - y[j]) ** 2).sum())
            elif metric == "inner_product":
                out[i, j] = -(x[i] * y[j]).sum()
            else:
                lengths = np.sqrt((x[i] ** 2).sum()) * np.sqrt((y[j] ** 2).sum())
                out[i, j] = 1 - (x[i] * y[j]).sum() / lengths if lengths else 1.0
    return out


def naive_graph(x: np.ndarray, metric: str, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest others of every row by (distance, row); distances that differ by rounding alone tie."""
    distances = naive_distances(x, x, metric).round(12)
    indices = np.array(
        [sorted((j for j in range(len(x)) if j != i), key=lambda j: (distances[i, j], j))[:k] for i in range(len(x))]
    )
    return np.take_along_axis(distances, indices, axis=1), indices


SETS = {
    "float64": blobs(203, 12),
    "float32": blobs(150, 9, "float32"),
    "float16": blobs(90, 5, "float16"),
    "plane": RNG.random((301, 2)),
    "line": RNG.random((57, 1)) + 1.0,
    "lattice": np.stack(np.meshgrid(*[np.arange(3)] * 4), axis=-1).reshape(-1, 4)[1:],
    "far from the origin": blobs(120, 7) + 1e5,
    "extreme norms": blobs(80, 6) * 10.0 ** RNG.integers(-40, 40, 80)[:, None],
    "one column constant": np.column_stack([blobs(60, 4), np.full(60, 3.0)]),
}
METRICS = ("cosine", "euclidean", "inner_product")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", SETS)
def test_build_knn_graph_matches_naive(name, metric):
    features = SETS[name]
    graph = build_knn_graph(features, n_neighbors=6, metric=metric)
    distances, _ = naive_graph(features, metric, 6)
    scale = np.maximum(1, np.abs(distances))
    # float32 features: distances are rounded to float32
    tolerance = 1e-11 if graph.distances.dtype == np.float64 else 1e-6
    assert (np.abs(graph.distances - distances) / scale).max() <= tolerance
    own = naive_distances(features, features, metric)
    taken = np.take_along_axis(own, graph.indices.astype(np.int64), axis=1)
    assert (np.abs(taken - graph.distances) / np.maximum(1, np.abs(taken))).max() <= tolerance
    assert graph.recall == 1
    assert graph.method == "exact"
    assert not (graph.indices == np.arange(len(features))[:, None]).any()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_ties_go_to_the_lower_row(metric):
    lattice = SETS["lattice"]
    graph = build_knn_graph(lattice, n_neighbors=9, metric=metric)
    distances = naive_distances(lattice, lattice, metric).round(12)
    np.fill_diagonal(distances, np.inf)
    for row, found in enumerate(graph.indices):
        wanted = np.lexsort((np.arange(len(lattice)), distances[row]))[:9]
        # the exact distance of parallel rows differs from 0 in its last bit: only then may order differ
        assert set(distances[row, found]) == set(distances[row, wanted])
    if metric == "euclidean":
        np.testing.assert_array_equal(graph.indices, naive_graph(lattice, metric, 9)[1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("metric", [None, "cosine", "euclidean", "manhattan"])
@pytest.mark.parametrize("k", [1, 10, 30])
def test_build_knn_graph_matches_cleanlab(metric, dtype, k):
    features = blobs(150, 8, dtype, seed=k)
    features[20:25] = features[3]
    features[40:90] = features[39]
    graph = build_knn_graph(features, n_neighbors=k, metric=metric)
    theirs, _ = reference(create_knn_graph_and_index, features, n_neighbors=k, metric=metric)
    # core.md 18: sorted, for the reference leaves the tails of duplicates unsorted above k = 16
    distances = np.sort(theirs.data.reshape(-1, k), axis=1)
    np.testing.assert_allclose(graph.distances, distances, rtol=0, atol=1e-9 if dtype == "float64" else 1e-6)
    np.testing.assert_array_equal(graph.indices[40:90], theirs.indices.reshape(-1, k)[40:90])


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_default_metric_matches_cleanlab(columns):
    features = blobs(130, columns)
    graph = build_knn_graph(features, n_neighbors=4)
    theirs, _ = reference(create_knn_graph_and_index, features, n_neighbors=4)
    assert graph.metric == ("cosine" if columns > 3 else "euclidean")
    np.testing.assert_allclose(graph.distances, theirs.data.reshape(-1, 4), rtol=0, atol=1e-9)


def bits(graph: KNNGraph) -> bytes:
    return graph.distances.tobytes() + graph.indices.tobytes()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("method", ["exact", "approximate"])
def test_build_knn_graph_is_thread_agnostic(metric, method):
    features = blobs(3_001, 24, "float32")
    graphs = [build_knn_graph(features, metric=metric, method=method, n_jobs=n) for n in (1, 2, 7)]
    assert len({bits(graph) for graph in graphs}) == 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", ["float64", "float32", "lattice", "extreme norms"])
def test_build_knn_graph_is_tile_size_agnostic(monkeypatch, metric, name):
    whole = build_knn_graph(SETS[name], n_neighbors=5, metric=metric)
    monkeypatch.setattr(all_pairs, "TILE", 16)
    monkeypatch.setattr(refine, "REFINED_ROWS", 7)
    monkeypatch.setattr(refine, "OPEN_ROWS", 5)
    monkeypatch.setattr(refine, "OPEN_COLUMNS", 11)
    assert bits(build_knn_graph(SETS[name], n_neighbors=5, metric=metric)) == bits(whole)


@pytest.mark.parametrize("metric", METRICS)
def test_float64_settles_what_float32_leaves_open(monkeypatch, metric):
    features = SETS["lattice"] + np.zeros(4)
    settled = []
    settle = refine.settle
    monkeypatch.setattr(
        refine, "settle", lambda rows, found, *rest: (settled.append(~found.is_settled), settle(rows, found, *rest))
    )
    monkeypatch.setattr(candidates, "SPARE", 0)
    monkeypatch.setattr(search_module, "SPARE", 0)
    graph = build_knn_graph(features, n_neighbors=4, metric=metric)
    assert settled[0].mean() > 0.5, "the lattice should leave rows open"
    np.testing.assert_allclose(graph.distances, naive_graph(features, metric, 4)[0], atol=1e-12)


def test_build_knn_graph_is_source_agnostic(tmp_path):
    features = blobs(220, 6)
    expected = build_knn_graph(features)
    np.save(tmp_path / "features.npy", features)
    frozen = features.copy()
    frozen.flags.writeable = False
    sources = {
        "Fortran order": np.asfortranarray(features),
        "strided": np.repeat(features, 2, axis=1)[:, ::2],
        "big endian": features.astype(">f8"),
        "memory map": np.load(tmp_path / "features.npy", mmap_mode="r"),
        "lists": features.tolist(),
        "pandas": pd.DataFrame(features),
        "polars": pl.DataFrame(features),
        "read-only": frozen,
    }
    for name, source in sources.items():
        assert bits(build_knn_graph(source)) == bits(expected), name


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "bool"])
def test_integers_are_exact(dtype):
    features = RNG.integers(0, 2, (90, 12)).astype(dtype)
    graph = build_knn_graph(features, n_neighbors=3, metric="euclidean")
    assert graph.distances.dtype == np.float64
    assert bits(graph) == bits(build_knn_graph(features.astype(np.float64), n_neighbors=3, metric="euclidean"))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.coo_matrix])
def test_sparse_features_match_dense(metric, kind):
    dense = sparse.random(140, 60, 0.08, random_state=3).toarray()
    dense[:8] = dense[10]
    dense[9] = 0
    matrix = kind(dense)
    before = matrix.copy()
    graph, expected = (build_knn_graph(x, n_neighbors=5, metric=metric) for x in (matrix, dense))
    np.testing.assert_allclose(graph.distances, expected.distances, rtol=0, atol=1e-12)
    assert (abs(matrix - before)).nnz == 0
    new = query(matrix.tocsr()[:7], graph, n_neighbors=2)
    np.testing.assert_allclose(new.distances, query(dense[:7], expected, n_neighbors=2).distances, rtol=0, atol=1e-12)


def test_rows_of_zeros_are_at_cosine_distance_one():
    features = blobs(40, 5)
    features[[3, 17, 30]] = 0
    graph = build_knn_graph(features, n_neighbors=4)
    np.testing.assert_array_equal(graph.indices[3], [17, 30, 0, 1])
    np.testing.assert_array_equal(graph.distances[3], [0, 0, 1, 1])
    theirs, _ = reference(create_knn_graph_and_index, features, n_neighbors=4)
    np.testing.assert_allclose(graph.distances, theirs.data.reshape(-1, 4), atol=1e-9)


def test_all_rows_identical_are_all_at_distance_zero():
    for method in ("exact", "approximate", "auto"):
        graph = build_knn_graph(np.ones((30, 4)), n_neighbors=3, method=method)
        assert not graph.distances.any()
        np.testing.assert_array_equal(graph.indices[:5], [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2]])


def test_two_rows_are_enough():
    with pytest.warns(UserWarning, match="gets 1 neighbours"):
        graph = build_knn_graph([[0.0], [2.0]])
    np.testing.assert_array_equal(graph.indices, [[1], [0]])


# -- approximate search


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_approximate_search_reports_the_recall_it_has(metric):
    features = blobs(6_007, 32, "float32")
    graph, exact = (build_knn_graph(features, metric=metric, method=method) for method in ("approximate", "exact"))
    assert graph.method == "approximate"
    found = (graph.distances <= exact.distances[:, -1:]).mean()
    assert found >= 0.96
    assert abs(found - graph.recall) < 0.02


HARD = {
    "no structure": np.random.default_rng(0).standard_normal((3_000, 64)).astype(np.float32),
    "many duplicates": blobs(40, 16, "float32")[RNG.integers(40, size=3_000)],
    "tiny clusters": np.repeat(RNG.standard_normal((600, 16)), 5, axis=0) + RNG.normal(0, 1e-3, (3_000, 16)),
    "extreme norms": blobs(3_000, 8) * 10.0 ** RNG.integers(-20, 20, 3_000)[:, None],
    "one far away": np.vstack([blobs(2_999, 8), np.full((1, 8), 1e9)]),
    "nearly parallel": np.ones((3_000, 8)) + 1e-6 * RNG.standard_normal((3_000, 8)),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", HARD)
def test_approximate_search_meets_its_recall_or_is_exact(name, metric):
    features = HARD[name]
    graph, exact = (build_knn_graph(features, metric=metric, method=method) for method in ("approximate", "exact"))
    assert graph.recall >= 0.97 or graph.method == "exact"
    found = (graph.distances <= exact.distances[:, -1:]).mean()
    assert found >= 0.96
    if graph.method == "exact":
        assert bits(graph) == bits(exact)


def test_recall_on_real_vectors(real_data: Path):
    for name in ("outliers/CV_by_ResNet18__CIFAR10_0.npz", "outliers/NLP_by_BERT__20news_3.npz", "text/banking77.npz"):
        with np.load(real_data / name) as file:
            features = np.asarray(file["emb" if "text" in name else "X"], np.float32)
        graph, exact = (build_knn_graph(features, method=method) for method in ("approximate", "exact"))
        assert (graph.distances <= exact.distances[:, -1:]).mean() >= 0.97, name


def test_auto_chooses_by_size(monkeypatch):
    features = blobs(4_000, 16)
    assert build_knn_graph(features).method == "exact"
    monkeypatch.setattr(search_module, "EXACT_ROWS", 100)
    monkeypatch.setattr(search_module, "EXACT_WORK", 1e6)
    assert build_knn_graph(features).method == "approximate"
    assert build_knn_graph(features[:, :2], metric="euclidean").method == "exact", "a tree is exact at any size"


# -- new rows


@pytest.mark.parametrize("metric", [*METRICS, "manhattan"])
@pytest.mark.parametrize("method", ["auto", "approximate"])
def test_query_matches_naive(metric, method):
    if (metric, method) == ("manhattan", "approximate"):
        return
    features, new = blobs(2_500, 6), blobs(37, 6, seed=5)
    graph = build_knn_graph(features, n_neighbors=4, metric=metric)
    found = query(new, graph, method=method)
    assert (len(found), found.n_reference, found.is_of_itself) == (37, 2_500, False)
    if metric != "manhattan":
        distances = np.sort(naive_distances(new, features, metric), axis=1)[:, :4]
        missed = (found.distances > distances + 1e-9).mean()
        assert missed == 0 if found.method == "exact" else missed < 0.1


def test_query_counts_copies():
    features = np.repeat(blobs(6, 4), 5, axis=0)
    graph = build_knn_graph(features, n_neighbors=3)
    found = query(features[[7]], graph, n_neighbors=7)
    np.testing.assert_array_equal(found.indices[0, :5], [5, 6, 7, 8, 9])
    assert found.distances[0, 4] == 0 < found.distances[0, 5]


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "manhattan"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_rows_that_are_in_the_data_find_themselves(kind, metric):
    features = kind(blobs(40, 6))  # the very object, too
    found = query(features, build_knn_graph(features, n_neighbors=3, metric=metric), n_neighbors=1)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(40))
    np.testing.assert_allclose(found.distances, 0, atol=1e-12)


def test_query_of_one_row_and_of_all_neighbors():
    features = blobs(12, 3)
    graph = build_knn_graph(features, n_neighbors=2)
    assert query(features[:1], graph, n_neighbors=12).indices.shape == (1, 12)


def test_query_needs_the_data_of_the_graph(tmp_path):
    features = blobs(50, 5)
    graph = build_knn_graph(features)
    graph.save(tmp_path / "graph.npz")
    loaded = KNNGraph.load(tmp_path / "graph.npz")
    with pytest.raises(ValueError, match="`features` must be given for a graph that was loaded"):
        query(features[:2], loaded)
    with pytest.raises(ValueError, match="be those that the graph was made of"):
        query(features[:2], loaded, features=features[::-1])
    with pytest.raises(ValueError, match="be those that the graph was made of"):
        query(features[:2], loaded, features=features[:-1])
    assert bits(query(features[:2], loaded, features=features)) == bits(query(features[:2], graph))
    moved = features.copy()
    graph_of_moved = build_knn_graph(moved)
    moved += 1
    with pytest.raises(ValueError, match="be those that the graph was made of"):
        query(features[:2], graph_of_moved)
    with pytest.raises(TypeError, match="`graph` must be a KNNGraph; got csr_matrix"):
        query(features[:2], graph.to_csr())
    with pytest.raises(ValueError, match=r"`graph.metric` must be one of .* got 'unknown'"):
        query(features[:2], KNNGraph.from_csr(graph.to_csr()), features=features)
    with pytest.raises(ValueError, match="`new_features` must have 5 columns"):
        query(features[:, :4], graph)
    with pytest.raises(ValueError, match="`n_neighbors` must lie in"):
        query(features, graph, n_neighbors=51)


def test_scale_auto_is_kept_for_new_rows(tmp_path):
    features = blobs(300, 5) * [1, 1e4, 1e-3, 10, 1e6]
    graph = build_knn_graph(features, scale="auto")
    assert graph.metric == "euclidean"
    assert graph.scaling is not None
    standardised = (features - features.mean(axis=0)) / features.std(axis=0)
    np.testing.assert_allclose(graph.distances, naive_graph(standardised, "euclidean", 10)[0], atol=1e-9)
    graph.save(tmp_path / "graph.npz")
    loaded = KNNGraph.load(tmp_path / "graph.npz")
    assert bits(query(features[:9], loaded, features=features)) == bits(query(features[:9], graph))


# -- the graph itself


def test_graph_slices_share_memory():
    graph = build_knn_graph(blobs(40, 5), n_neighbors=7)
    three = graph[:, :3]
    assert three.k == 3
    assert np.shares_memory(three.distances, graph.distances)
    assert bits(three) == bits(build_knn_graph(blobs(40, 5), n_neighbors=3))
    for wrong in (0, 8):
        with pytest.raises(IndexError, match="`k` must lie in"):
            graph[:, :wrong]
    for key in (0, (slice(None), 2), (slice(3), slice(None, 2)), (slice(None), slice(1, 2))):
        with pytest.raises(TypeError, match="graph"):
            graph[key]


@pytest.mark.parametrize("scale", [None, "auto"])
def test_graph_survives_saving(tmp_path, scale):
    graph = build_knn_graph(blobs(60, 4) * [1, 100, 1, 1], scale=scale)
    graph.save(str(tmp_path / "graph.npz"))
    assert [path.name for path in tmp_path.iterdir()] == ["graph.npz"]
    loaded = KNNGraph.load(tmp_path / "graph.npz")
    assert bits(loaded) == bits(graph)
    for name in ("metric", "n_reference", "method", "recall", "fingerprint"):
        assert getattr(loaded, name) == getattr(graph, name)


def test_load_rejects_other_files(tmp_path):
    path = tmp_path / "x.npz"
    with pytest.raises(FileNotFoundError):
        KNNGraph.load(path)
    for content in (b"no archive", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="`path` must name a graph"):
            KNNGraph.load(path)
    np.savez(path, a=np.arange(3))
    with pytest.raises(ValueError, match="`path` must name a graph"):
        KNNGraph.load(path)
    np.savez(path, distances=np.ones((2, 1)), indices=np.array([[1], [0]]), about='{"format": 99}')
    with pytest.raises(ValueError, match="Update fastcl"):
        KNNGraph.load(path)


def test_csr_round_trip():
    graph = build_knn_graph(np.repeat(blobs(20, 4), 2, axis=0), n_neighbors=5)
    matrix = graph.to_csr()
    assert matrix.nnz == 200
    assert matrix.shape == (40, 40)
    back = KNNGraph.from_csr(matrix, metric="cosine")
    assert bits(back) == bits(graph)
    shuffled = matrix.copy()
    shuffled.sort_indices()  # as users' own graphs come: S25
    again = KNNGraph.from_csr(shuffled)
    np.testing.assert_array_equal(again.distances, graph.distances)


def from_rows(rows: dict[int, dict[int, float]], n: int = 3) -> Any:
    entries = [(i, j, d) for i, row in rows.items() for j, d in row.items()]
    i, j, d = zip(*entries, strict=True)
    return sparse.csr_matrix((d, (i, j)), shape=(n, n))


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (from_rows({0: {1: 1.0, 2: 1.0}, 1: {0: 1.0}, 2: {0: 1.0}}), "same number of neighbours"),
        (from_rows({0: {1: 1.0}, 1: {0: 1.0}}), "same number of neighbours"),
        (from_rows({0: {0: 1.0}, 1: {0: 1.0}, 2: {1: 1.0}}), "other rows as neighbours; got row 0"),
        (from_rows({0: {1: -1.0}, 1: {0: 1.0}, 2: {1: 1.0}}), "at least 0; got -1.0 in row 0"),
        (from_rows({0: {1: np.nan}, 1: {0: 1.0}, 2: {1: 1.0}}), "finite distances"),
        (sparse.csr_matrix(np.ones((2, 3))), "square"),
        (sparse.csr_matrix((3, 3)), "same number of neighbours"),
        (sparse.csr_matrix(([1.0, 1.0, 1.0, 1.0], [1, 1, 0, 0], [0, 2, 4]), shape=(2, 2)), "each neighbour once"),
    ],
)
def test_graph_rejects_what_is_none(matrix, words):
    with pytest.raises(ValueError, match=words):
        as_knn_graph(matrix)


def test_graph_rejects_other_data():
    graph = build_knn_graph(blobs(30, 4), n_neighbors=3)
    with pytest.raises(ValueError, match="made for other data"):
        as_knn_graph(graph, n_samples=31)
    with pytest.raises(ValueError, match="n_neighbors=4"):
        as_knn_graph(graph, n_neighbors=4)
    with pytest.raises(TypeError, match="KNNGraph or a scipy sparse matrix; got ndarray"):
        as_knn_graph(np.ones((3, 3)))


# -- bad input


def with_value(value: float, dtype: str = "float64") -> np.ndarray:
    features = blobs(40, 4, dtype)
    features[[7, 20], 2] = value
    return features


@pytest.mark.parametrize(
    ("features", "error", "words"),
    [
        (with_value(np.nan), ValueError, r"finite numbers .* nan in row 7 \(2 such rows\)"),
        (with_value(np.inf, "float32"), ValueError, "inf in row 7"),
        (with_value(-np.inf), ValueError, "-inf in row 7"),
        (with_value(1e200), ValueError, "Rescale"),
        (sparse.csr_matrix(with_value(np.nan)), ValueError, "nan in row 7"),
        (np.arange(5.0), ValueError, r"shape \(n_samples, n_features\); got shape \(5,\)"),
        (np.ones((2, 3, 4)), ValueError, "Flatten"),
        (np.ones((0, 3)), ValueError, "at least one row"),
        (np.ones((3, 0)), ValueError, "at least one row and one column"),
        (np.ones((1, 3)), ValueError, "at least two rows"),
        ([[1.0, 2.0], [3.0]], ValueError, "`features` must be an array"),
        (np.array([["a", "b"], ["c", "d"]]), TypeError, "real numbers"),
        (np.ones((4, 2)) * 1j, TypeError, "real numbers"),
        (None, TypeError, "`features` must be an array; got NoneType"),
    ],
)
def test_build_knn_graph_rejects_bad_features(features, error, words):
    with pytest.raises(error, match=words):
        build_knn_graph(features, n_neighbors=1)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n_neighbors": 40}, ValueError, "below the number of rows, 40; got 40"),
        ({"n_neighbors": 0}, ValueError, "`n_neighbors` must be at least 1"),
        ({"n_neighbors": 2.5}, TypeError, "whole number"),
        ({"metric": "cosin"}, ValueError, "`metric` must be one of"),
        ({"metric": "precomputed"}, ValueError, "`metric` must be one of"),
        ({"metric": 3}, ValueError, "`metric` must be one of"),
        ({"method": "fast"}, ValueError, "`method` must be one of 'auto', 'exact', 'approximate'; got 'fast'"),
        ({"scale": "yes"}, ValueError, "`scale` must be one of 'auto'"),
        ({"metric": "manhattan", "method": "approximate"}, ValueError, "`method` must be 'auto' or 'exact'"),
        ({"n_jobs": 0}, ValueError, "`n_jobs`"),
    ],
)
def test_build_knn_graph_rejects_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        build_knn_graph(blobs(40, 4), **options)


def test_sparse_features_have_no_approximate_search():
    with pytest.raises(ValueError, match="TruncatedSVD"):
        build_knn_graph(sparse.csr_matrix(blobs(40, 4)), method="approximate")


def test_features_are_not_changed():
    features = blobs(60, 5)
    features[3] = -0.0
    before = features.tobytes()
    build_knn_graph(features, scale="auto")
    build_knn_graph(features, method="approximate")
    assert features.tobytes() == before


def test_as_many_new_rows_as_old_are_still_new():
    features = blobs(40, 4)
    graph = build_knn_graph(features, n_neighbors=3)
    found = query(blobs(40, 4, seed=1), graph)
    assert graph.is_of_itself
    assert not found.is_of_itself
    with pytest.raises(ValueError, match="among themselves"):
        graph_of_itself(found)


@pytest.mark.parametrize("method", ["exact", "approximate"])
def test_long_builds_show_their_progress_and_quiet_ones_nothing(monkeypatch, method):
    drawn: list[float] = []

    class Bar:
        n = 0.0

        def __init__(self, **options: Any) -> None:
            assert options["desc"] == "neighbours"

        def update(self, step: float) -> None:
            self.n += step
            drawn.append(self.n)

        def close(self) -> None:
            pass

    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "_open_bar", Bar)
    monkeypatch.setattr(progress.sys, "stderr", type("Terminal", (), {"isatty": lambda self: True})())
    features = blobs(9_000, 8)
    build_knn_graph(features, method=method, verbose=False)
    assert not drawn
    build_knn_graph(features, method=method)
    assert len(drawn) > 1
    assert drawn[-1] == pytest.approx(9_000, abs=1)
    assert (np.diff(drawn) >= 0).all()


def test_who_is_a_neighbour_is_no_distance():
    connected = from_rows({0: {1: 1.0, 2: 1.0}, 1: {0: 1.0, 2: 1.0}, 2: {1: 1.0, 0: 1.0}})
    with pytest.warns(UserWarning, match="ask for mode='distance'"):
        KNNGraph.from_csr(connected)
    with pytest.raises(TypeError, match="`graph` must hold distances; got dtype bool"):
        KNNGraph.from_csr(connected.astype(bool))
    with pytest.raises(TypeError, match="dtype complex128"):
        KNNGraph.from_csr(connected.astype(complex))


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ((np.ones((3, 2)), np.zeros((3, 1), np.int32)), ValueError, "as `indices`; got shapes"),
        ((np.ones(3), np.zeros(3, np.int32)), ValueError, "have shape"),
        ((np.ones((3, 0)), np.zeros((3, 0), np.int32)), ValueError, "have shape"),
        ((np.ones((3, 1), np.float16), np.zeros((3, 1), np.int32)), TypeError, "float32 or float64"),
        ((np.ones((3, 1)), np.zeros((3, 1))), TypeError, "`indices` integers"),
        (([[1.0]], [[0]]), TypeError, "be an array"),
    ],
)
def test_a_graph_is_two_arrays_that_fit(arrays, error, words):
    with pytest.raises(error, match=words):
        KNNGraph(*arrays, "cosine", 3)


def test_a_graph_with_nan_is_refused_when_used():
    graph = build_knn_graph(blobs(20, 3), n_neighbors=2)
    with pytest.raises(ValueError, match="finite distances"):
        as_knn_graph(replace(graph, distances=graph.distances * np.nan))


def test_sparse_and_dense_rows_ask_each_other():
    dense = blobs(40, 6)
    of_dense, of_sparse = (
        build_knn_graph(dense, n_neighbors=3),
        build_knn_graph(sparse.csr_matrix(dense), n_neighbors=3),
    )
    expected = query(dense[:5] + 0.1, of_dense).distances
    for new, graph in ((sparse.csr_matrix(dense[:5] + 0.1), of_dense), (dense[:5] + 0.1, of_sparse)):
        np.testing.assert_allclose(query(new, graph).distances, expected, rtol=0, atol=1e-12)


def test_a_metric_without_an_answer_says_so():
    features = np.vstack([np.ones((1, 5)), blobs(30, 5)])  # a constant row has no correlation
    with pytest.raises(ValueError, match="`features` must have distances by the metric 'correlation'; got NaN"):
        build_knn_graph(features, metric="correlation")
    with pytest.raises(ValueError, match="for sparse features; got 'chebyshev'"):
        build_knn_graph(sparse.csr_matrix(blobs(30, 5)), metric="chebyshev")


def test_frames_of_nullable_and_mixed_columns():
    features = blobs(30, 4)
    mixed = pd.DataFrame(features)
    mixed[3] = features[:, 3] > 0
    np.testing.assert_array_equal(build_knn_graph(mixed).indices, build_knn_graph(mixed.to_numpy(dtype=float)).indices)
    assert bits(build_knn_graph(pd.DataFrame(features, dtype="Float64"))) == bits(build_knn_graph(features))
