"""What there is to say of an audit: which checks, their worst rows, what they note, what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import is_missing
from fastcl.core.selection import lowest
from fastcl.datalab import results
from fastcl.datalab.audit import known_checks, reason_of
from fastcl.datalab.check import SHOW_ALL, Finding
from fastcl.datalab.data.labels import ClassLabels, NumberLabels, SetLabels
from fastcl.datalab.reporting.layout import shortened

if TYPE_CHECKING:
    from fastcl.datalab.datalab import Datalab

#: Letters of a text of the data that are shown.
SNIPPET = 60

#: Checks whose rows are shown without their texts, which are what nobody is to see.
WITHOUT_TEXT = ("pii",)


def counted(lab: Datalab) -> dict[str, Finding]:
    """Return what the checks that judge rows have found, most issues first, those with as many in the order they ran.

    What is true of most rows is no issue of some, and not among them.
    """
    found = results.counted(lab._findings)
    return dict(sorted(found.items(), key=lambda item: -item[1].num_issues))


def sections(lab: Datalab, *, show_all: bool = False) -> list[str]:
    """Return the checks to tell of at length: those with issues, then those that have something to say of the data."""
    rows = [name for name, finding in counted(lab).items() if finding.num_issues or show_all]
    whole = [name for name, one in lab._findings.items() if one.is_issue is None and (one.notes or show_all)]
    return rows + whole


def remarks(lab: Datalab, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return what checks without a section of their own have to say."""
    said = []
    for name, finding in lab._findings.items():
        if name not in names:
            said += [(name, note) for note in finding.notes]
            if not finding.in_summary and not finding.notes:
                share = f"{finding.num_issues / len(lab):.1%}"
                said.append((name, f"{share} of the rows, which is a property of the data and no issue of some rows."))
    return said


def failures(lab: Datalab) -> list[tuple[str, str]]:
    """Return the checks that failed, and why."""
    return [(name, reason_of(error)) for name, error in lab.failed.items()]


def description(lab: Datalab, name: str, verbosity: int) -> str:
    """Return what a check says of itself, at verbosity 0 in one line; nothing of one that is not registered here."""
    check = known_checks(lab.task).get(name)
    text = "" if check is None else check.description
    return text.partition("\n")[0] if verbosity == 0 else text


def shown_info(lab: Datalab, name: str, verbosity: int) -> dict[str, Any]:
    """Return the entries of `info` that are due at a verbosity."""
    check = known_checks(lab.task).get(name)
    since: Mapping[str, int] = {} if check is None else check.shows
    info = lab._findings[name].info
    return {key: value for key, value in info.items() if since.get(key, SHOW_ALL) <= verbosity}


def worst_rows(scores: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    """Return the rows of the `count` lowest scores, lowest first, ties in the order of rows, NaN last.

    Examples
    --------
    >>> worst_rows(np.array([0.5, np.nan, 0.1, 0.5]), 3)
    array([2, 0, 3])
    """
    judged = np.flatnonzero(~np.isnan(scores))
    rows = judged[lowest(scores[judged], count)]
    rows = rows[np.argsort(scores[rows], kind="stable")]
    if rows.size < min(count, scores.size):
        rows = np.append(rows, np.flatnonzero(np.isnan(scores))[: count - rows.size])
    return rows


def examples(lab: Datalab, name: str, count: int) -> dict[str, list[Any]]:
    """Return the worst rows of a check by column: number, score, flag, what else it says, label and text."""
    finding = lab._findings[name]
    if finding.scores is None:
        return {}
    rows = worst_rows(np.asarray(finding.scores), count)
    rows = rows[np.asarray(finding.is_issue)[rows] | (np.asarray(finding.scores)[rows] < 1)]  # none that is perfect
    shown: dict[str, list[Any]] = {"row": rows.tolist()}
    for title, values in (("score", finding.scores), ("issue", finding.is_issue), *finding.columns.items()):
        shown[_free(title, shown)] = _values_at(values, rows)
    if lab._labels is not None and "given_label" not in shown:
        shown[_free(lab.label_name, shown)] = [_label_of(lab._labels, row) for row in rows.tolist()]
    if lab.text_key is not None and lab._table is not None and name not in WITHOUT_TEXT:
        texts = lab._table.values(lab.text_key)
        shown[_free(lab.text_key, shown)] = [_snippet(texts[row]) for row in rows.tolist()]
    return shown


def _free(title: Any, shown: Mapping[str, Any]) -> str:
    """Return a title that no other column has."""
    return str(title) if str(title) not in shown else _free(f"{title}_", shown)


def _values_at(values: Any, rows: npt.NDArray[np.int64]) -> list[Any]:
    array = values.to_numpy() if hasattr(values, "to_numpy") else values
    return array[rows].tolist() if isinstance(array, np.ndarray) else [array[row] for row in rows.tolist()]


def _label_of(labels: ClassLabels | NumberLabels | SetLabels, row: int) -> Any:
    """Return the given label of one row, without those of all others."""
    if isinstance(labels, NumberLabels):
        return labels.values[row].item()
    if isinstance(labels, ClassLabels):
        return labels.names[labels.codes[row]] if labels.codes[row] >= 0 else None
    start, end = labels.sets.offsets[row : row + 2]
    return labels.names[labels.sets.classes[start:end]].tolist() if labels.is_labeled[row] else None


def _snippet(text: Any) -> str | None:
    """Return the beginning of a text, in one line."""
    text = text.as_py() if hasattr(text, "as_py") else text
    return None if is_missing(text) else shortened(" ".join(str(text).split()), SNIPPET)
