"""The sweep over multi-label data: blocks of cells, in our threads; what is asked afterwards is answered from few.

One read gives the thresholds of both sides of every class and the led cells. Confident joints count all cells, also
those that are not led, by thresholds that are known only then: they take a second read, and nobody else does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from threading import Lock
from typing import Any, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import RowReader, as_pred_probs
from fastcl.core.errors import sentence
from fastcl.core.label_sets import LabelSets, as_label_sets
from fastcl.core.lazily import kept
from fastcl.core.led_cells import LedCells
from fastcl.core.multilabel_sweep import (
    CellBlock,
    add_sides,
    bad_rows,
    count_confident,
    led_cells,
    off_diagonal_cells,
)
from fastcl.core.reductions.thresholds import SelfConfidenceSums
from fastcl.core.reductions.validity import Validity
from fastcl.core.side_joints import calibrate_sides, raw_joints
from fastcl.core.validation import check_same_length, raise_bad_rows
from fastcl.engine.blocks import as_read_only, slices, working_dtype
from fastcl.engine.files import open_npy
from fastcl.engine.progress import Progress
from fastcl.engine.threads import reduce_items, resolve_n_jobs

State = TypeVar("State")

#: Cells in a block: few enough for a second-level cache, many enough for the interpreter's share not to show.
CELLS_AT_A_TIME = 1 << 18


@dataclass(frozen=True)
class CellSource:
    """Label sets and probabilities, to be read in blocks of rows as often as need be."""

    sets: LabelSets
    values: RowReader

    def __len__(self) -> int:
        return len(self.sets)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.sets.n_classes

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type in which probabilities are worked on."""
        return working_dtype(self.values.dtype)

    def pieces(self) -> Iterator[slice]:
        """Cut the rows into parts of about `CELLS_AT_A_TIME` cells."""
        return slices(len(self), max(1, CELLS_AT_A_TIME // self.n_classes))

    def read(self, rows: slice) -> npt.NDArray[np.floating[Any]]:
        """Return the probabilities of consecutive rows as a read-only C-order array."""
        return as_read_only(self.values[rows], self.dtype)

    def open(self, rows: slice) -> CellBlock:
        """Return consecutive rows in the one form that kernels know."""
        block = self.read(rows)
        if len(block) != rows.stop - rows.start:
            raise ValueError(sentence("pred_probs", "keep its rows while it is read", f"{len(block):,} rows"))
        return CellBlock(rows.start, block, self.sets.indicators(rows))

    def refuse(self, n_bad: int, first_bad: int) -> NoReturn:
        """Say which row holds no probabilities."""
        raise_bad_rows(n_bad, first_bad, self.read(slice(first_bad, first_bad + 1))[0], exclusive=False)

    def name_classes(self, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
        """Return class indices as the user names the classes."""
        names = self.sets.class_names
        return codes if names is None else names[codes]


def open_cells(labels: Any, pred_probs: Any, class_names: Sequence[Hashable] | None = None) -> CellSource:
    """Return multi-label labels and probabilities as a source of blocks.

    Parameters
    ----------
    labels : what `fastcl.core.label_sets.as_label_sets` takes; or the path of a ``.npy`` file of a 0/1 matrix
    pred_probs : array-like of shape (n_samples, n_classes), in memory or on disk, a table with one column a class; or
        the path of a ``.npy`` file
    class_names : what the columns stand for, in their order
    """
    values, columns = as_pred_probs(_opened("pred_probs", pred_probs))
    sets = as_label_sets(_opened("labels", labels), values.shape[1], class_names, columns=columns)
    check_same_length(len(sets), values.shape[0])
    return CellSource(sets, values)


def _opened(name: str, values: Any) -> Any:
    """Return the array of a file for its path, anything else as it is."""
    if not isinstance(values, (str, PathLike)):
        return values
    if not fspath(values).lower().endswith(".npy"):
        raise ValueError(sentence(name, "be an array, a table, or the path of a .npy file", repr(fspath(values))))
    return open_npy(name, values)


@dataclass
class CellSweep:
    """What one read of all cells leaves behind, and, if it is asked for, the joint of a second one.

    `side_counts` and `thresholds` have shape (n_classes, 2): not in, in. `led` holds no cells of classes that every
    row has, or none: with one side given there is nothing that a label could be held against.
    """

    source: CellSource
    side_counts: npt.NDArray[np.int64]
    thresholds: npt.NDArray[np.float64]
    led: LedCells
    n_jobs: int | None
    verbose: bool

    @kept
    def raw_joint(self) -> npt.NDArray[np.int64]:
        """Confident joints before calibration, shape (n_classes, 2, 2)."""
        return confident_joints(self.source, self.thresholds, n_jobs=self.n_jobs, verbose=self.verbose)

    @kept
    def joint(self) -> npt.NDArray[np.int64]:
        """Calibrated confident joints, shape (n_classes, 2, 2)."""
        return calibrate_sides(self.raw_joint, self.side_counts)


@dataclass
class _Seen:
    """What one thread has seen of the cells."""

    sums: SelfConfidenceSums
    led: list[tuple[int, npt.NDArray[np.int32], npt.NDArray[Any]]] = field(default_factory=list)


def sweep_cells(
    source: CellSource,
    *,
    thresholds: npt.NDArray[np.float64] | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> CellSweep:
    """Read every cell once: keep it if it is led, and, unless thresholds are given, add to their sums."""

    def update(seen: _Seen, block: CellBlock) -> None:
        if thresholds is None:
            add_sides(seen.sums, block)
        seen.led.append((block.start, *led_cells(block)))

    n_sides = 2 * source.n_classes
    first, *others = fold_blocks(
        source, lambda: _Seen(SelfConfidenceSums.init(n_sides)), update, "sweep", n_jobs=n_jobs, verbose=verbose
    )
    for other in others:
        first.sums.merge(other.sums)
        first.led += other.led
    side_counts = source.sets.side_counts()
    first.sums.counts += side_counts.reshape(-1)
    means = first.sums.finalize().reshape(-1, 2) if thresholds is None else thresholds
    return CellSweep(source, side_counts, means, _sorted(source, first.led, side_counts), n_jobs, verbose)


def _sorted(source: CellSource, blocks: list[Any], side_counts: npt.NDArray[np.int64]) -> LedCells:
    """Return the led cells of all blocks, without those of classes of which only one side is given."""
    led = LedCells.collect(sorted(blocks, key=lambda block: block[0]), source.n_classes)
    has_both = (side_counts > 0).all(axis=1, keepdims=True)
    return led if has_both.all() else led.where(led.spread(np.repeat(has_both, 2, axis=1)))


def confident_joints(
    source: CellSource, thresholds: npt.NDArray[np.float64], *, n_jobs: int | None = None, verbose: bool = False
) -> npt.NDArray[np.int64]:
    """Read all cells and return the raw joints: how many of each given side are confidently of each side."""

    def update(counts: npt.NDArray[np.int64], block: CellBlock) -> None:
        count_confident(block, thresholds, counts)

    shape = (source.n_classes, 2, 2)
    counts = fold_blocks(source, lambda: np.zeros(shape, np.int64), update, "joint", n_jobs=n_jobs, verbose=verbose)
    return raw_joints(sum(counts[1:], counts[0]))


def off_diagonal_rows(
    source: CellSource, thresholds: npt.NDArray[np.float64], *, n_jobs: int | None = None
) -> list[npt.NDArray[np.int64]]:
    """Read all cells and return, for each class, the rows that are confidently of the side that is not given."""

    def update(found: list[npt.NDArray[np.int64]], block: CellBlock) -> None:
        found.append(off_diagonal_cells(block, thresholds) + block.start * source.n_classes)

    states: list[list[npt.NDArray[np.int64]]] = fold_blocks(source, list, update, "off-diagonal cells", n_jobs=n_jobs)
    rows, classes = np.divmod(np.concatenate([found for state in states for found in state]), source.n_classes)
    order = np.lexsort((rows, classes))
    return np.split(rows[order], np.searchsorted(classes[order], np.arange(1, source.n_classes)))


def fold_blocks(
    source: CellSource,
    new_state: Callable[[], State],
    update: Callable[[State, CellBlock], None],
    task: str,
    *,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> list[State]:
    """Read the source once with all threads, fold its blocks into one state a thread and return these.

    Raises
    ------
    ValueError
        If a row holds something else than probabilities; all are read before, to say how many.
    """
    validity = Validity()
    one_at_a_time = Lock()

    def update_if_good(state: State, rows: slice) -> None:
        block = source.open(rows)
        n_bad, first_bad = bad_rows(block)
        if not n_bad:
            update(state, block)
            return
        with one_at_a_time:
            validity.merge(Validity(n_bad, first_bad))

    with Progress(task, len(source), wanted=verbose) as progress:
        states = reduce_items(progress.over(source.pieces()), new_state, update_if_good, resolve_n_jobs(n_jobs))
    if validity.n_bad:
        source.refuse(*validity.finalize())
    return states
