"""Products and eigenvectors inside our own threads: one BLAS thread each, and no fork in the middle of one."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.forks import no_fork_while_held


class _Running:
    """Products that run; to acquire it is to wait until none does, and to keep others from beginning."""

    def __init__(self) -> None:
        self._n_running = 0
        self._door = threading.Lock()
        self._ended = threading.Condition()

    def __enter__(self) -> None:
        with self._door, self._ended:
            self._n_running += 1

    def __exit__(self, *_: object) -> None:
        with self._ended:
            self._n_running -= 1
            self._ended.notify_all()

    def acquire(self) -> None:
        self._door.acquire()
        with self._ended:
            self._ended.wait_for(lambda: not self._n_running)

    def release(self) -> None:
        self._door.release()


class _Limit(AbstractContextManager[None]):
    """Keeps BLAS at one thread a call while anybody needs it, and then as the host had it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._n_users = 0
        self._limit: Any = None

    def __enter__(self) -> None:
        from threadpoolctl import threadpool_limits

        with self.lock:
            if self._n_users == 0:
                self._limit = threadpool_limits(1, user_api="blas")
            self._n_users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._limit.restore_original_limits()


_running, _limit = _Running(), _Limit()

# OpenBLAS ends its threads before a fork: it waits for ever if a product runs or their number changes meanwhile,
# and a product that another thread had begun holds its locks in the child for ever (0.3.31, 2026-11).
no_fork_while_held(_running)
no_fork_while_held(_limit.lock)


def one_blas_thread_each() -> AbstractContextManager[None]:
    """Let matrix products run in the thread that asks for them: our threads already use every core.

    The host's setting is back when the last of concurrent users leaves.
    """
    return _limit


def multiply(a: npt.NDArray[Any], b: npt.NDArray[Any], out: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
    """Return the matrix product of two arrays; a fork waits for it.

    Examples
    --------
    >>> multiply(np.eye(2), np.array([[1.0], [2.0]]))
    array([[1.],
           [2.]])
    """
    with _running:
        return np.matmul(a, b, out=out)


def eigenvectors(matrix: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns; a fork waits for it.

    Examples
    --------
    >>> eigenvectors(np.diag([2.0, 1.0]))[0]
    array([1., 2.])
    """
    with _running:
        return np.linalg.eigh(matrix)
