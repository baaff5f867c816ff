"""From candidates to neighbours: exact distances in float64, and proof that nobody was missed.

Candidates were chosen by float32 scores. A row is *settled* when its k-th neighbour scores so much better than the
last candidate that rounding cannot have kept out a nearer row. Rows left open (near ties, or vectors whose
length dwarfs their distances) are compared with everybody in float64: a pair whose score might matter gets its
distance taken. So neighbours are the first k by (distance, row number), whatever the tiles, threads or rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.engine.blas import multiply
from fastcl.engine.threads import for_each
from fastcl.neighbors.metrics import COSINE, EUCLIDEAN
from fastcl.neighbors.search.candidates import FLOAT64_UNIT, NOBODY, Candidates
from fastcl.neighbors.search.space import Points, distance, scale_row

#: Rows that are refined together, and rows and columns of a tile of float64 scores.
REFINED_ROWS = 2048
OPEN_ROWS, OPEN_COLUMNS = 256, 2048


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Distances and numbers of the nearest points, shape (n_rows, k); whether they are proven to be the nearest."""

    distances: npt.NDArray[np.float64]
    ids: npt.NDArray[np.int32]
    is_settled: npt.NDArray[np.bool_]


def exact_neighbors(
    rows: Points, candidates: Candidates, points: Points, n_neighbors: int, n_threads: int
) -> Neighbors:
    """Return the nearest points of every row, proven to be so; `candidates` are the best scored of all points."""
    found = refine(rows, candidates, points, n_neighbors, n_threads)
    settle(rows, found, points, n_threads)
    return found


def refine(rows: Points, candidates: Candidates, points: Points, n_neighbors: int, n_threads: int) -> Neighbors:
    """Return the nearest of each row's candidates; a row may be a candidate of itself only in another data set."""
    shape = (len(rows), n_neighbors)
    found = Neighbors(np.full(shape, np.inf), np.full(shape, NOBODY, np.int32), np.zeros(len(rows), np.bool_))
    # with as many candidates as there are others, nobody is left out
    others = len(points) - (rows is points)
    rounding = points.rounding(candidates.unit) if candidates.ids.shape[1] < others else -1.0
    longest = float(points.lengths.max())

    def work(block: slice) -> None:
        rank_candidates(
            rows.rows,
            rows.numbers[block],
            rows.inverse_norms[block],
            rows.lengths[block],
            points.rows,
            points.numbers,
            points.inverse_norms,
            candidates.scores[block],
            candidates.ids[block],
            points.space.metric,
            points.space.factor,
            longest,
            rounding,
            found.distances[block],
            found.ids[block],
            found.is_settled[block],
        )

    starts = range(0, len(rows), REFINED_ROWS)
    for_each((slice(start, start + REFINED_ROWS) for start in starts), work, n_threads)
    return found


def settle(rows: Points, found: Neighbors, points: Points, n_threads: int) -> None:
    """Compare rows that are left open with everybody, in float64; corrects `found`."""
    open_rows = np.flatnonzero(~found.is_settled)
    rounding = points.rounding(FLOAT64_UNIT)
    longest = float(points.lengths.max())

    def work(start: int) -> None:
        mine = open_rows[start : start + OPEN_ROWS]
        mirrored = points.space.mirrored(rows.exact_vectors(mine))
        for first in range(0, len(points), OPEN_COLUMNS):
            columns = slice(first, min(first + OPEN_COLUMNS, len(points)))
            scores = multiply(mirrored, points.exact_vectors(columns).T)
            compare_open(
                scores,
                mine,
                first,
                rows.rows,
                rows.numbers,
                rows.inverse_norms,
                rows.lengths,
                points.rows,
                points.numbers,
                points.inverse_norms,
                points.space.metric,
                points.space.factor,
                longest,
                rounding,
                rows is points,
                found.distances,
                found.ids,
            )

    for_each(range(0, len(open_rows), OPEN_ROWS), work, n_threads)
    found.is_settled[open_rows] = True


@kernel
def score_of(distance, metric, factor):
    """Return the score that a pair at this distance has."""
    if metric == COSINE:
        return 1.0 - distance
    if metric == EUCLIDEAN:
        return -0.5 * (distance * factor) ** 2
    return -distance * factor * factor


@kernel
def doubt(rounding, length, longest, distance, metric, factor):
    """Return how far rounding can have moved the score of a row of this length with anybody as near as `distance`.

    Whoever is that near is at most that much longer; an inner product may be large with the longest of all.
    """
    if metric == COSINE:
        return rounding
    if metric == EUCLIDEAN:
        return rounding * 0.5 * (2 * length + distance * factor) ** 2 + 1e-37
    return rounding * length * longest + 1e-37


@kernel
def keep_nearest(distances, ids, i, d, j):
    """Put j at distance d in its place among the neighbours of i, by (distance, number); the last drops out."""
    last = distances.shape[1] - 1
    if d > distances[i, last] or (d == distances[i, last] and j >= ids[i, last]):
        return
    for place in range(last + 1):
        if ids[i, place] == j:
            return
    place = last
    while place > 0 and (d < distances[i, place - 1] or (d == distances[i, place - 1] and j < ids[i, place - 1])):
        distances[i, place] = distances[i, place - 1]
        ids[i, place] = ids[i, place - 1]
        place -= 1
    distances[i, place] = d
    ids[i, place] = j


@kernel
def rank_candidates(
    x, x_numbers, x_inverse_norms, x_lengths, y, y_numbers, y_inverse_norms,
    scores, candidates, metric, factor, longest, rounding, distances, ids, is_settled,
):  # fmt: skip
    """Write the nearest candidates of each row, and whether they are the nearest of all; rounding < 0: they are."""
    k = distances.shape[1]
    row, terms = np.empty(x.shape[1]), np.empty(x.shape[1])
    for i in range(candidates.shape[0]):
        scale_row(x, x_numbers[i], x_inverse_norms[i], metric, row)
        for c in range(candidates.shape[1]):
            j = candidates[i, c]
            if j != NOBODY:
                keep_nearest(distances, ids, i, distance(row, y, y_numbers[j], y_inverse_norms[j], metric, terms), j)
        farthest = distances[i, k - 1]
        cut = scores[i, scores.shape[1] - 1]
        reach = doubt(rounding, x_lengths[i], longest, farthest, metric, factor)
        is_settled[i] = rounding < 0 or score_of(farthest, metric, factor) > cut + reach


@kernel
def compare_open(
    scores, rows, first, x, x_numbers, x_inverse_norms, x_lengths, y, y_numbers, y_inverse_norms,
    metric, factor, longest, rounding, to_itself, distances, ids,
):  # fmt: skip
    """Offer points first, first + 1, ... to `rows` by their distance, where the float64 score says it may matter."""
    k = distances.shape[1]
    row, terms = np.empty(x.shape[1]), np.empty(x.shape[1])
    for a in range(rows.size):
        i = rows[a]
        scale_row(x, x_numbers[i], x_inverse_norms[i], metric, row)
        bar = -np.inf
        farthest = np.inf
        for b in range(scores.shape[1]):
            if distances[i, k - 1] < farthest:
                farthest = distances[i, k - 1]
                bar = score_of(farthest, metric, factor)
                bar -= doubt(rounding, x_lengths[i], longest, farthest, metric, factor)
            j = first + b
            if scores[a, b] >= bar and not (to_itself and i == j):
                keep_nearest(distances, ids, i, distance(row, y, y_numbers[j], y_inverse_norms[j], metric, terms), j)
