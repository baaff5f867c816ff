"""The door for given labels: class indices or names, in any container, become codes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, as_narwhals, missing_rows
from fastcl.core.errors import sentence
from fastcl.core.validation import check_codes


@dataclass(frozen=True)
class Labels:
    """Given labels as codes 0..K-1, and what the user calls the classes (None: just that)."""

    codes: npt.NDArray[np.int32]
    class_names: npt.NDArray[Any] | None = None


def as_labels(
    values: Any,
    n_classes: int,
    class_names: Sequence[Hashable] | None = None,
    *,
    columns: Sequence[Hashable] | None = None,
    first_row: int = 0,
) -> Labels:
    """Return labels as codes.

    Parameters
    ----------
    values : integers in [0, n_classes); or, with or without `class_names`, names: strings, booleans,
        categoricals
    n_classes : number of columns of `pred_probs`
    class_names : what the user says that the columns of `pred_probs` stand for, in their order
    columns : what the columns are called, if they come from a table. Without either, names are sorted, as
        scikit-learn does, and there must be as many distinct ones as columns.
    first_row : index of the first of these rows among all rows, for errors

    Raises
    ------
    TypeError
        If the labels are no array, list or column, or of kinds that do not go together.
    ValueError
        If a label is missing, fractional, out of range or none of the names.
    """
    array, categories = _label_values(values)
    if array.ndim != 1:
        raise ValueError(sentence("labels", "have shape (n_samples,)", f"shape {array.shape}"))
    if not array.size:
        raise ValueError(sentence("labels", "have at least one row", "none"))
    _refuse_missing(array, first_row)
    array = _unboxed(array)
    if array.dtype.kind in "cV":
        raise TypeError(sentence("labels", "be class indices or names", f"dtype {array.dtype}"))
    names = names_of_columns(array, categories, n_classes, class_names, columns)
    if names is None or (_is_numeric(array) and not any(map(is_number, names))):
        codes = _checked_codes(array, n_classes, first_row)
    else:
        codes = _positions(array, names, first_row)
    return Labels(codes, None if names is None else name_array(names))


def _label_values(values: Any) -> tuple[npt.NDArray[Any], list[Any] | None]:
    """Return the labels as an array, and the categories if they are categorical."""
    if isinstance(values, (tuple, range)):
        raise TypeError(sentence("labels", "be an array, a list or a column", type(values).__name__))
    if isinstance(values, list):
        return array_of_list(values), None
    column = as_narwhals("labels", values)
    if column is None:
        return as_array("labels", values), None
    if hasattr(column, "columns"):
        if len(column.columns) != 1:
            raise ValueError(sentence("labels", "be one column", f"{len(column.columns)} columns"))
        column = column.get_column(column.columns[0])
    return _column_values(column)


def array_of_list(values: list[Any]) -> npt.NDArray[Any]:
    """Return a list as an array that does not write numbers, None and NaN among strings as strings."""
    array = as_array("labels", values)
    text = {"U": str, "S": bytes}.get(array.dtype.kind)
    if text is None or all(isinstance(value, text) for value in values):
        return array
    return np.array(values, dtype=object)


def _column_values(column: Any) -> tuple[npt.NDArray[Any], list[Any] | None]:
    """Return a narwhals series as an array, with its categories if it has some; nulls become None."""
    import narwhals.stable.v2 as nw

    is_categorical = column.dtype in (nw.Categorical, nw.Enum)
    categories = column.cat.get_categories().to_list() if is_categorical else None
    if column.null_count():
        return np.array([*column.to_list(), None], dtype=object)[:-1], categories
    return column.to_numpy(), categories


def _refuse_missing(array: npt.NDArray[Any], first_row: int) -> None:
    """Raise ValueError if a label is None or NaN."""
    missing = missing_rows(array)
    if missing.any():
        got = f"none in row {first_row + missing.argmax():,} ({missing.sum():,} such rows)"
        raise ValueError(sentence("labels", "hold a label for every row", got, "Leave unlabeled rows out."))


def _unboxed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array of Python objects that are all numbers as an array of numbers."""
    if array.dtype.kind != "O" or not all(
        isinstance(value, (bool, int, float, np.bool_, np.number)) for value in array
    ):
        return array
    return np.array(array.tolist())


def _is_numeric(array: npt.NDArray[Any]) -> bool:
    """Tell whether labels are numbers, so perhaps class indices."""
    return array.dtype.kind in "iuf"


def is_number(name: Hashable) -> bool:
    """Tell whether a class is called by a number, so that labels that are numbers are names."""
    return isinstance(name, (int, float, np.number))


