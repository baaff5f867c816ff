"""How many threads, and the laws of handing out work."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
import weakref

import numpy as np
import pytest

from fastcl.engine import threads
from fastcl.engine.threads import available_cpus, for_each, reduce_items, resolve_n_jobs

needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")


def ours() -> list[threading.Thread]:
    """Return the threads of fastcl that are alive."""
    return [thread for thread in threading.enumerate() if thread.name == "fastcl"]


# -- how many


@needs_affinity
def test_available_cpus_keep_to_the_affinity(monkeypatch, tmp_path):
    monkeypatch.setattr(threads, "CGROUPS", tmp_path)
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert available_cpus() == len(before)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000\n"}, 64),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "1000 100000\n"}, 1),
        ({"cpu.max": "9900000 100000\n"}, 64),
        ({"cpu.max": "nonsense\n"}, 64),
        ({"cpu.max": ""}, 64),
        ({"cpu.max": "100000 0\n"}, 64),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 64),
        ({"cpu/cpu.cfs_quota_us": "300000\n"}, 64),
        ({}, 64),
    ],
)
def test_available_cpus_keep_to_the_quota_of_a_container(monkeypatch, tmp_path, files, expected):
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(threads, "CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(64), raising=False)
    assert available_cpus() == expected


def test_available_cpus_where_there_is_no_affinity(monkeypatch, tmp_path):
    monkeypatch.setattr(threads, "CGROUPS", tmp_path)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert available_cpus() == os.cpu_count()


def test_resolve_n_jobs():
    assert resolve_n_jobs(None) == resolve_n_jobs(-1) == available_cpus()
    assert [resolve_n_jobs(n_jobs) for n_jobs in (1, 7, np.int64(3))] == [1, 7, 3]
    assert type(resolve_n_jobs(np.int64(3))) is int


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, True, np.nan, np.inf, "2", "all", [2]])
def test_resolve_n_jobs_rejects_other_things(n_jobs):
    with pytest.raises(ValueError, match="`n_jobs` must be None, -1 or a positive integer; got"):
        resolve_n_jobs(n_jobs)


# -- handing out work


@pytest.mark.parametrize("n_items", [0, 1, 2, 3, 1_003])
@pytest.mark.parametrize("n_threads", [1, 2, 3, 16])
def test_reduce_items_meets_every_item_once(n_items, n_threads):
    states = reduce_items(iter(range(n_items)), list, list.append, n_threads)
    assert sorted(itertools.chain(*states)) == list(range(n_items))
    assert 1 <= len(states) <= max(1, min(n_threads, n_items))
    assert not ours()


def test_reduce_items_takes_any_item():
    things = [None, 0, False, (), None]
    assert sum(map(len, reduce_items(iter(things), list, list.append, 3))) == len(things)


def test_reduce_items_gives_each_thread_a_state_of_its_own():
    barrier, owners = threading.Barrier(4, timeout=30), {}

    def update(state, item):
        owners.setdefault(id(state), set()).add(threading.get_ident())
        barrier.wait()

    states = reduce_items(range(8), object, update, 4)
    assert len(states) == len(owners) == 4
    assert all(len(idents) == 1 for idents in owners.values())
    assert {threading.get_ident()} in owners.values(), "the calling thread works too"


def test_one_thread_starts_none(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", None)
    assert reduce_items(range(5), list, list.append, 1) == [[0, 1, 2, 3, 4]]
    assert reduce_items([], list, list.append, 4) == [[]]


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_items_are_drawn_one_at_a_time_and_never_ahead(n_threads):
    drawing, drawn, done, ahead = threading.Lock(), itertools.count(), [], []

    def items():
        for item in range(60):
            assert drawing.acquire(blocking=False), "two threads draw at once"
            time.sleep(0.0005)
            ahead.append(next(drawn) - len(done))
            drawing.release()
            yield item

    def work(item):
        time.sleep(0.001)
        done.append(item)

    for_each(items(), work, n_threads)
    assert sorted(done) == list(range(60))
    assert max(ahead) < n_threads, "a block is drawn only for a thread that has nothing to do"


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("bad", [0, 1, 30])
def test_an_error_stops_all(n_threads, bad):
    seen = []

    def work(item):
        if item == bad:
            raise ZeroDivisionError(item)
        time.sleep(0.001)
        seen.append(item)

    with pytest.raises(ZeroDivisionError):
        for_each(range(10_000), work, n_threads)
    assert len(seen) < 100 + bad
    assert not ours()


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_good", [0, 1, 2, 20])
def test_an_error_in_the_source_stops_all(n_threads, n_good):
    seen = []

    def items():
        yield from range(n_good)
        raise LookupError

    with pytest.raises(LookupError):
        for_each(items(), seen.append, n_threads)
    assert sorted(seen) == list(range(n_good)) or n_threads > 1
    assert not ours()


def test_threads_end_if_another_cannot_be_started(monkeypatch):
    start, started = threading.Thread.start, []

    def start_two(self):
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", start_two)
    with pytest.raises(RuntimeError, match="can't start"):
        for_each(itertools.count(), lambda item: time.sleep(0.001), 4)
    assert not any(thread.is_alive() for thread in started)


def test_an_error_keeps_nothing():
    class State:
        pass

    made = []

    def new_state():
        state = State()
        made.append(weakref.ref(state))
        return state

    def update(state, item):
        time.sleep(0.001)
        if item > 20 and threading.current_thread().name == "fastcl":
            raise ZeroDivisionError

    with contextlib.suppress(ZeroDivisionError):
        reduce_items(itertools.count(), new_state, update, 3)
    assert len(made) == 3
    assert [ref() for ref in made] == [None] * 3, "no cycle through the error, its traceback and a list of errors"


# -- Ctrl-C


def test_an_interrupt_of_the_working_main_thread_stops_all(interrupt):
    busy = []

    def work(item):
        busy.append(item)
        if item == 10:
            interrupt()
        time.sleep(0.002)

    with pytest.raises(KeyboardInterrupt):
        for_each(itertools.count(), work, 3)
    assert len(busy) < 200
    assert not ours()


def test_an_interrupt_of_the_waiting_main_thread_stops_all(interrupt):
    """The main thread has nothing left to do and waits for a thread that is still busy."""
    both_busy, finished = threading.Barrier(2, timeout=30), []

    def work(item):
        both_busy.wait()
        if threading.current_thread().name == "fastcl":
            time.sleep(0.1)
            interrupt()
            time.sleep(0.1)
            finished.append(item)

    with pytest.raises(KeyboardInterrupt):
        for_each(range(2), work, 2)
    assert len(finished) == 1
    assert not ours()
