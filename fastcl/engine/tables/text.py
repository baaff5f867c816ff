"""CSV and JSON Lines, through pandas and the standard library.

Labels are taken as they are written. Only if every label of a CSV file is a number written plainly are they numbers,
integers if all are whole (``7``, or ``7.0`` as pandas leaves it); ``007``, ``yes`` and ``NA`` are names, and an empty
cell is a missing label. JSON knows its types. Probabilities are read to the last bit.
"""

from __future__ import annotations

import csv
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.engine.tables.table import SEPARATORS, Probabilities, first_text, whole_numbers

#: A whole number as no class name is written: no leading zeros, no sign but a minus, no more than int64 holds.
WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.0+)?")

#: Any number written plainly.
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d+)?")

#: What stands for a missing probability in a CSV file.
MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"]

#: Lines of JSON turned into columns at a time: enough to make the overhead vanish.
LINES = 50_000


class TextTable(ABC):
    """A file that has to be read from its beginning to its end."""

    def __init__(self, name: str, path: Path) -> None:
        self.path = path
        self._name = name
        self.names = self._read_names()

    def read_label(self, label: str) -> Any:
        """Return a column as labels, as they are written."""
        return whole_numbers(self._read_columns([label], label)[label])

    def read_probabilities(self, without: str | None) -> Probabilities:
        """Return the one column of lists, or else all columns of numbers.

        Of columns of whole numbers only those count that hold nothing but 0 and 1: others are row numbers or ids.
        """
        names = [name for name in self.names if name != without]
        frame = self.read_all()
        if lists := [name for name in names if len(frame) and isinstance(frame[name].iloc[0], list)]:
            return _probabilities(frame, lists[:1])
        columns = [name for name in names if _may_be_probabilities(frame[name])]
        if not columns:
            rule = "hold one column of numbers for each class"
            raise ValueError(sentence(self._name, rule, f"none in {self.path.name!r}"))
        return _probabilities(frame, columns)

    @abstractmethod
    def read_all(self) -> Any:
        """Return all columns as a frame, each of the type that its values have."""

    @abstractmethod
    def _read_names(self) -> list[str]:
        """Return the names of the columns."""

    @abstractmethod
    def _read_columns(self, columns: list[str], label: str | None) -> Any:
        """Return columns as a frame, `label` as it is written."""


class CsvTable(TextTable):
    """Values separated by commas, or by tabs; a row may be shorter than the header, but not longer."""

    def read_all(self) -> Any:
        """Return all columns as a frame, each of the type that its values have."""
        return self._read(na_values=MISSING)

    def _read_names(self) -> list[str]:
        import pandas as pd

        first = self._read(nrows=1, index_col=None)
        if len(first) and not isinstance(first.index, pd.RangeIndex):  # so pandas takes a longer first row
            raise self._too_long() or self._incomplete("its first row is longer than its header")
        return list(first.columns)

    def _read_columns(self, columns: list[str], label: str | None) -> Any:
        missing = {column: [""] if column == label else MISSING for column in columns}
        frame = self._read(usecols=columns, dtype={} if label is None else {label: str}, na_values=missing)
        if label is not None:
            frame[label] = _as_written(frame[label])
        return frame

    def _read(self, **options: Any) -> Any:
        import pandas as pd

        if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):  # later versions are exact without being asked
            options["float_precision"] = "round_trip"
        fixed = {"sep": self._separator, "keep_default_na": False, "low_memory": False, "encoding": "utf-8-sig"}
        try:
            return pd.read_csv(self.path, **{"index_col": False, **fixed, **options})
        except ValueError as error:
            raise (self._too_long() or self._incomplete(str(error))) from error

    @property
    def _separator(self) -> str:
        return "\t" if self.path.suffix.lower() == ".tsv" else ","

    def _incomplete(self, reason: str) -> ValueError:
        return ValueError(sentence(self._name, "be a complete CSV file", f"{self.path.name!r} ({reason})"))

    def _too_long(self) -> ValueError | None:
        """Say which line is the first with more fields than the header; None if there is none."""
        header: list[str] = []
        start = 1
        with self.path.open(encoding="utf-8-sig", newline="") as file, suppress(csv.Error, UnicodeDecodeError):
            for fields in (rows := csv.reader(file, delimiter=self._separator)):
                header = header or fields
                if len(fields) > len(header):
                    got = f"{len(fields)} in line {start:,} of {self.path.name!r}"
                    rule = f"have no more fields in a line than its header, {len(header)}"
                    return ValueError(sentence(self._name, rule, got, self._separation(header)))
                start = rows.line_num + 1
        return None

    def _separation(self, header: list[str]) -> str:
        """Return what may be wrong where lines are longer than the header."""
        others = (mark for mark in SEPARATORS if mark in header[0] and mark != self._separator)
        if len(header) == 1 and (other := next(others, "")):
            return f"The separator seems to be {other!r}."
        return f"Put texts that hold {self._separator!r} in quotes."


