"""Which class does each column of probabilities stand for?

Names are compared with the labels as text, so ``p_7`` is the column of the integer 7. Something common to all
columns (``p_``, ``_prob``) may be left out: as little as makes a column of every label. Integer labels that name
no columns count them, from 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from fastcl.core.errors import sentence
from fastcl.datalab.data.labels import class_labels, set_labels


def distinct_labels(labels: Any, task: str = "classification") -> list[Any]:
    """Return the classes that rows have, missing ones left out, as Python objects.

    Examples
    --------
    >>> distinct_labels(["b", "a", "b", None])
    ['a', 'b']
    >>> distinct_labels([["b"], ["b", "a"], []], "multilabel")
    ['a', 'b']
    """
    if task == "multilabel":
        return list(set_labels(labels).names.tolist())
    found = class_labels(labels)
    return list(found.names[np.unique(found.codes[found.is_labeled])].tolist())


def match_classes(distinct: Sequence[Any], columns: Sequence[str]) -> list[Hashable]:
    """Return the classes that columns of these names stand for.

    Raises
    ------
    ValueError
        If a label has no column.

    Examples
    --------
    >>> match_classes(["cat", "dog"], ["p_dog", "p_cat", "p_cow"])
    ['dog', 'cat', 'cow']
    >>> match_classes([3, 1], ["1", "2", "3"])
    [1, 2, 3]
    >>> match_classes([0, 1], ["cat", "dog"])
    [0, 1]
    """
    for prefix, suffix in _affixes(columns):
        if _all_named(distinct, columns, prefix, suffix):
            return _classes(distinct, [name[len(prefix) : len(name) - len(suffix)] for name in columns])
    if all(type(label) is int for label in distinct):
        return list(range(len(columns)))
    raise _unmatched(distinct, columns)


def name_classes(distinct: Sequence[Any], names: Sequence[str]) -> list[Hashable]:
    """Return the classes of columns that the user has named one by one.

    Examples
    --------
    >>> name_classes([3, 1], ["1", "2", "3"])
    [1, 2, 3]
    >>> name_classes([0, 1], ["cat", "dog"])
    ['cat', 'dog']
    """
    if _all_named(distinct, names):
        return _classes(distinct, names)
    if all(type(label) is int for label in distinct):
        return list(names)
    raise _unmatched(distinct, names)


def _affixes(columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what all columns may begin and end with, short ones first."""
    prefix = _common_start(columns)
    suffix = _common_start([name[::-1] for name in columns])[::-1]
    shortest = min(map(len, columns))
    for length in range(min(len(prefix) + len(suffix), shortest - 1) + 1):
        for i in range(max(0, length - len(suffix)), min(length, len(prefix)) + 1):
            yield prefix[:i], suffix[len(suffix) - (length - i) :]


def _common_start(names: Sequence[str]) -> str:
    """Return what all names begin with: what the first and the last in order do."""
    first, last = min(names), max(names)
    differ = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(differ, len(first))]


def _all_named(distinct: Sequence[Any], columns: Sequence[str], prefix: str = "", suffix: str = "") -> bool:
    known = set(columns)
    return all(f"{prefix}{label}{suffix}" in known for label in distinct)


def _classes(distinct: Sequence[Any], names: Sequence[str]) -> list[Hashable]:
    """Return names as the labels they are; a class without labels as an integer if all labels are."""
    labels = {str(label): label for label in distinct}
    if all(type(label) is int for label in distinct):
        labels |= {name: int(name) for name in names if name.isascii() and name.isdigit() and str(int(name)) == name}
    return [labels.get(name, name) for name in names]


def _unmatched(distinct: Sequence[Any], columns: Sequence[str]) -> ValueError:
    """Say which label has no column: the first that is not even a part of a name."""
    parts = (label for label in distinct if not any(str(label) in name for name in columns))
    label = next(parts, distinct[0])
    near = get_close_matches(str(label), columns, n=1, cutoff=0.5)
    shown = ", ".join(map(repr, columns[:8])) + (", ..." if len(columns) > 8 else "")
    fix = f"Did you mean {near[0]!r}?" if near else ""
    return ValueError(sentence("labels", f"be named by the columns {shown}", repr(label), fix))
