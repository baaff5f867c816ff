"""What can be asked of any table: columns by name, read when they are wanted.

Rows are counted from 0; an index that pandas keeps beside them is no column and makes no difference.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.datalab.data.columns import ArrowValues, categories, column_array, is_arrow
from fastcl.datalab.data.fingerprint import fingerprint_of
from fastcl.engine.tables.table import which_columns


class Table(ABC):
    """Columns of equal length.

    Attributes
    ----------
    native : Any
        What the user gave; answers come in a table of the same library, see `fastcl.core.arrays.as_table`.
    names : list of str
        What the columns are called.
    n_rows : int
        Number of rows, at least one.
    """

    def __init__(self, native: Any, names: Sequence[Any], n_rows: int) -> None:
        self.native = native
        self.names = list(names)
        self.n_rows = n_rows
        if not self.names:
            raise ValueError(sentence("data", "have at least one column", "none"))
        if not n_rows:
            raise ValueError(sentence("data", "have at least one row", "none"))

    def column(self, name: Hashable) -> Any:
        """Return a column as the library has it.

        Raises
        ------
        ValueError
            If there is none of this name; the nearest names are said.
        """
        self._require(name)
        return self._read(name)

    def label_column(self, name: Hashable) -> Any:
        """Return a column for labels: as `column` does, but as they are written if the table is a text file."""
        return self.column(name)

    def number_column(self, name: Hashable) -> Any:
        """Return a column for labels that are numbers; in a text file the usual words for a missing one are missing."""
        return self.column(name)

    def array(self, name: Hashable) -> npt.NDArray[Any]:
        """Return a column as an array: of objects only where needed, of two dimensions if rows are lists of numbers."""
        return column_array("data", self.column(name))

    def values(self, name: Hashable) -> Sequence[Any]:
        """Return a column as a sequence whose values are read one by one: texts, or images, decoded."""
        column = self.column(name)
        if is_arrow(column):
            return ArrowValues(column)
        values: Sequence[Any] = column.array if hasattr(column, "iloc") else column  # pandas' [i] asks the index
        return values

    def declared_classes(self, name: Hashable) -> list[Any] | None:
        """Return the classes that the type of a column lists, whether or not they have rows; None if it lists none."""
        return categories(self.column(name))

    def fingerprint(self, names: Sequence[Hashable] | None = None) -> str:
        """Return a digest of names and contents of columns, by default of all.

        It is the same for the same rows in another library or reloaded from disk, whatever the width of their
        integers and in whichever order the columns come. It is another one if a value, the order of rows or a name
        differs.
        """
        chosen = self.names if names is None else list(names)
        return fingerprint_of({str(name): self._raw(name) for name in chosen}, self.n_rows)

    @abstractmethod
    def _read(self, name: Any) -> Any:
        """Return the column of this name, which there is."""

    def _raw(self, name: Hashable) -> Any:
        """Return a column as it is stored, for its fingerprint."""
        return self.column(name)

    def _require(self, name: Hashable) -> None:
        if name not in self.names:
            raise ValueError(
                sentence("data", f"have a column {name!r}", "none of this name", which_columns(name, self.names))
            )


def require_once(names: Iterable[Hashable]) -> None:
    """Raise ValueError, naming it, if a column is there several times."""
    name, count = max(Counter(names).items(), key=itemgetter(1), default=("", 0))
    if count > 1:
        raise ValueError(sentence("data", "have each column once", f"{name!r} {count} times"))
