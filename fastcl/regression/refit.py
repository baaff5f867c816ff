"""Cross-validation of any model: a fresh copy is trained for every fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastcl.core.errors import sentence
from fastcl.cross_validation.folds import Fold, run_folds
from fastcl.cross_validation.rows import take_of_each, take_rows
from fastcl.regression.splits import Floats, Rows, Split


@dataclass(frozen=True, eq=False)
class Refits:
    """A model, its rows, and more arguments of `fit`; several folds at a time in `n_jobs` threads.

    Arguments with one entry a row are cut with the rows.
    """

    model: Any
    X: Any
    fit_kwargs: Mapping[str, Any]
    n_jobs: int | None = None
    verbose: bool = False

    def predict(self, y: Floats, splits: Sequence[Split]) -> list[Floats]:
        """Return what each cross-validation predicts for every row."""

        def work(item: tuple[Fold, Rows]) -> tuple[Floats, Floats]:
            return self._predict_fold(y, *item)

        items = [(fold, split.left_out) for split in splits for fold in split.folds()]
        results = iter(run_folds(work, items, n_jobs=self.n_jobs, verbose=self.verbose))
        predicted = []
        for split in splits:
            predicted.append(_put_together(split, [next(results) for _ in range(split.n_folds)]))
        return predicted

    def _predict_fold(self, y: Floats, fold: Fold, left_out: Rows) -> tuple[Floats, Floats]:
        """Return the predictions of the rows held out and of those that train no model."""
        from sklearn.base import clone

        model = clone(self.model)
        arguments = take_of_each(self.fit_kwargs, len(y), fold.train)
        model.fit(take_rows(self.X, fold.train), y[fold.train], **arguments)
        return self._predict(model, fold.holdout), self._predict(model, left_out)

    def _predict(self, model: Any, rows: Rows) -> Floats:
        if not rows.size:
            return np.empty(0)
        predicted = np.asarray(model.predict(take_rows(self.X, rows)), dtype=np.float64)
        if predicted.shape not in [(len(rows),), (len(rows), 1)]:
            rule = "have a `predict` that returns one number a row"
            raise ValueError(sentence("model", rule, f"shape {predicted.shape} for {len(rows):,} rows"))
        return predicted.reshape(-1)


def _put_together(split: Split, parts: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Return the predictions of all rows: of the one model that has not seen a row, or the mean of all of them."""
    predictions = np.empty(len(split.order))
    for fold, (held_out, _) in zip(split.folds(), parts, strict=True):
        predictions[fold.holdout] = held_out
    if split.left_out.size:
        predictions[split.left_out] = np.column_stack([left_out for _, left_out in parts]).mean(axis=1)
    return predictions
