"""Parquet and ``.npy`` files as tables: probabilities stay on disk until they are swept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastcl.core.errors import sentence
from fastcl.engine.files import (
    ColumnsOf,
    is_list_type,
    open_npy,
    parquet_file,
    probability_columns,
)
from fastcl.engine.tables.table import Probabilities


class NpyTable:
    """One array, or the fields of a structured one."""

    def __init__(self, name: str, path: Path) -> None:
        self.path = path
        self._name = name
        self._array = open_npy(name, path)
        self.names = list(self._array.dtype.names or ())

    def read_probabilities(self, without: str | None) -> Probabilities:
        """Return the path of an array without fields, so that it is read block by block; or all fields of floats."""
        if not self.names:
            return Probabilities(self.path, None)
        floats = [name for name in self.names if self._array[name].dtype.kind == "f" and name != without]
        if not floats:
            rule = "hold a field of floats for each class"
            raise ValueError(sentence(self._name, rule, f"none in {self.path.name!r}"))
        return self._probabilities(floats)

    def _probabilities(self, columns: Sequence[str]) -> Probabilities:
        values = [self._array[column] for column in columns]
        if len(values) == 1 and values[0].ndim == 2:
            return Probabilities(values[0], None)
        return Probabilities(np.column_stack(values) if values else None, list(columns))


class ParquetTable:
    """A Parquet file, whose probabilities are streamed."""

    def __init__(self, name: str, path: Path) -> None:
        self.path = path
        with parquet_file(name, path) as file:
            self.names = list(file.schema_arrow.names)

    def read_probabilities(self, without: str | None) -> Probabilities:
        """Return the path with the columns of floats, or with the one of lists."""
        with parquet_file("pred_probs", self.path) as file:
            columns = probability_columns(self.path, file, None, without)
        return self._probabilities(columns)

    def _probabilities(self, columns: Sequence[str]) -> Probabilities:
        with parquet_file("pred_probs", self.path) as file:
            is_list = len(columns) == 1 and is_list_type(file.schema_arrow.field(columns[0]).type)
        return Probabilities(ColumnsOf(self.path, tuple(columns)), None if is_list else list(columns))
