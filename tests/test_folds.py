"""The segmented fold: literal twins, the reference's formulas, and one answer for every layout and any threads."""

from __future__ import annotations

import math
import re
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from cleanlab.internal import multilabel_scorer
from cleanlab.token_classification.rank import _softmin_sentence_score

from fastcl.core import folds
from fastcl.core.folds import Fold
from fastcl.engine.threads import for_each


def naive_softmin(values, temperature):
    weights = [math.exp((min(values) - v) / max(temperature, 1e-6)) for v in values]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def naive_average(values, alpha):
    alpha = 2 / (len(values) + 1) if alpha is None else alpha
    average, *rest = sorted(values, reverse=True)
    for value in rest:
        average = alpha * value + (1 - alpha) * average
    return average


FOLDS = {
    "min": (Fold("min"), min),
    "mean": (Fold("mean"), lambda values: sum(values) / len(values)),
    "softmin": (Fold("softmin"), partial(naive_softmin, temperature=0.1)),
    "softmin 0.05": (Fold("softmin", temperature=0.05), partial(naive_softmin, temperature=0.05)),
    "softmin 1e-9": (Fold("softmin", temperature=1e-9), partial(naive_softmin, temperature=1e-9)),
    "softmin 0": (Fold("softmin", temperature=0), min),
    "softmin inf": (Fold("softmin", temperature=math.inf), lambda values: sum(values) / len(values)),
    "average": (Fold("exponential_moving_average"), partial(naive_average, alpha=None)),
    "average 0.8": (Fold("exponential_moving_average", alpha=0.8), partial(naive_average, alpha=0.8)),
    "average 0": (Fold("exponential_moving_average", alpha=0), max),
    "average 1": (Fold("exponential_moving_average", alpha=1), min),
}

# Sums of up to 300 numbers of [0, 1] in another order.
TOLERANCE = 1e-13


def random_values(shape, ties=False):
    values = np.random.default_rng(0).random(shape)
    return np.round(values * 4) / 4 if ties else values


