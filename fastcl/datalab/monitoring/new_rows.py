"""New rows as they come: checked against the data that were audited, columns and classes in the order of these."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, as_narwhals, as_pred_probs, column_names
from fastcl.core.errors import sentence
from fastcl.core.lazily import kept
from fastcl.core.sweep import RowSummary
from fastcl.datalab.data.class_order import Classes, columns_of_classes, name_classes
from fastcl.datalab.data.columns import categories, encode
from fastcl.datalab.data.labels import ClassLabels, class_labels
from fastcl.datalab.data.tables import Table, open_table
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.graphs import Graphs
from fastcl.datalab.inputs import as_numbers, as_values
from fastcl.datalab.null_patterns import find_null_patterns
from fastcl.engine.blocks import Source, source_of_codes
from fastcl.engine.run import sweep_rows
from fastcl.neighbors.build import SearchedRows
from fastcl.neighbors.features import as_features
from fastcl.neighbors.graph import KNNGraph

#: Names that a sentence shows.
SHOWN = 8


@dataclass(frozen=True, eq=False)
class Neighborhood:
    """The rows audited, among which neighbours of new ones are looked for; read when first asked."""

    graph: KNNGraph
    features: Any

    @kept
    def rows(self) -> SearchedRows:
        """The rows, ready to be searched."""
        return SearchedRows(self.graph, self.features)

    @kept
    def by_hash(self) -> npt.NDArray[np.int64]:
        """Row numbers by the hashes of rows, ascending where these are equal."""
        return np.argsort(self.rows.hashes, kind="stable")


@dataclass(frozen=True, eq=False)
class NewRows:
    """What was brought of new rows; what several checks ask of it is worked out once.

    Attributes
    ----------
    n_rows : number of new rows
    labels : classes as positions among those audited, -1 for none
    pred_probs : probabilities, columns in the order of the classes audited
    features : as they came, columns in the order of those audited
    text : a list or column of texts
    n_jobs : as for `Monitor.score_new`

    Each of the inputs is None if it was not brought.
    """

    task: str
    n_rows: int
    labels: ClassLabels | None = None
    pred_probs: Any = None
    features: Any = None
    text: Any = None
    n_jobs: int | None = None
    found: dict[Neighborhood, KNNGraph] = field(default_factory=dict, repr=False)

    @property
    def available(self) -> frozenset[str]:
        """The names of the inputs that were brought."""
        names = ("labels", "pred_probs", "features", "text")
        return frozenset(name for name in names if getattr(self, name) is not None)

    @kept
    def evidence(self) -> Evidence:
        """The same for checks that look at each row by itself."""
        return Evidence(
            self.task,
            self.n_rows,
            table=None,
            labels=self.labels,
            given_pred_probs=self.pred_probs,
            features=self.features,
            graphs=Graphs(self.n_rows),
            text=self.text,
            n_jobs=self.n_jobs,
        )

    @kept
    def source(self) -> Source:
        """Labels and probabilities, to be read in blocks; rows without a label stand as class 0."""
        codes = np.zeros(self.n_rows, np.int32) if self.labels is None else np.maximum(self.labels.codes, 0)
        return source_of_codes(codes, self.pred_probs)

    def sweep(self, thresholds: npt.NDArray[np.float64]) -> RowSummary:
        """Return what one pass says of each row, its confident class by these thresholds."""
        _, rows = sweep_rows(self.source, [], thresholds=thresholds, n_jobs=self.n_jobs)
        return rows.close()[1]

    @kept
    def is_complete(self) -> npt.NDArray[np.bool_]:
        """Which rows of features lack no value: the others have no distances."""
        return find_null_patterns(self.features, n_jobs=self.n_jobs).per_row == 0

    @kept
    def numbers(self) -> Any:
        """The features as finite numbers, with zeros for missing values."""
        numbers = as_numbers(self.features)
        if not self.is_complete.all() and numbers.dtype.kind == "f":
            numbers = numbers.copy()
            values = numbers.data if hasattr(numbers, "tocsr") else numbers
            values[np.isnan(values)] = 0
        return as_features(numbers).values

    def neighbors(self, among: Neighborhood, k: int) -> KNNGraph:
        """Return the `k` nearest of the rows audited for each row.

        Search is exact: approximate search may answer differently for a batch and for its parts.
        """
        if among not in self.found:
            self.found[among] = among.rows.nearest(self.numbers, method="exact", n_jobs=self.n_jobs)
        return self.found[among][:, :k]

    def of_complete(self, values: npt.NDArray[Any], fill: Any) -> npt.NDArray[Any]:
        """Return values by distance, `fill` for rows that have none."""
        return np.where(self.is_complete, values, fill)


@dataclass(frozen=True, eq=False)
class Door:
    """What new rows must be like to be compared with the rows audited.

    Attributes
    ----------
    task, label_name, text_key : those of the lab
    classes : the classes, in the order of the columns of probabilities; None if labels are none
    n_features : number of columns of the features; None if it is not known
    feature_names : what they are called; None if nothing
    """

    task: str
    label_name: str | None
    text_key: str | None
    classes: npt.NDArray[Any] | None
    n_features: int | None
    feature_names: list[Hashable] | None

    def open(
        self, data: Any, labels: Any, pred_probs: Any, features: Any, wanted: frozenset[str], n_jobs: int | None
    ) -> NewRows:
        """Return what was brought of new rows, of what is wanted, or raise if it does not fit."""
        text, table = None, None
        if data is not None:
            table = open_table(data)
            text = table.column(self.text_key) if self.text_key in table.names else None
            if labels is None and self.label_name is not None and self.label_name in table.names:
                labels = _labels_of(table, self.label_name)
        given = {
            "labels": labels,
            "pred_probs": as_values("pred_probs", pred_probs, table),
            "features": as_values("features", features, table),
            "text": text,
        }
        read: dict[str, Any] = {}
        n_rows = None if table is None else table.n_rows
        for name, values in given.items():
            if values is None or name not in wanted:
                continue
            read[name] = getattr(self, f"read_{name}")(values)
            n_rows = _same_length(name, read[name], n_rows)
        return NewRows(self.task, n_rows or 0, n_jobs=n_jobs, **read)

    def read_labels(self, column: Any) -> ClassLabels:
        """Return labels as positions among the classes audited; an unknown one raises."""
        encoded = encode("labels", column)
        classes, places = name_classes(encoded, None, self.classes)  # type: ignore[arg-type]  # an array is a list too
        return ClassLabels(np.append(places, np.int32(-1))[encoded.codes], classes.names, declared=True)

    def read_pred_probs(self, values: Any) -> Any:
        """Return probabilities with columns in the order of the classes audited."""
        matrix, columns = as_pred_probs(values)
        if self.classes is None:
            return matrix
        own = Classes(self.classes, np.ones(len(self.classes), np.bool_), declared=True)
        if matrix.shape[1] != len(self.classes):
            rule = f"have {len(self.classes)} columns, those of the classes audited"
            raise ValueError(sentence("pred_probs", rule, f"{matrix.shape[1]}"))
        _, places = columns_of_classes(own, matrix.shape[1], columns)
        in_order = places is None or (places == np.arange(len(places))).all()
        return matrix if in_order else np.asarray(matrix[:])[:, places]

    def read_features(self, values: Any) -> Any:
        """Return features with columns in the order of those audited."""
        features = self._in_order(values if hasattr(values, "shape") else as_array("features", values))
        if len(features.shape) != 2 or features.shape[1] != (self.n_features or features.shape[1]):
            rule = f"have shape (n_samples, {self.n_features or 'n_features'}), the columns of the data audited"
            raise ValueError(sentence("features", rule, f"shape {tuple(features.shape)}"))
        return features

    def _in_order(self, features: Any) -> Any:
        table = as_narwhals("features", features)
        names = None if table is None else column_names(table)
        if names is None or self.feature_names is None or names == self.feature_names:
            return features
        lacking = [name for name in self.feature_names if name not in names]
        if lacking:
            shown = ", ".join(map(repr, lacking[:SHOWN])) + (", ..." if len(lacking) > SHOWN else "")
            raise ValueError(sentence("features", "have the columns of the data audited", f"none called {shown}"))
        return table.select(self.feature_names).to_native()

    def read_text(self, column: Any) -> Any:
        """Return texts as they are."""
        return column


def _labels_of(table: Table, name: str) -> Any:
    """Return the label column of a table, its positions among declared names as names."""
    column = table.label_column(name)
    declared = table.declared_classes(name)
    if declared is None or categories(column) is not None:
        return column
    return class_labels(column, declared).given


def _same_length(name: str, values: Any, n_rows: int | None) -> int:
    """Return how many rows there are, or raise if these are more or fewer than the others."""
    n_own = len(values.codes) if isinstance(values, ClassLabels) else _length(values)
    if n_rows not in (None, n_own):
        rule = f"have {n_rows:,} rows, as what else was brought"
        raise ValueError(sentence(name, rule, f"{n_own:,}", "They must be of the same rows in the same order."))
    if not n_own:
        raise ValueError(sentence(name, "have at least one row", "none"))
    return n_own


def _length(values: Any) -> int:
    return int(values.shape[0]) if hasattr(values, "shape") else len(values)
