"""Labels and predicted probabilities made to order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Rows made at a time: 1,000 classes of float32 stay below 100 MB.
CHUNK = 20_000


@dataclass(frozen=True)
class Problem:
    """A tenth of the labels are wrong; `strength` 6 makes a model that finds most of them, 3 a weak one."""

    labels: np.ndarray
    pred_probs: np.ndarray


def make_problem(
    n_rows: int,
    n_classes: int,
    dtype: str = "float64",
    *,
    strength: float = 6.0,
    seed: int = 0,
    path: Path | None = None,
) -> Problem:
    """Make a problem in memory, or as a memory map of a ``.npy`` file if `path` is given."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_rows)
    labels = truth.copy()
    wrong = rng.random(n_rows) < 0.1
    labels[wrong] = rng.integers(0, n_classes, np.count_nonzero(wrong))
    shape = (n_rows, n_classes)
    pred_probs = np.empty(shape, dtype) if path is None else np.lib.format.open_memmap(path, "w+", dtype, shape)
    for start in range(0, n_rows, CHUNK):
        true = truth[start : start + CHUNK]
        logits = rng.standard_normal((len(true), n_classes), dtype=np.float32)
        logits[np.arange(len(true)), true] += rng.normal(strength, 2, len(true)).astype(np.float32)
        odds = np.exp(logits.astype(dtype))
        pred_probs[start : start + CHUNK] = odds / odds.sum(axis=1, keepdims=True)
    return Problem(labels, pred_probs)
