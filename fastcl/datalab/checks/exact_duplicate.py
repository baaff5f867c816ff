"""Which rows are the same, number by number?"""

from __future__ import annotations

from fastcl.datalab.check import Finding, check
from fastcl.datalab.copies import exact_duplicates
from fastcl.datalab.evidence import Evidence


@check("exact_duplicate", needs="features", default=True, shows={"n_groups": 1})
def exact_duplicate(evidence: Evidence) -> Finding:
    """Rows whose features are exactly those of another row.

    Such rows were stored twice, or hold too little to be told apart. `group` numbers the copies; `is_representative`
    says which row to keep of each group.
    """
    found = exact_duplicates(evidence)
    info = {
        "n_groups": found.n_groups,
        "group": found.group,
        "representative": found.representative,
        "groups": found.groups,
    }
    columns = {"group": found.group, "is_representative": found.keep & found.is_issue}
    return Finding(found.is_issue, found.scores, found.summary, info, columns)
