"""Multi-label: the search, the health summary and the scores, against the reference's."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measure import seconds
from benchmarks.registry import quietly
from benchmarks.suite import compare

#: Classes of the made-up data, of which a row has about three.
N_CLASSES = 20

Labels = list[list[int]]


def make_cells(n_rows: int, n_classes: int = N_CLASSES, seed: int = 0) -> tuple[Labels, np.ndarray, np.ndarray]:
    """Return labels as lists and as indicators, of which 3 % are wrong, and probabilities that mostly know it."""
    rng = np.random.default_rng(seed)
    true = rng.random((n_rows, n_classes)) < 0.12 * rng.uniform(0.3, 1.7, n_classes)
    shift = 0.6 * true * np.cbrt(rng.random(true.shape))
    pred_probs = np.clip(0.8 * rng.beta(1.5, 6, true.shape) + shift, 0.001, 0.999)
    given = (true ^ (rng.random(true.shape) < 0.03)).astype(np.uint8)
    return [np.flatnonzero(row).tolist() for row in given], given, pred_probs


def multilabel_find(n_rows: int) -> dict[str, Any]:
    """`find_label_issues`, labels as lists of lists; the reference with one process, its default being slower."""
    from cleanlab.multilabel_classification.filter import find_label_issues as theirs
    from scipy.sparse import csr_array

    from fastcl.multilabel_classification.filter import find_label_issues

    labels, given, pred_probs = make_cells(n_rows)
    sparse = csr_array(given)
    row = compare(
        lambda: find_label_issues(labels, pred_probs),
        lambda: quietly(theirs, labels, pred_probs, n_jobs=1),
        np.testing.assert_array_equal,
    )
    dense = min(seconds(lambda: find_label_issues(given, pred_probs)) for _ in range(5))
    indicators = min(seconds(lambda: find_label_issues(sparse, pred_probs)) for _ in range(5))
    default = min(seconds(lambda: quietly(theirs, labels, pred_probs)) for _ in range(3))
    note = (
        f"cleanlab by default {default:.1f} s, {default / row['ours']:.0f} times as long; labels as an array "
        f"{1e3 * dense:.0f} ms, as a sparse matrix {1e3 * indicators:.0f} ms"
    )
    return row | {"note": note}


def multilabel_health(n_rows: int) -> dict[str, Any]:
    """`multilabel_health_summary`: one search, the reference's three."""
    from cleanlab.multilabel_classification.dataset import multilabel_health_summary as theirs

    from fastcl.multilabel_classification.dataset import multilabel_health_summary

    labels, _, pred_probs = make_cells(n_rows)

    def agree(ours: dict[str, Any], reference: dict[str, Any]) -> None:
        name = "overall_multilabel_health_score"
        assert ours[name] == reference[name]
        tables = (summary["common_multilabel_issues"] for summary in (ours, reference))
        first, second = (table.sort_values(["Class Index", "In Given Label"])["Num Examples"] for table in tables)
        np.testing.assert_array_equal(first, second)

    return compare(
        lambda: multilabel_health_summary(labels, pred_probs, verbose=False),
        lambda: quietly(theirs, labels, pred_probs, verbose=False),
        agree,
        turns=1,
    )


def multilabel_scores(n_rows: int) -> dict[str, Any]:
    """`get_label_quality_scores`, labels as lists of lists."""
    from cleanlab.multilabel_classification import get_label_quality_scores as theirs

    from fastcl.multilabel_classification import get_label_quality_scores

    labels, _, pred_probs = make_cells(n_rows)

    def agree(ours: np.ndarray, reference: np.ndarray) -> None:
        np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-12)  # sums of twenty terms

    return compare(
        lambda: get_label_quality_scores(labels, pred_probs), lambda: quietly(theirs, labels, pred_probs), agree
    )
