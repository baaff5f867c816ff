"""The command line: one worklist whatever the files, one sentence whatever goes wrong, nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from problems import FILTERS, METHODS, make_problem

import fastcl.cli.audit
from fastcl.cli import main
from fastcl.cli.class_names import match_classes, name_classes
from fastcl.cli.data import TYPES
from fastcl.core.jit import cache_directory
from fastcl.review import label_worklist

NAMES = np.array(["ant", "bee", "cat", "dog"])
PROBLEM = make_problem(403, 4, seed=1)

#: What an audit with labels and probabilities writes, `lab` being a directory.
FILES = [
    "report.txt",
    "issues.csv",
    "issues.parquet",
    "worklist.csv",
    "worklist.parquet",
    "manifest.json",
    "lab",
]
LABELS = {"names": NAMES, "codes": np.arange(4), "zip codes": np.array(["007", "01", "1", "7"])}


def columns(kind="names"):
    """Labels and probabilities as the columns of a table, classes out of order, among other things."""
    names = LABELS[kind]
    table = {"id": np.arange(403) + 1, "label": names[PROBLEM.labels]}
    table |= {f"p_{names[k]}": PROBLEM.pred_probs[:, k] for k in (2, 0, 3, 1)}
    return table | {"weight": np.linspace(0, 1, 403)}


def write(path, table):
    """Write columns as a file of the type that the name says."""
    frame = pd.DataFrame(table)
    if path.suffix in (".csv", ".tsv"):
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")), encoding="utf-8")
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        np.save(path, frame.to_records(index=False, column_dtypes={"label": np.asarray(table["label"]).dtype}))
    return path


def audit(out, *arguments):
    """Run an audit and return what it wrote as worklist."""
    assert main(["audit", *map(str, arguments), "--out", str(out), "-q"]) == 0
    return (out / "worklist.csv").read_bytes()


def expected(kind="names"):
    names = LABELS[kind]
    worklist = label_worklist(names[PROBLEM.labels], PROBLEM.pred_probs, class_names=names.tolist())
    assert len(worklist) > 20
    return worklist.to_frame().to_csv(index=False, lineterminator="\n").encode()


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "data.csv", columns())


# -- one answer, whatever the files


@pytest.mark.parametrize("kind", list(LABELS))
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".npy"])
def test_worklist_is_format_agnostic(tmp_path, suffix, kind):
    path = write(tmp_path / f"data{suffix}", columns(kind))
    assert audit(tmp_path / "out", path, "--label", "label", "--pred-probs", "p_*") == expected(kind)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".npy"])
def test_worklist_is_the_same_with_probabilities_in_a_file(tmp_path, data, suffix):
    table = columns()
    del table["weight"]
    probabilities = write(tmp_path / f"probs{suffix}", table)
    arguments = [data, "--label", "label", "--pred-probs", probabilities]
    assert audit(tmp_path / "out", *arguments) == expected()


def test_worklist_is_the_same_with_plain_arrays(tmp_path):
    np.save(tmp_path / "labels.npy", NAMES[PROBLEM.labels])
    np.save(tmp_path / "probs.npy", PROBLEM.pred_probs)
    np.save(tmp_path / "codes.npy", PROBLEM.labels.astype(float))
    probs = ["--pred-probs", tmp_path / "probs.npy"]
    assert audit(tmp_path / "out", tmp_path / "labels.npy", *probs) == expected()
    assert audit(tmp_path / "out", tmp_path / "labels.npy", *probs, "--classes", "ant, bee,cat,dog") == expected()
    assert audit(tmp_path / "out", tmp_path / "codes.npy", *probs) == expected("codes")
    assert audit(tmp_path / "out", tmp_path / "codes.npy", *probs, "--classes", "ant,bee,cat,dog") == expected()


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float64()), pa.list_(pa.float64(), 4)])
def test_worklist_is_the_same_with_lists_in_parquet(tmp_path, kind):
    table = pa.table(
        {"label": NAMES[PROBLEM.labels], "probs": pa.array(PROBLEM.pred_probs.tolist(), kind), "x": np.ones(403)}
    )
    pq.write_table(table, tmp_path / "data.parquet", row_group_size=100)
    for wanted in ("probs", tmp_path / "data.parquet"):
        arguments = [tmp_path / "data.parquet", "--label", "label", "--pred-probs", wanted]
        assert audit(tmp_path / "out", *arguments) == expected()


def test_worklist_is_the_same_with_lists_in_jsonl(tmp_path):
    rows = zip(NAMES[PROBLEM.labels].tolist(), PROBLEM.pred_probs.tolist(), strict=True)
    lines = [json.dumps({"label": label, "probs": probs}) + "\n\n" for label, probs in rows]
    (tmp_path / "data.jsonl").write_text("".join(lines))
    for wanted in ("probs", tmp_path / "data.jsonl"):
        arguments = [tmp_path / "data.jsonl", "--label", "label", "--pred-probs", wanted]
        assert audit(tmp_path / "out", *arguments) == expected()


def test_worklist_is_the_same_with_booleans_and_categoricals(tmp_path):
    problem = make_problem(200, 2, seed=3)
    table = {"label": problem.labels.astype(bool), "True": problem.pred_probs[:, 1], "False": problem.pred_probs[:, 0]}
    paths = [write(tmp_path / f"data{suffix}", table) for suffix in (".csv", ".jsonl", ".parquet", ".npy")]
    table["label"] = pd.Categorical(np.where(problem.labels, "True", "False"))
    paths.append(write(tmp_path / "categories.parquet", table))
    found = {audit(tmp_path / "out", path, "--label", "label", "--pred-probs", "True,False") for path in paths}
    assert len(found) == 1
    assert b",True,False,0." in found.pop()


def test_float32_array_is_audited_as_it_is(tmp_path):
    np.save(tmp_path / "labels.npy", PROBLEM.labels)
    np.save(tmp_path / "probs.npy", PROBLEM.pred_probs.astype(np.float32))
    found = audit(tmp_path / "out", tmp_path / "labels.npy", "--pred-probs", tmp_path / "probs.npy")
    worklist = label_worklist(PROBLEM.labels, PROBLEM.pred_probs.astype(np.float32))
    assert found == worklist.to_frame().to_csv(index=False, lineterminator="\n").encode()


def test_columns_may_be_named_at_any_length(tmp_path):
    names = np.array([letter * 100 for letter in "abcd"])
    table = {"label": names[PROBLEM.labels]} | dict(zip(names, PROBLEM.pred_probs.T, strict=True))
    path = write(tmp_path / "data.csv", table)
    found = audit(tmp_path / "out", path, "--label", "label", "--pred-probs", ",".join(names))
    assert len(found.splitlines()) == len(expected().splitlines())


def test_labels_keep_their_zeros_and_missing_looking_names(tmp_path):
    labels = np.array(["007", "NA", "null", "7"])[PROBLEM.labels]
    table = columns() | {"label": labels}
    path = write(tmp_path / "data.csv", {name: table[name] for name in ("label", "p_ant", "p_bee", "p_cat", "p_dog")})
    arguments = [path, "--label", "label", "--pred-probs", "p_*", "--classes", "007,NA,null,7"]
    assert {b"007", b"NA", b"null", b"7"} == {
        line.split(b",")[1] for line in audit(tmp_path / "out", *arguments).splitlines()[1:]
    }


@pytest.mark.parametrize(
    ("distinct", "names", "classes"),
    [
        (["cat", "car"], ["p_cat", "p_car"], ["cat", "car"]),
        (["cat"], ["prob_cat_v2", "prob_dog_v2"], ["cat", "dog"]),
        (["p_a", "p_b"], ["p_a", "p_b"], ["p_a", "p_b"]),
        ([10, 12], ["p_10", "p_11", "p_12"], [10, 11, 12]),
        ([1, 2], ["p_2", "p_1", "p_other"], [2, 1, "other"]),
        (["01", "1"], ["p_1", "p_01"], ["1", "01"]),
        ([0, 1, 2], ["x", "y", "z"], [0, 1, 2]),
        ([True, False], ["True", "False"], [True, False]),
    ],
)
def test_columns_are_matched_to_labels(distinct, names, classes):
    matched = match_classes(distinct, names)
    assert matched == classes
    assert list(map(type, matched)) == list(map(type, classes))


def test_columns_without_their_label_are_rejected():
    with pytest.raises(ValueError, match=r"got 'horse'. Did you mean 'p_house'\?"):
        match_classes(["cat", "horse"], ["p_cat", "p_house"])
    with pytest.raises(ValueError, match="got 'horse'"):
        name_classes(["cat", "horse"], ["cat", "dog"])


# -- what is shown and written


def test_summary_goes_to_stdout_and_words_to_stderr(tmp_path, data, capsys):
    code = main(
        ["audit", str(data), "--label", "label", "--pred-probs", "p_*", "--out", str(tmp_path / "out"), "--top", "3"]
    )
    out, err = capsys.readouterr()
    assert code == 0
    assert out.startswith("Audit of 403 rows, 4 classes\n")
    worst = [line.split(",") for line in expected().decode().splitlines()[1:5]]
    shown = out.split("- label issues -")[1].split("Worst rows:\n")[1].splitlines()[1:5]
    assert [line.split()[:1] + line.split()[3:] for line in shown[:3]] == [row[:3] for row in worst[:3]]
    assert shown[3] == ""
    assert "Most frequent corrections\n" in out
    assert err == f"wrote {', '.join(FILES)} to {tmp_path / 'out'}\n"


def test_quiet_says_nothing(tmp_path, data, capsys):
    audit(tmp_path / "out", data, "--label", "label", "--pred-probs", "p_*")
    assert capsys.readouterr() == ("", "")


def test_summary_survives_labels_that_cannot_be_printed(tmp_path, capsys, monkeypatch):
    table = columns() | {"label": np.array(["ant", "bee", "c\nat", "狗"])[PROBLEM.labels]}
    path = write(tmp_path / "data.jsonl", table)
    capsys.readouterr()
    monkeypatch.setattr(type(sys.stdout), "encoding", "ascii", raising=False)
    arguments = ["--label", "label", "--pred-probs", "p_ant,p_bee,p_cat,p_dog", "--classes", "ant,bee,c\nat,狗"]
    assert main(["audit", str(path), *arguments, "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "c\\nat" in out
    assert "\\u72d7" in out


def test_outputs_are_reproducible_wherever_they_are_made(tmp_path):
    written = []
    for place in (tmp_path / "here", tmp_path / "there"):
        place.mkdir()
        path = write(place / "data.csv", columns())
        np.save(place / "probs.npy", PROBLEM.pred_probs)
        audit(place / "out", path, "--label", "label", "--pred-probs", place / "probs.npy", "--jobs", len(written) + 1)
        files = sorted(file for file in (place / "out").rglob("*") if file.is_file())
        written.append({str(file.relative_to(place / "out")): file.read_bytes() for file in files})
    assert written[0] == written[1]
    assert {name.split(os.sep)[0] for name in written[0]} == set(FILES)
    manifest = json.loads(written[0]["manifest.json"])
    assert manifest["format"] == "fastcl-audit-manifest"
    assert manifest["parameters"]["pred_probs"] == "probs.npy"
    assert set(manifest["inputs"]) == {"data", "pred_probs"}
    assert [name for name, content in written[0].items() if str(tmp_path).encode() in content] == []


def test_manifest_tells_inputs_and_parameters_apart(tmp_path, data):
    def manifest(*arguments):
        audit(tmp_path / "out", data, "--label", "label", "--pred-probs", "p_*", *arguments)
        return json.loads((tmp_path / "out" / "manifest.json").read_text())

    first, ranked = manifest(), manifest("--rank-by", "normalized_margin", "--frac-noise", "0.5")
    assert ranked["inputs"] == first["inputs"]
    assert ranked["parameters"] == first["parameters"] | {"rank_by": "normalized_margin", "frac_noise": 0.5}
    assert ranked["worklist"]["sha256"] != first["worklist"]["sha256"]
    data.write_text(data.read_text() + "404,ant,0.25,0.25,0.25,0.25,1\n")
    assert manifest()["inputs"]["data"]["sha256"] != first["inputs"]["data"]["sha256"]


@pytest.mark.parametrize("filter_by", FILTERS)
def test_options_reach_the_search(tmp_path, data, filter_by):
    found = audit(tmp_path / "out", data, "--label", "label", "--pred-probs", "p_*", "--filter-by", filter_by)
    worklist = label_worklist(NAMES[PROBLEM.labels], PROBLEM.pred_probs, filter_by=filter_by)
    assert found == worklist.to_frame().to_csv(index=False, lineterminator="\n").encode()


def test_library_warnings_are_one_line(tmp_path, data, capsys):
    table = columns()
    swapped = {"label": table["label"], "p_bee": table["p_ant"], "p_cat": table["p_bee"],
               "p_dog": table["p_cat"], "p_ant": table["p_dog"]}  # fmt: skip
    audit(tmp_path / "out", write(data, swapped), "--label", "label", "--pred-probs", "p_*")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("fastcl: warning: The columns of --pred-probs look permuted against --label:")


# -- exit codes


@pytest.mark.parametrize(
    ("limit", "code"),
    [("label>1%", 1), ("label>99%", 0), ("label > 10", 1), ("label>400", 0), ("label>={n}", 1), ("label>{n}", 0),
     ("label>0.5%", 1)],
)  # fmt: skip
def test_fail_on_decides_the_exit_code(tmp_path, data, capsys, limit, code):
    limit = limit.format(n=expected().count(b"\n") - 1)
    arguments = ["--label", "label", "--pred-probs", "p_*", "--out", str(tmp_path / "out"), "-q"]
    assert main(["audit", str(data), *arguments, "--fail-on", limit]) == code
    err = capsys.readouterr().err
    assert (f"fastcl: failed on {limit!r}:" in err) == bool(code)
    assert (tmp_path / "out" / "worklist.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["audit"], "DATA is missing"),
        (["audit", "--demo", "data.csv"], "--demo brings its own data"),
        (["audit", "--demo", "--text", "body"], "--demo brings its own data"),
        (["audit", "--demo", "--fail-on", "outlier>2"], "--demo looks for wrong labels only"),
        (["audit", "data.csv", "--task", "ranking"], "invalid choice"),
        (["audit", "data.csv", "--verbosity", "5"], "invalid choice"),
        (["audit", "data.csv", "--fail-on", "label<2"], "must be like 'label>2%' or 'outlier>20'; got 'label<2'"),
        (["audit", "data.csv", "--fail-on", "label>200%"], "must be a share of at most 100%; got 'label>200%'"),
        (["audit", "data.csv", "--jobs", "many"], "invalid int value"),
        (["audit", "data.csv", "--out", ""], "argument --out: must name a directory; got ''"),
        (["audit", "data.csv", "--labl", "y"], "unrecognized arguments: --labl y. Did you mean --label?"),
        (["audit", "data.csv", "--pred_probs=p_*"], "--pred_probs=p_*. Did you mean --pred-probs?"),
        (["audit", "data.csv", "more.csv"], "unrecognized arguments: more.csv\n"),
        (["doctor", "--zzz"], "fastcl: error: unrecognized arguments: --zzz\n"),
        (["bake"], "invalid choice"),
    ],
)
def test_usage_errors_exit_with_2(capsys, arguments, words):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    assert words in capsys.readouterr().err


#: File, probabilities, further arguments, and what is said about them.
FAULTS = [
    ("nowhere.csv", "p_*", "", "DATA must be the path of an existing file; got "),
    ("data.xls", "p_*", "", "DATA must be a file of type .csv, "),
    (
        "data.csv",
        "p_*",
        "--label lable",
        "--label must name a column of 'data.csv'; got 'lable'. Did you mean 'label'?",
    ),
    ("data.csv", "p_*", "--no-label", "--label must name a column of 'data.csv'; got no --label."),
    (
        "data.csv",
        "p_ant,p_beee",
        "",
        "--pred-probs must name a column of 'data.csv'; got 'p_beee'. Did you mean 'p_bee'",
    ),
    ("data.parquet", "q_*", "", "--pred-probs must name a column of 'data.parquet'; got 'q_*'."),
    ("data.csv", ",", "", "--pred-probs must name columns of numbers, or one of lists; got none."),
    ("data.csv", "p_ant", "", "got 'p_ant' alone. For two classes give both columns."),
    ("data.csv", "p_ant,p_bee", "", "--label must be named by the columns 'p_ant', 'p_bee'; got "),
    ("data.csv", "none.npy", "", "--pred-probs must be the path of an existing file"),
    ("text.csv", "p_*", "", "--pred-probs must hold numbers; got 'much' in column 'p_cat', row 7."),
    (
        "nan.csv",
        "p_*",
        "",
        "--pred-probs must hold probabilities in [0, 1] and no NaN; got nan in row 7 (1 such rows).",
    ),
    ("nan.parquet", "p_*", "", "--pred-probs must hold "),
    ("data.csv", "short.npy", "", "--pred-probs must have 403 rows, as the data; got 400."),
    ("data.csv", "truncated.npy", "", "--pred-probs must be a complete .npy file; got "),
    ("truncated.parquet", "p_*", "", "DATA must be a complete Parquet file; got "),
    ("truncated.jsonl", "p_*", "", "DATA must hold one JSON object a line; got no JSON in line "),
    ("objects.npy", "short.npy", "--no-label", "DATA must be a complete .npy file; got "),
    ("nothing.csv", "p_*", "", "DATA must be a complete CSV file; got 'nothing.csv' (No columns"),
    (
        "whole.npy",
        "short.npy",
        "--no-label",
        "DATA must hold one label a row if it is a .npy file without fields; got ",
    ),
    ("classes.npy", "short.npy", "--label y", "--label must be left out for 'classes.npy'; got 'y'."),
    ("classes.npy", "short.npy", "--no-label --text t", "got 't'. It is one array without names."),
    ("data.csv", "gone.npy", "", "--pred-probs must be the path of an existing file; got "),
    ("data.csv", "https://host/probs.npy", "", "--pred-probs must be a file on this machine; got 'https://host/probs"),
    ("semicolons.csv", "p_*", "", "'id;label;p_cat': the separator seems to be ';'."),
    (
        "long.csv",
        "p_*",
        "",
        "DATA must have no more fields in a line than its header, 2; got 3 in line 3 of 'long.csv'",
    ),
    (
        "data.csv",
        "p_*",
        "--classes ant,bee,cat,dog,eel",
        "--classes must name each of the 4 columns of --pred-probs once; got 5 names",
    ),
    ("data.csv", "p_*", "--filter-by magic", "--filter-by must be one of 'prune_by_noise_rate', "),
    ("data.csv", "p_*", "--rank-by magic", "--rank-by must be one of 'self_confidence', "),
    ("data.csv", "p_*", "--frac-noise 2", "--frac-noise must lie in [0, 1]; got 2.0."),
    ("data.csv", "p_*", "--jobs 0", "--jobs must be at least 1, or -1 for all usable CPUs; got 0."),
]


@pytest.fixture(scope="module")
def faulty_files(tmp_path_factory):
    place = tmp_path_factory.mktemp("faults")
    table = columns()
    for name in ("data.csv", "data.parquet", "data.jsonl"):
        write(place / name, table)
    (place / "data.xls").write_text("")
    (place / "nothing.csv").write_text("")
    text, nan = dict(table), dict(table)
    text["p_cat"] = ["much" if row == 7 else "0.5" for row in range(403)]
    nan["p_cat"] = np.where(np.arange(403) == 7, np.nan, table["p_cat"])
    for name, faulty in [("text.csv", text), ("nan.csv", nan), ("nan.parquet", nan)]:
        write(place / name, faulty)
    (place / "semicolons.csv").write_text("id;label;p_cat\n1;ant;0.5\n")
    (place / "long.csv").write_text("text,label\nfine,ant\nhello, world,bee\n")
    np.save(place / "classes.npy", NAMES[PROBLEM.labels])
    np.save(place / "short.npy", PROBLEM.pred_probs[:400])
    np.save(place / "objects.npy", np.array(["a", None], dtype=object))
    np.save(place / "whole.npy", PROBLEM.pred_probs)
    for whole, truncated in [
        ("whole.npy", "truncated.npy"),
        ("data.parquet", "truncated.parquet"),
        ("data.jsonl", "truncated.jsonl"),
    ]:
        (place / truncated).write_bytes((place / whole).read_bytes()[:-1000])
    return place


@pytest.mark.parametrize(("data", "pred_probs", "more", "words"), FAULTS)
def test_audit_rejects(faulty_files, tmp_path, capsys, data, pred_probs, more, words):
    label = [] if "label" in more else ["--label", "label"]
    arguments = [str(faulty_files / data), *label, *more.replace("--no-label", "").split()]
    probs = str(faulty_files / pred_probs) if pred_probs.endswith(".npy") and ":" not in pred_probs else pred_probs
    assert main(["audit", *arguments, "--pred-probs", probs, "--out", str(tmp_path / "new" / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("fastcl: error: ")
    assert words in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_audit_rejects_an_output_directory_before_reading(tmp_path, data, capsys, monkeypatch, place):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(fastcl.cli.audit, "open_inputs", lambda *args: pytest.fail("read first"))
    arguments = ["--label", "label", "--pred-probs", "p_*", "--out", str(tmp_path / place)]
    assert main(["audit", str(data), *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"fastcl: error: --out must be a directory that can be written to; got '{tmp_path}/file")
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", "file"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_audit_rejects_an_unwritable_output_directory(tmp_path, data, capsys):
    (tmp_path / "out").mkdir(mode=0o500)
    arguments = ["--label", "label", "--pred-probs", "p_*", "--out", str(tmp_path / "out")]
    assert main(["audit", str(data), *arguments]) == 2
    assert "Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("moment", ["worklist_of", "write_audit"])
def test_interrupted_audit_leaves_earlier_results_alone(tmp_path, data, capsys, monkeypatch, moment):
    before = audit(tmp_path / "out", data, "--label", "label", "--pred-probs", "p_*")
    names = sorted(os.listdir(tmp_path / "out"))

    def interrupt(*args, **kwargs):
        if moment == "write_audit":
            args[0].path("worklist.csv").write_text("half a li")
        raise KeyboardInterrupt

    monkeypatch.setattr(fastcl.cli.audit, moment, interrupt)
    arguments = ["--label", "label", "--pred-probs", "p_*", "--out", str(tmp_path / "out")]
    assert main(["audit", str(data), *arguments]) == 2
    assert capsys.readouterr().err == "fastcl: error: interrupted; no results were written.\n"
    assert sorted(os.listdir(tmp_path / "out")) == names
    assert (tmp_path / "out" / "worklist.csv").read_bytes() == before


def test_bugs_are_not_hidden(tmp_path, data, monkeypatch):
    def bug(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(fastcl.cli.audit, "worklist_of", bug)
    with pytest.raises(ZeroDivisionError):
        main(["audit", str(data), "--label", "label", "--pred-probs", "p_*", "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


# -- processes of their own


def run_python(code, *arguments, **environment):
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
    )


def test_help_imports_nothing_heavy():
    code = """