def _checked_codes(array: npt.NDArray[Any], n_classes: int, first_row: int) -> npt.NDArray[np.int32]:
    """Return numbers as codes."""
    if array.dtype.kind == "f" and (fractions := np.flatnonzero(np.trunc(array) != array)).size:
        got = f"{array[fractions[0]]} in row {first_row + fractions[0]:,} ({fractions.size:,} such rows)"
        raise ValueError(sentence("labels", "be whole numbers", got))
    check_codes(array, n_classes, first_row)
    return array.astype(np.int32, copy=False)


def names_of_columns(
    array: npt.NDArray[Any],
    categories: list[Any] | None,
    n_classes: int,
    class_names: Sequence[Hashable] | None,
    columns: Sequence[Hashable] | None,
) -> list[Hashable] | None:
    """Return what the columns stand for: as the user says, as they are called, or the distinct labels sorted."""
    if class_names is not None:
        return _checked_names(class_names, n_classes, columns)
    if columns is not None:
        return _as_numbers(columns) if _is_numeric(array) else list(columns)
    if categories is not None and len(categories) == n_classes:
        return _sorted(categories)
    if _is_numeric(array):
        return None
    names = [False, True] if array.dtype.kind == "b" else _sorted(array.tolist())
    if len(names) != n_classes:
        rule = f"hold as many distinct names as `pred_probs` has columns ({n_classes})"
        fix = "Pass `pred_probs` as a DataFrame with class names as columns, or `class_names`."
        raise ValueError(sentence("labels", rule, f"{len(names)} names", fix))
    return names


def _checked_names(
    class_names: Sequence[Hashable], n_classes: int, columns: Sequence[Hashable] | None
) -> list[Hashable]:
    """Return the user's `class_names` as a list, or raise if they do not name each column once and in its place."""
    if isinstance(class_names, (str, bytes, dict, set)) or not isinstance(class_names, Iterable):
        raise TypeError(sentence("class_names", "be a list or array of names", type(class_names).__name__))
    names = class_names.tolist() if hasattr(class_names, "tolist") else list(class_names)
    if not all(isinstance(name, Hashable) for name in names):
        raise TypeError(sentence("class_names", "hold names such as strings or integers", _kinds(names)))
    if len(names) != n_classes or len(set(names)) != n_classes:
        rule = f"name each of the {n_classes} columns of `pred_probs` once"
        raise ValueError(sentence("class_names", rule, f"{len(names)} names, {len(set(names))} different"))
    if columns is not None and names != list(columns) and set(names) == set(columns):
        rule = "follow the order of the columns of `pred_probs` if it names the same"
        raise ValueError(sentence("class_names", rule, "another order", "The columns alone would do."))
    return names


def _as_numbers(columns: Sequence[Hashable]) -> list[Hashable]:
    """Return columns that are called "0", "1", ... as numbers, for labels that are: Polars and Arrow know only text."""
    if all(isinstance(name, str) and name.isdecimal() for name in columns):
        return [int(name) for name in columns]  # type: ignore[call-overload]
    return list(columns)


def _sorted(names: list[Any]) -> list[Any]:
    """Return the distinct ones of `names`, sorted."""
    try:
        return sorted(set(names))
    except TypeError as error:
        raise TypeError(sentence("labels", "be all of one kind", _kinds(names))) from error


def _kinds(values: list[Any]) -> str:
    """Return the kinds of `values` in words."""
    return ", ".join(sorted({type(value).__name__ for value in values}))


def name_array(names: list[Hashable]) -> npt.NDArray[Any]:
    """Return names as an array that keeps their types apart."""
    if len({type(name) for name in names}) == 1 and isinstance(names[0], (str, bool, int, float)):
        return np.array(names)
    array = np.empty(len(names), object)
    array[:] = names
    return array


def _positions(array: npt.NDArray[Any], names: list[Hashable], first_row: int) -> npt.NDArray[np.int32]:
    """Return the position of every label among `names`."""
    code_of = {name: code for code, name in enumerate(names)}
    try:
        codes = np.fromiter((code_of.get(label, -1) for label in array.tolist()), np.int32, array.size)
    except TypeError as error:
        raise TypeError(sentence("labels", "be class indices or names", _kinds(array.tolist()))) from error
    if (unknown := np.flatnonzero(codes < 0)).size:
        known = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
        got = f"{array[unknown[:1]].tolist()[0]!r} in row {first_row + unknown[0]:,} ({unknown.size:,} such rows)"
        raise ValueError(sentence("labels", f"be among the class names {known}", got))
    return codes
