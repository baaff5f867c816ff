"""The checks "class_imbalance" and "identifier_column" against loops and the reference."""

from __future__ import annotations

import tracemalloc
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fastcl import Datalab
from fastcl.datalab.checks.identifier_column import identifier_column, is_identifier
from fastcl.datalab.data.tables import open_table

# -- class_imbalance


def run_imbalance(labels, class_names=None, **options):
    """Return the lab in which "class_imbalance" has run on labels."""
    lab = Datalab({"y": labels}, label_name="y", class_names=class_names, verbosity=0)
    lab.find_issues(issue_types={"class_imbalance": options})
    assert not lab.failed
    return lab


def naive_imbalance(labels, classes, threshold=0.1):
    """Return (flags, scores, summary) by the formulas; None is no label."""
    given = [label for label in labels if label is not None]
    shares = [given.count(name) / len(given) for name in classes]
    rarest = min(range(len(classes)), key=lambda k: (shares[k], k))
    is_rare = shares[rarest] < threshold * (1 / len(classes))
    flags = [is_rare and label == classes[rarest] for label in labels]
    scores = [np.nan if y is None else shares[rarest] if y == classes[rarest] else 1.0 for y in labels]
    return flags, scores, shares[rarest]


def cleanlab_imbalance(codes, names, **options):
    """Return the reference's check after it has run."""
    lab = SimpleNamespace(labels=codes, class_names=names, _label_map=dict(enumerate(names)))
    with warnings.catch_warnings():
        from cleanlab.datalab.internal.issue_manager.imbalance import ClassImbalanceIssueManager

        check = ClassImbalanceIssueManager(lab, **options)
        check.find_issues()
    return check


def make_labels(shares, n_rows=2_003, seed=0):
    return np.random.default_rng(seed).choice(len(shares), n_rows, p=np.array(shares) / np.sum(shares))


SHARES = [[1], [1, 1], [0.99, 0.01], [0.5, 0.49, 0.005, 0.005], [0.04, 0.96], [1, 2, 3, 0.01]]


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("threshold", [0, 0.1, 0.5, 1.0])
def test_imbalance_matches_cleanlab(shares, threshold):
    codes = make_labels(shares)
    names = [f"class {k}" for k in range(len(shares))]
    lab = run_imbalance(np.array(names)[codes], threshold=threshold)
    expected = cleanlab_imbalance(codes, names, threshold=threshold)
    issues = lab.get_issues("class_imbalance")
    pd.testing.assert_frame_equal(issues.drop(columns="given_label"), expected.issues)
    assert lab.get_issue_summary("class_imbalance")["score"].tolist() == expected.summary["score"].tolist()
    info = lab.get_info("class_imbalance")
    assert info["Rarest Class"] == expected.info["Rarest Class"]
    assert info["threshold"] == threshold
    assert info["class_counts"].tolist() == np.bincount(codes).tolist()
    assert info["given_label"].tolist() == np.array(names)[codes].tolist()


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("share_unlabeled", [0.0, 0.3])
def test_imbalance_matches_naive_with_unlabelled_rows(shares, share_unlabeled):
    codes = make_labels(shares)
    is_missing = np.random.default_rng(1).random(codes.size) < share_unlabeled
    labels = [None if missing else f"c{code}" for code, missing in zip(codes, is_missing, strict=True)]
    lab = run_imbalance(labels)
    issues = lab.get_issues("class_imbalance")
    flags, scores, summary = naive_imbalance(labels, [f"c{k}" for k in range(len(shares))])
    assert issues["is_class_imbalance_issue"].tolist() == flags
    np.testing.assert_array_equal(issues["class_imbalance_score"], scores)
    assert lab.get_issue_summary("class_imbalance")["score"][0] == summary


@pytest.mark.parametrize("absent", ["bird", "cat", "dog"])
def test_s18_a_declared_class_without_rows_is_the_rarest(absent):
    classes = ["bird", "cat", "dog"]
    common, rare = (name for name in classes if name != absent)
    lab = run_imbalance([common] * 99 + [rare], class_names=classes)
    assert lab.get_info("class_imbalance")["Rarest Class"] == absent
    assert lab.get_issue_summary("class_imbalance")[["score", "num_issues"]].values.tolist() == [[0, 0]]
    assert set(lab.get_issues("class_imbalance")["class_imbalance_score"]) == {1}
    first, second = lab._findings["class_imbalance"].notes
    assert repr(absent) in first
    assert repr(rare) in second
    assert "1 of 100 rows" in second


@pytest.mark.parametrize(("threshold", "error"), [(-0.1, ValueError), ("much", TypeError), (True, TypeError)])
def test_imbalance_rejects_bad_thresholds(threshold, error):
    lab = Datalab({"y": [0, 1]}, label_name="y", verbosity=0)
    with pytest.raises(error, match=r"`issue_types\['class_imbalance'\]\['threshold'\]` must"):
        lab.find_issues(issue_types={"class_imbalance": {"threshold": threshold}})


# -- identifier_column


