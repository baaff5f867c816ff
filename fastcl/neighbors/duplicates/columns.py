"""What users know about rows (a split, labels, qualities), checked and ready to be compared."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, missing_rows
from fastcl.core.errors import sentence


def as_column(name: str, values: Any, n_rows: int) -> npt.NDArray[Any]:
    """Return one value a row as an array; values of mixed kinds stay what they are.

    Raises
    ------
    ValueError
        If there is not one value a row, or one is missing (None, NaN, NaT).
    """
    array = (
        np.array([*values, None], dtype=object)[:-1] if isinstance(values, (list, tuple)) else as_array(name, values)
    )
    if array.shape != (n_rows,):
        raise ValueError(sentence(name, f"have shape ({n_rows},), one value a row", f"shape {array.shape}"))
    missing = missing_rows(array)
    if missing.any():
        got = f"none in row {missing.argmax():,} ({missing.sum():,} such rows)"
        raise ValueError(sentence(name, "hold a value for every row", got, "Give missing ones a name of their own."))
    return array


def as_codes(name: str, column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return a number for every value, the same for equal ones.

    Raises
    ------
    TypeError
        If values are lists or the like, which cannot be looked up.

    Examples
    --------
    >>> as_codes("split", np.array(["train", "test", "train"]))
    array([0, 1, 0])
    """
    if column.dtype.kind in "iub":
        return column.astype(np.int64, copy=False)
    code_of: dict[Any, int] = {}
    codes = (code_of.setdefault(value, len(code_of)) for value in column.tolist())
    try:
        return np.fromiter(codes, np.int64, len(column))
    except TypeError as error:
        raise TypeError(sentence(name, "hold names or numbers", "what cannot be hashed")) from error


def as_quality(quality: Any, n_rows: int) -> npt.NDArray[np.float64] | None:
    """Return qualities as float64, None if there are none."""
    if quality is None:
        return None
    column = as_column("quality", quality, n_rows)
    if column.dtype.kind == "O" and all(isinstance(value, Real) for value in column):
        column = column.astype(np.float64)
    if column.dtype.kind not in "fiub":
        raise TypeError(sentence("quality", "hold numbers, the higher the better", f"dtype {column.dtype}"))
    return column.astype(np.float64)
