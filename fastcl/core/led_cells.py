"""Led cells: where the model's side of a class is not the given one; and which of them are label issues.

With two classes every rule of the filters can be answered from led cells alone. Call *won* a cell whose given side,
with a head start of 1e-6, is the predicted one; all label issues are cells that are not won, and all of those are led.

- ``prune_by_noise_rate`` takes, of a class and a given side, the m largest margins (other side minus given side), then
  lets go those won. For cells of one given side the margin falls, and winning rises, with the probability g of
  that side: 1 - p is monotone in p, also rounded, and around one half, where winning is decided, p and 1 - p lie within
  a factor of two, so their difference is exact and two different p have different margins. So every cell that is
  not won has a larger margin than every cell that is, and the m largest that are not won are the answer.
- ``prune_by_class`` takes the m lowest g: the same argument.
- ``confident_learning`` takes cells confidently of the other side. One that is not won is predicted on the other side,
  so it is confidently of it as soon as that side reaches its threshold, whether the given one does or not.
- ``low_*`` take as many of the lowest scores as ``confident_learning`` finds. Led cells score at most one half, others
  at least that, and cells not won less than that.

So a cell is its row and p: as it is led, p > 1 - p says that "not in" was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import SLACK
from fastcl.core.jit import kernel
from fastcl.core.lazily import kept
from fastcl.core.pair_margins import nth_smallest
from fastcl.core.scores import margin

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LedCells:
    """The led cells of each class and given side, in the order of their rows.

    Those of class c given side s are ``offsets[2 * c + s]:offsets[2 * c + s + 1]``; `rows` are int64, `values` the
    probabilities p of having the class: 8 bytes and an itemsize a cell.
    """

    offsets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    values: npt.NDArray[np.floating[Any]]

    @classmethod
    def collect(cls, blocks: Sequence[tuple[int, npt.NDArray[Any], npt.NDArray[Any]]], n_classes: int) -> LedCells:
        """Sort (first row, cells counted from there, their p) of each block, which come in the order of rows."""
        dtype = blocks[0][2].dtype
        counts = np.zeros(2 * n_classes + 1, np.int64)
        for _, cells, own in blocks:
            count_cells(cells, own, dtype.type(1), n_classes, counts)
        offsets = np.cumsum(counts)
        led = cls(offsets, np.empty(offsets[-1], np.int64), np.empty(offsets[-1], dtype))
        ends = offsets[:-1].copy()
        for start, cells, own in blocks:
            place_cells(cells, own, dtype.type(1), start, n_classes, ends, led.rows, led.values)
        return led

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.offsets) // 2

    def __getitem__(self, classes: slice) -> LedCells:
        """Return the cells of consecutive classes, as a view."""
        start, stop, _ = classes.indices(self.n_classes)
        offsets = self.offsets[2 * start : 2 * stop + 1]
        cells = slice(offsets[0], offsets[-1])
        return LedCells(offsets - offsets[0], self.rows[cells], self.values[cells])

    def where(self, mask: Mask) -> LedCells:
        """Return some of the cells."""
        cells = np.flatnonzero(mask)
        return LedCells(np.searchsorted(cells, self.offsets), self.rows[cells], self.values[cells])

    def spread(self, of_sides: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return for each cell what `of_sides`, of shape (n_classes, 2), says of its class and given side."""
        return np.repeat(of_sides.reshape(-1), np.diff(self.offsets))

    def counts(self) -> npt.NDArray[np.int64]:
        """Return how many cells there are of each class and given side, shape (n_classes, 2)."""
        return np.diff(self.offsets).reshape(-1, 2)

    @kept
    def given(self) -> Mask:
        """Whether the row was given the class."""
        return self.values <= 1 - self.values

    @kept
    def own(self) -> npt.NDArray[np.floating[Any]]:
        """Probability of the given side."""
        return np.where(self.given, self.values, 1 - self.values)

    @kept
    def other(self) -> npt.NDArray[np.floating[Any]]:
        """Probability of the other side."""
        return np.where(self.given, 1 - self.values, self.values)

    @kept
    def lost(self) -> Mask:
        """Whether the given side is not predicted even with a head start of 1e-6; "not in" wins where both tie."""
        ahead = self.own + self.values.dtype.type(SLACK)
        return (ahead < self.other) | (self.given & (ahead == self.other))

    def confident(self, thresholds: npt.NDArray[np.float64]) -> Mask:
        """Tell which cells are lost, and confidently of the side that is not given."""
        return self.lost & (self.other >= self.spread(thresholds[:, ::-1] - SLACK))


def by_noise_rate(led: LedCells, wanted: npt.NDArray[np.int64]) -> Mask:
    """Flag the wanted[c, side] largest margins of the other side among the lost cells of each class and side."""
    return lowest(led, led.own - led.other, wanted)


def by_class(led: LedCells, wanted: npt.NDArray[np.int64]) -> Mask:
    """Flag the wanted[c, side] lowest probabilities of the given side among the lost cells of each class and side."""
    return lowest(led, led.own, wanted)


def lowest(led: LedCells, scores: npt.NDArray[Any], wanted: npt.NDArray[np.int64]) -> Mask:
    """Flag the wanted[c, side] lowest scores among the lost cells of each class and side; ties go to earlier rows."""
    chosen = np.zeros(len(led), np.bool_)
    scratch = np.empty(led.counts().max(initial=0), scores.dtype)
    choose_lowest(scores, led.lost, led.offsets, wanted.reshape(-1), scratch, chosen)
    return chosen


def lowest_scores(led: LedCells, thresholds: npt.NDArray[np.float64], method: str) -> Mask:
    """Flag the lowest scores of each class, as many as there are confident issues; ties go to earlier rows."""
    scores = led.own if method == "self_confidence" else margin(led.own, led.other)
    chosen = np.zeros(len(led), np.bool_)
    wanted = led.where(led.confident(thresholds)).counts().sum(axis=1)
    for low, high, count in zip(led.offsets[:-1:2], led.offsets[2::2], wanted, strict=True):
        chosen[low + np.lexsort((led.rows[low:high], scores[low:high]))[:count]] = True
    return chosen


@kernel
def count_cells(cells, own, one, n_classes, counts):
    """counts[2 c + side + 1] += 1 for each led cell of class c given that side."""
    for e in range(cells.size):
        counts[2 * (cells[e] % n_classes) + (own[e] <= one - own[e]) + 1] += 1


@kernel
def place_cells(cells, own, one, start, n_classes, ends, rows, values):
    """Write row and p of each led cell behind the others of its class and given side."""
    for e in range(cells.size):
        row = cells[e] // n_classes
        side = 2 * (cells[e] - row * n_classes) + (own[e] <= one - own[e])
        rows[ends[side]] = start + row
        values[ends[side]] = own[e]
        ends[side] += 1


@kernel
def choose_lowest(scores, among, offsets, wanted, scratch, chosen):
    """Mark the wanted[g] lowest scores among some entries of each group g; of equal ones the first."""
    for g in range(wanted.size):
        size = 0
        for e in range(offsets[g], offsets[g + 1]):
            scratch[size] = scores[e]
            size += among[e]
        left = min(wanted[g], size)
        if left <= 0:
            continue
        cut = nth_smallest(scratch, 0, size - 1, left - 1)
        for e in range(offsets[g], offsets[g + 1]):
            chosen[e] = among[e] & (scores[e] < cut)
            left -= chosen[e]
        for e in range(offsets[g], offsets[g + 1]):
            if left > 0 and among[e] and scores[e] == cut:
                chosen[e] = True
                left -= 1
