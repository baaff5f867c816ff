"""Measure scores of regression targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.registry import quietly
from benchmarks.suite import compare

#: The reference keeps 8 n^2 bytes, and then some: more rows than this do not fit where benchmarks run.
MOST_FOR_REFERENCE = 20_000


def make_targets(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return targets, one in twenty wrong, and predictions."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=n_rows)
    labels = true + 0.1 * rng.normal(size=n_rows)
    wrong = rng.random(n_rows) < 0.05
    labels[wrong] = rng.normal(size=wrong.sum())
    return labels, true + 0.3 * rng.normal(size=n_rows)


def outre(n_rows: int) -> dict[str, Any]:
    """OUTRE scores, against the reference where it can."""
    import cleanlab.regression.rank as theirs

    from fastcl.regression.rank import get_label_quality_scores

    labels, predictions = make_targets(n_rows)

    def agree(ours: Any, reference: Any) -> None:
        np.testing.assert_allclose(ours, reference, rtol=0, atol=5e-8 / n_rows)  # as far as its distances are right

    def peer() -> Any:
        return quietly(theirs.get_label_quality_scores, labels, predictions)

    can_compare = n_rows <= MOST_FOR_REFERENCE
    return compare(lambda: get_label_quality_scores(labels, predictions), peer if can_compare else None, agree, turns=1)
