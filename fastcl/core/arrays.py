"""The one door for foreign arrays and tables, in and out.

Optional libraries are recognised by what their objects can do or by being loaded already; none is imported
for the asking.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.core.validation import check_kind, check_shape


class RowReader(Protocol):
    """Anything whose rows can be read by slices: NumPy arrays, memory maps, zarr and h5py datasets, ..."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows and columns."""

    @property
    def dtype(self) -> Any:
        """Type of the numbers."""

    def __getitem__(self, rows: slice, /) -> Any:
        """Return consecutive rows."""


def as_array(name: str, values: Any) -> npt.NDArray[Any]:
    """Return `values` as an array, without a copy where there is a way.

    Knows lists, ``__array__`` (NumPy, pandas, torch and JAX on the CPU, ...), DLPack, and torch tensors that carry
    gradients. What would be misread is refused: masks, sparse matrices, and objects that are no arrays at all.
    """
    _refuse_masked(name, values)
    _refuse_sparse(name, values)
    if hasattr(values, "detach"):
        values = values.detach()
    try:
        only_dlpack = hasattr(values, "__dlpack__") and not hasattr(values, "__array__")
        array = np.from_dlpack(values) if only_dlpack else np.asarray(values)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(sentence(name, "be an array", f"{type(values).__name__} ({reason})")) from error
    if not array.ndim and not hasattr(values, "shape"):
        raise TypeError(sentence(name, "be an array", type(values).__name__))
    return array


def as_matrix(name: str, values: Any) -> npt.NDArray[Any]:
    """Return an array, or the columns of a table side by side, as an array."""
    array = as_array(name, values)
    if array.dtype.kind != "O":
        return array
    table = as_narwhals(name, values)
    if table is None or not hasattr(table, "iter_columns"):
        return array
    columns = {column.name: column.to_numpy() for column in table.iter_columns()}  # nullable, or of several types
    for column, numbers in columns.items():
        if numbers.dtype.kind not in "fiub":
            fix = "Write it as numbers, or leave it out."
            raise TypeError(sentence(name, "hold columns of numbers", f"{column!r}, which does not", fix))
    return np.column_stack(list(columns.values()))


def as_pred_probs(values: Any) -> tuple[RowReader, list[Hashable] | None]:
    """Return probabilities as something whose rows can be read, and the names of its columns if it has any.

    Large arrays on disk (zarr, h5py, memory maps) are left where they are.
    """
    names = None
    if (table := as_narwhals("pred_probs", values)) is not None:
        names = column_names(table)
        values = table.to_numpy()
    elif not _is_lazy(values):
        values = as_array("pred_probs", values)
    check_shape("pred_probs", tuple(values.shape))
    check_kind("pred_probs", values)
    return values, names


def as_table(columns: dict[str, npt.NDArray[Any]], like: tuple[Any, ...]) -> Any:
    """Return columns as a table of the library that the first table or column in `like` is of, else of pandas."""
    for value in like:
        library = type(value).__module__.partition(".")[0]
        if library in ("polars", "pyarrow"):
            return _made_by(library, columns)
        if is_dataset(value):
            from datasets import Dataset

            return Dataset(_made_by("pyarrow", columns))
    import pandas as pd

    return pd.DataFrame(columns)


def _made_by(library: str, columns: dict[str, npt.NDArray[Any]]) -> Any:
    """Return columns as a table of Polars or Arrow."""
    import narwhals.stable.v2 as nw

    return nw.from_dict({name: _with_lists(values) for name, values in columns.items()}, backend=library).to_native()


def _with_lists(values: npt.NDArray[Any]) -> Any:
    """Return an array of arrays or lists as a list of lists, which Polars and Arrow have a type for."""
    first = next((value for value in values if value is not None), None) if values.dtype.kind == "O" else None
    if not isinstance(first, (list, np.ndarray)):
        return values
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in values]


def as_narwhals(name: str, values: Any) -> Any:
    """Return a table or column of a library that is loaded as one of narwhals, else None."""
    loaded = [library for library in ("pandas", "polars", "pyarrow", "modin") if library in sys.modules]
    if not loaded or isinstance(values, (np.ndarray, list, tuple)):
        return None
    import narwhals.stable.v2 as nw

    try:
        native = nw.from_native(_as_column(values), pass_through=True, allow_series=True)
    except nw.exceptions.DuplicateError as error:
        raise ValueError(sentence(name, "have each column once", "one twice")) from error
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    return native if isinstance(native, (nw.DataFrame, nw.Series)) else None


def is_dataset(data: Any) -> bool:
    """Tell whether something is a ``datasets.Dataset`` of Hugging Face."""
    return hasattr(data, "features") and hasattr(getattr(data, "data", None), "table")


def dataset_table(dataset: Any, names: Sequence[str] | None = None) -> Any:
    """Return a ``datasets.Dataset``, or some columns, as a table of Arrow; only a selection of rows is copied."""
    table, chosen = dataset.data.table, dataset._indices  # after select or shuffle
    table = table if names is None else table.select(names)
    return table if chosen is None else table.take(chosen.table.column(0))


def column_names(table: Any) -> list[Hashable] | None:
    """Return the column names of a table; those that pandas and Polars make up are no names."""
    names = list(getattr(table, "columns", ()))
    made_up = list(range(len(names))), [f"column_{k}" for k in range(len(names))]
    return None if names in made_up else names


def missing_rows(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell which values are missing: None, NaN, NaT or pandas' NA.

    Examples
    --------
    >>> missing_rows(np.array(["cat", None, float("nan")], object))
    array([False,  True,  True])
    """
    if array.dtype.kind == "O":
        return np.fromiter(map(is_missing, array), np.bool_, len(array))
    return array != array


def is_missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, NaT or pandas' NA."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA does not say whether it equals itself
        return True
    except ValueError:  # an array
        return False


def _refuse_masked(name: str, values: Any) -> None:
    """Raise ValueError if entries of a masked array are masked: the mask would be lost."""
    if np.ma.is_masked(values):
        raise ValueError(sentence(name, "hold no masked values", f"{np.ma.getmaskarray(values).sum():,} of them"))


def _refuse_sparse(name: str, values: Any) -> None:
    """Raise TypeError if `values` is a sparse matrix, which NumPy would take for a scalar."""
    if hasattr(values, "nnz"):
        raise TypeError(sentence(name, "be dense", "a sparse matrix", "Convert it to an array first."))


def _is_lazy(values: Any) -> bool:
    """Tell whether rows can be read by slices, and are perhaps not in memory: arrays that are speak DLPack."""
    is_readable = all(hasattr(values, part) for part in ("shape", "dtype", "__getitem__"))
    return is_readable and not hasattr(values, "__dlpack__") and not hasattr(values, "nnz")


def _as_column(values: Any) -> Any:
    """Return what narwhals does not know (pandas' index and categorical, Arrow's array, a data set) as what it does."""
    if is_dataset(values):
        return dataset_table(values)
    pandas, pyarrow = sys.modules.get("pandas"), sys.modules.get("pyarrow")
    if pandas is not None and isinstance(values, (pandas.Categorical, pandas.Index)):
        return pandas.Series(values)
    if pyarrow is not None and isinstance(values, pyarrow.Array):
        return pyarrow.chunked_array([values])
    return values