class JsonlTable(TextTable):
    """One JSON object a line; blank lines do not count."""

    def read_all(self) -> Any:
        """Return all columns as a frame, each of the type that its values have."""
        return self._read_columns(self.names, None)

    def _read_names(self) -> list[str]:
        first = next(self.records(), None)
        if first is None:
            raise self._no_object(f"{self.path.name!r} without any")
        return list(first)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the objects, one line at a time."""
        with self.path.open("rb") as file:
            yield from self._objects(file)

    def _read_columns(self, columns: list[str], label: str | None) -> Any:
        import pandas as pd

        rows = ({column: record.get(column) for column in columns} for record in self.records())
        batches = iter(partial(lambda: list(islice(rows, LINES))), [])
        return pd.concat([pd.DataFrame(batch, columns=columns) for batch in batches], ignore_index=True)

    def _objects(self, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise self._no_object(f"no JSON in line {number:,} of {self.path.name!r} ({error})") from error
            if not isinstance(record, dict):
                raise self._no_object(f"{type(record).__name__} in line {number:,} of {self.path.name!r}")
            yield record

    def _no_object(self, got: str) -> ValueError:
        return ValueError(sentence(self._name, "hold one JSON object a line", got))


def _as_written(labels: Any) -> Any:
    """Return text labels as numbers if every one of them is written as one.

    As text, 10 would come before 2. Fractions that are the same number, 1.1 and 1.10, are names. Integers beside empty
    cells are floats, as in pandas.
    """
    distinct = labels.dropna().unique().tolist()
    if not distinct or not all(isinstance(text, str) for text in distinct):
        return labels
    if all(map(WHOLE_NUMBER.fullmatch, distinct)):
        numbers: dict[str, float] = {text: int(text.partition(".")[0]) for text in distinct}
    elif all(map(PLAIN_NUMBER.fullmatch, distinct)) and len(set(map(float, distinct))) == len(distinct):
        numbers = {text: float(text) for text in distinct}
    else:
        return labels
    as_numbers = labels.map(numbers)
    return as_numbers if as_numbers.dtype.kind in "iuf" else as_numbers.astype(np.float64)


def _may_be_probabilities(column: Any) -> bool:
    return column.dtype.kind == "f" or (column.dtype.kind in "iu" and bool(column.isin([0, 1]).all()))


def _probabilities(frame: Any, columns: Sequence[str]) -> Probabilities:
    """Return columns of numbers, or one of lists, as a matrix."""
    if len(columns) == 1 and len(frame) and isinstance(frame[columns[0]].iloc[0], list):
        return Probabilities(_matrix_of_lists(frame[columns[0]]), None)
    for column in columns:
        if frame[column].dtype.kind not in "fiu":
            raise ValueError(
                sentence("pred_probs", "hold numbers", first_text(frame[column]) or _type_of(frame[column]))
            )
    return Probabilities(frame[list(columns)].to_numpy(np.float64), list(columns))


def _type_of(column: Any) -> str:
    return f"values of type {column.dtype} in column {column.name!r}"


def _matrix_of_lists(column: Any) -> npt.NDArray[Any]:
    length = len(column.iloc[0])
    for row, values in enumerate(column):
        if not isinstance(values, list) or len(values) != length:
            got = f"{values!r:.40} in row {row:,}"
            raise ValueError(sentence("pred_probs", f"hold lists of {length} numbers, as in its first row", got))
    try:
        return np.array(column.tolist(), np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(sentence("pred_probs", "hold lists of numbers", str(error))) from error
