"""A lab as a directory of files that anybody can read, and nobody has to trust: nothing is pickled.

====================  ================================================================================================
``lab.json``          what the lab is, what its checks found beside arrays, digests of the data and of the other files
``issues.parquet``    a column for everything that has one value a row: labels, flags, scores, what checks say beside
``arrays.npz``        all other arrays
``graph-<i>.npz``     the neighbour graphs, see `KNNGraph.save`
====================  ================================================================================================
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from fastcl.core.errors import sentence
from fastcl.core.label_sets import LabelSets
from fastcl.datalab import results
from fastcl.datalab.audit import reason_of
from fastcl.datalab.check import Finding
from fastcl.datalab.data.labels import ClassLabels, NumberLabels, SetLabels
from fastcl.datalab.data.tables import Table, open_table
from fastcl.datalab.graphs import Graphs
from fastcl.datalab.saving.encoding import ArrayStore, decode, empty_table, encode
from fastcl.neighbors.graph import KNNGraph

if TYPE_CHECKING:
    from fastcl.datalab.datalab import Datalab

FORMAT, FORMAT_VERSION = "fastcl-lab", 1

ABOUT, ISSUES, ARRAYS = "lab.json", "issues.parquet", "arrays.npz"

#: Errors that come back as what they were; others come back as ValueError, which says what they were.
ERRORS = {error.__name__: error for error in (ValueError, TypeError, ImportError)}

#: What reading a file raises that is not what it should be.
UNREADABLE = (KeyError, IndexError, ValueError, TypeError, AttributeError, EOFError, OSError, BadZipFile)


def save(lab: Datalab, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write what `Datalab.save` says; the directory appears with all of its files, or as it was before."""
    path = Path(path).resolve()
    _check_place(path, force)
    parquet = _parquet()
    store = ArrayStore(len(lab))
    about = _describe(lab, store)  # raises before anything is written
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as staging:
        made, replaced = Path(staging, "new"), Path(staging, "old")
        made.mkdir()
        _write_arrays(made, store, parquet)
        for i, graph in enumerate(lab._graphs.built.values()):
            graph.save(made / _graph_file(i))
        about["files"] = {file.name: _digest(file) for file in sorted(made.iterdir())}
        about["digest"] = _own_digest(about)
        (made / ABOUT).write_text(json.dumps(about, allow_nan=False), encoding="utf-8", newline="\n")
        _put_in_place(made, path, replaced if force else None)


def load(path: str | os.PathLike[str], data: Any = None) -> dict[str, Any]:
    """Read what `Datalab.load` says, and return the attributes of the lab."""
    path = Path(path)
    about = _read_about(path)
    parquet = _parquet()
    for name, digest in about["files"].items():
        _check_file(path / name, digest)
    table = None if data is None else open_table(data)
    if table is not None:
        _check_data(table, about)
    store = ArrayStore(about["n_rows"])
    _read_arrays(path, store, parquet)
    try:
        parts = {part: decode(about[part], store) for part in ("facts", "labels", "findings", "failed")}
        graphs = _graphs(about, path)
        return _attributes(about, parts, graphs, table, data)
    except UNREADABLE as error:
        raise _damaged(path / ABOUT) from error


# -- what there is to write


def _describe(lab: Datalab, store: ArrayStore) -> dict[str, Any]:
    """Return the lab as JSON, its arrays put into the store."""
    from fastcl import __version__

    facts = {name: getattr(lab, name) for name in ("task", "label_name", "image_key", "text_key", "verbosity")}
    graphs = lab._graphs
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "fastcl": __version__,
        "n_rows": len(lab),
        "fingerprint": _fingerprint(lab),
        "library": type(lab._like).__module__.partition(".")[0],
        "facts": encode(facts, store, "lab"),
        "labels": encode(_of_labels(lab._labels), store, "labels"),
        "findings": {name: _of_finding(name, finding, store) for name, finding in lab._findings.items()},
        "failed": {name: _of_error(error) for name, error in lab.failed.items()},
        "graphs": {"metrics": list(graphs.built), "default": graphs.default_metric},
    }


