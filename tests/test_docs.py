"""What the documentation says is so: its code runs and prints what it shows, and what it names exists."""

from __future__ import annotations

import ast
import contextlib
import doctest
import importlib
import inspect
import re
import shlex
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import cleanlab.count as cleanlab_count
import cleanlab.experimental.label_issues_batched as cleanlab_batched
import numpy as np
import pytest
from problems import Problem, make_problem

from fastcl.count import get_confident_thresholds
from fastcl.experimental import label_issues_batched as batched
from fastcl.rank import get_label_quality_scores

pytestmark = pytest.mark.usefixtures("one_blas_thread")

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: Modules users call, by the name they have in cleanlab too.
SHARED_MODULES = (
    "filter",
    "count",
    "rank",
    "dataset",
    "experimental.label_issues_batched",
    "benchmarking.noise_generation",
    "outlier",
    "data_valuation",
    "classification",
    "multilabel_classification",
    "multilabel_classification.filter",
    "multilabel_classification.rank",
    "multilabel_classification.dataset",
    "regression.rank",
    "regression.learn",
)
PUBLIC_MODULES = (*SHARED_MODULES, "ambiguity", "cross_validation", "datalab", "neighbors", "review")


# -- code on pages runs, block after block, and shows what it prints


def code_blocks(page: Path) -> list[tuple[str, str, str]]:
    """Return (language, code, output shown) of every block that is to be run."""
    fences = [match.groups() for match in FENCE.finditer(page.read_text())]
    found = []
    for (language, text), (next_language, next_text) in pairwise([*fences, ("", "")]):
        if language in ("python", "console"):
            found.append((language, text, next_text if next_language == "output" else ""))
    return found


def run_cell(code: str, namespace: dict[str, Any]) -> None:
    """Run code as a notebook does: the value of a last expression is shown."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<page>", "exec"), namespace)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), "<page>", "eval"), namespace)
        if value is not None:
            sys.stdout.write(f"{value!r}\n")


def run_commands(text: str, namespace: dict[str, Any]) -> None:
    """Run the lines that begin with `$ fastcl`; installing and testing is the business of `.ci/run`."""
    for line in text.splitlines():
        if line.startswith("$ fastcl "):
            from fastcl.cli import main

            with contextlib.suppress(SystemExit):
                main(shlex.split(line, comments=True)[2:])


RUN = {"python": run_cell, "console": run_commands}


@pytest.mark.usefixtures("own_checks")
@pytest.mark.parametrize("page", [page for page in PAGES if code_blocks(page)], ids=lambda page: page.name)
def test_code_on_a_page_runs_and_prints_what_is_shown(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    namespace: dict[str, Any] = {}
    same = doctest.OutputChecker().check_output
    for language, code, shown in code_blocks(page):
        RUN[language](code, namespace)
        printed = capfd.readouterr().out
        assert same(shown, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), f"{code}\nprints\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_on_a_page_is_of_a_kind_that_is_checked(page: Path) -> None:
    text = page.read_text()
    assert text.count("```") % 2 == 0
    for language, code in FENCE.findall(text):
        assert language in ("python", "pycon", "console", "output", "text") or language.startswith("{"), language
        assert (">>>" in code) == (language == "pycon"), "doctests stand in `pycon` blocks, and nothing else does"
        assert language != "pycon" or code.endswith("\n\n"), "a blank line ends a doctest's output"


# -- what pages name exists


def public_names(module: Any) -> list[str]:
    """Return the functions and classes that a module offers."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    ]


