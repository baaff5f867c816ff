"""Is there a group of similar rows on which the model does badly?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastcl.core.validation import as_options
from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import SHARE, Limit, whole
from fastcl.neighbors.groups import (
    EPS,
    MIN_SAMPLES,
    NoGroupError,
    UnderperformingGroup,
    as_cluster_ids,
    check_clustering,
    find_worst_group,
)

LIMITS: dict[str, Limit] = {
    "threshold": SHARE,
    "clustering_kwargs": lambda name, value, _: _clustering(name, value),
    "min_cluster_samples": whole(1),
    "cluster_ids": lambda _, value, evidence: as_cluster_ids(value, evidence.n_rows),
}


@check(
    "underperforming_group",
    needs="labels pred_probs graph",
    tasks=("classification",),
    default=True,
    shows={"threshold": 2},
    spares={"cluster_ids": "graph"},
    limits=LIMITS,
)
def underperforming_group(
    evidence: Evidence,
    *,
    metric: str | None = None,
    threshold: float = 0.1,
    k: int | None = None,
    clustering_kwargs: Mapping[str, Any] | None = None,
    min_cluster_samples: int = 5,
    cluster_ids: Any = None,
) -> Finding:
    """Groups of similar rows whose labels the model believes least: the worst of them.

    The worst group may be full of wrong labels, of a kind that the training data lack, or hard. Groups are found by
    DBSCAN among the neighbours, or given as `cluster_ids`. The score is the mean probability of the given labels in the
    group over that of all groups.
    """
    known = _clustering("clustering_kwargs", clustering_kwargs)
    graph = None if cluster_ids is not None else evidence.graph(k, metric)
    if graph is not None and known["min_samples"] > graph.k + 1 == evidence.n_rows:
        return _no_group(evidence.n_rows, threshold, f"there are only {evidence.n_rows} rows.")
    self_confidence = evidence.of_all(evidence.sweep.summary.self_confidence, np.nan)
    try:
        found = find_worst_group(
            self_confidence,
            graph,
            cluster_ids=cluster_ids,
            threshold=threshold,
            min_cluster_samples=min_cluster_samples,
            **known,
        )
    except NoGroupError as reason:
        return _no_group(evidence.n_rows, threshold, str(reason))
    info: dict[str, Any] = {"threshold": found.threshold, "clustering": _about(found, known)}
    if graph is not None:
        info |= {"k": graph.k, "metric": graph.metric}
    return Finding(found.is_issue, found.scores, found.summary, info)


def _clustering(name: str, options: Any) -> dict[str, Any]:
    """Return the options of DBSCAN, or raise."""
    known = {"eps": EPS, "min_samples": MIN_SAMPLES} | as_options(name, options, {"eps", "min_samples"})
    check_clustering(**known)
    return known


def _about(found: UnderperformingGroup, known: dict[str, Any]) -> dict[str, Any]:
    return {
        "algorithm": "DBSCAN" if found.is_clustered else None,
        "params": {"metric": "precomputed", **known} if found.is_clustered else {},
        "stats": {
            "n_clusters": len(found.clusters),
            "cluster_ids": found.cluster_ids,
            "clusters": found.clusters,
            "sizes": found.sizes,
            "ratios": found.ratios,
            "underperforming_cluster_id": found.cluster_id,
        },
    }


def _no_group(n_rows: int, threshold: float, reason: str) -> Finding:
    """Return that no row is in a group, and why."""
    note = f"No group could be judged: {reason}"
    return Finding(np.zeros(n_rows, np.bool_), np.ones(n_rows), 1.0, {"threshold": float(threshold)}, notes=(note,))
