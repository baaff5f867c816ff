"""The door for multi-label labels: every way to say which classes each row has becomes one `LabelSets`.

Lists of lists or sets of class indices or names, 0/1 matrices and tables, sparse matrices: all are kept as the
classes of one row after the other, 4 bytes a class and 8 a row.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, as_matrix, as_narwhals, column_names, is_missing
from fastcl.core.errors import sentence
from fastcl.core.jit import kernel
from fastcl.core.labels import array_of_list, is_number, name_array, names_of_columns

#: Values of a 0/1 matrix looked at together: what is computed from them stays in a cache.
CELLS_AT_A_TIME = 1 << 20

#: What may hold the classes of a row as it is; all else is made a list first.
PLAIN = frozenset({list, tuple, set, frozenset})


@dataclass(frozen=True)
class LabelSets:
    """The classes of every row: ``classes[offsets[i]:offsets[i + 1]]``, ascending, each once.

    `offsets` (n_rows + 1,) int64 need not start at 0, `classes` are int32 in [0, n_classes); `class_names` is what
    the user calls them, None if classes are just that.
    """

    offsets: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    n_classes: int
    class_names: npt.NDArray[Any] | None = None

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, rows: slice) -> LabelSets:
        """Return consecutive rows, as a view."""
        start, stop, _ = rows.indices(len(self))
        offsets = self.offsets[start : max(start, stop) + 1]
        return LabelSets(offsets, self.classes, self.n_classes, self.class_names)

    def take(self, rows: npt.NDArray[np.int64]) -> LabelSets:
        """Return some rows, as a copy."""
        sizes = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        places = np.repeat(self.offsets[rows] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return LabelSets(offsets, self.classes[places], self.n_classes, self.class_names)

    def indicators(self, rows: slice = slice(None)) -> npt.NDArray[np.uint8]:
        """Return whether rows have classes, as a fresh matrix of shape (number of rows, n_classes)."""
        offsets = self[rows].offsets
        ones = np.zeros((offsets.size - 1, self.n_classes), np.uint8)
        mark(offsets, self.classes, ones)
        return ones

    def class_counts(self) -> npt.NDArray[np.int64]:
        """Return how many rows have each class, shape (n_classes,)."""
        held = self.classes[self.offsets[0] : self.offsets[-1]]
        return np.bincount(held, minlength=self.n_classes)

    def side_counts(self) -> npt.NDArray[np.int64]:
        """Return how many rows do not have, and have, each class, shape (n_classes, 2)."""
        counts = self.class_counts()
        return np.column_stack([len(self) - counts, counts])


def as_label_sets(
    labels: Any,
    n_classes: int,
    class_names: Sequence[Hashable] | None = None,
    *,
    columns: Sequence[Hashable] | None = None,
) -> LabelSets:
    """Return multi-label labels as label sets.

    Parameters
    ----------
    labels : a list, tuple, object array or column of lists, sets, tuples or arrays, one a row, of class indices in
        [0, n_classes) or of names; or a 0/1 or boolean matrix of shape (n_samples, n_classes): array, table, sparse.
        A row may have no class. `LabelSets` are that already.
    n_classes : number of columns of `pred_probs`
    class_names : what the user says that the columns of `pred_probs` stand for, in their order
    columns : what the columns are called, if they come from a table. Without either, names are those of the columns
        of a table of labels, or else sorted, and there must be as many distinct ones as classes.

    Raises
    ------
    TypeError
        If the labels, or those of a row, are of a kind that holds no classes.
    ValueError
        If a class is missing, fractional, out of range or none of the names, if a matrix holds something else than
        0 and 1 or has another number of columns, or if lists look like the rows of a 0/1 matrix.
    """
    if isinstance(labels, LabelSets):
        return labels
    if hasattr(labels, "nnz"):
        offsets, classes = _of_sparse(labels, n_classes)
        return LabelSets(offsets, classes, n_classes, _names(n_classes, class_names, columns))
    rows = _rows(labels)
    if rows is not None:
        offsets, members = _members(rows)
        codes, names = _codes(members, offsets, n_classes, class_names, columns)
        return LabelSets(*_ascending(offsets, codes, n_classes), n_classes, names)
    array, own = _matrix(labels, n_classes)
    names = _names(n_classes, class_names, own if columns is None and class_names is None else columns)
    if own is not None and names is not None:
        array = array[:, _places(own, names.tolist())]
    return LabelSets(*_of_matrix(array), n_classes, names)


def _names(n_classes: int, class_names: Any, columns: Sequence[Hashable] | None) -> npt.NDArray[Any] | None:
    """Return the names of the classes where labels do not tell them, as `as_labels` does for class indices."""
    names = names_of_columns(np.empty(0, np.int64), None, n_classes, class_names, columns)
    return None if names is None else name_array(names)


def _rows(labels: Any) -> list[Any] | None:
    """Return the rows if each holds its classes, None if `labels` is a matrix."""
    rows = list(labels) if isinstance(labels, (list, tuple)) else _rows_of_column(labels)
    if rows is not None and not rows:
        raise ValueError(sentence("labels", "have at least one row", "none"))
    return rows


def _rows_of_column(labels: Any) -> list[Any] | None:
    """Return the rows of an array or column of collections, also of a table's only one; None of a matrix."""
    column = as_narwhals("labels", labels)
    if column is None:
        array = as_array("labels", labels)
        return array.tolist() if array.ndim == 1 else None
    if hasattr(column, "columns"):
        if len(column.columns) != 1 or not _holds_collections(column.get_column(column.columns[0])):
            return None
        column = column.get_column(column.columns[0])
    rows: list[Any] = column.to_list()
    return rows


