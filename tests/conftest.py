"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from problems import ALL_PROBLEMS, PROBLEMS, TIED_PROBLEMS, Problem, real_data_path
from threadpoolctl import threadpool_limits

# The machine may be slow and the first call compiles; the same examples each time make a failure repeatable.
settings.register_profile("fastcl", deadline=None, max_examples=30, derandomize=True)
settings.load_profile("fastcl")


@pytest.fixture(params=PROBLEMS, ids=lambda name: name.replace(" ", "_"))
def problem(request: pytest.FixtureRequest) -> Problem:
    """A problem in which no two rows tie."""
    return PROBLEMS[request.param]


@pytest.fixture(params=TIED_PROBLEMS, ids=lambda name: name.replace(" ", "_"))
def tied_problem(request: pytest.FixtureRequest) -> Problem:
    """A problem full of ties."""
    return TIED_PROBLEMS[request.param]


@pytest.fixture(params=ALL_PROBLEMS, ids=lambda name: name.replace(" ", "_"))
def any_problem(request: pytest.FixtureRequest) -> Problem:
    """Any problem, with ties or without."""
    return ALL_PROBLEMS[request.param]


@pytest.fixture(scope="module")
def one_blas_thread() -> Iterator[None]:
    """For models on small data: on a busy machine the threads of BLAS and OpenMP mostly wait for each other."""
    import sklearn.ensemble  # noqa: F401  what is to be limited must be loaded

    with threadpool_limits(1):
        yield


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Return what presses Ctrl-C; it works also where a shell has started the tests with interrupts ignored."""
    if os.name == "nt":
        pytest.skip("no SIGINT to oneself")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data with known answers; a test that needs it is skipped where it is absent."""
    path = real_data_path()
    if not path.is_dir():
        pytest.skip(f"no real data at {path} (set $FASTCL_DATA)")
    return path


@pytest.fixture
def own_checks() -> Iterator[None]:
    """Let a test register checks, and take them away afterwards."""
    import fastcl.datalab.checks  # noqa: F401  fastcl's own are there before
    from fastcl.datalab.check import CHECKS

    before = {task: dict(known) for task, known in CHECKS.items()}
    yield
    for task, known in before.items():
        CHECKS[task].clear()
        CHECKS[task].update(known)
