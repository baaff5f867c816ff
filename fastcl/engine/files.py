"""Files of probabilities and labels: ``.npy`` through a memory map, Parquet one batch of rows at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_labels
from fastcl.core.errors import sentence
from fastcl.core.validation import check_kind, check_same_length, check_shape
from fastcl.engine.blocks import BLOCK_BYTES, Piece, Source, array_pieces, open_source, working_dtype


def open_file(
    labels: Any, path: str | PathLike[str], class_names: Sequence[Hashable] | None, columns: Sequence[str] | None = None
) -> Source:
    """Return the probabilities in a ``.npy`` or Parquet file, with their labels, as a source of blocks."""
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
    if not Path(path).is_file():
        raise FileNotFoundError(sentence(name, "be the path of an existing file", repr(fspath(path))))
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        fix = "Was it written to the end?"
        raise ValueError(sentence(name, "be a complete .npy file", f"{fspath(path)!r} ({error})", fix)) from error


def open_parquet(
    labels: Any, path: str | PathLike[str], class_names: Sequence[Hashable] | None, columns: Sequence[str] | None
) -> Source:
    """Return probabilities in a Parquet file as a source of blocks.

    They are the one column of fixed-size lists, or else all columns of floating-point numbers, which then name
    the classes; `columns` picks others. `labels` may be the name of another column of the file.
    """
    file = _parquet_file(path)
    schema = file.schema_arrow
    in_file = isinstance(labels, str) and not labels.endswith(".npy")
    if in_file and labels not in schema.names:
        raise ValueError(sentence("labels", f"name a column of {fspath(path)!r}", repr(labels), _columns_of(schema)))
    chosen = _probability_columns(schema, columns, labels if in_file else None, path)
    is_list = len(chosen) == 1 and _list_size(schema.field(chosen[0]).type) > 0
    n_classes = _list_size(schema.field(chosen[0]).type) if is_list else len(chosen)
    dtype = _numpy_type(schema.field(chosen[0]).type, is_list)
    n_rows = file.metadata.num_rows
    check_shape("pred_probs", (n_rows, n_classes))
    names = class_names if class_names is not None or is_list else chosen
    if in_file:
        labels = file.read(columns=[labels]).column(0)
    elif isinstance(labels, (str, PathLike)):
        labels = open_npy("labels", labels)
    encoded = as_labels(labels, n_classes, names)
    check_same_length(len(encoded.codes), n_rows)

    def pieces() -> Iterator[Piece]:
        start = 0
        for values in _batches(path, chosen, is_list, n_classes, dtype):
            yield from array_pieces(encoded.codes[start : start + len(values)], values, start)
            start += len(values)

    return Source(n_rows, n_classes, working_dtype(dtype), encoded.codes, encoded.class_names, pieces)


def _parquet_file(path: str | PathLike[str]) -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("Reading Parquet needs pyarrow: pip install 'fastcl[io]'.") from error
    if not Path(path).is_file():
        raise FileNotFoundError(sentence("pred_probs", "be the path of an existing file", repr(fspath(path))))
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(sentence("pred_probs", "be a Parquet file", f"{fspath(path)!r} ({error})")) from error


def _columns_of(schema: Any) -> str:
    shown = ", ".join(map(repr, schema.names[:12]))
    return f"Its columns are {shown}{', ...' if len(schema.names) > 12 else ''}."


def _probability_columns(schema: Any, columns: Sequence[str] | None, label: str | None, path: Any) -> list[str]:
    """Return the columns that hold probabilities: those asked for, else lists, else all floats."""
    if columns is not None:
        if missing := [column for column in columns if column not in schema.names]:
            fix = _columns_of(schema)
            raise ValueError(sentence("pred_probs", f"name columns of {fspath(path)!r}", repr(missing[0]), fix))
        return list(columns)
    fields = [field for field in schema if field.name != label]
    lists = [field.name for field in fields if _list_size(field.type) > 0]
    floats = [field.name for field in fields if str(field.type) in {"halffloat", "float", "double"}]
    if len(lists) == 1:
        return lists
    if not floats:
        rule = "hold one column of fixed-size lists, or one column of floats for each class"
        raise ValueError(sentence("pred_probs", rule, f"neither in {fspath(path)!r}", _columns_of(schema)))
    return floats


def _list_size(kind: Any) -> int:
    """Return the length of the lists of an Arrow type, -1 if it is no type of fixed-size lists."""
    return getattr(kind, "list_size", -1)


def _numpy_type(kind: Any, is_list: bool) -> np.dtype[Any]:
    dtype = np.dtype((kind.value_type if is_list else kind).to_pandas_dtype())
    check_kind("pred_probs", np.empty(0, dtype))
    return dtype


def _batches(
    path: Any, columns: list[str], is_list: bool, n_classes: int, dtype: np.dtype[Any]
) -> Iterator[npt.NDArray[Any]]:
    """Yield the probabilities in batches of rows."""
    size = max(1, 4 * BLOCK_BYTES // (n_classes * dtype.itemsize))
    with _parquet_file(path) as file:
        for batch in file.iter_batches(batch_size=size, columns=columns):
            if any(column.null_count for column in batch.columns) or (is_list and batch.column(0).flatten().null_count):
                raise ValueError(sentence("pred_probs", "hold no nulls", f"some in {fspath(path)!r}"))
            if is_list:
                yield batch.column(0).flatten().to_numpy().reshape(-1, n_classes)
            else:
                by_name = [batch.column(batch.schema.get_field_index(column)) for column in columns]
                yield np.column_stack([column.to_numpy().astype(dtype, copy=False) for column in by_name])
