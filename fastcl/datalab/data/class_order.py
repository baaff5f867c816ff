"""Which classes are there, in which order, and which column of probabilities is whose?"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.core.labels import is_number, name_array
from fastcl.datalab.data.columns import Encoded

#: Names that a sentence shows.
SHOWN = 8

#: The place of a label that is none of the classes.
UNKNOWN = -2

Places = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of a column of labels, which of them have rows, and whether the user has listed them."""

    names: npt.NDArray[Any]
    present: npt.NDArray[np.bool_]
    declared: bool


def name_classes(
    encoded: Encoded,
    declared: Sequence[Hashable] | None,
    class_names: Sequence[Hashable] | None,
    name: str = "labels",
) -> tuple[Classes, Places]:
    """Return the classes, and the place among them of each of the distinct labels; -1 if it stands for no label.

    `name` is what errors call the labels.

    Raises
    ------
    TypeError
        If labels are of kinds that do not go together, or `class_names` is no list of names.
    ValueError
        If a label is none of the classes listed.
    """
    labels = _plain_numbers(encoded)
    listed = _as_listed(class_names) if class_names is not None else declared
    _refuse_mixture(name, labels)
    if listed is None:
        names, places = _in_order(labels)
    elif labels and all(map(_is_index, labels)) and not any(map(is_number, listed)):
        names, places = list(listed), _as_positions(name, encoded, labels, len(listed), class_names is None)
    else:
        names = list(listed) if class_names is not None else _sorted(listed)
        places = _among(name, encoded, labels, names)
    present = np.zeros(len(names), np.bool_)
    present[places[places >= 0]] = True
    return Classes(name_array(names) if names else np.empty(0, np.int64), present, listed is not None), places


def columns_of_classes(
    own: Classes, n_columns: int, columns: Sequence[Hashable] | None = None
) -> tuple[npt.NDArray[Any], Places | None]:
    """Return the names of the classes that columns stand for, and the column of each of the `own`; None if as it is.

    Raises
    ------
    ValueError
        If it cannot be told.
    """
    if columns is not None:
        return _by_name(own, list(columns))
    if own.names.size == n_columns:
        return own.names, None
    if own.declared:
        if np.count_nonzero(own.present) == n_columns:
            return own.names[own.present], np.where(own.present, own.present.cumsum() - 1, -1).astype(np.int32)
    elif _count_columns(own.names, n_columns):
        names = np.arange(n_columns) if own.names.dtype.kind != "b" else np.array([False, True])
        return names, own.names.astype(np.int32)
    raise _unmatched(own, n_columns)


def _plain_numbers(encoded: Encoded) -> list[Any]:
    """Return the distinct labels; whole floats as integers if labels are missing, which made them floats."""
    labels, missing = encoded.distinct, (encoded.codes < 0).any()
    if missing and all(isinstance(label, float) and label.is_integer() for label in labels):
        return list(map(int, labels))
    return labels


def _refuse_mixture(name: str, labels: list[Any]) -> None:
    """Raise TypeError unless all labels are strings, all booleans, all numbers, or all of another type."""
    kinds = set(map(_kind, labels))
    if len(kinds) > 1:
        fix = "Convert the column to one of them, for instance to strings."
        raise TypeError(sentence(name, "be all of one kind", ", ".join(sorted(kinds)), fix))


def _kind(label: Any) -> str:
    """Return what a label is in words: subclasses of strings are strings, all numbers are alike."""
    for kind, word in (((bool, np.bool_), "bool"), (str, "str"), (bytes, "bytes"), (Real, "numbers")):
        if isinstance(label, kind):
            return word
    return type(label).__name__


def _is_index(label: Any) -> bool:
    """Tell whether a label is a whole number, so perhaps a position."""
    return isinstance(label, (int, float, np.number)) and not isinstance(label, bool) and float(label).is_integer()


def _as_listed(class_names: Any) -> list[Hashable]:
    """Return the user's `class_names` as a list, or raise."""
    if isinstance(class_names, (str, bytes, dict, set)) or not isinstance(class_names, Iterable):
        raise TypeError(sentence("class_names", "be a list or array of names", type(class_names).__name__))
    names = class_names.tolist() if hasattr(class_names, "tolist") else list(class_names)
    if not names:
        raise ValueError(sentence("class_names", "name at least one class", "none"))
    if not all(isinstance(name, Hashable) for name in names):
        raise TypeError(sentence("class_names", "hold names such as strings or integers", repr(names)))
    if len(set(names)) != len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise ValueError(sentence("class_names", "name each class once", f"{twice!r} twice"))
    return names


