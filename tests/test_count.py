from __future__ import annotations

import naive
import numpy as np
import pytest
from cleanlab import count as cleanlab_count
from problems import PROBLEMS, Problem, make_problem, reference
from sklearn.linear_model import LogisticRegression

from fastcl import count

RAGGED = PROBLEMS["ragged"]
SMALL = make_problem(203, 4, seed=21)

# Both ways round differently: a mean of n numbers in float64 is right to a few units in the last place, and in
# float32 the reference's own mean is not.
THRESHOLD_RTOL = 1e-13


def only_two_classes_or_more(problem):
    if problem.labels.max() == 0:
        pytest.skip("the reference wants two classes here")


# -- thresholds


def test_thresholds_match_naive(any_problem):
    thresholds = count.get_confident_thresholds(*any_problem.both())
    assert thresholds.dtype == np.float64
    np.testing.assert_allclose(thresholds, naive.thresholds(*any_problem.both()), rtol=THRESHOLD_RTOL, atol=0)


def test_thresholds_match_cleanlab(any_problem):
    rtol = 1e-6 if any_problem.pred_probs.dtype == np.float32 else THRESHOLD_RTOL
    expected = reference(cleanlab_count.get_confident_thresholds, *any_problem.both())
    np.testing.assert_allclose(count.get_confident_thresholds(*any_problem.both()), expected, rtol=rtol, atol=0)


def test_thresholds_have_bounds():
    pred_probs = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    assert count.get_confident_thresholds([0, 1], pred_probs).tolist() == [2e-6, 1.0, 2.0]


def test_thresholds_do_not_depend_on_the_order_of_rows():
    order = np.random.default_rng(0).permutation(len(RAGGED.labels))
    shuffled = count.get_confident_thresholds(RAGGED.labels[order], RAGGED.pred_probs[order])
    assert shuffled.tobytes() == count.get_confident_thresholds(*RAGGED.both()).tobytes()


# -- the confident joint


@pytest.mark.parametrize("calibrate", [True, False])
def test_confident_joint_matches_naive(any_problem, calibrate):
    joint, rows = count.compute_confident_joint(
        *any_problem.both(), calibrate=calibrate, return_indices_of_off_diagonals=True
    )
    expected = naive.confident_joint if calibrate else naive.raw_joint
    np.testing.assert_array_equal(joint, expected(*any_problem.both()))
    np.testing.assert_array_equal(rows, naive.off_diagonal_rows(*any_problem.both()))
    assert joint.dtype == rows.dtype == np.int64


@pytest.mark.parametrize("calibrate", [True, False])
def test_confident_joint_matches_cleanlab(any_problem, calibrate):
    options = {"calibrate": calibrate, "return_indices_of_off_diagonals": True}
    joint, rows = count.compute_confident_joint(*any_problem.both(), **options)
    expected = reference(cleanlab_count.compute_confident_joint, *any_problem.both(), **options)
    np.testing.assert_array_equal(joint, expected[0])
    np.testing.assert_array_equal(rows, expected[1])
    np.testing.assert_array_equal(joint, count.compute_confident_joint(*any_problem.both(), calibrate=calibrate))


# In these the order in which the K x K entries are added up decides a tie between roundings.
@pytest.mark.parametrize("seed", [60, 65, 74, 76, 89, 100, 101, 168, 194, 229])
def test_calibrated_joint_of_many_classes_matches_naive_and_cleanlab(seed):
    problem = make_problem(300 + 7 * seed % 500, 15 + seed % 50, seed=seed, strength=2.5, noise=0.25)
    joint = count.compute_confident_joint(*problem.both())
    np.testing.assert_array_equal(joint, naive.confident_joint(*problem.both()))
    np.testing.assert_array_equal(joint, reference(cleanlab_count.compute_confident_joint, *problem.both()))


