"""Let a model judge only examples it has not seen: predicted probabilities by cross-validation."""

from __future__ import annotations

import secrets
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcl.core.errors import sentence

RENUMBER = "Number the classes with np.unique(labels, return_inverse=True)[1]."


def out_of_sample_pred_probs(
    X: Any,
    labels: ArrayLike,
    clf: Any = None,
    *,
    cv_n_folds: int = 5,
    seed: int | np.random.RandomState | None = None,
    clf_kwargs: Mapping[str, Any] | None = None,
    validation_func: Callable[[Any, NDArray[np.int64]], Mapping[str, Any]] | None = None,
) -> NDArray[np.float64]:
    """Predict the class probabilities of every example with a model trained without that example.

    The examples are dealt into `cv_n_folds` folds with about the same share of every class; a fresh copy of
    `clf` is trained on all folds but one and predicts the fold left out. A model judging its own training
    examples would repeat their labels, wrong ones included. The estimate is poor for classes with fewer
    examples than folds, and wrong when examples of different folds are copies of each other.

    Parameters
    ----------
    X : array, data frame, series, sparse matrix, list or torch Dataset with n_samples rows
        The examples, in any form that `clf` takes and that can be cut into rows (see `take_rows`).
    labels : array-like of int, shape (n_samples,)
        Given class codes 0, 1, ..., n_classes - 1; every class occurs, and there are at least two.
    clf : scikit-learn classifier, optional
        Has `fit` and `predict_proba` and can be copied by `sklearn.base.clone`; itself it is never fitted.
        By default a new `LogisticRegression(solver="lbfgs")`.
    cv_n_folds : int, default 5
        Number of folds, from 2 to the number of examples of the largest class.
    seed : int or RandomState, optional
        Fixes the folds. By default they differ from call to call; numpy's global generator is not used.
    clf_kwargs : mapping, optional
        More arguments for every call of `fit`.
    validation_func : callable, optional
        `validation_func(X_holdout, labels_holdout)` returns arguments for the `fit` of that fold, say the
        validation data of an early stop.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_classes)
        Row i holds what the model that had not seen example i predicts for it; column k is class k.

    Raises
    ------
    ValueError
        If `labels` are not class codes of at least two classes or skip a class; if `X` is None or has another
        length; if `cv_n_folds` is not an integer from 2 to the size of the largest class; if `clf` cannot be
        cloned; if `predict_proba` returns another shape than (n_holdout, n_classes).
    TypeError
        If `labels` is not a sequence; if `X` has no length or cannot be cut into rows; if `validation_func`
        is not callable.

    Warns
    -----
    UserWarning
        If classes have one example only. Lest its model never meet that class, the example is trained on all
        the same, and its row of the result is one at its given label and zero elsewhere. A torch Dataset
        cannot be extended, so there the model goes without, and predicts zero for a class it does not know.

    Notes
    -----
    One `fit` per fold, one fold after the other; memory beyond the result is one copy of `X`.

    References
    ----------
    Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021,
    Section 3.

    Examples
    --------
    The third example lies among those of class 0, and a model that has not seen its label says so.

    >>> import numpy as np
    >>> X = np.array([[1.0], [2.0], [1.5], [8.0], [9.0], [8.5], [1.2], [8.8]])
    >>> labels = [0, 0, 1, 1, 1, 1, 0, 1]
    >>> pred_probs = out_of_sample_pred_probs(X, labels, cv_n_folds=3, seed=0)
    >>> pred_probs.shape
    (8, 2)
    >>> bool(pred_probs[2, 0] > 0.5)
    True
    """
    given = _class_codes(labels)
    class_sizes = np.bincount(given)
    _check_examples(X, len(given))
    _check_folds(cv_n_folds, int(class_sizes.max()))
    if validation_func is not None and not callable(validation_func):
        raise TypeError(sentence("validation_func", "be callable", type(validation_func).__name__))

    single_rows = np.empty(0, np.int64) if _is_torch_dataset(X) else _rows_of_single_examples(given)
    if single_rows.size:
        _warn_of_single_examples(given[single_rows])

    pred_probs = np.zeros((len(given), len(class_sizes)))
    for train, holdout in _stratified_folds(given, cv_n_folds, seed):
        model = _fresh_copy(clf)
        train = np.append(train, single_rows[np.isin(single_rows, holdout)])
        X_holdout = take_rows(X, holdout)
        fit_kwargs = validation_func(X_holdout, given[holdout]) if validation_func is not None else {}
        model.fit(take_rows(X, train), given[train], **(clf_kwargs or {}), **fit_kwargs)
        pred_probs[holdout] = _predict(model, X_holdout, len(holdout), len(class_sizes))
    pred_probs[single_rows] = 0.0
    pred_probs[single_rows, given[single_rows]] = 1.0
    return pred_probs


def take_rows(X: Any, rows: NDArray[np.integer[Any]]) -> Any:
    """Return the given rows of a data set, in its own form and in the given order.

    Parameters
    ----------
    X : data frame or series with `iloc`, torch Dataset, sparse matrix, list, tuple, or indexable object
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
    if isinstance(X, list | tuple):
        return [X[row] for row in rows]
    return X[rows]


def _stratified_folds(
    labels: NDArray[np.int64], n_folds: int, seed: int | np.random.RandomState | None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (training rows, holdout rows) of every fold."""
    from sklearn.model_selection import StratifiedKFold

    if seed is None:
        seed = secrets.randbits(32)  # scikit-learn would draw from numpy's global generator
    folds: Iterator[Any] = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(labels, labels)
    return folds


