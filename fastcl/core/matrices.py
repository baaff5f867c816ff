"""The K x K algebra of the confident joint: calibration, and how many rows to remove; no rows.

Throughout, rows of a confident joint are given labels and its columns are true labels.

References
----------
Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021:
section 3.1 for counting and calibration, section 3.2 for how many rows to remove.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcl.core.constants import TINY
from fastcl.core.errors import sentence
from fastcl.core.validation import check_matrix

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def as_class_counts(name: str, class_counts: ArrayLike, n_classes: int) -> Ints:
    """Return `class_counts` as int64 of shape (n_classes,), none below 0."""
    counts = np.asarray(class_counts)
    if counts.dtype.kind not in "iu":
        raise TypeError(sentence(name, "hold integers", f"dtype {counts.dtype}"))
    if counts.shape != (n_classes,):
        raise ValueError(sentence(name, f"have shape ({n_classes},)", f"shape {counts.shape}"))
    if counts.min(initial=0) < 0:
        raise ValueError(sentence(name, "not be negative", f"{counts.min()}"))
    return counts.astype(np.int64, copy=False)


def check_removal_options(min_examples_per_class: int, frac_noise: float) -> None:
    """Raise unless the two options of `prune_counts` are a count and a fraction."""
    if not isinstance(min_examples_per_class, Integral):
        got = type(min_examples_per_class).__name__
        raise TypeError(sentence("min_examples_per_class", "be an integer", got))
    if min_examples_per_class < 0:
        raise ValueError(sentence("min_examples_per_class", "not be negative", f"{min_examples_per_class}"))
    if not 0 <= frac_noise < np.inf:
        raise ValueError(sentence("frac_noise", "be a finite number, not negative", f"{frac_noise}"))


#: Calls a function for each of some items, in any order, perhaps with several threads.
ForEach = Callable[[Iterable[Any], Callable[[Any], None]], None]

#: Rows of a matrix rounded at a time: 1,000 columns of float64 stay in the second-level cache.
ROWS_AT_A_TIME = 32


def in_order(items: Iterable[Any], function: Callable[[Any], None]) -> None:
    """Call `function` for each item, one after the other."""
    for item in items:
        function(item)


def round_preserving_row_totals(matrix: ArrayLike, *, for_each: ForEach = in_order) -> Ints:
    """Round every entry to an integer such that every row keeps its rounded total.

    Entries are rounded half to even; a row that then misses its total is corrected by 1 where rounding
    moved the entries furthest.

    Parameters
    ----------
    matrix : array_like of float, shape (n_rows, n_columns)
    for_each : callable
        Calls a function for each of some items; one that uses threads sorts several rows at once.

    Returns
    -------
    ndarray of int64, shape (n_rows, n_columns)
        Every entry differs from its origin by less than 1.

    Raises
    ------
    ValueError
        If `matrix` is not two-dimensional or not finite.

    Notes
    -----
    Ties go to whichever entry numpy's default (unstable) argsort of the row puts last (first, when the row
    has to shrink). In rows of small counts equal residuals are the rule: any other sort gives another joint.

    Examples
    --------
    >>> round_preserving_row_totals([[0.4, 0.4, 1.2], [0.6, 0.6, 0.8]])
    array([[0, 1, 1],
           [0, 1, 1]])
    """
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(sentence("matrix", "have shape (n_rows, n_columns)", f"shape {values.shape}"))
    rounded = np.empty(values.shape, np.int64)

    def round_rows(start: int) -> None:
        rows = slice(start, start + ROWS_AT_A_TIME)
        # C order, because numpy then sums each row pairwise, as it sums a row on its own.
        rounded[rows] = _round_rows(np.ascontiguousarray(values[rows]))

    for_each(range(0, len(values), ROWS_AT_A_TIME), round_rows)
    return rounded


def _round_rows(values: Floats) -> Floats:
    """Return rows of integers, still as floats, that keep the rounded totals of `values`."""
    totals = values.sum(axis=1)
    if not np.isfinite(totals).all():
        raise ValueError(sentence("matrix", "be finite"))
    rounded = np.rint(values)
    missing = (np.rint(totals) - rounded.sum(axis=1)).astype(np.int64)
    rows = np.flatnonzero(missing)
    steps = np.abs(missing[rows])
    order = np.argsort(values[rows] - rounded[rows], axis=1)
    row = np.repeat(np.arange(rows.size), steps)
    position = np.arange(row.size) - np.repeat(np.cumsum(steps) - steps, steps)
    # Negative positions count from the largest residual.
    grows = missing[rows][row] > 0
    position[grows] -= steps[row][grows]
    rounded[rows[row], order[row, position]] += np.where(grows, 1.0, -1.0)
    return rounded


def calibrate(confident_joint: ArrayLike, class_counts: ArrayLike, *, for_each: ForEach = in_order) -> Ints:
    """Scale a confident joint to the class counts of the given labels, and round it.

    The confident joint counts only confident rows; the calibrated one counts all of them (equation 3 of the
    paper, before the division by the number of rows).

    Parameters
    ----------
    confident_joint : array_like, shape (K, K)
        Counts, rows given and columns true.
    class_counts : array_like of int, shape (K,)
        Number of rows given each class.
    for_each : callable
        See `round_preserving_row_totals`.

    Returns
    -------
    ndarray of int64, shape (K, K)
        Row k sums to `class_counts[k]`, the matrix to the number of rows. A class that no row was given has
        a row of zeros. (A class with rows but without counts cannot be scaled: its rows go to the others.)

    Raises
    ------
    TypeError, ValueError
        If `confident_joint` is not square, has negative or infinite entries, or `class_counts` does not fit.

    Notes
    -----
    The last bit of the grand total decides ties between residuals, and it depends on the order of summation,
    which is the memory order of `confident_joint`. A joint counted as (true, given) and transposed, hence in
    Fortran order, reproduces the reference's joint bit by bit.

    Examples
    --------
    >>> calibrate([[8, 2], [1, 4]], [100, 50])
    array([[80, 20],
           [10, 40]])
    """
    joint = check_matrix("confident_joint", confident_joint)
    counts = as_class_counts("class_counts", class_counts, len(joint))
    # The order of these operations is part of the answer: any other moves the last bits, and with them ties.
    scaled = joint / np.maximum(joint.sum(axis=1), TINY)[:, None]
    scaled *= counts[:, None]
    scaled /= np.maximum(scaled.sum(), TINY)
    scaled *= counts.sum()
    return round_preserving_row_totals(scaled, for_each=for_each)


def normalise(joint: ArrayLike) -> Floats:
    """Divide a matrix of counts by its sum.

    Parameters
    ----------
    joint : array_like, shape (K, K)
        Counts.

    Returns
    -------
    ndarray of float64, shape (K, K)
        P(given, true), in [0, 1], with sum 1; all zeros where there are no counts.

    Raises
    ------
    TypeError, ValueError
        If `joint` is not square or has negative or infinite entries.

    Examples
    --------
    >>> normalise([[3, 0], [1, 4]])
    array([[0.375, 0.   ],
           [0.125, 0.5  ]])
    """
    counts = check_matrix("joint", joint)
    fractions: Floats = counts / max(float(counts.sum()), TINY)
    return fractions


def prune_counts(confident_joint: ArrayLike, *, min_examples_per_class: int = 1, frac_noise: float = 1.0) -> Ints:
    """Count how many rows of each given class to remove in favour of each true class.

    Parameters
    ----------
    confident_joint : array_like, shape (K, K)
        Calibrated counts, rows given and columns true.
    min_examples_per_class : int, default 1
        Fewest rows of each class believed correct; what a class lacks is taken evenly from its noise.
    frac_noise : float, default 1.0
        Which part of the noise to remove; the rest counts as correct.

    Returns
    -------
    ndarray of int64, shape (K, K)
        Entry (y, j) is the number of rows given y and truly j to remove; entry (y, y) those to keep.

    Raises
    ------
    TypeError, ValueError
        If the joint is not a square matrix of counts, or an option is no count or fraction.

    Notes
    -----
    Fractions are truncated, so with `frac_noise` below 1 a row may sum to a little less than its class has.
    A class whose diagonal is zero counts one noise rate too few when it shares out what it lacks.

    Examples
    --------
    >>> prune_counts([[80, 20], [10, 40]], frac_noise=0.5)
    array([[90, 10],
           [ 5, 45]])
    """
    joint = check_matrix("confident_joint", confident_joint)
    check_removal_options(min_examples_per_class, frac_noise)
    diagonal = joint.diagonal()
    kept = np.maximum(diagonal, min_examples_per_class)
    if frac_noise == 1 and joint.dtype.kind in "iu" and np.array_equal(kept, diagonal):
        return joint.astype(np.int64)  # nothing to share out: saves five passes over K x K
    n_noise_rates = np.maximum(np.count_nonzero(joint, axis=1) - 1.0, 1.0)
    noise = joint - ((kept - diagonal) / n_noise_rates)[:, None]
    np.maximum(noise, 0.0, out=noise)
    np.fill_diagonal(noise, 0.0)
    removed: Floats = noise * frac_noise
    np.fill_diagonal(removed, kept + (noise - removed).sum(axis=1))
    return removed.astype(np.int64)


def redistribute_removals(prune_counts: ArrayLike, num_to_remove_per_class: ArrayLike, class_counts: ArrayLike) -> Ints:
    """Rescale removals to a wanted number for each class.

    The number wanted for class k means two things, as it does in the reference: the diagonal keeps all but
    that many rows *given* k (which `prune_by_class` reads), and the removals in favour of k, from rows given
    other classes, sum to it (which `prune_by_noise_rate` reads).

    Parameters
    ----------
    prune_counts : array_like of int, shape (K, K)
        What `prune_counts` returned.
    num_to_remove_per_class : array_like of int, shape (K,)
        Rows to remove, at most as many as the class has.
    class_counts : array_like of int, shape (K,)
        Number of rows given each class.

    Returns
    -------
    ndarray of int64, shape (K, K)
        Column k sums to `class_counts[k]`; the diagonal is `class_counts - num_to_remove_per_class`.
        A class that no row seems to truly belong to but those given it attracts no removals: its column is
        zero off the diagonal, and sums to what the class keeps.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not square, or a vector does not fit it, is negative, or asks for too many rows.

    Notes
    -----
    `min_examples_per_class` is not enforced again. A true class without any counts, which the reference
    divides by, counts as 1.

    Examples
    --------
    >>> redistribute_removals([[80, 20], [10, 40]], [4, 6], [100, 50])
    array([[96,  6],
           [ 4, 44]])
    """
    counts = np.ascontiguousarray(check_matrix("prune_counts", prune_counts).T)
    sizes = as_class_counts("class_counts", class_counts, len(counts))
    wanted = as_class_counts("num_to_remove_per_class", num_to_remove_per_class, len(counts))
    if (wanted > sizes).any():
        k = int(np.argmax(wanted > sizes))
        got = f"{wanted[k]} for class {k}, which has {sizes[k]}"
        raise ValueError(sentence("num_to_remove_per_class", "not exceed the rows of the class", got))
    share = counts / np.maximum(counts.sum(axis=1), 1)
    noise = share.sum(axis=1) - share.diagonal()
    np.fill_diagonal(share, 0.0)
    removals = share * wanted[:, None] / np.maximum(noise, TINY)[:, None]
    np.fill_diagonal(removals, sizes - wanted)
    by_true_class: Ints = round_preserving_row_totals(removals).T
    return by_true_class
