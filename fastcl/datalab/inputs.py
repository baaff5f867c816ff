"""What the user brings to an audit beside the data, checked before any work starts."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, as_matrix, as_narwhals, as_pred_probs
from fastcl.core.errors import sentence
from fastcl.datalab.data.tables import Table
from fastcl.engine.files import open_npy

#: What can be brought, and given to one check alone among its options.
INPUTS = ("pred_probs", "features", "knn_graph", "split")


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
        return Probabilities(predictions, None)
    matrix, columns = as_pred_probs(values)
    _check_length("pred_probs", matrix.shape[0], n_rows)
    return Probabilities(matrix, columns)


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
    return split


def as_values(name: str, values: Any, table: Table | None) -> Any:
    """Return what a name stands for: a column of the data, or a ``.npy`` file, left on disk; anything else as it is.

    A list of names are columns of the data side by side.
    """
    if table is not None and isinstance(values, list) and values and all(isinstance(one, str) for one in values):
        return np.column_stack([table.array(column) for column in values])
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
