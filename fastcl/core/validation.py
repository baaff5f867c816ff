"""Checks of labels, probabilities and options: every sentence about bad input that more than one module says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import MAX_DENSE_CLASSES, SLACK
from fastcl.core.errors import sentence

ONE_DIMENSION = "For two classes pass both columns, np.column_stack([1 - p, p]); for one label of several p[:, None]."


def check_kind(name: str, array: Any) -> None:
    """Raise TypeError unless the array-like's dtype is a real number type that probabilities may have."""
    if array.dtype.kind not in "fiu":
        raise TypeError(sentence(name, "hold real numbers", f"dtype {array.dtype}"))


def check_shape(name: str, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless `shape` is that of a non-empty matrix; an unknown length is None."""
    if len(shape) != 2 or shape[1] == 0:
        fix = ONE_DIMENSION if len(shape) == 1 and shape[0] else ""
        raise ValueError(sentence(name, "have shape (n_samples, n_classes)", f"shape {shape}", fix))
    if shape[0] == 0:
        raise ValueError(sentence(name, "have at least one row", f"shape {shape}"))


def check_same_length(n_labels: int, n_rows: int) -> None:
    """Raise ValueError unless there is one row of probabilities a label."""
    if n_labels != n_rows:
        rule = "have one row for each label"
        raise ValueError(sentence("pred_probs", rule, f"{n_rows:,} rows for {n_labels:,} labels"))


def check_codes(labels: npt.NDArray[Any], n_classes: int, first_row: int = 0) -> None:
    """Raise ValueError unless every class index lies in [0, n_classes), naming the first that does not."""
    if not labels.size or (labels.min() >= 0 and labels.max() < n_classes):
        return
    bad = np.flatnonzero((labels < 0) | (labels >= n_classes))
    got = f"{labels[bad[0]]} in row {first_row + bad[0]:,} ({bad.size:,} such rows)"
    fix = "Leave unlabeled rows out." if labels[bad[0]] < 0 else "Every class needs a column of its own."
    raise ValueError(sentence("labels", f"be class indices in [0, {n_classes:,})", got, fix))


def check_two_classes(class_counts: npt.NDArray[np.int64]) -> None:
    """Raise ValueError unless rows were given at least two classes.

    A data set all of whose labels are class 0 passes, as in the reference: it is how one class is checked.
    """
    given = np.flatnonzero(class_counts)
    if given.size < 2 and given.tolist() != [0]:
        fix = "With one class there is no other that a label could belong to."
        raise ValueError(sentence("labels", "hold at least 2 classes", f"class {given[0]} only", fix))


def raise_bad_rows(n_bad: int, first_bad: int, row: npt.NDArray[Any], *, exclusive: bool = True) -> NoReturn:
    """Say which row holds no probabilities; `row` is the first of them. Classes may exclude each other or not."""
    worst = row[~((row >= -SLACK) & (row <= 1 + SLACK))][0]
    got = f"{worst!s} in row {first_bad:,} ({n_bad:,} such rows)"
    fix = _what_instead(row, exclusive)
    raise ValueError(sentence("pred_probs", "hold probabilities in [0, 1] and no NaN", got, fix))


def _what_instead(row: npt.NDArray[Any], exclusive: bool) -> str:
    """Say what a row that holds no probabilities looks like; one that nearly does looks like nothing known."""
    nearly = abs(row.sum() - 1) < 0.01 if exclusive else row.min() > -0.01 and row.max() < 1.01
    if nearly or not np.isfinite(row).all():
        return ""
    if row.min() < 0:
        return f"These look like logits: apply {'softmax' if exclusive else 'the sigmoid function'} first."
    return f"These look like counts or percentages: divide {'each row by its sum' if exclusive else 'by 100'} first."


def refuse_multi_label(multi_label: bool) -> None:
    """Raise ValueError for the flag by which the reference chooses multi-label data."""
    if multi_label:
        raise ValueError(sentence("multi_label", "be False", "True", "Treat each class as a problem of its own."))


def check_dense(what: str, n_classes: int) -> None:
    """Raise ValueError if `what`, a dense K x K matrix, would be too large to be useful."""
    if n_classes > MAX_DENSE_CLASSES:
        size = n_classes**2 * 8 / 1e9
        raise ValueError(
            f"{what} is a dense matrix of {n_classes:,} x {n_classes:,} ({size:,.0f} GB), and fastcl builds none of "
            f"more than {MAX_DENSE_CLASSES:,} classes; `find_label_issues`, `num_label_issues` and the scores work "
            "for any number of classes."
        )


def check_matrix(name: str, matrix: Any, n_classes: int | None = None) -> npt.NDArray[Any]:
    """Return `matrix` as an array of shape (K, K) of finite non-negative numbers, or raise."""
    array = as_numbers(name, matrix)
    K = n_classes if n_classes is not None else (array.shape[0] if array.ndim else 0)
    if array.shape != (K, K):
        size = "n_classes, n_classes" if n_classes is None else f"{K}, {K}"
        raise ValueError(sentence(name, f"have shape ({size})", f"shape {array.shape}"))
    check_counts(name, array)
    return array


def check_counts(name: str, array: npt.NDArray[Any]) -> None:
    """Raise ValueError unless all numbers are finite and none is negative."""
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        raise ValueError(sentence(name, "hold finite numbers of at least 0", f"{array[bad][0]!s}"))


def as_thresholds(thresholds: Any, n_classes: int) -> npt.NDArray[np.float64]:
    """Return thresholds of shape (K,), (K, 1) or (1, K) as float64 of shape (K,), or raise ValueError."""
    array = as_numbers("thresholds", thresholds)
    if array.shape not in [(n_classes,), (n_classes, 1), (1, n_classes)]:
        raise ValueError(sentence("thresholds", f"have shape ({n_classes},)", f"shape {array.shape}"))
    refuse_nan("thresholds", array)
    return array.reshape(n_classes).astype(np.float64)


def refuse_nan(name: str, array: npt.NDArray[Any]) -> None:
    """Raise ValueError if a number is NaN."""
    if np.isnan(array).any():
        raise ValueError(sentence(name, "hold no NaN", "NaN"))


def as_numbers(name: str, values: Any) -> npt.NDArray[Any]:
    """Return a small array of real numbers, or raise."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(sentence(name, "be an array", "rows of different lengths")) from error
    check_kind(name, array)
    return array


def as_options(name: str, options: Any, known: Collection[str] | None = None) -> dict[str, Any]:
    """Return a mapping of options as a dict of one's own, an empty one for None, or raise; unknown ones are a fault."""
    if not isinstance(options, Mapping | None):
        raise TypeError(sentence(name, "be a dict of options", type(options).__name__))
    unknown = () if known is None else [option for option in options or () if option not in known]
    if unknown:
        rule = f"hold only {', '.join(map(repr, sorted(known or ())))}"
        raise ValueError(sentence(name, rule, ", ".join(map(repr, unknown))))
    return dict(options or {})
