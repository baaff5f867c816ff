"""A suite of jobs: each measured in a process of its own, the results kept as JSON and shown as a table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import AnonymousPeak, in_own_process, interleaved, machine
from benchmarks.registry import short
from benchmarks.tables import between

ROOT = Path(__file__).parent.parent

#: Share of the rows that ``--quick`` measures.
QUICK = 0.05


@dataclass(frozen=True)
class Job:
    """One line of the table: `measure(n_rows)` returns seconds of ours and, if there is one, of a peer."""

    name: str
    n_rows: int
    columns: str
    floor: str
    measure: Callable[[int], dict[str, Any]]

    @property
    def key(self) -> str:
        """What the line is called in the results."""
        return f"{self.name} | {short(self.n_rows)} {self.columns} | {self.floor}"


def compare(
    ours: Callable[[], Any], peer: Callable[[], Any] | None = None, agree: Any = None, turns: int = 3
) -> dict[str, Any]:
    """Return times and memory of a job and its peer, once warm; their answers must agree."""
    answer = ours()
    with AnonymousPeak() as memory:
        ours()
    row: dict[str, Any] = {"megabytes": memory.extra / 1e6}
    contestants = {"ours": ours}
    if peer is not None:
        agree(answer, peer())
        contestants["peer"] = peer
    return row | interleaved(contestants, dict.fromkeys(contestants, 1), turns)


@dataclass(frozen=True)
class Suite:
    """Jobs, and where their results go: ``benchmarks/NAME.json``, ``docs/NAME-table.md`` and ``README.md``.

    `growth(scale)` measures how time grows with rows, and `plot` draws it.
    """

    name: str
    jobs: tuple[Job, ...]
    growth: Callable[[float], dict[str, float]] | None = None
    plot: Callable[[dict[str, float]], None] | None = None

    @property
    def module(self) -> str:
        """The module that runs the suite."""
        return f"benchmarks.{self.name}"

    @property
    def results(self) -> Path:
        """The file of results."""
        return Path(__file__).with_name(f"{self.name}.json")

    def main(self) -> None:
        """Parse the command line, measure, write."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}")
        parser.add_argument("--quick", action="store_true", help="a twentieth of the rows; writes nothing")
        parser.add_argument("--only", default="", help="jobs whose name and size hold this text; or 'growth'")
        parser.add_argument("--job", type=int, help=argparse.SUPPRESS)
        options = parser.parse_args()
        if options.job is not None:
            print(json.dumps(self.measure(options.job, QUICK if options.quick else 1.0)))
        else:
            self.run(options.only, quick=options.quick)

    def measure(self, index: int, scale: float) -> dict[str, Any]:
        """Measure one job, or growth, which comes last, in this process."""
        if index < len(self.jobs):
            job = self.jobs[index]
            return job.measure(int(job.n_rows * scale))
        assert self.growth is not None
        return self.growth(scale)

    def run(self, only: str, *, quick: bool) -> None:
        """Measure the jobs that are asked for, and write what is known of all."""
        known = json.loads(self.results.read_text()) if only and self.results.exists() else {"jobs": {}}
        known["machine"] = machine()
        keys = [job.key for job in self.jobs]
        for index, key in enumerate([*keys, "growth"] if self.growth else keys):
            if only not in key:
                continue
            print(f"{key} ...", flush=True)
            row = in_own_process(self.module, index, quick=quick)
            print("   ", row, flush=True)
            (known if key == "growth" else known["jobs"])[key] = row
            if not quick:
                self.results.write_text(json.dumps(known, indent=1) + "\n")
        if not quick:
            known["jobs"] = {key: known["jobs"][key] for key in keys if key in known["jobs"]}
            self.write(known)

    def write(self, known: dict[str, Any]) -> None:
        """Write the table and the plot."""
        content = f"{table(known)}\n\n{self.footnote(known)}\n"
        (ROOT / "docs" / f"{self.name}-table.md").write_text(content)
        readme = ROOT / "README.md"
        readme.write_text(between(readme.read_text(), self.name, f"\n\n{content}\n"))
        if self.plot is not None and "growth" in known:
            self.plot(known["growth"])

    def footnote(self, known: dict[str, Any]) -> str:
        """Return where the numbers come from."""
        about = known["machine"]
        return (
            "Each job in a process of its own, answers compared in the same run, medians of three calls (one where the "
            f"reference takes minutes). {about['processor']}, {about['system']}; {about['versions']}; {about['date']}; "
            f"`python -m {self.module}`."
        )


def table(known: dict[str, Any]) -> str:
    """Return the table; rows that miss their floor stay in."""
    lines = [
        "| job | size | cleanlab 2.9.0 | fastcl | times faster | floor | extra memory | |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for key, row in known["jobs"].items():
        name, size, floor = key.split(" | ")
        peer = f"{row['peer']:.1f} s" if "peer" in row else ""
        ratio = f"**{row['peer'] / row['ours']:.0f}**" if "peer" in row else ""
        ours, memory = f"{row['ours']:.2f} s", f"{row['megabytes']:.0f} MB"
        lines.append(f"| {' | '.join([name, size, peer, ours, ratio, floor, memory, row.get('note', '')])} |")
    return "\n".join(lines)
