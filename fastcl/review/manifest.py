"""What a worklist was made from: enough to make it again, and to see whether it would come out the same."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastcl.review.worklist import Worklist

FORMAT = "fastcl-audit-manifest"
FORMAT_VERSION = 1


def make_manifest(
    worklist: Worklist, worklist_file: Path, inputs: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe a run: versions, parameters, fingerprints of what went in and of what came out.

    Parameters
    ----------
    worklist : Worklist
        What was found.
    worklist_file : path
        The CSV file that it was written to.
    inputs : mapping of part to fingerprint
        What went in, see `fingerprint`.
    parameters : mapping
        Everything else that the answer depends on, in JSON's types.

    Returns
    -------
    dict
        Holds no time, no place and no number of threads, so that the same run gives the same manifest.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "versions": versions(),
        "inputs": dict(inputs),
        "parameters": dict(parameters),
        "counts": {
            "rows": worklist.n_rows,
            "classes": worklist.n_classes,
            "label_issues": len(worklist),
            "label_health": worklist.health,
        },
        "worklist": fingerprint(worklist_file),
    }


def write_manifest(manifest: Mapping[str, Any], path: Path) -> None:
    """Write a manifest as JSON with sorted keys."""
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def versions() -> dict[str, str]:
    """Return the versions that numbers may depend on."""
    from fastcl import __version__

    return {
        "fastcl": __version__,
        "numba": version("numba"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }


def fingerprint(path: Path) -> dict[str, Any]:
    """Return name, size and SHA-256 of a file, read in pieces.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = Path(place, "a.csv").write_bytes(b"abc")
    ...     fingerprint(Path(place, "a.csv"))["sha256"][:16]
    'ba7816bf8f01cfea'
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}
