"""Class priors and the noise between classes: K x K algebra on a confident joint."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.count.joint import class_counts_of, compute_confident_joint


def estimate_latent(
    confident_joint: npt.ArrayLike, labels: Any, *, py_method: str = "cnt", converge_latent_estimates: bool = False
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Estimate true class priors and the noise between classes from a confident joint.

    Parameters
    ----------
    confident_joint : array-like of shape (n_classes, n_classes)
        Counts of (given, true) class pairs.
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    py_method : {"cnt", "eqn", "marginal", "marginal_ps"}
        How the priors are computed.
    converge_latent_estimates : bool
        Make the three estimates agree with each other by a few rounds of substitution.

    Returns
    -------
    py : ndarray of shape (n_classes,)
        P(true class).
    noise_matrix : ndarray of shape (n_classes, n_classes)
        P(given | true): given classes down, columns sum to 1.
    inverse_noise_matrix : ndarray of shape (n_classes, n_classes)
        P(true | given): true classes down, columns sum to 1.

    Examples
    --------
    >>> py, noise_matrix, inverse_noise_matrix = estimate_latent([[3, 0], [1, 4]], [0, 0, 0, 1, 1, 1, 1, 1])
    >>> noise_matrix
    array([[0.75, 0.  ],
           [0.25, 1.  ]])
    """
    from fastcl.core import noise_matrices
    from fastcl.core.validation import check_matrix

    joint = check_matrix("confident_joint", confident_joint)
    return noise_matrices.estimate_latent(
        joint,
        class_counts_of(labels, len(joint)),
        py_method=py_method,
        converge_latent_estimates=converge_latent_estimates,
    )


def estimate_py_and_noise_matrices_from_probabilities(
    labels: Any,
    pred_probs: Any,
    *,
    thresholds: npt.ArrayLike | None = None,
    converge_latent_estimates: bool = True,
    py_method: str = "cnt",
    calibrate: bool = True,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Estimate true class priors, the noise between classes and the confident joint.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1].
    thresholds : array-like of shape (n_classes,), optional
        How probable a class must be to be confident; by default `get_confident_thresholds`.
    converge_latent_estimates, py_method
        See `estimate_latent`.
    calibrate : bool
        See `compute_confident_joint`.

    Returns
    -------
    py, noise_matrix, inverse_noise_matrix
        See `estimate_latent`.
    confident_joint : ndarray of shape (n_classes, n_classes), int64
        See `compute_confident_joint`.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> estimate_py_and_noise_matrices_from_probabilities([0, 0, 1, 1, 1], pred_probs)[3]
    array([[2, 0],
           [1, 2]])
    """
    joint: Any = compute_confident_joint(labels, pred_probs, thresholds=thresholds, calibrate=calibrate)
    latent = estimate_latent(joint, labels, py_method=py_method, converge_latent_estimates=converge_latent_estimates)
    return (*latent, joint)
