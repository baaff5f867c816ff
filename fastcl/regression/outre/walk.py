"""One walk through the tree for `LEAF` points at once: what lies nearer than a window of distances, and what in it.

Each point asked about has a window [low, high] that its distance to the last of its nearest is thought to lie in. A
node that no window cuts is settled as a whole; only leaves that some window cuts are looked at point by point.
Distances in a window are kept, so that the caller can select among them. A window may turn out to be far too wide, and
hold most of the data: nodes that are small beside it are kept by their centres, which tells where to look more closely.
"""

from __future__ import annotations

import math

import numpy as np

from fastcl.core.jit import kernel
from fastcl.regression.outre.expansion import add_expansion
from fastcl.regression.outre.tree import HALF_X, HALF_Y, LEAF, ORDER, RADIUS, START, STOP, X, Y

#: Lines of what is asked, `LEAF` columns: coordinates (lines X and Y), window and its squares; then what is found: sum
#: and number of distances below the window, number within, entries these take, and how many of them are only roughly
#: known; sum of the directions in which points within are left behind. The last lines are of the node at hand.
LOW, HIGH, LOW_SQUARE, HIGH_SQUARE, TOTAL, COUNT, WITHIN, ENTRIES, ROUGH, AWAY_X, AWAY_Y = range(2, 13)
IS_BELOW, IS_WITHIN, BELOW, UP_TO = range(13, 17)
N_LINES = 17

#: A node in the middle of a window is one entry if its radius is at most this share of the window.
SMALL = 1 / 16


@kernel
def walk(asked, kept, points, nodes, terms, reaches, powers, distances, stack):
    """Fill the lines of what is found, and `kept` with the distances in the windows and how often each occurs."""
    asked[TOTAL:] = 0.0
    for j in range(LEAF):
        asked[LOW_SQUARE, j] = max(asked[LOW, j], 0.0) ** 2
        asked[HIGH_SQUARE, j] = asked[HIGH, j] ** 2
    stack[0], height = 1, 1
    while height:
        height -= 1
        i = stack[height]
        node = nodes[i]
        n_below, n_within, n_above = sides(asked, node)
        if n_above == LEAF:
            continue
        is_leaf, is_settled = 2 * i >= nodes.shape[0], n_below + n_within + n_above == LEAF
        order = needed_order(asked, node, reaches) if is_settled and n_below else 0
        if node[RADIUS] == 0.0:
            meet_equal(asked, kept, node)
        elif is_settled and (order or is_leaf or not n_below):
            if order:
                add_expansion(asked, asked[IS_BELOW], asked[TOTAL], node, order, terms, powers)
            elif n_below:
                add_all(asked, asked[IS_BELOW], asked[TOTAL], points, int(node[START]), int(node[STOP]))
            asked[COUNT] += asked[IS_BELOW] * (node[STOP] - node[START])
            if n_within:
                keep_whole(asked, kept, node)
        elif is_leaf:
            meet(asked, points, int(node[START]), int(node[STOP]), distances)
            keep(asked, kept, points, int(node[START]), int(node[STOP]), distances)
        else:
            stack[height], stack[height + 1] = 2 * i, 2 * i + 1
            height += 2


@kernel
def sides(asked, node):
    """Count for how many points a node is below the window, small and within, and above; note where below or within."""
    n_below = n_within = n_above = 0
    x, y, half_x, half_y, radius = node[X], node[Y], node[HALF_X], node[HALF_Y], node[RADIUS]
    for j in range(LEAF):
        dx, dy = abs(asked[X, j] - x), abs(asked[Y, j] - y)
        near_x, near_y = max(dx - half_x, 0.0), max(dy - half_y, 0.0)
        far_x, far_y = dx + half_x, dy + half_y
        near, far = near_x * near_x + near_y * near_y, far_x * far_x + far_y * far_y
        is_below = far < asked[LOW_SQUARE, j]
        is_small = radius <= SMALL * (asked[HIGH, j] - asked[LOW, j])
        is_within = is_small & (near >= asked[LOW_SQUARE, j]) & (far <= asked[HIGH_SQUARE, j])
        asked[IS_BELOW, j], asked[IS_WITHIN, j] = 1.0 if is_below else 0.0, 1.0 if is_within else 0.0
        n_below += is_below
        n_within += is_within
        n_above += near > asked[HIGH_SQUARE, j]
    return n_below, n_within, n_above


