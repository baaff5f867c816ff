"""Which numbers are wrong?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastcl.core.errors import sentence
from fastcl.core.validation import as_options
from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import Limit, number, one_of, whole
from fastcl.regression.options import COARSE, as_shares, as_uncertainty
from fastcl.regression.rank import METHODS, get_label_quality_scores

#: A label is an issue if its score is below so much of the median score.
THRESHOLD = 0.05

LIMITS: dict[str, Limit] = {
    "clean_learning_kwargs": lambda _, value, evidence: _refuse(evidence, value),
    "threshold": number(0),
    "method": one_of(METHODS),
    "uncertainty": lambda _, value, evidence: as_uncertainty(value, _n_labeled(evidence)),
    "coarse_search_range": lambda _, value, __: as_shares(value),
    "fine_search_size": whole(0),
    "model_kwargs": lambda name, value, _: as_options(name, value),
}


@check("label", needs=("labels pred_probs", "labels features"), tasks=("regression",), default=True, limits=LIMITS)
def label(
    evidence: Evidence,
    *,
    clean_learning_kwargs: Mapping[str, Any] | None = None,
    threshold: float = THRESHOLD,
    method: str = "outre",
    uncertainty: Any = None,
    coarse_search_range: Sequence[float] = COARSE,
    fine_search_size: int = 3,
    save_space: bool = False,
    model_kwargs: Mapping[str, Any] | None = None,
) -> Finding:
    """Rows whose number is probably wrong.

    With predictions: those whose label and prediction lie far from what is usual for the data, by scores far below the
    median. With features: a regression is trained again and again on parts of the rows, and the labels that it never
    gets near, for what the features can tell, are flagged. `predicted_label` is what the model says.
    """
    options = dict(clean_learning_kwargs or {})
    if evidence.given_pred_probs is not None and options.get("model") is None:
        return _by_predictions(evidence, threshold, method)
    search = {
        "uncertainty": uncertainty,
        "coarse_search_range": coarse_search_range,
        "fine_search_size": fine_search_size,
        "save_space": save_space,
        "model_kwargs": model_kwargs,
    }
    return _by_features(evidence, options, search)


def _refuse(evidence: Evidence, options: Any) -> None:
    """Raise unless `CleanLearning` takes these options, and there are features if they hold a model."""
    from fastcl.regression.learn import CleanLearning

    known = as_options("clean_learning_kwargs", options, CleanLearning().get_params())
    CleanLearning(**known)._plan(_n_labeled(evidence))
    if known.get("model") is not None and evidence.features is None:
        raise ValueError(sentence("features", "be given for clean_learning_kwargs['model'] to be trained on", "None"))


def _n_labeled(evidence: Evidence) -> int:
    return evidence.n_rows if evidence.labeled is None else len(evidence.labeled)


def _by_predictions(evidence: Evidence, threshold: float, method: str) -> Finding:
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
