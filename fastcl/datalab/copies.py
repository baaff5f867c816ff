"""Copies of rows, exact and near, found once for all checks that ask for the same ones."""

from __future__ import annotations

from fastcl.datalab.evidence import Evidence
from fastcl.neighbors.duplicates.groups import Duplicates, unite_duplicates
from fastcl.neighbors.duplicates.rows import NearDuplicates, find_exact_duplicates, find_near_duplicates


def exact_duplicates(evidence: Evidence) -> Duplicates:
    """Return the groups of rows whose features are equal."""
    return evidence.once("exact duplicates", lambda: find_exact_duplicates(evidence.numbers, n_jobs=evidence.n_jobs))


def near_duplicates(evidence: Evidence, metric: str | None, threshold: float, k: int | None) -> NearDuplicates:
    """Return the groups of rows that lie much closer together than is usual."""
    return evidence.once(
        f"near duplicates {metric} {threshold} {k}",
        lambda: find_near_duplicates(evidence.graph(k, metric), threshold=threshold, n_jobs=evidence.n_jobs),
    )


def all_copies(evidence: Evidence, metric: str | None, threshold: float, k: int | None) -> Duplicates:
    """Return the groups of rows that are equal or nearly so; equal ones only where there are features."""
    near = near_duplicates(evidence, metric, threshold, k)
    return near if evidence.features is None else unite_duplicates(near, exact_duplicates(evidence))
