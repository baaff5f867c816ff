"""Scores of regression targets: OUTRE without all pairs against all pairs, the reference, and what is refused."""

from __future__ import annotations

import math
import tracemalloc
from decimal import Decimal

import cleanlab.internal.neighbor.metric as cleanlab_metric
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cleanlab.regression.rank import get_label_quality_scores as cleanlab_scores
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fastcl.core.targets import as_targets
from fastcl.regression.outre import nearest
from fastcl.regression.outre.expansion import MOST_ORDERS, TOLERANCE, add_expansion, expand, reaches
from fastcl.regression.outre.nearest import FEW, mean_nearest_distances
from fastcl.regression.outre.tree import LEAF, RADIUS, START, STOP, plant
from fastcl.regression.rank import get_label_quality_scores

# -- the definition


def naive_outre(labels, predictions):
    """Return OUTRE scores by the formula, one pair after the other."""
    n = len(labels)
    points = list(zip(standardized(labels, 1), standardized(np.subtract(predictions, labels), 5), strict=True))
    means = []
    for p in points:
        nearest_half = sorted(math.dist(p, q) for q in points)[: math.ceil(n / 2)]
        means.append(math.fsum(nearest_half) / len(nearest_half))
    scale = max(sorted(means)[(n - 1) // 2] / 2 + sorted(means)[n // 2] / 2, 1e-6)
    return np.array([1.0 if mean < 1.4901e-7 else math.exp(-mean / scale) for mean in means])


def standardized(values, weight):
    return (weight * ((values - np.mean(values)) / (np.std(values) + 1e-100))).tolist()


def all_pairs(x, y, n_nearest, rows):
    """Return mean distances to the nearest points, for some rows."""
    distances = (np.hypot(x - x[row], y - y[row]) for row in rows)
    return np.array([math.fsum(np.partition(d, n_nearest - 1)[:n_nearest]) / n_nearest for d in distances])


def regression(n, seed=0):
    """Return targets and predictions, every tenth target wrong."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=n)
    return np.where(rng.random(n) < 0.1, rng.normal(size=n), true), true + 0.3 * rng.normal(size=n)


# -- scores


@pytest.mark.parametrize("n", [1, 2, 3, 4, 17, 100, 101])
def test_outre_matches_naive(n):
    labels, predictions = regression(n)
    scores = get_label_quality_scores(labels, predictions)
    np.testing.assert_allclose(scores, naive_outre(labels, predictions), rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", [2, 3, 50, 99, 100])
def test_outre_of_few_matches_cleanlab(n):
    labels, predictions = regression(n)
    expected = cleanlab_scores(labels, predictions)
    np.testing.assert_allclose(get_label_quality_scores(labels, predictions), expected, rtol=0, atol=1e-12)


def test_residual_scores_match_cleanlab():
    labels, predictions = regression(1003)
    scores = get_label_quality_scores(labels, predictions, method="residual")
    np.testing.assert_array_equal(scores, cleanlab_scores(labels, predictions, method="residual"))
    np.testing.assert_array_equal(scores, np.exp(-np.abs(predictions - labels)))


def special_targets(n=124):
    """Return data in which something ties, is extreme or does not vary."""
    (labels, predictions), rng = regression(n), np.random.default_rng(1)
    wave, side = np.linspace(0, 6, n), rng.integers(0, 2, n)
    return {
        "ties": (np.round(labels * 3), np.round(predictions * 3)),
        "whole numbers": (np.round(labels * 3).astype(int), np.round(predictions * 3).astype(int)),
        "fractions predicted": (np.round(labels * 3), predictions),
        "equal labels": (np.ones(n), predictions),
        "constant residual": (labels, labels + 1),
        "right": (labels, labels),
        "all equal": (np.ones(n), np.ones(n)),
        "far out": (np.where(np.arange(n) == 7, 1e9, labels), predictions),
        "heavy tails": (rng.standard_cauchy(n), rng.standard_cauchy(n)),
        "scales": (np.exp(5 * labels), np.exp(5 * predictions)),
        "clusters": (side + 1e-3 * labels, side + 1e-3 * predictions),
        "two points": (side, side),
        "copies": (np.repeat(labels[:31], 4), np.repeat(predictions[:31], 4)),
        "circle": (np.cos(wave), np.cos(wave) + np.sin(wave)),
        "offset": (1e8 + labels, 1e8 + predictions),
    }


@pytest.mark.parametrize("name", special_targets())
def test_outre_of_special_targets_matches_cleanlab(name, monkeypatch):
    labels, predictions = special_targets()[name]
    # Above 100 rows the reference takes the root of |a|^2 - 2 ab + |b|^2, which of equal rows is 1e-8 and not 0: here
    # it is made to subtract first for any number.
    monkeypatch.setattr(cleanlab_metric, "ROW_COUNT_CUTOFF", 10_000)
    expected = cleanlab_scores(labels, predictions)
    np.testing.assert_allclose(get_label_quality_scores(labels, predictions), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [101, 1000, 3001])
def test_outre_of_many_matches_cleanlab_as_far_as_its_distances_are_right(n):
    labels, predictions = regression(n)
    expected = cleanlab_scores(labels, predictions)
    # about 1e-8 for the distance of 0 to itself, one of n / 2, over a median of 1 to 2
    scores = get_label_quality_scores(labels, predictions)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=5e-8 / n)


def test_one_row_scores_one():
    assert get_label_quality_scores([3.0], [100.0]).tolist() == [1.0]
    assert get_label_quality_scores([3.0], [3.0], method="residual").tolist() == [1.0]


def test_equal_rows_score_the_same():
    labels, predictions = regression(5003)
    labels[1000:2000], predictions[1000:2000] = labels[:1000], predictions[:1000]
    scores = get_label_quality_scores(labels, predictions)
    # the sums of equal rows may be added up in different orders
    np.testing.assert_allclose(scores[1000:2000], scores[:1000], rtol=1e-13)


def test_small_types_are_computed_in_double_precision():
    labels, predictions = np.array([1, 2, 250], np.uint8), np.array([3, 1, 250], np.uint8)
    scores = get_label_quality_scores(labels, predictions, method="residual")
    np.testing.assert_allclose(scores, np.exp([-2.0, -1.0, 0.0]))
    labels, predictions = (values.astype(np.float32) for values in regression(50))
    scores = get_label_quality_scores(labels, predictions)
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, get_label_quality_scores(labels.astype(float), predictions.astype(float)))
    np.testing.assert_allclose(scores, cleanlab_scores(labels, predictions), rtol=0, atol=1e-6)


def test_scores_leave_read_only_input_as_it_is():
    given_arrays = regression(FEW + 100)
    copies = [array.copy() for array in given_arrays]
    for array in given_arrays:
        array.flags.writeable = False
    get_label_quality_scores(*given_arrays)
    for array, copy in zip(given_arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# -- mean distances without all pairs


def clouds(n=5003):
    """Return points that are hard for a tree, for windows or for expansions."""
    rng = np.random.default_rng(0)
    x, y, angle, side = rng.normal(size=n), rng.normal(size=n), rng.uniform(0, 2 * np.pi, n), rng.integers(0, 2, n)
    number = np.arange(n)
    ring = np.cos(angle), np.sin(angle)
    return {
        "normal": (x, y),
        "square": (rng.random(n), rng.random(n)),
        "ratings": (rng.integers(1, 6, n), rng.integers(1, 6, n)),
        "whole numbers": (rng.integers(0, 100, n), rng.integers(0, 100, n)),
        "lattice": (number // 71, number % 71),
        "line": (number, number * 0),
        "one point": (number * 0 + 5, number * 0 - 2),
        "ring": ring,
        "ring and middle": [np.where(side, a, 1e-3 * b) for a, b in zip(ring, (x, y), strict=True)],
        "more than half equal": (np.where(number % 5 < 3, 5, x), np.where(number % 5 < 3, 5, y)),
        "more than half equal, far": (np.where(number % 5 < 3, 5, 1e-9 * x), np.where(number % 5 < 3, 5, 1e-9 * y)),
        "clusters": (100 * side + 1e-3 * x, 100 * side + 1e-3 * y),
        "tiny clusters": (side + 1e-12 * x, 1e-12 * y),
        "clusters of rounding": (side + 1e-15 * x, 1e-15 * y),
        "one far out": (np.where(number == 7, 1e9, x), y),
        "heavy tails": (rng.standard_cauchy(n), rng.standard_cauchy(n)),
        "lognormal": (np.exp(5 * x), np.exp(5 * y)),
        "spiral": (np.exp(5 * angle) * ring[0], np.exp(5 * angle) * ring[1]),
        "all scales": [np.sign(a) * 10.0 ** rng.uniform(-12, 0, n) for a in (x, y)],
    }


@pytest.mark.parametrize("name", clouds())
def test_mean_distances_match_all_pairs(name, monkeypatch):
    monkeypatch.setattr(nearest, "_sum_by_all", None)  # a window is found for every point
    x, y = np.asarray(clouds()[name], float)
    rows = np.random.default_rng(2).choice(len(x), 200, replace=False)
    means = mean_nearest_distances(x, y, -(-len(x) // 2))
    expected = all_pairs(x, y, -(-len(x) // 2), rows)
    np.testing.assert_allclose(means[rows], expected, rtol=2e-13, atol=0)


@pytest.mark.parametrize("n", [FEW + 1, FEW + LEAF - 1, 4096, 4097])
@pytest.mark.parametrize("share", [0, 0.1, 0.9, 1])
def test_mean_distances_match_all_pairs_for_any_number_of_nearest(n, share):
    x, y = np.random.default_rng(n).normal(size=(2, n))
    n_nearest = max(1, int(share * n))
    rows = np.arange(0, n, 41)
    means = mean_nearest_distances(x, y, n_nearest)
    np.testing.assert_allclose(means[rows], all_pairs(x, y, n_nearest, rows), rtol=2e-13, atol=0)


@given(seed=st.integers(0, 2**32), digits=st.integers(0, 4), power=st.integers(1, 9))
def test_mean_distances_match_all_pairs_on_random_clouds(seed, digits, power):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(FEW + 1, FEW + 500))
    x, y = np.round(rng.normal(size=(2, n)), digits) ** power
    rows = rng.choice(n, 20, replace=False)
    means = mean_nearest_distances(x, y, -(-n // 2))
    np.testing.assert_allclose(means[rows], all_pairs(x, y, -(-n // 2), rows), rtol=2e-13, atol=0)


def test_points_without_a_window_are_compared_with_all(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(2, FEW + 50))
    expected = mean_nearest_distances(x, y, 1000)
    monkeypatch.setattr(nearest, "sum_nearest", lambda *_: None)
    np.testing.assert_allclose(mean_nearest_distances(x, y, 1000), expected, rtol=2e-13)


def test_outre_is_thread_agnostic():
    labels, predictions = regression(5003)
    expected = get_label_quality_scores(labels, predictions, n_jobs=1)
    for n_jobs in (2, 5, None):
        np.testing.assert_array_equal(get_label_quality_scores(labels, predictions, n_jobs=n_jobs), expected)


def test_outre_needs_little_memory():
    labels, predictions = regression(20_003)
    get_label_quality_scores(labels[: FEW + 1], predictions[: FEW + 1])
    tracemalloc.start()
    get_label_quality_scores(labels, predictions, n_jobs=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6  # all pairs would take 3.2 GB


# -- the tree and its expansions


def test_tree_keeps_points_in_boxes_of_nested_ranges():
    points = np.random.default_rng(0).normal(size=(2, 1003))
    tree = plant(points)
    np.testing.assert_array_equal(tree.points, points[:, tree.rows])
    np.testing.assert_array_equal(np.sort(tree.rows), np.arange(1003))
    for i, node in enumerate(tree.nodes[1:], 1):
        start, stop = int(node[START]), int(node[STOP])
        if start < stop:
            assert np.abs(tree.points[:, start:stop] - node[:2, None]).T.max(axis=0) == pytest.approx(node[2:4])
        if 2 * i < len(tree.nodes):
            assert tree.nodes[2 * i, START] == start
            assert tree.nodes[2 * i, STOP] == tree.nodes[2 * i + 1, START]
            assert tree.nodes[2 * i + 1, STOP] == stop
        else:
            assert stop - start <= LEAF


@pytest.mark.parametrize("order", [5, 8, 13, 20, MOST_ORDERS])
def test_expansions_are_as_exact_as_proven(order):
    rng = np.random.default_rng(order)
    edge = np.exp(2j * np.pi * rng.random(500))  # the hardest points are those on the rim of the node
    points = np.column_stack([(edge * rng.choice([0.5, 1], 500)).view(float).reshape(-1, 2).T, np.eye(2), -np.eye(2)])
    tree = plant(points)
    terms = expand(tree, 1)
    node = tree.nodes[2]
    inside = tree.points[:, int(node[START]) : int(node[STOP])]
    directions = np.exp(2j * np.pi * rng.random(LEAF)) * node[RADIUS] / math.sqrt(reaches()[order])
    asked = node[:2, None] + np.array([directions.real, directions.imag])
    totals, powers = np.zeros(LEAF), np.empty((2 * MOST_ORDERS + 4, LEAF))
    add_expansion(asked, np.ones(LEAF), totals, node, order, terms, powers)
    expected = np.hypot(*(asked[:, :, None] - inside[:, None, :])).sum(axis=1)
    np.testing.assert_allclose(totals, expected, rtol=TOLERANCE, atol=0)


def test_expansions_are_added_where_they_are_wanted_only():
    tree = plant(np.random.default_rng(0).normal(size=(2, 500)))
    node = tree.nodes[2]
    asked = np.array([np.full(LEAF, node[0]), np.full(LEAF, node[1])])  # the centre, where they do not converge
    asked[:, 0] += 100 * node[RADIUS]
    totals, powers = np.zeros(LEAF), np.empty((2 * MOST_ORDERS + 4, LEAF))
    add_expansion(asked, np.arange(LEAF) == 0, totals, node, 12, expand(tree, 1), powers)
    assert totals[0] > 0
    assert totals[1:].tolist() == [0] * (LEAF - 1)


# -- the door


NUMBERS = [1.0, 2.0, 4.0, 7.0]


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 4, 7],
        (1, 2, 4, 7),
        np.array(NUMBERS, np.float16),
        np.array(NUMBERS, ">f4"),
        np.array(NUMBERS).reshape(-1, 1),
        np.array(NUMBERS).reshape(1, -1),
        np.array(NUMBERS, object),
        [Decimal(1), 2, np.float32(4), 7.0],
        pd.Series(NUMBERS, index=list("abcd")),
        pd.Series(NUMBERS, dtype="Int64"),
        pd.DataFrame({"y": NUMBERS}),
        pl.Series(NUMBERS),
        pl.DataFrame({"y": NUMBERS}),
        pa.array(NUMBERS),
        pa.chunked_array([NUMBERS[:1], NUMBERS[1:]]),
        pa.array([Decimal(1), Decimal(2), Decimal(4), Decimal(7)]),
    ],
    ids=lambda values: f"{type(values).__module__} {type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_targets_may_be_of_many_kinds(values):
    targets = as_targets("labels", values)
    assert targets.dtype == np.float64
    assert targets.tolist() == NUMBERS


def test_targets_are_not_copied_without_need():
    values = np.array(NUMBERS)
    assert np.shares_memory(as_targets("labels", values), values)


FAULTS = [
    (TypeError, "must be an array; got int", 5),
    (TypeError, "must be an array; got str", "1 2 3"),
    (TypeError, "must be an array; got set", {1, 2}),
    (TypeError, "must be an array; got NoneType", None),
    (ValueError, r"must have shape \(n_samples,\); got shape \(\)", np.float64(3)),
    (ValueError, r"must have shape \(n_samples,\); got shape \(2, 2\)", np.ones((2, 2))),
    (ValueError, "must be an array; got list", [[1.0], [1.0, 2.0]]),
    (ValueError, "must have at least one row", []),
    (TypeError, "must hold real numbers; got dtype <U1", ["1", "2"]),
    (TypeError, "must hold real numbers; got dtype bool", [True, False]),
    (TypeError, "must hold real numbers; got dtype complex128", [1j, 2]),
    (TypeError, "must hold real numbers; got dtype datetime64", np.array(["2020-01-01"], "M8[D]")),
    (TypeError, "must hold real numbers; got 'x' in row 1", pd.Series([1, "x"])),
    (ValueError, r"a number for every row; got nan in row 1 \(2 such rows\)", [1.0, np.nan, np.nan]),
    (ValueError, r"a number for every row; got None in row 1 \(1 such rows\)", [1.0, None]),
    (ValueError, "a number for every row; got nan in row 0", pl.Series([None, 1.0])),
    (ValueError, "a number for every row; got <NA> in row 0", pd.Series([pd.NA, 1], dtype=object)),
    (ValueError, r"at most 1e\+150 in magnitude; got -inf in row 1", [1.0, -np.inf]),
    (ValueError, r"at most 1e\+150 in magnitude; got 1e\+200 in row 0", [1e200, 1.0]),
    (ValueError, "must hold numbers that fit a float64", [10**400]),
    (ValueError, "must hold no masked values", np.ma.array([1.0, 2.0], mask=[0, 1])),
]


@pytest.mark.parametrize(("error", "words", "values"), FAULTS, ids=lambda value: str(value)[:40])
def test_scores_reject_bad_targets(error, words, values):
    with pytest.raises(error, match=f"`labels` {words}" if words.startswith("must") else words):
        get_label_quality_scores(values, [1.0, 2.0])
    with pytest.raises(error, match="`predictions`"):
        get_label_quality_scores([1.0, 2.0], values, method="residual")


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("`method` must be one of 'residual', 'outre'; got 'knn'", {"method": "knn"}),
        ("`method` must be one of", {"method": None}),
        ("`n_jobs` must be None, -1 or a positive integer; got 0", {"n_jobs": 0}),
    ],
)
def test_scores_reject_bad_options(words, options):
    with pytest.raises(ValueError, match=words):
        get_label_quality_scores([1.0, 2.0], [1.0, 2.0], **options)


def test_scores_reject_different_lengths():
    with pytest.raises(ValueError, match="`predictions` must have one row for each label; got 3 rows for 2 labels"):
        get_label_quality_scores([1.0, 2.0], [1.0, 2.0, 3.0])


# -- real data


def test_scores_of_air_quality_find_wrong_measurements_as_well_as_noted(real_data):
    file = np.load(real_data / "regression" / "airquality_co.npz")
    is_wrong = np.abs(file["given"] - file["true"]) > 1
    for method, noted in (("residual", 0.589), ("outre", 0.642)):
        scores = get_label_quality_scores(file["given"], file["pred"], method=method)
        assert roc_auc_score(is_wrong, -scores) == pytest.approx(noted, abs=0.0005)
