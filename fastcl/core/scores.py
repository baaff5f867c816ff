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

#: Returns one number, or a few, for each row of a swept block, given the thresholds if they are known.
Score = Callable[[Block, Any], npt.NDArray[Any]]

#: Rows scored at a time, for whatever comes in between to stay in a cache.
ROWS_AT_A_TIME = 1 << 14

METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")

Scores = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Scoring:
    """A score by its name, adjusted by the class thresholds or not."""

    method: str
    adjust_pred_probs: bool = False

    @classmethod
    def of_options(cls, method: str, options: dict[str, Any] | None, name: str) -> Scoring:
        """Return the score that a dict of options asks for; ValueError, in the words of parameter `name`, if none."""
        if options is not None and not (isinstance(options, dict) and set(options) <= {"adjust_pred_probs"}):
            raise ValueError(sentence(name, "be a dict that holds 'adjust_pred_probs' only", repr(options)))
        return cls(method, bool((options or {}).get("adjust_pred_probs", False)))

    def check(self, name: str, n_classes: int) -> None:
        """Raise ValueError, in the words of parameter `name`, unless there is such a score for so many classes."""
        check_option(name, self.method, METHODS)
        if self.method == "confidence_weighted_entropy" and self.adjust_pred_probs:
            raise ValueError(sentence("adjust_pred_probs", f"be False for {self.method!r}", "True"))
        if self.method == "normalized_margin" and n_classes < 2:
            raise ValueError(sentence("pred_probs", f"have at least 2 columns for {self.method!r}", f"{n_classes}"))

    @property
    def needs_entropy(self) -> bool:
        """Whether the row summary must hold the entropy."""
        return self.method == "confidence_weighted_entropy"

    def of_block(self) -> Score | None:
        """Return the function that scores the rows of a swept block; None if the row summary is enough."""
        if not self.adjust_pred_probs:
            return None
        return lambda block, thresholds: adjusted_scores(block, adjustment(thresholds), self.method)

    def of_summary(self, summary: RowSummary, n_classes: int) -> Scores:
        """Score all rows by their summary, where that is enough."""
        if self.method == "self_confidence":
            return summary.self_confidence
        if self.method == "normalized_margin":
            return margin(summary.self_confidence, summary.best_other)
        return entropy_scores(summary.self_confidence, summary.entropy, n_classes)


def margin(self_confidence: Scores, best_other: Scores) -> Scores:
    """Return the normalized margin between the given label and the best other one, in [0, 1]."""
    scores: Scores = self_confidence - best_other
    scores += 1
    scores /= 2
    return scores


def entropy_scores(self_confidence: Scores, entropy: npt.NDArray[np.float64], n_classes: int) -> Scores:
    """Return the confidence-weighted entropy of every row, in [0, 1]; with one class, 1. Overwrites `entropy`."""
    if n_classes == 1:
        entropy[:] = 1
        return entropy
    for start in range(0, len(entropy), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        entropy[rows] = _entropy_scores(self_confidence[rows], entropy[rows] / np.log(n_classes))
    return entropy


def _entropy_scores(self_confidence: Scores, entropy: npt.NDArray[np.float64]) -> Scores:
    x = entropy / np.maximum(self_confidence, MIN_PROBABILITY)
    x = np.maximum(x, 0.0)  # probabilities that overshoot 1 by the slack
    scores = np.log(x + 1) / np.maximum(x, MIN_PROBABILITY)
    # A row without entropy is certain: of the given label, which is the best there is, or of another, the worst.
    certain = (x < MIN_PROBABILITY) & (self_confidence >= 0.5)
    return np.where(certain, 1 - x / 2, scores)


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


def owned(scores: Scores) -> Scores:
    """Return scores that do not hold on to the row summary they may be a column of."""
    return scores if scores.base is None else scores.copy()


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
