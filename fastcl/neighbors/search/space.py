r"""Every metric as an inner product: near is a high score, and scores of many pairs are one matrix product.

For rows x and y, with hats for rows scaled to length 1 and c for the mean of all rows,

============== ==================== ==================================================
metric         distance             score, of which the rounding is known
============== ==================== ==================================================
cosine         1 - x^.y^            x^.y^
euclidean      \|x - y\|            -\|x - y\|^2 / 2, of (x - c) f
inner_product  -x.y                 x.y, of x f
============== ==================== ==================================================

where f brings the largest number to 1. Scores only choose candidates: distances are taken from the rows themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.engine.threads import for_each
from fastcl.neighbors.features import Features, row_blocks
from fastcl.neighbors.metrics import COSINE, EUCLIDEAN, METRICS

#: Sums of squares outside this range are taken again with the row scaled to its largest number.
TINY, HUGE = 1e-280, 1e280


@dataclass(frozen=True, eq=False)
class Space:
    """How rows become vectors whose inner products are scores; `center` is None where nothing is subtracted."""

    metric: int
    center: npt.NDArray[np.float64] | None
    factor: float

    @classmethod
    def of(cls, features: Features, metric: str) -> Self:
        """Return the space in which rows of `features`, and later ones, are compared."""
        code = METRICS[metric]
        if code == COSINE:
            return cls(code, None, 1.0)
        factor = 1 / features.magnitude if features.magnitude > 0 else 1.0
        return cls(code, _mean(features) if code == EUCLIDEAN else None, factor)

    def width(self, n_features: int) -> int:
        """Return the number of columns of vectors: Euclidean ones carry half their squared length, and a 1."""
        return n_features + 2 * (self.metric == EUCLIDEAN)

    def vectors(self, rows: npt.NDArray[Any], inverse_norms: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return vectors of some rows; inverse norms are theirs, and matter to the cosine alone."""
        if self.metric == COSINE:
            return rows * inverse_norms[:, None]
        vectors = np.empty((len(rows), self.width(rows.shape[1])))
        shifted = vectors[:, : rows.shape[1]]
        np.multiply(rows, self.factor, out=shifted)
        if self.center is not None:
            shifted -= self.center * self.factor
            vectors[:, -2] = 1
            vectors[:, -1] = -0.5 * np.einsum("ij,ij->i", shifted, shifted)
        return vectors

    def proper(self, vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return vectors without the columns that only the metric needs."""
        return vectors[:, :-2] if self.metric == EUCLIDEAN else vectors

    def with_halves(self, proper: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return vectors of this space whose proper columns are given."""
        if self.metric != EUCLIDEAN:
            return proper
        halves = -0.5 * np.einsum("ij,ij->i", proper, proper, dtype=np.float64)
        return np.column_stack([proper, np.ones(len(proper)), halves]).astype(np.float32)

    def mirrored(self, vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return vectors whose inner products with `vectors` are scores."""
        if self.metric != EUCLIDEAN:
            return vectors
        mirrored = vectors.copy()
        mirrored[:, -2], mirrored[:, -1] = vectors[:, -1], vectors[:, -2]
        return mirrored

    def lengths(self, vectors: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the lengths of vectors, without the columns that only the metric needs."""
        if self.metric == COSINE:
            return np.ones(len(vectors))
        if self.metric == EUCLIDEAN:
            return np.sqrt(-2.0 * vectors[:, -1])
        return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))


