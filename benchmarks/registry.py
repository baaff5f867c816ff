"""The jobs: what fastcl does, what the reference does for the same answer, and how the two are compared.

One list feeds the benchmark table, pytest-benchmark and the tests (`tests/test_registry.py`, at small sizes).
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import Problem
from fastcl import count, dataset, filter, rank

#: Float32 sums differ in the seventh digit, and with them a threshold, a count or a rank at the margin.
TOLERANCE = {"float64": 0.0, "float32": 1e-4}


@dataclass(frozen=True)
class Job:
    """One line of the table.

    `ours` takes a problem, `peer` a problem and a number of processes (None: its default). `agree` raises
    AssertionError unless the two answers are the same. `target` is how many times faster we promised to be, if we did.
    """

    name: str
    n_rows: int
    n_classes: int
    dtype: str
    target: float | None
    ours: Callable[[Problem], Any]
    peer: Callable[[Problem, int | None], Any]
    agree: Callable[[Any, Any, str], None]
    peer_has_processes: bool = False

    @property
    def size(self) -> str:
        """Rows x classes and type, for people."""
        return f"{short(self.n_rows)} x {self.n_classes} {self.dtype}"


def short(number: int) -> str:
    """Return 1000000 as 1M, 200000 as 200k.

    >>> short(1_000_000), short(200_000), short(50)
    ('1M', '200k', '50')
    """
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size:
            return f"{number / size:g}{unit}"
    return str(number)


def quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the reference without its prints, progress bars and warnings."""
    nowhere = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def same_rows(ours: np.ndarray, theirs: np.ndarray, dtype: str) -> None:
    """The same rows; for float32, all but one in ten thousand."""
    apart = np.setxor1d(ours, theirs).size
    assert apart <= TOLERANCE[dtype] * len(theirs), f"{apart} of {len(theirs)} rows differ"


def same_ranking(ours: np.ndarray, theirs: np.ndarray, dtype: str) -> None:
    """The same rows in the same order, for float32 the same rows."""
    same_rows(ours, theirs, dtype)
    if dtype == "float64":
        np.testing.assert_array_equal(ours, theirs)


def same_mask(ours: np.ndarray, theirs: np.ndarray, dtype: str) -> None:
    """The same flags."""
    same_rows(np.flatnonzero(ours), np.flatnonzero(theirs), dtype)


