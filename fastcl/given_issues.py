"""Label issues that a caller brings: which rows they are, and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, as_table
from fastcl.core.errors import sentence


def issues_given(label_issues: Any, given: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return which rows have an issue, from a table with column ``is_label_issue``, a mask, or row numbers.

    Examples
    --------
    >>> issues_given([2, 0], np.array(["cat", "dog", "cow"]))
    array([ True, False,  True])
    """
    if hasattr(label_issues, "columns"):
        return _issues_of_table(label_issues, given)
    values = as_array("label_issues", label_issues)
    if values.size == 0 and values.shape != given.shape:
        return np.zeros(len(given), np.bool_)
    if values.dtype.kind == "b":
        return _as_mask(values, len(given))
    if values.dtype.kind not in "iu" or values.ndim != 1:
        rule = "be a table with column 'is_label_issue', a boolean mask, or row numbers"
        raise ValueError(sentence("label_issues", rule, f"{values.dtype} of shape {values.shape}"))
    return _marked(values, len(given))


def _issues_of_table(table: Any, given: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return the column ``is_label_issue``; the labels that the table was made of must be those of now."""
    columns = {column.name: column for column in _columns(table)}
    if "is_label_issue" not in columns:
        fix = "`find_label_issues` returns such a table."
        raise ValueError(sentence("label_issues", "have a column 'is_label_issue'", f"{list(columns)}", fix))
    issues = columns["is_label_issue"].to_numpy()
    if issues.dtype.kind != "b":
        raise ValueError(sentence("label_issues['is_label_issue']", "be boolean", f"dtype {issues.dtype}"))
    mask = _as_mask(issues, len(given))
    if "given_label" in columns:
        other = np.flatnonzero(columns["given_label"].to_numpy() != given)
        if other.size:
            got = f"other labels in row {other[0]:,} ({other.size:,} such rows)"
            rule = "be made of the same labels, as its column 'given_label' tells"
            raise ValueError(sentence("label_issues", rule, got))
    return mask


def _as_mask(values: npt.NDArray[Any], n_samples: int) -> npt.NDArray[np.bool_]:
    if values.shape != (n_samples,):
        raise ValueError(sentence("label_issues", f"have one entry a row ({n_samples})", f"shape {values.shape}"))
    return values.astype(np.bool_)


def _marked(rows: npt.NDArray[Any], n_samples: int) -> npt.NDArray[np.bool_]:
    """Return row numbers as a mask."""
    if rows.min() < 0 or rows.max() >= n_samples:
        rule = f"hold row numbers from 0 to {n_samples - 1}"
        raise ValueError(sentence("label_issues", rule, f"{rows.min()} to {rows.max()}"))
    mask = np.zeros(n_samples, np.bool_)
    mask[rows] = True
    if np.count_nonzero(mask) < len(rows):
        raise ValueError(sentence("label_issues", "hold each row number once", "repeated ones"))
    return mask


def issues_table(label_issues: Any, issues: npt.NDArray[np.bool_], columns: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Return given issues as a table: the caller's own, copied, or a new one; with more columns beside."""
    own = {}
    if hasattr(label_issues, "columns"):
        own = {column.name: column.to_numpy() for column in _columns(label_issues)}
    return as_table({"is_label_issue": issues} | own | dict(columns), like=(label_issues,))


def _columns(table: Any) -> list[Any]:
    import narwhals.stable.v2 as nw

    return list(nw.from_native(table, eager_only=True).iter_columns())
