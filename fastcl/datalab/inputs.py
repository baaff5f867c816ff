"""What the user brings to an audit beside the data, checked before any work starts."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, as_matrix, as_narwhals, as_pred_probs, as_table, missing_rows
from fastcl.core.constants import SLACK
from fastcl.core.errors import sentence, warn
from fastcl.core.targets import as_targets
from fastcl.core.validation import raise_bad_rows
from fastcl.datalab.data.labels import ClassLabels, SetLabels
from fastcl.datalab.data.rows import ColumnsInOrder
from fastcl.datalab.data.tables import Table
from fastcl.engine.files import open_npy
from fastcl.neighbors.features import row_blocks

#: What can be brought, and given to one check alone among its options.
INPUTS = ("pred_probs", "features", "knn_graph", "split")


#: Rows whose sums are looked at, and by how much these may miss 1 before a word is said.
GLANCE, FAR_FROM_ONE = 1_000, 0.05


class Probabilities(NamedTuple):
    """Something whose rows can be read, and the names of its columns if they have any."""

    values: Any
    columns: list[Any] | None


def as_probabilities(values: Any, task: str, n_rows: int) -> Probabilities:
    """Return probabilities of shape (n_rows, n_classes), for regression predictions of shape (n_rows,)."""
    if task == "regression":
        predictions = as_array("pred_probs", values)
        if predictions.ndim == 2 and predictions.shape[1] == 1:
            predictions = predictions[:, 0]
        if predictions.ndim != 1:
            rule = "hold one prediction a row for task='regression'"
            raise ValueError(sentence("pred_probs", rule, f"shape {predictions.shape}"))
        _check_length("pred_probs", len(predictions), n_rows)
        return Probabilities(as_targets("pred_probs", predictions), None)
    matrix, columns = as_pred_probs(values)
    _check_length("pred_probs", matrix.shape[0], n_rows)
    return Probabilities(matrix, columns)


def in_order_of_classes(
    labels: ClassLabels | SetLabels, values: Any, columns: list[Any] | None
) -> tuple[ClassLabels | SetLabels, Any]:
    """Return labels and probabilities whose classes are in one order: that of the labels, where both have the same."""
    aligned = labels.aligned(values.shape[1], columns)
    own, theirs = labels.names.tolist(), aligned.names.tolist()
    if columns is None or own == theirs or set(own) != set(theirs):
        return aligned, values
    return labels, ColumnsInOrder(values, np.array([theirs.index(name) for name in own]))


def as_given_features(values: Any, n_rows: int) -> Any:
    """Return features as they came if they have a shape, lists as an array, or raise if there are not `n_rows`."""
    if isinstance(values, (list, tuple)):
        values = as_array("features", values)
    if not hasattr(values, "shape"):
        if (table := as_narwhals("features", values)) is None:
            values = as_array("features", values)
        else:
            _check_length("features", len(table), n_rows)
            return values
    if len(values.shape) != 2:
        fix = "One feature: features.reshape(-1, 1)." if len(values.shape) == 1 else "Flatten each row to one."
        raise ValueError(
            sentence("features", "have shape (n_samples, n_features)", f"shape {tuple(values.shape)}", fix)
        )
    _check_length("features", values.shape[0], n_rows)
    if not values.shape[1]:
        raise ValueError(sentence("features", "have at least one column", "none"))
    return values


def as_numbers(features: Any) -> Any:
    """Return features as a matrix of numbers: an array, or the sparse matrix they are."""
    return features if hasattr(features, "tocsr") else as_matrix("features", features)


def as_split(values: Any, table: Table | None, n_rows: int) -> npt.NDArray[Any]:
    """Return which split each row belongs to: a column of the data by its name, or one value a row."""
    if isinstance(values, str):
        if table is None:
            raise ValueError(sentence("split", "hold one value a row for a lab without its data", repr(values)))
        values = table.array(values)
    split = np.asarray(values)
    if split.ndim != 1:
        raise ValueError(sentence("split", "name a column or hold one value a row", f"shape {split.shape}"))
    _check_length("split", len(split), n_rows)
    if (missing := missing_rows(split)).any():
        got = f"none in row {missing.argmax():,} ({missing.sum():,} such rows)"
        raise ValueError(sentence("split", "say for every row where it belongs", got))
    return split


def refuse_no_numbers(matrix: Any) -> None:
    """Raise TypeError unless features are numbers, so that they can be compared; what they are is not looked at."""
    if matrix.dtype.kind not in "fiub":
        fix = "Pass embeddings, or columns of numbers."
        raise TypeError(sentence("features", "hold real numbers", f"dtype {matrix.dtype}", fix))


def refuse_no_probabilities(values: Any) -> None:
    """Raise ValueError unless all values lie in [0, 1]; read block by block."""
    for rows in row_blocks(*values.shape):
        block = np.asarray(values[rows], np.float64)
        bad = np.flatnonzero(~((block >= -SLACK) & (block <= 1 + SLACK)).all(axis=1))
        if bad.size:
            raise_bad_rows(bad.size, rows.start + int(bad[0]), block[bad[0]])


def question_sums(values: Any) -> None:
    """Warn if rows of probabilities do not sum to one, by a glance at the first."""
    sums = np.asarray(values[:GLANCE], np.float64).sum(axis=1)
    typical = float(np.median(sums)) if sums.size else 1.0
    if abs(typical - 1) > FAR_FROM_ONE:
        warn(
            f"Rows of `pred_probs` sum to {typical:.3g} rather than 1. Divide by the sums, if classes exclude each "
            "other; if not, use task='multilabel'."
        )


def refuse_other_order(name: str, values: Any, data: Any) -> None:
    """Raise ValueError if two frames of pandas have the same index in another order: rows are matched by position."""
    index, own = getattr(values, "index", None), getattr(data, "index", None)
    if index is None or own is None or not hasattr(index, "equals") or not hasattr(own, "equals"):
        return
    if len(index) == len(own) and not index.equals(own) and index.sort_values().equals(own.sort_values()):
        fix = f"Rows are matched by position: pass {name}.loc[data.index]."
        raise ValueError(sentence(name, "have the rows of the data in the same order", "another order", fix))


def as_values(name: str, values: Any, table: Table | None) -> Any:
    """Return what a name stands for: a column of the data, or a ``.npy`` file, left on disk; anything else as it is.

    A list of names are columns of the data side by side.
    """
    if isinstance(values, list) and values and all(isinstance(one, str) for one in values):
        if table is None:
            raise ValueError(sentence(name, "be an array where there are no data to name columns of", repr(values)))
        columns = {column: table.array(column) for column in values}
        return as_table(columns, ()) if name == "features" else np.column_stack(list(columns.values()))
    if not isinstance(values, (str, PathLike)):
        return values
    if table is not None and values in table.names:
        return table.array(str(values))
    if Path(values).suffix != ".npy":
        raise ValueError(sentence(name, "be an array, a column of the data, or the path of a .npy file", repr(values)))
    return open_npy(name, Path(values))


def _check_length(name: str, length: int, n_rows: int) -> None:
    if length != n_rows:
        fix = "They must be of the same rows in the same order."
        raise ValueError(sentence(name, f"have {n_rows:,} rows, as the data", f"{length:,}", fix))
