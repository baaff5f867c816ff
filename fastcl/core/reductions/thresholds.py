"""Class counts and mean self-confidence per class: the thresholds of confident learning.

Sums of floats depend on the order of the terms; sums of integers do not. Each probability is therefore split
into two integers, units of 2**-30 and of 2**-60, and these are added: the same bits for any blocking, any
number of threads and any merge order, with an error below 2**-60 a term (a float64 sum loses more).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import MIN_THRESHOLD, UNREACHABLE_THRESHOLD
from fastcl.core.jit import kernel
from fastcl.core.sweep import Block


@dataclass
class SelfConfidenceSums:
    """How many rows were given each class, and the sum of their self-confidence in fixed point."""

    counts: npt.NDArray[np.int64]
    coarse: npt.NDArray[np.int64]
    fine: npt.NDArray[np.int64]

    @classmethod
    def init(cls, n_classes: int) -> SelfConfidenceSums:
        """Return the state of no rows."""
        return cls(*(np.zeros(n_classes, np.int64) for _ in range(3)))

    def update(self, block: Block) -> None:
        """Add the rows of one block of which the self-confidence is known."""
        add_self_confidence(block.summary.self_confidence, block.labels, self.counts, self.coarse, self.fine)

    def merge(self, other: SelfConfidenceSums) -> None:
        """Add the rows that `other` has seen."""
        self.counts += other.counts
        self.coarse += other.coarse
        self.fine += other.fine

    def finalize(self) -> npt.NDArray[np.float64]:
        """Return the thresholds, shape (n_classes,).

        A class given to no row gets a threshold above every probability: no row is ever confidently of it.
        """
        sums = self.coarse * 2.0**-30 + self.fine * 2.0**-60
        means = np.maximum(sums / np.maximum(self.counts, 1), MIN_THRESHOLD)
        return np.where(self.counts > 0, means, UNREACHABLE_THRESHOLD)


def gather_self_confidence(block: Block) -> None:
    """Write the self-confidence of every row of an unswept block: one cache line a row is read, not the row."""
    gather(block.pred_probs, block.labels, block.summary.self_confidence)


@kernel
def gather(p, labels, self_confidence):
    """self_confidence[i] = p[i, labels[i]]."""
    for i in range(labels.size):
        self_confidence[i] = p[i, labels[i]]


@kernel
def add_self_confidence(self_confidence, labels, counts, coarse, fine):
    """Add the self-confidence of each row to the sums of its class: coarse * 2**-30 + fine * 2**-60."""
    for i in range(labels.size):
        j = labels[i]
        scaled = self_confidence[i] * 2.0**30
        # no number of [0, 1], give or take the slack: the sweep will report it, an integer cannot hold it
        if not (-(2.0**11) < scaled < 2.0**31):
            scaled = 0.0
        whole = np.floor(scaled)
        counts[j] += 1
        coarse[j] += np.int64(whole)
        fine[j] += np.int64((scaled - whole) * 2.0**30)