import sys, contextlib, io
from fastcl.cli import main
for arguments in (["--help"], ["audit", "--help"], ["--version"], []):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main(arguments)
    assert "fastcl" in out.getvalue()
heavy = {"numpy", "numba", "pandas", "scipy", "sklearn", "narwhals", "pyarrow", "faiss", "tqdm"} & set(sys.modules)
print(sorted(heavy), len(sys.modules) < 200)
"""
    assert run_python(code).stdout == "[] True\n"


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["audit", "--help"])
    assert leaving.value.code == 0
    text = capsys.readouterr().out
    assert [name for name in (*FILTERS, *METHODS) if name not in text] == []
    assert [name for name in set(TYPES) - {".pq", ".ndjson"} if name not in text] == []


def test_audit_without_pyarrow(tmp_path):
    data = write(tmp_path / "data.csv", columns())
    parquet = write(tmp_path / "data.parquet", columns())
    audit(tmp_path / "out", data, "--label", "label", "--pred-probs", "p_*")
    assert (tmp_path / "out" / "worklist.parquet").exists()
    code = """
import sys
sys.modules["pyarrow"] = None
from fastcl.cli import main
rest = ["--label", "label", "--pred-probs", "p_*", "--out", sys.argv[3]]
codes = [main(["audit", path, *rest]) for path in [sys.argv[1], *sys.argv[1:3]]]
print(codes)
"""
    done = run_python(code, data, parquet, tmp_path / "out")
    assert done.stdout.endswith("\n[0, 0, 2]\n"), done.stderr
    written = [
        f"wrote report.txt, issues.csv, worklist.csv, manifest.json to {tmp_path / 'out'}",
        "files that need pyarrow were not written (pip install 'fastcl[io]')",
    ]
    assert done.stderr.splitlines() == [
        *written,
        *written,
        "fastcl: error: Reading Parquet needs pyarrow: pip install 'fastcl[io]'.",
    ]
    assert sorted(os.listdir(tmp_path / "out")) == ["issues.csv", "manifest.json", "report.txt", "worklist.csv"]
    assert (tmp_path / "out" / "worklist.csv").read_bytes() == expected()


def test_interrupt_by_signal_cleans_up(tmp_path, data):
    code = """
