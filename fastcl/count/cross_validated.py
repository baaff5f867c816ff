"""The same estimates for those who have features instead of probabilities: cross-validation first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.count.joint import compute_confident_joint
from fastcl.count.latent import estimate_latent


def estimate_confident_joint_and_cv_pred_proba(
    X: Any,
    labels: Any,
    clf: Any = None,
    *,
    cv_n_folds: int = 5,
    thresholds: npt.ArrayLike | None = None,
    seed: int | None = None,
    calibrate: bool = True,
    clf_kwargs: dict[str, Any] | None = None,
    validation_func: Callable[..., dict[str, Any]] | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Predict every row by a model that has not seen it, and compute the confident joint.

    Parameters
    ----------
    X : array-like, frame, sparse matrix or other indexable of length n_samples
        Features, as `clf` wants them.
    labels : array-like of shape (n_samples,)
        Class indices 0..n_classes-1; every class must occur.
    clf : scikit-learn classifier, optional
        Anything with ``fit`` and ``predict_proba`` that can be cloned; by default logistic regression.
    cv_n_folds : int
        Number of stratified folds.
    thresholds : array-like of shape (n_classes,), optional
        How probable a class must be to be confident; by default `get_confident_thresholds`.
    seed : int, optional
        Fixes the folds. Without it they are the same in every call; NumPy's global state is neither read nor changed.
    calibrate : bool
        See `compute_confident_joint`.
    clf_kwargs : dict, optional
        Passed on to ``clf.fit``.
    validation_func : callable, optional
        Called with the features and labels of the part held out; the dict it returns is passed on to ``clf.fit``.

    Returns
    -------
    confident_joint : ndarray of shape (n_classes, n_classes), int64
        See `compute_confident_joint`.
    pred_probs : ndarray of shape (n_samples, n_classes), float64
        Out-of-sample predicted probabilities.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, labels = load_wine(return_X_y=True)
    >>> from sklearn.naive_bayes import GaussianNB
    >>> joint, pred_probs = estimate_confident_joint_and_cv_pred_proba(X, labels, GaussianNB(), seed=0)
    >>> pred_probs.shape
    (178, 3)
    """
    pred_probs = estimate_cv_predicted_probabilities(
        X, labels, clf, cv_n_folds=cv_n_folds, seed=seed, clf_kwargs=clf_kwargs, validation_func=validation_func
    )
    return compute_confident_joint(labels, pred_probs, thresholds=thresholds, calibrate=calibrate), pred_probs  # type: ignore[return-value]


def estimate_py_noise_matrices_and_cv_pred_proba(
    X: Any,
    labels: Any,
    clf: Any = None,
    *,
    cv_n_folds: int = 5,
    thresholds: npt.ArrayLike | None = None,
    converge_latent_estimates: bool = False,
    py_method: str = "cnt",
    seed: int | None = None,
    clf_kwargs: dict[str, Any] | None = None,
    validation_func: Callable[..., dict[str, Any]] | None = None,
) -> tuple[
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.int64],
    npt.NDArray[np.float64],
]:
    """Predict every row by a model that has not seen it; estimate priors, noise and confident joint.

    Parameters
    ----------
    X, labels, clf, cv_n_folds, thresholds, seed, clf_kwargs, validation_func
        See `estimate_confident_joint_and_cv_pred_proba`.
    converge_latent_estimates, py_method
        See `estimate_latent`.

    Returns
    -------
    py, noise_matrix, inverse_noise_matrix
        See `estimate_latent`.
    confident_joint, pred_probs
        See `estimate_confident_joint_and_cv_pred_proba`.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, labels = load_wine(return_X_y=True)
    >>> py, *others = estimate_py_noise_matrices_and_cv_pred_proba(X, labels, GaussianNB(), seed=0)
    >>> round(float(py.sum()), 12)
    1.0
    """
    joint, pred_probs = estimate_confident_joint_and_cv_pred_proba(
        X,
        labels,
        clf,
        cv_n_folds=cv_n_folds,
        thresholds=thresholds,
        seed=seed,
        clf_kwargs=clf_kwargs,
        validation_func=validation_func,
    )
    latent = estimate_latent(joint, labels, py_method=py_method, converge_latent_estimates=converge_latent_estimates)
    return (*latent, joint, pred_probs)


def estimate_cv_predicted_probabilities(
    X: Any,
    labels: Any,
    clf: Any = None,
    *,
    cv_n_folds: int = 5,
    seed: int | None = None,
    clf_kwargs: dict[str, Any] | None = None,
    validation_func: Callable[..., dict[str, Any]] | None = None,
) -> npt.NDArray[np.float64]:
    """Predict every row by a model that has not seen it.

    Parameters
    ----------
    X, labels, clf, cv_n_folds, seed, clf_kwargs, validation_func
        See `estimate_confident_joint_and_cv_pred_proba`.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Out-of-sample predicted probabilities.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, labels = load_wine(return_X_y=True)
    >>> estimate_cv_predicted_probabilities(X, labels, GaussianNB(), seed=0).shape
    (178, 3)
    """
    from fastcl.cross_validation.pred_probs import as_classifier, cross_val_pred_probs

    codes = _as_codes(labels)
    return cross_val_pred_probs(
        as_classifier("clf", clf),
        X,
        codes,
        cv=cv_n_folds,
        seed=seed,
        params=clf_kwargs,
        validation_func=validation_func,
        verbose=False,
    )


def _as_codes(labels: Any) -> npt.NDArray[Any]:
    """Return labels, or raise unless they name the classes 0, 1, ..., n_classes - 1, all of them."""
    codes = np.asarray(labels)
    fix = "Number the classes with np.unique(labels, return_inverse=True)[1]."
    if codes.dtype.kind not in "iu":
        raise ValueError(sentence("labels", "be integer class codes", f"dtype {codes.dtype}", fix))
    classes = np.unique(codes)
    missing = np.setdiff1d(np.arange(len(classes)), classes)  # not up to classes[-1], which may be huge
    if missing.size:
        rule = f"name every class from 0 to {classes[-1]}"
        raise ValueError(sentence("labels", rule, f"no row of class {missing[0]}", fix))
    return codes


def estimate_noise_matrices(
    X: Any,
    labels: Any,
    clf: Any = None,
    *,
    cv_n_folds: int = 5,
    thresholds: npt.ArrayLike | None = None,
    converge_latent_estimates: bool = True,
    seed: int | None = None,
    clf_kwargs: dict[str, Any] | None = None,
    validation_func: Callable[..., dict[str, Any]] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Predict every row by a model that has not seen it, and estimate the noise between classes.

    Parameters
    ----------
    X, labels, clf, cv_n_folds, thresholds, seed, clf_kwargs, validation_func
        See `estimate_confident_joint_and_cv_pred_proba`.
    converge_latent_estimates
        See `estimate_latent`.

    Returns
    -------
    noise_matrix, inverse_noise_matrix
        See `estimate_latent`.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, labels = load_wine(return_X_y=True)
    >>> noise_matrix, _ = estimate_noise_matrices(X, labels, GaussianNB(), seed=0)
    >>> noise_matrix.shape
    (3, 3)
    """
    estimates = estimate_py_noise_matrices_and_cv_pred_proba(
        X,
        labels,
        clf,
        cv_n_folds=cv_n_folds,
        thresholds=thresholds,
        converge_latent_estimates=converge_latent_estimates,
        seed=seed,
        clf_kwargs=clf_kwargs,
        validation_func=validation_func,
    )
    return estimates[1], estimates[2]
