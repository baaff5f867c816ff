"""Label noise made to order: noise matrices of a given trace, and labels that follow a noise matrix.

All randomness comes from the `rng` that is passed; numpy's global random state is neither read nor changed.

References
----------
Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021:
section 2 for noise matrices and their trace and sparsity, section 5 for experiments with such noise.
"""

from __future__ import annotations

import logging
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcl.core.constants import SLACK
from fastcl.core.errors import sentence

logger = logging.getLogger(__name__)

Source = np.random.Generator | np.random.RandomState


def as_random_source(rng: Source | int | None) -> Source:
    """Return what draws random numbers: `rng` itself, a RandomState seeded by it, or a fresh Generator."""
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, Integral):
        return np.random.RandomState(int(rng))
    if isinstance(rng, Source):
        return rng
    rule = "be a numpy Generator, a RandomState, an integer seed or None"
    raise TypeError(sentence("rng", rule, type(rng).__name__))


def noise_matrix_is_valid(noise_matrix: ArrayLike, py: ArrayLike, *, verbose: bool = False) -> bool:
    """Tell whether labels with this noise can be learned from.

    They can if, for every class, given and true label agree more often than they would by chance:
    P(given=k) P(true=k) < P(given=k, true=k).

    Parameters
    ----------
    noise_matrix : array_like of float, shape (K, K)
        P(given | true), rows given, columns true and summing to 1.
    py : array_like of float, shape (K,)
        P(true).
    verbose : bool, default False
        Whether to log the comparison for each class, at level INFO.

    Returns
    -------
    bool
        False also if an entry is negative or the joint distribution does not sum to 1 (within 1e-6).

    Raises
    ------
    ValueError
        If `noise_matrix` is not square or `py` does not fit it.

    Examples
    --------
    >>> noise_matrix_is_valid([[0.9, 0.2], [0.1, 0.8]], [0.5, 0.5])
    True
    >>> noise_matrix_is_valid([[0.1, 0.8], [0.9, 0.2]], [0.5, 0.5])
    False
    """
    noise = _as_noise_matrix(noise_matrix)
    true = np.asarray(py, dtype=np.float64)
    if true.shape != (len(noise),):
        raise ValueError(sentence("py", f"have shape ({len(noise)},)", f"shape {true.shape}"))
    if not (noise >= -SLACK).all() or not np.isfinite(noise).all():
        return False
    by_chance = np.dot(noise, true) * true
    joint = noise * true
    agreeing = joint.diagonal()
    if verbose:
        for k, (chance, agreed) in enumerate(zip(by_chance, agreeing, strict=True)):
            logger.info("class %d: P(given) P(true) = %.6g, P(given, true) = %.6g", k, chance, agreed)
    return bool(abs(joint.sum() - 1.0) < SLACK and (by_chance < agreeing).all())


def generate_noisy_labels(
    true_labels: ArrayLike, noise_matrix: ArrayLike, *, rng: Source | int | None = None
) -> NDArray[np.integer]:
    """Flip labels at random such that their frequencies follow a noise matrix.

    Only which rows are flipped is random: how many is the expected number, rounded down.

    Parameters
    ----------
    true_labels : array_like of int, shape (n_samples,)
        Classes in [0, K). A class may be missing.
    noise_matrix : array_like of float, shape (K, K)
        P(given | true), rows given, columns true and summing to 1.
    rng : numpy Generator, RandomState, int or None, optional
        Where randomness comes from; an int seeds a RandomState, None draws a fresh seed. With the RandomState
        of seed s the labels are those of the reference after ``np.random.seed(s)``.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        Given labels, of the dtype of `true_labels`.

    Raises
    ------
    TypeError, ValueError
        If labels are no integers in [0, K), the matrix is not square, not finite or negative, or a column
        asks for more flips than its class has rows (which its sum must then exceed 1 for).

    Notes
    -----
    Counts are truncated after floating-point products, as in the reference: a rate of 0.29 can flip 28 of
    100 rows, because 0.29 * 100 is 28.999999999999996. Rounding would give other labels for the same seed.

    Examples
    --------
    >>> labels = generate_noisy_labels([0, 0, 0, 0, 1, 1], [[0.5, 0.0], [0.5, 1.0]], rng=0)
    >>> (labels[:4] == 1).sum(), labels[4:]
    (np.int64(2), array([1, 1]))
    """
    noise = _as_noise_matrix(noise_matrix)
    # Drawn matrices may undershoot zero by as much: see `generate_n_rand_probabilities_that_sum_to_m`.
    if not (noise >= -SLACK).all() or not np.isfinite(noise).all():
        raise ValueError(sentence("noise_matrix", "hold finite rates, none below 0"))
    true = _as_class_labels(true_labels, len(noise))
    labels = true.copy()
    if not labels.size:
        return labels
    class_counts = np.bincount(true, minlength=len(noise))
    flips = _count_flips(noise, class_counts, true.size)
    rows_of = np.split(np.argsort(true, kind="stable"), np.cumsum(class_counts)[:-1])
    source = as_random_source(rng)
    for k, rows in enumerate(rows_of):
        new_labels = np.repeat(np.arange(len(noise)), flips[:, k])
        if new_labels.size:
            labels[source.choice(rows, new_labels.size, replace=False)] = new_labels
    return labels


