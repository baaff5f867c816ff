"""What a table on disk is: columns by name, of which a few hold labels and probabilities."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastcl.core.errors import sentence

#: What may stand between the columns of a text file.
SEPARATORS = (";", "\t", "|", ",")


class Probabilities(NamedTuple):
    """Probabilities as `open_source` takes them, and the names of their columns if there is one a class."""

    values: Any
    names: list[str] | None


class Table(Protocol):
    """What can be asked of a table on disk; `names` are its columns."""

    path: Path
    names: list[str]

    def read_probabilities(self, without: str | None) -> Probabilities:
        """Return all probabilities there are, in other columns than `without`."""


def require_column(name: str, table: Table, column: str) -> None:
    """Raise ValueError, naming the nearest columns, unless the table has `column`."""
    if column not in table.names:
        rule = f"name a column of {table.path.name!r}"
        raise ValueError(sentence(name, rule, repr(column), which_columns(column, table.names)))


def which_columns(wanted: Hashable, names: Sequence[Hashable]) -> str:
    """Return a sentence about the columns there are, where `wanted` is none: the nearest, or the first of them.

    Examples
    --------
    >>> which_columns("labl", ["id", "label"])
    "Did you mean 'label'?"
    >>> which_columns("label", ["id;label"])
    "Its one column is 'id;label': the separator seems to be ';'."
    """
    if not names:
        return "It is one array without names."
    parts = (mark for mark in SEPARATORS if wanted in str(names[0]).split(mark))
    if len(names) == 1 and (separator := next(parts, "")):
        return f"Its one column is {names[0]!r}: the separator seems to be {separator!r}."
    known = {str(name): name for name in names}
    near = [known[word] for word in get_close_matches(str(wanted), known, n=3, cutoff=0.5)]
    shown = ", ".join(map(repr, near or names[:8]))
    return f"Did you mean {shown}?" if near else f"Its columns are {shown}{', ...' if len(names) > 8 else ''}."


def first_text(column: Any) -> str:
    """Return the first value of a pandas column that is no number, and where it is; nothing if all are."""
    import pandas as pd

    is_text = (pd.to_numeric(column, errors="coerce").isna() & column.notna()).to_numpy()
    row = int(is_text.argmax())
    return f"{column.iloc[row]!r} in column {column.name!r}, row {row:,}" if is_text[row] else ""


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
