"""Coarse clusters by k-means: the only file that imports FAISS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

#: Rounds of k-means, and rows per cluster that it looks at: more made no better clusters (2026-11).
ROUNDS, ROWS_PER_CLUSTER = 4, 48


def k_means(
    vectors: npt.NDArray[np.float32], n_clusters: int, *, spherical: bool, seed: int
) -> npt.NDArray[np.float32]:
    """Return the centres of clusters of `vectors`, shape (n_clusters, n_columns), of length 1 if `spherical`."""
    rng = np.random.default_rng(seed)
    wanted = min(len(vectors), n_clusters * ROWS_PER_CLUSTER)
    sample = np.ascontiguousarray(vectors[np.sort(rng.choice(len(vectors), wanted, replace=False))])
    with one_faiss_thread() as faiss:
        search = faiss.Kmeans(
            sample.shape[1],
            n_clusters,
            niter=ROUNDS,
            seed=seed,
            spherical=spherical,
            min_points_per_centroid=1,
            max_points_per_centroid=ROWS_PER_CLUSTER,
        )
        search.train(sample)
    return np.array(search.centroids)


@contextmanager
def one_faiss_thread() -> Iterator[Any]:
    """Hand out FAISS, limited to this thread; the host's setting comes back.

    Results then do not depend on the number of threads, and in a forked child, where GNU OpenMP has lost its
    threads, FAISS does not wait for them for ever (faiss#5206).
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield faiss
    finally:
        faiss.omp_set_num_threads(before)
