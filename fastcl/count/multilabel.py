"""The answers of `fastcl.count.joint` for multi-label data: one for each class, of its sides "not in" and "in"."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence


def count_issues(
    labels: Any,
    pred_probs: Any,
    *,
    thresholds: npt.ArrayLike | None,
    class_names: Sequence[Hashable] | None,
    n_jobs: int | None,
) -> int:
    """Return how many rows are confidently on the other side of a class than the given one, and not won by that."""
    from fastcl.engine.multilabel import open_cells, sweep_cells

    source = open_cells(labels, pred_probs, class_names)
    sweep = sweep_cells(source, thresholds=_as_thresholds(thresholds, source.n_classes), n_jobs=n_jobs)
    is_issue = np.zeros(len(source), np.bool_)
    is_issue[sweep.led.rows[sweep.led.confident(sweep.thresholds)]] = True
    return int(np.count_nonzero(is_issue))


def side_thresholds(
    labels: Any, pred_probs: Any, *, class_names: Sequence[Hashable] | None, n_jobs: int | None
) -> npt.NDArray[np.float64]:
    """Return the mean probability of each side of each class among rows given it, shape (n_classes, 2)."""
    from fastcl.engine.multilabel import open_cells, sweep_cells

    return sweep_cells(open_cells(labels, pred_probs, class_names), n_jobs=n_jobs).thresholds


def confident_joints(
    labels: Any,
    pred_probs: Any,
    *,
    thresholds: npt.ArrayLike | None,
    calibrate: bool,
    with_off_diagonals: bool,
    class_names: Sequence[Hashable] | None,
    n_jobs: int | None,
) -> Any:
    """Return the confident joint of every class, and, if asked for, the rows off its diagonal."""
    from fastcl.engine.multilabel import off_diagonal_rows, open_cells, sweep_cells

    source = open_cells(labels, pred_probs, class_names)
    sweep = sweep_cells(source, thresholds=_as_thresholds(thresholds, source.n_classes), n_jobs=n_jobs)
    joints = np.ascontiguousarray(sweep.joint if calibrate else sweep.raw_joint)
    return (joints, off_diagonal_rows(source, sweep.thresholds, n_jobs=n_jobs)) if with_off_diagonals else joints


def calibrated(confident_joint: npt.ArrayLike, labels: Any) -> npt.NDArray[np.int64]:
    """Return the joint of every class scaled to how many rows have it and how many do not."""
    from fastcl.core.label_sets import as_label_sets
    from fastcl.core.side_joints import calibrate_sides, check_joints

    joints = check_joints(confident_joint)
    return calibrate_sides(joints, as_label_sets(labels, len(joints)).side_counts())


def joint_distributions(
    labels: Any,
    pred_probs: Any,
    *,
    confident_joint: npt.ArrayLike | None,
    class_names: Sequence[Hashable] | None,
    n_jobs: int | None,
) -> npt.NDArray[np.float64]:
    """Return the joint distribution of given and true sides of every class; each sums to 1."""
    from fastcl.core.constants import TINY
    from fastcl.core.side_joints import check_joints

    if confident_joint is not None:
        joints = check_joints(confident_joint) if labels is None else calibrated(confident_joint, labels)
    elif pred_probs is None:
        raise ValueError(sentence("pred_probs", "be given without a `confident_joint`", "None"))
    else:
        joints = confident_joints(
            labels,
            pred_probs,
            thresholds=None,
            calibrate=True,
            with_off_diagonals=False,
            class_names=class_names,
            n_jobs=n_jobs,
        )
    return joints / np.maximum(joints.sum(axis=(1, 2), keepdims=True), TINY)


def _as_thresholds(thresholds: npt.ArrayLike | None, n_classes: int) -> npt.NDArray[np.float64] | None:
    from fastcl.core.multilabel_sweep import as_side_thresholds

    return None if thresholds is None else as_side_thresholds(thresholds, n_classes)
