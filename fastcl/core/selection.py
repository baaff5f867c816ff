"""Order statistics with one written tie rule: equal scores are taken in the order of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel


def ascending(scores: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the positions of `scores` from lowest to highest, ties in the order of their positions.

    Examples
    --------
    >>> ascending(np.array([0.5, 0.1, 0.5, 0.1]))
    array([1, 3, 0, 2])
    """
    order = np.argsort(scores)
    ordered = scores[order]
    # The unstable sort is three times as fast as a stable one; only rows that tie are put in order afterwards.
    begins_run = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    tied = ~begins_run
    tied[:-1] |= tied[1:]
    places = np.flatnonzero(tied)
    if places.size:
        run = np.cumsum(begins_run)[places]
        order[places] = order[places][np.lexsort((order[places], run))]
    return order


def lowest(scores: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    """Return the positions of the `count` lowest scores in ascending position.

    Examples
    --------
    >>> lowest(np.array([0.5, 0.1, 0.3, 0.3]), 2)
    array([1, 2])
    """
    if count <= 0:
        return np.empty(0, np.int64)
    if count >= len(scores):
        return np.arange(len(scores))
    cut = _nth_lowest(scores, count)
    chosen = scores < cut
    ties = np.flatnonzero(scores == cut)
    chosen[ties[: count - np.count_nonzero(chosen)]] = True
    return np.flatnonzero(chosen)


def _nth_lowest(scores: npt.NDArray[Any], count: int) -> Any:
    """Return the score at position `count` (from 1) in ascending order.

    A sample tells a score below which there are a few more than that: only these are copied and partitioned.
    """
    sample = np.sort(scores[:: max(1, len(scores) // 1024)])
    bound = sample[min(len(sample) - 1, int(1.1 * len(sample) * count / len(scores)) + 16)]
    candidates = scores[scores <= bound]
    if len(candidates) < count:
        candidates = scores.copy()
    candidates.partition(count - 1)
    return candidates[count - 1]


@dataclass
class TopPerGroup:
    """The largest values of every group and the rows they belong to: one bounded heap a group.

    Mergeable: the kept entries depend neither on the order in which they are offered nor on how they are
    split among states. 16 bytes (float64) for each entry that may be kept.
    """

    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    values: npt.NDArray[np.floating[Any]]
    rows: npt.NDArray[np.int64]

    @classmethod
    def init(cls, capacities: npt.NDArray[np.int64], dtype: npt.DTypeLike) -> TopPerGroup:
        """Return the state of no rows; group g will keep its ``capacities[g]`` largest values."""
        offsets = np.concatenate([[0], np.cumsum(capacities)])
        total = offsets[-1]
        return cls(offsets, np.zeros(len(capacities), np.int64), np.empty(total, dtype), np.empty(total, np.int64))

    def merge(self, other: TopPerGroup) -> None:
        """Offer everything that `other` kept."""
        offer_kept(self.offsets, self.sizes, self.values, self.rows, other.sizes, other.values, other.rows)

    def cuts(self, unfilled: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
        """Return the smallest kept value of each group, `unfilled` where there is still room for more."""
        full = (self.sizes == np.diff(self.offsets)) & (self.sizes > 0)
        return np.where(full, self.values[np.where(full, self.offsets[:-1], 0)], unfilled)

    def finalize(self) -> npt.NDArray[np.int64]:
        """Return the kept rows of all groups, one after the other."""
        within = np.arange(len(self.rows)) - np.repeat(self.offsets[:-1], np.diff(self.offsets))
        return self.rows[within < np.repeat(self.sizes, np.diff(self.offsets))]


@kernel
def is_worse(value, row, than_value, than_row):
    """Tell whether an entry is to be dropped before another: smaller value, then later row."""
    return value < than_value or (value == than_value and row > than_row)


@kernel
def offer(values, rows, low, capacity, size, value, row):
    """Offer one entry to the heap at `low`, the entry to be dropped first on top; return the new size."""
    if size < capacity:
        child = size
        while child > 0:
            parent = (child - 1) >> 1
            if not is_worse(value, row, values[low + parent], rows[low + parent]):
                break
            values[low + child] = values[low + parent]
            rows[low + child] = rows[low + parent]
            child = parent
        values[low + child] = value
        rows[low + child] = row
        return size + 1
    if capacity == 0 or is_worse(value, row, values[low], rows[low]):
        return size
    hole = 0
    while True:
        child = 2 * hole + 1
        if child + 1 < capacity and is_worse(
            values[low + child + 1], rows[low + child + 1], values[low + child], rows[low + child]
        ):
            child += 1
        if child >= capacity or not is_worse(values[low + child], rows[low + child], value, row):
            break
        values[low + hole] = values[low + child]
        rows[low + hole] = rows[low + child]
        hole = child
    values[low + hole] = value
    rows[low + hole] = row
    return size


@kernel
def offer_kept(offsets, sizes, values, rows, other_sizes, other_values, other_rows):
    """Offer the entries of another state with the same groups."""
    for g in range(sizes.size):
        low, capacity = offsets[g], offsets[g + 1] - offsets[g]
        for e in range(low, low + other_sizes[g]):
            sizes[g] = offer(values, rows, low, capacity, sizes[g], other_values[e], other_rows[e])


@kernel
def offer_lowest(scores, labels, offsets, sizes, values, rows):
    """Offer the negated score of every row to the group of its class."""
    for i in range(labels.size):
        g = labels[i]
        low, capacity = offsets[g], offsets[g + 1] - offsets[g]
        if sizes[g] < capacity or (capacity > 0 and -scores[i] > values[low]):
            sizes[g] = offer(values, rows, low, capacity, sizes[g], -scores[i], i)


def lowest_per_class(
    scores: npt.NDArray[Any], labels: npt.NDArray[np.int32], counts: npt.NDArray[np.int64], most: int | None = None
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of the ``counts[k]`` lowest scores among those of each class k, at most about `most` at a time.

    Examples
    --------
    >>> list(lowest_per_class(np.array([0.5, 0.1, 0.3]), np.array([0, 1, 0], np.int32), np.array([1, 0])))
    [array([2])]
    """
    turn = np.cumsum(counts) // max(1, most or counts.sum() + 1)
    for this in np.unique(turn):
        state = TopPerGroup.init(np.where(turn == this, counts, 0), scores.dtype)
        offer_lowest(scores, labels, state.offsets, state.sizes, state.values, state.rows)
        yield state.finalize()
