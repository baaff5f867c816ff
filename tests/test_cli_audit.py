"""`fastcl audit` answers as `Datalab` does, whatever files its inputs are in, and keeps what it writes in step."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datalab_problems import Problem, blobs, label_sets, numbers

from fastcl import Datalab
from fastcl.cli import main
from fastcl.cli.arguments import parse_limit
from fastcl.cli.data import as_sets
from fastcl.cli.inputs import Asked, open_inputs
from fastcl.cli.numbers import ROWS, unpack
from fastcl.datalab.check import CHECKS, Check, Finding
from fastcl.datalab.data.tables import open_table
from fastcl.filter import find_label_issues
from fastcl.review import label_worklist

NAMES = np.array(["ant", "bee", "cat", "dog", "eel"])
BLOBS = blobs()
TEXTS = [f"message number {i % 400} of the day" for i in range(503)]
SPLIT = np.where(np.arange(503) % 3 == 0, "test", "train")


def table() -> dict[str, object]:
    """Everything at once: labels, probabilities out of order, features, texts, splits."""
    columns: dict[str, object] = {"y": NAMES[BLOBS.labels], "body": TEXTS, "part": SPLIT}
    columns |= {f"p_{NAMES[k]}": BLOBS.pred_probs[:, k] for k in (2, 0, 4, 1, 3)}
    return columns | {f"x_{k}": BLOBS.features[:, k] for k in range(12)}


def write(path: Path, columns: dict[str, object]) -> Path:
    frame = pd.DataFrame(columns)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=100)
    elif path.suffix == ".npy":
        texts = {name: f"U{frame[name].str.len().max()}" for name in ("y", "body", "part") if name in frame}
        np.save(path, frame.to_records(index=False, column_dtypes=texts))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")), encoding="utf-8")
    return path


def audit(out: Path, *arguments: object, code: int = 0) -> pd.DataFrame:
    """Run an audit, which must end with `code`, and return its issues."""
    assert main(["audit", *map(str, arguments), "--out", str(out), "-q"]) == code
    return pd.read_parquet(out / "issues.parquet")


def assert_answers(issues: pd.DataFrame, lab: Datalab) -> None:
    """The flags of all checks are those of the lab, and so are scores: a file keeps every bit of a number."""
    expected = lab.get_issues()
    assert issues["row"].tolist() == list(range(len(lab)))
    pd.testing.assert_frame_equal(issues[list(expected.columns)], expected)
    label = lab.get_issues("label")
    for name in ("given_label", "predicted_label"):
        assert list(map(plain, issues[name])) == list(map(plain, label[name]))


def plain(value: object) -> object:
    """A list for an array, which is what Parquet makes of a list; anything else as it is."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def python_lab(**inputs: object) -> Datalab:
    """The same audit in Python."""
    lab = Datalab({"y": NAMES[BLOBS.labels], "body": TEXTS}, label_name="y", text_key="body", verbosity=0)
    lab.find_issues(**inputs)
    return lab


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "data.csv", table())


ALL = ["--label", "y", "--pred-probs", "p_*", "--features", "x_*", "--text", "body", "--split", "part"]


# -- the answers of Datalab, whatever the files


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".npy"])
def test_audit_matches_datalab(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"data{suffix}", table())
    lab = python_lab(pred_probs=BLOBS.pred_probs, features=BLOBS.features, split=SPLIT)
    assert not lab.failed
    assert {"leakage", "repeated_text", "outlier", "label"} <= set(lab.issue_summary["issue_type"])
    assert_answers(audit(tmp_path / "out", path, *ALL), lab)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".npy"])
def test_audit_is_the_same_with_numbers_in_files(tmp_path: Path, suffix: str) -> None:
    columns = table()
    data = write(tmp_path / "data.csv", {name: columns[name] for name in ("y", "body")})
    features = write(tmp_path / f"f{suffix}", {name: columns[name] for name in columns if name.startswith("x_")})
    np.save(tmp_path / "probs.npy", BLOBS.pred_probs)
    typed = ["--label", "y", "--pred-probs", tmp_path / "probs.npy", "--features", features, "--text", "body"]
    lab = python_lab(pred_probs=BLOBS.pred_probs, features=BLOBS.features)
    assert_answers(audit(tmp_path / "out", data, *typed), lab)


