"""Checks of new rows by what was fitted: each row by itself, whatever else comes with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastcl.ambiguity import agreement_with
from fastcl.core.reductions.issue_count import off_diagonal
from fastcl.datalab.check import Finding
from fastcl.datalab.data.named import Named
from fastcl.datalab.monitoring.new_rows import Neighborhood, NewRows
from fastcl.engine.run import sweep_rows
from fastcl.neighbors.duplicates.hashing import hash_rows
from fastcl.neighbors.duplicates.rules import MedianRule
from fastcl.neighbors.features import Features, as_features, in_layout_of
from fastcl.neighbors.graph import KNNGraph
from fastcl.neighbors.outliers import average_distances, distance_scores

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judge(ABC):
    """What says of new rows what a check said of the rows audited.

    `needs` are the inputs without which it cannot, `uses` those that it looks at if they are there.
    """

    needs: frozenset[str]
    uses: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def judge(self, rows: NewRows) -> Finding:
        """Return flags and scores of new rows."""


@dataclass(frozen=True, eq=False)
class SameCheck(Judge):
    """A check that looks at each row by itself, with its limits as fitted."""

    find: Callable[..., Finding]
    options: Mapping[str, Any] = field(default_factory=dict)

    def judge(self, rows: NewRows) -> Finding:
        return self.find(rows.evidence, **self.options)


@dataclass(frozen=True, eq=False)
class LabelJudge(Judge):
    """Confident learning with fitted thresholds: another class than the given one is confident, and more probable."""

    uses: ClassVar[frozenset[str]] = frozenset({"labels"})
    thresholds: Floats
    classes: npt.NDArray[Any]

    def judge(self, rows: NewRows) -> Finding:
        summary = rows.sweep(self.thresholds)
        predicted = Named(summary.predicted, self.classes)
        if rows.labels is None:
            return Finding(columns={"predicted_label": predicted})
        has_label = rows.labels.is_labeled
        return Finding(
            off_diagonal(rows.labels.codes, summary) & has_label,
            np.where(has_label, summary.self_confidence, np.nan),
            columns={"given_label": rows.labels.given, "predicted_label": predicted},
        )


@dataclass(frozen=True, eq=False)
class AmbiguityJudge(Judge):
    """Agreement of annotators against the fitted cut; neighbours vote with their labels if they did in the audit."""

    cut: float
    codes: npt.NDArray[np.int32]
    among: Neighborhood | None
    k: int = 0

    def judge(self, rows: NewRows) -> Finding:
        voters = None if self.among is None else rows.neighbors(self.among, self.k)
        _, store = sweep_rows(rows.source, [], score=agreement_with(self.codes, voters), n_jobs=rows.n_jobs)
        agreement = store.close()[2]
        if voters is None:
            return Finding(agreement < self.cut, agreement)
        return Finding(rows.of_complete(agreement < self.cut, False), rows.of_complete(agreement, np.nan))


@dataclass(frozen=True, eq=False)
class DistanceJudge(Judge):
    """Average distance to the nearest rows audited, against the fitted cut."""

    among: Neighborhood
    k: int
    t: float
    scaling_factor: float
    cut: float

    def judge(self, rows: NewRows) -> Finding:
        found = rows.neighbors(self.among, self.k)
        averages = average_distances(found)
        scores = distance_scores(averages, t=self.t, scaling_factor=self.scaling_factor, metric=found.metric)
        return Finding(
            rows.of_complete(averages > self.cut, False), rows.of_complete(scores.astype(np.float64), np.nan)
        )


@dataclass(frozen=True, eq=False)
class UncertaintyJudge(Judge):
    """How sure the model is, against the fitted cut."""

    params: Mapping[str, Any]
    cut: float

    def judge(self, rows: NewRows) -> Finding:
        from fastcl.outlier import OutOfDistribution

        scores = OutOfDistribution(dict(self.params)).score(pred_probs=rows.pred_probs, n_jobs=rows.n_jobs)
        return Finding(scores < self.cut, scores)


class FittedRule(MedianRule):
    """The rule for near duplicates, with the median of the rows audited."""

    def __init__(self, graph: KNNGraph, median: float) -> None:
        super().__init__(graph, 1)
        self.__dict__["median"] = graph.distances.dtype.type(median)


@dataclass(frozen=True, eq=False)
class NearDuplicateJudge(Judge):
    """Distance to the nearest row audited, against a part of the fitted median."""

    among: Neighborhood
    threshold: float
    median: float

    def judge(self, rows: NewRows) -> Finding:
        found = rows.neighbors(self.among, 1)
        rule = FittedRule(found, self.median)
        columns = {
            "nearest_neighbor": rows.of_complete(found.indices[:, 0].astype(np.int64), -1),
            "distance_to_nearest_neighbor": rows.of_complete(found.distances[:, 0], np.nan),
        }
        is_near = rule.is_near(self.threshold)[:, 0]
        return Finding(rows.of_complete(is_near, False), rows.of_complete(rule.scores(), np.nan), columns=columns)


@dataclass(frozen=True, eq=False)
class ExactDuplicateJudge(Judge):
    """The first row audited that is equal, number by number."""

    among: Neighborhood

    def judge(self, rows: NewRows) -> Finding:
        equal = self._first_equal(in_layout_of(self.among.rows.data, as_features(rows.numbers)))
        is_copy = equal >= 0
        return Finding(
            rows.of_complete(is_copy, False),
            rows.of_complete(1.0 - is_copy, np.nan),
            columns={"exact_duplicate_of": rows.of_complete(equal, -1)},
        )

    def _first_equal(self, new: Features) -> npt.NDArray[np.int64]:
        """Return the first row audited that equals each new row, -1 for none.

        Hashes only choose candidates; those of one hash are compared one after the other.
        """
        data, hashes, order = self.among.rows.data.values, self.among.rows.hashes, self.among.by_hash
        own = hash_rows(new.values.astype(data.dtype, copy=False))
        places, ends = (np.searchsorted(hashes, own, side, sorter=order) for side in ("left", "right"))
        found = np.full(len(new), -1, np.int64)
        pending = np.flatnonzero(places < ends)
        while pending.size:
            candidates = order[places[pending]]
            is_equal = _equal_rows(data[candidates], new.values[pending])
            found[pending[is_equal]] = candidates[is_equal]
            pending = pending[~is_equal]
            places[pending] += 1
            pending = pending[places[pending] < ends[pending]]
        return found


def _equal_rows(left: Any, right: Any) -> npt.NDArray[np.bool_]:
    """Tell which rows of two matrices, both dense or both sparse, are equal."""
    if isinstance(left, np.ndarray):
        return (left == right).all(axis=1)
    return np.diff((left != right).tocsr().indptr) == 0
