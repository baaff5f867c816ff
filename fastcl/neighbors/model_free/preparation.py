"""Rows become regressors: centred, perhaps standardised, perhaps taken through a kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.engine.block_sums import sum_blocks, wide_blocks
from fastcl.neighbors.features import Features
from fastcl.neighbors.model_free.nystrom import NystromMap, median_distance
from fastcl.neighbors.scaling import Scaling

#: Rows whose median distance is the width of the kernel.
WIDTH_ROWS = 1_000

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Preparation:
    """How a block of rows becomes regressors of `dtype`."""

    standardize: bool
    scaling: Scaling
    nystrom: NystromMap | None
    dtype: Any = np.float64

    @property
    def n_regressors(self) -> int:
        """Number of columns that come out."""
        return len(self.scaling.center) if self.nystrom is None else self.nystrom.n_outputs

    def astype(self, dtype: Any) -> Preparation:
        """Return the same in another type."""
        return replace(self, dtype=dtype, nystrom=self.nystrom and self.nystrom.astype(dtype))

    def __call__(self, rows: Floats) -> Floats:
        scaled: Floats = self.scaling.apply(rows).astype(self.dtype, copy=False)
        return scaled if self.nystrom is None else self.nystrom.apply(scaled)


def preparations_of(
    features: Features, kernel: str, n_landmarks: int, standardize: bool | str, seed: int, n_threads: int
) -> list[Preparation]:
    """Return the one preparation that is asked for, or both to choose from, without and with standardising."""
    center, deviations = column_moments(features, n_threads)
    rng = np.random.default_rng(seed)
    n_rows = len(features)
    rows = features.values[np.sort(rng.choice(n_rows, min(n_rows, max(n_landmarks, WIDTH_ROWS)), replace=False))]
    rows = rng.permutation(rows if isinstance(rows, np.ndarray) else rows.toarray())
    made = []
    for wanted in (False, True) if standardize == "auto" else (bool(standardize),):
        scaling = Scaling(center, deviations if wanted else np.ones_like(center))
        nystrom = None if kernel == "linear" else nystrom_of(scaling.apply(rows), n_landmarks)
        made.append(Preparation(wanted, scaling, nystrom))
    return made


def nystrom_of(rows: npt.NDArray[np.float64], n_landmarks: int) -> NystromMap:
    """Return the map with the first of `rows`, which are in random order, as landmarks."""
    return NystromMap.of(rows[:n_landmarks], median_distance(rows[:WIDTH_ROWS]))


def column_moments(features: Features, n_threads: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of every column, 1 where it is constant; one pass.

    Deviations are taken from the first row: sums stay small, and those of a constant column are zero exactly.
    """
    values, n_rows = features.values, len(features)

    def dense(rows: slice) -> npt.NDArray[np.float64]:
        block = values[rows]
        return np.asarray(block if isinstance(block, np.ndarray) else block.toarray(), dtype=np.float64)

    first = dense(slice(0, 1))[0]

    def terms(rows: slice) -> list[npt.NDArray[np.float64]]:
        shifted = dense(rows) - first
        return [shifted.sum(axis=0), np.einsum("ij,ij->j", shifted, shifted)]

    sums, squares = sum_blocks(wide_blocks(n_rows, values.shape[1]), terms, n_threads)
    shift = sums / n_rows
    deviations = np.sqrt(np.maximum(squares / n_rows - shift**2, 0))
    return first + shift, np.where(deviations > 0, deviations, 1.0)
