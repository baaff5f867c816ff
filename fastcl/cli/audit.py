"""``fastcl audit``: read, search, write, show."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from fastcl.cli import words
from fastcl.cli.cache import tell_if_cold, warn_if_not_used
from fastcl.cli.inputs import Inputs, open_inputs
from fastcl.core.errors import check_option
from fastcl.core.scores import METHODS
from fastcl.engine.threads import resolve_n_jobs
from fastcl.filter import FILTERS
from fastcl.report.summary import percent, summarise
from fastcl.review.manifest import fingerprint
from fastcl.review.outputs import open_outputs
from fastcl.review.results import PARQUET, write_results
from fastcl.review.worklist import Worklist, label_worklist

#: Files of so many bytes take seconds to read, which is worth a word.
LARGE = 100_000_000


def run(options: Namespace) -> int:
    """Run ``fastcl audit`` and return its exit code."""
    _check(options)
    if options.demo:
        from fastcl.cli.demo import run as run_demo

        return run_demo(options)
    warn_if_not_used()
    with open_outputs(options.out or Path("fastcl-audit")) as outputs:
        inputs = _open(options)
        tell_if_cold(options.quiet)
        worklist = _search(options, inputs)
        files = {part: fingerprint(path) for part, path in inputs.files.items()}
        written = write_results(outputs, worklist, files, _parameters(options, inputs))
        outputs.publish()
    if not options.quiet:
        words.data(summarise(worklist, options.data.name, options.top))
        tell_files(outputs.destination, written)
    return judge(options, worklist)


def tell_files(directory: Path, written: list[str]) -> None:
    """Say which files were written, and why one was not."""
    words.note(f"wrote {', '.join(written)} to {directory}")
    if PARQUET not in written:
        words.note(f"{PARQUET} was not written: it needs pyarrow (pip install 'fastcl[io]')")


def judge(options: Namespace, worklist: Worklist) -> int:
    """Return 1, and say why, if there are more label issues than ``--fail-on`` allows; else 0."""
    n_issues, n_rows = len(worklist), worklist.n_rows
    if options.fail_on is None or not options.fail_on.is_broken(n_issues, n_rows):
        return 0
    words.note(
        f"fastcl: failed on {options.fail_on.text!r}: "
        f"{n_issues:,} label issues in {n_rows:,} rows ({percent(n_issues / n_rows)})"
    )
    return 1


def _check(options: Namespace) -> None:
    """Refuse what cannot work before anything large is read."""
    own_data = [options.data, options.label, options.pred_probs, options.classes]
    if options.demo and any(value is not None for value in own_data):
        options.refuse("--demo brings its own data: leave out DATA, --label, --pred-probs and --classes")
    if not options.demo and options.data is None:
        options.refuse("DATA is missing: a .csv, .tsv, .jsonl, .parquet or .npy file, or --demo")
    if not options.demo and options.pred_probs is None:
        options.refuse("--pred-probs is missing: a file, or columns of DATA")
    check_option("filter_by", options.filter_by, FILTERS)
    check_option("rank_by", options.rank_by, METHODS)
    resolve_n_jobs(options.jobs)


def _open(options: Namespace) -> Inputs:
    for path in (options.data, Path(options.pred_probs)):
        if not options.quiet and path.suffix != ".npy" and path.is_file() and path.stat().st_size > LARGE:
            words.note(f"reading {path.name} ({path.stat().st_size / 1e6:,.0f} MB)")
    return open_inputs(options.data, options.label, options.pred_probs, options.classes)


def _search(options: Namespace, inputs: Inputs) -> Worklist:
    return label_worklist(
        inputs.labels,
        inputs.pred_probs,
        filter_by=options.filter_by,
        rank_by=options.rank_by,
        frac_noise=options.frac_noise,
        min_examples_per_class=options.min_examples,
        class_names=inputs.class_names,
        n_jobs=options.jobs,
        verbose=not options.quiet,
    )


def _parameters(options: Namespace, inputs: Inputs) -> dict[str, Any]:
    """Return everything typed that the answer depends on; of files only their names."""
    file = inputs.files.get("pred_probs")
    return {
        "label": options.label,
        "pred_probs": options.pred_probs if file is None else file.name,
        "classes": options.classes,
        "filter_by": options.filter_by,
        "rank_by": options.rank_by,
        "frac_noise": options.frac_noise,
        "min_examples_per_class": options.min_examples,
    }
