"""Links between rows that are duplicates of each other, and the groups they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel

#: Kinds of links, and what they are called in tables. Of two links between the same rows the lower one counts.
EXACT, NEAR, TEXT = 0, 1, 2
KINDS = np.array(["exact", "near", "text"])


@dataclass(frozen=True, eq=False)
class Links:
    """Pairs of rows that are duplicates of each other, each pair once, ``left < right``.

    Parameters
    ----------
    n_rows : number of rows of the data set
    left, right : int64 of shape (n_links,)
    distances : float64 of shape (n_links,)
        0 for exact copies; distance in the graph; for texts 1 minus the Jaccard similarity.
    kinds : int8 of shape (n_links,)
        0 exact, 1 near, 2 text.
    """

    n_rows: int
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.left)

    def __repr__(self) -> str:
        return f"Links({len(self):,} among {self.n_rows:,} rows)"

    def take(self, chosen: npt.NDArray[Any]) -> Links:
        """Return some of the links, by mask or position."""
        return Links(self.n_rows, self.left[chosen], self.right[chosen], self.distances[chosen], self.kinds[chosen])


def unite(parts: Sequence[Links]) -> Links:
    """Return the links of all parts; of several between the same rows the one of the lowest kind."""
    left = np.concatenate([part.left for part in parts])
    right = np.concatenate([part.right for part in parts])
    distances = np.concatenate([part.distances for part in parts])
    kinds = np.concatenate([part.kinds for part in parts])
    order = np.lexsort((distances, kinds, right, left))
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (np.diff(left[order]) != 0) | (np.diff(right[order]) != 0)
    return Links(parts[0].n_rows, left, right, distances, kinds).take(order[is_first])


def equal_links(codes: npt.NDArray[np.int64]) -> Links:
    """Return a link from the first of equal rows to each of its copies, from the answer of `group_equal_rows`."""
    right = np.flatnonzero(codes != np.arange(len(codes)))
    return Links(len(codes), codes[right], right, np.zeros(len(right)), np.full(len(right), EXACT, np.int8))


def connect(links: Links) -> npt.NDArray[np.int64]:
    """Return the group of every row: connected components, numbered by their lowest row; -1 for rows without links.

    Examples
    --------
    >>> links = Links(5, np.array([3, 0]), np.array([4, 3]), np.zeros(2), np.zeros(2, np.int8))
    >>> connect(links)
    array([ 0, -1, -1,  0,  0])
    """
    group = np.arange(links.n_rows)
    join(links.left, links.right, group)
    is_linked = np.zeros(links.n_rows, np.bool_)
    is_linked[links.left] = is_linked[links.right] = True
    number_groups(is_linked, group)
    return group


def choose_representatives(
    links: Links, group: npt.NDArray[np.int64], quality: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.int64]:
    """Return for each group the member of best quality, then most links, then lowest distances, then lowest row."""
    n_groups = int(group.max(initial=-1)) + 1
    degree = np.bincount(links.left, minlength=links.n_rows) + np.bincount(links.right, minlength=links.n_rows)
    total = np.zeros(links.n_rows)
    add_distances(links.left, links.right, links.distances, total)
    chosen = np.full(n_groups, -1, np.int64)
    choose_best(group, np.zeros(links.n_rows) if quality is None else quality, degree, total, chosen)
    return chosen


def nearest_linked(links: Links) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return for every row the nearest row it is linked to (ties: the lower row; -1: none) and its distance."""
    nearest, distances = np.full(links.n_rows, -1, np.int64), np.full(links.n_rows, np.inf)
    find_nearest(links.left, links.right, links.distances, nearest, distances)
    return nearest, distances


@kernel
def find_root(parent, i):
    """Return the lowest row known to be connected with row i; shortens the way for those who come later."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def join(left, right, parent):
    """Union-find: the lower root becomes the parent of the other, so a root is the lowest row of its component."""
    for e in range(left.size):
        a, b = find_root(parent, left[e]), find_root(parent, right[e])
        if a < b:
            parent[b] = a
        else:
            parent[a] = b


@kernel
def number_groups(is_linked, group):
    """Replace parents by group numbers, counted in the order of the lowest rows; -1 for rows without links."""
    n_groups = 0
    for i in range(group.size):  # a parent is a lower row, so it has its number already
        if not is_linked[i]:
            group[i] = -1
        elif group[i] == i:
            group[i] = n_groups
            n_groups += 1
        else:
            group[i] = group[group[i]]


@kernel
def add_distances(left, right, distances, total):
    """total[i] = sum of the distances of the links of row i, in their order."""
    for e in range(left.size):
        total[left[e]] += distances[e]
        total[right[e]] += distances[e]


@kernel
def is_preferred(i, other, quality, degree, total):
    """Tell whether row i is to be kept rather than the lower row `other`."""
    if quality[i] != quality[other]:
        return quality[i] > quality[other]
    if degree[i] != degree[other]:
        return degree[i] > degree[other]
    return total[i] < total[other]


@kernel
def choose_best(group, quality, degree, total, chosen):
    """chosen[g] = member with the highest (quality, degree, -total, -row)."""
    for i in range(group.size):
        g = group[i]
        if g < 0:
            continue
        if chosen[g] < 0 or is_preferred(i, chosen[g], quality, degree, total):
            chosen[g] = i


@kernel
def find_nearest(left, right, distances, nearest, lowest):
    """Keep for both ends of every link the other end if it has the lowest (distance, row) so far."""
    for e in range(left.size):
        a, b, distance = left[e], right[e], distances[e]
        if distance < lowest[a] or (distance == lowest[a] and b < nearest[a]):
            lowest[a] = distance
            nearest[a] = b
        if distance < lowest[b] or (distance == lowest[b] and a < nearest[b]):
            lowest[b] = distance
            nearest[b] = a
