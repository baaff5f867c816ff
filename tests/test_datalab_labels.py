"""Labels of Datalab: any column of them becomes codes, numbers or sets, and classes find their columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fastcl.datalab.data.labels import ClassLabels, class_labels, number_labels, set_labels
from fastcl.datalab.data.tables import open_table

NAN = float("nan")

#: Columns of labels by kind; the same classes in each of one group.
COLUMNS: dict[str, list[Any]] = {
    "strings": ["dog", "cat", "dog", "cow", "", "größe"],
    "integers": [3, 7, 3, 0, -2, 2**40],
    "booleans": [True, False, True],
    "one class": [5, 5, 5],
    "floats": [0.0, 2.0, 1.0, 2.0],
    "fractions": [0.5, 1.5, 0.5],
    "bytes": [b"b", b"a", b"b"],
}

CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "array": np.array,
    "objects": lambda values: np.fromiter(values, object, len(values)),
    "pandas": pd.Series,
    "pandas objects": lambda values: pd.Series(values, dtype=object, index=[9] * len(values)),
    "pandas categorical": lambda values: pd.Series(pd.Categorical(values)),
    "polars": pl.Series,
    "arrow": pa.array,
    "arrow chunks": lambda values: pa.chunked_array([values[:1], values[1:]], pa.array(values).type),
    "arrow dictionary": lambda values: pa.array(values).dictionary_encode(),
}

#: How containers write labels of which some are missing.
WITH_MISSING: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "objects": CONTAINERS["objects"],
    "pandas": pd.Series,
    "pandas objects": CONTAINERS["pandas objects"],
    "pandas nullable": lambda values: pd.Series(values).convert_dtypes(),
    "pandas categorical": CONTAINERS["pandas categorical"],
    "polars": pl.Series,
    "arrow": pa.array,
    "arrow dictionary": CONTAINERS["arrow dictionary"],
    "masked": lambda values: np.ma.MaskedArray(
        [next(v for v in values if v is not None) if v is None else v for v in values], [v is None for v in values]
    ),
}


def naive_class_labels(values: list[Any]) -> tuple[list[int], list[Any]]:
    """Sort the distinct labels; each label's code is its place among them, -1 if it is missing."""
    names = sorted({value for value in values if value is not None})
    return [-1 if value is None else names.index(value) for value in values], names


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", COLUMNS)
def test_class_labels_matches_naive(kind: str, container: str) -> None:
    labels = class_labels(CONTAINERS[container](COLUMNS[kind]))
    codes, names = naive_class_labels(COLUMNS[kind])
    assert labels.codes.dtype == np.int32
    assert (labels.codes.tolist(), labels.names.tolist()) == (codes, names)
    assert [type(name) for name in labels.names.tolist()] == [type(name) for name in names]
    assert labels.given.tolist() == COLUMNS[kind]
    assert labels.all_labeled
    assert labels.declared == (container in ("pandas categorical", "arrow dictionary"))


@pytest.mark.parametrize("container", WITH_MISSING)
@pytest.mark.parametrize("kind", ["strings", "integers", "booleans", "fractions", "bytes"])
def test_missing_labels_are_unlabelled(kind: str, container: str) -> None:
    values = [None, *COLUMNS[kind], None]
    labels = class_labels(WITH_MISSING[container](values))
    codes, names = naive_class_labels(values)
    assert (labels.codes.tolist(), labels.names.tolist()) == (codes, names)
    assert labels.given.tolist() == values
    assert labels.is_labeled.tolist() == [value is not None for value in values]
    assert not labels.all_labeled


@pytest.mark.parametrize("missing", [None, NAN, np.nan, pd.NA, pd.NaT, np.datetime64("NaT")])
def test_every_word_for_missing_is_one(missing: Any) -> None:
    assert class_labels(["a", missing, "b"]).codes.tolist() == [0, -1, 1]
    assert class_labels(pd.Series(["a", missing, "b"], dtype=object)).codes.tolist() == [0, -1, 1]
    assert number_labels([1, missing]).is_labeled.tolist() == [True, False]
    assert set_labels([[1], missing, []]).is_labeled.tolist() == [True, False, True]


