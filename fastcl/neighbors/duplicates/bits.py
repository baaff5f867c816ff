"""Rows as bits: hashed and compared, dense or sparse, where 0.0 and -0.0 are the same."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array
from fastcl.core.errors import sentence
from fastcl.core.jit import kernel

#: Steps and multipliers of splitmix64 (Steele, Lea, Flood, OOPSLA 2014), which makes keys of column numbers.
GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB


@dataclass(frozen=True, eq=False)
class DenseRows:
    """Rows of an array of shape (n_samples, n_columns), as unsigned integers of the same bits."""

    bits: npt.NDArray[np.unsignedinteger[Any]]
    keys: npt.NDArray[np.uint64]
    minus_zero: np.unsignedinteger[Any]

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def row_bytes(self) -> int:
        """Size of one row."""
        return self.bits.shape[1] * self.bits.itemsize

    def write_hashes(self, low: int, high: int, hashes: npt.NDArray[np.uint64]) -> None:
        """Write the hash of every row in [low, high)."""
        hash_dense(_read_only(np.ascontiguousarray(self.bits[low:high])), self.keys, self.minus_zero, hashes[low:high])

    def write_differing(self, low: int, high: int, codes: npt.NDArray[np.int64], out: npt.NDArray[np.bool_]) -> None:
        """Tell for every row in [low, high) whether it differs from row ``codes[i]``."""
        compare_dense(low, high, self.bits, codes, self.minus_zero, out)

    def content(self, row: int) -> Hashable:
        """Return what is the same for equal rows, and for no others."""
        bits = self.bits[row]
        return np.where(bits == self.minus_zero, 0, bits).tobytes()


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows of a CSR matrix with ascending column numbers; stored zeros count as zeros that are not stored."""

    starts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.integer[Any]]
    bits: npt.NDArray[np.unsignedinteger[Any]]
    keys: npt.NDArray[np.uint64]
    minus_zero: np.unsignedinteger[Any]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def row_bytes(self) -> int:
        """Size of one row, on average."""
        return 1 + (self.bits.nbytes + self.columns.nbytes) // max(1, len(self))

    def write_hashes(self, low: int, high: int, hashes: npt.NDArray[np.uint64]) -> None:
        """Write the hash of every row in [low, high): the same as of the same row of an array."""
        hash_sparse(low, high, self.starts, self.columns, self.bits, self.keys, self.minus_zero, hashes)

    def write_differing(self, low: int, high: int, codes: npt.NDArray[np.int64], out: npt.NDArray[np.bool_]) -> None:
        """Tell for every row in [low, high) whether it differs from row ``codes[i]``."""
        compare_sparse(low, high, self.starts, self.columns, self.bits, codes, self.minus_zero, out)

    def content(self, row: int) -> Hashable:
        """Return what is the same for equal rows, and for no others."""
        stored = slice(self.starts[row], self.starts[row + 1])
        is_set = (self.bits[stored] != 0) & (self.bits[stored] != self.minus_zero)
        return self.columns[stored][is_set].tobytes(), self.bits[stored][is_set].tobytes()


def as_rows(features: Any) -> DenseRows | SparseRows:
    """Return features as rows of bits; nothing is copied unless its layout forbids reading it.

    Raises
    ------
    TypeError
        If they are no real numbers of at most 64 bits.
    ValueError
        If they do not have shape (n_samples, n_features).
    """
    if isinstance(features, (DenseRows, SparseRows)):
        return features
    if hasattr(features, "nnz"):
        return _sparse_rows(features)
    array = as_array("features", features)
    if array.ndim != 2 or not array.size:
        rule = "have shape (n_samples, n_features), both at least 1"
        raise ValueError(sentence("features", rule, f"shape {array.shape}"))
    bits, minus_zero = _as_bits(array)
    return DenseRows(bits, column_keys(array.shape[1]), minus_zero)


def _sparse_rows(matrix: Any) -> SparseRows:
    matrix = matrix.tocsr()
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    bits, minus_zero = _as_bits(matrix.data)
    starts = _read_only(matrix.indptr.astype(np.int64, copy=False))
    return SparseRows(starts, _read_only(matrix.indices), bits, column_keys(matrix.shape[1]), minus_zero)


