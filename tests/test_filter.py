from __future__ import annotations

import naive
import numpy as np
import pytest
from cleanlab import count as cleanlab_count
from cleanlab import filter as cleanlab_filter
from problems import (
    ALL_PROBLEMS,
    FILTERS,
    METHODS,
    PROBLEMS,
    PRUNE_FILTERS,
    TIED_PROBLEMS,
    Problem,
    make_problem,
    off_by_slack,
    quietly,
    reference,
)

from fastcl import count
from fastcl.core import pair_margins
from fastcl.core.reductions import confident_joint
from fastcl.filter import (
    find_label_issues,
    find_label_issues_using_argmax_confusion_matrix,
    find_predicted_neq_given,
)

RAGGED = PROBLEMS["ragged"]
SMALL = make_problem(1_003, 7, seed=41, never_given=[2])
TIED = make_problem(1_003, 5, seed=42, strength=1.5, eighths=True)

every_filter = pytest.mark.parametrize("filter_by", FILTERS)
every_prune_filter = pytest.mark.parametrize("filter_by", PRUNE_FILTERS)


def cleanlab_issues(problem, **options):
    return reference(cleanlab_filter.find_label_issues, *problem.both(), n_jobs=1, **options)


def assert_masks_match(problem, issues, expected):
    """Assert that two masks are equal; show the rows that are not."""
    assert issues.dtype == np.bool_
    assert issues.shape == problem.labels.shape
    np.testing.assert_array_equal(np.flatnonzero(issues), np.flatnonzero(expected))


# -- every filter, all defaults


@every_filter
def test_issues_match_naive(any_problem, filter_by):
    issues = quietly(find_label_issues, *any_problem.both(), filter_by=filter_by)
    assert_masks_match(any_problem, issues, naive.find_label_issues(*any_problem.both(), filter_by=filter_by))


@every_filter
def test_issues_match_cleanlab(problem, filter_by):
    if problem.labels.max() == 0 and filter_by not in (*PRUNE_FILTERS, "confident_learning"):
        pytest.skip("the reference wants two classes here, though not in its other filters")
    issues = quietly(find_label_issues, *problem.both(), filter_by=filter_by)
    assert_masks_match(problem, issues, cleanlab_issues(problem, filter_by=filter_by))


@pytest.mark.parametrize("seed", range(12))
def test_issues_of_random_problems_match_cleanlab(seed):
    rng = np.random.default_rng(seed)
    K = int(rng.integers(2, 40))
    problem = make_problem(
        int(rng.integers(50, 1500)), K, seed=seed, strength=rng.uniform(0, 5), noise=rng.uniform(0, 0.6),
        never_given=[] if K < 4 else rng.integers(0, K, 2),
    )  # fmt: skip
    for filter_by in FILTERS:
        issues = quietly(find_label_issues, *problem.both(), filter_by=filter_by)
        assert_masks_match(problem, issues, cleanlab_issues(problem, filter_by=filter_by))


# With ties the reference takes whichever row its sort puts first, fastcl the earlier one: they may differ in rows
# that lie exactly at a cut, and nowhere else.


@pytest.mark.parametrize("filter_by", ["confident_learning", "predicted_neq_given"])
def test_issues_of_tied_rows_match_cleanlab_where_nothing_is_cut(tied_problem, filter_by):
    issues = find_label_issues(*tied_problem.both(), filter_by=filter_by)
    assert_masks_match(tied_problem, issues, cleanlab_issues(tied_problem, filter_by=filter_by))


@pytest.mark.parametrize("method", ["self_confidence", "normalized_margin"])
def test_lowest_scores_of_tied_rows_match_cleanlab(tied_problem, method):
    scores = naive.quality_scores(*tied_problem.both(), method)
    issues = find_label_issues(*tied_problem.both(), filter_by=f"low_{method}")
    expected = cleanlab_issues(tied_problem, filter_by=f"low_{method}")
    np.testing.assert_array_equal(np.sort(scores[issues]), np.sort(scores[expected]))


