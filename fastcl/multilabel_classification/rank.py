"""How good are the labels of each row, if rows may have several classes?

Every row and class is a question of two answers, has it or not, and gets the score of `fastcl.rank` for that; those of
a row become one. Thyagarajan et al., "Identifying incorrect annotations in multi-label classification data", ICLR 2023
workshop on trustworthy machine learning.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_option, sentence

if TYPE_CHECKING:
    from fastcl.core.folds import Fold
    from fastcl.core.multilabel_sweep import CellBlock
    from fastcl.core.scores import Scoring
    from fastcl.engine.multilabel import CellSource

__all__ = ["get_label_quality_scores", "get_label_quality_scores_per_class"]

Scores = npt.NDArray[np.floating[Any]]

#: How the scores of a row become one unless the caller says otherwise.
AGGREGATION: dict[str, Any] = {"method": "exponential_moving_average", "alpha": 0.8}


def get_label_quality_scores(
    labels: Any,
    pred_probs: Any,
    *,
    method: str = "self_confidence",
    adjust_pred_probs: bool = False,
    aggregator_kwargs: Mapping[str, Any] = AGGREGATION,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> Scores:
    """Score how likely all labels of each row are right.

    Parameters
    ----------
    labels : list of n_samples lists, sets, tuples or arrays; or array-like of shape (n_samples, n_classes)
        The classes each row has, as class indices in [0, n_classes) or names; it may have none. Or a 0/1 or boolean
        matrix: array, table or sparse.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1] that a row has a class; rows need not sum to one. In memory or
        on disk, a table with one column a class, or the path of a ``.npy`` file.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        Score of each class: the probability of the given answer, p or 1 - p, which with two answers is also its
        margin; or the entropy of the two, weighted by that probability.
    adjust_pred_probs : bool
        Subtract the thresholds of both answers of each class first, so that a class the model is shy of is not blamed
        for it; not with ``"confidence_weighted_entropy"``.
    aggregator_kwargs : dict
        How the scores of the classes become one: ``{"method": "exponential_moving_average", "alpha": 0.8}`` (scores in
        descending order, each next one with weight alpha; alpha None: 2 / (n_classes + 1)), ``{"method": "softmin",
        "temperature": 0.1}``, ``{"method": "min"}``, ``{"method": "mean"}``, or a function as ``"method"``: it is
        called once, with the scores of shape (n_samples, n_classes), ``axis=1`` and the other entries.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples,)
        Scores in [0, 1], low is bad. float32 if `pred_probs` is and the method does not use entropy.

    Raises
    ------
    TypeError
        If labels, probabilities or `aggregator_kwargs` are of another kind.
    ValueError
        If a method is unknown, an option out of range, `pred_probs` holds something else than probabilities or does
        not fit `labels`.

    Notes
    -----
    Reads the data once, adjusted scores twice. Memory: the labels, the scores, and a block of 131,072 cells a thread;
    the scores of all classes only for an aggregating function.

    References
    ----------
    Thyagarajan et al., "Identifying incorrect annotations in multi-label classification data", arXiv:2211.13895.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.1, 0.9, 0.1], [0.4, 0.1, 0.9]])
    >>> get_label_quality_scores([[1], [0, 2]], pred_probs)
    array([0.9, 0.5])
    """
    from fastcl.core.scores import Scoring
    from fastcl.engine.multilabel import open_cells

    scoring = Scoring(method, bool(adjust_pred_probs))
    scoring.check("method", n_classes=2)
    aggregator = as_aggregator(aggregator_kwargs)
    source = open_cells(labels, pred_probs, class_names)
    return aggregated_scores(source, scoring, aggregator, n_jobs=n_jobs)


def get_label_quality_scores_per_class(
    labels: Any,
    pred_probs: Any,
    *,
    method: str = "self_confidence",
    adjust_pred_probs: bool = False,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> Scores:
    """Score how likely each row is rightly said to have, or not to have, each class.

    Parameters
    ----------
    labels : list of n_samples lists, sets, tuples or arrays; or array-like of shape (n_samples, n_classes)
        The classes each row has, as class indices in [0, n_classes) or names; it may have none. Or a 0/1 or boolean
        matrix: array, table or sparse.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1] that a row has a class; rows need not sum to one. In memory or
        on disk, a table with one column a class, or the path of a ``.npy`` file.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        See `get_label_quality_scores`.
    adjust_pred_probs : bool
        See `get_label_quality_scores`.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Scores in [0, 1], low is bad. float32 if `pred_probs` is and the method does not use entropy.

    Raises
    ------
    TypeError
        If labels or probabilities are of another kind.
    ValueError
        If the method is unknown, `pred_probs` holds something else than probabilities or does not fit `labels`.

    Notes
    -----
    Reads the data once, adjusted scores twice. Memory: the labels, and the scores.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.1, 0.9, 0.1], [0.4, 0.1, 0.9]])
    >>> get_label_quality_scores_per_class([[1], [0, 2]], pred_probs)
    array([[0.9, 0.9, 0.9],
           [0.4, 0.9, 0.9]])
    """
    from fastcl.core.scores import Scoring
    from fastcl.engine.multilabel import open_cells

    scoring = Scoring(method, bool(adjust_pred_probs))
    scoring.check("method", n_classes=2)
    source = open_cells(labels, pred_probs, class_names)
    return _map_scores(source, scoring, None, (source.n_classes,), None, None, n_jobs)


def as_aggregator(options: Mapping[str, Any]) -> Fold | Callable[[Scores], Any]:
    """Return how the scores of a row become one: a fold, or the caller's function with its arguments."""
    from functools import partial

    from fastcl.core.folds import OPTIONS, Fold

    if not isinstance(options, Mapping):
        raise TypeError(sentence("aggregator_kwargs", "be a dict", type(options).__name__))
    options = options or AGGREGATION
    method = options.get("method")
    if not isinstance(method, str) and method is not None:
        if not callable(method):
            rule = f"be one of {', '.join(map(repr, OPTIONS))}, or a function"
            raise TypeError(sentence("aggregator_kwargs['method']", rule, type(method).__name__))
        return partial(method, **{key: value for key, value in options.items() if key != "method"} | {"axis": 1})
    check_option("aggregator_kwargs['method']", method, OPTIONS)
    return Fold.of_options(options, "aggregator_kwargs")


