"""The best-scored candidates of every row, kept while tiles of scores go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel

#: Candidates kept beyond the neighbours that are wanted: rounding may have put a neighbour behind some of them.
SPARE = 8

#: Unit roundoff of float32 and of float64.
FLOAT32_UNIT, FLOAT64_UNIT = 2.0**-24, 2.0**-53

#: No row has this number.
NOBODY = np.iinfo(np.int32).max

#: Scores that are looked at together: most such stretches hold no candidate.
STRETCH = 64


@dataclass(frozen=True, eq=False)
class Candidates:
    """For each row its candidates, best first: scores and row numbers, both of shape (n_rows, n_candidates).

    `unit` is the unit roundoff of the arithmetic that made the scores.
    """

    scores: npt.NDArray[Any]
    ids: npt.NDArray[np.int32]
    unit: float = FLOAT32_UNIT

    @classmethod
    def none(cls, n_rows: int, n_candidates: int, dtype: npt.DTypeLike = np.float32) -> Self:
        """Return places for candidates, all empty."""
        shape = (n_rows, n_candidates)
        return cls(np.full(shape, -np.inf, dtype), np.full(shape, NOBODY, np.int32))


@kernel
def insert(scores, ids, i, score, j):
    """Put candidate j of row i in its place by (score descending, number), if there is one; the last drops out.

    Nobody may be offered twice.
    """
    place = scores.shape[1] - 1
    if score < scores[i, place] or (score == scores[i, place] and j >= ids[i, place]):
        return
    while place > 0 and (score > scores[i, place - 1] or (score == scores[i, place - 1] and j < ids[i, place - 1])):
        scores[i, place] = scores[i, place - 1]
        ids[i, place] = ids[i, place - 1]
        place -= 1
    scores[i, place] = score
    ids[i, place] = j


@kernel
def offer_tile(tile, rows, columns, scores, ids, to_itself):
    """Offer to rows[a] the candidate columns[b] with score tile[a, b]; `to_itself`: nobody is his own candidate."""
    last = scores.shape[1] - 1
    for a in range(tile.shape[0]):
        i = rows[a]
        bar = scores[i, last]
        for start in range(0, tile.shape[1], STRETCH):
            stop = min(start + STRETCH, tile.shape[1])
            if stop - start == STRETCH and not reaches(tile[a, start:stop], bar):
                continue
            for b in range(start, stop):
                if tile[a, b] >= bar and not (to_itself and columns[b] == i):
                    insert(scores, ids, i, tile[a, b], columns[b])
                    bar = scores[i, last]


@kernel
def offer_both_ways(tile, first_row, first_column, scores, ids, bars):
    """Offer tile[a, b] to row first_row + a and to row first_column + b, which are different rows.

    `bars` of shape (n_columns,) is scratch: the lowest scores that the columns still take.
    """
    last = scores.shape[1] - 1
    n_columns = tile.shape[1]
    for b in range(n_columns):
        bars[b] = scores[first_column + b, last]
    for a in range(tile.shape[0]):
        i = first_row + a
        bar = scores[i, last]
        for start in range(0, n_columns, STRETCH):
            stop = min(start + STRETCH, n_columns)
            if stop - start == STRETCH and not reaches_either(tile[a, start:stop], bar, bars[start:stop]):
                continue
            for b in range(start, stop):
                if tile[a, b] >= bar:
                    insert(scores, ids, i, tile[a, b], first_column + b)
                    bar = scores[i, last]
                if tile[a, b] >= bars[b]:
                    insert(scores, ids, first_column + b, tile[a, b], i)
                    bars[b] = scores[first_column + b, last]


@kernel
def reaches(stretch, bar):
    """Tell whether one of `STRETCH` scores reaches the bar. A fixed count and 32 bits vectorise: 0.2 ns a score."""
    found = np.int32(0)
    for b in range(STRETCH):
        found |= np.int32(1) if stretch[b] >= bar else np.int32(0)
    return found > 0


@kernel
def reaches_either(stretch, bar, bars):
    """Tell whether one of `STRETCH` scores reaches the bar, or its own."""
    found = np.int32(0)
    for b in range(STRETCH):
        found |= np.int32(1) if (stretch[b] >= bar) | (stretch[b] >= bars[b]) else np.int32(0)
    return found > 0
