"""From features to the neighbour graph: which rows are equal, which search, which distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number, check_option, sentence, warn
from fastcl.engine.blas import one_blas_thread_each
from fastcl.engine.progress import Progress
from fastcl.engine.threads import resolve_n_jobs
from fastcl.neighbors.duplicates.expansion import expand_copies, expand_duplicates
from fastcl.neighbors.duplicates.hashing import fingerprint, group_equal_rows, hash_rows
from fastcl.neighbors.features import Features, as_features, in_layout_of
from fastcl.neighbors.graph import KNNGraph
from fastcl.neighbors.metrics import check_metric
from fastcl.neighbors.scaling import Scaling, choose_scaling
from fastcl.neighbors.search.methods import METHODS, Found, Search
from fastcl.neighbors.search.space import Points, Space, make_points

#: Up to this many rows more neighbours than there are others is no mistake: there just are no more.
FEW_ROWS = 10


def build_knn_graph(
    features: Any,
    *,
    n_neighbors: int = 10,
    metric: str | None = None,
    method: str = "auto",
    scale: str | None = None,
    n_jobs: int | None = None,
    verbose: bool = True,
) -> KNNGraph:
    """Find the nearest neighbours of every row among all others.

    Build it once; outliers, duplicates, data value, probabilities and the rest are answered from it.

    Parameters
    ----------
    features : array-like or sparse matrix of shape (n_samples, n_features)
        Embeddings, or columns of a table. Real numbers: float16 to float64, integers, memory maps, frames, scipy
        sparse matrices.
    n_neighbors : int
        Number of neighbours of each row; ``graph[:, :k]`` gives fewer later. Data sets of ten rows or fewer get as
        many as there are other rows, with a warning.
    metric : {"cosine", "euclidean", "inner_product"} or another, optional
        By default ``"cosine"`` for more than three columns, else ``"euclidean"``, as in the reference. Inner products
        are negated, so that low is near. Others are searched by scikit-learn: ``"manhattan"``, ``"chebyshev"``,
        ``"correlation"``, ``"canberra"``, ``"braycurtis"``, ``"hamming"``, ``"minkowski"`` (p = 2), ``"sqeuclidean"``.
    method : {"auto", "exact", "approximate"}
        ``"exact"`` finds the nearest rows, provably. ``"approximate"`` compares each row with the clusters nearest to
        it, as many as it takes to find 97 % of the true neighbours of a sample; it reports the share it measured as
        ``graph.recall``, and falls back on exact search where that would be faster. ``"auto"`` is exact for up to
        20,000 distinct rows, for n_rows^2 x n_columns up to 2e12, for sparse matrices, for Euclidean data of up to six
        columns (a k-d tree), and for metrics of scikit-learn.
    scale : {None, "auto"}
        ``"auto"`` decides whether the features are a table whose columns have units of their own: then columns are
        standardised and compared by Euclidean distance; see `choose_scaling`.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The graph does not depend on it.
    verbose : bool
        Show progress of long builds on a terminal.

    Returns
    -------
    KNNGraph
        Distances (float32 for float32 and float16 features, else float64) and row numbers, nearest first, ties by row
        number. A row is never its own neighbour. Equal rows are at distance 0, by the reference's rule: of up to
        `n_neighbors` copies each names all others first.

    Raises
    ------
    TypeError
        If `features` hold no real numbers.
    ValueError
        If features hold NaN or infinite numbers, there is only one row, an option is unknown, `n_neighbors` is not
        below the number of rows (of more than ten), or approximate search is asked of sparse features or of a metric
        of scikit-learn.

    Notes
    -----
    Equal rows are found by hashing and searched for once. Scores of pairs are entries of float32 matrix products; the
    `n_neighbors` + 8 best are compared again by distances taken in float64 from the features themselves. A bound on
    rounding proves for each row that nobody else can be nearer; the rows for which it does not are compared with all
    others in float64. Memory: a float32 copy of the features (two for approximate search) and 12 bytes a candidate.
    Rows of zeros are at cosine distance 1 from all others.

    References
    ----------
    Johnson, Douze and Jégou, "Billion-scale similarity search with GPUs", IEEE Transactions on Big Data 2019, for
    inverted lists; Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1, for the bound.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastcl.neighbors import build_knn_graph
    >>> graph = build_knn_graph(load_digits().data, n_neighbors=5)
    >>> graph
    KNNGraph(n_samples=1,797, k=5, metric='cosine', method='exact')
    >>> graph.indices[0]
    array([ 877,  464, 1365, 1541, 1167], dtype=int32)
    """
    check_option("method", method, METHODS)
    given = as_features(features)
    n_neighbors = _check_neighbors(n_neighbors, len(given))
    scaling, metric = _choose_scale(scale, given, metric)
    hashes = hash_rows(given.values, n_jobs=n_jobs)
    codes, distinct = _distinct_rows(given, metric, hashes, n_jobs)
    with Progress("neighbours", len(distinct), wanted=verbose) as progress:
        search = Search(metric, method, resolve_n_jobs(n_jobs), progress)
        found = search.among_themselves(_scaled(given, scaling), distinct, min(n_neighbors, len(distinct) - 1))
    distances, indices = found.distances, found.indices
    if len(distinct) < len(given):
        distances, indices = expand_duplicates(distances, indices, codes, n_neighbors, n_jobs=n_jobs)
    return KNNGraph(
        distances.astype(given.dtype, copy=False),
        indices,
        metric,
        len(given),
        found.method,
        found.recall,
        scaling,
        fingerprint(hashes),
        features,
    )


def query(
    new_features: Any,
    graph: KNNGraph,
    *,
    features: Any = None,
    n_neighbors: int | None = None,
    method: str = "auto",
    n_jobs: int | None = None,
    verbose: bool = True,
) -> KNNGraph:
    """Find the nearest rows of a graph's data for each new row: tomorrow's batch against today's data.

    Parameters
    ----------
    new_features : array-like or sparse matrix of shape (n_new, n_features)
        New rows, in the columns of the graph's data. Rows that are in the data have themselves as a neighbour.
    graph : KNNGraph
        Of the data to look in; its metric and scaling are used.
    features : array-like or sparse matrix of shape (n_samples, n_features), optional
        The data of the graph; needed if it was loaded or came from a sparse matrix.
    n_neighbors : int, optional
        By default as many as the graph has.
    method, n_jobs, verbose
        As for `build_knn_graph`.

    Returns
    -------
    KNNGraph
        Of shape (n_new, n_neighbors), with row numbers of the graph's data.

    Raises
    ------
    ValueError
        If the columns are not those of the graph's data, or `features` is not what the graph was made of.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcl.neighbors import build_knn_graph, query
    >>> graph = build_knn_graph(np.array([[0.0], [1.0], [3.0], [7.0]]), n_neighbors=2)
    >>> query([[2.9]], graph, n_neighbors=1).indices
    array([[2]], dtype=int32)
    """
    check_option("method", method, METHODS)
    searched = SearchedRows(graph, features, n_jobs=n_jobs)
    return searched.nearest(new_features, n_neighbors, method=method, n_jobs=n_jobs, verbose=verbose)


class SearchedRows:
    """The data of a graph, read once and kept as a search wants them: for many queries, see `query`.

    Memory: a float32 copy of the features, from the first query on.
    """

    def __init__(self, graph: KNNGraph, features: Any = None, *, n_jobs: int | None = None) -> None:
        self.graph = graph
        self.data, self.hashes = _data_of(graph, features, n_jobs)
        self._codes, self._distinct = _distinct_rows(self.data, graph.metric, self.hashes, n_jobs)
        self._scaled = _scaled(self.data, graph.scaling)
        self._points: Points | None = None

    def nearest(
        self,
        new_features: Any,
        n_neighbors: int | None = None,
        *,
        method: str = "auto",
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> KNNGraph:
        """Return the nearest rows for each new row."""
        data, graph = self.data, self.graph
        new = as_features(new_features, "new_features")
        if new.n_features != data.n_features:
            rule = f"have {data.n_features} columns, as the graph's data"
            raise ValueError(sentence("new_features", rule, f"{new.n_features}"))
        k = graph.k if n_neighbors is None else n_neighbors
        check_number("n_neighbors", k, 1, len(data), whole=True)
        new = in_layout_of(data, new)
        with Progress("neighbours", len(new), wanted=verbose) as progress:
            search = Search(graph.metric, method, resolve_n_jobs(n_jobs), progress)
            found = self._find(search, _scaled(new, graph.scaling), min(k, len(self._distinct)))
        distances, indices = found.distances, found.indices
        if len(self._distinct) < len(data):
            distances, indices = expand_copies(distances, indices, self._codes, k, n_jobs=n_jobs)
        return KNNGraph(
            distances.astype(np.result_type(new.dtype, data.dtype), copy=False),
            indices,
            graph.metric,
            len(data),
            found.method,
            found.recall,
            graph.scaling,
            graph.fingerprint,
            data.given,
            is_query=True,
        )

    def _find(self, search: Search, new: Features, k: int) -> Found:
        if not search.is_for_products(self._scaled):
            return search.between(new, self._scaled, self._distinct, k)
        with one_blas_thread_each():
            if self._points is None:
                space = Space.of(self._scaled, search.metric)
                self._points = make_points(space, self._scaled, self._distinct, search.n_threads)
            new_points = make_points(self._points.space, new, np.arange(len(new)), search.n_threads)
            return search.among_points(new_points, self._points, k)


def _distinct_rows(
    features: Features, metric: str, hashes: npt.NDArray[np.uint64], n_jobs: int | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return for each row the first one equal to it, and these; by inner product equal rows are not the nearest."""
    numbers = np.arange(len(features))
    if metric == "inner_product":
        return numbers, numbers
    codes = group_equal_rows(features.values, hashes=hashes, n_jobs=n_jobs)
    return codes, np.flatnonzero(codes == numbers)


