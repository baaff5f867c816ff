"""Which rows of class y have the largest margins p[i, k] - p[i, y], for every pair (y, k) at once.

The default filter wants, for each given class y and other class k, the m rows of class y with the largest
margins. Margins are n_samples x n_classes numbers that nobody wants to keep, but the row summary knows one of
them for each row, the largest, and this decides nearly everything:

1. Every row is offered to the pair (its class, its best other class): the m-th largest of these margins is a
   lower bound of the pair's cut. Without m such rows the bound follows from the m-th smallest self-confidence
   of the class, because no margin is smaller than -p[i, y].
2. Only rows whose largest margin reaches the lowest cut of their class can still matter for another pair.
   They are looked at once more, in row order: a fifth of all rows with a weak model, a twentieth with a good
   one.

Ties go to the earlier row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import SLACK, SPARSE_ABOVE
from fastcl.core.jit import kernel
from fastcl.core.selection import TopPerGroup, group_by_class, offer
from fastcl.core.sweep import RowSummary


@dataclass(frozen=True)
class Pairs:
    """Pairs (given class y, other class k) and how many rows each wants, as rows of a sparse matrix.

    The pairs of class y are ``slice(offsets[y], offsets[y + 1])``; `others` holds their k, `wanted` their m.
    """

    offsets: npt.NDArray[np.int64]
    others: npt.NDArray[np.int64]
    wanted: npt.NDArray[np.int64]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.offsets) - 1

    def owners(self) -> npt.NDArray[np.int64]:
        """Return the given class of every pair."""
        return np.repeat(np.arange(self.n_classes), np.diff(self.offsets))


def make_pairs(
    given: npt.NDArray[np.int64], others: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64],
    n_classes: int, most: int,
) -> Iterator[Pairs]:  # fmt: skip
    """Return triples sorted by given class as `Pairs` of at most about `most` wanted rows together."""
    turn = (np.cumsum(wanted) - 1) // max(1, most)
    bounds = np.flatnonzero(np.diff(turn, prepend=-1))
    for low, high in zip(bounds, [*bounds[1:], len(given)], strict=True):
        offsets = np.searchsorted(given[low:high], np.arange(n_classes + 1))
        yield Pairs(offsets, others[low:high], wanted[low:high])


@dataclass
class PairMargins:
    """The largest margins of every pair, with the cuts below which no margin needs to be offered.

    `cut_rows` repeats the cuts as a dense K x K matrix (infinite where there is no pair), so that a row can be
    compared with all of them in one vector sweep; it is empty if there are too many classes for that.
    """

    pairs: Pairs
    cuts: npt.NDArray[np.floating[Any]]
    cut_rows: npt.NDArray[np.floating[Any]]
    top: TopPerGroup

    def fresh(self) -> PairMargins:
        """Return the state of no rows with the same pairs and cuts."""
        top = TopPerGroup.init(self.pairs.wanted, self.cuts.dtype)
        return PairMargins(self.pairs, self.cuts, self.cut_rows, top)

    def worth_a_look(self, labels: npt.NDArray[np.int32], summary: RowSummary) -> npt.NDArray[np.bool_]:
        """Tell which rows may have a margin above a cut that step 1 has not offered."""
        lowest = np.full(self.pairs.n_classes, np.inf, self.cuts.dtype)
        np.minimum.at(lowest, self.pairs.owners(), self.cuts)
        worth = np.empty(len(labels), np.bool_)
        mark_reaching(labels, summary.self_confidence, summary.best_other, lowest, worth)
        return worth

    def update(
        self,
        start: int,
        pred_probs: npt.NDArray[np.floating[Any]],
        labels: npt.NDArray[np.int32],
        predicted: npt.NDArray[np.int32],
        worth: npt.NDArray[np.bool_],
    ) -> None:
        """Offer the margins of the rows worth a look in one block that begins at row `start`."""
        pairs, top = self.pairs, self.top
        offer_margins(
            pred_probs, labels, predicted, worth, start, pairs.offsets, pairs.others, self.cuts, self.cut_rows,
            top.offsets, top.sizes, top.values, top.rows,
        )  # fmt: skip

    def merge(self, other: PairMargins) -> None:
        """Add the rows that `other` has seen."""
        self.top.merge(other.top)

    def finalize(self) -> npt.NDArray[np.int64]:
        """Return the chosen rows, some of them more than once."""
        return self.top.finalize()


@dataclass
class LargestMargins:
    """Step 1: the largest margin of every row that its given label does not lead, sorted by given class."""

    pairs: Pairs
    offsets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int32]
    margins: npt.NDArray[np.floating[Any]]
    top: TopPerGroup

    @classmethod
    def collect(cls, pairs: Pairs, labels: npt.NDArray[np.int32], summary: RowSummary) -> LargestMargins:
        """Gather the margins, each beside its row and the class it is held against."""
        offsets = np.zeros(pairs.n_classes + 1, np.int64)
        count_led(labels, summary.predicted, offsets)
        np.cumsum(offsets, out=offsets)
        n_led, dtype = offsets[-1], summary.self_confidence.dtype
        rows, predicted, margins = np.empty(n_led, np.int64), np.empty(n_led, np.int32), np.empty(n_led, dtype)
        place_led(
            labels, summary.predicted, summary.self_confidence, summary.best_other, offsets[:-1].copy(),
            rows, predicted, margins,
        )  # fmt: skip
        return cls(pairs, offsets, rows, predicted, margins, TopPerGroup.init(pairs.wanted, dtype))

    def parts(self, n_parts: int) -> list[tuple[int, int]]:
        """Return ranges of classes with about equally many rows."""
        shares = np.linspace(0, self.offsets[-1], n_parts + 1)[1:-1]
        bounds = [0, *np.searchsorted(self.offsets, shares).tolist(), self.pairs.n_classes]
        return [(low, high) for low, high in pairwise(bounds) if low < high]

    def offer(self, classes: tuple[int, int]) -> None:
        """Offer the margins of a range of classes to their pairs; ranges do not touch each other's pairs."""
        pairs, top = self.pairs, self.top
        offer_predicted(
            *classes, self.offsets, self.rows, self.predicted, self.margins, pairs.offsets, pairs.others,
            np.full(pairs.n_classes, -1), top.offsets, top.sizes, top.values, top.rows,
        )  # fmt: skip

    def finalize(self, labels: npt.NDArray[np.int32], self_confidence: npt.NDArray[Any]) -> PairMargins:
        """Return the state from which step 2 goes on."""
        bounds = lower_bounds(self.pairs, self.top.sizes < self.pairs.wanted, labels, self_confidence)
        cuts = self.top.cuts(bounds.astype(self.margins.dtype))
        K = self.pairs.n_classes
        cut_rows = np.empty((0, 0), cuts.dtype)
        if K <= SPARSE_ABOVE:
            cut_rows = np.full((K, K), np.inf, cuts.dtype)
            cut_rows[self.pairs.owners(), self.pairs.others] = cuts
        return PairMargins(self.pairs, cuts, cut_rows, self.top)


