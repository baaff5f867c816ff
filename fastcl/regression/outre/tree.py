"""A k-d tree over points of the plane, its nodes numbered like a heap: the children of node i are 2 i and 2 i + 1.

Points are put in the order of the tree, so every node is a range of them. Leaves hold `LEAF` points each, but for
the last one; nodes left over are empty and infinitely far away. Boxes are tight, and a box of equal points is a point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel

#: Points of a leaf. They are asked about side by side: 16 fill the vector registers of AVX2 with loops unrolled.
LEAF = 16

#: Columns of a node: centre and half sides of its box, half its diagonal, its range of points, and where the terms of
#: its expansion begin, and how many orders these have.
X, Y, HALF_X, HALF_Y, RADIUS, START, STOP, FIRST, ORDER = range(9)


@dataclass(frozen=True, eq=False)
class Tree:
    """Points in the order of the tree, and its nodes.

    Parameters
    ----------
    points : float64 of shape (2, n_points)
        Coordinates.
    rows : int64 of shape (n_points,)
        Which of the points given each one is.
    nodes : float64 of shape (2 n_leaves, 9)
        One line a node, the root in line 1; line 0 is nobody's.
    """

    points: npt.NDArray[np.float64]
    rows: npt.NDArray[np.int64]
    nodes: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


def plant(points: npt.NDArray[Any]) -> Tree:
    """Return the tree of points given as an array of shape (2, n_points).

    Takes 0.04 s for 200,000 points: not worth threads.
    """
    n_points = points.shape[1]
    n_leaves = 1 << max(0, math.ceil(n_points / LEAF) - 1).bit_length()
    points, rows = points.astype(np.float64, order="C"), np.arange(n_points)
    nodes = np.zeros((2 * n_leaves, 9))
    nodes[1, STOP] = n_points
    split_nodes(points, rows, nodes)
    return Tree(points, rows, nodes)


@kernel
def split_nodes(points, rows, nodes):
    """Give every node its box, and its children their halves of its points, cut across the longer side."""
    for i in range(1, nodes.shape[0]):
        node = nodes[i]
        start, stop = int(node[START]), int(node[STOP])
        if start == stop:
            node[X] = np.inf
        else:
            node[X], node[HALF_X] = bounds(points[0], start, stop)
            node[Y], node[HALF_Y] = bounds(points[1], start, stop)
        node[RADIUS] = math.sqrt(node[HALF_X] ** 2 + node[HALF_Y] ** 2)
        if 2 * i < nodes.shape[0]:
            n_leaves = (stop - start + LEAF - 1) // LEAF
            middle = min(stop, start + (n_leaves + 1) // 2 * LEAF)
            if middle < stop:
                put_in_place(points, rows, int(node[HALF_Y] > node[HALF_X]), start, stop, middle)
            nodes[2 * i, START], nodes[2 * i, STOP] = start, middle
            nodes[2 * i + 1, START], nodes[2 * i + 1, STOP] = middle, stop


@kernel
def bounds(values, start, stop):
    """Return the middle of the range of values, and how far it reaches from there."""
    low = high = values[start]
    for i in range(start, stop):
        low = min(low, values[i])
        high = max(high, values[i])
    middle = low + 0.5 * (high - low)
    return middle, max(high - middle, middle - low)


@kernel
def put_in_place(points, rows, axis, start, stop, place):
    """Reorder points so that none before `place` is higher along an axis than any from there on (Hoare's find)."""
    values, others = points[axis], points[1 - axis]
    low, high = start, stop - 1
    while low < high:
        a, b, c = values[low], values[(low + high) >> 1], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                others[i], others[j] = others[j], others[i]
                rows[i], rows[j] = rows[j], rows[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            return
