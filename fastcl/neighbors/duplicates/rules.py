"""When are two neighbours near duplicates? Two rules, each answered from the graph for any threshold."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number, sentence, warn
from fastcl.core.jit import kernel
from fastcl.core.lazily import kept
from fastcl.engine.threads import for_each, resolve_n_jobs
from fastcl.neighbors.duplicates.links import EXACT, NEAR, Links
from fastcl.neighbors.duplicates.lists import RowLists
from fastcl.neighbors.graph import KNNGraph

#: Lower bound of the median distance, the reference's: more than half of all rows may have exact copies.
EPSILON = 1e-6

#: Distances up to this are zero for the score of a row, as in the reference.
ZERO = 1e-8

#: Rows that a thread takes at a time.
ROWS_AT_A_TIME = 65_536


class Rule(ABC):
    """What links a row to its neighbours, and how alone each row is."""

    name: str
    default_threshold: float

    def __init__(self, graph: KNNGraph, n_jobs: int | None) -> None:
        self.graph = graph
        self.n_threads = resolve_n_jobs(n_jobs)

    @abstractmethod
    def is_near(self, threshold: float) -> npt.NDArray[np.bool_]:
        """Tell for every entry of the graph whether it is a near duplicate."""

    @abstractmethod
    def scores(self) -> npt.NDArray[np.float64]:
        """Return how alone each row is: 0 beside an exact copy, towards 1 for the loneliest."""

    def links(self, threshold: float) -> Links:
        """Return the pairs of near duplicates, each once."""
        near = self.is_near(threshold)
        edges = np.flatnonzero(near)
        left, right = np.empty(len(edges), np.int64), np.empty(len(edges), np.int64)
        distances = np.empty(len(edges))
        count = collect_pairs(edges, near, self.graph.indices, self.graph.distances, left, right, distances)
        distances = distances[:count]
        kinds = np.where(distances == 0, EXACT, NEAR).astype(np.int8)
        return Links(len(self.graph), left[:count], right[:count], distances, kinds)

    def sets(self, threshold: float) -> RowLists:
        """Return for each row its near duplicates: neighbours in the graph's order, then others that name it."""
        near = self.is_near(threshold)
        edges = np.flatnonzero(near)
        starts = np.zeros(len(near) + 1, np.int64)
        np.sum(near, axis=1, out=starts[1:])
        ends = starts[1:].copy()
        count_one_sided(edges, near, self.graph.indices, starts[1:])
        np.cumsum(starts, out=starts)
        rows = np.empty(starts[-1], np.int32)
        place_sets(edges, near, self.graph.indices, starts[:-1].copy(), starts[:-1] + ends, rows)
        return RowLists(starts, rows)

    def threshold(self, threshold: float | None) -> float:
        """Return the threshold wanted, or this rule's own."""
        return self.default_threshold if threshold is None else as_threshold(threshold)


class MedianRule(Rule):
    """The reference's: nearer than `threshold` times the median distance to the nearest neighbour."""

    name = "median"
    default_threshold = 0.13

    @kept
    def median(self) -> Any:
        """Median distance to the nearest neighbour, of the graph's own dtype: so products round as the reference's."""
        median: Any = np.median(self.graph.distances[:, 0])
        return max(median, EPSILON)

    def is_near(self, threshold: float) -> npt.NDArray[np.bool_]:
        return self.graph.distances < threshold * self.median

    def scores(self) -> npt.NDArray[np.float64]:
        nearest = self.graph.distances[:, 0].astype(np.float64)
        return np.where(nearest <= ZERO, 0.0, -np.expm1(-nearest / float(self.median)))