def lower_bounds(
    pairs: Pairs, unfilled: npt.NDArray[np.bool_], labels: npt.NDArray[np.int32], self_confidence: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return for every unfilled pair a number that at least `wanted` margins of its class reach."""
    bounds = np.full(len(pairs.wanted), -np.inf)
    is_open = np.zeros(pairs.n_classes, np.bool_)
    is_open[pairs.owners()[unfilled]] = True
    rows, offsets = group_by_class(labels, pairs.n_classes, is_open[labels])
    for k in np.flatnonzero(is_open):
        mine = self_confidence[rows[offsets[k] : offsets[k + 1]]]
        todo = slice(pairs.offsets[k], pairs.offsets[k + 1])
        ranks = pairs.wanted[todo] - 1
        reachable = unfilled[todo] & (ranks < len(mine))
        if reachable.any():
            smallest = np.partition(mine, np.unique(ranks[reachable])).astype(np.float64)
            # a probability may fall below zero by the slack
            bounds[todo][reachable] = -smallest[ranks[reachable]] - 2 * SLACK
    return bounds


@kernel
def count_led(labels, predicted, counts):
    """counts[y + 1] += 1 for every row of class y whose predicted class is another."""
    for i in range(labels.size):
        counts[labels[i] + 1] += predicted[i] != labels[i]


@kernel
def place_led(labels, predicted, self_confidence, best_other, ends, rows, tops, margins):
    """Write row, predicted class and margin of every such row behind the others of its class."""
    for i in range(labels.size):
        if predicted[i] != labels[i]:
            place = ends[labels[i]]
            ends[labels[i]] = place + 1
            rows[place] = i
            tops[place] = predicted[i]
            margins[place] = best_other[i] - self_confidence[i]


@kernel
def offer_predicted(first, last, class_offsets, rows, predicted, margins,
                    pair_offsets, others, pair_of, offsets, sizes, values, kept):  # fmt: skip
    """Offer the rows of classes first, ..., last - 1 to the pair of their predicted class.

    `pair_of` is scratch of n_classes entries, all -1 before and after.
    """
    for j in range(first, last):
        for q in range(pair_offsets[j], pair_offsets[j + 1]):
            pair_of[others[q]] = q
        for e in range(class_offsets[j], class_offsets[j + 1]):
            q = pair_of[predicted[e]]
            if q >= 0:
                low, capacity = offsets[q], offsets[q + 1] - offsets[q]
                if sizes[q] < capacity or margins[e] > values[low]:
                    sizes[q] = offer(values, kept, low, capacity, sizes[q], margins[e], rows[e])
        for q in range(pair_offsets[j], pair_offsets[j + 1]):
            pair_of[others[q]] = -1


@kernel
def mark_reaching(labels, self_confidence, best_other, lowest, worth):
    """worth[i] = the largest margin of row i reaches the lowest cut of its class."""
    for i in range(labels.size):
        worth[i] = best_other[i] - self_confidence[i] >= lowest[labels[i]]


@kernel
def offer_margins(p, labels, predicted, worth, start, pair_offsets, others, cuts, cut_rows,
                  offsets, sizes, values, kept):  # fmt: skip
    """Offer p[i, k] - p[i, y] to every pair (y, k) whose cut it reaches, for rows worth a look."""
    n, K = p.shape
    for i in range(n):
        if not worth[i]:
            continue
        j, top = labels[i], predicted[i]
        own = p[i, j]
        if cut_rows.size:
            # nineteen of twenty rows end here (1 M x 100): a plain loop that vectorises
            hits = 0
            for k in range(K):
                hits += p[i, k] - own >= cut_rows[j, k]
            if hits == (p[i, top] - own >= cut_rows[j, top]):
                continue
        for q in range(pair_offsets[j], pair_offsets[j + 1]):
            margin = p[i, others[q]] - own
            if margin >= cuts[q] and others[q] != top:
                low, capacity = offsets[q], offsets[q + 1] - offsets[q]
                sizes[q] = offer(values, kept, low, capacity, sizes[q], margin, start + i)
