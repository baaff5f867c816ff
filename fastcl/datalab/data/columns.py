"""One column of a table in whatever holds it: as an array, as codes of its distinct values, what it declares.

A column is an array, a list or any other sequence, or a column of pandas, Polars, Arrow or Hugging Face. Missing are
None, NaN, NaT, pandas' NA, and what a masked array masks.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, as_narwhals, dataset_table, is_dataset, is_missing, missing_rows
from fastcl.core.errors import sentence


class ArrowValues(Sequence[Any]):
    """A column of Arrow whose values are read one by one."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, row: Any) -> Any:
        chosen = self._column[row]
        return chosen.to_pylist() if isinstance(row, slice) else chosen.as_py()


class Encoded(NamedTuple):
    """The values of a column as positions in a list of the distinct ones; -1 where one is missing."""

    codes: npt.NDArray[np.int32]
    distinct: list[Any]


def column_array(name: str, column: Any) -> npt.NDArray[Any]:
    """Return a column as an array; `name` is what errors call it.

    Numbers of which some are missing are floats with NaN; anything else that misses values is an array of objects
    with None. Lists of numbers, all of one length, are the rows of a matrix. Arrays are not copied.
    """
    if isinstance(column, np.ndarray) and not isinstance(column, np.ma.MaskedArray):
        return column
    if is_arrow(column := as_arrow(as_series(column))):
        return _array_of_arrow(column)
    if (series := as_narwhals(name, column)) is not None:
        return _unboxed(series.to_numpy())
    return _unboxed(_array_of_sequence(name, column))


def encode(name: str, column: Any) -> Encoded:
    """Return the codes of a column and its distinct values, as Python has them, in the order of their appearance."""
    import pandas as pd

    column = as_series(column)
    if is_arrow(arrow := as_arrow(column)):
        return _encode_arrow(name, arrow)
    known = isinstance(column, (pd.Series, pd.Index, pd.Categorical))  # an array of some would take as long again
    values = column if known else _array_of_sequence(name, column)
    if values.ndim != 1:
        raise ValueError(sentence(name, "have shape (n_samples,)", f"shape {values.shape}"))
    try:
        codes, distinct = pd.factorize(values)
    except TypeError as error:
        raise TypeError(sentence(name, "hold one value a row", str(error))) from error
    return Encoded(codes.astype(np.int32, copy=False), distinct.tolist())


def categories(column: Any) -> list[Any] | None:
    """Return the values that a categorical column says it may hold, in its order; None for any other.

    pandas' categoricals, Polars' Enum and Arrow's dictionaries do; Polars' Categorical only says what it has seen,
    perhaps in other columns.
    """
    if is_arrow(column):
        return _dictionary(column)
    dtype: Any = getattr(column, "dtype", None)
    if type(dtype).__name__ not in ("CategoricalDtype", "Enum"):
        return None
    declared = dtype.categories
    values: list[Any] = declared.tolist() if hasattr(declared, "tolist") else declared.to_list()
    return values


def as_arrow(column: Any) -> Any:
    """Return a column that lies in memory as Arrow has it as one of Arrow, if pyarrow is there; else as it is.

    Such are columns of Polars and Hugging Face, and strings of pandas.
    """
    if hasattr(column, "column_name") and is_dataset(getattr(column, "source", None)):
        column = dataset_column(column.source, column.column_name)
    elif (polars := sys.modules.get("polars")) is not None and isinstance(column, polars.Series):
        with suppress(ImportError):
            column = column.to_arrow()
    elif str(getattr(column, "dtype", "")) in ("str", "string") and (pyarrow := sys.modules.get("pyarrow")):
        column = pyarrow.array(column, from_pandas=True)
    return _storage(column) if is_arrow(column) else column


def as_series(column: Any) -> Any:
    """Return an array of pandas' own as its column, which says what is missing; anything else as it is."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(column, pandas.api.extensions.ExtensionArray):
        return column
    return pandas.Series(column, copy=False)


def dataset_column(dataset: Any, name: str) -> Any:
    """Return a column of a ``datasets.Dataset`` as one of Arrow."""
    return dataset_table(dataset, [name]).column(0)


def _storage(column: Any) -> Any:
    """Return what an extension type of Arrow lies in."""
    import pyarrow as pa

    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    if isinstance(column, pa.Array):
        return column.storage
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)


def arrow_lists(column: Any) -> tuple[npt.NDArray[np.int64], Any, npt.NDArray[np.bool_]] | None:
    """Return a column of lists of Arrow or Polars as where each row starts, all members, and which rows are there."""
    arrow = as_arrow(column)
    if not is_arrow(arrow) or not is_list(arrow.type):
        return None
    import pyarrow.compute as pc

    lengths = pc.list_value_length(arrow).fill_null(0)
    offsets = np.zeros(len(arrow) + 1, np.int64)
    np.cumsum(lengths.to_numpy(), out=offsets[1:])
    return offsets, pc.list_flatten(arrow), np.asarray(arrow.is_valid())


def is_arrow(column: Any) -> bool:
    """Tell whether a column is Arrow's."""
    pyarrow = sys.modules.get("pyarrow")
    return pyarrow is not None and isinstance(column, (pyarrow.Array, pyarrow.ChunkedArray))


