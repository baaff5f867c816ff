"""Which rows have a wrong set of labels?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.filter_options import FILTER_NAMES
from fastcl.core.matrices import as_class_counts
from fastcl.core.scores import METHODS
from fastcl.core.side_joints import check_joints
from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import SHARE, Limit, one_of, whole
from fastcl.engine.threads import resolve_n_jobs
from fastcl.multilabel_classification.filter import find_label_issues
from fastcl.multilabel_classification.rank import as_aggregator, get_label_quality_scores
from fastcl.multilabel_classification.search import is_square_joint

LIMITS: dict[str, Limit] = {
    "filter_by": one_of(FILTER_NAMES),
    "frac_noise": SHARE,
    "num_to_remove_per_class": lambda name, value, evidence: as_class_counts(name, value, len(evidence.labels.names)),
    "min_examples_per_class": whole(0),
    "confident_joint": lambda _, value, evidence: _refuse(value, len(evidence.labels.names)),
    "n_jobs": lambda _, value, __: resolve_n_jobs(value),
    "method": one_of(METHODS),
    "aggregator_kwargs": lambda _, value, __: as_aggregator(value),
}


@check("label", needs="labels pred_probs", tasks=("multilabel",), default=True, limits=LIMITS)
def label(
    evidence: Evidence,
    *,
    filter_by: str = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    num_to_remove_per_class: Any = None,
    min_examples_per_class: int = 1,
    confident_joint: Any = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    low_memory: bool = False,
    method: str = "self_confidence",
    adjust_pred_probs: bool = False,
    aggregator_kwargs: Any = None,
) -> Finding:
    """Rows whose set of labels is probably wrong: a class is missing, or one too many.

    Each class is judged by itself, given or not against its probability; the score of a row is an average of those of
    its classes that lets the worst count most. `predicted_label` are the classes that are more probable than not.
    """
    sets, pred_probs = evidence.labels.sets, evidence.of_labeled(evidence.pred_probs)
    if evidence.labeled is not None:
        sets = sets.take(evidence.labeled)
    is_issue = find_label_issues(
        sets,
        pred_probs,
        filter_by=filter_by,
        frac_noise=frac_noise,
        num_to_remove_per_class=num_to_remove_per_class,
        min_examples_per_class=min_examples_per_class,
        confident_joint=confident_joint,
        n_jobs=n_jobs or evidence.n_jobs,
        verbose=verbose,
        low_memory=low_memory,
    )
    aggregator = aggregator_kwargs or {"method": "exponential_moving_average", "alpha": 0.8}
    scores = get_label_quality_scores(
        sets, pred_probs, method=method, adjust_pred_probs=adjust_pred_probs, aggregator_kwargs=aggregator
    )
    predicted = probable(evidence.pred_probs, evidence.labels.names)
    return Finding(
        evidence.of_all(is_issue, False),
        evidence.of_all(scores, np.nan),
        info={
            "num_label_issues": int(is_issue.sum()),
            "average_label_quality": float(scores.mean()),
            "class_names": evidence.labels.names.tolist(),
        },
        columns={"given_label": evidence.labels.given, "predicted_label": predicted},
    )


def _refuse(confident_joint: Any, n_classes: int) -> None:
    """Raise unless this is a joint of as many classes; one of classes that exclude each other is not used."""
    if not is_square_joint(confident_joint, n_classes):
        check_joints(confident_joint, n_classes)


def probable(pred_probs: Any, names: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the names of the classes of each row whose probability is above one half, as an array of lists.

    Examples
    --------
    >>> probable(np.array([[0.9, 0.6], [0.5, 0.1]]), np.array(["cat", "dog"])).tolist()
    [['cat', 'dog'], []]
    """
    above = np.asarray(pred_probs[:]) > 0.5
    members = names.astype(object)[np.nonzero(above)[1]].tolist()
    ends = np.cumsum(above.sum(axis=1)).tolist()
    rows = np.empty(len(above), object)
    for i, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        rows[i] = members[start:end]
    return rows
