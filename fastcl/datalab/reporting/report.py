"""What was found, as text that fits the terminal: a summary, then of each check what it means and its worst rows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, NamedTuple

from fastcl.core.arrays import is_missing
from fastcl.core.errors import check_number
from fastcl.datalab.check import SHOW_ALL, Finding
from fastcl.datalab.reporting.contents import counted, description, examples, failures, remarks, sections, shown_info
from fastcl.datalab.reporting.layout import cell, entry, grid, wrapped

if TYPE_CHECKING:
    from fastcl.datalab.datalab import Datalab

#: Characters of a line where nobody knows how wide the terminal is; of a rule, at most; of any line, at least.
WIDTH, RULE, NARROW = 120, 60, 40

#: What the report says before any audit.
NOT_RUN = "No check has run yet. Run lab.find_issues(pred_probs=...), or features=..., or both."


class Hints(NamedTuple):
    """Where the reader finds the rows that are not shown, and the measurements behind checks without issues."""

    rows: str
    measurements: str


IN_PYTHON = Hints(
    rows="lab.get_issues(name) returns the findings of a check row by row.",
    measurements="lab.report(show_all_issues=True, show_summary_score=True) shows what they measured.",
)


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
    include_description: bool = True,
    show_summary_score: bool = False,
    show_all_issues: bool = False,
    width: int | None = None,
    hints: Hints = IN_PYTHON,
) -> str:
    """Return what `Datalab.report` prints, in lines of `width` letters; by default as wide as the terminal is."""
    check_number("num_examples", num_examples, 0, whole=True)
    check_number("verbosity", verbosity, 0, SHOW_ALL, whole=True)
    width = max(NARROW, width or get_terminal_size((WIDTH, 24)).columns)
    names = sections(lab, show_all=show_all_issues)
    parts = [_heading(lab, show_summary_score, show_all_issues, width, hints)]
    for name in names:
        about = description(lab, name, verbosity) if include_description else ""
        parts.append(_section(lab, name, about, num_examples, verbosity, width))
    parts += [_listed("Beside these:", remarks(lab, names), width), _listed("Failed:", failures(lab), width)]
    return "\n\n\n".join(part for part in parts if part)


def _heading(lab: Datalab, show_score: bool, show_all: bool, width: int, hints: Hints) -> str:
    classes = f", {len(lab.class_names):,} classes" if lab.class_names else ""
    title = f"Audit of {len(lab):,} rows{classes}"
    if not lab._findings:
        return f"{title}\n\n{NOT_RUN}"
    shown = {name: finding for name, finding in counted(lab).items() if finding.num_issues or show_all}
    if not shown:
        said = f"None of {len(lab._findings)} checks found an issue. {hints.measurements}"
        return f"{title}\n\n{wrapped(said, width)}"
    note = ["", wrapped("A low score is bad. Scores of different checks do not compare.", width)] if show_score else []
    hint = f"{hints.rows} Rows are counted from 0."
    return "\n".join([title, "", *_summary(lab, shown, show_score, width), *note, "", wrapped(hint, width)])


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
        parts.append("\n".join(wrapped(part, width) for part in about.split("\n\n")))
    parts.append("\n".join(_totals(lab, finding)))
    if count and (shown := examples(lab, name, count)):
        parts.append("\n".join(["Worst rows:", *grid(shown, width)]))
    if finding.notes:
        parts.append("\n".join(wrapped(f"Note: {note}", width) for note in finding.notes))
    if due := shown_info(lab, name, verbosity):
        parts.append("\n".join(line for key, value in due.items() for line in entry(key, value, width)))
    return "\n\n".join(parts)


def _totals(lab: Datalab, finding: Finding) -> Iterator[str]:
    if finding.is_issue is not None:
        yield f"Issues: {finding.num_issues:,} of {len(lab):,} rows"
    yield f"Score of the data: {cell(finding.score) if is_missing(finding.score) else f'{finding.score:.4f}'}"


def _listed(title: str, said: Sequence[tuple[str, str]], width: int) -> str:
    lines = [textwrap.indent(wrapped(f"{name}: {words}", width - 2), "  ") for name, words in said]
    return "\n".join([title, *lines]) if said else ""
