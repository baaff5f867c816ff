"""Ridge regression on class indicators, and what it predicts for every row when fitted without that row.

With centred rows x, indicators y, class shares as intercept and eigenvalues s, eigenvectors V of the Gram matrix,
each strength alpha costs only products of rows with two small matrices:

    leverage    h_i = 1/n + |x_i V (s + alpha)^{-1/2}|^2
    prediction  f_i = prior + x_i V (s + alpha)^{-1} V^T X^T Y
    without i   y_i + (f_i - y_i) / (1 - h_i)

which is exactly what the regression fitted to the other rows, intercept included, predicts for row i.

Allen, "The relationship between variable selection and data augmentation and a method for prediction",
Technometrics 16, 1974; Golub, Heath, Wahba, "Generalized cross-validation", Technometrics 21, 1979.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.engine.blas import eigenvectors, multiply
from fastcl.engine.block_sums import sum_blocks, wide_blocks
from fastcl.engine.threads import for_each

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Design:
    """Labelled rows, and how they are prepared for the regression, block by block.

    `rows` is an array, a memory map or a CSR matrix; `prepare` turns a dense block of it into regressors of `dtype`.
    """

    rows: Any
    codes: npt.NDArray[np.int32]
    n_classes: int
    prepare: Callable[[Floats], Floats]
    n_regressors: int
    dtype: np.dtype[Any]
    n_threads: int

    def __len__(self) -> int:
        return len(self.codes)

    def blocks(self) -> Any:
        """Cut the rows into blocks, however many threads there are."""
        return wide_blocks(len(self), max(self.n_regressors, self.rows.shape[1], self.n_classes))

    def regressors(self, block: slice) -> Floats:
        """Return a block of rows, prepared."""
        rows = self.rows[block]
        return self.prepare(rows if isinstance(rows, np.ndarray) else rows.toarray())

    def prepared(self) -> Design:
        """Return the same with all regressors in memory, for few rows that are looked at several times."""
        regressors = np.empty((len(self), self.n_regressors), self.dtype)

        def fill(block: slice) -> None:
            regressors[block] = self.regressors(block)

        for_each(self.blocks(), fill, self.n_threads)
        return replace(self, rows=regressors, prepare=lambda rows: rows)


#: Reciprocals of smaller ones, over the lowest strength, leave the range of floats: features of 1e-145 are all alike.
SMALLEST_EIGENVALUE = 1e-290


@dataclass(frozen=True, eq=False)
class LooRidge:
    """The regression for any strength: means, class shares, eigenvalues and eigenvectors, and V^T X^T Y."""

    n_rows: int
    mean: npt.NDArray[np.float64]
    prior: npt.NDArray[np.float64]
    eigenvalues: npt.NDArray[np.float64]
    vectors: npt.NDArray[np.float64]
    targets: npt.NDArray[np.float64]

    @classmethod
    def of(cls, design: Design) -> Self:
        """Return the regression on all rows of a design; one pass."""

        def terms(block: slice) -> list[npt.NDArray[Any]]:
            x = design.regressors(block)
            sums = np.zeros((design.n_classes, design.n_regressors))
            add_by_class(x, design.codes[block], sums)
            return [multiply(x.T, x), sums]

        gram, sums = sum_blocks(design.blocks(), terms, design.n_threads)
        counts = np.bincount(design.codes, minlength=design.n_classes)
        mean = sums.sum(axis=0) / len(design)
        gram -= len(design) * np.outer(mean, mean)
        eigenvalues, vectors = eigenvectors(gram)
        targets = multiply(vectors.T, (sums - np.outer(counts, mean)).T)
        eigenvalues = np.where(eigenvalues > SMALLEST_EIGENVALUE, eigenvalues, 0)
        return cls(len(design), mean, counts / len(design), eigenvalues, vectors, targets)

    @property
    def scale(self) -> float:
        """The mean eigenvalue, with which a strength is to be compared; 1 if all rows are the same."""
        return float(self.eigenvalues.mean()) or 1.0

    def errors(self, design: Design, alphas: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the mean squared leave-one-out error of every strength, on some of the rows."""
        solutions = [self.at(alpha, design.dtype) for alpha in alphas]
        turn = self.vectors.astype(design.dtype)
        mean = self.mean.astype(design.dtype)

        def terms(block: slice) -> list[npt.NDArray[Any]]:
            z = multiply(design.regressors(block) - mean, turn)
            squares, codes = z * z, design.codes[block]
            return [np.array([solution.turned_error(z, squares, codes) for solution in solutions])]

        (sums,) = sum_blocks(design.blocks(), terms, design.n_threads)
        return sums / len(design)

    def at(self, alpha: float, dtype: npt.DTypeLike = np.float64) -> LooSolution:
        """Return the regression of one strength, to be applied to rows of `dtype`."""
        shrunk = 1 / (self.eigenvalues + alpha)
        return LooSolution(
            n_rows=self.n_rows,
            mean=self.mean.astype(dtype),
            prior=self.prior.astype(dtype),
            shrunk=shrunk.astype(dtype),
            turned=(shrunk[:, None] * self.targets).astype(dtype),
            vectors=self.vectors,
        )


@dataclass(frozen=True, eq=False)
class LooSolution:
    """The regression of one strength."""

    n_rows: int
    mean: Floats
    prior: Floats
    shrunk: Floats
    turned: Floats
    vectors: npt.NDArray[np.float64]

    def weights(self) -> Floats:
        """Return the matrix that takes centred rows to roots of leverages and to predictions, side by side."""
        roots = self.vectors * np.sqrt(self.shrunk)
        return np.hstack([roots, multiply(self.vectors, self.turned)]).astype(self.mean.dtype)

    def scores(self, x: Floats, codes: npt.NDArray[np.int32], weights: Floats) -> Floats:
        """Return the leave-one-out predictions for a block of rows."""
        products = multiply(x - self.mean, weights)
        roots, predictions = products[:, : len(self.mean)], products[:, len(self.mean) :]
        leverages = np.einsum("ij,ij->i", roots, roots)
        return self._without_own(predictions, leverages, codes, add_back=1)

    def turned_error(self, z: Floats, squares: Floats, codes: npt.NDArray[np.int32]) -> float:
        """Return the sum of squared leave-one-out errors of rows given as coordinates along the eigenvectors."""
        errors = self._without_own(multiply(z, self.turned), multiply(squares, self.shrunk), codes, add_back=0)
        return float(np.einsum("ij,ij->", errors, errors, dtype=np.float64))

    def _without_own(
        self, predictions: Floats, leverages: Floats, codes: npt.NDArray[np.int32], add_back: int
    ) -> Floats:
        """Return ``(f - y) / (1 - h)``, with or without y added again."""
        own = np.arange(len(codes)), codes
        rest = 1 - 1 / self.n_rows - leverages
        # What is below is rounding: the row alone decides what is predicted for it.
        np.maximum(rest, 8 * np.finfo(rest.dtype).eps, out=rest)
        scores = predictions + self.prior
        scores[own] -= 1
        scores /= rest[:, None]
        scores[own] += add_back
        return scores


@kernel
def add_by_class(x, codes, sums):
    """sums[y_i] += x_i for every row i."""
    for i in range(x.shape[0]):
        j = codes[i]
        for c in range(x.shape[1]):
            sums[j, c] += x[i, c]
