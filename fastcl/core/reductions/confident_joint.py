"""The confident joint: how many rows of each given class are confidently of each class.

Counts[y, k] = number of rows given class y and confidently of class k (Northcutt et al., JAIR 2021, eq. 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import SPARSE_ABOVE
from fastcl.core.jit import kernel
from fastcl.core.sparse_joint import SparseJoint
from fastcl.core.sweep import Block


@dataclass
class ConfidentCounts:
    """The K x K counts of confident rows."""

    counts: npt.NDArray[np.int64]

    @classmethod
    def init(cls, n_classes: int) -> ConfidentCounts:
        """Return the state of no rows."""
        return cls(np.zeros((n_classes, n_classes), np.int64))

    def update(self, block: Block) -> None:
        """Add the rows of one swept block."""
        count_pairs(block.labels, block.summary.confident, self.counts)

    def merge(self, other: ConfidentCounts) -> None:
        """Add the rows that `other` has seen."""
        self.counts += other.counts

    def finalize(self) -> npt.NDArray[np.int64]:
        """Return the raw confident joint: the counts, with a diagonal of at least 1."""
        joint = self.counts.copy(order="F")  # whose sums `calibrate` takes in the order the reference does
        np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
        return joint


@dataclass
class SparseConfidentCounts:
    """The same for very many classes: only pairs that occur are kept, at most one a row."""

    joint: SparseJoint

    @classmethod
    def init(cls, n_classes: int) -> SparseConfidentCounts:
        """Return the state of no rows."""
        nothing = np.empty(0, np.int64)
        return cls(SparseJoint.from_pairs(nothing, nothing, n_classes))

    def update(self, block: Block) -> None:
        """Add the rows of one swept block."""
        rows = np.flatnonzero(block.summary.confident >= 0)
        given, guessed = block.labels[rows], block.summary.confident[rows]
        self.joint = self.joint.plus(SparseJoint.from_pairs(given, guessed, self.joint.n_classes))

    def merge(self, other: SparseConfidentCounts) -> None:
        """Add the rows that `other` has seen."""
        self.joint = self.joint.plus(other.joint)

    def finalize(self) -> SparseJoint:
        """Return the raw confident joint: the counts, with a diagonal of at least 1."""
        return self.joint.with_minimal_diagonal()


def counts_for(n_classes: int) -> type[ConfidentCounts] | type[SparseConfidentCounts]:
    """Return the dense state up to `SPARSE_ABOVE` classes, the sparse one beyond."""
    return ConfidentCounts if n_classes <= SPARSE_ABOVE else SparseConfidentCounts


@kernel
def count_pairs(labels, confident, counts):
    """counts[y, k] += 1 for each row given y and confidently of k."""
    for i in range(labels.size):
        if confident[i] >= 0:
            counts[labels[i], confident[i]] += 1
