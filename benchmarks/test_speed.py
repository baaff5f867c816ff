"""The registry under pytest-benchmark: ``pytest benchmarks`` (a tenth of the rows; ``--benchmark-json`` to keep)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.problems import Problem, make_problem
from benchmarks.registry import JOBS, Job

SMALL = [replace(job, n_rows=job.n_rows // 10) for job in JOBS]


@pytest.fixture(scope="module")
def problems() -> dict[tuple[int, int, str], Problem]:
    return {}


@pytest.mark.parametrize("job", SMALL, ids=lambda job: f"{job.name}-{job.size}")
def test_speed(benchmark, job: Job, problems) -> None:
    key = (job.n_rows, job.n_classes, job.dtype)
    problem = problems.setdefault(key, make_problem(*key))
    benchmark.group = f"{job.name}, {job.size}"
    answer = benchmark(job.ours, problem)
    job.agree(answer, job.peer(problem, 1), job.dtype)