def test_nan_is_missing_in_arrow_too() -> None:
    assert class_labels(pa.array([2.5, NAN, None, 1.5])).codes.tolist() == [1, -1, -1, 0]
    assert class_labels(pl.Series([2.5, NAN, None, 1.5])).names.tolist() == [1.5, 2.5]
    assert class_labels(pa.array([2.0, NAN])).names.dtype.kind == "i"
    with pytest.raises(ValueError, match="label for some rows"):
        class_labels(pa.array([NAN, NAN]))


def test_floats_are_integers_if_some_are_missing() -> None:
    labels = class_labels(np.array([2.0, NAN, 0.0]))
    assert labels.names.tolist() == [0, 2]
    assert labels.names.dtype.kind == "i"
    assert class_labels(np.array([2.0, 0.0])).names.dtype.kind == "f"
    assert class_labels(np.array([2.5, NAN])).names.tolist() == [2.5]


def test_large_column_matches_naive() -> None:
    rng = np.random.default_rng(0)
    values = [None if i % 97 == 5 else f"class {c}" for i, c in enumerate(rng.integers(0, 700, 10_003))]
    codes, names = naive_class_labels(values)
    for make in WITH_MISSING.values():
        labels = class_labels(make(values))
        assert (labels.codes.tolist(), labels.names.tolist()) == (codes, names)


@pytest.mark.parametrize("kind", ["pandas", "dict", "hf", "polars", "arrow"])
@pytest.mark.parametrize("labels", [["b", "a", "b"], [4, 2, 4], [True, False, True], [1.0, 2.0, 1.0], ["a", "a", "a"]])
def test_class_labels_matches_cleanlab(labels: list[Any], kind: str) -> None:
    data = pytest.importorskip("cleanlab.datalab.internal.data")
    import datasets
    from cleanlab.datalab.internal.task import Task

    columns = {"y": labels, "x": [0, 1, 2]}
    makers: dict[str, Callable[[Any], Any]] = {
        "pandas": pd.DataFrame,
        "dict": dict,
        "hf": datasets.Dataset.from_dict,
        "polars": pl.DataFrame,
        "arrow": pa.table,
    }
    table = open_table(makers[kind](columns))
    ours = class_labels(table.column("y"), table.declared_classes("y"))
    reference = data.Data(makers["dict" if kind in ("polars", "arrow") else kind](columns), Task.CLASSIFICATION, "y")
    np.testing.assert_array_equal(ours.codes, reference.labels.labels)
    assert ours.names.tolist() == [np.asarray(name).item() for name in reference.class_names]


def test_declared_classes_match_cleanlab() -> None:
    data = pytest.importorskip("cleanlab.datalab.internal.data")
    import datasets
    from cleanlab.datalab.internal.task import Task

    features = datasets.Features({"y": datasets.ClassLabel(names=["dog", "ant", "cat"])})
    dataset = datasets.Dataset.from_dict({"y": [2, 0, 2]}, features=features)
    table = open_table(dataset)
    ours = class_labels(table.column("y"), table.declared_classes("y"))
    reference = data.Data(dataset, Task.CLASSIFICATION, "y")
    np.testing.assert_array_equal(ours.codes, np.asarray(reference.labels.labels))
    assert ours.names.tolist() == reference.class_names == ["dog", "ant", "cat"]
    assert ours.declared


def test_number_labels_match_cleanlab() -> None:
    data = pytest.importorskip("cleanlab.datalab.internal.data")
    from cleanlab.datalab.internal.task import Task

    values = [0.5, -1.0, 1e9]
    reference = data.Data({"y": values}, Task.REGRESSION, "y")
    np.testing.assert_array_equal(number_labels(values).values, reference.labels.labels)


