"""Label quality scores: how much a model believes in each given label; low is bad.

=============================  ====================================================================
`self_confidence`              p[i, y]
`normalized_margin`            (p[i, y] - max over k != y of p[i, k] + 1) / 2
`confidence_weighted_entropy`  ln(1 + x) / x with x = H(p[i]) / p[i, y], H the entropy over ln K
=============================  ====================================================================

(Kuan and Mueller, "Model-agnostic label quality scoring to detect real-world label errors", ICML DataPerf
Workshop 2022.) With `adjust_pred_probs` the first two are computed on p - t + max(t), made to sum to one,
where t are the class thresholds, so that classes a model is shy of are not blamed for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import MIN_PROBABILITY, UNREACHABLE_THRESHOLD
from fastcl.core.errors import check_option, sentence
from fastcl.core.jit import kernel
from fastcl.core.sweep import Block, RowSummary

#: Returns one number, or a few, for each row of a swept block, given the thresholds.
Score = Callable[[Block, npt.NDArray[np.float64]], npt.NDArray[Any]]

METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")

Scores = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Scoring:
    """A score by its name, adjusted by the class thresholds or not."""

    method: str
    adjust_pred_probs: bool = False

    def check(self, name: str, n_classes: int) -> None:
        """Raise ValueError, in the words of parameter `name`, unless there is such a score for so many classes."""
        check_option(name, self.method, METHODS)
        if self.method == "confidence_weighted_entropy" and self.adjust_pred_probs:
            raise ValueError(sentence("adjust_pred_probs", f"be False for {self.method!r}", "True"))
        if self.method == "normalized_margin" and n_classes < 2:
            raise ValueError(sentence("pred_probs", f"have at least 2 columns for {self.method!r}", f"{n_classes}"))

    def of_block(self) -> Score | None:
        """Return the function that scores the rows of a swept block; None if the row summary is enough."""
        if self.adjust_pred_probs:
            return lambda block, thresholds: adjusted_scores(block, adjustment(thresholds), self.method)
        if self.method == "confidence_weighted_entropy":
            return lambda block, thresholds: entropy_scores(block)
        return None

    def of_summary(self, summary: RowSummary) -> Scores:
        """Score all rows by their summary, where that is enough."""
        if self.method == "self_confidence":
            return summary.self_confidence
        return margin(summary.self_confidence, summary.best_other)


def margin(self_confidence: Scores, best_other: Scores) -> Scores:
    """Return the normalized margin between the given label and the best other one, in [0, 1]."""
    scores: Scores = (self_confidence - best_other + 1) / 2
    return scores


def entropy_scores(block: Block) -> Scores:
    """Return the confidence-weighted entropy, in [0, 1], of every row of a block."""
    x = normalized_entropy(block.pred_probs) / np.maximum(block.summary.self_confidence, MIN_PROBABILITY)
    # The limit at x = 0 is 1: a label the model is certain of is the best there is.
    return np.where(x < MIN_PROBABILITY, 1 - x / 2, np.log(x + 1) / np.maximum(x, MIN_PROBABILITY))


def normalized_entropy(pred_probs: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return the entropy of every row over that of the uniform distribution, in [0, 1]; 0 for one class."""
    entropy = np.empty(len(pred_probs))
    n_classes = pred_probs.shape[1]
    write_entropy(pred_probs, np.empty(n_classes), entropy)
    return entropy / np.log(max(n_classes, 2))


def adjustment(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what `adjust_pred_probs` adds to each class: max(t) - t, nothing to classes without examples."""
    present = thresholds < UNREACHABLE_THRESHOLD
    highest = thresholds[present].max(initial=0.0)
    return np.where(present, highest - thresholds, 0.0)


def adjusted_scores(block: Block, lifts: npt.NDArray[np.float64], method: str) -> Scores:
    """Return self-confidence or normalized margin of every row after lifting each class and rescaling."""
    own, other = (np.empty(len(block.labels)) for _ in range(2))
    write_adjusted(block.pred_probs, block.labels, lifts, own, other)
    scores = own if method == "self_confidence" else margin(own, other)
    return scores.astype(block.pred_probs.dtype, copy=False)


def clipped_self_confidence(block: Block, thresholds: npt.NDArray[np.float64]) -> Scores:
    """Return the probability of the given label after raising all of its row to 1e-6 and rescaling to sum 1."""
    shares = np.empty(len(block.labels))
    write_clipped(block.pred_probs, block.labels, MIN_PROBABILITY, shares)
    return shares.astype(block.pred_probs.dtype, copy=False)


@kernel
def write_clipped(p, labels, floor, shares):
    """shares[i] = max(p[i, y], floor) / sum over k of max(p[i, k], floor)."""
    for i in range(labels.size):
        total = 0.0
        for k in range(p.shape[1]):
            total += max(p[i, k], floor)
        shares[i] = max(p[i, labels[i]], floor) / total


@kernel
def write_adjusted(p, labels, lifts, own, other):
    """own[i] = q[y], other[i] = max over k != y of q[k], where q = (p[i] + lifts) / sum."""
    for i in range(labels.size):
        j = labels[i]
        total, best = 0.0, -np.inf
        for k in range(lifts.size):
            lifted = p[i, k] + lifts[k]
            total += lifted
            if k != j:
                best = max(best, lifted)
        own[i] = (p[i, j] + lifts[j]) / total
        other[i] = best / total


@kernel
def write_entropy(p, terms, entropy):
    """entropy[i] = -sum of p[i, k] ln p[i, k], with 0 ln 0 = 0; `terms` is scratch of one row.

    The terms go through memory so that their loop vectorises; four fixed partial sums keep the bits the same
    on every machine.
    """
    n, K = p.shape
    for i in range(n):
        for k in range(K):
            terms[k] = p_log_p(np.float64(p[i, k]))
        sums = (0.0, 0.0, 0.0, 0.0)
        a, b, c, d = sums
        for k in range(0, K - 3, 4):
            a += terms[k]
            b += terms[k + 1]
            c += terms[k + 2]
            d += terms[k + 3]
        for k in range(K - K % 4, K):
            a += terms[k]
        entropy[i] = -((a + b) + (c + d))


@kernel
def p_log_p(x):
    """Return x ln x, 0 where x is not a normal positive number; within 1 ulp of the logarithm.

    Natural logarithm after FreeBSD's e_log.c, without branches: x = 2**e * (1 + f) with 1 + f in
    [sqrt(1/2), sqrt(2)), s = f / (2 + f), ln(1 + f) = f - f**2/2 + s (f**2/2 + R(s**2)).
    """
    bits = np.float64(x).view(np.int64)
    above_half = bits - 0x3FE6A09E667F3BCD + 0x3FF0000000000000
    exponent = above_half & 0x7FF0000000000000
    # small integer to float without a conversion, which AVX2 lacks: as the low bits of 2**52
    e = np.int64((exponent >> 52) | 0x4330000000000000).view(np.float64) - 4503599627371519.0
    f = np.int64(bits - exponent + 0x3FF0000000000000).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = z * (
        0.6666666666666735130 + w * (0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591))
    )
    even = w * (0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332))
    half = 0.5 * f * f
    log = e * 6.93147180369123816490e-01 - ((half - (s * (half + odd + even) + e * 1.90821492927058770002e-10)) - f)
    return x * log if x >= 2.2250738585072014e-308 else 0.0