@pytest.mark.parametrize("given", ["features", "pred_probs"])
def test_lists_of_numbers_are_rows(tmp_path: Path, given: str) -> None:
    values = getattr(BLOBS, given)
    inputs = pa.table({"y": NAMES[BLOBS.labels], "body": TEXTS, "rows": pa.array(values.tolist())})
    pq.write_table(inputs, tmp_path / "data.parquet")
    typed = ["--label", "y", "--text", "body", f"--{given.replace('_', '-')}", "rows"]
    assert_answers(audit(tmp_path / "out", tmp_path / "data.parquet", *typed), python_lab(**{given: values}))


def test_probabilities_made_of_features_are_said(tmp_path: Path, data: Path) -> None:
    np.save(tmp_path / "x.npy", BLOBS.features.astype(np.float32))
    issues = audit(tmp_path / "out", data, "--label", "y", "--text", "body", "--features", tmp_path / "x.npy")
    assert_answers(issues, python_lab(features=BLOBS.features.astype(np.float32)))
    assert "No pred_probs were given: they were made of the features" in (tmp_path / "out" / "report.txt").read_text()
    worklist = pd.read_csv(tmp_path / "out" / "worklist.csv")
    assert len(worklist) == issues["is_label_issue"].sum() > 20
    assert worklist["suggested_probability"].isna().all()
    np.testing.assert_array_equal(worklist["suggested_label"], issues["predicted_label"][worklist["row"]])


@pytest.mark.parametrize("predictions", ["prediction", "flat.npy", "column.npy"])
def test_regression_matches_datalab(tmp_path: Path, predictions: str) -> None:
    problem = numbers()
    data = write(tmp_path / "data.csv", {"y": problem.labels, "prediction": problem.pred_probs})
    np.save(tmp_path / "flat.npy", problem.pred_probs)
    np.save(tmp_path / "column.npy", problem.pred_probs[:, None])
    typed = predictions if predictions == "prediction" else tmp_path / predictions
    lab = Datalab({"y": problem.labels}, "regression", "y", verbosity=0)
    lab.find_issues(pred_probs=problem.pred_probs, issue_types=["label"])
    arguments = [data, "--task", "regression", "--label", "y", "--pred-probs", typed, "--checks", "label"]
    assert_answers(audit(tmp_path / "out", *arguments), lab)
    assert not (tmp_path / "out" / "worklist.csv").exists()


def multilabel_lab(problem: Problem, **options: object) -> Datalab:
    sets = [NAMES[row].tolist() for row in problem.labels]
    lab = Datalab({"y": sets}, "multilabel", "y", verbosity=0)
    lab.find_issues(pred_probs=problem.pred_probs, issue_types={"label": options})
    return lab


@pytest.mark.parametrize("kind", ["lists.jsonl", "lists.parquet", "names.csv", "lists.csv", "matrix.npy"])
def test_multilabel_matches_datalab(tmp_path: Path, kind: str) -> None:
    problem = label_sets()
    sets = [NAMES[row].tolist() for row in problem.labels]
    path = tmp_path / kind
    if kind == "matrix.npy":
        np.save(path, np.array([np.isin(np.arange(5), row) for row in problem.labels], np.uint8))
    else:
        cells = [";".join(members) if members else "[]" for members in sets] if kind == "names.csv" else sets
        write(path, {"y": cells})
    np.save(tmp_path / "probs.npy", problem.pred_probs)
    typed = ["--pred-probs", tmp_path / "probs.npy", "--checks", "label"]
    typed += ["--classes", ",".join(NAMES)] if kind == "matrix.npy" else ["--label", "y"]
    assert_answers(audit(tmp_path / "out", path, "--task", "multilabel", *typed), multilabel_lab(problem))


