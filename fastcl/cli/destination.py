"""Where an audit may write: nothing is replaced but what an earlier audit has left."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from fastcl.core.errors import sentence
from fastcl.datalab.saving.files import ABOUT
from fastcl.review.manifest import FORMAT
from fastcl.review.results import CSV, MANIFEST, PARQUET

REPORT, ISSUES_CSV, ISSUES_PARQUET, LAB, PAGE = "report.txt", "issues.csv", "issues.parquet", "lab", "demo.html"

#: What an audit writes, and the demo.
OF_AUDIT = (REPORT, ISSUES_CSV, ISSUES_PARQUET, CSV, PARQUET, MANIFEST, LAB)
OF_DEMO = (CSV, PARQUET, MANIFEST, PAGE)

#: How every report begins.
TITLE = b"Audit of "

FIX = "Choose another directory."


def refuse_losses(directory: Path, names: Collection[str], inputs: Iterable[Path] = ()) -> None:
    """Raise FileExistsError, before hours of work, if one of the files to be written would replace something else.

    Parameters
    ----------
    directory : Path
        Where they are to be written; it need not be there.
    names : collection of str
        What they are called.
    inputs : iterable of Path
        The files that are read; none of them is replaced, even if an audit wrote it.
    """
    there = [name for name in names if (directory / name).exists()]
    for path in inputs:
        if _is_among(path, [directory / name for name in there]):
            got = f"{str(directory)!r}, where {path.name!r} would be replaced"
            raise FileExistsError(sentence("out", "be another directory than that of what is read", got, FIX))
    if foreign := _foreign(directory, there):
        rule = f"have no other {foreign!r} than that of an audit"
        raise FileExistsError(sentence("out", rule, repr(str(directory / foreign)), FIX))


def _is_among(path: Path, places: Iterable[Path]) -> bool:
    """Tell whether a file is one of these, or in one of them."""
    return any(place.samefile(one) for place in places for one in (path, *path.resolve().parents))


def _foreign(directory: Path, there: Collection[str]) -> str | None:
    """Return the first file that seems to be of no audit: each leaves a report or a manifest, which can be told."""
    for name, is_own in MARKS.items():
        if name in there and not is_own(directory / name):
            return name
    if REPORT in there or MANIFEST in there:
        return None
    return next((name for name in there if name != LAB), None)


def _is_report(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(TITLE)) == TITLE


def _is_manifest(path: Path) -> bool:
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("format") == FORMAT


def _is_lab(path: Path) -> bool:
    return (path / ABOUT).is_file()


#: Files that say whose they are, and how.
MARKS: dict[str, Callable[[Path], bool]] = {REPORT: _is_report, MANIFEST: _is_manifest, LAB: _is_lab}
