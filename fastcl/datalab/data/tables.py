"""The door for tables as users have them."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from fastcl.core.arrays import as_narwhals, is_dataset
from fastcl.core.errors import sentence
from fastcl.datalab.data.formats import Columns, Frame, HuggingFace, Records, open_file
from fastcl.datalab.data.table import Table, require_once

__all__ = ["Table", "open_table"]

KINDS = "a dict of columns, a list of dicts, a table of pandas, Polars or Arrow, a Hugging Face dataset, or a path"


def open_table(data: Any) -> Table:
    """Return any table as a `Table`; nothing is copied.

    Parameters
    ----------
    data : table
        A dict of columns, a list of dicts, one a row, in which a missing key is a missing value; a table of pandas,
        Polars (also a LazyFrame, which is collected), Arrow, or anything that hands one to Arrow; a
        ``datasets.Dataset``; the path of a ``.csv``, ``.tsv``, ``.parquet``, ``.pq``, ``.jsonl``, ``.ndjson``,
        ``.json`` or ``.txt`` file (lines, in a column "text"); or a `Table`.

    Raises
    ------
    FileNotFoundError
        If there is no file of this path.
    ValueError
        If it is nothing of this, also a directory or an address on a network, has no column or no row, a column twice
        or columns of different lengths.

    Examples
    --------
    >>> table = open_table({"text": ["a", "b"], "label": [1, 0]})
    >>> table.names, table.n_rows, table.array("label")
    (['text', 'label'], 2, array([1, 0]))
    """
    if isinstance(data, Table):
        return data
    if is_dataset(data):
        return HuggingFace(data)
    if isinstance(data, Mapping):
        _refuse_splits(data)
        return Columns(data, data)
    if isinstance(data, list):
        return Records(data, data)
    if isinstance(data, (str, PathLike)):
        return open_file(data)
    require_once(getattr(data, "columns", ()) if hasattr(data, "iloc") else getattr(data, "column_names", ()))
    frame = as_narwhals("data", data)
    if frame is None and hasattr(data, "__arrow_c_stream__"):
        import pyarrow as pa

        frame = as_narwhals("data", pa.table(data))
    if frame is None or not hasattr(frame, "iter_columns"):
        raise ValueError(sentence("data", f"be {KINDS}", type(data).__name__))
    return Frame(frame, data)


def _refuse_splits(data: Mapping[Any, Any]) -> None:
    """Raise ValueError for several data sets by name."""
    if data and all(hasattr(value, "features") and hasattr(value, "column_names") for value in data.values()):
        splits = ", ".join(map(repr, data))
        raise ValueError(sentence("data", "be one data set", f"the splits {splits}", "Pass one: data[name]."))
