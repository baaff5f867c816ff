"""Problems for tests: labels with errors and the probabilities of a made-up model; and the way to the oracles."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
)
PRUNE_FILTERS = FILTERS[:3]
METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


@dataclass(frozen=True)
class Problem:
    """Given labels, and what a model makes of their rows."""

    labels: np.ndarray
    pred_probs: np.ndarray

    @property
    def n_classes(self) -> int:
        return self.pred_probs.shape[1]

    @property
    def counts(self) -> np.ndarray:
        """Number of rows given each class."""
        return np.bincount(self.labels, minlength=self.n_classes)

    @property
    def atol(self) -> float:
        """How far two ways to compute a float may be apart: in float32 the reference even averages in it."""
        return 1e-6 if self.pred_probs.dtype == np.float32 else 1e-12

    def both(self) -> tuple[np.ndarray, np.ndarray]:
        return self.labels, self.pred_probs

    def as_type(self, dtype: Any) -> Problem:
        return replace(self, pred_probs=self.pred_probs.astype(dtype))


def make_problem(
    n_rows: int = 1_003,
    n_classes: int = 7,
    *,
    seed: int = 0,
    strength: float = 3.0,
    noise: float = 0.2,
    never_given: Iterable[int] = (),
    eighths: bool = False,
) -> Problem:
    """Return a problem with classes of uneven size, of which a share `noise` was labelled at random.

    `strength` is the lead of the true class over unit noise, before softmax: with 3 a model is right about
    nine times in ten, with 1 hardly ever. `eighths` rounds probabilities to multiples of 1/8: ties everywhere.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.uniform(0.3, 1.0, n_classes)
    true = rng.choice(n_classes, n_rows, p=sizes / sizes.sum())
    given = np.where(rng.random(n_rows) < noise, rng.integers(0, n_classes, n_rows), true)
    allowed = np.setdiff1d(np.arange(n_classes), list(never_given))
    given[np.isin(given, list(never_given))] = allowed[0]
    logits = rng.normal(size=(n_rows, n_classes)) + rng.normal(scale=0.5, size=n_classes)
    logits[np.arange(n_rows), true] += strength
    pred_probs = np.exp(logits)
    pred_probs /= pred_probs.sum(axis=1, keepdims=True)
    return Problem(given, np.round(pred_probs * 8) / 8 if eighths else pred_probs)


def _with_tiny_classes() -> Problem:
    """Return a problem with a class of one row and one of three."""
    problem = make_problem(503, 5, seed=6)
    labels = problem.labels.copy()
    labels[np.flatnonzero(labels == 2)[1:]] = 0
    labels[np.flatnonzero(labels == 4)[3:]] = 1
    return replace(problem, labels=labels)


#: Problems without ties between different rows.
PROBLEMS = {
    "ragged": make_problem(10_003, 7, seed=1, never_given=[3]),
    "weak model": make_problem(1_003, 7, seed=2, strength=0.5),
    "first and last class never given": make_problem(1_003, 7, seed=3, never_given=[0, 6]),
    "binary": make_problem(1_001, 2, seed=4, strength=2.0),
    "many classes": make_problem(503, 60, seed=5),
    "tiny classes": _with_tiny_classes(),
    "no noise": make_problem(1_003, 7, seed=7, noise=0.0, strength=9.0),
    "float32": make_problem(1_003, 7, seed=8, never_given=[3]).as_type(np.float32),
    "two rows": Problem(np.array([0, 1]), np.array([[0.3, 0.7], [0.4, 0.6]])),
    "only class 0 given": Problem(np.zeros(101, np.int64), make_problem(101, 3, seed=9).pred_probs),
}

#: Problems full of ties, where only the rule "then the earlier row" decides.
TIED_PROBLEMS = {
    "eighths": make_problem(2_003, 5, seed=11, strength=2.0, eighths=True),
    "eighths of a weak model": make_problem(1_003, 7, seed=12, strength=0.5, eighths=True, never_given=[3]),
    "eighths, binary": make_problem(1_001, 2, seed=13, strength=1.0, eighths=True),
    "eighths, float32": make_problem(1_003, 7, seed=14, eighths=True).as_type(np.float32),
    "all rows alike": Problem(np.arange(103) % 3, np.full((103, 3), 1 / 3)),
    "certain": Problem(np.arange(203) % 4, np.eye(4)[(np.arange(203) ** 2) % 4]),
}

ALL_PROBLEMS = PROBLEMS | TIED_PROBLEMS


def off_by_slack(problem: Problem) -> Problem:
    """Return a problem whose zeros and ones are off by nearly the slack of 1e-6: rows take the slow way."""
    pred_probs = problem.pred_probs.copy()
    pred_probs[pred_probs == 0] = -0.9e-6
    pred_probs[pred_probs == 1] = 1 + 0.9e-6
    return replace(problem, pred_probs=pred_probs)


def reference(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function of cleanlab returns, without what it warns of and prints."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function of fastcl returns, without its word on classes that are too small."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No label issues are looked for", UserWarning)
        return function(*args, **kwargs)


def real_data_path() -> Path:
    """Return where the real data lies, whether it exists or not."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("FASTCL_DATA", beside))
