"""Labs as files: what is saved comes back, nothing half-written, nothing unpickled, and damage is told."""

from __future__ import annotations

import builtins
import io
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pandas.testing import assert_frame_equal
from scipy.sparse import coo_array, csr_matrix

from fastcl.core.arrays import as_narwhals
from fastcl.datalab import Datalab, Evidence, Finding, check
from fastcl.datalab.check import CHECKS, TASKS
from fastcl.datalab.reporting.report import report
from fastcl.datalab.saving import files
from fastcl.datalab.saving.encoding import ArrayStore, decode, encode
from fastcl.neighbors import build_knn_graph
from fastcl.neighbors.duplicates.lists import RowLists

pytestmark = pytest.mark.usefixtures("one_blas_thread")

N_ROWS = 203
NAMES = ("cat", "dog", "héron")
ALL = {"num_examples": 7, "include_description": True, "show_summary_score": True, "show_all_issues": True}


@pytest.fixture
def registry() -> Iterator[None]:
    """Checks that a test registers are gone afterwards."""
    import fastcl.datalab.checks  # noqa: F401

    before = {task: dict(checks) for task, checks in CHECKS.items()}
    yield
    for task in TASKS:
        CHECKS[task].clear()
        CHECKS[task].update(before[task])


def columns_of(task: str) -> dict[str, list[Any]]:
    """Return a text, a label with some missing, and a number of every row."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, N_ROWS)
    labels: list[Any] = [NAMES[code] for code in codes]
    if task == "regression":
        labels = (codes + rng.normal(size=N_ROWS)).tolist()
    if task == "multilabel":
        labels = [[NAMES[code]] if i % 9 else [] for i, code in enumerate(codes)]
    if task != "multilabel":
        labels[20] = labels[-1] = None
    texts = [f"message {i % 90}, call 555-010-{1000 + i}" for i in range(N_ROWS)]
    return {"label": labels, "text": texts, "number": list(range(N_ROWS))}


def lab_of(task: str = "classification", data: Any = None, **options: Any) -> Datalab:
    """Return a lab in which every check has run that can."""
    columns = columns_of(task)
    rng = np.random.default_rng(1)
    features = rng.normal(size=(N_ROWS, 5))
    features[7], features[9] = features[8], features[10] + 1e-6
    pred_probs: Any = rng.dirichlet([1, 1, 1], N_ROWS)
    if task == "regression":
        pred_probs = features.sum(axis=1)
    lab = Datalab(columns if data is None else data, task, "label", text_key="text", **options)
    split = np.where(np.arange(N_ROWS) % 3, "train", "test")
    lab.find_issues(features=features, pred_probs=pred_probs, split=split, n_jobs=1)
    others = [name for name in ("data_valuation", "identifier_column") if name in lab.list_possible_issue_types()]
    lab.find_issues(features=features, issue_types=others, n_jobs=1)
    assert not lab.failed
    return lab


@pytest.fixture(scope="module")
def labs() -> dict[str, Datalab]:
    return {task: lab_of(task) for task in TASKS}


@pytest.fixture
def small() -> Datalab:
    lab = Datalab({"x": [1, 2, 3]})
    lab._findings = {"odd": Finding(np.array([True, False, False]), np.array([0.0, 1.0, np.nan]))}
    return lab


def assert_same(ours: Any, theirs: Any) -> None:
    """Fail unless two values are of the same types and hold the same bits."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        if theirs.dtype.hasobject:
            assert_same(ours.ravel().tolist(), theirs.ravel().tolist())
        else:
            assert ours.tobytes() == theirs.tobytes()
    elif isinstance(theirs, (RowLists, list, tuple)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        assert_same(list(ours.values()), list(theirs.values()))
    elif isinstance(theirs, (pd.DataFrame, pd.Series)):
        assert ours.equals(theirs)
        assert ours.axes[0].equals(theirs.axes[0])
        assert_same(np.asarray(getattr(ours, "dtypes", 0)), np.asarray(getattr(theirs, "dtypes", 0)))
    elif hasattr(theirs, "equals"):
        assert ours.equals(theirs)
    elif hasattr(theirs, "tocsr"):
        assert ours.format == theirs.format
        assert_same(ours.tocsr().data, theirs.tocsr().data)
        assert_same(ours.tocsr().indices, theirs.tocsr().indices)
    else:
        assert ours == theirs or (ours != ours and theirs != theirs)


# -- values


def sent(value: Any, n_rows: int = 3) -> Any:
    """Return what comes back of a value that is written and read."""
    store = ArrayStore(n_rows)
    text = json.dumps(encode(value, store, "value"), allow_nan=False)
    content = io.BytesIO()
    np.savez(content, **store.arrays)
    content.seek(0)
    with np.load(content, allow_pickle=False) as arrays:
        store.arrays = dict(arrays)
    return decode(json.loads(text), store)


plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=5)
    | st.dates()
    | st.datetimes()
    | st.characters(categories=["Cs"])
    | hnp.arrays(
        st.sampled_from(["?", "i1", "<u8", ">i4", "f2", "f4", ">f8", "c16", "M8[ns]", "U3"]),
        st.sampled_from([0, 3, (2, 2)]),
    )
    | hnp.from_dtype(np.dtype("f4"))
    | hnp.from_dtype(np.dtype("U2"))
)
keys = st.text() | st.integers() | st.just("$") | st.tuples(st.integers(), st.text())
nested = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.frozensets(st.integers() | st.text(), max_size=3)
        | st.sets(st.integers(), max_size=3)
    ),
    max_leaves=12,
)