def test_label_options_reach_the_check_of_each_task(tmp_path: Path, data: Path) -> None:
    problem = label_sets()
    write(tmp_path / "sets.jsonl", {"y": [NAMES[row].tolist() for row in problem.labels]})
    np.save(tmp_path / "probs.npy", problem.pred_probs)
    typed = [
        "--filter-by",
        "both",
        "--rank-by",
        "confidence_weighted_entropy",
        "--frac-noise",
        "0.5",
        "--checks",
        "label",
    ]
    sets = ["--task", "multilabel", "--label", "y", "--pred-probs", tmp_path / "probs.npy"]
    lab = multilabel_lab(problem, filter_by="both", method="confidence_weighted_entropy", frac_noise=0.5)
    assert_answers(audit(tmp_path / "out", tmp_path / "sets.jsonl", *sets, *typed), lab)
    audit(tmp_path / "out", data, "--label", "y", "--pred-probs", "p_*", *typed)
    worklist = label_worklist(
        NAMES[BLOBS.labels], BLOBS.pred_probs, filter_by="both", rank_by="confidence_weighted_entropy", frac_noise=0.5
    )
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "worklist.parquet"), worklist.to_frame())


def test_csv_and_parquet_hold_the_same(tmp_path: Path, data: Path) -> None:
    issues = audit(tmp_path / "out", data, *ALL)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "issues.csv"), issues, check_dtype=False)


def test_rows_without_a_label_get_a_suggestion(tmp_path: Path) -> None:
    columns = table()
    columns["y"] = np.where(np.arange(503) == 7, None, np.asarray(columns["y"], object))
    paths = [write(tmp_path / f"data{suffix}", columns) for suffix in (".csv", ".jsonl", ".parquet")]
    for path in paths:
        issues = audit(tmp_path / "out", path, "--label", "y", "--pred-probs", "p_*")
        assert issues["given_label"].isna().tolist() == [row == 7 for row in range(503)]
        assert issues["predicted_label"][7] == NAMES[BLOBS.pred_probs[7].argmax()]
        assert not issues["is_label_issue"][7]
        assert 7 not in pd.read_csv(tmp_path / "out" / "worklist.csv")["row"].tolist()
        assert "1 rows have no label" in (tmp_path / "out" / "report.txt").read_text()


def test_rows_without_a_set_of_labels_get_a_suggestion(tmp_path: Path) -> None:
    problem = label_sets()
    sets = [None, *(NAMES[row].tolist() for row in problem.labels[1:])]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps({"y": members}) + "\n" for members in sets))
    np.save(tmp_path / "probs.npy", problem.pred_probs)
    typed = ["--task", "multilabel", "--label", "y", "--pred-probs", tmp_path / "probs.npy", "--checks", "label"]
    issues = audit(tmp_path / "out", tmp_path / "data.jsonl", *typed)
    assert issues["given_label"].isna().tolist() == [row == 0 for row in range(503)]
    assert plain(issues["predicted_label"][0]) == NAMES[problem.pred_probs[0] > 0.5].tolist()
    text = pd.read_csv(tmp_path / "out" / "issues.csv", keep_default_na=False)
    assert text["given_label"].tolist() == ["", *map(str, sets[1:])]


def test_texts_alone_are_audited(tmp_path: Path, data: Path) -> None:
    issues = audit(tmp_path / "out", data, "--text", "body")
    assert {"is_repeated_text_issue", "is_empty_text_issue"} <= set(issues)
    assert "given_label" not in issues
    assert issues["is_repeated_text_issue"].sum() == 206


def test_paths_of_images_start_where_the_data_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    (tmp_path / "set" / "pictures").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(8):
        pixels = np.zeros((16, 16, 3)) if i == 3 else rng.random((16, 16, 3)) * 255
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "set" / "pictures" / f"{i}.png")
    paths = [f"pictures/{i}.png" for i in range(7)] + [str(tmp_path / "set" / "pictures" / "7.png")]
    write(tmp_path / "set" / "data.csv", {"path": paths})
    monkeypatch.chdir(tmp_path)
    issues = audit(Path("out"), "set/data.csv", "--image", "path")
    assert np.flatnonzero(issues["is_dark_issue"]).tolist() == [3]


