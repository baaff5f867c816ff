"""Rows that hold something else than probabilities: how many, and the first of them."""

from __future__ import annotations

from dataclasses import dataclass

from fastcl.core.sweep import Block


@dataclass
class Validity:
    """Number of bad rows and the index of the first, -1 while there is none."""

    n_bad: int = 0
    first_bad: int = -1

    @classmethod
    def init(cls, n_classes: int) -> Validity:
        """Return the state of no rows; the number of classes does not matter."""
        return cls()

    def update(self, block: Block) -> None:
        """Add what the sweep counted in one block."""
        self.merge(Validity(*block.bad_rows))

    def merge(self, other: Validity) -> None:
        """Add the rows that `other` has seen."""
        self.n_bad += other.n_bad
        if other.n_bad and (self.first_bad < 0 or other.first_bad < self.first_bad):
            self.first_bad = other.first_bad

    def finalize(self) -> tuple[int, int]:
        """Return (number of bad rows, first bad row or -1)."""
        return self.n_bad, self.first_bad
