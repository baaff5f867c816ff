"""Inside other programs: their threads, forks, workers and settings. Same bits, no crash, no deadlock."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import dask
import joblib
import numba
import numpy as np
import pytest
import threadpoolctl
from joblib.externals.loky import get_reusable_executor
from problems import make_problem, quietly
from test_start_up import output, start

from fastcl import count, dataset, filter, rank
from fastcl.engine import blocks
from fastcl.engine.progress import Progress
from fastcl.experimental.label_issues_batched import find_label_issues_batched

PROBLEM = make_problem(2_003, 7, seed=41, never_given=[3])

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def answers(labels: np.ndarray, pred_probs: np.ndarray, n_jobs: int = 2) -> bytes:
    """Return the bits of what fastcl says of a problem."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [
            filter.find_label_issues(
                labels, pred_probs, filter_by="both", n_jobs=n_jobs, return_indices_ranked_by="normalized_margin"
            ),
            rank.get_label_quality_scores(labels, pred_probs, adjust_pred_probs=True, n_jobs=n_jobs),
            count.compute_confident_joint(labels, pred_probs, n_jobs=n_jobs),
        ]
    return b"".join(np.ascontiguousarray(answer).tobytes() for answer in found)


def issues(labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """Return label issues: something that processes can be sent to do."""
    return quietly(filter.find_label_issues, labels, pred_probs, n_jobs=2)


def ours() -> list[threading.Thread]:
    """Return the threads of fastcl that are alive."""
    return [thread for thread in threading.enumerate() if thread.name == "fastcl"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not ours()


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 10_000)


# -- threads of the host


def in_threads(function: Callable[[int], Any], n_threads: int) -> list[Any]:
    """Call a function for 0, ..., n_threads - 1, all at once."""
    barrier, results = threading.Barrier(n_threads, timeout=60), [None] * n_threads

    def call(index: int) -> None:
        barrier.wait()
        results[index] = function(index)

    threads = [threading.Thread(target=call, args=(index,)) for index in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_32_threads_at_once_on_data_of_their_own():
    problems = [make_problem(503 + 20 * index, 3 + index % 5, seed=index) for index in range(32)]
    expected = [answers(*problem.both(), n_jobs=1) for problem in problems]
    assert in_threads(lambda index: answers(*problems[index].both()), 32) == expected
    assert len(set(expected)) == 32


def test_32_threads_at_once_on_the_same_data():
    expected = answers(*PROBLEM.both(), n_jobs=1)
    assert in_threads(lambda index: answers(*PROBLEM.both()), 32) == [expected] * 32


# -- forks


def fork(work: Callable[[], bool]) -> int:
    """Do something in a child, and return its number; its exit code says whether the answer was right."""
    child = os.fork()
    if not child:
        right = False
        try:
            right = work()
        finally:
            os._exit(0 if right else 1)
    return child


def wait(child: int) -> int:
    """Return the exit code of a child; it is killed after a minute."""
    for _ in range(6_000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise TimeoutError("a forked child hangs")


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_forked_after_use_works():
    expected = answers(*PROBLEM.both())
    assert wait(fork(lambda: answers(*PROBLEM.both()) == expected)) == 0
    assert wait(fork(lambda: wait(fork(lambda: answers(*PROBLEM.both()) == expected)) == 0)) == 0, "nor a grandchild"
    assert answers(*PROBLEM.both()) == expected


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_forked_during_use_in_another_thread_works():
    expected = answers(*PROBLEM.both())
    stop, wrong = threading.Event(), []

    def keep_busy():
        while not stop.is_set():
            if answers(*PROBLEM.both()) != expected:
                wrong.append(1)

    busy = [threading.Thread(target=keep_busy) for _ in range(2)]
    for thread in busy:
        thread.start()
    try:
        codes = [wait(fork(lambda: answers(*PROBLEM.both()) == expected)) for _ in range(8)]
    finally:
        stop.set()
        for thread in busy:
            thread.join()
    assert codes == [0] * 8
    assert not wrong


FORK_WHILE_COMPILING = """
import faulthandler, importlib, os, pkgutil, sys, threading, time, warnings
sys.path.insert(0, {tests!r})
warnings.simplefilter("ignore")
import fastcl
for module in pkgutil.walk_packages(fastcl.__path__, "fastcl."):
    if "__main__" not in module.name:
        importlib.import_module(module.name)
import numpy as np
from fastcl.core import jit
from fastcl.filter import find_label_issues
rng = np.random.default_rng(0)
pred_probs = rng.dirichlet(np.ones(4), 300)
labels = np.where(rng.random(300) < 0.8, pred_probs.argmax(axis=1), 0)
found = []
first = threading.Thread(target=lambda: found.append(find_label_issues(labels, pred_probs)))
first.start()
children = []
while first.is_alive() and len(children) < 2:
    time.sleep(0.3)
    child = os.fork()
    if not child:
        faulthandler.dump_traceback_later(60, exit=True)
        answer = find_label_issues(labels, pred_probs)
        print(int(answer.sum()), flush=True)
        os._exit(0)
    children.append(child)
first.join()
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
print(int(found[0].sum()))
assert codes and not any(codes), codes
"""


@needs_fork
def test_a_child_forked_while_another_thread_compiles_works(tmp_path):
    """Numba's lock, held by a thread that the child does not have, would never be released there."""
    code = FORK_WHILE_COMPILING.format(tests=os.path.dirname(__file__))
    counts = output(start(code, FASTCL_CACHE_DIR=str(tmp_path))).split()
    assert len(counts) > 1
    assert len(set(counts)) == 1


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_workers_of_multiprocessing(method):
    expected = issues(*PROBLEM.both())
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.starmap(issues, [PROBLEM.both()] * 3)
    assert [np.array_equal(answer, expected) for answer in found] == [True] * 3


# -- workers of libraries


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_workers_of_joblib(backend):
    expected = issues(*PROBLEM.both())
    found = joblib.Parallel(2, backend=backend)(joblib.delayed(issues)(*PROBLEM.both()) for _ in range(4))
    get_reusable_executor().shutdown(wait=True)
    assert [np.array_equal(answer, expected) for answer in found] == [True] * 4


@pytest.mark.parametrize("scheduler", ["threads", "processes", "synchronous"])
def test_workers_of_dask(scheduler):
    expected = issues(*PROBLEM.both())
    tasks = [dask.delayed(issues)(*PROBLEM.both()) for _ in range(4)]
    found = dask.compute(*tasks, scheduler=scheduler, num_workers=2)
    assert [np.array_equal(answer, expected) for answer in found] == [True] * 4


# -- settings of the host


def test_numba_with_one_thread():
    expected = answers(*PROBLEM.both())
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert answers(*PROBLEM.both()) == expected
        assert numba.get_num_threads() == 1
    finally:
        numba.set_num_threads(before)


THREADING_LAYER = """
import hashlib, sys
sys.path.insert(0, {tests!r})
import numba
from test_embedding import PROBLEM, answers, in_threads

@numba.njit(parallel=True)
def host(n):
    total = 0
    for i in numba.prange(n):
        total += i
    return total

assert host(10) == 45
found = set(in_threads(lambda index: answers(*PROBLEM.both()), 4))
assert host(10) == 45
print(numba.threading_layer(), *[hashlib.sha256(bits).hexdigest() for bits in found])
"""


def test_numba_with_the_threading_layer_that_bears_no_threads():
    code = THREADING_LAYER.format(tests=os.path.dirname(__file__))
    words = output(start(code, NUMBA_THREADING_LAYER="workqueue", NUMBA_NUM_THREADS="2")).split()
    import hashlib

    assert words == ["workqueue", hashlib.sha256(answers(*PROBLEM.both())).hexdigest()]


@pytest.mark.parametrize("host", ["raise", "ignore"])
def test_numpy_that_raises_floating_point_errors(host):
    expected = answers(*PROBLEM.both())
    with np.errstate(all=host):
        assert answers(*PROBLEM.both()) == expected


def settings() -> dict[str, Any]:
    """Return what a library must leave alone."""
    state = np.random.get_state()  # noqa: NPY002
    return {
        "random numbers": (state[0], state[1].tobytes(), *state[2:]),
        "warnings": list(warnings.filters),
        "floating point": np.geterr(),
        "printing": np.get_printoptions(),
        "BLAS and OpenMP": sorted((pool["filepath"], pool["num_threads"]) for pool in threadpoolctl.threadpool_info()),
        "numba": (numba.get_num_threads(), numba.config.THREADING_LAYER),
        "signals": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "directory": os.getcwd(),
        "environment": dict(os.environ),
        "recursion": sys.getrecursionlimit(),
        "switches": sys.getswitchinterval(),
        "hooks": (sys.excepthook, threading.excepthook, sys.gettrace(), sys.getprofile()),
        "threads": threading.active_count(),
        "affinity": os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None,
    }


def test_settings_of_the_host_are_left_alone(tmp_path):
    np.save(tmp_path / "pred_probs.npy", PROBLEM.pred_probs)
    answers(*PROBLEM.both())  # loads the libraries that it needs
    before = settings()
    answers(*PROBLEM.both(), n_jobs=3)
    quietly(dataset.health_summary, *PROBLEM.both(), verbose=False)
    find_label_issues_batched(PROBLEM.labels, pred_probs_file=tmp_path / "pred_probs.npy")
    with pytest.raises(ValueError, match="probabilities"):
        filter.find_label_issues(PROBLEM.labels, PROBLEM.pred_probs * 3)
    after = settings()
    assert {name for name in before if before[name] != after[name]} == set()


def test_warnings_come_from_the_line_that_called():
    with pytest.warns(UserWarning, match="No label issues are looked for") as caught:
        filter.find_label_issues(np.append(PROBLEM.labels, 3), np.vstack([PROBLEM.pred_probs, np.eye(7)[3]]), n_jobs=3)
    assert [warning.filename for warning in caught] == [__file__]


# -- sources, errors and Ctrl-C


class Blocks:
    """Blocks of rows to be iterated over again and again, which note how they are drawn."""

    def __init__(self, n_blocks: int = 40, at_block: Callable[[int], None] = lambda index: None) -> None:
        self.n_blocks, self.at_block = n_blocks, at_block
        self.alive: list[int] = []
        self._drawing = threading.Lock()

    def __iter__(self):
        seen = []
        for index in range(self.n_blocks):
            assert self._drawing.acquire(blocking=False), "two threads draw at once"
            self.at_block(index)
            problem = make_problem(103, 5, seed=index)
            self.alive.append(sum(ref() is not None for ref in seen))
            seen.append(weakref.ref(problem.pred_probs))
            pair = problem.both()
            del problem
            time.sleep(0.0005)
            self._drawing.release()
            yield pair
            del pair


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_blocks_are_drawn_by_one_thread_at_a_time_and_not_ahead(n_jobs):
    source = Blocks()
    found = filter.find_label_issues(None, source, n_jobs=n_jobs)
    everything = [np.concatenate(part) for part in zip(*Blocks(), strict=True)]
    np.testing.assert_array_equal(found, filter.find_label_issues(*everything))
    assert max(source.alive) <= n_jobs + 2, "the one that is drawn, one a thread, and the first, which said the shape"


def stop_at(block: int, error: Callable[[], None]) -> Callable[[int], None]:
    passes = itertools.count()

    def at_block(index: int) -> None:
        if index == 0:
            next(passes)
        if index == block:
            error()

    return at_block


def fail() -> None:
    raise LookupError("the disk is gone")


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_an_interrupt_ends_the_call_and_its_threads(n_jobs, interrupt):
    source = Blocks(100_000, stop_at(20, interrupt))
    with pytest.raises(KeyboardInterrupt):
        filter.find_label_issues(None, source, n_jobs=n_jobs)
    assert len(source.alive) < 1_000
    assert not ours()
    assert answers(*PROBLEM.both())


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_an_error_in_one_block_stops_all(n_jobs):
    source = Blocks(100_000, stop_at(20, fail))
    with pytest.raises(LookupError, match="the disk is gone"):
        filter.find_label_issues(None, source, n_jobs=n_jobs)
    assert len(source.alive) <= 41
    assert not ours()


def test_bad_rows_stop_nothing_but_the_call():
    bad = PROBLEM.pred_probs.copy()
    bad[1_000] = np.nan

    def call(index: int) -> bytes | str:
        try:
            return answers(PROBLEM.labels, bad if index % 2 else PROBLEM.pred_probs)
        except ValueError as error:
            return str(error)

    good, message = call(0), call(1)
    assert "row 1,000" in message
    assert in_threads(call, 8) == [good, message] * 4


def test_a_progress_bar_leaves_no_thread(monkeypatch):
    before = threading.active_count()
    written = []
    terminal = type("Terminal", (), {"isatty": lambda self: True, "write": lambda self, text: written.append(text),
                                     "flush": lambda self: None, "fileno": lambda self: 2})()  # fmt: skip
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("fastcl.engine.progress.PATIENCE", -1.0)
    pieces = [blocks.Piece(start, start + 10, np.zeros(10, np.int32), lambda: None) for start in range(0, 50, 10)]
    with Progress("sweep", 50, wanted=True) as progress:
        assert list(progress.over(pieces)) == pieces
    assert "sweep" in "".join(written)
    assert threading.active_count() == before
