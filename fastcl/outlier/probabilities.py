"""How typical are rows of probabilities? Entropy, largest probability, and the generalised entropy GEN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from fastcl.core.arrays import RowReader
from fastcl.core.constants import SLACK
from fastcl.core.errors import sentence
from fastcl.core.jit import kernel
from fastcl.core.pair_margins import nth_smallest
from fastcl.core.sweep import p_log_p, row_entropy
from fastcl.core.validation import raise_bad_rows
from fastcl.engine.blocks import as_read_only
from fastcl.engine.threads import for_each, resolve_n_jobs
from fastcl.neighbors.features import row_blocks
from fastcl.neighbors.graph import Floats

METHODS = ("entropy", "least_confidence", "gen")

MAX_FLOAT = float(np.finfo(np.float64).max)


def score_probabilities(values: RowReader, lifts: Floats, params: dict[str, Any], n_jobs: int | None) -> Floats:
    """Return the score of every row by ``params["method"]``, block by block; no lifts mean no adjustment."""
    n_rows, n_classes = values.shape
    scores = np.empty(n_rows)
    is_gen = params["method"] == "gen"
    may_be_logits = is_gen and params["softmax"] and not lifts.size
    low, high = (-MAX_FLOAT, MAX_FLOAT) if may_be_logits else (-SLACK, 1 + SLACK)
    options = (min(params["M"], n_classes), float(params["gamma"]), bool(params["softmax"])) if is_gen else ()
    writers: dict[str, Callable[..., None]] = {
        "entropy": write_entropies,
        "least_confidence": write_adjusted_maxima,
        "gen": write_gen,
    }

    def score(rows: slice) -> None:
        block = as_read_only(values[rows], np.float64)
        largest = block.max(axis=1)
        if not (block.min() >= low and largest.max() <= high):
            _raise_bad_rows(values, low, high)
        if params["method"] == "least_confidence" and not lifts.size:
            np.clip(largest, 0, 1, out=scores[rows])
            return
        writers[params["method"]](block, lifts, np.empty((2, n_classes)), scores[rows], *options)

    for_each(row_blocks(n_rows, n_classes), score, resolve_n_jobs(n_jobs))
    return 1 - scores / params["M"] if is_gen else scores


def _raise_bad_rows(values: RowReader, low: float, high: float) -> NoReturn:
    """Name the first row with a value outside [low, high], and how many there are."""
    bad = []
    for rows in row_blocks(*values.shape):
        block = np.asarray(values[rows], np.float64)
        bad.append(rows.start + np.flatnonzero(~((block >= low) & (block <= high)).all(axis=1)))
    found = np.concatenate(bad)
    if high <= 1 + SLACK:
        raise_bad_rows(len(found), int(found[0]), np.asarray(values[int(found[0]) : int(found[0]) + 1])[0])
    raise ValueError(sentence("pred_probs", "hold finite numbers", f"row {found[0]:,} ({len(found):,} such rows)"))


@kernel
def write_entropies(p: Any, lifts: Any, scratch: Any, scores: Any) -> None:
    """scores[i] = 1 - entropy of the adjusted row i over ln K, 1 for K = 1."""
    K = p.shape[1]
    for i in range(p.shape[0]):
        write_row(p, i, lifts, scratch)
        entropy = row_entropy(scratch, 0, scratch[1]) / np.log(K) if K > 1 else 0.0
        scores[i] = min(max(1.0 - entropy, 0.0), 1.0)


@kernel
def write_adjusted_maxima(p: Any, lifts: Any, scratch: Any, scores: Any) -> None:
    """scores[i] = largest probability of the adjusted row i."""
    for i in range(p.shape[0]):
        write_row(p, i, lifts, scratch)
        scores[i] = min(scratch[0].max(), 1.0)


@kernel
def write_gen(p: Any, lifts: Any, scratch: Any, scores: Any, M: Any, gamma: Any, softmax: Any) -> None:
    """scores[i] = sum of (z (1 - z))**gamma over the M largest z of row i, its softmax or the adjusted row itself."""
    K = p.shape[1]
    z, largest = scratch[0], scratch[0, K - M :]
    for i in range(p.shape[0]):
        write_row(p, i, lifts, scratch)
        if softmax:
            write_softmax(z)
        if M < K:
            nth_smallest(z, 0, K - 1, K - M)  # the M largest now come last
        for k in range(M):
            product = largest[k] * (1.0 - largest[k])
            some = max(product, 1e-300)
            power = exponential(gamma * (p_log_p(some) / some))
            largest[k] = power if product > 0.0 else 0.0
        scores[i] = largest.sum()


@kernel
def write_row(p: Any, i: Any, lifts: Any, scratch: Any) -> None:
    """scratch[0] = p[i], with lifts (p[i] + lifts) / sum; 1 / K each if they sum to 0."""
    total = 0.0
    for k in range(lifts.size):
        scratch[0, k] = p[i, k] + lifts[k]
        total += scratch[0, k]
    for k in range(lifts.size):
        scratch[0, k] = scratch[0, k] / total if total > 0.0 else 1.0 / lifts.size
    for k in range(lifts.size, p.shape[1]):
        scratch[0, k] = p[i, k]


@kernel
def write_softmax(z: Any) -> None:
    """Replace z by exp(z - max z) / sum."""
    highest = z.max()
    for k in range(z.size):
        z[k] = exponential(z[k] - highest)
    total = z.sum()
    for k in range(z.size):
        z[k] /= total


@kernel
def exponential(x: Any) -> Any:
    """Return exp(x) for x <= 0 with a relative error below 1e-14 + 3e-16 |x|; what is smaller than 2e-308 is that.

    x = (e + f) ln 2 with a whole e and |f| <= 1/2; Taylor's polynomial of degree 11 in f ln 2. No branch: loops over it
    vectorise, 3 ns a number (one core), where C's takes 10.
    """
    y = max(x * 1.4426950408889634, -1022.0)
    rounded = y + 6755399441055744.0  # 1.5 * 2**52: its low bits are the nearest whole number
    f = (y - (rounded - 6755399441055744.0)) * 0.6931471805599453
    power = np.int64((np.float64(rounded).view(np.int64) - 0x4338000000000000 + 1023) << 52).view(np.float64)
    f2 = f * f
    f4 = f2 * f2
    low = (1.0 + f) + (1 / 2 + f / 6) * f2
    mid = (1 / 24 + f / 120) + (1 / 720 + f / 5_040) * f2
    high = (1 / 40_320 + f / 362_880) + (1 / 3_628_800 + f / 39_916_800) * f2
    return (low + mid * f4 + high * (f4 * f4)) * power