@pytest.mark.parametrize("rows", [[[0, 1], [1], []], [["b", "a"], ["c"]], [[7, 3], [3], [3, 9]]])
def test_set_labels_match_cleanlab(rows: list[list[Any]]) -> None:
    data = pytest.importorskip("cleanlab.datalab.internal.data")
    from cleanlab.datalab.internal.task import Task

    reference = data.Data({"y": rows}, Task.MULTILABEL, "y")
    labels = set_labels(rows)
    assert labels.as_lists() == [sorted(row) for row in reference.labels.labels]
    assert labels.names.tolist() == [np.asarray(name).item() for name in reference.class_names]


def test_class_label_of_minus_one_is_unlabelled() -> None:
    labels = class_labels(np.array([1, -1, 0]), declared=["no", "yes"])
    assert labels.given.tolist() == ["yes", None, "no"]


def test_categories_are_classes_even_without_rows() -> None:
    labels = class_labels(pd.Categorical(["b", "a", None], ["z", "b", "a"]))
    assert labels.names.tolist() == ["a", "b", "z"]
    assert labels.codes.tolist() == [1, 0, -1]
    assert labels.declared
    assert class_labels(pl.Series(["b"], dtype=pl.Enum(["b", "a"]))).names.tolist() == ["a", "b"]
    assert class_labels(pl.Series(["b", "z"], dtype=pl.Categorical)[:1]).names.tolist() == ["b"]
    assert class_labels(pa.array(["b", "z"]).dictionary_encode()[:1]).names.tolist() == ["b", "z"]
    numbers = class_labels(pd.Categorical([3, 1], [1, 2, 3]))
    assert (numbers.names.tolist(), numbers.codes.tolist()) == ([1, 2, 3], [2, 0])


def test_class_names_are_the_order() -> None:
    labels = class_labels(["low", None, "high"], class_names=["low", "mid", "high"])
    assert (labels.codes.tolist(), labels.names.tolist()) == ([0, -1, 2], ["low", "mid", "high"])
    assert class_labels([0, 2], class_names=np.array(["low", "mid", "high"])).given.tolist() == ["low", "high"]
    assert class_labels([5, 9], class_names=[9, 5]).codes.tolist() == [1, 0]
    assert class_labels([1.0, NAN], class_names=["a", "b"]).codes.tolist() == [1, -1]
    assert class_labels(pd.Categorical(["a"]), class_names=["b", "a"]).names.tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("column", "options", "error", "message"),
    [
        (["a", 1], {}, TypeError, r"`labels` must be all of one kind; got numbers, str. Convert the column"),
        ([True, "a"], {}, TypeError, r"got bool, str"),
        ([b"a", "a"], {}, TypeError, r"got bytes, str"),
        ([None, None], {}, ValueError, r"`labels` must hold a label for some rows; got none for any\."),
        ([NAN, NAN], {}, ValueError, r"label for some rows"),
        (pa.nulls(3), {}, ValueError, r"label for some rows"),
        ([["a"], ["b"]], {}, TypeError, r"`labels` must hold one value a row; .* several classes, pass task='multila"),
        (["a", {"b"}], {}, TypeError, r"one value a row; .* If a row may have several classes, pass task='multilabel'"),
        ([1, [2]], {}, ValueError, r"must be an array; .* If a row may have several classes, pass task='multilabel'"),
        (pa.array([["a"]]), {}, TypeError, r"one value a row; got a column of type list.* pass task='multilabel'"),
        (np.zeros((2, 2)), {}, ValueError, r"\(n_samples,\); got shape \(2, 2\). If .* pass task='multilabel'"),
        (["a", "x", "x"], {"class_names": ["a", "b"]}, ValueError, r"names 'a', 'b'; got 'x' in row 1 \(2 such"),
        ([0, 2], {"class_names": ["a", "b"]}, ValueError, r"the 2 classes named, as indices from 0; got 2 in row 1"),
        ([0, -1], {"class_names": ["a", "b"]}, ValueError, r"got -1 in row 1"),
        ([0, -2], {"declared": ["a", "b"]}, ValueError, r"got -2 in row 1"),
        (["a"], {"class_names": ["a", "a"]}, ValueError, r"`class_names` must name each class once; got 'a' twice"),
        (["a"], {"class_names": "ab"}, TypeError, r"`class_names` must be a list or array of names; got str"),
    ],
)  # fmt: skip
def test_class_labels_rejects(column: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        class_labels(column, **options)


@pytest.mark.parametrize("make", [list, np.array, pd.Series, pl.Series, lambda values: [None, *values]])
def test_class_labels_rejects_quantities(make: Callable[[Any], Any]) -> None:
    values = (np.random.default_rng(0).integers(0, 1000, 60) + 0.25).tolist()
    with pytest.raises(ValueError, match=r"got 5\d different numbers in 60 rows, .* pass task='regression'"):
        class_labels(make(values))


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (np.arange(19) + 0.5, {}),
        (np.repeat(np.arange(30) + 0.5, 2), {}),
        (np.arange(60), {}),
        (np.arange(60.0), {}),
        ([str(i + 0.5) for i in range(60)], {}),
        (np.arange(60) + 0.5, {"class_names": np.arange(60) + 0.5}),
        (np.arange(60) + 0.5, {"declared": np.arange(60) + 0.5}),
        (pd.Categorical(np.arange(60) + 0.5), {}),
    ],
)
def test_class_labels_are_numbers_that_repeat_or_are_whole_or_listed(values: Any, options: dict[str, Any]) -> None:
    assert class_labels(values, **options).names.size == len(set(values))


