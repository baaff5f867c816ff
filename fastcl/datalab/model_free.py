"""Probabilities where no model was brought: what the other rows say of each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.datalab.data.labels import ClassLabels
from fastcl.datalab.graphs import Graphs
from fastcl.datalab.inputs import as_numbers
from fastcl.neighbors.graph import KNNGraph
from fastcl.neighbors.model_free.leave_one_out import loo_pred_probs

#: What the report says where these are used.
NOTE = (
    "No pred_probs were given: they were made of the features, by a ridge classifier that left each row out "
    "(fastcl.neighbors.loo_pred_probs). Out-of-sample probabilities of a good model find more."
)


def held_out_pred_probs(labels: ClassLabels, graphs: Graphs, n_jobs: int | None = None) -> npt.NDArray[Any]:
    """Return leave-one-out probabilities of labelled rows; of the others, the votes of their labelled neighbours."""
    features, n_classes = as_numbers(graphs.features), len(labels.names)
    if labels.all_labeled:
        return loo_pred_probs(labels.codes, features, n_classes=n_classes, n_jobs=n_jobs)
    rows = np.flatnonzero(labels.is_labeled)
    of_labeled = loo_pred_probs(labels.codes[rows], features[rows], n_classes=n_classes, n_jobs=n_jobs)
    pred_probs = np.empty((len(labels.codes), n_classes), of_labeled.dtype)
    pred_probs[rows] = of_labeled
    others = np.flatnonzero(~labels.is_labeled)
    pred_probs[others] = neighbours_votes(labels, graphs.get(), others)
    return pred_probs


def neighbours_votes(labels: ClassLabels, graph: KNNGraph, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the shares of classes among the labelled neighbours of some rows, with one vote for the overall shares.

    That vote decides where no neighbour has a label.
    """
    counts = np.bincount(labels.codes[labels.is_labeled], minlength=len(labels.names))
    votes = np.tile(counts / counts.sum(), (len(rows), 1))
    given = labels.codes[graph.indices[rows]]
    voter, place = np.nonzero(given >= 0)
    np.add.at(votes, (voter, given[voter, place]), 1.0)
    return votes / votes.sum(axis=1, keepdims=True)
