"""Probabilities without a model: what the labels of each row's neighbours say."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number, check_option, sentence
from fastcl.core.jit import kernel
from fastcl.engine.threads import for_each, resolve_n_jobs
from fastcl.neighbors.features import row_blocks
from fastcl.neighbors.graph import KNNGraph, as_knn_graph
from fastcl.neighbors.model_free.class_codes import class_codes

WEIGHTS = ("rank", "distance", "uniform")


def knn_pred_probs(
    labels: Any,
    graph: Any,
    *,
    n_classes: int | None = None,
    class_names: Sequence[Hashable] | None = None,
    weights: str = "rank",
    smoothing: float = 1.0,
    n_jobs: int | None = None,
) -> npt.NDArray[np.floating[Any]]:
    """Predict the class probabilities of every row by a vote of its neighbours; its own label has no vote.

    Coarse where there are few neighbours, and shy of classes that have fewer rows than a row has neighbours; 20 to
    30 neighbours find wrong labels better than 10.

    Parameters
    ----------
    labels : array-like of shape (n_reference,)
        Given labels of the rows that are neighbours: class indices in [0, n_classes), or names.
    graph : KNNGraph, or scipy sparse matrix of distances
        Neighbours of each row, among themselves (`build_knn_graph`) or among other rows (`query`).
    n_classes : int, optional
        Number of classes; by default as many as the names, or the largest class index, say.
    class_names : sequence of n_classes names, optional
        Order of the columns if `labels` holds names; sorted by default.
    weights : {"rank", "distance", "uniform"}
        Weight of the r-th nearest neighbour, before weights are scaled to sum to the number of neighbours k:
        1 / sqrt(r); exp(-d_r / d_k) for distances d; or 1.
    smoothing : float
        Number of votes cast for the class shares, so that no probability is exactly 0 or 1; 0 for the bare vote.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Probabilities; rows sum to one. Of the dtype of the graph's distances.

    Raises
    ------
    TypeError
        If labels, graph or an option are of a kind that cannot be used.
    ValueError
        If a label is missing or all are the same, the graph is of another number of rows, an option is out of
        range, or ``weights="distance"`` meets negative distances, as those of inner products.

    Notes
    -----
    ``p[k] = (votes[k] + smoothing * prior[k]) / (n_neighbors + smoothing)`` with
    ``prior[k] = (count[k] + 1) / (n + n_classes)``, where the n rows counted are all but the row itself. One pass
    over the graph, O(n_samples (n_neighbors + n_classes)), no memory but the result.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcl.neighbors import build_knn_graph
    >>> features = np.array([[1.0], [2.0], [1.5], [8.0], [9.0], [8.5], [1.2], [8.8]])
    >>> graph = build_knn_graph(features, n_neighbors=3)
    >>> knn_pred_probs([0, 0, 1, 1, 1, 1, 0, 1], graph)[2:4].round(2)
    array([[0.86, 0.14],
           [0.11, 0.89]])
    """
    check_option("weights", weights, WEIGHTS)
    check_number("smoothing", smoothing, 0, np.finfo(np.float64).max)
    graph = as_knn_graph(graph)
    codes, n_classes = class_codes(labels, n_classes=n_classes, class_names=class_names)
    _check_graph(graph, len(codes), weights)
    pred_probs = np.empty((len(graph), n_classes), graph.distances.dtype)
    counts = np.bincount(codes, minlength=n_classes)
    shares = _shares(graph.k, weights)

    def vote(rows: slice) -> None:
        neighbours = graph.distances[rows], graph.indices[rows]
        own = codes[rows] if graph.is_of_itself else codes[:0]
        write_votes(codes, own, counts, *neighbours, shares, weights == "distance", float(smoothing), pred_probs[rows])

    for_each(row_blocks(len(graph), graph.k + n_classes), vote, resolve_n_jobs(n_jobs))
    return pred_probs


def _check_graph(graph: KNNGraph, n_labels: int, weights: str) -> None:
    """Raise ValueError unless the graph names rows that have labels, at distances that can be weighed."""
    if graph.n_reference != n_labels:
        rule = "have one label for each row that the graph's neighbours are among"
        raise ValueError(sentence("labels", rule, f"{n_labels:,} for {graph.n_reference:,} rows"))
    if weights == "distance" and not graph.distances.min() >= 0:
        fix = "Use weights='rank'."
        raise ValueError(sentence("graph", "hold distances of at least 0 for weights='distance'", "less", fix))


def _shares(n_neighbors: int, weights: str) -> npt.NDArray[np.float64]:
    """Return the weight of each rank, before distances count."""
    ranks = np.arange(1.0, n_neighbors + 1)
    return 1 / np.sqrt(ranks) if weights == "rank" else np.ones(n_neighbors)


@kernel
def write_votes(codes, own, counts, distances, indices, shares, by_distance, smoothing, pred_probs):
    """pred_probs[i, k] = (votes for k + smoothing * prior[k]) / (n_neighbors + smoothing); `own` may be empty."""
    n_neighbors, n_classes = indices.shape[1], counts.size
    n_others = codes.size - (own.size > 0)
    for i in range(indices.shape[0]):
        total = 0.0
        farthest = distances[i, n_neighbors - 1]
        for r in range(n_neighbors):
            total += shares[r] * (np.exp(-distances[i, r] / farthest) if by_distance and farthest > 0 else 1.0)
        base = smoothing / (n_neighbors + smoothing)
        for k in range(n_classes):
            count = counts[k] - (own.size > 0 and own[i] == k)
            pred_probs[i, k] = base * (count + 1) / (n_others + n_classes)
        unit = n_neighbors / (n_neighbors + smoothing) / total
        for r in range(n_neighbors):
            weight = shares[r] * (np.exp(-distances[i, r] / farthest) if by_distance and farthest > 0 else 1.0)
            pred_probs[i, codes[indices[i, r]]] += weight * unit
