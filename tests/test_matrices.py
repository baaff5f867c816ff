from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from cleanlab import count as cleanlab_count
from cleanlab import filter as cleanlab_filter
from cleanlab.internal import latent_algebra as cleanlab_algebra
from cleanlab.internal import util as cleanlab_util

from fastcl.core import matrices, noise_matrices

# The same operations in the same order; only sums over F-ordered matrices may differ in the last bits.
RTOL = 1e-12


def random_joint(seed, K, order="C", rate=0.5):
    """Return raw counts with many equal entries, and class counts of which one is zero if K > 3."""
    rng = np.random.default_rng(seed)
    joint = rng.poisson(rate, (K, K))
    np.fill_diagonal(joint, rng.integers(1, 60, K))
    class_counts = rng.integers(1, 90, K)
    if K > 3:
        class_counts[rng.integers(K)] = 0
    return np.asarray(joint, order=order), class_counts


def labels_of(class_counts):
    return np.repeat(np.arange(len(class_counts)), class_counts)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0.5] * 4, [0, 0, 1, 1]),
        ([0.4] * 5, [0, 0, 0, 1, 1]),
        ([0.6] * 5, [0, 0, 1, 1, 1]),
        ([2.5, 1.5], [2, 2]),
        ([0.0, 0.0], [0, 0]),
        ([0.5], [0]),
    ],
)
def test_rounding_breaks_ties_as_stated(row, expected):
    assert matrices.round_preserving_row_totals([row]).tolist() == [expected]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (7, 17), (40, 61), (13, 300)])
def test_rounding_matches_cleanlab(shape, order):
    rng = np.random.default_rng(shape[1])
    # Multiples of 1/8: nearly every cut of a row runs through a tie.
    for values in (rng.integers(0, 40, shape) / 8, rng.gamma(0.3, 2.0, shape)):
        values = np.asarray(values, order=order)
        rounded = matrices.round_preserving_row_totals(values)
        np.testing.assert_array_equal(rounded, cleanlab_util.round_preserving_row_totals(values))
        np.testing.assert_array_equal(rounded.sum(axis=1), np.rint(values.sum(axis=1)))
        assert rounded.dtype == np.int64
        assert np.abs(rounded - values).max() < 1


def test_rounding_leaves_its_input_alone():
    values = np.full((3, 5), 0.4)
    matrices.round_preserving_row_totals(values)
    assert (values == 0.4).all()


@pytest.mark.parametrize("bad", [[1.0, 2.0], [[np.nan, 1.0]], [[np.inf, 1.0]], [[[1.0]]]])
def test_rounding_rejects_bad_matrix(bad):
    with pytest.raises(ValueError, match="`matrix` must"):
        matrices.round_preserving_row_totals(bad)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rate", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("K", [2, 3, 7, 16, 17, 33, 60, 120])
