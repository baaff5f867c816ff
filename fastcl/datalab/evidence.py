"""What checks look at: everything the user gave, and what is made of it once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fastcl.ambiguity import agreement, agreement_with
from fastcl.core.arrays import RowReader
from fastcl.core.lazily import kept
from fastcl.datalab.data.labels import ClassLabels
from fastcl.datalab.data.rows import RowsOf
from fastcl.datalab.data.tables import Table
from fastcl.datalab.graphs import Graphs
from fastcl.datalab.inputs import as_numbers
from fastcl.datalab.model_free import held_out_pred_probs
from fastcl.engine.blocks import Source, source_of_codes
from fastcl.engine.run import Sweep, confident_sweep
from fastcl.neighbors.graph import KNNGraph

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that a check may look at. What is expensive is made when first asked for, and kept for the others.

    Attributes
    ----------
    task : {"classification", "regression", "multilabel"}
    n_rows : number of rows of the data
    table : `Table`, the columns of the data; None for a lab that was loaded without its data
    labels : the given labels, `ClassLabels`, `NumberLabels` or `SetLabels`; None if there are none
    given_pred_probs : probabilities of shape (n_samples, n_classes), for regression predictions of shape
        (n_samples,), as the user gave them; None if not
    features : array, table or sparse matrix of shape (n_samples, n_features), as the user gave it; None if not
    graphs : the neighbour graphs
    split : which split each row belongs to; None if not given
    label_name : what the label column is called
    text, images : the column of texts, of images; None if there is none
    n_jobs, verbose : as for `Datalab.find_issues`
    planned : names of the checks that will look
    """

    task: str
    n_rows: int
    table: Table | None
    labels: Any
    given_pred_probs: Any
    features: Any
    graphs: Graphs
    split: Any = None
    label_name: str | None = None
    text: Any = None
    images: Sequence[Any] | None = None
    n_jobs: int | None = None
    verbose: bool = False
    planned: frozenset[str] = frozenset()
    made: dict[str, Any] = field(default_factory=dict, repr=False)

    def having(self, **inputs: Any) -> Evidence:
        """Return evidence with other inputs; what was made of the old ones is not kept."""
        return replace(self, made={}, **inputs)

    @property
    def like(self) -> tuple[Any, ...]:
        """What tables that are made for the user are to be like, see `fastcl.core.arrays.as_table`: the data."""
        return () if self.table is None else (self.table.native,)

    @property
    def available(self) -> frozenset[str]:
        """What there is, in the words that checks say what they need in."""
        has = {
            "labels": self.labels is not None,
            "pred_probs": self.given_pred_probs is not None or self.can_do_without_model,
            "features": self.features is not None,
            "graph": bool(self.graphs),
            "split": self.split is not None,
            "text": self.text is not None,
            "images": self.images is not None,
            "columns": self.table is not None,
        }
        return frozenset(need for need, is_there in has.items() if is_there)

    @kept
    def can_do_without_model(self) -> bool:
        """Whether probabilities can be made of features and labels: there are both, and two classes at least."""
        if not isinstance(self.labels, ClassLabels) or self.graphs.features is None:
            return False
        codes = self.labels.codes
        given = codes[codes >= 0]
        return bool(given.min() < given.max())

    @property
    def is_model_free(self) -> bool:
        """Whether probabilities are made of features and labels, since none were given."""
        return self.given_pred_probs is None and self.can_do_without_model

    @kept
    def pred_probs(self) -> Any:
        """The probabilities given, or else those of held-out rows by features and labels; of all rows."""
        if self.given_pred_probs is None and self.can_do_without_model:
            return held_out_pred_probs(self.labels, self.graphs, self.n_jobs)
        return self.given_pred_probs

    @kept
    def numbers(self) -> Any:
        """The features as a matrix of numbers: an array, or the sparse matrix they are."""
        return as_numbers(self.features)

    @kept
    def labeled(self) -> npt.NDArray[np.int64] | None:
        """The rows that have a label; None if all have."""
        return None if self.labels.all_labeled else np.flatnonzero(self.labels.is_labeled)

    def of_labeled(self, values: Any) -> Any:
        """Return the values, or the rows of a matrix, that belong to labelled rows; nothing is copied if all are."""
        if self.labeled is None:
            return values
        return RowsOf(values, self.labeled) if len(values.shape) == 2 else np.asarray(values)[self.labeled]

    def of_all(self, values: npt.NDArray[Any], fill: Any) -> npt.NDArray[Any]:
        """Return values of labelled rows in their places among all rows, `fill` in between."""
        if self.labeled is None:
            return values
        spread = np.full(self.n_rows, fill, np.result_type(values.dtype, type(fill)))
        spread[self.labeled] = values
        return spread

    @kept
    def source(self) -> Source:
        """Labels and probabilities of the labelled rows, to be read in blocks."""
        values: RowReader = self.of_labeled(self.pred_probs)
        return source_of_codes(self.of_labeled(self.labels.codes), values, self.labels.names)

    @kept
    def sweep(self) -> Sweep:
        """What one sweep over the labelled rows leaves behind."""
        also = agreement_with(self.labels.codes, None) if self._agreement_comes_along else None
        return confident_sweep(self.source, also=also, n_jobs=self.n_jobs, verbose=self.verbose)

    @kept
    def agreement(self) -> npt.NDArray[np.float64]:
        """How probably two annotators would agree on each labelled row; with neighbours' labels if there is a graph.

        Without a graph it comes with the sweep, which is not to wait for one: it is the first to see bad input.
        """
        if self._agreement_comes_along:
            return self.sweep.extra
        try:
            graph = self.graph() if self.graphs else None
        except (TypeError, ValueError):  # features that cannot be compared: the checks that need them say so
            graph = None
        return agreement(self.source, self.labels.codes, graph, self.labeled, self.n_jobs)

    @property
    def _agreement_comes_along(self) -> bool:
        return "ambiguous" in self.planned and not self.graphs

    def graph(self, k: int | None = None, metric: str | None = None) -> KNNGraph:
        """Return the graph of the `k` nearest neighbours of every row; None is ten."""
        return self.graphs.get(k, metric)

    def once(self, name: str, make: Callable[[], Value]) -> Value:
        """Return what `make` returned when something was first asked for by this name."""
        if name not in self.made:
            self.made[name] = make()
        made: Value = self.made[name]
        return made
