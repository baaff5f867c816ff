"""Search that compares each row with the clusters nearest to it, as many as a sample says are needed.

Points are laid out cluster by cluster. Rows that probe much the same clusters meet the points of each in one matrix
product, so hardly anything but products takes time. How many clusters a row must probe follows from a sample of
rows whose true neighbours are known: it is counted in how many clusters these lie. A second sample, of other rows,
measures what was found in the end.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from fastcl.engine.blas import multiply
from fastcl.engine.progress import Progress
from fastcl.engine.threads import for_each
from fastcl.neighbors.metrics import COSINE
from fastcl.neighbors.search.candidates import NOBODY, Candidates, offer_tile
from fastcl.neighbors.search.coarse import k_means
from fastcl.neighbors.search.recall import Truth
from fastcl.neighbors.search.refine import Neighbors, refine
from fastcl.neighbors.search.scratch import Scratch
from fastcl.neighbors.search.space import Points

logger = logging.getLogger(__name__)

#: Share of true neighbours that the measuring sample must show, and that probes are chosen for.
LEAST_RECALL, WANTED_RECALL = 0.97, 0.985

#: Rows in each of the two samples: the share found is then known to about half a per cent.
SAMPLE = 512

#: Beyond this share of all pairs, comparing everybody with everybody is faster: half of them do, in larger tiles.
MOST_PAIRS = 0.3

#: Clusters are this many times the square root of the number of points: ranking and probing them cost about the same.
CLUSTERS_PER_ROOT = 2

#: Rows that probe clusters together: with fewer, products are too small to be fast (34 GFLOPS against 11, 2026-11).
NEIGHBORHOOD = 3000

#: Rows whose clusters are ranked together.
RANKED_ROWS = 4096

SEED = 0


@dataclass(frozen=True, eq=False)
class Clusters:
    """Points laid out cluster by cluster: `order[p]` is the point in place p, cluster c begins at `starts[c]`."""

    points: Points
    centers: npt.NDArray[np.float32]
    order: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]

    @classmethod
    def of(cls, points: Points, n_threads: int) -> Self:
        """Lay out points in about 2 sqrt(n) clusters."""
        centers = _centers(points, points.vectors, max(1, int(CLUSTERS_PER_ROOT * len(points) ** 0.5)))
        own = nearest_clusters(points, centers, 1, n_threads)[:, 0]
        order = np.argsort(own, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=len(centers)))])
        return cls(points, centers, order, starts, points.vectors[order])

    def places(self, cluster: int) -> slice:
        """Return where the points of a cluster lie."""
        return slice(self.starts[cluster], self.starts[cluster + 1])

    def cluster_of(self, points: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Return the cluster of each of the given points."""
        place_of = np.empty(len(self.order), np.int64)
        place_of[self.order] = np.arange(len(self.order))
        return np.searchsorted(self.starts, place_of[points], side="right") - 1


def _centers(points: Points, vectors: npt.NDArray[np.float32], n_clusters: int) -> npt.NDArray[np.float32]:
    space = points.space
    proper = k_means(space.proper(vectors), n_clusters, spherical=space.metric == COSINE, seed=SEED)
    return space.with_halves(proper)


def nearest_clusters(
    rows: Points, centers: npt.NDArray[np.float32], n_probes: int, n_threads: int
) -> npt.NDArray[np.int32]:
    """Return the clusters that each row is nearest to, nearest first, shape (n_rows, n_probes)."""
    found = Candidates.none(len(rows), n_probes)
    mirrored = rows.space.mirrored(centers)
    numbers = np.arange(len(centers))

    def rank(start: int) -> None:
        places = np.arange(start, min(start + RANKED_ROWS, len(rows)))
        scores = multiply(rows.vectors[start : start + RANKED_ROWS], mirrored.T)
        offer_tile(scores, places, numbers, found.scores, found.ids, False)

    for_each(range(0, len(rows), RANKED_ROWS), rank, n_threads)
    return found.ids