def test_calibrate_matches_cleanlab(K, rate, order):
    for seed in range(4):
        joint, class_counts = random_joint(seed, K, order, rate)
        if seed == 3:
            joint[K // 2] = 0
        before = joint.copy()
        calibrated = matrices.calibrate(joint, class_counts)
        reference = cleanlab_count.calibrate_confident_joint(joint, labels_of(class_counts))
        np.testing.assert_array_equal(calibrated, reference)
        np.testing.assert_array_equal(joint, before)


def test_calibrate_matches_cleanlab_for_a_thousand_classes():
    joint, class_counts = random_joint(0, 1000, "F", 0.02)
    reference = cleanlab_count.calibrate_confident_joint(joint, labels_of(class_counts))
    np.testing.assert_array_equal(matrices.calibrate(joint, class_counts), reference)


@pytest.mark.parametrize("K", [1, 2, 9, 50])
def test_calibrate_keeps_class_counts(K):
    joint, class_counts = random_joint(K, K)
    calibrated = matrices.calibrate(joint, class_counts)
    np.testing.assert_array_equal(calibrated.sum(axis=1), class_counts)
    assert calibrated.min() >= 0


def test_calibrate_of_nothing_is_zero():
    assert not matrices.calibrate(np.zeros((3, 3), int), [1, 2, 3]).any()


@pytest.mark.parametrize(
    ("joint", "class_counts", "error", "message"),
    [
        ([[1, 2, 3], [4, 5, 6]], [1, 1], ValueError, "shape"),
        ([1, 2], [1, 1], ValueError, "shape"),
        ([[1, -1], [0, 1]], [1, 1], ValueError, "`confident_joint` must"),
        ([[1, np.nan], [0, 1]], [1, 1], ValueError, "`confident_joint` must"),
        ([[1, np.inf], [0, 1]], [1, 1], ValueError, "`confident_joint` must"),
        ([["a", "b"], ["c", "d"]], [1, 1], TypeError, "`confident_joint` must"),
        ([[1, 0], [0, 1]], [1, 1, 1], ValueError, "`class_counts` must have shape"),
        ([[1, 0], [0, 1]], [[1, 1]], ValueError, "`class_counts` must have shape"),
        ([[1, 0], [0, 1]], [1, -1], ValueError, "`class_counts` must not be negative"),
        ([[1, 0], [0, 1]], [0.5, 0.5], TypeError, "`class_counts` must hold integers"),
    ],
)
def test_calibrate_rejects_bad_input(joint, class_counts, error, message):
    for function in (matrices.calibrate, noise_matrices.estimate_latent):
        with pytest.raises(error, match=message):
            function(joint, class_counts)


def test_normalise_sums_to_one():
    joint, class_counts = random_joint(1, 9)
    calibrated = matrices.calibrate(joint, class_counts)
    reference = cleanlab_count.estimate_joint(labels_of(class_counts), np.full((1, 9), 1 / 9), confident_joint=joint)
    np.testing.assert_array_equal(matrices.normalise(calibrated), reference)
    assert not matrices.normalise(np.zeros((2, 2))).any()


def test_normalise_rejects_negative_counts():
    with pytest.raises(ValueError, match="`joint` must"):
        matrices.normalise([[1, -1], [0, 1]])


@pytest.mark.parametrize("frac_noise", [0.0, 0.3, 0.77, 1.0, 1.5])
@pytest.mark.parametrize("min_examples", [0, 1, 10, 200])
@pytest.mark.parametrize("order", ["C", "F"])
def test_prune_counts_matches_cleanlab(order, min_examples, frac_noise):
    for seed, K in enumerate([1, 2, 7, 40]):
        raw, class_counts = random_joint(seed, K, order)
        raw[0, 0] = 0
        for joint in (raw, matrices.calibrate(raw, class_counts), raw * 0.7):
            before = joint.copy()
            prune = matrices.prune_counts(joint, min_examples_per_class=min_examples, frac_noise=frac_noise)
            reference = cleanlab_filter._keep_at_least_n_per_class(joint.T, min_examples, frac_noise=frac_noise)
            np.testing.assert_array_equal(prune, reference.T)
            np.testing.assert_array_equal(joint, before)
            assert prune.dtype == np.int64


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"min_examples_per_class": -1}, ValueError),
        ({"min_examples_per_class": 1.5}, TypeError),
        ({"frac_noise": -0.1}, ValueError),
        ({"frac_noise": np.nan}, ValueError),
        ({"frac_noise": np.inf}, ValueError),
    ],
)
def test_prune_counts_rejects_bad_options(options, error):
    with pytest.raises(error, match="must"):
        matrices.prune_counts([[1, 0], [0, 1]], **options)


