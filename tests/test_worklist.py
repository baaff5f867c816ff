"""The worklist: the issues of `find_label_issues` in its order, with suggestions; files are whole or not there."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from problems import FILTERS, METHODS, make_problem

import fastcl.filter
from fastcl.dataset import overall_label_health_score
from fastcl.filter import find_label_issues
from fastcl.rank import get_label_quality_scores
from fastcl.review import Worklist, label_worklist
from fastcl.review.manifest import fingerprint
from fastcl.review.outputs import open_outputs
from fastcl.review.results import write_results

NAMES = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu"]


@pytest.mark.parametrize("filter_by", FILTERS)
@pytest.mark.parametrize("rank_by", METHODS)
def test_worklist_matches_find_label_issues(filter_by, rank_by):
    problem = make_problem(never_given=[2])
    worklist = label_worklist(*problem.both(), filter_by=filter_by, rank_by=rank_by)
    rows = find_label_issues(*problem.both(), filter_by=filter_by, return_indices_ranked_by=rank_by)
    assert len(rows) > 20
    np.testing.assert_array_equal(worklist.row, rows)
    np.testing.assert_array_equal(worklist.given_label, problem.labels[rows])
    np.testing.assert_array_equal(worklist.score, get_label_quality_scores(*problem.both(), method=rank_by)[rows])


def hesitant_problem(dtype=np.float64):
    """Ten confident errors, and a row whose given class leads with less probability than any of them leaves it."""
    labels = np.arange(61) % 5
    pred_probs = np.full((61, 5), 0.1)
    pred_probs[np.arange(61), labels] = 0.6
    pred_probs[:10] = 0.0
    pred_probs[np.arange(10), labels[:10]] = 0.3
    pred_probs[np.arange(10), (labels[:10] + 1) % 5] = 0.7
    pred_probs[60] = 0.19
    pred_probs[60, labels[60]] = 0.24
    return labels, pred_probs.astype(dtype)


@pytest.mark.parametrize("filter_by", ["both", "low_self_confidence", "low_normalized_margin"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_suggestions_match_naive(filter_by, dtype):
    labels, pred_probs = make_problem(strength=0.7, eighths=True).as_type(dtype).both()
    worklist = label_worklist(labels, pred_probs, filter_by=filter_by)
    assert len(worklist) > 100
    best = pred_probs[worklist.row].argmax(axis=1)
    leads = best == labels[worklist.row]
    np.testing.assert_array_equal(worklist.suggested, np.where(leads, -1, best))
    np.testing.assert_array_equal(
        worklist.suggested_probability, np.where(leads, np.nan, pred_probs[worklist.row, best])
    )
    assert worklist.score.dtype == worklist.suggested_probability.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_is_suggested_where_the_given_class_leads(dtype):
    worklist = label_worklist(*hesitant_problem(dtype), filter_by="low_self_confidence")
    assert worklist.row[0] == 60
    assert worklist.suggested[0] == -1
    assert worklist.suggested_label[0] is None
    assert np.isnan(worklist.suggested_probability[0])
    assert worklist.suggested_label[1:].tolist() == [(label + 1) % 5 for label in worklist.given_label[1:]]
    assert sum(pair.n_rows for pair in worklist.frequent_pairs()) == len(worklist) - 1


def test_worklist_searches_once(monkeypatch):
    calls = []
    search = fastcl.filter.search
    monkeypatch.setattr(fastcl.filter, "search", lambda *args, **kwargs: calls.append(1) or search(*args, **kwargs))
    label_worklist(*make_problem().both())
    assert len(calls) == 1


def test_worklist_passes_options_on():
    problem = make_problem()
    everything = label_worklist(*problem.both())
    half = label_worklist(*problem.both(), frac_noise=0.5)
    assert 0 < len(half) < len(everything)
    assert set(half.row) < set(everything.row)
    strict = label_worklist(*problem.both(), thresholds=np.full(7, 0.99), filter_by="confident_learning")
    np.testing.assert_array_equal(
        np.sort(strict.row),
        np.flatnonzero(find_label_issues(*problem.both(), thresholds=np.full(7, 0.99), filter_by="confident_learning")),
    )
    with pytest.warns(UserWarning, match="min_examples_per_class"):
        assert not len(label_worklist(*make_problem(60).both(), min_examples_per_class=59, filter_by="prune_by_class"))


def test_summary_numbers_match_naive():
    problem = make_problem()
    worklist = label_worklist(*problem.both())
    predicted = problem.pred_probs.argmax(axis=1)
    pairs = Counter((int(problem.labels[row]), int(predicted[row])) for row in worklist.row)
    expected = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    assert [((pair.given, pair.suggested), pair.n_rows) for pair in worklist.frequent_pairs(100)] == expected
    assert worklist.frequent_pairs(3) == worklist.frequent_pairs(100)[:3]
    np.testing.assert_array_equal(
        worklist.issues_per_class(), np.bincount(problem.labels[worklist.row], minlength=problem.n_classes)
    )
    np.testing.assert_array_equal(worklist.class_sizes, problem.counts)
    assert (worklist.n_rows, worklist.n_classes) == (1_003, 7)
    assert worklist.health == overall_label_health_score(*problem.both())
    assert repr(worklist) == f"Worklist({len(worklist)} label issues in 1,003 rows of 7 classes)"


@pytest.mark.parametrize("names", [NAMES, [10, 20, 30, 40, 50, 60, 70], [1, "two", 3, 4, 5, 6, 7]])
def test_worklist_answers_in_the_users_names(names):
    problem = make_problem()
    by_number = label_worklist(*problem.both())
    labels = [names[code] for code in problem.labels]
    if "two" in names:  # cannot be sorted, so labels come as positions of names that are all text
        labels, names = problem.labels, [f"class {name}" for name in names]
    worklist = label_worklist(labels, problem.pred_probs, class_names=names)
    np.testing.assert_array_equal(worklist.row, by_number.row)
    assert worklist.given_label.tolist() == [names[code] for code in by_number.given]
    assert worklist.suggested_label.tolist() == [names[code] for code in by_number.suggested]
    frame = worklist.to_frame()
    assert frame["given_label"].tolist() == worklist.given_label.tolist()
    assert str(frame["suggested_label"].dtype) == ("int64" if isinstance(names[0], int) else "str")


def test_frame_keeps_integers_beside_missing_suggestions():
    frame = label_worklist(*hesitant_problem(), filter_by="low_self_confidence").to_frame()
    assert frame["suggested_label"].isna().tolist() == [True] + [False] * (len(frame) - 1)
    assert str(frame["suggested_label"].dtype) == "Int64"
    assert str(frame["given_label"].dtype) == "int64"


def test_worklist_of_clean_labels_is_empty():
    labels = np.arange(60) % 3
    pred_probs = np.full((60, 3), 0.05)
    pred_probs[np.arange(60), labels] = 0.9
    worklist = label_worklist(labels, pred_probs)
    assert len(worklist) == 0
    assert worklist.health == 1
    assert worklist.frequent_pairs() == []
    assert list(worklist.to_frame().columns) == [
        "row", "given_label", "suggested_label", "score", "suggested_probability"
    ]  # fmt: skip


def test_worklist_rejects_unknown_ranking():
    with pytest.raises(ValueError, match="`rank_by` must be one of 'self_confidence'"):
        label_worklist(*make_problem().both(), rank_by="margin")


def test_worklist_is_immutable():
    worklist = label_worklist(*make_problem().both())
    assert isinstance(worklist, Worklist)
    with pytest.raises(AttributeError):
        worklist.row = None


# -- files


def test_outputs_appear_only_when_published(tmp_path):
    out = tmp_path / "a" / "b"
    with open_outputs(out) as outputs:
        outputs.path("one.txt").write_text("1")
        outputs.path("two.txt").write_text("2")
        assert [path for path in out.iterdir() if path.is_file()] == []
        outputs.publish()
    assert sorted(path.name for path in out.iterdir()) == ["one.txt", "two.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("exists", [False, True])
def test_outputs_leave_no_trace_of_a_failure(tmp_path, error, exists):
    out = tmp_path / "a" / "b"
    if exists:
        out.mkdir(parents=True)
        (out / "one.txt").write_text("old")
    with pytest.raises(error), open_outputs(out) as outputs:
        outputs.path("one.txt").write_text("half")
        raise error
    if exists:
        assert [path.name for path in out.iterdir()] == ["one.txt"]
        assert (out / "one.txt").read_text() == "old"
    else:
        assert list(tmp_path.iterdir()) == []


def test_outputs_remove_what_an_earlier_run_left(tmp_path):
    (tmp_path / "worklist.parquet").write_text("of another day")
    (tmp_path / "mine.txt").write_text("not ours")
    with open_outputs(tmp_path) as outputs:
        outputs.path("worklist.csv").write_text("new")
        outputs.path("worklist.parquet")  # asked for, never written
        outputs.publish()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "worklist.csv"]


def test_outputs_reject_a_place_that_is_no_directory(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory"), open_outputs(tmp_path / "file" / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_results_agree_with_each_other(tmp_path):
    problem = make_problem()
    names = np.array(NAMES)
    worklist = label_worklist(names[problem.labels], problem.pred_probs)
    with open_outputs(tmp_path) as outputs:
        written = write_results(outputs, worklist, {}, {"rank_by": "self_confidence"})
        outputs.publish()
    assert written == ["worklist.csv", "worklist.parquet", "manifest.json"]
    csv = pd.read_csv(tmp_path / "worklist.csv", dtype={"given_label": str, "suggested_label": str})
    pd.testing.assert_frame_equal(csv, pd.read_parquet(tmp_path / "worklist.parquet"))
    pd.testing.assert_frame_equal(csv, worklist.to_frame())
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["worklist"] == fingerprint(tmp_path / "worklist.csv")
    assert manifest["counts"] == {
        "rows": 1_003, "classes": 7, "label_issues": len(worklist), "label_health": worklist.health
    }  # fmt: skip
    assert set(manifest["versions"]) == {"fastcl", "numba", "numpy", "python"}
