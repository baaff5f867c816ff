"""The sweep: one pass over the rows of `pred_probs`, and the row summary it leaves behind.

Everything the reference reads the matrix for again and again follows from a few numbers a row:

==================  ==============================================================================
`self_confidence`   p[i, y]: probability of the given label y
`best_other`        largest probability among the other classes
`predicted`         first class of highest probability
`confident`         the class this row is confidently of, or -1 (see below)
`wins`              whether the given label, with a head start of 1e-6, is the predicted class
`entropy`           -sum of p[i, k] ln p[i, k], on request (without it the column is empty)
==================  ==============================================================================

Class k is confident in row i if p[i, k] >= t[k] - 1e-6, where t[k] is the mean self-confidence of the rows
given class k (Northcutt et al., JAIR 2021, section 3.1, eq. 2). Of several confident classes the predicted
one is taken, of none none. As in the reference, "predicted" looks at all classes, confident or not.

The thresholds t are known only after the sweep, so confident classes are settled afterwards, from the row summary:
nearly always it tells enough. The few rows of which it does not are looked at once more.
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

#: In the column `confident`: the row summary does not tell.
UNDECIDED = -2


@dataclass
class RowSummary:
    """What the sweep leaves of each row; see the module docstring for the columns."""

    self_confidence: npt.NDArray[np.floating[Any]]
    best_other: npt.NDArray[np.floating[Any]]
    predicted: npt.NDArray[np.int32]
    confident: npt.NDArray[np.int32]
    wins: npt.NDArray[np.bool_]
    entropy: npt.NDArray[np.float64]

    @classmethod
    def empty(cls, n_rows: int, dtype: npt.DTypeLike, *, entropy: bool = False) -> RowSummary:
        """Make room for `n_rows` rows of probabilities of type `dtype` (9 + 2 x itemsize bytes each)."""
        kinds = [np.dtype(dtype), np.dtype(dtype), np.dtype(np.int32), np.dtype(np.bool_)]
        # One buffer, which NumPy asks the system to back with huge pages: of 25 MB in small ones, first touching them
        # took a third as long as the sweep (1 M x 100).
        buffer = np.empty(n_rows * sum(kind.itemsize for kind in kinds), np.uint8)
        columns, start = [], 0
        for kind in kinds:
            stop = start + n_rows * kind.itemsize
            columns.append(buffer[start:stop].view(kind))
            start = stop
        self_confidence, best_other, predicted, wins = columns
        return cls(
            self_confidence=self_confidence,
            best_other=best_other,
            predicted=predicted,
            confident=np.empty(n_rows, np.int32),
            wins=wins,
            entropy=np.empty(n_rows if entropy else 0),
        )

    def __getitem__(self, rows: slice) -> RowSummary:
        return RowSummary(*(column[rows] for column in vars(self).values()))


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


def sweep(block: Block, thresholds: npt.NDArray[np.float64] | None = None) -> None:
    """Write the row summary of every row of `block`, the confident class only if thresholds are given."""
    pred_probs, summary = block.pred_probs, block.summary
    bits = BITS[pred_probs.dtype]
    n_bad, first_bad = sweep_rows(
        pred_probs,
        pred_probs.view(bits),
        block.labels,
        np.full(1, 1 + SLACK, pred_probs.dtype).view(bits)[0],
        pred_probs.dtype.type(SLACK),
        summary.self_confidence,
        summary.best_other,
        summary.best_other.view(bits),
        summary.predicted,
        summary.wins,
        np.empty(pred_probs.shape[1]),
        summary.entropy,
    )
    block.bad_rows = (n_bad, block.start + first_bad if n_bad else -1)
    if thresholds is not None:
        decide(block, thresholds, settle(block.labels, summary, thresholds))


def settle(
    labels: npt.NDArray[np.int32], summary: RowSummary, thresholds: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Write the confident class of every row whose summary tells it; return the rows of which it does not."""
    cuts = thresholds - SLACK
    lowest = int(cuts.argmin())
    second = np.delete(cuts, lowest).min(initial=np.inf)
    undecided = settle_rows(
        labels, summary.predicted, summary.self_confidence, summary.best_other, cuts, lowest, second, summary.confident
    )
    return np.flatnonzero(summary.confident == UNDECIDED) if undecided else np.empty(0, np.int64)


def decide(block: Block, thresholds: npt.NDArray[np.float64], rows: npt.NDArray[np.int64]) -> None:
    """Write the confident class of the given rows of a block, looking at their probabilities."""
    if rows.size:
        decide_rows(block.pred_probs, rows, block.summary.predicted, thresholds - SLACK, block.summary.confident)


