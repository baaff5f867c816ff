"""Which labels are wrong?

Views of the sweep (see ``docs/architecture.md``): each filter is a rule over the row summary and the confident
joint. Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70
(2021), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import warn
from fastcl.core.filter_options import PRUNE_FILTERS
from fastcl.core.filter_options import PruneOptions as PruneOptions
from fastcl.core.filter_options import check_options as check_options

if TYPE_CHECKING:
    from fastcl.core.scores import Scoring
    from fastcl.core.sparse_joint import SparseJoint
    from fastcl.engine.run import Sweep

__all__ = ["find_label_issues", "find_label_issues_using_argmax_confusion_matrix", "find_predicted_neq_given"]

Mask = npt.NDArray[np.bool_]


def find_label_issues(
    labels: Any,
    pred_probs: Any,
    *,
    return_indices_ranked_by: str | None = None,
    rank_by_kwargs: dict[str, Any] | None = None,
    filter_by: str = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    num_to_remove_per_class: Sequence[int] | None = None,
    min_examples_per_class: int = 1,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    multi_label: bool = False,
    thresholds: npt.ArrayLike | None = None,
    class_names: Sequence[Hashable] | None = None,
) -> npt.NDArray[Any]:
    """Find the labels that are probably wrong.

    Wrong where the model is confidently wrong: `pred_probs` must come from a model that has not seen the row
    it predicts (cross-validation), and should be roughly calibrated.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names (strings, booleans, categoricals). Also the path
        of a ``.npy`` file, the name of a column if `pred_probs` is a Parquet file, or None if `pred_probs` is
        an iterable of blocks.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1]. In memory, a memory map or anything whose rows can be
        sliced (zarr, h5py); a table with one column a class, matched to `labels` by name; the path of a
        ``.npy`` or Parquet file; or an iterable of ``(labels, pred_probs)`` blocks, read again for each pass.
    return_indices_ranked_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}, optional
        Return the rows of the issues, worst first by this score, instead of a mask.
    rank_by_kwargs : dict, optional
        ``{"adjust_pred_probs": True}`` ranks by the adjusted score, see `fastcl.rank.get_label_quality_scores`.
    filter_by : str
        - ``"prune_by_noise_rate"``: for each pair (given class y, other class k) of the confident joint, as many
          rows of class y as it counts, those with the largest margins p[k] - p[y];
        - ``"prune_by_class"``: for each class, as many rows as it has issues, those of lowest self-confidence;
        - ``"both"``: rows that both of these find;
        - ``"confident_learning"``: rows confidently of another class than the given one;
        - ``"predicted_neq_given"``: rows whose predicted class is another;
        - ``"low_self_confidence"``, ``"low_normalized_margin"``: the `fastcl.count.num_label_issues` rows of
          lowest score.

        All but the last two leave out rows whose most probable class is the given one.
    frac_noise : float
        Share of the issues to find, in [0, 1]; prune filters only.
    num_to_remove_per_class : sequence of n_classes integers, optional
        How many issues to find in each class, see Notes; prune filters only.
    min_examples_per_class : int
        Prune filters leave at least so many rows in each class, and skip classes that have no more.
    confident_joint : array-like of shape (n_classes, n_classes), optional
        Counts of (given, true) class pairs to use as they are; prune filters only.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.
    verbose : bool
        Show a progress bar on a terminal if it takes longer than two seconds.
    multi_label : bool
        Rows may have any number of classes: the same as
        `fastcl.multilabel_classification.filter.find_label_issues`, which says what `labels` may be.
    thresholds : array-like of shape (n_classes,), optional
        How probable a class must be to be confident; by default the mean probability of the class among rows
        given it. If known, no row is read twice for its confident class.
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
        If shapes or lengths do not fit, a label is missing or no class, a probability is NaN or outside [0, 1],
        or an option is unknown.

    Notes
    -----
    Reads the data once, and again the few rows whose confident class the first pass leaves open and, for
    ``"prune_by_noise_rate"``, those that can still be among the largest margins of a pair. Keeps at most 40 bytes a
    row and n_classes**2 counts a thread, and nothing after it returns. Ties go to the earlier row. With
    `num_to_remove_per_class`, ``"prune_by_noise_rate"`` counts by the class that the model suggests and
    ``"prune_by_class"`` by the given class, as in the reference.

    Examples
    --------
    >>> import numpy as np
    >>> labels = ["cat", "cat", "dog", "dog", "dog"]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> find_label_issues(labels, pred_probs)
    array([False, False, False, False,  True])
    >>> find_label_issues(labels, pred_probs, return_indices_ranked_by="self_confidence")
    array([4])
    """
    from fastcl.core.selection import ascending

    prune = PruneOptions(frac_noise, num_to_remove_per_class, min_examples_per_class, confident_joint, n_jobs, verbose)
    ask: dict[str, Any] = {
        "rank_by": return_indices_ranked_by,
        "rank_by_kwargs": rank_by_kwargs,
        "filter_by": filter_by,
        "prune": prune,
        "thresholds": thresholds,
        "class_names": class_names,
    }
    if multi_label:
        from fastcl.multilabel_classification.search import search_rows

        return search_rows(labels, pred_probs, **ask)
    sweep, issues = search(labels, pred_probs, **ask)
    if return_indices_ranked_by is None:
        return issues
    rows = np.flatnonzero(issues)
    return rows[ascending(sweep.scores[rows])]


def find_predicted_neq_given(
    labels: Any,
    pred_probs: Any,
    *,
    multi_label: bool = False,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> Mask:
    """Find the rows whose most probable class is not the given one.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Predicted probabilities in [0, 1].
    multi_label : bool
        Rows may have any number of classes: find those of which any is predicted and not given, or given and not
        predicted (probability of at most one half). `fastcl.multilabel_classification.filter.find_label_issues`
        says what `labels` may be.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples,), bool
        True where they differ; of equally probable classes the first counts.

    Examples
    --------
    >>> import numpy as np
    >>> find_predicted_neq_given([0, 1, 1], np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
    array([False,  True, False])
    """
    from fastcl.core.scores import Scoring
    from fastcl.engine.blocks import open_source
    from fastcl.engine.run import question_columns, scored_sweep

    if multi_label:
        from fastcl.multilabel_classification.search import predicted_neq_given

        return predicted_neq_given(labels, pred_probs, class_names=class_names, n_jobs=n_jobs)
    source = open_source(labels, pred_probs, class_names=class_names)
    rows = scored_sweep(source, Scoring("self_confidence"), n_jobs=n_jobs)
    question_columns(source, rows.labels, rows.summary)
    return rows.summary.predicted != rows.labels


def find_label_issues_using_argmax_confusion_matrix(
    labels: Any,
    pred_probs: Any,
    *,
    calibrate: bool = True,
    filter_by: str = "prune_by_noise_rate",
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> Mask:
    """Find label issues with the confusion matrix of predicted classes in the place of the confident joint.

    A baseline: it ignores how confident predictions are.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1].
    calibrate : bool
        Scale the confusion matrix so that each row sums to the number of rows given that class.
    filter_by : str
        See `find_label_issues`.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples,), bool
        True for the issues.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> find_label_issues_using_argmax_confusion_matrix([0, 0, 1, 1, 1], pred_probs)
    array([False, False, False, False,  True])
    """
    from fastcl.core import matrices
    from fastcl.core.validation import check_dense
    from fastcl.engine.blocks import open_source
    from fastcl.engine.run import confident_sweep

    prune = PruneOptions(n_jobs=n_jobs)
    check_options(filter_by, prune)
    source = open_source(labels, pred_probs, class_names=class_names)
    check_dense("The confusion matrix", source.n_classes)
    sweep = confident_sweep(source, n_jobs=n_jobs)
    K = source.n_classes
    pairs = sweep.labels.astype(np.int64) * K + sweep.summary.predicted
    confusion = np.bincount(pairs, minlength=K * K).reshape(K, K)
    joint = matrices.calibrate(confusion, sweep.class_counts) if calibrate else confusion
    return flag(sweep, filter_by, replace(prune, confident_joint=joint))


def search(
    labels: Any,
    pred_probs: Any,
    *,
    rank_by: str | None = None,
    rank_by_kwargs: dict[str, Any] | None = None,
    filter_by: str = "prune_by_noise_rate",
    prune: PruneOptions | None = None,
    thresholds: npt.ArrayLike | None = None,
    class_names: Sequence[Hashable] | None = None,
) -> tuple[Sweep, Mask]:
    """Sweep the data and return what that left behind, with the mask of the label issues.

    What `find_label_issues` and the worklist are made of; the parameters are those of the former.
    """
    prune = prune or PruneOptions()
    check_options(filter_by, prune)
    sweep = sweep_for(
        labels,
        pred_probs,
        filter_by=filter_by,
        rank_by=rank_by,
        rank_by_kwargs=rank_by_kwargs,
        thresholds=thresholds,
        class_names=class_names,
        n_jobs=prune.n_jobs,
        verbose=prune.verbose,
    )
    return sweep, flag(sweep, filter_by, prune)


def sweep_for(
    labels: Any,
    pred_probs: Any,
    *,
    filter_by: str,
    rank_by: str | None,
    rank_by_kwargs: dict[str, Any] | None,
    thresholds: npt.ArrayLike | None,
    class_names: Sequence[Hashable] | None,
    n_jobs: int | None,
    verbose: bool,
) -> Sweep:
    """Sweep the data for a filter and a score."""
    from fastcl.core.validation import as_thresholds, check_two_classes
    from fastcl.engine.blocks import open_source
    from fastcl.engine.run import confident_sweep

    source = open_source(labels, pred_probs, class_names=class_names)
    source.require(1 + (thresholds is None) + (filter_by in ("prune_by_noise_rate", "both")))
    sweep = confident_sweep(
        source,
        thresholds=None if thresholds is None else as_thresholds(thresholds, source.n_classes),
        scoring=_ranking(rank_by, rank_by_kwargs, source.n_classes),
        n_jobs=n_jobs,
        verbose=verbose,
    )
    check_two_classes(sweep.class_counts)
    return sweep


def flag(sweep: Sweep, filter_by: str, prune: PruneOptions) -> Mask:
    """Return the label issues; the column `confident` of the summary is let go where no filter needs it any more."""
    if filter_by != "confident_learning":
        sweep.summary.confident = np.empty(0, np.int32)
    if filter_by in PRUNE_FILTERS:
        _warn_of_small_classes(sweep, prune)
    return FILTERS[filter_by](sweep, prune)


def _ranking(method: str | None, options: dict[str, Any] | None, n_classes: int) -> Scoring | None:
    """Return the score to rank by, None if nothing is to be ranked."""
    from fastcl.core.scores import Scoring

    scoring = Scoring.of_options(method or "self_confidence", options, "rank_by_kwargs")
    if method is None:
        return None
    scoring.check("return_indices_ranked_by", n_classes)
    return scoring


def _by_noise_rate(sweep: Sweep, prune: PruneOptions) -> Mask:
    """Flag, for each pair of classes, the rows with the largest margins."""
    from fastcl.core.pair_margins import make_pairs
    from fastcl.engine.run import largest_margins

    issues = np.zeros(len(sweep.labels), np.bool_)
    given, others, wanted = _off_diagonal(_prune_counts(sweep, prune))
    wanted = np.minimum(wanted, sweep.class_counts[given])
    kept = (wanted > 0) & _large_enough(sweep, prune)[given]
    is_led = sweep.summary.predicted != sweep.labels
    led = np.zeros(sweep.source.n_classes, np.int64)
    if np.count_nonzero(is_led) + wanted.sum() > _room(sweep):
        led = np.bincount(sweep.labels[is_led], minlength=len(led))
    for pairs in make_pairs(given[kept], others[kept], wanted[kept], led, _room(sweep)):
        issues[largest_margins(sweep, pairs, verbose=prune.verbose)] = True
    return issues & ~sweep.summary.wins


def _by_class(sweep: Sweep, prune: PruneOptions) -> Mask:
    """Flag, for each class, the rows of lowest self-confidence."""
    from fastcl.core.selection import lowest_per_class

    clean = _prune_counts(sweep, prune).diagonal()
    wanted = np.clip(sweep.class_counts - clean, 0, sweep.class_counts)
    wanted[~_large_enough(sweep, prune)] = 0
    issues = np.zeros(len(sweep.labels), np.bool_)
    for rows in lowest_per_class(sweep.summary.self_confidence, sweep.labels, wanted, _room(sweep)):
        issues[rows] = True
    return issues & ~sweep.summary.wins


def _room(sweep: Sweep) -> int:
    """Return how many rows to select at a time: at 28 bytes each, the selection takes below 10 bytes a row of data."""
    return max(1, len(sweep.labels) // 3)


def _both(sweep: Sweep, prune: PruneOptions) -> Mask:
    return _by_class(sweep, prune) & _by_noise_rate(sweep, prune)


def _confident_learning(sweep: Sweep, prune: PruneOptions) -> Mask:
    from fastcl.core.reductions.issue_count import off_diagonal

    return off_diagonal(sweep.labels, sweep.summary)


def _predicted_neq_given(sweep: Sweep, prune: PruneOptions) -> Mask:
    return (sweep.summary.predicted != sweep.labels) & ~sweep.summary.wins


def _low_self_confidence(sweep: Sweep, prune: PruneOptions) -> Mask:
    return _lowest(sweep.summary.self_confidence, sweep.n_issues)


def _low_normalized_margin(sweep: Sweep, prune: PruneOptions) -> Mask:
    from fastcl.core.scores import margin

    return _lowest(margin(sweep.summary.self_confidence, sweep.summary.best_other), sweep.n_issues)


def _lowest(scores: npt.NDArray[Any], count: int) -> Mask:
    from fastcl.core.selection import lowest

    issues = np.zeros(len(scores), np.bool_)
    issues[lowest(scores, count)] = True
    return issues


FILTERS: dict[str, Callable[[Sweep, PruneOptions], Mask]] = {
    "prune_by_noise_rate": _by_noise_rate,
    "prune_by_class": _by_class,
    "both": _both,
    "confident_learning": _confident_learning,
    "predicted_neq_given": _predicted_neq_given,
    "low_normalized_margin": _low_normalized_margin,
    "low_self_confidence": _low_self_confidence,
}


def _prune_counts(sweep: Sweep, prune: PruneOptions) -> npt.NDArray[np.int64] | SparseJoint:
    """Return how many rows of each given class (down) to keep or to assign to each other class (across)."""
    from fastcl.core import matrices
    from fastcl.core.validation import check_dense, check_matrix

    K = sweep.source.n_classes
    if prune.confident_joint is None and not isinstance(sweep.joint, np.ndarray):
        if prune.num_to_remove_per_class is not None:
            check_dense("`num_to_remove_per_class`'s table", K)
        return sweep.joint.prune_counts(
            min_examples_per_class=prune.min_examples_per_class, frac_noise=prune.frac_noise
        )
    joint: Any = sweep.joint
    if prune.confident_joint is not None:
        joint = check_matrix("confident_joint", prune.confident_joint, K)
    counts = matrices.prune_counts(
        joint, min_examples_per_class=prune.min_examples_per_class, frac_noise=prune.frac_noise
    )
    if prune.num_to_remove_per_class is None:
        return counts
    return matrices.redistribute_removals(counts, prune.num_to_remove_per_class, sweep.class_counts)


def _off_diagonal(counts: npt.NDArray[np.int64] | SparseJoint) -> tuple[npt.NDArray[np.int64], ...]:
    """Return the pairs (given, other) that count something, and what they count."""
    if isinstance(counts, np.ndarray):
        places = np.flatnonzero(counts)  # much faster than `nonzero` of a matrix
        given, others = divmod(places, counts.shape[1])
        wanted = counts.reshape(-1)[places]
    else:
        given, others, wanted = counts.rows, counts.cols, counts.counts
    apart = given != others
    return given[apart], others[apart], wanted[apart]


def _large_enough(sweep: Sweep, prune: PruneOptions) -> Mask:
    """Tell which classes have rows to spare."""
    return sweep.class_counts > prune.min_examples_per_class


def _warn_of_small_classes(sweep: Sweep, prune: PruneOptions) -> None:
    small = np.flatnonzero(~_large_enough(sweep, prune) & (sweep.class_counts > 0))
    if small.size:
        shown = ", ".join(map(str, sweep.source.name_classes(small[:10]))) + (", ..." if small.size > 10 else "")
        warn(
            f"No label issues are looked for in {small.size} class(es) with no more than "
            f"`min_examples_per_class` = {prune.min_examples_per_class} rows: {shown}."
        )
