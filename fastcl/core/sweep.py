"""The sweep: one pass over the rows of `pred_probs`, and the row summary it leaves behind.

Everything the reference reads the matrix for again and again follows from a few numbers a row:

==================  ==============================================================================
`self_confidence`   p[i, y]: probability of the given label y
`best_other`        largest probability among the other classes
`predicted`         first class of highest probability
`confident`         the class this row is confidently of, or -1 (see below)
`wins`              whether the given label, with a head start of 1e-6, is the predicted class
==================  ==============================================================================

Class k is confident in row i if p[i, k] >= t[k] - 1e-6, where t[k] is the mean self-confidence of the rows
given class k (Northcutt et al., JAIR 2021, section 3.1, eq. 2). Of several confident classes the predicted
one is taken, of none none. As in the reference, "predicted" looks at all classes, confident or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import SLACK
from fastcl.core.jit import kernel

#: Integers of the same width as a float: non-negative IEEE floats sort like their bit patterns.
BITS: dict[Any, np.dtype[Any]] = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}


@dataclass
class RowSummary:
    """What the sweep leaves of each row; see the module docstring for the columns."""

    self_confidence: npt.NDArray[np.floating[Any]]
    best_other: npt.NDArray[np.floating[Any]]
    predicted: npt.NDArray[np.int32]
    confident: npt.NDArray[np.int32]
    wins: npt.NDArray[np.bool_]

    @classmethod
    def empty(cls, n_rows: int, dtype: npt.DTypeLike) -> RowSummary:
        """Make room for `n_rows` rows of probabilities of type `dtype` (8 + 2 x itemsize + 1 bytes each)."""
        return cls(
            self_confidence=np.empty(n_rows, dtype),
            best_other=np.empty(n_rows, dtype),
            predicted=np.empty(n_rows, np.int32),
            confident=np.empty(n_rows, np.int32),
            wins=np.empty(n_rows, np.bool_),
        )

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(cls.__dataclass_fields__)


@dataclass
class Block:
    """Consecutive rows on their way through the kernels.

    `start` counts from the first row of the data; `pred_probs` is a read-only C-order array of shape (n, K),
    float32 or float64; `labels` are codes in [0, K). The sweep fills in `summary`, and `bad_rows`: how many
    rows hold a value that is no probability (NaN, or outside [0, 1] by more than 1e-6), and the first of them
    counted from the start of the data, -1 if none. The summary of a bad row means nothing.
    """

    start: int
    labels: npt.NDArray[np.int32]
    pred_probs: npt.NDArray[np.floating[Any]]
    summary: RowSummary
    bad_rows: tuple[int, int] = (0, -1)

    @property
    def stop(self) -> int:
        """One past the last row, counted from the first row of the data."""
        return self.start + len(self.labels)


def sweep(block: Block, thresholds: npt.NDArray[np.float64]) -> None:
    """Write the row summary of every row of `block`, given thresholds of shape (K,)."""
    pred_probs, summary = block.pred_probs, block.summary
    bits = BITS[pred_probs.dtype]
    cuts = thresholds - SLACK
    n_bad, first_bad = sweep_rows(
        pred_probs,
        pred_probs.view(bits),
        block.labels,
        cuts,
        cuts.min(),
        np.full(1, 1 + SLACK, pred_probs.dtype).view(bits)[0],
        pred_probs.dtype.type(SLACK),
        summary.self_confidence,
        summary.best_other,
        summary.best_other.view(bits),
        summary.predicted,
        summary.confident,
        summary.wins,
    )
    block.bad_rows = (n_bad, block.start + first_bad if n_bad else -1)


@kernel
def sweep_rows(p, bits, labels, cuts, lowest_cut, bits_of_one, head_start,
               self_confidence, best_other, best_other_bits, predicted, confident, wins):  # fmt: skip
    """Write the row summary of every row; return (number of bad rows, first of them).

    Works on the bits of the floats: an integer maximum vectorises without any licence to reorder floats, and
    one "or" of all bits tells a sign. The plain loop over all classes, with the given one masked out, takes 1.5
    times as long as reading the row (one core, 100 classes); two loops around the given class took 2.3.
    """
    n, K = p.shape
    n_bad, first_bad = 0, -1
    for i in range(n):
        j = np.int64(labels[i])
        other = bits[i, j] & 0
        signs = other
        for k in range(K):
            signs |= bits[i, k]
            other = max(other, bits[i, k] if k != j else other & 0)
        self_confidence[i] = p[i, j]
        best_other_bits[i] = other
        if signs < 0 or max(other, bits[i, j]) > bits_of_one:
            # a sign or no number: rare, so by value and slowly
            if not is_row_of_probabilities(p, i):
                n_bad += 1
                if first_bad < 0:
                    first_bad = i
            best_other[i] = maximum_without(p, i, j)
            top = first_maximum(p, i)
        else:
            top = j
            if bits[i, j] <= other:
                top = 0
                while bits[i, top] != other:
                    top += 1
        predicted[i] = top
        ahead = p[i, j] + head_start
        wins[i] = ahead > best_other[i] or (ahead == best_other[i] and top > j) or K == 1
        # Whether a row reaches its threshold, the mean, is a toss-up: a choice costs less than a branch here.
        reaches = p[i, top] >= cuts[top]
        confident[i] = top if reaches else -1
        if (not reaches) & (p[i, top] >= lowest_cut):
            confident[i] = confident_class(p, i, top, cuts)
    return n_bad, first_bad


@kernel
def confident_class(p, i, top, cuts):
    """Return the class that row i is confidently of, -1 if none; `top` is its predicted class."""
    count, only = 0, -1
    for k in range(cuts.size):
        if p[i, k] >= cuts[k]:
            count += 1
            only = k
    return top if count > 1 else only


@kernel
def is_row_of_probabilities(p, i):
    """Tell whether every value of row i lies in [0, 1], give or take 1e-6."""
    good = 0
    for k in range(p.shape[1]):
        good += -1e-6 <= p[i, k] <= 1 + 1e-6
    return good == p.shape[1]


@kernel
def maximum_without(p, i, j):
    """Return the largest p[i, k] with k != j, 0 if there is none."""
    largest = -np.inf if p.shape[1] > 1 else 0.0
    for k in range(p.shape[1]):
        if k != j:
            largest = max(largest, p[i, k])
    return largest


@kernel
def first_maximum(p, i):
    """Return the first class of highest probability in row i."""
    top = 0
    for k in range(p.shape[1]):
        if p[i, k] > p[i, top]:
            top = k
    return top
