"""The whole algorithm: one sweep over the data, what follows from it, and now and then a short second look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.alignment import warn_if_permuted
from fastcl.core.constants import SLACK
from fastcl.core.lazily import kept
from fastcl.core.matrices import calibrate
from fastcl.core.pair_margins import LargestMargins, Pairs
from fastcl.core.reductions import Reduction
from fastcl.core.reductions.confident_joint import counts_for
from fastcl.core.reductions.issue_count import IssueCount
from fastcl.core.reductions.thresholds import SelfConfidenceSums, gather_self_confidence
from fastcl.core.reductions.validity import Validity
from fastcl.core.scores import Score, Scoring
from fastcl.core.sparse_joint import SparseJoint
from fastcl.core.sweep import Block, RowSummary, decide, settle, sweep
from fastcl.core.validation import raise_bad_rows
from fastcl.engine.blocks import Piece, Source, as_read_only, slices
from fastcl.engine.progress import Progress
from fastcl.engine.rows import RowStore
from fastcl.engine.threads import for_each, reduce_items, resolve_n_jobs

#: Rows of the summary worked on at a time: enough for the interpreter's share not to show.
ROWS_AT_A_TIME = 1 << 17


@dataclass
class Sweep:
    """What one sweep over labels and probabilities leaves behind.

    `raw_joint` is the confident joint before calibration, `n_issues` the number of its off-diagonal rows that
    their given label does not win, `scores` the score of every row, `extra` what one more function said of each.
    """

    source: Source
    labels: npt.NDArray[np.int32]
    summary: RowSummary
    scores: npt.NDArray[Any]
    class_counts: npt.NDArray[np.int64]
    thresholds: npt.NDArray[np.float64]
    raw_joint: npt.NDArray[np.int64] | SparseJoint
    n_issues: int
    n_threads: int
    extra: npt.NDArray[Any]

    @kept
    def joint(self) -> npt.NDArray[np.int64] | SparseJoint:
        """The calibrated confident joint."""
        return calibrated(self.raw_joint, self.class_counts, self.n_threads)


@dataclass
class ScoredRows:
    """The scores of all rows, their summary, and what one more function said of each row."""

    labels: npt.NDArray[np.int32]
    summary: RowSummary
    scores: npt.NDArray[np.floating[Any]]
    extra: npt.NDArray[Any]


def question_columns(source: Source, labels: npt.NDArray[np.int32], summary: RowSummary) -> None:
    """Warn if the columns look permuted against the labels."""
    warn_if_permuted(labels, summary.predicted, source.name_classes(np.arange(source.n_classes)))


def calibrated(
    raw_joint: npt.NDArray[np.int64] | SparseJoint, class_counts: npt.NDArray[np.int64], n_threads: int = 1
) -> npt.NDArray[np.int64] | SparseJoint:
    """Return a confident joint, dense or sparse, scaled so that its rows sum to the class counts."""
    if isinstance(raw_joint, SparseJoint):
        return raw_joint.calibrate(class_counts)
    return calibrate(raw_joint, class_counts, for_each=partial(for_each, n_threads=n_threads))


def sum_self_confidence(source: Source, *, n_jobs: int | None = None, verbose: bool = False) -> SelfConfidenceSums:
    """Read one probability a row, and check just that: class counts and thresholds."""

    def update(states: list[Reduction], piece: Piece) -> None:
        block = open_block(piece, source.dtype, RowSummary.empty(piece.stop - piece.start, source.dtype))
        gather_self_confidence(block)
        own = block.summary.self_confidence
        bad = np.flatnonzero(~((own >= -SLACK) & (own <= 1 + SLACK)))
        if bad.size:
            raise_bad_rows(bad.size, block.start + int(bad[0]), block.pred_probs[bad[0]])
        states[0].update(block)

    (sums,) = _fold(source, [SelfConfidenceSums], update, "thresholds", n_jobs, verbose)
    source.n_rows = int(sums.counts.sum())
    return sums


def sweep_rows(
    source: Source,
    statistics: Sequence[type[Reduction]],
    *,
    thresholds: npt.NDArray[np.float64] | None = None,
    score: Score | None = None,
    entropy: bool = False,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> tuple[list[Any], RowStore]:
    """Sweep every row once: return the states of `statistics`, and what is kept of the rows.

    Confident classes are written only if thresholds are given. `entropy` asks for that column of the row summary.
    `score` is called from several threads at once.
    """
    rows = RowStore(source, entropy=entropy)

    def update(states: list[Reduction], piece: Piece) -> None:
        block = open_block(piece, source.dtype, rows.room_for(piece))
        sweep(block, thresholds)
        for state in states:
            state.update(block)
        rows.keep(block, None if score is None else score(block, thresholds))

    *states, validity = _fold(source, [*statistics, Validity], update, "sweep", n_jobs, verbose)
    n_bad, first_bad = validity.finalize()
    if n_bad:
        raise_bad_rows(n_bad, first_bad, rows.bad_rows[first_bad])
    return states, rows


def confident_sweep(
    source: Source,
    *,
    thresholds: npt.NDArray[np.float64] | None = None,
    scoring: Scoring | None = None,
    also: Score | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> Sweep:
    """Read the data once for everything; adjusted scores need one probability a row before.

    Without given thresholds the confident classes are settled after the sweep, and the few rows whose summary does
    not tell are read once more. `also` maps rows to one more number, without thresholds.
    """
    scoring = scoring or Scoring("self_confidence")
    if thresholds is None and scoring.adjust_pred_probs:
        thresholds = sum_self_confidence(source, n_jobs=n_jobs, verbose=verbose).finalize()
    at_once: list[type[Reduction]] = [SelfConfidenceSums]
    of_confident: list[type[Reduction]] = [counts_for(source.n_classes), IssueCount]
    (sums, *states), rows = sweep_rows(
        source,
        at_once if thresholds is None else at_once + of_confident,
        thresholds=thresholds,
        score=_side_by_side(scoring.of_block(), also),
        entropy=scoring.needs_entropy,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    labels, summary, columns = rows.close()
    n_threads = resolve_n_jobs(n_jobs)
    if thresholds is None:
        thresholds = sums.finalize()
        settle_all(source, labels, summary, thresholds, n_threads)
        states = fold_summary(labels, summary, of_confident, source.n_classes, n_threads)
    scores = columns[:, 0] if scoring.adjust_pred_probs else scoring.of_summary(summary, source.n_classes)
    question_columns(source, labels, summary)
    joint, n_issues = (state.finalize() for state in states)
    extra = columns[:, -1] if also else np.empty(0)
    return Sweep(source, labels, summary, scores, sums.counts, thresholds, joint, n_issues, n_threads, extra)


def _side_by_side(*columns: Score | None) -> Score | None:
    """Return one function for those that are wanted, of the numbers of all of them in columns; None if none is."""
    wanted = [column for column in columns if column is not None]
    return (lambda *seen: np.column_stack([column(*seen) for column in wanted])) if wanted else None


def settle_all(
    source: Source,
    labels: npt.NDArray[np.int32],
    summary: RowSummary,
    thresholds: npt.NDArray[np.float64],
    n_threads: int,
) -> None:
    """Write the confident class of every row, from its summary or, where that does not tell, from a second look."""
    found: list[npt.NDArray[np.int64]] = []

    def settle_part(rows: slice) -> None:
        undecided = settle(labels[rows], summary[rows], thresholds)
        if undecided.size:
            found.append(undecided + rows.start)

    for_each(_parts(len(labels)), settle_part, n_threads)
    if not found:
        return
    undecided = np.sort(np.concatenate(found))

    def look(piece: Piece) -> None:
        rows = _within(undecided, piece)
        if rows.size:
            block = open_block(piece, source.dtype, summary[piece.start : piece.stop])
            decide(block, thresholds, rows - piece.start)

    for_each(source.pieces(), look, n_threads)


def fold_summary(
    labels: npt.NDArray[np.int32],
    summary: RowSummary,
    statistics: Sequence[type[Reduction]],
    n_classes: int,
    n_threads: int,
) -> list[Any]:
    """Return the states of statistics that need no more than the row summary."""
    no_probabilities = np.empty((0, n_classes))

    def update(states: list[Reduction], rows: slice) -> None:
        block = Block(rows.start, labels[rows], no_probabilities, summary[rows])
        for state in states:
            state.update(block)

    new = [statistic.init for statistic in statistics]
    return _merge(reduce_items(_parts(len(labels)), lambda: [init(n_classes) for init in new], update, n_threads))


def scored_sweep(
    source: Source, scoring: Scoring, *, also: Score | None = None, n_jobs: int | None = None, verbose: bool = False
) -> ScoredRows:
    """Score all rows, in one pass unless the score needs thresholds first; `also` maps rows to one more number."""
    thresholds = None
    if scoring.adjust_pred_probs:
        thresholds = sum_self_confidence(source, n_jobs=n_jobs, verbose=verbose).finalize()
    _, rows = sweep_rows(
        source,
        [],
        thresholds=thresholds,
        score=_side_by_side(scoring.of_block(), also),
        entropy=scoring.needs_entropy,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    labels, summary, columns = rows.close()
    scores = columns[:, 0] if scoring.adjust_pred_probs else scoring.of_summary(summary, source.n_classes)
    return ScoredRows(labels, summary, scores, columns[:, -1] if also else np.empty(0))


def largest_margins(sweep: Sweep, pairs: Pairs, *, verbose: bool = False) -> npt.NDArray[np.int64]:
    """Return the rows with the largest margins of each pair, some more than once; see `core.pair_margins`.

    The row summary decides nearly everything; the rows that may still matter are read once more, in row order.
    """
    labels, summary, n_threads = sweep.labels, sweep.summary, sweep.n_threads
    first = LargestMargins.collect(pairs, labels, summary)
    for_each(first.parts(8 * n_threads), first.offer, n_threads)
    margins = first.finalize()
    del first  # 28 bytes for each of its rows
    worth = margins.worth_a_look(labels, summary)
    one_at_a_time = Lock()

    def look(piece: Piece) -> None:
        rows = np.flatnonzero(worth[piece.start : piece.stop]) + piece.start
        if rows.size:
            for hits in margins.search(open_block(piece, sweep.source.dtype), summary.predicted, rows):
                with one_at_a_time:
                    margins.take(hits)

    with Progress("margins", len(labels), wanted=verbose) as progress:
        for_each(progress.over(sweep.source.pieces()), look, n_threads)
    return margins.finalize()


def open_block(piece: Piece, dtype: np.dtype[Any], summary: RowSummary | None = None) -> Block:
    """Read a piece and return it in the one form that kernels know."""
    labels = as_read_only(piece.labels, np.int32)
    return Block(piece.start, labels, as_read_only(piece.read(), dtype), summary or RowSummary.empty(0, dtype))


def _fold(
    source: Source,
    statistics: Sequence[type[Reduction]],
    update: Callable[[list[Any], Piece], None],
    task: str,
    n_jobs: int | None,
    verbose: bool,
) -> list[Any]:
    """Read the source once with all threads and return the merged states."""
    with Progress(task, source.n_rows, wanted=verbose) as progress:
        states = reduce_items(
            progress.over(source.pieces()),
            lambda: [statistic.init(source.n_classes) for statistic in statistics],
            update,
            resolve_n_jobs(n_jobs),
        )
    return _merge(states)


def _merge(states: list[list[Any]]) -> list[Any]:
    """Merge the states of all threads into those of the first."""
    for others in states[1:]:
        for state, other in zip(states[0], others, strict=True):
            state.merge(other)
    return states[0]


def _parts(n_rows: int) -> Iterator[slice]:
    """Cut rows into parts whose summary stays in a second-level cache."""
    return slices(n_rows, ROWS_AT_A_TIME)


def _within(rows: npt.NDArray[np.int64], piece: Piece) -> npt.NDArray[np.int64]:
    """Return those of `rows`, which ascend, that belong to a piece."""
    return rows[slice(*np.searchsorted(rows, (piece.start, piece.stop)))]
