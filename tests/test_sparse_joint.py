from __future__ import annotations

import pickle
import time
import tracemalloc

import numpy as np
import pytest

from fastcl.core import matrices
from fastcl.core.constants import MAX_DENSE_CLASSES
from fastcl.core.sparse_joint import SparseJoint


def sparse(matrix):
    """Return a dense matrix of counts as a sparse one."""
    rows, cols = np.nonzero(matrix)
    return SparseJoint(rows, cols, np.asarray(matrix)[rows, cols].astype(np.int64), len(matrix))


def first_prime_above(n):
    return next(p for p in range(n + 1, 2 * n + 2) if all(p % d for d in range(2, int(p**0.5) + 1)))


def tie_free_joint(seed, K):
    """Return a joint a quarter of whose pairs occur, and class counts of which one is zero if K > 3.

    Counts within a row differ and its sum is a prime, so no two of its scaled counts have equal residuals.
    """
    rng = np.random.default_rng(seed)
    joint = np.argsort(rng.random((K, K)), axis=1) + 1
    joint[rng.random((K, K)) < 0.75] = 0
    np.fill_diagonal(joint, 0)
    noise = joint.sum(axis=1)
    sums = [first_prime_above(int(n)) for n in noise + rng.integers(K + 1, 5 * K + 1, K)]
    np.fill_diagonal(joint, sums - noise)
    class_counts = rng.integers(K, 20 * K, K)
    if K > 3:
        class_counts[K // 2] = 0
    return joint, class_counts


def row_dictionary(joint):
    return {(int(r), int(c)): int(n) for r, c, n in zip(joint.rows, joint.cols, joint.counts, strict=True)}


@pytest.mark.parametrize("K", [1, 2, 7, 101])
def test_from_pairs_matches_naive(K):
    rng = np.random.default_rng(K)
    given, guessed = rng.integers(0, K, (2, 1_003))
    expected = np.zeros((K, K), int)
    for y, k in zip(given, guessed, strict=True):
        expected[y, k] += 1
    joint = SparseJoint.from_pairs(given.astype(np.int16), guessed.astype(np.uint8), K)
    np.testing.assert_array_equal(joint.to_dense(), expected)
    assert joint.trace == np.trace(expected)
    assert joint.off_diagonal_total == 1_003 - np.trace(expected)
    np.testing.assert_array_equal(joint.diagonal(), expected.diagonal())
    assert {array.dtype for array in (joint.rows, joint.cols, joint.counts)} == {np.dtype(np.int64)}


def test_from_pairs_does_not_overflow():
    K = 3_000_000_000
    joint = SparseJoint.from_pairs([K - 1, 0, K - 1], [K - 2, 1, K - 2], K)
    assert row_dictionary(joint) == {(0, 1): 1, (K - 1, K - 2): 2}


def test_no_pairs_is_a_joint():
    nothing = SparseJoint.from_pairs(np.empty(0, int), np.empty(0, int), 3)
    assert nothing.trace == nothing.off_diagonal_total == 0
    assert row_dictionary(nothing.calibrate([0, 2, 1])) == {}
    assert row_dictionary(nothing.with_minimal_diagonal().calibrate([0, 2, 1])) == {(1, 1): 2, (2, 2): 1}


@pytest.mark.parametrize(
    ("given", "guessed", "n_classes", "error", "message"),
    [
        ([0, 1], [0], 2, ValueError, "equally long"),
        ([0, 2], [0, 0], 2, ValueError, r"`given` must hold classes in \[0, 2\); got 0 to 2"),
        ([0, 1], [0, -1], 2, ValueError, "`guessed` must hold classes"),
        ([0.0, 1.0], [0, 1], 2, TypeError, "`given` must hold integers"),
        ([[0, 1]], [[0, 1]], 2, ValueError, "one-dimensional"),
        ([0], [0], 0, ValueError, "`n_classes` must"),
        ([0], [0], 4_000_000_000, ValueError, "`n_classes` must"),
    ],
)
def test_from_pairs_rejects_bad_pairs(given, guessed, n_classes, error, message):
    with pytest.raises(error, match=message):
        SparseJoint.from_pairs(given, guessed, n_classes)


@pytest.mark.parametrize(
    ("rows", "cols", "counts", "message"),
    [
        ([0, 0], [1, 0], [1, 1], "sorted"),
        ([0, 0], [1, 1], [1, 1], "sorted"),
        ([0, 1], [1, 1], [1, 0], "at least 1"),
        ([0, 1], [1, 1], [1], "one shape"),
        ([0, 3], [1, 1], [1, 1], "`rows` must hold classes"),
        ([0, 1], [1, -1], [1, 1], "`cols` must hold classes"),
    ],
)
def test_joint_rejects_broken_arrays(rows, cols, counts, message):
    with pytest.raises(ValueError, match=message):
        SparseJoint(*(np.array(values) for values in (rows, cols, counts)), n_classes=3)


def test_joint_is_frozen_and_pickles():
    joint = SparseJoint.from_pairs([0, 1, 1], [0, 0, 1], 2)
    with pytest.raises(AttributeError):
        joint.n_classes = 3
    assert row_dictionary(pickle.loads(pickle.dumps(joint))) == row_dictionary(joint)


def test_plus_counts_both():
    rng = np.random.default_rng(0)
    given, guessed = rng.integers(0, 9, (2, 400))
    parts = [SparseJoint.from_pairs(given[part], guessed[part], 9) for part in np.split(np.arange(400), [0, 130])]
    together = parts[0].plus(parts[1]).plus(parts[2])
    assert row_dictionary(together) == row_dictionary(SparseJoint.from_pairs(given, guessed, 9))
    assert row_dictionary(parts[2].plus(parts[0]).plus(parts[1])) == row_dictionary(together)


def test_plus_rejects_other_classes():
    with pytest.raises(ValueError, match="`other` must have as many classes"):
        SparseJoint.from_pairs([0], [0], 2).plus(SparseJoint.from_pairs([0], [0], 3))


@pytest.mark.parametrize("K", [1, 5, 60])
def test_with_minimal_diagonal_matches_dense(K):
    joint = np.random.default_rng(K).poisson(0.4, (K, K))
    raised = joint.copy()
    np.fill_diagonal(raised, np.maximum(joint.diagonal(), 1))
    np.testing.assert_array_equal(sparse(joint).with_minimal_diagonal().to_dense(), raised)


@pytest.mark.parametrize("K", [1, 2, 7, 40, 150])
def test_calibrate_matches_dense_without_ties(K):
    for seed in range(8):
        joint, class_counts = tie_free_joint(seed, K)
        calibrated = sparse(joint).calibrate(class_counts)
        np.testing.assert_array_equal(calibrated.to_dense(), matrices.calibrate(joint, class_counts))
        assert calibrated.counts.min() > 0


@pytest.mark.parametrize("K", [3, 30, 150])
def test_calibrate_with_ties_keeps_totals_and_touches_no_zero(K):
    rng = np.random.default_rng(K)
    joint = rng.poisson(0.3, (K, K)) + np.eye(K, dtype=int)
    class_counts = rng.integers(0, 9, K)
    calibrated = sparse(joint).calibrate(class_counts).to_dense()
    np.testing.assert_array_equal(calibrated.sum(axis=1), class_counts)
    assert not calibrated[joint == 0].any()
    exact = joint / joint.sum(axis=1, keepdims=True) * class_counts[:, None]
    assert np.abs(calibrated - exact).max() < 1


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (5, [2, 1, 1, 1]),  # 5/4 rounds down and the row lacks 1
        (6, [1, 1, 2, 2]),  # 6/4 rounds up and the row has 2 too many
        (7, [1, 2, 2, 2]),
        (3, [0, 1, 1, 1]),
    ],
)
def test_calibrate_gives_ties_to_the_lowest_column(n, expected):
    joint = np.eye(4, dtype=int)
    joint[0] = 1
    assert sparse(joint).calibrate([n, 1, 1, 1]).to_dense()[0].tolist() == expected


