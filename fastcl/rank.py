"""How good is each label?

Scores in [0, 1], low is bad; see `fastcl.core.scores` for the formulas. Kuan and Mueller, "Model-agnostic label
quality scoring to detect real-world label errors", ICML DataPerf Workshop 2022.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number, check_option, sentence, warn

if TYPE_CHECKING:
    from fastcl.core.scores import Scoring
    from fastcl.engine.blocks import Source

__all__ = [
    "find_top_issues",
    "get_confidence_weighted_entropy_for_each_label",
    "get_label_quality_ensemble_scores",
    "get_label_quality_scores",
    "get_normalized_margin_for_each_label",
    "get_self_confidence_for_each_label",
    "order_label_issues",
]

logger = logging.getLogger(__name__)

WEIGHTINGS = ("accuracy", "uniform", "log_loss_search", "custom")

Scores = npt.NDArray[np.floating[Any]]


def get_label_quality_scores(
    labels: Any,
    pred_probs: Any,
    *,
    method: str = "self_confidence",
    adjust_pred_probs: bool = False,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> Scores:
    """Score how likely each label is right.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names. Or what `fastcl.filter.find_label_issues` takes.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1]. Or what `fastcl.filter.find_label_issues` takes.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        The probability of the given label; its lead over the best other one; or the entropy of the row weighted
        by the probability of the given label.
    adjust_pred_probs : bool
        Subtract the class thresholds first, so that a class the model is shy of is not blamed for it; not with
        ``"confidence_weighted_entropy"``.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.
    verbose : bool
        Show a progress bar on a terminal if it takes longer than two seconds.

    Returns
    -------
    ndarray of shape (n_samples,)
        Scores in [0, 1], low is bad. float32 if `pred_probs` is and the method does not use entropy.

    Raises
    ------
    ValueError
        If the method is unknown, `pred_probs` holds something else than probabilities or does not fit `labels`.

    Notes
    -----
    Reads the data once, with `adjust_pred_probs` also one probability a row before.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.3, 0.7]])
    >>> get_label_quality_scores([0, 0], pred_probs)
    array([0.9, 0.3])
    """
    from fastcl.core.scores import Scoring, owned
    from fastcl.engine.blocks import open_source
    from fastcl.engine.run import question_columns, scored_sweep

    scoring = Scoring(method, bool(adjust_pred_probs))
    source = open_source(labels, pred_probs, class_names=class_names)
    scoring.check("method", source.n_classes)
    source.require(1 + scoring.adjust_pred_probs)
    rows = scored_sweep(source, scoring, n_jobs=n_jobs, verbose=verbose)
    question_columns(source, rows.labels, rows.summary)
    return owned(rows.scores)


def get_self_confidence_for_each_label(labels: Any, pred_probs: Any) -> Scores:
    """Return the predicted probability of each given label.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1].

    Returns
    -------
    ndarray of shape (n_samples,)
        Scores in [0, 1], low is bad.

    Examples
    --------
    >>> import numpy as np
    >>> get_self_confidence_for_each_label([0, 0], np.array([[0.9, 0.1], [0.3, 0.7]]))
    array([0.9, 0.3])
    """
    return get_label_quality_scores(labels, pred_probs, method="self_confidence")


def get_normalized_margin_for_each_label(labels: Any, pred_probs: Any) -> Scores:
    """Return by how much each given label leads over the best other class.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1]; at least two classes.

    Returns
    -------
    ndarray of shape (n_samples,)
        Scores in [0, 1], low is bad; one half where two classes are equally probable.

    Examples
    --------
    >>> import numpy as np
    >>> get_normalized_margin_for_each_label([0, 0], np.array([[0.9, 0.1], [0.25, 0.75]]))
    array([0.9 , 0.25])
    """
    return get_label_quality_scores(labels, pred_probs, method="normalized_margin")


def get_confidence_weighted_entropy_for_each_label(labels: Any, pred_probs: Any) -> Scores:
    """Return the entropy of each row, weighted by the probability of the given label.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1].

    Returns
    -------
    ndarray of shape (n_samples,), float64
        Scores in [0, 1], low is bad; 1 where the model is certain of the given label.

    Examples
    --------
    >>> import numpy as np
    >>> get_confidence_weighted_entropy_for_each_label([0, 0], np.array([[1.0, 0.0], [0.5, 0.5]])).round(3)
    array([1.   , 0.549])
    """
    return get_label_quality_scores(labels, pred_probs, method="confidence_weighted_entropy")


def find_top_issues(quality_scores: Any, *, top: int | None = 10) -> npt.NDArray[np.int64]:
    """Return the rows of the lowest scores, worst first.

    Parameters
    ----------
    quality_scores : array-like of shape (n_samples,)
        Scores of which low is bad.
    top : int or None
        How many rows to return at most; None for all.

    Returns
    -------
    ndarray of shape (min(top, n_samples),), int64
        Rows by ascending score, ties by row.

    Raises
    ------
    ValueError
        If `top` is negative or a score is NaN.

    Examples
    --------
    >>> find_top_issues([0.9, 0.1, 0.4], top=2)
    array([1, 2])
    """
    from fastcl.core.arrays import as_array
    from fastcl.core.selection import ascending, lowest

    scores = as_array("quality_scores", quality_scores)
    if scores.ndim != 1:
        raise ValueError(sentence("quality_scores", "have shape (n_samples,)", f"shape {scores.shape}"))
    if scores.dtype.kind not in "fiu":
        raise TypeError(sentence("quality_scores", "hold numbers", f"dtype {scores.dtype}"))
    if scores.dtype.kind == "f" and np.isnan(scores).any():
        raise ValueError(sentence("quality_scores", "hold no NaN", f"{np.isnan(scores).sum():,} of them"))
    if top is not None:
        check_number("top", top, 0, whole=True)
    rows = lowest(scores, len(scores) if top is None else top)
    return rows[ascending(scores[rows])]


def order_label_issues(
    label_issues_mask: npt.ArrayLike,
    labels: Any,
    pred_probs: Any,
    *,
    rank_by: str = "self_confidence",
    rank_by_kwargs: dict[str, Any] | None = None,
) -> npt.NDArray[np.int64]:
    """Return the rows of given label issues, worst first.

    Parameters
    ----------
    label_issues_mask : array-like of shape (n_samples,), bool
        True for the issues; or an array of their rows.
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1].
    rank_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        The score.
    rank_by_kwargs : dict, optional
        ``{"adjust_pred_probs": True}`` for the adjusted score.

    Returns
    -------
    ndarray of int64
        Rows of the issues by ascending score, ties by row.

    Raises
    ------
    ValueError
        If the mask does not fit the labels.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8]])
    >>> order_label_issues([False, True, True], [0, 0, 0], pred_probs)
    array([2, 1])
    """
    from fastcl.core.scores import Scoring
    from fastcl.core.selection import ascending

    scoring = Scoring.of_options(rank_by, rank_by_kwargs, "rank_by_kwargs")
    scores = get_label_quality_scores(
        labels, pred_probs, method=scoring.method, adjust_pred_probs=scoring.adjust_pred_probs
    )
    rows = _rows_of(label_issues_mask, len(scores))
    return rows[ascending(scores[rows])]


def _rows_of(mask: npt.ArrayLike, n_rows: int) -> npt.NDArray[np.int64]:
    """Return the rows that a mask, or an array of rows, means."""
    chosen = np.asarray(mask)
    if chosen.dtype == bool and chosen.shape == (n_rows,):
        return np.flatnonzero(chosen)
    if not chosen.size:
        return np.empty(0, np.int64)
    if chosen.dtype.kind not in "iu" or chosen.ndim != 1 or chosen.min() < 0 or chosen.max() >= n_rows:
        rule = f"have shape ({n_rows},) and hold booleans, or hold rows in [0, {n_rows})"
        raise ValueError(sentence("label_issues_mask", rule, f"{chosen.dtype} of shape {chosen.shape}"))
    return chosen.astype(np.int64)


def get_label_quality_ensemble_scores(
    labels: Any,
    pred_probs_list: list[Any],
    *,
    method: str = "self_confidence",
    adjust_pred_probs: bool = False,
    weight_ensemble_members_by: str = "accuracy",
    custom_weights: npt.ArrayLike | None = None,
    log_loss_search_T_values: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 2e2),
    verbose: bool = True,
    n_jobs: int | None = None,
) -> Scores:
    """Score how likely each label is right, by several models together.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs_list : list of array-likes of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1] of each model.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        The score, see `get_label_quality_scores`.
    adjust_pred_probs : bool
        See `get_label_quality_scores`.
    weight_ensemble_members_by : {"accuracy", "uniform", "log_loss_search", "custom"}
        Weigh models by how often they agree with the labels; all alike; by exp(-T log-loss) with the T of
        `log_loss_search_T_values` that gives the weighted mean of their probabilities the lowest log-loss (the
        first of equals); or by `custom_weights`.
    custom_weights : array-like of shape (n_models,), optional
        Used as they are: let them sum to one to stay within [0, 1].
    log_loss_search_T_values : sequence of float
        Inverse temperatures to try.
    verbose : bool
        Log the weights (logger ``fastcl.rank``, level INFO).
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples,)
        Weighted mean of the models' scores, low is bad.

    Raises
    ------
    TypeError
        If `pred_probs_list` is no list.
    ValueError
        If it is empty, a weighting is unknown, or weights are missing, superfluous or of another number.

    Notes
    -----
    Reads the probabilities of each model once.

    Examples
    --------
    >>> import numpy as np
    >>> members = [np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([[0.7, 0.3], [0.5, 0.5]])]
    >>> get_label_quality_ensemble_scores([0, 1], members, weight_ensemble_members_by="uniform")
    array([0.8, 0.6])
    """
    from fastcl.core.scores import Scoring
    from fastcl.engine.blocks import open_source

    scoring = Scoring(method, bool(adjust_pred_probs))
    _check_ensemble(pred_probs_list, weight_ensemble_members_by, custom_weights)
    _check_numbers("log_loss_search_T_values", log_loss_search_T_values)
    sources = [open_source(labels, member) for member in pred_probs_list]
    if len({source.n_classes for source in sources}) > 1:
        got = ", ".join(str(source.n_classes) for source in sources)
        raise ValueError(sentence("pred_probs_list", "hold arrays of as many columns", got))
    for source in sources:
        scoring.check("method", source.n_classes)
    members = [_sweep_member(source, scoring, n_jobs) for source in sources]
    if weight_ensemble_members_by == "custom":
        weights = np.asarray(custom_weights)
    else:
        weights = _weights(members, weight_ensemble_members_by, log_loss_search_T_values)
    logger.log(logging.INFO if verbose else logging.DEBUG, "weights of the ensemble's members: %s", weights)
    scores = np.vstack([member.scores for member in members]).T
    ensemble: Scores = (scores * weights).sum(axis=1)
    return ensemble


@dataclass
class _Member:
    """What one model of an ensemble says: its scores, and how well it fits the labels."""

    scores: Scores
    self_confidence: Scores
    accuracy: float
    log_loss: float


def _check_ensemble(members: Any, weighting: str, custom_weights: Any) -> None:
    if not isinstance(members, list):
        raise TypeError(sentence("pred_probs_list", "be a list of arrays", type(members).__name__))
    if not members:
        raise ValueError(sentence("pred_probs_list", "hold at least one array", "none"))
    if len(members) == 1:
        warn("`pred_probs_list` holds one array only: `get_label_quality_scores` says the same.")
    check_option("weight_ensemble_members_by", weighting, WEIGHTINGS)
    if (weighting == "custom") != (custom_weights is not None):
        rule = "be given if, and only if, `weight_ensemble_members_by` is 'custom'"
        raise ValueError(sentence("custom_weights", rule, f"{weighting!r} and {custom_weights!r}"))
    if custom_weights is not None:
        _check_numbers("custom_weights", custom_weights, len(members))


def _check_numbers(name: str, values: Any, length: int | None = None) -> None:
    """Raise ValueError unless `values` are finite numbers, so many of them or at least one."""
    array = np.asarray(values)
    fits = array.ndim == 1 and (array.size == length if length is not None else array.size > 0)
    if not fits or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        rule = "hold finite numbers" + (f", one for each of the {length} models" if length is not None else "")
        raise ValueError(sentence(name, rule, repr(values)))


def _sweep_member(source: Source, scoring: Scoring, n_jobs: int | None) -> _Member:
    from fastcl.core.scores import clipped_self_confidence
    from fastcl.engine.run import scored_sweep

    rows = scored_sweep(source, scoring, also=clipped_self_confidence, n_jobs=n_jobs)
    return _Member(
        scores=rows.scores,
        self_confidence=rows.summary.self_confidence,
        accuracy=float((rows.summary.predicted == rows.labels).mean()),
        log_loss=_log_loss(rows.extra),
    )


def _log_loss(self_confidence: Scores) -> float:
    """Return the mean log-loss of the given labels, with probabilities kept away from 0 and 1 by one epsilon."""
    epsilon = np.finfo(self_confidence.dtype).eps
    return float(-np.log(np.clip(self_confidence, epsilon, 1 - epsilon)).mean())


def _weights(members: list[_Member], weighting: str, temperatures: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the weights of the members, summing to one."""
    if weighting == "uniform":
        return np.full(len(members), 1 / len(members))
    if weighting == "accuracy":
        accuracies = np.array([member.accuracy for member in members])
        if not accuracies.any():
            warn("No model agrees with any label; all are weighed alike.")
            return np.full(len(members), 1 / len(members))
        return accuracies / accuracies.sum()
    losses = np.array([member.log_loss for member in members])
    # relative to the best: the weights stay the same, and a large T makes none of them vanish altogether
    candidates = [np.exp(-T * (losses - losses.min())) for T in temperatures]
    candidates = [weights / weights.sum() for weights in candidates]
    mixtures = [
        _log_loss(sum(w * m.self_confidence for w, m in zip(weights, members, strict=True))) for weights in candidates
    ]
    return candidates[int(np.argmin(mixtures))]
