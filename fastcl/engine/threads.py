"""Our own threads over blocks: how many, and how work is handed to them.

Kernels release the interpreter lock, so plain threads use every core, copy nothing and behave the same on all
systems. Threads live as long as one call: nothing is shared between callers, and a forked child simply starts
its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from fastcl.core.errors import sentence

Item = TypeVar("Item")
State = TypeVar("State")


def available_cpus() -> int:
    """Return how many CPUs this process may really use: its affinity, capped by a cgroup quota.

    Examples
    --------
    >>> available_cpus() >= 1
    True
    """
    affinity = getattr(os, "sched_getaffinity", None)
    n_cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(n_cpus, _cgroup_quota() or n_cpus))


def _cgroup_quota() -> int | None:
    """Return the CPUs a container is granted (cgroup v2, then v1), rounded up; None without a limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text().strip()
            period = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not quota.isdigit() or not int(period):
        return None
    return -(-int(quota) // int(period))


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Return the number of threads meant by `n_jobs`: None and -1 mean `available_cpus()`.

    Raises
    ------
    ValueError
        If `n_jobs` is neither None, -1 nor a positive integer.
    """
    if n_jobs is None or n_jobs == -1:
        return available_cpus()
    if isinstance(n_jobs, bool) or int(n_jobs) != n_jobs or n_jobs < 1:
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
    calling thread works too; the first error stops all threads and is raised.

    Examples
    --------
    >>> states = reduce_items(range(100), lambda: [0], lambda s, i: s.__setitem__(0, s[0] + i), 4)
    >>> sum(state[0] for state in states)
    4950
    """
    queue = _SharedIterator(items)
    states = [new_state()]
    workers = []
    errors: list[BaseException] = []

    def work(state: State) -> None:
        try:
            for item in queue:
                update(state, item)
        except BaseException as error:
            queue.close()
            errors.append(error)

    for _ in range(n_threads - 1):
        if queue.is_exhausted():  # a single block is not worth a thread
            break
        states.append(new_state())
        workers.append(threading.Thread(target=work, args=(states[-1],), name="fastcl", daemon=True))
        workers[-1].start()
    work(states[0])
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]
    return states


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
        self._ahead: list[Item] = []
        self._closed = False

    def __next__(self) -> Item:
        with self._lock:
            if self._closed:
                raise StopIteration
            return self._ahead.pop() if self._ahead else next(self._items)

    def is_exhausted(self) -> bool:
        """Tell whether nothing is left, looking at most one item ahead."""
        with self._lock:
            if not self._ahead:
                self._ahead.extend(item for item in [next(self._items, None)] if item is not None)
            return not self._ahead

    def close(self) -> None:
        self._closed = True
