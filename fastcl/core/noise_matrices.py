"""Class priors and the noise between classes, estimated from a confident joint: K x K algebra, no rows.

A noise matrix holds P(given | true), its inverse P(true | given); the columns of both sum to one.

References
----------
Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021,
section 3.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastcl.core.constants import MIN_PROBABILITY, TINY
from fastcl.core.errors import check_option, sentence
from fastcl.core.matrices import Floats, as_class_counts
from fastcl.core.validation import check_matrix

#: How true class priors may be computed from the two noise matrices.
PY_METHODS = ("cnt", "eqn", "marginal", "marginal_ps")

#: Largest noise rate: a class that is always mistaken for one other class cannot be learned.
MAX_NOISE_RATE = 0.9999

#: Lower bound of a class prior once the estimates were made to agree.
MIN_CONVERGED_PRIOR = 1e-5


def clip_noise_rates(matrix: ArrayLike) -> Floats:
    """Clip the off-diagonal entries to [0, 0.9999], then scale every column to sum 1.

    Parameters
    ----------
    matrix : array_like, shape (K, K)
        Noise rates, columns summing to about 1.

    Returns
    -------
    ndarray of float64, shape (K, K)
        A column without any entry stays zero.

    Raises
    ------
    ValueError
        If `matrix` is not square.

    Examples
    --------
    >>> clip_noise_rates([[1.0, -0.2], [0.0, 1.2]])
    array([[1., 0.],
           [0., 1.]])
    """
    rates = np.asarray(matrix)
    if rates.ndim != 2 or rates.shape[0] != rates.shape[1]:
        raise ValueError(sentence("matrix", "have shape (n_classes, n_classes)", f"shape {rates.shape}"))
    clipped = np.clip(rates, 0.0, MAX_NOISE_RATE)
    np.fill_diagonal(clipped, rates.diagonal())
    normalised: Floats = clipped / np.maximum(clipped.sum(axis=0), TINY)
    return normalised


def _as_vector(name: str, values: ArrayLike, n_classes: int) -> Floats:
    """Return `values` as float64 of shape (n_classes,)."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise TypeError(sentence(name, "be one-dimensional", f"shape {array.shape}"))
    if array.shape != (n_classes,):
        raise ValueError(sentence(name, f"have shape ({n_classes},)", f"shape {array.shape}"))
    return array


def clip_values(x: ArrayLike, low: float = 0.0, high: float = 1.0, new_sum: float | None = None) -> Floats:
    """Clip a vector to [low, high], then scale it to the sum it had, or to `new_sum`.

    Parameters
    ----------
    x : array_like of float, shape (n,)
    low, high : float
        Bounds before scaling.
    new_sum : float, optional
        Sum of the result; by default the sum of `x`.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    TypeError
        If `x` is not one-dimensional.

    Examples
    --------
    >>> clip_values([-0.5, 0.5, 1.5], new_sum=3.0)
    array([0., 1., 2.])
    """
    values = np.asarray(x)
    if values.ndim != 1:
        raise TypeError(sentence("x", "be one-dimensional", f"shape {values.shape}"))
    total = values.sum() if new_sum is None else new_sum
    clipped = np.clip(values, low, high)
    scaled: Floats = clipped * total / max(clipped.sum(), TINY)
    return scaled


def compute_py(
    ps: ArrayLike,
    noise_matrix: ArrayLike,
    inverse_noise_matrix: ArrayLike,
    *,
    py_method: str = "cnt",
    true_labels_class_counts: ArrayLike | None = None,
) -> Floats:
    """Estimate the prior of the true classes from that of the given ones.

    Parameters
    ----------
    ps : array_like of float, shape (K,)
        P(given).
    noise_matrix : array_like of float, shape (K, K)
        P(given | true), columns summing to 1.
    inverse_noise_matrix : array_like of float, shape (K, K)
        P(true | given), rows true, columns summing to 1.
    py_method : {"cnt", "eqn", "marginal", "marginal_ps"}, default "cnt"
        "cnt" compares the two diagonals, which are the best estimated entries; "eqn" inverts the noise
        matrix; "marginal" takes the shares of `true_labels_class_counts`; "marginal_ps" applies the inverse.
    true_labels_class_counts : array_like of int, shape (K,), optional
        Column sums of the confident joint; needed by "marginal".

    Returns
    -------
    ndarray of float64, shape (K,)
        P(true), clipped to at least 1e-6 before it was scaled to sum 1.

    Raises
    ------
    TypeError, ValueError
        If a shape or `py_method` is wrong, or "marginal" has no counts.
    numpy.linalg.LinAlgError
        If `py_method` is "eqn" and the noise matrix is singular.

    Examples
    --------
    >>> compute_py([0.5, 0.5], [[0.8, 0.0], [0.2, 1.0]], [[1.0, 0.25], [0.0, 0.75]])
    array([0.625, 0.375])
    """
    check_option("py_method", py_method, PY_METHODS)
    noise = check_matrix("noise_matrix", noise_matrix)
    inverse = check_matrix("inverse_noise_matrix", inverse_noise_matrix, len(noise))
    given = _as_vector("ps", ps, len(noise))
    if py_method == "cnt":
        py = inverse.diagonal() / np.maximum(noise.diagonal(), TINY) * given
    elif py_method == "eqn":
        # Not `solve`: inverting first is what the reference does, and near-singular matrices show it.
        py = np.linalg.inv(noise).dot(given)
    elif py_method == "marginal_ps":
        py = np.dot(inverse, given)
    elif true_labels_class_counts is None:
        raise ValueError(sentence("true_labels_class_counts", "be given when `py_method` is 'marginal'"))
    else:
        counts = _as_vector("true_labels_class_counts", true_labels_class_counts, len(noise))
        py = counts / max(counts.sum(), TINY)
    return clip_values(py, MIN_PROBABILITY, 1.0, new_sum=1.0)


