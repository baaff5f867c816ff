"""Cross-validation of linear models without fitting any: all folds share the moments of the rows.

Least squares and ridge regression know rows only through sums of ``z z'`` with ``z = (x, 1, y)``. One pass over the
rows takes them for every fold of several cross-validations; what trains a model is the total without a fold. Another
pass predicts. Solving costs d^3 for d columns, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from numbers import Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_matrix
from fastcl.engine.blas import multiply, one_blas_thread_each
from fastcl.engine.block_sums import sum_blocks
from fastcl.engine.blocks import slices
from fastcl.engine.threads import for_each, resolve_n_jobs
from fastcl.regression.moments import choose, gather_groups, solve
from fastcl.regression.refit import Refits
from fastcl.regression.splits import CrossPredictor, Floats, Split

#: Above such a sum of variance inflation factors, sums of squares are too inexact for nine equal digits.
LARGEST_INFLATION = 1e5

#: Least relative size of a singular value that any release of scikit-learn takes for one: above 1.9, `tol` says.
CUTOFF = 1e-10

#: Values of a block of rows: smaller ones keep the interpreter busy, larger ones leave the cache.
BLOCK_VALUES = 1 << 18

#: Bytes of moments that are summed up at a time; and those of one cross-validation above which models are fitted.
MOMENT_BYTES, MOST_MOMENT_BYTES = 1 << 25, 1 << 27


@dataclass(frozen=True)
class LeastSquares:
    """What a linear model minimises: squared errors, plus `penalty` times the squared coefficients.

    Directions of the rows that are smaller than `cutoff` times the largest get no coefficient.
    """

    has_intercept: bool
    penalty: float
    cutoff: float

    @classmethod
    def of(cls, model: Any) -> Self | None:
        """Return what scikit-learn's `LinearRegression` or `Ridge` minimises, None for any other model.

        Subclasses may do otherwise; so do constraints, several penalties and iterative solvers.
        """
        from sklearn.linear_model import LinearRegression, Ridge

        if type(model) not in (LinearRegression, Ridge) or model.positive is not False:
            return None
        is_ridge = type(model) is Ridge
        number = model.alpha if is_ridge else getattr(model, "tol", CUTOFF)
        if not (isinstance(model.fit_intercept, bool) and isinstance(number, Real) and 0 <= float(number) < np.inf):
            return None
        if not is_ridge:
            return cls(model.fit_intercept, 0.0, max(float(number), CUTOFF))
        return cls(model.fit_intercept, float(number), 0.0) if model.solver in ("auto", "cholesky", "svd") else None


@dataclass(frozen=True, eq=False)
class LinearFolds:
    """Cross-validates least squares on dense rows; `refits` does where sums of squares are not exact enough.

    Rows are shifted by about their mean, which saves the digits of columns that vary little; `total` holds the
    moments of all of them.
    """

    problem: LeastSquares
    X: npt.NDArray[Any]
    shift: Floats
    total: Floats
    refits: Refits
    n_threads: int
    limit: ExitStack

    @classmethod
    def of(cls, problem: LeastSquares, X: npt.NDArray[Any], refits: Refits, limit: ExitStack) -> Self:
        """Take the moments of all rows; one pass."""
        n_threads = resolve_n_jobs(refits.n_jobs)
        y = np.zeros(len(X))
        shift = np.zeros(X.shape[1])
        quiet = partial(np.errstate, over="ignore", invalid="ignore")  # rows that are refused have infinite moments
        if problem.has_intercept:
            with quiet():
                sample = np.ascontiguousarray(X[:: max(1, len(X) // 1024)])  # sums depend on the layout
                shift = sample.mean(axis=0, dtype=np.float64)

        def terms(block: slice) -> list[Floats]:
            with quiet():
                z = _read(X, shift, y, block)
                return [multiply(z.T, z)]

        (total,) = sum_blocks(_blocks(X), terms, n_threads)
        return cls(problem, X, shift, total, refits, n_threads, limit)

    def predict(self, y: Floats, splits: Sequence[Split]) -> list[Floats]:
        """Return what each cross-validation predicts for every row; two passes."""
        predicted: list[Floats] = []
        largest = _moment_bytes(self.X.shape[1], max((split.n_folds for split in splits), default=0))
        if largest <= MOST_MOMENT_BYTES:
            with one_blas_thread_each():
                for some in slices(len(splits), max(1, MOMENT_BYTES // largest)):
                    predicted += self._predict(y, splits[some])
        if len(predicted) == len(splits):
            return predicted
        self.limit.close()  # models that are fitted may use all threads
        return self.refits.predict(y, splits)

    def _predict(self, y: Floats, splits: Sequence[Split]) -> list[Floats]:
        """Return the predictions, none if a model cannot be relied on."""
        y_shift = float(y.mean()) if self.problem.has_intercept else 0.0
        groups = [split.group_of_row() for split in splits]
        n_folds = [split.n_folds for split in splits]
        moments = self._training_moments(y - y_shift, groups, n_folds)
        coefficients = self._solve(moments)
        if coefficients is None:
            return []
        predicted = [np.empty(len(y)) for _ in splits]
        first = np.cumsum([0, *n_folds])

        def fill(block: slice) -> None:
            of_models = multiply(_read(self.X, self.shift, y, block)[:, :-1], coefficients)
            for c, own in enumerate(groups):
                choose(of_models, first[c], n_folds[c], own[block], predicted[c][block])

        for_each(_blocks(self.X), fill, self.n_threads)
        return [own + y_shift for own in predicted]

    def _training_moments(self, y: Floats, groups: Sequence[npt.NDArray[np.int32]], n_folds: Sequence[int]) -> Floats:
        """Return the moments of the rows that train each model: the total without a fold and without rows in none.

        Those of the last fold are what is left of the total.
        """
        wanted = [np.arange(folds + 1) != folds - 1 for folds in n_folds]

        def terms(block: slice) -> list[Floats]:
            z = _read(self.X, self.shift, y, block)
            of_groups = [_of_groups(z, own[block], kept) for own, kept in zip(groups, wanted, strict=True)]
            return [multiply(z.T, z[:, -1]), *of_groups]

        of_y, *sums = sum_blocks(_blocks(self.X), terms, self.n_threads)
        total = self.total.copy()
        total[-1], total[:, -1] = of_y, of_y
        for own in sums:
            total_in_folds = total - own[-1]
            own[-2] = total_in_folds - own[:-2].sum(axis=0)
            np.subtract(total_in_folds, own[:-1], out=own[:-1])
        return np.concatenate([own[:-1] for own in sums])

    def _solve(self, models: Floats) -> Floats | None:
        """Return the coefficients of ``(x, 1)`` of each model as a column, None if one of them cannot be relied on."""
        d = self.X.shape[1]
        coefficients = np.empty((len(models), d + 1))
        reliable = np.zeros(len(models), np.bool_)
        has_intercept, penalty, cutoff = self.problem.has_intercept, self.problem.penalty, self.problem.cutoff

        def work(models_of_part: slice) -> None:
            upper, inverse = np.empty((d, d)), np.empty((d, d))
            for m in range(models_of_part.start, models_of_part.stop):
                reliable[m] = solve(
                    models[m], has_intercept, penalty, cutoff, LARGEST_INFLATION, upper, inverse, coefficients[m]
                )

        for_each(slices(len(models), 5), work, self.n_threads)
        return coefficients.T if reliable.all() else None


@contextmanager
def fastest(refits: Refits) -> Iterator[CrossPredictor]:
    """Yield what cross-validates a model without fitting it if it is linear and its rows allow, `refits` if not."""
    problem = None if refits.fit_kwargs else LeastSquares.of(refits.model)
    rows = None if problem is None else _dense_rows(refits.X)
    if problem is None or rows is None or len(rows) <= rows.shape[1]:
        yield refits
        return
    with ExitStack() as limit:  # once for all passes: it takes 4 ms to find the libraries (threadpoolctl 3.6)
        limit.enter_context(one_blas_thread_each())
        folds = LinearFolds.of(problem, rows, refits, limit)
        if np.isfinite(folds.total).all():
            yield folds
            return
    yield refits


def _dense_rows(X: Any) -> npt.NDArray[Any] | None:
    """Return rows of numbers as an array, None if they are anything else."""
    try:
        rows = as_matrix("X", X)
    except (TypeError, ValueError):
        return None
    is_dense = rows.ndim == 2 and rows.shape[1] > 0 and rows.dtype.kind in "fiub"
    return rows if is_dense and _moment_bytes(rows.shape[1], 1) <= MOST_MOMENT_BYTES else None


def _moment_bytes(n_features: int, n_folds: int) -> int:
    """Return the size of the moments of one cross-validation."""
    return 8 * (n_folds + 1) * (n_features + 2) ** 2


def _blocks(X: npt.NDArray[Any]) -> Iterator[slice]:
    """Cut rows into blocks, of enough rows that summing up is little work beside their products."""
    d = X.shape[1]
    return slices(len(X), max(BLOCK_VALUES // (d + 2), 2 * d))


def _read(X: npt.NDArray[Any], shift: Floats, y: Floats, block: slice) -> Floats:
    """Return the rows of a block as ``(x - shift, 1, y)``."""
    z = np.empty((block.stop - block.start, X.shape[1] + 2))
    np.subtract(X[block], shift, out=z[:, :-2])
    z[:, -2] = 1
    z[:, -1] = y[block]
    return z


def _of_groups(z: Floats, groups: npt.NDArray[np.int32], wanted: npt.NDArray[np.bool_]) -> Floats:
    """Return the moments of the rows of each wanted group."""
    gathered, ends = np.empty_like(z), np.empty(len(wanted), np.int64)
    gather_groups(z, groups, wanted, ends, gathered)
    moments = np.empty((len(wanted), z.shape[1], z.shape[1]))
    for group, (start, end) in enumerate(pairwise([0, *ends.tolist()])):
        multiply(gathered[start:end].T, gathered[start:end], out=moments[group])
    return moments
