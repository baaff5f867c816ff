"""`kernel`: the only place that names Numba options and the cache policy.

A kernel is an ordinary function of arrays and scalars, a serial loop over one block. Numba is imported and
the function compiled at its first call, never at import; the machine code is kept in `cache_directory()`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import pickle
import stat
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastcl.core.forks import no_fork_while_held

logger = logging.getLogger(__name__)

#: Every kernel of the package in order of definition, for `fastcl warmup` and the tests.
KERNELS: list[Kernel] = []

_compiling = threading.RLock()
no_fork_while_held(_compiling)


class Kernel:
    """A function that is compiled with ``njit(nogil=True)`` when it is first called."""

    def __init__(self, function: types.FunctionType) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._dispatcher: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:
        return (self._dispatcher or self.dispatcher)(*args)

    @property
    def dispatcher(self) -> Callable[..., Any]:
        """Numba's compiled function."""
        with _compiling:
            if self._dispatcher is None:
                self._dispatcher = _compile(self)
            return self._dispatcher

    def callees(self) -> dict[str, Kernel]:
        """Return the kernels this one calls, by the name it calls them."""
        return {name: value for name, value in self._globals().items() if isinstance(value, Kernel)}

    def fingerprint(self) -> bytes:
        """Return a digest of all that is compiled: source files and global constants, also of the kernels called.

        Raises OSError if a source file cannot be read.
        """
        constants = {name: value for name, value in self._globals().items() if isinstance(value, (int, float))}
        parts = [_file_digest(self.function.__code__.co_filename), repr(sorted(constants.items())).encode()]
        parts += [callee.fingerprint() for _, callee in sorted(self.callees().items())]
        return hashlib.sha256(b"".join(parts)).digest()

    def _globals(self) -> dict[str, Any]:
        """Return the global names that this kernel uses."""
        scope = self.function.__globals__
        return {name: scope[name] for name in self.function.__code__.co_names if name in scope}


def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a kernel of `function`; see the module docstring for what it may contain."""
    made = Kernel(function)  # type: ignore[arg-type]
    KERNELS.append(made)
    return made


@functools.cache
def _numba() -> Any:
    import numba
    from numba.core.compiler_lock import global_compiler_lock

    no_fork_while_held(global_compiler_lock)
    return numba


def _compile(kernel: Kernel) -> Callable[..., Any]:
    """Return Numba's function for a kernel; machine code is made or loaded when it meets new types."""
    function = kernel.function
    scope = {name: callee.dispatcher for name, callee in kernel.callees().items()}
    # Numba resolves names when it compiles: it must find compiled functions where Python finds kernels.
    bound = types.FunctionType(function.__code__, function.__globals__ | scope, function.__name__)
    bound.__qualname__, bound.__module__ = function.__qualname__, function.__module__
    dispatcher = _numba().njit(nogil=True, error_model="numpy")(bound)
    directory = cache_directory()
    if directory is not None and hasattr(dispatcher, "_cache"):
        dispatcher._cache = _disk_cache(kernel, directory)
    compiled: Callable[..., Any] = dispatcher
    return compiled


def _disk_cache(kernel: Kernel, directory: Path) -> Any:
    """Return a cache for Numba: one file in `directory` for each kernel, signature and machine.

    Numba's own raises where nothing is writable (numba#4908, #5566, #7883), looks only at the file of the outermost
    function, ends the program at an unreadable entry, and keeps an index in which two processes that compile at once
    can get each other's code. Here the name of a file says all about its content, and a digest guards that.
    """
    from numba.core.caching import NullCache
    from numba.core.compiler import CompileResult
    from numba.core.serialize import dumps

    class DiskCache(NullCache):  # type: ignore[misc]
        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                target_context.refresh()
                payload = _read_entry(self._path(sig, target_context.codegen()))
                return None if payload is None else CompileResult._rebuild(target_context, *pickle.loads(payload))
            except Exception as error:  # whatever a damaged or foreign entry makes of unpickling: compile instead
                logger.debug("compile cache of %s not read: %r", kernel.function.__name__, error)
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            try:
                _write_entry(self._path(sig, data.codegen), dumps(data._reduce()))
            except Exception as error:  # a cache that cannot be written is no reason to fail
                logger.debug("compile cache of %s not written: %r", kernel.function.__name__, error)

        def _path(self, sig: Any, codegen: Any) -> Path:
            made_by = (_numba().__version__, sys.version, _file_digest(__file__))
            key = (
                repr((sig, codegen.magic_tuple(), kernel.function.__module__, made_by)).encode() + kernel.fingerprint()
            )
            return directory / f"{kernel.function.__name__}-{hashlib.sha256(key).hexdigest()[:32]}.nbc"

    return DiskCache()


def _read_entry(path: Path) -> bytes | None:
    """Return what `_write_entry` wrote, None if there is nothing; ValueError if it is damaged."""
    if not path.exists():
        return None
    content = path.read_bytes()
    digest, payload = content[:32], content[32:]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError(f"{path} is damaged")
    return payload


def _write_entry(path: Path, payload: bytes) -> None:
    """Write a file in one step: whoever looks finds all of it or nothing."""
    partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    try:
        partial.write_bytes(hashlib.sha256(payload).digest() + payload)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


@functools.cache
def _file_digest(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()


@functools.cache
def cache_directory() -> Path | None:
    """Return where compiled kernels are kept: the first writable candidate, or None.

    The candidates are ``$FASTCL_CACHE_DIR``, the installed package, the user's cache directory and a private
    temporary one. Nothing writable means that kernels are compiled anew in each process, never an error.

    Examples
    --------
    >>> cache_directory() is None or cache_directory().is_dir()
    True
    """
    for candidate in _candidates():
        if is_writable(candidate):
            return candidate
    logger.debug("no directory for the compile cache is writable; kernels are compiled in each process")
    return None


def _candidates() -> Iterator[Path]:
    if chosen := os.environ.get("FASTCL_CACHE_DIR"):
        yield Path(os.path.expanduser(chosen))
    yield Path(__file__).resolve().parent.parent / "__pycache__"
    yield _user_cache()
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    with contextlib.suppress(FileNotFoundError):  # there is no temporary directory that can be used
        yield Path(tempfile.gettempdir()) / f"fastcl-{user}"


def _user_cache() -> Path:
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home)) / "fastcl" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "fastcl"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "fastcl"


def is_writable(directory: Path) -> bool:
    """Tell whether files can be made in `directory` (which is made if need be) by us and nobody else.

    Cached machine code is loaded by unpickling, so a directory that other users may write to is no cache.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid"):
            status = directory.stat()
            if status.st_mode & stat.S_IWOTH or (status.st_uid not in (0, os.getuid())):
                return False
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False
