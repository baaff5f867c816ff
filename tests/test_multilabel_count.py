"""Thresholds, joints and numbers of issues of multi-label data: one problem of two sides for each class."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from cleanlab import count as cleanlab_count
from multilabel_problems import ALL_PROBLEMS, PROBLEMS, CellProblem, make_cells, naive_cells
from problems import reference

from fastcl import count
from fastcl.core import matrices
from fastcl.core.side_joints import calibrate_sides, raw_joints, removals
from fastcl.engine import multilabel as engine

every_problem = pytest.mark.parametrize("name", ALL_PROBLEMS)
PROBLEM = PROBLEMS["ragged"]


def one_sided(value):
    """Return a problem in which every row has class 2, or none."""
    given = PROBLEM.given.copy()
    given[:, 2] = value
    return CellProblem(given, PROBLEM.pred_probs)


WITH_ONE_SIDED = ALL_PROBLEMS | {"a class of all rows": one_sided(1), "a class of no row": one_sided(0)}


@pytest.mark.parametrize("name", WITH_ONE_SIDED)
def test_thresholds_match_naive_and_cleanlab(name):
    problem = WITH_ONE_SIDED[name]
    thresholds = count.get_confident_thresholds(*problem.both(), multi_label=True)
    expected = np.array([naive.thresholds(*view) for view in problem.views()])
    assert thresholds.dtype == np.float64
    np.testing.assert_allclose(thresholds, expected, rtol=1e-15, atol=0)
    theirs = reference(cleanlab_count.get_confident_thresholds, *problem.both(), multi_label=True)
    # the reference averages in the type of the probabilities
    np.testing.assert_allclose(thresholds, theirs, rtol=1e-6 if problem.pred_probs.dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("calibrate", [True, False])
@pytest.mark.parametrize("name", WITH_ONE_SIDED)
def test_joints_match_naive_and_cleanlab(name, calibrate):
    problem = WITH_ONE_SIDED[name]
    ask = {"multi_label": True, "calibrate": calibrate, "return_indices_of_off_diagonals": True}
    joints, off_diagonals = count.compute_confident_joint(*problem.both(), **ask)
    twin = naive.confident_joint if calibrate else naive.raw_joint
    np.testing.assert_array_equal(joints, [twin(*view) for view in problem.views()])
    expected, theirs = reference(cleanlab_count.compute_confident_joint, *problem.both(), **ask)
    np.testing.assert_array_equal(joints, expected)
    assert joints.dtype == expected.dtype
    for rows, of_naive, of_cleanlab in zip(off_diagonals, map(off_diagonal_rows, problem.views()), theirs, strict=True):
        np.testing.assert_array_equal(rows, of_naive)
        np.testing.assert_array_equal(rows, of_cleanlab)
    ask["return_indices_of_off_diagonals"] = False
    np.testing.assert_array_equal(count.compute_confident_joint(*problem.both(), **ask), joints)


def off_diagonal_rows(view):
    return np.array(naive.off_diagonal_rows(*view), np.int64)


@pytest.mark.parametrize("thresholds", [[0.7, 0.4], (0.2, 0.2), np.array([1.1, 0.0])])
def test_joints_by_thresholds_of_all_classes_match_cleanlab(thresholds):
    ask = {"multi_label": True, "thresholds": thresholds, "calibrate": False}
    joints = count.compute_confident_joint(*PROBLEM.both(), **ask)
    np.testing.assert_array_equal(joints, reference(cleanlab_count.compute_confident_joint, *PROBLEM.both(), **ask))
    ask["thresholds"] = np.tile(thresholds, (PROBLEM.n_classes, 1))
    np.testing.assert_array_equal(count.compute_confident_joint(*PROBLEM.both(), **ask), joints)


def test_s36_each_class_may_have_thresholds_of_its_own():
    thresholds = np.random.default_rng(0).uniform(0.2, 0.8, (PROBLEM.n_classes, 2))
    joints = count.compute_confident_joint(*PROBLEM.both(), thresholds=thresholds, multi_label=True)
    expected = [naive.confident_joint(*view, cuts) for view, cuts in zip(PROBLEM.views(), thresholds, strict=True)]
    np.testing.assert_array_equal(joints, expected)


@every_problem
def test_calibration_matches_cleanlab(name):
    problem = ALL_PROBLEMS[name]
    if not problem.given.any(axis=0).all():
        pytest.skip("S29: the reference loses classes that no row has")
    joints = np.random.default_rng(1).integers(0, 50, (problem.n_classes, 2, 2))
    calibrated = count.calibrate_confident_joint(joints, problem.lists, multi_label=True)
    expected = reference(cleanlab_count.calibrate_confident_joint, joints, problem.lists, multi_label=True)
    np.testing.assert_array_equal(calibrated, expected)


def test_s29_classes_are_those_of_the_joint():
    joints = np.tile([[8, 2], [1, 4]], (5, 1, 1))
    labels = [[0], [3], [0, 3], []]
    calibrated = count.calibrate_confident_joint(joints, labels, multi_label=True)
    have = np.array([2, 0, 0, 2, 0])
    np.testing.assert_array_equal(calibrated.sum(axis=2), np.column_stack([4 - have, have]))
    assert calibrated.shape == (5, 2, 2)


@pytest.mark.parametrize("order", ["C", "F"])
def test_stacked_algebra_matches_that_of_one_joint(order):
    """`calibrate` sums in the order of memory: a joint as counted lies by true side, one given by given side."""
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 9, (3_000, 2, 2)) * rng.integers(0, 2, (3_000, 2, 2))
    side_counts = rng.integers(0, 40, (3_000, 2))
    joints = raw_joints(counts) if order == "F" else np.ascontiguousarray(raw_joints(counts))
    calibrated = calibrate_sides(joints, side_counts)
    frac_noise, min_examples = rng.random(), 3
    removed, kept = removals(calibrated, min_examples, frac_noise)
    for c in range(len(joints)):
        np.testing.assert_array_equal(calibrated[c], matrices.calibrate(joints[c], side_counts[c]))
        pruned = matrices.prune_counts(calibrated[c], min_examples_per_class=min_examples, frac_noise=frac_noise)
        np.testing.assert_array_equal([removed[c, 0], removed[c, 1]], [pruned[0, 1], pruned[1, 0]])
        np.testing.assert_array_equal(kept[c], pruned.diagonal())


def test_removals_of_any_numbers_match_those_of_one_joint():
    joints = np.random.default_rng(3).random((500, 2, 2)) * 40
    for min_examples, frac_noise in ((0, 1.0), (1, 1.0), (25, 1.0), (25, 0.3)):
        removed, kept = removals(joints, min_examples, frac_noise)
        for c in range(len(joints)):
            pruned = matrices.prune_counts(joints[c], min_examples_per_class=min_examples, frac_noise=frac_noise)
            assert [[kept[c, 0], removed[c, 0]], [removed[c, 1], kept[c, 1]]] == pruned.tolist()


@pytest.mark.parametrize("name", PROBLEMS)
def test_joint_distribution_matches_cleanlab(name):
    problem = PROBLEMS[name]
    joint = count.estimate_joint(*problem.both(), multi_label=True)
    # a division by a sum of four
    expected = reference(cleanlab_count.estimate_joint, *problem.both(), multi_label=True)
    np.testing.assert_allclose(joint, expected, rtol=0, atol=1e-15)
    given = np.random.default_rng(4).integers(1, 50, (problem.n_classes, 2, 2))
    ask = {"confident_joint": given, "multi_label": True}
    joint = count.estimate_joint(*problem.both(), **ask)
    expected = reference(cleanlab_count.estimate_joint, *problem.both(), **ask)
    np.testing.assert_allclose(joint, expected, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(count.estimate_joint(problem.lists, **ask), joint)


def test_joint_distribution_without_labels_is_the_joint_normalised():
    joints = np.array([[[3, 0], [1, 4]], [[0, 0], [0, 0]]])
    joint = count.estimate_joint(None, confident_joint=joints, multi_label=True)
    np.testing.assert_array_equal(joint, [[[0.375, 0], [0.125, 0.5]], [[0, 0], [0, 0]]])


@every_problem
def test_number_of_issues_matches_naive_and_cleanlab(name):
    problem = ALL_PROBLEMS[name]
    number = count.num_label_issues(*problem.both(), multi_label=True)
    assert isinstance(number, int)
    assert number == naive_cells(problem, filter_by="confident_learning").any(axis=1).sum()
    assert number == reference(cleanlab_count.num_label_issues, *problem.both(), multi_label=True)


def test_number_of_issues_by_thresholds():
    data = PROBLEM.both()
    thresholds = count.get_confident_thresholds(*data, multi_label=True)
    number = count.num_label_issues(*data, multi_label=True)
    assert count.num_label_issues(*data, multi_label=True, thresholds=thresholds) == number
    assert count.num_label_issues(*data, multi_label=True, thresholds=[1.1, 1.1]) == 0


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("cells", [5, 97])
def test_counts_are_thread_and_block_size_agnostic(cells, n_jobs, monkeypatch):
    problem = make_cells(301, 3, seed=5)

    def answers(n_jobs):
        ask = {"multi_label": True, "n_jobs": n_jobs}
        joints, off_diagonals = count.compute_confident_joint(
            *problem.both(), return_indices_of_off_diagonals=True, **ask
        )
        return [count.get_confident_thresholds(*problem.both(), **ask), joints, *off_diagonals]

    expected = answers(1)
    monkeypatch.setattr(engine, "CELLS_AT_A_TIME", cells)
    for found, answer in zip(answers(n_jobs), expected, strict=True):
        np.testing.assert_array_equal(found, answer)


def test_labels_may_be_names_and_indicators():
    names = ["ant", "bee", "cat", "dog", "eel"]
    labels = [{names[c] for c in row} for row in PROBLEM.lists]
    expected = count.compute_confident_joint(*PROBLEM.both(), multi_label=True)
    ask = {"multi_label": True, "class_names": names}
    np.testing.assert_array_equal(count.compute_confident_joint(labels, PROBLEM.pred_probs, **ask), expected)
    np.testing.assert_array_equal(
        count.compute_confident_joint(PROBLEM.given, PROBLEM.pred_probs, multi_label=True), expected
    )


def test_number_of_issues_warns_of_what_it_does_not_use():
    expected = count.num_label_issues(*PROBLEM.both(), multi_label=True)
    ask = {"estimation_method": "off_diagonal_calibrated", "multi_label": True}
    with pytest.warns(UserWarning, match="`estimation_method` 'off_diagonal_calibrated' is not used"):
        assert count.num_label_issues(*PROBLEM.both(), **ask) == expected
    with pytest.warns(UserWarning, match="`confident_joint` is not used with `multi_label`"):
        assert count.num_label_issues(*PROBLEM.both(), confident_joint=np.ones((5, 2)), multi_label=True) == expected


@pytest.mark.parametrize(
    ("function", "ask", "error", "words"),
    [
        (count.num_label_issues, {"estimation_method": "best"}, ValueError, "`estimation_method` must be one of"),
        (count.num_label_issues, {"thresholds": [0.5] * 5}, ValueError, r"`thresholds` must have shape \(5, 2\)"),
        (count.compute_confident_joint, {"thresholds": [0.5] * 5}, ValueError, r"or \(2,\); got shape \(5,\)\.$"),
        (count.compute_confident_joint, {"thresholds": [[1], [1, 2]]}, ValueError, "rows of different lengths"),
        (count.compute_confident_joint, {"n_jobs": 0}, ValueError, "`n_jobs` must be"),
        (
            count.estimate_joint,
            {"confident_joint": np.eye(2)},
            ValueError,
            r"shape \(n_classes, 2, 2\); got shape \(2,",
        ),
        (count.estimate_joint, {"confident_joint": [[[np.nan] * 2] * 2]}, ValueError, "finite numbers of at least 0"),
        (count.estimate_joint, {"confident_joint": [1, [2]]}, ValueError, "rows of different lengths"),
    ],
)
def test_counts_reject_bad_options(function, ask, error, words):
    with pytest.raises(error, match=words):
        function(*PROBLEM.both(), multi_label=True, **ask)


def test_counts_reject_what_is_not_multi_label():
    flat = PROBLEM.given[:, 0]
    functions = (count.num_label_issues, count.compute_confident_joint, count.get_confident_thresholds)
    for function in functions:
        with pytest.raises(ValueError, match=r"`labels` must (have shape|hold a set of classes)"):
            function(flat, PROBLEM.pred_probs, multi_label=True)
    with pytest.raises(ValueError, match="`pred_probs` must be given without a `confident_joint`; got None"):
        count.estimate_joint(PROBLEM.lists, multi_label=True)
    with pytest.raises(ValueError, match="no NaN; got nan in row 4"):
        bad = PROBLEM.pred_probs.copy()
        bad[4, 2] = np.nan
        count.get_confident_thresholds(PROBLEM.lists, bad, multi_label=True)