def _check_neighbors(n_neighbors: int, n_rows: int) -> int:
    """Return how many neighbours rows get, or raise."""
    check_number("n_neighbors", n_neighbors, 1, whole=True)
    if n_rows == 1:
        raise ValueError(sentence("features", "have at least two rows", "one", "A row alone has no neighbours."))
    if n_neighbors < n_rows:
        return int(n_neighbors)
    if n_rows > FEW_ROWS:
        raise ValueError(sentence("n_neighbors", f"be below the number of rows, {n_rows:,}", str(n_neighbors)))
    warn(f"There are {n_rows} rows, so each gets {n_rows - 1} neighbours instead of `n_neighbors`={n_neighbors}.")
    return n_rows - 1


def _choose_scale(scale: str | None, features: Features, metric: str | None) -> tuple[Scaling | None, str]:
    """Return how columns are standardised, if at all, and the metric."""
    if scale is not None:
        check_option("scale", scale, ("auto",))
    if metric is not None:
        check_metric(metric, sparse=features.is_sparse)
    if scale == "auto":
        scaling, metric = choose_scaling(features.values, metric)
    else:
        scaling = None
    return scaling, metric or default_metric(features.n_features)


def default_metric(n_features: int) -> str:
    """Return the metric of the reference: angles say little of few columns."""
    return "cosine" if n_features > 3 else "euclidean"


def _scaled(features: Features, scaling: Scaling | None) -> Features:
    return features if scaling is None else as_features(scaling.apply(features.values))


def _data_of(graph: KNNGraph, features: Any, n_jobs: int | None) -> tuple[Features, npt.NDArray[np.uint64]]:
    """Return the features that a graph was made of, and the hashes of their rows."""
    if not isinstance(graph, KNNGraph):
        raise TypeError(sentence("graph", "be a KNNGraph", type(graph).__name__))
    check_metric(graph.metric, name="graph.metric")
    if features is None and graph.features is None:
        raise ValueError(sentence("features", "be given for a graph that was loaded or came from a matrix", "None"))
    data = as_features(graph.features if features is None else features)
    hashes = hash_rows(data.values, n_jobs=n_jobs)
    if len(data) != graph.n_reference or graph.fingerprint not in (None, fingerprint(hashes)):
        got = f"other features ({len(data):,} rows; the graph's {graph.n_reference:,})"
        raise ValueError(sentence("features", "be those that the graph was made of", got))
    return data, hashes
