"""The report of a lab: what it says, in which order, within which width; and the same as HTML."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cleanlab import Datalab as TheirDatalab
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from fastcl.datalab import Datalab, Evidence, Finding, check
from fastcl.datalab.check import CHECKS, TASKS
from fastcl.datalab.reporting.contents import worst_rows
from fastcl.datalab.reporting.layout import cell, entry, grid
from fastcl.neighbors.duplicates.lists import RowLists

pytestmark = pytest.mark.usefixtures("one_blas_thread")

N_ROWS = 203
CLASSES = np.array(["a class with a name that is longer than any line of a report should have to be", "cat", "dog"])


@pytest.fixture
def registry() -> Iterator[None]:
    """Checks that a test registers are gone afterwards."""
    import fastcl.datalab.checks  # noqa: F401

    before = {task: dict(checks) for task, checks in CHECKS.items()}
    yield
    for task in TASKS:
        CHECKS[task].clear()
        CHECKS[task].update(before[task])


def texts() -> list[str | None]:
    words = ["Where is my card?", "write to ana@example.org", "", None, "a <b>bold</b> &amp; word", "x" * 500]
    return [words[i] if i < len(words) else f"message {i} about {i % 7}" for i in range(N_ROWS)]


def lab_of(task: str = "classification", **options: Any) -> Datalab:
    """Return a lab in which every check has run that can."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, N_ROWS)
    features = rng.normal(size=(N_ROWS, 5)) + codes[:, None]
    features[7], features[9] = features[8], features[10] + 1e-6
    pred_probs = np.full((N_ROWS, 3), 0.15)
    pred_probs[np.arange(N_ROWS), codes] = 0.7
    given = np.where(rng.random(N_ROWS) < 0.1, (codes + 1) % 3, codes)
    labels: Any = CLASSES[given].astype(object)
    labels[20] = None
    if task == "regression":
        labels, pred_probs = features.sum(axis=1) + (np.arange(N_ROWS) == 5) * 100, features.sum(axis=1)
    if task == "multilabel":
        labels = [[CLASSES[k]] if i % 50 else [] for i, k in enumerate(given)]
    lab = Datalab({"y": labels, "text": texts()}, task=task, label_name="y", text_key="text", **options)
    split = np.where(np.arange(N_ROWS) % 3, "train", "test")
    lab.find_issues(features=features, pred_probs=pred_probs, split=split, n_jobs=1)
    others = [name for name in ("data_valuation", "identifier_column") if name in lab.list_possible_issue_types()]
    lab.find_issues(features=features, issue_types=others, n_jobs=1)
    assert not lab.failed
    return lab


@pytest.fixture(scope="module")
def labs() -> dict[str, Datalab]:
    return {task: lab_of(task) for task in TASKS}


def lab_with(**findings: Finding) -> Datalab:
    """Return a lab of as many rows as the first finding has flags, which found just that."""
    n_rows = next((len(one.is_issue) for one in findings.values() if one.is_issue is not None), 10)
    lab = Datalab({"x": list(range(n_rows))})
    lab._findings = findings
    return lab


def printed(lab: Datalab, capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    lab.report(**options)
    return capsys.readouterr().out


# -- worst rows


def naive_worst_rows(scores: list[float], count: int) -> list[int]:
    def place(row: int) -> tuple[bool, float, int]:
        return np.isnan(scores[row]), 0.0 if np.isnan(scores[row]) else scores[row], row

    return sorted(range(len(scores)), key=place)[:count]


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan")]), min_size=1, max_size=40),
    st.integers(0, 45),
)
def test_worst_rows_matches_naive(scores: list[float], count: int) -> None:
    assert worst_rows(np.array(scores), count).tolist() == naive_worst_rows(scores, count)


# -- order and contents


