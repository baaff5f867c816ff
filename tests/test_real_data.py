"""Real data whose answers are known: published with the data, verified by people, or the reference's."""

from __future__ import annotations

import numpy as np
import pytest
from cleanlab import count as cleanlab_count
from cleanlab import filter as cleanlab_filter
from cleanlab import rank as cleanlab_rank
from problems import FILTERS, METHODS, Problem, reference
from test_filter import at_a_cut

from fastcl import count, rank
from fastcl.filter import find_label_issues


def load(path, probabilities="pred_probs", labels="labels"):
    """Return a problem with rows that sum to one, and the file."""
    file = np.load(path)
    pred_probs = file[probabilities].astype(np.float64)
    return Problem(file[labels].astype(np.int64), pred_probs / pred_probs.sum(axis=1, keepdims=True)), file


def assert_agrees_with_cleanlab(problem, filter_by):
    """Assert that the masks are equal but for rows that tie at a cut."""
    issues = find_label_issues(*problem.both(), filter_by=filter_by)
    expected = reference(cleanlab_filter.find_label_issues, *problem.both(), filter_by=filter_by, n_jobs=1)
    assert issues.sum() == expected.sum()
    apart = issues != expected
    if filter_by.startswith("low_"):
        scores = rank.get_label_quality_scores(*problem.both(), method=filter_by.removeprefix("low_"))
        np.testing.assert_array_equal(np.sort(scores[issues]), np.sort(scores[expected]))
    elif apart.any():
        names = ("prune_by_noise_rate", "prune_by_class") if filter_by == "both" else (filter_by,)
        tied = np.any([at_a_cut(problem, name) for name in names], axis=0)
        assert not np.any(apart & ~tied)
    return issues


def shares(issues, wrong):
    """Return precision, recall and F1 of a mask."""
    hits = np.count_nonzero(issues & wrong)
    precision, recall = hits / issues.sum(), hits / wrong.sum()
    return precision, recall, 2 * precision * recall / (precision + recall)


# Northcutt, Athalye, Mueller, "Pervasive Label Errors in Test Sets Destabilize Machine Learning Benchmarks", 2021:
# the number of rows found, of human-confirmed errors, and of those among the rows found.
LABEL_ERRORS = {"mnist": (15, 15, 7), "cifar10": (284, 54, 49), "20news": (95, 82, 55), "imdb": (1309, 725, 725)}


@pytest.mark.parametrize("name", LABEL_ERRORS)
def test_label_errors_are_as_many_as_published(real_data, name):
    n_found, n_wrong, n_hits = LABEL_ERRORS[name]
    problem, file = load(real_data / "label_errors" / f"{name}.npz")
    issues = find_label_issues(*problem.both())
    wrong = file["mturk_index"][file["mturk_given"] < 3]
    assert issues.sum() == n_found
    assert wrong.size == n_wrong
    assert issues[wrong].sum() == n_hits


@pytest.mark.parametrize("filter_by", FILTERS)
@pytest.mark.parametrize("name", LABEL_ERRORS)
def test_label_errors_match_cleanlab(real_data, name, filter_by):
    problem, _ = load(real_data / "label_errors" / f"{name}.npz")
    assert_agrees_with_cleanlab(problem, filter_by)


@pytest.mark.parametrize("name", LABEL_ERRORS)
def test_scores_and_joints_of_label_errors_match_cleanlab(real_data, name):
    problem, _ = load(real_data / "label_errors" / f"{name}.npz")
    for method in METHODS:
        for adjust in (False, True)[: 1 + (method != METHODS[2])]:
            options = {"method": method, "adjust_pred_probs": adjust}
            scores = rank.get_label_quality_scores(*problem.both(), **options)
            expected = reference(cleanlab_rank.get_label_quality_scores, *problem.both(), **options)
            # S3: a row whose entropy is next to nothing scores 1, in the reference anything
            sure = (scores > 1 - 1e-6) & (method == METHODS[2])
            assert np.all(rank.get_self_confidence_for_each_label(*problem.both())[sure] > 1 - 1e-6)
            # ln(1 + x) / x loses the digits of x in 1 + x, and entropies here are small
            atol = 1e-9 if method == METHODS[2] else 1e-12
            np.testing.assert_allclose(scores[~sure], expected[~sure], rtol=0, atol=atol)
    for estimate in (count.compute_confident_joint, count.estimate_joint, count.num_label_issues):
        expected = reference(getattr(cleanlab_count, estimate.__name__), *problem.both())
        np.testing.assert_array_equal(estimate(*problem.both()), expected)


