"""``fastcl audit``: read, look, write, show."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from os.path import isfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastcl.cli import words
from fastcl.cli.arguments import DATA_TYPES, Limit
from fastcl.cli.cache import tell_if_cold, warn_if_not_used
from fastcl.cli.data import TYPES
from fastcl.cli.destination import OF_AUDIT, refuse_losses
from fastcl.cli.inputs import Asked, Inputs, open_inputs
from fastcl.cli.plan import label_options, plan
from fastcl.cli.results import report_text, tell_files, write_audit
from fastcl.cli.worklist import worklist_of
from fastcl.core.errors import check_number, sentence
from fastcl.datalab import Datalab
from fastcl.datalab.audit import require_check
from fastcl.datalab.reporting.report import WIDTH
from fastcl.engine.files import require_file
from fastcl.engine.threads import resolve_n_jobs
from fastcl.report.summary import percent
from fastcl.review.outputs import open_outputs

DONE, BROKEN, NOT_DONE = 0, 1, 2

#: Files of so many bytes take seconds to read, which is worth a word.
LARGE = 100_000_000

#: What the demo brings itself.
OWN = ("data", "label", "pred_probs", "classes", "features", "text", "image", "split", "checks")


def run(options: Namespace) -> int:
    """Run ``fastcl audit`` and return its exit code."""
    _check(options)
    if options.demo:
        from fastcl.cli.demo import run as run_demo

        return run_demo(options)
    warn_if_not_used()
    destination = options.out or Path("fastcl-audit")
    refuse_losses(destination, OF_AUDIT, _files(options))
    with (
        open_outputs(destination) as outputs,
        TemporaryDirectory(prefix=".fastcl-", dir=destination, ignore_cleanup_errors=True) as scratch,
    ):
        inputs = _open(options, Path(scratch))
        tell_if_cold(options.quiet)
        lab = _audit(options, inputs)
        worklist = worklist_of(lab, inputs.pred_probs)
        report = report_text(lab, worklist, options.top, options.verbosity, width=WIDTH)
        written = write_audit(outputs, lab, worklist, report, inputs.files, _parameters(options, inputs))
    if not options.quiet:
        words.data(report_text(lab, worklist, options.top, options.verbosity))
        tell_files(destination, written)
    if _tell_failed(options, lab):
        return NOT_DONE
    return judge(options.fail_on, {name: one.num_issues for name, one in lab._findings.items()}, len(lab))


def judge(limits: Iterable[Limit], n_issues: Mapping[str, int], n_rows: int) -> int:
    """Return 1, and say why, if a check has found more issues than a ``--fail-on`` allows; else 0."""
    code = DONE
    for limit in limits:
        if limit.is_broken(found := n_issues[limit.check], n_rows):
            code = BROKEN
            words.note(
                f"fastcl: failed on {limit.text!r}: "
                f"{found:,} {limit.check} issues in {n_rows:,} rows ({percent(found / n_rows)})"
            )
    return code


def _check(options: Namespace) -> None:
    """Refuse what cannot work before anything large is read."""
    if options.demo and any(getattr(options, name) is not None for name in OWN):
        options.refuse(f"--demo brings its own data: leave out DATA, {', '.join(map(_option, OWN[1:]))}")
    if options.demo and any(limit.check != "label" for limit in options.fail_on):
        options.refuse("--demo looks for wrong labels only: --fail-on must be like 'label>2%'")
    if not options.demo and options.data is None:
        options.refuse(f"DATA is missing: a {DATA_TYPES} file, or --demo")
    for name in options.checks or ():
        require_check(options.task, name)
    label_options(options)
    check_number("top", options.top, 0, whole=True)
    resolve_n_jobs(options.jobs)
    if not options.demo:
        require_file("data", options.data, TYPES)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _open(options: Namespace, scratch: Path) -> Inputs:
    typed = {name: getattr(options, name) for name in Asked._fields}
    for path in _files(options):
        _tell_if_large(options, path)
    return open_inputs(Asked(**typed | {"data": Path(options.data)}), scratch)


def _files(options: Namespace) -> list[Path]:
    """Return the files that were typed; columns may be called like files that are not read."""
    typed = filter(None, (options.data, options.pred_probs, options.features))
    return [Path(path) for path in typed if isfile(path)]


def _tell_if_large(options: Namespace, path: Path) -> None:
    """Say that a file is being read, if that takes long."""
    if not options.quiet and path.suffix != ".npy" and path.stat().st_size > LARGE:
        words.note(f"reading {path.name} ({path.stat().st_size / 1e6:,.0f} MB)")


def _audit(options: Namespace, inputs: Inputs) -> Datalab:
    """Return the lab, after all checks have run."""
    lab = Datalab(
        inputs.table,
        options.task,
        inputs.label,
        options.image,
        0 if options.quiet else 1,
        text_key=options.text,
        class_names=inputs.class_names,
    )
    planned = plan(options, inputs)
    _check_limits(options.fail_on, planned)
    lab.find_issues(
        pred_probs=inputs.pred_probs,
        features=inputs.features,
        split=inputs.split,
        issue_types=planned,
        n_jobs=options.jobs,
    )
    lab.verbosity = options.verbosity  # of its reports; until here it says whether to show progress
    return lab


def _check_limits(limits: Iterable[Limit], planned: Mapping[str, Any]) -> None:
    """Raise ValueError if there is a limit for a check that is not to run."""
    for limit in limits:
        if limit.check not in planned:
            near = get_close_matches(limit.check, planned, n=1)
            fix = f"Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                sentence("fail_on", f"name a check that runs: {', '.join(planned)}", repr(limit.check), fix)
            )


def _tell_failed(options: Namespace, lab: Datalab) -> bool:
    """Say which checks that were asked for by name gave no answer; tell whether there are any."""
    limited = {limit.check for limit in options.fail_on}
    failed = [name for name in lab.failed if name in limited.union(options.checks or ())]
    uncounted = [name for name in sorted(limited - set(lab.failed)) if lab._findings[name].is_issue is None]
    for name in failed:
        words.error(f"{name} was asked for, and failed: {words.describe(lab.failed[name])}")
    for name in uncounted:
        words.error(f"{name} judges the data as a whole and counts no rows, so --fail-on cannot limit it.")
    return bool(failed or uncounted)


def _parameters(options: Namespace, inputs: Inputs) -> dict[str, Any]:
    """Return everything typed that the answer depends on; of files only their names."""
    typed = {name: getattr(options, name) for name in Asked._fields if name != "data"}
    named = {name: path.name for name, path in inputs.files.items() if name != "data"}
    search = {name: getattr(options, name) for name in ("checks", "filter_by", "rank_by", "frac_noise")}
    return typed | named | search | {"min_examples_per_class": options.min_examples}