def naive_redistribution(prune_counts, wanted, class_counts):
    """Rescale, true class by true class, in the reference's orientation (rows true, columns given)."""
    counts = np.asarray(prune_counts).T
    K = len(counts)
    result = np.empty((K, K), int)
    for i in range(K):
        share = [counts[i, j] / counts[j].sum() for j in range(K)]
        noise = np.sum(share) - share[i]
        row = [share[j] * wanted[i] / noise for j in range(K)]
        row[i] = class_counts[i] - wanted[i]
        result[i] = cleanlab_util.round_preserving_sum(row)
    return result.T


@pytest.mark.parametrize("K", [2, 5, 12, 40])
def test_redistribute_removals_matches_naive(K):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        joint = rng.integers(1, 9, (K, K)) + np.diag(rng.integers(20, 90, K))
        class_counts = joint.sum(axis=1)
        wanted = rng.integers(0, class_counts + 1)
        prune = matrices.prune_counts(joint)
        got = matrices.redistribute_removals(prune, wanted, class_counts)
        np.testing.assert_array_equal(got, naive_redistribution(prune, wanted, class_counts))
        np.testing.assert_array_equal(got.sum(axis=0), class_counts)
        np.testing.assert_array_equal(got.diagonal(), class_counts - wanted)


@pytest.mark.parametrize("filter_by", ["prune_by_class", "prune_by_noise_rate"])
def test_redistribute_removals_selects_what_cleanlab_selects(filter_by):
    rng = np.random.default_rng(5)
    K, n = 4, 800
    pred_probs = rng.dirichlet(np.ones(K) * 0.7, n)
    labels = np.where(rng.random(n) < 0.3, rng.integers(0, K, n), pred_probs.argmax(axis=1))
    wanted, class_counts = [5, 0, 7, 3], np.bincount(labels, minlength=K)
    reference = cleanlab_filter.find_label_issues(
        labels, pred_probs, filter_by=filter_by, num_to_remove_per_class=wanted, n_jobs=1
    )
    joint = cleanlab_count.compute_confident_joint(labels, pred_probs)
    prune = matrices.redistribute_removals(matrices.prune_counts(joint), wanted, class_counts)
    flagged = np.zeros(n, bool)
    for y in range(K):
        rows = np.flatnonzero(labels == y)
        if filter_by == "prune_by_class":
            n_flags = class_counts[y] - prune[y, y]
            flagged[rows[np.argsort(pred_probs[rows, y], kind="stable")[:n_flags]]] = True
            continue
        for j in np.flatnonzero(np.arange(K) != y):
            margin = pred_probs[rows, j] - pred_probs[rows, y]
            flagged[rows[np.argsort(-margin, kind="stable")[: prune[y, j]]]] = True
    flagged &= pred_probs.argmax(axis=1) != labels
    np.testing.assert_array_equal(flagged, reference)
    assert flagged.any()


def test_redistribute_removals_without_noise_flags_no_pair():
    got = matrices.redistribute_removals([[80, 0, 20], [0, 50, 0], [5, 0, 25]], [4, 6, 3], [100, 50, 30])
    assert got.tolist() == [[96, 0, 3], [0, 44, 0], [4, 0, 27]]


def test_redistribute_removals_survives_a_class_nobody_truly_has():
    # Class 1 has rows, all believed to be of class 0, and no row is believed to be of class 1.
    got = matrices.redistribute_removals([[60, 0, 4], [8, 0, 0], [2, 0, 30]], [5, 2, 1], [64, 8, 32])
    assert got.diagonal().tolist() == [59, 6, 31]
    assert got.min() >= 0
    assert got[1, 0] + got[2, 0] == 5
    assert got[0, 1] + got[2, 1] == 0


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ([1], ValueError, "shape"),
        ([1, 2, 3], ValueError, "shape"),
        ([1, -1], ValueError, "negative"),
        ([0.5, 1.0], TypeError, "integers"),
        ([5, 51], ValueError, "51 for class 1, which has 50"),
    ],
)
def test_redistribute_removals_rejects_bad_numbers(wanted, error, message):
    with pytest.raises(error, match=f"`num_to_remove_per_class` must.*{message}"):
        matrices.redistribute_removals([[80, 20], [10, 40]], wanted, [100, 50])


