"""Labels of a multi-label classification, as a label column holds them: any number of classes a row."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import is_missing
from fastcl.core.errors import sentence
from fastcl.core.label_sets import LabelSets, are_rows_of_a_matrix, as_label_sets
from fastcl.core.lazily import kept
from fastcl.datalab.data.class_order import Classes, columns_of_classes, name_classes
from fastcl.datalab.data.columns import Encoded, arrow_lists, as_arrow, encode, is_arrow

#: What a row of classes may be.
COLLECTIONS = (list, tuple, set, frozenset, np.ndarray)


@dataclass(frozen=True, eq=False)
class SetLabels:
    """Any number of classes a row.

    Attributes
    ----------
    sets : `LabelSets`
        The classes of each row, as positions in `names`, ascending and each once; none where a row has no label.
    names : array of shape (n_classes,)
        What the user calls the classes.
    is_labeled : bool of shape (n_samples,)
        Which rows have a label: an empty list is one, a missing list is none.
    declared : bool
        Whether the user has said which classes there are.
    """

    sets: LabelSets
    names: npt.NDArray[Any]
    is_labeled: npt.NDArray[np.bool_]
    declared: bool = False

    @kept
    def all_labeled(self) -> bool:
        """Whether all rows have a label."""
        return bool(self.is_labeled.all())

    @property
    def given(self) -> npt.NDArray[Any]:
        """The names of each row's classes, as an array of lists; None where a row has no label."""
        rows = self._rows(self.names.astype(object)[self.sets.classes].tolist())
        given = np.empty(len(rows), object)
        for i, has_label in enumerate(self.is_labeled.tolist()):
            given[i] = rows[i] if has_label else None
        return given

    def as_lists(self) -> list[list[int]]:
        """Return the positions of each row's classes, as plain lists."""
        return self._rows(self.sets.classes.tolist())

    def _rows(self, members: list[Any]) -> list[list[Any]]:
        ends = self.sets.offsets.tolist()
        return [members[start:end] for start, end in pairwise(ends)]

    def aligned(self, n_columns: int, columns: Sequence[Hashable] | None = None) -> SetLabels:
        """Return labels whose classes are the columns of `pred_probs`, as `ClassLabels.aligned` does."""
        own = Classes(self.names, self.sets.class_counts() > 0, self.declared)
        names, places = columns_of_classes(own, n_columns, columns)
        if places is None:
            return self
        sets = _sets_of(self.sets.offsets, places[self.sets.classes], names)
        return SetLabels(sets, names, self.is_labeled, declared=True)


def set_labels(column: Any, class_names: Sequence[Hashable] | None = None, *, name: str = "labels") -> SetLabels:
    """Return the labels of a multi-label classification.

    Parameters
    ----------
    column : list or column of a table, of shape (n_samples,), or 0/1 matrix of shape (n_samples, n_classes)
        A list, set, tuple or array of class indices or names for each row, perhaps an empty one. None is a row
        without a label.
    class_names : list, optional
        The classes in the order that the user wants.
    name : str
        What errors call the labels.

    Returns
    -------
    SetLabels
        Classes that nobody lists are those seen in any row, sorted; of a matrix, its columns.

    Raises
    ------
    TypeError
        If a row holds something else, or classes are of kinds that do not go together.
    ValueError
        If a row is a single class, no row has a label, a class is not among `class_names`, or lists look like the rows
        of a 0/1 matrix: all as long, of 0 and 1 only, some with one of them twice.

    Examples
    --------
    >>> labels = set_labels([["red", "blue"], [], None, ["blue"]])
    >>> labels.as_lists(), labels.names.tolist()
    ([[0, 1], [], [], [0]], ['blue', 'red'])
    """
    if isinstance(column, np.ndarray) and column.ndim == 2:
        sets = as_label_sets(column, column.shape[1], class_names)
        names = np.arange(sets.n_classes) if sets.class_names is None else sets.class_names
        return SetLabels(sets, names, np.ones(len(sets), np.bool_), declared=True)
    offsets, members, is_labeled = arrow_lists(column) or _lists(name, column)
    if not is_labeled.any():
        raise ValueError(sentence(name, "hold a set of classes for some rows", "none for any"))
    encoded = _encode_members(name, members, offsets)
    _refuse_rows_of_a_matrix(name, encoded, offsets, is_labeled)
    classes, places = name_classes(encoded, None, class_names, name)
    sets = _sets_of(offsets, places[encoded.codes], classes.names)
    return SetLabels(sets, classes.names, is_labeled, classes.declared)


