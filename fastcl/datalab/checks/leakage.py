"""Which rows are in two splits at once?"""

from __future__ import annotations

from typing import Any

from fastcl.datalab.check import Finding, check
from fastcl.datalab.copies import all_copies
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import number


@check("leakage", needs="graph split", default=True, shows={"pairs_of_splits": 0}, limits={"threshold": number()})
def leakage(evidence: Evidence, *, metric: str | None = None, threshold: float = 0.13, k: int | None = None) -> Finding:
    """Rows that have a copy, exact or near, in another split.

    What a model has seen in training it knows in the test: scores on such a test are too good. Take these rows out of
    all splits but one. `split` says where each row is, `group` which rows are copies of each other.
    """
    copies = all_copies(evidence, metric, threshold, k)
    found = copies.leakage(evidence.split)
    info = {
        "n_groups": len(found),
        "groups": found.rows,
        "pairs": found.pairs,
        "pairs_of_splits": _count_pairs(evidence.split, found.pairs),
        "threshold": threshold,
    }
    columns = {"group": copies.group, "split": evidence.split}
    return Finding(found.is_issue, 1.0 - found.is_issue, info=info, columns=columns)


def _count_pairs(split: Any, pairs: Any) -> dict[str, int]:
    """Return how many pairs of copies lie across each two splits."""
    counts: dict[str, int] = {}
    for left, right in split[pairs].astype(str).tolist():
        name = " / ".join(sorted((left, right)))
        counts[name] = counts.get(name, 0) + 1
    return counts
