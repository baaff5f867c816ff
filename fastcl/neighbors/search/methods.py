"""Which search answers: by products of all pairs, by clusters, by a tree, of sparse rows, or by scikit-learn."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.engine.blas import one_blas_thread_each
from fastcl.engine.progress import Progress
from fastcl.neighbors.features import Features, gather
from fastcl.neighbors.metrics import METRICS
from fastcl.neighbors.search.all_pairs import all_against, all_pairs
from fastcl.neighbors.search.candidates import SPARE, Candidates
from fastcl.neighbors.search.clustered import clustered
from fastcl.neighbors.search.refine import exact_neighbors
from fastcl.neighbors.search.space import Points, Space, make_points
from fastcl.neighbors.search.sparse import sparse_neighbors
from fastcl.neighbors.search.trees import MOST_COLUMNS, by_tree

logger = logging.getLogger(__name__)

METHODS = ("auto", "exact", "approximate")

#: ``"auto"`` compares all pairs while rows x rows x columns stay below this: 70,000 rows of 384 columns, about
#: fifteen seconds on two cores (2026-11); and always below this many rows.
EXACT_WORK = 2e12
EXACT_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class Found:
    """Neighbours of each row: shape (n_rows, k), nearest first, ties by number; how they were found."""

    distances: npt.NDArray[Any]
    indices: npt.NDArray[np.int32]
    method: str = "exact"
    recall: float = 1.0


@dataclass(frozen=True)
class Search:
    """A search to be made; the methods say among what."""

    metric: str
    method: str
    n_threads: int
    progress: Progress

    def among_themselves(self, features: Features, numbers: npt.NDArray[np.int64], k: int) -> Found:
        """Return the neighbours of the given rows among each other, numbered by their place in `numbers`."""
        if k == 0:
            return Found(np.empty((len(numbers), 0)), np.empty((len(numbers), 0), np.int32))
        if self.is_for_products(features):
            with one_blas_thread_each():
                points = make_points(Space.of(features, self.metric), features, numbers, self.n_threads)
                return self.among_points(points, points, k)
        return self._otherwise(None, gather(features, numbers), k)

    def between(self, new: Features, features: Features, numbers: npt.NDArray[np.int64], k: int) -> Found:
        """Return the nearest of the given rows of `features` for each row of `new`."""
        if self.is_for_products(features) and not new.is_sparse:
            with one_blas_thread_each():
                space = Space.of(features, self.metric)
                points = make_points(space, features, numbers, self.n_threads)
                return self.among_points(make_points(space, new, np.arange(len(new)), self.n_threads), points, k)
        return self._otherwise(new.values, gather(features, numbers), k)

    def is_for_products(self, features: Features) -> bool:
        """Tell whether scores can be taken from dense matrix products."""
        possible = self.metric in METRICS and not features.is_sparse
        if self.method == "approximate" and not possible:
            fix = "Reduce sparse features first, for example with sklearn.decomposition.TruncatedSVD."
            rule = "be 'auto' or 'exact' for sparse features and metrics other than " + ", ".join(METRICS)
            raise ValueError(sentence("method", rule, "'approximate'", fix if features.is_sparse else ""))
        return possible

    def among_points(self, new: Points, points: Points, k: int) -> Found:
        n_candidates = min(k + SPARE, len(points) - (new is points))
        if not self._exact_is_wanted(len(new), points):
            found = clustered(new, points, k, n_candidates, self.n_threads, self.progress)
            if found is not None:
                return Found(found[0].distances, found[0].ids, "approximate", found[1])
        neighbors = exact_neighbors(new, self._candidates(new, points, n_candidates), points, k, self.n_threads)
        return Found(neighbors.distances, neighbors.ids)

    def _exact_is_wanted(self, n_new: int, points: Points) -> bool:
        if self.method != "auto":
            return self.method == "exact"
        work = n_new * points.vectors.size
        return n_new <= EXACT_ROWS or work <= EXACT_WORK or self._is_for_tree(points)

    def _is_for_tree(self, points: Points) -> bool:
        return self.metric == "euclidean" and points.rows.shape[1] <= MOST_COLUMNS

    def _candidates(self, new: Points, points: Points, n_candidates: int) -> Candidates:
        if self._is_for_tree(points):
            return by_tree(new, points, n_candidates, self.n_threads)
        if new is points:
            return all_pairs(points, n_candidates, self.n_threads, self.progress)
        return all_against(new, points, n_candidates, self.n_threads, self.progress)

    def _otherwise(self, new: Any, rows: Any, k: int) -> Found:
        """Answer for sparse rows, and for metrics that scikit-learn knows; without new rows, for `rows` themselves."""
        if self.metric in METRICS:
            return Found(*sparse_neighbors(new, rows, self.metric, k, self.n_threads, self.progress))
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=k, metric=self.metric, n_jobs=self.n_threads).fit(rows)
        distances, indices = search.kneighbors(new)
        without = np.flatnonzero(~np.isfinite(distances).all(axis=1))
        if without.size:
            got = f"NaN or infinity in row {without[0]:,} ({without.size:,} such rows)"
            raise ValueError(sentence("features", f"have distances by the metric {self.metric!r}", got))
        return Found(distances, indices.astype(np.int32))
