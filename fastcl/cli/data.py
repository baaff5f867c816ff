"""DATA as an audit looks at it: a table whose labels are read as the task wants, less what is no data of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

from fastcl.core.arrays import is_missing
from fastcl.core.errors import sentence
from fastcl.datalab.data.columns import column_array
from fastcl.datalab.data.formats import FILES, Columns
from fastcl.datalab.data.tables import Table, open_table
from fastcl.engine.files import open_npy
from fastcl.engine.tables.table import whole_numbers
from fastcl.engine.tables.text import WHOLE_NUMBER

#: What DATA may be.
TYPES = (*FILES, ".npy")

#: What the column of a plain array is called.
PLAIN = "label"

#: Files whose cells are text, and what stands between the classes of a cell.
TEXT = (".csv", ".tsv")
BETWEEN = re.compile(r"[,;|]")


class Data(Table):
    """The table in a file, some of its columns perhaps hidden, with labels and images as the command line reads them.

    The fingerprint is that of the whole file, so that `Datalab.load` knows it again.
    """

    def __init__(
        self, whole: Table, hidden: Collection[str], label: str | None, labels: Any, image: str | None
    ) -> None:
        super().__init__(whole.native, whole.names, whole.n_rows)
        self.names = [name for name in whole.names if name not in hidden]
        self._whole, self._label, self._labels, self._image = whole, label, labels, image

    def values(self, name: Hashable) -> Sequence[Any]:
        """Return a column as a sequence; paths of images start where the file is."""
        values = super().values(name)
        if name != self._image or not isinstance(self.native, Path):
            return values
        folder = self.native.parent
        return [str(folder / value) if isinstance(value, str) else value for value in values]

    def fingerprint(self, names: Sequence[Hashable] | None = None) -> str:
        """Return a digest of names and contents of columns, by default of all in the file."""
        return self._whole.fingerprint(names)

    def _read(self, name: Any) -> Any:
        return self._labels if name == self._label else self._whole.column(name)


class PlainArray(Columns):
    """The labels in a file that holds nothing else, and no name for them."""


def open_data(path: Path, task: str) -> Table:
    """Return the table in a file, also in one of arrays: its fields, or its labels."""
    if path.suffix.lower() != ".npy":
        return open_table(path)
    array = open_npy("data", path)
    if array.dtype.names is None:
        _refuse_no_labels(array, task)
        return PlainArray({PLAIN: array}, path)
    return Columns({name: array[name] for name in array.dtype.names}, path)


def _refuse_no_labels(array: Any, task: str) -> None:
    """Raise ValueError if an array cannot be one label a row."""
    if array.ndim != (2 if task == "multilabel" else 1):
        rule = "hold one label a row, or one flag for each class" if task == "multilabel" else "hold one label a row"
        got, fix = f"an array of shape {array.shape}", "Numbers belong to --pred-probs or --features."
        raise ValueError(sentence("data", f"{rule} if it is a .npy file without fields", got, fix))


def read_labels(path: Path, table: Table, name: str, task: str) -> Any:
    """Return the labels as the task wants them.

    Numbers are numbers. Classes in text are as they are written, see `fastcl.engine.tables.text`; 1.0, 2.0, ... are
    integers. A set of classes is a list, in a cell of text its classes one after the other, see `as_sets`.
    """
    if task == "regression":
        return table.number_column(name)
    column = table.label_column(name)
    if task == "multilabel":
        return as_sets(column) if path.suffix.lower() in TEXT else column
    array = column_array("labels", column)
    return whole_numbers(array) if array.dtype.kind == "f" else column


def as_sets(cells: Iterable[Any]) -> list[list[Any] | None]:
    """Return the classes in each cell: names between commas, semicolons or bars, or a list as Python and JSON write it.

    An empty cell is a row without a label, ``[]`` one that has no class. If all names are whole numbers, they are
    integers.

    Examples
    --------
    >>> as_sets(["red; blue", '["New York, NY"]', float("nan"), "[]"])
    [['red', 'blue'], ['New York, NY'], None, []]
    >>> as_sets(["0|2", "1"])
    [[0, 2], [1]]
    """
    sets = [None if is_missing(cell) else _members(str(cell), row) for row, cell in enumerate(cells)]
    if all(WHOLE_NUMBER.fullmatch(name) for members in sets for name in members or ()):
        return [None if members is None else [int(name) for name in members] for members in sets]
    return list(sets)


def _members(cell: str, row: int) -> list[str]:
    if not cell.lstrip().startswith("["):
        return [name.strip() for name in BETWEEN.split(cell) if name.strip()]
    try:
        members = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError) as error:
        got, fix = f"{cell!r} in row {row:,}", "For instance: red;blue or ['red', 'blue']."
        raise ValueError(sentence("labels", "hold a set of classes in each cell", got, fix)) from error
    return [str(name) for name in members]