def aggregated_scores(
    source: CellSource,
    scoring: Scoring,
    aggregator: Fold | Callable[[Scores], Any] | None = None,
    *,
    thresholds: npt.NDArray[np.float64] | None = None,
    rows: npt.NDArray[np.int64] | None = None,
    n_jobs: int | None = None,
) -> Scores:
    """Score rows, all or those given in ascending order, by what becomes of the scores of their cells.

    Without an aggregator by their moving average; `thresholds` (n_classes, 2) save a read if the scores are adjusted.
    """
    from fastcl.core.folds import Fold

    fold = as_aggregator(AGGREGATION) if aggregator is None else aggregator
    if isinstance(fold, Fold):
        return _map_scores(source, scoring, fold, (), thresholds, rows, n_jobs)
    scores = _map_scores(source, scoring, None, (source.n_classes,), thresholds, rows, n_jobs)
    folded = np.asarray(fold(scores))
    if folded.shape != (len(scores),):
        rule = f"return one score a row, an array of shape ({len(scores)},)"
        raise ValueError(sentence("aggregator_kwargs['method']", rule, f"shape {folded.shape}"))
    return folded


def _map_scores(
    source: CellSource,
    scoring: Scoring,
    fold: Fold | None,
    shape: tuple[int, ...],
    thresholds: npt.NDArray[np.float64] | None,
    rows: npt.NDArray[np.int64] | None,
    n_jobs: int | None,
) -> Scores:
    """Read the cells block by block; keep their scores, or what `fold` makes of each row, of shape `shape`."""
    from fastcl.core.cell_scores import score_cells, score_dtype, side_lifts, take
    from fastcl.engine.multilabel import fold_blocks, sweep_cells

    lifts = None
    if scoring.adjust_pred_probs:
        lifts = side_lifts(sweep_cells(source, n_jobs=n_jobs).thresholds if thresholds is None else thresholds)
    kept = np.empty((len(source) if rows is None else rows.size, *shape), score_dtype(scoring, source.dtype))

    def update(_: None, block: CellBlock) -> None:
        places = slice(block.start, block.start + len(block.given))
        if rows is not None:
            places = slice(*np.searchsorted(rows, (places.start, places.stop)))
            block = take(block, rows[places] - block.start)
        scores = score_cells(block, scoring, lifts)
        kept[places] = scores if fold is None else fold(scores)

    fold_blocks(source, lambda: None, update, "scores", n_jobs=n_jobs)
    return kept
