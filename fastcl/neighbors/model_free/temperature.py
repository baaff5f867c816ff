"""Scores become probabilities: a softmax around the class shares, as sharp as the labels warrant.

``p[k] ~ prior[k] exp((score[k] - prior[k]) / temperature)``: scores that say no more than the share of each class
leave exactly these shares, whatever the temperature.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Largest typical logit: where scores separate all classes, no finite sharpness is best.
MAX_LOGIT = 50.0

Floats = npt.NDArray[np.floating[Any]]


def fit_temperature(scores: Floats, codes: npt.NDArray[np.int32], prior: npt.NDArray[np.float64]) -> float:
    """Return the temperature with the lowest mean log-loss of the given labels; infinity if scores mislead.

    The loss is convex in the sharpness, 1 / temperature, so its slope has one root, which is found by bracketing.

    Examples
    --------
    >>> scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    >>> round(fit_temperature(scores, np.array([0, 1, 0, 1], np.int32), np.array([0.5, 0.5])), 3)
    0.242
    """
    from scipy.optimize import brentq

    evidence = scores.astype(np.float64) - prior
    given = evidence[np.arange(len(codes)), codes].mean()
    sharpest = MAX_LOGIT / (np.abs(evidence).max(axis=1).mean() or 1.0)

    def slope(sharpness: float) -> float:
        return float((_softmax(evidence * sharpness, prior) * evidence).sum(axis=1).mean() - given)

    if not slope(0.0) < 0:
        return np.inf
    if slope(sharpest) <= 0:
        return float(1 / sharpest)
    return float(1 / brentq(slope, 0.0, sharpest, xtol=1e-12 * sharpest))


def probabilities(scores: Floats, prior: Floats, temperature: float) -> Floats:
    """Return probabilities of scores, in the dtype of the scores.

    Examples
    --------
    >>> probabilities(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0.5, 0.5]), 0.5).round(3)
    array([[0.5  , 0.5  ],
           [0.881, 0.119]])
    """
    sharpness = scores.dtype.type(1 / temperature)
    return _softmax((scores - prior.astype(scores.dtype)) * sharpness, prior.astype(scores.dtype))


def _softmax(logits: Floats, prior: Floats) -> Floats:
    """Return prior times the exponential of `logits`, made to sum to one; overwrites `logits`."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits *= prior
    logits /= logits.sum(axis=1, keepdims=True)
    return logits