def same_numbers(ours: np.ndarray, theirs: np.ndarray, dtype: str) -> None:
    """The same numbers to 1e-12, float32 to 1e-6."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 if dtype == "float64" else 1e-6)


def same_summary(ours: dict[str, Any], theirs: dict[str, Any], dtype: str) -> None:
    """The same joint, health, and table of classes; pairs of equal probability may change places."""
    same_numbers(ours["joint"], theirs["joint"], dtype)
    same_numbers(ours["overall_label_health_score"], theirs["overall_label_health_score"], dtype)
    for table in ("classes_by_label_quality", "overlapping_classes"):
        numbers = ours[table].columns[-1]
        same_numbers(ours[table][numbers].to_numpy(), theirs[table][numbers].to_numpy(), dtype)


def find(**options: Any) -> dict[str, Any]:
    """`find_label_issues` of both."""

    def theirs(problem: Problem, n_jobs: int | None) -> Any:
        from cleanlab.filter import find_label_issues

        return quietly(find_label_issues, problem.labels, problem.pred_probs, n_jobs=n_jobs, **options)

    ranked = "return_indices_ranked_by" in options
    return {
        "ours": lambda problem: filter.find_label_issues(problem.labels, problem.pred_probs, **options),
        "peer": theirs,
        "agree": same_ranking if ranked else same_mask,
        "peer_has_processes": True,
    }


def score(method: str) -> dict[str, Any]:
    """`get_label_quality_scores` of both."""

    def theirs(problem: Problem, n_jobs: int | None) -> Any:
        from cleanlab.rank import get_label_quality_scores

        return quietly(get_label_quality_scores, problem.labels, problem.pred_probs, method=method)

    return {
        "ours": lambda problem: rank.get_label_quality_scores(problem.labels, problem.pred_probs, method=method),
        "peer": theirs,
        "agree": same_numbers,
    }


def health() -> dict[str, Any]:
    """`health_summary` of both."""

    def theirs(problem: Problem, n_jobs: int | None) -> Any:
        from cleanlab.dataset import health_summary

        return quietly(health_summary, problem.labels, problem.pred_probs, verbose=False)

    return {
        "ours": lambda problem: dataset.health_summary(problem.labels, problem.pred_probs, verbose=False),
        "peer": theirs,
        "agree": same_summary,
    }


def joint() -> dict[str, Any]:
    """`compute_confident_joint` of both."""

    def theirs(problem: Problem, n_jobs: int | None) -> Any:
        from cleanlab.count import compute_confident_joint

        return quietly(compute_confident_joint, problem.labels, problem.pred_probs)

    return {
        "ours": lambda problem: count.compute_confident_joint(problem.labels, problem.pred_probs),
        "peer": theirs,
        "agree": same_numbers,
    }


def ensemble() -> dict[str, Any]:
    """Two models (that say the same) weighed by the search over log-losses."""

    def members(problem: Problem) -> list[np.ndarray]:
        return [problem.pred_probs, problem.pred_probs]

    options = {"weight_ensemble_members_by": "log_loss_search", "verbose": False}

    def theirs(problem: Problem, n_jobs: int | None) -> Any:
        from cleanlab.rank import get_label_quality_ensemble_scores

        return quietly(get_label_quality_ensemble_scores, problem.labels, members(problem), **options)

    return {
        "ours": lambda problem: rank.get_label_quality_ensemble_scores(problem.labels, members(problem), **options),
        "peer": theirs,
        "agree": same_numbers,
    }


def streamed() -> dict[str, Any]:
    """Probabilities in a ``.npy`` file, labels in memory; the reference's batched finder."""

    def in_file(problem: Problem, use: Callable[[str], Any]) -> Any:
        path = getattr(problem.pred_probs, "filename", None)
        if path is not None:
            return use(str(path))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pred_probs.npy"
            np.save(path, problem.pred_probs)
            return use(str(path))

    def ours(problem: Problem) -> Any:
        from fastcl.experimental.label_issues_batched import find_label_issues_batched

        return in_file(problem, lambda path: find_label_issues_batched(problem.labels, pred_probs_file=path))

    def theirs(problem: Problem, n_jobs: int | None) -> Any:
        from cleanlab.experimental.label_issues_batched import find_label_issues_batched

        # with more than one process, not its default, it takes minutes
        find = partial(find_label_issues_batched, problem.labels, n_jobs=1, verbose=False)
        return in_file(problem, lambda path: quietly(find, pred_probs_file=path))

    return {"ours": ours, "peer": theirs, "agree": nearly_same_rows}


def nearly_same_rows(ours: np.ndarray, theirs: np.ndarray, dtype: str) -> None:
    """Nearly the same rows: the batched reference counts issues by a rule of its own, we by the exact one."""
    assert np.setxor1d(ours, theirs).size <= 0.02 * len(theirs)


RANKED = {"return_indices_ranked_by": "self_confidence"}

#: The table. Targets are floors; the limit is one read of the array.
JOBS: tuple[Job, ...] = (
    Job("find_label_issues, ranked", 1_000_000, 100, "float64", 50, **find(**RANKED)),
    Job("find_label_issues, ranked", 1_000_000, 10, "float64", 30, **find(**RANKED)),
    Job("find_label_issues, ranked", 200_000, 1000, "float32", 30, **find(**RANKED)),
    Job("filter_by='confident_learning'", 1_000_000, 100, "float64", 40, **find(filter_by="confident_learning")),
    Job("filter_by='both'", 1_000_000, 100, "float64", None, **find(filter_by="both")),
    Job("confidence_weighted_entropy", 1_000_000, 100, "float64", 8, **score("confidence_weighted_entropy")),
    Job("normalized_margin", 1_000_000, 100, "float64", 40, **score("normalized_margin")),
    Job("health_summary", 1_000_000, 100, "float64", 40, **health()),
    Job("compute_confident_joint", 1_000_000, 100, "float64", None, **joint()),
    Job("ensemble, log_loss_search", 200_000, 100, "float64", None, **ensemble()),
    Job("find_label_issues_batched, .npy", 1_000_000, 100, "float32", 10, **streamed()),
)