@pytest.mark.parametrize("seed", range(4))
def test_joint_with_given_thresholds_matches_cleanlab(seed):
    thresholds = np.random.default_rng(seed).uniform(0, 1, RAGGED.n_classes)
    options = {"thresholds": thresholds, "return_indices_of_off_diagonals": True}
    joint, rows = count.compute_confident_joint(*RAGGED.both(), **options)
    expected = reference(cleanlab_count.compute_confident_joint, *RAGGED.both(), **options)
    np.testing.assert_array_equal(joint, expected[0])
    np.testing.assert_array_equal(rows, expected[1])
    np.testing.assert_array_equal(
        count.compute_confident_joint(*RAGGED.both(), thresholds=thresholds, calibrate=False),
        naive.raw_joint(*RAGGED.both(), thresholds),
    )


def test_thresholds_that_are_those_of_the_data_change_nothing(any_problem):
    thresholds = count.get_confident_thresholds(*any_problem.both())
    np.testing.assert_array_equal(
        count.compute_confident_joint(*any_problem.both(), thresholds=thresholds),
        count.compute_confident_joint(*any_problem.both()),
    )


@pytest.mark.parametrize("calibrate", [True, False])
def test_joint_without_any_confident_row_matches_cleanlab(calibrate):
    options = {"thresholds": np.full(SMALL.n_classes, 1.5), "calibrate": calibrate}
    joint = count.compute_confident_joint(*SMALL.both(), **options)
    assert np.count_nonzero(joint) == np.count_nonzero(joint.diagonal()) == SMALL.n_classes
    np.testing.assert_array_equal(joint, reference(cleanlab_count.compute_confident_joint, *SMALL.both(), **options))


def test_confidence_has_a_slack_of_one_millionth():
    pred_probs = np.array([[0.5, 0.5 - 0.9e-6, 0.2], [0.5, 0.5 - 1.1e-6, 0.2]])
    labels, thresholds = [0, 0], [0.9, 0.5, 0.9]
    _, rows = count.compute_confident_joint(
        labels, pred_probs, thresholds=thresholds, return_indices_of_off_diagonals=True
    )
    assert rows.tolist() == [0]


def test_s17_several_confident_classes_take_the_most_probable_of_all():
    """As cleanlab: the class taken may itself be below its threshold, here class 0."""
    pred_probs = np.array([[0.4, 0.35, 0.25]])
    options = {"thresholds": np.array([0.5, 0.3, 0.2]), "calibrate": False}
    joint = count.compute_confident_joint([1], pred_probs, **options)
    assert joint.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    expected = reference(cleanlab_count.compute_confident_joint, np.array([1]), pred_probs, **options)
    np.testing.assert_array_equal(joint, expected)


@pytest.mark.parametrize("shape", [(-1, 1), (1, -1)])
def test_s36_thresholds_may_be_a_column(shape):
    """Cleanlab documents shape (K, 1) and raises on it."""
    thresholds = np.linspace(0.2, 0.8, RAGGED.n_classes)
    np.testing.assert_array_equal(
        count.compute_confident_joint(*RAGGED.both(), thresholds=thresholds.reshape(shape)),
        count.compute_confident_joint(*RAGGED.both(), thresholds=thresholds),
    )


# -- calibration


def random_joint(seed, K=7):
    rng = np.random.default_rng(seed)
    return rng.poisson(3.0, (K, K)) + np.diag(rng.integers(1, 60, K))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("seed", range(10))
def test_calibration_matches_naive_and_cleanlab(seed, order):
    labels = make_problem(403, 7, seed=seed, never_given=[seed % 7]).labels
    joint = np.asarray(random_joint(seed), order=order)
    calibrated = count.calibrate_confident_joint(joint, labels)
    np.testing.assert_array_equal(calibrated, naive.calibrate(joint, naive.class_counts(labels, 7)))
    np.testing.assert_array_equal(calibrated, reference(cleanlab_count.calibrate_confident_joint, joint, labels))
    np.testing.assert_array_equal(calibrated.sum(axis=1), np.bincount(labels, minlength=7))


