"""Graphs made elsewhere: sparse matrices of distances, checked before anything is built on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence, warn


def graph_from_csr(matrix: Any, name: str = "graph") -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.int32]]:
    """Return distances and indices of shape (n_samples, k), nearest first, of a sparse matrix of distances.

    Rows are sorted by distance, equal distances keep the order in which they are stored; explicit zeros are
    distances of exact duplicates and count.

    Raises
    ------
    TypeError
        If `matrix` is no scipy sparse matrix of real numbers.
    ValueError
        If it is not square, rows have different numbers of neighbours or none, a row is its own neighbour, a
        neighbour occurs twice in a row, or a distance is NaN, infinite or negative.
    """
    if not hasattr(matrix, "tocsr") or not hasattr(matrix, "nnz"):
        fix = "Use build_knn_graph(features)."
        raise TypeError(sentence(name, "be a KNNGraph or a scipy sparse matrix", type(matrix).__name__, fix))
    if matrix.dtype.kind not in "fiu":
        fix = "With scikit-learn, ask for kneighbors_graph(mode='distance')." if matrix.dtype.kind == "b" else ""
        raise TypeError(sentence(name, "hold distances", f"dtype {matrix.dtype}", fix))
    matrix = matrix.tocsr()
    n_samples = matrix.shape[0]
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(sentence(name, "be square, one row and one column a sample", f"shape {matrix.shape}"))
    counts = np.diff(matrix.indptr)
    if not n_samples or counts.min() != counts.max() or not counts.max():
        got = f"between {counts.min()} and {counts.max()}" if n_samples else "no rows"
        fix = "Keep explicit zeros: they are distances of exact duplicates."
        raise ValueError(sentence(name, "store the same number of neighbours in every row", got, fix))
    indices = matrix.indices.reshape(n_samples, -1)
    distances = matrix.data.reshape(n_samples, -1)
    if distances.dtype not in (np.float32, np.float64):
        distances = distances.astype(np.float64)
    _check_distances(distances, name)
    _check_indices(indices, name)
    if distances.shape[1] > 1 and distances[0, 0] > 0 and (distances == distances[0, 0]).all():
        warn(f"All distances of `{name}` are {distances[0, 0]}: with scikit-learn, ask for mode='distance'.")
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1).astype(np.int32)


def _check_distances(distances: npt.NDArray[Any], name: str) -> None:
    bad = np.flatnonzero(~(np.isfinite(distances) & (distances >= 0)).all(axis=1))
    if bad.size:
        row = distances[bad[0]]
        worst = row[~(np.isfinite(row) & (row >= 0))][0]
        got = f"{worst!s} in row {bad[0]:,} ({bad.size:,} such rows)"
        raise ValueError(sentence(name, "hold finite distances of at least 0", got))


def _check_indices(indices: npt.NDArray[Any], name: str) -> None:
    loops = np.flatnonzero((indices == np.arange(len(indices))[:, None]).any(axis=1))
    if loops.size:
        got = f"row {loops[0]:,} as its own ({loops.size:,} such rows)"
        fix = "With scikit-learn, kneighbors_graph(X=None) leaves the row itself out."
        raise ValueError(sentence(name, "name other rows as neighbours", got, fix))
    ordered = np.sort(indices, axis=1)
    twice = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if twice.size:
        got = f"one twice in row {twice[0]:,} ({twice.size:,} such rows)"
        raise ValueError(sentence(name, "name each neighbour once", got))
