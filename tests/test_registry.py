"""Every line of the benchmark table compares like with like, and the tables say what was measured."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import learning, neighbors, suite, tables
from benchmarks.problems import make_problem
from benchmarks.registry import JOBS, short

ROOT = Path(__file__).parents[1]
ROW = {"ours": 0.1, "peer": 5.0, "ratio": 50.0, "target": 40, "read": 0.03, "first": 1.0,
       "bytes_per_row": 30.4, "peer_bytes_per_row": 900.0, "all": {}}  # fmt: skip
RESULTS = {
    "jobs": {"find it | 1M x 100 float64": ROW, "miss it | 50 x 2 float32": ROW | {"ratio": 3.0}},
    "large": {"10000000": {"seconds": 2.5, "anonymous_bytes": 5e8, "extra_bytes": 4e8}, "time_over_ten_times_one": 1.1},
    "start_up": {"import fastcl": 0.1, "loaded by import fastcl": []},
    "machine": {"processor": "P", "system": "S", "versions": "V", "date": "D"},
}


@pytest.mark.parametrize("job", JOBS, ids=lambda job: f"{job.name}-{job.size}")
def test_jobs_agree_with_their_peers(job):
    job = replace(job, n_rows=2_003 if job.n_classes < 1_000 else 20_003)
    problem = make_problem(job.n_rows, job.n_classes, job.dtype)
    job.agree(job.ours(problem), job.peer(problem, 1), job.dtype)


def test_jobs_have_names_of_their_own():
    assert len({(job.name, job.size) for job in JOBS}) == len(JOBS)
    assert [short(number) for number in (7, 1_500, 2_000_000)] == ["7", "1.5k", "2M"]


def test_tables_show_every_job_also_those_that_miss_their_target():
    lines = tables.jobs_table(RESULTS).splitlines()
    assert len(lines) == 4
    assert "| `find it` | 1M x 100 float64 | 5.00 s | 0.100 s | **50** (40) |" in lines[2]
    assert "**3** (40)" in lines[3]
    assert "0.10 s, 50 times" in tables.claim(RESULTS)
    assert "| 10,000,000 x 100 float32 | 2.50 | 500 MB |" in tables.large_table(RESULTS)
    assert "| none |" in tables.start_up_table(RESULTS)
    assert "P, S; V; D" in tables.footnote(RESULTS)


def test_nothing_can_be_measured():
    command = [sys.executable, "-m", "benchmarks.run", "--quick", "--only", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(
    "job", [*neighbors.SUITE.jobs, *learning.SUITE.jobs], ids=lambda job: f"{job.name}-{job.columns}-{job.n_rows}"
)
def test_jobs_of_suites_agree_with_their_peers(job):
    row = job.measure(1_200)
    assert row["ours"] > 0
    assert row.get("recall", 1) > 0.9


def test_the_table_of_a_suite_shows_every_job():
    row = {"ours": 2.0, "megabytes": 10.4}
    results = {
        "jobs": {"a | 1k x 2 | 6x": row | {"peer": 20.0}, "b | 2k x 2 | 1 s": row | {"note": "exact"}},
        "machine": RESULTS["machine"],
    }
    lines = suite.table(results).splitlines()
    assert lines[2] == "| a | 1k x 2 | 20.0 s | 2.00 s | **10** | 6x | 10 MB |  |"
    assert lines[3] == "| b | 2k x 2 |  | 2.00 s |  | 1 s | 10 MB | exact |"
    assert "P, S; V; D" in neighbors.SUITE.footnote(results)