def _holds_collections(column: Any) -> bool:
    """Tell whether a narwhals series holds lists, or Python objects."""
    import narwhals.stable.v2 as nw

    return column.dtype in (nw.List, nw.Array, nw.Object)


def _members(rows: list[Any]) -> tuple[npt.NDArray[np.int64], list[Any]]:
    """Return where the classes of each row start, and those of all rows one after the other."""
    kinds = set(map(type, rows))
    are_arrays = kinds == {np.ndarray} and {(row.ndim, row.dtype) for row in rows} == {(1, rows[0].dtype)}
    if not (are_arrays or kinds <= PLAIN):
        rows = [row if type(row) in PLAIN else _plain(row, i) for i, row in enumerate(rows)]
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)), out=offsets[1:])
    return offsets, np.concatenate(rows).tolist() if are_arrays else list(chain.from_iterable(rows))


def _plain(row: Any, i: int) -> Collection[Any]:
    """Return the classes of row i as a plain collection, or raise."""
    if type(row) is np.ndarray and row.ndim == 1:
        members: list[Any] = row.tolist()
        return members
    if hasattr(row, "__array__") and np.ndim(row):
        array = as_array("labels", row)
        if array.ndim == 1:
            return _plain(array, i)
    elif isinstance(row, Collection) and not isinstance(row, (str, bytes, Mapping)):
        return list(row)
    elif is_missing(row):
        fix = "Leave unlabeled rows out; an empty list is a row that has no class."
        raise ValueError(sentence("labels", "hold a set of classes for every row", f"none in row {i:,}", fix))
    fix = "Write [c] for a row of one class; fastcl.filter and fastcl.rank take one label a row."
    is_class = isinstance(row, (Number, str, bytes, np.generic))
    got = f"{row!r} in row {i:,}" if is_class else f"an object of type {type(row).__name__} in row {i:,}"
    raise (ValueError if is_class else TypeError)(sentence("labels", "hold a set of classes for every row", got, fix))


def _codes(
    members: list[Any],
    offsets: npt.NDArray[np.int64],
    n_classes: int,
    class_names: Sequence[Hashable] | None,
    columns: Sequence[Hashable] | None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any] | None]:
    """Return class indices or names as codes, and the names."""
    distinct = _distinct(members, offsets)
    values = _as_numbers(members, distinct)
    sample = array_of_list(distinct) if values is None else values
    names = names_of_columns(sample, None, n_classes, class_names, columns)
    if values is None or (names is not None and any(map(is_number, names))):
        codes = _positions(members, offsets, names or [])
    else:
        codes = _checked(values, members, offsets, n_classes)
    return codes, None if names is None else name_array(names)


