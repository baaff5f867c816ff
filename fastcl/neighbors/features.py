"""The door for features: rows of finite numbers, dense or sparse, in memory or in a memory map."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_matrix
from fastcl.core.errors import sentence
from fastcl.engine.blocks import as_read_only, slices

#: Squares of larger numbers, summed, would overflow.
LARGEST = 1e150

#: Values of a block that is worked on at a time: 4 MB of float64, which stay in the cache.
BLOCK_VALUES = 1 << 19


@dataclass(frozen=True, eq=False)
class Features:
    """Rows of features: a C-order array of float32 or float64, or a scipy CSR matrix of them.

    `given` is what the caller passed; `magnitude` the largest absolute value.
    """

    values: Any
    given: Any
    dtype: np.dtype[Any]
    magnitude: float

    @property
    def is_sparse(self) -> bool:
        """Whether the rows are those of a sparse matrix."""
        return not isinstance(self.values, np.ndarray)

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return int(self.values.shape[0])


def row_blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Cut rows into blocks of about `BLOCK_VALUES` values."""
    return slices(n_rows, max(1, BLOCK_VALUES // max(1, n_columns)))


def as_features(values: Any, name: str = "features") -> Features:
    """Return features that neighbours can be looked for in.

    float32 and float64 arrays in C order are used where they are, memory maps stay on disk; float16 and small integers
    become float32, other numbers float64. Sparse matrices become CSR with sorted, unique indices.

    Raises
    ------
    TypeError
        If the features are no array of real numbers.
    ValueError
        If they are not two-dimensional, empty, or hold NaN, infinite or absurdly large numbers.
    """
    rows = _as_csr(values) if hasattr(values, "tocsr") else as_matrix(name, values)
    if rows.ndim != 2:
        fix = "One feature: features.reshape(-1, 1)." if rows.ndim == 1 else "Flatten each sample to one row."
        raise ValueError(sentence(name, "have shape (n_samples, n_features)", f"shape {rows.shape}", fix))
    if 0 in rows.shape:
        raise ValueError(sentence(name, "have at least one row and one column", f"shape {rows.shape}"))
    if rows.dtype.kind not in "fiub":
        raise TypeError(sentence(name, "hold real numbers", f"dtype {rows.dtype}"))
    working = _working_dtype(rows.dtype)
    dense = isinstance(rows, np.ndarray)
    kept = as_read_only(rows, working) if dense else rows.astype(working, copy=False)
    dtype = np.dtype(np.float32 if rows.dtype.kind == "f" and rows.dtype.itemsize <= 4 else np.float64)
    return Features(kept, values, dtype, _magnitude(name, kept))


def _as_csr(values: Any) -> Any:
    """Return a CSR matrix whose rows have sorted, unique columns and no stored zeros; the caller's stays as it is."""
    matrix = values.tocsr()
    if not matrix.has_canonical_format or not matrix.data.all():
        matrix = matrix.copy()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    return matrix


def _working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return float32 for types all of whose values it holds, else float64."""
    return np.dtype(np.float32 if dtype.itemsize <= 2 or (dtype.kind == "f" and dtype.itemsize == 4) else np.float64)


def _magnitude(name: str, values: Any) -> float:
    """Return the largest absolute value, or raise if one is NaN, infinite or too large to be squared."""
    largest = 0.0
    rows = values if isinstance(values, np.ndarray) else values.data.reshape(-1, 1)
    for block in row_blocks(*rows.shape):
        top = max(float(rows[block].max()), -float(rows[block].min()))
        if not top <= LARGEST:
            _raise_bad_rows(name, values)
        largest = max(largest, top)
    return largest


def _raise_bad_rows(name: str, values: Any) -> None:
    """Name the first row that holds no usable number, and how many there are."""
    n_bad, first, worst = 0, -1, math.nan
    for block in row_blocks(*values.shape):
        rows = values[block] if isinstance(values, np.ndarray) else values[block].toarray()
        bad = ~(np.abs(rows.astype(np.float64)) <= LARGEST)
        if bad.any() and first < 0:
            first, worst = block.start + int(bad.any(axis=1).argmax()), rows[bad][0]
        n_bad += int(bad.any(axis=1).sum())
    got = f"{worst!s} in row {first:,} ({n_bad:,} such rows)"
    fix = "Impute or drop these rows." if not np.isfinite(worst) else "Rescale them."
    raise ValueError(sentence(name, f"hold finite numbers of at most {LARGEST:g} in magnitude", got, fix))


def in_layout_of(data: Features, new: Features) -> Features:
    """Return new rows as `data` are, dense or sparse."""
    if data.is_sparse == new.is_sparse:
        return new
    if new.is_sparse:
        return as_features(new.values.toarray())
    from scipy.sparse import csr_matrix

    return as_features(csr_matrix(new.values))


def gather(features: Features, rows: npt.NDArray[Any]) -> Any:
    """Return the given rows, as an array or a CSR matrix; all rows in order are not copied."""
    if len(rows) == len(features):
        return features.values
    return features.values[rows]
