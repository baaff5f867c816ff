"""Lists of rows, one for each of many groups, that cost nothing until they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel


class RowLists(Sequence[npt.NDArray[Any]]):
    """A sequence of arrays of row numbers: list g is ``rows[starts[g]:starts[g + 1]]``, a view.

    Examples
    --------
    >>> lists = RowLists(np.array([0, 2, 2]), np.array([4, 7]))
    >>> len(lists), lists[0], lists[1]
    (2, array([4, 7]), array([], dtype=int64))
    """

    def __init__(self, starts: npt.NDArray[np.int64], rows: npt.NDArray[Any]) -> None:
        self.starts = starts
        self.rows = rows

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, which: int) -> npt.NDArray[Any]: ...

    @overload
    def __getitem__(self, which: slice) -> list[npt.NDArray[Any]]: ...

    def __getitem__(self, which: int | slice) -> npt.NDArray[Any] | list[npt.NDArray[Any]]:
        if isinstance(which, slice):
            return [self[g] for g in range(*which.indices(len(self)))]
        g = range(len(self))[which]  # negative ones count from the end, those beyond raise
        return self.rows[self.starts[g] : self.starts[g + 1]]

    def __repr__(self) -> str:
        return f"RowLists({len(self):,} lists of {len(self.rows):,} rows)"

    def sizes(self) -> npt.NDArray[np.int64]:
        """Return the length of every list."""
        return np.diff(self.starts)


def list_members(group: npt.NDArray[np.int64], n_groups: int) -> RowLists:
    """Return the rows of every group, ascending, from the group of every row; those of group -1 are left out.

    Examples
    --------
    >>> list(list_members(np.array([1, -1, 0, 1]), 2))
    [array([2]), array([0, 3])]
    """
    starts = np.zeros(n_groups + 1, np.int64)
    count_members(group, starts[1:])
    np.cumsum(starts, out=starts)
    rows = np.empty(starts[-1], np.int64)
    place_members(group, starts[:-1].copy(), rows)
    return RowLists(starts, rows)


@kernel
def count_members(group, counts):
    """counts[g] += 1 for every row of group g."""
    for i in range(group.size):
        if group[i] >= 0:
            counts[group[i]] += 1


@kernel
def place_members(group, places, rows):
    """Write every row behind the others of its group; places[g] moves on."""
    for i in range(group.size):
        g = group[i]
        if g >= 0:
            rows[places[g]] = i
            places[g] += 1