@pytest.mark.parametrize(
    ("labels", "counts"), [([0.0, 2.0, 2.0], [1, 0, 2]), (["b", "c", "c", "a"], [1, 1, 2])], ids=["floats", "names"]
)
def test_s37_labels_are_counted_by_class(labels, counts):
    """Cleanlab counts such labels in sorted order and fills up behind them: 1, 2, 0 for the floats here."""
    assert count.calibrate_confident_joint(np.eye(3), labels).diagonal().tolist() == counts


# -- the joint distribution


def test_joint_distribution_matches_naive_and_cleanlab(any_problem):
    joint = count.estimate_joint(*any_problem.both())
    np.testing.assert_array_equal(joint, naive.estimate_joint(naive.confident_joint(*any_problem.both())))
    np.testing.assert_array_equal(joint, reference(cleanlab_count.estimate_joint, *any_problem.both()))


def test_joint_distribution_of_a_given_joint_is_calibrated_if_there_are_labels():
    given = random_joint(3)
    with_labels = count.estimate_joint(RAGGED.labels, confident_joint=given)
    np.testing.assert_array_equal(with_labels, naive.estimate_joint(naive.calibrate(given, RAGGED.counts.tolist())))
    np.testing.assert_array_equal(
        with_labels, reference(cleanlab_count.estimate_joint, *RAGGED.both(), confident_joint=given)
    )
    without = count.estimate_joint(None, confident_joint=given)
    np.testing.assert_array_equal(without, given / given.sum())
    np.testing.assert_array_equal(without, reference(cleanlab_count.estimate_joint, None, None, confident_joint=given))


# -- the number of issues

ESTIMATES = ("off_diagonal", "off_diagonal_calibrated")


@pytest.mark.parametrize("method", ESTIMATES)
def test_number_of_issues_matches_naive_and_cleanlab(any_problem, method):
    number = count.num_label_issues(*any_problem.both(), estimation_method=method)
    assert isinstance(number, int)
    assert number == naive.num_label_issues(*any_problem.both(), estimation_method=method)
    only_two_classes_or_more(any_problem)
    assert number == reference(cleanlab_count.num_label_issues, *any_problem.both(), estimation_method=method)


@pytest.mark.parametrize("seed", range(6))
def test_number_of_issues_by_a_given_joint_matches_naive_and_cleanlab(seed):
    options = {"estimation_method": "off_diagonal_custom", "confident_joint": random_joint(seed)}
    number = count.num_label_issues(*RAGGED.both(), **options)
    assert number == naive.num_label_issues(*RAGGED.both(), **options)
    assert number == reference(cleanlab_count.num_label_issues, *RAGGED.both(), **options)


def test_number_of_issues_with_given_thresholds_matches_naive():
    thresholds = np.linspace(0.1, 0.9, RAGGED.n_classes)
    for method in ESTIMATES:
        expected = naive.num_label_issues(*RAGGED.both(), estimation_method=method, cuts=thresholds)
        assert count.num_label_issues(*RAGGED.both(), estimation_method=method, thresholds=thresholds) == expected


@pytest.mark.parametrize("method", ESTIMATES)
def test_number_of_issues_warns_of_a_joint_it_does_not_use(method):
    expected = count.num_label_issues(*SMALL.both(), estimation_method=method)
    with pytest.warns(UserWarning, match="`confident_joint` is not used") as caught:
        number = count.num_label_issues(*SMALL.both(), estimation_method=method, confident_joint=np.eye(4))
    assert number == expected
    assert [warning.filename for warning in caught] == [__file__]


# -- priors and noise


