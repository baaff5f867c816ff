"""The confident joint of very many classes: only the pairs that occur, never a K x K matrix.

The counterpart of `matrices` for, say, 50,000 classes with 20,000 counts; rows are given labels, columns
true ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcl.core.constants import TINY
from fastcl.core.errors import sentence
from fastcl.core.matrices import Floats, Ints, as_class_counts, check_removal_options
from fastcl.core.validation import check_dense

#: Largest number of classes for which a pair of classes still is one int64 number.
MAX_CLASSES = 3_037_000_499


@dataclass(frozen=True, eq=False, slots=True)
class SparseJoint:
    """Counts of (given class, true class) pairs, sorted by pair; pairs that are left out count zero.

    Built by `from_pairs`; every method returns a new joint and none takes time or memory of order K x K.

    Parameters
    ----------
    rows, cols : ndarray of int64, shape (n_pairs,)
        Given and true class of each pair, in [0, n_classes), sorted by (row, column), each pair once.
    counts : ndarray of int64, shape (n_pairs,)
        Rows of data in each pair, at least 1.
    n_classes : int
        Number of classes K.

    Raises
    ------
    ValueError
        If the arrays differ in shape, or pairs are out of range, out of order or without count.

    Examples
    --------
    >>> joint = SparseJoint.from_pairs([0, 0, 2], [0, 2, 2], n_classes=3)
    >>> joint.trace, joint.off_diagonal_total
    (2, 1)
    """

    rows: Ints
    cols: Ints
    counts: Ints
    n_classes: int

    def __post_init__(self) -> None:
        """Raise ValueError unless the pairs are what the class promises."""
        if self.rows.ndim != 1 or not self.rows.shape == self.cols.shape == self.counts.shape:
            got = f"shapes {self.rows.shape}, {self.cols.shape} and {self.counts.shape}"
            raise ValueError(sentence("rows, cols and counts", "have one shape (n_pairs,)", got))
        _check_codes("rows", self.rows, self.n_classes)
        _check_codes("cols", self.cols, self.n_classes)
        if not (np.diff(self.rows * self.n_classes + self.cols) > 0).all():
            raise ValueError(sentence("rows and cols", "be sorted by (row, column), each pair once"))
        if self.counts.min(initial=1) < 1:
            raise ValueError(sentence("counts", "be at least 1", f"{self.counts.min()}"))

    @classmethod
    def from_pairs(cls, given: ArrayLike, guessed: ArrayLike, n_classes: int) -> SparseJoint:
        """Count how often each pair of classes occurs.

        Parameters
        ----------
        given, guessed : array_like of int, shape (n_samples,)
            Classes in [0, n_classes), row by row.
        n_classes : int
            Number of classes K, at most 3,037,000,499.

        Returns
        -------
        SparseJoint

        Raises
        ------
        TypeError, ValueError
            If the two differ in shape, hold no integers, or a class is out of range.

        Examples
        --------
        >>> SparseJoint.from_pairs([1, 1, 0], [1, 1, 1], n_classes=2).to_dense()
        array([[0, 1],
               [0, 2]])
        """
        if not 1 <= n_classes <= MAX_CLASSES:
            raise ValueError(sentence("n_classes", f"be in [1, {MAX_CLASSES:,}]", f"{n_classes}"))
        row = _as_codes("given", given, n_classes)
        col = _as_codes("guessed", guessed, n_classes)
        if row.shape != col.shape:
            got = f"{row.size:,} and {col.size:,}"
            raise ValueError(sentence("given and guessed", "be equally long", got))
        codes, counts = np.unique(row * n_classes + col, return_counts=True)
        return cls._from_codes(codes, counts, n_classes)

    @classmethod
    def _from_codes(cls, codes: Ints, counts: Ints, n_classes: int) -> SparseJoint:
        """Add up the counts of equal pairs, each given as row * n_classes + column; drop those of zero."""
        order = np.argsort(codes, kind="stable")
        codes = codes[order]
        first = np.flatnonzero(np.diff(codes, prepend=-1))
        totals = np.add.reduceat(counts[order], first) if codes.size else counts
        rows, cols = np.divmod(codes[first][totals > 0], n_classes)
        return cls(rows, cols, totals[totals > 0], n_classes)

    @property
    def trace(self) -> int:
        """Total of the diagonal: rows whose given class is the guessed one."""
        return int(self.counts[self.rows == self.cols].sum())

    @property
    def off_diagonal_total(self) -> int:
        """Total off the diagonal: rows whose given class is not the guessed one."""
        return int(self.counts[self.rows != self.cols].sum())

    def diagonal(self) -> Ints:
        """Return the diagonal as int64 of shape (n_classes,)."""
        diagonal = np.zeros(self.n_classes, np.int64)
        on = self.rows == self.cols
        diagonal[self.rows[on]] = self.counts[on]
        return diagonal

    def to_dense(self) -> Ints:
        """Return the K x K matrix of int64; ValueError beyond `MAX_DENSE_CLASSES` classes."""
        check_dense("`SparseJoint.to_dense`", self.n_classes)
        matrix = np.zeros((self.n_classes, self.n_classes), np.int64)
        matrix[self.rows, self.cols] = self.counts
        return matrix

    def plus(self, other: SparseJoint) -> SparseJoint:
        """Add the counts of another joint over the same classes.

        Parameters
        ----------
        other : SparseJoint

        Returns
        -------
        SparseJoint

        Raises
        ------
        ValueError
            If the numbers of classes differ.

        Examples
        --------
        >>> joint = SparseJoint.from_pairs([0, 1], [0, 1], n_classes=2)
        >>> joint.plus(joint).counts
        array([2, 2])
        """
        if self.n_classes != other.n_classes:
            got = f"{other.n_classes} and {self.n_classes}"
            raise ValueError(sentence("other", "have as many classes", got))
        codes = np.concatenate([self._codes(), other._codes()])
        return self._from_codes(codes, np.concatenate([self.counts, other.counts]), self.n_classes)

    def with_minimal_diagonal(self) -> SparseJoint:
        """Raise every diagonal count below 1 to 1, so that no class is without a believed row."""
        return self._with_diagonal(np.maximum(self.diagonal(), 1), self.counts)

    def calibrate(self, class_counts: ArrayLike) -> SparseJoint:
        """Scale the joint to the class counts of the given labels, and round it.

        Parameters
        ----------
        class_counts : array_like of int, shape (n_classes,)
            Number of rows given each class.

        Returns
        -------
        SparseJoint
            Row k sums to `class_counts[k]`; a class that no row was given has none.

        Raises
        ------
        TypeError, ValueError
            If `class_counts` has another shape, holds no integers or a negative one.

        Notes
        -----
        As `matrices.calibrate`, except for exact ties between residuals, which here go to the lowest column.

        Examples
        --------
        >>> joint = SparseJoint.from_pairs([0, 0, 0, 1], [0, 0, 1, 1], n_classes=2)
        >>> joint.calibrate([30, 5]).to_dense()
        array([[20, 10],
               [ 0,  5]])
        """
        sizes = as_class_counts("class_counts", class_counts, self.n_classes)
        scaled = self.counts / self._row_sums(self.counts)[self.rows] * sizes[self.rows]
        scaled /= max(float(scaled.sum()), TINY)
        scaled *= sizes.sum()
        return self._from_codes(self._codes(), self._round(scaled), self.n_classes)

    def prune_counts(self, *, min_examples_per_class: int = 1, frac_noise: float = 1.0) -> SparseJoint:
        """Count how many rows of each given class to remove in favour of each true class.

        Parameters
        ----------
        min_examples_per_class : int, default 1
            Fewest rows of each class believed correct; what a class lacks is taken evenly from its noise.
        frac_noise : float, default 1.0
            Which part of the noise to remove; the rest counts as correct.

        Returns
        -------
        SparseJoint
            Rows given, columns true; removals off the diagonal, rows to keep on it.

        Raises
        ------
        TypeError, ValueError
            If an option is no count or fraction.

        Notes
        -----
        As `matrices.prune_counts`; with `frac_noise` other than 1 a diagonal entry may differ by 1 where the
        part of the noise to keep is a whole number, which truncation finds just below or just above.

        Examples
        --------
        >>> joint = SparseJoint.from_pairs([0, 0, 0, 1], [0, 1, 1, 1], n_classes=2)
        >>> joint.prune_counts(frac_noise=0.5).to_dense()
        array([[2, 1],
               [0, 1]])
        """
        check_removal_options(min_examples_per_class, frac_noise)
        diagonal = self.diagonal()
        kept = np.maximum(diagonal, min_examples_per_class)
        n_noise_rates = np.maximum(np.bincount(self.rows, minlength=self.n_classes) - 1.0, 1.0)
        noise = np.maximum(self.counts - ((kept - diagonal) / n_noise_rates)[self.rows], 0.0)
        noise[self.rows == self.cols] = 0.0
        removed = noise * frac_noise
        return self._with_diagonal(kept + self._row_sums(noise - removed), removed)

    def _codes(self) -> Ints:
        """Return each pair as one number."""
        return self.rows * self.n_classes + self.cols

    def _row_sums(self, values: NDArray[np.int64] | Floats) -> Floats:
        """Return the sum of `values`, one a pair, over each row."""
        sums: Floats = np.bincount(self.rows, weights=values, minlength=self.n_classes).astype(np.float64)
        return sums

    def _with_diagonal(self, diagonal: Ints | Floats, counts: Ints | Floats) -> SparseJoint:
        """Return a joint of other counts, truncated to integers, with another diagonal."""
        off = self.rows != self.cols
        classes = np.arange(self.n_classes, dtype=np.int64)
        codes = np.concatenate([self._codes()[off], classes * (self.n_classes + 1)])
        values = np.concatenate([counts[off], diagonal]).astype(np.int64)
        return self._from_codes(codes, values, self.n_classes)

    def _round(self, values: Floats) -> Ints:
        """Round one value a pair to integers such that every row keeps its rounded total."""
        rounded = np.rint(values)
        missing = np.rint(self._row_sums(values)) - self._row_sums(rounded)
        # Zeros never take part: a row that lacks d > 0 has residuals summing to at least d - 1/2, none above
        # 1/2, so at least 2d - 1 >= d of its non-zero entries lie above their rounding (mirrored for d < 0).
        direction = np.sign(missing)[self.rows]
        order = np.lexsort((direction * (rounded - values), self.rows))
        rank = np.arange(order.size) - np.searchsorted(self.rows, self.rows)
        chosen = order[rank < np.abs(missing)[self.rows]]
        rounded[chosen] += direction[chosen]
        return rounded.astype(np.int64)


def _as_codes(name: str, classes: ArrayLike, n_classes: int) -> Ints:
    """Return class indices as int64 of shape (n_samples,), all in [0, n_classes)."""
    codes = np.asarray(classes)
    if codes.dtype.kind not in "iu":
        raise TypeError(sentence(name, "hold integers", f"dtype {codes.dtype}"))
    if codes.ndim != 1:
        raise ValueError(sentence(name, "be one-dimensional", f"shape {codes.shape}"))
    _check_codes(name, codes, n_classes)
    return codes.astype(np.int64, copy=False)


def _check_codes(name: str, codes: NDArray[np.integer], n_classes: int) -> None:
    """Raise ValueError unless all class indices lie in [0, n_classes)."""
    if codes.size and not (codes.min() >= 0 and codes.max() < n_classes):
        got = f"{codes.min()} to {codes.max()}"
        raise ValueError(sentence(name, f"hold classes in [0, {n_classes})", got))