def run_identifier(features=None, data=None, n_rows=None, **lab_options):
    """Return what "identifier_column" found, features given as its option."""
    data = {"row": ["x"] * n_rows} if data is None else data
    lab = Datalab(data, verbosity=0, **lab_options)
    lab.find_issues(issue_types={"identifier_column": {} if features is None else {"features": features}})
    if lab.failed:
        raise lab.failed["identifier_column"]
    assert not lab.get_issues("identifier_column")["is_identifier_column_issue"].any()
    assert set(lab.get_issues("identifier_column")["identifier_column_score"]) == {1}
    info = lab.get_info("identifier_column")
    score = lab.get_issue_summary("identifier_column")["score"][0]
    assert info["num_identifier_columns"] == len(info["identifier_columns"])
    assert score == (0 if info["identifier_columns"] else 1)
    return info


def naive_is_identifier(values):
    """Tell by the definition: integers c, ..., c + n - 1 in any order, n at least 2."""
    whole = all(isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_)) for value in values)
    return whole and len(values) > 1 and sorted(map(int, values)) == [int(min(values)) + i for i in range(len(values))]


rng = np.random.default_rng(0)
INTEGERS = {
    "ascending": np.arange(50),
    "shuffled": rng.permutation(50) + 1_000,
    "below zero": rng.permutation(50) - 25,
    "small": rng.permutation(50).astype(np.int8),
    "most of int8": (rng.permutation(200) - 100).astype(np.int8),
    "all of uint8": rng.permutation(256).astype(np.uint8),
    "unsigned": (rng.permutation(50) + 200).astype(np.uint8),
    "wide": rng.permutation(50).astype(np.uint64) + np.uint64(2**63),
    "lowest": np.iinfo(np.int64).min + rng.permutation(50),
    "twice": np.repeat(np.arange(25), 2),
    "one gap": np.append(np.arange(49), 50),
    "one twice": np.append(np.arange(49), 3),
    "ends twice": np.r_[0, np.arange(1, 48), 49, 49],
    "flags": np.arange(50) % 2,
    "constant": np.zeros(50, int),
    "far apart": np.r_[np.iinfo(np.int64).min, np.zeros(48, int), np.iinfo(np.int64).max],
}


@pytest.mark.parametrize("name", INTEGERS)
def test_identifier_matches_naive(name):
    values = INTEGERS[name]
    assert is_identifier(values) == naive_is_identifier(values)
    assert is_identifier(values.tolist()) == naive_is_identifier(values)
    assert is_identifier(pl.Series(values)) == naive_is_identifier(values)
    assert is_identifier(pa.chunked_array([values])) == naive_is_identifier(values)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(9.0),
        np.arange(9).astype(str),
        np.arange(9) > 4,
        np.arange(9).astype("M8[D]"),
        [0, 1, None],
        [0],
        [5, "6"],
    ],
)
def test_only_integers_identify(values):
    assert not is_identifier(values)


def test_identifier_columns_are_found_wherever_features_come_from():
    columns = {"id": np.arange(30)[::-1] + 7, "age": np.arange(30) % 9, "name": [f"n{i}" for i in range(30)]}
    frame = pd.DataFrame(columns, index=range(100, 130))
    for features in (frame, columns, list(columns.values()), pl.DataFrame(columns), pa.table(columns)):
        assert run_identifier(features, n_rows=30)["identifier_columns"] == [0]
    assert run_identifier(frame, n_rows=30)["identifier_column_names"] == ["id"]
    assert run_identifier(frame[["age", "id"]].to_numpy(), n_rows=30)["identifier_columns"] == [1]
    assert run_identifier(columns["id"], n_rows=30)["identifier_columns"] == [0]


def test_own_columns_but_the_labels_are_looked_at_without_features():
    data = {"rank": np.arange(30), "id": np.arange(30)[::-1], "x": np.zeros(30)}
    assert run_identifier(data=data)["identifier_column_names"] == ["rank", "id"]
    evidence = SimpleNamespace(features=None, table=open_table(data), n_rows=30, label_name="rank")
    assert identifier_column(evidence).info["identifier_column_names"] == ["id"]


def test_features_go_before_own_columns():
    lab = Datalab({"id": range(4)}, verbosity=0)
    lab.find_issues(features=np.zeros((4, 2)), issue_types=["identifier_column"])
    assert lab.get_info("identifier_column")["identifier_columns"] == []


@pytest.mark.parametrize("dtype", [int, float])
def test_identifier_matches_cleanlab_on_permutations(dtype):
    features = np.column_stack([rng.permutation(40), rng.integers(0, 10**6, 40), np.arange(40) * 2]).astype(dtype)
    with warnings.catch_warnings():
        from cleanlab.datalab.internal.issue_manager.identifier_column import IdentifierColumnIssueManager

        expected = IdentifierColumnIssueManager(None)
        expected.find_issues(features)
    info = run_identifier(features, n_rows=40)
    assert {name: info[name] for name in expected.info} == expected.info


def test_s19_values_that_repeat_do_not_identify():
    assert run_identifier(np.arange(20)[:, None] % 2, n_rows=20)["identifier_columns"] == []


def test_s19_a_wide_range_takes_no_memory():
    values = np.array([0, 1, 2**62])
    tracemalloc.start()
    assert not is_identifier(values)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


@pytest.mark.parametrize("features", [np.zeros((5, 2)), {"a": [1, 2]}, [[1, 2], [1, 2, 3]], [1, 2, 3], {"a": 3}])
def test_identifier_rejects_columns_of_other_lengths(features):
    with pytest.raises(ValueError, match=r"`features` must be"):
        run_identifier(features, n_rows=3)
