"""Values, entries and tables as text that fits a given width."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence, Set
from itertools import islice
from numbers import Number
from typing import Any

import numpy as np

from fastcl.core.arrays import as_narwhals, is_missing

#: Entries of a list, lines of a dict and rows of a table that are shown.
FEW_VALUES, FEW_LINES, FEW_ROWS = 4, 10, 5

#: A column of a table is never narrower than this: what does not fit then is left out.
NARROWEST = 6


def cell(value: Any) -> str:
    r"""Return one value in a few letters.

    Examples
    --------
    >>> [cell(value) for value in (0.25, 1.5e-07, None, np.arange(9), "two\nlines")]
    ['0.2500', '1.5e-07', '-', '[0, 1, 2, 3, ...]', 'two\\nlines']
    """
    if isinstance(value, str):
        return value if value.isprintable() else repr(value)[1:-1]
    if is_number(value):
        return _number(value)
    if isinstance(value, Mapping):
        pairs = [f"{cell(key)}: {cell(one)}" for key, one in islice(value.items(), FEW_VALUES)]
        return f"{{{', '.join(pairs)}{', ...' if len(value) > FEW_VALUES else ''}}}"
    if is_list(value):
        values = [cell(one) for one in islice(value, FEW_VALUES)]
        return f"[{', '.join(values)}{', ...' if len(value) > FEW_VALUES else ''}]"
    return "-" if is_missing(value) else " ".join(str(value).split())


def is_number(value: Any) -> bool:
    """Tell whether a value is one number that is not NaN."""
    return isinstance(value, (Number, np.number, np.bool_)) and not is_missing(value)


def is_list(value: Any) -> bool:
    """Tell whether a value holds several."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, (Sequence, Set)) and not isinstance(value, (str, bytes))


def _number(value: Any) -> str:
    number = value.item() if isinstance(value, np.generic) else value
    if not isinstance(number, float):
        return str(number)
    return f"{number:.4f}" if number == 0 or 1e-4 <= abs(number) < 1e6 else f"{number:.4g}"


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many letters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def entry(name: Any, value: Any, width: int) -> list[str]:
    """Return an entry of `info` in a few lines."""
    first, *others = _lines(value, width)
    return [shortened(line, width) for line in (f"{cell(name)}: {first}".rstrip(), *others)]


def _lines(value: Any, width: int) -> list[str]:
    """Return a value in a few lines, of which the first belongs beside its name."""
    if isinstance(value, Mapping) and value:
        lines = [line for key, one in islice(value.items(), FEW_LINES) for line in entry(key, one, width - 2)]
        lines += [f"... {len(value):,} in all"] if len(value) > FEW_LINES else []
        return ["", *(f"  {line}" for line in lines)]
    if hasattr(table := as_narwhals("info", value), "iter_columns"):
        head = {column.name: column.to_list() for column in table.head(FEW_ROWS).iter_columns()}
        return ["", *(f"  {line}" for line in grid(head, width - 2)), f"  {len(table):,} rows in all"]
    if isinstance(value, np.ndarray) and value.ndim > 1:
        more = ["  ..."] if len(value) > FEW_VALUES else []
        return [
            f"array of {' x '.join(map(str, value.shape))}",
            *(f"  {cell(row)}" for row in value[:FEW_VALUES]),
            *more,
        ]
    size = f"{len(value):,} values, " if is_list(value) and len(value) > FEW_VALUES else ""
    return [size + cell(value)]


def grid(columns: Mapping[Any, Sequence[Any]], width: int) -> list[str]:
    r"""Return columns side by side: the widest give way until they fit, and the last are left out if they still do not.

    Examples
    --------
    >>> print("\n".join(grid({"row": [3, 12], "score": [0.5, None], "label": ["a cat", "a long name"]}, 22)))
    row   score  label
      3  0.5000  a cat
     12       -  a lon...
    """
    texts = [[cell(name), *map(cell, values)] for name, values in columns.items()]
    sizes = _fitting([max(map(len, column)) for column in texts], width)
    laid_out = []
    for column, values, size in zip(texts, columns.values(), sizes, strict=False):
        to_right = any(map(is_number, values)) and all(is_number(one) or is_missing(one) for one in values)
        laid_out.append(
            [shortened(text, size).rjust(size) if to_right else shortened(text, size).ljust(size) for text in column]
        )
    more = f"  (+ {len(texts) - len(sizes)} columns)" if len(sizes) < len(texts) else ""
    lines = ["  ".join(line).rstrip() for line in zip(*laid_out, strict=True)]
    return [*lines, *([more] if more else [])]


def _fitting(sizes: list[int], width: int) -> list[int]:
    """Return how wide columns are, two letters apart, and of how many there is room for."""
    limit = max(sizes, default=0)
    while limit > NARROWEST and sum(min(size, limit) + 2 for size in sizes) - 2 > width:
        limit -= 1
    sizes = [min(size, limit) for size in sizes]
    ends = np.cumsum(np.array(sizes, np.int64) + 2) - 2
    return sizes[: np.count_nonzero(ends <= width)]


def wrapped(text: str, width: int) -> str:
    """Return a text in lines of at most so many letters."""
    return textwrap.fill(" ".join(text.split()), width, break_on_hyphens=False)
