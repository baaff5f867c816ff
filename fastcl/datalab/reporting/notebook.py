"""What was found, as a piece of HTML for notebooks: no script, no network, in the notebook's own colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from fastcl.core.arrays import is_missing
from fastcl.datalab.check import Finding
from fastcl.datalab.reporting.contents import counted, description, examples, failures, remarks, sections, shown_info
from fastcl.datalab.reporting.layout import cell, entry, is_number, shortened
from fastcl.datalab.reporting.report import NOT_RUN

if TYPE_CHECKING:
    from fastcl.datalab.datalab import Datalab

#: Rows shown of each check, letters of a cell and of a line.
N_EXAMPLES, LONGEST_CELL, LONGEST_LINE = 5, 80, 200

#: Length and height of the bar of a share, in pixels.
BAR_LENGTH, BAR_HEIGHT = 120, 8


def page(lab: Datalab) -> str:
    """Return the lab as HTML; the same findings give the same bytes."""
    classes = f", {len(lab.class_names):,} classes" if lab.class_names else ""
    parts = [f"<p><b>Datalab</b>: {escape(lab.task)}, {len(lab):,} rows{classes}</p>"]
    names = sections(lab)
    if not lab._findings:
        parts.append(_paragraph(NOT_RUN))
    else:
        parts.append(_summary(lab))
        parts += [_section(lab, name) for name in names]
    parts += [_list("Beside these", remarks(lab, names)), _list("Failed", failures(lab))]
    return f'<div class="fastcl-lab"><style>{STYLE}</style>{"".join(parts)}</div>'


def _summary(lab: Datalab) -> str:
    """Return a table of all checks that judge rows: how many are issues, as a number and as a bar, and the score."""
    lines = [
        [escape(name), f"{one.num_issues:,}", f"{one.num_issues / len(lab):.1%}", _bar(one, len(lab)), _score(one)]
        for name, one in counted(lab).items()
    ]
    return _table(["check", "issues", "share", "", "score"], lines, [False, True, True, False, True])


def _bar(finding: Finding, n_rows: int) -> str:
    filled = max(BAR_LENGTH * finding.num_issues / n_rows, float(finding.num_issues > 0))
    return (
        f'<svg width="{BAR_LENGTH}" height="{BAR_HEIGHT}" aria-hidden="true">'
        f'<rect class="all" width="{BAR_LENGTH}" height="{BAR_HEIGHT}"/>'
        f'<rect class="issues" width="{filled:.1f}" height="{BAR_HEIGHT}"/></svg>'
    )


def _score(finding: Finding) -> str:
    return "-" if is_missing(finding.score) else f"{finding.score:.4f}"


def _section(lab: Datalab, name: str) -> str:
    """Return what is folded up under the name of a check: what it means, its worst rows, what else it says."""
    finding = lab._findings[name]
    head = (
        f"{escape(name)}: {finding.num_issues:,} of {len(lab):,} rows" if finding.is_issue is not None else escape(name)
    )
    parts = [_paragraph(part) for part in description(lab, name, lab.verbosity).split("\n\n") if part]
    parts.append(_examples(examples(lab, name, N_EXAMPLES)))
    parts += [_paragraph(note, "note") for note in finding.notes]
    lines = [
        line for key, value in shown_info(lab, name, lab.verbosity).items() for line in entry(key, value, LONGEST_LINE)
    ]
    parts.append(f"<pre>{escape(chr(10).join(lines))}</pre>" if lines else "")
    return f"<details><summary>{head}</summary>{''.join(parts)}</details>"


def _examples(columns: Mapping[str, Sequence[Any]]) -> str:
    if not columns:
        return ""
    texts = [[escape(shortened(cell(value), LONGEST_CELL)) for value in values] for values in columns.values()]
    to_right = [any(map(is_number, values)) for values in columns.values()]
    return _table([escape(name) for name in columns], zip(*texts, strict=True), to_right)


def _table(names: Sequence[str], lines: Iterable[Sequence[str]], to_right: Sequence[bool]) -> str:
    """Return a table of cells that are HTML already."""
    kinds = [' class="number"' if right else "" for right in to_right]
    head = "".join(f'<th scope="col"{kind}>{name}</th>' for name, kind in zip(names, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{one}</td>" for one, kind in zip(line, kinds, strict=True)) + "</tr>"
        for line in lines
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _list(title: str, said: Sequence[tuple[str, str]]) -> str:
    if not said:
        return ""
    items = "".join(f"<li><b>{escape(name)}</b>: {escape(words)}</li>" for name, words in said)
    return f"<p>{escape(title)}:</p><ul>{items}</ul>"


def _paragraph(text: str, kind: str = "about") -> str:
    return f'<p class="{kind}">{escape(" ".join(text.split()))}</p>'


#: Only what lies in the lab is styled. Colours are the notebook's, or so much of a grey that both themes show it.
STYLE = """
.fastcl-lab { max-width: 72em; line-height: 1.45; }
.fastcl-lab p { margin: .4em 0; max-width: 50em; }
.fastcl-lab .wide { overflow-x: auto; }
.fastcl-lab table { border-collapse: collapse; margin: .4em 0; color: inherit; font: inherit;
  font-variant-numeric: tabular-nums; }
.fastcl-lab th, .fastcl-lab td { padding: .2em .8em; text-align: left; white-space: pre; background: none; }
.fastcl-lab tr { border-bottom: 1px solid rgba(128, 128, 128, .3); background: none; }
.fastcl-lab .number { text-align: right; }
.fastcl-lab .all { fill: rgba(128, 128, 128, .25); }
.fastcl-lab .issues { fill: #c8602a; }
.fastcl-lab summary { cursor: pointer; margin: .4em 0; font-weight: 600; }
.fastcl-lab details > *:not(summary) { margin-left: 1.2em; }
.fastcl-lab .note { border-left: 3px solid #c8602a; padding-left: .6em; }
.fastcl-lab pre { background: none; color: inherit; overflow-x: auto; }
"""
