"""``fastcl audit --demo``: label errors among handwritten digits, in the terminal and on a page."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from fastcl.cli import words
from fastcl.cli.audit import judge
from fastcl.cli.cache import tell_if_cold, warn_if_not_used
from fastcl.cli.destination import OF_DEMO, PAGE, refuse_losses
from fastcl.cli.results import tell_files
from fastcl.report.demo import N_FOLDS, PLANTED_SHARE, SEED, Digit, Trial, audit_digits, fingerprint_digits
from fastcl.report.demo_page import demo_page
from fastcl.report.pictures import BLOCKS, Picture, gallery
from fastcl.report.summary import percent, score_text
from fastcl.review.outputs import open_outputs
from fastcl.review.results import write_results

#: How many pictures of each kind: two rows and one of a terminal of 80 columns.
N_PLANTED, N_PUBLISHED = 8, 4
WIDTH = 80


def run(options: Namespace) -> int:
    """Run the demo and return its exit code."""
    warn_if_not_used()
    destination = options.out or Path("fastcl-demo")
    refuse_losses(destination, OF_DEMO)
    with open_outputs(destination) as outputs:
        tell_if_cold(options.quiet)
        published, planted = audit_digits(options.jobs)
        outputs.path(PAGE).write_text(demo_page(published, planted), encoding="utf-8", newline="\n")
        parameters = {"label": "digit", "folds": N_FOLDS, "seed": SEED, "planted_share": PLANTED_SHARE}
        written = write_results(outputs, published.worklist, {"data": fingerprint_digits()}, parameters)
        outputs.publish()
    if not options.quiet:
        words.data(tell(published, planted))
        tell_files(destination, [*written, PAGE])
        words.note(f"look at {destination / PAGE} in a browser")
    return judge(options.fail_on, {"label": len(published.worklist)}, len(published.labels))


def tell(published: Trial, planted: Trial) -> str:
    """Return what the demo says, with pictures as this terminal can show them."""
    n_rows, n_planted = len(planted.labels), int(planted.is_planted.sum())
    explanation = (
        "A label error is an example whose label names the wrong class. A model predicts every example without "
        "having seen it; where it is confident of another class, the label is probably wrong."
    )
    known = (
        f"Known answers: of {n_rows:,} handwritten digits, {n_planted} labels ({percent(n_planted / n_rows)}) were "
        f"changed at random. fastcl flags {len(planted.worklist)}; {planted.n_found} of these were changed "
        f"({percent(planted.precision)}), which is {percent(planted.recall)} of the changed. The worst:"
    )
    honest = f"The labels as published: fastcl flags {len(published.worklist)} of {n_rows:,}. Those it trusts least:"
    return "\n\n".join(
        [
            textwrap.fill(explanation, WIDTH),
            textwrap.fill(known, WIDTH),
            _pictures(planted.digits(planted.worklist.row[:N_PLANTED]), _whether_changed),
            textwrap.fill(honest, WIDTH),
            _pictures(published.digits(published.least_trusted()[:N_PUBLISHED]), _whether_flagged),
        ]
    )


def _pictures(digits: Sequence[Digit], remark: Callable[[Digit], str]) -> str:
    style = terminal_style(sys.stdout)
    arrow = "->" if style == "letters" else "→"
    pictures = [
        Picture(
            digit.image,
            [f"{digit.given} {arrow} {digit.suggested}", f"score {score_text(digit.score)}", remark(digit)],
        )
        for digit in digits
    ]
    return gallery(pictures, style, shutil.get_terminal_size().columns)


def terminal_style(stream: TextIO) -> str:
    """Return the richest style of pictures that a stream can show."""
    if words.printable(stream, BLOCKS) != BLOCKS:
        return "letters"
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return "colour" if stream.isatty() and not plain else "blocks"


def _whether_changed(digit: Digit) -> str:
    return f"changed from {digit.truth}" if digit.is_planted else "not changed"


def _whether_flagged(digit: Digit) -> str:
    return "flagged" if digit.is_flagged else "not flagged"
