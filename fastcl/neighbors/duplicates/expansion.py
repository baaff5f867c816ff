"""From a graph of distinct rows to the graph of all rows, by the reference's rule for exact duplicates."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number, sentence
from fastcl.core.jit import kernel
from fastcl.engine.threads import for_each, resolve_n_jobs
from fastcl.neighbors.duplicates.lists import RowLists, list_members

#: Distinct rows that a thread takes at a time.
GROUPS_AT_A_TIME = 16_384

Floats = npt.NDArray[np.floating[Any]]


def expand_duplicates(
    distances: Floats,
    indices: npt.NDArray[np.integer[Any]],
    codes: npt.NDArray[np.int64],
    n_neighbors: int,
    *,
    n_jobs: int | None = None,
) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Return the neighbours of all rows, given those of the distinct rows among each other.

    A row's neighbours are the other members of its group of equal rows, ascending and at distance 0, then the
    nearest rows outside the group; there, a distinct row stands for all of its copies.

    Parameters
    ----------
    distances : floats of shape (n_distinct, n_found)
        Distances among the distinct rows, ascending within a row.
    indices : integers of shape (n_distinct, n_found)
        Positions among the distinct rows, which are in the order of their first occurrence. `n_found` is at least
        ``min(n_neighbors, n_distinct - 1)``.
    codes : ndarray of shape (n_samples,)
        What `fastcl.neighbors.duplicates.hashing.group_equal_rows` returned: the first row equal to each row.
    n_neighbors : int
        Neighbours wanted of every row, in [1, n_samples - 1].
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    distances : floats of shape (n_samples, n_neighbors)
        Of the dtype given, ascending within a row.
    indices : int32 of shape (n_samples, n_neighbors)
        Row numbers.

    Raises
    ------
    ValueError
        If `n_neighbors` is out of range or there are not enough neighbours among the distinct rows.

    Notes
    -----
    O(n_samples x n_neighbors). Ties outside the group go to the lower row, so that the answer is that of sorting all
    rows by (distance, row) and correcting the reference's way; the neighbours given may tie in any order as long as
    those left out do not tie with a lower row kept.

    Examples
    --------
    >>> import numpy as np
    >>> codes = np.array([0, 1, 0])  # rows 0 and 2 are equal
    >>> expand_duplicates(np.array([[4.0], [4.0]]), np.array([[1], [0]]), codes, 2)
    (array([[0., 4.],
           [4., 4.],
           [0., 4.]]), array([[2, 1],
           [0, 2],
           [0, 1]], dtype=int32))
    """
    check_number("n_neighbors", n_neighbors, 1, len(codes) - 1, whole=True)
    members = _copies(codes)
    n_distinct = len(members)
    _check_found(distances, indices, n_distinct, n_neighbors)
    all_distances = np.empty((len(codes), n_neighbors), distances.dtype)
    all_indices = np.empty((len(codes), n_neighbors), np.int32)

    def expand(low: int) -> None:
        high = min(low + GROUPS_AT_A_TIME, n_distinct)
        expand_groups(low, high, distances, indices, members.rows, members.starts, all_distances, all_indices)

    for_each(range(0, n_distinct, GROUPS_AT_A_TIME), expand, resolve_n_jobs(n_jobs))
    return all_distances, all_indices


def expand_copies(
    distances: Floats,
    indices: npt.NDArray[np.integer[Any]],
    codes: npt.NDArray[np.int64],
    n_neighbors: int,
    *,
    n_jobs: int | None = None,
) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Return the nearest of all rows for new rows, given the nearest distinct ones: each stands for its copies.

    Parameters and result are those of `expand_duplicates`, but for the rows of `distances` and `indices`: they are
    the new ones, and have ``min(n_neighbors, n_distinct)`` neighbours. Ties go to the lower row.
    """
    members = _copies(codes)
    all_distances = np.empty((len(distances), n_neighbors), distances.dtype)
    all_indices = np.empty((len(distances), n_neighbors), np.int32)

    def expand(low: int) -> None:
        high = min(low + GROUPS_AT_A_TIME, len(distances))
        expand_rows(low, high, distances, indices, members.rows, members.starts, all_distances, all_indices)

    for_each(range(0, len(distances), GROUPS_AT_A_TIME), expand, resolve_n_jobs(n_jobs))
    return all_distances, all_indices


def _copies(codes: npt.NDArray[np.int64]) -> RowLists:
    """Return the rows that are equal to each distinct row."""
    first = codes == np.arange(len(codes))
    return list_members((np.cumsum(first) - 1)[codes], int(np.count_nonzero(first)))


def _check_found(distances: Floats, indices: npt.NDArray[Any], n_distinct: int, n_neighbors: int) -> None:
    """Raise ValueError unless there is a place for every neighbour wanted, and every position exists."""
    if distances.shape != indices.shape or len(indices) != n_distinct:
        rule = f"have one row for each of the {n_distinct:,} distinct rows, as `indices`"
        raise ValueError(sentence("distances", rule, f"shapes {distances.shape} and {indices.shape}"))
    if indices.shape[1] < min(n_neighbors, n_distinct - 1):
        rule = f"hold at least {min(n_neighbors, n_distinct - 1)} neighbours of every distinct row"
        raise ValueError(sentence("indices", rule, str(indices.shape[1])))
    if indices.size and not (indices.min() >= 0 and indices.max() < n_distinct):
        got = f"{indices.min()} to {indices.max()}"
        raise ValueError(sentence("indices", f"be positions in [0, {n_distinct:,})", got))


@kernel
def expand_groups(low, high, distances, indices, members, starts, all_distances, all_indices):
    """Write the neighbours of all members of groups low, ..., high - 1."""
    k = all_indices.shape[1]
    for g in range(low, high):
        begin, end = starts[g], starts[g + 1]
        n_own = min(end - begin - 1, k)
        first = members[begin]
        write_others(g, n_own, distances, indices, members, starts, all_distances[first], all_indices[first])
        for m in range(begin, end):
            i = members[m]
            own = 0
            place = begin
            while own < n_own:
                if members[place] != i:
                    all_indices[i, own] = members[place]
                    all_distances[i, own] = 0
                    own += 1
                place += 1
            for c in range(n_own, k):
                all_indices[i, c] = all_indices[first, c]
                all_distances[i, c] = all_distances[first, c]


@kernel
def expand_rows(low, high, distances, indices, members, starts, all_distances, all_indices):
    """Write the neighbours of rows low, ..., high - 1, which are in no group themselves."""
    for i in range(low, high):
        write_others(i, 0, distances, indices, members, starts, all_distances[i], all_indices[i])


@kernel
def write_others(g, place, distances, indices, members, starts, out_distances, out_indices):
    """Write the nearest rows outside group g from `place` on: all copies of each neighbour, ties by row number."""
    k = out_indices.size
    run = place  # where the neighbours at the present distance begin
    for c in range(indices.shape[1]):
        if place == k and (run == k or distances[g, c] > out_distances[run]):
            return
        if place > run and distances[g, c] > out_distances[run]:
            run = place
        for m in range(starts[indices[g, c]], starts[indices[g, c] + 1]):
            row = members[m]
            if place == k and row > out_indices[k - 1]:
                break
            hole = min(place, k - 1)
            while hole > run and out_indices[hole - 1] > row:
                out_indices[hole] = out_indices[hole - 1]
                hole -= 1
            out_indices[hole] = row
            place = min(place + 1, k)
            out_distances[place - 1] = distances[g, c]
