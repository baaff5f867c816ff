"""What is each row worth?"""

from __future__ import annotations

import numpy as np

from fastcl.data_valuation import find_low_value
from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import SHARE


@check(
    "data_valuation",
    needs="labels graph",
    tasks=("classification", "regression"),
    shows={"average_data_valuation": 3},
    limits={"threshold": SHARE},
)
def data_valuation(
    evidence: Evidence, *, metric: str | None = None, threshold: float | None = None, k: int | None = None
) -> Finding:
    """Rows that a classifier by nearest neighbours would be better without.

    The score is the Shapley value of each row for predicting its neighbours, moved into [0, 1]: 0.5 is worth nothing,
    less does harm. Rows without label are worth nothing and are not flagged.
    """
    graph = evidence.graph(k, metric)
    found = find_low_value(
        _codes(evidence), knn_graph=graph, k=graph.k, threshold=0.5 if threshold is None else threshold
    )
    is_issue = found.is_issue & evidence.labels.is_labeled
    info = {
        "num_low_valuation_issues": int(is_issue.sum()),
        "average_data_valuation": found.summary,
        "metric": graph.metric,
        "k": graph.k,
        "threshold": found.threshold,
    }
    return Finding(is_issue, found.scores, found.summary, info)


def _codes(evidence: Evidence) -> np.ndarray:
    """Return numbers that are equal where labels are; a row without label agrees with nobody."""
    labels = evidence.labels
    codes = labels.codes if evidence.task == "classification" else np.unique(labels.values, return_inverse=True)[1]
    if labels.all_labeled:
        return codes
    codes = codes.astype(np.int32)
    missing = ~labels.is_labeled
    codes[missing] = codes.max() + 1 + np.arange(missing.sum())
    return codes
