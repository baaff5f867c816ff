"""The compile cache, as the command line speaks of it."""

from __future__ import annotations

import os
from pathlib import Path

from fastcl.cli import words
from fastcl.core.jit import cache_directory


def chosen_directory() -> Path | None:
    """Return what ``$FASTCL_CACHE_DIR`` asks for."""
    chosen = os.environ.get("FASTCL_CACHE_DIR")
    return Path(os.path.expanduser(chosen)) if chosen else None


def is_chosen_used() -> bool:
    """Tell whether the cache is where ``$FASTCL_CACHE_DIR`` says, if it says anything."""
    return chosen_directory() in (None, cache_directory())


def warn_if_not_used() -> None:
    """Warn, once and in one line, that ``$FASTCL_CACHE_DIR`` cannot be written to."""
    if not is_chosen_used():
        words.note(f"fastcl: warning: FASTCL_CACHE_DIR={str(chosen_directory())!r} is not writable, so it is not used.")


def tell_if_cold(quiet: bool) -> None:
    """Say that the first run takes longer, if nothing is compiled yet."""
    if not quiet and not count_cached():
        words.note("compiling for this machine, which takes some seconds once; `fastcl warmup` compiles everything")


def count_cached() -> int:
    """Return how many compiled kernels are in the cache."""
    directory = cache_directory()
    return 0 if directory is None else sum(1 for _ in directory.glob("*.nbc"))
