"""Which targets are wrong, given any way to cross-validate a model: the share of them, and the rows.

Leaving out the rows with the largest residuals makes a model better while they are errors, and worse when they are
not: the share that is best is looked for, coarsely and then finely. Residuals are then measured in units of their
uncertainty.

Zhou, Mueller, Kumar, Wang, Lei, "Detecting Errors in a Numerical Response via any Regression Model",
arXiv:2305.16583, 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastcl.core.constants import TINY
from fastcl.core.selection import ascending, lowest
from fastcl.regression.splits import CrossPredictor, Floats, Rows, Split, draw_split, n_left_out

#: The score of a share that leaves too few rows for the folds: any other share, and none, is better.
IMPOSSIBLE = -1e30


@dataclass(frozen=True)
class Plan:
    """How thoroughly to search."""

    n_folds: int
    n_boot: int
    include_aleatoric: bool
    coarse: Sequence[float]
    fine_size: int


@dataclass(frozen=True, eq=False)
class Found:
    """The share of wrong targets, and for every row whether it is one, its score and what is predicted for it."""

    share: float
    is_issue: npt.NDArray[np.bool_]
    quality: Floats
    predictions: Floats


@dataclass(frozen=True, eq=False)
class Search:
    """A model that can be cross-validated, targets, and the stream from which all folds are drawn."""

    model: CrossPredictor
    y: Floats
    stream: np.random.RandomState
    plan: Plan

    def find(self, uncertainty: Floats | float | None = None) -> Found:
        """Return which targets are wrong; without an `uncertainty` of the predictions it is estimated."""
        first = self.model.predict(self.y, [self.draw()])[0]
        order = ascending(np.abs(first - self.y))
        share = self._best_share(order, r2(self.y, first))
        splits = [self.draw(order, share)]
        if uncertainty is None:
            splits += self._boot_splits()
        predictions, *boot = self.model.predict(self.y, splits)
        if uncertainty is None:
            uncertainty = self.spread([*boot, predictions]) + self._aleatoric(predictions - self.y)
        quality = label_quality(predictions - self.y, uncertainty)
        is_issue = np.zeros(len(self.y), np.bool_)
        is_issue[lowest(quality, n_left_out(len(self.y), share))] = True
        return Found(share, is_issue, quality, predictions)

    def draw(self, order: Rows | None = None, share: float = 0.0) -> Split:
        """Return the next cross-validation."""
        order = np.arange(len(self.y)) if order is None else order
        return draw_split(self.stream, order, self.plan.n_folds, share)

    def epistemic(self, predictions: Floats | None = None) -> Floats:
        """Return how much predictions differ between models that were trained on different halves of the rows."""
        known = [] if predictions is None else [predictions]
        return self.spread([*self.model.predict(self.y, self._boot_splits()), *known])

    def aleatoric(self) -> float:
        """Return how much of the targets, taken for residuals, the model predicts."""
        return float(np.std(self.model.predict(self.y, [self.draw()])[0]))

    def spread(self, predictions: list[Floats]) -> Floats:
        """Return the standard deviation of the predictions of every row, zero if no models were trained on halves."""
        return np.std(predictions, axis=0) if self.plan.n_boot else np.zeros(len(self.y))

    def _aleatoric(self, residual: Floats) -> float:
        if not self.plan.include_aleatoric:
            return 0.0
        return Search(self.model, residual, self.stream, self.plan).aleatoric()

    def _boot_splits(self) -> list[Split]:
        rows = np.arange(len(self.y))
        return [draw_split(self.stream, rows, 2) for _ in range(self.plan.n_boot)]

    def _best_share(self, order: Rows, r2_of_all: float) -> float:
        """Return the share of rows to leave out with which the others are predicted best, zero if with all of them."""
        coarse = sorted(self.plan.coarse)
        scores = self._scores(order, coarse)
        best = int(np.argmax(scores))
        share, score = coarse[best], scores[best]
        fine = between_neighbors(coarse, best, self.plan.fine_size)
        if fine:
            fine_scores = self._scores(order, fine)
            if max(fine_scores) >= score:
                best = int(np.argmax(fine_scores))
                share, score = fine[best], fine_scores[best]
        return share if score > r2_of_all else 0.0

    def _scores(self, order: Rows, shares: Sequence[float]) -> list[float]:
        """Return how well all rows are predicted when a share of them is left out, for each share."""
        possible = [len(order) - n_left_out(len(order), share) >= self.plan.n_folds for share in shares]
        splits = [self.draw(order, share) for share, is_possible in zip(shares, possible, strict=True) if is_possible]
        predicted = iter(self.model.predict(self.y, splits))
        return [r2(self.y, next(predicted)) if is_possible else IMPOSSIBLE for is_possible in possible]


def between_neighbors(coarse: Sequence[float], best: int, size: int) -> list[float]:
    """Return `size` shares evenly between the best and the one before it, and as many to the one after it.

    Examples
    --------
    >>> between_neighbors([0.0, 0.2, 0.4], 2, 1)
    [0.30000000000000004]
    """
    steps: list[float] = []
    for low, high in ((best - 1, best), (best, best + 1)):
        if low >= 0 and high < len(coarse):
            steps += np.linspace(coarse[low], coarse[high], size + 1, endpoint=False)[1:].tolist()
    return steps


def r2(y: Floats, predictions: Floats) -> float:
    """Return the share of the variance of `y` that is predicted; of none, all if it is met and nothing if not."""
    unexplained = float(np.sum((y - predictions) ** 2))
    variation = float(np.sum((y - y.mean()) ** 2))
    if variation == 0:
        return 1.0 if unexplained == 0 else 0.0
    return 1 - unexplained / variation


def label_quality(residual: Floats, uncertainty: Floats | float) -> Floats:
    """Return exp of minus the residual in units of its uncertainty and of the median of that."""
    adjusted = np.abs(residual / (uncertainty + TINY))
    return np.exp(-adjusted / max(float(np.median(adjusted)), TINY))
