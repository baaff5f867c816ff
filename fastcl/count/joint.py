"""Thresholds, the confident joint and the number of label issues: views of the sweep."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_option, sentence, warn
from fastcl.count import multilabel

if TYPE_CHECKING:
    from fastcl.core.sparse_joint import SparseJoint
    from fastcl.engine.run import Sweep

ESTIMATION_METHODS = ("off_diagonal", "off_diagonal_calibrated", "off_diagonal_custom")


def num_label_issues(
    labels: Any,
    pred_probs: Any,
    *,
    confident_joint: npt.ArrayLike | None = None,
    estimation_method: str = "off_diagonal",
    multi_label: bool = False,
    thresholds: npt.ArrayLike | None = None,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> int:
    """Estimate how many labels are wrong.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names. Or what `fastcl.filter.find_label_issues` takes.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1]. Or what `fastcl.filter.find_label_issues` takes.
    confident_joint : array-like of shape (n_classes, n_classes), optional
        Counts of (given, true) class pairs, used by ``"off_diagonal_custom"`` alone.
    estimation_method : {"off_diagonal", "off_diagonal_calibrated", "off_diagonal_custom"}
        Count the rows that are confidently of another class than the given one and not won by it; or estimate
        the share of wrong labels from the calibrated joint, or from `confident_joint`.
    multi_label : bool
        Rows may have any number of classes: count the rows of which any class is wrong, by ``"off_diagonal"``; see
        `fastcl.multilabel_classification.filter.find_label_issues` for `labels`. `thresholds` have shape
        (n_classes, 2) or (2,): not having, and having, a class.
    thresholds : array-like of shape (n_classes,), optional
        How probable a class must be to be confident; by default `get_confident_thresholds`.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    int
        Number of label issues, in [0, n_samples].

    Raises
    ------
    ValueError
        If `estimation_method` is unknown, or custom without a `confident_joint`.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> num_label_issues([0, 0, 1, 1, 1], pred_probs)
    1
    """
    check_option("estimation_method", estimation_method, ESTIMATION_METHODS)
    if multi_label:
        _warn_of_unused(estimation_method, confident_joint)
        return multilabel.count_issues(
            labels, pred_probs, thresholds=thresholds, class_names=class_names, n_jobs=n_jobs
        )
    custom = estimation_method == "off_diagonal_custom"
    if custom and confident_joint is None:
        raise ValueError(sentence("confident_joint", f"be given for {estimation_method!r}", "None"))
    if not custom and confident_joint is not None:
        warn(f"`confident_joint` is not used by {estimation_method!r}, only by 'off_diagonal_custom'.")
    sweep = _sweep(labels, pred_probs, thresholds, class_names, n_jobs)
    from fastcl.core.validation import check_matrix, check_two_classes

    check_two_classes(sweep.class_counts)
    if estimation_method == "off_diagonal":
        return sweep.n_issues
    if custom:
        joint = check_matrix("confident_joint", confident_joint, sweep.source.n_classes)
        return off_diagonal_count(_calibrated(joint, sweep.class_counts), len(sweep.labels))
    return off_diagonal_count(sweep.joint, len(sweep.labels))


def get_confident_thresholds(
    labels: Any,
    pred_probs: Any,
    multi_label: bool = False,
    *,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> npt.NDArray[np.float64]:
    """Return the threshold of every class: the mean probability of the class among rows given it.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1].
    multi_label : bool
        Rows may have any number of classes; see `fastcl.multilabel_classification.filter.find_label_issues` for
        `labels`.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_classes,), float64
        Thresholds in [2e-6, 1]; 2 for a class that no row was given, which no probability reaches. With `multi_label`
        of shape (n_classes, 2): of not having, and of having, each class.

    Notes
    -----
    Reads the data once. Sums are exact in units of 2**-60: the same bits for any order of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> get_confident_thresholds([0, 0, 1], np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]]))
    array([0.8, 0.6])
    """
    from fastcl.core.reductions.thresholds import SelfConfidenceSums
    from fastcl.engine.blocks import open_source
    from fastcl.engine.run import sweep_rows

    if multi_label:
        return multilabel.side_thresholds(labels, pred_probs, class_names=class_names, n_jobs=n_jobs)
    source = open_source(labels, pred_probs, class_names=class_names)
    (sums,), _ = sweep_rows(source, [SelfConfidenceSums], n_jobs=n_jobs)
    thresholds: npt.NDArray[np.float64] = sums.finalize()
    return thresholds


def compute_confident_joint(
    labels: Any,
    pred_probs: Any,
    *,
    thresholds: npt.ArrayLike | None = None,
    calibrate: bool = True,
    multi_label: bool = False,
    return_indices_of_off_diagonals: bool = False,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> npt.NDArray[np.int64] | tuple[npt.NDArray[np.int64], Any]:
    """Count the rows that are given class y and confidently of class k, for every pair (y, k).

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1].
    thresholds : array-like of shape (n_classes,), optional
        How probable a class must be to be confident; by default `get_confident_thresholds`.
    calibrate : bool
        Scale the counts so that each row sums to the number of rows given that class.
    multi_label : bool
        Rows may have any number of classes; see `fastcl.multilabel_classification.filter.find_label_issues` for
        `labels`. `thresholds` have shape (n_classes, 2) or (2,): not having, and having, a class.
    return_indices_of_off_diagonals : bool
        Also return the rows that are confidently of another class than the given one.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    confident_joint : ndarray of shape (n_classes, n_classes), int64
        Given classes down, true ones across. With `multi_label` of shape (n_classes, 2, 2): for each class given
        sides down, true ones across; 0 is not having the class.
    indices : ndarray of int64, ascending
        Only with `return_indices_of_off_diagonals`. With `multi_label` a list of such arrays, one a class.

    Raises
    ------
    ValueError
        If there are more than 10,000 classes: the joint would be a dense matrix of over 0.8 GB.

    Notes
    -----
    If several classes are confident, the most probable of *all* classes is taken, as in the reference.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> compute_confident_joint([0, 0, 1, 1, 1], pred_probs)
    array([[2, 0],
           [1, 2]])
    """
    if multi_label:
        return multilabel.confident_joints(
            labels,
            pred_probs,
            thresholds=thresholds,
            calibrate=calibrate,
            with_off_diagonals=return_indices_of_off_diagonals,
            class_names=class_names,
            n_jobs=n_jobs,
        )
    sweep = _sweep(labels, pred_probs, thresholds, class_names, n_jobs, dense="`compute_confident_joint`'s answer")
    joint = _dense(sweep.joint if calibrate else sweep.raw_joint)
    if not return_indices_of_off_diagonals:
        return joint
    guess = sweep.summary.confident
    return joint, np.flatnonzero((guess >= 0) & (guess != sweep.labels))


def calibrate_confident_joint(
    confident_joint: npt.ArrayLike, labels: Any, *, multi_label: bool = False
) -> npt.NDArray[np.int64]:
    """Scale a confident joint so that each row sums to the number of labels of that class.

    Parameters
    ----------
    confident_joint : array-like of shape (n_classes, n_classes)
        Counts of (given, true) class pairs.
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    multi_label : bool
        Rows may have any number of classes; `confident_joint` has shape (n_classes, 2, 2), `labels` are what
        `fastcl.multilabel_classification.filter.find_label_issues` takes.

    Returns
    -------
    ndarray of shape (n_classes, n_classes), int64
        Row k sums to the number of labels of class k; a class that no row was given has a row of zeros. With
        `multi_label` of shape (n_classes, 2, 2): entry k sums to the number of rows.

    Notes
    -----
    Northcutt et al., JAIR 2021, eq. 3, then rounded such that row sums stay.

    Examples
    --------
    >>> calibrate_confident_joint([[2, 0], [1, 2]], [0, 0, 0, 0, 1, 1, 1])
    array([[4, 0],
           [1, 2]])
    """
    if multi_label:
        return multilabel.calibrated(confident_joint, labels)
    from fastcl.core.validation import check_matrix

    joint = check_matrix("confident_joint", confident_joint)
    return _calibrated(joint, class_counts_of(labels, len(joint)))


def estimate_joint(
    labels: Any,
    pred_probs: Any = None,
    *,
    confident_joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> npt.NDArray[np.float64]:
    """Estimate the joint distribution of given and true classes.

    Parameters
    ----------
    labels : array-like of shape (n_samples,) or None
        Given labels: class indices in [0, n_classes), or names. None with a calibrated `confident_joint`.
    pred_probs : array-like of shape (n_samples, n_classes), optional
        Out-of-sample predicted probabilities in [0, 1]; not needed with a `confident_joint`.
    confident_joint : array-like of shape (n_classes, n_classes), optional
        Counts of (given, true) class pairs; calibrated to `labels` unless these are None.
    multi_label : bool
        Rows may have any number of classes; `confident_joint` has shape (n_classes, 2, 2), `labels` are what
        `fastcl.multilabel_classification.filter.find_label_issues` takes.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_classes, n_classes), float64
        Probabilities that sum to 1; given classes down, true ones across. With `multi_label` of shape
        (n_classes, 2, 2): each entry sums to 1.

    Examples
    --------
    >>> estimate_joint(None, confident_joint=[[2, 0], [1, 1]])
    array([[0.5 , 0.  ],
           [0.25, 0.25]])
    """
    if multi_label:
        return multilabel.joint_distributions(
            labels, pred_probs, confident_joint=confident_joint, class_names=class_names, n_jobs=n_jobs
        )
    from fastcl.core.matrices import normalise
    from fastcl.core.validation import check_matrix

    if confident_joint is None:
        return normalise(compute_confident_joint(labels, pred_probs, class_names=class_names, n_jobs=n_jobs))
    joint = check_matrix("confident_joint", confident_joint)
    return normalise(joint if labels is None else _calibrated(joint, class_counts_of(labels, len(joint))))


def _warn_of_unused(estimation_method: str, confident_joint: npt.ArrayLike | None) -> None:
    """Warn of options that the count of multi-label issues does not know."""
    if estimation_method != "off_diagonal":
        warn(f"`estimation_method` {estimation_method!r} is not used with `multi_label`, only 'off_diagonal'.")
    if confident_joint is not None:
        warn("`confident_joint` is not used with `multi_label`.")


def _sweep(
    labels: Any,
    pred_probs: Any,
    thresholds: npt.ArrayLike | None,
    class_names: Sequence[Hashable] | None,
    n_jobs: int | None,
    dense: str = "",
) -> Sweep:
    """Sweep the data; `dense` names what of the answer would be a dense K x K matrix, if anything."""
    from fastcl.core.validation import as_thresholds, check_dense
    from fastcl.engine.blocks import open_source
    from fastcl.engine.run import confident_sweep

    source = open_source(labels, pred_probs, class_names=class_names)
    if dense:
        check_dense(dense, source.n_classes)
    source.require(1 + (thresholds is None))
    given = None if thresholds is None else as_thresholds(thresholds, source.n_classes)
    return confident_sweep(source, thresholds=given, n_jobs=n_jobs)


def class_counts_of(labels: Any, n_classes: int) -> npt.NDArray[np.int64]:
    """Return how many rows were given each class."""
    from fastcl.core.labels import as_labels

    return np.bincount(as_labels(labels, n_classes).codes, minlength=n_classes)


def _calibrated(joint: npt.NDArray[Any], class_counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    from fastcl.core.matrices import calibrate

    return calibrate(joint, class_counts)


def _dense(joint: Any) -> npt.NDArray[np.int64]:
    return joint if isinstance(joint, np.ndarray) else joint.to_dense()


def off_diagonal_count(joint: npt.NDArray[np.int64] | SparseJoint, n_rows: int) -> int:
    """Return how many of `n_rows` rows lie off the diagonal of a joint of counts."""
    trace, total = (joint.trace(), joint.sum()) if isinstance(joint, np.ndarray) else (joint.trace, joint.counts.sum())
    return int(np.rint((1.0 - trace / max(total, 1)) * n_rows))
