"""Clocks and scales: interleaved medians, one read of an array, peak memory, cold and warm starts."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from fastcl.core.jit import kernel
from fastcl.engine.threads import available_cpus, reduce_items


@kernel
def xor_all(values):
    """Return the exclusive or of all values: every byte is read, and hardly anything is done with it."""
    result = values[0] & 0
    for i in range(values.size):
        result ^= values[i]
    return result


def read_once(array: np.ndarray, n_threads: int | None = None) -> None:
    """Read an array with all threads: no function that looks at every value can be faster."""
    flat = array.reshape(-1).view(np.int64 if array.itemsize == 8 else np.int32)
    size = 1 << 20
    parts = [flat[start : start + size] for start in range(0, flat.size, size)]
    reduce_items(parts, lambda: None, lambda _, part: xor_all(part), n_threads or available_cpus())


def seconds(function: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    gc.collect()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(contestants: dict[str, Callable[[], Any]], calls: dict[str, int], turns: int = 3) -> dict[str, float]:
    """Return the median time of each contestant; each turn calls all of them, some several times in a row."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, call in contestants.items():
            times[name] += [seconds(call) for _ in range(calls[name])]
    return {name: statistics.median(taken) for name, taken in times.items()}


class AnonymousPeak:
    """The largest anonymous resident memory of this process while the context lasts, above what it began with.

    Pages of memory-mapped files are not counted: the system takes them back whenever it likes. Memory that was
    freed before is given back first: used again, it would not show.
    """

    def __enter__(self) -> AnonymousPeak:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        self._before = self.peak = anonymous_bytes()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self.peak = max(self.peak, anonymous_bytes())

    def __exit__(self, *_: object) -> None:
        self.peak = max(self.peak, anonymous_bytes())
        self._done.set()
        self._thread.join()

    @property
    def extra(self) -> int:
        """Bytes above the start."""
        return self.peak - self._before


def anonymous_bytes() -> int:
    """Return the anonymous resident memory of this process (Linux)."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


FIRST_CALL = """
import time, numpy as np
rng = np.random.default_rng(0)
pred_probs = rng.dirichlet(np.ones(10), 1000)
labels = pred_probs.argmax(axis=1)
begin = time.perf_counter()
from fastcl.filter import find_label_issues
find_label_issues(labels, pred_probs)
print(time.perf_counter() - begin)
"""

IMPORT = """
import time, sys
begin = time.perf_counter()
import {module}
taken = time.perf_counter() - begin
import json
print(json.dumps([taken, [name for name in ("numba", "sklearn", "pandas", "faiss", "scipy") if name in sys.modules]]))
"""


def start_up() -> dict[str, Any]:
    """Measure imports and first calls, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"FASTCL_CACHE_DIR": folder}
        cold = float(_python(FIRST_CALL, environment))
        warm = statistics.median(float(_python(FIRST_CALL, environment)) for _ in range(3))
    imports = {
        module: [json.loads(_python(IMPORT.format(module=module), os.environ)) for _ in range(5)]
        for module in ("fastcl", "numpy", "cleanlab")
    }
    return {
        "first call, empty cache": cold,
        "first call, warm cache": warm,
        "loaded by import fastcl": imports["fastcl"][0][1],
    } | {f"import {module}": statistics.median(taken for taken, _ in runs) for module, runs in imports.items()}


def _python(code: str, environment: Any) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def in_own_process(module: str, index: int, *, quick: bool) -> dict[str, Any]:
    """Measure one job of a benchmark in a fresh process: none inherits memory or warm caches of another."""
    command = [sys.executable, "-m", module, "--job", str(index), *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def machine() -> dict[str, str]:
    """Describe where the numbers come from."""
    with open("/proc/cpuinfo") as lines:
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    packages = ("fastcl", "cleanlab", "numpy", "numba", "scikit-learn", "faiss-cpu", "pandas")
    return {
        "processor": f"{model}, {available_cpus()} cores",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {_version(package)}" for package in packages),
        "date": time.strftime("%Y-%m-%d"),
    }


def _version(package: str) -> str:
    if package == "fastcl":
        import fastcl

        return fastcl.__version__
    return version(package)
