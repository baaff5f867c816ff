from __future__ import annotations

import math

import naive
import numpy as np
import pytest
from scipy.special import entr, xlogy

from fastcl.core.constants import UNREACHABLE_THRESHOLD
from fastcl.core.scores import adjustment, entropy_scores
from fastcl.core.sweep import Block, RowSummary, p_log_p, sweep

SMALLEST_NORMAL = np.finfo(np.float64).tiny

#: What the docstring of `p_log_p` promises.
RTOL = 5e-14


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).random(3_000),
        np.geomspace(SMALLEST_NORMAL, 1.0, 3_000),
        2.0 ** -np.arange(1022),
        1 - np.geomspace(2**-53, 0.5, 1_000),
        1 + np.geomspace(2**-52, 1e-6, 50),
        *[root * (1 + np.linspace(-1e-9, 1e-9, 201)) for root in 2.0 ** -np.arange(0.25, 2.0, 0.25)],
    ],
    ids=[
        "uniform",
        "all magnitudes",
        "powers of two",
        "near one",
        "beyond one",
        *[f"near 2**{-k / 4}" for k in range(1, 8)],  # where the reduction of the argument changes
    ],
)
def test_p_log_p_is_as_exact_as_it_says(values):
    ours = np.array([p_log_p(value) for value in values])
    exact = np.array([value * math.log(value) for value in values])
    np.testing.assert_allclose(ours, exact, rtol=RTOL, atol=0)
    np.testing.assert_allclose(ours, xlogy(values, values), rtol=RTOL, atol=0)


@pytest.mark.parametrize("p", [0.0, -0.0, -5e-324, -1e-7, -1.0, 1.0])
def test_p_log_p_is_zero_at_its_ends(p):
    assert p_log_p(p) == 0.0


@pytest.mark.parametrize("p", [5e-324, 1e-310, SMALLEST_NORMAL / 2, np.nextafter(SMALLEST_NORMAL, 0)])
def test_p_log_p_of_subnormal_numbers_is_next_to_nothing(p):
    assert -1e-300 < p_log_p(p) <= 0


def entropy_of(pred_probs):
    """Return the entropy of every row, as the sweep writes it down."""
    n_rows, n_classes = pred_probs.shape
    summary = RowSummary.empty(n_rows, pred_probs.dtype, entropy=True)
    sweep(Block(0, np.zeros(n_rows, np.int32), pred_probs, summary), np.full(n_classes, 0.5))
    return summary.entropy


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_classes", [1, 2, 3, 4, 5, 7, 8, 9, 31, 100])
def test_entropy_matches_scipy(n_classes, dtype):
    pred_probs = np.random.default_rng(n_classes).dirichlet(np.full(n_classes, 0.3), 203).astype(dtype)
    entropy = entropy_of(pred_probs)
    assert entropy.dtype == np.float64
    np.testing.assert_allclose(entropy, entr(pred_probs.astype(np.float64)).sum(axis=1), rtol=RTOL, atol=1e-15)


EXTREMES = [0.0, 5e-324, 1e-310, SMALLEST_NORMAL, 1e-100, 1e-16, 0.5, 1 - 2**-53, 1.0, 1 + 1e-7]


def test_entropy_of_extreme_values_matches_scipy():
    rows = np.array([[a, b, c] for a in EXTREMES for b in EXTREMES for c in EXTREMES])
    np.testing.assert_allclose(entropy_of(rows), entr(rows).sum(axis=1), rtol=RTOL, atol=1e-15)


def test_entropy_of_what_lies_below_zero_is_zero():
    assert entropy_of(np.array([[-1e-7, 1.0], [1.0, -9e-7]])).tolist() == [0.0, 0.0]


def test_entropy_is_written_only_on_request():
    summary = RowSummary.empty(7, np.float64)
    sweep(Block(0, np.zeros(7, np.int32), np.full((7, 2), 0.5), summary), np.full(2, 0.5))
    assert summary.entropy.size == 0


@pytest.mark.parametrize("n_classes", [2, 3, 60])
def test_entropy_scores_match_naive(n_classes):
    pred_probs = np.random.default_rng(2).dirichlet(np.full(n_classes, 0.5), 203)
    own = pred_probs[:, 0]
    expected = [naive.confidence_weighted_entropy(row, 0) for row in pred_probs]
    np.testing.assert_allclose(entropy_scores(own, entropy_of(pred_probs), n_classes), expected, rtol=0, atol=1e-12)


def test_adjustment_lifts_every_class_that_was_given_to_the_highest_threshold():
    lifts = adjustment(np.array([0.5, UNREACHABLE_THRESHOLD, 0.75, 0.25]))
    assert lifts.tolist() == [0.25, 0.0, 0.0, 0.5]
