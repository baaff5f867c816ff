"""From what was typed to the table, its labels, probabilities, features and class names."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from os.path import exists
from pathlib import Path
from typing import Any, NamedTuple

from fastcl.cli.class_names import distinct_labels, match_classes, name_classes
from fastcl.cli.data import PLAIN, Data, PlainArray, open_data, read_labels
from fastcl.cli.numbers import from_columns, from_file
from fastcl.core.errors import sentence
from fastcl.datalab.data.tables import Table
from fastcl.engine.files import require_file
from fastcl.engine.tables import FORMATS, Probabilities, choose_columns, require_column
from fastcl.engine.tables.table import which_columns


class Asked(NamedTuple):
    """What was typed of the inputs; see `fastcl audit --help`."""

    data: Path
    task: str = "classification"
    label: str | None = None
    pred_probs: str | None = None
    features: str | None = None
    classes: Sequence[str] | None = None
    text: str | None = None
    image: str | None = None
    split: str | None = None


@dataclass(frozen=True, eq=False)
class Inputs:
    """What an audit reads; `files` are the files it comes from, by their part in it."""

    table: Data
    label: str | None
    class_names: list[Hashable] | None
    pred_probs: Any
    features: Any
    split: Any
    files: dict[str, Path]


def open_inputs(asked: Asked, scratch: Path) -> Inputs:
    """Read the labels and open everything else; `scratch` is a directory for temporary files."""
    file = _File(asked, open_data(asked.data, asked.task), scratch)
    label = file.label()
    file.require_columns()
    pred_probs, features = file.numbers("pred_probs", label), file.numbers("features", label)
    labels = None if label is None else read_labels(asked.data, file.table, label, asked.task)
    hidden = file.hidden - {label, asked.text, asked.image, asked.split}
    table = Data(file.table, hidden, label, labels, asked.image)
    return Inputs(
        table=table,
        label=label,
        class_names=_class_names(asked, labels, pred_probs),
        pred_probs=pred_probs.values,
        features=features.values,
        split=None if asked.split is None else table.array(asked.split),
        files=file.files,
    )


@dataclass(eq=False)
class _File:
    """DATA while it is being read: `hidden` are the columns that turn out to be probabilities or features."""

    asked: Asked
    table: Table
    scratch: Path
    files: dict[str, Path] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.files["data"] = self.path

    @property
    def path(self) -> Path:
        return self.asked.data

    @property
    def names(self) -> list[str]:
        return [] if isinstance(self.table, PlainArray) else self.table.names

    def label(self) -> str | None:
        """Return the column of labels, None if there is none, or raise if it is not what was typed."""
        wanted = self.asked.label
        if not self.names:
            if wanted is not None:
                fix = which_columns(wanted, self.names)
                raise ValueError(sentence("labels", f"be left out for {self.path.name!r}", repr(wanted), fix))
            return PLAIN
        if wanted is not None:
            require_column("labels", self, wanted)  # type: ignore[arg-type]  # it asks for path and names only
        elif self.asked.pred_probs is not None:
            raise ValueError(sentence("labels", f"name a column of {self.path.name!r}", "no --label"))
        return wanted

    def require_columns(self) -> None:
        """Raise ValueError if a column that was typed is not there."""
        for name in ("text", "image", "split"):
            if (column := getattr(self.asked, name)) is not None:
                require_column(name, self, column)  # type: ignore[arg-type]  # as above

    def numbers(self, name: str, label: str | None) -> Probabilities:
        """Return probabilities or features from where they were said to be."""
        typed = getattr(self.asked, name)
        if typed is None:
            return Probabilities(None, None)
        if self._is_file(typed):
            self.files[name] = path = require_file(name, typed, FORMATS)
            found = from_file(name, path, label, self.scratch)
        else:
            columns = choose_columns(name, self, typed, without=label)  # type: ignore[arg-type]  # as above
            if not columns:
                raise ValueError(sentence(name, "name columns of numbers, or one of lists", "none"))
            self.hidden |= set(columns)
            found = from_columns(name, self.path, self.table, columns, self.scratch)
        if name == "pred_probs" and self.asked.task == "classification":
            _check_one_a_class(found)
        return found

    def _is_file(self, typed: str) -> bool:
        """Tell whether a file is meant: where nothing is a column, or what looks like a path or is one."""
        if typed in self.names:
            return False
        return not self.names or Path(typed).suffix.lower() in FORMATS or exists(typed)


def _check_one_a_class(probabilities: Probabilities) -> None:
    if probabilities.names is not None and len(probabilities.names) < 2:
        got = f"{probabilities.names[0]!r} alone"
        fix = "For two classes give both columns."
        raise ValueError(sentence("pred_probs", "name a column for each class, or one of lists", got, fix))


def _check_one_a_column(classes: Sequence[str], pred_probs: Any) -> None:
    n_classes = len(classes) if pred_probs is None else pred_probs.shape[-1]
    if len(set(classes)) != n_classes or len(classes) != n_classes:
        rule = f"name each of the {n_classes} columns of `pred_probs` once"
        raise ValueError(sentence("class_names", rule, f"{len(classes)} names, {len(set(classes))} different"))


def _class_names(asked: Asked, labels: Any, probabilities: Probabilities) -> list[Hashable] | None:
    """Return what the columns of probabilities stand for; None where that follows from the labels."""
    if labels is None or asked.task == "regression":
        return None
    if asked.classes is not None:
        _check_one_a_column(asked.classes, probabilities.values)
        return name_classes(distinct_labels(labels, asked.task), asked.classes)
    if probabilities.names is None:
        return None
    return match_classes(distinct_labels(labels, asked.task), probabilities.names)
