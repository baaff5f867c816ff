"""Names of classes, row by row, without writing them out before somebody reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


class Named(Sequence[Any]):
    """The class of each row: a code each, and a name for each code; None for a code of -1.

    Codes are four bytes a row, and often there already.

    Examples
    --------
    >>> labels = Named(np.array([1, 0, -1], np.int32), np.array(["cat", "dog"]))
    >>> labels[0], np.asarray(labels)
    ('dog', array(['dog', 'cat', None], dtype=object))
    """

    def __init__(self, codes: npt.NDArray[np.int32], names: npt.NDArray[Any]) -> None:
        self.codes, self.names = codes, names

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Any:
        codes = self.codes[rows]
        if np.ndim(codes):
            return np.asarray(Named(codes, self.names))
        return None if codes < 0 else self.names[codes : codes + 1].tolist()[0]

    def tolist(self) -> list[Any]:
        """Return the names as a list."""
        names: list[Any] = np.asarray(self).tolist()
        return names

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        names = self.names
        if names.dtype.kind not in "biuf" or (self.codes.size and self.codes.min() < 0):
            names = np.empty(self.names.size + 1, object)  # the last is that of -1; texts are not copied
            names[:-1] = self.names
        named: npt.NDArray[Any] = names[self.codes]
        return named if dtype is None else named.astype(dtype)
