"""Does the order of rows tell something about them?

Rows drawn independently from one distribution could stand in any order. If neighbours stand close to each other in the
data, as in recordings, sorted files or data whose source changes, they were not. The distances between the row numbers
of neighbours are compared with those of all pairs (a Kolmogorov-Smirnov statistic), and that with what it is when rows
are shuffled: Cummings et al., "Detecting Dataset Drift and Non-IID Sampling via k-Nearest Neighbors", 2023.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number
from fastcl.core.jit import kernel
from fastcl.engine.blocks import as_read_only
from fastcl.engine.threads import for_each, reduce_items, resolve_n_jobs
from fastcl.neighbors.graph import graph_of_itself

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int32]

#: Rows scored at a time.
ROWS_AT_A_TIME = 1 << 16


@dataclass(frozen=True, eq=False)
class NonIID:
    """Whether the order of rows depends on their features.

    Parameters
    ----------
    p_value : float in [0, 1]
        How often rows in random order would look at least as ordered.
    statistic : float in [0, 1]
        Largest difference between the distribution of index distances of neighbours and of all pairs.
    permuted_statistics : float64 of shape (num_permutations,)
        The same for each permutation.
    scores : float64 of shape (n_samples,)
        In [0, 1]; low where the neighbours of a row stand closer to it, or farther, than any rows would.
    is_issue : bool of shape (n_samples,)
        If the p-value is below the threshold, True for the row of lowest score, to point at something; the finding is
        about the data as a whole.
    significance_threshold : what the p-value was compared with
    k : number of neighbours looked at
    metric : what the distances of the graph are
    """

    p_value: float
    statistic: float
    permuted_statistics: Floats
    scores: Floats
    is_issue: npt.NDArray[np.bool_]
    significance_threshold: float
    k: int
    metric: str

    @property
    def summary(self) -> float:
        """The p-value."""
        return self.p_value


def non_iid(
    graph: Any,
    *,
    num_permutations: int = 25,
    seed: int | None = 0,
    significance_threshold: float = 0.05,
    n_jobs: int | None = None,
) -> NonIID:
    """Test whether the order of rows depends on their features.

    Finds autocorrelation, drift, change points and sorted data. Near-duplicates written one behind the other look the
    same. Rows in meaningful order that has nothing to do with the features are not found.

    Parameters
    ----------
    graph : KNNGraph or sparse matrix of shape (n_samples, n_samples)
        Neighbours of each row, with rows in the order in which they were collected.
    num_permutations : int
        With how many random orders to compare, at least 2.
    seed : int, optional
        Of the random orders; None for others each time. NumPy's global state is neither used nor changed.
    significance_threshold : float
        The order is an issue if the p-value is lower, in [0, 1].
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    NonIID
        p-value, statistics, scores and flags.

    Raises
    ------
    TypeError
        If `graph` is no graph or a number is none.
    ValueError
        If the graph is one of other data than its own rows, or a number is out of range.

    Notes
    -----
    With m = n_samples * k index distances, F(v) their share up to v and B(v) = v (2n - v - 1) / (n (n - 1)) that of all
    pairs, the statistic is the largest difference of the two on either side of the steps of F. The p-value is the upper
    tail, from the statistic on, of a Gaussian kernel density of the permuted statistics (Scott's bandwidth). If these
    are all equal, as where each row neighbours all others, it is the share of them that are at least as large.

    The score of row i is 1 - tanh(a / max(i, n - i)), where a adds up, between its index distances, the differences in
    area below their distribution and below that of all rows.

    Counting takes (num_permutations + 1) * m steps. Memory: 9 bytes a row and thread, and 12 a row for the
    permutation being drawn.

    References
    ----------
    Cummings, Snorrason, Mueller, "Detecting Dataset Drift and Non-IID Sampling via k-Nearest Neighbors", ICML
    DataPerf Workshop 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcl.neighbors import build_knn_graph
    >>> rng = np.random.default_rng(0)
    >>> drift = np.linspace(0, 3, 200)[:, None] + rng.normal(size=(200, 2))
    >>> round(non_iid(build_knn_graph(drift)).p_value, 3)
    0.0
    >>> round(non_iid(build_knn_graph(rng.permutation(drift))).p_value, 3)
    0.466
    """
    check_number("num_permutations", num_permutations, 2, whole=True)
    check_number("significance_threshold", significance_threshold, 0, 1)
    if seed is not None:
        check_number("seed", seed, 0, 2**32 - 1, whole=True)
    n_threads = resolve_n_jobs(n_jobs)
    graph = graph_of_itself(graph)
    indices = as_read_only(graph.indices, np.int32)
    statistic, permuted = _statistics(indices, num_permutations, seed, n_threads)
    p_value = _upper_tail(statistic, permuted)
    scores = _score_all(indices, n_threads)
    is_issue = np.zeros(len(scores), np.bool_)
    is_issue[scores.argmin()] = p_value < significance_threshold
    threshold = float(significance_threshold)
    return NonIID(p_value, statistic, permuted, scores, is_issue, threshold, graph.k, graph.metric)


def _statistics(indices: Indices, num_permutations: int, seed: int | None, n_threads: int) -> tuple[float, Floats]:
    """Return the statistic of the rows as they stand, and for each permutation."""
    n_samples = len(indices)
    statistics = np.empty(1 + num_permutations)

    def new_counts() -> tuple[npt.NDArray[np.uint8], Indices]:
        return np.zeros(n_samples, np.uint8), np.zeros(n_samples, np.int32)

    def measure(counts: tuple[npt.NDArray[np.uint8], Indices], item: tuple[int, Indices]) -> None:
        place, positions = item
        count_gaps(positions, indices, *counts)
        statistics[place] = take_statistic(*counts, indices.size)

    orders = enumerate(chain([np.arange(n_samples, dtype=np.int32)], _permutations(n_samples, num_permutations, seed)))
    reduce_items(orders, new_counts, measure, n_threads)
    return float(statistics[0]), statistics[1:]


def _permutations(n_samples: int, count: int, seed: int | None) -> Iterator[Indices]:
    """Yield the permutations that NumPy's legacy generator draws from `seed`: the reference's."""
    random = np.random.RandomState(seed)
    for _ in range(count):
        yield random.permutation(n_samples).astype(np.int32)


def _upper_tail(statistic: float, permuted: Floats) -> float:
    """Return the mass above `statistic` of a Gaussian kernel density of `permuted`."""
    from scipy.special import ndtr

    if permuted.min() == permuted.max():
        return float(np.mean(permuted >= statistic))
    bandwidth = permuted.std(ddof=1) * permuted.size**-0.2
    tails = ndtr((permuted - statistic) / bandwidth)
    # rounding can take the mean of ones past one
    return min(1.0, float(tails.mean()))


def _score_all(indices: Indices, n_threads: int) -> Floats:
    n_samples, k = indices.shape
    scores = np.empty(n_samples)

    def score_part(start: int) -> None:
        stop = min(start + ROWS_AT_A_TIME, n_samples)
        score_order(indices, start, stop, np.empty(k + 1, np.int64), scores)

    for_each(range(0, n_samples, ROWS_AT_A_TIME), score_part, n_threads)
    return scores


@kernel
def count_gaps(positions, indices, counts, carries):
    """Count |positions[i] - positions[x]| for each neighbour x of each row i, as counts + 256 carries.

    Few gaps occur more than 255 times, and a table of bytes stays in a cache where one of int32 does not: 54 ms instead
    of 110 (1 M rows, k = 10, one core).
    """
    n, k = indices.shape
    for i in range(n):
        here = positions[i]
        for j in range(k):
            gap = abs(here - positions[indices[i, j]])
            count = np.uint8(counts[gap] + np.uint8(1))
            counts[gap] = count
            if count == 0:
                carries[gap] += 1


@kernel
def take_statistic(counts, carries, total):
    """Return the statistic of `total` index distances from how often each occurs; leaves the counts at 0."""
    n = counts.size
    pairs = n * (n - 1.0)
    below, largest = np.int64(0), 0.0
    for v in range(1, n):
        here = np.int64(counts[v]) + 256 * np.int64(carries[v])
        if here:
            background = v * (2 * n - v - 1) / pairs
            up_to = below + here
            largest = max(largest, abs(below / total - background), abs((up_to - 1) / total - background))
            below = up_to
    counts[:] = 0
    carries[:] = 0
    return largest


@kernel
def score_order(indices, start, stop, gaps, scores):
    """Write the score of rows start, ..., stop - 1; `gaps` is scratch of k + 1."""
    n, k = indices.shape
    gaps[k] = n - 1
    for i in range(start, stop):
        for j in range(k):
            gap = abs(np.int64(i) - indices[i, j])
            place = j
            while place > 0 and gaps[place - 1] > gap:
                gaps[place] = gaps[place - 1]
                place -= 1
            gaps[place] = gap
        to_edge = min(i, n - 1 - i)
        difference, last, last_area = 0.0, 0, 0.0
        for j in range(k + 1):
            area = area_below(gaps[j], to_edge, n)
            difference += abs(j / k * (gaps[j] - last) - (area - last_area))
            last, last_area = gaps[j], area
        scores[i] = 1.0 - np.tanh(difference / max(i, n - i))


@kernel
def area_below(gap, to_edge, n):
    """Return the area, up to `gap`, below the distribution of index distances from a row so far from the nearer edge.

    Up to `to_edge` there are two rows at each distance, then one, and none beyond the farther edge.
    """
    if gap <= to_edge:
        return gap * gap / (n - 1)
    at_edge = to_edge * to_edge / (n - 1)
    if gap <= n - 1 - to_edge:
        return at_edge + 0.5 * (gap + 3 * to_edge) * (gap - to_edge) / (n - 1)
    one_sided = n - 2 * to_edge - 1
    return at_edge + 0.5 * (2 * to_edge / (n - 1) + 1) * one_sided + gap - (n - 1 - to_edge)
