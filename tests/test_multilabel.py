"""Label issues in multi-label data, cells and rows, and the health of the classes."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import zarr
from cleanlab.multilabel_classification import dataset as cleanlab_dataset
from cleanlab.multilabel_classification import filter as cleanlab_filter
from multilabel_problems import ALL_PROBLEMS, PROBLEMS, TIED_PROBLEMS, CellProblem, naive_cells
from problems import FILTERS, METHODS, PRUNE_FILTERS, quietly, reference

from fastcl import filter as single_label
from fastcl.core.label_sets import LabelSets
from fastcl.core.led_cells import LedCells, lowest
from fastcl.core.scores import Scoring
from fastcl.engine import multilabel as engine
from fastcl.multilabel_classification import dataset, rank
from fastcl.multilabel_classification.filter import find_label_issues, find_multilabel_issues_per_class

every_filter = pytest.mark.parametrize("filter_by", FILTERS)
every_problem = pytest.mark.parametrize("name", ALL_PROBLEMS)
PROBLEM = PROBLEMS["ragged"]
JOINT = np.array([[[600, 45], [33, 200]]] * 5)

#: Options of the prune filters, for problems of 5 classes.
OPTIONS = {
    "none": {},
    "half the noise": {"frac_noise": 0.5},
    "many examples": {"min_examples_per_class": 640},
    "a joint": {"confident_joint": JOINT},
    "a foreign joint": {"confident_joint": np.array([[[600, 45], [33, 800]]] * 5), "min_examples_per_class": 300},
    "numbers": {"num_to_remove_per_class": [3, 0, 40, 1, 7]},
    "numbers and many examples": {"num_to_remove_per_class": [3, 5, 40, 1, 7], "min_examples_per_class": 700},
    "all": {"frac_noise": 0.7, "min_examples_per_class": 20, "confident_joint": JOINT},
}


def with_class(problem, c, value):
    """Return a problem in which every row has a class, or none."""
    given = problem.given.copy()
    given[:, c] = value
    return CellProblem(given, problem.pred_probs)


# -- cells


@every_filter
@pytest.mark.parametrize("name", sorted(set(ALL_PROBLEMS) - {"ragged"}))  # below, with options: the loops take a second
def test_cells_match_naive(name, filter_by):
    problem = ALL_PROBLEMS[name]
    issues = quietly(find_multilabel_issues_per_class, *problem.both(), filter_by=filter_by)
    np.testing.assert_array_equal(issues, naive_cells(problem, filter_by=filter_by))


@every_filter
@pytest.mark.parametrize("name", PROBLEMS)
def test_cells_match_cleanlab(name, filter_by):
    problem = PROBLEMS[name]
    issues = find_multilabel_issues_per_class(*problem.both(), filter_by=filter_by)
    ask = {"filter_by": filter_by, "n_jobs": 1}
    expected = reference(cleanlab_filter.find_multilabel_issues_per_class, *problem.both(), **ask)
    assert issues.shape == expected.shape
    assert issues.dtype == expected.dtype == bool
    np.testing.assert_array_equal(issues, expected)


@every_filter
@every_problem
def test_cells_are_those_of_one_class_at_a_time(name, filter_by):
    """Led cells are enough: the single-label search, which keeps all rows and has the same tie rule, agrees."""
    problem = ALL_PROBLEMS[name]
    issues = quietly(find_multilabel_issues_per_class, *problem.both(), filter_by=filter_by)
    for c, (labels, pred_probs) in enumerate(problem.views()):
        expected = quietly(single_label.find_label_issues, labels, pred_probs, filter_by=filter_by)
        np.testing.assert_array_equal(issues[:, c], expected)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("filter_by", PRUNE_FILTERS)
def test_options_match_naive_and_cleanlab(filter_by, options):
    ask = OPTIONS[options] | {"filter_by": filter_by}
    issues = quietly(find_multilabel_issues_per_class, *PROBLEM.both(), **ask)
    expected = reference(cleanlab_filter.find_multilabel_issues_per_class, *PROBLEM.both(), n_jobs=1, **ask)
    np.testing.assert_array_equal(issues, expected)
    ask["num_to_remove"] = ask.pop("num_to_remove_per_class", None)
    np.testing.assert_array_equal(issues, naive_cells(PROBLEM, **ask))
    assert issues.any() or (options.startswith("numbers") and filter_by != "prune_by_class")


def naive_lowest(led, scores, wanted, c, side):
    """Return the wanted lowest scores of one class and side among its lost cells, in the words of the rule."""
    cells = [e for e in range(led.offsets[2 * c + side], led.offsets[2 * c + side + 1]) if led.lost[e]]
    return sorted(cells, key=lambda e: (scores[e], led.rows[e]))[:wanted]


@every_problem
def test_lowest_matches_naive(name):
    problem = ALL_PROBLEMS[name]
    led = engine.sweep_cells(engine.open_cells(*problem.both())).led
    scores = np.random.default_rng(0).integers(0, 5, len(led)).astype(led.values.dtype)
    wanted = np.random.default_rng(1).integers(0, 1 + led.counts().max(), led.counts().shape)
    expected = np.zeros(len(led), bool)
    for c in range(problem.n_classes):
        for side in (0, 1):
            expected[naive_lowest(led, scores, wanted[c, side], c, side)] = True
    np.testing.assert_array_equal(lowest(led, scores, wanted), expected)


@every_problem
def test_led_cells_match_naive(name):
    problem = ALL_PROBLEMS[name]
    led = engine.sweep_cells(engine.open_cells(*problem.both())).led
    expected = []
    for c, (labels, pred_probs) in enumerate(problem.views()):
        for side in (0, 1):
            of_side = np.flatnonzero((labels == side) & (pred_probs.argmax(axis=1) != labels))
            expected += [(c, side, row) for row in of_side if 0 < labels.sum() < len(labels)]
    sides = np.repeat(np.arange(2 * problem.n_classes), np.diff(led.offsets))
    assert list(zip(sides // 2, sides % 2, led.rows, strict=True)) == expected
    np.testing.assert_array_equal(led.given, sides % 2)
    np.testing.assert_array_equal(led.values, problem.pred_probs[led.rows, sides // 2])


@every_filter
@pytest.mark.parametrize("method", METHODS)
def test_ranked_cells_match_cleanlab(method, filter_by):
    ask = {"return_indices_ranked_by": method, "filter_by": filter_by}
    ranked, labels, views = find_multilabel_issues_per_class(*PROBLEM.both(), **ask)
    expected = reference(cleanlab_filter.find_multilabel_issues_per_class, *PROBLEM.both(), n_jobs=1, **ask)
    for ours, theirs in zip((ranked, labels, views), expected, strict=True):
        assert [each.dtype for each in ours] == [each.dtype for each in theirs]
    for c in range(PROBLEM.n_classes):
        np.testing.assert_array_equal(ranked[c], expected[0][c])
        np.testing.assert_array_equal(labels[c], expected[1][c])
        np.testing.assert_array_equal(views[c], expected[2][c])


@pytest.mark.parametrize("method", METHODS[:2])
def test_cells_ranked_by_adjusted_scores_match_cleanlab(method):
    ask = {"return_indices_ranked_by": method, "rank_by_kwargs": {"adjust_pred_probs": True}}
    ranked, *_ = find_multilabel_issues_per_class(*PROBLEM.both(), **ask)
    expected, *_ = reference(cleanlab_filter.find_multilabel_issues_per_class, *PROBLEM.both(), n_jobs=1, **ask)
    for ours, theirs in zip(ranked, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_ranked_ties_go_to_the_earlier_row():
    problem = TIED_PROBLEMS["eighths"]
    ranked, *_ = find_multilabel_issues_per_class(*problem.both(), "self_confidence")
    for c, rows in enumerate(ranked):
        own = np.where(problem.given[rows, c], problem.pred_probs[rows, c], 1 - problem.pred_probs[rows, c])
        np.testing.assert_array_equal(rows, rows[np.lexsort((rows, own))])


# -- rows


@every_filter
@pytest.mark.parametrize("name", PROBLEMS)
def test_rows_match_cleanlab(name, filter_by):
    problem = PROBLEMS[name]
    if problem.n_classes == 1 and filter_by.startswith("low_"):
        pytest.skip("the reference refuses to score one class")
    issues = find_label_issues(*problem.both(), filter_by=filter_by)
    expected = reference(cleanlab_filter.find_label_issues, *problem.both(), filter_by=filter_by, n_jobs=1)
    np.testing.assert_array_equal(issues, expected)


@every_filter
@pytest.mark.parametrize("method", METHODS)
def test_ranked_rows_match_cleanlab(method, filter_by):
    ask = {"return_indices_ranked_by": method, "filter_by": filter_by}
    rows = find_label_issues(*PROBLEM.both(), **ask)
    expected = reference(cleanlab_filter.find_label_issues, *PROBLEM.both(), n_jobs=1, **ask)
    if filter_by.startswith("low_"):  # S13: scrambled in the reference
        rows, expected = np.sort(rows), np.sort(expected)
    np.testing.assert_array_equal(rows, expected)


def test_rows_ranked_by_adjusted_scores_match_cleanlab():
    ask = {"return_indices_ranked_by": "self_confidence", "rank_by_kwargs": {"adjust_pred_probs": True}}
    expected = reference(cleanlab_filter.find_label_issues, *PROBLEM.both(), n_jobs=1, **ask)
    np.testing.assert_array_equal(find_label_issues(*PROBLEM.both(), **ask), expected)


@every_filter
@every_problem
def test_rows_are_those_of_their_cells(name, filter_by):
    problem = ALL_PROBLEMS[name]
    ask = {"filter_by": filter_by}
    issues = quietly(find_label_issues, *problem.both(), **ask)
    if filter_by.startswith("low_"):
        confident = find_label_issues(*problem.both(), filter_by="confident_learning")
        scores = rank.get_label_quality_scores(*problem.both())
        expected = np.zeros(len(scores), bool)
        expected[np.lexsort((np.arange(len(scores)), scores))[: confident.sum()]] = True
    else:
        expected = quietly(find_multilabel_issues_per_class, *problem.both(), **ask).any(axis=1)
    np.testing.assert_array_equal(issues, expected)


@every_filter
def test_the_flag_of_the_single_label_filter_asks_the_same(filter_by):
    for ask in ({}, {"return_indices_ranked_by": "normalized_margin"}):
        ask |= {"filter_by": filter_by}
        issues = single_label.find_label_issues(*PROBLEM.both(), multi_label=True, **ask)
        np.testing.assert_array_equal(issues, find_label_issues(*PROBLEM.both(), **ask))
        expected = reference(single_label_reference, *PROBLEM.both(), multi_label=True, n_jobs=1, **ask)
        np.testing.assert_array_equal(np.sort(issues), np.sort(expected))


def single_label_reference(*data, **options):
    from cleanlab.filter import find_label_issues as search

    return search(*data, **options)


@every_problem
def test_predicted_neq_given_matches_cleanlab(name):
    from cleanlab.filter import find_predicted_neq_given

    problem = ALL_PROBLEMS[name]
    issues = single_label.find_predicted_neq_given(*problem.both(), multi_label=True)
    expected = reference(find_predicted_neq_given, *problem.both(), multi_label=True)
    np.testing.assert_array_equal(issues, expected)


def test_given_thresholds_change_the_search():
    thresholds = quietly(engine.sweep_cells, engine.open_cells(*PROBLEM.both())).thresholds
    for filter_by in FILTERS:
        ask = {"filter_by": filter_by}
        issues = find_label_issues(*PROBLEM.both(), **ask)
        np.testing.assert_array_equal(find_label_issues(*PROBLEM.both(), thresholds=thresholds, **ask), issues)
    assert not find_label_issues(*PROBLEM.both(), thresholds=[1.1, 1.1], filter_by="confident_learning").any()
    one_half = find_label_issues(*PROBLEM.both(), thresholds=[0.5, 0.5], filter_by="confident_learning")
    np.testing.assert_array_equal(one_half, find_label_issues(*PROBLEM.both(), filter_by="predicted_neq_given"))


# -- one answer, whatever it comes from


def answers(labels, pred_probs, **options):
    """Return every kind of answer."""
    kinds = {name: find_multilabel_issues_per_class(labels, pred_probs, filter_by=name, **options) for name in FILTERS}
    kinds |= {(name, "rows"): find_label_issues(labels, pred_probs, filter_by=name, **options) for name in FILTERS}
    kinds["ranked"] = find_label_issues(labels, pred_probs, "self_confidence", {"adjust_pred_probs": True}, **options)
    kinds["per class"] = np.concatenate(find_multilabel_issues_per_class(labels, pred_probs, METHODS[2], **options)[0])
    return kinds


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, answer in expected.items():
        np.testing.assert_array_equal(found[name], answer, err_msg=str(name))


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize(("name", "cells"), [("very few rows", 1), ("few rows", 7), ("eighths", 97)])
def test_answers_are_thread_and_block_size_agnostic(name, cells, n_jobs, monkeypatch):
    problem = ALL_PROBLEMS[name]
    expected = quietly(answers, *problem.both(), n_jobs=1)
    monkeypatch.setattr(engine, "CELLS_AT_A_TIME", cells)
    monkeypatch.setattr("fastcl.multilabel_classification.search.CELLS_AT_A_TIME", cells)
    assert_same(quietly(answers, *problem.both(), n_jobs=n_jobs), expected)


def npy_path(pred_probs, folder):
    np.save(folder / "p.npy", pred_probs)
    return str(folder / "p.npy")


def memory_map(pred_probs, folder):
    return np.load(npy_path(np.asfortranarray(pred_probs), folder), mmap_mode="r")


SOURCES = {
    "Fortran order": lambda p, _: np.asfortranarray(p),
    "every other column": lambda p, _: np.repeat(p, 2, axis=1)[:, ::2],
    "backwards": lambda p, _: p[::-1].copy()[::-1],
    "big endian": lambda p, _: p.astype(p.dtype.newbyteorder(">")),
    "list": lambda p, _: p.tolist(),
    "pandas": lambda p, _: pd.DataFrame(p),
    "polars": lambda p, _: pl.DataFrame(p),
    ".npy": npy_path,
    "memory map": memory_map,
    "zarr": lambda p, _: zarr.array(p, chunks=(50, 2)),
}


@pytest.mark.parametrize("source", SOURCES)
def test_answers_are_source_agnostic(source, tmp_path, monkeypatch):
    problem = PROBLEMS["weak model"]
    expected = quietly(answers, *problem.both())
    monkeypatch.setattr(engine, "CELLS_AT_A_TIME", 333)
    assert_same(quietly(answers, problem.lists, SOURCES[source](problem.pred_probs, tmp_path)), expected)


LABELS = {
    "sets": lambda given: [set(np.flatnonzero(row).tolist()) for row in given],
    "tuples": lambda given: [tuple(np.flatnonzero(row).tolist()) for row in given],
    "arrays": lambda given: [np.flatnonzero(row) for row in given],
    "a dense array": lambda given: given,
    "booleans": lambda given: given.astype(bool),
    "floats": lambda given: given.astype(float),
    "a frame": pd.DataFrame,
    "a sparse matrix": scipy.sparse.csr_matrix,
    "a sparse array by columns": scipy.sparse.csc_array,
}


@pytest.mark.parametrize("kind", LABELS)
def test_answers_are_label_kind_agnostic(kind):
    problem = PROBLEMS["weak model"]
    expected = quietly(answers, *problem.both())
    assert_same(quietly(answers, LABELS[kind](problem.given), problem.pred_probs), expected)


def test_labels_may_be_a_path(tmp_path):
    np.save(tmp_path / "y.npy", PROBLEM.given)
    np.save(tmp_path / "p.npy", PROBLEM.pred_probs)
    issues = find_label_issues(tmp_path / "y.npy", tmp_path / "p.npy")
    np.testing.assert_array_equal(issues, find_label_issues(*PROBLEM.both()))


def test_float16_is_worked_on_as_float32():
    half = PROBLEM.as_type(np.float16)
    expected = quietly(answers, half.lists, half.pred_probs.astype(np.float32))
    assert_same(quietly(answers, *half.both()), expected)


def test_inputs_are_not_modified_and_may_be_read_only():
    given, pred_probs = PROBLEM.given.copy(), PROBLEM.pred_probs.copy()
    given.flags.writeable = pred_probs.flags.writeable = False
    assert_same(answers(given, pred_probs), answers(*PROBLEM.both()))


def test_a_memory_map_is_not_copied_as_a_whole(tmp_path):
    import tracemalloc

    rng = np.random.default_rng(9)
    true = rng.random((100_000, 20)) < 0.1
    problem = CellProblem(
        (true ^ (rng.random(true.shape) < 0.02)).astype(np.uint8), np.abs(true - rng.random(true.shape) / 2)
    )
    path = npy_path(problem.pred_probs, tmp_path)
    find_label_issues(problem.given, path, n_jobs=2)
    tracemalloc.start()
    find_label_issues(problem.given, path, n_jobs=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    led = engine.sweep_cells(engine.open_cells(problem.given, path)).led
    # led cells as they come, sorted, and with what is computed of them; the labels; some blocks
    assert peak < 60 * len(led) + 8 * (len(problem.given) + problem.given.sum()) + 3e6
    assert peak < problem.pred_probs.nbytes / 2


# -- decisions


@pytest.mark.parametrize("value", [0, 1])
@every_filter
def test_s4_a_class_that_all_rows_or_none_have_is_never_an_issue(filter_by, value):
    others = [0, 1, 3, 4]
    problem = with_class(PROBLEM, 2, value)
    without = CellProblem(PROBLEM.given[:, others], PROBLEM.pred_probs[:, others])
    for joints in (None, JOINT) if filter_by in PRUNE_FILTERS else (None,):
        ask = {"filter_by": filter_by, "confident_joint": joints}
        issues = find_multilabel_issues_per_class(*problem.both(), **ask)
        assert not issues[:, 2].any()
        ask["confident_joint"] = None if joints is None else joints[others]
        expected = find_multilabel_issues_per_class(*without.both(), **ask)
        np.testing.assert_array_equal(issues[:, others], expected)
    assert find_label_issues(*problem.both(), filter_by=filter_by).any()


def test_s4_a_class_without_rows_matches_cleanlab_where_that_answers():
    problem = with_class(PROBLEM, 2, 0)
    for filter_by in (*PRUNE_FILTERS, "confident_learning"):
        issues = find_multilabel_issues_per_class(*problem.both(), filter_by=filter_by)
        ask = {"filter_by": filter_by, "n_jobs": 1}
        expected = reference(cleanlab_filter.find_multilabel_issues_per_class, *problem.both(), **ask)
        np.testing.assert_array_equal(issues, expected)


def test_s4_predicted_neq_given_answers():
    for value in (0, 1):
        issues = single_label.find_predicted_neq_given(*with_class(PROBLEM, 2, value).both(), multi_label=True)
        others = np.delete(np.arange(5), 2)
        expected = ((PROBLEM.pred_probs > 0.5) != PROBLEM.given)[:, others].any(axis=1)
        np.testing.assert_array_equal(issues, expected)


def test_s12_the_number_to_remove_means_opposite_sides():
    numbers = [3, 0, 40, 1, 7]
    ask = {"num_to_remove_per_class": numbers}
    by_rate = find_multilabel_issues_per_class(*PROBLEM.both(), filter_by="prune_by_noise_rate", **ask)
    by_class = find_multilabel_issues_per_class(*PROBLEM.both(), filter_by="prune_by_class", **ask)
    assert (by_rate & (PROBLEM.given == 1)).sum(axis=0).tolist() == by_rate.sum(axis=0).tolist() == numbers
    assert (by_class & (PROBLEM.given == 0)).sum(axis=0).tolist() == by_class.sum(axis=0).tolist() == numbers
    assert not find_multilabel_issues_per_class(*PROBLEM.both(), filter_by="both", **ask).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("filter_by", ["low_self_confidence", "low_normalized_margin"])
def test_s13_low_filters_rank_worst_first(filter_by, method):
    rows = find_label_issues(*PROBLEM.both(), method, filter_by=filter_by)
    scores = rank.get_label_quality_scores(*PROBLEM.both(), method=method)[rows]
    assert (np.diff(scores) >= 0).all()


@pytest.mark.parametrize("filter_by", PRUNE_FILTERS)
def test_s14_low_memory_changes_nothing(filter_by):
    for ask in OPTIONS.values():
        ask = ask | {"filter_by": filter_by}
        for function in (find_label_issues, find_multilabel_issues_per_class):
            expected = quietly(function, *PROBLEM.both(), **ask)
            np.testing.assert_array_equal(quietly(function, *PROBLEM.both(), low_memory=True, **ask), expected)


def test_s14_an_array_is_indicators():
    expected = find_label_issues(*PROBLEM.both())
    np.testing.assert_array_equal(find_label_issues(PROBLEM.given, PROBLEM.pred_probs), expected)
    theirs = reference(cleanlab_filter.find_label_issues, PROBLEM.given, PROBLEM.pred_probs, n_jobs=1)
    assert theirs.sum() > 1.5 * expected.sum()  # read as lists of the classes 0 and 1


# -- health


def assert_equal_tables(ours, theirs, drop=()):
    """Assert that two tables have the same rows, in whatever order rows tie."""
    assert list(ours.columns) == list(theirs.columns)
    by = [name for name in ("Class Index", "In Given Label") if name in ours]
    ours, theirs = (table.drop(columns=list(drop)).sort_values(by).reset_index(drop=True) for table in (ours, theirs))
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)


NAMES = ["ant", "bee", "cat", "dog", "eel"]
NOISE = ["Label Noise", "Label Quality Score"]


@pytest.mark.parametrize("ask", [{}, {"class_names": NAMES}, {"confident_joint": JOINT}])
def test_common_issues_match_cleanlab(ask):
    table = dataset.common_multilabel_issues(*PROBLEM.both(), **ask)
    expected = reference(cleanlab_dataset.common_multilabel_issues, *PROBLEM.both(), **ask)
    assert_equal_tables(table, expected)
    assert (np.diff(table["Num Examples"]) <= 0).all()


@pytest.mark.parametrize("ask", [{}, {"class_names": NAMES}, {"joint": JOINT}])
def test_ranked_classes_match_cleanlab(ask):
    table = dataset.rank_classes_by_multilabel_quality(*PROBLEM.both(), **ask)
    expected = reference(cleanlab_dataset.rank_classes_by_multilabel_quality, *PROBLEM.both(), **ask)
    expected["Label Issues"] = np.rint(expected["Label Noise"] * len(PROBLEM.given)).astype(int)  # S28
    expected["Inverse Label Issues"] = np.rint(expected["Inverse Label Noise"] * len(PROBLEM.given)).astype(int)
    assert_equal_tables(table, expected, drop=NOISE)
    assert (np.diff(table["Label Quality Score"]) >= 0).all()


@pytest.mark.parametrize("ask", [{}, {"confident_joint": JOINT}])
def test_overall_health_matches_cleanlab(ask):
    health = dataset.overall_multilabel_health_score(*PROBLEM.both(), **ask)
    assert isinstance(health, float)
    assert health == reference(cleanlab_dataset.overall_multilabel_health_score, *PROBLEM.both(), **ask)


def test_summary_is_made_of_the_three_answers_and_one_search(caplog, monkeypatch):
    from fastcl.multilabel_classification import search

    calls = []
    monkeypatch.setattr(
        search, "sweep_cells", lambda *data, **options: calls.append(0) or engine.sweep_cells(*data, **options)
    )
    with caplog.at_level(logging.INFO):
        summary = dataset.multilabel_health_summary(*PROBLEM.both(), class_names=NAMES, confident_joint=JOINT)
    assert len(calls) == 1
    ask = {"class_names": NAMES, "confident_joint": JOINT}
    pd.testing.assert_frame_equal(
        summary["common_multilabel_issues"], dataset.common_multilabel_issues(*PROBLEM.both(), **ask)
    )
    pd.testing.assert_frame_equal(
        summary["classes_by_multilabel_quality"], dataset.rank_classes_by_multilabel_quality(*PROBLEM.both(), **ask)
    )
    assert summary["overall_multilabel_health_score"] == dataset.overall_multilabel_health_score(
        *PROBLEM.both(), confident_joint=JOINT
    )
    assert "of 1003 rows look right" in caplog.text
    theirs = reference(cleanlab_dataset.multilabel_health_summary, *PROBLEMS["few rows"].both())
    assert summary.keys() == theirs.keys()


def test_summary_is_quiet_if_asked_and_counts_as_asked(caplog, capsys):
    with caplog.at_level(logging.INFO):
        dataset.multilabel_health_summary(*PROBLEM.both(), verbose=False)
        assert not caplog.text
        dataset.multilabel_health_summary(*PROBLEM.both(), num_examples=77)
    assert "of 77 rows" in caplog.text
    assert not capsys.readouterr().out


def test_s28_counts_are_exact_and_noise_is_relative_to_the_rows_of_the_class():
    issues = find_multilabel_issues_per_class(*PROBLEM.both())
    table = dataset.rank_classes_by_multilabel_quality(*PROBLEM.both()).sort_values("Class Index")
    wrong, missing = (issues & (PROBLEM.given == 1)).sum(axis=0), (issues & (PROBLEM.given == 0)).sum(axis=0)
    np.testing.assert_array_equal(table["Label Issues"], wrong)
    np.testing.assert_array_equal(table["Inverse Label Issues"], missing)
    np.testing.assert_array_equal(table["Label Noise"], wrong / PROBLEM.given.sum(axis=0))
    np.testing.assert_array_equal(table["Inverse Label Noise"], missing / len(PROBLEM.given))
    np.testing.assert_array_equal(table["Label Quality Score"], 1 - wrong / PROBLEM.given.sum(axis=0))


def test_s28_a_joint_is_used_under_both_names():
    plain = dataset.rank_classes_by_multilabel_quality(*PROBLEM.both())
    table = dataset.rank_classes_by_multilabel_quality(*PROBLEM.both(), confident_joint=JOINT)
    assert not table.equals(plain)
    pd.testing.assert_frame_equal(table, dataset.rank_classes_by_multilabel_quality(*PROBLEM.both(), joint=JOINT))


def test_a_class_that_no_row_has_stands_last():
    table = dataset.rank_classes_by_multilabel_quality(*with_class(PROBLEM, 2, 0).both())
    assert table["Class Index"].iloc[-1] == 2
    assert np.isnan(table["Label Noise"].iloc[-1])


def test_tables_are_of_the_callers_library_and_bear_names():
    frame = pl.DataFrame({name: PROBLEM.pred_probs[:, c] for c, name in enumerate(NAMES)})
    table = dataset.common_multilabel_issues([[NAMES[c] for c in row] for row in PROBLEM.lists], frame)
    assert isinstance(table, pl.DataFrame)
    expected = dataset.common_multilabel_issues(*PROBLEM.both(), class_names=NAMES)
    assert table["Class Name"].to_list() == expected["Class Name"].tolist()


# -- bad input


def refusal(error, function, *args, **options):
    """Return the one sentence, or two, with which a function refuses its input."""
    with pytest.raises(error) as caught, warnings.catch_warnings():
        warnings.simplefilter("error")
        function(*args, **options)
    text = str(caught.value)
    assert type(caught.value) is error
    assert text.startswith("`")
    assert "\n" not in text
    assert text.count(". ") <= 1 or text.endswith(".")
    return text


FUNCTIONS = [
    find_label_issues,
    find_multilabel_issues_per_class,
    lambda *data, **ask: single_label.find_label_issues(*data, multi_label=True, **ask),
]


def changed(array, where, value):
    array = array.astype(np.result_type(array, 1.0))
    array[where] = value
    return array


P = PROBLEM.pred_probs
BAD_DATA = [
    (PROBLEM.lists, changed(P, (7, 1), np.nan), "no NaN; got nan in row 7 (1 such rows)."),
    (PROBLEM.lists, changed(P, (slice(7, 9), 1), 1.5), "got 1.5 in row 7 (2 such rows). These look like counts"),
    (PROBLEM.lists, changed(P, (0, 4), -2.5), "These look like logits: apply the sigmoid function first."),
    (PROBLEM.lists, changed(P, (0, 4), -3e-6), "got -3e-06 in row 0 (1 such rows)."),
    (PROBLEM.lists, P[:, 0], "`pred_probs` must have shape (n_samples, n_classes); got shape (1003,)."),
    (PROBLEM.lists, P[:-1], "`pred_probs` must have one row for each label; got 1,002 rows for 1,003 labels."),
    (PROBLEM.lists[:-1], P, "`pred_probs` must have one row for each label; got 1,003 rows for 1,002 labels."),
    (PROBLEM.lists, "p.csv", "the path of a .npy file; got 'p.csv'."),
    ("y.parquet", P, "`labels` must be an array, a table, or the path of a .npy file; got 'y.parquet'."),
    ([[5], *PROBLEM.lists[1:]], P, "`labels` must be class indices in [0, 5); got 5 in row 0"),
    (PROBLEM.given[:, :4], P, "`labels` must have shape (n_samples, 5)"),
    (PROBLEM.given * 2, P, "`labels` must hold only 0 and 1 if it is a matrix"),
    (PROBLEM.given[:, 0].tolist(), P, "`labels` must hold a set of classes for every row"),
]


@pytest.mark.parametrize("case", range(len(BAD_DATA)))
def test_search_rejects_bad_data(case):
    labels, pred_probs, words = BAD_DATA[case]
    summary = dataset.multilabel_health_summary
    for function in (*FUNCTIONS, summary, rank.get_label_quality_scores):
        assert words in refusal(ValueError, function, labels, pred_probs)


BAD_OPTIONS = [
    ({"filter_by": "best"}, ValueError, "`filter_by` must be one of"),
    ({"return_indices_ranked_by": "best"}, ValueError, "`return_indices_ranked_by` must be one of"),
    ({"return_indices_ranked_by": ""}, ValueError, "`return_indices_ranked_by` must be one of"),
    ({"return_indices_ranked_by": np.ones(2)}, ValueError, "`return_indices_ranked_by` must be one of"),
    ({"rank_by_kwargs": {"adjust": 1}}, ValueError, "`rank_by_kwargs` must be a dict that holds"),
    (
        {"return_indices_ranked_by": METHODS[2], "rank_by_kwargs": {"adjust_pred_probs": True}},
        ValueError,
        "`adjust_pred_probs` must be False",
    ),
    ({"frac_noise": 1.5}, ValueError, "`frac_noise` must lie in [0, 1]"),
    ({"min_examples_per_class": 1.5}, TypeError, "`min_examples_per_class` must be a whole number"),
    ({"num_to_remove_per_class": [1]}, ValueError, "`num_to_remove_per_class` must have shape (5,)"),
    ({"num_to_remove_per_class": [1, 2, 3, 4, -5]}, ValueError, "`num_to_remove_per_class` must not be negative"),
    ({"num_to_remove_per_class": [1.5] * 5}, TypeError, "`num_to_remove_per_class` must hold integers"),
    ({"num_to_remove_per_class": [1] * 5, "filter_by": FILTERS[4]}, ValueError, "must be None for"),
    ({"confident_joint": np.ones((5, 2))}, ValueError, "`confident_joint` must have shape (5, 2, 2)"),
    ({"confident_joint": np.ones((4, 2, 2))}, ValueError, "got shape (4, 2, 2)."),
    ({"confident_joint": [[1], [1, 2]]}, ValueError, "`confident_joint` must be an array; got rows of different"),
    ({"confident_joint": -JOINT}, ValueError, "`confident_joint` must hold finite numbers of at least 0"),
    ({"confident_joint": "joint"}, TypeError, "`confident_joint` must hold real numbers"),
    ({"thresholds": [0.5] * 5}, ValueError, "`thresholds` must have shape (5, 2)"),
    ({"thresholds": [0.5, np.nan]}, ValueError, "`thresholds` must hold no NaN"),
    ({"thresholds": ["a", "b"]}, TypeError, "`thresholds` must hold real numbers"),
    ({"n_jobs": 0}, ValueError, "`n_jobs` must be None, -1 or a positive integer"),
    ({"class_names": ["a", "b"]}, ValueError, "`class_names` must name each of the 5 columns"),
]


@pytest.mark.parametrize("case", range(len(BAD_OPTIONS)))
def test_search_rejects_bad_options(case, monkeypatch):
    options, error, words = BAD_OPTIONS[case]
    for function in FUNCTIONS:
        assert words in refusal(error, function, *PROBLEM.both(), **options)
    if "n_jobs" not in options:  # before any work
        monkeypatch.setattr(engine, "reduce_items", None)
        for function in FUNCTIONS:
            refusal(error, function, *PROBLEM.both(), **options)


def test_health_rejects_what_is_missing_or_double():
    functions = [
        dataset.common_multilabel_issues,
        dataset.rank_classes_by_multilabel_quality,
        dataset.overall_multilabel_health_score,
        dataset.multilabel_health_summary,
    ]
    for function in functions:
        assert "`labels` must be given; got None." in refusal(ValueError, function)
        assert "`pred_probs` must be given; got None." in refusal(ValueError, function, PROBLEM.lists)
        assert "`n_jobs` must be" in refusal(ValueError, function, *PROBLEM.both(), n_jobs=-3)
    double = {"joint": JOINT, "confident_joint": JOINT}
    assert "`joint` must be None" in refusal(ValueError, functions[1], *PROBLEM.both(), **double)
    assert "`num_examples`" in refusal(ValueError, functions[3], *PROBLEM.both(), num_examples=0)


def test_search_warns_of_what_it_does_not_use():
    with pytest.warns(UserWarning, match=r"`confident_joint` of shape \(5, 5\) is not used"):
        issues = find_label_issues(*PROBLEM.both(), confident_joint=np.ones((5, 5)))
    np.testing.assert_array_equal(issues, find_label_issues(*PROBLEM.both()))
    with pytest.warns(UserWarning, match="`confident_joint` is not used by 'low_self_confidence'") as caught:
        find_label_issues(*PROBLEM.both(), confident_joint=JOINT, filter_by="low_self_confidence")
    assert len(caught) == 1
    counts = PROBLEM.given.sum(axis=0)
    with pytest.warns(UserWarning, match=f"of them: {NAMES[counts.argmin()]}.$"):
        find_label_issues(*PROBLEM.both(), class_names=NAMES, min_examples_per_class=int(counts.min()))


def test_a_row_may_have_no_class_and_a_class_no_led_cell():
    pred_probs = np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.2]])
    issues = quietly(answers, [[0], [1], []], pred_probs)
    assert not any(answer.any() for name, answer in issues.items() if name not in ("ranked", "per class"))
    assert not issues["ranked"].size


def test_led_cells_take_a_class_range():
    led = engine.sweep_cells(engine.open_cells(*PROBLEM.both())).led
    part = led[1:3]
    assert isinstance(part, LedCells)
    np.testing.assert_array_equal(part.counts(), led.counts()[1:3])
    np.testing.assert_array_equal(part.rows, led.rows[led.offsets[2] : led.offsets[6]])


def test_a_source_that_shrinks_is_noticed():
    source = engine.open_cells(*PROBLEM.both())
    assert isinstance(source.sets, LabelSets)
    shorter = engine.CellSource(source.sets, PROBLEM.pred_probs[:900])
    assert "`pred_probs` must keep its rows" in refusal(ValueError, engine.sweep_cells, shorter)


# -- real data


def test_multilabel_data_match_cleanlab(real_data):
    file = np.load(real_data / "multilabel" / "small_lr_seeds0-4.npz")
    for seed, filters in enumerate([FILTERS, FILTERS[:1], FILTERS[1:2], FILTERS[3:4], FILTERS[6:7]]):
        problem = CellProblem(file[f"labels{seed}"], file[f"pred_probs{seed}"])
        for filter_by in filters:
            issues = find_label_issues(*problem.both(), filter_by=filter_by)
            expected = reference(cleanlab_filter.find_label_issues, *problem.both(), filter_by=filter_by, n_jobs=1)
            np.testing.assert_array_equal(issues, expected)


def test_issues_of_multilabel_data_are_wrong_more_often_than_others(real_data):
    """About half of the rows found hold a wrong label, and a sixth of the others."""
    file = np.load(real_data / "multilabel" / "small_lr_seeds0-4.npz")
    for seed in range(5):
        given, true = file[f"labels{seed}"], file[f"true{seed}"]
        wrong = (given != true).any(axis=1)
        issues = find_label_issues(given, file[f"pred_probs{seed}"])
        assert wrong[issues].mean() > 2 * wrong[~issues].mean()


def test_scoring_of_no_method_ranks_by_self_confidence():
    from fastcl.multilabel_classification.search import ranking

    assert ranking(None, None) == Scoring("self_confidence")
