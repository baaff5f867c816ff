"""Which rows lack values, and how many."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.null_patterns import NullPatterns, find_null_patterns

#: Columns that a note names.
MOST_NAMED = 5


@check("null", needs="features", default=True, shows={"most_common_issue": 2})
def null(evidence: Evidence) -> Finding:
    """Rows of features without a single value: None, NaN, NaT or NA in every column.

    The score is the share of the columns that do have a value, so rows that lack some are ranked too. Leave empty rows
    out, and fill or drop what else is missing (see `column_impact`): checks that compare features need numbers.
    """
    nulls = find_null_patterns(evidence.features, n_jobs=evidence.n_jobs)
    n_columns = nulls.per_column.size
    scores = (n_columns - nulls.per_row) / n_columns
    pattern, rows = nulls.most_common(evidence.n_jobs)
    info: dict[str, Any] = {
        "average_null_score": float(scores.mean()),
        "most_common_issue": {"pattern": pattern, "rows_affected": rows.tolist(), "count": len(rows)},
        "column_impact": (nulls.per_column / len(scores)).tolist(),
    }
    if nulls.names is not None:
        info["column_names"] = nulls.names
    return Finding(nulls.per_row == n_columns, scores, info=info, notes=_notes(nulls))


def _notes(nulls: NullPatterns) -> tuple[str, ...]:
    n_rows, n_columns = nulls.per_row.size, nulls.per_column.size
    n_empty = np.count_nonzero(nulls.per_row == n_columns)
    n_partly = nulls.rows.size - n_empty
    notes = []
    if n_empty:
        notes.append(f"{n_empty:,} of {n_rows:,} rows have no value in any column: leave them out.")
    if n_partly:
        notes.append(f"{n_partly:,} of {n_rows:,} rows lack a value in some columns: fill these, or leave them out.")
    empty = np.flatnonzero(nulls.per_column == n_rows)
    if 0 < empty.size < n_columns:
        names = [str(nulls.names[j] if nulls.names else j) for j in empty[:MOST_NAMED]]
        more = ", ..." if empty.size > MOST_NAMED else ""
        notes.append(f"No row has a value in column {', '.join(names)}{more}.")
    return tuple(notes)
