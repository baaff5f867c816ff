"""From what was typed to labels, probabilities and class names."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcl.cli.class_names import distinct_labels, match_classes, name_classes
from fastcl.core.errors import sentence
from fastcl.engine.tables import FORMATS, Probabilities, Table, choose_columns, open_table, require_column


@dataclass(frozen=True)
class Inputs:
    """What an audit reads; `files` are the files it comes from, by their part in it."""

    labels: Any
    pred_probs: Any
    class_names: Sequence[Hashable] | None
    files: dict[str, Path]


def open_inputs(data: Path, label: str | None, pred_probs: str, classes: Sequence[str] | None) -> Inputs:
    """Read the labels and open the probabilities, which are in a file of their own or in columns of `data`."""
    table = open_table("data", data)
    _check_label(table, label)
    files = {"data": data}
    if _is_path(pred_probs, table):
        files["pred_probs"] = Path(pred_probs)
        labels, _ = table.read(label, [])
        probabilities = open_table("pred_probs", files["pred_probs"]).read_probabilities(without=label)
    else:
        columns = choose_columns("pred_probs", table, pred_probs, without=label)
        labels, probabilities = table.read(label, columns)
    _check_one_a_class(probabilities)
    return Inputs(labels, probabilities.values, _class_names(labels, probabilities.names, classes), files)


def _check_label(table: Table, label: str | None) -> None:
    """Raise ValueError unless `label` names a column, or there are none to name."""
    if label is None and table.names:
        raise ValueError(sentence("labels", f"name a column of {table.path.name!r}", "no --label"))
    if label is not None and not table.names:
        fix = "It is one array without names."
        raise ValueError(sentence("labels", f"be left out for {table.path.name!r}", repr(label), fix))
    if label is not None:
        require_column("labels", table, label)


def _is_path(pred_probs: str, table: Table) -> bool:
    """Tell whether a file is meant: where nothing is a column, or what looks like a path or is one."""
    if pred_probs in table.names:
        return False
    return not table.names or Path(pred_probs).suffix.lower() in FORMATS or Path(pred_probs).is_file()


def _check_one_a_class(probabilities: Probabilities) -> None:
    names = probabilities.names
    if names is not None and len(names) < 2:
        got = f"{names[0]!r} alone" if names else "none"
        fix = "For two classes give both columns."
        raise ValueError(sentence("pred_probs", "name a column for each class, or one of lists", got, fix))


def _class_names(labels: Any, names: list[str] | None, classes: Sequence[str] | None) -> list[Hashable] | None:
    if classes is not None:
        return name_classes(distinct_labels(labels), classes)
    return None if names is None else match_classes(distinct_labels(labels), names)