@kernel
def needed_order(asked, node, reaches):
    """Return how many orders of the expansion are enough where the node is nearer; 0 if there are not so many."""
    nearest, x, y = np.inf, node[X], node[Y]
    for j in range(LEAF):
        if asked[IS_BELOW, j]:
            nearest = min(nearest, (asked[X, j] - x) ** 2 + (asked[Y, j] - y) ** 2)
    square, most = node[RADIUS] ** 2, int(node[ORDER])
    if square > reaches[most] * nearest:
        return 0
    order = 1
    while square > reaches[order] * nearest:
        order += 1
    return order


@kernel
def add_all(asked, shares, totals, points, start, stop):
    """Add the distances to a range of points, times shares, to the totals."""
    x, y = asked[X], asked[Y]
    for i in range(start, stop):
        xi, yi = points[0, i], points[1, i]
        for j in range(totals.size):
            dx, dy = x[j] - xi, y[j] - yi
            totals[j] += shares[j] * math.sqrt(dx * dx + dy * dy)


@kernel
def meet(asked, points, start, stop, distances):
    """Write the distances to a range of points; sum those below the windows, count these and those up to their end."""
    asked[BELOW:] = 0.0
    for i in range(start, stop):
        xi, yi, line = points[0, i], points[1, i], i - start
        for j in range(LEAF):  # written as several loops, or of variable length, it takes up to five times as long
            dx, dy = asked[X, j] - xi, asked[Y, j] - yi
            distance = math.sqrt(dx * dx + dy * dy)
            is_below = distance < asked[LOW, j]
            distances[line, j] = distance
            asked[TOTAL, j] += distance if is_below else 0.0
            asked[BELOW, j] += 1.0 if is_below else 0.0
            asked[UP_TO, j] += 1.0 if distance <= asked[HIGH, j] else 0.0


@kernel
def keep(asked, kept, points, start, stop, distances):
    """Keep those distances that lie in a window."""
    for j in range(LEAF):
        asked[COUNT, j] += asked[BELOW, j]
        if asked[UP_TO, j] > asked[BELOW, j]:
            for i in range(start, stop):
                if asked[LOW, j] <= distances[i - start, j] <= asked[HIGH, j]:
                    keep_one(asked, kept, j, points[0, i], points[1, i], distances[i - start, j], 1.0)


@kernel
def meet_equal(asked, kept, node):
    """Do for points that are all equal what `meet` and `keep` do for others."""
    count = node[STOP] - node[START]
    for j in range(LEAF):
        dx, dy = asked[X, j] - node[X], asked[Y, j] - node[Y]
        distance = math.sqrt(dx * dx + dy * dy)
        if distance < asked[LOW, j]:
            asked[TOTAL, j] += count * distance
            asked[COUNT, j] += count
        elif distance <= asked[HIGH, j]:
            keep_one(asked, kept, j, node[X], node[Y], distance, count)


@kernel
def keep_whole(asked, kept, node):
    """Keep a small node as so many times the distance of its centre."""
    count = node[STOP] - node[START]
    for j in range(LEAF):
        if asked[IS_WITHIN, j]:
            dx, dy = asked[X, j] - node[X], asked[Y, j] - node[Y]
            keep_one(asked, kept, j, node[X], node[Y], math.sqrt(dx * dx + dy * dy), count)
            asked[ROUGH, j] += count


@kernel
def keep_one(asked, kept, j, x, y, distance, count):
    """Keep a distance if there is room, and note from where it is seen."""
    asked[WITHIN, j] += count
    entry = int(asked[ENTRIES, j])
    asked[ENTRIES, j] += 1.0
    if entry < kept.shape[2]:
        kept[0, j, entry], kept[1, j, entry] = distance, count
        if distance > 0.0:
            asked[AWAY_X, j] += count * (asked[X, j] - x) / distance
            asked[AWAY_Y, j] += count * (asked[Y, j] - y) / distance