def _lists(name: str, column: Any) -> tuple[npt.NDArray[np.int64], list[Any], npt.NDArray[np.bool_]]:
    """Return where the classes of each row start, all classes one after the other, and which rows have a label."""
    if is_arrow(arrow := as_arrow(column)):
        column = arrow.to_pylist()
    found = [row if isinstance(row, COLLECTIONS) else _as_collection(name, row, i) for i, row in enumerate(column)]
    is_labeled = np.fromiter((row is not None for row in found), np.bool_, len(found))
    rows: list[Any] = found if is_labeled.all() else [() if row is None else row for row in found]
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)), out=offsets[1:])
    plain = (row.tolist() if isinstance(row, np.ndarray) else row for row in rows)
    return offsets, list(chain.from_iterable(plain)), is_labeled


def _as_collection(name: str, row: Any, i: int) -> list[Any] | None:
    """Return the classes of row i, None if it is missing, or raise."""
    if hasattr(row, "to_list") or hasattr(row, "tolist"):
        values = row.to_list() if hasattr(row, "to_list") else row.tolist()
        if isinstance(values, list):
            return values
    if is_missing(row):
        return None
    rule, fix = "hold a list of classes for every row", "Write [c] for a row of one class."
    if isinstance(row, (str, bytes, int, float, np.generic)):
        raise ValueError(sentence(name, rule, f"{row!r} in row {i:,}", fix))
    raise TypeError(sentence(name, rule, f"an object of type {type(row).__name__} in row {i:,}"))


def _encode_members(name: str, members: Any, offsets: npt.NDArray[np.int64]) -> Encoded:
    """Return the classes of all rows as codes, or raise if one is missing or a list itself."""
    try:
        encoded = encode(name, members)
    except (TypeError, ValueError) as error:
        plain = members.to_pylist() if is_arrow(members) else members
        at = next((at for at, member in enumerate(plain) if not isinstance(member, Hashable)), None)
        if at is None:
            raise
        got = f"a {type(plain[at]).__name__} within row {_row_of(at, offsets):,}"
        raise TypeError(sentence(name, "hold class indices or names in each row", got)) from error
    if (encoded.codes < 0).any():
        got = f"one in row {_row_of(int((encoded.codes < 0).argmax()), offsets):,}"
        raise ValueError(sentence(name, "hold no missing class", got, "An empty list is a row that has no class."))
    return encoded


def _row_of(at: int, offsets: npt.NDArray[np.int64]) -> int:
    return int(np.searchsorted(offsets, at, side="right")) - 1


def _refuse_rows_of_a_matrix(
    name: str, encoded: Encoded, offsets: npt.NDArray[np.int64], is_labeled: npt.NDArray[np.bool_]
) -> None:
    """Raise ValueError if rows hold booleans, or as many zeros and ones each that some are no set of classes."""
    codes, distinct = encoded
    if not set(distinct) <= {0, 1}:
        return
    starts = np.append(0, offsets[1:][is_labeled])  # rows without a label hold nothing
    n_columns, values = int(starts[1]), np.array(distinct)[codes]
    if values.dtype.kind != "b" and (n_columns < 2 or not are_rows_of_a_matrix(values, starts, n_columns)):
        return
    got = "rows of booleans" if values.dtype.kind == "b" else f"rows of {n_columns} zeros and ones"
    fix = "That looks like an indicator matrix: list the classes of each row, or pass it as a NumPy array."
    raise ValueError(sentence(name, "hold a set of class indices or names for every row", got, fix))


def _sets_of(offsets: npt.NDArray[np.int64], codes: npt.NDArray[np.int32], names: npt.NDArray[Any]) -> LabelSets:
    """Return the sets of codes, each code once and ascending."""
    from scipy.sparse import csr_array

    has_class = csr_array((np.ones(codes.size, np.bool_), codes, offsets), shape=(offsets.size - 1, names.size))
    sets = as_label_sets(has_class, names.size)
    return LabelSets(sets.offsets, sets.classes, names.size, names)
