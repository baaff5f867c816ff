"""Predicted probabilities of every row by a model that has not seen it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcl.core.arrays import missing_rows
from fastcl.core.errors import sentence, warn
from fastcl.cross_validation.folds import Fold, classification_folds, run_folds
from fastcl.cross_validation.rows import as_rows, check_rows, take_of_each, take_rows

#: Labels as given, their sorted classes, and the position of each label among these.
Labels = tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]

ValidationFunc = Callable[[Any, NDArray[Any]], Mapping[str, Any]]


def cross_val_pred_probs(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    cv: Any = 5,
    groups: Any = None,
    n_jobs: int | None = None,
    seed: Any = None,
    params: Mapping[str, Any] | None = None,
    validation_func: ValidationFunc | None = None,
    knn_graph: Any = None,
    verbose: bool = True,
) -> NDArray[np.float64]:
    """Predict the class probabilities of every row with a model trained without that row.

    The rows are dealt into folds with about the same share of every class; a fresh copy of `estimator` is trained on
    all folds but one and predicts the fold left out. A model judging its own training rows would repeat their labels,
    wrong ones included. The estimate is poor for classes with fewer rows than folds, and too good to be true where
    rows of different folds are copies of each other: then give their `groups`.

    Parameters
    ----------
    estimator : scikit-learn classifier or None
        Has `fit` and `predict_proba` and can be copied by `sklearn.base.clone`; itself it is never fitted.
        None stands for `LogisticRegression()`.
    X : array, data frame, series, sparse matrix, list or torch Dataset with n_samples rows
        The rows, in any form that `estimator` takes and that can be cut (see `take_rows`).
    y : array-like of shape (n_samples,)
        Given labels: integers, strings or booleans; at least two classes.
    cv : int, splitter or iterable of (training rows, held-out rows)
        How many stratified folds (from 2 to the number of rows of the largest class), or how to make them, as
        anywhere in scikit-learn. Every row must be held out at least once; predictions of a row that is held out
        more often are averaged.
    groups : array-like of shape (n_samples,), or Duplicates, optional
        Rows of one group (of one patient, one document, ...) are always held out together. What
        `fastcl.neighbors.find_exact_duplicates` or `find_near_duplicates` return keeps copies together.
    n_jobs : int, optional
        How many folds to work on at a time, in threads, each with one BLAS thread; the answer does not depend on the
        number. By default one fold with as many BLAS threads as the host allows, or what `joblib.parallel_config` says.
    seed : int, RandomState or Generator, optional
        Fixes the folds, if `cv` is a number. Without it they are the same in every call; NumPy's global generator is
        neither read nor changed.
    params : mapping, optional
        More arguments for every call of `fit`; those with one entry a row are cut with the rows.
    validation_func : callable, optional
        `validation_func(X_holdout, y_holdout)` returns arguments for the `fit` of that fold, say the validation
        data of an early stop.
    knn_graph : KNNGraph or sparse matrix, optional
        Neighbours of the rows, if at hand: warns if rows have an identical row in another fold.
    verbose : bool
        Show a progress bar on a terminal if it takes longer than two seconds.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_classes)
        Row i holds what models that had not seen row i predict for it; the columns are the classes in sorted order,
        as `np.unique(y)` has them.

    Raises
    ------
    ValueError
        If `y` is not one label a row or names fewer than two classes; if `X` is None or has another length; if `cv`
        makes too many folds, leaves a row out, or trains on rows it holds out; if `estimator` has no
        `predict_proba` or cannot be cloned; if `predict_proba` returns other columns than those of the classes.
    TypeError
        If `X` has no length or cannot be cut into rows; if `validation_func` is not callable.

    Warns
    -----
    UserWarning
        If all rows of a class are held out together, say because it has only one. Lest a model never meet that class,
        one of these rows is trained on all the same, and its row of the result is one at its given label and zero
        elsewhere. And if rows have copies in other folds, see `knn_graph`.

    Notes
    -----
    One `fit` a fold; memory beyond the result is one copy of `X` a thread.

    References
    ----------
    Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021,
    Section 3.

    Examples
    --------
    The third row lies among those of "cat", and a model that has not seen its label says so.

    >>> import numpy as np
    >>> X = np.array([[1.0], [2.0], [1.5], [8.0], [9.0], [8.5], [1.2], [8.8]])
    >>> y = ["cat", "cat", "dog", "dog", "dog", "dog", "cat", "dog"]
    >>> pred_probs = cross_val_pred_probs(None, X, y, cv=3)
    >>> pred_probs.shape
    (8, 2)
    >>> bool(pred_probs[2, 0] > 0.5)
    True
    """
    return predict_held_out(
        as_classifier("estimator", estimator),
        X,
        as_classes("y", y),
        cv=cv,
        groups=groups,
        n_jobs=n_jobs,
        seed=seed,
        params=params,
        validation_func=validation_func,
        knn_graph=knn_graph,
        verbose=verbose,
    )


def predict_held_out(
    estimator: Any,
    X: Any,
    labels: Labels,
    *,
    cv: Any,
    groups: Any,
    n_jobs: int | None,
    seed: Any,
    params: Mapping[str, Any] | None,
    validation_func: ValidationFunc | None,
    knn_graph: Any = None,
    verbose: bool,
) -> NDArray[np.float64]:
    """Do what `cross_val_pred_probs` is for, with an estimator and labels that are checked already."""
    given, classes, codes = labels
    X = as_rows(X)
    check_rows(X, len(codes))
    if validation_func is not None and not callable(validation_func):
        raise TypeError(sentence("validation_func", "be callable", type(validation_func).__name__))
    if groups is not None:
        groups = _as_groups(groups, len(codes))
    folds = classification_folds(cv, codes, groups=groups, seed=seed, X=X)
    if knn_graph is not None:
        _warn_of_copies(knn_graph, folds, len(codes))
    folds, borrowed = _lend_missing_classes(folds, codes, classes)

    params = _as_arguments("params", {} if params is None else params)
    work = partial(_predict_fold, estimator, X, given, classes, params, validation_func)
    pred_probs = np.zeros((len(codes), len(classes)))
    n_predictions = np.zeros(len(codes))
    for fold, predicted in zip(folds, run_folds(work, folds, n_jobs=n_jobs, verbose=verbose), strict=True):
        pred_probs[fold.holdout] += predicted
        n_predictions[fold.holdout] += 1
    pred_probs /= n_predictions[:, np.newaxis]
    pred_probs[borrowed] = 0.0
    pred_probs[borrowed, codes[borrowed]] = 1.0
    return pred_probs


def as_classifier(name: str, estimator: Any) -> Any:
    """Return the classifier, a logistic regression for None, or raise if it cannot be cross-validated."""
    from sklearn.linear_model import LogisticRegression

    if estimator is None:
        return LogisticRegression()
    if isinstance(estimator, type):
        rule = "be an estimator, not a class of estimators"
        raise ValueError(sentence(name, rule, estimator.__name__, f"Write {estimator.__name__}()."))
    for method in ("fit", "predict_proba"):
        if not hasattr(estimator, method):
            fix = "Wrap it in CalibratedClassifierCV, or cross-validate it yourself and pass `pred_probs`."
            rule = f"have `{method}`"
            raise ValueError(sentence(name, rule, type(estimator).__name__, fix if method == "predict_proba" else ""))
    fresh_copy(name, estimator)
    return estimator


def fresh_copy(name: str, estimator: Any) -> Any:
    """Return an unfitted copy."""
    from sklearn.base import clone

    try:
        return clone(estimator)
    except Exception as error:
        rule = "be copied by sklearn.base.clone, so that every fold trains a fresh model"
        fix = "Give it a `get_params` method, or cross-validate it yourself and pass `pred_probs`."
        raise ValueError(sentence(name, rule, type(estimator).__name__, fix)) from error


def as_classes(name: str, y: Any) -> Labels:
    """Return labels as given, their sorted classes, and the position of each label among these."""
    from sklearn.utils.multiclass import check_classification_targets

    given = as_label_array(name, y)
    _refuse_missing(name, given)
    try:
        classes, codes = np.unique(given, return_inverse=True)
    except TypeError as error:
        kinds = ", ".join(sorted({type(label).__name__ for label in given.tolist()}))
        raise TypeError(sentence(name, "hold labels of one kind", kinds)) from error
    try:
        check_classification_targets(given)
    except (TypeError, ValueError) as error:
        raise type(error)(sentence(name, "hold classes", str(error).split(". ")[0])) from error
    if len(classes) < 2:
        fix = "With one class there is no other that a label could belong to."
        raise ValueError(sentence(name, "name at least 2 classes", f"1 class ({classes.tolist()[0]!r})", fix))
    return given, classes, codes


def as_label_array(name: str, y: Any) -> NDArray[Any]:
    """Return labels of any container as an array, one a row; a column is one too, with scikit-learn's warning."""
    from sklearn.utils.validation import column_or_1d

    if y is None:
        raise ValueError(sentence(name, "hold the labels; requires y to be passed, but the target y is None"))
    if isinstance(y, str | Mapping | Set) or not (hasattr(y, "__len__") or hasattr(y, "__array__")):
        raise TypeError(sentence(name, "be a sequence of labels", type(y).__name__))
    try:
        given = np.asarray(y)
    except ValueError as error:
        raise ValueError(sentence(name, "be one label a row", "rows of different lengths")) from error
    if np.ma.is_masked(y):
        raise ValueError(sentence(name, "hold no masked values", f"{np.ma.getmaskarray(y).sum():,} of them"))
    if given.ndim != 1 and given.shape[1:] != (1,):
        raise ValueError(sentence(name, "be one label a row", f"shape {given.shape}"))
    _refuse_mixed(name, given, y)
    if not given.size:
        raise ValueError(sentence(name, "have at least one row", "none"))
    return column_or_1d(given, warn=True)


