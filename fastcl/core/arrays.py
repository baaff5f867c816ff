"""The one door for foreign arrays and tables, in and out.

Optional libraries are recognised by what their objects can do or by being loaded already; none is imported
for the asking.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.core.validation import check_codes, check_kind, check_shape


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


@dataclass(frozen=True)
class Labels:
    """Given labels as codes 0..K-1, and what the user calls the classes (None: just that)."""

    codes: npt.NDArray[np.int32]
    class_names: npt.NDArray[Any] | None = None


def as_array(name: str, values: Any) -> npt.NDArray[Any]:
    """Return `values` as an array, without a copy where there is a way.

    Knows ``__array__`` (NumPy, pandas, torch and JAX on the CPU, ...), DLPack for arrays elsewhere, and torch
    tensors that carry gradients. A masked array with masked entries is refused: its mask would be lost.
    """
    if np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        raise ValueError(sentence(name, "hold no masked values", f"{int(np.ma.getmaskarray(values).sum()):,} of them"))
    if hasattr(values, "detach"):
        values = values.detach()
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise TypeError(sentence(name, "be dense", "a sparse matrix", "Call its `.toarray()` first."))
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        if hasattr(values, "__dlpack__"):
            return np.from_dlpack(values, device="cpu")
        raise ValueError(sentence(name, "be an array", f"{type(values).__name__} ({error})")) from error


def as_pred_probs(values: Any) -> tuple[RowReader, list[Hashable] | None]:
    """Return probabilities as something whose rows can be read, and the names of its columns if it has any.

    Large arrays on disk (zarr, h5py, memory maps) are left where they are.
    """
    names = None
    if (frame := _as_frame(values)) is not None:
        names = _column_names(values, frame)
        values = frame.to_numpy()
    elif not (hasattr(values, "shape") and hasattr(values, "dtype") and hasattr(values, "__getitem__")):
        if not isinstance(values, Sequence) and not hasattr(values, "__array__") and not hasattr(values, "__dlpack__"):
            raise TypeError(sentence("pred_probs", "be an array", f"{type(values).__name__}"))
        values = as_array("pred_probs", values)
    elif isinstance(values, np.ndarray) or hasattr(values, "__array_namespace__") or hasattr(values, "detach"):
        values = as_array("pred_probs", values)
    check_shape("pred_probs", tuple(values.shape))
    check_kind("pred_probs", values)
    return values, names


def as_labels(values: Any, n_classes: int, class_names: Sequence[Hashable] | None = None) -> Labels:
    """Return labels as codes.

    Parameters
    ----------
    values : integers in [0, n_classes); or, with or without `class_names`, names: strings, booleans,
        categoricals
    n_classes : number of columns of `pred_probs`
    class_names : what the columns of `pred_probs` stand for, in their order. By default names are sorted, as
        scikit-learn does, and there must be as many distinct ones as columns.

    Raises
    ------
    ValueError
        If a label is missing, fractional, out of range or none of `class_names`.
    """
    array, categories = _label_values(values)
    if array.ndim != 1:
        raise ValueError(sentence("labels", "have shape (n_samples,)", f"shape {array.shape}"))
    if not array.size:
        raise ValueError(sentence("labels", "have at least one row", "none"))
    _refuse_missing(array)
    if class_names is None and array.dtype.kind in "iuf":
        return Labels(_checked_codes(array, n_classes))
    names = _class_names(array, categories, n_classes, class_names)
    if array.dtype.kind in "iu" and _are_codes(array, names, n_classes):
        return Labels(_checked_codes(array, n_classes), names)
    return Labels(_encode(array, names), names)


def as_table(columns: dict[str, npt.NDArray[Any]], like: tuple[Any, ...]) -> Any:
    """Return columns as a table of the library that the first table or column in `like` is of, else of pandas."""
    libraries = [type(value).__module__.partition(".")[0] for value in like]
    for library in libraries:
        if library in ("polars", "pyarrow"):
            import narwhals.stable.v2 as nw

            return nw.from_dict(columns, backend=library).to_native()
    import pandas as pd

    return pd.DataFrame(columns)


def _as_frame(values: Any) -> Any:
    """Return `values` as a narwhals frame if it is a table of a library that is loaded, else None."""
    loaded = [name for name in ("pandas", "polars", "pyarrow", "modin") if name in sys.modules]
    if not loaded or isinstance(values, (np.ndarray, list, tuple)):
        return None
    import narwhals.stable.v2 as nw

    frame = nw.from_native(values, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    return frame if isinstance(frame, nw.DataFrame) else None


def _column_names(values: Any, frame: Any) -> list[Hashable] | None:
    """Return the column names of a table; a bare 0, 1, 2, ... (pandas' default) is no name."""
    names = list(getattr(values, "columns", frame.columns))
    names = names if all(isinstance(name, Hashable) for name in names) else list(frame.columns)
    return None if names == list(range(len(names))) else names


def _label_values(values: Any) -> tuple[npt.NDArray[Any], list[Any] | None]:
    """Return the labels as an array, and the categories if they are categorical."""
    if isinstance(values, (tuple, str, dict, set)) or values is None:
        raise TypeError(sentence("labels", "be an array, a list or a column", type(values).__name__))
    series = _as_series(values)
    if series is not None:
        import narwhals.stable.v2 as nw

        categories = None
        if series.dtype in (nw.Categorical, nw.Enum):
            categories = series.cat.get_categories().to_list()
            series = series.cast(nw.String)
        if series.null_count():
            row = series.is_null().to_numpy().nonzero()[0][0]
            _raise_missing(row, series.null_count())
        return series.to_numpy(), categories
    return as_array("labels", values), None


def _as_series(values: Any) -> Any:
    """Return a column of a loaded table library (or its only one) as a narwhals series, else None."""
    if isinstance(values, (np.ndarray, list)):
        return None
    frame = _as_frame(values)
    if frame is not None:
        if len(frame.columns) != 1:
            raise ValueError(sentence("labels", "be one column", f"{len(frame.columns)} columns"))
        return frame[frame.columns[0]]
    if "narwhals" not in sys.modules:
        return None
    import narwhals.stable.v2 as nw

    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None and isinstance(values, pyarrow.Array):
        values = pyarrow.chunked_array([values])
    if (pandas := sys.modules.get("pandas")) is not None and isinstance(values, (pandas.Categorical, pandas.Index)):
        values = pandas.Series(values)
    series = nw.from_native(values, pass_through=True, allow_series=True)
    return series if isinstance(series, nw.Series) else None


def _refuse_missing(array: npt.NDArray[Any]) -> None:
    """Raise ValueError if a label is NaN or None."""
    if array.dtype.kind == "f":
        missing = np.isnan(array)
    elif array.dtype.kind == "O":
        missing = np.fromiter((value is None or value != value for value in array), bool, array.size)
    else:
        return
    if missing.any():
        _raise_missing(int(missing.argmax()), int(missing.sum()))


def _raise_missing(row: int, count: int) -> None:
    got = f"none in row {row:,} ({count:,} such rows)"
    raise ValueError(sentence("labels", "hold a label for every row", got, "Leave unlabeled rows out."))


def _checked_codes(array: npt.NDArray[Any], n_classes: int) -> npt.NDArray[np.int32]:
    if array.dtype.kind == "f" and not np.equal(np.mod(array, 1), 0).all():
        row = int(np.flatnonzero(np.mod(array, 1))[0])
        raise ValueError(sentence("labels", "be whole numbers", f"{array[row]} in row {row:,}"))
    check_codes(array, n_classes)
    return array.astype(np.int32, copy=False)


def _class_names(
    array: npt.NDArray[Any], categories: list[Any] | None, n_classes: int, given: Sequence[Hashable] | None
) -> npt.NDArray[Any]:
    """Return the names of the columns: as given, or the distinct labels sorted."""
    if given is not None:
        names = list(given)
        if len(names) != n_classes or len(set(names)) != n_classes:
            rule = f"name each of the {n_classes} columns of `pred_probs` once"
            raise ValueError(sentence("class_names", rule, f"{len(names)} names, {len(set(names))} different"))
        return _name_array(names)
    if array.dtype.kind == "b":
        return np.array([False, True])[: max(n_classes, 1)] if n_classes <= 2 else np.unique(array)
    names = sorted(categories) if categories is not None and len(categories) == n_classes else _distinct(array)
    if len(names) != n_classes:
        rule = f"hold as many distinct names as `pred_probs` has columns ({n_classes})"
        fix = "Pass `pred_probs` as a DataFrame with class names as columns, or `class_names`."
        raise ValueError(sentence("labels", rule, f"{len(names)} names", fix))
    return _name_array(names)


def _distinct(array: npt.NDArray[Any]) -> list[Any]:
    try:
        return np.unique(array).tolist()
    except TypeError as error:
        raise TypeError(sentence("labels", "be all of one kind", "a mixture that cannot be sorted")) from error


def _name_array(names: Sequence[Hashable]) -> npt.NDArray[Any]:
    """Return names as an array that keeps their types apart."""
    if all(isinstance(name, str) for name in names):
        return np.array(names)
    array = np.empty(len(names), object)
    array[:] = names
    return array


def _are_codes(array: npt.NDArray[Any], names: npt.NDArray[Any], n_classes: int) -> bool:
    """Tell whether integer labels are positions of columns whose names are no integers."""
    return not any(isinstance(name, (int, np.integer)) for name in names.tolist())


def _encode(array: npt.NDArray[Any], names: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Return the position of every label among `names`."""
    try:
        distinct, inverse = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise TypeError(sentence("labels", "be all of one kind", "a mixture that cannot be sorted")) from error
    position = {name: code for code, name in enumerate(names.tolist())}
    codes = np.array([position.get(name, -1) for name in distinct.tolist()], np.int32)[inverse]
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        known = ", ".join(map(repr, names[:8].tolist())) + (", ..." if len(names) > 8 else "")
        got = f"{array[row]!r} in row {row:,} ({int((codes < 0).sum()):,} such rows)"
        raise ValueError(sentence("labels", f"be among the class names {known}", got))
    return codes