def cells(page: Path) -> list[list[str]]:
    """Return the cells of every row of every table on a page."""
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_api_page_lists_every_public_name(name: str) -> None:
    listed = re.findall(r"^ +(\w+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    module = importlib.import_module(f"fastcl.{name}")
    documented = [public for public in public_names(module) if "Parameters\n" in getattr(module, public).__doc__]
    assert documented
    assert set(documented) <= set(listed)


@pytest.mark.parametrize("name", SHARED_MODULES)
def test_every_name_of_cleanlab_is_accounted_for(name: str) -> None:
    known, table = set(), ""
    for first, *_ in cells(DOCS / "coming-from-cleanlab.md"):
        table = first.strip("`") if first.strip("`") in SHARED_MODULES else table
        known.add(f"{table}.{first.strip('`')}")
    cleanlab = importlib.import_module(f"cleanlab.{name}")
    assert {f"{name}.{public}" for public in public_names(cleanlab)} <= known


@pytest.mark.parametrize("name", SHARED_MODULES)
def test_every_parameter_of_cleanlab_is_taken_in_the_same_way(name: str) -> None:
    cleanlab, ours = (importlib.import_module(f"{package}.{name}") for package in ("cleanlab", "fastcl"))
    for public in public_names(cleanlab):
        taken = inspect.signature(getattr(ours, public)).parameters
        for parameter in inspect.signature(getattr(cleanlab, public)).parameters.values():
            assert taken[parameter.name].kind == parameter.kind, f"{public}({parameter.name})"


def named_tests(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"`(test_\w+\.py)::(\w+)`", page.read_text())


@pytest.mark.parametrize(("file", "name"), named_tests(DOCS / "coming-from-cleanlab.md"))
def test_every_test_that_a_page_names_exists(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE)


def decisions() -> list[list[str]]:
    """Return the rows of the tables of decisions, one a surprise of cleanlab."""
    return [row for row in cells(DOCS / "coming-from-cleanlab.md") if re.fullmatch(r"S\d+", row[0])]


def test_every_surprise_of_cleanlab_is_decided_once() -> None:
    assert sorted(int(row[0][1:]) for row in decisions()) == list(range(1, 43))


@pytest.mark.parametrize("row", decisions(), ids=lambda row: row[0])
def test_every_decision_names_the_test_that_holds_it(row: list[str]) -> None:
    assert re.search(r"`test_\w+\.py::\w+`", row[-1]) or row[-1] == "with its module"


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


# -- decisions on the batched search


CALIBRATED = {"estimation_method": "off_diagonal_calibrated"}


def inspect_batches(module: Any, problem: Problem, size: int, **options: Any) -> Any:
    """Return the inspector of fastcl or cleanlab after it was shown all rows, `size` at a time, twice."""
    inspector = module.LabelInspector(num_class=problem.n_classes, verbose=False, **options)
    batches = [
        (problem.labels[i : i + size], problem.pred_probs[i : i + size]) for i in range(0, len(problem.labels), size)
    ]
    for batch in batches:
        inspector.update_confident_thresholds(*batch)
    for batch in batches:
        inspector.score_label_quality(*batch)
    return inspector


def test_s6_a_class_never_given_is_never_confident_in_batches() -> None:
    problem = make_problem(1_003, 7, strength=0.5, never_given=[3])
    theirs, ours = (inspect_batches(module, problem, 101) for module in (cleanlab_batched, batched))
    assert theirs.get_confident_thresholds(silent=True)[3] == 2e-6
    assert ours.get_confident_thresholds().tolist() == get_confident_thresholds(*problem.both()).tolist()
    assert ours.get_confident_thresholds()[3] == 2


def test_s7_batched_issues_are_ranked() -> None:
    problem = make_problem(1_003, 7)
    rows = batched.find_label_issues_batched(*problem.both())
    scores = get_label_quality_scores(*problem.both())
    assert len(rows) > 50
    assert (np.diff(scores[rows]) >= 0).all()
    assert (np.diff(rows) < 0).any()
    mask = batched.find_label_issues_batched(*problem.both(), return_mask=True)
    assert np.flatnonzero(mask).tolist() == sorted(rows.tolist())


@pytest.mark.parametrize("size", [101, 1_003])
def test_s8_batches_are_counted_by_the_one_rule(size: int) -> None:
    problem = make_problem(1_003, 7, strength=0.5)
    expected = cleanlab_count.num_label_issues(*problem.both())
    assert abs(inspect_batches(cleanlab_batched, problem, size).get_num_issues(silent=True) - expected) > 5
    assert inspect_batches(batched, problem, size).get_num_issues() == expected


@pytest.mark.parametrize("size", [1_000, 12_007])
def test_s9_calibrated_count_of_batches_is_exact_for_any_number_of_threads(size: int) -> None:
    problem = make_problem(12_007, 7)
    expected = cleanlab_count.num_label_issues(*problem.both(), estimation_method="off_diagonal_calibrated")
    for n_jobs in (1, 3):
        inspector = inspect_batches(batched, problem, size, num_issue_kwargs=CALIBRATED, n_jobs=n_jobs)
        assert inspector.get_num_issues() == expected


def test_s10_batched_search_never_holds_the_matrix(tmp_path: Path) -> None:
    problem = make_problem(10_003, 200)
    np.save(tmp_path / "labels.npy", problem.labels)
    np.save(tmp_path / "pred_probs.npy", problem.pred_probs)
    files = {"labels_file": tmp_path / "labels.npy", "pred_probs_file": tmp_path / "pred_probs.npy"}
    batched.find_label_issues_batched(**files, n_jobs=1)  # compiles
    tracemalloc.start()
    batched.find_label_issues_batched(**files, n_jobs=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < problem.pred_probs.nbytes / 10
