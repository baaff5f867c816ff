"""Large data: what stays in memory, and that the bits do not change. Minutes: run with ``-m slow``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure import AnonymousPeak
from benchmarks.problems import make_problem
from fastcl.count import compute_confident_joint
from fastcl.engine import blocks
from fastcl.filter import find_label_issues

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]

#: Bytes beside rows and joint: stacks of threads, buffers of hits, what the allocator rounds up.
CONSTANT = 20_000_000

AUDIT = """
import json, sys
import numpy as np
from benchmarks.measure import AnonymousPeak
from fastcl.filter import find_label_issues

labels, path = np.load(sys.argv[1]), sys.argv[2]
find_label_issues(labels[:1000] % 100, np.load(path, mmap_mode="r")[:1000, :])  # compile, warm up
with AnonymousPeak() as memory:
    issues = find_label_issues(labels, path, return_indices_ranked_by="self_confidence")
print(json.dumps({"issues": len(issues), "peak": memory.peak, "extra": memory.extra}))
"""


def audit(folder, problem):
    """Find the label issues of a problem on disk in a process of its own; return what it says of them."""
    np.save(folder / "labels.npy", problem.labels.astype(np.int32))
    arguments = [sys.executable, "-c", AUDIT, str(folder / "labels.npy"), str(folder / "pred_probs.npy")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_ten_million_rows_from_a_memory_map_stay_under_800_megabytes(tmp_path):
    path = tmp_path / "pred_probs.npy"
    said = audit(tmp_path, make_problem(10_000_000, 100, "float32", path=path))
    path.unlink()
    assert said["issues"] > 900_000
    assert said["peak"] < 800_000_000
    assert said["extra"] < 40 * 10_000_000 + CONSTANT


@pytest.mark.parametrize("strength", [6.0, 2.0], ids=["good", "weak"])
@pytest.mark.parametrize("filter_by", ["prune_by_noise_rate", "both", "low_normalized_margin"])
def test_a_million_rows_take_forty_bytes_each(filter_by, strength):
    problem = make_problem(1_000_000, 100, strength=strength)
    labels = problem.labels.astype(np.int32)
    find_label_issues(labels[:1000], problem.pred_probs[:1000], filter_by="low_self_confidence")
    with AnonymousPeak() as memory:
        find_label_issues(labels, problem.pred_probs, filter_by=filter_by)
    assert memory.extra < 40 * 1_000_000 + CONSTANT


def test_fifty_thousand_classes_within_a_gigabyte(tmp_path):
    n_rows, n_classes = 20_000, 50_000
    rng = np.random.default_rng(0)
    labels = rng.integers(0, n_classes, n_rows)
    truth = np.where(rng.random(n_rows) < 0.2, rng.integers(0, n_classes, n_rows), labels)
    path = tmp_path / "pred_probs.npy"
    pred_probs = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, n_classes))
    for row in range(n_rows):
        pred_probs[row] = 0.3 / n_classes
        pred_probs[row, truth[row]] += 0.5 + 0.2 * rng.random()
    pred_probs.flush()
    with AnonymousPeak() as memory:
        issues = find_label_issues(
            labels, path, filter_by="confident_learning", return_indices_ranked_by="normalized_margin"
        )
        pruned = find_label_issues(labels, path, min_examples_per_class=0)
    assert set(issues) <= set(np.flatnonzero(labels != truth))
    assert pruned.sum() > 1000
    assert memory.peak < 1_000_000_000
    with pytest.raises(ValueError, match=r"is a dense matrix of 50,000 x 50,000 .* 10,000 classes"):
        compute_confident_joint(labels, path)
    path.unlink()


def test_three_million_rows_give_the_same_bits_anyhow(monkeypatch):
    problem = make_problem(3_000_000, 20, "float32", strength=4.0)
    ways = []
    for n_jobs, block_bytes in [(1, 16_000_000), (2, 16_000_000), (5, 1_234_567)]:
        monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
        ways.append(
            find_label_issues(
                problem.labels, problem.pred_probs, n_jobs=n_jobs, return_indices_ranked_by="normalized_margin"
            )
        )
    for way in ways[1:]:
        np.testing.assert_array_equal(way, ways[0])