def _fingerprint(lab: Datalab) -> str | None:
    """Return the digest of the data; of a lab that was read without them, the one that was read."""
    return lab._fingerprint if lab._table is None else lab._table.fingerprint()


def _of_labels(labels: ClassLabels | NumberLabels | SetLabels | None) -> dict[str, Any] | None:
    match labels:
        case ClassLabels():
            return {"kind": "class", "codes": labels.codes, "names": labels.names, "declared": labels.declared}
        case NumberLabels():
            return {"kind": "number", "values": labels.values}
        case SetLabels(sets=sets):
            rows = {"offsets": sets.offsets, "classes": sets.classes, "set_names": sets.class_names}
            own = {"names": labels.names, "is_labeled": labels.is_labeled, "declared": labels.declared}
            return {"kind": "set"} | rows | own
    return None


def _to_labels(parts: dict[str, Any] | None) -> ClassLabels | NumberLabels | SetLabels | None:
    if parts is None:
        return None
    if parts["kind"] == "number":
        return NumberLabels(parts["values"])
    if parts["kind"] == "class":
        return ClassLabels(parts["codes"], parts["names"], parts["declared"])
    sets = LabelSets(parts["offsets"], parts["classes"], len(parts["names"]), parts["set_names"])
    return SetLabels(sets, parts["names"], parts["is_labeled"], parts["declared"])


def _of_finding(name: str, finding: Finding, store: ArrayStore) -> dict[str, Any]:
    """Return what a check found; flags and scores are called as in tables."""
    return {
        "is_issue": encode(finding.is_issue, store, f"is_{name}_issue"),
        "scores": encode(finding.scores, store, f"{name}_score"),
        "columns": encode(results.written_out(finding.columns), store, f"{name}.columns"),
        "info": encode(dict(finding.info), store, f"{name}.info"),
        "summary": encode(finding.summary, store, f"{name}.summary"),
        "notes": encode(tuple(finding.notes), store, f"{name}.notes"),
        "in_summary": bool(finding.in_summary),
    }


def _of_error(error: Exception) -> dict[str, str]:
    return {"type": type(error).__name__, "says": reason_of(error)}


def _to_error(said: Mapping[str, str]) -> Exception:
    return ERRORS.get(said["type"], ValueError)(said["says"])


# -- files


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("Saving and loading a lab needs pyarrow: pip install 'fastcl[io]'.") from error
    return pyarrow.parquet


def _graph_file(i: int) -> str:
    return f"graph-{i}.npz"


def _write_arrays(place: Path, store: ArrayStore, parquet: Any) -> None:
    import pyarrow as pa

    texts = [name for name, array in store.columns.items() if array.dtype.kind in "UO"]
    columns = {
        # as objects, since Arrow ends NumPy's strings at the first NUL
        name: pa.array(array.astype(object), pa.string()) if name in texts else pa.array(array, from_pandas=False)
        for name, array in store.columns.items()
    }
    parquet.write_table(pa.table(columns), place / ISSUES, compression="zstd", use_dictionary=texts)
    arrays: dict[str, Any] = store.arrays
    np.savez(place / ARRAYS, **arrays)


def _read_arrays(path: Path, store: ArrayStore, parquet: Any) -> None:
    try:
        table = parquet.read_table(path / ISSUES)
        store.columns = {name: _as_own(table.column(name).to_numpy()) for name in table.column_names}
    except UNREADABLE as error:
        raise _damaged(path / ISSUES) from error
    try:
        with np.load(path / ARRAYS, allow_pickle=False) as arrays:
            store.arrays = dict(arrays)
    except UNREADABLE as error:
        raise _damaged(path / ARRAYS) from error


def _as_own(array: Any) -> Any:
    """Return an array that can be written to, as those of checks can."""
    return array if array.flags.writeable else array.copy()


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _check_file(file: Path, digest: str) -> None:
    """Raise ValueError unless a file is the one that was written."""
    if not file.is_file():
        raise ValueError(sentence("path", "hold all files of the lab", f"no {file.name}", "Copy the whole directory."))
    if _digest(file) != digest:
        raise _damaged(file)