def compute_inv_noise_matrix(py: ArrayLike, noise_matrix: ArrayLike, *, ps: ArrayLike | None = None) -> Floats:
    """Turn P(given | true) into P(true | given) by Bayes' rule.

    Parameters
    ----------
    py : array_like of float, shape (K,)
        P(true).
    noise_matrix : array_like of float, shape (K, K)
        P(given | true), columns summing to 1.
    ps : array_like of float, shape (K,), optional
        P(given); by default what `noise_matrix` makes of `py`.

    Returns
    -------
    ndarray of float64, shape (K, K)
        P(true | given), rows true, clipped by `clip_noise_rates`.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not square, not finite or negative, or a vector does not fit it.

    Examples
    --------
    >>> compute_inv_noise_matrix([0.5, 0.5], [[0.75, 0.25], [0.25, 0.75]])
    array([[0.75, 0.25],
           [0.25, 0.75]])
    """
    noise = check_matrix("noise_matrix", noise_matrix)
    joint = noise * _as_vector("py", py, len(noise))
    given = joint.sum(axis=1) if ps is None else _as_vector("ps", ps, len(noise))
    return clip_noise_rates(joint.T / np.maximum(given, TINY))


def compute_noise_matrix_from_inverse(
    ps: ArrayLike, inverse_noise_matrix: ArrayLike, *, py: ArrayLike | None = None
) -> Floats:
    """Turn P(true | given) into P(given | true) by Bayes' rule.

    Parameters
    ----------
    ps : array_like of float, shape (K,)
        P(given).
    inverse_noise_matrix : array_like of float, shape (K, K)
        P(true | given), rows true, columns summing to 1.
    py : array_like of float, shape (K,), optional
        P(true); by default what `inverse_noise_matrix` makes of `ps`.

    Returns
    -------
    ndarray of float64, shape (K, K)
        P(given | true), clipped by `clip_noise_rates`.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not square, not finite or negative, or a vector does not fit it.

    Examples
    --------
    >>> compute_noise_matrix_from_inverse([0.5, 0.5], [[0.75, 0.25], [0.25, 0.75]])
    array([[0.75, 0.25],
           [0.25, 0.75]])
    """
    inverse = check_matrix("inverse_noise_matrix", inverse_noise_matrix)
    joint = (inverse * _as_vector("ps", ps, len(inverse))).T
    true = joint.sum(axis=0) if py is None else _as_vector("py", py, len(inverse))
    return clip_noise_rates(joint / np.maximum(true, TINY))


def compute_py_inv_noise_matrix(ps: ArrayLike, noise_matrix: ArrayLike) -> tuple[Floats, Floats]:
    """Solve for the prior of the true classes, and turn the noise matrix round.

    Parameters
    ----------
    ps : array_like of float, shape (K,)
        P(given).
    noise_matrix : array_like of float, shape (K, K)
        P(given | true), columns summing to 1.

    Returns
    -------
    py : ndarray of float64, shape (K,)
        P(true).
    inverse_noise_matrix : ndarray of float64, shape (K, K)
        P(true | given), rows true.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not square, not finite or negative, or `ps` does not fit it.
    numpy.linalg.LinAlgError
        If the noise matrix is singular.

    Examples
    --------
    >>> compute_py_inv_noise_matrix([0.5, 0.5], [[1.0, 0.5], [0.0, 0.5]])[0].round(4)
    array([0., 1.])
    """
    noise = check_matrix("noise_matrix", noise_matrix)
    given = _as_vector("ps", ps, len(noise))
    py = clip_values(np.linalg.inv(noise).dot(given), MIN_PROBABILITY, 1.0, new_sum=1.0)
    return py, compute_inv_noise_matrix(py, noise, ps=given)


