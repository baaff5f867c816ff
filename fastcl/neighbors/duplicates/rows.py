"""Which rows are the same thing twice? Exact copies, near duplicates in a neighbour graph, near duplicates of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_option, sentence
from fastcl.core.lazily import kept
from fastcl.neighbors.duplicates.groups import Disagreements, Duplicates, unite_duplicates
from fastcl.neighbors.duplicates.hashing import group_equal_rows
from fastcl.neighbors.duplicates.links import equal_links
from fastcl.neighbors.duplicates.lists import RowLists
from fastcl.neighbors.duplicates.rules import RULES, MedianRule
from fastcl.neighbors.duplicates.text import find_text_duplicates
from fastcl.neighbors.graph import KNNGraph, as_knn_graph

__all__ = [
    "Disagreements",
    "Duplicates",
    "NearDuplicates",
    "find_exact_duplicates",
    "find_near_duplicates",
    "find_text_duplicates",
    "unite_duplicates",
]


@dataclass(frozen=True, eq=False, repr=False)
class NearDuplicates(Duplicates):
    """`Duplicates` found in a neighbour graph, with what the reference reports of each row.

    Besides the fields of `Duplicates`: `near_duplicate_sets`, `nearest_neighbor`, `distance_to_nearest_neighbor`,
    `median_distance_to_nearest_neighbor`, `graph` and `rule`.
    """

    @property
    def graph(self) -> KNNGraph:
        """The graph that was searched."""
        return self.search.graph

    @property
    def rule(self) -> str:
        """Name of the rule."""
        return self.search.name

    @kept
    def near_duplicate_sets(self) -> RowLists:
        """For every row the rows it is linked to: its neighbours nearest first, then rows that only name it."""
        return self.search.sets(self.threshold)

    @property
    def nearest_neighbor(self) -> npt.NDArray[np.int32]:
        """Nearest neighbour of every row."""
        return self.graph.indices[:, 0]

    @property
    def distance_to_nearest_neighbor(self) -> npt.NDArray[np.floating[Any]]:
        """Distance of every row to it."""
        return self.graph.distances[:, 0]

    @kept
    def median_distance_to_nearest_neighbor(self) -> float:
        """The median of these distances, at least 1e-6."""
        return float(MedianRule(self.graph, 1).median)


def find_near_duplicates(
    graph: Any,
    *,
    threshold: float | None = None,
    rule: str = "median",
    quality: Any = None,
    n_jobs: int | None = None,
) -> NearDuplicates:
    """Find rows that lie much closer together than rows of this data set usually do.

    Parameters
    ----------
    graph : `KNNGraph` or scipy sparse matrix of distances, (n_samples, n_samples)
        The nearest neighbours of every row.
    threshold : float, optional
        Two rows are near duplicates if their distance is below so much of what is usual; 0.13 for
        ``rule="median"``, as in the reference, and 0.3 for ``rule="local"``. A negative one counts as 0, with a
        warning.
    rule : {"median", "local"}
        What is usual: the median distance of a row to its nearest neighbour, one number for the whole data set, as in
        the reference; or, for each pair, the geometric mean of both rows' distances to their k-th neighbours, so that
        dense regions are judged by another measure than sparse ones. The median rule never links rows at threshold 0,
        exact copies neither; the local rule always links those.
    quality : array-like of shape (n_samples,), optional
        For example label quality scores: the best row of each group is kept.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    `NearDuplicates`
        `scores` are ``1 - exp(-d / median)`` with d the distance to the nearest neighbour, 0 if d <= 1e-8, for the
        median rule; ``1 - exp(-r)`` for the local one, r the lowest ratio of distance to geometric mean among all
        pairs of the graph with this row.

    Raises
    ------
    TypeError
        If `graph` is no graph or `threshold` no number.
    ValueError
        If the rule is unknown, distances are negative (``metric="inner_product"``), rows are neighbours of another
        data set's, or `quality` has not one value a row.

    Notes
    -----
    One pass over the n x k distances, for the local rule two; groups by union-find. Memory 1 byte an entry of the
    graph, 25 a pair found, some 40 a row. `near_duplicate_sets` costs nothing until it is looked at.

    References
    ----------
    For the geometric mean of both neighbourhoods' sizes: Zelnik-Manor and Perona, "Self-tuning spectral clustering",
    NeurIPS 2004, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcl.neighbors import build_knn_graph
    >>> graph = build_knn_graph(np.array([[0.0], [0.1], [4.0], [6.0], [9.0]]), n_neighbors=2)
    >>> found = find_near_duplicates(graph)
    >>> found.group
    array([ 0,  0, -1, -1, -1])
    >>> found.with_threshold(1.1).group
    array([ 0,  0,  1,  1, -1])
    """
    check_option("rule", rule, RULES)
    graph = as_knn_graph(graph)
    if not graph.is_of_itself:
        rule_ = "hold neighbours of rows among the same rows"
        raise ValueError(sentence("graph", rule_, f"{len(graph):,} rows among {graph.n_reference:,} others"))
    if (graph.distances[:, 0] < 0).any():
        fix = "Build the graph with metric='cosine' or 'euclidean'."
        raise ValueError(sentence("graph", "hold distances of at least 0", f"metric {graph.metric!r}", fix))
    search = RULES[rule](graph, n_jobs)
    threshold = search.threshold(threshold)
    about = {"threshold": threshold, "search": search}
    return NearDuplicates.from_links(search.links(threshold), search.scores(), quality, **about)


def find_exact_duplicates(
    features: Any, *, hashes: npt.NDArray[np.uint64] | None = None, quality: Any = None, n_jobs: int | None = None
) -> Duplicates:
    """Find rows that are equal, number by number.

    Parameters
    ----------
    features : array-like or sparse matrix of shape (n_samples, n_features)
        See `fastcl.neighbors.duplicates.hashing.group_equal_rows`.
    hashes : ndarray of shape (n_samples,), optional
        What `fastcl.neighbors.duplicates.hashing.hash_rows` returned for them.
    quality : array-like of shape (n_samples,), optional
        For example label quality scores: the best row of each group is kept, else the first.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    `Duplicates`
        `scores` are 0 for rows with a copy, else 1.

    Raises
    ------
    TypeError
        If `features` holds no real numbers of at most 64 bits.
    ValueError
        If `features` has not shape (n_samples, n_features), or `quality` not one value a row.

    Examples
    --------
    >>> found = find_exact_duplicates([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    >>> found
    Duplicates(1 groups of 2 of 3 rows)
    >>> found.representative
    array([0])
    """
    links = equal_links(group_equal_rows(features, hashes=hashes, n_jobs=n_jobs))
    scores = np.ones(links.n_rows)
    scores[links.left] = scores[links.right] = 0.0
    return Duplicates.from_links(links, scores, quality)