def _damaged(file: Path) -> ValueError:
    return ValueError(sentence("path", "hold the files as they were written", f"another {file.name}", "Save it again."))


def _own_digest(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps({**about, "digest": None}, sort_keys=True).encode()).hexdigest()


def _read_about(path: Path) -> dict[str, Any]:
    """Return what a lab says of itself, or raise."""
    if not (path / ABOUT).is_file():
        raise FileNotFoundError(sentence("path", "name a directory written by Datalab.save", repr(str(path))))
    about = _about(path)
    if about is not None and about["format_version"] > FORMAT_VERSION:
        got, fix = f"version {about['format_version']}", "A later fastcl wrote it: update yours."
        raise ValueError(sentence("path", f"hold a lab of format version {FORMAT_VERSION} or lower", got, fix))
    if about is None or about.get("digest") != _own_digest(about):
        raise _damaged(path / ABOUT)
    return about


def _about(path: Path) -> dict[str, Any] | None:
    """Return what a lab says of itself; None if the directory holds none."""
    try:
        about: dict[str, Any] = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        is_lab = about["format"] == FORMAT and about["format_version"] > 0 and bool(about["files"])
    except UNREADABLE:
        return None
    return about if is_lab else None


# -- the directory


def _check_place(path: Path, force: bool) -> None:
    """Raise FileExistsError if there is something that is not to be replaced."""
    if not path.exists() or (path.is_dir() and not os.listdir(path)):
        return
    if not force:
        fix = "Pass force=True to replace a lab."
        raise FileExistsError(sentence("path", "name nothing that is there already", repr(str(path)), fix))
    about = _about(path) if path.is_dir() else None
    if about is None:
        raise FileExistsError(sentence("path", "name a saved lab to be replaced", f"something else at {str(path)!r}"))
    if others := set(os.listdir(path)) - {ABOUT, *about["files"]}:
        got, fix = f"also {', '.join(sorted(others))}", "Move what is not part of the lab elsewhere."
        raise FileExistsError(sentence("path", "hold nothing but the lab to be replaced", got, fix))


def _put_in_place(made: Path, path: Path, replaced: Path | None) -> None:
    """Move a directory to its place, and what was there to `replaced`, or back if that fails."""
    if replaced is None or not path.exists():
        made.rename(path)
        return
    try:
        path.rename(replaced)
        made.rename(path)
    finally:
        if not path.exists():
            replaced.rename(path)


# -- the lab


def _check_data(table: Table, about: Mapping[str, Any]) -> None:
    """Raise ValueError unless these are the data that were audited."""
    rule = "be the data that were audited"
    if table.n_rows != about["n_rows"]:
        raise ValueError(sentence("data", rule, f"{table.n_rows:,} rows for a lab of {about['n_rows']:,}"))
    if about["fingerprint"] not in (None, table.fingerprint()):
        fix = "Columns or values differ: leave `data` out, or audit these."
        raise ValueError(sentence("data", rule, "other contents of as many rows", fix))


def _graphs(about: Mapping[str, Any], path: Path) -> Graphs:
    graphs, kept = Graphs(about["n_rows"]), about["graphs"]
    graphs.built = {metric: KNNGraph.load(path / _graph_file(i)) for i, metric in enumerate(kept["metrics"])}
    graphs.default_metric = kept["default"]
    return graphs


def _attributes(
    about: Mapping[str, Any], parts: Mapping[str, Any], graphs: Graphs, table: Table | None, data: Any
) -> dict[str, Any]:
    """Return the attributes of the lab, made of its parts."""
    return {
        **parts["facts"],
        "data": data,
        "failed": {name: _to_error(said) for name, said in parts["failed"].items()},
        "_table": table,
        "_n_rows": about["n_rows"],
        "_labels": _to_labels(parts["labels"]),
        "_findings": {name: Finding(**found) for name, found in parts["findings"].items()},
        "_graphs": graphs,
        "_fingerprint": about["fingerprint"],
        "_like": empty_table(about["library"]) if table is None else table.native,
    }