import os, signal, sys
import fastcl.cli.audit
fastcl.cli.audit.worklist_of = lambda *args, **kwargs: os.kill(os.getpid(), int(sys.argv[3]))
sys.exit(fastcl.cli.main(["audit", sys.argv[1], "--label", "label", "--pred-probs", "p_*", "--out", sys.argv[2]]))
"""
    done = run_python(code, data, tmp_path / "out", int(signal.SIGTERM))
    assert (done.returncode, done.stderr) == (2, "fastcl: error: interrupted; no results were written.\n")
    assert not (tmp_path / "out").exists()


def test_doctor_prints_keys_and_values(capsys):
    assert main(["doctor"]) == 0
    found = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert found["numpy"] == np.__version__
    assert found["pyarrow"] == pa.__version__
    assert int(found["threads"]) >= 1
    assert found["cache directory"] == str(cache_directory())
    assert {"fastcl", "python", "scipy", "scikit-learn", "numba", "faiss-cpu", "narwhals", "pandas"} <= set(found)


def test_unwritable_cache_stops_warmup_but_no_audit(tmp_path, data):
    (tmp_path / "file").write_text("")
    code = """
import sys
from fastcl.cli import main
audit = ["audit", sys.argv[1], "--label", "label", "--pred-probs", "p_*", "--out", sys.argv[2], "-q"]
print(main(["warmup"]), main(["doctor"]), main(audit))
"""
    chosen = str(tmp_path / "file" / "cache")
    done = run_python(code, data, tmp_path / "out", FASTCL_CACHE_DIR=chosen)
    assert done.stdout.endswith("\n2 0 0\n"), done.stderr
    assert f"FASTCL_CACHE_DIR: {chosen} (not writable, not used)" in done.stdout
    assert done.stderr.splitlines() == [
        f"fastcl: error: FASTCL_CACHE_DIR must name a directory that can be written to; got {chosen!r}.",
        f"fastcl: warning: FASTCL_CACHE_DIR={chosen!r} is not writable, so it is not used.",
    ]


def test_nothing_is_compiled_after_warmup(tmp_path):
    """What `fastcl warmup` leaves is enough for several blocks, both types, many classes and every score."""
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    for file in cache_directory().glob("*.nb[ic]"):  # compiling everything anew would take half a minute
        shutil.copy2(file, cache)
    environment = {"FASTCL_CACHE_DIR": str(cache)}
    warm = run_python("from fastcl.cli import main; main(['warmup'])", **environment)
    assert warm.stdout == f"{len(list(cache.glob('*.nbc')))} compiled kernels in {cache}\n", warm.stderr
    before = {file.name: file.stat().st_mtime_ns for file in cache.iterdir()}
    code = """
