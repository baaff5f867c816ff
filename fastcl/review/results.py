"""The files of an audit: the worklist as CSV and Parquet, and the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastcl.review.manifest import make_manifest, write_manifest
from fastcl.review.outputs import Outputs
from fastcl.review.worklist import Worklist

CSV, PARQUET, MANIFEST = "worklist.csv", "worklist.parquet", "manifest.json"


def write_results(
    outputs: Outputs, worklist: Worklist, inputs: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, Any]
) -> list[str]:
    """Write what an audit found, the manifest last, and return the names of the files.

    Without pyarrow there is no ``worklist.parquet``, and one of an earlier run goes, as it tells another story.
    `inputs` and `parameters` are for the manifest, see `fastcl.review.manifest.make_manifest`.
    """
    frame = worklist.to_frame()
    csv = outputs.path(CSV)
    frame.to_csv(csv, index=False, lineterminator="\n", encoding="utf-8")
    written = [CSV]
    if _write_parquet(frame, outputs.path(PARQUET)):
        written.append(PARQUET)
    write_manifest(make_manifest(worklist, csv, inputs, parameters), outputs.path(MANIFEST))
    return [*written, MANIFEST]


def _write_parquet(frame: Any, path: Path) -> bool:
    """Write a frame as Parquet; return False if nothing that can is installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    frame.to_parquet(path, index=False, engine="pyarrow")
    return True
