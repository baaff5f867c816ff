"""Which rows are nearly the same?"""

from __future__ import annotations

import numpy as np

from fastcl.datalab.check import Finding, check
from fastcl.datalab.copies import near_duplicates
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import number


@check("near_duplicate", needs="graph", default=True, shows={"threshold": 2}, limits={"threshold": number()})
def near_duplicate(
    evidence: Evidence, *, metric: str | None = None, threshold: float = 0.13, k: int | None = None
) -> Finding:
    """Rows that are nearly or exactly the same as others.

    Those whose distance is a small part of what is usual between nearest neighbours. Copies make a model remember
    instead of learn; copies in training and test data make it look better than it is. `near_duplicate_sets` holds the
    rows that each row is a copy of.
    """
    found = near_duplicates(evidence, metric, threshold, k)
    info = {
        "average_near_duplicate_score": found.summary,
        "threshold": found.threshold,
        "k": found.graph.k,
        "metric": found.graph.metric,
        "near_duplicate_sets": found.near_duplicate_sets,
        "group": found.group,
        "representative": found.representative,
        "nearest_neighbor": found.nearest_neighbor,
        "distance_to_nearest_neighbor": found.distance_to_nearest_neighbor,
        "median_distance_to_nearest_neighbor": found.median_distance_to_nearest_neighbor,
    }
    columns = {name: info[name] for name in ("near_duplicate_sets", "distance_to_nearest_neighbor")}
    return Finding(found.is_issue, np.asarray(found.scores, np.float64), found.summary, info, columns)