def _as_class_labels(true_labels: ArrayLike, n_classes: int) -> NDArray[np.integer]:
    """Return labels as a vector of integers in [0, n_classes)."""
    labels = np.asarray(true_labels)
    if labels.ndim != 1:
        raise ValueError(sentence("true_labels", "be one-dimensional", f"shape {labels.shape}"))
    if labels.size and labels.dtype.kind not in "iu":
        raise TypeError(sentence("true_labels", "hold integers", f"dtype {labels.dtype}"))
    if labels.size and not (labels.min() >= 0 and labels.max() < n_classes):
        got = f"{labels.min()} to {labels.max()}"
        raise ValueError(sentence("true_labels", f"hold classes in [0, {n_classes})", got))
    return labels


def _count_flips(noise: NDArray[np.float64], class_counts: NDArray[np.int64], n_samples: int) -> NDArray[np.int64]:
    """Return how many rows of each true class (columns) to flip to each other class (rows)."""
    # The products in this order, though n * p / n is not always p: it is the reference's, and truncated.
    flips: NDArray[np.int64] = (noise * (class_counts / float(n_samples)) * n_samples).astype(np.int64)
    np.fill_diagonal(flips, 0)
    too_many = np.flatnonzero(flips.sum(axis=0) > class_counts)
    if too_many.size:
        k = too_many[0]
        got = f"{flips[:, k].sum():,} flips for the {class_counts[k]:,} rows of class {k}"
        raise ValueError(sentence("noise_matrix", "not flip more rows than a class has", got))
    return flips


def generate_noise_matrix_from_trace(
    K: int,
    trace: float,
    *,
    max_trace_prob: float = 1.0,
    min_trace_prob: float = 1e-5,
    max_noise_rate: float = 1 - 1e-5,
    min_noise_rate: float = 0.0,
    valid_noise_matrix: bool = True,
    py: ArrayLike | None = None,
    frac_zero_noise_rates: float = 0.0,
    seed: int | None = 0,
    max_iter: int = 10000,
    rng: Source | int | None = None,
) -> NDArray[np.float64] | None:
    """Draw a noise matrix whose diagonal sums to `trace`.

    Parameters
    ----------
    K : int
        Number of classes, at least 2.
    trace : float
        Sum of the diagonal, in [0, K]; K means no noise.
    max_trace_prob, min_trace_prob : float, default 1.0 and 1e-5
        Bounds of the diagonal entries. With two classes no bounds are kept.
    max_noise_rate, min_noise_rate : float, default 1 - 1e-5 and 0.0
        Bounds of the non-zero entries off the diagonal.
    valid_noise_matrix : bool, default True
        Whether to draw until `noise_matrix_is_valid`, which takes a trace above 1.
    py : array_like of float, shape (K,), optional
        P(true); needed for a valid matrix of more than 2 classes.
    frac_zero_noise_rates : float, default 0.0
        Part of the K (K - 1) noise rates to set to zero, at most as many as leave each noisy column one rate.
    seed : int or None, default 0
        Seed used if no `rng` is passed, with which the matrix is the reference's, bit by bit; None draws one.
    max_iter : int, default 10000
        How many matrices to try.
    rng : numpy Generator, RandomState, int or None, optional
        Where randomness comes from, instead of `seed`.

    Returns
    -------
    ndarray of float64, shape (K, K), or None
        P(given | true), rows given, columns true and summing to 1; None if `max_iter` draws were not enough.

    Raises
    ------
    TypeError, ValueError
        If `trace` or `K` is out of range, `py` is missing or does not fit, or bounds cannot be kept.

    Examples
    --------
    >>> generate_noise_matrix_from_trace(2, 1.5).round(3)
    array([[0.582, 0.082],
           [0.418, 0.918]])
    """
    _check_trace(K, trace, valid_noise_matrix, needs_py=py is None)
    source = as_random_source(rng) if rng is not None else np.random.RandomState(seed)
    if max_iter < 1:
        return None
    if K == 2:
        return _draw_two_classes(trace, frac_zero_noise_rates >= 0.5, source)
    for _ in range(max_iter):
        diagonal = generate_n_rand_probabilities_that_sum_to_m(
            K, trace, max_prob=max_trace_prob, min_prob=min_trace_prob, rng=source
        )
        noise_rates = _draw_zero_noise_rates(diagonal, frac_zero_noise_rates, source)
        matrix = _draw_noise_rates(diagonal, noise_rates, (min_noise_rate, max_noise_rate), source)
        if not valid_noise_matrix or (py is not None and noise_matrix_is_valid(matrix, py)):
            return matrix
    return None