# The masks of Northcutt, Jiang, Chuang, JAIR 2021, section 5, and the F1 of finding the injected errors (table 2 for
# noise 0.2, sparsity 0). Its probabilities are kept in half precision here: a few rows near a cut fall on the other
# side. The confident joint of the paper's code took the first of several confident classes, not the most probable.
PAPER = {
    "predicted_neq_given": ("argmax", 0.9998, 0.709),
    "confident_learning": ("conf_joint_only", 0.983, 0.752),
    "prune_by_class": ("cl_pbc", 0.9997, 0.764),
    "prune_by_noise_rate": ("cl_pbnr", 0.999, 0.767),
    "both": ("cl_both", 0.999, 0.781),
}
NOISE = [(sparsity, noise) for sparsity in ("0.0", "0.4") for noise in ("0.2", "0.4", "0.6")]


@pytest.mark.parametrize("filter_by", PAPER)
@pytest.mark.parametrize(("sparsity", "noise"), NOISE)
def test_masks_of_the_paper_are_met(real_data, sparsity, noise, filter_by):
    name, agreement, f1 = PAPER[filter_by]
    problem, file = load(real_data / "cl_cifar10" / f"sparsity{sparsity}_noise{noise}.npz", labels="noisy")
    issues = find_label_issues(*problem.both(), filter_by=filter_by)
    mask = np.unpackbits(file[f"paper_mask_{name}"])[:50_000].astype(bool)
    assert np.mean(issues == mask) >= agreement
    if (sparsity, noise) == ("0.0", "0.2"):
        assert shares(issues, file["noisy"] != file["true"])[2] == pytest.approx(f1, abs=0.0005)


@pytest.mark.parametrize("filter_by", FILTERS)
@pytest.mark.parametrize(("sparsity", "noise"), [NOISE[0], NOISE[-1]])
def test_issues_of_the_paper_match_cleanlab(real_data, sparsity, noise, filter_by):
    problem, _ = load(real_data / "cl_cifar10" / f"sparsity{sparsity}_noise{noise}.npz", labels="noisy")
    assert_agrees_with_cleanlab(problem, filter_by)


@pytest.mark.parametrize(("labels", "n_found"), [("noisy8", 1720), ("given", 524)])
def test_banking77_has_as_many_issues_as_noted(real_data, labels, n_found):
    problem, file = load(real_data / "text" / "banking77.npz", f"pred_probs_{labels}", labels)
    issues = assert_agrees_with_cleanlab(problem, "prune_by_noise_rate")
    assert issues.sum() == n_found
    if labels == "noisy8":
        assert shares(issues, file["noisy8"] != file["given"])[:2] == pytest.approx((0.510, 0.805), abs=0.0005)


@pytest.mark.parametrize("filter_by", FILTERS)
def test_letter_matches_cleanlab(real_data, filter_by):
    problem, file = load(real_data / "tabular" / "letter.npz", labels="noisy")
    issues = assert_agrees_with_cleanlab(problem, filter_by)
    if filter_by == "prune_by_noise_rate":
        # noted as 2254, of probabilities that were not yet rounded to be stored
        assert abs(issues.sum() - 2254) <= 1
        assert shares(issues, file["noisy"] != file["true"])[:2] == pytest.approx((0.848, 0.908), abs=0.001)