def _refuse_mixed(name: str, given: NDArray[Any], y: Any) -> None:
    """Raise if labels have no order, or were numbers among texts, which became texts."""
    if given.dtype.kind == "c":
        fix = "Complex data not supported."  # the words that scikit-learn looks for
        raise ValueError(sentence(name, "hold integers, strings or booleans", f"dtype {given.dtype}", fix))
    if given.dtype.kind == "S":
        raise TypeError(sentence(name, "hold integers, strings or booleans", "bytes"))
    if given.dtype.kind == "U" and given.ndim == 1 and isinstance(y, list | tuple):
        kinds = {type(label).__name__ for label in y if not isinstance(label, str)}
        if kinds:
            raise TypeError(sentence(name, "hold labels of one kind", ", ".join(sorted(kinds | {"str"}))))


def _refuse_missing(name: str, given: NDArray[Any]) -> None:
    """Raise ValueError if values are missing or infinite."""
    bad = np.flatnonzero(missing_rows(given) | (np.isinf(given) if given.dtype.kind == "f" else False))
    if bad.size:
        got = f"{given[bad[0]]} in row {bad[0]:,} ({bad.size:,} such rows)"
        raise ValueError(sentence(name, "hold no NaN, infinity or None", got, "Leave such rows out."))


def _as_groups(groups: Any, n_samples: int) -> NDArray[Any]:
    """Return the group of each row; for duplicates, a row without any is a group of its own."""
    array = np.asarray(getattr(groups, "fold_groups", groups))
    if array.shape != (n_samples,):
        raise ValueError(sentence("groups", f"have shape ({n_samples},)", f"shape {array.shape}"))
    _refuse_missing("groups", array)
    if array.dtype.kind in "if" and (array == -1).any():
        got = f"-1 in {np.count_nonzero(array == -1):,} rows, which would all be held out together"
        fix = "If -1 marks rows without a group, give each a number of its own (as `Duplicates.fold_groups` does)."
        raise ValueError(sentence("groups", "hold the number of a group for every row", got, fix))
    try:
        np.unique(array)
    except TypeError as error:
        raise TypeError(sentence("groups", "hold values of one kind", "several kinds")) from error
    return array