@pytest.mark.parametrize(
    ("read", "column", "options"),
    [
        (class_labels, ["a", 1], {}),
        (class_labels, [None], {}),
        (class_labels, [["a"]], {}),
        (class_labels, np.zeros((2, 2)), {}),
        (class_labels, np.arange(60) + 0.5, {}),
        (class_labels, ["a"], {"class_names": ["b"]}),
        (class_labels, [2], {"class_names": ["a", "b"]}),
        (number_labels, ["a"], {}),
        (number_labels, [None], {}),
        (number_labels, [[1, 2]], {}),
        (number_labels, [float("inf"), None], {}),
        (set_labels, ["a"], {}),
        (set_labels, [{"a": 1}], {}),
        (set_labels, [None], {}),
        (set_labels, [[None]], {}),
        (set_labels, [[[1]]], {}),
        (set_labels, [[0, 1, 0]], {}),
        (set_labels, [["a", 1]], {}),
        (set_labels, [["a"]], {"class_names": ["b"]}),
    ],
)
def test_errors_name_the_column(read: Callable[..., Any], column: Any, options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^`species` must "):
        read(column, name="species", **options)


def names_of(labels: Any) -> list[Any]:
    """Return the name of the column that each row's code stands for."""
    return [labels.names.tolist()[code] if code >= 0 else None for code in labels.codes]


@pytest.mark.parametrize(
    ("labels", "n_columns", "columns", "names"),
    [
        (class_labels([0, 2, 3]), 4, None, [0, 1, 2, 3]),  # S13
        (class_labels([0, 1]), 3, None, [0, 1, 2]),
        (class_labels([2.0, NAN, 0.0]), 3, None, [0, 1, 2]),
        (class_labels([0.0, 2.0]), 3, None, [0, 1, 2]),
        (class_labels([0, 2, 3]), 3, None, [0, 2, 3]),
        (class_labels([5, 9]), 2, None, [5, 9]),
        (class_labels([True, True]), 2, None, [False, True]),
        (class_labels(["b", "a", None]), 2, None, ["a", "b"]),
        (class_labels([0, 2], declared=["a", "b", "c"]), 3, None, ["a", "b", "c"]),
        (class_labels([0, 2, -1], declared=["a", "b", "c"]), 2, None, ["a", "c"]),
        (class_labels(pd.Categorical(["c", "a"], ["a", "b", "c"])), 2, None, ["a", "c"]),
        (class_labels(["b", "a", None]), 3, ["b", "z", "a"], ["b", "z", "a"]),
        (class_labels([3, 1]), 3, ["1", "2", "3"], [1, 2, 3]),
        (class_labels([3, 1]), 3, [3, 2, 1], [3, 2, 1]),
        (class_labels([0, 2]), 3, ["cat", "cow", "dog"], ["cat", "cow", "dog"]),
        (class_labels([0, 2], declared=["a", "b", "c"]), 2, ["c", "a"], ["c", "a"]),
        (class_labels(["x", "y"], class_names=["y", "x"]), 2, ["x", "y"], ["x", "y"]),
        (class_labels([True, False]), 2, ["True", "False"], [True, False]),
    ],
)
def test_s13_classes_find_their_columns(
    labels: ClassLabels, n_columns: int, columns: list[Any] | None, names: list[Any]
) -> None:
    aligned = labels.aligned(n_columns, columns)
    assert aligned.names.tolist() == names
    assert aligned.is_labeled.tolist() == labels.is_labeled.tolist()
    if columns != ["cat", "cow", "dog"]:
        assert names_of(aligned) == names_of(labels)
    else:
        assert names_of(aligned) == ["cat", "dog"]
    again = aligned.aligned(n_columns, columns)
    assert (again.codes.tolist(), again.names.tolist()) == (aligned.codes.tolist(), names)


@pytest.mark.parametrize(
    ("labels", "n_columns", "columns", "message"),
    [
        (
            class_labels(["a", "b"]),
            3,
            None,
            r"for each class; got 3 columns for 2 classes \('a', 'b'\). Say what",
        ),
        (class_labels([0, 5]), 3, None, r"got 3 columns for 2 classes \(0, 5\)"),
        (class_labels([-1, 0]), 3, None, r"got 3 columns for 2 classes \(-1, 0\)"),
        (class_labels([0, 1, 2]), 2, None, r"got 2 columns for 3 classes"),
        (class_labels([0, 1], declared=["a", "b"]), 3, None, r"2 classes declared, 2 of them with rows"),
        (class_labels([0, 1], class_names=["a", "b"]), 3, None, r"3 columns for 2 classes declared"),
        (class_labels([0.5, 1.5, 2.5]), 2, None, r"task='regression'"),
        (class_labels(["a", "b"]), 2, ["a", "c"], r"also for 'b'; got columns 'a', 'c'. Name the columns like"),
        (class_labels(["a", "b"]), 2, ["p_a", "p_b"], r"also for 'a', 'b'; got"),
        (class_labels([1, 2, 3]), 3, ["a", "b", "c"], r"also for 1, 2, 3; got"),
        (class_labels([0, 1], declared=["a", "b"]), 2, ["0", "1"], r"also for 'a', 'b'; got"),
    ],
)
def test_s13_aligned_rejects_what_cannot_be_told(
    labels: ClassLabels, n_columns: int, columns: list[Any] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        labels.aligned(n_columns, columns)


@pytest.mark.parametrize(
    "column",
    [
        [1, None, 2.5],
        np.array([1, NAN, 2.5], np.float32),
        pd.Series([1, None, 2.5]),
        pd.Series([1, None, 2.5], dtype="Float64"),
        pl.Series([1.0, None, 2.5]),
        pa.array([1, None, 2.5]),
        np.ma.MaskedArray([1, 9, 2.5], [False, True, False]),
    ],
)
def test_number_labels_of_every_kind(column: Any) -> None:
    labels = number_labels(column)
    np.testing.assert_array_equal(labels.values, [1, NAN, 2.5])
    assert labels.values.dtype == np.float64
    assert labels.is_labeled.tolist() == [True, False, True]
    assert not labels.all_labeled
    np.testing.assert_array_equal(labels.given, labels.values)


def test_number_labels_are_not_copied() -> None:
    values = np.array([1.0, 2.0])
    assert np.shares_memory(number_labels(values).values, values)


@pytest.mark.parametrize(
    ("column", "error", "message"),
    [
        (["a", "b"], TypeError, r"`labels` must hold real numbers"),
        ([True, False], TypeError, r"`labels` must hold real numbers"),
        ([1.0, "b", None], TypeError, r"`labels` must hold real numbers"),
        ([1.0, float("inf")], ValueError, r"`labels` must hold finite numbers"),
        ([None, None], ValueError, r"`labels` must hold a label for some rows"),
        ([NAN], ValueError, r"`labels` must hold a label for some rows"),
        ([[1, 2], [3, 4]], ValueError, r"`labels` must have shape \(n_samples,\); got shape \(2, 2\)"),
    ],
)
def test_number_labels_rejects(column: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        number_labels(column)


ROWS = [["b", "a"], [], ["c"], ["b", "b", "a"]]

SET_CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "lists": list,
    "tuples": lambda rows: [tuple(row) for row in rows],
    "sets": lambda rows: [set(row) for row in rows],
    "arrays": lambda rows: [np.array(row, dtype=object) for row in rows],
    "pandas": pd.Series,
    "polars": pl.Series,
    "arrow": pa.array,
    "arrow chunks": lambda rows: pa.chunked_array([rows[:1], rows[1:]]),
    "arrow slice": lambda rows: pa.array([["z"], *rows, ["y"]])[1 : 1 + len(rows)],
}


@pytest.mark.parametrize("container", SET_CONTAINERS)
def test_set_labels_of_every_kind(container: str) -> None:
    labels = set_labels(SET_CONTAINERS[container](ROWS))
    assert labels.names.tolist() == ["a", "b", "c"]
    assert labels.as_lists() == [[0, 1], [], [2], [0, 1]]
    assert labels.given.tolist() == [["a", "b"], [], ["c"], ["a", "b"]]
    assert labels.all_labeled
    assert labels.sets.class_counts().tolist() == [2, 2, 1]


@pytest.mark.parametrize("container", ["lists", "pandas", "polars", "arrow", "arrow chunks"])
def test_missing_sets_are_unlabelled(container: str) -> None:
    labels = set_labels(SET_CONTAINERS[container]([[2, 7], None, [], [7]]))
    assert labels.as_lists() == [[0, 1], [], [], [1]]
    assert labels.given.tolist() == [[2, 7], None, [], [7]]
    assert labels.is_labeled.tolist() == [True, False, True, True]


def test_sets_in_lists_of_fixed_size() -> None:
    column = pa.array([[1, 2], None, [2, 5]], pa.list_(pa.int64(), 2))
    assert set_labels(column).as_lists() == [[0, 1], [], [1, 2]]


def test_sets_of_categoricals_hold_what_is_seen() -> None:
    members = pa.DictionaryArray.from_arrays([0, 2, 0], ["b", "never", "a"])
    labels = set_labels(pa.ListArray.from_arrays([0, 2, 3], members))
    assert labels.names.tolist() == ["a", "b"]
    assert labels.as_lists() == [[0, 1], [1]]


def test_matrix_of_labels() -> None:
    labels = set_labels(np.array([[0, 1], [0, 0], [1, 1]]))
    assert labels.as_lists() == [[1], [], [0, 1]]
    assert labels.names.tolist() == [0, 1]
    assert set_labels(np.eye(2, dtype=bool), class_names=["a", "b"]).given.tolist() == [["a"], ["b"]]


def test_sets_find_their_columns() -> None:
    labels = set_labels([[0, 2], [2], None])
    assert labels.aligned(3).as_lists() == [[0, 2], [2], []]
    assert labels.aligned(3).is_labeled.tolist() == [True, True, False]
    assert labels.aligned(2) is labels
    named = set_labels([["b"], ["a", "b"]]).aligned(3, ["b", "c", "a"])
    assert named.names.tolist() == ["b", "c", "a"]
    assert named.as_lists() == [[0], [0, 2]]
    assert set_labels([[], []]).aligned(2).names.tolist() == [0, 1]
    assert set_labels([[0], [1]], class_names=["x", "y"]).given.tolist() == [["x"], ["y"]]
    with pytest.raises(ValueError, match=r"3 columns for 2 classes \('a', 'b'\)"):
        set_labels([["b"], ["a"]]).aligned(3)


@pytest.mark.parametrize(
    ("column", "options", "error", "message"),
    [
        (["a", "b"], {}, ValueError, r"hold a list of classes for every row; got 'a' in row 0. Write \[c\]"),
        ([[1], 2], {}, ValueError, r"got 2 in row 1"),
        (pa.array([1, 2]), {}, ValueError, r"got .* in row 0"),
        ([[1], {"a": 1}], {}, TypeError, r"an object of type dict in row 1"),
        ([None, None], {}, ValueError, r"hold a set of classes for some rows"),
        ([[1], [], [2, None]], {}, ValueError, r"hold no missing class; got one in row 2. An empty list"),
        ([["a"], [1]], {}, TypeError, r"all of one kind; got numbers, str"),
        ([["a"], ["x"]], {"class_names": ["a"]}, ValueError, r"among the class names 'a'; got 'x'"),
        (np.array([[0, 3]]), {}, ValueError, r"only 0 and 1"),
        ([[1], [[2], [3]]], {}, TypeError, r"hold class indices or names in each row; got a list within row 1\."),
        (pl.Series([[[1]], [[2], [3]]]), {}, TypeError, r"got a list within row 0"),
        (np.zeros((3, 2, 2)), {}, TypeError, r"got a list within row 0"),
        ([["a"], [], ["b", {"c": 1}]], {}, TypeError, r"got a dict within row 2"),
    ],
)
def test_set_labels_rejects(column: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        set_labels(column, **options)


#: Rows of 0 and 1 that are no sets: some hold one of them twice.
MATRICES = {
    "three columns": [[0, 1, 0], [1, 0, 1]],
    "two columns": [[0, 1], [1, 1]],
    "zeros": [[0, 0], [0, 0]],
    "floats": [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]],
}


@pytest.mark.parametrize("container", ["lists", "tuples", "arrays", "pandas", "polars", "arrow", "arrow chunks"])
@pytest.mark.parametrize("kind", MATRICES)
def test_set_labels_rejects_lists_that_are_rows_of_a_matrix(kind: str, container: str) -> None:
    rows = MATRICES[kind]
    with pytest.raises(ValueError, match=rf"got rows of {len(rows[0])} zeros and ones. That looks like an indicator"):
        set_labels(SET_CONTAINERS[container](rows))
    with pytest.raises(ValueError, match="looks like an indicator matrix"):
        set_labels([None, *rows, None])
    matrix = set_labels(np.array(rows))
    assert matrix.sets.indicators().tolist() == rows


@pytest.mark.parametrize("container", ["lists", "tuples", "arrays", "pandas", "polars", "arrow"])
def test_set_labels_rejects_rows_of_booleans(container: str) -> None:
    with pytest.raises(
        ValueError, match=r"got rows of booleans. That looks like an indicator matrix: list the classes"
    ):
        set_labels(SET_CONTAINERS[container]([[True, False], [False, True]]))


@pytest.mark.parametrize(
    "rows",
    [
        [[0], [1], [0]],
        [[0, 1], [1, 0]],
        [[0, 1], [0]],
        [[0, 1, 1], [0]],
        [[0, 1, 2], [1, 1, 0]],
        [[], [0, 1]],
        [[], []],
    ],
    ids=str,
)
def test_set_labels_takes_rows_of_zeros_and_ones_that_can_be_sets(rows: list[list[int]]) -> None:
    assert set_labels(rows).given.tolist() == [sorted(set(row)) for row in rows]