@given(nested)
def test_any_nested_value_comes_back(value: Any) -> None:
    assert_same(sent(value), value)


@pytest.mark.parametrize(
    "value",
    [
        np.array(["a", None, "ü"], object),
        np.array(["a", None, "\ud800"], object),
        np.array(["a", "\ud800", "b"]),
        np.array([[1], None, [2, "x"]], object),
        np.array([[1, 2], [3, 4], [5, 6]]).astype(object),
        np.array([(1, 2.5)] * 3, [("a", "i4"), ("b", "f8")]),
        np.arange(6)[::2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        RowLists(np.array([0, 2, 2, 3]), np.array([4, 7, 1])),
        pd.DataFrame({"name": ["x", "y"], "n": [1, 2], "kind": pd.Categorical(["a", None])}, index=[5, 3]),
        pd.DataFrame({0: [1.5]}),
        pd.DataFrame(),
        pd.Series([1, 2], name="n"),
        pl.DataFrame({"a": ["x", None]}),
        pl.Series("a", [1, 2]),
        pa.table({"a": [1, None]}),
        pa.chunked_array([[1, 2]]),
        csr_matrix(([0.0, 3.0, 1.0], [2, 0, 1], [0, 2, 2, 3]), shape=(3, 3)),
        coo_array(np.eye(3)),
        np.float64(0.1),
        np.bool_(True),
        float("-inf"),
        -0.0,
        datetime(2024, 2, 29, 12),
        date(2024, 2, 29),
    ],
    ids=lambda value: type(value).__name__,
)
def test_value_comes_back(value: Any) -> None:
    assert_same(sent(value), value)


def test_an_array_that_occurs_twice_is_kept_once() -> None:
    store, array = ArrayStore(3), np.arange(4)
    encode({"a": array, "b": [array]}, store, "value")
    assert list(store.arrays) == ["value.a"]


def test_arrays_whose_names_collide_are_kept_apart() -> None:
    value = {"a b": np.arange(4), "a_b": np.arange(5), "a": {1: np.arange(6), "1": np.arange(7)}}
    assert_same(sent(value), value)


@pytest.mark.parametrize("value", [object(), print, 1j, Path("x"), pd.NA, np.ma.masked_equal([1, 2], 2)])
def test_encode_rejects_what_cannot_be_written(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"odd\.info\.model\[1\]"):
        encode({"model": [1, value]}, ArrayStore(3), "odd.info")


# -- labs


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("with_data", [False, True])
def test_a_loaded_lab_reports_the_same(task: str, with_data: bool, labs: dict[str, Datalab], tmp_path: Path) -> None:
    lab = labs[task]
    lab.save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab", columns_of(task) if with_data else None)
    if not with_data:  # the texts of the worst rows are in the data
        lab = Datalab.load(tmp_path / "lab", columns_of(task))
        lab._table = None
        assert loaded.data is None
    for verbosity in range(5):
        assert report(loaded, verbosity=verbosity, **ALL) == report(lab, verbosity=verbosity, **ALL)
    assert (repr(loaded), str(loaded), loaded._repr_html_()) == (repr(lab), str(lab), lab._repr_html_())


@pytest.mark.parametrize("task", TASKS)
def test_a_loaded_lab_answers_bit_by_bit(task: str, labs: dict[str, Datalab], tmp_path: Path) -> None:
    lab = labs[task]
    lab.save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab")
    assert_frame_equal(loaded.get_issues(), lab.get_issues(), check_exact=True)
    assert_frame_equal(loaded.get_issue_summary(), lab.get_issue_summary(), check_exact=True)
    for name in lab._findings:
        assert_frame_equal(loaded.get_issues(name), lab.get_issues(name), check_exact=True)
        assert_same(loaded.get_info(name), lab.get_info(name))
    assert_same(loaded.get_info("statistics"), lab.get_info("statistics"))
    assert_same(loaded.labels, lab.labels)
    assert loaded.class_names == lab.class_names
    assert vars(lab).keys() <= vars(loaded).keys()


@pytest.mark.parametrize("task", TASKS)
def test_a_loaded_lab_finds_the_same_without_its_data(task: str, labs: dict[str, Datalab], tmp_path: Path) -> None:
    labs[task].save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab")
    names = ["outlier", "near_duplicate", "non_iid"] + ["class_imbalance"] * (task == "classification")
    loaded.find_issues(issue_types=names)
    assert not loaded.failed
    for name in names:
        assert_frame_equal(loaded.get_issues(name), labs[task].get_issues(name), check_exact=True)
    with pytest.warns(UserWarning, match="text"):
        loaded.find_issues(issue_types=["empty_text"])


#: What makes a table of columns, by library.
TABLES: dict[str, Callable[[Any], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
    "datasets": datasets.Dataset.from_dict,
}


@pytest.mark.parametrize("library", TABLES)
def test_a_loaded_lab_answers_in_the_library_of_its_data(library: str, tmp_path: Path) -> None:
    make = TABLES[library]
    lab = lab_of(data=make(columns_of("classification")))
    lab.save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab", make(columns_of("classification")))
    assert type(loaded.get_issues()) is type(lab.get_issues()) is type(lab.data)
    for name in lab._findings:
        tables = [answer.get_issues(name) for answer in (loaded, lab)]
        ours, theirs = (as_narwhals("table", table) for table in tables)
        assert ours.schema == theirs.schema
        assert repr(ours.rows()) == repr(theirs.rows())  # NaN is itself


def test_a_lab_saved_again_without_its_data_still_knows_them(labs: dict[str, Datalab], tmp_path: Path) -> None:
    labs["classification"].save(tmp_path / "one")
    Datalab.load(tmp_path / "one").save(tmp_path / "two")
    names = sorted(os.listdir(tmp_path / "one"))
    assert names == ["arrays.npz", "graph-0.npz", "issues.parquet", "lab.json"]
    about = [json.loads((tmp_path / place / "lab.json").read_text()) for place in ("one", "two")]
    assert about[0]["fingerprint"] == about[1]["fingerprint"] is not None
    assert about[0]["findings"] == about[1]["findings"]
    Datalab.load(tmp_path / "two", columns_of("classification"))


def test_the_same_lab_gives_the_same_bytes(labs: dict[str, Datalab], tmp_path: Path) -> None:
    for place in ("one", "two"):
        labs["classification"].save(tmp_path / place)
    for name in os.listdir(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("library", TABLES)
def test_a_lab_without_its_data_answers_in_their_library(library: str, small: Datalab, tmp_path: Path) -> None:
    lab = Datalab(TABLES[library]({"x": [1, 2, 3]}))
    lab._findings = small._findings
    lab.save(tmp_path / "lab")
    assert type(Datalab.load(tmp_path / "lab").get_issues()) is type(lab.get_issues())


def test_an_audit_of_images_comes_back(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 255, (12, 9, 7, 3), np.uint8)
    pixels[5] = 0
    data = [{"image": [image.fromarray(one) for one in pixels], "y": list("ab" * 6)} for _ in range(2)]
    lab = Datalab(data[0], label_name="y", image_key="image")
    lab.find_issues(n_jobs=1)
    lab.save(tmp_path / "lab")
    text = report(lab, verbosity=4, **ALL)
    assert "dark issues" in text
    for loaded in (Datalab.load(tmp_path / "lab"), Datalab.load(tmp_path / "lab", data[1])):
        assert report(loaded, verbosity=4, **ALL) == text


def test_a_loaded_lab_judges_new_rows_alike(tmp_path: Path) -> None:
    features, new = np.split(np.random.default_rng(0).normal(size=(80, 5)), [60])
    lab = Datalab({"y": ["a", "b", "c"] * 20}, label_name="y")
    lab.find_issues(features=features, issue_types=["label", "outlier", "near_duplicate"])
    lab.save(tmp_path / "lab")
    expected = lab.score_new(features=new)
    assert_frame_equal(Datalab.load(tmp_path / "lab").monitor(features=features).score_new(features=new), expected)


@pytest.mark.parametrize("kind", [np.array(["b", "a", "b"]), [3, 1, None], [True, False, True], [b"x", b"y", b"x"]])
def test_labels_of_any_kind_come_back(kind: Any, tmp_path: Path) -> None:
    lab = Datalab({"y": kind}, label_name="y", class_names=None)
    lab.find_issues(issue_types=["class_imbalance"])
    lab.save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab")
    assert_same(loaded.class_names, lab.class_names)
    assert_same(loaded.labels, lab.labels)
    assert_frame_equal(loaded.get_issues("class_imbalance"), lab.get_issues("class_imbalance"))


def test_columns_of_every_type_come_back_bit_by_bit(small: Datalab, tmp_path: Path) -> None:
    types = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">i4", ">f8", "c16", "g", "M8[D]"]
    columns: dict[str, Any] = {f"type {kind}": np.arange(3).astype(kind) for kind in types}
    odd = np.array([0x7FF8000000000001, 1 << 63, 0xFFF0000000000000], np.uint64).view(np.float64)
    columns |= {"odd floats": odd, "every other": np.arange(6)[::2]}
    columns |= {f"texts {i}": np.array(["a", word, "ü\0b"]) for i, word in enumerate(["", "\ud800"])}
    columns |= {f"objects {i}": np.array(["a", word, None], object) for i, word in enumerate(["x\0", "\udfff", 3, [1]])}
    small._findings = {"odd": Finding(np.zeros(3, bool), np.ones(3), columns=columns)}
    small.save(tmp_path / "lab")
    assert_same(Datalab.load(tmp_path / "lab")._findings["odd"].columns, columns)


def test_graphs_of_every_metric_come_back(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(60, 5))
    lab = Datalab({"x": list(range(60))})
    lab.find_issues(features=features, issue_types={"outlier": {"k": 4}, "near_duplicate": {"metric": "euclidean"}})
    lab.save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab")
    for metric, graph in lab._graphs.built.items():
        assert_same(loaded._graphs.built[metric].indices, graph.indices)
        assert_same(loaded._graphs.built[metric].distances, graph.distances)
    with pytest.raises(ValueError, match="features"):
        loaded.find_issues(issue_types={"outlier": {"k": 30}})


def test_a_graph_that_was_given_comes_back(tmp_path: Path) -> None:
    graph = build_knn_graph(np.random.default_rng(0).normal(size=(60, 5)), n_neighbors=7)
    lab = Datalab({"x": list(range(60))})
    lab.find_issues(knn_graph=graph.to_csr(), issue_types=["outlier"])
    lab.save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab")
    loaded.find_issues(issue_types=["outlier"])
    assert_frame_equal(loaded.get_issues("outlier"), lab.get_issues("outlier"))


def test_a_lab_in_which_nothing_ran_comes_back(tmp_path: Path) -> None:
    Datalab({"x": [1, 2]}).save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab")
    assert (len(loaded), loaded.has_labels, loaded.failed, loaded._findings) == (2, False, {}, {})


class OddError(Exception):
    pass


@pytest.mark.parametrize("error", [ValueError("bad"), KeyError("k"), OddError("odd"), MemoryError(), OddError()])
def test_reasons_of_failed_checks_come_back(error: Exception, small: Datalab, tmp_path: Path) -> None:
    small.failed = {"broken": error}
    small.save(tmp_path / "lab")
    loaded = Datalab.load(tmp_path / "lab")
    assert isinstance(loaded.failed["broken"], ValueError)
    assert report(loaded, verbosity=1, **ALL) == report(small, verbosity=1, **ALL)


def test_findings_of_a_check_of_the_user_come_back_where_it_is_not_known(registry: None, tmp_path: Path) -> None:
    @check("unlucky")
    def unlucky(evidence: Evidence) -> Finding:
        """Rows that superstition would leave out."""
        scores = np.array([1.0, 0.0, 1.0], np.float16)
        return Finding(scores < 1, scores, info={"why": {13: ("old", {"x"})}}, columns={"n": pd.Series([1, 2, 3])})

    lab = Datalab({"x": [1, 2, 3]})
    lab.find_issues(issue_types=["unlucky"])
    lab.save(tmp_path / "lab")
    text = report(lab, verbosity=4, **ALL)
    assert report(Datalab.load(tmp_path / "lab"), verbosity=4, **ALL) == text
    del CHECKS["classification"]["unlucky"]
    loaded = Datalab.load(tmp_path / "lab")
    assert report(loaded, verbosity=4, **ALL) == text.replace("Rows that superstition would leave out.\n\n", "")
    assert loaded.get_info("unlucky")["why"] == {13: ("old", {"x"})}
    assert_frame_equal(loaded.get_issues("unlucky"), lab.get_issues("unlucky"))


# -- what is refused


def test_save_rejects_objects_before_anything_is_written(small: Datalab, tmp_path: Path) -> None:
    small._findings = {"odd": Finding(info={"fit": {"model": object()}})}
    with pytest.raises(TypeError, match=r"`odd\.info\.fit\.model` must hold numbers.*got an object of type object"):
        small.save(tmp_path / "made" / "lab")
    assert os.listdir(tmp_path) == []


def test_save_makes_missing_directories_above(small: Datalab, tmp_path: Path) -> None:
    small.save(tmp_path / "a" / "b" / "lab")
    assert os.listdir(tmp_path / "a" / "b") == ["lab"]


def test_save_replaces_a_lab_only_by_force(small: Datalab, tmp_path: Path) -> None:
    small.save(tmp_path / "lab")
    with pytest.raises(FileExistsError, match="force=True"):
        small.save(tmp_path / "lab")
    small._findings = {}
    small.save(str(tmp_path / "lab"), force=True)
    assert Datalab.load(tmp_path / "lab")._findings == {}
    assert os.listdir(tmp_path) == ["lab"]


@pytest.mark.parametrize("force", [False, True])
def test_save_never_replaces_what_is_no_lab(force: bool, small: Datalab, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "lab.json").write_text('{"format": "mine"}')
    small.save(tmp_path / "lab")
    (tmp_path / "lab" / "notes.txt").write_text("mine")
    for name in ("file", "other", "lab"):
        with pytest.raises(FileExistsError, match="path"):
            small.save(tmp_path / name, force=force)
    assert (tmp_path / "lab" / "notes.txt").read_text() == "mine"
    small.save(tmp_path / "empty", force=force)
    assert len(Datalab.load(tmp_path / "empty")) == len(small)


@pytest.mark.parametrize("step", ["savez", "rename"])
def test_the_old_lab_survives_a_failure(
    step: str, small: Datalab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.save(tmp_path / "lab")
    before = report(small, verbosity=4, **ALL)
    rename = Path.rename

    def fail(*args: Any, **_: Any) -> Any:
        if step == "rename" and args[0].name != "new":
            return rename(*args)
        raise OSError("disk full")

    monkeypatch.setattr(*{"savez": (np, "savez"), "rename": (Path, "rename")}[step], fail)
    small._findings = {}
    with pytest.raises(OSError, match="disk full"):
        small.save(tmp_path / "lab", force=True)
    with pytest.raises(OSError, match="disk full"):
        small.save(tmp_path / "another")
    assert os.listdir(tmp_path) == ["lab"]
    assert report(Datalab.load(tmp_path / "lab"), verbosity=4, **ALL) == before


def test_load_rejects_a_path_without_a_lab(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=r"Datalab\.save"):
            Datalab.load(path)


@pytest.mark.parametrize("name", ["arrays.npz", "graph-0.npz", "issues.parquet"])
def test_load_rejects_a_lab_with_a_missing_or_damaged_file(name: str, labs: dict[str, Datalab], tmp_path: Path) -> None:
    labs["classification"].save(tmp_path / "lab")
    content = bytearray((tmp_path / "lab" / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "lab" / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"another {name}"):
        Datalab.load(tmp_path / "lab")
    (tmp_path / "lab" / name).unlink()
    with pytest.raises(ValueError, match=f"no {name}"):
        Datalab.load(tmp_path / "lab")


@pytest.mark.parametrize(
    "change",
    [
        lambda about: "{",
        lambda about: "[]",
        lambda about: about | {"format": "x"},
        lambda about: about | {"n_rows": 4},
        lambda about: about | {"findings": {"odd": {"$": "pickle"}}},
        lambda about: about | {"labels": {"kind": "class"}},
        lambda about: about | {"files": {}},
        lambda about: {key: value for key, value in about.items() if key != "graphs"},
        lambda about: {key: value for key, value in about.items() if key != "fingerprint"},
    ],
)
def test_load_rejects_a_damaged_description(change: Any, small: Datalab, tmp_path: Path) -> None:
    small.save(tmp_path / "lab")
    file = tmp_path / "lab" / "lab.json"
    changed = change(json.loads(file.read_text()))
    file.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    with pytest.raises(ValueError, match=r"lab\.json"):
        Datalab.load(tmp_path / "lab")


def test_load_rejects_a_later_format(small: Datalab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FORMAT_VERSION", files.FORMAT_VERSION + 1)
    small.save(tmp_path / "lab")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"version 1 or lower.*version 2.*update"):
        Datalab.load(tmp_path / "lab")


def test_nothing_is_pickled(labs: dict[str, Datalab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("pickle")

    for name in ("dump", "dumps", "load", "loads"):
        monkeypatch.setattr(pickle, name, refuse)
    labs["multilabel"].save(tmp_path / "lab")
    Datalab.load(tmp_path / "lab")


def test_s21_data_are_known_by_their_contents(labs: dict[str, Datalab], tmp_path: Path) -> None:
    columns = columns_of("classification")
    labs["classification"].save(tmp_path / "lab")
    pd.DataFrame(columns).to_parquet(tmp_path / "data.parquet")
    for data in (columns, pd.DataFrame(columns), pl.DataFrame(columns), pa.table(columns), tmp_path / "data.parquet"):
        assert Datalab.load(tmp_path / "lab", data).data is data
    others = [
        columns | {"number": list(range(1, N_ROWS + 1))},
        {name: values[::-1] for name, values in columns.items()},
        {name: values for name, values in columns.items() if name != "number"},
    ]
    for data in others:
        with pytest.raises(ValueError, match=r"`data` must be the data that were audited"):
            Datalab.load(tmp_path / "lab", data)
    with pytest.raises(ValueError, match="2 rows for a lab of 203"):
        Datalab.load(tmp_path / "lab", {"x": [1, 2]})


def test_without_pyarrow_there_is_one_sentence(small: Datalab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small.save(tmp_path / "lab")
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for call in (lambda: small.save(tmp_path / "new"), lambda: Datalab.load(tmp_path / "lab")):
        with pytest.raises(ImportError, match=r"needs pyarrow: pip install 'fastcl\[io\]'"):
            call()
    assert not (tmp_path / "new").exists()


def test_what_was_read_can_be_written_to(labs: dict[str, Datalab], tmp_path: Path) -> None:
    labs["classification"].save(tmp_path / "lab")
    for finding in Datalab.load(tmp_path / "lab")._findings.values():
        assert finding.scores is None or finding.scores.flags.writeable


def test_saving_leaves_the_lab_as_it_was(labs: dict[str, Datalab], tmp_path: Path) -> None:
    before = report(labs["classification"], verbosity=4, **ALL)
    modules = set(sys.modules)
    labs["classification"].save(tmp_path / "lab")
    assert report(labs["classification"], verbosity=4, **ALL) == before
    assert not {name for name in set(sys.modules) - modules if name.startswith("sklearn")}
