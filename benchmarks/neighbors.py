"""Measure the neighbour graph and what is answered from it: ``python -m benchmarks.neighbors [--quick] [--only TEXT]``.

Writes ``benchmarks/neighbors.json``, the table in ``docs/neighbors-table.md``, the one in ``README.md``, and the plot
``docs/_static/neighbors.svg``. Takes about fifteen minutes and 8 GB of memory; ``--quick`` a twentieth of the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measure import AnonymousPeak, interleaved, seconds
from benchmarks.problems import make_embeddings, make_graph
from benchmarks.registry import quietly
from benchmarks.suite import ROOT, Job, Suite, compare

#: Seeds the rows on which the recall of approximate search is measured here, with another search than its own.
CHECK_SEED = 20_26


def exact_graph(n_rows: int) -> dict[str, Any]:
    """All pairs, against scikit-learn's brute force as cleanlab calls it, and FAISS's flat index."""
    import faiss
    from cleanlab.internal.neighbor.knn_graph import create_knn_graph_and_index

    from fastcl.neighbors import build_knn_graph

    features = make_embeddings(n_rows)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)

    def flat() -> Any:
        index = faiss.IndexFlatIP(unit.shape[1])
        index.add(unit)
        return index.search(unit, 11)

    def agree(graph: Any, theirs: Any) -> None:
        distances = theirs[0].data.reshape(graph.distances.shape)
        np.testing.assert_allclose(graph.distances, distances, rtol=0, atol=1e-6)

    row = compare(
        lambda: build_knn_graph(features, method="exact", verbose=False),
        lambda: quietly(create_knn_graph_and_index, features, metric="cosine"),
        agree,
        turns=1,
    )
    return row | {"note": f"FAISS flat index, not re-ranked: {seconds(flat):.1f} s"}


def approximate_graph(n_rows: int, **kind: Any) -> dict[str, Any]:
    """Clusters; recall is measured on rows and by a search of this benchmark's own."""
    from fastcl.neighbors import build_knn_graph

    features = make_embeddings(n_rows, **kind)
    build_knn_graph(features[:3000], method="approximate", verbose=False)
    graphs: list[Any] = []
    taken = sorted(
        seconds(lambda: graphs.append(build_knn_graph(features, method="approximate", verbose=False))) for _ in range(3)
    )[1]
    with AnonymousPeak() as memory:
        build_knn_graph(features, method="approximate", verbose=False)
    graph = graphs[0]
    found = recall_of(graph, features)
    note = f"{graph.method}, recall {found:.3f} measured here, {graph.recall:.3f} reported"
    return {"ours": taken, "megabytes": memory.extra / 1e6, "recall": found, "note": note}


def recall_of(graph: Any, features: np.ndarray, n_checked: int = 500) -> float:
    """Return the share of the true ten nearest that a graph holds, on a sample of rows."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    rows = np.random.default_rng(CHECK_SEED).choice(len(unit), min(n_checked, len(unit)), replace=False)
    similarity = unit[rows] @ unit.T
    similarity[np.arange(len(rows)), rows] = -np.inf
    true = np.argpartition(-similarity, graph.k, axis=1)[:, : graph.k]
    return float(
        np.mean([np.isin(graph.indices[row], nearest).mean() for row, nearest in zip(rows, true, strict=True)])
    )


def three_checks(n_rows: int) -> dict[str, Any]:
    """Outliers, near duplicates and data value, given the graph."""
    from fastcl.data_valuation import data_shapley_knn
    from fastcl.neighbors import find_near_duplicates, find_outliers

    graph = make_graph(n_rows)
    labels = np.random.default_rng(0).integers(0, 10, n_rows)

    def ours() -> None:
        find_outliers(graph)
        find_near_duplicates(graph)
        data_shapley_knn(labels, knn_graph=graph)

    return compare(ours)


def shapley_of_features(n_rows: int) -> dict[str, Any]:
    """Data value from features, search included."""
    import cleanlab.data_valuation as theirs

    from fastcl.data_valuation import data_shapley_knn

    features = make_embeddings(n_rows, 128)
    labels = np.random.default_rng(0).integers(0, 10, n_rows)

    def agree(ours: Any, reference: Any) -> None:
        np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-12)

    return compare(
        lambda: data_shapley_knn(labels, features=features),
        lambda: quietly(theirs.data_shapley_knn, labels, features=features),
        agree,
    )


def shapley_of_graph(n_rows: int) -> dict[str, Any]:
    """Data value given the graph."""
    from fastcl.data_valuation import data_shapley_knn

    graph = make_graph(n_rows)
    labels = np.random.default_rng(0).integers(0, 10, n_rows)
    return compare(lambda: data_shapley_knn(labels, knn_graph=graph))


def exact_duplicates(n_rows: int) -> dict[str, Any]:
    """Groups of equal rows, half of all rows being copies."""
    from fastcl.neighbors import find_exact_duplicates

    rng = np.random.default_rng(0)
    features = rng.standard_normal((n_rows, 128), dtype=np.float32)
    copies = rng.permutation(n_rows)[: n_rows // 2]
    features[copies] = features[rng.integers(0, n_rows, len(copies))]
    return compare(lambda: find_exact_duplicates(features))


def non_iid_check(n_rows: int) -> dict[str, Any]:
    """The permutation test, against the reference's on the same graph."""
    from cleanlab.datalab.internal.data_issues import DataIssues  # noqa: F401  loads what it needs
    from cleanlab.datalab.internal.issue_manager.noniid import NonIIDIssueManager

    from fastcl.neighbors import non_iid

    graph = make_graph(n_rows)
    matrix = graph.to_csr()

    class Lab:
        features, issues, labels = None, None, None

        @staticmethod
        def get_info(_: str) -> dict[str, Any]:
            return {}

    def theirs() -> float:
        manager = NonIIDIssueManager(Lab(), k=graph.k)
        state = np.random.get_state()  # noqa: NPY002
        quietly(manager.find_issues, features=None, knn_graph=matrix)
        np.random.set_state(state)  # noqa: NPY002
        return float(manager.p_value)

    def agree(ours: Any, p_value: float) -> None:
        assert abs(ours.p_value - p_value) < 1e-12

    return compare(lambda: non_iid(graph), theirs, agree)


