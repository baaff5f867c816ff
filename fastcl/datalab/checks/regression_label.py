"""Which numbers are wrong?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastcl.core.errors import sentence
from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence

#: A label is an issue if its score is below so much of the median score.
THRESHOLD = 0.05


@check("label", needs=("labels pred_probs", "labels features"), tasks=("regression",), default=True)
def label(
    evidence: Evidence,
    *,
    clean_learning_kwargs: Mapping[str, Any] | None = None,
    threshold: float = THRESHOLD,
    method: str = "outre",
    **search: Any,
) -> Finding:
    """Rows whose number is probably wrong.

    With predictions: those whose label and prediction lie far from what is usual for the data, by scores far below the
    median. With features: a regression is trained again and again on parts of the rows, and the labels that it never
    gets near, for what the features can tell, are flagged. `predicted_label` is what the model says.
    """
    options = dict(clean_learning_kwargs or {})
    if options.get("model") is not None and evidence.features is None:
        raise ValueError(sentence("features", "be given for clean_learning_kwargs['model'] to be trained on", "None"))
    if evidence.given_pred_probs is not None and options.get("model") is None:
        return _by_predictions(evidence, threshold, method)
    return _by_features(evidence, options, search)


def _by_predictions(evidence: Evidence, threshold: float, method: str) -> Finding:
    from fastcl.core.errors import check_number
    from fastcl.regression.rank import get_label_quality_scores

    check_number("threshold", threshold, 0)
    labels = evidence.of_labeled(evidence.labels.values)
    predictions = evidence.of_labeled(evidence.pred_probs)
    scores = get_label_quality_scores(labels, predictions, method=method)
    is_issue = scores < np.median(scores) * threshold
    return _finding(evidence, is_issue, scores, np.asarray(evidence.pred_probs))


def _by_features(evidence: Evidence, options: dict[str, Any], search: dict[str, Any]) -> Finding:
    from fastcl.regression.learn import CleanLearning

    features = evidence.numbers
    found = CleanLearning(**options).find_label_issues(
        features if evidence.labeled is None else features[evidence.labeled],
        evidence.of_labeled(evidence.labels.values),
        **search,
    )
    predicted = evidence.of_all(found["predicted_label"].to_numpy(), np.nan)
    return _finding(evidence, found["is_label_issue"].to_numpy(), found["label_quality"].to_numpy(), predicted)


def _finding(evidence: Evidence, is_issue: Any, scores: Any, predicted: Any) -> Finding:
    return Finding(
        evidence.of_all(is_issue, False),
        evidence.of_all(scores, np.nan),
        info={"num_label_issues": int(is_issue.sum()), "average_label_quality": float(scores.mean())},
        columns={"given_label": evidence.labels.values, "predicted_label": predicted},
    )
