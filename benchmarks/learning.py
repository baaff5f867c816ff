"""Measure training on clean rows, regression, multi-label: ``python -m benchmarks.learning [--quick] [--only TEXT]``.

Writes ``benchmarks/learning.json``, the table in ``docs/learning-table.md`` and the one in ``README.md``. Takes about
fifteen minutes and 8 GB of memory, nearly all of it the reference's; ``--quick`` a twentieth of the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from benchmarks.multilabel import multilabel_find, multilabel_health, multilabel_scores
from benchmarks.problems import make_problem
from benchmarks.registry import quietly
from benchmarks.regression_learn import linear_clean_learning
from benchmarks.regression_scores import outre
from benchmarks.suite import Job, Suite, compare


class NoModel(ClassifierMixin, BaseEstimator):
    """Learns nothing, at once: what is measured is what happens around it."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NoModel:
        self.classes_ = np.arange(10)
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), np.int64)

    def predict_proba(self, X: Any) -> Any:
        raise NotImplementedError


def own_overhead(n_rows: int) -> dict[str, Any]:
    """`CleanLearning.fit` of a model that costs nothing, given `pred_probs`."""
    from cleanlab.classification import CleanLearning as Theirs

    from fastcl.classification import CleanLearning

    problem = make_problem(n_rows, 10, "float64")
    X = np.zeros((n_rows, 1))

    def agree(ours: Any, theirs: Any) -> None:
        np.testing.assert_array_equal(ours.label_issues_mask, theirs.label_issues_mask)
        np.testing.assert_allclose(ours.sample_weight, theirs.label_issues_df["sample_weight"], rtol=1e-12)
        np.testing.assert_allclose(
            ours.label_issues_df["label_quality"], theirs.label_issues_df["label_quality"], atol=1e-12
        )

    return compare(
        lambda: CleanLearning(NoModel()).fit(X, problem.labels, pred_probs=problem.pred_probs),
        lambda: quietly(Theirs(NoModel()).fit, X, problem.labels, pred_probs=problem.pred_probs),
        agree,
        turns=5,
    )


#: The table; the floors are what was promised.
JOBS = (
    Job("`CleanLearning.fit` around no model", 1_000_000, "x 10, `pred_probs` given", "20x", own_overhead),
    Job("regression `CleanLearning`, linear", 20_000, "x 10", "5x", lambda n: linear_clean_learning(n, 10)),
    Job("regression `CleanLearning`, linear", 100_000, "x 50", "5x", lambda n: linear_clean_learning(n, 50)),
    Job("OUTRE", 20_000, "targets", "60x", outre),
    Job("OUTRE", 200_000, "targets", "40 s, 500 MB", outre),
    Job("multi-label `find_label_issues`", 50_000, "x 20", "40x", multilabel_find),
    Job("multi-label `multilabel_health_summary`", 50_000, "x 20", "60x", multilabel_health),
    Job("multi-label `get_label_quality_scores`", 50_000, "x 20", "", multilabel_scores),
)

SUITE = Suite("learning", JOBS)

if __name__ == "__main__":
    SUITE.main()