def clustered(
    new: Points, points: Points, k: int, n_candidates: int, n_threads: int, progress: Progress
) -> tuple[Neighbors, float] | None:
    """Return the neighbours of `new` among `points` and the recall measured, or None if exact search is faster.

    Too low a recall, measured on rows that had no say in the number of probes, doubles the probes.
    """
    clusters = Clusters.of(points, n_threads)
    sample = np.random.default_rng(SEED).permutation(len(new))[: 2 * SAMPLE]
    tuning, measuring = (Truth.of(np.sort(part), new, points, k, n_threads) for part in np.array_split(sample, 2))
    n_probes = probes_needed(clusters, new, tuning)
    while (share := share_of_pairs(clusters, new.take(tuning.rows), n_probes, n_threads)) <= MOST_PAIRS:
        logger.info("%d of %d clusters probed, %.1f%% of all pairs", n_probes, len(clusters.centers), 100 * share)
        candidates = probe(clusters, new, n_probes, n_candidates, n_threads, progress)
        found = refine(new, candidates, points, k, n_threads)
        recall = measuring.recall(found)
        if recall >= LEAST_RECALL and (found.ids != NOBODY).all():
            return found, recall
        logger.info("recall %.3f is too low: probing more clusters", recall)
        n_probes = min(2 * n_probes, len(clusters.centers))
    logger.info("%.0f%% of all pairs would be compared: exact search is faster", 100 * share)
    return None


def probes_needed(clusters: Clusters, new: Points, truth: Truth) -> int:
    """Return how many clusters rows must probe to meet the wanted share of their true neighbours."""
    scores = multiply(new.vectors[truth.rows], new.space.mirrored(clusters.centers).T)
    of_neighbors = np.take_along_axis(scores, clusters.cluster_of(truth.neighbors.ids), axis=1)
    better = [(row[:, None] > mine).sum(axis=0) for row, mine in zip(scores, of_neighbors, strict=True)]
    return int(np.quantile(np.array(better), WANTED_RECALL, method="higher")) + 1


def share_of_pairs(clusters: Clusters, sample: Points, n_probes: int, n_threads: int) -> float:
    """Return the share of all pairs that probing compares, as a sample of rows has it."""
    probes = nearest_clusters(sample, clusters.centers, n_probes, n_threads)
    return float(np.diff(clusters.starts)[probes].sum(axis=1).mean() / len(clusters.points))


def probe(
    clusters: Clusters, new: Points, n_probes: int, n_candidates: int, n_threads: int, progress: Progress
) -> Candidates:
    """Return the candidates of `new` among the points of the clusters nearest to each."""
    found = Candidates.none(len(new), n_candidates)
    to_itself = new is clusters.points
    scratch = Scratch()

    def work(rows: npt.NDArray[np.int64]) -> None:
        mine = new.take(rows)
        vectors = new.space.mirrored(mine.vectors)
        for cluster, members in _by_cluster(nearest_clusters(mine, clusters.centers, n_probes, 1)):
            places = clusters.places(cluster)
            scores = scratch.product(scratch.gather(vectors, members), clusters.vectors[places])
            offer_tile(scores, rows[members], clusters.order[places], found.scores, found.ids, to_itself)

    for_each(progress.over(_neighborhoods(clusters, new, n_threads), len), work, n_threads)
    return found


def _neighborhoods(clusters: Clusters, new: Points, n_threads: int) -> list[npt.NDArray[np.int64]]:
    """Return groups of some thousand rows that probe much the same clusters."""
    n_groups = min(len(new) // NEIGHBORHOOD, len(clusters.centers)) or 1
    group = nearest_clusters(new, _centers(new, clusters.centers, n_groups), 1, n_threads)[:, 0]
    ends = np.cumsum(np.bincount(group, minlength=n_groups))
    groups = np.split(np.argsort(group, kind="stable"), ends[:-1])
    return [rows for group in groups for rows in np.array_split(group, -(-len(group) // (3 * NEIGHBORHOOD)) or 1)]


def _by_cluster(probes: npt.NDArray[np.int32]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield each cluster that is probed, and the rows that probe it."""
    flat = probes.ravel()
    order = np.argsort(flat, kind="stable")
    clusters, starts = np.unique(flat[order], return_index=True)
    yield from zip(clusters.tolist(), np.split(order // probes.shape[1], starts[1:]), strict=True)
