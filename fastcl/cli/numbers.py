"""Probabilities and features: rows of numbers in a file of their own, or in columns of DATA.

What is in Parquet is unpacked into a temporary ``.npy`` file, block by block, and mapped: it is read once, in any
order afterwards, and may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.datalab.data.columns import column_array
from fastcl.datalab.data.tables import Table
from fastcl.engine.files import ColumnsOf, open_npy, parquet_file
from fastcl.engine.tables import Probabilities, open_table
from fastcl.engine.tables.table import first_text

PARQUET = (".parquet", ".pq")

#: Rows of a Parquet file that are read at a time: enough to make the overhead vanish, 65 MB of 1,000 columns.
ROWS = 8_192


def from_file(name: str, path: Path, without: str | None, scratch: Path) -> Probabilities:
    """Return the numbers in a file, and what its columns are called; `name` is what errors call them."""
    try:
        values, names = open_table(name, path).read_probabilities(without)
    except ValueError as error:
        raise ValueError(str(error).replace("`pred_probs`", f"`{name}`")) from error
    if isinstance(values, ColumnsOf):
        values = unpack(name, path, values.columns, scratch)
    elif isinstance(values, Path):
        values = open_npy(name, values)
    return Probabilities(values, names)


def from_columns(name: str, path: Path, table: Table, columns: Sequence[str], scratch: Path) -> Probabilities:
    """Return the numbers in columns of a table, which is in the file at `path`, and what they are called."""
    if path.suffix.lower() in PARQUET:
        values = unpack(name, path, columns, scratch)
    else:
        values = side_by_side(name, {column: table.array(column) for column in columns})
    one_a_column = values.shape[1] == len(columns)
    return Probabilities(values, list(columns) if one_a_column else None)


def side_by_side(name: str, columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return columns of numbers, or one of lists of them, as a matrix of floats.

    Examples
    --------
    >>> side_by_side("features", {"x": np.array([1, 2]), "y": np.array([0.5, 0.25])})
    array([[1.  , 0.5 ],
           [2.  , 0.25]])
    """
    for column, values in columns.items():
        if values.dtype.kind not in "fiub":
            raise ValueError(sentence(name, "hold numbers", _first_other(column, values)))
        if values.ndim > 1 and len(columns) > 1:
            raise ValueError(
                sentence(name, "be columns of numbers, or one of lists", f"lists in {column!r} and others")
            )
    matrix = np.column_stack(list(columns.values()))
    return matrix if matrix.dtype.kind == "f" else matrix.astype(np.float64)


def unpack(name: str, path: Path, columns: Sequence[str], scratch: Path) -> npt.NDArray[Any]:
    """Return columns of a Parquet file as an array that lies in a file in the directory `scratch`."""
    start, unpacked = 0, np.empty((0, len(columns)))
    with parquet_file(name, path) as file:
        for batch in file.iter_batches(batch_size=ROWS, columns=list(columns)):
            block = side_by_side(name, {column: column_array(name, batch.column(column)) for column in columns})
            if not start:
                shape = (file.metadata.num_rows, block.shape[1])
                unpacked = np.lib.format.open_memmap(scratch / f"{name}.npy", "w+", block.dtype, shape)
            if block.shape[1] != unpacked.shape[1]:
                got = f"{block.shape[1]:,} after row {start:,}"
                raise ValueError(sentence(name, f"hold lists of {unpacked.shape[1]} numbers, as in its first row", got))
            unpacked[start : start + len(block)] = block
            start += len(block)
    unpacked.flags.writeable = False
    return unpacked


def _first_other(column: str, values: npt.NDArray[Any]) -> str:
    """Return the first value that is no number, and where it is."""
    import pandas as pd

    if isinstance(values.flat[0], (list, tuple, np.ndarray)):
        return f"lists of different lengths, or not of numbers, in column {column!r}"
    return first_text(pd.Series(values.astype(object), name=column)) or f"values of type {values.dtype} in {column!r}"