@pytest.mark.parametrize("K", [1, 2, 7, 40])
def test_clip_noise_rates_matches_cleanlab(K):
    matrix = np.random.default_rng(K).normal(0.5, 1.0, (K, K))
    before = matrix.copy()
    np.testing.assert_allclose(
        noise_matrices.clip_noise_rates(matrix), cleanlab_util.clip_noise_rates(matrix), rtol=RTOL
    )
    np.testing.assert_array_equal(matrix, before)


@pytest.mark.parametrize("bad", [[0.5, 0.5], [[0.5, 0.5]]])
def test_clip_noise_rates_rejects_other_shapes(bad):
    with pytest.raises(ValueError, match="`matrix` must have shape"):
        noise_matrices.clip_noise_rates(bad)


@pytest.mark.parametrize("arguments", [{}, {"low": 0.1, "high": 0.8}, {"new_sum": 1.0}, {"new_sum": 0.0}])
def test_clip_values_matches_cleanlab(arguments):
    for x in (np.array([-0.5, 0.2, 0.7, 1.5]), np.zeros(3), np.array([0.25, 0.75])):
        expected = cleanlab_util.clip_values(x, **arguments)
        np.testing.assert_allclose(noise_matrices.clip_values(x, **arguments), expected, rtol=RTOL)


def test_clip_values_rejects_a_matrix():
    with pytest.raises(TypeError, match="`x` must be one-dimensional"):
        noise_matrices.clip_values([[0.5], [0.5]])


def random_noise(K, seed=0):
    """Return P(given), P(given | true) and P(true | given) that are diagonally dominant but inconsistent."""
    rng = np.random.default_rng(seed)
    noise, inverse = (rng.random((K, K)) + K * np.eye(K) for _ in range(2))
    return rng.dirichlet(np.ones(K) * 3), noise / noise.sum(axis=0), inverse / inverse.sum(axis=0)


@pytest.mark.parametrize("py_method", ["cnt", "eqn", "marginal", "marginal_ps"])
@pytest.mark.parametrize("K", [1, 2, 7, 30])
def test_compute_py_matches_cleanlab(K, py_method):
    ps, noise, inverse = random_noise(K)
    counts = np.random.default_rng(K).integers(1, 50, K)
    arguments = {"py_method": py_method, "true_labels_class_counts": counts}
    expected = cleanlab_algebra.compute_py(ps, noise, inverse, **arguments)
    np.testing.assert_allclose(noise_matrices.compute_py(ps, noise, inverse, **arguments), expected, rtol=RTOL)


def test_compute_py_rejects_bad_input():
    ps, noise, inverse = random_noise(3)
    with pytest.raises(ValueError, match="`py_method` must be one of"):
        noise_matrices.compute_py(ps, noise, inverse, py_method="magic")
    with pytest.raises(ValueError, match="`true_labels_class_counts` must be given"):
        noise_matrices.compute_py(ps, noise, inverse, py_method="marginal")
    with pytest.raises(TypeError, match="`ps` must be one-dimensional"):
        noise_matrices.compute_py(ps[:, None], noise, inverse)
    with pytest.raises(ValueError, match=r"`ps` must have shape \(3,\)"):
        noise_matrices.compute_py(ps[:2], noise, inverse)
    with pytest.raises(ValueError, match="`inverse_noise_matrix` must have shape"):
        noise_matrices.compute_py(ps, noise, inverse[:2, :2])
    with pytest.raises(np.linalg.LinAlgError):
        noise_matrices.compute_py(ps, np.full((3, 3), 1 / 3), inverse, py_method="eqn")


