"""Which rows would good annotators disagree on, and which labels are surely right?

A wrong label and an ambiguous row are different findings: the one has a better label, the other has none. Both make a
model doubt the given label.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import SLACK
from fastcl.core.errors import check_number, sentence
from fastcl.core.jit import kernel
from fastcl.core.reductions.thresholds import SelfConfidenceSums
from fastcl.core.scores import Score, Scoring
from fastcl.core.sweep import Block, RowSummary
from fastcl.engine.blocks import Source, as_read_only, open_source
from fastcl.engine.run import question_columns, scored_sweep, sweep_rows
from fastcl.neighbors.graph import KNNGraph, graph_of_itself

__all__ = ["Ambiguous", "find_ambiguous", "find_well_labeled"]

#: Two annotators are expected to agree in fewer cases than this: with two classes, the better one has less than .66.
THRESHOLD = 0.55


@dataclass(frozen=True, eq=False)
class Ambiguous:
    """Rows on which good annotators would disagree.

    Parameters
    ----------
    is_issue : bool of shape (n_samples,)
        True where the score is below the cut.
    scores : float64 of shape (n_samples,)
        How probably two annotators agree, in [1 / n_classes, 1]; low is ambiguous.
    summary : mean of the scores
    threshold : what part of the median score the cut is
    cut : what scores were compared with
    """

    is_issue: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]
    summary: float
    threshold: float
    cut: float


def find_ambiguous(
    labels: Any,
    pred_probs: Any,
    graph: Any = None,
    *,
    threshold: float = THRESHOLD,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> Ambiguous:
    """Score how probably two annotators would agree on each row.

    The given label of the row itself plays no part, so a wrong label alone makes no row ambiguous. Rows of a kind that
    the model does not know look ambiguous too. A weak or shy model finds much ambiguous, so flags are relative to the
    median row.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names. Used for the neighbours' votes.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1]. Or what `fastcl.filter.find_label_issues` takes.
    graph : KNNGraph or sparse matrix of shape (n_samples, n_samples), optional
        Neighbours of each row.
    threshold : float
        Flag rows whose score is below this part of the median score, in [0, 1].
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    Ambiguous
        Flags, scores and their mean.

    Raises
    ------
    TypeError
        If `graph` is no graph.
    ValueError
        If the graph is one of other data, `pred_probs` holds something else than probabilities or does not fit
        `labels`, or the threshold is outside [0, 1].

    Notes
    -----
    Let v[k] be the share of the row's neighbours that have label k, 0 without a graph, and q[k] proportional to
    p[k] (1 + v[k]). Two annotators that draw their labels from q agree with probability sum of q[k]**2, the score; its
    reciprocal is the number of classes in question. One pass over the probabilities, 8 bytes a row beside the row
    summary.

    References
    ----------
    Simpson, "Measurement of Diversity", Nature 163, 1949: the sum of squares.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.98, 0.01, 0.01], [0.5, 0.5, 0.0], [0.02, 0.98, 0.0]])
    >>> found = find_ambiguous([0, 1, 0], pred_probs)
    >>> found.scores.round(2)
    array([0.96, 0.5 , 0.96])
    >>> found.is_issue
    array([False,  True, False])
    """
    check_number("threshold", threshold, 0, 1)
    source = open_source(labels, pred_probs, class_names=class_names)
    return judge(_sweep(source, graph, n_jobs).agreement, threshold)


def judge(agreement: npt.NDArray[np.float64], threshold: float = THRESHOLD) -> Ambiguous:
    """Return which rows annotators agree on less probably than on `threshold` times the median row."""
    check_number("threshold", threshold, 0, 1)
    cut = float(threshold * np.median(agreement))
    return Ambiguous(agreement < cut, agreement, float(agreement.mean()), float(threshold), cut)


def agreement_with(
    codes: npt.NDArray[np.int32], graph: KNNGraph | None, rows: npt.NDArray[np.int64] | None = None
) -> Score:
    """Return what tells, for each row of a block, how probably two annotators would agree.

    `codes` are the labels of all rows, -1 where there is none; blocks are of `rows`, None for all.
    """
    if graph is None:
        return lambda block, _: _agreement(block, codes, None)
    indices = as_read_only(graph.indices if rows is None else graph.indices[rows], np.int32)
    return lambda block, _: _agreement(block, codes, indices)


def agreement(
    source: Source,
    codes: npt.NDArray[np.int32],
    graph: KNNGraph | None,
    rows: npt.NDArray[np.int64] | None = None,
    n_jobs: int | None = None,
) -> npt.NDArray[np.float64]:
    """Return how probably two annotators would agree on each row of a source; see `agreement_with`."""
    also = agreement_with(codes, graph, rows)
    return scored_sweep(source, Scoring("self_confidence"), also=also, n_jobs=n_jobs).extra


def find_well_labeled(
    labels: Any,
    pred_probs: Any,
    graph: Any = None,
    *,
    threshold: float = THRESHOLD,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> npt.NDArray[np.bool_]:
    """Find the rows whose label is surely right: to train on, to test on, to show to annotators.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1]. Or what `fastcl.filter.find_label_issues` takes.
    graph : KNNGraph or sparse matrix of shape (n_samples, n_samples), optional
        Neighbours of each row.
    threshold : float
        Leave out rows that `find_ambiguous` scores lower, in [0, 1].
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples,), bool
        True where the given label is

        - the predicted class,
        - at least as probable as its class threshold (`fastcl.count.get_confident_thresholds`),
        - on a row of which two annotators would agree at least so probably, and
        - with a graph, at least as frequent among the neighbours as any other label.

    Raises
    ------
    TypeError, ValueError
        As `find_ambiguous`.

    Notes
    -----
    The default filter of `fastcl.filter.find_label_issues` flags none of these rows: it leaves alone those whose given
    label is predicted. One pass over the probabilities, 10 bytes a row beside the row summary.

    References
    ----------
    Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021, section
    3.1, for the thresholds.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> find_well_labeled(["cat", "cat", "dog", "dog", "dog"], pred_probs)
    array([ True, False,  True,  True, False])
    """
    check_number("threshold", threshold, 0, 1)
    source = open_source(labels, pred_probs, class_names=class_names)
    swept = _sweep(source, graph, n_jobs)
    codes, summary = swept.labels, swept.summary
    found = (summary.predicted == codes) & (swept.agreement >= threshold)
    found &= summary.self_confidence >= swept.thresholds[codes] - SLACK
    if swept.indices is not None:
        found &= _votes_for_given(codes, swept.indices, source.n_classes)
    return found


@dataclass(frozen=True, eq=False)
class _Swept:
    """What one pass over the data leaves behind."""

    labels: npt.NDArray[np.int32]
    summary: RowSummary
    thresholds: npt.NDArray[np.float64]
    agreement: npt.NDArray[np.float64]
    indices: npt.NDArray[np.int32] | None


def _sweep(source: Source, graph: Any, n_jobs: int | None) -> _Swept:

    given, indices = _neighbors(source, graph)
    (sums,), rows = sweep_rows(
        source,
        [SelfConfidenceSums],
        score=lambda block, _: _agreement(block, given, indices),
        n_jobs=n_jobs,
    )
    labels, summary, scores = rows.close()
    question_columns(source, labels, summary)
    return _Swept(labels, summary, sums.finalize(), scores, indices)


def _neighbors(source: Source, graph: Any) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32] | None]:
    """Return the labels of all rows and the neighbours of each, None without a graph."""
    if graph is None:
        return np.empty(0, np.int32), None
    if source.labels is None or source.n_rows is None:
        rule = "be given as an array if there is a graph"
        raise ValueError(sentence("labels", rule, "None", "Neighbours' labels are needed from the first block on."))
    graph = graph_of_itself(graph, n_samples=source.n_rows)
    return source.labels, as_read_only(graph.indices, np.int32)


def _agreement(
    block: Block, labels: npt.NDArray[np.int32], indices: npt.NDArray[np.int32] | None
) -> npt.NDArray[np.float64]:
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


def _votes_for_given(labels: npt.NDArray[np.int32], indices: npt.NDArray[np.int32], n_classes: int) -> Any:
    """Tell for each row whether no label is more frequent among its neighbours than its own."""
    is_first = np.empty(len(labels), np.bool_)
    compare_votes(indices, labels, np.zeros(n_classes, np.int32), is_first)
    return is_first


@kernel
def score_agreement(p, indices, labels, votes, scores):
    """scores[i] = sum q**2 with q[k] ~ p[i, k] (1 + votes[k]); `votes` is scratch of K zeros, and left so.

    A label of -1 votes for nothing.
    """
    n, K = p.shape
    k = indices.shape[1]
    for i in range(n):
        for j in range(k):
            if labels[indices[i, j]] >= 0:
                votes[labels[indices[i, j]]] += 1.0 / k
        total, squares = 0.0, 0.0
        for c in range(K):
            total += max(np.float64(p[i, c]), 0.0) * (1.0 + votes[c])
        for c in range(K):
            q = max(np.float64(p[i, c]), 0.0) * (1.0 + votes[c]) / total if total > 0 else 0.0
            squares += q * q
        scores[i] = squares if total > 0 else 1.0 / K
        votes[:] = 0.0


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
