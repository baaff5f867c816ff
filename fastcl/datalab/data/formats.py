"""What tables come as, and what each kind of them is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from fastcl.core.arrays import as_narwhals
from fastcl.core.errors import sentence
from fastcl.datalab.data.columns import dataset_column
from fastcl.datalab.data.table import Table, require_once
from fastcl.engine.files import parquet_file, read_parquet_column, require_file
from fastcl.engine.tables.table import first_text
from fastcl.engine.tables.text import CsvTable, JsonlTable

#: What pandas calls an index without a name where it writes one into a file.
UNNAMED_INDEX = re.compile(r"__index_level_\d+__")

#: What may be a data set of the Hugging Face Hub: its name, perhaps with that of its owner.
NAME_ON_HUB = re.compile(r"\w[\w-]*(?:/[\w-]+)?")


class Columns(Table):
    """Columns by name, each in whatever holds it; arrays may have more dimensions, and may be mapped from disk."""

    def __init__(self, columns: Mapping[Any, Any], native: Any) -> None:
        lengths = {name: _length(name, column) for name, column in columns.items()}
        for name, length in lengths.items():
            if length != (first := next(iter(lengths.values()))):
                got = f"{first:,} rows in {next(iter(lengths))!r} and {length:,} in {name!r}"
                raise ValueError(sentence("data", "have columns of equal length", got))
        self._columns = columns
        super().__init__(native, list(columns), next(iter(lengths.values()), 0))

    def _read(self, name: Any) -> Any:
        return self._columns[name]


class Records(Table):
    """Rows, each a mapping from names to values; what a row lacks is None."""

    def __init__(self, rows: list[Any], native: Any) -> None:
        foreign = tuple(kind for kind in set(map(type, rows)) if not issubclass(kind, Mapping))
        if foreign:
            i = next(i for i, row in enumerate(rows) if isinstance(row, foreign))
            raise ValueError(sentence("data", "hold a dict for each row if it is a list", f"{rows[i]!r} in row {i:,}"))
        self._rows = rows
        super().__init__(native, list(dict.fromkeys(chain.from_iterable(rows))), len(rows))

    def _read(self, name: Any) -> Any:
        try:
            return list(map(itemgetter(name), self._rows))
        except KeyError:
            return [row.get(name) for row in self._rows]


class Frame(Table):
    """A table of pandas, Polars, Arrow or another library that narwhals knows."""

    def __init__(self, frame: Any, native: Any) -> None:
        self._frame = frame
        super().__init__(native, frame.columns, len(frame))

    def _read(self, name: Any) -> Any:
        return self._frame.get_column(name).to_native()


class HuggingFace(Table):
    """A ``datasets.Dataset``: its columns stay in files, mapped into memory, until they are asked for."""

    def __init__(self, dataset: Any) -> None:
        super().__init__(dataset, dataset.column_names, len(dataset))

    def values(self, name: Any) -> Sequence[Any]:
        """Return a column whose values are decoded one by one."""
        self._require(name)
        return _DecodedRows(self.native, name)

    def declared_classes(self, name: Any) -> list[Any] | None:
        """Return the names of a ClassLabel, or of lists of such."""
        self._require(name)
        feature = self.native.features[name]
        names = getattr(getattr(feature, "feature", feature), "names", None)
        return None if names is None else list(names)

    def _read(self, name: Any) -> Any:
        return dataset_column(self.native, name)


class _DecodedRows(Sequence[Any]):
    """One column of a dataset, row by row, as its features decode it."""

    def __init__(self, dataset: Any, name: Any) -> None:
        self._dataset, self._name = dataset.with_format(None).select_columns([name]), name

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        return self._dataset[int(row)][self._name]


class Parquet(Table):
    """A Parquet file, of which a column is read when it is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with parquet_file("data", path) as file:
            names, n_rows = file.schema_arrow.names, file.metadata.num_rows
        require_once(names)
        names = [name for name in names if not UNNAMED_INDEX.fullmatch(name)]
        super().__init__(path, names, n_rows)

    def _read(self, name: Any) -> Any:
        return read_parquet_column("data", self._path, name)


class Csv(Frame):
    """A file of values separated by commas or tabs."""

    def __init__(self, path: Path) -> None:
        self._file = CsvTable("data", path)
        super().__init__(as_narwhals("data", self._file.read_all()), path)

    def label_column(self, name: Any) -> Any:
        """Return labels as they are written, see `fastcl.engine.tables.text`."""
        self._require(name)
        return self._file.read_label(name)

    def number_column(self, name: Any) -> Any:
        """Return labels that are numbers, or raise TypeError, naming the first that is none."""
        column = self.column(name)
        if column.dtype.kind not in "fiub" and (text := first_text(column)):
            raise TypeError(sentence("labels", "hold real numbers", text))
        return column


def open_file(path: str | PathLike[str]) -> Table:
    """Return the table in a file."""
    is_name = NAME_ON_HUB.fullmatch(fspath(path))
    hint = "Load data sets of the Hugging Face Hub with datasets.load_dataset(..., split=...)." if is_name else ""
    place = require_file("data", path, FILES, hint)
    return FILES[place.suffix.lower()](place)


def _open_lines(path: Path) -> Table:
    return Columns({"text": path.read_text(encoding="utf-8-sig").splitlines()}, path)


def _open_jsonl(path: Path) -> Table:
    return Records(list(JsonlTable("data", path).records()), path)


def _open_json(path: Path) -> Table:
    """Return the table in a file of JSON: a list of rows, columns by name, or one row a line."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        return _open_jsonl(path)
    if isinstance(value, list):
        return Records(value, path)
    if isinstance(value, dict) and all(isinstance(column, list) for column in value.values()):
        return Columns(value, path)
    rule = "hold a list of objects, one a row, or an object of lists, one a column"
    raise ValueError(sentence("data", rule, f"other JSON in {path.name!r}"))


#: What opens the files of each type.
FILES: dict[str, Callable[[Path], Table]] = {
    ".csv": Csv,
    ".tsv": Csv,
    ".parquet": Parquet,
    ".pq": Parquet,
    ".jsonl": _open_jsonl,
    ".ndjson": _open_jsonl,
    ".json": _open_json,
    ".txt": _open_lines,
}


def _length(name: Any, column: Any) -> int:
    """Return the number of rows of a column, or raise ValueError if it is none."""
    if isinstance(column, (str, bytes, Mapping, set, frozenset)) or hasattr(column, "columns"):
        raise ValueError(sentence("data", f"hold a column for {name!r}", f"one {type(column).__name__}"))
    try:
        return int(column.shape[0]) if hasattr(column, "shape") else len(column)
    except (TypeError, IndexError):
        got = f"an object of type {type(column).__name__}"
        raise ValueError(sentence("data", f"hold a column for {name!r}", got)) from None