def _as_arguments(name: str, arguments: Any) -> dict[str, Any]:
    """Return arguments of `fit` as a dict of one's own, or raise."""
    if not isinstance(arguments, Mapping):
        rule = "be a dict of arguments of `fit`" if name == "params" else "return a dict of arguments of `fit`"
        raise TypeError(sentence(name, rule, type(arguments).__name__))
    return dict(arguments)


def _predict_fold(
    estimator: Any,
    X: Any,
    given: NDArray[Any],
    classes: NDArray[Any],
    params: Mapping[str, Any],
    validation_func: ValidationFunc | None,
    fold: Fold,
) -> NDArray[np.float64]:
    """Train a fresh model on a fold and return what it predicts for the rows held out."""
    X_holdout = take_rows(X, fold.holdout)
    arguments = take_of_each(params, len(given), fold.train)
    if validation_func is not None:
        arguments |= _as_arguments("validation_func", validation_func(X_holdout, given[fold.holdout]))
    model = fresh_copy("estimator", estimator)
    model.fit(take_rows(X, fold.train), given[fold.train], **arguments)  # some return nothing
    return _aligned(model, model.predict_proba(X_holdout), len(fold.holdout), classes)


def _aligned(model: Any, predicted: Any, n_rows: int, classes: NDArray[Any]) -> NDArray[np.float64]:
    """Return predictions with class k in column k, zero for a class unknown to the model."""
    predicted = np.asarray(predicted, dtype=np.float64)
    columns = _places(model, predicted.shape[-1:], classes)
    if predicted.shape != (n_rows, len(columns)):
        rule = f"return shape (n_holdout, n_classes) = {(n_rows, len(classes))}"
        raise ValueError(sentence("predict_proba", rule, f"shape {predicted.shape} from {type(model).__name__}"))
    pred_probs = np.zeros((n_rows, len(classes)))
    pred_probs[:, columns] = predicted
    return pred_probs


