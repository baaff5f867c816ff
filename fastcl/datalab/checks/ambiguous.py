"""Which rows would annotators disagree on?"""

from __future__ import annotations

import numpy as np

from fastcl.ambiguity import THRESHOLD, judge
from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import SHARE


@check(
    "ambiguous",
    needs="labels pred_probs",
    tasks=("classification",),
    default=True,
    shows={"cut": 2},
    limits={"threshold": SHARE},
)
def ambiguous(evidence: Evidence, *, threshold: float = THRESHOLD) -> Finding:
    """Rows that belong to several classes, or to none.

    The score is how probably two annotators would agree, by the probabilities and the labels of neighbours. The given
    label plays no part: these rows may be labelled as well as they can be. Let several people look at them, or leave
    them out of the test data.
    """
    found = judge(evidence.agreement, threshold)
    inputs = {
        "features": evidence.is_model_free,
        "pred_probs": not evidence.is_model_free,
        "graph": bool(evidence.graphs),
    }
    info = {"threshold": found.threshold, "cut": found.cut, "find_issues_inputs": inputs}
    return Finding(evidence.of_all(found.is_issue, False), evidence.of_all(found.scores, np.nan), found.summary, info)
