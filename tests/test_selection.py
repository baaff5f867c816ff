from __future__ import annotations

import naive
import numpy as np
import pytest

from fastcl.core.selection import ascending, lowest, lowest_per_class

RNG = np.random.default_rng(0)
SCORES = {
    "continuous": RNG.random(1_003),
    "eighths": RNG.integers(0, 9, 1_003) / 8,
    "eighths, float32": (RNG.integers(0, 9, 1_003) / 8).astype(np.float32),
    "all alike": np.full(103, 0.5),
    "two values": np.repeat([0.5, 0.25], [40, 60]),
    "one tie": np.array([0.3, 0.1, 0.2, 0.1]),
    "ascending": np.arange(57.0),
    "descending": -np.arange(57.0),
    "infinite": np.array([np.inf, 0.0, -np.inf, np.inf, -np.inf, 0.0]),
    "signed zeros": np.array([0.0, -0.0, 0.0, -0.0]),
    "integers": RNG.integers(-3, 4, 203),
    "one": np.array([0.5]),
    "none": np.empty(0),
}
every_kind = pytest.mark.parametrize("scores", SCORES.values(), ids=[name.replace(" ", "_") for name in SCORES])


@every_kind
def test_ascending_matches_naive(scores):
    order = ascending(scores)
    assert order.dtype == np.int64
    assert order.tolist() == naive.worst_first(scores)


@every_kind
def test_ascending_takes_any_stride(scores):
    twice = np.repeat(scores, 2)[::2]
    np.testing.assert_array_equal(ascending(twice), ascending(scores))
    assert ascending(scores[::-1]).tolist() == naive.worst_first(scores[::-1])


@pytest.mark.parametrize("count", [-1, 0, 1, 2, 3, 40, 41, 99, 100, 102, 103, 1_002, 1_003, 5_000])
@every_kind
def test_lowest_matches_naive(scores, count):
    rows = lowest(scores, count)
    assert rows.tolist() == sorted(naive.worst_first(scores)[: max(count, 0)])
    assert rows.dtype == np.int64


def classes_for(scores):
    return np.random.default_rng(1).choice([0, 1, 2, 4], len(scores)).astype(np.int32)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
@every_kind
def test_lowest_per_class_matches_naive(scores, share):
    if scores.dtype.kind == "i":
        pytest.skip("scores of rows are floats")
    labels = classes_for(scores)
    counts = np.rint(np.bincount(labels, minlength=6) * share).astype(np.int64)
    expected = []
    for k in range(6):
        rows = naive.rows_of(labels, k)
        expected += sorted(rows, key=lambda i: (scores[i], i))[: counts[k]]
    for most in (None, 1, 40):
        rows = np.concatenate(list(lowest_per_class(scores, labels, counts, most)))
        assert sorted(rows.tolist()) == sorted(expected)


def test_lowest_per_class_keeps_what_there_is_of_a_class():
    (rows,) = lowest_per_class(np.array([0.5, 0.1]), np.array([1, 1], np.int32), np.array([3, 5]))
    assert sorted(rows.tolist()) == [0, 1]
