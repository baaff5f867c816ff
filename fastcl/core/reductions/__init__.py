"""One file per statistic: a small state and four verbs, `init`, `update`, `merge`, `finalize`.

Laws, tested for every entry of `REDUCTIONS`: merging with a fresh state changes nothing; merge is associative
and does not depend on order; an empty block changes nothing; the result depends on neither block size, number
of threads, memory layout nor kind of source; states pickle.
"""

from __future__ import annotations

from typing import Any, Protocol, Self

from fastcl.core.reductions.confident_joint import ConfidentCounts, SparseConfidentCounts
from fastcl.core.reductions.issue_count import IssueCount
from fastcl.core.reductions.thresholds import SelfConfidenceSums
from fastcl.core.reductions.validity import Validity
from fastcl.core.sweep import Block


class Reduction(Protocol):
    """What every statistic over rows can do."""

    @classmethod
    def init(cls, n_classes: int) -> Self:
        """Return the state of no rows."""

    def update(self, block: Block) -> None:
        """Add the rows of one block, in place."""

    def merge(self, other: Self) -> None:
        """Add the rows that another state has seen, in place."""

    def finalize(self) -> Any:
        """Return the statistic."""


#: Every statistic of the package; the law tests run over this list.
REDUCTIONS: tuple[type[Reduction], ...] = (
    SelfConfidenceSums,
    ConfidentCounts,
    SparseConfidentCounts,
    IssueCount,
    Validity,
)