def _sorted(names: Iterable[Any]) -> list[Any]:
    """Return names sorted, or as they are if they have no order."""
    listed = list(names)
    try:
        return sorted(listed)
    except TypeError:
        return listed


def _in_order(labels: list[Any]) -> tuple[list[Any], Places]:
    """Return the labels sorted, and the place of each."""
    names = _sorted(labels)
    place_of = {name: place for place, name in enumerate(names)}
    return names, np.array([place_of[label] for label in labels], np.int32)


def _as_positions(name: str, encoded: Encoded, labels: list[Any], n_names: int, may_be_unlabeled: bool) -> Places:
    """Return labels that are positions among names; Hugging Face writes -1 for no label."""
    lowest = -1 if may_be_unlabeled else 0
    places = [int(label) if lowest <= label < n_names else UNKNOWN for label in labels]
    _refuse_unknown(name, encoded, labels, places, f"be among the {n_names:,} classes named, as indices from 0")
    return np.array(places, np.int32)


def _among(name: str, encoded: Encoded, labels: list[Any], names: list[Any]) -> Places:
    """Return the place of each label among names."""
    place_of = {name: place for place, name in enumerate(names)}
    places = [place_of.get(label, UNKNOWN) for label in labels]
    _refuse_unknown(name, encoded, labels, places, f"be among the class names {_shown(names)}")
    return np.array(places, np.int32)


def _refuse_unknown(name: str, encoded: Encoded, labels: list[Any], places: list[int], rule: str) -> None:
    """Raise ValueError if a label has no place, naming its first row."""
    unknown = np.array([*places, -1]) == UNKNOWN
    if unknown.any():
        rows = np.flatnonzero(unknown[encoded.codes])
        label = labels[encoded.codes[rows[0]]]
        raise ValueError(sentence(name, rule, f"{label!r} in row {rows[0]:,} ({rows.size:,} such rows)"))


def _count_columns(names: npt.NDArray[Any], n_columns: int) -> bool:
    """Tell whether labels count columns: whole numbers below how many there are, or booleans and two columns."""
    if names.dtype.kind == "b":
        return n_columns == 2
    if names.dtype.kind not in "iuf" or names.size > n_columns:
        return False
    return not names.size or bool(names.min() >= 0 and names.max() < n_columns and (names == np.trunc(names)).all())


def _by_name(own: Classes, columns: list[Hashable]) -> tuple[npt.NDArray[Any], Places]:
    """Match classes with named columns; integers that name none count them, from 0."""
    column_of = {str(column): place for place, column in enumerate(columns)}
    names = own.names.tolist()
    places = np.array([column_of.get(str(name), -1) for name in names], np.int32)
    if (places[own.present] >= 0).all():
        named: list[Any] = list(columns)
        if own.names.dtype.kind in "iu" and all(str(column).isdecimal() for column in columns):
            named = [int(str(column)) for column in columns]  # Polars and Arrow know only text
        for name, place in zip(names, places, strict=True):
            if place >= 0:
                named[place] = name
        return name_array(named), places
    counts = not own.declared and own.names.dtype.kind != "b" and _count_columns(own.names, len(columns))
    if counts and (places < 0).all():
        return name_array(columns), own.names.astype(np.int32)
    lacking = [name for name, place, is_there in zip(names, places, own.present, strict=True) if is_there and place < 0]
    fix = "Name the columns like the classes, or pass an array whose columns are in the order of the classes."
    rule = f"have a column for each class, also for {_shown(lacking)}"
    raise ValueError(sentence("pred_probs", rule, f"columns {_shown(columns)}", fix))


def _unmatched(own: Classes, n_columns: int) -> ValueError:
    """Say that there are more or fewer columns than classes."""
    seen, listed = np.count_nonzero(own.present), own.names.size
    classes = f"{listed:,} classes declared, {seen:,} of them with rows" if own.declared else f"{listed:,} classes"
    got = f"{n_columns:,} columns for {classes} ({_shown(own.names.tolist())})"
    fix = "Say what the columns stand for: class_names=[...], or a DataFrame with class names as columns."
    if own.names.dtype.kind == "f" and (own.names != np.trunc(own.names)).any():
        fix = "If the labels are quantities and no classes, pass task='regression'."
    return ValueError(sentence("pred_probs", "have a column for each class", got, fix))


def _shown(names: Sequence[Any]) -> str:
    """Return the first names, for a sentence."""
    return ", ".join(map(repr, names[:SHOWN])) + (", ..." if len(names) > SHOWN else "")
