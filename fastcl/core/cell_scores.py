"""Label quality scores of cells: how much a model believes in the given side of each row and class.

A cell has two sides, "not in" and "in", of probability 1 - p and p (see `fastcl.core.multilabel_sweep`); its score is
that of `fastcl.core.scores` for these two classes. With two classes the normalized margin is the self-confidence,
(q - (1 - q) + 1) / 2 = q, and so it is returned: the reference's differs by what the three operations round.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.core.multilabel_sweep import CellBlock, repeats
from fastcl.core.scores import Scores, Scoring, adjustment, entropy_scores
from fastcl.core.sweep import p_log_p


def score_dtype(scoring: Scoring, dtype: np.dtype[np.floating]) -> np.dtype[np.floating]:
    """Return the type of the scores of probabilities of type `dtype`: entropy is always float64."""
    return np.dtype(np.float64) if scoring.needs_entropy else dtype


def take(block: CellBlock, rows: npt.NDArray[np.int64]) -> CellBlock:
    """Return some rows of a block, counted from its first."""
    pred_probs = block.pred_probs[rows]
    pred_probs.flags.writeable = False  # as kernels know it
    return CellBlock(block.start, pred_probs, block.given[rows])


def side_lifts(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what adjusted scores add to both sides of each class, given their thresholds, shape (n_classes, 2)."""
    return np.array([adjustment(sides) for sides in thresholds])


def score_cells(block: CellBlock, scoring: Scoring, lifts: npt.NDArray[np.float64] | None = None) -> Scores:
    """Return the score of every cell of a block, shape (n_rows, n_classes); `lifts` are for adjusted scores."""
    flat, given = block.flat()
    scores = np.empty(flat.size, flat.dtype)
    if lifts is not None:
        lifts_out, lifts_in = np.tile(lifts, (repeats(len(lifts)), 1)).T.copy()
        write_lifted(flat, given, block.one, lifts_out, lifts_in, scores)
    else:
        write_given(flat, given, block.one, scores)
    if scoring.needs_entropy:
        entropy = np.empty(flat.size)
        write_side_entropy(flat, block.one, entropy)
        scores = entropy_scores(scores, entropy, 2)
    return scores.reshape(block.given.shape)


@kernel
def write_given(p, given, one, scores):
    """scores[e] = p[e] where given, else 1 - p[e]."""
    for e in range(p.size):
        scores[e] = p[e] if given[e] else one - p[e]


@kernel
def write_lifted(p, given, one, lifts_out, lifts_in, scores):
    """scores[e] = lifted probability of the given side / sum of both; lifts repeat after their size."""
    for start in range(0, p.size, lifts_in.size):
        for c in range(min(lifts_in.size, p.size - start)):
            side_out = (one - p[start + c]) + lifts_out[c]
            side_in = p[start + c] + lifts_in[c]
            scores[start + c] = (side_in if given[start + c] else side_out) / (side_out + side_in)


@kernel
def write_side_entropy(p, one, entropy):
    """entropy[e] = -(q ln q + p ln p) with q = 1 - p."""
    for e in range(p.size):
        entropy[e] = -(p_log_p(one - p[e]) + p_log_p(p[e]))