@pytest.mark.filterwarnings("default")  # cleanlab takes a warning for the failure of a check
def test_report_tells_of_most_issues_first_as_cleanlab_does(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, N_ROWS)
    features, pred_probs = rng.normal(size=(N_ROWS, 4)), rng.dirichlet([1, 1, 1], N_ROWS)
    types = {name: {} for name in ("null", "label", "class_imbalance", "non_iid", "outlier", "near_duplicate")}
    reports = []
    for made in (TheirDatalab({"y": labels}, label_name="y", verbosity=0), Datalab({"y": labels}, label_name="y")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the reference's
            made.find_issues(pred_probs=pred_probs, features=features, issue_types=types)
        capsys.readouterr()
        reports.append(printed(made, capsys, show_all_issues=True))
    theirs, ours = (re.findall(r"^-+ (\w+) issues -+$", text, re.MULTILINE) for text in reports)
    numbers = made.get_issue_summary().set_index("issue_type")["num_issues"]
    assert numbers[ours].is_monotonic_decreasing  # theirs breaks ties by an unstable sort
    assert numbers[theirs].tolist() == numbers[ours].tolist()
    assert all(len(line) == 60 for line in re.findall(r"^-+ \w+ issues -+$", reports[1], re.MULTILINE))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("run", [False, True])
def test_repr_and_str_matches_cleanlab(task: str, run: bool, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 3, 60)
    features = rng.normal(size=(60, 4))
    labels = {"classification": codes, "regression": codes * 1.5, "multilabel": [[int(code)] for code in codes]}[task]
    lab, their = Datalab({"y": labels}, task, "y"), TheirDatalab({"y": labels}, task, "y", verbosity=0)
    for made in (lab, their):
        if run:
            made.find_issues(features=features, issue_types={"null": {}})
    assert repr(lab) == repr(their)
    assert str(lab) == str(their)


def test_sections_say_how_many_how_bad_and_which(capsys: pytest.CaptureFixture[str]) -> None:
    scores = np.array([0.9, np.nan, 0.3, 0.1, 0.3])
    finding = Finding(scores < 0.5, scores, 0.25, {"cut": 0.5}, {"why": np.array(list("abcde"))}, ("Look twice.",))
    text = printed(lab_with(odd=finding), capsys, num_examples=4)
    assert "Issues: 3 of 5 rows\nScore of the data: 0.2500" in text
    table = text.partition("Worst rows:\n")[2].splitlines()[:5]
    assert [line.split() for line in table] == [
        ["row", "score", "issue", "why"],
        ["3", "0.1000", "True", "d"],
        ["2", "0.3000", "True", "c"],
        ["4", "0.3000", "True", "e"],
        ["0", "0.9000", "False", "a"],
    ]
    assert "Note: Look twice." in text
    assert "cut" not in text
    assert "cut: 0.5000" in printed(lab_with(odd=finding), capsys, verbosity=4)


def test_checks_without_issues_are_left_out_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    calm = Finding(np.zeros(9, bool), np.ones(9))
    loud = Finding(np.arange(9) == 3, (np.arange(9) != 3) * 1.0)
    text = printed(lab_with(calm=calm, loud=loud), capsys)
    assert "loud" in text
    assert "calm" not in text
    assert "calm issues" in printed(lab_with(calm=calm, loud=loud), capsys, show_all_issues=True)
    assert "None of 1 checks found an issue" in printed(lab_with(calm=calm), capsys)
    assert "score" not in text.partition("Score of the data")[0].partition("num_issues")[0]
    assert " score " in printed(lab_with(loud=loud), capsys, show_summary_score=True).partition("num_issues")[0]


def test_before_any_audit_the_report_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Run lab.find_issues(" in printed(Datalab({"x": [1, 2]}), capsys)


def test_what_is_true_of_most_rows_and_notes_of_calm_checks_are_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    flags = np.arange(50) < 17
    dark = Finding(flags, 1.0 - flags, in_summary=False)
    grey = Finding(flags, 1.0 - flags, in_summary=False, notes=("All from one camera.",))
    calm = Finding(np.zeros(50, bool), np.ones(50), notes=("Only numbers rows: id.",))
    whole = Finding(summary=0.25, notes=("Brightness tells the label.",))
    text = printed(lab_with(dark=dark, grey=grey, calm=calm, whole=whole), capsys)
    last = text.partition("Beside these:")[2]
    assert "dark: 34.0% of the rows" in last
    assert "grey: All from one camera." in last
    assert "calm: Only numbers rows: id." in last
    assert "whole issues" in text
    assert "Note: Brightness tells the label." in text
    assert "Score of the data: 0.2500" in text


def test_failed_checks_and_their_reasons_stand_at_the_end(registry: None, capsys: pytest.CaptureFixture[str]) -> None:
    @check("broken")
    def broken(evidence: Evidence) -> Finding:
        """Fail always."""
        raise ValueError("nothing works")

    lab = Datalab({"x": [1, 2, 3]})
    with pytest.warns(UserWarning, match="nothing works"):
        lab.find_issues(issue_types=["broken"])
    assert printed(lab, capsys).endswith("Failed:\n  broken: nothing works\n")
    assert "nothing works" in lab._repr_html_()


def test_description_is_one_line_at_verbosity_0(capsys: pytest.CaptureFixture[str], labs: dict[str, Datalab]) -> None:
    lab = labs["classification"]
    texts = [printed(lab, capsys, verbosity=level) for level in range(5)]
    assert "Rows whose given label is probably wrong." in texts[0]
    assert "Confident learning" not in texts[0]
    assert "Confident learning" in texts[1]
    assert "probably wrong" not in printed(lab, capsys, include_description=False)
    assert "classes_by_label_quality" not in texts[2]
    assert "classes_by_label_quality" in texts[3]
    assert list(map(len, texts)) == sorted(map(len, texts))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("verbosity", range(5))
@pytest.mark.parametrize("columns", [1, 60, 80, 200])
def test_s15_every_check_reports_at_every_verbosity_and_width(
    task: str,
    verbosity: int,
    columns: int,
    labs: dict[str, Datalab],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = printed(labs[task], capsys, verbosity=verbosity, show_all_issues=True, show_summary_score=True)
    assert text.count("Score of the data") == len(labs[task]._findings)
    lines = [line for line in text.splitlines() if not line.startswith("-")]
    assert [line for line in lines if len(line) > max(40, columns)] == []


def test_labels_and_texts_stand_beside_the_rows_but_not_personal_data(
    labs: dict[str, Datalab], capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(labs["classification"], capsys, num_examples=1)
    sections = dict(re.findall(r"^-+ (\w+) issues -+\n(.*?)(?=\n\n\n|\Z)", text, re.MULTILINE | re.DOTALL))
    assert "ana@example.org" not in sections["pii"]
    assert re.search("cat|dog|a class", sections["long_text"])
    assert "x" * 30 in sections["long_text"]
    assert "x" * 61 not in text


def test_columns_of_the_data_do_not_hide_those_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    lab = Datalab({"score": ["b", "a", "b"]}, label_name="score")
    lab._findings = {"odd": Finding(np.array([True, False, False]), np.array([0.125, 1.0, 1.0]))}
    assert "row   score  issue  score_\n  0  0.1250   True  b" in printed(lab, capsys)


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [("num_examples", -1, ValueError), ("num_examples", 2.5, TypeError), ("verbosity", 5, ValueError)],
)
def test_report_rejects_options_out_of_range(option: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=option):
        Datalab({"x": [1]}).report(**{option: value})


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_report_is_the_same_for_data_of_any_library(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"y": ["b", "a", None, "b", "a"], "t": ["one", None, "three", "four", "five"]}
    data = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[library](columns)
    reports = []
    for table in (columns, data):
        lab = Datalab(table, label_name="y", text_key="t")
        lab.find_issues(features=np.eye(5)[[0, 0, 1, 2, 3]], issue_types=["exact_duplicate", "empty_text", "null"])
        reports.append(printed(lab, capsys, show_all_issues=True, verbosity=4))
    assert reports[0] == reports[1]
    assert "one" in reports[0]


# -- values


VALUES = [
    None,
    float("nan"),
    np.float32(0.5),
    np.datetime64("2024-02-29"),
    "two\nlines",
    b"bytes",
    {"a": {"b": {"c": list(range(50))}}},
    {},
    [],
    [[1, 2], []],
    set("abcdef"),
    np.arange(10),
    np.arange(0),
    np.zeros((7, 3)),
    np.zeros((0, 3)),
    np.zeros((2, 3, 4)),
    np.array(None, object),
    np.array([None, [1]], object),
    RowLists(np.array([0, 2, 2]), np.array([4, 7])),
    pd.DataFrame({"class": ["x"] * 9, 3: 1.5}),
    pd.DataFrame(),
    pd.Series([1, 2]),
    pd.NA,
    pl.DataFrame({"a": [1]}),
    pa.table({"a": [1]}),
    csr_array(np.eye(3)),
    object(),
    {i: i for i in range(99)},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_any_value_is_shown_in_few_short_lines(value: Any) -> None:
    lines = entry("name", value, 50)
    assert len(lines) <= 14
    assert all(len(line) <= 50 and line.isprintable() for line in lines)
    assert lines[0].startswith("name:")
    assert cell(value).isprintable()


@given(
    st.dictionaries(
        st.text(max_size=12), st.lists(st.text(max_size=60), min_size=3, max_size=3), min_size=1, max_size=9
    ),
    st.integers(40, 100),
)
def test_grid_fits_and_keeps_rows_apart(columns: dict[str, list[str]], width: int) -> None:
    lines = grid(columns, width)
    assert all(len(line) <= width for line in lines)
    assert len(lines) in (4, 5)


def test_grid_says_how_many_columns_it_leaves_out() -> None:
    lines = grid({f"column {i}": ["a long value", "b"] for i in range(9)}, 40)
    assert lines[0].split() == ["col..."] * 5
    assert lines[-1].strip() == "(+ 4 columns)"


# -- notebooks


class Page(HTMLParser):
    """Fails on tags left open; collects tags and words."""

    VOID = frozenset({"rect"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("task", TASKS)
def test_notebook_page_is_static_and_closed(task: str, labs: dict[str, Datalab]) -> None:
    html = labs[task]._repr_html_()
    page = Page(html)
    assert not page.tags & {"script", "link", "iframe", "img", "object", "form"}
    assert "http" not in html
    assert "@import" not in html
    assert len(html) < 100_000
    assert html == labs[task]._repr_html_()
    words = " ".join(page.words)
    for name, finding in labs[task]._findings.items():
        if finding.num_issues:
            assert f"{name}: {finding.num_issues:,} of {N_ROWS} rows" in words


def test_notebook_page_escapes_everything() -> None:
    nasty = "<script>alert('1')</script>&"
    lab = Datalab({nasty: [nasty, "b"], "text": [nasty, nasty]}, label_name=nasty, text_key="text")
    flags = np.array([True, False])
    columns = {nasty: np.array([nasty, nasty], object)}
    lab._findings = {nasty: Finding(flags, 1.0 - flags, info={nasty: nasty}, columns=columns, notes=(nasty,))}
    lab.failed = {nasty: ValueError(nasty)}
    lab.verbosity = 4
    html = lab._repr_html_()
    assert "<script" not in html
    assert nasty in "".join(Page(html).words)


def test_notebook_page_before_any_audit_says_what_to_do() -> None:
    assert "Run lab.find_issues(" in "".join(Page(Datalab({"x": [1, 2]})._repr_html_()).words)
