"""The algebra of `fastcl.core.matrices` for many joints of two sides at once, in closed form.

A stack of joints has shape (K, 2, 2): ``joint[c, given, true]`` counts the rows that are given side `given` of class c
and truly on side `true`; side 0 is "not in", side 1 "in".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import TINY
from fastcl.core.errors import sentence
from fastcl.core.matrices import round_preserving_row_totals
from fastcl.core.validation import as_numbers, check_counts

Ints = npt.NDArray[np.int64]


def raw_joints(counts: Ints) -> Ints:
    """Return counts[c, given, confident] as raw joints, with diagonals of at least 1, in the order they are counted.

    That is (class, true, given): `calibrate_sides` sums in the order of memory, as the reference does.
    """
    by_true = np.ascontiguousarray(counts.swapaxes(1, 2))
    diagonal = np.arange(2)
    by_true[:, diagonal, diagonal] = np.maximum(by_true[:, diagonal, diagonal], 1)
    return by_true.swapaxes(1, 2)


def calibrate_sides(joints: npt.NDArray[np.number], side_counts: Ints) -> Ints:
    """Scale each joint so that its rows sum to the number of rows given that side; `matrices.calibrate` of each."""
    scaled = joints / np.maximum(joints.sum(axis=2), TINY)[:, :, None]
    scaled *= side_counts[:, :, None]
    in_memory = scaled if joints.strides[1] >= joints.strides[2] else scaled.swapaxes(1, 2)
    totals = np.zeros(len(joints))
    for entry in in_memory.reshape(len(joints), 4).T:  # one after the other: the last bits decide ties of the rounding
        totals += entry
    scaled /= np.maximum(totals, TINY)[:, None, None]
    scaled *= side_counts.sum(axis=1)[:, None, None]
    return round_preserving_row_totals(scaled.reshape(-1, 2)).reshape(-1, 2, 2)


def removals(joints: npt.NDArray[np.number], min_examples_per_class: int, frac_noise: float) -> tuple[Ints, Ints]:
    """Return how many rows of each given side to remove, and to keep, shapes (K, 2); `matrices.prune_counts` of each.

    A side that would keep less than `min_examples_per_class` takes what it lacks from its noise.
    """
    sides = np.arange(2)
    diagonal, noise = joints[:, sides, sides], joints[:, sides, 1 - sides]
    kept = np.maximum(diagonal, min_examples_per_class)
    noise = np.maximum(noise - (kept - diagonal), 0)
    removed = noise * frac_noise
    return removed.astype(np.int64), (kept + (noise - removed)).astype(np.int64)


def check_joints(confident_joint: npt.ArrayLike, n_classes: int | None = None) -> npt.NDArray[np.number]:
    """Return a confident joint of shape (K, 2, 2) as an array of finite non-negative numbers, or raise."""
    joints = as_numbers("confident_joint", confident_joint)
    if joints.ndim != 3 or joints.shape[1:] != (2, 2) or n_classes not in (None, len(joints)):
        size = "n_classes" if n_classes is None else str(n_classes)
        fix = "`fastcl.count.compute_confident_joint(..., multi_label=True)` makes one."
        raise ValueError(sentence("confident_joint", f"have shape ({size}, 2, 2)", f"shape {joints.shape}", fix))
    check_counts("confident_joint", joints)
    return joints
