"""The mean distance of every point of the plane to its nearest ones, however many these are.

Points are asked about leaf by leaf, in the order of the tree. How far the last of the nearest is changes little from a
leaf to the next, and a step moves it by the mean direction in which the points at that distance are seen: so it is
guessed, with a window that is as wide as recent guesses were wrong. A guess decides how long it takes to find the
answer, never the answer: where the last of the nearest is not in the window, the window is moved.

For n points and half of them nearest, a leaf costs O(n**(1/2)) for the leaves on the rim of its discs and O(log n)
expansions for what is inside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.engine.threads import for_each, resolve_n_jobs
from fastcl.regression.outre.expansion import MOST_ORDERS, expand, reaches
from fastcl.regression.outre.tree import LEAF, X, Y, plant
from fastcl.regression.outre.walk import (
    AWAY_X,
    AWAY_Y,
    COUNT,
    ENTRIES,
    HIGH,
    LOW,
    N_LINES,
    ROUGH,
    SMALL,
    TOTAL,
    WITHIN,
    walk,
)

Floats = npt.NDArray[np.float64]

#: Half a window is so many times the mean recent error of guesses, but at first holds at most so many entries.
SPREAD = 4.0
MOST_AWAITED = 128.0

#: Error of guesses per distance from where the last was right, before any is known.
FIRST_ERROR = 0.1

#: Windows tried before a point is compared with all others.
TRIES = 64

#: Rounding of a distance, with some to spare; the width that a window without any grows from.
ROUNDING = 1e-15
TINY = 1e-100

#: So many points are compared with all others: as fast, and there is nothing to compile first.
FEW = 2048

#: Points that are asked about in a row, at least, and parts of the whole, at most: each begins with all distances of
#: its first point. Fixed, so that neither guesses nor roundings depend on the number of threads.
FEWEST_ROWS = 2048
MOST_PARTS = 64

#: Lines beside those of the walk, on the distance of the last of the nearest: as guessed, bounds of it, as found (-1
#: while it is not); then the sum of the distances to all nearest.
GUESS, LEAST, MOST, FOUND, SUM = range(N_LINES, N_LINES + 5)

#: What guesses are made from: mean place of the points last asked about, mean distance of the last of their nearest,
#: the direction in which it grows, mean error of the guesses per distance from that place, widest half window.
AT_X, AT_Y, LAST, SLOPE_X, SLOPE_Y, ERROR, WIDEST = range(7)


def mean_nearest_distances(x: Any, y: Any, n_nearest: int, n_jobs: int | None = None) -> Floats:
    """Return the mean distance of each point to its `n_nearest` nearest ones, itself among them.

    Parameters
    ----------
    x, y : float64 of shape (n_points,)
        Coordinates.
    n_nearest : int
        In [1, n_points].
    n_jobs : int, optional
        Number of threads; by default as many as this process may use.

    Returns
    -------
    ndarray of shape (n_points,), float64
        Means, off by a share of 2e-13 at most. The same bits for any number of threads.

    Examples
    --------
    >>> mean_nearest_distances(np.array([0.0, 3.0, 9.0]), np.array([0.0, 4.0, 12.0]), 2)
    array([2.5, 2.5, 5. ])
    """
    n_threads, points = resolve_n_jobs(n_jobs), np.stack([x, y])
    if points.shape[1] <= FEW:
        return np.array([_sum_by_all(points, row, n_nearest) for row in range(points.shape[1])]) / n_nearest
    tree = plant(points)
    terms, reach = expand(tree, n_threads), reaches()
    sums = np.full(len(tree), np.nan)

    def work(rows: range) -> None:
        last = np.partition(_distances(tree.points, rows[0]), n_nearest - 1)[n_nearest - 1]
        sum_nearest(rows[0], rows[-1] + 1, last, n_nearest, tree.points, tree.nodes, terms, reach, sums)
        for row in rows[0] + np.flatnonzero(np.isnan(sums[rows[0] : rows[-1] + 1])):
            sums[row] = _sum_by_all(tree.points, int(row), n_nearest)

    for_each(_parts(len(tree)), work, n_threads)
    means = np.empty(len(tree))
    means[tree.rows] = sums / n_nearest
    return means


def _distances(points: Floats, row: int) -> Floats:
    """Return the distances of a point to all."""
    x, y = points
    distances: Floats = np.sqrt((x - x[row]) ** 2 + (y - y[row]) ** 2)
    return distances


def _sum_by_all(points: Floats, row: int, n_nearest: int) -> float:
    """Return the sum of the distances of a point to its nearest, by those to all."""
    return float(np.partition(_distances(points, row), n_nearest - 1)[:n_nearest].sum())


def _parts(n_points: int) -> list[range]:
    """Cut points into ranges of whole leaves."""
    n_leaves = -(-max(FEWEST_ROWS, -(-n_points // MOST_PARTS)) // LEAF)
    return [range(n_points)[start : start + n_leaves * LEAF] for start in range(0, n_points, n_leaves * LEAF)]


@kernel
def sum_nearest(first, last, radius, n_nearest, points, nodes, terms, reaches, sums):
    """Write the sums of a range of points; those whose window was never right stay NaN."""
    asked, powers = np.zeros((N_LINES + 5, LEAF)), np.empty((2 * MOST_ORDERS + 4, LEAF))
    kept = np.empty((2, LEAF, min(points.shape[1], 4096 + 64 * int(points.shape[1] ** 0.5))))
    distances, stack = np.empty((LEAF, LEAF)), np.empty(64, np.int64)
    guide = np.array([points[0, first], points[1, first], radius, 0.0, 0.0, FIRST_ERROR, np.inf])
    for start in range(first, last, LEAF):
        stop = min(start + LEAF, last)
        aim(asked, points, start, stop, guide)
        for attempt in range(TRIES):
            walk(asked[:N_LINES], kept, points, nodes, terms, reaches, powers, distances, stack)
            if settle(asked, kept, n_nearest, attempt) == LEAF:
                break
        for j in range(stop - start):
            if asked[FOUND, j] >= 0.0:
                sums[start + j] = asked[SUM, j]
        learn(asked, guide)


@kernel
def aim(asked, points, start, stop, guide):
    """Set the points to be asked about, the last one again in lanes left over, and guess their windows."""
    x, y, radius = guide[AT_X], guide[AT_Y], guide[LAST]
    for j in range(LEAF):
        i = min(start + j, stop - 1)
        asked[X, j], asked[Y, j] = points[0, i], points[1, i]
        dx, dy = points[0, i] - x, points[1, i] - y
        asked[GUESS, j], asked[FOUND, j] = radius + guide[SLOPE_X] * dx + guide[SLOPE_Y] * dy, -1.0
        asked[LEAST, j], asked[MOST, j] = -np.inf, np.inf
        half = min(SPREAD * guide[ERROR] * (dx * dx + dy * dy) ** 0.5, guide[WIDEST]) + ROUNDING * radius
        asked[LOW, j], asked[HIGH, j] = asked[GUESS, j] - half, asked[GUESS, j] + half


@kernel
def settle(asked, kept, n_nearest, attempt):
    """Sum the nearest where they were found, set other windows for the others; return how many were."""
    n_found, growth = 0, 8.0 ** min(2 * attempt + 1, 40)
    for j in range(LEAF):
        below, low, high = asked[COUNT, j], asked[LOW, j], asked[HIGH, j]
        margin, width = ROUNDING * high, max(high - low, TINY)
        if asked[FOUND, j] >= 0.0:
            n_found += 1
        elif below >= n_nearest:
            move(asked, j, asked[LEAST, j], low + margin, low - growth * width, low + margin)
        elif below + asked[WITHIN, j] < n_nearest:
            move(asked, j, high - margin, asked[MOST, j], high - margin, high + growth * width)
        elif asked[ENTRIES, j] > kept.shape[2] and width > 8 * margin:
            middle = low + width * (n_nearest - below) / asked[WITHIN, j]
            move(asked, j, low, high, middle - SMALL * width, middle + SMALL * width)
        else:
            size = min(kept.shape[2], int(asked[ENTRIES, j]))
            last, total = sum_lowest(kept[0, j], kept[1, j], size, n_nearest - below)
            if asked[ROUGH, j] and width > 8 * margin:
                move(asked, j, low, high, last - SMALL * width - margin, last + SMALL * width + margin)
            else:
                asked[FOUND, j], asked[SUM, j] = last, asked[TOTAL, j] + total
                n_found += 1
    return n_found


@kernel
def move(asked, j, least, most, low, high):
    """Note bounds of the distance of the last of the nearest, and set the window as far as it lies in them."""
    asked[LEAST, j], asked[MOST, j] = least, most
    asked[LOW, j], asked[HIGH, j] = max(least, low), min(most, high)


@kernel
def sum_lowest(values, counts, size, n_lowest):
    """Return the highest, and the sum, of the `n_lowest` lowest of values that occur several times; reorders them."""
    low, high, total = 0, size - 1, 0.0
    while low < high:
        a, b, c = values[low], values[(low + high) >> 1], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j, count, part = low, high, 0.0, 0.0
        while i <= j:
            while values[i] < pivot:
                count, part, i = count + counts[i], part + counts[i] * values[i], i + 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                counts[i], counts[j] = counts[j], counts[i]
                count, part = count + counts[i], part + counts[i] * values[i]
                i, j = i + 1, j - 1
        if n_lowest <= count:  # none before i is above the pivot, none from there on below
            high = i - 1
        else:
            low, n_lowest, total = i, n_lowest - count, total + part
    return values[low], total + n_lowest * values[low]


@kernel
def learn(asked, guide):
    """Take from what was found what the next guesses begin with."""
    n_found = x = y = radius = error = away_x = away_y = within = entries = width = 0.0
    for j in range(LEAF):
        if asked[FOUND, j] >= 0.0:
            n_found += 1.0
            x, y, radius = x + asked[X, j], y + asked[Y, j], radius + asked[FOUND, j]
            step = ((asked[X, j] - guide[AT_X]) ** 2 + (asked[Y, j] - guide[AT_Y]) ** 2) ** 0.5
            if step > 0.0:
                error += abs(asked[FOUND, j] - asked[GUESS, j]) / step
            away_x, away_y, within = away_x + asked[AWAY_X, j], away_y + asked[AWAY_Y, j], within + asked[WITHIN, j]
            entries, width = entries + asked[ENTRIES, j], width + asked[HIGH, j] - asked[LOW, j]
    if n_found:
        guide[AT_X], guide[AT_Y], guide[LAST] = x / n_found, y / n_found, radius / n_found
        guide[SLOPE_X], guide[SLOPE_Y] = away_x / within, away_y / within
        guide[ERROR] = 0.5 * (guide[ERROR] + error / n_found)
        guide[WIDEST] = MOST_AWAITED * width / entries
