"""What is each row worth to a classifier by nearest neighbours?

The Shapley value of a row is its mean contribution over all orders in which rows could be collected. For a classifier
that asks the k nearest neighbours it has a closed form: Jia et al., "Efficient Task-Specific Data Valuation for Nearest
Neighbor Algorithms", VLDB 2019; "Scalability vs. Utility: Do We Have to Sacrifice One for the Other in Data Importance
Quantification?", CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array
from fastcl.core.errors import check_number, sentence
from fastcl.core.jit import kernel
from fastcl.core.labels import as_labels
from fastcl.engine.blocks import as_read_only
from fastcl.neighbors.build import build_knn_graph
from fastcl.neighbors.graph import KNNGraph, graph_of_itself

__all__ = ["LowValue", "data_shapley_knn", "find_low_value"]

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class LowValue:
    """Rows that do a classifier by nearest neighbours more harm than good.

    Parameters
    ----------
    is_issue : bool of shape (n_samples,)
        True where the score is below the threshold.
    scores : float64 of shape (n_samples,)
        `data_shapley_knn`, in [0, 1].
    summary : mean of the scores
    threshold : what scores were compared with
    k : number of neighbours that the classifier asks
    metric : what the distances are
    """

    is_issue: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]
    summary: float
    threshold: float
    k: int
    metric: str


def data_shapley_knn(
    labels: Any, *, features: Any = None, knn_graph: Any = None, metric: str | None = None, k: int = 10
) -> npt.NDArray[np.float64]:
    """Score the value of each row to a classifier by its k nearest neighbours.

    A row gains by each row that it is a neighbour of and agrees with, and loses by each that it misleads. The data are
    their own test set, so many wrong labels in one place vouch for each other.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Labels of any kind: class indices, other whole numbers, names.
    features : array-like of shape (n_samples, n_features), optional
        From which to build the graph if none is given; see `fastcl.neighbors.build_knn_graph`.
    knn_graph : KNNGraph or sparse matrix of shape (n_samples, n_samples), optional
        Neighbours of each row, at least k. Goes before `features`. Rows of a matrix are sorted by distance.
    metric : str, optional
        Metric of a graph built here.
    k : int
        How many neighbours the classifier asks, in [1, n_samples).

    Returns
    -------
    ndarray of shape (n_samples,), float64
        Scores in [0, 1], low is bad: above one half a row helps, below it harms. One half exactly for a row that is
        nobody's neighbour, and for all if k is 1. The range around one half shrinks like 1 / n_samples: it is the order
        and the side of one half that count.

    Raises
    ------
    TypeError
        If `knn_graph` is no graph, or `k` no whole number.
    ValueError
        If neither `features` nor `knn_graph` is given, they have other than n_samples rows, `k` is not in
        [1, n_samples) or above the neighbours that the graph has, or labels are missing or fractions.

    Notes
    -----
    With m_j = 1 if row i and its j-th neighbour have the same label, else 0, that neighbour is credited with
    (m_j - m_k) / k, the k-th one with nothing; the value of a row is its credit over n_samples. Credits are added as
    integers, in one pass of n_samples * k steps, with 8 bytes a row beside the graph and the result.

    References
    ----------
    Jia et al., "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms", VLDB 2019, theorem 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcl.data_valuation import data_shapley_knn
    >>> features = np.array([[0.0], [1.0], [2.2], [10.0], [11.0], [12.2], [1.4]])
    >>> labels = ["cat", "cat", "cat", "dog", "dog", "dog", "dog"]
    >>> data_shapley_knn(labels, features=features, k=3).round(3)
    array([0.5  , 0.5  , 0.5  , 0.548, 0.548, 0.548, 0.429])
    """
    check_number("k", k, 1, whole=True)
    codes = label_codes(labels)
    return _scores(codes, _graph(len(codes), features, knn_graph, metric, k))


def find_low_value(
    labels: Any,
    *,
    features: Any = None,
    knn_graph: Any = None,
    metric: str | None = None,
    k: int = 10,
    threshold: float = 0.5,
) -> LowValue:
    """Find the rows that a classifier by nearest neighbours would be better without.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Labels of any kind.
    features, knn_graph, metric, k
        As in `data_shapley_knn`.
    threshold : float
        Flag rows of lower score, in [0, 1].

    Returns
    -------
    LowValue
        Flags, scores and their mean.

    Raises
    ------
    TypeError, ValueError
        As `data_shapley_knn`, or if the threshold is outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> features = np.array([[0.0], [1.0], [2.2], [10.0], [11.0], [12.2], [1.4]])
    >>> find_low_value([0, 0, 0, 1, 1, 1, 1], features=features, k=3).is_issue
    array([False, False, False, False, False, False,  True])
    """
    check_number("threshold", threshold, 0, 1)
    check_number("k", k, 1, whole=True)
    codes = label_codes(labels)
    graph = _graph(len(codes), features, knn_graph, metric, k)
    scores = _scores(codes, graph)
    return LowValue(scores < threshold, scores, float(scores.mean()), float(threshold), graph.k, graph.metric)


def label_codes(labels: Any) -> Codes:
    """Return labels of any kind as numbers that are equal where the labels are.

    Examples
    --------
    >>> label_codes(["b", "a", "b"])
    array([0, 1, 0], dtype=int32)
    """
    array = as_array("labels", labels)
    if array.ndim == 1 and array.size and array.dtype.kind == "f" and np.isfinite(array).all():
        _refuse_fractions(array)
        array = array.astype(np.int64) if np.abs(array).max() < 2**63 else np.unique(array, return_inverse=True)[1]
    if array.ndim == 1 and array.size and array.dtype.kind in "iu":
        fits = array.min() >= np.iinfo(np.int32).min and array.max() <= np.iinfo(np.int32).max
        return (array if fits else np.unique(array, return_inverse=True)[1]).astype(np.int32, copy=False)
    names = labels if isinstance(labels, list) else array.ravel().tolist()
    try:
        distinct = list(dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(sentence("labels", "be names or whole numbers", "what cannot be hashed")) from error
    return as_labels(labels, len(distinct), class_names=distinct).codes


def _refuse_fractions(array: npt.NDArray[Any]) -> None:
    """Raise ValueError for targets of a regression: no two of them are equal, so nothing would be worth anything."""
    fractions = np.flatnonzero(np.trunc(array) != array)
    if fractions.size:
        got = f"{array[fractions[0]]} in row {fractions[0]:,} ({fractions.size:,} such rows)"
        fix = "Targets of a regression have no classes to agree on."
        raise ValueError(sentence("labels", "be names or whole numbers", got, fix))


def _graph(n_samples: int, features: Any, knn_graph: Any, metric: str | None, k: int) -> KNNGraph:
    """Return the graph of the k nearest neighbours: the given one, or one of `features`."""
    if k >= n_samples:
        fix = f"Pass k={n_samples - 1} or less." if n_samples > 1 else ""
        raise ValueError(sentence("k", "be less than the number of rows", f"{k} for {n_samples:,} rows", fix))
    if knn_graph is None:
        if features is None:
            raise ValueError(sentence("knn_graph", "be given, or `features` to build it from", "neither"))
        shape = getattr(features, "shape", None) or as_array("features", features).shape
        if shape and shape[0] != n_samples:
            got = f"{shape[0]:,} rows for {n_samples:,} labels"
            raise ValueError(sentence("features", "have one row for each label", got))
        knn_graph = build_knn_graph(features, n_neighbors=k, metric=metric)
    return graph_of_itself(knn_graph, n_samples=n_samples, n_neighbors=int(k), name="knn_graph")


def _scores(codes: Codes, graph: KNNGraph) -> npt.NDArray[np.float64]:

    earned = np.zeros(len(codes), np.int32)
    # One thread: two, each with sums of its own to be merged, took longer (1 M rows, k = 10: 62 ms after 45).
    add_credits(as_read_only(graph.indices, np.int32), as_read_only(codes, np.int32), earned)
    return 0.5 * (earned / (len(codes) * graph.k) + 1)


@kernel
def add_credits(indices, codes, earned):
    """Credit the j-th neighbour x of each row i with [codes[x] = codes[i]] - [that of the last neighbour]."""
    n, k = indices.shape
    for i in range(n):
        own = codes[i]
        last = np.int32(codes[indices[i, k - 1]] == own)
        for j in range(k - 1):
            x = indices[i, j]
            earned[x] += np.int32(codes[x] == own) - last
