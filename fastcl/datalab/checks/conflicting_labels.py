"""Which copies have different labels?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastcl.datalab.check import Finding, check
from fastcl.datalab.copies import all_copies
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import number
from fastcl.neighbors.duplicates.groups import Duplicates


@check(
    "conflicting_labels",
    needs="labels graph",
    tasks=("classification",),
    default=True,
    shows={"n_groups": 1},
    limits={"threshold": number()},
)
def conflicting_labels(
    evidence: Evidence, *, metric: str | None = None, threshold: float = 0.13, k: int | None = None
) -> Finding:
    """Copies, exact or near, that were given different labels.

    At least one label of such a group is wrong, or the classes cannot be told apart: the cheapest label errors to find,
    since no model is needed. `group` numbers the groups; compare `given_label` within.
    """
    copies = all_copies(evidence, metric, threshold, k)
    found = copies.conflicting_labels(_codes(evidence, copies))
    columns = {"group": copies.group, "given_label": evidence.labels.given}
    info = {"n_groups": len(found), "groups": found.rows, "pairs": found.pairs, "threshold": threshold}
    return Finding(found.is_issue, 1.0 - found.is_issue, info=info, columns=columns)


def _codes(evidence: Evidence, copies: Duplicates) -> npt.NDArray[np.int32]:
    """Return the labels; a row without one borrows that of a copy, so that it contradicts nobody."""
    codes, missing = evidence.labels.codes, ~evidence.labels.is_labeled
    if evidence.labels.all_labeled:
        return codes
    lent = np.zeros(copies.n_groups + 1, np.int32)  # the last for rows without copies, whose group is -1
    lent[copies.group[~missing]] = codes[~missing]
    return np.where(missing, lent[copies.group], codes)
