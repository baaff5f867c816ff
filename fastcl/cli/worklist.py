"""The worklist of a lab: its label issues, worst first."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcl.core.selection import ascending
from fastcl.datalab import Datalab
from fastcl.datalab.data.labels import ClassLabels
from fastcl.review.worklist import Worklist


def worklist_of(lab: Datalab, pred_probs: Any) -> Worklist | None:
    """Return the label issues of an audit as a worklist, None if it did not look for any among classes.

    Parameters
    ----------
    lab : Datalab
        The audit.
    pred_probs : array of shape (n_samples, n_classes) or None
        The probabilities that it was given; of those that it made itself none are known of the suggestions.
    """
    finding = lab._findings.get("label")
    if finding is None or finding.is_issue is None or finding.scores is None:
        return None
    if not isinstance(lab._labels, ClassLabels):
        return None
    labels = lab._labels if pred_probs is None else lab._labels.aligned(pred_probs.shape[1])
    rows = np.flatnonzero(finding.is_issue)
    rows = rows[ascending(finding.scores[rows])]
    given = labels.codes[rows]
    predicted = finding.columns["predicted_label"].codes[rows]
    probability = np.full(rows.size, np.nan) if pred_probs is None else np.asarray(pred_probs[rows, predicted])
    differs = predicted != given
    return Worklist(
        row=rows,
        given=given,
        suggested=np.where(differs, predicted, np.int32(-1)),
        score=finding.scores[rows],
        suggested_probability=np.where(differs, probability, np.nan),
        class_sizes=np.bincount(labels.codes[labels.is_labeled], minlength=len(labels.names)),
        class_names=labels.names,
        health=finding.score,
    )
