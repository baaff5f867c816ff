"""Multi-label issues: which cells are wrong, and from them which rows.

The rules of `fastcl.core.led_cells`, asked of one sweep; `fastcl.filter` and the modules beside this one are views.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.cell_scores import score_cells, side_lifts, take
from fastcl.core.errors import warn
from fastcl.core.filter_options import PruneOptions, check_options
from fastcl.core.led_cells import LedCells, by_class, by_noise_rate, lowest_scores
from fastcl.core.matrices import as_class_counts
from fastcl.core.multilabel_sweep import CellBlock, as_side_thresholds
from fastcl.core.scores import Scoring
from fastcl.core.selection import ascending, lowest
from fastcl.core.side_joints import check_joints, removals
from fastcl.engine.multilabel import CellSweep, open_cells, sweep_cells
from fastcl.engine.threads import for_each, resolve_n_jobs

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

#: Filters that rank rows, not cells, where rows are asked for.
LOWEST = ("low_normalized_margin", "low_self_confidence")

#: Flags the led cells of some consecutive classes.
Rule = Callable[[LedCells, slice], Mask]

#: Led cells that a thread selects from at a time: 66,000 take one thread 1.8 ms, and two of them 3.1 ms.
CELLS_AT_A_TIME = 1 << 17


@dataclass(frozen=True)
class CellIssues:
    """What a sweep left behind, and the led cells that are label issues."""

    sweep: CellSweep
    cells: LedCells

    def of_rows(self) -> Mask:
        """Return which rows have an issue in any class, shape (n_samples,)."""
        return mask_of(self.cells.rows, len(self.sweep.source))

    def of_cells(self) -> Mask:
        """Return which classes of which rows are issues, shape (n_samples, n_classes)."""
        source = self.sweep.source
        mask = np.zeros((len(source), source.n_classes), np.bool_)
        classes = np.repeat(np.arange(source.n_classes), self.cells.counts().sum(axis=1))
        mask[self.cells.rows, classes] = True
        return mask

    def ranked(self, scoring: Scoring) -> list[Rows]:
        """Return the rows of the issues of each class, worst first, ties by row."""
        parts = [slice(c, c + 1) for c in range(self.cells.n_classes)]
        return [_ranked(self.cells[part], self.sweep.thresholds[part], scoring) for part in parts]


def mask_of(rows: Rows, n_rows: int) -> Mask:
    """Return a mask of some rows."""
    mask = np.zeros(n_rows, np.bool_)
    mask[rows] = True
    return mask


def find_cells(labels: Any, pred_probs: Any, *, filter_by: str = "prune_by_noise_rate", **ask: Any) -> CellIssues:
    """Sweep the data and flag cells; `ask` holds what `sweep_for` can be asked."""
    sweep, prune = sweep_for(labels, pred_probs, filter_by=filter_by, **ask)
    return flag(sweep, filter_by, prune)


def search_rows(
    labels: Any,
    pred_probs: Any,
    *,
    rank_by: str | None = None,
    rank_by_kwargs: dict[str, Any] | None = None,
    filter_by: str = "prune_by_noise_rate",
    **ask: Any,
) -> Mask | Rows:
    """Return the mask of the rows with an issue, or these rows ranked by the score `rank_by`."""
    scoring = ranking(rank_by, rank_by_kwargs)
    sweep, prune = sweep_for(labels, pred_probs, filter_by=filter_by, **ask)
    mask = _lowest_rows(sweep) if filter_by in LOWEST else flag(sweep, filter_by, prune).of_rows()
    if rank_by is None:
        return mask
    rows = np.flatnonzero(mask)
    return rows[ascending(_scores(sweep, scoring, rows))]


def sweep_for(
    labels: Any,
    pred_probs: Any,
    *,
    filter_by: str,
    prune: PruneOptions | None = None,
    thresholds: npt.ArrayLike | None = None,
    class_names: Sequence[Hashable] | None = None,
) -> tuple[CellSweep, PruneOptions]:
    """Check what a filter is asked for, sweep the data, and return both."""
    prune = prune or PruneOptions()
    check_options(filter_by, prune)
    source = open_cells(labels, pred_probs, class_names)
    prune = _checked(prune, source.n_classes)
    given = None if thresholds is None else as_side_thresholds(thresholds, source.n_classes)
    return sweep_cells(source, thresholds=given, n_jobs=prune.n_jobs, verbose=prune.verbose), prune


def flag(sweep: CellSweep, filter_by: str, prune: PruneOptions) -> CellIssues:
    """Return the cells that a filter flags, class by class in our threads."""
    rule, led = RULES[filter_by](sweep, prune), sweep.led
    issues = np.zeros(len(led), np.bool_)

    def flag_part(classes: slice) -> None:
        cells = slice(led.offsets[2 * classes.start], led.offsets[2 * classes.stop])
        issues[cells] = rule(led[classes], classes)

    for_each(_parts(led), flag_part, resolve_n_jobs(sweep.n_jobs))
    return CellIssues(sweep, led.where(issues))


def predicted_neq_given(
    labels: Any, pred_probs: Any, *, class_names: Sequence[Hashable] | None = None, n_jobs: int | None = None
) -> Mask:
    """Return the mask of the rows of which a class is predicted but not given, or given but not predicted."""
    sweep = sweep_cells(open_cells(labels, pred_probs, class_names), n_jobs=n_jobs)
    return mask_of(sweep.led.rows, len(sweep.source))


def ranking(method: str | None, options: dict[str, Any] | None) -> Scoring:
    """Return the score to rank by; ValueError if there is none of that name."""
    scoring = Scoring.of_options("self_confidence" if method is None else method, options, "rank_by_kwargs")
    if method is not None:
        scoring.check("return_indices_ranked_by", 2)
    return scoring


def _ranked(cells: LedCells, thresholds: npt.NDArray[np.float64], scoring: Scoring) -> Rows:
    """Return the rows of the cells of one class by their scores."""
    order = np.argsort(cells.rows)
    block = take(CellBlock(0, cells.values[:, None], cells.given[:, None].view(np.uint8)), order)
    lifts = side_lifts(thresholds) if scoring.adjust_pred_probs else None
    return cells.rows[order][ascending(score_cells(block, scoring, lifts)[:, 0])]


def _lowest_rows(sweep: CellSweep) -> Mask:
    """Flag the rows of lowest score, as many as have a confident issue."""
    n_issues = int(np.count_nonzero(flag(sweep, "confident_learning", PruneOptions()).of_rows()))
    scores = _scores(sweep, Scoring("self_confidence"))
    return mask_of(lowest(scores, n_issues), len(scores))


def _scores(sweep: CellSweep, scoring: Scoring, rows: Rows | None = None) -> npt.NDArray[Any]:
    """Score all rows, or some, by the moving average of the scores of their cells."""
    from fastcl.multilabel_classification.rank import aggregated_scores

    return aggregated_scores(sweep.source, scoring, thresholds=sweep.thresholds, rows=rows, n_jobs=sweep.n_jobs)


def _checked(prune: PruneOptions, n_classes: int) -> PruneOptions:
    """Return the options with the joint and the numbers to remove as arrays that fit, or raise."""
    joint, wanted = prune.confident_joint, prune.num_to_remove_per_class
    if is_square_joint(joint, n_classes):
        warn(
            f"`confident_joint` of shape {(n_classes, n_classes)} is not used: multi-label joints have shape "
            f"({n_classes}, 2, 2), see `fastcl.count.compute_confident_joint(..., multi_label=True)`."
        )
        joint = None
    return PruneOptions(
        prune.frac_noise,
        None if wanted is None else as_class_counts("num_to_remove_per_class", wanted, n_classes).tolist(),
        prune.min_examples_per_class,
        None if joint is None else check_joints(joint, n_classes),
        prune.n_jobs,
        prune.verbose,
    )


def is_square_joint(joint: Any, n_classes: int) -> bool:
    """Tell whether a joint is one of classes that exclude each other, as the reference takes and ignores it."""
    try:
        return np.shape(joint) == (n_classes, n_classes)
    except ValueError:  # rows of different lengths, which `check_joints` refuses
        return False


def _parts(led: LedCells) -> Iterator[slice]:
    """Cut the classes into ranges of about `CELLS_AT_A_TIME` led cells."""
    begins = led.offsets[::2]
    cuts = np.searchsorted(begins, np.arange(CELLS_AT_A_TIME, begins[-1], CELLS_AT_A_TIME))
    for low, high in pairwise(np.unique([0, *cuts, led.n_classes]).tolist()):
        yield slice(low, high)


def _wanted(sweep: CellSweep, prune: PruneOptions) -> tuple[Rows, Rows]:
    """Return how many cells of each class and given side to flag: by noise rate, by class."""
    joint = sweep.joint if prune.confident_joint is None else np.asarray(prune.confident_joint)
    by_rate, keep = removals(joint, prune.min_examples_per_class, prune.frac_noise)
    by_side = sweep.side_counts - keep
    if prune.num_to_remove_per_class is not None:
        # the reference's two readings of the number: cells given the class, and cells not given it
        number = np.asarray(prune.num_to_remove_per_class)
        nothing = np.zeros_like(number)
        by_rate = np.column_stack([nothing, np.where(by_rate[:, 1] > 0, number, 0)])
        by_side = np.column_stack([number, nothing])
    large_enough = sweep.side_counts > prune.min_examples_per_class
    _warn_of_small_sides(sweep, prune, large_enough)
    return np.where(large_enough, by_rate, 0), np.where(large_enough, by_side, 0)


def _warn_of_small_sides(sweep: CellSweep, prune: PruneOptions, large_enough: npt.NDArray[np.bool_]) -> None:
    small = np.flatnonzero((~large_enough & (sweep.side_counts > 0)).any(axis=1))
    if small.size:
        shown = ", ".join(map(str, sweep.source.name_classes(small[:10]))) + (", ..." if small.size > 10 else "")
        warn(
            f"No label issues are looked for among rows that have, or do not have, {small.size} class(es): there are "
            f"no more than `min_examples_per_class` = {prune.min_examples_per_class} of them: {shown}."
        )


def _noise_rate_rule(sweep: CellSweep, prune: PruneOptions) -> Rule:
    wanted, _ = _wanted(sweep, prune)
    return lambda led, classes: by_noise_rate(led, wanted[classes])


def _class_rule(sweep: CellSweep, prune: PruneOptions) -> Rule:
    _, wanted = _wanted(sweep, prune)
    return lambda led, classes: by_class(led, wanted[classes])


def _both_rule(sweep: CellSweep, prune: PruneOptions) -> Rule:
    by_rate, by_side = _wanted(sweep, prune)
    return lambda led, classes: by_noise_rate(led, by_rate[classes]) & by_class(led, by_side[classes])


def _confident_rule(sweep: CellSweep, prune: PruneOptions) -> Rule:
    return lambda led, classes: led.confident(sweep.thresholds[classes])


def _lost_rule(sweep: CellSweep, prune: PruneOptions) -> Rule:
    return lambda led, classes: led.lost


def _low_rule(method: str) -> Callable[[CellSweep, PruneOptions], Rule]:
    return lambda sweep, prune: lambda led, classes: lowest_scores(led, sweep.thresholds[classes], method)


RULES: dict[str, Callable[[CellSweep, PruneOptions], Rule]] = {
    "prune_by_noise_rate": _noise_rate_rule,
    "prune_by_class": _class_rule,
    "both": _both_rule,
    "confident_learning": _confident_rule,
    "predicted_neq_given": _lost_rule,
    "low_normalized_margin": _low_rule("normalized_margin"),
    "low_self_confidence": _low_rule("self_confidence"),
}
