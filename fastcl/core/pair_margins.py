"""Which rows of class y have the largest margins p[i, k] - p[i, y], for every pair (y, k) at once.

The default filter wants, for each given class y and other class k, the m rows of class y with the largest
margins. Margins are n_samples x n_classes numbers that nobody wants to keep, but the row summary knows one of
them for each row, the largest, and this decides nearly everything:

1. Every row is offered to the pair (its class, its best other class): the m-th largest of these margins is a
   lower bound of the pair's cut. Without m such rows a bound follows from the smallest self-confidences of the
   class, because no margin is smaller than -p[i, y].
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
from fastcl.core.selection import TopPerGroup, offer
from fastcl.core.sweep import Block, RowSummary

#: How many hits are gathered before they are offered: few enough for the cuts to rise early.
HITS_AT_A_TIME = 4_096

#: A class with fewer pairs than one in so many is compared pair by pair, not with a dense row of cuts.
SPARSE = 4


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
    given: npt.NDArray[np.int64],
    others: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.int64],
    led: npt.NDArray[np.int64],
    most: int,
) -> Iterator[Pairs]:
    """Return triples sorted by given class as `Pairs` that take about `most` entries of memory together.

    An entry is a row that is wanted, or one of the ``led[y]`` rows of a class y that another class leads.
    """
    if not len(given):
        return
    opens_class = np.diff(given, prepend=-1) > 0
    turn = (np.cumsum(wanted + np.where(opens_class, led[given], 0)) - 1) // most
    bounds = np.flatnonzero(np.diff(turn, prepend=-1))
    for low, high in zip(bounds, [*bounds[1:], len(given)], strict=True):
        offsets = np.searchsorted(given[low:high], np.arange(len(led) + 1))
        yield Pairs(offsets, others[low:high], wanted[low:high])


@dataclass
class LargestMargins:
    """Step 1: the largest margin of every row that its given label does not lead, sorted by given class."""

    pairs: Pairs
    offsets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int32]
    self_confidence: npt.NDArray[np.floating[Any]]
    margins: npt.NDArray[np.floating[Any]]
    top: TopPerGroup

    @classmethod
    def collect(cls, pairs: Pairs, labels: npt.NDArray[np.int32], summary: RowSummary) -> LargestMargins:
        """Gather the margins, each beside its row and the class it is held against."""
        concerned = np.diff(pairs.offsets) > 0
        offsets = np.zeros(pairs.n_classes + 1, np.int64)
        count_led(labels, summary.predicted, concerned, offsets)
        np.cumsum(offsets, out=offsets)
        n_led, dtype = offsets[-1], summary.self_confidence.dtype
        rows, predicted = np.empty(n_led, np.int64), np.empty(n_led, np.int32)
        self_confidence, margins = np.empty(n_led, dtype), np.empty(n_led, dtype)
        place_led(
            labels, summary.predicted, concerned, summary.self_confidence, summary.best_other, offsets[:-1].copy(),
            rows, predicted, self_confidence, margins,
        )  # fmt: skip
        top = TopPerGroup.init(pairs.wanted, dtype)
        return cls(pairs, offsets, rows, predicted, self_confidence, margins, top)

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

    def finalize(self) -> PairMargins:
        """Return the state from which step 2 goes on; `self_confidence` is reordered."""
        pairs = self.pairs
        unfilled = self.top.sizes < pairs.wanted
        bounds = np.full(pairs.n_classes, -np.inf, self.margins.dtype)
        bound_margins(pairs.offsets, pairs.wanted, unfilled, self.offsets, self.self_confidence, bounds)
        cuts = self.top.cuts(bounds[pairs.owners()])
        cut_rows = np.empty((0, 0), cuts.dtype)
        if pairs.n_classes <= SPARSE_ABOVE:
            cut_rows = np.full((pairs.n_classes, pairs.n_classes), np.inf, cuts.dtype)
            cut_rows[pairs.owners(), pairs.others] = cuts
        return PairMargins(pairs, cuts, cut_rows, self.top)


@dataclass
class Hits:
    """Margins that reach the cut of their pair: at most as many as fit, the first `count` entries count."""

    pairs: npt.NDArray[np.int64]
    margins: npt.NDArray[np.floating[Any]]
    rows: npt.NDArray[np.int64]
    count: int = 0


@dataclass
class PairMargins:
    """Step 2: the largest margins of every pair, and the cuts below which no margin needs to be looked at.

    `cut_rows` repeats the cuts as a dense K x K matrix (infinite where there is no pair), so that a row can be
    compared with all of them in one vector sweep; it is empty if there are too many classes for that. Cuts only
    rise. Threads may `search` while another one `take`s: an outdated cut is a lower one, and costs a hit too many.
    """

    pairs: Pairs
    cuts: npt.NDArray[np.floating[Any]]
    cut_rows: npt.NDArray[np.floating[Any]]
    top: TopPerGroup

    def worth_a_look(self, labels: npt.NDArray[np.int32], summary: RowSummary) -> npt.NDArray[np.bool_]:
        """Tell which rows may have a margin above a cut that step 1 has not offered."""
        lowest = np.full(self.pairs.n_classes, np.inf, self.cuts.dtype)
        np.minimum.at(lowest, self.pairs.owners(), self.cuts)
        worth = np.empty(len(labels), np.bool_)
        mark_reaching(labels, summary.self_confidence, summary.best_other, lowest, worth)
        return worth

    def search(self, block: Block, predicted: npt.NDArray[np.int32], rows: npt.NDArray[np.int64]) -> Iterator[Hits]:
        """Yield what some rows of one block have to offer.

        `rows` count from the first row of the data, `predicted` holds the predicted class of all of them.
        """
        n_classes = self.pairs.n_classes
        room = HITS_AT_A_TIME + n_classes
        hits = Hits(np.empty(room, np.int64), np.empty(room, self.cuts.dtype), np.empty(room, np.int64))
        done = 0
        while done < len(rows):
            done, hits.count = find_hits(
                block.pred_probs, block.labels, block.start, predicted, rows, done, self.pairs.offsets,
                self.pairs.others, self.cuts, self.cut_rows, HITS_AT_A_TIME, hits.pairs, hits.margins, hits.rows,
            )  # fmt: skip
            yield hits

    def take(self, hits: Hits) -> None:
        """Offer hits to their pairs; one thread at a time."""
        top = self.top
        take_hits(
            hits.count, hits.pairs, hits.margins, hits.rows, top.offsets, top.sizes, top.values, top.rows,
            self.pairs.owners(), self.pairs.others, self.cuts, self.cut_rows,
        )  # fmt: skip

    def finalize(self) -> npt.NDArray[np.int64]:
        """Return the chosen rows, some of them more than once."""
        return self.top.finalize()


@kernel
def count_led(labels, predicted, concerned, counts):
    """counts[y + 1] += 1 for every row of a class y concerned whose predicted class is another."""
    for i in range(labels.size):
        counts[labels[i] + 1] += (predicted[i] != labels[i]) & concerned[labels[i]]


@kernel
def place_led(labels, predicted, concerned, self_confidence, best_other, ends, rows, tops, own, margins):
    """Write row, predicted class, self-confidence and margin of such rows behind the others of their class."""
    for i in range(labels.size):
        if predicted[i] != labels[i] and concerned[labels[i]]:
            place = ends[labels[i]]
            ends[labels[i]] = place + 1
            rows[place] = i
            tops[place] = predicted[i]
            own[place] = self_confidence[i]
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
def bound_margins(pair_offsets, wanted, unfilled, class_offsets, own, bounds):
    """Write for each class a number that, for each unfilled pair, at least `wanted` margins of the class reach.

    No margin p[k] - p[y] is smaller than -p[y] - 1e-6, so m rows with p[y] <= q have margins >= -q - 1e-6. It is
    enough to look at the rows that another class leads: their p[y] are the smallest, or hardly larger.
    """
    for j in range(bounds.size):
        rank = -1
        for q in range(pair_offsets[j], pair_offsets[j + 1]):
            if unfilled[q]:
                rank = max(rank, wanted[q] - 1)
        low, high = class_offsets[j], class_offsets[j + 1]
        if 0 <= rank < high - low:
            bounds[j] = -nth_smallest(own, low, high - 1, low + rank) - 2 * SLACK


@kernel
def nth_smallest(values, low, high, nth):
    """Return what stands at `nth` once values[low..high] are sorted; reorders them (Hoare's selection)."""
    while low < high:
        pivot = values[(low + high) >> 1]
        left, right = low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if nth <= right:
            high = right
        elif nth >= left:
            low = left
        else:
            break
    return values[nth]


@kernel
def find_hits(p, labels, start, predicted, rows, first, pair_offsets, others, cuts, cut_rows, most,
              hit_pairs, hit_margins, hit_rows):  # fmt: skip
    """Write the margins that reach the cut of their pair, from rows[first] on, until there are `most`.

    The pair of the predicted class has been offered its margin in step 1. Row start is p[0]. Returns (how many of
    `rows` are done, number of hits).
    """
    K = p.shape[1]
    count = 0
    for r in range(first, rows.size):
        i, top = rows[r] - start, predicted[rows[r]]
        j = labels[i]
        own = p[i, j]
        if cut_rows.size and (pair_offsets[j + 1] - pair_offsets[j]) * SPARSE > K:
            # nineteen of twenty rows end here (1 M x 100): a plain loop that vectorises
            reached = 0
            for k in range(K):
                reached += p[i, k] - own >= cut_rows[j, k]
            if reached == (p[i, top] - own >= cut_rows[j, top]):
                continue
        for q in range(pair_offsets[j], pair_offsets[j + 1]):
            margin = p[i, others[q]] - own
            if margin >= cuts[q] and others[q] != top:
                hit_pairs[count] = q
                hit_margins[count] = margin
                hit_rows[count] = rows[r]
                count += 1
        if count >= most:
            return r + 1, count
    return rows.size, count


@kernel
def take_hits(count, hit_pairs, hit_margins, hit_rows, offsets, sizes, values, kept, owners, others, cuts, cut_rows):
    """Offer hits to their pairs, and raise the cuts of full ones."""
    for h in range(count):
        q = hit_pairs[h]
        low, capacity = offsets[q], offsets[q + 1] - offsets[q]
        sizes[q] = offer(values, kept, low, capacity, sizes[q], hit_margins[h], hit_rows[h])
        if sizes[q] == capacity:
            cuts[q] = values[low]
            if cut_rows.size:
                cut_rows[owners[q], others[q]] = values[low]
