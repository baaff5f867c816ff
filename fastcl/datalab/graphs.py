"""The neighbour graphs that checks share: one for each metric, with as many neighbours as any check wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastcl.core.errors import sentence
from fastcl.core.lazily import kept
from fastcl.neighbors.build import build_knn_graph, default_metric
from fastcl.neighbors.duplicates.hashing import fingerprint, hash_rows
from fastcl.neighbors.features import as_features
from fastcl.neighbors.graph import KNNGraph, graph_of_itself

#: Neighbours of each row, unless a check is asked for another number.
DEFAULT_K = 10


class Graphs:
    """Neighbour graphs of one data set, built when a check first needs them and kept for later audits.

    Parameters
    ----------
    n_rows : number of rows of the data
    features : what graphs are built from; None if there is nothing but the graph given
    given : a graph, KNNGraph or sparse matrix, that serves all checks which ask for no other metric
    earlier : those of the last audit, kept if they are of the same features

    Attributes
    ----------
    built : dict of str to KNNGraph
        The graphs that there are, by metric.
    default_metric : metric of the graph for checks that ask for none; None as long as nothing says which
    given_metric : metric of the graph that was given; None if none was
    """

    def __init__(
        self,
        n_rows: int,
        *,
        features: Any = None,
        given: Any = None,
        earlier: Graphs | None = None,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.features = features
        self.n_rows, self.n_jobs, self.verbose = n_rows, n_jobs, verbose
        self.built: dict[str, KNNGraph] = {}
        self.given_metric: str | None = None
        self._is_inherited = False
        self._wanted: dict[str, int] = {}
        self.default_metric: str | None = None if features is None else default_metric(features.shape[1])
        if given is not None:
            graph = graph_of_itself(given, n_samples=n_rows, name="knn_graph")
            self.default_metric = self.given_metric = graph.metric
            self.built[graph.metric] = graph
            self._check_features(graph)
        elif earlier is not None:
            self._inherit(earlier)

    def __bool__(self) -> bool:
        """Tell whether there is a graph, or could be."""
        return bool(self.built) or self.features is not None

    @property
    def graph(self) -> KNNGraph | None:
        """The graph that checks share unless they ask for a metric; None if none has needed it yet."""
        return self.built.get(self.default_metric or "")

    def want(self, k: int, metric: str | None) -> None:
        """Note that a check will ask for so many neighbours, so that one graph is built, with enough of them.

        Raises
        ------
        ValueError
            If a graph was given that has fewer, or another metric, and there are no features to build one from.
        """
        key = self._key(metric)
        self._wanted[key] = max(self._wanted.get(key, DEFAULT_K), k)
        if self.features is not None:
            return
        if not self.built:
            raise ValueError("There is no neighbour graph: pass `features` or `knn_graph`.")
        if key not in self.built:
            got = f"{metric!r} for a graph of {self.default_metric!r}"
            raise ValueError(sentence("metric", "be that of `knn_graph`", got, "Or pass `features`."))
        most = self.built[key].k
        if most < min(k, self.n_rows - 1):
            fix = "Pass `features`, or a graph with more neighbours."
            raise ValueError(sentence("k", f"be at most {most}, the neighbours of `knn_graph`", str(k), fix))

    def get(self, k: int | None = None, metric: str | None = None) -> KNNGraph:
        """Return the graph of the `k` nearest neighbours, of fewer if there are not so many.

        None means ten, or as many as a given graph has if that is fewer.
        """
        key, k_or_default = self._key(metric), DEFAULT_K if k is None else k
        graph = self.built.get(key)
        if graph is None or (k is not None and graph.k < min(k, self.n_rows - 1)):
            self.want(k_or_default, metric)
            graph = self.built[key] = self._build(key)
        if metric is not None and graph.metric == "unknown":
            graph = replace(graph, metric=metric)
        return graph[:, : min(k_or_default, graph.k)]

    def _key(self, metric: str | None) -> str:
        """Return the metric that is meant: that of the graph given, if nobody knows what that is."""
        if metric is None or self.default_metric == "unknown":
            return self.default_metric or ""
        return metric

    def _build(self, metric: str) -> KNNGraph:
        self._refuse_changed()
        most = max(1, min(self._wanted.get(metric, DEFAULT_K), self.n_rows - 1))
        known = None if metric == "unknown" else metric
        return build_knn_graph(self.features, n_neighbors=most, metric=known, n_jobs=self.n_jobs, verbose=self.verbose)

    def _inherit(self, earlier: Graphs) -> None:
        """Keep the graphs of an earlier audit; beside features those only that were built of the same ones."""
        if self.features is None:
            self.features, self.default_metric = earlier.features, earlier.default_metric
            self.built, self.given_metric = dict(earlier.built), earlier.given_metric
            self._is_inherited = True
            return
        own = {metric: graph for metric, graph in earlier.built.items() if metric != earlier.given_metric}
        if own and all(graph.fingerprint == self.fingerprint for graph in own.values()):
            self.built = own

    def _refuse_changed(self) -> None:
        """Raise ValueError if the features of an earlier audit are no longer what they were."""
        known = {graph.fingerprint for graph in self.built.values()} - {None}
        if self._is_inherited and known and known != {self.fingerprint}:
            fix = "Pass them again, and all that follows from them is found anew."
            raise ValueError(sentence("features", "be what they were in the earlier audit", "changed ones", fix))

    @kept
    def fingerprint(self) -> str | None:
        """Digest of the contents of the features; None of what cannot be compared, such as rows that lack values."""
        try:
            return fingerprint(hash_rows(as_features(self.features).values, n_jobs=self.n_jobs))
        except (TypeError, ValueError):
            return None

    def _check_features(self, graph: KNNGraph) -> None:
        """Raise ValueError if a graph that knows what it was made of was made of other features."""
        if self.features is None or None in (graph.fingerprint, self.fingerprint):
            return
        if graph.fingerprint != self.fingerprint:
            fix = "Leave one of the two out, or build the graph from these features."
            raise ValueError(sentence("knn_graph", "be made of `features`", "a graph of other ones", fix))