@pytest.mark.parametrize("K", [1, 2, 7, 30])
def test_bayes_rule_matches_cleanlab(K):
    ps, noise, inverse = random_noise(K)
    py = np.random.default_rng(K).dirichlet(np.ones(K))
    for given in (None, ps):
        np.testing.assert_allclose(
            noise_matrices.compute_inv_noise_matrix(py, noise, ps=given),
            cleanlab_algebra.compute_inv_noise_matrix(py, noise, ps=given),
            rtol=RTOL,
        )
    for true in (None, py):
        np.testing.assert_allclose(
            noise_matrices.compute_noise_matrix_from_inverse(ps, inverse, py=true),
            cleanlab_algebra.compute_noise_matrix_from_inverse(ps, inverse, py=true),
            rtol=RTOL,
        )
    got, expected = (
        f(ps, noise) for f in (noise_matrices.compute_py_inv_noise_matrix, cleanlab_algebra.compute_py_inv_noise_matrix)
    )
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=RTOL)


def test_bayes_rule_there_and_back_is_the_identity():
    _, noise, _ = random_noise(5)
    py = np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    inverse = noise_matrices.compute_inv_noise_matrix(py, noise)
    np.testing.assert_allclose(noise_matrices.compute_noise_matrix_from_inverse(noise @ py, inverse), noise, rtol=RTOL)


def test_bayes_rule_rejects_a_singular_matrix():
    with pytest.raises(np.linalg.LinAlgError):
        noise_matrices.compute_py_inv_noise_matrix([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]])


@pytest.mark.parametrize("converge", [False, True])
@pytest.mark.parametrize("py_method", ["cnt", "eqn", "marginal", "marginal_ps"])
def test_estimate_latent_matches_cleanlab(py_method, converge):
    arguments = {"py_method": py_method, "converge_latent_estimates": converge}
    for seed, K in enumerate([2, 5, 9, 30]):
        joint, class_counts = random_joint(seed, K, "FC"[seed % 2])
        got = noise_matrices.estimate_latent(joint, class_counts, **arguments)
        expected = cleanlab_count.estimate_latent(joint, labels_of(class_counts), **arguments)
        for ours, theirs in zip(got, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)  # 18 products amplify last bits


def test_estimate_latent_takes_an_empty_column():
    py, noise, inverse = noise_matrices.estimate_latent([[4, 0], [3, 0]], [4, 3])
    assert np.isfinite(py).all()
    assert noise[:, 1].tolist() == [0, 0]
    assert inverse.sum(axis=0).tolist() == [1, 1]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("K", [1, 2, 11])
def test_compute_pyx_matches_cleanlab(K, dtype, order):
    _, noise, inverse = random_noise(K)
    np.fill_diagonal(noise, noise.diagonal() * np.linspace(0.2, 1, K))  # some products exceed 1
    pred_probs = np.asarray(np.random.default_rng(1).dirichlet(np.ones(K), 103), dtype, order)
    pred_probs[5] = 0
    before = pred_probs.copy()
    expected = cleanlab_algebra.compute_pyx(pred_probs, noise, inverse)
    got = noise_matrices.compute_pyx(pred_probs, noise, inverse)
    np.testing.assert_allclose(got, expected, rtol=RTOL)
    np.testing.assert_array_equal(pred_probs, before)
    assert got.dtype == np.float64


def test_compute_pyx_makes_no_copies():
    K, n = 20, 20_000
    _, noise, inverse = random_noise(K)
    pred_probs = np.full((n, K), 1 / K)
    tracemalloc.start()
    noise_matrices.compute_pyx(pred_probs, noise, inverse)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * pred_probs.nbytes


def test_compute_pyx_rejects_bad_shapes():
    _, noise, inverse = random_noise(3)
    with pytest.raises(ValueError, match="`pred_probs` must have shape"):
        noise_matrices.compute_pyx([0.2, 0.3, 0.5], noise, inverse)
    with pytest.raises(ValueError, match="`noise_matrix` must have shape"):
        noise_matrices.compute_pyx([[0.2, 0.3, 0.5]], noise[:2, :2], inverse)
