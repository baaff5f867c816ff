"""Measure CleanLearning of regressions against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.registry import quietly
from benchmarks.suite import compare


def make_regression(n_rows: int, n_columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and linear targets with noise; one in fifteen of them is wrong by much more than that."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns))
    y = X @ rng.normal(size=n_columns) + 0.3 * rng.normal(size=n_rows)
    wrong = rng.random(n_rows) < 1 / 15
    y[wrong] += rng.normal(scale=4, size=np.count_nonzero(wrong))
    return X, y


def linear_clean_learning(n_rows: int, n_columns: int) -> dict[str, Any]:
    """`find_label_issues` with `LinearRegression`: the reference fits 65 to 80 of them."""
    from cleanlab.regression.learn import CleanLearning as Theirs

    from fastcl.regression.learn import CleanLearning

    X, y = make_regression(n_rows, n_columns)

    def agree(ours: Any, theirs: Any) -> None:
        np.testing.assert_array_equal(ours["is_label_issue"], theirs["is_label_issue"])
        # rounding of predictions, over the spread of those of several models
        np.testing.assert_allclose(ours["label_quality"], theirs["label_quality"], rtol=0, atol=1e-9)

    return compare(
        lambda: CleanLearning(seed=0).find_label_issues(X, y),
        lambda: quietly(lambda: Theirs(seed=0).find_label_issues(X, y)),
        agree,
        turns=1,
    )
