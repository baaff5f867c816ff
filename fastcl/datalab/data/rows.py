"""Some rows of a matrix, or its columns in another order, read when they are wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class RowsOf:
    """Chosen rows of anything whose rows can be read by slices, as a matrix of its own; nothing is copied before.

    Examples
    --------
    >>> RowsOf(np.arange(10.0).reshape(5, 2), np.array([0, 3, 4]))[1:]
    array([[6., 7.],
           [8., 9.]])
    """

    def __init__(self, values: Any, rows: npt.NDArray[np.int64]) -> None:
        self._values, self._rows = values, rows
        self.shape = (len(rows), *values.shape[1:])
        self.dtype = values.dtype

    def __getitem__(self, part: slice) -> Any:
        rows = self._rows[part]
        if not rows.size:
            return np.empty((0, *self.shape[1:]), self.dtype)
        first, last = int(rows[0]), int(rows[-1])
        return np.asarray(self._values[first : last + 1])[rows - first]


class ColumnsInOrder:
    """The columns of anything whose rows can be read by slices in another order, as a matrix of its own.

    Examples
    --------
    >>> ColumnsInOrder(np.arange(4.0).reshape(2, 2), np.array([1, 0]))[:]
    array([[1., 0.],
           [3., 2.]])
    """

    def __init__(self, values: Any, places: npt.NDArray[np.int64]) -> None:
        self._values, self._places = values, places
        self.shape, self.dtype = (values.shape[0], len(places)), values.dtype

    def __getitem__(self, part: Any) -> Any:
        return np.asarray(self._values[part])[:, self._places]
