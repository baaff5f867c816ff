"""Would two good annotators agree? The score behind `fastcl.ambiguity`, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.core.sweep import Block

Floats = npt.NDArray[np.float64]


def agreement(block: Block, labels: npt.NDArray[np.int32], indices: npt.NDArray[np.int32] | None) -> Floats:
    """Return how probably two annotators agree on each row of `block`.

    Annotators draw class k with probability q[k], proportional to p[i, k] (1 + v[k]), where v[k] is the share of the
    row's neighbours with label k, 0 without a graph. They agree with probability sum of q[k]**2, which lies in
    [1 / K, 1]; a row whose probabilities are all 0 gets 1 / K.

    `labels` and `indices`, the neighbours of each row, are those of all rows.
    """
    n, K = block.pred_probs.shape
    mine = np.empty((n, 0), np.int32) if indices is None else indices[block.start : block.stop]
    scores = np.empty(n)
    score_agreement(block.pred_probs, mine, labels, np.zeros(K), scores)
    return scores


def votes_for_given(labels: npt.NDArray[np.int32], indices: npt.NDArray[np.int32], n_classes: int) -> Any:
    """Tell for each row whether no label is more frequent among its neighbours than its own."""
    is_first = np.empty(len(labels), np.bool_)
    compare_votes(indices, labels, np.zeros(n_classes, np.int32), is_first)
    return is_first


@kernel
def score_agreement(p, indices, labels, votes, scores):
    """scores[i] = sum q**2 with q[k] ~ p[i, k] (1 + votes[k]); `votes` is scratch of K zeros, and left so."""
    n, K = p.shape
    k = indices.shape[1]
    for i in range(n):
        for j in range(k):
            votes[labels[indices[i, j]]] += 1.0 / k
        total, squares = 0.0, 0.0
        for c in range(K):
            total += max(np.float64(p[i, c]), 0.0) * (1.0 + votes[c])
        for c in range(K):
            q = max(np.float64(p[i, c]), 0.0) * (1.0 + votes[c]) / total if total > 0 else 0.0
            squares += q * q
        scores[i] = squares if total > 0 else 1.0 / K
        for j in range(k):
            votes[labels[indices[i, j]]] = 0.0


@kernel
def compare_votes(indices, labels, votes, is_first):
    """is_first[i] = no class has more votes of row i's neighbours than its label; `votes` is scratch of K zeros."""
    n, k = indices.shape
    for i in range(n):
        most = 0
        for j in range(k):
            c = labels[indices[i, j]]
            votes[c] += 1
            most = max(most, votes[c])
        is_first[i] = votes[labels[i]] == most
        for j in range(k):
            votes[labels[indices[i, j]]] = 0
