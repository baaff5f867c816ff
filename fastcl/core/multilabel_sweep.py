"""Multi-label is K problems of two classes over the same rows: what one look at a block of cells tells.

A *cell* is a row and a class, p its probability. Its two *sides* are "not in" (0) and "in" (1), of probability 1 - p
and p; one of them is given. This is the problem of two classes with `pred_probs` [1 - p, p], which nobody writes
down: each side's threshold is the mean probability of that side among cells given it, and a side is predicted if it
is the more probable one, "not in" where both are equal.

A cell is *led* if the side predicted is not the one given. Every label issue is a led cell (see
`fastcl.core.led_cells`), so these few are all that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import SLACK
from fastcl.core.errors import sentence
from fastcl.core.jit import kernel
from fastcl.core.reductions.thresholds import SelfConfidenceSums
from fastcl.core.validation import as_numbers, refuse_nan

#: Cells that a loop runs over at a time, at least: the classes of one row alone are often too few to vectorise.
STRETCH = 128

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class CellBlock:
    """Consecutive rows: probabilities (read-only, C order, float32 or float64) and which classes are given (0 or 1)."""

    start: int
    pred_probs: Floats
    given: npt.NDArray[np.uint8]

    @property
    def one(self) -> np.floating[Any]:
        """The number one in the type of the probabilities, in which 1 - p is computed."""
        one: np.floating[Any] = self.pred_probs.dtype.type(1)
        return one

    def flat(self) -> tuple[Floats, npt.NDArray[np.uint8]]:
        """Return probabilities and given sides, one row after the other."""
        return self.pred_probs.reshape(-1), self.given.reshape(-1)


def repeats(n_classes: int) -> int:
    """Return of how many rows the classes make a stretch."""
    return -(-STRETCH // n_classes)


def bad_rows(block: CellBlock) -> tuple[int, int]:
    """Return how many rows hold a value that is no probability, and the first of them in the data, -1 if none."""
    if count_probabilities(block.pred_probs.reshape(-1)) == block.pred_probs.size:
        return 0, -1
    bad = np.flatnonzero(~((block.pred_probs >= -SLACK) & (block.pred_probs <= 1 + SLACK)).all(axis=1))
    return bad.size, block.start + int(bad[0])


def led_cells(block: CellBlock) -> tuple[npt.NDArray[np.int32], Floats]:
    """Return the led cells, counted from the block's first, and their p."""
    flat, given = block.flat()
    marks = np.zeros(-(-flat.size // 8) * 8, np.bool_)
    n_led = mark_led(flat, given, block.one, marks)
    cells, values = np.empty(n_led + 1, np.int32), np.empty(n_led + 1, flat.dtype)
    list_led(marks, marks.view(np.int64), flat, cells, values)
    return cells[:n_led], values[:n_led]


def add_sides(sums: SelfConfidenceSums, block: CellBlock) -> None:
    """Add the probability of each cell's given side to the sums of 2 x n_classes sides; not to the counts."""
    n_classes = block.given.shape[1]
    parts = np.zeros((4, repeats(n_classes) * n_classes))
    sum_sides(*block.flat(), block.one, *parts)
    whole = parts.reshape(4, -1, n_classes).sum(axis=1).astype(np.int64)
    for total, (all_cells, given_in) in zip((sums.coarse, sums.fine), (whole[:2], whole[2:]), strict=True):
        total[0::2] += all_cells - given_in
        total[1::2] += given_in


def count_confident(block: CellBlock, thresholds: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> None:
    """Add to counts[c, given side, side it is confidently of] the cells of a block."""
    n_classes = block.given.shape[1]
    times = repeats(n_classes)
    parts = np.zeros((4, times * n_classes), np.int32)
    count_sides(*block.flat(), block.one, *np.tile(thresholds - SLACK, (times, 1)).T.copy(), *parts)
    all_cells, given_in = parts.reshape(2, 2, times, n_classes).sum(axis=2, dtype=np.int64)
    counts[:, 0] += (all_cells - given_in).T
    counts[:, 1] += given_in.T


def off_diagonal_cells(block: CellBlock, thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the cells confidently of the side that is not given, counted from the block's first."""
    off = np.empty(block.given.size, np.bool_)
    mark_off_diagonal(*block.flat(), block.one, *(thresholds - SLACK).T.copy(), off)
    return np.flatnonzero(off)


def as_side_thresholds(thresholds: npt.ArrayLike, n_classes: int) -> npt.NDArray[np.float64]:
    """Return thresholds of the sides (not in, in), of each class or of all alike, as float64 of shape (K, 2)."""
    array = as_numbers("thresholds", thresholds)
    if array.shape not in [(n_classes, 2), (2,)]:
        rule = f"have shape ({n_classes}, 2), a threshold for not having and one for having each class, or (2,)"
        raise ValueError(sentence("thresholds", rule, f"shape {array.shape}"))
    refuse_nan("thresholds", array)
    return np.broadcast_to(array.astype(np.float64), (n_classes, 2))


@kernel
def count_probabilities(p):
    """Return how many numbers lie in [0, 1], give or take 1e-6."""
    good = 0
    for e in range(p.size):
        good += (p[e] >= -SLACK) & (p[e] <= 1 + SLACK)
    return good


@kernel
def mark_led(p, given, one, led):
    """led[e] = the side predicted is not the one given; return how many there are."""
    n_led = 0
    for e in range(p.size):
        led[e] = (p[e] > one - p[e]) != (given[e] != 0)
        n_led += led[e]
    return n_led


@kernel
def list_led(marks, words, p, cells, values):
    """Write the marked cells and their p one after the other, with room for one more.

    Where none of eight is marked, one look tells. 0.5 ns a cell; NumPy's `flatnonzero` and a gather take 1.1 (one core,
    one cell in fifteen).
    """
    n_led = 0
    for w in range(words.size):
        if words[w]:
            for e in range(8 * w, min(8 * w + 8, p.size)):
                cells[n_led] = e
                values[n_led] = p[e]
                n_led += marks[e]


@kernel
def sum_sides(p, given, one, coarse, coarse_in, fine, fine_in):
    """Add the probability of each given side: whole units of 2**-30, and of 2**-60, as whole floats.

    Position e of the sums is that of a cell modulo their length. The first sum of each pair is over all cells, the
    second over those given "in". Exact for up to 2**22 rows a call. 1.4 ns a cell; with an int64 for each class and
    side, added one by one, 4 ns (one core, 20 classes).
    """
    for start in range(0, p.size, coarse.size):
        for e in range(min(coarse.size, p.size - start)):
            side = given[start + e]
            scaled = np.float64(p[start + e] if side else one - p[start + e]) * 2.0**30
            whole = np.floor(scaled)
            part = np.floor((scaled - whole) * 2.0**30)
            coarse[e] += whole
            fine[e] += part
            coarse_in[e] += whole * side
            fine_in[e] += part * side


@kernel
def count_sides(p, given, one, cuts_out, cuts_in, out, into, out_in, into_in):
    """Count the cells confidently "not in" and "in": all of them, and those given "in".

    Of two confident sides the predicted one is taken. Position e is that of a cell modulo the length of the cuts.
    """
    for start in range(0, p.size, cuts_in.size):
        for e in range(min(cuts_in.size, p.size - start)):
            rest = one - p[start + e]
            is_out, is_in = rest >= cuts_out[e], p[start + e] >= cuts_in[e]
            predicted = p[start + e] > rest
            side = np.int32(given[start + e])
            confident_in = np.int32(is_in & (predicted | (not is_out)))
            confident_out = np.int32(is_out & ((not predicted) | (not is_in)))
            out[e] += confident_out
            into[e] += confident_in
            out_in[e] += confident_out & side
            into_in[e] += confident_in & side


@kernel
def mark_off_diagonal(p, given, one, cuts_out, cuts_in, off):
    """off[e] = the cell is confidently of the side that is not given."""
    for start in range(0, p.size, cuts_in.size):
        for c in range(cuts_in.size):
            rest = one - p[start + c]
            is_out, is_in = rest >= cuts_out[c], p[start + c] >= cuts_in[c]
            predicted = p[start + c] > rest
            confident_in = is_in & (predicted | (not is_out))
            confident_out = is_out & ((not predicted) | (not is_in))
            off[start + c] = confident_out if given[start + c] else confident_in