def _check_trace(K: int, trace: float, valid_noise_matrix: bool, needs_py: bool) -> None:
    """Raise ValueError unless a noise matrix of this size and trace can exist."""
    if K < 2:
        raise ValueError(sentence("K", "be at least 2", f"{K}"))
    if valid_noise_matrix and trace <= 1:
        rule = "be above 1 when `valid_noise_matrix` is True"
        raise ValueError(sentence("trace", rule, f"{trace}", "With less, labels are no better than chance."))
    if not 0 <= trace <= K:
        raise ValueError(sentence("trace", f"be in [0, K] = [0, {K}]", f"{trace}"))
    if valid_noise_matrix and needs_py and K > 2:
        raise ValueError(sentence("py", "be given when `valid_noise_matrix` is True and K > 2", "None"))


def _draw_two_classes(trace: float, one_zero_rate: bool, source: Source) -> NDArray[np.float64]:
    """Return a 2 x 2 noise matrix; every one of trace above 1 is valid, whatever the prior."""
    if not one_zero_rate:
        first, second = generate_n_rand_probabilities_that_sum_to_m(2, trace, rng=source)
        return np.array([[first, 1 - second], [1 - first, second]])
    if trace < 1:
        got = f"{trace} with `frac_zero_noise_rates` of at least 0.5"
        raise ValueError(sentence("trace", "be at least 1 for a class without noise", got))
    matrix = np.array([[1.0, 1 - (trace - 1.0)], [0.0, trace - 1.0]])
    return matrix if source.random() > 0.5 else np.ascontiguousarray(matrix[::-1, ::-1])


def _draw_zero_noise_rates(diagonal: NDArray[np.float64], frac_zero: float, source: Source) -> dict[int, int]:
    """Return how many noise rates each noisy column shall have, after the zeros were dealt out at random."""
    K = diagonal.size
    noisy = np.flatnonzero(diagonal != 1)
    # The columns of perfect classes hold K - 1 zeros each already.
    n_zeros = max(int(K * (K - 1) * frac_zero) - (K - noisy.size) * (K - 1), 0)
    zeros = randomly_distribute_N_balls_into_K_bins(
        n_zeros, noisy.size, max_balls_per_bin=K - 2, min_balls_per_bin=0, rng=source
    )
    return dict(zip(noisy.tolist(), (K - 1 - zeros).tolist(), strict=True))


def _draw_noise_rates(
    diagonal: NDArray[np.float64], n_rates: dict[int, int], bounds: tuple[float, float], source: Source
) -> NDArray[np.float64]:
    """Return a matrix with this diagonal and, column by column, so many noise rates in random places."""
    matrix = np.diag(diagonal)
    for column, n in n_rates.items():
        rates = generate_n_rand_probabilities_that_sum_to_m(
            n, 1 - diagonal[column], max_prob=bounds[1], min_prob=bounds[0], rng=source
        )
        others = np.delete(np.arange(diagonal.size), column)
        # Last rate first, as the reference deals them.
        matrix[source.choice(others, n, replace=False), column] = rates[::-1]
    return matrix


