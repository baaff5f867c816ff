"""`kernel`: the only place that names Numba options and the cache policy.

A kernel is an ordinary function of arrays and scalars, a serial loop over one block. Numba is imported and
the function compiled at its first call, never at import; the machine code is kept in `cache_directory()`.
"""

from __future__ import annotations

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

logger = logging.getLogger(__name__)

#: Every kernel of the package in order of definition, for `fastcl warmup` and the tests.
KERNELS: list[Kernel] = []

_compiling = threading.RLock()


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
        names = self.function.__code__.co_names
        scope = self.function.__globals__
        return {name: scope[name] for name in names if isinstance(scope.get(name), Kernel)}

    def sources(self) -> set[str]:
        """Return the files this kernel is made of: its own and those of the kernels it calls."""
        own = {self.function.__code__.co_filename}
        return own.union(*(callee.sources() for callee in self.callees().values()))


def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a kernel of `function`; see the module docstring for what it may contain."""
    made = Kernel(function)  # type: ignore[arg-type]
    KERNELS.append(made)
    return made


def _compile(kernel: Kernel) -> Callable[..., Any]:
    import numba

    function = kernel.function
    scope = {name: callee.dispatcher for name, callee in kernel.callees().items()}
    # Numba resolves names when it compiles: it must find compiled functions where Python finds kernels.
    bound = types.FunctionType(function.__code__, function.__globals__ | scope, function.__name__)
    bound.__qualname__, bound.__module__ = function.__qualname__, function.__module__
    dispatcher = numba.njit(nogil=True, error_model="numpy")(bound)
    directory = cache_directory()
    if directory is not None and hasattr(dispatcher, "_cache"):
        dispatcher._cache = _disk_cache(bound, kernel.sources(), directory)
    compiled: Callable[..., Any] = dispatcher
    return compiled


def _disk_cache(function: types.FunctionType, sources: set[str], directory: Path) -> Any:
    """Return Numba's cache of one function, kept in `directory` and valid for these very sources.

    Numba's own locators raise where nothing is writable (numba#4908, #5566, #7883), look only at the file of
    the outermost function, and let an unreadable entry end the program.
    """
    from numba.core import caching

    class Locator(caching._CacheLocator):  # type: ignore[misc]
        def get_cache_path(self) -> str:
            return str(directory)

        def get_source_stamp(self) -> str:
            return _digest(sources)

        def get_disambiguator(self) -> str:
            return f"{function.__module__}-{function.__code__.co_firstlineno}"

        @classmethod
        def from_function(cls, py_func: Any, py_file: str) -> Any:
            return cls()

    class Implementation(caching.CompileResultCacheImpl):  # type: ignore[misc]
        _locator_classes = [Locator]  # noqa: RUF012

    class DiskCache(caching.FunctionCache):  # type: ignore[misc]
        _impl_class = Implementation

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                return super().load_overload(sig, target_context)
            except (OSError, EOFError, pickle.UnpicklingError, ValueError) as error:
                logger.debug("compile cache of %s not read: %s", function.__name__, error)
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            try:
                super().save_overload(sig, data)
            except (OSError, EOFError, pickle.UnpicklingError, ValueError) as error:
                logger.debug("compile cache of %s not written: %s", function.__name__, error)

    return DiskCache(function)


@functools.cache
def _read_digest(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()


def _digest(paths: set[str]) -> str:
    """Return one fingerprint of the contents of `paths`."""
    return hashlib.sha256(b"".join(_read_digest(path) for path in sorted(paths))).hexdigest()


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
        yield Path(chosen).expanduser()
    yield Path(__file__).resolve().parent.parent / "__pycache__"
    yield _user_cache()
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
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
