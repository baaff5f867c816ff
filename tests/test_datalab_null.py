"""The check "null": flags, scores and patterns against a loop and the reference, over all that features come in."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from fastcl import Datalab
from fastcl.datalab.null_patterns import find_null_patterns

SHAPES = [(1, 1), (1, 3), (503, 2), (1_003, 63), (1_003, 64), (1_003, 65), (307, 130)]


def run_null(features, n_jobs=None):
    """Return the lab in which "null" has run on features."""
    lab = Datalab({"row": range(features.shape[0])}, verbosity=0)
    lab.find_issues(features=features, issue_types={"null": {}}, n_jobs=n_jobs)
    assert not lab.failed
    return lab


def make_features(n_rows, n_columns, share=0.3, dtype=np.float64, seed=0):
    """Return numbers with nulls, patterns that occur often, and rows that are all null."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, n_columns)).astype(dtype)
    features[rng.random((n_rows, n_columns)) < share / n_columns] = np.nan
    features[rng.random(n_rows) < 0.1] = np.nan
    features[rng.random(n_rows) < 0.1, : n_columns // 2] = np.nan
    return features


def naive_null(features):
    """Return (nulls of each row, nulls of each column, most common pattern, its rows), value by value."""
    mask = [[bool(pd.isna(value)) for value in row] for row in np.asarray(features, object)]
    patterns = ["".join(str(int(null)) for null in row) for row in mask]
    counted = Counter(pattern for pattern in patterns if "1" in pattern)
    most = counted.most_common(1)[0][0] if counted else "no_null"
    rows = [i for i, pattern in enumerate(patterns) if pattern == most]
    return [sum(row) for row in mask], [sum(column) for column in zip(*mask, strict=True)], most, rows


def cleanlab_null(features):
    """Return the reference's check after it has run."""
    with warnings.catch_warnings():
        from cleanlab.datalab.internal.issue_manager.null import NullIssueManager

        check = NullIssueManager(None)
        check.find_issues(features=features)
    return check


def assert_matches_naive(features, values):
    found = find_null_patterns(features)
    per_row, per_column, most, rows = naive_null(values)
    pattern, its_rows = found.most_common()
    assert found.per_row.tolist() == per_row
    assert found.per_column.tolist() == per_column
    assert (pattern, its_rows.tolist()) == (most, rows)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex128])
def test_patterns_match_naive(shape, dtype):
    features = make_features(*shape, dtype=dtype)
    assert_matches_naive(features, features)


def test_first_of_equally_common_patterns_counts():
    features = np.array([[1, 1], [1, np.nan], [np.nan, 1], [np.nan, 1], [1, np.nan]])
    assert find_null_patterns(features).most_common()[0] == "01"
    assert find_null_patterns(features[::-1]).most_common()[0] == "01"
    assert find_null_patterns(features[1:4]).most_common()[0] == "10"


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": lambda array: np.repeat(array, 2, axis=1)[:, ::2],
    "reversed": lambda array: array[::-1].copy()[::-1],
    "big-endian": lambda array: array.astype(">f8"),
    "read-only": lambda array: np.frombuffer(array.tobytes()).reshape(array.shape),
    "frame": lambda array: pd.DataFrame(array, columns=[f"c{j}" for j in range(array.shape[1])]),
    "nullable": lambda array: pd.DataFrame(array).convert_dtypes(),
    "arrow-backed": lambda array: pd.DataFrame(array).astype("double[pyarrow]"),
    "polars": lambda array: pl.DataFrame(array, schema=[f"c{j}" for j in range(array.shape[1])]),
    "arrow": lambda array: pa.table({f"c{j}": pa.array(array[:, j], from_pandas=True) for j in range(array.shape[1])}),
    "objects": lambda array: array.astype(object),
    "sparse": sp.csr_matrix,
    "coo": sp.coo_matrix,
    "column-wise": sp.csc_array,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_patterns_are_source_agnostic(layout):
    features = make_features(1_003, 7)
    features[np.random.default_rng(1).random(features.shape) < 0.2] = 0
    assert_matches_naive(LAYOUTS[layout](features), features)


COLUMNS = {
    "strings": ["a", None, "b"],
    "numbers": [1.0, None, float("nan")],
    "dates": pd.to_datetime(["2020-01-01", None, "2020-01-02"]),
    "durations": pd.to_timedelta([1, None, 2]),
    "nullable": pd.array([1, None, 3], "Int64"),
    "booleans": pd.array([True, None, False], "boolean"),
    "categories": pd.Categorical(["x", None, "y"]),
    "mixed": np.array([pd.NA, pd.NaT, "x"], object),
    "full": [1, 2, 3],
}


def test_mixed_frame_matches_cleanlab():
    frame = pd.DataFrame(COLUMNS)
    lab, expected = run_null(frame), cleanlab_null(frame)
    assert lab.get_issues("null").equals(expected.issues)
    info = lab.get_info("null")
    assert {name: info[name] for name in expected.info} == expected.info
    assert info["column_names"] == list(COLUMNS)


@pytest.mark.parametrize("values", [*COLUMNS.values(), np.array(["2020-01-01", "NaT"], "M8[s]")])
def test_one_column_matches_naive(values):
    column = pd.Series(values)
    assert_matches_naive(column, column.to_frame())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
def test_null_matches_cleanlab(shape, dtype):
    features = make_features(*shape).astype(dtype)
    lab, expected = run_null(features), cleanlab_null(features)
    assert lab.get_issues("null").equals(expected.issues)
    assert lab.get_issue_summary("null")["score"].tolist() == expected.summary["score"].tolist()
    info = lab.get_info("null")
    assert {name: info[name] for name in expected.info} == expected.info


@pytest.mark.parametrize("features", [np.arange(6).reshape(3, 2), np.eye(3), sp.eye_array(3, format="csr")])
def test_features_without_nulls_have_no_pattern(features):
    info = run_null(features).get_info("null")
    assert info["most_common_issue"] == {"pattern": "no_null", "rows_affected": [], "count": 0}
    assert info["average_null_score"] == 1
    assert set(info["column_impact"]) == {0}


def test_null_is_thread_agnostic():
    features = make_features(200_003, 9)
    one, many = run_null(features, 1), run_null(features, 5)
    assert one.get_issues("null").equals(many.get_issues("null"))
    assert one.get_info("null")["most_common_issue"] == many.get_info("null")["most_common_issue"]


def test_memory_map_is_read_in_blocks(tmp_path):
    features = make_features(1_003, 5)
    np.save(tmp_path / "features.npy", features)
    assert_matches_naive(np.load(tmp_path / "features.npy", mmap_mode="r"), features)


def test_notes_count_rows_and_name_columns():
    features = pd.DataFrame(np.ones((5, 3)), columns=["age", "height", "weight"])
    features.loc[:, "height"] = np.nan
    features.loc[1] = np.nan
    lab = run_null(features)
    assert lab.get_issues("null")["is_null_issue"].tolist() == [False, True, False, False, False]
    notes = " ".join(lab._findings["null"].notes)
    assert "1 of 5 rows" in notes
    assert "4 of 5 rows" in notes
    assert "height" in notes


@pytest.mark.parametrize("features", [np.ones((2, 3, 4)), np.ones((3, 0)), pd.DataFrame(index=range(3))])
def test_null_rejects_wrong_shapes(features):
    with pytest.raises(ValueError, match=r"`features` must have"):
        find_null_patterns(features)
