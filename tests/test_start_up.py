"""Imports are light, and the compile cache is a help that never harms."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import fastcl
from fastcl.core import jit

ROOT = Path(fastcl.__file__).parents[1]
HEAVY = ("numba", "sklearn", "pandas", "faiss", "scipy", "pyarrow", "polars")

SAY_WHAT_IS_LOADED = f"\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"

TINY = """
import hashlib
import numpy as np
from fastcl.filter import find_label_issues
from fastcl.rank import get_label_quality_scores

rng = np.random.default_rng(0)
labels = rng.integers(0, 4, 203)
answers = []
for dtype in (np.float64, np.float32):
    pred_probs = (rng.dirichlet(np.ones(4), 203) * 0.7 + np.eye(4)[labels] * 0.3).astype(dtype)
    answers.append(find_label_issues(labels, pred_probs, return_indices_ranked_by="normalized_margin"))
    answers.append(find_label_issues(labels, pred_probs, filter_by="both"))
    answers.append(get_label_quality_scores(labels, pred_probs, adjust_pred_probs=True))
assert answers[0].size
print(hashlib.sha256(b"".join(answer.tobytes() for answer in answers)).hexdigest())
"""


def start(code: str, **environment: str) -> subprocess.Popen[str]:
    """Run code in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-W", "error", "-c", code], env=environment, **pipes)


def output(process: subprocess.Popen[str]) -> str:
    """Return what it printed; it must end well and say nothing else."""
    with process:
        words, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert errors == ""
    return words.strip()


# -- imports


@pytest.mark.parametrize(
    "modules",
    ["fastcl", "fastcl.filter, fastcl.rank, fastcl.count, fastcl.dataset, fastcl.cli, fastcl.experimental"],
)
def test_imports_are_light(modules):
    assert output(start(f"import {modules}" + SAY_WHAT_IS_LOADED)) == ""


def test_arrays_need_no_other_library():
    assert output(start(TINY + SAY_WHAT_IS_LOADED)).split("\n")[1] in ("numba", "numba scipy")


def test_answers_need_no_compiler():
    assert output(start(TINY, NUMBA_DISABLE_JIT="1")) == output(start(TINY))


# -- where compiled kernels are kept


