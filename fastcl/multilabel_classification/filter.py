"""Which rows, and which of their classes, are labelled wrong, if a row may have any number of classes?

Every class is a problem of two classes of its own, "not in" and "in"; see ``docs/multilabel.md``. Thyagarajan,
Snorrason, Northcutt and Mueller, "Identifying Incorrect Annotations in Multi-Label Classification Data" (2022).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.filter_options import PruneOptions

if TYPE_CHECKING:
    from fastcl.engine.multilabel import CellSource

__all__ = ["find_label_issues", "find_multilabel_issues_per_class"]


def find_label_issues(
    labels: Any,
    pred_probs: Any,
    return_indices_ranked_by: str | None = None,
    rank_by_kwargs: dict[str, Any] | None = None,
    filter_by: str = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    num_to_remove_per_class: Sequence[int] | None = None,
    min_examples_per_class: int = 1,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    low_memory: bool = False,
    *,
    thresholds: npt.ArrayLike | None = None,
    class_names: Sequence[Hashable] | None = None,
) -> npt.NDArray[Any]:
    """Find the rows of which a class is probably missing, or given by mistake.

    A row is an issue if any of its classes is, see `find_multilabel_issues_per_class`. Wrong where the model is
    confidently wrong: `pred_probs` must come from a model that has not seen the row it predicts (cross-validation).

    Parameters
    ----------
    labels : list of n_samples lists or sets; or array-like of shape (n_samples, n_classes)
        The classes of each row, as indices in [0, n_classes) or names; a row may have none. Or 0/1 indicators: an
        array, a table, a sparse matrix, the path of a ``.npy`` file. A 2-D array is always taken for indicators.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probability of each class, in [0, 1]; rows need not sum to 1. In memory, a memory map or
        anything whose rows can be sliced (zarr, h5py); a table with one column a class; or the path of a ``.npy``
        file.
    return_indices_ranked_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}, optional
        Return the rows of the issues, worst first, instead of a mask: by the exponential moving average (alpha 0.8) of
        this score over the classes of the row, see `fastcl.multilabel_classification.rank`.
    rank_by_kwargs : dict, optional
        ``{"adjust_pred_probs": True}`` ranks by the adjusted score.
    filter_by : str
        One of the filters of `fastcl.filter.find_label_issues`, asked of each class. ``"low_self_confidence"`` and
        ``"low_normalized_margin"`` both take the rows of lowest average self-confidence, as many as
        ``"confident_learning"`` finds.
    frac_noise : float
        Share of the issues to find, in [0, 1]; prune filters only.
    num_to_remove_per_class : sequence of n_classes integers, optional
        How many issues to find in each class, see Notes; prune filters only.
    min_examples_per_class : int
        Prune filters leave at least so many rows with and without each class, and skip sides that have no more.
    confident_joint : array-like of shape (n_classes, 2, 2), optional
        Counts of (given, true) sides of each class to use as they are, see `fastcl.count.compute_confident_joint`;
        prune filters only.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.
    verbose : bool
        Show a progress bar on a terminal if it takes longer than two seconds.
    low_memory : bool
        Changes nothing: every search reads block by block.
    thresholds : array-like of shape (n_classes, 2) or (2,), optional
        How probable it must be not to have, and to have, a class to be confident of it; by default
        `fastcl.count.get_confident_thresholds`.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.

    Returns
    -------
    ndarray of shape (n_samples,), bool
        True for the issues. With `return_indices_ranked_by`, instead: ndarray of int64, their rows.

    Raises
    ------
    TypeError
        If `labels` or `pred_probs` is of no kind listed above.
    ValueError
        If shapes or lengths do not fit, a class is unknown, a probability is NaN or outside [0, 1], or an option is
        unknown.

    Notes
    -----
    Reads the data once, and once more if a prune filter has to count the joint. Keeps at most 28 bytes (float32: 20)
    for each class of a row of which the model says otherwise, next to the labels (8 bytes a row, 4 a class given).
    Ties go to the earlier row. With `num_to_remove_per_class`, ``"prune_by_noise_rate"`` takes so many of the rows
    that *have* the class, ``"prune_by_class"`` so many of those that do *not*, and ``"both"`` none, as in the
    reference. A class that every row has, or none, is never an issue.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [["cat"], ["cat", "dog"], [], ["dog"], ["dog"]]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2], [0.2, 0.8], [0.9, 0.7]])
    >>> find_label_issues(labels, pred_probs)
    array([False, False, False, False,  True])
    >>> find_label_issues(labels, pred_probs, return_indices_ranked_by="self_confidence")
    array([4])
    """
    from fastcl.multilabel_classification.search import search_rows

    return search_rows(
        labels,
        pred_probs,
        rank_by=return_indices_ranked_by,
        rank_by_kwargs=rank_by_kwargs,
        filter_by=filter_by,
        prune=PruneOptions(
            frac_noise, num_to_remove_per_class, min_examples_per_class, confident_joint, n_jobs, verbose
        ),
        thresholds=thresholds,
        class_names=class_names,
    )


def find_multilabel_issues_per_class(
    labels: Any,
    pred_probs: Any,
    return_indices_ranked_by: str | None = None,
    rank_by_kwargs: dict[str, Any] | None = None,
    filter_by: str = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    num_to_remove_per_class: Sequence[int] | None = None,
    min_examples_per_class: int = 1,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    low_memory: bool = False,
    *,
    thresholds: npt.ArrayLike | None = None,
    class_names: Sequence[Hashable] | None = None,
) -> npt.NDArray[np.bool_] | tuple[list[npt.NDArray[np.int64]], list[npt.NDArray[np.int64]], list[npt.NDArray[Any]]]:
    """Find which classes of which rows are probably missing, or given by mistake.

    Parameters
    ----------
    labels : list of n_samples lists or sets; or array-like of shape (n_samples, n_classes)
        The classes of each row, or 0/1 indicators; see `find_label_issues`.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probability of each class, in [0, 1]; see `find_label_issues`.
    return_indices_ranked_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}, optional
        Return lists of rows, worst first by this score of the class, instead of a mask.
    rank_by_kwargs : dict, optional
        ``{"adjust_pred_probs": True}`` ranks by the adjusted score.
    filter_by : str
        One of the filters of `fastcl.filter.find_label_issues`, asked of each class.
    frac_noise, num_to_remove_per_class, min_examples_per_class, confident_joint, thresholds
        See `find_label_issues`.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.
    verbose : bool
        Show a progress bar on a terminal if it takes longer than two seconds.
    low_memory : bool
        Changes nothing: every search reads block by block.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), bool
        True where a class is an issue.
    label_issues_list, labels_list, pred_probs_list : lists of n_classes ndarrays
        With `return_indices_ranked_by`, instead: for each class the rows of its issues, worst first (int64); whether
        each row was given it (0 or 1, int64, shape (n_samples,)); and 1 - p and p of each row, shape (n_samples, 2).
        The last two take three numbers a row and class.

    Raises
    ------
    TypeError, ValueError
        As `find_label_issues`.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [["cat"], ["cat", "dog"], [], ["dog"], ["dog"]]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2], [0.2, 0.8], [0.9, 0.7]])
    >>> np.argwhere(find_multilabel_issues_per_class(labels, pred_probs))
    array([[4, 0]])
    """
    from fastcl.multilabel_classification.search import find_cells, ranking

    scoring = ranking(return_indices_ranked_by, rank_by_kwargs)
    issues = find_cells(
        labels,
        pred_probs,
        filter_by=filter_by,
        prune=PruneOptions(
            frac_noise, num_to_remove_per_class, min_examples_per_class, confident_joint, n_jobs, verbose
        ),
        thresholds=thresholds,
        class_names=class_names,
    )
    if return_indices_ranked_by is None:
        return issues.of_cells()
    return issues.ranked(scoring), *_sides(issues.sweep.source)


def _sides(source: CellSource) -> tuple[list[npt.NDArray[np.int64]], list[npt.NDArray[Any]]]:
    """Return for each class which rows were given it, and the probabilities of both sides."""
    given = np.empty((source.n_classes, len(source)), np.int64)
    pred_probs = np.empty((source.n_classes, len(source), 2), source.dtype)
    for rows in source.pieces():
        block = source.open(rows)
        given[:, rows] = block.given.T
        pred_probs[:, rows, 0] = (1 - block.pred_probs).T
        pred_probs[:, rows, 1] = block.pred_probs.T
    return list(given), list(pred_probs)