@pytest.mark.parametrize("converge", [True, False])
@pytest.mark.parametrize("py_method", ["cnt", "eqn", "marginal", "marginal_ps"])
def test_latent_estimates_match_naive_and_cleanlab(py_method, converge):
    problem = make_problem(1_003, 5, seed=31)
    joint = count.compute_confident_joint(*problem.both())
    ours = count.estimate_latent(joint, problem.labels, py_method=py_method, converge_latent_estimates=converge)
    slow = naive.estimate_latent(joint, problem.counts.tolist(), py_method=py_method, converge=converge)
    theirs = reference(
        cleanlab_count.estimate_latent, joint, problem.labels, py_method=py_method, converge_latent_estimates=converge
    )
    for estimate, expected, other in zip(ours, slow, theirs, strict=True):
        np.testing.assert_allclose(estimate, expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(estimate, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("calibrate", [True, False])
@pytest.mark.parametrize("name", ["ragged", "weak model", "binary", "many classes"])
def test_latent_estimates_from_probabilities_match_cleanlab(name, calibrate):
    problem = PROBLEMS[name]
    ours = count.estimate_py_and_noise_matrices_from_probabilities(*problem.both(), calibrate=calibrate)
    theirs = reference(
        cleanlab_count.estimate_py_and_noise_matrices_from_probabilities, *problem.both(), calibrate=calibrate
    )
    for estimate, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(estimate, expected, rtol=0, atol=1e-12)


# -- what is refused

FUNCTIONS = [
    count.num_label_issues,
    count.get_confident_thresholds,
    count.compute_confident_joint,
    count.estimate_joint,
    count.estimate_py_and_noise_matrices_from_probabilities,
]
P = SMALL.pred_probs
Y = SMALL.labels


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("labels", "pred_probs", "error", "message"),
    [
        (Y[:-1], P, ValueError, "one row for each label"),
        (Y, P[:, 0], ValueError, r"shape \(n_samples, n_classes\)"),
        (Y, P[:, :, None], ValueError, r"shape \(n_samples, n_classes\)"),
        (Y, P[:, :0], ValueError, r"shape \(n_samples, n_classes\)"),
        (Y[:0], P[:0], ValueError, "at least one row"),
        (Y + 1, P, ValueError, r"class indices in \[0, 4\); got 4 in row"),
        (Y - 1, P, ValueError, r"class indices in \[0, 4\); got -1 in row"),
        (Y + 0.5, P, ValueError, "whole numbers"),
        (np.where(np.arange(203) == 7, np.nan, Y), P, ValueError, "none in row 7"),
        (Y[:, None], P, ValueError, r"shape \(n_samples,\)"),
        (tuple(Y), P, TypeError, "be an array, a list or a column; got tuple"),
        (Y, P.astype(complex), TypeError, "real numbers"),
        (Y, P > 0.5, TypeError, "real numbers"),
        (Y, {"a": 1}, TypeError, "be an array"),
    ],
)
def test_count_rejects_bad_data(function, labels, pred_probs, error, message):
    with pytest.raises(error, match=message):
        function(labels, pred_probs)


READING = [function for function in FUNCTIONS if function is not count.get_confident_thresholds]


@pytest.mark.parametrize("function", READING)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -0.1, 1.1, -2e-6, 1 + 2e-6])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_s5_count_rejects_what_is_no_probability(function, bad, dtype):
    """Cleanlab lets NaN pass: its class then has the threshold NaN and wins its row."""
    pred_probs = P.astype(dtype)
    pred_probs[[5, 9], [3, 0]] = bad
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\] and no NaN; got .* in row 5 \(2 such rows\)"):
        function(Y, pred_probs)


