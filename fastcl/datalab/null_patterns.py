"""Which values are missing? A bit for each, 64 to a word, of the rows that lack any."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, as_narwhals, column_names
from fastcl.core.errors import sentence
from fastcl.core.jit import kernel
from fastcl.engine.threads import reduce_items, resolve_n_jobs
from fastcl.neighbors.duplicates.hashing import group_equal_rows
from fastcl.neighbors.features import row_blocks

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Nulls:
    """Features, reduced to which of their values are null.

    Attributes
    ----------
    n_rows, n_columns : their shape
    names : what the columns are called, None if nothing
    read : returns the mask of some rows, in C order; None where nothing can be null
    """

    n_rows: int
    n_columns: int
    names: list[Hashable] | None
    read: Callable[[slice], Mask] | None


@dataclass(frozen=True, eq=False)
class NullPatterns:
    """The nulls of a data set: how many each row and each column has, and which rows lack the same.

    Attributes
    ----------
    names : what the columns are called, None if nothing
    per_row : int64 of shape (n_samples,)
    per_column : int64 of shape (n_columns,)
    rows : int64 of shape (n_some,), the rows with nulls, ascending
    words : uint64 of shape (n_some, n_words), their patterns: bit j % 64 of word j // 64 is that of column j
    """

    names: list[Hashable] | None
    per_row: npt.NDArray[np.int64]
    per_column: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    words: npt.NDArray[np.uint64]

    def most_common(self, n_jobs: int | None = None) -> tuple[str, npt.NDArray[np.int64]]:
        """Return the most frequent pattern, a 1 for each null, and its rows; of equal ones that of the first row."""
        if not self.rows.size:
            return "no_null", self.rows
        if self.words.shape[1] == 1:
            first = int(_counts(self.words[:, 0]).argmax())
            alike = self.words[:, 0] == self.words[first, 0]
        else:
            first_alike = group_equal_rows(self.words, n_jobs=n_jobs)
            first = int(np.bincount(first_alike).argmax())
            alike = first_alike == first
        words = self.words[first].tolist()
        pattern = "".join(str(words[j // 64] >> j % 64 & 1) for j in range(self.per_column.size))
        return pattern, self.rows[alike]


def find_null_patterns(features: Any, *, n_jobs: int | None = None) -> NullPatterns:
    """Return the nulls (None, NaN, NaT, NA) of an array, table, column or sparse matrix.

    One pass, block by block, with the mask of a block in memory, and all masks of a table; what is kept takes 8 bytes a
    row and, of rows with nulls, 8 for each 64 columns. Integers, booleans and strings of fixed width are not read.
    """
    nulls = open_nulls(features)
    n_words = -(-nulls.n_columns // 64)
    per_row = np.zeros(nulls.n_rows, np.int64)
    words_from: dict[int, npt.NDArray[np.uint64]] = {}

    def look(per_column: npt.NDArray[np.int64], block: slice) -> None:
        words = np.empty((block.stop - block.start, n_words), np.uint64)
        n_some = pack_nulls(nulls.read(block), per_row[block], per_column, words)  # type: ignore[misc]  # no blocks without
        words_from[block.start] = words[:n_some]

    blocks = list(row_blocks(nulls.n_rows, nulls.n_columns)) if nulls.read else []
    sums = reduce_items(blocks, lambda: np.zeros(nulls.n_columns, np.int64), look, resolve_n_jobs(n_jobs))
    words = np.concatenate([np.empty((0, n_words), np.uint64), *(words_from[block.start] for block in blocks)])
    return NullPatterns(nulls.names, per_row, np.sum(sums, axis=0), np.flatnonzero(per_row > 0), words)


@kernel
def pack_nulls(mask, per_row, per_column, words):
    """Write the counts of rows and the words of those with nulls, add to those of columns; return how many words."""
    n_some = 0
    n_columns = mask.shape[1]
    for i in range(mask.shape[0]):
        count: Any = 0
        for w in range(words.shape[1]):
            word = np.uint64(0)
            for j in range(64 * w, min(64 * w + 64, n_columns)):
                is_null = np.int64(mask[i, j])  # no branch: nulls come as they like, and guesses would be wrong
                word |= np.uint64(is_null) << np.uint64(j - 64 * w)
                per_column[j] += is_null
                count += is_null
            words[n_some, w] = word
        per_row[i] = count
        n_some += count > 0
    return n_some


def _counts(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
    """Return how many words equal each, at the first of them, 0 at the others."""
    n_bits = max(1, int(2 * words.size - 1).bit_length())
    counts: npt.NDArray[np.int32] = np.zeros(words.size, np.int32)
    count_alike(words, n_bits, np.full(1 << n_bits, -1, np.int32), counts)
    return counts


@kernel
def count_alike(words, n_bits, places, counts):
    """Add 1 to counts[i] for each word that equals words[i], i the first of them; `places` is a table of -1."""
    last = places.size - 1
    for i in range(words.size):
        place = np.int64((words[i] * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - n_bits))  # Fibonacci hashing
        while places[place] >= 0 and words[places[place]] != words[i]:
            place = (place + 1) & last
        if places[place] < 0:
            places[place] = i
        counts[places[place]] += 1


def open_nulls(features: Any) -> Nulls:
    """Return what tells which values of features are null.

    Raises
    ------
    TypeError
        If they are no array, table, column or sparse matrix.
    ValueError
        If they have another shape than (n_samples, n_features) or (n_samples,).
    """
    if hasattr(features, "tocsr"):
        return _nulls_of_sparse(features.tocsr())
    if (table := as_narwhals("features", features)) is not None:
        return _nulls_of_table(table)
    array = as_array("features", features)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or 0 in array.shape:
        rule = "have shape (n_samples, n_features), both at least 1"
        raise ValueError(sentence("features", rule, f"shape {array.shape}"))
    n_rows, n_columns = array.shape
    return Nulls(n_rows, n_columns, None, _reader(array))


def _reader(array: npt.NDArray[Any]) -> Callable[[slice], Mask] | None:
    """Return what reads the mask of some rows of an array; None for kinds of values that cannot be null."""
    if array.dtype.kind in "fc":
        return lambda rows: np.isnan(array[rows], order="C")
    if array.dtype.kind in "mM":
        return lambda rows: np.isnat(array[rows], order="C")
    if array.dtype.kind != "O":
        return None
    import pandas as pd

    return lambda rows: np.ascontiguousarray(pd.isna(array[rows]))


def _nulls_of_table(table: Any) -> Nulls:
    columns = list(table.iter_columns()) if hasattr(table, "iter_columns") else [table]
    masks = [_column_mask(column) for column in columns]
    if not masks or not len(masks[0]):
        raise ValueError(sentence("features", "have at least one row and one column", f"shape {table.shape}"))
    names = column_names(table)
    return Nulls(len(masks[0]), len(masks), names, lambda rows: np.stack([mask[rows] for mask in masks], axis=1))


def _column_mask(column: Any) -> Mask:
    """Return which values of a narwhals column are null, or NaN, which is what a null becomes among floats."""
    if column.dtype.is_float():
        return np.isnan(column.to_numpy())
    return np.asarray(column.is_null().to_numpy(), np.bool_)


def _nulls_of_sparse(matrix: Any) -> Nulls:
    """Return the nulls of a CSR matrix; values that are not stored are zeros."""
    n_rows, n_columns = matrix.shape
    is_nan = matrix.data != matrix.data
    if not is_nan.any():
        return Nulls(n_rows, n_columns, None, None)
    masks = type(matrix)((is_nan, matrix.indices, matrix.indptr), shape=matrix.shape)
    return Nulls(n_rows, n_columns, None, lambda rows: masks[rows].toarray(order="C"))
