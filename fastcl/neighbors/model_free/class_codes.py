"""Given labels as class codes, where no probabilities say how many classes there are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array
from fastcl.core.errors import check_number, sentence
from fastcl.core.labels import as_labels

Codes = npt.NDArray[np.int32]


def class_codes(
    labels: Any, *, n_classes: int | None = None, class_names: Sequence[Hashable] | None = None
) -> tuple[Codes, int]:
    """Return labels as codes, and the number of classes.

    Whole numbers are class indices: without `n_classes` there are as many classes as the largest of them says. Names
    are sorted, as scikit-learn does.

    Raises
    ------
    TypeError
        If the labels are no array, list or column, or `n_classes` no whole number.
    ValueError
        If a label is missing or none of the classes, or all labels are the same.

    Examples
    --------
    >>> class_codes(["dog", "cat", "dog"])
    (array([1, 0, 1], dtype=int32), 2)
    >>> class_codes([0, 3])
    (array([0, 3], dtype=int32), 4)
    """
    if n_classes is not None:
        check_number("n_classes", n_classes, 2, whole=True)
    elif isinstance(class_names, (list, tuple, np.ndarray)):
        n_classes = np.size(class_names) if isinstance(class_names, np.ndarray) else len(class_names)
        if n_classes < 2:
            raise ValueError(sentence("class_names", "name at least 2 classes", f"{n_classes}"))
    else:
        n_classes = _count_classes(labels)
    codes = as_labels(labels, int(n_classes), class_names).codes
    if codes.min() == codes.max():
        fix = "With one class there is no other that a label could belong to."
        raise ValueError(sentence("labels", "hold at least 2 classes", "one", fix))
    return codes, int(n_classes)


def _count_names(values: npt.NDArray[Any]) -> int:
    try:
        return len(set(values.ravel().tolist()))
    except TypeError as error:
        raise TypeError(sentence("labels", "be class indices or names", "what cannot be hashed")) from error


def _count_classes(labels: Any) -> int:
    """Return how many classes labels seem to have; what is wrong with them is for `as_labels` to say."""
    values = as_array("labels", labels)
    if values.dtype.kind == "b":
        return 2
    if values.dtype.kind == "O" and not any(isinstance(value, (str, bytes)) for value in values.ravel()):
        values = np.array([value for value in values.ravel() if value is not None and value == value])
    if values.dtype.kind not in "iuf":
        return max(2, _count_names(values))
    given = np.unique(values[np.isfinite(values)])
    n_classes = int(given.max(initial=0)) + 1
    if n_classes > 100 + 10 * given.size:
        got = f"{given.size:,} different ones up to {n_classes - 1:,}"
        fix = "Pass `class_names` if they are names, `n_classes` if they are not."
        raise ValueError(sentence("labels", "be class indices 0, 1, 2, ... or names", got, fix))
    return max(2, n_classes)
