"""Labels as a label column holds them, some rows perhaps without: classes, numbers, or sets of classes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import missing_rows
from fastcl.core.errors import sentence
from fastcl.core.lazily import kept
from fastcl.core.targets import as_targets
from fastcl.datalab.data.class_order import Classes, columns_of_classes, name_classes
from fastcl.datalab.data.columns import Encoded, categories, column_array, encode
from fastcl.datalab.data.named import Named
from fastcl.datalab.data.set_labels import SetLabels, set_labels
from fastcl.datalab.data.table import Table

__all__ = ["ClassLabels", "NumberLabels", "SetLabels", "class_labels", "number_labels", "read_labels", "set_labels"]

#: Labels of which it can be told whether they repeat.
ENOUGH_ROWS = 20


@dataclass(frozen=True, eq=False)
class ClassLabels:
    """One class a row.

    Attributes
    ----------
    codes : int32 of shape (n_samples,)
        Positions in `names`, -1 where a row has no label.
    names : array of shape (n_classes,)
        What the user calls the classes.
    declared : bool
        Whether the user has said which classes there are, so that some may have no row; else they are those seen.
    """

    codes: npt.NDArray[np.int32]
    names: npt.NDArray[Any]
    declared: bool = False

    @kept
    def is_labeled(self) -> npt.NDArray[np.bool_]:
        """Which rows have a label."""
        return self.codes >= 0

    @kept
    def all_labeled(self) -> bool:
        """Whether all rows have one."""
        return bool(self.is_labeled.all())

    @property
    def given(self) -> Named:
        """The name of each row's class; None where a row has no label."""
        return Named(self.codes, self.names)

    def aligned(self, n_columns: int, columns: Sequence[Hashable] | None = None) -> ClassLabels:
        """Return labels whose classes are the columns of `pred_probs`.

        Parameters
        ----------
        n_columns : int
            How many columns there are.
        columns : list, optional
            What they are called, if they come from a table.

        Returns
        -------
        ClassLabels
            With as many names as there are columns, in their order. Classes are matched with named columns by name.
            Else, if there are as many classes as columns, they are those in order; integers are indices of columns if
            there are more of these than classes seen; declared classes without rows have no column if the others
            have one each.

        Raises
        ------
        ValueError
            If it cannot be told which column belongs to which class.
        """
        present = np.bincount(self.codes + 1, minlength=self.names.size + 1)[1:] > 0
        own = Classes(self.names, present, self.declared)
        names, places = columns_of_classes(own, n_columns, columns)
        return self if places is None else ClassLabels(_placed(self.codes, places), names, declared=True)


@dataclass(frozen=True, eq=False)
class NumberLabels:
    """One number a row: `values` is float64 of shape (n_samples,), NaN where a row has no label."""

    values: npt.NDArray[np.float64]

    @kept
    def is_labeled(self) -> npt.NDArray[np.bool_]:
        """Which rows have a label."""
        return ~np.isnan(self.values)

    @kept
    def all_labeled(self) -> bool:
        """Whether all rows have one."""
        return bool(self.is_labeled.all())

    @property
    def given(self) -> npt.NDArray[np.float64]:
        """The number of each row."""
        return self.values