def _fresh_copy(clf: Any) -> Any:
    """Return an unfitted copy of the classifier, a logistic regression if there is none."""
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression

    if clf is None:
        return LogisticRegression(solver="lbfgs")
    try:
        return clone(clf)
    except Exception as error:
        rule = "be copied by sklearn.base.clone, so that every fold trains a fresh model"
        fix = "Give it a `get_params` method, or cross-validate it yourself and pass `pred_probs`."
        raise ValueError(sentence("clf", rule, type(clf).__name__, fix)) from error


def _predict(model: Any, X: Any, n_rows: int, n_classes: int) -> NDArray[np.float64]:
    """Return `model.predict_proba(X)` with class k in column k, zero for a class unknown to the model."""
    predicted = np.asarray(model.predict_proba(X), dtype=np.float64)
    columns = _classes_of_columns(model, predicted.shape[-1:], n_classes)
    if predicted.shape != (n_rows, len(columns)):
        rule = f"have a `predict_proba` that returns shape (n_holdout, n_classes) = {(n_rows, n_classes)}"
        raise ValueError(sentence("clf", rule, f"shape {predicted.shape}"))
    pred_probs = np.zeros((n_rows, n_classes))
    pred_probs[:, columns] = predicted
    return pred_probs


def _classes_of_columns(model: Any, shape: tuple[int, ...], n_classes: int) -> NDArray[np.int64]:
    """Return the class of every predicted column: those the model names, else all."""
    every_class = np.arange(n_classes)
    named = np.asarray(getattr(model, "classes_", None))
    # A network has one output per class, also for classes that were absent when it noted `classes_`.
    return named if named.shape == shape and np.isin(named, every_class).all() else every_class


def _rows_of_single_examples(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of the classes with one example, by class.

    Stratified folds share out the examples of a class, so no other class can miss from a training part.
    """
    _, first_rows, sizes = np.unique(labels, return_index=True, return_counts=True)
    single_rows: NDArray[np.int64] = first_rows[sizes == 1]
    return single_rows


def _warn_of_single_examples(classes: NDArray[np.int64]) -> None:
    """Warn once, before the first fit, of classes too small for cross-validation."""
    text = (
        f"Each of the classes {classes.tolist()} has one example only, too few for cross-validation: "
        "the example was trained on as well, and its predicted probabilities repeat its label."
    )
    warnings.warn(text, UserWarning, stacklevel=3)


def _is_torch_dataset(X: Any) -> bool:
    """Tell whether `X` is a torch Dataset; if it is, torch has been imported already."""
    torch_data = sys.modules.get("torch.utils.data")
    return torch_data is not None and isinstance(X, torch_data.Dataset)


def _class_codes(labels: ArrayLike) -> NDArray[np.int64]:
    """Return `labels` as an array, or raise if they are not the codes 0, 1, ..., n_classes - 1."""
    codes = np.asarray(labels)
    if codes.ndim == 0:
        raise TypeError(sentence("labels", "be a sequence of integers", type(labels).__name__))
    if codes.ndim != 1:
        raise ValueError(sentence("labels", "have shape (n_samples,)", f"shape {codes.shape}"))
    if codes.dtype.kind not in "iu":
        raise ValueError(sentence("labels", "be integer class codes", f"dtype {codes.dtype}", RENUMBER))
    _check_classes(np.unique(codes))
    return codes.astype(np.int64)


def _check_classes(classes: NDArray[np.integer[Any]]) -> None:
    """Raise unless the sorted `classes` are 0, 1, ..., n_classes - 1, two at least."""
    if len(classes) < 2:
        raise ValueError(sentence("labels", "name at least 2 classes", str(len(classes))))
    if classes[0] < 0:
        raise ValueError(sentence("labels", "be class codes from 0 on", str(classes[0]), RENUMBER))
    missing = np.setdiff1d(np.arange(len(classes)), classes)  # not up to classes[-1], which may be huge
    if missing.size:
        rule = f"name every class from 0 to {classes[-1]}"
        raise ValueError(sentence("labels", rule, f"no example of class {missing[0]}", RENUMBER))


def _check_examples(X: Any, n_samples: int) -> None:
    """Raise unless `X` has `n_samples` rows that can be taken out."""
    if X is None:
        raise ValueError(sentence("X", "hold the examples", "None"))
    n_rows = _n_rows(X)
    if n_rows != n_samples:
        raise ValueError(sentence("X", f"have one row per label ({n_samples})", f"{n_rows} rows"))
    try:
        take_rows(X, np.array([0, n_samples - 1]))
    except Exception as error:
        rule = "give out rows by X[rows] or X.iloc[rows] for an integer array `rows`"
        raise TypeError(sentence("X", rule, type(X).__name__, "Convert it to a NumPy array.")) from error


def _n_rows(X: Any) -> int:
    """Return the number of rows of `X`; sparse matrices have a shape but no length."""
    try:
        return len(X)
    except TypeError:
        shape = getattr(X, "shape", ())
        if not shape:
            raise TypeError(sentence("X", "have a length or a shape", type(X).__name__)) from None
        return int(shape[0])


def _check_folds(cv_n_folds: int, largest_class: int) -> None:
    """Raise unless every fold can get an example of the largest class."""
    if not isinstance(cv_n_folds, Integral) or cv_n_folds < 2:
        raise ValueError(sentence("cv_n_folds", "be an integer of at least 2", repr(cv_n_folds)))
    if cv_n_folds > largest_class:
        rule = f"be at most {largest_class}, the number of examples of the largest class"
        raise ValueError(sentence("cv_n_folds", rule, str(cv_n_folds)))