def generate_n_rand_probabilities_that_sum_to_m(
    n: int,
    m: float,
    *,
    max_prob: float = 1.0,
    min_prob: float = 0.0,
    rng: Source | int | None = None,
) -> NDArray[np.float64]:
    """Draw `n` probabilities that sum to `m`.

    Uniform over all such vectors (Dirichlet); if bounds are given, mass is then moved between the largest and
    the smallest entry until both hold.

    Parameters
    ----------
    n : int
        How many.
    m : float
        Their sum.
    max_prob, min_prob : float, default 1.0 and 0.0
        Bounds, kept within 1e-6.
    rng : numpy Generator, RandomState, int or None, optional
        Where randomness comes from; an int seeds a RandomState, None draws a fresh seed.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    TypeError, ValueError
        If no `n` numbers within the bounds sum to `m`, or `rng` is no source of randomness.

    Examples
    --------
    >>> probabilities = generate_n_rand_probabilities_that_sum_to_m(4, 1.0, max_prob=0.4, rng=0)
    >>> bool(probabilities.max() <= 0.4), round(probabilities.sum(), 12)
    (True, np.float64(1.0))
    """
    if n == 0:
        return np.array([])
    if n < 0:
        raise ValueError(sentence("n", "not be negative", f"{n}"))
    if max_prob + SLACK < m / float(n):
        raise ValueError(sentence("max_prob", f"be at least m / n = {m / n}", f"{max_prob}"))
    if min_prob > (m + SLACK) / float(n):
        raise ValueError(sentence("min_prob", f"be at most m / n = {m / n}", f"{min_prob}"))
    source = as_random_source(rng)
    probabilities: NDArray[np.float64] = source.dirichlet(np.ones(n)) * m
    _lower_to(max_prob, probabilities, source)
    _raise_to(min_prob, probabilities, source)
    return probabilities


def _lower_to(max_prob: float, probabilities: NDArray[np.float64], source: Source) -> None:
    """Move what exceeds `max_prob` from the largest to the smallest entry until nothing does, in place."""
    while (largest := probabilities.max()) > max_prob + SLACK:
        smallest = probabilities.min() + (largest - max_prob)
        # A random share on top, or every large entry would end at `max_prob` exactly.
        extra = (max_prob - smallest) * source.random()
        probabilities[probabilities.argmin()] = smallest + extra
        probabilities[probabilities.argmax()] = max_prob - extra


def _raise_to(min_prob: float, probabilities: NDArray[np.float64], source: Source) -> None:
    """Move what `min_prob` lacks from the largest to the smallest entry until nothing does, in place."""
    while (smallest := probabilities.min()) < min_prob - SLACK:
        largest = probabilities.max() - (min_prob - smallest)
        extra = (largest - min_prob) * source.random()
        probabilities[probabilities.argmax()] = largest - extra
        probabilities[probabilities.argmin()] = min_prob + extra


def randomly_distribute_N_balls_into_K_bins(  # noqa: N802
    N: int,
    K: int,
    *,
    max_balls_per_bin: int | None = None,
    min_balls_per_bin: int | None = None,
    rng: Source | int | None = None,
) -> NDArray[np.int64]:
    """Distribute `N` balls at random over `K` bins.

    Parameters
    ----------
    N : int
        Number of balls; lowered to what the bins hold.
    K : int
        Number of bins.
    max_balls_per_bin, min_balls_per_bin : int, optional
        Bounds for each bin; the lower one is lowered to N / K.
    rng : numpy Generator, RandomState, int or None, optional
        Where randomness comes from; an int seeds a RandomState, None draws a fresh seed.

    Returns
    -------
    ndarray of int64, shape (K,)
        Balls in each bin, summing to `N`.

    Raises
    ------
    TypeError, ValueError
        If there are balls but no bins, a number is negative, or `rng` is no source of randomness.

    Examples
    --------
    >>> bins = randomly_distribute_N_balls_into_K_bins(10, 4, max_balls_per_bin=3, rng=0)
    >>> int(bins.sum()), bool(bins.max() <= 3)
    (10, True)
    """
    if N < 0 or K < 0 or (K == 0 and N > 0):
        raise ValueError(sentence("N and K", "not be negative, and K above 0 to hold balls", f"{N} and {K}"))
    most = N if max_balls_per_bin is None else min(max_balls_per_bin, N)
    if most < 0:
        raise ValueError(sentence("max_balls_per_bin", "not be negative", f"{most}"))
    n_balls = min(N, most * K)
    if n_balls == 0:
        return np.zeros(K, dtype=np.int64)
    fewest = 0 if min_balls_per_bin is None else min(min_balls_per_bin, N / K)
    shares = generate_n_rand_probabilities_that_sum_to_m(
        K, 1, max_prob=most / float(n_balls), min_prob=fewest / float(n_balls), rng=rng
    )
    bins = np.rint(shares * n_balls).astype(np.int64)
    while bins.sum() > n_balls:
        bins[bins.argmax()] -= 1
    while bins.sum() < n_balls:
        bins[bins.argmin()] += 1
    return bins


def _as_noise_matrix(noise_matrix: ArrayLike) -> NDArray[np.float64]:
    """Return P(given | true) as float64 of shape (K, K)."""
    noise = np.asarray(noise_matrix, dtype=np.float64)
    if noise.ndim != 2 or noise.shape[0] != noise.shape[1]:
        raise ValueError(sentence("noise_matrix", "have shape (n_classes, n_classes)", f"shape {noise.shape}"))
    return noise
