"""Measure Datalab: ``python -m benchmarks.datalab [--quick] [--only TEXT]``.

Writes ``benchmarks/datalab.json``, the table in ``docs/datalab-table.md`` and the one in ``README.md``. Takes about
ten minutes and 8 GB of memory, most of both the reference's; ``--quick`` a twentieth of the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.images import image_checks, photograph_checks
from benchmarks.measure import AnonymousPeak, seconds
from benchmarks.neighbors import recall_of
from benchmarks.problems import make_embeddings, make_graph, make_problem
from benchmarks.registry import quietly
from benchmarks.suite import Job, Suite, compare
from fastcl import Datalab

#: Scores agree to that: distances of neighbours are summed in another order.
TOLERANCE = 1e-6


def their_lab(data: Any, **options: Any) -> Any:
    """Return a lab of the reference's."""
    from cleanlab import Datalab as Theirs

    return quietly(Theirs, data, label_name="y", verbosity=0, **options)


def audited(lab: Any, **inputs: Any) -> Any:
    """Audit, and return the lab."""
    quietly(lab.find_issues, **inputs)
    return lab


def agree_on(*names: str) -> Any:
    """Return what compares flags, scores and summaries of two labs."""

    def agree(ours: Any, theirs: Any) -> None:
        for name in names:
            mine, peer = ours.get_issues(name), theirs.get_issues(name)
            np.testing.assert_array_equal(mine[f"is_{name}_issue"], peer[f"is_{name}_issue"], name)
            np.testing.assert_allclose(mine[f"{name}_score"], peer[f"{name}_score"], atol=TOLERANCE, err_msg=name)

    return agree


def construct(n_rows: int, kind: str) -> dict[str, Any]:
    """Open a table of a hundred classes called by name and three more columns."""
    rng = np.random.default_rng(0)
    columns = {"y": np.array([f"class {k:02}" for k in range(100)])[rng.integers(0, 100, n_rows)]}
    columns |= {f"x{k}": rng.normal(size=n_rows) for k in range(3)}
    data: Any = pd.DataFrame(columns)
    if kind == "Hugging Face dataset":
        from datasets import Dataset

        data = Dataset.from_pandas(data)

    def agree(ours: Any, theirs: Any) -> None:
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        assert ours.class_names == list(theirs.class_names)

    return compare(lambda: Datalab(data, label_name="y"), lambda: their_lab(data), agree, turns=1)


def full_audit(n_rows: int) -> dict[str, Any]:
    """The default audit: probabilities of 10 classes and features of 128 columns."""
    problem, features = make_problem(n_rows, 10), make_embeddings(n_rows, 128).astype(np.float64)
    inputs = {"pred_probs": problem.pred_probs, "features": features}
    data = {"y": problem.labels}
    return compare(
        lambda: audited(Datalab(data, label_name="y", verbosity=0), **inputs),
        lambda: audited(their_lab(data), **inputs),
        agree_on("label", "outlier", "near_duplicate", "class_imbalance", "null"),
    )