@pytest.fixture
def no_cache_chosen(monkeypatch, tmp_path):
    """A home and a temporary directory of our own, and nothing in ``$FASTCL_CACHE_DIR``."""
    monkeypatch.delenv("FASTCL_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()


def find_directory() -> Path | None:
    return jit.cache_directory.__wrapped__()


def below_a_file(tmp_path: Path) -> Path:
    """Return a directory that even root cannot make."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "cache"


@pytest.mark.usefixtures("no_cache_chosen")
def test_the_chosen_directory_is_made_and_used(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTCL_CACHE_DIR", str(tmp_path / "not" / "yet"))
    assert find_directory() == tmp_path / "not" / "yet"
    monkeypatch.setenv("FASTCL_CACHE_DIR", "~/cache")
    assert find_directory() == tmp_path / "home" / "cache"


@pytest.mark.usefixtures("no_cache_chosen")
@pytest.mark.parametrize("chosen", ["", "~no such user/cache", "below a file"])
def test_directories_that_cannot_be_written_to_are_passed_over(monkeypatch, tmp_path, chosen):
    monkeypatch.setenv("FASTCL_CACHE_DIR", str(below_a_file(tmp_path)) if chosen == "below a file" else chosen)
    monkeypatch.chdir(tmp_path)
    package = ROOT / "fastcl" / "__pycache__"
    expected = tmp_path / chosen if chosen.startswith("~") else package
    assert find_directory().resolve() == expected  # nobody of that name has a home: an ordinary relative path


@pytest.mark.usefixtures("no_cache_chosen")
def test_candidates_come_in_order(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    seen = []
    monkeypatch.setattr(jit, "is_writable", seen.append)
    monkeypatch.setenv("FASTCL_CACHE_DIR", str(tmp_path / "chosen"))
    assert find_directory() is None
    temporary = tmp_path / "temporary" / f"fastcl-{os.getuid() if hasattr(os, 'getuid') else os.environ['USERNAME']}"
    user = tmp_path / "home" / ".cache" / "fastcl"
    assert seen == [tmp_path / "chosen", ROOT / "fastcl" / "__pycache__", user, temporary]


def test_no_temporary_directory_is_no_error(monkeypatch):
    def none_usable():
        raise FileNotFoundError

    monkeypatch.setattr(jit, "is_writable", lambda directory: False)
    monkeypatch.setattr(tempfile, "gettempdir", none_usable)
    assert find_directory() is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are those of POSIX")
def test_directories_of_others_are_refused(monkeypatch, tmp_path):
    assert jit.is_writable(tmp_path)
    tmp_path.chmod(0o777)
    assert not jit.is_writable(tmp_path)
    tmp_path.chmod(0o700)
    owner = tmp_path.stat().st_uid
    status = os.stat_result((stat.S_IFDIR | 0o700, 0, 0, 0, owner + 1, 0, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda self, **options: status)
    assert not jit.is_writable(tmp_path)


def test_a_directory_made_for_the_cache_is_private(tmp_path):
    assert jit.is_writable(tmp_path / "new")
    assert not (tmp_path / "new").stat().st_mode & (stat.S_IWOTH | stat.S_IWGRP)


# -- what is kept

CALLER = """\
'''Module.'''
from fastcl.core.jit import kernel

{imports}

@kernel
def f(x):
    '''Doc.'''
    return {body}
"""


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache, and a list of kernels to which tests may add."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(jit, "cache_directory", lambda: folder)
    monkeypatch.setattr(jit, "KERNELS", list(jit.KERNELS))
    return folder


def kernel_of(folder: Path, body: str = "x + 1", imports: str = "") -> jit.Kernel:
    """Return the kernel of a module made for it, as a new process would see it."""
    folder.mkdir(exist_ok=True)
    path = folder / "made_for_this_test.py"
    path.write_text(CALLER.format(body=body, imports=imports))
    spec = importlib.util.spec_from_file_location("made_for_this_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f


def count(kernel: jit.Kernel) -> dict[str, int]:
    """Return how often a kernel was compiled and loaded."""
    stats = kernel.dispatcher.stats
    return {"compiled": sum(stats.cache_misses.values()), "loaded": sum(stats.cache_hits.values())}


def test_compiled_once_loaded_ever_after(cache, tmp_path):
    first, second = kernel_of(tmp_path / "a"), kernel_of(tmp_path / "a")
    assert first(1) == second(1) == 2
    assert count(first) == {"compiled": 1, "loaded": 0}
    assert count(second) == {"compiled": 0, "loaded": 1}
    assert first(1.5) == 2.5
    assert len(list(cache.iterdir())) == 2, "a file for each type, and nothing else"


def test_no_cache_at_all_works(monkeypatch, cache, tmp_path):
    monkeypatch.setattr(jit, "cache_directory", lambda: None)
    assert kernel_of(tmp_path / "a")(1) == 2
    assert not list(cache.iterdir())


DAMAGE = {
    "empty": lambda content: b"",
    "shorter than its digest": lambda content: content[:10],
    "truncated": lambda content: content[:-100],
    "one bit": lambda content: content[:-50] + bytes([content[-50] ^ 1]) + content[-49:],
    "garbage": lambda content: b"garbage" * 1_000,
    "no pickle, digest right": lambda content: jit.hashlib.sha256(b"what?").digest() + b"what?",
    "another pickle, digest right": lambda content: jit.hashlib.sha256(b"K\x01.").digest() + b"K\x01.",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_entries_are_survived_and_mended(cache, tmp_path, damage):
    assert kernel_of(tmp_path / "a")(1) == 2
    (entry,) = cache.iterdir()
    entry.write_bytes(DAMAGE[damage](entry.read_bytes()))
    second, third = kernel_of(tmp_path / "a"), kernel_of(tmp_path / "a")
    assert second(1) == third(1) == 2
    assert count(second)["compiled"] == 1
    assert count(third) == {"compiled": 0, "loaded": 1}


def test_a_full_disk_is_survived(monkeypatch, cache, tmp_path):
    def no_space(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    assert kernel_of(tmp_path / "a")(1) == 2
    assert not list(cache.iterdir()), "nothing half written is left"


def test_a_removed_directory_is_survived(cache, tmp_path):
    cache.rmdir()
    assert kernel_of(tmp_path / "a")(1) == 2


def test_a_source_that_cannot_be_read_is_survived(cache, tmp_path):
    kernel = kernel_of(tmp_path / "a")
    (tmp_path / "a" / "made_for_this_test.py").unlink()
    jit._file_digest.cache_clear()
    assert kernel(1) == 2
    assert not list(cache.iterdir())


@pytest.mark.usefixtures("cache")
def test_an_edited_kernel_is_compiled_anew(tmp_path):
    assert kernel_of(tmp_path / "a", "x + 1")(1) == 2
    assert kernel_of(tmp_path / "b", "x + 2")(1) == 3


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("body", "before", "after"),
    [("g(x)", "@kernel\ndef g(x):\n    return x + 1", "@kernel\ndef g(x):\n    return x + 2"),
     ("x + LIMIT", "LIMIT = 1", "LIMIT = 2")],
    ids=["kernel", "constant"],
)  # fmt: skip
def test_a_kernel_is_compiled_anew_if_what_it_imports_is_edited(monkeypatch, tmp_path, body, before, after):
    monkeypatch.syspath_prepend(tmp_path)
    name = body[0] if body.startswith("g") else "LIMIT"
    answers = []
    for folder, text in (("one", before), ("two", after)):
        (tmp_path / "imported_by_this_test.py").write_text(f"from fastcl.core.jit import kernel\n{text}\n# {folder}\n")
        sys.modules.pop("imported_by_this_test", None)
        importlib.invalidate_caches()
        jit._file_digest.cache_clear()
        module = importlib.util.cache_from_source(str(tmp_path / "imported_by_this_test.py"))
        Path(module).unlink(missing_ok=True)
        answers.append(kernel_of(tmp_path / "a", body, f"from imported_by_this_test import {name}")(1))
    sys.modules.pop("imported_by_this_test")
    assert answers == [2, 3]


@pytest.mark.usefixtures("cache")
def test_first_calls_from_many_threads_compile_once(tmp_path):
    kernel = kernel_of(tmp_path / "a", "x[0] + 1")
    barrier, answers = threading.Barrier(16), []

    def call():
        barrier.wait()
        answers.append(kernel(np.ones(1)))

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [2.0] * 16
    assert count(kernel) == {"compiled": 1, "loaded": 0}


def test_two_processes_may_compile_into_one_directory(tmp_path):
    """Numba's own index mixes up entries that two processes write at once; each of ours has its own name."""
    processes = [start(TINY, FASTCL_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    first, second = [output(process) for process in processes]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert first == second == output(start(TINY, FASTCL_CACHE_DIR=str(tmp_path)))
    assert names == sorted(path.name for path in tmp_path.iterdir()), "the third compiles nothing"
    assert all(name.endswith(".nbc") for name in names)


# -- the list of kernels


def test_every_kernel_says_what_it_does():
    for module in pkgutil.walk_packages(fastcl.__path__, "fastcl."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    ours = [kernel for kernel in jit.KERNELS if kernel.function.__module__.startswith("fastcl.")]
    assert len(ours) > 20
    assert [kernel.function.__name__ for kernel in ours if not kernel.__doc__] == []
