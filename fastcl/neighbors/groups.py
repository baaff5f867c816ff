"""Is there a group of similar rows on which the model does badly?"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array
from fastcl.core.errors import check_number, sentence, warn
from fastcl.core.jit import kernel
from fastcl.core.scores import Scoring
from fastcl.engine.blocks import as_read_only, open_source
from fastcl.engine.run import question_columns, scored_sweep
from fastcl.neighbors.graph import KNNGraph, graph_of_itself

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Cluster id of rows that belong to no cluster.
NOISE = -1

#: Cluster id said to underperform where none does.
NO_CLUSTER = -2

EPS = 0.5
MIN_SAMPLES = 5


class NoGroupError(ValueError):
    """Says that no group is large enough to be judged."""


@dataclass(frozen=True, eq=False)
class UnderperformingGroup:
    """The group of similar rows on which a model does worst, and how all others do.

    Parameters
    ----------
    is_issue : bool of shape (n_samples,)
        True for the rows of the worst group, if it is bad enough.
    scores : float64 of shape (n_samples,)
        Ratio of a row's group where that is below 1, else 1.
    summary : ratio of the worst group in [0, 1]; 1 if none is below the mean
    cluster_id : id of the worst group, -2 if none is bad enough
    cluster_ids : int64 of shape (n_samples,)
        The group of each row, -1 for none.
    clusters : int64 of shape (n_clusters,)
        Ids of the groups that are large enough to be judged, ascending.
    sizes : int64 of shape (n_clusters,)
        Their numbers of rows.
    self_confidence : float64 of shape (n_clusters,)
        Their mean probability of the given label.
    ratios : float64 of shape (n_clusters,)
        The same over `mean_self_confidence`.
    mean_self_confidence : the mean over all rows of these groups
    threshold : below which ratio a group is an issue
    is_clustered : whether groups were found in a graph, or else were given
    """

    is_issue: npt.NDArray[np.bool_]
    scores: Floats
    summary: float
    cluster_id: int
    cluster_ids: Ids
    clusters: Ids
    sizes: Ids
    self_confidence: Floats
    ratios: Floats
    mean_self_confidence: float
    threshold: float
    is_clustered: bool


def underperforming_group(
    labels: Any,
    pred_probs: Any,
    graph: Any = None,
    *,
    cluster_ids: Any = None,
    eps: float = EPS,
    min_samples: int = MIN_SAMPLES,
    min_cluster_samples: int = 5,
    threshold: float = 0.1,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> UnderperformingGroup:
    """Find the group of similar rows whose labels the model believes least.

    Such a group may hold wrong labels, be of a kind that training data lack, or be hard. Groups are found by DBSCAN in
    the neighbour graph, or given.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1].
    graph : KNNGraph or sparse matrix of shape (n_samples, n_samples), optional
        Neighbours of each row; not used beside `cluster_ids`.
    cluster_ids : array-like of shape (n_samples,), integers, optional
        The group of each row, -1 for none: a column of the data, or another clustering.
    eps : float
        Neighbours no farther than this are close, in the units of the graph's distances: 0.5 is much for cosine
        distances, and next to nothing for distances of many columns.
    min_samples : int
        A row with so many close rows, itself included, is at the core of a group; at most one more than the neighbours
        that the graph has.
    min_cluster_samples : int
        Smaller groups are not judged.
    threshold : float
        The worst group is an issue if its ratio is below this, in [0, 1].
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    UnderperformingGroup
        Flags and scores of rows, and what each group is like.

    Raises
    ------
    TypeError
        If `graph` is no graph, or `cluster_ids` are no integers.
    ValueError
        If neither `graph` nor `cluster_ids` is given, lengths differ, no group is large enough, or a number is out of
        range.

    Notes
    -----
    With q_c the mean probability of the given labels in group c and r that of all groups together, the ratio of the
    group is q_c / r. The lowest ratio counts, of equal ones that of the lower id. All groups below 1 lend it to their
    rows as score, not only the worst.

    Groups are those of scikit-learn's DBSCAN on the sparse graph, ids included: started at the lowest row that is not
    yet in one, a group takes in all rows that lead from core to close row. As closeness in a neighbour graph is
    not mutual, they depend on the order of rows. Reads `pred_probs` once; 20 bytes a row beside what is returned.

    References
    ----------
    Ester, Kriegel, Sander, Xu, "A Density-Based Algorithm for Discovering Clusters", KDD 1996, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> sure, unsure = [0.9, 0.1], [0.05, 0.95]
    >>> found = underperforming_group([0] * 12, np.array([sure] * 6 + [unsure] * 6), cluster_ids=[7] * 6 + [8] * 6)
    >>> found.cluster_id, found.ratios.round(3)
    (-2, array([1.895, 0.105]))
    >>> underperforming_group(
    ...     [0] * 12, np.array([sure] * 6 + [unsure] * 6), cluster_ids=[7] * 6 + [8] * 6, threshold=0.2
    ... ).cluster_id
    8
    """
    _check_options(eps, min_samples, min_cluster_samples, threshold)
    self_confidence = _self_confidence(labels, pred_probs, class_names, n_jobs)
    return find_worst_group(
        self_confidence,
        graph,
        cluster_ids=cluster_ids,
        eps=eps,
        min_samples=min_samples,
        min_cluster_samples=min_cluster_samples,
        threshold=threshold,
    )


def find_worst_group(
    self_confidence: Floats,
    graph: Any = None,
    *,
    cluster_ids: Any = None,
    eps: float = EPS,
    min_samples: int = MIN_SAMPLES,
    min_cluster_samples: int = 5,
    threshold: float = 0.1,
) -> UnderperformingGroup:
    """Find the group of similar rows whose self-confidence is lowest; see `underperforming_group`.

    Rows whose self-confidence is NaN count nowhere: they have no label.
    """
    _check_options(eps, min_samples, min_cluster_samples, threshold)
    eps = float(eps)
    n_samples = len(self_confidence)
    if cluster_ids is not None:
        if (eps, min_samples) != (EPS, MIN_SAMPLES):
            warn("`eps` and `min_samples` are not used, since `cluster_ids` are given.")
        ids, advice = as_cluster_ids(cluster_ids, n_samples), ""
    else:
        if graph is None:
            raise ValueError(sentence("graph", "be given, or `cluster_ids`", "neither"))
        graph = graph_of_itself(graph, n_samples=n_samples)
        ids = dbscan(graph, eps=eps, min_samples=min_samples)
        middle = np.median(graph.distances[:, max(min_samples - 2, 0)])
        advice = f"`eps` is {eps:g}; half of all rows would be at a core from {middle:.3g} on."
    ids = np.where(np.isnan(self_confidence), NOISE, ids)
    clusters, places, sizes = _large_clusters(ids, min_cluster_samples, advice)
    return _judge(ids, clusters, places, sizes, self_confidence, float(threshold), cluster_ids is None)


def _check_options(eps: Any, min_samples: Any, min_cluster_samples: Any, threshold: Any) -> None:
    """Raise unless each option is a number in its range."""
    check_clustering(eps, min_samples)
    check_number("min_cluster_samples", min_cluster_samples, 1, whole=True)
    check_number("threshold", threshold, 0, 1)


def check_clustering(eps: Any, min_samples: Any) -> None:
    """Raise unless the options of DBSCAN are numbers in their ranges."""
    check_number("eps", eps, 0)
    check_number("min_samples", min_samples, 1, whole=True)


def dbscan(graph: KNNGraph, *, eps: float = EPS, min_samples: int = MIN_SAMPLES) -> Ids:
    """Return the cluster of each row by DBSCAN on a graph, -1 for none: scikit-learn's ids for the same sparse matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcl.neighbors import build_knn_graph
    >>> graph = build_knn_graph(np.array([[0.0], [0.1], [0.2], [5.0], [9.0], [9.1]]), n_neighbors=2)
    >>> dbscan(graph, eps=0.5, min_samples=2)
    array([ 0,  0,  0, -1,  1,  1])
    """
    if min_samples > graph.k + 1:
        fix = "Build the graph with more neighbours."
        rule = f"be at most {graph.k + 1}, the neighbours that the graph has and the row itself"
        raise ValueError(sentence("min_samples", rule, f"{min_samples}", fix))
    # in their own type, as the reference compares them
    close = (graph.distances <= graph.distances.dtype.type(eps)).sum(axis=1, dtype=np.int32)
    ids = np.full(len(graph), NOISE, np.int64)
    grow_clusters(as_read_only(graph.indices, np.int32), close, min_samples - 1, np.empty(len(graph), np.int32), ids)
    return ids


def _self_confidence(labels: Any, pred_probs: Any, class_names: Sequence[Hashable] | None, n_jobs: int | None) -> Any:
    """Return the probability of each given label."""
    source = open_source(labels, pred_probs, class_names=class_names)
    rows = scored_sweep(source, Scoring("self_confidence"), n_jobs=n_jobs)
    question_columns(source, rows.labels, rows.summary)
    return rows.scores


def as_cluster_ids(cluster_ids: Any, n_samples: int) -> Ids:
    """Return given cluster ids as int64, or raise."""
    ids = as_array("cluster_ids", cluster_ids)
    if ids.dtype.kind not in "iu":
        fix = "np.unique(names, return_inverse=True)[1] numbers names."
        raise TypeError(sentence("cluster_ids", "hold integers", f"dtype {ids.dtype}", fix))
    if ids.shape != (n_samples,):
        raise ValueError(sentence("cluster_ids", f"have shape ({n_samples},), one a row", f"shape {ids.shape}"))
    is_bad = (ids < NOISE) | (ids > np.iinfo(np.int64).max)
    if is_bad.any():
        row = int(is_bad.argmax())
        rule = "be at least 0 and below 2**63, or -1 for no cluster"
        raise ValueError(sentence("cluster_ids", rule, f"{ids[row]} in row {row:,}"))
    return ids.astype(np.int64, copy=False)


def _large_clusters(ids: Ids, min_size: int, advice: str) -> tuple[Ids, Ids, Ids]:
    """Return the ids of large enough clusters, the place of each row's among them (-1: none), and their sizes."""
    found, places, sizes = np.unique(ids, return_inverse=True, return_counts=True)
    is_large = (sizes >= min_size) & (found != NOISE)
    if not is_large.any():
        largest = sizes[found != NOISE].max(initial=0)
        name = "graph" if advice else "cluster_ids"
        raise NoGroupError(sentence(name, f"hold a group of at least {min_size} rows", f"at most {largest}", advice))
    new_place = np.where(is_large, np.cumsum(is_large) - 1, -1)
    return found[is_large], new_place[places], sizes[is_large]