@pytest.mark.parametrize("function", READING)
def test_count_accepts_probabilities_off_by_less_than_the_slack(function):
    pred_probs = P.copy()
    pred_probs[5, 3], pred_probs[9, 0] = -0.9e-6, 1 + 0.9e-6
    function(Y, pred_probs)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (count.num_label_issues, {"estimation_method": "magic"}, "`estimation_method` must be one of"),
        (count.num_label_issues, {"estimation_method": "off_diagonal_custom"}, "`confident_joint` must be given"),
        (
            count.num_label_issues,
            {"estimation_method": "off_diagonal_custom", "confident_joint": np.eye(3)},
            r"`confident_joint` must have shape \(4, 4\)",
        ),
        (count.num_label_issues, {"multi_label": True}, "`labels` must hold a set of classes for every row"),
        (count.num_label_issues, {"n_jobs": 0}, "`n_jobs` must be"),
        (count.compute_confident_joint, {"thresholds": [0.5] * 3}, r"`thresholds` must have shape \(4,\)"),
        (count.compute_confident_joint, {"thresholds": [0.5, 0.5, 0.5, np.nan]}, "no NaN"),
        (count.compute_confident_joint, {"multi_label": True}, "`labels` must hold a set of classes for every row"),
        (count.compute_confident_joint, {"n_jobs": -2}, "`n_jobs` must be"),
        (count.get_confident_thresholds, {"multi_label": True}, "`labels` must hold a set of classes for every row"),
        (count.get_confident_thresholds, {"n_jobs": 1.5}, "`n_jobs` must be"),
        (count.get_confident_thresholds, {"class_names": ["a", "b"]}, "name each of the 4 columns"),
        (count.get_confident_thresholds, {"class_names": ["a", "b", "c", "a"]}, "name each of the 4 columns"),
        (count.estimate_joint, {"multi_label": True}, "`labels` must hold a set of classes for every row"),
        (count.estimate_joint, {"confident_joint": np.ones((4, 3))}, "must have shape"),
        (count.estimate_joint, {"confident_joint": -np.eye(4)}, "finite numbers of at least 0"),
        (count.estimate_joint, {"confident_joint": np.eye(3)}, "class indices in"),
        (count.estimate_py_and_noise_matrices_from_probabilities, {"py_method": "magic"}, "must be one of"),
    ],
)
def test_count_rejects_bad_options(function, options, message):
    with pytest.raises(ValueError, match=message):
        function(Y, P, **options)


@pytest.mark.parametrize(
    ("joint", "message"),
    [
        (np.eye(3), "class indices in"),
        (np.ones((4, 5)), "must have shape"),
        (np.ones(4), "must have shape"),
        (np.full((4, 4), np.nan), "finite"),
    ],
)
def test_calibration_rejects_a_bad_joint(joint, message):
    with pytest.raises(ValueError, match=message):
        count.calibrate_confident_joint(joint, Y)
    with pytest.raises(ValueError, match=message):
        count.estimate_latent(joint, Y)


def test_number_of_issues_needs_two_classes():
    with pytest.raises(ValueError, match="at least 2 classes; got class 1 only"):
        count.num_label_issues([1, 1], [[0.5, 0.5], [0.1, 0.9]])


def test_more_classes_than_a_dense_joint_can_have_are_refused_in_one_sentence():
    pred_probs = np.zeros((3, 10_001), np.float32)
    with pytest.raises(ValueError, match=r"dense matrix of 10,001 x 10,001 \(1 GB\)"):
        count.compute_confident_joint([0, 1, 2], pred_probs)


def test_columns_that_look_permuted_are_pointed_out():
    problem = Problem(SMALL.labels, np.roll(SMALL.pred_probs, 1, axis=1))
    with pytest.warns(UserWarning, match="look permuted") as caught:
        count.compute_confident_joint(*problem.both())
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ([0, 2] * 10, r"name every class from 0 to 2; got no row of class 1\. Number the classes"),
        ([1, 2] * 10, "got no row of class 0"),
        ([0, 10**12] * 10, "got no row of class 1"),
        (["cat", "dog"] * 10, "be integer class codes; got dtype <U3"),
    ],
)
def test_s40_labels_that_are_no_codes_are_refused_before_the_first_fit(labels, match):
    class Fits(LogisticRegression):
        def fit(self, X, y):
            raise AssertionError("too late")

    with pytest.raises(ValueError, match=match):
        count.estimate_cv_predicted_probabilities(np.zeros((20, 2)), labels, Fits())