def _distinct(members: list[Any], offsets: npt.NDArray[np.int64]) -> list[Any]:
    """Return the distinct ones among the classes of all rows, or raise if one is missing or can be none."""
    try:
        distinct = list(set(members))
    except TypeError as error:
        unhashable = next(type(member).__name__ for member in members if not isinstance(member, Hashable))
        raise TypeError(sentence("labels", "hold class indices or names in each row", unhashable)) from error
    if any(map(is_missing, distinct)):
        missing = np.fromiter(map(is_missing, members), np.bool_, len(members))
        _refuse(missing, offsets, members, "hold no missing class", "An empty list is a row that has no class.")
    if any(isinstance(member, (bool, np.bool_)) for member in distinct):
        raise _looks_like_a_matrix("rows of booleans")
    return distinct


def _as_numbers(members: list[Any], distinct: list[Any]) -> npt.NDArray[Any] | None:
    """Return numbers as an array: integers, or floats if some are, or are beyond any index; None if they are names."""
    kinds = tuple(set(map(type, distinct)))
    if not all(issubclass(kind, (int, float, np.integer, np.floating)) for kind in kinds):
        return None
    low, high = min(distinct, default=0), max(distinct, default=0)
    if not all(issubclass(kind, (int, np.integer)) for kind in kinds) or max(-low, high) >= 2**53:
        return np.fromiter(members, np.float64, len(members))
    if low >= 0 and high < 256:
        with suppress(TypeError):  # 1.0 hides behind 1 among the distinct ones
            return np.frombuffer(bytes(members), np.uint8).astype(np.int64)  # a third of the time of the next line
    return np.fromiter(members, np.int64, len(members))


def _positions(members: list[Any], offsets: npt.NDArray[np.int64], names: list[Hashable]) -> npt.NDArray[np.int64]:
    """Return the position of every name among `names`."""
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.fromiter((code_of.get(member, -1) for member in members), np.int64, len(members))
    known = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
    _refuse(codes < 0, offsets, members, f"be among the class names {known}")
    return codes


def _checked(
    values: npt.NDArray[Any], members: list[Any], offsets: npt.NDArray[np.int64], n_classes: int
) -> npt.NDArray[np.int64]:
    """Return numbers that are class indices, or raise."""
    if are_rows_of_a_matrix(values, offsets, n_classes):
        raise _looks_like_a_matrix(f"rows of {n_classes} zeros and ones")
    if values.dtype.kind == "f":
        _refuse(np.trunc(values) != values, offsets, members, "be whole numbers")
    rule, fix = f"be class indices in [0, {n_classes:,})", "Every class needs a column of its own."
    _refuse((values < 0) | (values >= n_classes), offsets, members, rule, fix)
    return values.astype(np.int64, copy=False)


def are_rows_of_a_matrix(values: npt.NDArray[Any], offsets: npt.NDArray[np.int64], n_classes: int) -> bool:
    """Tell whether every row holds n_classes zeros and ones, and some row cannot be a set of class indices."""
    if not values.size or (np.diff(offsets) != n_classes).any() or not ((values == 0) | (values == 1)).all():
        return False
    return n_classes > 2 or bool((values.reshape(-1, n_classes).sum(axis=1) != n_classes - 1).any())


def _looks_like_a_matrix(got: str) -> ValueError:
    fix = "That looks like an indicator matrix: pass it as an array, np.array(labels)."
    return ValueError(sentence("labels", "hold a set of class indices or names for every row", got, fix))


def _refuse(
    bad: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64], members: list[Any], rule: str, fix: str = ""
) -> None:
    """Raise ValueError if a class is bad, naming the first and how many rows hold one."""
    if not bad.any():
        return
    found = np.flatnonzero(bad)
    rows = np.searchsorted(offsets, found, side="right") - 1
    got = f"{members[found[0]]!r} in row {rows[0]:,} ({np.unique(rows).size:,} such rows)"
    raise ValueError(sentence("labels", rule, got, fix))