@dataclass(frozen=True, eq=False)
class Points:
    """Rows as float32 vectors of a space, with what is needed to take exact distances.

    `rows` are the features themselves; `numbers[i]` is the row that vector i stands for.
    """

    space: Space
    rows: npt.NDArray[Any]
    numbers: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    inverse_norms: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.vectors)

    def rounding(self, unit: float) -> float:
        """Return how far a score of two vectors of length 1 may lie from the true one, at this unit roundoff.

        A dot product of d terms errs by at most d units (Higham, Accuracy and Stability of Numerical Algorithms,
        2002, section 3.1); rounding the vectors adds a few.
        """
        return (self.vectors.shape[1] + 8) * unit

    def take(self, rows: npt.NDArray[np.int64]) -> Points:
        """Return some of the points."""
        parts = self.numbers[rows], self.vectors[rows], self.inverse_norms[rows], self.lengths[rows]
        return Points(self.space, self.rows, *parts)

    def exact_vectors(self, block: slice | npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return vectors in float64."""
        return self.space.vectors(self.rows[self.numbers[block]], self.inverse_norms[block])


def make_points(space: Space, features: Features, numbers: npt.NDArray[np.int64], n_threads: int) -> Points:
    """Return the given rows as points of `space`; one pass."""
    values = features.values
    vectors = np.empty((len(numbers), space.width(features.n_features)), np.float32)
    inverse_norms = np.ones(len(numbers))
    lengths = np.empty(len(numbers))
    all_in_order = len(numbers) == len(values)

    def fill(block: slice) -> None:
        rows = values[block] if all_in_order else values[numbers[block]]
        if space.metric == COSINE:
            invert_norms(rows, inverse_norms[block])
        exact = space.vectors(rows, inverse_norms[block])
        vectors[block] = exact
        lengths[block] = space.lengths(exact)

    for_each(row_blocks(len(numbers), features.n_features), fill, n_threads)
    return Points(space, values, numbers, vectors, inverse_norms, lengths)


def _mean(features: Features) -> npt.NDArray[np.float64]:
    """Return the mean row, block by block in order."""
    total = np.zeros(features.n_features)
    for block in row_blocks(len(features), features.n_features):
        total += features.values[block].sum(axis=0, dtype=np.float64)
    return total / len(features)


@kernel
def invert_norms(rows, inverse_norms):
    """inverse_norms[i] = 1 / |x_i|, and 0 for a row of zeros."""
    for i in range(rows.shape[0]):
        total = 0.0
        for c in range(rows.shape[1]):
            total += np.float64(rows[i, c]) * np.float64(rows[i, c])
        scale = 1.0
        if total < TINY or total > HUGE:
            largest = 0.0
            for c in range(rows.shape[1]):
                largest = max(largest, abs(np.float64(rows[i, c])))
            if largest > 0:
                scale, total = largest, 0.0
                for c in range(rows.shape[1]):
                    part = np.float64(rows[i, c]) / scale
                    total += part * part
        inverse_norms[i] = 1.0 / (np.sqrt(total) * scale) if total > 0 else 0.0


@kernel
def scale_row(x, i, inverse_norm, metric, row):
    """Write x[i] in float64 to `row`, scaled to length 1 for the cosine."""
    factor = inverse_norm if metric == COSINE else 1.0
    for f in range(row.size):
        row[f] = x[i, f] * factor


@kernel
def distance(row, y, j, inverse_norm, metric, terms):
    """Return the distance of a row that `scale_row` wrote and y[j], in float64; `terms` of its length is scratch.

    The cosine distance is half the squared distance of the rows scaled to length 1, which does not cancel for near
    rows; rows of zeros are at distance 1 from all.
    """
    if metric == COSINE:
        if inverse_norm == 0 or is_zero(row):
            return 1.0
        for f in range(row.size):
            difference = row[f] - y[j, f] * inverse_norm
            terms[f] = difference * difference
        return 0.5 * total(terms)
    if metric == EUCLIDEAN:
        for f in range(row.size):
            difference = row[f] - y[j, f]
            terms[f] = difference * difference
        return np.sqrt(total(terms))
    for f in range(row.size):
        terms[f] = row[f] * y[j, f]
    return -total(terms)


@kernel
def is_zero(row):
    """Tell whether a row holds zeros only."""
    for f in range(row.size):  # noqa: SIM110  Numba knows no generators
        if row[f] != 0:
            return False
    return True


@kernel
def total(terms):
    """Return the sum, always in the same order: eight sums side by side, for one alone waits for itself."""
    a = b = c = d = e = f = g = h = 0.0
    even = terms.size - terms.size % 8
    for t in range(0, even, 8):
        a += terms[t]
        b += terms[t + 1]
        c += terms[t + 2]
        d += terms[t + 3]
        e += terms[t + 4]
        f += terms[t + 5]
        g += terms[t + 6]
        h += terms[t + 7]
    for t in range(even, terms.size):
        a += terms[t]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))
