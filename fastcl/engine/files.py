"""Files of probabilities and labels: ``.npy`` through a memory map, Parquet one batch of rows at a time."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from os.path import isdir, isfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.core.labels import as_labels
from fastcl.core.validation import check_kind, check_same_length, check_shape
from fastcl.engine.blocks import BLOCK_BYTES, Piece, Source, array_pieces, open_source, working_dtype

#: How Arrow writes the types of lists that are a row of probabilities each.
LISTS = ("list", "large_list", "fixed_size_list")
FLOATS = frozenset({"halffloat", "float", "double"})

#: How an address on a network begins; of its two slashes `Path` keeps one.
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


@dataclass(frozen=True)
class ColumnsOf(PathLike[str]):
    """The path of a table of which some columns are meant, in this order: one of lists, or one a class."""

    path: str | PathLike[str]
    columns: tuple[str, ...]

    def __fspath__(self) -> str:
        return fspath(self.path)


def require_file(name: str, path: str | PathLike[str], types: Collection[str] = (), hint: str = "") -> Path:
    """Return the path of a file that is there, of one of `types` if any are given.

    Raises
    ------
    FileNotFoundError
        If there is none; `hint` says where else to look.
    ValueError
        If the file is of another type, or a directory or an address on a network came.
    """
    text, place = fspath(path), Path(path)
    foreign = f" of type {', '.join(types)}" if types and place.suffix.lower() not in types else ""
    if text and isdir(place):
        raise ValueError(sentence(name, "be the path of a file", f"the directory {text!r}"))
    if isfile(place):  # unlike Path.is_file it also answers for what is too long for a name
        if foreign:
            raise ValueError(sentence(name, f"be a file{foreign}", repr(text)))
        return place
    if ADDRESS.match(text):
        raise ValueError(sentence(name, "be a file on this machine", repr(text), "Download it first."))
    if text == "-":
        hint = "Standard input is not read: write it to a file."
    rule = "be the path of an existing file" + (foreign if place.suffix else "")
    raise FileNotFoundError(sentence(name, rule, repr(text), hint))


def open_file(
    labels: Any, path: str | PathLike[str], class_names: Sequence[Hashable] | None, columns: Sequence[str] | None = None
) -> Source:
    """Return the probabilities in a ``.npy`` or Parquet file, with their labels, as a source of blocks."""
    if columns is None and isinstance(path, ColumnsOf):
        columns = path.columns
    if Path(path).suffix.lower() in {".parquet", ".pq"}:
        return open_parquet(labels, path, class_names, columns)
    return open_source(labels, open_npy("pred_probs", path), class_names=class_names)


def open_npy(name: str, path: str | PathLike[str]) -> npt.NDArray[Any]:
    """Map the array of a ``.npy`` file into memory.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no complete ``.npy`` file of plain numbers or strings.
    """
    if Path(path).suffix.lower() != ".npy":
        rule = "be an array, or the path of a .npy" + (" or .parquet file" if name == "pred_probs" else " file")
        raise ValueError(sentence(name, rule, repr(fspath(path))))
    require_file(name, path)
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        pickled = "Python objects" in str(error)
        fix = "Save strings with a dtype like 'U10', not object." if pickled else "Was it written to the end?"
        raise ValueError(sentence(name, "be a complete .npy file", f"{fspath(path)!r} ({error})", fix)) from error


def open_parquet(
    labels: Any, path: str | PathLike[str], class_names: Sequence[Hashable] | None, columns: Sequence[str] | None
) -> Source:
    """Return probabilities in a Parquet file as a source of blocks.

    They are the one column of lists of floats, or else all columns of floating-point numbers, which then name
    the classes; `columns` picks others. `labels` may be the name of another column of the file.
    """
    in_file = isinstance(labels, str) and not labels.endswith(".npy")
    if in_file:
        label_column, labels = labels, read_parquet_column("labels", path, labels)
    elif isinstance(labels, (str, PathLike)):
        labels = open_npy("labels", labels)
    with parquet_file("pred_probs", path) as file:
        chosen = probability_columns(path, file, columns, label_column if in_file else None)
        n_rows = file.metadata.num_rows
        n_classes, dtype = _row_type(file, chosen)
    is_list = n_classes is not None
    n_classes = len(chosen) if n_classes is None else n_classes
    check_shape("pred_probs", (n_rows, n_classes))
    encoded = as_labels(labels, n_classes, class_names, columns=None if is_list else chosen)
    check_same_length(len(encoded.codes), n_rows)

    def pieces() -> Iterator[Piece]:
        start = 0
        for values in _batches(path, chosen, is_list, n_classes, dtype):
            yield from array_pieces(encoded.codes[start : start + len(values)], values, start)
            start += len(values)

    return Source(n_rows, n_classes, working_dtype(dtype), encoded.codes, encoded.class_names, pieces)


def parquet_file(name: str, path: str | PathLike[str]) -> Any:
    """Open a Parquet file; the caller closes it."""
    require_file(name, path)
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("Reading Parquet needs pyarrow: pip install 'fastcl[io]'.") from error
    try:
        return pyarrow.parquet.ParquetFile(fspath(path))
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(sentence(name, "be a complete Parquet file", f"{fspath(path)!r} ({error})")) from error


def read_parquet_column(name: str, path: str | PathLike[str], column: str) -> Any:
    """Return one column of a Parquet file as an Arrow array."""
    with parquet_file(name, path) as file:
        _require_columns(name, path, file, [column])
        return file.read(columns=[column]).column(column)


def probability_columns(path: Any, file: Any, columns: Sequence[str] | None, label: str | None) -> list[str]:
    """Return the columns that hold probabilities: those asked for, else the one of lists, else all floats."""
    schema = file.schema_arrow
    if columns is not None:
        _require_columns("pred_probs", path, file, columns)
        return list(columns)
    fields = [field for field in schema if field.name != label]
    lists = [field.name for field in fields if is_list_type(field.type) and str(field.type.value_type) in FLOATS]
    floats = [field.name for field in fields if str(field.type) in FLOATS]
    if len(lists) == 1:
        return lists
    if not floats:
        rule = "hold one column of lists of floats, or one column of floats for each class"
        raise ValueError(sentence("pred_probs", rule, f"neither in {fspath(path)!r}", _columns_of(schema)))
    return floats


def _require_columns(name: str, path: Any, file: Any, columns: Sequence[str]) -> None:
    """Raise ValueError unless the file has each of the columns, once."""
    names = file.schema_arrow.names
    for column in columns:
        if (count := names.count(column)) != 1:
            got = repr(column) + (f", which it has {count} times" if count else "")
            fix = _columns_of(file.schema_arrow)
            raise ValueError(sentence(name, f"name a column of {fspath(path)!r}", got, fix))


def _columns_of(schema: Any) -> str:
    shown = ", ".join(map(repr, schema.names[:12]))
    return f"Its columns are {shown}{', ...' if len(schema.names) > 12 else ''}."


def is_list_type(kind: Any) -> bool:
    """Tell whether an Arrow type is one of lists."""
    return str(kind).startswith(tuple(f"{name}<" for name in LISTS))


def _row_type(file: Any, columns: Sequence[str]) -> tuple[int | None, np.dtype[Any]]:
    """Return the length of the lists, None if each class is a column, and the type of the probabilities."""
    kinds = [file.schema_arrow.field(column).type for column in columns]
    is_list = len(kinds) == 1 and is_list_type(kinds[0])
    types = [np.dtype((kind.value_type if is_list else kind).to_pandas_dtype()) for kind in kinds]
    dtype = np.result_type(*types)
    check_kind("pred_probs", np.empty(0, dtype))
    return (_list_length(file, columns[0], kinds[0]) if is_list else None), dtype


def _list_length(file: Any, column: str, kind: Any) -> int:
    """Return the length of a column's lists: of its type, or else of the first of them."""
    if hasattr(kind, "list_size"):
        return int(kind.list_size)
    first = next(file.iter_batches(batch_size=1, columns=[column]), None)
    return len(first.column(column)[0] or ()) if first is not None and len(first) else 0


