"""Rows of data in any form that estimators take."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcl.core.errors import sentence


def take_rows(X: Any, rows: NDArray[np.integer[Any]]) -> Any:
    """Return the given rows of a data set, in its own form and in the given order.

    Parameters
    ----------
    X : data frame or series, Arrow table, torch Dataset, sparse matrix, list, tuple, or indexable object
        The data set. Sparse matrices are cut in CSR form, a torch Dataset by `torch.utils.data.Subset`,
        a list or tuple item by item; everything else by `X[rows]`.
    rows : ndarray of int, shape (n_rows,)
        Row numbers, each from 0 to n_samples - 1; they may repeat.

    Returns
    -------
    object
        Rows of `X`; arrays are copied.

    Examples
    --------
    >>> import numpy as np
    >>> take_rows(["good", "bad", "fine"], np.array([2, 0, 0]))
    ['fine', 'good', 'good']
    """
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if _is_torch_dataset(X):
        return sys.modules["torch.utils.data"].Subset(X, rows)
    if hasattr(X, "tocsr"):
        return X.tocsr()[rows]
    if hasattr(X, "to_batches"):  # an Arrow table
        return X.take(rows)
    if isinstance(X, list | tuple):
        return [X[row] for row in rows]
    return X[rows]


def as_rows(X: Any) -> Any:
    """Return `X` as it is, or as an array if that is all it can be made: it has neither length nor shape."""
    if hasattr(X, "__array__") and not (hasattr(X, "__len__") or hasattr(X, "shape")):
        return np.asarray(X)
    return X


def count_rows(X: Any) -> int:
    """Return the number of rows of `X`, by its shape: the length of a sparse matrix is something else."""
    shape = getattr(X, "shape", None)
    if shape:
        return int(shape[0])
    if shape is not None or not hasattr(X, "__len__"):
        raise TypeError(sentence("X", "have a length or a shape", type(X).__name__))
    return len(X)


def check_rows(X: Any, n_samples: int) -> None:
    """Raise unless `X` has `n_samples` rows that can be taken out."""
    if X is None:
        raise ValueError(sentence("X", "hold the rows to learn from", "None"))
    n_rows = count_rows(X)
    if n_rows != n_samples:
        raise ValueError(sentence("X", f"have one row per label ({n_samples})", f"{n_rows} rows"))
    try:
        take_rows(X, np.array([0, n_samples - 1]))
    except Exception as error:
        rule = "give out rows by X[rows] or X.iloc[rows] for an integer array `rows`"
        raise TypeError(sentence("X", rule, type(X).__name__, "Convert it to a NumPy array.")) from error


def take_of_each(params: Mapping[str, Any], n_samples: int, rows: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """Return arguments of `fit` for some rows: what has one entry a row is cut, all else stays as it is.

    Examples
    --------
    >>> take_of_each({"sample_weight": [1.0, 2.0, 3.0], "epochs": 5}, 3, np.array([2]))
    {'sample_weight': [3.0], 'epochs': 5}
    """
    return {name: take_rows(value, rows) if _has_rows(value, n_samples) else value for name, value in params.items()}


def _has_rows(value: Any, n_samples: int) -> bool:
    """Tell whether an argument of `fit` has one entry a row."""
    if isinstance(value, str | bytes | Mapping) or not (hasattr(value, "__len__") or hasattr(value, "shape")):
        return False
    try:
        return count_rows(value) == n_samples
    except TypeError:
        return False


def _is_torch_dataset(X: Any) -> bool:
    """Tell whether `X` is a torch Dataset; if it is, torch has been imported already."""
    torch_data = sys.modules.get("torch.utils.data")
    return torch_data is not None and isinstance(X, torch_data.Dataset)
