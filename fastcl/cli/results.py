"""The files of an audit: its report, flags and scores of every row, the worklist, and the audit itself."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastcl.cli import words
from fastcl.cli.destination import ISSUES_CSV, ISSUES_PARQUET, LAB, REPORT
from fastcl.datalab import Datalab
from fastcl.datalab.reporting.report import Hints
from fastcl.datalab.reporting.report import report as report_of
from fastcl.report.summary import summarise
from fastcl.review.manifest import fingerprint
from fastcl.review.outputs import Outputs
from fastcl.review.results import CSV, MANIFEST, PARQUET, write_results
from fastcl.review.worklist import Worklist

IN_FILES = Hints(
    rows=f"{ISSUES_CSV} has flags and scores of all rows.", measurements=f"{ISSUES_CSV} has what they measured."
)

#: What the label check says of each row beside flag and score.
LABELS = ("given_label", "predicted_label")


def write_audit(
    outputs: Outputs,
    lab: Datalab,
    worklist: Worklist | None,
    report: str,
    files: Mapping[str, Path],
    parameters: Mapping[str, Any],
) -> list[str]:
    """Write what an audit found, put it in place, and return the names of the files.

    What an earlier audit has left and this one has no answer for goes. Without pyarrow there are neither Parquet files
    nor the audit itself.
    """
    outputs.path(REPORT).write_text(report + "\n", encoding="utf-8", newline="\n")
    written = [REPORT, *_write_issues(outputs, issues_frame(lab))]
    if worklist is not None:
        fingerprints = {part: fingerprint(path) for part, path in files.items()}
        written += write_results(outputs, worklist, fingerprints, parameters)
    else:
        for name in (CSV, PARQUET, MANIFEST):
            outputs.path(name)
    written += _save(lab, outputs.destination / LAB)
    outputs.publish()
    return written


def tell_files(directory: Path, written: list[str]) -> None:
    """Say which files were written, and why others were not."""
    words.note(f"wrote {', '.join(written)} to {directory}")
    if not any(name.endswith(".parquet") for name in written):
        words.note("files that need pyarrow were not written (pip install 'fastcl[io]')")


def report_text(lab: Datalab, worklist: Worklist | None, top: int, verbosity: int, *, width: int | None = None) -> str:
    """Return the report of an audit, by default as wide as the terminal is."""
    text = report_of(lab, num_examples=top, verbosity=verbosity, width=width, hints=IN_FILES)
    parts = [text, summarise(worklist) if worklist else ""]
    return "\n\n\n".join(part for part in parts if part)


def issues_frame(lab: Datalab) -> Any:
    """Return row numbers, flags and scores of all checks, and given and predicted labels, as a pandas DataFrame."""
    import pandas as pd

    frame = lab.get_issues()
    frame.insert(0, "row", range(len(lab)))
    if "label" in lab._findings:
        columns = lab._findings["label"].columns
        frame = frame.assign(
            **{name: _as_column(pd.Series(np.asarray(columns[name]))) for name in LABELS if name in columns}
        )
    return frame


def _as_column(labels: Any) -> Any:
    """Return labels as a column of one type: a mixture is text."""
    import pandas as pd

    is_mixture = pd.api.types.infer_dtype(labels, skipna=True).startswith("mixed") and not _holds_lists(labels)
    return labels.map(str, na_action="ignore") if is_mixture else labels.infer_objects()


def _holds_lists(column: Any) -> bool:
    """Tell whether a column holds lists: that of labels that are sets, where it is not empty."""
    return column.dtype == object and any(isinstance(value, list) for value in column)


def _write_issues(outputs: Outputs, frame: Any) -> list[str]:
    """Write all rows as CSV and Parquet; pyarrow writes text twenty times as fast as pandas."""
    csv, parquet = outputs.path(ISSUES_CSV), outputs.path(ISSUES_PARQUET)
    lists = filter(lambda name: _holds_lists(frame[name]), frame)
    as_text = frame.assign(**{name: frame[name].map(str, na_action="ignore") for name in lists})
    if not _has_pyarrow():
        as_text.to_csv(csv, index=False, lineterminator="\n", encoding="utf-8")
        return [ISSUES_CSV]
    import pyarrow as pa
    import pyarrow.csv

    pyarrow.csv.write_csv(pa.Table.from_pandas(as_text, preserve_index=False), csv)
    frame.to_parquet(parquet, index=False, engine="pyarrow")
    return [ISSUES_CSV, ISSUES_PARQUET]


def _save(lab: Datalab, place: Path) -> list[str]:
    """Save the audit in the place of an earlier one, or remove that: it tells another story."""
    if _has_pyarrow():
        lab.save(place, force=True)
        return [LAB]
    if place.exists():
        shutil.rmtree(place)
    return []


def _has_pyarrow() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True