def _batches(
    path: Any, columns: list[str], is_list: bool, n_classes: int, dtype: np.dtype[Any]
) -> Iterator[npt.NDArray[Any]]:
    """Yield the probabilities in batches of rows."""
    size = max(1, BLOCK_BYTES // (n_classes * dtype.itemsize))
    with parquet_file("pred_probs", path) as file:
        start = 0
        for batch in file.iter_batches(batch_size=size, columns=columns):
            arrays = [batch.column(column) for column in columns]
            _refuse_nulls(arrays, start)
            if is_list:
                yield _rows_of_lists(arrays[0], n_classes, start)
            else:
                yield np.column_stack([array.to_numpy().astype(dtype, copy=False) for array in arrays])
            start += len(batch)


def _refuse_nulls(arrays: list[Any], start: int) -> None:
    for array in arrays:
        if array.null_count:
            row = start + array.is_null().to_numpy(zero_copy_only=False).argmax()
            raise ValueError(sentence("pred_probs", "hold no nulls", f"one in row {row:,}"))


def _rows_of_lists(array: Any, n_classes: int, start: int) -> npt.NDArray[Any]:
    """Return lists of one length as the rows of an array."""
    values = array.flatten()
    lengths = array.value_lengths().to_numpy()
    if (uneven := np.flatnonzero(lengths != n_classes)).size:
        got = f"{lengths[uneven[0]]} in row {start + uneven[0]:,}"
        raise ValueError(sentence("pred_probs", f"hold lists of {n_classes} numbers, as in its first row", got))
    if values.null_count:
        row = start + values.is_null().to_numpy(zero_copy_only=False).argmax() // n_classes
        raise ValueError(sentence("pred_probs", "hold no nulls", f"one in row {row:,}"))
    rows: npt.NDArray[Any] = values.to_numpy().reshape(-1, n_classes)
    return rows