def _ascending(
    offsets: npt.NDArray[np.int64], codes: npt.NDArray[np.int64], n_classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return the classes of each row ascending and once."""
    cells = np.repeat(np.arange(offsets.size - 1) * n_classes, np.diff(offsets)) + codes
    if (cells[1:] <= cells[:-1]).any():
        cells.sort(kind="stable")  # radix or runs: np.unique takes twenty times as long
        cells = cells[np.diff(cells, prepend=-1) > 0]
        offsets = np.searchsorted(cells, np.arange(offsets.size) * n_classes)
        codes = cells % n_classes
    return offsets, codes.astype(np.int32)


def _matrix(labels: Any, n_classes: int) -> tuple[npt.NDArray[Any], list[Hashable] | None]:
    """Return a matrix or table as an array, and the names of its columns if it has any."""
    table = as_narwhals("labels", labels)
    array = as_matrix("labels", labels if table is None else table.to_native())
    _check_columns(array.shape, n_classes)
    if array.dtype.kind not in "biuf":
        raise TypeError(sentence("labels", "hold 0 and 1, or booleans, if it is a matrix", f"dtype {array.dtype}"))
    return array, None if table is None else column_names(table)


def _check_columns(shape: tuple[int, ...], n_classes: int) -> None:
    """Raise ValueError unless a matrix of labels has one column a class, and rows."""
    if len(shape) != 2 or shape[1] != n_classes:
        rule = f"have shape (n_samples, {n_classes}), one column for each of `pred_probs`, if it is a matrix"
        raise ValueError(sentence("labels", rule, f"shape {shape}", "Or pass a list of the classes of each row."))
    if not shape[0]:
        raise ValueError(sentence("labels", "have at least one row", "none"))


def _places(own: list[Hashable], names: list[Hashable]) -> list[int]:
    """Return where the columns of a table of labels hold the classes `names`."""
    place_of = {str(name): place for place, name in enumerate(own)}
    if set(place_of) != set(map(str, names)):
        rule = f"have the columns {', '.join(map(repr, names[:8]))}" + (", ..." if len(names) > 8 else "")
        fix = "Name the columns of both alike, or pass arrays in the same order."
        raise ValueError(sentence("labels", rule, ", ".join(map(repr, own[:8])), fix))
    return [place_of[str(name)] for name in names]


def _of_matrix(array: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return offsets and classes of a 0/1 matrix."""
    n_rows, n_classes = array.shape
    offsets = np.zeros(n_rows + 1, np.int64)
    size = max(1, CELLS_AT_A_TIME // n_classes)
    parts = []
    for start in range(0, n_rows, size):
        ones = _ones(array, slice(start, min(start + size, n_rows)))
        classes = np.empty(np.count_nonzero(ones) + 1, np.int32)
        list_ones(ones, offsets[start + 1 : start + 1 + len(ones)], classes)
        parts.append(classes[:-1])
    return np.cumsum(offsets, out=offsets), np.concatenate(parts)


def _ones(array: npt.NDArray[Any], rows: slice) -> npt.NDArray[np.uint8]:
    """Return rows of a 0/1 matrix as bytes, or raise if they hold other values."""
    block = array[rows]
    ones = np.not_equal(block, 0, out=np.empty(block.shape, np.bool_))
    if array.dtype.kind != "b" and np.count_nonzero(block == 1) < np.count_nonzero(ones):
        bad = (array != 0) & (array != 1)
        first = int(bad.any(axis=1).argmax())
        got = f"{array[first][bad[first]][0]} in row {first:,} ({bad.any(axis=1).sum():,} such rows)"
        fix = "Pass class indices as a list for each row: [[0, 2], [1], []]."
        raise ValueError(sentence("labels", "hold only 0 and 1 if it is a matrix", got, fix))
    return ones.view(np.uint8)


def _of_sparse(labels: Any, n_classes: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return offsets and classes of a sparse 0/1 matrix."""
    _check_columns(tuple(labels.shape), n_classes)
    matrix = labels.tocsr(copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    offsets = matrix.indptr.astype(np.int64)
    bad = matrix.data != 1
    _refuse(bad, offsets, matrix.data.tolist() if bad.any() else [], "hold only 0 and 1 if it is a matrix")
    return offsets, matrix.indices.astype(np.int32)


@kernel
def list_ones(ones, counts, classes):
    """Write how many ones each row has, and their columns one row after the other, and one number more.

    Whether a row has a class is a toss-up: writing what the next will write over costs less than a branch.
    """
    at = 0
    for i in range(ones.shape[0]):
        before = at
        for k in range(ones.shape[1]):
            classes[at] = k
            at += ones[i, k]
        counts[i] = at - before


@kernel
def mark(offsets, classes, ones):
    """ones[i, k] = 1 for the classes k of each row."""
    for i in range(ones.shape[0]):
        for at in range(offsets[i], offsets[i + 1]):
            ones[i, classes[at]] = 1
