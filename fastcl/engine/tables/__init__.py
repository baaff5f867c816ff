"""Tables on disk, of which a few columns are wanted: labels and probabilities.

=======================  ==========================================================================
``.csv``, ``.tsv``       text, see `fastcl.engine.tables.text`
``.jsonl``, ``.ndjson``  one JSON object a line, see `fastcl.engine.tables.text`
``.parquet``, ``.pq``    labels are read, probabilities streamed; needs pyarrow
``.npy``                 one array, or the fields of a structured one; mapped into memory
=======================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path

from fastcl.engine.files import require_file
from fastcl.engine.tables.binary import NpyTable, ParquetTable
from fastcl.engine.tables.table import Probabilities, Table, choose_columns, require_column
from fastcl.engine.tables.text import CsvTable, JsonlTable

__all__ = ["FORMATS", "Probabilities", "Table", "choose_columns", "open_table", "require_column"]

#: What opens the files of each type; called with what error sentences call the file, and its path.
FORMATS: dict[str, Callable[[str, Path], Table]] = {
    ".csv": CsvTable,
    ".tsv": CsvTable,
    ".jsonl": JsonlTable,
    ".ndjson": JsonlTable,
    ".parquet": ParquetTable,
    ".pq": ParquetTable,
    ".npy": NpyTable,
}


def open_table(name: str, path: str | PathLike[str]) -> Table:
    """Return the table in a file; `name` is what error sentences call it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is of no type listed above, or not complete.
    """
    place = require_file(name, path, FORMATS)
    return FORMATS[place.suffix.lower()](name, place)
