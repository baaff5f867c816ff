"""How good is each target of a regression?

With y the given targets, p out-of-sample predictions, e = p - y, and hats for what is brought to mean 0 and standard
deviation 1:

==========  ===============================================================================================
`residual`  exp(-|e[i]|)
`outre`     exp(-a[i] / s), a[i] the mean distance of the point (y^[i], 5 e^[i]) to the half of all points
            nearest to it, itself included, and s the median of a
==========  ===============================================================================================

On residuals as scores: Zhou et al., "Detecting errors in numerical data via any regression model", arXiv 2305.16583.
OUTRE is the reference's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_option, sentence
from fastcl.core.targets import as_targets
from fastcl.engine.threads import resolve_n_jobs

__all__ = ["get_label_quality_scores"]

METHODS = ("residual", "outre")

#: How much more an unusual residual counts than an unusual target.
RESIDUAL_WEIGHT = 5

#: Kept away from 0: standard deviations, of targets or residuals that are all equal.
TINY = 1e-100

Floats = npt.NDArray[np.float64]


def get_label_quality_scores(
    labels: Any, predictions: Any, *, method: str = "outre", n_jobs: int | None = None
) -> Floats:
    """Score how likely each target of a regression is right.

    A target is suspicious if the model, which should not have been trained on it, predicts something else; by OUTRE
    all the more if its residual is unusual among those of similar targets. A model that is wrong all over gives
    scores that mean little.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given targets, finite numbers.
    predictions : array-like of shape (n_samples,)
        Out-of-sample predictions of the targets, in the same units.
    method : {"outre", "residual"}
        The distance to the nearer half of all targets and residuals, on the scale of the data; or the residual alone,
        in the units of the targets.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        Scores in [0, 1], low is bad.

    Raises
    ------
    TypeError
        If targets or predictions are no array of real numbers.
    ValueError
        If they are empty, not one-dimensional, of different lengths, or hold missing, infinite or absurdly large
        numbers; or the method is unknown.

    Notes
    -----
    OUTRE is exact: the mean distances are off by a share of 2e-13 at most, for any data, though far from all distances
    are computed (`fastcl.regression.outre`). It takes about n**1.5 steps and 200 bytes a row. Equal rows score the
    same, a mean distance below 1.5e-7 scores 1, and so does a single row.

    References
    ----------
    Zhou et al., "Detecting errors in numerical data via any regression model", arXiv 2305.16583.

    Examples
    --------
    >>> labels = [1.0, 2.0, 3.0, 4.0, 5.0, 60.0]
    >>> predictions = [1.1, 2.0, 2.9, 4.2, 5.1, 6.0]
    >>> get_label_quality_scores(labels, predictions).round(3)
    array([0.346, 0.493, 0.391, 0.391, 0.346, 0.   ])
    >>> get_label_quality_scores(labels, predictions, method="residual").round(3)
    array([0.905, 1.   , 0.905, 0.819, 0.905, 0.   ])
    """
    check_option("method", method, METHODS)
    n_threads = resolve_n_jobs(n_jobs)
    targets, predicted = as_targets("labels", labels), as_targets("predictions", predictions)
    if len(targets) != len(predicted):
        got = f"{len(predicted):,} rows for {len(targets):,} labels"
        raise ValueError(sentence("predictions", "have one row for each label", got))
    residuals = predicted - targets
    if method == "residual":
        scores: Floats = np.exp(-np.abs(residuals))
        return scores
    return _outre(targets, residuals, n_threads)


def _outre(targets: Floats, residuals: Floats, n_threads: int) -> Floats:
    """Return scores by the mean distances to the nearer half of targets and residuals."""
    from fastcl.neighbors.outliers import distance_scores, median_scale
    from fastcl.regression.outre.nearest import mean_nearest_distances

    n_nearest = -(-len(targets) // 2)
    weighted = RESIDUAL_WEIGHT * _standardized(residuals)
    distances = mean_nearest_distances(_standardized(targets), weighted, n_nearest, n_threads)
    scores = distance_scores(distances, scaling_factor=median_scale(distances), metric="euclidean")
    return np.asarray(scores, np.float64)


def _standardized(values: Floats) -> Floats:
    """Return values brought to mean 0 and standard deviation 1."""
    standardized: Floats = (values - values.mean()) / (values.std() + TINY)
    return standardized