def _without_masked(masked: np.ma.MaskedArray[Any, Any]) -> npt.NDArray[Any]:
    """Return a masked array as one with NaN or None where values are masked."""
    is_masked = np.ma.getmaskarray(masked)
    if not is_masked.any():
        return masked.data
    missing, kind = (np.nan, np.float64) if masked.dtype.kind in "iuf" else (None, object)
    filled = masked.data.astype(kind)
    filled[is_masked] = missing
    return filled


def _array_of_sequence(name: str, column: Any) -> npt.NDArray[Any]:
    """Return a list or array as an array in which numbers, None and NaN among strings stay what they are."""
    if isinstance(column, np.ma.MaskedArray):
        return _without_masked(column)
    if not isinstance(column, (list, tuple)):
        return as_array(name, column)
    first = next((value for value in column if not is_missing(value)), None)
    if isinstance(first, (bool, int, float, np.bool_, np.number, np.datetime64)):
        array = as_array(name, column)
        if array.dtype.kind not in "US":
            return array
    return np.fromiter(column, object, len(column))


def _unboxed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array of objects as one of numbers if it can be: of numbers, some perhaps missing, or of lists of them.

    What remains of objects has None where a value is missing.
    """
    if array.dtype.kind != "O" or not array.size:
        return array
    missing = missing_rows(array)
    kinds = set(map(type, array[~missing] if missing.any() else array))
    if kinds and all(issubclass(kind, (int, float, np.number)) and kind is not bool for kind in kinds):
        return _numbers(array, missing)
    if kinds and kinds <= {list, tuple, np.ndarray} and not missing.any():
        return _stacked(array)
    if missing.any():
        array = array.copy()
        array[missing] = None
    return array


def _numbers(array: npt.NDArray[Any], missing: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Return objects that are numbers as numbers, with NaN if some are missing."""
    if not missing.any():
        return np.array(array.tolist())
    numbers = np.full(array.size, np.nan)
    numbers[~missing] = array[~missing].astype(np.float64)
    return numbers


def _stacked(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return lists of numbers, all of one length, as the rows of a matrix; anything else as it is."""
    if len(set(map(len, array))) > 1:
        return array
    try:
        rows = np.array(array.tolist())
    except (ValueError, TypeError):
        return array
    return rows if rows.dtype.kind in "biuf" else array


def _array_of_arrow(column: Any) -> npt.NDArray[Any]:
    import pyarrow as pa

    if is_list(column.type) and (matrix := _matrix_of_lists(column)) is not None:
        return matrix
    if pa.types.is_nested(column.type):
        return np.fromiter(column.to_pylist(), object, len(column))
    chunked = isinstance(column, pa.ChunkedArray)
    array: npt.NDArray[Any] = column.to_numpy() if chunked else column.to_numpy(zero_copy_only=False)
    return array


def _matrix_of_lists(column: Any) -> npt.NDArray[Any] | None:
    """Return lists of numbers, or of lists of them, as an array if all are of one length; None if not."""
    import pyarrow.compute as pc

    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1 or lengths[0] is None:
        return None
    members = column_array("data", pc.list_flatten(column))
    if members.dtype.kind not in "biuf":
        return None
    return members.reshape(len(column), lengths[0], *members.shape[1:])


def is_list(kind: Any) -> bool:
    """Tell whether an Arrow type is one of lists."""
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _encode_arrow(name: str, column: Any) -> Encoded:
    import pyarrow as pa

    if pa.types.is_nested(column.type):
        raise TypeError(sentence(name, "hold one value a row", f"a column of type {column.type}"))
    chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    encoded = chunked if pa.types.is_dictionary(chunked.type) else chunked.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    codes = encoded.indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False)
    return _compact(Encoded(codes, encoded.dictionary.to_pylist()))


def _compact(encoded: Encoded) -> Encoded:
    """Leave out values that no row has, and NaN: a dictionary of Arrow may hold both."""
    codes, distinct = encoded
    is_kept = np.zeros(len(distinct) + 1, np.bool_)
    is_kept[codes] = True
    is_kept[-1] = False  # what -1 stands for
    is_kept[:-1] &= [not is_missing(value) for value in distinct]
    if is_kept[:-1].all():
        return encoded
    places = np.where(is_kept, is_kept.cumsum() - 1, -1).astype(np.int32)
    return Encoded(places[codes], [value for value, keep in zip(distinct, is_kept[:-1], strict=True) if keep])


def _dictionary(column: Any) -> list[Any] | None:
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return None
    chunks = column.unify_dictionaries().chunks if isinstance(column, pa.ChunkedArray) else [column]
    values: list[Any] = chunks[0].dictionary.to_pylist() if chunks else []
    return values
