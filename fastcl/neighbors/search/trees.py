"""Search in few dimensions: a k-d tree, by SciPy."""

from __future__ import annotations

import numpy as np

from fastcl.neighbors.search.candidates import FLOAT64_UNIT, NOBODY, Candidates
from fastcl.neighbors.search.space import Points

#: Above this many columns products of all pairs beat the tree on data without structure (two cores, 2026-11).
MOST_COLUMNS = 6


def by_tree(new: Points, points: Points, n_candidates: int, n_threads: int) -> Candidates:
    """Return the Euclidean candidates of `new` among `points`; a row is not its own."""
    from scipy.spatial import cKDTree

    tree = cKDTree(points.rows[points.numbers], balanced_tree=False)
    wanted = min(n_candidates + (new is points), len(points))
    distances, ids = tree.query(new.rows[new.numbers], k=range(1, wanted + 1), workers=n_threads)
    scores = -0.5 * (distances * points.space.factor) ** 2
    if new is points:
        own = ids == np.arange(len(ids))[:, None]
        own[~own.any(axis=1), -1] = True
        scores, ids = (values[~own].reshape(len(ids), -1) for values in (scores, ids))
    found = Candidates.none(len(ids), n_candidates, np.float64)
    found.scores[:, : ids.shape[1]], found.ids[:, : ids.shape[1]] = scores, np.minimum(ids, NOBODY)
    return Candidates(found.scores, found.ids, FLOAT64_UNIT)
