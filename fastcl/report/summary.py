"""A worklist in a few lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcl.review.worklist import Worklist

#: Widest that a label is shown.
WIDEST = 30

#: Most lines of a list.
FEW = 5


def summarise(worklist: Worklist) -> str:
    """Return the most frequent corrections and the worst classes; nothing if there are no issues.

    Examples
    --------
    >>> from fastcl.review.worklist import label_worklist
    >>> pred_probs = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]]
    >>> print(summarise(label_worklist(["cat", "cat", "dog", "dog", "dog"], pred_probs)))
    Most frequent corrections
      given  suggested  rows
      dog    cat           1
    <BLANKLINE>
    Classes with the largest share of wrong labels
      class  issues  of   share
      dog         1   3  33.3 %
    """
    parts = [_corrections(worklist), _classes(worklist)] if len(worklist) else []
    return "\n\n".join(part for part in parts if part)


def percent(share: float) -> str:
    """Return a share in words.

    Examples
    --------
    >>> percent(0.0304)
    '3.0 %'
    """
    return f"{100 * share:.1f} %"


def score_text(score: float) -> str:
    """Return a score in four decimals.

    Examples
    --------
    >>> score_text(0.0123), score_text(0.0000123)
    ('0.0123', '<0.0001')
    """
    return f"{score:.4f}" if score >= 0.0001 or score == 0 else "<0.0001"


def shown(label: Any) -> str:
    r"""Return a label as one short piece of printable text.

    Examples
    --------
    >>> shown("two\nlines"), shown(None)
    ('two\\nlines', '-')
    """
    text = "-" if label is None else str(label)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


def _corrections(worklist: Worklist) -> str:
    rows = [(shown(pair.given), shown(pair.suggested), f"{pair.n_rows:,}") for pair in worklist.frequent_pairs(FEW)]
    return _table("Most frequent corrections", ["given", "suggested", "rows>"], rows) if rows else ""


def _classes(worklist: Worklist) -> str:
    issues, sizes = worklist.issues_per_class(), worklist.class_sizes
    share = issues / np.maximum(sizes, 1)
    worst = [k for k in np.lexsort((-issues, -share))[:FEW] if issues[k]]
    names = worklist.name(np.array(worst)).tolist()
    rows = [
        (shown(name), f"{issues[k]:,}", f"{sizes[k]:,}", percent(share[k]))
        for name, k in zip(names, worst, strict=True)
    ]
    return _table("Classes with the largest share of wrong labels", ["class", "issues>", "of>", "share>"], rows)


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of text; columns whose header ends in ``>`` are set to the right."""
    right = [name.endswith(">") for name in header]
    lines = [[name.rstrip(">") for name in header], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    laid_out = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([title, *(f"  {line}" for line in laid_out)])
