"""The door for regression targets and predictions: one finite number a row."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, missing_rows
from fastcl.core.errors import sentence

#: Squares of larger numbers, summed, would overflow.
LARGEST = 1e150


def as_targets(name: str, values: Any) -> npt.NDArray[np.float64]:
    """Return one number a row as float64, without a copy of what is that already.

    Parameters
    ----------
    name : str
        What the caller calls them, for errors.
    values : array-like of shape (n_samples,), or with other axes of length 1
        Integers or floats: lists, arrays, tensors, columns of tables, tables of one column.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        The numbers; perhaps the caller's own memory.

    Raises
    ------
    TypeError
        If they are no array, or hold something else than real numbers.
    ValueError
        If they are empty, not one-dimensional, or some are missing, infinite or absurdly large.

    Examples
    --------
    >>> as_targets("labels", [[1], [2], [4]])
    array([1., 2., 4.])
    """
    array = as_array(name, values)
    if not array.ndim or array.size != max(array.shape):
        raise ValueError(sentence(name, "have shape (n_samples,)", f"shape {array.shape}"))
    array = array.reshape(-1)
    if not array.size:
        raise ValueError(sentence(name, "have at least one row", "none"))
    if array.dtype.kind == "O":
        array = _unboxed(name, array)
    if array.dtype.kind not in "fiu":
        raise TypeError(sentence(name, "hold real numbers", f"dtype {array.dtype}"))
    targets = array.astype(np.float64, copy=False)
    _refuse(name, np.isnan(targets), "hold a number for every row", targets)
    _refuse(name, np.abs(targets) > LARGEST, f"hold finite numbers of at most {LARGEST:g} in magnitude", targets)
    return targets


def _unboxed(name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return Python objects, all of them numbers, as an array of numbers."""
    _refuse(name, missing_rows(array), "hold a number for every row", array)
    for row, value in enumerate(array):
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (Real, Decimal)):
            raise TypeError(sentence(name, "hold real numbers", f"{value!r} in row {row:,}"))
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise ValueError(sentence(name, "hold numbers that fit a float64", "a larger integer")) from error


def _refuse(name: str, bad: npt.NDArray[np.bool_], rule: str, values: npt.NDArray[Any]) -> None:
    """Raise ValueError if any row is bad, naming the first."""
    if bad.any():
        row = int(bad.argmax())
        got = f"{values[row]} in row {row:,} ({np.count_nonzero(bad):,} such rows)"
        raise ValueError(sentence(name, rule, got, "Leave such rows out."))
