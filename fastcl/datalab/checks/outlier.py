"""Which rows are unlike all others?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastcl.core.errors import check_number
from fastcl.core.validation import as_options
from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import Limit
from fastcl.neighbors.outliers import THRESHOLD, check_above_0, find_outliers

#: Without neighbours, a row is an outlier if its score is below so much of the median score.
PROBABILITIES_THRESHOLD = 0.13


SHOWS = {"average_ood_score": 2}

LIMITS: dict[str, Limit] = {
    "t": lambda name, value, _: check_above_0(name, value),
    "scaling_factor": lambda name, value, _: check_above_0(name, value),
    "threshold": lambda name, value, evidence: check_number(name, value, 0, 1 if evidence.graphs else math.inf),
    "ood_kwargs": lambda name, value, _: _refuse(name, value),
}


@check(
    "outlier", needs=("graph", "pred_probs labels"), tasks=("classification",), default=True, shows=SHOWS, limits=LIMITS
)
@check("outlier", needs="graph", tasks=("regression", "multilabel"), default=True, shows=SHOWS, limits=LIMITS)
def outlier(
    evidence: Evidence,
    *,
    k: int | None = None,
    t: float = 1,
    metric: str | None = None,
    scaling_factor: float | None = None,
    threshold: float | None = None,
    ood_kwargs: Mapping[str, Any] | None = None,
) -> Finding:
    """Rows that are unlike the others: odd, of another source, or broken.

    With features, those whose average distance to their nearest neighbours is far above what is usual; the score falls
    with that distance. With probabilities only, those of which the model is least sure, whatever class it thinks of.
    """
    if evidence.graphs:
        return _by_distance(evidence, k, metric, t, scaling_factor, threshold)
    return _by_probabilities(evidence, threshold, dict(ood_kwargs or {}))


def _by_distance(
    evidence: Evidence, k: int | None, metric: str | None, t: float, scaling_factor: float | None, threshold: Any
) -> Finding:
    found = find_outliers(
        evidence.graph(k, metric),
        t=t,
        scaling_factor=scaling_factor,
        threshold=THRESHOLD if threshold is None else threshold,
    )
    graph = evidence.graph(k, metric)
    info = {
        "average_ood_score": found.summary,
        "threshold": found.threshold,
        "issue_threshold": found.cut,
        "k": found.k,
        "t": found.t,
        "metric": found.metric,
        "scaling_factor": found.scaling_factor,
        "nearest_neighbor": graph.indices[:, 0],
        "distance_to_nearest_neighbor": graph.distances[:, 0],
        "find_issues_inputs": {"features": True, "pred_probs": False},
    }
    return Finding(found.is_issue, np.asarray(found.scores, np.float64), found.summary, info)


def _by_probabilities(evidence: Evidence, threshold: float | None, ood_kwargs: dict[str, Any]) -> Finding:
    from fastcl.outlier import OutOfDistribution

    threshold = PROBABILITIES_THRESHOLD if threshold is None else threshold
    params = dict(ood_kwargs.get("params", {}))
    if params.get("adjust_pred_probs", True):
        params.setdefault("confident_thresholds", evidence.sweep.thresholds)
    scores = OutOfDistribution(params).score(pred_probs=evidence.pred_probs, n_jobs=evidence.n_jobs)
    cut = float(threshold * np.median(scores))
    info = {
        "average_ood_score": float(scores.mean()),
        "threshold": float(threshold),
        "issue_threshold": cut,
        "params": params,
        "find_issues_inputs": {"features": False, "pred_probs": True},
    }
    return Finding(scores < cut, scores, info=info)


def _refuse(name: str, options: Any) -> None:
    """Raise unless these are options of the score by probabilities."""
    from fastcl.outlier import OutOfDistribution

    OutOfDistribution(as_options(name, options, {"params"}).get("params"))