def large_audit(n_rows: int) -> dict[str, Any]:
    """The same of 384 columns and 20 classes; the reference on parts, from which its time is extrapolated."""
    problem, features = make_problem(n_rows, 20), make_embeddings(n_rows)
    labs: list[Any] = []

    def audit() -> None:
        lab = Datalab({"y": problem.labels}, label_name="y", verbosity=0)
        labs[:] = [audited(lab, pred_probs=problem.pred_probs, features=features)]

    part = slice(n_rows // 40)
    audited(
        Datalab({"y": problem.labels[part]}, label_name="y"),
        pred_probs=problem.pred_probs[part],
        features=features[part],
    )
    taken = seconds(audit)
    with AnonymousPeak() as memory:
        audit()
    graph = labs[0]._graphs.graph
    recall = recall_of(graph, features)
    guess = _extrapolated(problem, features, n_rows)
    note = f"recall of the graph {recall:.3f} ({graph.recall:.3f} reported); the reference extrapolated: {guess:.0f} s"
    return {"ours": taken, "megabytes": memory.extra / 1e6, "recall": recall, "extrapolated": guess, "note": note}


def _extrapolated(problem: Any, features: Any, n_rows: int) -> float:
    """Return what the reference would take, if a part of its time grows with rows and another with their square."""
    sizes = [n_rows // 40, n_rows // 20, n_rows // 10]

    def run(n: int) -> float:
        inputs = {"pred_probs": problem.pred_probs[:n], "features": features[:n]}
        return seconds(lambda: audited(their_lab({"y": problem.labels[:n]}), **inputs))

    run(sizes[0])
    times = [run(n) for n in sizes]
    share = np.array(sizes) / n_rows
    linear, square = np.linalg.lstsq(np.column_stack([share, share**2]), times, rcond=None)[0]
    return float(linear + square)


def label_check(n_rows: int) -> dict[str, Any]:
    """The label check alone."""
    problem = make_problem(n_rows, 10)
    inputs = {"pred_probs": problem.pred_probs, "issue_types": {"label": {}}}
    lab, peer = Datalab({"y": problem.labels}, label_name="y", verbosity=0), their_lab({"y": problem.labels})
    return compare(lambda: audited(lab, **inputs), lambda: audited(peer, **inputs), agree_on("label"), turns=3)


def null_check(n_rows: int) -> dict[str, Any]:
    """The null check: 20 columns, 64 % of the rows with a null."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n_rows, 20))
    features[rng.random(features.shape) < 0.05] = np.nan
    data = {"y": rng.integers(0, 3, n_rows)}
    inputs = {"features": features, "issue_types": {"null": {}}}
    lab, peer = Datalab(data, label_name="y", verbosity=0), their_lab(data)
    return compare(lambda: audited(lab, **inputs), lambda: audited(peer, **inputs), agree_on("null"), turns=5)


def non_iid_check(n_rows: int) -> dict[str, Any]:
    """The non-iid check, given the graph."""
    graph = make_graph(n_rows)
    data = {"y": np.random.default_rng(0).integers(0, 3, n_rows)}
    lab, peer = Datalab(data, label_name="y", verbosity=0), their_lab(data)
    matrix, types = graph.to_csr(), {"non_iid": {}}
    return compare(
        lambda: audited(lab, knn_graph=graph, issue_types=types),
        lambda: audited(peer, knn_graph=matrix, issue_types=types),
        agree_on("non_iid"),
        turns=1,
    )


def audit_of_probabilities(n_rows: int) -> dict[str, Any]:
    """The default audit of probabilities alone: everything that this process holds, over what came in."""
    problem = make_problem(n_rows, 10)
    inputs = problem.labels.nbytes + problem.pred_probs.nbytes
    audited(Datalab({"y": problem.labels[:5000]}, label_name="y"), pred_probs=problem.pred_probs[:5000])
    row = compare(lambda: audited(Datalab({"y": problem.labels}, label_name="y"), pred_probs=problem.pred_probs))
    share = 1 + row["megabytes"] * 1e6 / inputs
    return row | {"share": share, "note": f"at its peak {share:.2f} times its inputs, these included"}


#: The table; the floors are what was promised.
JOBS = (
    Job("`Datalab(...)`", 1_000_000, "data frame", "100x", lambda n: construct(n, "data frame")),
    Job("`Datalab(...)`", 1_000_000, "Hugging Face dataset", "100x", lambda n: construct(n, "Hugging Face dataset")),
    Job("default audit", 20_000, "x 128, 10 classes", "6x", full_audit),
    Job("default audit", 200_000, "x 384, 20 classes", "3 minutes", large_audit),
    Job("label check", 1_000_000, "x 10", "40x", label_check),
    Job("null check", 200_000, "x 20", "50x", null_check),
    Job("non-iid check", 200_000, "rows", "20x", non_iid_check),
    Job("image checks", 2_000, "JPEG files", "1.5x decoding", image_checks),
    Job("image checks", 1_000, "photographs", "1.5x decoding", photograph_checks),
    Job("default audit", 1_000_000, "x 10, probabilities only", "2.5x inputs", audit_of_probabilities),
)

SUITE = Suite("datalab", JOBS)

if __name__ == "__main__":
    SUITE.main()
