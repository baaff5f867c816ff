"""Multi-label problems for tests: which classes rows were given, the probabilities of a made-up model; and twins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import naive
import numpy as np


@dataclass(frozen=True)
class CellProblem:
    """Which classes each row was given (n_samples, n_classes) 0 or 1, and what a model makes of the rows."""

    given: np.ndarray
    pred_probs: np.ndarray

    @property
    def n_classes(self) -> int:
        return self.given.shape[1]

    @property
    def lists(self) -> list[list[int]]:
        """The labels as the reference takes them."""
        return [np.flatnonzero(row).tolist() for row in self.given]

    def both(self) -> tuple[list[list[int]], np.ndarray]:
        return self.lists, self.pred_probs

    def as_type(self, dtype: Any) -> CellProblem:
        return replace(self, pred_probs=self.pred_probs.astype(dtype))

    def views(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The problems of two classes that this is: labels and probabilities of each class."""
        one = self.pred_probs.dtype.type(1)
        pairs = zip(self.given.T, self.pred_probs.T, strict=True)
        return [(y.astype(np.int64), np.column_stack([one - p, p])) for y, p in pairs]


def make_cells(
    n_rows: int = 1_003, n_classes: int = 5, *, seed: int = 0, share: float = 0.3, noise: float = 0.08
) -> CellProblem:
    """Return a problem with classes of uneven size, of which a share `noise` of the cells was flipped at random."""
    rng = np.random.default_rng(seed)
    true = rng.random((n_rows, n_classes)) < share * rng.uniform(0.3, 1.7, n_classes)
    pred_probs = np.clip(0.9 * rng.beta(2, 5, true.shape) + 0.45 * true * np.cbrt(rng.random(true.shape)), 0.001, 0.999)
    return CellProblem((true ^ (rng.random(true.shape) < noise)).astype(np.uint8), pred_probs)


def _near_one_half() -> CellProblem:
    """Return a problem whose probabilities lie around the places where a label wins by its head start of 1e-6."""
    rng = np.random.default_rng(7)
    steps = np.array([0, 1e-9, 4e-7, 5e-7, 6e-7, 1e-6, 2e-6, 0.1, 0.4])
    apart = rng.choice(np.concatenate([steps, -steps]), (301, 3))
    nudge = rng.integers(-2, 3, apart.shape) * np.finfo(np.float64).eps / 4
    return CellProblem(rng.integers(0, 2, apart.shape).astype(np.uint8), 0.5 + apart + nudge)


def _in_eighths(problem: CellProblem) -> CellProblem:
    return replace(problem, pred_probs=np.rint(problem.pred_probs * 8) / 8)


PROBLEMS = {
    "ragged": make_cells(1_003, 5),
    "many classes": make_cells(307, 41, seed=1, share=0.1),
    "one class": make_cells(401, 1, seed=2),
    "weak model": make_cells(303, 4, seed=3, noise=0.4),
    "few rows": make_cells(40, 3, seed=4),
    "float32": make_cells(403, 5, seed=5).as_type(np.float32),
}
TIED_PROBLEMS = {
    "eighths": _in_eighths(make_cells(303, 4, seed=6)),
    "eighths in float32": _in_eighths(make_cells(303, 4, seed=7)).as_type(np.float32),
    "near one half": _near_one_half(),
    "near one half in float32": _near_one_half().as_type(np.float32),
    "very few rows": _in_eighths(make_cells(11, 6, seed=8)),
}
ALL_PROBLEMS = PROBLEMS | TIED_PROBLEMS


def naive_cells(problem: CellProblem, *, confident_joint: Any = None, num_to_remove: Any = None, **options: Any) -> Any:
    """Find label issues class by class, in the words of `naive`."""
    masks = []
    for c, (labels, pred_probs) in enumerate(problem.views()):
        if 0 < labels.sum() < len(labels):
            own = dict(options)
            if confident_joint is not None:
                own["confident_joint"] = confident_joint[c]
            if num_to_remove is not None:
                own["num_to_remove_per_class"] = [num_to_remove[c], 0]
            masks.append(naive.find_label_issues(labels, pred_probs, **own))
        else:
            masks.append(np.zeros(len(labels), bool))
    return np.column_stack(masks)