def _places(model: Any, shape: tuple[int, ...], classes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the place of every predicted column among the classes: those the model names, else all."""
    named = np.asarray(getattr(model, "classes_", None))
    # A network has one output per class, also for classes that were absent when it noted `classes_`.
    if named.shape == shape and np.isin(named, classes).all():
        return np.searchsorted(classes, named)
    return np.arange(len(classes))


def _lend_missing_classes(
    folds: list[Fold], codes: NDArray[np.int64], classes: NDArray[Any]
) -> tuple[list[Fold], NDArray[np.int64]]:
    """Return folds each of which trains on every class, and the held-out rows lent for that."""
    lent: list[int] = []
    complete = []
    for fold in folds:
        missing = np.setdiff1d(codes[fold.holdout], codes[fold.train])
        rows = [fold.holdout[np.argmax(codes[fold.holdout] == code)] for code in missing]
        lent += rows
        complete.append(Fold(np.append(fold.train, np.array(rows, np.int64)), fold.holdout))
    rows_lent = np.unique(np.array(lent, np.int64))
    if rows_lent.size:
        names = ", ".join(map(str, classes[np.unique(codes[rows_lent])][:10]))
        warn(
            f"All rows of {np.unique(codes[rows_lent]).size} class(es) are held out together, too few for "
            f"cross-validation or all in one group: {names}. {rows_lent.size} of their rows were trained on all the "
            "same, and their predicted probabilities repeat their labels."
        )
    return complete, rows_lent


def _warn_of_copies(knn_graph: Any, folds: list[Fold], n_samples: int) -> None:
    """Warn if rows have an identical row that is not held out with them."""
    from fastcl.neighbors.graph import as_knn_graph

    graph = as_knn_graph(knn_graph, n_samples=n_samples, name="knn_graph")
    leaks = np.zeros(n_samples, np.bool_)
    for fold in folds:
        trained = np.zeros(n_samples, np.bool_)
        trained[fold.train] = True
        near = graph.indices[fold.holdout]
        leaks[fold.holdout] |= (trained[near] & (graph.distances[fold.holdout] <= 0)).any(axis=1)
    if leaks.any():
        warn(
            f"{np.count_nonzero(leaks):,} rows have an identical row among those that their model is trained on, which "
            "makes their predictions too good to be true. Pass `groups=fastcl.neighbors.find_exact_duplicates(X)`, "
            "which keeps copies together."
        )