def test_what_is_read_otherwise_is_no_data(tmp_path: Path) -> None:
    """Columns of features are no columns that a check of columns may find fault with; labels and texts stay columns."""
    columns = {"id": np.arange(30), "y": np.arange(30) % 2, "x_1": np.arange(30) + 9, "x_2": np.ones(30)}
    data = write(tmp_path / "data.csv", columns)
    for features in ([], ["--features", "x_*"]):
        found = open_inputs(Asked(data, label="y", features=(features or [None, None])[1]), tmp_path)
        assert found.table.names == ["id", "y", "x_1", "x_2"][: 2 if features else 4]
    everything = open_inputs(Asked(data, label="y", features="*", text="id"), tmp_path)
    assert everything.table.names == ["id", "y"]
    assert everything.table.fingerprint() == open_table(data).fingerprint()


# -- sets of classes in text


def test_sets_in_cells_match_naive() -> None:
    cells = ["a;b", " a , b ", "a|b,c", "[]", "['x, y', \"z\"]", '["a"]', None, float("nan"), "a", ";"]
    expected = [["a", "b"], ["a", "b"], ["a", "b", "c"], [], ["x, y", "z"], ["a"], None, None, ["a"], []]
    assert as_sets(cells) == expected
    assert as_sets(["1", "0, 2", "[1, 2]", "", "[]"][:3]) == [[1], [0, 2], [1, 2]]
    assert as_sets(["01", "1"]) == [["01"], ["1"]]
    assert as_sets([3, 4]) == [[3], [4]]


