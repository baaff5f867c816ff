"""What the page on CleanLearning says of its gain: equal to the reference's, and where it is and where it is not."""

from __future__ import annotations

import warnings
from statistics import mean

import numpy as np
import pytest
from cleanlab.classification import CleanLearning as Reference
from problems import Problem, reference
from sklearn.base import clone
from sklearn.datasets import load_digits
from test_filter import at_a_cut

from benchmarks import clean_learning_quality as quality
from benchmarks.model_free import standardized
from fastcl.classification import CleanLearning
from fastcl.cross_validation import cross_val_pred_probs

pytestmark = pytest.mark.usefixtures("one_blas_thread")

LINEAR, NEIGHBOURS = "logistic regression", "10 neighbours"


def digits() -> quality.Data:
    features, true = load_digits(return_X_y=True)
    return quality.Data("digits", standardized(features), true, quality.noise(true))


@pytest.fixture
def letter(real_data) -> quality.Data:
    file = np.load(real_data / "tabular" / "letter.npz")
    true = file["true"].astype(np.int64)
    return quality.Data("letter", standardized(file["X"]), true, quality.always(file["noisy"]))


def trained(classifier, data, seed):
    """Return the estimators of cleanlab and of fastcl, trained on the same rows with the same seed."""
    theirs = Reference(clone(classifier), seed=seed)
    reference(theirs.fit, data.X, data.given)
    return theirs, CleanLearning(classifier, seed=seed).fit(data.X, data.given)


def assert_matches_cleanlab(classifier, data, seed):
    theirs, ours = trained(classifier, data, seed)
    apart = ours.label_issues_mask != theirs.label_issues_df["is_label_issue"].to_numpy()
    pred_probs = cross_val_pred_probs(classifier, data.X, data.given, seed=seed)
    assert not np.any(apart & ~at_a_cut(Problem(data.given, pred_probs), "prune_by_noise_rate"))
    if not apart.any():
        assert quality.accuracy(ours, data) == quality.accuracy(theirs, data)
    # a tie is a coin that falls otherwise: few rows, and no lean to either side
    assert np.count_nonzero(apart) <= 0.02 * np.count_nonzero(ours.label_issues_mask)
    assert quality.accuracy(ours, data) == pytest.approx(quality.accuracy(theirs, data), abs=0.5)


@pytest.mark.parametrize("classifier", [LINEAR, NEIGHBOURS])
@pytest.mark.parametrize("seed", [0, 1])
def test_accuracy_on_digits_matches_cleanlab(classifier, seed):
    assert_matches_cleanlab(quality.CLASSIFIERS[classifier], quality.split(digits(), seed), seed)


@pytest.mark.parametrize("classifier", [LINEAR, NEIGHBOURS])
def test_accuracy_on_letter_matches_cleanlab(letter, classifier):
    assert_matches_cleanlab(quality.CLASSIFIERS[classifier], quality.split(letter, 0), 0)


def gain(classifier, data, seed):
    """Return by how many points CleanLearning beats the classifier trained on the labels as they are."""
    part = quality.split(data, seed)
    noisy = quality.accuracy(clone(classifier).fit(part.X, part.given), part)
    return quality.accuracy(CleanLearning(classifier, seed=seed).fit(part.X, part.given), part) - noisy


def test_cleaning_helps_a_linear_model_of_noisy_digits():
    assert mean(gain(quality.CLASSIFIERS[LINEAR], digits(), seed) for seed in range(3)) > 3


def test_cleaning_hurts_neighbours_with_few_rows_a_class(letter):
    few, many = letter, letter._replace(max_train=len(letter.true))
    classifier = quality.CLASSIFIERS[NEIGHBOURS]
    assert gain(classifier, few, 0) < -2
    assert gain(classifier, many, 0) > -0.5


def test_noise_has_a_stream_of_its_own():
    """The same seed for the split and the noise would put most wrong labels into one part."""
    data = digits()
    shares = [np.mean(part.given != part.true) for part in (quality.split(data, seed) for seed in range(3))]
    for seed, share in enumerate(shares):
        assert share == pytest.approx(np.mean(data.give(1_000 + seed) != data.true), abs=0.02)


def test_options_are_judged_only_where_there_are_few_rows():
    part = quality.split(digits()._replace(max_train=300), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes too small to be searched
        marks = quality.judge(quality.CLASSIFIERS[NEIGHBOURS], part, 0)
    assert {*quality.SEARCHES} < {*marks.with_option}
    assert marks.with_option[quality.UNWEIGHTED] == pytest.approx(marks.accuracy["fastcl"], abs=0)
    row = quality.gain_row("digits", NEIGHBOURS, [marks, marks])
    assert row.count("|") == quality.GAINS_HEAD.splitlines()[0].count("|")


def test_tables_on_the_page_are_of_this_script():
    text = quality.TABLE.read_text()
    assert quality.GAINS_HEAD in text
    assert quality.OPTIONS_HEAD in text
    assert all(name in text for name in (*quality.SEARCHES, quality.UNWEIGHTED, quality.LEAVE_ONE_OUT))


@pytest.mark.parametrize(
    ("values", "text"),
    [([1.0, 2.0, 3.0], "**+2.00 ± 0.58**"), ([-1.0, 1.0], "+0.00 ± 1.00"), ([0.0, 0.0], "+0.00 ± 0.00")],
)
def test_means_far_from_zero_are_bold(values, text):
    assert quality.spread(values) == text