def _as_bits(array: npt.NDArray[Any]) -> tuple[npt.NDArray[np.unsignedinteger[Any]], np.unsignedinteger[Any]]:
    """Return a view of `array` as unsigned integers, and what -0.0 looks like there (0 if there is no such)."""
    if array.dtype.kind not in "fiub" or array.itemsize > 8:
        raise TypeError(sentence("features", "hold real numbers of at most 64 bits", f"dtype {array.dtype}"))
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    bits = _read_only(np.asarray(array).view(f"u{array.itemsize}"))
    minus_zero = 1 << (8 * array.itemsize - 1) if array.dtype.kind == "f" else 0
    return bits, bits.dtype.type(minus_zero)


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that cannot be written to, so that a kernel meets one type, not two."""
    view = array.view()
    view.flags.writeable = False
    return view


def column_keys(n_columns: int) -> npt.NDArray[np.uint64]:
    """Return an odd pseudo-random 64-bit number for every column."""
    keys = (np.arange(n_columns, dtype=np.uint64) + np.uint64(1)) * np.uint64(GOLDEN)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(MIX_1)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(MIX_2)
    return (keys ^ (keys >> np.uint64(31))) | np.uint64(1)


@kernel
def spread(bits):
    """Return a bijection of 64-bit numbers by which every bit depends on all (finalizer of splitmix64)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(MIX_1)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(MIX_2)
    return bits ^ (bits >> np.uint64(31))


@kernel
def weigh(bits, minus_zero):
    """Return the bits of a number as 64-bit number, 0 for both zeros, low bits never all alike for round numbers.

    Products keep what stands in low bits; a double such as 3.0 has its bits on top, so the halves are folded.
    """
    wide = np.uint64(bits) if bits != minus_zero else np.uint64(0)
    return wide ^ (wide >> np.uint64(32))


@kernel
def hash_dense(bits, keys, minus_zero, hashes):
    """hashes[i] = spread(sum_j keys[j] * bits[i, j]) modulo 2**64: a sum of integers, which vectorises."""
    for i in range(bits.shape[0]):
        total = np.uint64(0)
        for j in range(bits.shape[1]):
            total += keys[j] * weigh(bits[i, j], minus_zero)
        hashes[i] = spread(total)


@kernel
def hash_sparse(low, high, starts, columns, bits, keys, minus_zero, hashes):
    """Write the hashes of rows low, ..., high - 1: zeros, stored or not, add nothing to the sum."""
    for i in range(low, high):
        total = np.uint64(0)
        for e in range(starts[i], starts[i + 1]):
            total += keys[columns[e]] * weigh(bits[e], minus_zero)
        hashes[i] = spread(total)


@kernel
def compare_dense(low, high, bits, codes, minus_zero, differs):
    """differs[i] = row i is not row codes[i], for rows low, ..., high - 1."""
    for i in range(low, high):
        other = codes[i]
        differs[i] = False
        if other == i:
            continue
        difference = minus_zero ^ minus_zero
        for j in range(bits.shape[1]):  # without a way out, so that it vectorises: nearly all are equal
            difference |= bits[i, j] ^ bits[other, j]
        if difference != 0:
            for j in range(bits.shape[1]):
                differs[i] |= weigh(bits[i, j], minus_zero) != weigh(bits[other, j], minus_zero)


@kernel
def skip_zeros(bits, place, end, minus_zero):
    """Return the first place from `place` on that holds no zero."""
    while place < end and (bits[place] == 0 or bits[place] == minus_zero):
        place += 1
    return place


@kernel
def compare_sparse(low, high, starts, columns, bits, codes, minus_zero, differs):
    """differs[i] = row i is not row codes[i], for rows low, ..., high - 1."""
    for i in range(low, high):
        a, a_end = starts[i], starts[i + 1]
        b, b_end = starts[codes[i]], starts[codes[i] + 1]
        equal = True
        while equal:
            a = skip_zeros(bits, a, a_end, minus_zero)
            b = skip_zeros(bits, b, b_end, minus_zero)
            if a == a_end or b == b_end:
                equal = a == a_end and b == b_end
                break
            equal = columns[a] == columns[b] and bits[a] == bits[b]
            a += 1
            b += 1
        differs[i] = not equal
