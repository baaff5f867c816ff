"""Sums over blocks of rows that are the same to the last bit, whichever thread is done first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.engine.blocks import slices
from fastcl.engine.threads import for_each

#: Values of a block, and its least rows: a product of fewer rows would only wait for the sums it is added to.
BLOCK_VALUES, BLOCK_ROWS = 1 << 20, 1024

Terms = Sequence[npt.NDArray[Any]]


def wide_blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Cut rows into blocks of about `BLOCK_VALUES` values, and at least `BLOCK_ROWS` rows.

    Examples
    --------
    >>> [block.stop for block in wide_blocks(10_000, 256)]
    [4096, 8192, 10000]
    """
    return slices(n_rows, max(BLOCK_ROWS, BLOCK_VALUES // max(1, n_columns)))


def sum_blocks(
    blocks: Iterator[slice], terms_of: Callable[[slice], Terms], n_threads: int
) -> list[npt.NDArray[np.float64]]:
    """Return the sums of what `terms_of` returns for every block, in float64 and in the order of the blocks.

    Examples
    --------
    >>> values = np.arange(5.0)
    >>> sum_blocks(iter([slice(0, 3), slice(3, 5)]), lambda block: [values[block].sum(keepdims=True)], 2)
    [array([10.])]
    """
    sums = _OrderedSums()
    for_each(enumerate(blocks), lambda numbered: sums.add(numbered[0], terms_of(numbered[1])), n_threads)
    return sums.totals


class _OrderedSums:
    """Totals to which blocks are added in order: one that comes early waits for those before it."""

    def __init__(self) -> None:
        self.totals: list[npt.NDArray[np.float64]] = []
        self._early: dict[int, Terms] = {}
        self._next = 0
        self._lock = threading.Lock()

    def add(self, number: int, terms: Terms) -> None:
        with self._lock:
            self._early[number] = terms
            while self._next in self._early:
                self._add_now(self._early.pop(self._next))
                self._next += 1

    def _add_now(self, terms: Terms) -> None:
        if not self.totals:
            self.totals = [np.array(term, dtype=np.float64) for term in terms]
            return
        for total, term in zip(self.totals, terms, strict=True):
            total += term