@pytest.mark.parametrize(("class_counts", "error"), [([1], ValueError), ([1, -1], ValueError), ([1.0, 2.0], TypeError)])
def test_calibrate_rejects_bad_class_counts(class_counts, error):
    with pytest.raises(error, match="`class_counts` must"):
        SparseJoint.from_pairs([0], [0], 2).calibrate(class_counts)


def prune_both_ways(K, options):
    """Yield dense and sparse prune counts; every third class has an empty diagonal."""
    for seed in range(3):
        joint, class_counts = tie_free_joint(seed, K)
        np.fill_diagonal(joint, joint.diagonal() * (np.arange(K) % 3 > 0))
        for matrix in (joint, matrices.calibrate(joint, class_counts)):
            yield matrices.prune_counts(matrix, **options), sparse(matrix).prune_counts(**options).to_dense()


@pytest.mark.parametrize("frac_noise", [1.0, 0.31415])
@pytest.mark.parametrize("min_examples", [0, 1, 10, 1_000])
@pytest.mark.parametrize("K", [1, 2, 7, 90])
def test_prune_counts_matches_dense(K, min_examples, frac_noise):
    for dense, pruned in prune_both_ways(K, {"min_examples_per_class": min_examples, "frac_noise": frac_noise}):
        np.testing.assert_array_equal(pruned, dense)


@pytest.mark.parametrize("frac_noise", [0.0, 0.3, 0.5])
def test_prune_counts_matches_dense_but_for_truncated_whole_numbers(frac_noise):
    for dense, pruned in prune_both_ways(90, {"min_examples_per_class": 10, "frac_noise": frac_noise}):
        off = ~np.eye(90, dtype=bool)
        np.testing.assert_array_equal(pruned[off], dense[off])
        assert np.abs(pruned - dense).max() <= 1


def test_prune_counts_rejects_bad_options():
    joint = SparseJoint.from_pairs([0], [0], 2)
    with pytest.raises(ValueError, match="`frac_noise` must"):
        joint.prune_counts(frac_noise=-1.0)
    with pytest.raises(TypeError, match="`min_examples_per_class` must"):
        joint.prune_counts(min_examples_per_class=0.5)


def test_to_dense_rejects_too_many_classes():
    with pytest.raises(ValueError, match="dense"):
        SparseJoint.from_pairs([0], [0], MAX_DENSE_CLASSES + 1).to_dense()


def test_fifty_thousand_classes_take_little_time_and_memory():
    K, n = 50_000, 60_000
    rng = np.random.default_rng(0)
    labels = rng.integers(0, K, n)
    guessed = np.where(rng.random(n) < 0.3, rng.integers(0, K, n), labels)
    class_counts = np.bincount(labels, minlength=K)
    tracemalloc.start()
    start = time.perf_counter()
    joint = SparseJoint.from_pairs(labels, guessed, K).with_minimal_diagonal().calibrate(class_counts)
    pruned = joint.prune_counts()
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 5  # measured: well below 0.1 s
    assert peak < 64e6  # a dense joint takes 20 GB
    assert joint.trace + joint.off_diagonal_total == n
    np.testing.assert_array_equal(np.bincount(joint.rows, joint.counts, K), class_counts)
    assert 0 < pruned.off_diagonal_total <= joint.off_diagonal_total