def test_sets_that_are_none_are_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "data.csv", {"y": ["a;b", "[a; b"]})
    assert main(["audit", str(data), "--task", "multilabel", "--label", "y", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "fastcl: error: --label must hold a set of classes in each cell; got '[a; b' in row 1. "
        "For instance: red;blue or ['red', 'blue'].\n"
    )


# -- Parquet


@pytest.mark.parametrize("n_rows", [1, ROWS, 2 * ROWS + 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_unpacked_parquet_is_what_was_packed(tmp_path: Path, n_rows: int, dtype: type) -> None:
    values = (np.random.default_rng(0).random((n_rows, 3)) * 100).astype(dtype)
    flat = pa.table({name: values[:, k] for k, name in enumerate("abc")})
    pq.write_table(flat, tmp_path / "flat.parquet", row_group_size=1_000)
    pq.write_table(pa.table({"rows": pa.array(list(values))}), tmp_path / "lists.parquet")
    expected = values if values.dtype.kind == "f" else values.astype(np.float64)
    for file, columns in (("flat", ["c", "a"]), ("lists", ["rows"])):
        unpacked = unpack("features", tmp_path / f"{file}.parquet", columns, tmp_path)
        assert isinstance(unpacked, np.memmap)
        assert unpacked.dtype == expected.dtype
        np.testing.assert_array_equal(unpacked, expected if file == "lists" else expected[:, [2, 0]])
        with pytest.raises(ValueError, match="read-only"):
            unpacked[0] = 0


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"x": [[1.0, 2.0]] * ROWS + [[1.0]] * 3}, "--features must hold lists of 2 numbers, as in its first row; "),
        ({"x": [[1.0, 2.0], [1.0]]}, "--features must hold numbers; got lists of different lengths, or not of numbers"),
        ({"x": ["a", "b"]}, "--features must hold numbers; got 'a' in column 'x', row 0."),
        ({"x": [[1.0], [2.0]], "x2": [1.0, 2.0]}, "--features must be columns of numbers, or one of lists; got lists"),
    ],
)  # fmt: skip
def test_parquet_of_other_things_is_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], columns: dict[str, object], words: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    typed = ["--features", "x*", "--out", str(tmp_path / "out")]
    assert main(["audit", str(tmp_path / "data.parquet"), *typed]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data.parquet"]


def test_errors_call_features_by_their_name(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pa.table({"t": ["a", "b"]}), tmp_path / "none.parquet")
    write(tmp_path / "none.csv", {"t": ["a", "b"]})
    np.save(tmp_path / "short.npy", BLOBS.features[:400])
    for name in ("none.parquet", "none.csv", "short.npy", "nowhere.npy"):
        typed = ["--label", "y", "--features", str(tmp_path / name), "--out", str(tmp_path / "out")]
        assert main(["audit", str(data), *typed]) == 2
        err = capsys.readouterr().err
        assert err.startswith("fastcl: error: --features must ")
        assert err.count("\n") == 1


# -- which checks, and what they decide


def test_checks_are_those_asked_for(tmp_path: Path, data: Path) -> None:
    issues = audit(tmp_path / "out", data, *ALL, "--checks", "outlier, near_duplicate")
    assert list(issues) == [
        "row",
        "is_outlier_issue",
        "outlier_score",
        "is_near_duplicate_issue",
        "near_duplicate_score",
    ]
    assert not (tmp_path / "out" / "worklist.csv").exists()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--checks labl", "--checks must name checks of --task 'classification'; got 'labl'. Did you mean 'label'?"),
        ("--label y --checks leakage", "got 'leakage'. It needs --features and --split."),
        ("--label y --checks data_valuation", "got 'data_valuation'. It needs "),
        ("", "No check can run on what was given. Bring --label, --pred-probs, "),
        ("--label x_1 --task regression", "No check can run on what was given. Bring --pred-probs, --features, "),
        ("--label y --fail-on outlier>1", "--fail-on must name a check that runs: class_imbalance; got 'outlier'."),
        ("--text body --fail-on empty_txt>1", "got 'empty_txt'. Did you mean 'empty_text'?"),
        ("--text bodi", "--text must name a column of 'data.csv'; got 'bodi'. Did you mean 'body'?"),
        ("--label y --split parts", "--split must name a column of 'data.csv'; got 'parts'. Did you mean 'part'"),
        ("--image im", "--image must name a column of 'data.csv'; got 'im'. "),
        ("--label y --top -1", "--top must be at least 0; got -1."),
        ("--label x_1 --task regression --filter-by both", "--filter-by, --rank-by, --frac-noise and "),
        ("--label y --task regression", "--label must hold real numbers"),
        ("--label y --classes a,b", "--label must be named by the columns 'a', 'b'; got 'ant'."),
        ("--label y --features x_*,body", "--features must hold numbers; got 'message number 0 of the day' in column"),
    ],
)  # fmt: skip
def test_audit_rejects(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], typed: str, words: str) -> None:
    assert main(["audit", str(data), *typed.split(), "--out", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fastcl: error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not (tmp_path / "out").exists()


def test_limits_name_any_check_and_come_in_numbers(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    issues = audit(tmp_path / "out", data, *ALL)
    n_labels, n_copies = issues["is_label_issue"].sum(), issues["is_near_duplicate_issue"].sum()
    kept = ["--fail-on", f"label>{n_labels}", "--fail-on", "outlier>50%"]
    audit(tmp_path / "out", data, *ALL, *kept)
    broken = ["--fail-on", f"near_duplicate>={n_copies}", "--fail-on", "label > 0.5%"]
    capsys.readouterr()
    audit(tmp_path / "out", data, *ALL, *kept, *broken, code=1)
    assert capsys.readouterr().err.splitlines() == [
        f"fastcl: failed on 'near_duplicate>={n_copies}': {n_copies} near_duplicate issues in 503 rows (2.0 %)",
        f"fastcl: failed on 'label > 0.5%': {n_labels} label issues in 503 rows ({100 * n_labels / 503:.1f} %)",
    ]


def test_limits_are_exact_shares() -> None:
    limit = parse_limit("exact_duplicate>=0.1%")
    assert (limit.check, limit.is_share) == ("exact_duplicate", True)
    assert [limit.is_broken(n, 1000) for n in (0, 1)] == [False, True]


@pytest.fixture
def broken_check(monkeypatch: pytest.MonkeyPatch) -> str:
    """A check that always fails, and one that judges no rows."""

    def fail(evidence: object) -> Finding:
        raise ValueError("the moon is full")

    for name, find in (("moody", fail), ("whole", lambda evidence: Finding(summary=0.5))):
        check = Check(name, find, (frozenset({"labels"}),), ("classification",), True, {}, {})
        monkeypatch.setitem(CHECKS["classification"], name, check)
    return "moody"


def test_a_check_that_fails_stops_no_other(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], broken_check: str
) -> None:
    issues = audit(tmp_path / "out", data, "--label", "y", "--pred-probs", "p_*")
    assert issues["is_label_issue"].sum() > 20
    assert capsys.readouterr().err == f"fastcl: warning: 1 check failed: {broken_check} (the moon is full)\n"
    assert "moody: the moon is full" in (tmp_path / "out" / "report.txt").read_text()


@pytest.mark.parametrize("asked", [["--checks", "moody,class_imbalance"], ["--fail-on", "moody>1"]])
@pytest.mark.usefixtures("broken_check")
def test_a_check_that_was_asked_for_and_fails_is_not_done(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    issues = audit(tmp_path / "out", data, "--label", "y", *asked, code=2)
    assert "is_class_imbalance_issue" in issues
    assert "fastcl: error: moody was asked for, and failed: the moon is full\n" in capsys.readouterr().err


@pytest.mark.usefixtures("broken_check")
def test_a_limit_needs_rows_to_count(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit(tmp_path / "out", data, "--label", "y", "--fail-on", "whole>1", "--fail-on", "class_imbalance>=0", code=2)
    assert "whole judges the data as a whole and counts no rows" in capsys.readouterr().err


# -- what is written


def test_the_saved_lab_is_loaded_with_its_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix in (".csv", ".parquet"):
        data = write(tmp_path / f"data{suffix}", table())
        issues = audit(tmp_path / "out", data, *ALL)
        capsys.readouterr()
        lab = Datalab.load(tmp_path / "out" / "lab", data=data)
        assert_answers(issues, lab)
        lab.report()
        assert (
            capsys.readouterr().out.splitlines()[:3] == (tmp_path / "out" / "report.txt").read_text().splitlines()[:3]
        )


def test_report_on_stdout_is_that_in_the_file(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {}
    for width in ("70", "120"):
        monkeypatch.setenv("COLUMNS", width)
        assert main(["audit", str(data), *ALL, "--out", str(tmp_path / "out"), "--top", "2", "--verbosity", "0"]) == 0
        shown[width] = capsys.readouterr().out
        written = (tmp_path / "out" / "report.txt").read_text()
        assert os.environ["COLUMNS"] == width
        assert written == shown.get("120", written)
    assert len({*shown.values(), written}) == 2
    assert max(map(len, shown["70"].splitlines())) <= 70 < max(map(len, shown["120"].splitlines()))
    assert "lab." not in shown["70"]
    assert "Datalab" not in shown["70"]


def test_what_an_earlier_audit_has_left_goes(tmp_path: Path, data: Path) -> None:
    audit(tmp_path / "out", data, *ALL)
    before = (tmp_path / "out" / "lab" / "lab.json").read_text()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    audit(tmp_path / "out", data, "--text", "body")
    files = {"issues.csv", "issues.parquet", "lab", "notes.txt", "report.txt"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == files
    assert (tmp_path / "out" / "lab" / "lab.json").read_text() != before


def test_something_else_called_lab_is_left_alone(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / "lab").mkdir(parents=True)
    (tmp_path / "out" / "lab" / "notes.txt").write_text("mine")
    assert main(["audit", str(data), *ALL, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith(
        "fastcl: error: --out must have no other 'lab' than that of an audit; got "
    )
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["lab", "notes.txt"]


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["report.txt", "issues.csv", "issues.parquet", "worklist.csv", "manifest.json"])
def test_files_of_no_audit_are_left_alone(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("{}")
    for typed in ([str(data), *ALL], ["--demo"]):
        if typed == ["--demo"] and name not in ("worklist.csv", "manifest.json"):
            continue
        assert main(["audit", *typed, "--out", str(tmp_path / "out")]) == 2
        assert capsys.readouterr().err == (
            f"fastcl: error: --out must have no other {name!r} than that of an audit; got "
            f"'{tmp_path / 'out' / name}'. Choose another directory.\n"
        )
        assert contents(tmp_path / "out") == {name: b"{}"}


@pytest.mark.parametrize(("name", "code"), [("report.txt", 2), ("manifest.json", 2), ("notes.txt", 0)])
def test_a_file_of_no_audit_among_those_of_one_is_left_alone(tmp_path: Path, data: Path, name: str, code: int) -> None:
    audit(tmp_path / "out", data, *ALL)
    (tmp_path / "out" / name).write_text("mine")
    assert main(["audit", str(data), *ALL, "--out", str(tmp_path / "out"), "-q"]) == code
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_an_audit_without_worklist_may_be_repeated(tmp_path: Path, data: Path) -> None:
    for _ in range(2):
        audit(tmp_path / "out", data, "--text", "body")
    shutil.rmtree(tmp_path / "out" / "lab")  # what is there where nobody has pyarrow
    audit(tmp_path / "out", data, "--text", "body")


@pytest.mark.parametrize("read", ["issues.csv", "lab/issues.parquet", "link.csv"])
def test_what_is_read_is_not_replaced(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    audit(tmp_path / "out", data, *ALL)
    (tmp_path / "out" / "link.csv").symlink_to("issues.csv")
    before = contents(tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    for typed in ([read, "--label", "given_label"], [str(data), "--features", read]):
        assert main(["audit", *typed, "--out", "."]) == 2
        err = capsys.readouterr().err
        assert err.startswith("fastcl: error: --out must be another directory than that of what is read; got '.'")
        assert contents(tmp_path / "out") == before


def test_numbers_in_csv_may_be_missing_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = numbers()
    texts = ["NA" if row == 3 else str(value) for row, value in enumerate(problem.labels)]
    path = write(tmp_path / "data.csv", {"y": texts, "prediction": problem.pred_probs})
    typed = [path, "--task", "regression", "--label", "y", "--pred-probs", "prediction"]
    assert audit(tmp_path / "out", *typed)["given_label"].isna().tolist() == [row == 3 for row in range(len(texts))]
    write(path, {"y": ["unknown" if row == 7 else text for row, text in enumerate(texts)]})
    assert main(["audit", str(path), *typed[1:5], "--out", str(tmp_path / "new")]) == 2
    err = "fastcl: error: --label must hold real numbers; got 'unknown' in column 'y', row 7.\n"
    assert capsys.readouterr().err == err


def test_temporary_files_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They lie where the results go, for there is room; the place for temporary files may be memory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    audit(tmp_path / "out", write(tmp_path / "data.parquet", table()), *ALL)
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == []


def test_manifest_names_what_was_typed(tmp_path: Path, data: Path) -> None:
    np.save(tmp_path / "x.npy", BLOBS.features)
    audit(tmp_path / "out", data, *ALL[:4], "--features", tmp_path / "x.npy", "--checks", "label,outlier")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert set(manifest["inputs"]) == {"data", "features"}
    assert manifest["parameters"]["features"] == "x.npy"
    assert manifest["parameters"]["pred_probs"] == "p_*"
    assert manifest["parameters"]["checks"] == ["label", "outlier"]


# -- real data


def test_audit_finds_planted_errors_in_letters(tmp_path: Path, real_data: Path) -> None:
    letters = np.load(real_data / "tabular" / "letter.npz")
    np.save(tmp_path / "y.npy", letters["noisy"])
    np.save(tmp_path / "p.npy", letters["pred_probs"].astype(np.float64))
    issues = audit(tmp_path / "out", tmp_path / "y.npy", "--pred-probs", tmp_path / "p.npy", "--checks", "label")
    flagged = issues["is_label_issue"].to_numpy()
    np.testing.assert_array_equal(
        flagged, find_label_issues(letters["noisy"], letters["pred_probs"].astype(np.float64))
    )
    assert (letters["noisy"] != letters["true"])[flagged].mean() > 0.84
