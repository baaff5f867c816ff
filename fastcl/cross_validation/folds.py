"""Which rows are predicted by a model trained on which others, and the work on each of these folds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastcl.core.errors import sentence
from fastcl.engine.blas import one_blas_thread_each
from fastcl.engine.progress import Progress
from fastcl.engine.threads import resolve_n_jobs

Result = TypeVar("Result")

Rows = NDArray[np.int64]


class Fold(NamedTuple):
    """The rows a model is trained on, and those it then predicts."""

    train: Rows
    holdout: Rows


def run_folds(
    work: Callable[[Any], Result], folds: Sequence[Any], *, n_jobs: int | None = None, verbose: bool = False
) -> list[Result]:
    """Return `work(fold)` of every fold, in their order.

    Model fits are the caller's code, so they run as scikit-learn runs them: one after the other unless `n_jobs` asks
    for threads, or `joblib.parallel_config` for something else. Results do not depend on the number: whenever there is
    one, each fit has one BLAS thread. (Two fits with two BLAS threads each on two cores wait for each other: a
    logistic regression of digits took 27 s on a busy machine, and 0.4 s so.)

    Examples
    --------
    >>> run_folds(len, ["a", "bc"])
    [1, 2]
    """
    from joblib import Parallel, delayed, effective_n_jobs
    from sklearn import get_config

    if n_jobs is not None:
        resolve_n_jobs(n_jobs)  # says what is allowed
    run = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    one_after_the_other = n_jobs is None and effective_n_jobs() == 1
    blas = nullcontext() if one_after_the_other else one_blas_thread_each()
    with blas, Progress("folds", len(folds), wanted=verbose, unit="folds") as progress:
        job = delayed(partial(_configured, get_config(), work))
        return list(progress.over(run(job(fold) for fold in folds), lambda _: 1))


def _configured(config: dict[str, Any], work: Callable[[Any], Result], fold: Any) -> Result:
    """Work with the caller's settings of scikit-learn, which every thread has its own of.

    The `delayed` of scikit-learn would set the warning filters too; these are one for all threads, and were left
    changed by two calls of three.
    """
    from sklearn import config_context

    with config_context(**config):
        return work(fold)


def classification_folds(
    cv: Any, labels: NDArray[Any], *, groups: Any = None, seed: Any = None, X: Any = None
) -> list[Fold]:
    """Return the folds of a classification: a number, a splitter, or pairs (training rows, held-out rows)."""
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        _check_number_of_folds(int(cv), labels, groups)
        cv = _stratified(int(cv), seed, grouped=groups is not None)
    elif isinstance(cv, str | type) or not (hasattr(cv, "split") or isinstance(cv, Iterable)):
        fix = "Splitters are in sklearn.model_selection."
        raise ValueError(sentence("cv", "be a number, a splitter or pairs of row numbers", repr(cv), fix))
    X = np.empty((len(labels), 0)) if X is None else X
    pairs = cv.split(X, labels, groups) if hasattr(cv, "split") else cv
    return checked_folds(pairs, len(labels))


def checked_folds(pairs: Iterable[Any], n_samples: int) -> list[Fold]:
    """Return pairs of row numbers as folds, or raise if a model would see a row it predicts, or a row is left out."""
    folds = [_as_fold(pair, n_samples) for pair in pairs]
    n_predictions = np.zeros(n_samples, np.int64)
    for train, holdout in folds:
        n_predictions[holdout] += 1
        is_trained = np.zeros(n_samples, np.bool_)
        is_trained[train] = True
        seen = np.unique(holdout[is_trained[holdout]])
        if seen.size:
            got = f"row {seen[0]:,} in both ({seen.size:,} such rows)"
            raise ValueError(sentence("cv", "hold out rows that it does not train on", got))
    if not n_predictions.all():
        got = f"row {n_predictions.argmin():,} in no held-out part ({np.count_nonzero(n_predictions == 0):,} such rows)"
        raise ValueError(sentence("cv", "hold out every row at least once", got))
    return folds


def as_random_state(seed: Any) -> np.random.RandomState:
    """Return a generator of one's own: from an integer, a RandomState (used on), a Generator (drawn from), None (0).

    Without a seed there is nothing random: every call deals the same folds.

    Examples
    --------
    >>> as_random_state(None).randint(10) == as_random_state(0).randint(10)
    True
    """
    if isinstance(seed, np.random.RandomState):
        return seed
    if isinstance(seed, np.random.Generator):
        return np.random.RandomState(int(seed.integers(1 << 32)))
    if seed is None:
        return np.random.RandomState(0)
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 1 << 32:
        rule = "be None, an integer from 0 to 2**32 - 1, or a NumPy RandomState or Generator"
        raise ValueError(sentence("seed", rule, repr(seed)))
    return np.random.RandomState(int(seed))


def _stratified(n_folds: int, seed: Any, *, grouped: bool) -> Any:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedGroupKFold if grouped else StratifiedKFold
    return kind(n_folds, shuffle=True, random_state=as_random_state(seed))


def _check_number_of_folds(n_folds: int, labels: NDArray[Any], groups: Any) -> None:
    """Raise unless every fold can get a row of the largest class, or a group of its own."""
    if n_folds < 2:
        raise ValueError(sentence("cv", "be at least 2 folds", str(n_folds)))
    largest = int(np.unique(labels, return_counts=True)[1].max())
    if n_folds > largest:
        rule = f"be at most the number of rows of the largest class, {largest}"
        raise ValueError(sentence("cv", rule, f"{n_folds} folds"))
    if groups is not None and n_folds > (n_groups := len(np.unique(np.asarray(groups)))):
        raise ValueError(sentence("cv", f"be at most {n_groups} folds, the number of groups", str(n_folds)))


def _as_fold(pair: Any, n_samples: int) -> Fold:
    try:
        train, holdout = pair
    except (TypeError, ValueError) as error:
        got = type(pair).__name__ + (f" of length {len(pair)}" if hasattr(pair, "__len__") else "")
        raise ValueError(sentence("cv", "yield pairs of row numbers", got)) from error
    return Fold(_row_numbers(train, n_samples), _row_numbers(holdout, n_samples))


def _row_numbers(rows: Any, n_samples: int) -> Rows:
    """Return what a splitter yields, row numbers or a mask, as row numbers."""
    numbers = np.asarray(rows)
    if numbers.dtype == np.bool_ and numbers.shape == (n_samples,):
        numbers = np.flatnonzero(numbers)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise ValueError(sentence("cv", "yield pairs of row numbers", f"{numbers.dtype} of shape {numbers.shape}"))
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < n_samples:
        rule = f"yield row numbers from 0 to {n_samples - 1}"
        raise ValueError(sentence("cv", rule, f"{numbers.min()} to {numbers.max()}"))
    return numbers.astype(np.int64)
