"""What a table on disk is: columns by name, of which a few hold labels and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastcl.core.errors import sentence


class Probabilities(NamedTuple):
    """Probabilities as `open_source` takes them, and the names of their columns if there is one a class."""

    values: Any
    names: list[str] | None


class Table(Protocol):
    """What can be asked of a table on disk; `names` are its columns."""

    path: Path
    names: list[str]

    def read(self, label: str | None, columns: Sequence[str]) -> tuple[Any, Probabilities]:
        """Return the labels, and the probabilities in `columns`, of which there may be none.

        `label` is None only where there are no columns to choose from.
        """

    def read_probabilities(self, without: str | None) -> Probabilities:
        """Return all probabilities there are, in other columns than `without`."""


def require_column(name: str, table: Table, column: str) -> None:
    """Raise ValueError, naming the nearest columns, unless the table has `column`."""
    if column not in table.names:
        near = get_close_matches(column, table.names, n=3, cutoff=0.5)
        shown = near or table.names[:8]
        fix = f"{'Did you mean' if near else 'It has'} {', '.join(map(repr, shown))}{'?' if near else '.'}"
        raise ValueError(sentence(name, f"name a column of {table.path.name!r}", repr(column), fix))


def choose_columns(name: str, table: Table, wanted: str, without: str | None) -> list[str]:
    """Return the columns that a comma-separated list of names and patterns (``p_*``) stands for.

    Each name stays where it is put; the columns of a pattern come in the order of the table, `without` excepted.
    """
    if wanted in table.names:
        return [wanted]
    chosen: list[str] = []
    for part in filter(None, map(str.strip, wanted.split(","))):
        matching = [part] if part in table.names else [
            column for column in table.names if fnmatchcase(column, part) and column != without
        ]  # fmt: skip
        if not matching:
            require_column(name, table, part)
        chosen += [column for column in matching if column not in chosen]
    return chosen


def whole_numbers(labels: Any) -> Any:
    """Return labels like 1.0, 2.0 as the integers they are; anything else as it is."""
    if labels.dtype.kind != "f" or not len(labels):
        return labels
    values = np.asarray(labels)
    if np.isfinite(values).all() and np.equal(np.mod(values, 1), 0).all():
        return values.astype(np.int64)
    return labels
