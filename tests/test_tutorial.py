"""The way of the tutorial, walked on real data whose answers are known; and what its pages say of the checks."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from cleanlab.datalab.datalab import Datalab as CleanlabDatalab
from PIL import Image, ImageFilter
from problems import reference
from test_real_data import LABEL_ERRORS, load, shares

from fastcl import Datalab
from fastcl.datalab.audit import known_checks
from fastcl.datalab.check import TASKS
from fastcl.filter import find_label_issues

pytestmark = pytest.mark.usefixtures("one_blas_thread")

DOCS = Path(__file__).resolve().parents[1] / "docs"


def audit(table, label_name, *, image_key=None, text_key=None, **inputs):
    """Return a lab that has run all checks for which there is what they need, none of which may fail."""
    lab = Datalab(table, label_name=label_name, image_key=image_key, text_key=text_key, verbosity=0)
    lab.find_issues(**inputs)
    assert not lab.failed
    return lab


def flags(lab, name):
    return lab.get_issues(name)[f"is_{name}_issue"].to_numpy()


def counts(lab):
    """Return the number of issues by check."""
    return dict(zip(lab.issue_summary["issue_type"], lab.issue_summary["num_issues"].tolist(), strict=True))


def copies_of_rows(rows):
    """Return which rows are equal to another one."""
    _, group, size = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return size[group.ravel()] > 1


# -- a table: letter, 20,000 rows x 16 columns, 10 % of the labels made wrong


@pytest.fixture(scope="module")
def letter(real_data):
    problem, file = load(real_data / "tabular" / "letter.npz", labels="noisy")
    names = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    lab = audit({"letter": names[problem.labels]}, "letter", pred_probs=problem.pred_probs, features=file["X"])
    return lab, problem, file


def test_letter_has_the_label_issues_noted(letter):
    lab, problem, file = letter
    issues = flags(lab, "label")
    assert abs(issues.sum() - 2254) <= 1  # noted of probabilities that were not yet rounded to be stored
    assert shares(issues, file["noisy"] != file["true"])[:2] == pytest.approx((0.848, 0.908), abs=0.001)
    np.testing.assert_array_equal(issues, find_label_issues(*problem.both()))
    predicted = lab.get_issues("label")["predicted_label"]
    np.testing.assert_array_equal(predicted, np.array(lab.class_names)[problem.pred_probs.argmax(axis=1)])


def test_letter_has_the_copies_that_are_in_it(letter):
    lab, problem, file = letter
    is_copy = copies_of_rows(file["X"])
    np.testing.assert_array_equal(flags(lab, "exact_duplicate"), is_copy)
    assert is_copy[flags(lab, "near_duplicate")].all()  # whole numbers: rows are equal, or far apart
    conflicts, given = np.zeros(len(is_copy), bool), problem.labels
    for rows in lab.get_info("exact_duplicate")["groups"]:
        conflicts[rows] = np.unique(given[rows]).size > 1
    np.testing.assert_array_equal(flags(lab, "conflicting_labels"), conflicts)


def test_letter_dropped_and_relabelled_is_nearer_to_the_truth(letter):
    lab, _, file = letter
    issues, names = flags(lab, "label"), np.array(lab.class_names)
    truth = names[file["true"]]
    relabelled = np.where(issues, lab.get_issues("label")["predicted_label"], names[file["noisy"]])
    assert np.mean(names[file["noisy"]] != truth) == pytest.approx(0.105, abs=0.001)
    assert np.mean((names[file["noisy"]] != truth)[~issues]) < 0.012
    assert np.mean(relabelled != truth) < 0.035


def test_letter_filter_of_the_direct_function_is_fed_back(letter):
    lab, problem, _ = letter
    search = {"find_label_issues_kwargs": {"filter_by": "both"}}
    other = Datalab({"letter": problem.labels}, label_name="letter", verbosity=0)
    other.find_issues(pred_probs=problem.pred_probs, issue_types={"label": {"clean_learning_kwargs": search}})
    np.testing.assert_array_equal(flags(other, "label"), find_label_issues(*problem.both(), filter_by="both"))
    assert flags(other, "label").sum() < flags(lab, "label").sum()


# -- texts: banking77, 13,083 messages of 77 intents, 8 % of the labels made wrong


@pytest.fixture(scope="module")
def banking(real_data):
    texts, intents, split = [], [], []
    for part in ("train", "test"):
        with (real_data / "text" / f"banking77_{part}.csv").open(encoding="utf-8", newline="") as file:
            for text, intent in list(csv.reader(file))[1:]:
                texts.append(text)
                intents.append(intent)
                split.append(part)
    problem, file = load(real_data / "text" / "banking77.npz", "pred_probs_noisy8", "noisy8")
    names = np.unique(intents)
    np.testing.assert_array_equal(names[file["given"]], intents)
    table = {"text": texts, "intent": names[problem.labels], "split": split}
    features = file["emb"].astype(np.float32)
    lab = audit(table, "intent", text_key="text", pred_probs=problem.pred_probs, features=features, split="split")
    return lab, table, features, file["noisy8"] != file["given"]


def test_banking77_has_the_issues_noted(banking):
    lab, *_, is_wrong = banking
    found = counts(lab)
    assert found["label"] == 1720
    assert shares(flags(lab, "label"), is_wrong)[:2] == pytest.approx((0.510, 0.805), abs=0.0005)
    assert {name: found[name] for name in ("empty_text", "short_text", "long_text", "repeated_text", "pii")} == {
        "empty_text": 0, "short_text": 0, "long_text": 11, "repeated_text": 120, "pii": 0,
    }  # fmt: skip
    assert found["non_iid"] == 1  # the files are sorted by intent


def test_banking77_leaks_between_its_splits(banking):
    lab, table, *_ = banking
    split = np.array(table["split"])
    leaks, copies = flags(lab, "leakage"), lab.get_info("exact_duplicate")["groups"]
    crossing = np.concatenate([rows for rows in copies if np.unique(split[rows]).size > 1])
    assert crossing.size > 0
    assert leaks[crossing].all()
    assert (flags(lab, "near_duplicate") | flags(lab, "exact_duplicate"))[leaks].all()
    assert lab.get_info("leakage")["pairs_of_splits"]["test / train"] == len(lab.get_info("leakage")["pairs"])


def test_banking77_conflicts_are_often_wrong_labels(banking):
    lab, *_, is_wrong = banking
    assert is_wrong[flags(lab, "conflicting_labels")].mean() > 3 * is_wrong.mean()


def test_banking77_without_a_model(banking):
    _, table, features, is_wrong = banking
    lab = audit(table, "intent", features=features, issue_types=["label"])
    _, recall, _ = shares(flags(lab, "label"), is_wrong)
    assert recall > 0.75
    worst = np.argsort(lab.get_issues("label")["label_score"].to_numpy(), kind="stable")[:500]
    assert is_wrong[worst].mean() > 0.85


# -- images: MNIST, 10,000 digits, with faults planted


def spoil(pictures):
    """Return the pictures with faults in seven rows, and which check is to see which."""
    spoilt = list(pictures)
    spoilt[11] = Image.fromarray(np.full((28, 28), 3, np.uint8))
    spoilt[22] = Image.fromarray(np.full((28, 28), 250, np.uint8))
    spoilt[33] = pictures[33].resize((280, 280))
    spoilt[44] = pictures[44].crop((0, 10, 28, 16))
    spoilt[55] = pictures[55].convert("RGB")
    spoilt[66] = pictures[66].filter(ImageFilter.GaussianBlur(3)).convert("RGB")
    return spoilt, {"dark": {11}, "light": {22}, "odd_size": {33, 44}, "odd_aspect_ratio": {44}}


@pytest.fixture(scope="module")
def mnist(real_data):
    problem, _ = load(real_data / "label_errors" / "mnist.npz")
    with np.load(real_data / "image" / "mnist_test_10k.npz") as file:
        return problem, file["x"]


def test_mnist_has_as_many_label_issues_as_published(mnist):
    problem, pixels = mnist
    lab = audit(
        {"digit": problem.labels}, "digit", pred_probs=problem.pred_probs, features=pixels.reshape(-1, 784)[:, ::2]
    )
    found = counts(lab)
    assert found["label"] == 15
    assert found["exact_duplicate"] == copies_of_rows(pixels.reshape(-1, 784)[:, ::2]).sum()


def test_mnist_images_show_the_faults_that_were_planted(mnist):
    problem, pixels = mnist
    spoilt, planted = spoil([Image.fromarray(picture) for picture in pixels[:1000]])
    lab = audit({"picture": spoilt, "digit": problem.labels[:1000]}, "digit", image_key="picture")
    for name, rows in planted.items():
        assert rows == set(np.flatnonzero(flags(lab, name)).tolist()), name
    assert np.flatnonzero(~flags(lab, "grayscale")).tolist() == [55, 66]
    assert "grayscale" not in counts(lab)  # that is how these data are
    assert {11, 22} <= set(np.flatnonzero(flags(lab, "low_information")).tolist())


# -- probabilities alone: the label errors of four test sets


@pytest.mark.parametrize("name", LABEL_ERRORS)
def test_label_errors_are_as_many_as_published(real_data, name):
    n_found, _, n_hits = LABEL_ERRORS[name]
    problem, file = load(real_data / "label_errors" / f"{name}.npz")
    lab = audit({"label": problem.labels}, "label", pred_probs=problem.pred_probs)
    issues = flags(lab, "label")
    assert issues.sum() == n_found
    assert issues[file["mturk_index"][file["mturk_given"] < 3]].sum() == n_hits


def test_cifar10_matches_cleanlab(real_data):
    problem, _ = load(real_data / "label_errors" / "cifar10.npz")
    table, checks = {"label": problem.labels.tolist()}, {"label": {}, "outlier": {}, "class_imbalance": {}}
    lab = audit(table, "label", pred_probs=problem.pred_probs, issue_types=checks)
    theirs = CleanlabDatalab(table, label_name="label", verbosity=0)
    reference(theirs.find_issues, pred_probs=problem.pred_probs, issue_types=checks)
    for name in checks:
        found, expected = lab.get_issues(name), theirs.get_issues(name)
        np.testing.assert_array_equal(found[f"is_{name}_issue"], expected[f"is_{name}_issue"])
        # entropies of rows that are nearly one-hot: sums of terms next to nothing, in another order
        np.testing.assert_allclose(found[f"{name}_score"], expected[f"{name}_score"], rtol=0, atol=1e-9)


# -- what the pages say of the checks


def described_options(page):
    """Return the options with their defaults that each section of the page gives, by heading."""
    sections = re.split(r"^#{2,3} ", page.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        heading, _, text = section.partition("\n")
        options = text.partition("**Options**")[2].partition("**Do**")[0]
        found[heading.replace("`", "")] = dict(re.findall(r"`(\w+)=([^`]+)`", options))
    return found


def registered_checks():
    """Return the checks of fastcl, not those that other tests have registered, by the headings of their sections."""
    found = {}
    for task in TASKS:
        for name, check in known_checks(task).items():
            title = f"label for {task}" if name == "label" and task != "classification" else name
            if check.find.__module__.startswith("fastcl."):
                found[title] = check
    return found


CHECKS = registered_checks()


@pytest.mark.parametrize("title", CHECKS, ids=lambda title: title.replace(" ", "_"))
def test_page_has_a_section_for_each_check_with_its_options(title):
    options = {name: repr(default) for name, default in CHECKS[title].options.items()}
    assert described_options(DOCS / "datalab-checks.md")[title] == options


def test_page_tells_what_each_input_unlocks():
    text = (DOCS / "datalab.md").read_text()
    table = text.partition("## What each input unlocks")[2].partition("Those with a star")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[2] if row else "")}
    known = known_checks("classification")
    assert named == {name for name, check in known.items() if check.find.__module__.startswith("fastcl.")}