def leave_one_out(n_rows: int, kernel: str) -> dict[str, Any]:
    """Probabilities from features and labels alone."""
    from fastcl.neighbors import loo_pred_probs

    features = make_embeddings(n_rows)
    labels = make_embeddings(n_rows, 384)[:, :20].argmax(axis=1)
    return compare(lambda: loo_pred_probs(labels, features, kernel=kernel))


def growth(scale: float) -> dict[str, float]:
    """Return seconds of an approximate build by number of rows."""
    from fastcl.neighbors import build_knn_graph

    features = make_embeddings(int(400_000 * scale))
    build_knn_graph(features[:3000], method="approximate", verbose=False)
    taken = {}
    for n_rows in (50_000, 100_000, 200_000, 400_000):
        part = features[: int(n_rows * scale)]
        turns = 3 if n_rows < 400_000 else 1
        build = lambda: build_knn_graph(part, method="approximate", verbose=False)  # noqa: B023, E731
        taken[str(n_rows)] = interleaved({"ours": build}, {"ours": 1}, turns)["ours"]
    return taken


#: The table; the floors are what was promised.
JOBS = (
    Job("exact graph, cosine", 50_000, "x 384 float32", "6x", exact_graph),
    Job("approximate graph", 200_000, "x 384 float32", "60 s, recall .97", approximate_graph),
    Job(
        "approximate graph, no clusters",
        200_000,
        "x 384 float32",
        "60 s, recall .97",
        lambda n: approximate_graph(n, topics=1, latent=24),
    ),
    Job("outliers, near duplicates, value", 1_000_000, "graph, k = 10", "2 s", three_checks),
    Job("`data_shapley_knn`", 20_000, "x 128 float32", "20x", shapley_of_features),
    Job("`data_shapley_knn`", 1_000_000, "graph, k = 10", "300 MB", shapley_of_graph),
    Job("exact duplicates, half of all", 1_000_000, "x 128 float32", "5 s", exact_duplicates),
    Job("`non_iid`", 200_000, "graph, k = 10", "20x", non_iid_check),
    Job("`loo_pred_probs`, linear", 100_000, "x 384, 20 classes", "10 s", lambda n: leave_one_out(n, "linear")),
    Job("`loo_pred_probs`, rbf", 100_000, "x 384, 20 classes", "", lambda n: leave_one_out(n, "rbf")),
)


def plot(growth: dict[str, float]) -> None:
    """Draw how time grows with rows."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "fastcl"
    from matplotlib import pyplot

    sizes, times = [int(size) for size in growth], list(growth.values())
    figure, axis = pyplot.subplots(figsize=(4.8, 3.4), layout="constrained")
    axis.loglog(sizes, times, "o-", color="#2a6f97", label="approximate graph")
    axis.loglog(sizes, [times[0] * (n / sizes[0]) ** 1.5 for n in sizes], ":", color="grey", label="rows$^{1.5}$")
    axis.set(xlabel="rows (384 columns, float32)", ylabel="seconds", title="build_knn_graph by rows")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    figure.savefig(ROOT / "docs" / "_static" / "neighbors.svg", metadata={"Date": None})


SUITE = Suite("neighbors", JOBS, growth, plot)

if __name__ == "__main__":
    SUITE.main()
