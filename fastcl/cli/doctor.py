"""``fastcl doctor``: what a bug report needs, as ``key: value`` lines."""

from __future__ import annotations

import platform
from argparse import Namespace
from importlib.metadata import PackageNotFoundError, version

from fastcl import __version__
from fastcl.cli import words
from fastcl.cli.cache import chosen_directory, count_cached, is_chosen_used
from fastcl.core.jit import cache_directory
from fastcl.engine.threads import available_cpus, resolve_n_jobs

PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "faiss-cpu", "narwhals", "pandas", "tqdm", "pyarrow")


def run(options: Namespace) -> int:
    """Run ``fastcl doctor`` and return its exit code."""
    for key, value in findings().items():
        words.data(f"{key}: {value}")
    return 0


def findings() -> dict[str, str]:
    """Return versions, threads and the state of the compile cache."""
    found = {"fastcl": __version__, "python": platform.python_version(), "platform": platform.platform()}
    found |= {package: _version(package) for package in PACKAGES}
    found |= {"cpus usable": str(available_cpus()), "threads": str(resolve_n_jobs(None))}
    found["cache directory"] = str(cache_directory() or "none (no directory is writable)")
    if not is_chosen_used():
        found["FASTCL_CACHE_DIR"] = f"{chosen_directory()} (not writable, not used)"
    found["cached kernels"] = str(count_cached())
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing (pip install 'fastcl[io]')" if package == "pyarrow" else "missing"
