"""What an audit has fitted, check by check: thresholds, cuts and graphs that new rows can be held against."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_narwhals, column_names
from fastcl.core.labels import name_array
from fastcl.core.lazily import kept
from fastcl.datalab.audit import known_checks
from fastcl.datalab.check import Finding
from fastcl.datalab.data.labels import ClassLabels
from fastcl.datalab.graphs import DEFAULT_K, Graphs
from fastcl.datalab.monitoring.judges import (
    AmbiguityJudge,
    DistanceJudge,
    ExactDuplicateJudge,
    Judge,
    LabelJudge,
    NearDuplicateJudge,
    SameCheck,
    UncertaintyJudge,
)
from fastcl.datalab.monitoring.new_rows import Neighborhood
from fastcl.neighbors.graph import KNNGraph

PROBABILITIES, FEATURES, TEXT = (frozenset({name}) for name in ("pred_probs", "features", "text"))


#: Said of checks of a lab that was loaded: files do not hold features.
NO_FEATURES = "the lab does not hold the features audited: pass them, lab.monitor(features=...)"


class NotForNewRowsError(Exception):
    """Says why a check has nothing to say of new rows."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a lab knows after an audit.

    Attributes
    ----------
    task, label_name, text_key : those of the lab
    findings : what its checks found, by name
    labels : the label column
    graphs : its neighbour graphs
    features : the features that were audited, if the lab does not have them
    """

    task: str
    label_name: str | None
    text_key: str | None
    findings: Mapping[str, Finding]
    labels: Any
    graphs: Graphs
    features: Any = None
    neighborhoods: dict[str, Neighborhood] = field(default_factory=dict, repr=False)

    @kept
    def classes(self) -> npt.NDArray[Any] | None:
        """The classes in the order of the columns of the probabilities audited; None if labels are none."""
        if not isinstance(self.labels, ClassLabels):
            return None
        if "label" not in self.findings:
            return self.labels.names
        return name_array(self.findings["label"].info["class_names"])

    @kept
    def codes(self) -> npt.NDArray[np.int32]:
        """The labels audited as positions in `classes`, -1 for none."""
        classes: Any = self.classes
        codes: npt.NDArray[np.int32] = self.labels.aligned(len(classes), classes.tolist()).codes
        return codes

    @property
    def class_counts(self) -> npt.NDArray[np.int64] | None:
        """How many rows audited were given each class; None if labels are none."""
        return None if self.classes is None else np.bincount(self.codes[self.codes >= 0], minlength=len(self.classes))

    @property
    def known_features(self) -> Any:
        """The features that were audited; None if nobody has them."""
        return self.graphs.features if self.features is None else self.features

    @property
    def feature_names(self) -> list[Hashable] | None:
        """What the columns of the features are called; None if nothing."""
        if "null" in self.findings:
            names = self.findings["null"].info.get("column_names")
            return None if names is None else list(names)
        table = None if self.known_features is None else as_narwhals("features", self.known_features)
        return None if table is None else column_names(table)

    @property
    def n_features(self) -> int | None:
        """How many columns the features have; None if that is not known."""
        if "null" in self.findings:
            return len(self.findings["null"].info["column_impact"])
        return None if self.known_features is None else int(self.known_features.shape[1])

    def judges(self) -> tuple[dict[str, Judge], dict[str, str]]:
        """Return what judges new rows, by check, and why the other checks that ran do not."""
        judges: dict[str, Judge] = {}
        left_out: dict[str, str] = {}
        for name, finding in self.findings.items():
            try:
                judges[name] = self._maker(name)(self, finding)
            except NotForNewRowsError as reason:
                left_out[name] = str(reason)
        return judges, left_out

    def _maker(self, name: str) -> Callable[[Fitted, Finding], Judge]:
        """Return what makes the judge of a check; those that users brought or replaced have none."""
        check = known_checks(self.task).get(name)
        if check is None or not check.is_own:
            raise NotForNewRowsError("it is not one of fastcl's own checks")
        return MAKERS.get(name, _looks_at_all_rows)

    def around(self, finding: Finding) -> Neighborhood:
        """Return the rows among which the neighbours of a finding were found."""
        metric = finding.info["metric"]
        if metric == "unknown":
            raise NotForNewRowsError("the metric of its graph is not known")
        if not self.graphs:
            raise NotForNewRowsError("the lab has no neighbour graph")
        graph = self.graphs.get(finding.info["k"], metric)
        if not np.array_equal(graph.distances[:, 0], finding.info["distance_to_nearest_neighbor"]):
            raise NotForNewRowsError("other features were audited since it ran; run it again")
        return self.neighborhood(graph)

    def neighborhood(self, graph: KNNGraph) -> Neighborhood:
        """Return the rows of a graph, one object for all checks that ask for the same ones."""
        features = self.known_features if graph.features is None or self.features is not None else graph.features
        if features is None:
            raise NotForNewRowsError(NO_FEATURES)
        if graph.metric not in self.neighborhoods:
            self.neighborhoods[graph.metric] = Neighborhood(graph, features)
        return self.neighborhoods[graph.metric]


def _looks_at_all_rows(fitted: Fitted, finding: Finding) -> Judge:
    raise NotForNewRowsError("it looks at all rows of a data set at once")


def _label(fitted: Fitted, finding: Finding) -> Judge:
    if fitted.classes is None:
        raise NotForNewRowsError(f"labels of task={fitted.task!r} are judged by the whole data set")
    if finding.info["find_issues_inputs"]["features"]:
        raise NotForNewRowsError("its probabilities were made of the features; audit with those of a model")
    return LabelJudge(PROBABILITIES, np.asarray(finding.info["confident_thresholds"]), fitted.classes)


def _ambiguous(fitted: Fitted, finding: Finding) -> Judge:
    inputs = finding.info["find_issues_inputs"]
    if inputs["features"]:
        raise NotForNewRowsError("its probabilities were made of the features; audit with those of a model")
    if not inputs["graph"]:
        return AmbiguityJudge(PROBABILITIES, finding.info["cut"], fitted.codes, None)
    graph = fitted.graphs.graph
    if graph is None:
        raise NotForNewRowsError("the lab has no neighbour graph")
    if graph.metric == "unknown":
        raise NotForNewRowsError("the metric of its graph is not known")
    among, k = fitted.neighborhood(graph), min(DEFAULT_K, graph.k)
    return AmbiguityJudge(PROBABILITIES | FEATURES, finding.info["cut"], fitted.codes, among, k)


def _outlier(fitted: Fitted, finding: Finding) -> Judge:
    info = finding.info
    if info["find_issues_inputs"]["pred_probs"]:
        return UncertaintyJudge(PROBABILITIES, info["params"], info["issue_threshold"])
    fitted_numbers = (info[name] for name in ("k", "t", "scaling_factor", "issue_threshold"))
    return DistanceJudge(FEATURES, fitted.around(finding), *fitted_numbers)


def _near_duplicate(fitted: Fitted, finding: Finding) -> Judge:
    median = finding.info["median_distance_to_nearest_neighbor"]
    return NearDuplicateJudge(FEATURES, fitted.around(finding), finding.info["threshold"], median)


def _exact_duplicate(fitted: Fitted, finding: Finding) -> Judge:
    graph = fitted.graphs.graph
    if graph is None:
        raise NotForNewRowsError("the lab has no neighbour graph")
    return ExactDuplicateJudge(FEATURES, fitted.neighborhood(graph))


def _same_check(name: str, needs: frozenset[str], *limits: str) -> Callable[[Fitted, Finding], Judge]:
    """Return what makes a judge of a check that looks at each row by itself, with limits that it has in its info."""

    def make(fitted: Fitted, finding: Finding) -> Judge:
        options = {limit: finding.info[limit] for limit in limits}
        return SameCheck(needs, known_checks(fitted.task)[name].find, options)

    return make


def _pii(fitted: Fitted, finding: Finding) -> Judge:
    return SameCheck(TEXT, known_checks(fitted.task)["pii"].find, {"types": tuple(finding.info["rows_by_type"])})


MAKERS: dict[str, Callable[[Fitted, Finding], Judge]] = {
    "null": _same_check("null", FEATURES),
    "label": _label,
    "outlier": _outlier,
    "near_duplicate": _near_duplicate,
    "exact_duplicate": _exact_duplicate,
    "ambiguous": _ambiguous,
    "empty_text": _same_check("empty_text", TEXT),
    "short_text": _same_check("short_text", TEXT, "min_characters"),
    "long_text": _same_check("long_text", TEXT, "max_characters"),
    "pii": _pii,
}