def random_segments(n_segments, ties=False):
    """Return values that lie end to end, and where segments start: every seventh is empty, one is long."""
    lengths = np.random.default_rng(1).integers(1, 30, n_segments)
    lengths[::7] = 0
    lengths[n_segments // 2] = 300
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return random_values(offsets[-1], ties), offsets


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1_003, 2), (103, 7), (17, 300)], ids=str)
@pytest.mark.parametrize("name", FOLDS)
def test_folded_rows_match_naive(name, shape, ties):
    fold, naive = FOLDS[name]
    values = random_values(shape, ties)
    np.testing.assert_allclose(fold(values), [naive(row) for row in values.tolist()], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", FOLDS)
def test_folded_segments_match_naive(name, ties):
    fold, naive = FOLDS[name]
    values, offsets = random_segments(203, ties)
    segments = [values[a:b].tolist() for a, b in pairwise(offsets)]
    expected = [naive(segment) if segment else np.nan for segment in segments]
    np.testing.assert_allclose(fold(values, offsets), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("alpha", [None, 0, 0.01, 0.5, 0.8, 1])
def test_moving_average_matches_cleanlab(alpha):
    values = random_values((203, 20))
    expected = multilabel_scorer.exponential_moving_average(values, alpha=alpha)
    np.testing.assert_array_equal(Fold("exponential_moving_average", alpha=alpha)(values), expected)


@pytest.mark.parametrize("temperature", [1e-8, 0.01, 0.1, 1, 100])
def test_softmin_matches_cleanlab(temperature):
    values = random_values((203, 20))
    fold = Fold("softmin", temperature=temperature)
    np.testing.assert_allclose(
        fold(values), multilabel_scorer.softmin(values, temperature=temperature), rtol=0, atol=1e-12
    )
    sentences = _softmin_sentence_score(list(values), temperature=temperature)
    np.testing.assert_allclose(fold(values), sentences, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", FOLDS)
def test_folds_are_layout_agnostic(name, monkeypatch):
    fold, _ = FOLDS[name]
    values = random_values((203, 20))
    expected = fold(values)
    for same in (np.asfortranarray(values), np.repeat(values, 2, axis=1)[:, ::2], values[::-1][::-1]):
        assert np.array_equal(fold(same), expected)
    end_to_end = np.arange(204) * 20
    assert np.array_equal(fold(values.reshape(-1), end_to_end), expected)
    assert np.array_equal(fold(np.concatenate([[9, 9], values.reshape(-1)]), end_to_end + 2), expected)
    monkeypatch.setattr(folds, "VALUES_AT_A_TIME", 50)
    assert np.array_equal(fold(values), expected)
    assert np.array_equal(fold(values.reshape(-1), end_to_end), expected)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("name", FOLDS)
def test_folds_are_thread_agnostic(name, n_threads, monkeypatch):
    fold, _ = FOLDS[name]
    values, offsets = random_segments(203)
    expected = fold(values, offsets)
    monkeypatch.setattr(folds, "VALUES_AT_A_TIME", 100)
    threads = partial(for_each, n_threads=n_threads)
    np.testing.assert_array_equal(fold(values, offsets, for_each=threads), expected)


@pytest.mark.parametrize("name", FOLDS)
def test_folds_keep_float32(name):
    fold, naive = FOLDS[name]
    values = random_values((103, 7)).astype(np.float32)
    folded = fold(values)
    assert folded.dtype == np.float32
    # computed in float64, rounded once
    np.testing.assert_allclose(folded, [naive(row) for row in values.tolist()], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", FOLDS)
def test_empty_segments_are_what_the_caller_says(name):
    fold, _ = FOLDS[name]
    offsets = np.array([0, 0, 2, 2])
    assert fold(np.array([0.5, 0.5]), offsets, empty=1.0).tolist() == [1.0, 0.5, 1.0]
    assert np.isnan(fold(np.array([0.5, 0.5]), offsets)[[0, 2]]).all()
    assert np.isnan(fold(np.empty(0), np.zeros(4, np.int64))).all()
    assert fold(np.empty(0), np.zeros(1, np.int64)).shape == (0,)
    assert fold(np.empty((0, 3))).shape == (0,)
    assert np.isnan(fold(np.empty((2, 0)))).all()


def test_values_are_not_modified():
    values = random_values((103, 7))
    values.flags.writeable = False
    for fold, _ in FOLDS.values():
        fold(values)
        fold(values.reshape(-1), np.arange(104) * 7)


BAD = {
    "an unknown method": ({"method": "max"}, ValueError, "be one of 'min', 'mean', 'softmin', 'exponential_moving"),
    "no method": ({}, ValueError, "be one of 'min'"),
    "an unknown option": ({"method": "min", "alpha": 0.8}, ValueError, "for 'min', nothing else; got 'alpha'"),
    "another's option": ({"method": "softmin", "alpha": 0.8}, ValueError, "for 'softmin', 'temperature'; got 'alpha'"),
    "alpha above 1": ({"method": "exponential_moving_average", "alpha": 1.5}, ValueError, "`alpha` must lie in [0, 1]"),
    "alpha below 0": (
        {"method": "exponential_moving_average", "alpha": -0.1},
        ValueError,
        "`alpha` must lie in [0, 1]",
    ),
    "alpha NaN": ({"method": "exponential_moving_average", "alpha": np.nan}, ValueError, "`alpha` must lie in [0, 1]"),
    "alpha as text": ({"method": "exponential_moving_average", "alpha": "1"}, TypeError, "`alpha` must be a number"),
    "a negative temperature": (
        {"method": "softmin", "temperature": -1},
        ValueError,
        "`temperature` must be at least 0",
    ),
    "no temperature": ({"method": "softmin", "temperature": None}, TypeError, "`temperature` must be a number"),
}


@pytest.mark.parametrize("fault", BAD)
def test_fold_rejects(fault):
    options, kind, words = BAD[fault]
    with pytest.raises(kind, match=re.escape(words)):
        Fold.of_options(options, "options")
