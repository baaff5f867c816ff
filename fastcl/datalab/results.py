"""The findings of all checks as tables: of issues by row, of a summary by check, and of everything else by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastcl.core.arrays import as_table
from fastcl.core.errors import sentence
from fastcl.datalab.check import Finding
from fastcl.datalab.data.named import Named


def issues_table(findings: dict[str, Finding], n_rows: int, like: Any) -> Any:
    """Return ``is_<name>_issue`` and ``<name>_score`` of every check that judges rows, in the order they ran."""
    columns: dict[str, Any] = {}
    for name, finding in findings.items():
        columns |= _flags(name, finding)
    return _table(columns, n_rows, like)


def issue_columns(name: str, finding: Finding, n_rows: int, like: Any) -> Any:
    """Return flags and scores of one check, and what else it says of each row."""
    return _table(_flags(name, finding) | dict(finding.columns), n_rows, like)


def counted(findings: dict[str, Finding]) -> dict[str, Finding]:
    """Return the findings that the summary counts: about rows, and not about nearly all of them."""
    return {name: finding for name, finding in findings.items() if finding.in_summary and finding.is_issue is not None}


def summary_table(findings: dict[str, Finding], like: Any) -> Any:
    """Return ``issue_type``, ``score`` and ``num_issues`` of each check, in the order they ran."""
    listed = counted(findings)
    columns = {
        "issue_type": np.array(list(listed), object),
        "score": np.array([finding.score for finding in listed.values()], np.float64),
        "num_issues": np.array([finding.num_issues for finding in listed.values()], np.int64),
    }
    return as_table(columns, (like,))


def health_score(findings: dict[str, Finding]) -> float | None:
    """Return the mean of the summary scores; they measure different things, so compare it only with itself."""
    judged = [finding.score for finding in counted(findings).values() if not np.isnan(finding.score)]
    return float(np.mean(judged)) if judged else None


def require_finding(name: str, findings: dict[str, Finding], failed: dict[str, Exception]) -> Finding:
    """Return what a check found, or raise ValueError saying why there is nothing."""
    if name in findings:
        return findings[name]
    if name in failed:
        raise ValueError(f"The check {name!r} failed: {failed[name]}")
    fix = f"Run lab.find_issues(issue_types={{{name!r}: {{}}}}) first."
    raise ValueError(sentence("issue_name", "name a check that has run", repr(name), fix))


def written_out(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns with names of classes written out."""
    return {name: np.asarray(values) if isinstance(values, Named) else values for name, values in columns.items()}


def _flags(name: str, finding: Finding) -> dict[str, Any]:
    if finding.is_issue is None:
        return {}
    return {f"is_{name}_issue": finding.is_issue, f"{name}_score": finding.scores}


def _table(columns: dict[str, Any], n_rows: int, like: Any) -> Any:
    """Return columns as a table; without columns those of pandas have `n_rows` rows all the same."""
    table = as_table({name: _column(values) for name, values in columns.items()}, (like,))
    return table if columns or not hasattr(table, "reindex") else table.reindex(range(n_rows))


def _column(values: Any) -> Any:
    """Return values as an array; lists and arrays in it as objects."""
    if isinstance(values, (np.ndarray, Named)):
        return np.asarray(values)
    column = np.empty(len(values), object)
    column[:] = list(values)
    return column