def class_labels(
    column: Any,
    declared: Sequence[Hashable] | None = None,
    class_names: Sequence[Hashable] | None = None,
    *,
    name: str = "labels",
) -> ClassLabels:
    """Return the labels of a classification.

    Parameters
    ----------
    column : array, list or column of a table, of shape (n_samples,)
        Strings, bytes, booleans, integers, numbers or categoricals. None, NaN, NaT, NA and masked values are rows
        without a label.
    declared : list, optional
        The classes that the table declares, see `Table.declared_classes`. Integer labels are positions among
        declared names, -1 a row without a label.
    class_names : list, optional
        The classes in the order that the user wants; goes before `declared`.
    name : str
        What errors call the labels.

    Returns
    -------
    ClassLabels
        Classes that nobody lists are those seen, sorted. Floats that are whole are integers if labels are missing:
        that is why they were floats.

    Raises
    ------
    TypeError
        If labels are of kinds that do not go together, such as strings and numbers, or rows hold several.
    ValueError
        If no row has a label, a label is not among the classes listed, or nobody lists classes and more than half of
        at least 20 labels are numbers with fractions that differ from each other.

    Examples
    --------
    >>> labels = class_labels(["dog", "cat", None, "dog"])
    >>> labels.codes, labels.names.tolist()
    (array([ 1,  0, -1,  1], dtype=int32), ['cat', 'dog'])
    >>> list(class_labels([0, 2], class_names=["cat", "cow", "dog"]).given)
    ['cat', 'dog']
    """
    encoded = _encode_classes(name, column)
    if encoded.codes.size and not (encoded.codes >= 0).any():
        raise ValueError(sentence(name, "hold a label for some rows", "none for any"))
    if class_names is None and declared is None:
        declared = categories(column)
    if class_names is None and declared is None:
        _refuse_quantities(name, encoded)
    classes, places = name_classes(encoded, declared, class_names, name)
    return ClassLabels(_placed(encoded.codes, places), classes.names, classes.declared)


def _encode_classes(name: str, column: Any) -> Encoded:
    try:
        return encode(name, column)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{error} If a row may have several classes, pass task='multilabel'.") from error


def _refuse_quantities(name: str, encoded: Encoded) -> None:
    """Raise ValueError for fractions most of which no two rows share."""
    n_labeled = np.count_nonzero(encoded.codes >= 0)
    fractions = [label for label in encoded.distinct if isinstance(label, float) and not label.is_integer()]
    if n_labeled >= ENOUGH_ROWS and 2 * len(fractions) > n_labeled:
        got = f"{len(fractions):,} different numbers in {n_labeled:,} rows, among them {fractions[0]!r}"
        fix = "If they are quantities, pass task='regression'; if they are classes, list them as class_names."
        raise ValueError(sentence(name, "hold classes, not numbers that few rows share", got, fix))


def number_labels(column: Any, *, name: str = "labels") -> NumberLabels:
    """Return the labels of a regression.

    Parameters
    ----------
    column : array, list or column of a table, of shape (n_samples,)
        Numbers. None, NaN, NA and masked values are rows without a label.
    name : str
        What errors call the labels.

    Raises
    ------
    TypeError
        If some labels are no numbers.
    ValueError
        If no row has a label, or a number is infinite.

    Examples
    --------
    >>> number_labels([1, None, 2.5]).values
    array([1. , nan, 2.5])
    """
    array = column_array(name, column)
    if array.ndim != 1:
        raise ValueError(sentence(name, "have shape (n_samples,)", f"shape {array.shape}"))
    missing = missing_rows(array)
    if array.size and missing.all():
        raise ValueError(sentence(name, "hold a label for some rows", "none for any"))
    if not missing.any():
        return NumberLabels(as_targets(name, array))
    values = np.full(array.size, np.nan)
    values[~missing] = as_targets(name, array[~missing])
    return NumberLabels(values)


def _placed(codes: npt.NDArray[np.int32], places: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return codes with each class in its place; -1 stays."""
    return np.append(places, np.int32(-1))[codes]


def read_labels(
    table: Table, name: str, task: str, class_names: Sequence[Hashable] | None
) -> ClassLabels | NumberLabels | SetLabels:
    """Return the label column of a table as the task wants it; errors call it by its name."""
    called = f"data[{name!r}]"
    if task == "regression":
        return number_labels(table.number_column(name), name=called)
    column = table.label_column(name)
    if task == "multilabel":
        return set_labels(column, class_names or table.declared_classes(name), name=called)
    return class_labels(column, table.declared_classes(name), class_names, name=called)