@kernel
def sweep_rows(p, bits, labels, bits_of_one, head_start,
               self_confidence, best_other, best_other_bits, predicted, wins, terms, entropy):  # fmt: skip
    """Write the row summary of every row; return (number of bad rows, first of them). `terms` is scratch of one row.

    Works on the bits of the floats: an integer maximum vectorises without any licence to reorder floats, and
    one "or" of all bits tells a sign. The plain loop over all classes, with the given one masked out, takes 1.5
    times as long as reading the row (one core, 100 classes); two loops around the given class took 2.3.
    """
    n, K = p.shape
    n_bad, first_bad = 0, -1
    for i in range(n):
        j = labels[i]
        other = bits[i, j] & 0
        signs = other
        for k in range(K):
            signs |= bits[i, k]
            other = max(other, bits[i, k] if np.int32(k) != j else other & 0)
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
            top = np.int64(j)
            if bits[i, j] <= other:
                top = 0
                while bits[i, top] != other:
                    top += 1
        predicted[i] = top
        ahead = p[i, j] + head_start
        wins[i] = ahead > best_other[i] or (ahead == best_other[i] and top > j) or K == 1
        if entropy.size:
            entropy[i] = row_entropy(p, i, terms)
    return n_bad, first_bad


@kernel
def settle_rows(labels, predicted, self_confidence, best_other, cuts, lowest, second_cut, confident):
    """Write the confident class of each row, UNDECIDED where the summary does not tell; return how many these are.

    `lowest` is the class of the lowest cut, `second_cut` the lowest of the others.
    """
    n_undecided = 0
    for i in range(labels.size):
        top = predicted[i]
        is_given = top == labels[i]
        highest = self_confidence[i] if is_given else best_other[i]
        # No other class is more probable than this, and none has a lower cut than that.
        others = best_other[i] if is_given else highest
        others_cut = second_cut if top == lowest else cuts[lowest]
        reaches = highest >= cuts[top]
        undecided = (not reaches) & (others >= others_cut)
        # Whether a row reaches its threshold, the mean, is a toss-up: choices cost less than branches here.
        confident[i] = top if reaches else (UNDECIDED if undecided else -1)
        n_undecided += undecided
    return n_undecided


@kernel
def decide_rows(p, rows, predicted, cuts, confident):
    """Write the confident class of each of `rows`."""
    for i in rows:
        count, only = 0, -1
        for k in range(cuts.size):
            if p[i, k] >= cuts[k]:
                count += 1
                only = k
        confident[i] = predicted[i] if count > 1 else only


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


@kernel
def row_entropy(p, i, terms):
    """Return -sum of p[i, k] ln p[i, k], with 0 ln 0 = 0; `terms` is scratch of one row.

    The terms go through memory so that both loops vectorise; halving adds them in an order that depends on their
    number alone, so the bits are the same on every machine.
    """
    for k in range(terms.size):
        terms[k] = p_log_p(p[i, k])
    size = terms.size
    while size > 1:
        half = size >> 1
        for k in range(half):
            terms[k] += terms[size - half + k]
        size -= half
    return -terms[0]


@kernel
def p_log_p(p):
    """Return p ln p, 0 for p <= 0, with a relative error below 5e-14.

    p = 2**e * m with m in [2**-1/4, 2**3/4); where m > 2**1/4, m is divided by the root of 2 and e raised by 1/2;
    then ln m = f P(f) with f = m - 1 and P a polynomial of degree 11 fitted at Chebyshev nodes (relative error
    3e-14). Neither division nor branch: 2.0 ns a number (one core), where NumPy's and C's logarithms take 10.
    """
    x = p if p > 0.0 else 0.0
    bits = np.float64(x).view(np.int64)
    exponent = (bits - 0x3FEAE89F995AD3AD + 0x3FF0000000000000) & 0x7FF0000000000000
    # a small integer becomes a float as the low bits of 2**52: AVX2 has no conversion
    e = np.int64((exponent >> 52) | 0x4330000000000000).view(np.float64) - 4503599627371519.0
    m = np.int64(bits - exponent + 0x3FF0000000000000).view(np.float64)
    upper = m > 1.189207115002721
    f = m * (0.7071067811865476 if upper else 1.0) - 1.0
    f2 = f * f
    f4 = f2 * f2
    low = (0.9999999999999865 - 0.5000000000015813 * f) + (0.33333333336767024 - 0.2499999987864508 * f) * f2
    mid = (0.19999998535665706 - 0.16666692286335302 * f) + (0.14285949877920368 - 0.12497845944629259 * f) * f2
    high = (0.11093614624554983 - 0.10074836594821453 * f) + (0.09695344875009186 - 0.07623860196689715 * f) * f2
    log_m = f * (low + mid * f4 + high * (f4 * f4))
    return x * ((e + (0.5 if upper else 0.0)) * 0.6931471805599453 + log_m)
