"""What was found, as text that fits the terminal: a summary, then of each check what it means and its worst rows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice
from numbers import Number
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_narwhals, is_missing
from fastcl.core.errors import check_number
from fastcl.core.selection import lowest
from fastcl.datalab import results
from fastcl.datalab.audit import known_checks
from fastcl.datalab.check import SHOW_ALL, Finding
from fastcl.datalab.labels import ClassLabels, NumberLabels, SetLabels

if TYPE_CHECKING:
    from fastcl.datalab.datalab import Datalab

#: Characters of a line where nobody knows how wide the terminal is; of a rule, at most; of a text of the data.
WIDTH, RULE, SNIPPET = 120, 60, 60

#: Entries of a list, lines of a dict, rows of a table and lines of what else is in `info` that are shown.
FEW_VALUES, FEW_LINES, FEW_ROWS = 4, 10, 5

#: A column of a table is never narrower than this: what does not fit then is left out.
NARROWEST = 6

#: Checks whose rows are shown without their texts, which are what nobody is to see.
WITHOUT_TEXT = ("pii",)

#: What the report says before any audit.
NOT_RUN = "No check has run yet. Run lab.find_issues(pred_probs=...), or features=..., or both."


def short(lab: Datalab) -> str:
    """Return the lab in one line."""
    facts = [f"task={lab.task.capitalize()}", f"checks_run={bool(lab._findings)}", f"num_examples={len(lab)}"]
    if lab.class_names:
        facts.append(f"num_classes={len(lab.class_names)}")
    return f"Datalab({', '.join(facts)}, issues_identified={_issues_identified(lab)})"


def overview(lab: Datalab) -> str:
    """Return the lab in six lines."""
    return (
        "Datalab:\n"
        f"Task: {lab.task.capitalize()}\n"
        f"Checks run: {'Yes' if lab._findings else 'No'}\n"
        f"Number of examples: {len(lab)}\n"
        f"Number of classes: {len(lab.class_names) or 'Unknown'}\n"
        f"Issues identified: {_issues_identified(lab)}"
    )


def _issues_identified(lab: Datalab) -> int | str:
    return sum(finding.num_issues for finding in counted(lab).values()) if lab._findings else "Not checked"


def report(
    lab: Datalab,
    *,
    num_examples: int,
    verbosity: int,
    include_description: bool,
    show_summary_score: bool,
    show_all_issues: bool,
) -> str:
    """Return what `Datalab.report` prints."""
    check_number("num_examples", num_examples, 0, whole=True)
    check_number("verbosity", verbosity, 0, SHOW_ALL, whole=True)
    width = max(40, get_terminal_size((WIDTH, 24)).columns)
    names = sections(lab, show_all=show_all_issues)
    parts = [_heading(lab, show_summary_score, show_all_issues, width)]
    for name in names:
        about = description(lab, name, verbosity) if include_description else ""
        parts.append(_section(lab, name, about, num_examples, verbosity, width))
    parts += [_listed("Beside these:", remarks(lab, names), width), _listed("Failed:", failures(lab), width)]
    return "\n\n\n".join(part for part in parts if part)


# -- what there is to say


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
    return [(name, str(error) or type(error).__name__) for name, error in lab.failed.items()]


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


# -- values as text


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


# -- parts of the report


def _heading(lab: Datalab, show_score: bool, show_all: bool, width: int) -> str:
    classes = f", {len(lab.class_names):,} classes" if lab.class_names else ""
    title = f"Audit of {len(lab):,} rows{classes}"
    if not lab._findings:
        return f"{title}\n\n{NOT_RUN}"
    shown = {name: finding for name, finding in counted(lab).items() if finding.num_issues or show_all}
    if not shown:
        hint = "lab.report(show_all_issues=True, show_summary_score=True) shows what they measured."
        return f"{title}\n\n" + _wrapped(f"None of {len(lab._findings)} checks found an issue. {hint}", width)
    note = ["", _wrapped("A low score is bad. Scores of different checks do not compare.", width)] if show_score else []
    hint = "lab.get_issues(name) returns the findings of a check row by row. Rows are counted from 0."
    return "\n".join([title, "", *_summary(lab, shown, show_score, width), *note, "", _wrapped(hint, width)])


def _summary(lab: Datalab, shown: Mapping[str, Finding], show_score: bool, width: int) -> list[str]:
    found = list(shown.values())
    columns: dict[str, list[Any]] = {"issue_type": list(shown)}
    if show_score:
        columns["score"] = [finding.score for finding in found]
    columns["num_issues"] = [finding.num_issues for finding in found]
    shares = [f"{finding.num_issues / len(lab):.1%}" for finding in found]
    columns["share"] = [share.rjust(max(map(len, shares))) for share in shares]
    return grid(columns, width)


def _section(lab: Datalab, name: str, about: str, count: int, verbosity: int, width: int) -> str:
    finding = lab._findings[name]
    parts = [f" {name} issues ".center(min(RULE, width), "-")]
    if about:
        parts.append("\n".join(_wrapped(part, width) for part in about.split("\n\n")))
    parts.append("\n".join(_totals(lab, finding)))
    if count and (shown := examples(lab, name, count)):
        parts.append("\n".join(["Worst rows:", *grid(shown, width)]))
    if finding.notes:
        parts.append("\n".join(_wrapped(f"Note: {note}", width) for note in finding.notes))
    if due := shown_info(lab, name, verbosity):
        parts.append("\n".join(line for key, value in due.items() for line in entry(key, value, width)))
    return "\n\n".join(parts)


def _totals(lab: Datalab, finding: Finding) -> Iterator[str]:
    if finding.is_issue is not None:
        yield f"Issues: {finding.num_issues:,} of {len(lab):,} rows"
    yield f"Score of the data: {cell(finding.score) if is_missing(finding.score) else f'{finding.score:.4f}'}"


def _listed(title: str, said: Sequence[tuple[str, str]], width: int) -> str:
    lines = [textwrap.indent(_wrapped(f"{name}: {words}", width - 2), "  ") for name, words in said]
    return "\n".join([title, *lines]) if said else ""


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(" ".join(text.split()), width, break_on_hyphens=False)
