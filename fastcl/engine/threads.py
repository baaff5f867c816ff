"""Our own threads over blocks: how many, and how work is handed to them.

Kernels release the interpreter lock, so plain threads use every core, copy nothing and behave the same on all
systems. Threads live as long as one call: nothing is shared between callers, and a forked child simply starts
its own.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import TypeVar

from fastcl.core.errors import sentence

Item = TypeVar("Item")
State = TypeVar("State")

#: Where Linux says how much of the machine a container may use.
CGROUPS = Path("/sys/fs/cgroup")


def available_cpus() -> int:
    """Return how many CPUs this process may really use: its affinity, capped by a cgroup quota.

    Examples
    --------
    >>> available_cpus() >= 1
    True
    """
    affinity = getattr(os, "sched_getaffinity", None)
    n_cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(n_cpus, _cgroup_quota(CGROUPS) or n_cpus))


def _cgroup_quota(root: Path) -> int | None:
    """Return the CPUs a container is granted (cgroup v2, then v1), rounded up; None without a limit."""
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            quota, period = map(int, " ".join((root / file).read_text() for file in files).split())
            if quota > 0:
                return -(-quota // period)
        except (OSError, ValueError, ZeroDivisionError):  # absent, or "max"
            continue
    return None


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Return the number of threads meant by `n_jobs`: None and -1 mean `available_cpus()`.

    Raises
    ------
    ValueError
        If `n_jobs` is neither None, -1 nor a positive integer.
    """
    if n_jobs is None or n_jobs == -1:
        return available_cpus()
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs < 1:
        raise ValueError(sentence("n_jobs", "be None, -1 or a positive integer", repr(n_jobs)))
    return int(n_jobs)


def reduce_items(
    items: Iterable[Item],
    new_state: Callable[[], State],
    update: Callable[[State, Item], None],
    n_threads: int,
) -> list[State]:
    """Fold `items` into one state per thread and return the states.

    Which thread gets which item is chance: the states must be such that their merge does not depend on it.
    Items are drawn one at a time and only when a thread is free, so a lazy iterable is never read ahead. The
    calling thread works too. An error, or an interrupt, stops all threads and is raised when they have ended.

    Examples
    --------
    >>> states = reduce_items(range(100), lambda: [0], lambda s, i: s.__setitem__(0, s[0] + i), 4)
    >>> sum(state[0] for state in states)
    4950
    """
    queue = _SharedIterator(items)
    states = [new_state()]
    workers: list[_Worker] = []
    errors: list[BaseException] = []

    def work(state: State) -> None:
        for item in queue:
            update(state, item)

    def work_aside(state: State) -> None:
        try:
            work(state)
        except BaseException as error:
            queue.close()
            errors.append(error)

    try:
        for _ in range(n_threads - 1):
            if not queue.has_two():  # a single block is not worth a thread
                break
            states.append(new_state())
            workers.append(_Worker(partial(work_aside, states[-1])))
            workers[-1].start()
        work(states[0])
        _wait_for(workers)
        if errors:
            raise errors[0]
    finally:
        queue.close()
        _wait_for(workers)
        errors.clear()  # their tracebacks hold this frame, and with it the data
    return states


class _Worker(threading.Thread):
    """A thread that says itself that it has ended: an interrupted `join` takes it for ended while it still runs."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(name="fastcl", daemon=True)
        self._work = work
        self.ended = threading.Event()

    def run(self) -> None:
        self._work()
        self.ended.set()


def _wait_for(workers: list[_Worker]) -> None:
    """Wait until all that were started have ended."""
    for worker in workers:
        if worker.ident is not None:
            worker.ended.wait()
            worker.join()


def for_each(items: Iterable[Item], function: Callable[[Item], None], n_threads: int) -> None:
    """Call `function` for each item, in any order and by several threads.

    Examples
    --------
    >>> seen = []
    >>> for_each(range(5), seen.append, 2)
    >>> sorted(seen)
    [0, 1, 2, 3, 4]
    """
    reduce_items(items, lambda: None, lambda _, item: function(item), n_threads)


class _SharedIterator(Iterator[Item]):
    """An iterator that several threads may draw from, and that any of them can end."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()
        self._ahead: deque[Item] = deque()
        self._closed = False

    def __next__(self) -> Item:
        with self._lock:
            if self._closed:
                raise StopIteration
            return self._ahead.popleft() if self._ahead else next(self._items)

    def has_two(self) -> bool:
        """Tell whether there is work for the caller and for one more, drawing no more than that."""
        with self._lock:
            if not self._closed:
                self._ahead.extend(islice(self._items, 2 - len(self._ahead)))
            return len(self._ahead) == 2

    def close(self) -> None:
        self._closed = True
