from __future__ import annotations

import contextlib
import logging

import numpy as np
import pytest
from cleanlab.benchmarking import noise_generation as cleanlab_noise

from fastcl.benchmarking import noise_generation as noise


@contextlib.contextmanager
def global_seed(seed):
    """Seed numpy's global random state for the reference, and put it back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


@pytest.fixture(autouse=True)
def _global_state_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002
    yield
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0]
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def random_matrix(K, seed=0, trace_share=0.7):
    return noise.generate_noise_matrix_from_trace(K, trace_share * K, valid_noise_matrix=False, seed=seed)


def confusion(labels, true_labels, K):
    counts = np.zeros((K, K), int)
    np.add.at(counts, (labels, true_labels), 1)
    return counts


@pytest.mark.parametrize("trace_share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("K", [2, 3, 8])
def test_noise_matrix_is_valid_matches_cleanlab(K, trace_share):
    answers = set()
    for seed in range(20):
        matrix = random_matrix(K, seed, trace_share)
        py = np.random.default_rng(seed).dirichlet(np.full(K, 3.0))
        answers.add(noise.noise_matrix_is_valid(matrix, py))
        assert noise.noise_matrix_is_valid(matrix, py) is cleanlab_noise.noise_matrix_is_valid(matrix, py)
    assert (True in answers) if trace_share == 0.9 else (False in answers)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.5, 0.5], [0.5, 0.5]],  # no better than chance: the comparison is strict
        [[0.9, 0.2], [0.3, 0.8]],  # columns do not sum to 1
        [[1.2, 0.0], [-0.2, 1.0]],
        [[np.nan, 0.0], [0.0, 1.0]],
        [[np.inf, 0.0], [0.0, 1.0]],
    ],
)
def test_noise_matrix_is_valid_says_no(matrix):
    assert noise.noise_matrix_is_valid(matrix, [0.5, 0.5]) is False


def test_noise_matrix_is_valid_logs_when_verbose(caplog, capsys):
    with caplog.at_level(logging.INFO, logger="fastcl"):
        noise.noise_matrix_is_valid([[0.9, 0.2], [0.1, 0.8]], [0.5, 0.5])
        assert not caplog.records
        noise.noise_matrix_is_valid([[0.9, 0.2], [0.1, 0.8]], [0.5, 0.5], verbose=True)
    assert len(caplog.records) == 2
    assert "0.275" in caplog.text
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("matrix", "py", "name"),
    [([[1.0, 0.0]], [0.5, 0.5], "noise_matrix"), ([1.0], [1.0], "noise_matrix"), (np.eye(2), [1.0], "py")],
)
def test_noise_matrix_is_valid_rejects_wrong_shapes(matrix, py, name):
    with pytest.raises(ValueError, match=f"`{name}` must have shape"):
        noise.noise_matrix_is_valid(matrix, py)


@pytest.mark.parametrize("dtype", [np.int64, np.int16, np.uint8])
@pytest.mark.parametrize("K", [2, 3, 10])
def test_generate_noisy_labels_matches_cleanlab(K, dtype):
    for seed in range(5):
        matrix = random_matrix(K, seed)
        true_labels = np.random.default_rng(seed).permutation(np.arange(501) % K).astype(dtype)
        before = true_labels.copy()
        with global_seed(seed):
            expected = cleanlab_noise.generate_noisy_labels(true_labels, matrix)
        for rng in (np.random.RandomState(seed), seed):
            labels = noise.generate_noisy_labels(true_labels, matrix, rng=rng)
            np.testing.assert_array_equal(labels, expected)
            assert labels.dtype == dtype
        assert (labels != true_labels).any()
        np.testing.assert_array_equal(true_labels, before)


def test_generate_noisy_labels_flips_the_stated_numbers():
    matrix = np.array([[0.71, 0.125, 0.0], [0.29, 0.875, 0.5], [0.0, 0.0, 0.5]])
    true_labels = np.repeat([0, 1, 2], [100, 69, 31])
    labels = noise.generate_noisy_labels(true_labels, matrix, rng=np.random.default_rng(0))
    # 0.29 * 100, 0.125 * 69 and 0.5 * 31 are truncated.
    assert confusion(labels, true_labels, 3).tolist() == [[72, 8, 0], [28, 61, 15], [0, 0, 16]]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_generate_noisy_labels_takes_a_missing_class(missing):
    matrix = np.full((3, 3), 0.25) + 0.25 * np.eye(3)
    true_labels = np.repeat(np.delete(np.arange(3), missing), 40)
    counts = confusion(noise.generate_noisy_labels(true_labels, matrix, rng=1), true_labels, 3)
    expected = np.full((3, 3), 10) + 10 * np.eye(3, dtype=int)
    expected[:, missing] = 0
    np.testing.assert_array_equal(counts, expected)


def test_generate_noisy_labels_takes_a_class_without_correct_labels():
    labels = noise.generate_noisy_labels([0, 0, 0, 1], [[0.0, 0.0], [1.0, 1.0]], rng=0)
    assert labels.tolist() == [1, 1, 1, 1]


def test_generate_noisy_labels_of_nothing_is_nothing():
    assert noise.generate_noisy_labels(np.empty(0, int), np.eye(2)).shape == (0,)


@pytest.mark.parametrize(
    ("true_labels", "matrix", "error", "message"),
    [
        ([0, 1, 2], np.eye(2), ValueError, r"`true_labels` must hold classes in \[0, 2\); got 0 to 2"),
        ([0, -1], np.eye(2), ValueError, "`true_labels` must hold classes"),
        ([0.0, 1.0], np.eye(2), TypeError, "`true_labels` must hold integers"),
        ([[0, 1]], np.eye(2), ValueError, "`true_labels` must be one-dimensional"),
        ([0, 1], np.ones((2, 3)), ValueError, "`noise_matrix` must have shape"),
        ([0, 1], [[1.0, -0.5], [0.0, 1.5]], ValueError, "`noise_matrix` must hold finite rates"),
        ([0, 1], [[1.0, np.nan], [0.0, 1.0]], ValueError, "`noise_matrix` must hold finite rates"),
        (
            [0] * 10 + [1] * 10 + [2] * 10,
            [[0.1, 0.0, 0.0], [0.75, 1.0, 0.0], [0.75, 0.0, 1.0]],
            ValueError,
            "14 flips for the 10 rows of class 0",
        ),
    ],
)
def test_generate_noisy_labels_rejects_bad_input(true_labels, matrix, error, message):
    with pytest.raises(error, match=message):
        noise.generate_noisy_labels(true_labels, matrix, rng=0)


def matrix_arguments(seed):
    """Return arguments of `generate_noise_matrix_from_trace` that cover its branches as the seed varies."""
    rng = np.random.default_rng(seed)
    K = int(rng.integers(2, 12))
    trace = float(K) if seed % 10 == 0 else float(rng.uniform(1.01, K))
    arguments = {
        "py": rng.dirichlet(np.full(K, 5.0)),
        "frac_zero_noise_rates": float(rng.choice([0.0, 0.2, 0.5, 0.8, 1.0])),
        "valid_noise_matrix": bool(seed % 2),
        "max_iter": 20,
    }
    if seed % 3 == 0:
        arguments |= {
            "max_trace_prob": min(1.0, trace / K + 0.1),
            "min_trace_prob": max(0.0, trace / K - 0.3),
        }
    return K, trace, arguments


@pytest.mark.parametrize("block", range(6))
def test_generate_noise_matrix_matches_cleanlab(block):
    n_drawn = 0
    for seed in range(20 * block, 20 * block + 20):
        K, trace, arguments = matrix_arguments(seed)
        with global_seed(0):
            expected = cleanlab_noise.generate_noise_matrix_from_trace(K, trace, seed=seed, **arguments)
        drawn = noise.generate_noise_matrix_from_trace(K, trace, seed=seed, **arguments)
        by_rng = noise.generate_noise_matrix_from_trace(K, trace, rng=np.random.RandomState(seed), **arguments)
        if expected is None:
            assert drawn is None
            assert by_rng is None
            continue
        n_drawn += 1
        np.testing.assert_array_equal(drawn, expected)
        np.testing.assert_array_equal(by_rng, expected)
    assert n_drawn > 5


def test_generate_noise_matrix_defaults_to_seed_zero():
    py = [0.2, 0.3, 0.5]
    with global_seed(1):
        expected = cleanlab_noise.generate_noise_matrix_from_trace(3, 2.1, py=py)
    np.testing.assert_array_equal(noise.generate_noise_matrix_from_trace(3, 2.1, py=py), expected)
    other = noise.generate_noise_matrix_from_trace(3, 2.1, py=py, seed=None)
    assert not np.array_equal(other, expected)


@pytest.mark.parametrize("frac_zero", [0.0, 0.6, 1.0])
@pytest.mark.parametrize(("K", "trace"), [(2, 1.3), (3, 2.2), (9, 5.0), (6, 6.0)])
def test_generate_noise_matrix_keeps_trace_columns_and_zeros(K, trace, frac_zero):
    py = np.full(K, 1 / K)
    for rng in (np.random.default_rng(3), 3):
        matrix = noise.generate_noise_matrix_from_trace(K, trace, py=py, frac_zero_noise_rates=frac_zero, rng=rng)
        assert matrix.trace() == pytest.approx(trace, abs=1e-9)
        np.testing.assert_allclose(matrix.sum(axis=0), 1, atol=1e-9)
        assert noise.noise_matrix_is_valid(matrix, py)
        if trace < K:
            most = K * (K - 2) if K > 2 else 1
            assert (matrix == 0).sum() >= min(int(K * (K - 1) * frac_zero), most)


def test_zero_noise_rates_of_perfect_classes_count():
    # Half of 12 rates shall be zero; the perfect class has 3 zeros, so 3 of the other 9 rates go.
    n_rates = noise._draw_zero_noise_rates(np.array([0.5, 1.0, 0.5, 0.5]), 0.5, np.random.default_rng(0))
    assert n_rates.keys() == {0, 2, 3}
    assert sum(n_rates.values()) == 6


def test_generate_noise_matrix_gives_up_with_none():
    assert noise.generate_noise_matrix_from_trace(3, 2.0, py=[0.3, 0.3, 0.4], max_iter=0) is None
    assert noise.generate_noise_matrix_from_trace(3, 1.01, py=[0.01, 0.01, 0.98], max_iter=1) is None


@pytest.mark.parametrize(
    ("K", "trace", "arguments", "name"),
    [
        (3, 1.0, {"py": [0.3, 0.3, 0.4]}, "trace"),
        (3, 2.0, {}, "py"),
        (3, 2.0, {"py": [0.5, 0.5]}, "py"),
        (1, 1.0, {"valid_noise_matrix": False}, "K"),
        (3, 3.5, {"valid_noise_matrix": False}, "trace"),
        (2, 2.5, {"frac_zero_noise_rates": 1.0}, "trace"),
        (2, 0.5, {"frac_zero_noise_rates": 1.0, "valid_noise_matrix": False}, "trace"),
        (3, 2.0, {"max_trace_prob": 0.5, "valid_noise_matrix": False}, "max_prob"),
        (3, 2.0, {"min_trace_prob": 0.9, "valid_noise_matrix": False}, "min_prob"),
    ],
)
def test_generate_noise_matrix_rejects_bad_input(K, trace, arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must"):
        noise.generate_noise_matrix_from_trace(K, trace, **arguments)


@pytest.mark.parametrize(
    ("n", "m", "bounds"),
    [
        (1, 0.4, {}),
        (7, 1.0, {}),
        (7, 3.0, {"max_prob": 0.6}),
        (7, 3.0, {"min_prob": 0.3}),
        (7, 3.0, {"max_prob": 0.55, "min_prob": 0.2}),
        (5, 1.0, {"max_prob": 0.2}),
        (5, 1.0, {"min_prob": 0.2}),
        (40, 20.0, {"max_prob": 0.51}),
    ],
)
def test_generate_probabilities_matches_cleanlab(n, m, bounds):
    for seed in range(10):
        with global_seed(seed):
            expected = cleanlab_noise.generate_n_rand_probabilities_that_sum_to_m(n, m, **bounds)
        for rng in (np.random.RandomState(seed), seed):
            drawn = noise.generate_n_rand_probabilities_that_sum_to_m(n, m, **bounds, rng=rng)
            np.testing.assert_array_equal(drawn, expected)
        modern = noise.generate_n_rand_probabilities_that_sum_to_m(n, m, **bounds, rng=np.random.default_rng(seed))
        assert modern.sum() == pytest.approx(m, abs=1e-9)
        assert modern.max() <= bounds.get("max_prob", m) + 1.1e-6
        assert modern.min() >= bounds.get("min_prob", 0.0) - 1.1e-6


def test_generate_probabilities_of_nothing_is_empty():
    assert noise.generate_n_rand_probabilities_that_sum_to_m(0, 1.0).shape == (0,)


@pytest.mark.parametrize(
    ("n", "bounds", "name"),
    [(4, {"max_prob": 0.2}, "max_prob"), (4, {"min_prob": 0.3}, "min_prob"), (-1, {}, "n")],
)
def test_generate_probabilities_rejects_impossible_bounds(n, bounds, name):
    with pytest.raises(ValueError, match=f"`{name}` must"):
        noise.generate_n_rand_probabilities_that_sum_to_m(n, 1.0, **bounds)


@pytest.mark.parametrize(
    ("N", "K", "bounds"),
    [
        (0, 3, {}),
        (10, 1, {}),
        (10, 4, {}),
        (100, 7, {"max_balls_per_bin": 20}),
        (100, 7, {"min_balls_per_bin": 9}),
        (30, 7, {"max_balls_per_bin": 3}),
        (5, 9, {"max_balls_per_bin": 2, "min_balls_per_bin": 1}),
    ],
)
def test_distribute_balls_matches_cleanlab(N, K, bounds):
    for seed in range(10):
        with global_seed(seed):
            expected = cleanlab_noise.randomly_distribute_N_balls_into_K_bins(N, K, **bounds)
        for rng in (np.random.RandomState(seed), seed):
            bins = noise.randomly_distribute_N_balls_into_K_bins(N, K, **bounds, rng=rng)
            np.testing.assert_array_equal(bins, expected)
        assert bins.sum() == min(N, K * bounds.get("max_balls_per_bin", N))
        assert bins.dtype == np.int64


def test_distribute_balls_into_bins_that_hold_none():
    assert noise.randomly_distribute_N_balls_into_K_bins(5, 2, max_balls_per_bin=0).tolist() == [0, 0]
    assert noise.randomly_distribute_N_balls_into_K_bins(0, 0).tolist() == []


@pytest.mark.parametrize(("N", "K", "most"), [(1, 0, None), (-1, 2, None), (1, -2, None), (3, 2, -1)])
def test_distribute_balls_rejects_impossible_numbers(N, K, most):
    with pytest.raises(ValueError, match="negative"):
        noise.randomly_distribute_N_balls_into_K_bins(N, K, max_balls_per_bin=most)


def test_rng_may_be_none_and_then_varies():
    first, second = (noise.generate_n_rand_probabilities_that_sum_to_m(5, 1.0) for _ in range(2))
    assert not np.array_equal(first, second)


def test_rng_rejects_other_things():
    with pytest.raises(TypeError, match="`rng` must be a numpy Generator"):
        noise.generate_n_rand_probabilities_that_sum_to_m(5, 1.0, rng="0")
