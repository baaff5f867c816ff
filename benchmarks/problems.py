"""Labels and predicted probabilities made to order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastcl.neighbors import KNNGraph

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


def make_embeddings(
    n_rows: int, n_columns: int = 384, *, topics: int = 100, latent: int = 16, seed: int = 0
) -> np.ndarray:
    """Make float32 embeddings: points around `topics` centres in `latent` dimensions, bent by a random net, and noise.

    The noise is a tenth of the variance. `topics=1` with more dimensions is harder: a cloud without clusters, in
    which far more of the data must be compared to find the same share of neighbours.
    """
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((topics, latent))
    first = rng.standard_normal((latent, 128)) / latent**0.5
    second = rng.standard_normal((128, n_columns)) / 128**0.5
    embeddings = np.empty((n_rows, n_columns), np.float32)
    for start in range(0, n_rows, CHUNK):
        n = min(CHUNK, n_rows - start)
        points = centers[rng.integers(topics, size=n)] + rng.normal(0, 0.6, (n, latent))
        clean = np.tanh(1.5 * points @ first) @ second
        embeddings[start : start + n] = clean + 0.3 * clean.std() * rng.standard_normal(clean.shape)
    return embeddings


def make_graph(n_rows: int, n_neighbors: int = 10, *, seed: int = 0) -> KNNGraph:
    """Make a graph of the size of a real one: neighbours nearby in a random order of rows, a tenth of them copies."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(n_rows)
    place = np.empty(n_rows, np.int64)
    place[order] = np.arange(n_rows)
    steps = np.argsort(rng.random((n_rows, 3 * n_neighbors), dtype=np.float32), axis=1)[:, :n_neighbors] + 1
    indices = order[(place[:, None] + steps) % n_rows].astype(np.int32)
    distances = np.sort(rng.gamma(4, 0.1, (n_rows, n_neighbors)), axis=1)
    distances[rng.random(n_rows) < 0.1, 0] *= 1e-3
    return KNNGraph(distances, indices, "cosine", n_rows)
