"""`open_table`: every kind of table answers alike, and says clearly what it cannot be."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fastcl import Datalab
from fastcl.datalab.data.columns import column_array
from fastcl.datalab.data.fingerprint import BLOCK_ROWS
from fastcl.datalab.data.labels import class_labels, number_labels
from fastcl.datalab.data.tables import Table, open_table
from fastcl.engine.tables.text import CsvTable

datasets = pytest.importorskip("datasets")

COLUMNS: dict[str, list[Any]] = {
    "number": [3, -1, 0, 7, 2**60 + 1],
    "share": [0.1, float("nan"), -2.5, 0.0, 1e300],
    "text": ["a", "", "größe 数", "a\nb", " padded "],
    "flag": [True, False, True, True, False],
    "vector": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 0.5]],
    "bag": [["x", "y"], [], ["z"], ["x"], ["y", "y"]],
    "day": [date(2020, 1, day) for day in range(1, 6)],
}

KINDS = [
    *("dict", "arrays", "ordered", "records", "pandas", "pandas objects", "pandas index", "polars", "lazy"),
    *("arrow", "batch", "hf", "shuffled", "parquet", "jsonl", "json", "json columns"),
]


def as_kind(kind: str, columns: dict[str, list[Any]], folder: Path) -> Any:
    """Return the same rows as another kind of table."""
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if kind in ("jsonl", "json", "json columns"):
        path = folder / f"rows.{kind.split()[0]}"
        lines = {"jsonl": "\n".join(map(json.dumps, records)), "json": json.dumps(records)}
        path.write_text(lines.get(kind, json.dumps(columns)))
        return str(path)
    if kind == "parquet":
        pq.write_table(pa.table(columns), folder / "rows.parquet")
        return folder / "rows.parquet"
    frame = pd.DataFrame(columns)
    backwards = {name: values[::-1] for name, values in columns.items()}
    made = {
        "dict": lambda: columns,
        "arrays": lambda: {name: column_array(name, values) for name, values in columns.items()},
        "ordered": lambda: OrderedDict(columns),
        "records": lambda: records,
        "pandas": lambda: frame,
        "pandas objects": lambda: frame.astype(object),
        "pandas index": lambda: frame.set_index(np.zeros(len(frame), int)),
        "polars": lambda: pl.DataFrame(columns),
        "lazy": lambda: pl.LazyFrame(columns),
        "arrow": lambda: pa.table(columns),
        "batch": lambda: pa.RecordBatch.from_pydict(columns),
        "hf": lambda: datasets.Dataset.from_dict(columns),
        "shuffled": lambda: datasets.Dataset.from_dict(backwards).select(range(len(records))[::-1]),
    }
    return made[kind]()


def without_days(kind: str) -> dict[str, list[Any]]:
    """Return the columns that a kind of table can hold."""
    return {name: values for name, values in COLUMNS.items() if name != "day" or "json" not in kind}


def as_plain(values: Any) -> list[Any]:
    """Return values as Python has them, NaN as None."""
    listed = [value.tolist() if isinstance(value, np.ndarray) else value for value in np.asarray(values).tolist()]
    return [None if isinstance(value, float) and value != value else value for value in listed]


@pytest.mark.parametrize("kind", KINDS)
def test_tables_are_source_agnostic(kind: str, tmp_path: Path) -> None:
    columns = without_days(kind)
    table = open_table(as_kind(kind, columns, tmp_path))
    assert (table.names, table.n_rows) == (list(columns), 5)
    for name, values in columns.items():
        expected = [None if isinstance(value, float) and value != value else value for value in values]
        got = table.array(name)
        assert as_plain(got.astype("M8[D]") if name == "day" else got) == expected, name
    assert table.array("vector").shape == (5, 2)
    assert table.array("number").dtype == np.int64
    assert table.fingerprint() == open_table(columns).fingerprint()


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_read_one_by_one(kind: str, tmp_path: Path) -> None:
    texts = open_table(as_kind(kind, without_days(kind), tmp_path)).values("text")
    assert [texts[i] for i in range(len(texts))] == COLUMNS["text"]
    assert list(texts[1:3]) == COLUMNS["text"][1:3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", ["number", "share", "text", "bag", "vector", "flag"])
def test_fingerprint_differs_if_a_value_does(kind: str, column: str, tmp_path: Path) -> None:
    columns = without_days(kind)
    before = open_table(columns).fingerprint()
    other = {"number": 2**60, "share": 0.5, "text": "b", "bag": ["y"], "vector": [7.0, 8.5], "flag": False}[column]
    changed = columns | {column: [*columns[column][:3], other, columns[column][4]]}
    assert open_table(as_kind(kind, changed, tmp_path)).fingerprint() != before


def test_fingerprint_differs_if_order_or_names_do() -> None:
    table = open_table(COLUMNS)
    backwards = open_table({name: values[::-1] for name, values in COLUMNS.items()})
    renamed = open_table({"text2" if name == "text" else name: values for name, values in COLUMNS.items()})
    swapped = open_table(COLUMNS | {"share": COLUMNS["number"], "number": COLUMNS["share"]})
    fingerprints = {table.fingerprint(), backwards.fingerprint(), renamed.fingerprint(), swapped.fingerprint()}
    assert len(fingerprints) == 4
    assert open_table(dict(reversed(COLUMNS.items()))).fingerprint() == table.fingerprint()
    assert table.fingerprint(["text", "flag"]) == table.fingerprint(["flag", "text"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        ([["ab"], ["c"]], [["a"], ["bc"]]),
        ([[1], [2, 3]], [[1, 2], [3]]),
        ([None, 1.0, 2.0], [1.0, None, 2.0]),
        ([None, "a"], ["a", None]),
        (["1", "2"], [1, 2]),
        ([["a", None]], [["a", ""]]),
        ([2**53], [2**53 + 1]),
        ([{"a": 1}], [{"a": 2}]),
        ([1, "a"], ["a", 1]),
        ([b"a"], ["a"]),
        ([timedelta(1)], [timedelta(2)]),
        (np.array([0, 1000], "M8[ns]"), np.array([1, 1000], "M8[ns]")),
        (["a", None, *["a"] * BLOCK_ROWS], [*["a"] * BLOCK_ROWS, "a", None]),
    ],
)
def test_fingerprint_tells_what_looks_alike_apart(one: list[Any], other: list[Any]) -> None:
    assert open_table({"x": one}).fingerprint() != open_table({"x": other}).fingerprint()
    assert open_table({"x": list(one)}).fingerprint() == open_table({"x": one}).fingerprint()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, None, 3], np.array([1.0, np.nan, 3.0])),
        ([1, 0], np.array([True, False])),
        ([0.0], [-0.0]),
        (np.arange(4, dtype=np.int8), np.arange(4, dtype=np.uint64)),
        (["a", None], pd.Series(["a", np.nan], dtype=object)),
        (["a", "b"], np.array(["a", "b"])),
        ([None, None], np.array([np.nan, np.nan])),
        ([[1.0, 2.0], [3.0, 4.0]], np.array([[1, 2], [3, 4]])),
        ([[1, None], []], pa.array([[1, None], []])),
        ([["a", None], None, []], pl.Series([["a", None], None, []])),
        (["a", "b"], pd.Categorical(["a", "b"], ["b", "a"])),
        (np.arange(24.0).reshape(2, 3, 4), np.arange(24.0).reshape(2, 3, 4).tolist()),
        ([datetime(2020, 1, 1, 12)], np.array(["2020-01-01T12"], "M8[ns]")),
        ([datetime(2020, 1, 1, 12)], pd.Series(pd.to_datetime(["2020-01-01T12"]).tz_localize("UTC"))),
        ([datetime(2020, 1, 1, 12, tzinfo=UTC)], pa.array([datetime(2020, 1, 1, 12)])),
        ([timedelta(seconds=1)], np.array([1], "m8[s]")),
        ([datetime(2020, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))], pa.array([datetime(2020, 1, 1, 12)])),
        (np.ma.MaskedArray([1, 2], [False, True]), [1, None]),
        (["a", "b", "b"], pa.array(["a", "b", "b"]).dictionary_encode()),
        ([b"a", b"b"], pa.array([b"a", b"b"])),
        ([{"a": 1, "b": [2.0]}], pa.array([{"b": [2], "a": 1.0}])),
        (np.arange(6.0)[::-1], list(np.arange(6.0)[::-1])),
    ],
)
def test_fingerprint_is_type_agnostic(one: Any, other: Any) -> None:
    assert open_table({"x": one}).fingerprint() == open_table({"x": other}).fingerprint()


def test_fingerprint_is_block_agnostic() -> None:
    n_rows = BLOCK_ROWS + 7
    texts = [None if i % 11 == 3 else f"text {i % 1000}" for i in range(n_rows)]
    lists = [[i, None] if i % 5 else [] for i in range(n_rows)]
    numbers = np.arange(n_rows * 2.0).reshape(n_rows, 2)
    one = {"texts": texts, "lists": lists, "numbers": numbers}
    chunks = [pa.array(texts[: BLOCK_ROWS - 3]), pa.array(texts[BLOCK_ROWS - 3 :])]
    other = {"texts": pa.chunked_array(chunks), "lists": pa.array(lists), "numbers": numbers.tolist()}
    assert open_table(one).fingerprint() == open_table(other).fingerprint()
    pairs = [[i, 1] if i < BLOCK_ROWS else None if i % 2 else [i] for i in range(n_rows)]
    assert open_table({"x": pairs}).fingerprint() == open_table({"x": pa.array(pairs)}).fingerprint()


def test_lists_of_numbers_are_matrices() -> None:
    cubes = np.arange(24.0).reshape(4, 3, 2)
    for column in (pa.array(cubes.tolist()), cubes.tolist(), pl.Series(cubes.tolist()), pd.Series(cubes.tolist())):
        np.testing.assert_array_equal(open_table({"x": column}).array("x"), cubes)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(6, dtype=np.float32)), 3)
    assert open_table({"x": fixed}).array("x").dtype == np.float32
    assert open_table({"x": pa.array([[1], [2, 3]])}).array("x").tolist() == [[1], [2, 3]]
    assert open_table({"x": pa.array([[1], None])}).array("x").tolist() == [[1], None]
    assert open_table({"x": pa.array([None], pa.list_(pa.int64()))}).array("x").tolist() == [None]
    np.testing.assert_array_equal(open_table({"x": pa.array([[1, None]])}).array("x"), [[1, np.nan]])


def test_columns_may_be_called_by_numbers() -> None:
    table = open_table(pd.DataFrame(np.eye(2)))
    assert table.names == [0, 1]
    assert table.array(1).tolist() == [0.0, 1.0]
    assert table.fingerprint() == open_table({"0": [1, 0], "1": [0, 1]}).fingerprint()


def test_fingerprint_of_memory_map(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((1003, 5), np.float32)
    np.save(tmp_path / "x.npy", values)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    table = open_table({"x": mapped})
    assert table.column("x") is mapped
    assert np.shares_memory(table.array("x"), mapped)
    assert table.fingerprint() == open_table({"x": values}).fingerprint()


def test_fingerprint_of_images() -> None:
    image = pytest.importorskip("PIL.Image")
    pictures = [image.new("L", (4, 4), shade) for shade in (0, 9)]
    table = open_table({"image": pictures})
    assert table.values("image")[1] is pictures[1]
    assert table.fingerprint() == open_table({"image": [picture.copy() for picture in pictures]}).fingerprint()
    assert table.fingerprint() != open_table({"image": pictures[::-1]}).fingerprint()


def test_fingerprint_of_other_objects_is_stable() -> None:
    class Thing:
        pass

    one, other = ({"x": [Thing(), Thing()]} for _ in range(2))
    assert open_table(one).fingerprint() == open_table(other).fingerprint()


def test_images_of_hugging_face_are_decoded() -> None:
    image = pytest.importorskip("PIL.Image")
    pictures = [image.new("RGB", (4, 3), (shade, 0, 0)) for shade in (0, 9, 20)]
    features = datasets.Features({"image": datasets.Image(), "y": datasets.Value("int64")})
    dataset = datasets.Dataset.from_dict({"image": pictures, "y": [0, 1, 2]}, features=features).select([2, 0])
    values = open_table(dataset).values("image")
    assert len(values) == 2
    assert values[0].size == (4, 3)
    assert values[0].getpixel((0, 0)) == (20, 0, 0)
    assert isinstance(open_table(dataset).column("image"), pa.ChunkedArray)


def test_columns_of_hugging_face_need_not_be_iterated() -> None:
    dataset = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "m": np.arange(12.0).reshape(3, 2, 2)})
    matrices = datasets.Features({"text": datasets.Value("string"), "m": datasets.Array2D((2, 2), "float64")})
    shuffled = dataset.cast(matrices).select([2, 0, 1])
    table = open_table({"text": shuffled["text"], "m": shuffled["m"]})
    assert table.array("text").tolist() == ["c", "a", "b"]
    assert table.array("m").shape == (3, 2, 2)
    assert table.fingerprint() == open_table(shuffled).fingerprint()


def test_formatted_data_sets_are_read_as_they_are() -> None:
    dataset = datasets.Dataset.from_dict({"x": [1, 2]}).with_format("numpy")
    assert type(open_table(dataset).values("x")[1]) is int
    assert open_table(dataset).array("x").tolist() == [1, 2]


def test_declared_classes() -> None:
    features = datasets.Features(
        {"y": datasets.ClassLabel(names=["b", "a"]), "ys": datasets.List(datasets.ClassLabel(names=["p", "q"]))}
    )
    dataset = open_table(datasets.Dataset.from_dict({"y": [0, 1], "ys": [[0], [1]]}, features=features))
    assert dataset.declared_classes("y") == ["b", "a"]
    assert dataset.declared_classes("ys") == ["p", "q"]
    categorical = pd.Categorical(["x", "y"], ["z", "y", "x"])
    frame = pd.DataFrame({"y": categorical, "n": [1, 2]})
    assert open_table(frame).declared_classes("y") == ["z", "y", "x"]
    assert open_table(frame).declared_classes("n") is None
    assert open_table({"y": categorical}).declared_classes("y") == ["z", "y", "x"]
    polars = pl.DataFrame(
        {"y": pl.Series(["x"], dtype=pl.Enum(["x", "z"])), "c": pl.Series(["x"], dtype=pl.Categorical)}
    )
    assert open_table(polars).declared_classes("y") == ["x", "z"]
    assert open_table(polars).declared_classes("c") is None
    assert sorted(open_table(pa.table(frame)).declared_classes("y") or []) == ["x", "y", "z"]


def test_csv_labels_stay_as_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,code,x,answer\n0,007,1.5,NA\n1,010,,yes\n2,,2,no\n")
    table = open_table(path)
    assert table.array("code").tolist()[:2] == [7.0, 10.0]
    assert table.label_column("code").tolist()[:2] == ["007", "010"]
    assert table.label_column("answer").tolist() == ["NA", "yes", "no"]
    np.testing.assert_array_equal(table.array("x"), [1.5, np.nan, 2])
    tabs = tmp_path / "rows.tsv"
    tabs.write_text(path.read_text().replace(",", "\t"))
    assert open_table(str(tabs)).fingerprint() == table.fingerprint()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "text,label\nhello, world,pos\nok fine,neg\n",
            "header, 2; got 3 in line 2 of 'rows.csv'. Put texts that hold",
        ),
        ("text,label\nok fine,neg\n\nhello, world,pos,x\n", "header, 2; got 4 in line 4 of 'rows.csv'. Put"),
        ('text,label\n"a\nb",neg\n"c\nd",pos\ne,f,pos', "header, 2; got 3 in line 6 of"),
        ("a,b\n1,2,\n3,4,\n", "header, 2; got 3 in line 2 of"),
        ("a,b\n" + "1,2\n" * 5_000 + "1,2,3\n" + "1,2\n" * 5_000, "got 3 in line 5,002 of"),
        ("a;b\n1,5;2\n", "header, 1; got 2 in line 2 of 'rows.csv'. The separator seems to be ';'."),
        ("\n", "be a complete CSV file"),
    ],
)
def test_csv_with_longer_rows_than_header_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    for read in (
        lambda path: open_table(path).array("a"),
        lambda path: CsvTable("data", path).read_probabilities(None),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            read(tmp_path / "rows.csv")


def test_csv_with_shorter_rows_than_header_misses_values(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('\n"a, b",c\n1\n"x, y",2\n\n')
    assert open_table(tmp_path / "rows.csv").array("a, b").tolist() == ["1", "x, y"]
    np.testing.assert_array_equal(open_table(tmp_path / "rows.csv").array("c"), [np.nan, 2])


def test_csv_numbers_are_missing_in_words_and_classes_are_not(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,y,z\n0,1.5,1\n1,NA,2\n2,2,many\n")
    table = open_table(path)
    np.testing.assert_array_equal(table.number_column("y"), [1.5, np.nan, 2])
    assert table.label_column("y").tolist() == ["1.5", "NA", "2"]
    with pytest.raises(TypeError, match=r"`labels` must hold real numbers; got 'many' in column 'z', row 2\."):
        table.number_column("z")
    assert open_table({"y": ["1", "2"]}).number_column("y") == ["1", "2"]


def test_columns_of_other_separators_are_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("t;y\na;1\n")
    with pytest.raises(ValueError, match=r"Its one column is 't;y': the separator seems to be ';'\."):
        open_table(tmp_path / "rows.csv").label_column("y")
    with pytest.raises(ValueError, match=r"Did you mean 'y;t'\?"):
        open_table({"y;t": [1]}).column("y;")


@pytest.mark.parametrize("kind", ["Int64", "Float64", "boolean", "string", "category"])
def test_arrays_of_pandas_are_columns(kind: str) -> None:
    values: list[Any] = {"string": ["a", None], "boolean": [True, None]}.get(kind, [1, None]) * 30
    array = pd.array(values, dtype=kind)
    table, frame = open_table({"y": array}), open_table(pd.DataFrame({"y": array}))
    assert as_plain(table.array("y")) == as_plain(frame.array("y")) == values
    assert table.fingerprint() == frame.fingerprint()
    found, expected = class_labels(table.column("y")), class_labels(frame.column("y"))
    assert found.is_labeled.tolist() == [True, False] * 30
    assert found.names.tolist() == expected.names.tolist()
    if kind in ("Int64", "Float64"):
        np.testing.assert_array_equal(number_labels(table.column("y")).values, [1, np.nan] * 30)


def test_csv_is_the_table_that_was_written(tmp_path: Path) -> None:
    columns = {name: COLUMNS[name] for name in ("number", "share", "flag")} | {"text": ["a", "b c", 'q"', "é", "z"]}
    pd.DataFrame(columns).to_csv(tmp_path / "rows.csv", index=False)
    assert open_table(tmp_path / "rows.csv").fingerprint() == open_table(columns).fingerprint()


def test_lines_of_text(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("one\n\ntwo\n", encoding="utf-8")
    table = open_table(str(tmp_path / "rows.txt"))
    assert table.names == ["text"]
    assert table.array("text").tolist() == ["one", "", "two"]


def test_index_of_pandas_is_no_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": [1, 2, 3]}, index=[5, 5, 9])
    frame.to_parquet(tmp_path / "rows.parquet")
    assert open_table(tmp_path / "rows.parquet").names == ["y"]
    assert open_table(frame).values("y")[2] == 3


def test_what_a_row_lacks_is_missing(tmp_path: Path) -> None:
    rows = [{"a": 1}, {"b": "x"}, {"a": 3, "b": None}]
    table = open_table(rows)
    np.testing.assert_array_equal(table.array("a"), [1, np.nan, 3])
    assert table.column("b") == [None, "x", None]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert open_table(tmp_path / "rows.jsonl").fingerprint() == table.fingerprint()


@pytest.mark.parametrize("kind", KINDS)
def test_answers_come_in_the_library_of_the_table(kind: str, tmp_path: Path) -> None:
    from fastcl.core.arrays import as_table

    table = open_table(as_kind(kind, without_days(kind), tmp_path))
    answer = as_table({"x": np.arange(2)}, like=(table.native,))
    library = {
        **dict.fromkeys(("polars", "lazy"), pl.DataFrame),
        **dict.fromkeys(("arrow", "batch"), pa.Table),
        **dict.fromkeys(("hf", "shuffled"), datasets.Dataset),
    }
    assert type(answer) is library.get(kind, pd.DataFrame)
    assert open_table(table) is table
    assert isinstance(table, Table)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": [1, 2], "b": [1]}, r"`data` must have columns of equal length; got 2 rows in 'a' and 1 in 'b'\."),
        ({}, r"at least one column; got none"),
        ([], r"at least one column; got none"),
        ({"a": []}, r"at least one row; got none"),
        (pd.DataFrame({"a": []}), r"at least one row; got none"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), r"`data` must have each column once; got 'a' 2 times"),
        (pa.table([[1], [2], [3]], ["a", "b", "b"]), r"`data` must have each column once; got 'b' 2 times"),
        ({"a": "text"}, r"`data` must hold a column for 'a'; got one str"),
        ({"a": 3}, r"`data` must hold a column for 'a'; got an object of type int"),
        ({"a": pd.DataFrame({"b": [1]})}, r"`data` must hold a column for 'a'; got one DataFrame"),
        ([1, 2], r"`data` must hold a dict for each row if it is a list; got 1 in row 0"),
        (np.ones((2, 2)), r"`data` must be a dict of columns, .* or a path; got ndarray"),
        (pd.Series([1]), r"got Series"),
        (3, r"got int"),
        (None, r"got NoneType"),
        ("https://host/rows.csv", r"be a file on this machine; got 'https://host/rows.csv'\. Download it first\."),
        (Path("s3://bucket/rows.csv"), r"be a file on this machine; got 's3:/bucket/rows.csv'"),
        (Path(__file__).parent, r"be the path of a file; got the directory '"),
    ],
)
def test_open_table_rejects_what_is_no_table(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_table(data)


def test_open_table_rejects_splits() -> None:
    dataset = datasets.Dataset.from_dict({"a": [1]})
    splits = datasets.DatasetDict({"train": dataset, "test": dataset})
    with pytest.raises(ValueError, match=r"be one data set; got the splits 'train', 'test'. Pass one: data\[name\]"):
        open_table(splits)
    with pytest.raises(ValueError, match="got IterableDataset"):
        open_table(dataset.to_iterable_dataset())


def test_open_table_rejects_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"existing file; got 'imdb'. Load data sets of the Hugging Face Hub"):
        open_table("imdb")
    with pytest.raises(FileNotFoundError, match=r"existing file; got 'none.csv'\.$"):
        open_table("none.csv")
    with pytest.raises(FileNotFoundError, match=r"existing file of type \.csv, .*; got 'none.xlsx'\.$"):
        open_table("none.xlsx")
    with pytest.raises(FileNotFoundError, match=r"got '-'\. Standard input is not read: write it to a file\.$"):
        open_table("-")
    with pytest.raises(FileNotFoundError, match=r"existing file; got ''\.$"):
        open_table("")
    (tmp_path / "rows.xlsx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"be a file of type \.csv, \.tsv, .*; got '.*rows.xlsx'"):
        open_table(tmp_path / "rows.xlsx")
    (tmp_path / "rows.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match=r"hold a list of objects, one a row"):
        open_table(tmp_path / "rows.json")
    (tmp_path / "lines.json").write_text('{"a": 1}\n{"a": 2}\n')
    assert open_table(tmp_path / "lines.json").array("a").tolist() == [1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_column_rejects_unknown_names(kind: str, tmp_path: Path) -> None:
    table = open_table(as_kind(kind, without_days(kind), tmp_path))
    for read in (table.column, table.label_column, table.array, table.values, table.declared_classes):
        with pytest.raises(ValueError, match=r"have a column 'texts'; got none of this name. Did you mean 'text'\?"):
            read("texts")
    with pytest.raises(ValueError, match=r"Its columns are 'number', 'share'"):
        table.column("zzz")


@pytest.mark.parametrize("kind", ["dict", "records", "pandas", "hf", "csv", "json"])
def test_open_table_matches_cleanlab(kind: str, tmp_path: Path) -> None:
    data = pytest.importorskip("cleanlab.datalab.internal.data")
    from cleanlab.datalab.internal.task import Task

    columns: dict[str, list[Any]] = {"x": [0.5, 1.5, 2.5], "text": ["a", "b", "c"], "y": [1, 0, 1]}
    if kind == "csv":
        pd.DataFrame(columns).to_csv(tmp_path / "rows.csv", index=False)
        given: Any = str(tmp_path / "rows.csv")
    else:
        given = as_kind(kind, columns, tmp_path)
    table, reference = open_table(given), data.Data(given, Task.CLASSIFICATION, label_name="y")
    assert table.n_rows == len(reference)
    assert table.names == reference._data.column_names
    for name in columns:
        assert table.array(name).tolist() == list(reference._data[name])


def test_s34_subclasses_are_accepted() -> None:
    class Frame(pd.DataFrame):
        pass

    assert open_table(Frame({"y": [1, 2]})).array("y").tolist() == [1, 2]
    assert open_table(OrderedDict(y=[1, 2])).array("y").tolist() == [1, 2]


def test_s21_fingerprint_is_of_contents(tmp_path: Path) -> None:
    dataset = datasets.Dataset.from_dict({"x": [1.5, 2.5], "y": ["a", "b"]})
    dataset.save_to_disk(tmp_path / "saved")
    reloaded = datasets.load_from_disk(str(tmp_path / "saved"))
    assert open_table(reloaded).fingerprint() == open_table(dataset).fingerprint()
    assert open_table(dataset.to_pandas()).fingerprint() == open_table(dataset).fingerprint()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["10", "2", "", "10"], [2, 10]),
        (["2.5", "10.25", "2.5"], [2.5, 10.25]),
        (["1.1", "1.10"], ["1.1", "1.10"]),
        (["7", "007"], ["007", "7"]),
    ],
)
def test_csv_labels_that_are_numbers_are_sorted_as_numbers(tmp_path, cells, expected):
    (tmp_path / "data.csv").write_text("y,x\n" + "".join(f"{cell},0\n" for cell in cells))
    assert Datalab(tmp_path / "data.csv", label_name="y").class_names == expected
