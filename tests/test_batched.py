"""Batch by batch is the same as all at once; S6 to S10 are where the reference's batched finder errs."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from problems import ALL_PROBLEMS, METHODS, make_problem, quietly, reference

from fastcl import count, filter, rank
from fastcl.experimental.label_issues_batched import LabelInspector, find_label_issues_batched, split_arr

PROBLEM = make_problem(2_003, 7, seed=51, never_given=[3])
METHODS_OF_COUNTING = ("off_diagonal", "off_diagonal_calibrated")


def inspect(problem, batch_size, **options):
    """Return an inspector that has seen a problem batch by batch."""
    inspector = LabelInspector(num_class=problem.n_classes, **options)
    batches = [slice(start, start + batch_size) for start in range(0, len(problem.labels), batch_size)]
    for rows in batches:
        inspector.update_confident_thresholds(problem.labels[rows], problem.pred_probs[rows])
    for rows in batches:
        inspector.score_label_quality(problem.labels[rows], problem.pred_probs[rows])
    return inspector


@pytest.mark.parametrize("batch_size", [1, 7, 100, 2_002, 10_000])
def test_inspector_is_batch_size_agnostic(batch_size):
    problem = make_problem(503, 5, seed=52)
    inspector, whole = inspect(problem, batch_size), inspect(problem, 503)
    assert inspector.get_confident_thresholds().tobytes() == whole.get_confident_thresholds().tobytes()
    assert inspector.get_quality_scores().tobytes() == whole.get_quality_scores().tobytes()
    assert inspector.get_label_issues().tolist() == whole.get_label_issues().tolist()


@pytest.mark.parametrize("method", METHODS)
def test_inspector_matches_all_at_once(any_problem, method):
    inspector = inspect(any_problem, 97, quality_score_kwargs={"method": method})
    both = any_problem.both()
    assert inspector.get_num_issues() == count.num_label_issues(*both)
    np.testing.assert_array_equal(inspector.get_confident_thresholds(), count.get_confident_thresholds(*both))
    np.testing.assert_array_equal(inspector.get_quality_scores(), rank.get_label_quality_scores(*both, method=method))


@pytest.mark.parametrize("n_rows", [1_003, 20_003])
def test_s8_s9_counts_are_exact_in_batches_of_any_size(n_rows):
    problem = make_problem(n_rows, 7, seed=53, strength=1.0)
    for method in METHODS_OF_COUNTING:
        inspector = inspect(problem, 10_001, num_issue_kwargs={"estimation_method": method}, n_jobs=2)
        assert inspector.get_num_issues() == count.num_label_issues(*problem.both(), estimation_method=method)


def test_s6_a_class_never_given_is_never_confident():
    inspector = inspect(PROBLEM, 100)
    assert inspector.get_confident_thresholds()[3] == 2
    assert inspector.get_num_issues() == count.num_label_issues(*PROBLEM.both())


@pytest.mark.parametrize("name", ALL_PROBLEMS)
def test_s7_rows_are_ranked_and_those_of_low_self_confidence_that_lose(name):
    both = ALL_PROBLEMS[name].both()
    rows = find_label_issues_batched(*both)
    scores = rank.get_label_quality_scores(*both)
    lowest = quietly(filter.find_label_issues, *both, filter_by="low_self_confidence")
    assert (np.diff(scores[rows]) >= 0).all()
    assert lowest[rows].all()
    mask = find_label_issues_batched(*both, return_mask=True)
    assert sorted(rows) == np.flatnonzero(mask).tolist()


def test_s10_a_memory_map_is_streamed(tmp_path):
    problem = make_problem(50_003, 40, seed=54)
    np.save(tmp_path / "labels.npy", problem.labels)
    np.save(tmp_path / "pred_probs.npy", problem.pred_probs)
    files = {"labels_file": tmp_path / "labels.npy", "pred_probs_file": str(tmp_path / "pred_probs.npy")}
    expected = find_label_issues_batched(*problem.both())
    tracemalloc.start()
    try:
        found = find_label_issues_batched(**files)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found, expected)
    assert peak < 60 * 50_003 + 500_000 < problem.pred_probs.nbytes / 4


def test_scores_and_thresholds_match_cleanlab():
    from cleanlab.experimental.label_issues_batched import LabelInspector as Reference

    problem = make_problem(1_003, 5, seed=55)
    theirs = reference(Reference, num_class=5, verbose=False)
    for step in ("update_confident_thresholds", "score_label_quality"):
        for rows in (slice(0, 400), slice(400, None)):
            reference(getattr(theirs, step), problem.labels[rows], problem.pred_probs[rows])
    ours = inspect(problem, 400)
    np.testing.assert_allclose(
        ours.get_confident_thresholds(), theirs.get_confident_thresholds(silent=True), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(ours.get_quality_scores(), theirs.get_quality_scores(), rtol=0, atol=1e-12)


def test_scores_are_returned_and_kept_only_if_wanted():
    inspector = LabelInspector(num_class=7, store_results=False)
    inspector.update_confident_thresholds(*PROBLEM.both())
    scores = inspector.score_label_quality(*PROBLEM.both(), update_num_issues=False)
    np.testing.assert_array_equal(scores, rank.get_label_quality_scores(*PROBLEM.both()))
    with pytest.raises(ValueError, match="No batch has been scored yet"):
        inspector.get_num_issues()
    with pytest.raises(ValueError, match="`store_results` must be True"):
        inspector.get_quality_scores()


def test_calls_in_the_wrong_order_are_refused():
    inspector = LabelInspector(num_class=7)
    with pytest.raises(ValueError, match="call `update_confident_thresholds` first"):
        inspector.score_label_quality(*PROBLEM.both())
    with pytest.raises(ValueError, match="call `score_label_quality` first"):
        inspector.get_label_issues()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_class": 0}, "`num_class` must be at least 1; got 0"),
        ({"num_class": 3, "num_issue_kwargs": {"estimation_method": "guess"}}, "`estimation_method` must be one of"),
        ({"num_class": 3, "num_issue_kwargs": {"method": "off_diagonal"}}, "`num_issue_kwargs` must hold"),
        ({"num_class": 3, "quality_score_kwargs": {"method": "guess"}}, "`method` must be one of"),
        ({"num_class": 3, "quality_score_kwargs": {"what": 1}}, "`quality_score_kwargs` must hold"),
    ],
)
def test_inspector_rejects_bad_options_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        LabelInspector(**options)


def test_inspector_rejects_another_number_of_classes():
    with pytest.raises(ValueError, match="`pred_probs` must have `num_class` = 6 columns; got 7"):
        LabelInspector(num_class=6).update_confident_thresholds(*PROBLEM.both())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "`labels` must be given, or `labels_file`, but not both; got neither"),
        ({"labels": PROBLEM.labels}, "`pred_probs` must be given, or `pred_probs_file`, but not both; got neither"),
        ({"labels": PROBLEM.labels, "labels_file": "x"}, "`labels` must be given.*got both"),
        ({"labels_file": 3}, "`labels_file` must be the path of a .npy file; got int"),
        ({"labels": PROBLEM.labels, "pred_probs": PROBLEM.pred_probs[1:]}, "one row for each label"),
        ({"batch_size": 0}, "`batch_size` must be at least 1; got 0"),
    ],
)
def test_find_rejects_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        find_label_issues_batched(**options)


def test_split_arr_gives_it_all_back():
    array = np.arange(10)
    parts = split_arr(array, 4)
    assert [len(part) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(parts), array)
