"""Has a share changed from the rows audited to the new ones?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_narwhals
from fastcl.core.errors import sentence
from fastcl.datalab.check import Finding

#: How often intervals hold the true share.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Shares:
    """How many rows are something, and of how many: among new rows, and among those audited (None if unknown)."""

    new: tuple[int, int]
    audited: tuple[int, int] | None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the new share."""
        from scipy.stats import binomtest

        n_found, n_rows = self.new
        if not n_rows:
            return 0.0, 1.0
        interval = binomtest(n_found, n_rows).proportion_ci(CONFIDENCE, method="wilson")
        return float(interval.low), float(interval.high)

    @property
    def p_value(self) -> float:
        """The chance of shares that differ as much if both are drawn alike, by Fisher's exact test."""
        from scipy.stats import fisher_exact

        if self.audited is None:
            return math.nan
        counts = [(n_found, n_rows - n_found) for n_found, n_rows in (self.new, self.audited)]
        return float(fisher_exact(counts)[1])


def share_columns(shares: list[Shares], counted: str = "num_issues") -> dict[str, npt.NDArray[Any]]:
    """Return comparisons as the columns of a table."""
    return {
        "num_rows": np.array([one.new[1] for one in shares], np.int64),
        counted: np.array([one.new[0] for one in shares], np.int64),
        "share": np.array([_ratio(one.new) for one in shares]),
        "share_low": np.array([one.interval[0] for one in shares]),
        "share_high": np.array([one.interval[1] for one in shares]),
        "audited_share": np.array([_ratio(one.audited) for one in shares]),
        "p_value": np.array([one.p_value for one in shares]),
    }


def columns_of(table: Any) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table as arrays."""
    frame = as_narwhals("table", table)
    if not hasattr(frame, "iter_columns"):
        raise TypeError(sentence("table", "be a table that score_new returned", type(table).__name__))
    return {str(column.name): column.to_numpy() for column in frame.iter_columns()}


def count_new(columns: dict[str, npt.NDArray[Any]], name: str) -> tuple[int, int]:
    """Return how many new rows are issues of a check, and how many it judged."""
    return int(columns[f"is_{name}_issue"].sum()), int((~np.isnan(columns[f"{name}_score"])).sum())


def count_audited(name: str, finding: Finding) -> tuple[int, int] | None:
    """Return the same of the rows audited, by the rule for new rows; None if the audit does not tell.

    Labels are flagged by another rule in the audit.
    """
    n_judged = 0 if finding.scores is None else int((~np.isnan(finding.scores)).sum())
    if name != "label":
        return finding.num_issues, n_judged
    n_confident = finding.info.get("num_confident_label_issues")
    return None if n_confident is None else (int(n_confident), n_judged)


def _ratio(counts: tuple[int, int] | None) -> float:
    return counts[0] / counts[1] if counts and counts[1] else math.nan
