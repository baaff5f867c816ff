"""Does a column only number the rows?"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np

from fastcl.core.arrays import as_array, as_narwhals, column_names
from fastcl.core.errors import sentence
from fastcl.datalab.check import Finding, check
from fastcl.datalab.data.columns import column_array
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import Limit

Column = tuple[Hashable, Any]

LIMITS: dict[str, Limit] = {"features": lambda _, value, evidence: _columns(value, evidence.n_rows)}


@check("identifier_column", needs=("features", "columns"), shows={"identifier_columns": 1}, limits=LIMITS)
def identifier_column(evidence: Evidence, *, features: Any = None) -> Finding:
    """Columns that only number the rows: as many consecutive integers as there are rows, in any order.

    Such a column says nothing about a row, but a model can learn labels by heart with it, and where rows are sorted it
    gives them away. Leave it out of the features. No row is an issue: the summary is 0 if there is such a column, else
    1. Looked at are columns of integers, those of the features or, without any, of the data.
    """
    given = evidence.features if features is None else features
    columns = list(_columns(given, evidence.n_rows) if given is not None else _own_columns(evidence))
    found = [place for place, (_, values) in enumerate(columns) if is_identifier(values)]
    info: dict[str, Any] = {"identifier_columns": found, "num_identifier_columns": len(found)}
    notes: tuple[str, ...] = ()
    if found:
        names = [columns[place][0] for place in found]
        notes = (f"Only number the rows: {', '.join(map(str, names))}.",)
        info["identifier_column_names"] = names
    n_rows = evidence.n_rows
    return Finding(np.zeros(n_rows, np.bool_), np.ones(n_rows), float(not found), info=info, notes=notes)


def is_identifier(column: Any) -> bool:
    """Tell whether a column holds distinct integers without a gap, at least two.

    Examples
    --------
    >>> is_identifier([12, 10, 11]), is_identifier([0, 1, 0, 1]), is_identifier([1.0, 2.0])
    (True, False, False)
    """
    if (series := as_narwhals("features", column)) is not None and not series.dtype.is_integer():
        return False
    values = column_array("features", column)
    if values.dtype.kind not in "iu" or values.ndim != 1 or len(values) < 2:
        return False
    low, high = int(values.min()), int(values.max())
    if high - low != len(values) - 1:
        return False
    is_seen = np.zeros(len(values), np.bool_)
    wide = values.astype(np.uint64 if values.dtype.kind == "u" else np.int64, copy=False)
    is_seen[wide - wide.dtype.type(low)] = True
    return bool(is_seen.all())


def _columns(features: Any, n_rows: int) -> Iterator[Column]:
    """Return names, or else numbers, and values of the columns of a table, a dict, a list of columns or an array."""
    if isinstance(features, Mapping):
        columns = list(features.items())
    elif isinstance(features, (list, tuple)):
        columns = list(enumerate(features))
    elif hasattr(table := as_narwhals("features", features), "iter_columns"):
        names = column_names(table) or range(table.shape[1])
        columns = list(zip(names, table.iter_columns(), strict=True))
    else:
        array = as_array("features", features)
        columns = list(enumerate(array[:, None].T if array.ndim == 1 else array.T))
    for name, values in columns:
        if not hasattr(values, "__len__") or len(values) != n_rows:
            rule = f"be an array, a table, or columns of {n_rows:,} values"
            raise ValueError(sentence("features", rule, f"{_size(values)} as column {name!r}"))
    return iter(columns)


def _size(values: Any) -> str:
    return f"{len(values):,} values" if hasattr(values, "__len__") else type(values).__name__


def _own_columns(evidence: Evidence) -> Iterator[Column]:
    """Return the columns of the data but the labels: those of a regression may well be a ranking."""
    table = evidence.table
    if table is None:
        raise ValueError(sentence("features", "be given, or data with columns", "neither"))
    return ((name, table.column(name)) for name in table.names if name != evidence.label_name)