class LocalRule(Rule):
    """Nearer than `threshold` times the geometric mean of both rows' distances to their k-th neighbours."""

    name = "local"
    default_threshold = (
        0.3  # four of five pairs are copies on ResNet features, three of four on pixels: docs/duplicates.md
    )

    def __init__(self, graph: KNNGraph, n_jobs: int | None) -> None:
        super().__init__(graph, n_jobs)
        if graph.k < 2:
            rule = "have at least 2 neighbours a row for rule='local', which compares the nearest with the last"
            raise ValueError(sentence("graph", rule, str(graph.k)))

    @kept
    def reach(self) -> npt.NDArray[np.float64]:
        """Distance of every row to its k-th neighbour."""
        return self.graph.distances[:, -1].astype(np.float64)

    def is_near(self, threshold: float) -> npt.NDArray[np.bool_]:
        near = np.empty(self.graph.indices.shape, np.bool_)
        graph = self.graph

        def mark(rows: tuple[int, int]) -> None:
            mark_local(*rows, graph.distances, graph.indices, self.reach, threshold, near)

        for_each(_row_ranges(len(graph)), mark, self.n_threads)
        return near

    def scores(self) -> npt.NDArray[np.float64]:
        # Side by side, because for each entry of the graph both are wanted of a row somewhere else.
        reach_and_lowest = np.column_stack([self.reach, np.full(len(self.graph), np.inf)])
        find_lowest_ratios(self.graph.distances, self.graph.indices, reach_and_lowest)
        return -np.expm1(-np.sqrt(reach_and_lowest[:, 1]))


RULES: dict[str, type[Rule]] = {rule.name: rule for rule in (MedianRule, LocalRule)}


def as_threshold(threshold: float) -> float:
    """Return a threshold; a negative one is 0, with a word, as in the reference."""
    check_number("threshold", threshold, -math.inf)
    if threshold < 0:
        warn(f"`threshold` is {threshold}, and no distance is below 0: 0 is taken instead.")
    return max(float(threshold), 0.0)


def _row_ranges(n_rows: int) -> Iterator[tuple[int, int]]:
    for low in range(0, n_rows, ROWS_AT_A_TIME):
        yield low, min(low + ROWS_AT_A_TIME, n_rows)


@kernel
def squared_ratio(distance, reach_i, reach_j):
    """Return distance**2 / (reach_i * reach_j), 0 for exact copies even among many of them."""
    return distance * distance / (reach_i * reach_j) if distance != 0 else 0.0


@kernel
def mark_local(low, high, distances, indices, reach, threshold, near):
    """near[i, c] = an exact copy, or ratio below the threshold, for rows low, ..., high - 1."""
    for i in range(low, high):
        for c in range(indices.shape[1]):
            ratio = squared_ratio(np.float64(distances[i, c]), reach[i], reach[indices[i, c]])
            near[i, c] = distances[i, c] == 0 or ratio < threshold * threshold


@kernel
def find_lowest_ratios(distances, indices, rows):
    """rows[i, 1] = lowest squared ratio between row i and any that it names or that names it; rows[i, 0] = reach."""
    for i in range(indices.shape[0]):
        reach, best = rows[i, 0], rows[i, 1]
        for c in range(indices.shape[1]):
            j = indices[i, c]
            ratio = squared_ratio(np.float64(distances[i, c]), reach, rows[j, 0])
            best = min(best, ratio)
            if ratio < rows[j, 1]:
                rows[j, 1] = ratio
        rows[i, 1] = best


@kernel
def names(row, other, near, indices):
    """Tell whether `other` is among the near duplicates in the neighbours of `row`."""
    found = False
    for c in range(indices.shape[1]):
        found |= near[row, c] and indices[row, c] == other
    return found


@kernel
def collect_pairs(edges, near, indices, distances, left, right, lengths):
    """Write every pair of near duplicates once, in the order in which it first occurs; return how many."""
    count = 0
    for edge in edges:
        i, c = edge // indices.shape[1], edge % indices.shape[1]
        j = indices[i, c]
        if i < j or not names(j, i, near, indices):
            left[count] = min(i, j)
            right[count] = max(i, j)
            lengths[count] = distances[i, c]
            count += 1
    return count


@kernel
def count_one_sided(edges, near, indices, counts):
    """counts[j] += 1 for every row that names row j as near duplicate and is not named by it."""
    for edge in edges:
        i, j = edge // indices.shape[1], indices[edge // indices.shape[1], edge % indices.shape[1]]
        counts[j] += not names(j, i, near, indices)


@kernel
def place_sets(edges, near, indices, places, ends, rows):
    """Write the near duplicates of each row from places[i] on, and behind them at ends[i] rows that name it only."""
    for edge in edges:
        i, j = edge // indices.shape[1], indices[edge // indices.shape[1], edge % indices.shape[1]]
        rows[places[i]] = j
        places[i] += 1
        if not names(j, i, near, indices):
            rows[ends[j]] = i
            ends[j] += 1