def _judge(
    ids: Ids, clusters: Ids, places: Ids, sizes: Ids, self_confidence: Any, threshold: float, is_clustered: bool
) -> UnderperformingGroup:
    """Compare the mean self-confidence of clusters with that of all of them."""
    is_in = places >= 0
    sums = np.bincount(places[is_in], weights=self_confidence[is_in], minlength=clusters.size)
    means, overall = sums / sizes, float(sums.sum() / sizes.sum())
    ratios = means / overall if overall > 0 else np.ones(clusters.size)
    worst = int(ratios.argmin())
    summary = min(1.0, float(ratios[worst]))
    is_found = summary < threshold
    scores = np.append(np.minimum(ratios, 1.0), 1.0)[places]
    return UnderperformingGroup(
        is_issue=(places == worst) & is_found,
        scores=scores,
        summary=summary,
        cluster_id=int(clusters[worst]) if is_found else NO_CLUSTER,
        cluster_ids=ids,
        clusters=clusters,
        sizes=sizes,
        self_confidence=means,
        ratios=ratios,
        mean_self_confidence=overall,
        threshold=threshold,
        is_clustered=is_clustered,
    )


@kernel
def grow_clusters(indices, close, min_close, stack, ids):
    """Write cluster ids in place of -1; close[i] of row i's neighbours are close, `min_close` of them make a core."""
    cluster = 0
    for start in range(close.size):
        if ids[start] >= 0 or close[start] < min_close:
            continue
        ids[start] = cluster
        stack[0] = start
        waiting = 1
        while waiting:
            waiting -= 1
            i = stack[waiting]
            if close[i] < min_close:
                continue
            for j in range(close[i]):
                x = indices[i, j]
                if ids[x] < 0:
                    ids[x] = cluster
                    stack[waiting] = x
                    waiting += 1
        cluster += 1
