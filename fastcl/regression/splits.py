"""Which rows train which model: the cross-validations of a search, drawn one after the other from one stream."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fastcl.cross_validation.folds import Fold

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """One cross-validation: the first `len(fold_of)` rows of `order` lie in folds, the others train no model.

    `fold_of[i]` is the fold in which row ``order[i]`` is held out. A row that trains no model is predicted by those of
    all folds.
    """

    order: Rows
    fold_of: npt.NDArray[np.int32]
    n_folds: int

    @property
    def left_out(self) -> Rows:
        """The rows that train no model."""
        return self.order[len(self.fold_of) :]

    def folds(self) -> list[Fold]:
        """Return the rows that train and those held out of each fold, both in the order of `order`."""
        kept = self.order[: len(self.fold_of)]
        return [Fold(kept[self.fold_of != fold], kept[self.fold_of == fold]) for fold in range(self.n_folds)]

    def group_of_row(self) -> npt.NDArray[np.int32]:
        """Return the fold of every row, `n_folds` for rows that train no model."""
        groups = np.full(len(self.order), self.n_folds, np.int32)
        groups[self.order[: len(self.fold_of)]] = self.fold_of
        return groups


class CrossPredictor(Protocol):
    """Whatever trains a model for every fold of several cross-validations and predicts with it."""

    def predict(self, y: Floats, splits: Sequence[Split]) -> list[Floats]:
        """Return what each cross-validation predicts for every row."""


def n_left_out(n_rows: int, share: float) -> int:
    """Return how many rows train no model if a share of them is left out."""
    return math.ceil(n_rows * share)


def draw_split(stream: np.random.RandomState, order: Rows, n_folds: int, share: float = 0.0) -> Split:
    """Deal the rows, without the share at the end of `order`, into folds of equal size, give or take one.

    The folds are those of scikit-learn's shuffled `KFold`, for the same state of the stream.

    Examples
    --------
    >>> split = draw_split(np.random.RandomState(0), np.array([2, 0, 1, 4, 3]), 2, share=0.2)
    >>> [fold.holdout.tolist() for fold in split.folds()], split.left_out.tolist()
    ([[1, 4], [2, 0]], [3])
    """
    n_kept = len(order) - n_left_out(len(order), share)
    sizes = np.full(n_folds, n_kept // n_folds)
    sizes[: n_kept % n_folds] += 1
    fold_of = np.empty(n_kept, np.int32)
    fold_of[stream.permutation(n_kept)] = np.repeat(np.arange(n_folds, dtype=np.int32), sizes)
    return Split(order, fold_of, n_folds)
