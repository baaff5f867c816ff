"""Forks wait while another thread holds a lock: in the child, nobody would ever release it."""

from __future__ import annotations

import os
from typing import Any

_locks: tuple[Any, ...] = ()
_held: tuple[Any, ...] = ()


def no_fork_while_held(lock: Any) -> None:
    """Let every later fork of this process wait until no other thread holds `lock`."""
    global _locks
    _locks += (lock,)


def _close() -> None:
    global _held
    held: list[Any] = []
    while len(held) < len(_locks):  # there may be more of them once we hold the first
        held.append(_locks[len(held)])
        held[-1].acquire()
    _held = tuple(held)


def _open() -> None:
    for lock in reversed(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close, after_in_parent=_open, after_in_child=_open)
