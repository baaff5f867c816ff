"""Measure everything and write the results: ``python -m benchmarks.run [--quick] [--only TEXT]``.

Writes ``benchmarks/results.json``, the tables in ``README.md`` and ``docs/benchmarks-table.md``, and the plot
``docs/_static/scaling.svg``. Takes about fifteen minutes and 12 GB of memory; ``--quick`` a tenth of the rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import tables
from benchmarks.measure import AnonymousPeak, in_own_process, interleaved, machine, read_once, seconds, start_up
from benchmarks.problems import Problem, make_problem
from benchmarks.registry import JOBS, Job
from fastcl.filter import find_label_issues

RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Parse the command line, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; writes nothing")
    parser.add_argument("--only", default="", help="jobs and parts whose name holds this text")
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    scale = 0.1 if options.quick else 1.0
    if options.job is not None:
        print(json.dumps(measure(JOBS[options.job], scale)))
        return
    results = json.loads(RESULTS.read_text()) if options.only and RESULTS.exists() else {"jobs": {}}
    results["machine"] = machine()
    for name, part in {"start_up": start_up, "large": large, "scaling": scaling}.items():
        if options.only in name:
            print(f"{name} ...", flush=True)
            results[name] = part() if name == "start_up" else part(scale)  # type: ignore[operator]
            print("   ", results[name], flush=True)
    for index, job in enumerate(JOBS):
        if options.only in f"{job.name} {job.size}":
            print(f"{job.name}, {job.size} ...", flush=True)
            # each job in a process of its own: neither side inherits the other's memory or warm caches
            results["jobs"][f"{job.name} | {job.size}"] = row = in_own_process(
                "benchmarks.run", index, quick=options.quick
            )
            print("   ", row, flush=True)
            if not options.quick:
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if not options.quick:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        tables.write(results)


def measure(job: Job, scale: float) -> dict[str, Any]:
    """Compare answers, times and memory of one job."""
    job = replace(job, n_rows=int(job.n_rows * scale))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pred_probs.npy" if ".npy" in job.name else None
        problem = make_problem(job.n_rows, job.n_classes, job.dtype, path=path)
        first = seconds(lambda: job.ours(problem))
        with AnonymousPeak() as memory:
            ours = job.ours(problem)
        with AnonymousPeak() as peer_memory:
            theirs = job.peer(problem, 1)
        job.agree(ours, theirs, job.dtype)
        contestants = {
            "ours": lambda: job.ours(problem),
            "read": lambda: read_once(problem.pred_probs),
            "peer, 1 process": lambda: job.peer(problem, 1),
        }
        if job.peer_has_processes:
            contestants["peer, default"] = lambda: job.peer(problem, None)
        times = interleaved(contestants, {name: 1 if name.startswith("peer") else 3 for name in contestants})
    peer_time = min(taken for name, taken in times.items() if name.startswith("peer"))
    return {
        "ours": times["ours"],
        "peer": peer_time,
        "ratio": peer_time / times["ours"],
        "target": job.target,
        "read": times["read"],
        "first": first,
        "bytes_per_row": memory.extra / job.n_rows,
        "peer_bytes_per_row": peer_memory.extra / job.n_rows,
        "all": times,
    }


def large(scale: float) -> dict[str, Any]:
    """Ten million rows from a memory map, against ten times one million."""
    found = {}
    for n_rows in (int(1_000_000 * scale), int(10_000_000 * scale)):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            made = make_problem(n_rows, 100, "float32", path=Path(folder) / "p.npy")
            problem = Problem(made.labels, np.load(Path(folder) / "p.npy", mmap_mode="r"))
            run = lambda: find_label_issues(problem.labels, problem.pred_probs)  # noqa: B023, E731
            run()
            with AnonymousPeak() as memory:
                taken = sorted(seconds(run) for _ in range(3))[1]
        found[str(n_rows)] = {"seconds": taken, "anonymous_bytes": memory.peak, "extra_bytes": memory.extra}
    one, ten = found.values()
    return found | {"time_over_ten_times_one": ten["seconds"] / (10 * one["seconds"])}


def scaling(scale: float) -> dict[str, Any]:
    """How time grows with rows and with classes."""
    run = lambda problem: find_label_issues(problem.labels, problem.pred_probs)  # noqa: E731
    growth: dict[str, Any] = {"rows": {}, "classes": {}}
    for n_rows in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000):
        problem = make_problem(int(n_rows * scale), 100, "float32")
        growth["rows"][str(n_rows)] = interleaved({"ours": lambda: run(problem)}, {"ours": 3})["ours"]  # noqa: B023
    for n_classes in (3, 10, 30, 100, 300, 1000, 3000):
        problem = make_problem(int(100_000 * scale), n_classes, "float32")
        growth["classes"][str(n_classes)] = interleaved({"ours": lambda: run(problem)}, {"ours": 3})["ours"]  # noqa: B023
    return growth


if __name__ == "__main__":
    main()