import numpy as np
from fastcl.review import label_worklist
rng = np.random.default_rng(1)
for n, K, dtype in [(60_000, 50, np.float64), (90_000, 50, np.float32), (300, 5000, np.float32)]:
    labels = rng.integers(0, 40, n)
    p = rng.random((n, K), dtype=np.float32)
    p[np.arange(n), labels] += 1
    labels[::9] = rng.integers(0, 40, len(labels[::9]))
    p = (p / p.sum(axis=1, keepdims=True)).astype(dtype)
    for rank_by in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        assert len(label_worklist(labels, p, rank_by=rank_by, filter_by="both"))

from fastcl.multilabel_classification import filter, rank
from fastcl.regression.learn import CleanLearning
from fastcl.regression.rank import get_label_quality_scores
for dtype in (np.float64, np.float32):
    p = rng.random((30_000, 11), dtype=np.float32).astype(dtype)
    lists = [np.flatnonzero(row).tolist() for row in p > 0.7]
    for filter_by in ("both", "confident_learning", "low_self_confidence"):
        filter.find_label_issues(lists, p, "confidence_weighted_entropy", filter_by=filter_by)
    rank.get_label_quality_scores(lists, p, aggregator_kwargs={"method": "softmin"})

from fastcl import Datalab
X, y, p = rng.normal(size=(900, 24)), rng.integers(0, 4, 900), rng.dirichlet(np.ones(4), 900)
for dtype in (np.float64, np.float32):
    features, probs = X.astype(dtype), (p.astype(dtype) / p.astype(dtype).sum(axis=1, keepdims=True))
    for inputs in ({"pred_probs": probs}, {"features": features}, {"pred_probs": probs, "features": features}):
        lab = Datalab({"y": y, "text": ["a text", "a text!", "another"] * 300}, label_name="y", text_key="text")
        lab.find_issues(**inputs)
        assert not lab.failed
    lab.score_new(labels=y[:9], pred_probs=probs[:9], features=features[:9])
    lab.find_issues(features=np.where(features > 1, np.nan, features), issue_types=["null"])

y = rng.normal(size=3000)
get_label_quality_scores(y, y + rng.normal(size=3000))
CleanLearning().find_label_issues(rng.normal(size=(3000, 7)), y)
"""
    done = run_python(code, **environment)
    assert done.returncode == 0, done.stderr
    after = {file.name: file.stat().st_mtime_ns for file in cache.iterdir()}
    assert len(before) > 10
    assert after == before
