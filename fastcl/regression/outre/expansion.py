"""Sums of distances to all points of a node at once, where these are far enough away.

Write a point of the node as c + w and the point asked about as c + z, complex numbers from the centre c of its box,
q = 1 / z. With a[k] the binomial coefficients of (1 - t)**(1/2),

    |z - w| = |z| |1 - w q| = |z| sum over k, l of a[k] a[l] (w q)**k conj(w q)**l,

so a sum over points needs of them only the moments sum of w**k conj(w)**l. Terms are taken by order n = k + l; those
of order n make up |z| t**n C[n](cos g), where t = |w| / |z|, g is the angle between w and z, and C[n] the Gegenbauer
polynomial of index -1/2, (P[n-2] - P[n]) / (2 n - 1). Legendre's P are at most 1, so leaving out the orders from p on
changes |z - w|, which is at least |z| (1 - t), by a share of at most

    2 t**p / ((2 p - 1) (1 - t)**2).

`reaches` turns this round: the largest t, which is at most the radius of the node over the distance of its centre, at
which p orders do. (The expansion in another form: Greengard and Rokhlin, "A fast algorithm for particle simulations",
Journal of Computational Physics 73, 1987.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.engine.threads import for_each
from fastcl.regression.outre.tree import FIRST, LEAF, ORDER, RADIUS, START, STOP, Tree, X, Y

#: Share by which a distance may be wrong: a hundredth of what is promised for scores.
TOLERANCE = 1e-13

#: More orders than this, or than twice the root of the number of points, cost more than they spare.
MOST_ORDERS = 28

#: Parts that each level of the tree is cut into for threads.
PARTS = 8


def reaches() -> npt.NDArray[np.float64]:
    """Return, for p = 0, 1, ..., the square of the largest t at which p orders are enough."""
    p = np.arange(1, MOST_ORDERS + 1)
    low, high = np.zeros(len(p)), np.ones(len(p))
    for _ in range(50):
        t = 0.5 * (low + high)
        is_enough = 2 * t**p / ((2 * p - 1) * (1 - t) ** 2) <= TOLERANCE
        low, high = np.where(is_enough, t, low), np.where(is_enough, high, t)
    return np.append(0.0, low**2)


def expand(tree: Tree, n_threads: int) -> npt.NDArray[np.float64]:
    """Return the terms of all nodes worth expanding, real parts above imaginary ones, and note in each where they are.

    Those of a node are listed by l, then by m = k - l, and come without their factor |z| |q|**(2 l) q**m.
    """
    counts = tree.nodes[:, STOP] - tree.nodes[:, START]
    orders = np.minimum(MOST_ORDERS, np.sqrt(4 * counts)).astype(np.int64)
    orders[counts <= LEAF], orders[1] = 0, 0  # leaves are as fast point by point; the root holds whoever asks
    halves = (orders + 1) // 2
    ends = np.cumsum(halves * (orders - halves + 1))
    tree.nodes[1:, FIRST], tree.nodes[:, ORDER] = ends[:-1], orders
    terms = np.zeros((2, int(ends[-1])))
    binomials = np.cumprod([1.0] + [(2 * k - 3) / (2 * k) for k in range(1, MOST_ORDERS)])

    def work(nodes: npt.NDArray[Any]) -> None:
        expand_nodes(tree.points, nodes, binomials, terms)

    levels = [tree.nodes[1 << level : 2 << level] for level in range(1, len(tree.nodes).bit_length() - 2)]
    for_each((part for level in levels for part in np.array_split(level, PARTS) if len(part)), work, n_threads)
    return terms


@kernel
def expand_nodes(points, nodes, binomials, terms):
    """Write the terms of nodes: moments times binomial coefficients, twice for m > 0 instead of those for -m."""
    powers = np.empty((2, MOST_ORDERS))
    for i in range(nodes.shape[0]):
        order, first = int(nodes[i, ORDER]), int(nodes[i, FIRST])
        if order == 0 or nodes[i, RADIUS] == 0.0:
            continue
        add_moments(points, nodes[i], order, powers, terms[:, first:])
        for half in range((order + 1) >> 1):
            for m in range(order - 2 * half):
                factor = binomials[m + half] * binomials[half] * (2.0 if m else 1.0)
                terms[0, first] *= factor
                terms[1, first] *= factor
                first += 1


@kernel
def add_moments(points, node, order, powers, terms):
    """Add the sum over points of u**m |u|**(2 l), u = w over the radius of the node, to its terms."""
    for i in range(int(node[START]), int(node[STOP])):
        u, v = (points[0, i] - node[X]) / node[RADIUS], (points[1, i] - node[Y]) / node[RADIUS]
        a, b = 1.0, 0.0
        for m in range(order):
            powers[0, m], powers[1, m] = a, b
            a, b = a * u - b * v, a * v + b * u
        square, factor, at = u * u + v * v, 1.0, 0
        for half in range((order + 1) >> 1):
            size = order - 2 * half
            real, imaginary = terms[0, at : at + size], terms[1, at : at + size]
            for m in range(size):
                real[m] += factor * powers[0, m]
            for m in range(size):
                imaginary[m] += factor * powers[1, m]
            factor *= square
            at += size


@kernel
def add_expansion(asked, shares, totals, node, order, terms, powers):
    """Add the distances to all points of a node, times shares, to the totals, by the terms of the first orders."""
    write_powers(asked, shares, node, order, powers)
    begin = int(node[FIRST])
    for half in range((order + 1) >> 1):
        for m in range(order - 2 * half):
            a, b, k = terms[0, begin + m], terms[1, begin + m], 2 * m + 2
            for j in range(totals.size):  # powers[k] as an array of its own would take twice the time
                totals[j] += powers[0, j] * (a * powers[k, j] - b * powers[k + 1, j])
        for j in range(totals.size):
            powers[0, j] *= powers[1, j]
        begin += int(node[ORDER]) - 2 * half


@kernel
def write_powers(asked, shares, node, order, powers):
    """Write |z| times shares, |q|**2, and real and imaginary parts of 1, q, ..., with q in units of the radius.

    Where a share is 0, q is too: the point asked about may be the centre.
    """
    center_x, center_y, radius = node[X], node[Y], node[RADIUS]
    for j in range(asked.shape[1]):
        x, y = asked[0, j] - center_x, asked[1, j] - center_y
        square = x * x + y * y
        scale = radius / square if shares[j] else 0.0
        powers[0, j], powers[1, j] = shares[j] * math.sqrt(square), scale * radius
        powers[2, j], powers[3, j] = 1.0, 0.0
        powers[4, j], powers[5, j] = scale * x, -scale * y
    for k in range(6, 2 * order + 2, 2):
        for j in range(asked.shape[1]):
            a, b = powers[k - 2, j], powers[k - 1, j]
            powers[k, j] = a * powers[4, j] - b * powers[5, j]
            powers[k + 1, j] = a * powers[5, j] + b * powers[4, j]