def estimate_latent(
    confident_joint: ArrayLike,
    class_counts: ArrayLike,
    *,
    py_method: str = "cnt",
    converge_latent_estimates: bool = False,
) -> tuple[Floats, Floats, Floats]:
    """Estimate the prior of the true classes and both noise matrices from the confident joint.

    Parameters
    ----------
    confident_joint : array_like, shape (K, K)
        Counts, rows given and columns true.
    class_counts : array_like of int, shape (K,)
        Number of rows given each class.
    py_method : {"cnt", "eqn", "marginal", "marginal_ps"}, default "cnt"
        See `compute_py`.
    converge_latent_estimates : bool, default False
        Whether to make the three estimates, taken one by one, agree with Bayes' rule by iteration.

    Returns
    -------
    py : ndarray of float64, shape (K,)
        P(true), summing to 1.
    noise_matrix : ndarray of float64, shape (K, K)
        P(given | true), rows given; columns sum to 1.
    inverse_noise_matrix : ndarray of float64, shape (K, K)
        P(true | given), rows true; columns sum to 1.

    Raises
    ------
    TypeError, ValueError
        If the joint is not a square matrix of counts, or `class_counts` or `py_method` is wrong.
    numpy.linalg.LinAlgError
        If `py_method` is "eqn" and the noise matrix is singular.

    Examples
    --------
    >>> py, noise_matrix, inverse_noise_matrix = estimate_latent([[3, 0], [1, 4]], [3, 5])
    >>> py
    array([0.5, 0.5])
    >>> noise_matrix
    array([[0.75, 0.  ],
           [0.25, 1.  ]])
    """
    joint = check_matrix("confident_joint", confident_joint)
    counts = as_class_counts("class_counts", class_counts, len(joint))
    ps = counts / max(float(counts.sum()), TINY)
    true_counts = joint.sum(axis=0)
    noise = joint / np.maximum(true_counts, TINY)
    inverse = joint.T / np.maximum(joint.sum(axis=1), TINY)
    py = compute_py(ps, noise, inverse, py_method=py_method, true_labels_class_counts=true_counts)
    noise, inverse = clip_noise_rates(noise), clip_noise_rates(inverse)
    if converge_latent_estimates:
        py, noise, inverse = _converge(ps, py, noise, inverse)
    return py, noise, inverse


def _converge(ps: Floats, py: Floats, noise: Floats, inverse: Floats) -> tuple[Floats, Floats, Floats]:
    """Make the three estimates agree; the noise matrix comes last, being settled by the other two."""
    for _ in range(3):
        for _ in range(5):
            inverse = compute_inv_noise_matrix(py, noise, ps=ps)
            py = compute_py(ps, noise, inverse)
        noise = compute_noise_matrix_from_inverse(ps, inverse, py=py)
    py = clip_values(py, MIN_CONVERGED_PRIOR, 1.0, new_sum=1.0)
    return py, clip_noise_rates(noise), clip_noise_rates(inverse)


def compute_pyx(pred_probs: ArrayLike, noise_matrix: ArrayLike, inverse_noise_matrix: ArrayLike) -> Floats:
    """Correct predicted probabilities of given labels into those of true labels, by the two diagonals.

    Parameters
    ----------
    pred_probs : array_like of float, shape (n_samples, K)
        P(given | x).
    noise_matrix : array_like of float, shape (K, K)
        P(given | true).
    inverse_noise_matrix : array_like of float, shape (K, K)
        P(true | given), rows true.

    Returns
    -------
    ndarray of float64, shape (n_samples, K)
        P(true | x), in [0, 1]; rows sum to 1.

    Raises
    ------
    TypeError, ValueError
        If `pred_probs` has not two dimensions, or a matrix does not fit its columns.

    Examples
    --------
    >>> compute_pyx([[0.75, 0.25]], [[1.0, 0.5], [0.0, 0.5]], [[0.5, 0.0], [0.5, 1.0]])
    array([[0.42857143, 0.57142857]])
    """
    probs = np.asarray(pred_probs)
    if probs.ndim != 2:
        raise ValueError(sentence("pred_probs", "have shape (n_samples, n_classes)", f"shape {probs.shape}"))
    K = probs.shape[1]
    kept_given = check_matrix("inverse_noise_matrix", inverse_noise_matrix, K).diagonal()
    kept_true = check_matrix("noise_matrix", noise_matrix, K).diagonal()
    pyx: Floats = np.multiply(probs, kept_given, dtype=np.float64, order="C")
    pyx /= np.maximum(kept_true, TINY)
    np.clip(pyx, 0.0, 1.0, out=pyx)
    pyx /= np.maximum(pyx.sum(axis=1, keepdims=True), TINY)
    return pyx
