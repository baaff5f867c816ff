"""How many rows are confidently of another class than the given one, and not won by it all the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcl.core.sweep import Block, RowSummary


@dataclass
class IssueCount:
    """Number of label issues by the off-diagonal of the confident joint."""

    n_issues: int = 0

    @classmethod
    def init(cls, n_classes: int) -> IssueCount:
        """Return the state of no rows; the number of classes does not matter."""
        return cls()

    def update(self, block: Block) -> None:
        """Add the rows of one swept block."""
        self.n_issues += int(np.count_nonzero(off_diagonal(block.labels, block.summary)))

    def merge(self, other: IssueCount) -> None:
        """Add the rows that `other` has seen."""
        self.n_issues += other.n_issues

    def finalize(self) -> int:
        """Return the count."""
        return self.n_issues


def off_diagonal(labels: np.ndarray, summary: RowSummary) -> np.ndarray:
    """Tell which rows are confidently of another class than the given one, unless that wins the row."""
    return (summary.confident >= 0) & (summary.confident != labels) & ~summary.wins