def at_a_cut(problem, filter_by):
    """Return the rows that tie with the last one chosen, by class or by pair of classes."""
    labels, pred_probs = problem.both()
    counts = naive.prune_counts(naive.confident_joint(labels, pred_probs))
    tied = np.zeros(len(labels), bool)
    for y in range(problem.n_classes):
        rows = np.flatnonzero(labels == y)
        own = pred_probs[rows, y]
        choices = [(own, len(rows) - counts[y, y])]
        if filter_by == "prune_by_noise_rate":
            choices = [(own - pred_probs[rows, k], counts[y, k]) for k in range(problem.n_classes) if k != y]
        for scores, number in choices:
            if 0 < number < len(rows):
                tied[rows[scores == np.sort(scores)[number - 1]]] = True
    return tied


@pytest.mark.parametrize("filter_by", ["prune_by_noise_rate", "prune_by_class"])
def test_pruned_tied_rows_match_cleanlab_but_at_the_cuts(tied_problem, filter_by):
    apart = find_label_issues(*tied_problem.both(), filter_by=filter_by) != cleanlab_issues(
        tied_problem, filter_by=filter_by
    )
    assert not np.any(apart & ~at_a_cut(tied_problem, filter_by))


# -- the options of the prune filters


def options_of(problem):
    """Return sets of options, each of which moves the answer of some prune filter."""
    sizes = problem.counts
    joint = naive.raw_joint(*problem.both())
    rng = np.random.default_rng(0)
    return {
        "no noise": {"frac_noise": 0.0},
        "a third of the noise": {"frac_noise": 1 / 3},
        "three quarters of the noise": {"frac_noise": 0.75},
        "no minimum": {"min_examples_per_class": 0},
        "a minimum": {"min_examples_per_class": int(sizes[sizes > 0].min() * 0.95)},
        "a minimum above the smallest class": {"min_examples_per_class": int(np.median(sizes))},
        "a minimum above all classes": {"min_examples_per_class": int(sizes.max())},
        "both": {"min_examples_per_class": int(sizes.max() * 0.9), "frac_noise": 0.6},
        "remove nothing": {"num_to_remove_per_class": np.zeros(len(sizes), int)},
        "remove one each": {"num_to_remove_per_class": np.minimum(sizes, 1)},
        "remove a tenth": {"num_to_remove_per_class": (sizes // 10).tolist()},
        "remove from some": {"num_to_remove_per_class": np.where(np.arange(len(sizes)) % 2, sizes // 7, 0)},
        "remove everything": {"num_to_remove_per_class": sizes},
        "remove with a minimum": {"num_to_remove_per_class": sizes // 5, "min_examples_per_class": 9},
        "a raw joint": {"confident_joint": np.ascontiguousarray(joint)},
        "a joint of floats": {"confident_joint": rng.gamma(1.0, 5.0, joint.shape) + 40 * np.eye(len(joint))},
        "a joint of large counts": {"confident_joint": np.ascontiguousarray(joint) * 50},
        "a joint with an empty class": {"confident_joint": np.diag(np.arange(len(joint))) * 9 + 3},
        "a joint, less noise": {"confident_joint": np.ascontiguousarray(joint), "frac_noise": 0.5},
    }


OPTIONS = options_of(SMALL)
every_option = pytest.mark.parametrize("name", OPTIONS, ids=lambda name: name.replace(" ", "_"))


@every_option
@every_prune_filter
def test_issues_with_options_match_naive(name, filter_by):
    for problem, options in [(SMALL, OPTIONS[name]), (TIED, options_of(TIED)[name])]:
        issues = quietly(find_label_issues, *problem.both(), filter_by=filter_by, **options)
        assert_masks_match(problem, issues, naive.find_label_issues(*problem.both(), filter_by=filter_by, **options))


@every_option
@every_prune_filter
def test_issues_with_options_match_cleanlab(name, filter_by):
    # the reference divides by zero for a class that nobody was given, so it is asked about all classes
    for problem in (make_problem(1_003, 7, seed=43), make_problem(703, 31, seed=48)):
        options = options_of(problem)[name]
        options = {key: np.asarray(value) if key.startswith("num") else value for key, value in options.items()}
        issues = quietly(find_label_issues, *problem.both(), filter_by=filter_by, **options)
        assert_masks_match(problem, issues, cleanlab_issues(problem, filter_by=filter_by, **options))


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_moves_some_answer(name):
    """Else the two tests above could not fail."""
    moved = [
        not np.array_equal(
            quietly(find_label_issues, *SMALL.both(), filter_by=filter_by),
            quietly(find_label_issues, *SMALL.both(), filter_by=filter_by, **OPTIONS[name]),
        )
        for filter_by in PRUNE_FILTERS
    ]
    assert any(moved) or name == "no minimum"


@pytest.mark.parametrize("name", ["float32", "weak model", "binary"])
@every_prune_filter
def test_issues_of_other_problems_with_options_match_naive(name, filter_by):
    problem = PROBLEMS[name]
    for options in options_of(problem).values():
        issues = quietly(find_label_issues, *problem.both(), filter_by=filter_by, **options)
        assert_masks_match(problem, issues, naive.find_label_issues(*problem.both(), filter_by=filter_by, **options))


@every_filter
def test_thresholds_that_are_those_of_the_data_change_nothing(any_problem, filter_by):
    thresholds = count.get_confident_thresholds(*any_problem.both())
    np.testing.assert_array_equal(
        quietly(find_label_issues, *any_problem.both(), filter_by=filter_by, thresholds=thresholds),
        quietly(find_label_issues, *any_problem.both(), filter_by=filter_by),
    )


def test_given_thresholds_are_used():
    thresholds = np.full(SMALL.n_classes, 0.95)
    issues = find_label_issues(*SMALL.both(), filter_by="confident_learning", thresholds=thresholds)
    expected = np.zeros(len(issues), bool)
    expected[naive.off_diagonal_rows(*SMALL.both(), thresholds)] = True
    np.testing.assert_array_equal(issues, expected & [not naive.label_wins(p, y) for y, p in zip(*SMALL.both())])  # noqa: B905


def test_number_of_issues_is_that_of_confident_learning(any_problem):
    number = count.num_label_issues(*any_problem.both())
    for filter_by in ("confident_learning", "low_self_confidence", "low_normalized_margin"):
        assert find_label_issues(*any_problem.both(), filter_by=filter_by).sum() == number


@every_filter
def test_rows_that_their_label_wins_are_no_issues(filter_by):
    # row 0 ties but for the slack; row 1 is confidently, but not by more than the slack, of class 1
    pred_probs = np.array([[0.5, 0.5], [0.4999996, 0.5000004], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8]])
    labels = np.array([1, 0, 0, 1, 0, 1])
    issues = find_label_issues(labels, pred_probs, filter_by=filter_by)
    if not filter_by.startswith("low_"):
        assert not issues[:2].any()
    assert_masks_match(
        Problem(labels, pred_probs), issues, cleanlab_issues(Problem(labels, pred_probs), filter_by=filter_by)
    )


@every_filter
@pytest.mark.parametrize("name", ["eighths", "eighths of a weak model", "eighths, float32", "certain"])
def test_issues_of_probabilities_off_by_the_slack_match_naive(name, filter_by):
    problem = off_by_slack(TIED_PROBLEMS[name])
    issues = find_label_issues(*problem.both(), filter_by=filter_by)
    assert_masks_match(problem, issues, naive.find_label_issues(*problem.both(), filter_by=filter_by))
    predicted = naive.predicted_classes(problem.pred_probs)
    np.testing.assert_array_equal(find_predicted_neq_given(*problem.both()), predicted != problem.labels)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_label_that_ties_after_its_head_start_wins_only_over_later_classes(dtype):
    low = dtype(0.25)
    high = low + dtype(1e-6)
    pred_probs = np.array([[low, high, 0.0], [0.0, low, high], [high, low, 0.0], [0.0, high, low], [high, 0.0, low]])
    labels = np.array([0, 1, 1, 2, 2])
    problem = Problem(labels, pred_probs.astype(dtype))
    issues = find_label_issues(*problem.both(), filter_by="predicted_neq_given")
    assert issues.tolist() == [False, False, True, True, True]
    assert_masks_match(problem, issues, cleanlab_issues(problem, filter_by="predicted_neq_given"))


# -- ranking

RANKINGS = [(method, False) for method in METHODS] + [(method, True) for method in METHODS[:2]]


@pytest.mark.parametrize(("method", "adjust"), RANKINGS)
@pytest.mark.parametrize("filter_by", ["prune_by_noise_rate", "low_self_confidence"])
def test_ranked_issues_match_naive(any_problem, filter_by, method, adjust):
    options = {"return_indices_ranked_by": method, "rank_by_kwargs": {"adjust_pred_probs": adjust}}
    rows = quietly(find_label_issues, *any_problem.both(), filter_by=filter_by, **options)
    assert rows.dtype == np.int64
    issues = quietly(find_label_issues, *any_problem.both(), filter_by=filter_by)
    np.testing.assert_array_equal(np.sort(rows), np.flatnonzero(issues))
    scores = naive.quality_scores(*any_problem.both(), method, adjust)[rows]
    # scores that are computed differ in their last bits: what ties in exact numbers may not tie in floats
    exact = method != "confidence_weighted_entropy" and not adjust
    assert np.all(np.diff(scores) >= (0 if exact else -any_problem.atol))
    if exact:
        assert rows.tolist() == sorted(np.flatnonzero(issues), key=lambda i: (naive_score(any_problem, method, i), i))


def naive_score(problem, method, row):
    labels, pred_probs = problem.both()
    return naive.quality_scores(labels[[row]], pred_probs[[row]], method)[0]


@pytest.mark.parametrize(("method", "adjust"), RANKINGS)
@every_filter
def test_ranked_issues_match_cleanlab(filter_by, method, adjust):
    for problem in (make_problem(1_003, 7, seed=44), make_problem(701, 3, seed=45, strength=1.0)):
        options = {"return_indices_ranked_by": method, "rank_by_kwargs": {"adjust_pred_probs": adjust}}
        rows = find_label_issues(*problem.both(), filter_by=filter_by, **options)
        np.testing.assert_array_equal(rows, cleanlab_issues(problem, filter_by=filter_by, **options))


def test_ranking_of_nothing_is_empty():
    problem = PROBLEMS["no noise"]
    rows = find_label_issues(*problem.both(), return_indices_ranked_by="self_confidence")
    assert rows.dtype == np.int64
    assert rows.size == 0


# -- the other two finders


def test_predicted_neq_given_matches_naive(any_problem):
    issues = find_predicted_neq_given(*any_problem.both())
    np.testing.assert_array_equal(issues, naive.predicted_classes(any_problem.pred_probs) != any_problem.labels)


def test_predicted_neq_given_matches_cleanlab(any_problem):
    if any_problem.labels.max() == 0:
        pytest.skip("the reference wants two classes here")
    expected = reference(cleanlab_filter.find_predicted_neq_given, *any_problem.both())
    assert_masks_match(any_problem, find_predicted_neq_given(*any_problem.both()), expected)


@pytest.mark.parametrize("calibrate", [True, False])
@every_prune_filter
def test_argmax_confusion_matches_naive(any_problem, filter_by, calibrate):
    issues = quietly(
        find_label_issues_using_argmax_confusion_matrix, *any_problem.both(), calibrate=calibrate, filter_by=filter_by
    )
    joint = naive.argmax_confusion(*any_problem.both())
    joint = naive.calibrate(joint, any_problem.counts.tolist()) if calibrate else joint
    expected = naive.find_label_issues(*any_problem.both(), filter_by=filter_by, confident_joint=joint)
    assert_masks_match(any_problem, issues, expected)


@pytest.mark.parametrize("calibrate", [True, False])
@every_filter
@pytest.mark.parametrize("name", ["weak model", "binary"])
def test_argmax_confusion_matches_cleanlab(name, filter_by, calibrate):
    problem, options = PROBLEMS[name], {"calibrate": calibrate, "filter_by": filter_by}
    issues = find_label_issues_using_argmax_confusion_matrix(*problem.both(), **options)
    expected = reference(cleanlab_filter.find_label_issues_using_argmax_confusion_matrix, *problem.both(), **options)
    assert_masks_match(problem, issues, expected)


def test_s42_argmax_confusion_knows_all_classes():
    """Cleanlab's matrix lacks a class that is neither given nor predicted: IndexError."""
    pred_probs = np.array([[0.8, 0.0, 0.2], [0.1, 0.0, 0.9], [0.7, 0.0, 0.3], [0.3, 0.0, 0.7], [0.9, 0.0, 0.1]])
    labels = np.array([0, 2, 0, 2, 2])
    with pytest.raises(IndexError):
        reference(cleanlab_filter.find_label_issues_using_argmax_confusion_matrix, labels, pred_probs)
    issues = find_label_issues_using_argmax_confusion_matrix(labels, pred_probs, n_jobs=1)
    assert np.flatnonzero(issues).tolist() == [4]


# -- decided deviations, and surprises that are kept


@every_filter
def test_s5_nan_is_rejected(filter_by):
    """Cleanlab lets NaN pass: its class then has the threshold NaN and wins its row."""
    pred_probs = SMALL.pred_probs.copy()
    pred_probs[17, 3] = np.nan
    with pytest.raises(ValueError, match=r"no NaN; got nan in row 17 \(1 such rows\)"):
        find_label_issues(SMALL.labels, pred_probs, filter_by=filter_by)


def test_s11_number_to_remove_means_suggested_class_by_noise_rate_and_given_class_by_class():
    """As cleanlab."""
    problem, wanted = make_problem(1_003, 4, seed=46, noise=0.4), np.array([5, 0, 1, 0])
    labels, pred_probs = problem.both()
    by_rate = find_label_issues(*problem.both(), num_to_remove_per_class=wanted)
    by_class = find_label_issues(*problem.both(), num_to_remove_per_class=wanted, filter_by="prune_by_class")
    suggested = np.bincount(pred_probs[by_rate].argmax(axis=1), minlength=4)
    assert suggested.tolist() == [5, 0, 1, 0]
    assert np.bincount(labels[by_class], minlength=4).tolist() == [5, 0, 1, 0]
    assert np.bincount(labels[by_rate], minlength=4).tolist() != [5, 0, 1, 0]


@pytest.mark.parametrize("shape", [(6, 6), (8, 8), (7, 8), (7,), (49,)])
@every_prune_filter
def test_s18_shape_of_a_given_joint_is_checked(filter_by, shape):
    """Cleanlab raises IndexError, or finds something, depending on the shape."""
    with pytest.raises(ValueError, match=r"`confident_joint` must have shape \(7, 7\)"):
        find_label_issues(*SMALL.both(), confident_joint=np.ones(shape), filter_by=filter_by)


def test_s18_a_given_joint_is_used_as_it_is():
    """As cleanlab: not calibrated to the labels."""
    joint = count.compute_confident_joint(*SMALL.both(), calibrate=False)
    calibrated = count.calibrate_confident_joint(joint, SMALL.labels)
    raw = find_label_issues(*SMALL.both(), confident_joint=joint)
    assert raw.sum() != find_label_issues(*SMALL.both(), confident_joint=calibrated).sum()
    np.testing.assert_array_equal(
        find_label_issues(*SMALL.both(), confident_joint=calibrated), find_label_issues(*SMALL.both())
    )


@every_prune_filter
def test_s20_classes_that_are_too_small_are_named_once_to_the_caller(filter_by):
    """Cleanlab warns once a class and filter, from inside, and in worker processes to nobody."""
    problem = PROBLEMS["tiny classes"]
    with pytest.warns(UserWarning, match="No label issues are looked for") as caught:
        find_label_issues(*problem.both(), filter_by=filter_by, min_examples_per_class=3, n_jobs=2)
    assert len(caught) == 1
    assert "2 class(es) with no more than `min_examples_per_class` = 3 rows: 2, 4." in str(caught[0].message)
    assert caught[0].filename == __file__


def test_s20_classes_that_are_too_small_are_called_what_the_user_calls_them():
    """Cleanlab knows no names."""
    problem = PROBLEMS["tiny classes"]
    names = np.array(["ant", "bee", "cow", "dog", "emu"])
    with pytest.warns(UserWarning, match="= 1 rows: cow"):
        find_label_issues(names[problem.labels], problem.pred_probs)


@every_filter
def test_s20_classes_never_given_are_no_reason_to_warn(filter_by):
    """Cleanlab warns of each of them. (Here a warning is an error.)"""
    find_label_issues(*PROBLEMS["first and last class never given"].both(), filter_by=filter_by)


@pytest.mark.parametrize("kind", [list, np.asarray, lambda labels: np.asarray(labels, np.int8)])
@every_filter
def test_s21_all_labels_of_class_0_are_accepted(filter_by, kind):
    """Cleanlab accepts an array or a list of int, but no list of NumPy integers, and not in all filters."""
    problem = PROBLEMS["only class 0 given"]
    issues = find_label_issues(kind(problem.labels), problem.pred_probs, filter_by=filter_by)
    expected = naive.find_label_issues(*problem.both(), filter_by=filter_by)
    assert_masks_match(problem, issues, expected)


@pytest.mark.parametrize("kind", [list, np.asarray])
@every_filter
def test_s21_all_labels_of_another_class_are_rejected(filter_by, kind):
    """As cleanlab."""
    problem = PROBLEMS["only class 0 given"]
    with pytest.raises(ValueError, match="at least 2 classes; got class 1 only"):
        find_label_issues(kind(problem.labels + 1), problem.pred_probs, filter_by=filter_by)


def test_s31_noise_is_truncated_not_rounded():
    """As cleanlab, whose rounding after it comes too late to do anything."""
    joint = np.array([[20, 3], [3, 20]])
    problem = make_problem(501, 2, seed=47, noise=0.5)
    options = {"confident_joint": joint, "frac_noise": 0.6}
    issues = find_label_issues(*problem.both(), **options)
    assert issues.sum() == 2  # 0.6 x 3 = 1.8 rows of each class
    assert_masks_match(problem, issues, cleanlab_issues(problem, **options))


@every_filter
def test_s32_ties_go_to_the_earlier_row(filter_by):
    """In cleanlab they go where an unstable sort puts them, so that other rows are flagged in another order."""
    if filter_by.startswith("low_"):
        labels, pred_probs = np.array([0, 1] * 50), np.tile([[0.4, 0.6], [0.4, 0.6]], (50, 1))
        pred_probs[::20] = [0.9, 0.1]
    else:
        labels, pred_probs = np.array([0, 1] * 50), np.tile([[0.4, 0.6], [0.1, 0.9]], (50, 1))
    options = {"confident_joint": np.array([[43, 7], [0, 50]])} if filter_by in PRUNE_FILTERS else {}
    issues = find_label_issues(labels, pred_probs, filter_by=filter_by, **options)
    candidates = np.flatnonzero((labels == 0) & (pred_probs[:, 0] < 0.5))
    if filter_by in PRUNE_FILTERS:
        np.testing.assert_array_equal(np.flatnonzero(issues), candidates[:7])
    else:
        expected = naive.find_label_issues(labels, pred_probs, filter_by=filter_by)
        np.testing.assert_array_equal(issues, expected)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64])
@every_filter
def test_s39_integer_probabilities_are_right(filter_by, dtype):
    """Cleanlab raises UFuncTypeError."""
    problem = PROBLEMS["only class 0 given"]
    predicted = problem.pred_probs.argmax(axis=1)
    labels = np.where(np.arange(101) % 7, predicted, (predicted + 1) % 3)
    one_hot = np.eye(3)[predicted]
    issues = find_label_issues(labels, one_hot.astype(dtype), filter_by=filter_by)
    assert np.flatnonzero(issues).tolist() == list(range(0, 101, 7))
    np.testing.assert_array_equal(issues, find_label_issues(labels, one_hot, filter_by=filter_by))


# -- very many classes

SPARSE_OPTIONS = [{}, {"min_examples_per_class": 150}, {"frac_noise": 0.0}]


@pytest.mark.parametrize("options", SPARSE_OPTIONS, ids=str)
@pytest.mark.parametrize("name", ["ragged", "weak model", "binary", "tiny classes", "no noise", "float32", "eighths"])
def test_sparse_joint_finds_the_same_issues_as_the_dense_one(monkeypatch, name, options):
    """None of these joints has a tie between roundings, of which the two dispose differently."""
    problem = ALL_PROBLEMS[name]
    filters = PRUNE_FILTERS if options else FILTERS
    dense = [quietly(find_label_issues, *problem.both(), filter_by=filter_by, **options) for filter_by in filters]
    number = count.num_label_issues(*problem.both(), estimation_method="off_diagonal_calibrated")
    joint = count.estimate_joint(*problem.both())
    for module in (confident_joint, pair_margins):
        monkeypatch.setattr(module, "SPARSE_ABOVE", 1)
    sparse = [quietly(find_label_issues, *problem.both(), filter_by=filter_by, **options) for filter_by in filters]
    np.testing.assert_array_equal(sparse, dense)
    assert count.num_label_issues(*problem.both(), estimation_method="off_diagonal_calibrated") == number
    np.testing.assert_array_equal(count.estimate_joint(*problem.both()), joint)


def test_more_classes_than_a_dense_joint_can_have():
    """20,000 classes: a dense joint would take 3 GB."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 20_000, 300)
    pred_probs = np.zeros((300, 20_000), np.float32)
    predicted = np.where(np.arange(300) % 10, labels, labels[::-1])
    pred_probs[np.arange(300), predicted] = 0.9
    wrong = np.flatnonzero(predicted != labels)
    for filter_by in ("confident_learning", "predicted_neq_given", "prune_by_class", "prune_by_noise_rate"):
        issues = find_label_issues(labels, pred_probs, filter_by=filter_by, min_examples_per_class=0)
        assert np.isin(np.flatnonzero(issues), wrong).all(), filter_by
    np.testing.assert_array_equal(np.flatnonzero(find_predicted_neq_given(labels, pred_probs)), wrong)
    assert count.num_label_issues(labels, pred_probs) <= wrong.size


# -- what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter_by": "magic"}, "`filter_by` must be one of 'prune_by_noise_rate'"),
        ({"return_indices_ranked_by": "magic"}, "`return_indices_ranked_by` must be one of 'self_confidence'"),
        (
            {"return_indices_ranked_by": "self_confidence", "rank_by_kwargs": {"magic": 1}},
            "`rank_by_kwargs` must be a dict that holds 'adjust_pred_probs' only",
        ),
        (
            {"return_indices_ranked_by": METHODS[2], "rank_by_kwargs": {"adjust_pred_probs": True}},
            "`adjust_pred_probs` must be False for 'confidence_weighted_entropy'",
        ),
        ({"frac_noise": -0.1}, r"`frac_noise` must lie in \[0, 1\]"),
        ({"frac_noise": 1.1}, r"`frac_noise` must lie in \[0, 1\]"),
        ({"frac_noise": np.nan}, r"`frac_noise` must lie in \[0, 1\]"),
        ({"min_examples_per_class": -1}, "`min_examples_per_class` must be at least 0"),
        ({"n_jobs": 0}, "`n_jobs` must be None, -1 or a positive integer"),
        ({"n_jobs": -3}, "`n_jobs` must be None, -1 or a positive integer"),
        ({"n_jobs": 1.5}, "`n_jobs` must be None, -1 or a positive integer"),
        ({"multi_label": True}, "`labels` must hold a set of classes for every row"),
        ({"num_to_remove_per_class": [1, 2]}, r"`num_to_remove_per_class` must have shape \(7,\)"),
        (
            {"num_to_remove_per_class": [10**6] + [0] * 6},
            "must not exceed the rows of the class; got 1000000 for class 0",
        ),
        ({"num_to_remove_per_class": [-1] + [0] * 6}, "must not be negative"),
        (
            {"num_to_remove_per_class": [0] * 7, "filter_by": "confident_learning"},
            "must be None for 'confident_learning'",
        ),
        ({"num_to_remove_per_class": [0] * 7, "filter_by": "low_self_confidence"}, "must be None for 'low_self_conf"),
        ({"confident_joint": -np.eye(7)}, "finite numbers of at least 0"),
        ({"confident_joint": np.full((7, 7), np.inf)}, "finite numbers of at least 0"),
        ({"thresholds": [0.5] * 6}, r"`thresholds` must have shape \(7,\)"),
        ({"class_names": list("abcdefgh")}, "name each of the 7 columns"),
    ],
)
def test_find_label_issues_rejects_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        find_label_issues(*SMALL.both(), **options)


class Unread:
    """Probabilities whose rows nobody may read."""

    shape, dtype = SMALL.pred_probs.shape, SMALL.pred_probs.dtype

    def __getitem__(self, rows):
        raise AssertionError("read before the options were checked")


@pytest.mark.parametrize(
    "options",
    [
        {"return_indices_ranked_by": "magic"},
        {"filter_by": "magic"},
        {"frac_noise": 2.0},
        {"n_jobs": 0},
        {"thresholds": [0.5]},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_are_checked_before_any_work(options):
    """Cleanlab finds out about a wrong ranking name when everything else is done."""
    with pytest.raises(ValueError, match="must"):
        find_label_issues(SMALL.labels, Unread(), **options)


@pytest.mark.parametrize("filter_by", sorted(set(FILTERS) - set(PRUNE_FILTERS)))
@pytest.mark.parametrize("options", [{"frac_noise": 0.5}, {"confident_joint": np.eye(7)}], ids=lambda o: next(iter(o)))
def test_options_that_a_filter_does_not_use_are_pointed_out(filter_by, options):
    name = next(iter(options))
    with pytest.warns(UserWarning, match=f"`{name}` is not used by '{filter_by}'") as caught:
        issues = find_label_issues(*SMALL.both(), filter_by=filter_by, **options)
    assert [warning.filename for warning in caught] == [__file__]
    np.testing.assert_array_equal(issues, find_label_issues(*SMALL.both(), filter_by=filter_by))


FINDERS = [find_label_issues, find_predicted_neq_given, find_label_issues_using_argmax_confusion_matrix]


@pytest.mark.parametrize("function", FINDERS)
@pytest.mark.parametrize(
    ("labels", "pred_probs", "error", "message"),
    [
        (SMALL.labels[:-1], SMALL.pred_probs, ValueError, "one row for each label; got 1,003 rows for 1,002 labels"),
        (SMALL.labels, SMALL.pred_probs[:, :6], ValueError, r"class indices in \[0, 6\)"),
        (SMALL.labels, SMALL.pred_probs[:, 0], ValueError, "shape"),
        (SMALL.labels, SMALL.pred_probs * 2, ValueError, "divide each row by its sum first"),
        (SMALL.labels, np.log(SMALL.pred_probs), ValueError, "apply softmax first"),
        (SMALL.labels - 1, SMALL.pred_probs, ValueError, "got -1 in row"),
        (SMALL.labels[:, None], SMALL.pred_probs, ValueError, "shape"),
        (tuple(SMALL.labels), SMALL.pred_probs, TypeError, "got tuple"),
        (SMALL.labels, None, TypeError, "`pred_probs` must be an array"),
        (SMALL.labels, SMALL.pred_probs > 0.5, TypeError, "real numbers"),
        (SMALL.labels, SMALL.pred_probs.astype(str), TypeError, "real numbers"),
    ],
)
def test_finders_reject_bad_data(function, labels, pred_probs, error, message):
    with pytest.raises(error, match=message):
        function(labels, pred_probs)


@pytest.mark.parametrize(("options", "message"), [({"filter_by": "magic"}, "`filter_by`"), ({"n_jobs": 0}, "`n_jobs`")])
def test_argmax_confusion_rejects_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        find_label_issues_using_argmax_confusion_matrix(*SMALL.both(), **options)


def test_predicted_neq_given_of_label_sets_rejects_single_labels():
    with pytest.raises(ValueError, match="`labels` must hold a set of classes for every row"):
        find_predicted_neq_given(*SMALL.both(), multi_label=True)


def test_one_class_alone_has_no_issues():
    for filter_by in FILTERS:
        assert not find_label_issues([0, 0], [[1.0], [0.9]], filter_by=filter_by).any()


def test_a_class_of_one_row_can_lose_it_without_a_minimum():
    """Cleanlab never looks at a class of one row, whatever the minimum."""
    labels, pred_probs = np.array([0, 0, 0, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.85, 0.15], [0.9, 0.1]])
    options = {"confident_joint": np.array([[3, 0], [1, 0]]), "min_examples_per_class": 0}
    problem = Problem(labels, pred_probs)
    assert not cleanlab_issues(problem, **options).any()
    for filter_by in PRUNE_FILTERS:
        issues = find_label_issues(labels, pred_probs, filter_by=filter_by, **options)
        assert_masks_match(problem, issues, naive.find_label_issues(labels, pred_probs, filter_by=filter_by, **options))


def test_cleanlab_is_asked_for_the_same_joint():
    """The oracle of this file and that of `test_count` agree: a wrong joint shows there first."""
    joint = reference(cleanlab_count.compute_confident_joint, *RAGGED.both())
    assert_masks_match(RAGGED, find_label_issues(*RAGGED.both(), confident_joint=joint), cleanlab_issues(RAGGED))
