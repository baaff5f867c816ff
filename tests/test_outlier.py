"""Outliers: scores on a graph, scores of features and of probabilities, and when columns are standardised."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from cleanlab.datalab.internal.issue_manager.outlier import OutlierIssueManager
from cleanlab.internal.outlier import correct_precision_errors, transform_distances_to_scores
from cleanlab.outlier import OutOfDistribution as Reference
from scipy.sparse import csr_matrix
from sklearn.datasets import load_wine
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from fastcl.neighbors import KNNGraph, build_knn_graph, query
from fastcl.neighbors.features import as_features
from fastcl.neighbors.outliers import average_distances, distance_scores, find_outliers, outlier_cut, same_rows
from fastcl.neighbors.scaling import Scaling, choose_scaling, column_statistics
from fastcl.outlier import OutOfDistribution
from fastcl.outlier.probabilities import METHODS, exponential, write_gen

#: float32 distances and probabilities are worked on in other orders there and here.
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-6}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: dtype.__name__)


def make_features(n_rows=503, n_columns=7, dtype=np.float64, seed=0):
    """Return rows of three clusters, some far away, some twice."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, n_columns)) + 3 * rng.integers(1, 4, size=(n_rows, 1))
    rows[::50] *= -2
    rows[n_rows // 2] = rows[0]
    return rows.astype(dtype)


def make_probabilities(n_rows=1_003, n_classes=7, dtype=np.float64, never_given=None):
    """Return labels and probabilities, some of them 0 and 1."""
    rng = np.random.default_rng(n_classes)
    pred_probs = rng.dirichlet(np.full(n_classes, 0.3), n_rows)
    pred_probs[::100] = np.eye(n_classes)[0]
    labels = (pred_probs.cumsum(axis=1) > rng.random((n_rows, 1))).argmax(axis=1)
    if never_given is not None:
        labels[labels == never_given] = 0
    return labels, pred_probs.astype(dtype)


def quietly(function, *args, **options):
    """Return the reference's answer without its words of warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def reference_scores(params, **inputs):
    return quietly(Reference(params).fit_score, verbose=False, **inputs)


# -- outliers of a graph


def naive_outliers(distances, t=1, scale=None, threshold=0.37037, tolerance=0.0):
    """The rule, row by row: flags, scores, cut."""
    averages = [sum(map(float, row)) / len(row) for row in distances]
    ordered = sorted(averages)

    def quantile(share):
        place = share * (len(ordered) - 1)
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    scale = max(quantile(0.5), 100 * 2.0**-52) if scale is None else scale
    scores = [1.0 if a < tolerance else math.exp(-t * a / max(scale, 1e-6)) for a in averages]
    cut = quantile(0.75) + (1 / threshold - 1) * (quantile(0.75) - quantile(0.25)) if threshold else math.inf
    return np.array([a > cut for a in averages]), np.array(scores), cut


@pytest.mark.parametrize("options", [{}, {"t": 3, "threshold": 0.7}, {"scale": 0.4, "threshold": 1}, {"threshold": 0}])
@pytest.mark.parametrize(("n_rows", "k"), [(2, 1), (11, 10), (503, 10), (503, 3)])
def test_find_outliers_matches_naive(n_rows, k, options):
    graph = build_knn_graph(make_features(n_rows), n_neighbors=k)
    is_issue, scores, cut = naive_outliers(graph.distances, tolerance=1.1e-14, **options)
    ours = {"scaling_factor" if name == "scale" else name: value for name, value in options.items()}
    found = find_outliers(graph, **ours)
    np.testing.assert_array_equal(found.is_issue, is_issue)
    np.testing.assert_allclose(found.scores, scores, atol=1e-12)
    assert found.cut == pytest.approx(cut, rel=1e-12)
    assert found.summary == pytest.approx(scores.mean(), abs=1e-12)
    assert found.k == k


@DTYPES
@pytest.mark.parametrize("threshold", [None, 0.0, 0.13, 1.0])
def test_find_outliers_matches_cleanlab(dtype, threshold):
    graph = build_knn_graph(make_features(dtype=dtype))
    averages = graph.distances.mean(axis=1)
    manager = OutlierIssueManager.__new__(OutlierIssueManager)
    used, cut, is_issue = quietly(
        manager._compute_threshold_and_issue_column_from_distances, graph.distances, threshold
    )
    expected = transform_distances_to_scores(averages, 1, float(np.median(averages)))
    expected = correct_precision_errors(expected, averages, "cosine")
    found = find_outliers(graph) if threshold is None else find_outliers(graph, threshold=threshold)
    np.testing.assert_array_equal(found.is_issue, is_issue)
    np.testing.assert_array_equal(found.scores, expected)  # the same operations in the same order
    assert found.scores.dtype == dtype
    assert found.threshold == used
    assert found.cut == pytest.approx(cut, rel=TOLERANCE[dtype])


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "minkowski", "manhattan"])
def test_rounding_of_distances_is_no_distance_as_in_cleanlab(metric):
    averages = np.array([0.0, 9e-15, 2e-14, 1e-8, 1.4e-7, 1.6e-7, 1.0])
    scores = distance_scores(averages, scaling_factor=0.5, metric=metric, p=3)
    expected = correct_precision_errors(transform_distances_to_scores(averages, 1, 0.5), averages, metric, p=3)
    np.testing.assert_array_equal(scores, expected)


def test_find_outliers_takes_fewer_neighbours_and_sparse_matrices():
    graph = build_knn_graph(make_features(), n_neighbors=10)
    narrow = build_knn_graph(make_features(), n_neighbors=4)
    found = find_outliers(graph, k=4)
    np.testing.assert_array_equal(found.scores, find_outliers(narrow).scores)
    np.testing.assert_array_equal(found.scores, find_outliers(narrow.to_csr()).scores)


@DTYPES
@pytest.mark.parametrize("threshold", [0, 0.37037, 1])
def test_rows_that_are_all_equal_are_no_outliers(dtype, threshold):
    found = find_outliers(build_knn_graph(np.ones((30, 5), dtype)), threshold=threshold)
    assert not found.is_issue.any()
    assert (found.scores == 1).all()
    assert found.summary == 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"k": 11}, ValueError, "at least 11 neighbours"),
        ({"k": 0}, ValueError, "`k` must be at least 1"),
        ({"k": 2.5}, TypeError, "`k` must be a whole number"),
        ({"t": 0}, ValueError, "`t` must be above 0"),
        ({"t": -1}, ValueError, "`t` must be above 0"),
        ({"t": math.nan}, ValueError, "`t`"),
        ({"t": "1"}, TypeError, "`t` must be a number"),
        ({"scaling_factor": 0.0}, ValueError, "`scaling_factor` must be above 0"),
        ({"scaling_factor": math.inf}, ValueError, "`scaling_factor` must be above 0 and finite"),
        ({"threshold": -0.1}, ValueError, r"`threshold` must lie in \[0, 1\]"),
        ({"threshold": 1.1}, ValueError, r"`threshold` must lie in \[0, 1\]"),
        ({"threshold": None}, TypeError, "`threshold` must be a number"),
    ],
)
def test_find_outliers_rejects_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        find_outliers(build_knn_graph(make_features()), **options)


def test_find_outliers_rejects_what_holds_no_distances():
    with pytest.raises(TypeError, match="KNNGraph"):
        find_outliers(make_features())
    with pytest.raises(ValueError, match="metric='cosine'"):
        find_outliers(build_knn_graph(make_features(), metric="inner_product"))


# -- features


@DTYPES
@pytest.mark.parametrize(("n_rows", "n_columns"), [(503, 7), (60, 2), (503, 2), (8, 5)])
@pytest.mark.parametrize("params", [{}, {"k": 3, "t": 2}])
def test_feature_scores_match_cleanlab(dtype, n_rows, n_columns, params):
    features, new = make_features(n_rows, n_columns, dtype), make_features(41, n_columns, dtype, seed=1)
    theirs, ours = Reference(params), OutOfDistribution(params)
    expected = theirs.fit_score(features=features, verbose=False)
    scores = ours.fit_score(features=features)
    # their float32 distances, 1 less a sum of products, are off by 1e-6 at most, and are divided by the scale
    tolerance = 1e-12 if dtype == np.float64 else 1e-6 * params.get("t", 1) / min(1, ours.params["scaling_factor"])
    np.testing.assert_allclose(scores, expected, atol=tolerance)
    np.testing.assert_allclose(ours.score(features=new), theirs.score(features=new), atol=tolerance)
    assert scores.dtype == dtype
    assert ours.params["scaling_factor"] == pytest.approx(theirs.params["scaling_factor"], rel=1e-4)


def test_s22_training_rows_are_not_their_own_neighbours():
    features = make_features()
    theirs, ours = Reference(), OutOfDistribution()
    at_fit = ours.fit_score(features=features)
    theirs.fit(features=features, verbose=False)
    assert np.abs(theirs.score(features=features) - at_fit).max() > 0.01
    np.testing.assert_array_equal(ours.score(features=features), at_fit)
    np.testing.assert_array_equal(ours.score(features=features.copy()), at_fit)
    np.testing.assert_array_equal(ours.score(features=features[::-1].copy(), exclude_self=True), at_fit)
    with_self = ours.score(features=features, exclude_self=False)
    np.testing.assert_allclose(with_self, theirs.score(features=features), atol=1e-12)
    np.testing.assert_allclose(ours.score(features=features[3:9]), with_self[3:9], atol=1e-12)


def test_rows_are_the_same_only_if_all_blocks_are(monkeypatch):
    monkeypatch.setattr("fastcl.neighbors.features.BLOCK_VALUES", 1 << 6)
    features = make_features()
    later = features.copy()
    later[400, 3] += 1
    assert same_rows(features, features.tolist())
    assert not same_rows(features, later)
    assert not same_rows(features, features[:400])
    assert not same_rows(features, None)
    assert not same_rows(csr_matrix(features), csr_matrix(features))


def test_s22_the_scale_is_that_of_the_data_fitted():
    train, far = make_features(), make_features(seed=2) - 30
    knn = NearestNeighbors(n_neighbors=10, metric="euclidean").fit(train)
    one, other = OutOfDistribution({"knn": knn}), OutOfDistribution({"metric": "euclidean"})
    scores = one.score(features=far)
    assert one.params["scaling_factor"] == pytest.approx(np.median(knn.kneighbors()[0].mean(axis=1)))
    other.fit(features=train)
    np.testing.assert_allclose(scores, other.score(features=far), atol=1e-12)
    theirs = Reference({"knn": knn})
    theirs.score(features=far)
    assert theirs.params["scaling_factor"] > 2 * one.params["scaling_factor"]


def test_s22_an_unfitted_search_is_never_fitted_to_rows_to_be_scored():
    features = make_features()
    knn = NearestNeighbors(n_neighbors=10, metric="cosine")
    ood = OutOfDistribution({"knn": knn})
    with pytest.raises(ValueError, match="be fitted before"):
        ood.score(features=features)
    scores = ood.fit_score(features=features)
    np.testing.assert_allclose(scores, OutOfDistribution().fit_score(features=features), atol=1e-12)
    np.testing.assert_allclose(ood.score(features=features, exclude_self=True), scores, atol=1e-12)


class CountingSearch(NearestNeighbors):
    """Counts rows searched for."""

    n_searched = 0

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        self.n_searched += self.n_samples_fit_ if X is None else len(X)
        return super().kneighbors(X, n_neighbors, return_distance)


def test_a_fitted_search_matches_cleanlab_and_is_asked_once():
    train, new = make_features(), make_features(101, seed=1)
    for options in ({"metric": "cosine"}, {"metric": "minkowski", "p": 3}, {"metric": "manhattan"}):
        knn = CountingSearch(n_neighbors=8, **options).fit(train)
        expected = reference_scores({"knn": NearestNeighbors(n_neighbors=8, **options).fit(train)}, features=new)
        ood = OutOfDistribution({"knn": knn})
        np.testing.assert_allclose(ood.fit_score(features=new), expected, atol=1e-12)
        assert knn.n_searched == 101 + 1  # one row tells whether it is fitted
        ood.score(features=new)
        assert knn.n_searched == 2 * 101 + 1


def test_a_fitted_search_with_too_few_neighbours_is_used_with_a_warning():
    train = make_features()
    knn = NearestNeighbors(n_neighbors=5, metric="cosine").fit(train)
    with pytest.warns(UserWarning, match="finds 5 neighbours"):
        scores = OutOfDistribution({"knn": knn, "k": 9}).fit_score(features=train)
    np.testing.assert_allclose(scores, reference_scores({"knn": knn, "k": 5}, features=train), atol=1e-12)


def test_a_graph_answers_as_the_features_it_was_made_of():
    features, new = make_features(), make_features(41, seed=1)
    graph = build_knn_graph(features)
    built = OutOfDistribution()
    expected = built.fit_score(features=features)
    for ood, inputs in [
        (OutOfDistribution(), {"graph": graph}),
        (OutOfDistribution(), {"graph": graph, "features": features.tolist()}),
        (OutOfDistribution(), {"graph": graph.to_csr(), "features": features}),
        (OutOfDistribution({"knn": graph}), {"features": features}),
    ]:
        np.testing.assert_allclose(ood.fit_score(**inputs), expected, atol=1e-13)
        if ood.params["knn"].metric == "cosine":
            np.testing.assert_array_equal(ood.score(features=new), built.score(features=new))
    np.testing.assert_array_equal(OutOfDistribution({"knn": graph}).score(features=new), built.score(features=new))


def test_a_graph_that_was_loaded_scores_new_rows_once_it_has_its_features(tmp_path):
    features, new = make_features(), make_features(41, seed=1)
    build_knn_graph(features).save(tmp_path / "graph.npz")
    loaded = KNNGraph.load(tmp_path / "graph.npz")
    ood = OutOfDistribution()
    ood.fit(graph=loaded)
    with pytest.raises(ValueError, match="features"):
        ood.score(features=new)
    ood = OutOfDistribution()
    ood.fit(graph=loaded, features=features)
    expected = OutOfDistribution()
    expected.fit(features=features)
    np.testing.assert_array_equal(ood.score(features=new), expected.score(features=new))


def test_scale_auto_reaches_training_and_new_rows():
    features = make_features() * [1, 1, 1, 1, 1, 1, 1e4]
    scaling, metric = choose_scaling(features)
    ood = OutOfDistribution({"scale": "auto"})
    scaled = OutOfDistribution({"metric": metric})
    np.testing.assert_allclose(
        ood.fit_score(features=features), scaled.fit_score(features=scaling.apply(features)), atol=1e-12
    )
    new = features[:20] + 0.1
    np.testing.assert_allclose(ood.score(features=new), scaled.score(features=scaling.apply(new)), atol=1e-12)


def test_a_second_fit_is_refused_with_a_warning_and_scores():
    features, other = make_features(), make_features(seed=1)
    ood = OutOfDistribution()
    ood.fit(features=features)
    with pytest.warns(UserWarning, match="Neighbours are known already"):
        scores = ood.fit_score(features=other)
    np.testing.assert_array_equal(scores, ood.score(features=other))
    with pytest.raises(ValueError, match="`graph` must not be passed"):
        ood.fit(graph=build_knn_graph(other))


def test_features_that_are_all_equal_score_one():
    ood = OutOfDistribution()
    assert (ood.fit_score(features=np.ones((20, 4))) == 1).all()
    assert ood.score(features=np.array([[-1.0, -1, -1, -1]]))[0] == 0


# -- probabilities


def naive_probability_scores(pred_probs, method, lifts=None, M=100, gamma=0.1, softmax=True):
    """The three formulas, row by row."""
    scores = []
    for row in pred_probs.astype(np.float64):
        q = [float(p) for p in row]
        if lifts is not None:
            lifted = [p + lift for p, lift in zip(q, lifts, strict=True)]
            q = [p / sum(lifted) for p in lifted]
        if method == "entropy":
            scores.append(1 + sum(p * math.log(p) for p in q if p > 0) / math.log(len(q)) if len(q) > 1 else 1.0)
        elif method == "least_confidence":
            scores.append(max(q))
        else:
            weights = [math.exp(p - max(q)) for p in q]
            z = [w / sum(weights) for w in weights] if softmax else q
            best = sorted(z, reverse=True)[:M]
            scores.append(1 - sum((p * (1 - p)) ** gamma for p in best) / M)
    return np.array(scores)


@DTYPES
@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("n_classes", [1, 2, 7, 130])
@pytest.mark.parametrize("method", METHODS)
def test_probability_scores_match_naive(dtype, n_classes, method, softmax):
    _, pred_probs = make_probabilities(203, n_classes, dtype)
    for M, gamma in ((1, 0.3), (min(5, n_classes), 0.01), (n_classes, 1.0)):
        params = {"method": method, "adjust_pred_probs": False, "M": M, "gamma": gamma, "softmax": softmax}
        scores = OutOfDistribution(params).score(pred_probs=pred_probs)
        expected = naive_probability_scores(pred_probs, method, None, M, gamma, softmax)
        np.testing.assert_allclose(scores, expected, atol=1e-12)
        assert scores.dtype == np.float64


@DTYPES
@pytest.mark.parametrize("adjust", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_probability_scores_match_cleanlab(dtype, method, adjust):
    labels, pred_probs = make_probabilities(dtype=dtype)
    for M in (3, 100):
        params = {"method": method, "adjust_pred_probs": adjust, "M": M}
        theirs, ours = quietly(Reference, params), quietly(OutOfDistribution, params)
        given = {"pred_probs": pred_probs} | ({"labels": labels} if adjust else {})
        expected = quietly(theirs.fit_score, verbose=False, **given)
        np.testing.assert_allclose(quietly(ours.fit_score, **given), expected, atol=TOLERANCE[dtype])
        new = pred_probs[::-3]
        scores = quietly(ours.score, pred_probs=new)
        np.testing.assert_allclose(scores, quietly(theirs.score, pred_probs=new), atol=TOLERANCE[dtype])


def test_given_thresholds_need_no_fit():
    labels, pred_probs = make_probabilities()
    fitted = OutOfDistribution()
    expected = fitted.fit_score(pred_probs=pred_probs, labels=labels)
    thresholds = fitted.params["confident_thresholds"]
    ood = OutOfDistribution({"confident_thresholds": thresholds})
    np.testing.assert_array_equal(ood.score(pred_probs=pred_probs), expected)


def test_a_class_never_given_does_not_shift_the_others():
    labels, pred_probs = make_probabilities(never_given=3)
    ood = OutOfDistribution()
    scores = ood.fit_score(pred_probs=pred_probs, labels=labels)
    thresholds = ood.params["confident_thresholds"]
    assert thresholds[3] == 2
    lifts = np.where(thresholds < 2, np.max(thresholds[thresholds < 2]) - thresholds, 0)
    np.testing.assert_allclose(scores, naive_probability_scores(pred_probs, "entropy", lifts), atol=1e-12)
    # the reference takes 2 for a confidence, which lifts all other classes by more than 1
    assert np.abs(reference_scores({}, pred_probs=pred_probs, labels=labels) - scores).max() > 0.1


@pytest.mark.parametrize("method", METHODS)
def test_probability_scores_are_thread_and_block_agnostic(method, monkeypatch):
    _, pred_probs = make_probabilities(10_003, 11)
    ood = OutOfDistribution({"method": method, "adjust_pred_probs": False, "M": 5})
    expected = ood.score(pred_probs=pred_probs, n_jobs=1)
    monkeypatch.setattr("fastcl.neighbors.features.BLOCK_VALUES", 1 << 12)
    for n_jobs in (1, 3):
        np.testing.assert_array_equal(ood.score(pred_probs=pred_probs, n_jobs=n_jobs), expected)
    np.testing.assert_array_equal(ood.score(pred_probs=np.asfortranarray(pred_probs)), expected)


def test_probabilities_of_a_memory_map_are_read_and_not_changed(tmp_path):
    _, pred_probs = make_probabilities(2_003, 5)
    np.save(tmp_path / "p.npy", pred_probs)
    mapped = np.load(tmp_path / "p.npy", mmap_mode="r")
    for method in METHODS:
        ood = OutOfDistribution({"method": method, "adjust_pred_probs": False, "M": 3})
        np.testing.assert_array_equal(ood.score(pred_probs=mapped), ood.score(pred_probs=pred_probs))
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), pred_probs)


def test_s24_gen_of_probabilities_as_they_are_is_gen_of_logits():
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=4, size=(203, 9))
    logits[0] = [900, -900, 0, 0, 0, 0, 0, 0, 0]  # exp of these would overflow
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    pred_probs = weights / weights.sum(axis=1, keepdims=True)
    params = {"method": "gen", "adjust_pred_probs": False, "M": 9}
    of_logits = OutOfDistribution(params).score(pred_probs=logits)
    of_probabilities = OutOfDistribution(params | {"softmax": False}).score(pred_probs=pred_probs)
    np.testing.assert_allclose(of_logits, of_probabilities, atol=1e-12)
    assert np.abs(OutOfDistribution(params).score(pred_probs=pred_probs) - of_logits).max() > 0.01


def test_exponential_is_that_of_c():
    numbers = np.concatenate([-np.geomspace(1e-18, 700, 2_003), -np.linspace(0, 2, 2_003), [-750, -1e308]])
    found = np.array([exponential(float(x)) for x in numbers])
    expected = np.exp(np.maximum(numbers, -1022 * np.log(2)))
    assert (np.abs(found - expected) <= expected * (1e-14 - 3e-16 * np.maximum(numbers, -750))).all()


def test_gen_kernel_does_not_change_its_input():
    _, pred_probs = make_probabilities(53, 9)
    before, scores = pred_probs.copy(), np.empty(53)
    write_gen(pred_probs, np.empty(0), np.empty((2, 9)), scores, 4, 0.1, True)
    np.testing.assert_array_equal(pred_probs, before)


def test_rows_without_any_probability_are_the_least_certain():
    pred_probs = np.array([[0.0, 0.0], [0.5, 0.5]])
    for method, expected in (("entropy", 0.0), ("least_confidence", 0.5)):
        ood = OutOfDistribution({"method": method, "confident_thresholds": np.array([0.5, 0.5])})
        np.testing.assert_allclose(ood.score(pred_probs=pred_probs), expected)


# -- faults


@pytest.mark.parametrize("verb", ["fit", "fit_score", "score"])
def test_ood_rejects_neither_and_both_inputs(verb):
    _, pred_probs = make_probabilities()
    ask = getattr(OutOfDistribution(), verb)
    with pytest.raises(ValueError, match="got neither"):
        ask()
    with pytest.raises(ValueError, match="`features` and `pred_probs`"):
        ask(features=pred_probs, pred_probs=pred_probs)
    with pytest.raises(ValueError, match="have shape"):
        ask(features=pred_probs[:, 0])
    with pytest.raises(ValueError, match="have shape"):
        OutOfDistribution({"adjust_pred_probs": False}).score(pred_probs=pred_probs[:, 0])


def test_ood_rejects_scores_before_a_fit():
    labels, pred_probs = make_probabilities()
    with pytest.raises(ValueError, match="Nothing was fitted to `features`"):
        OutOfDistribution().score(features=pred_probs)
    with pytest.raises(ValueError, match="Nothing was fitted to `pred_probs`"):
        OutOfDistribution().score(pred_probs=pred_probs)
    with pytest.raises(ValueError, match="`labels` must be given"):
        OutOfDistribution().fit(pred_probs=pred_probs)
    with pytest.raises(ValueError, match="one row for each label"):
        OutOfDistribution().fit(pred_probs=pred_probs, labels=labels[1:])


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"neighbours": 3}, ValueError, "`params` must hold no keys but"),
        ({"method": "margin"}, ValueError, "`method` must be one of"),
        ({"k": 0}, ValueError, "`k` must be at least 1"),
        ({"t": 0}, ValueError, "`t` must be above 0"),
        ({"M": 0}, ValueError, "`M` must be at least 1"),
        ({"gamma": 0}, ValueError, "`gamma` must be above 0"),
        ({"scaling_factor": "1"}, TypeError, "`scaling_factor` must be a number"),
    ],
)
def test_ood_rejects_bad_params(params, error, words):
    with pytest.raises(error, match=words):
        OutOfDistribution(params)


def test_ood_rejects_features_that_do_not_fit():
    features = make_features()
    for k in (503, 600):
        with pytest.raises(ValueError, match="more rows than `k`"):
            OutOfDistribution({"k": k}).fit(features=features)
    with pytest.raises(ValueError, match="more rows than `k`"):
        OutOfDistribution().fit(features=features[:1])
    with pytest.raises(ValueError, match="finite"):
        OutOfDistribution().fit(features=np.where(features > 5, np.nan, features))
    ood = OutOfDistribution()
    ood.fit(features=features)
    with pytest.raises(ValueError, match="finite"):
        ood.score(features=np.full((3, 7), np.nan))
    with pytest.raises(ValueError, match="7 columns"):
        ood.score(features=features[:, :5])
    with pytest.raises(ValueError, match="exclude_self"):
        ood.score(features=features[:5], exclude_self=True)


def test_ood_rejects_graphs_of_other_data():
    features = make_features()
    graph = build_knn_graph(features)
    with pytest.raises(ValueError, match="made for other data"):
        OutOfDistribution().fit(graph=graph, features=features[:100])
    with pytest.raises(ValueError, match="made for other data"):
        OutOfDistribution().fit(graph=graph, features=features + 1)
    with pytest.raises(ValueError, match="at least 11 neighbours"):
        OutOfDistribution({"k": 11}).fit(graph=graph)
    with pytest.raises(ValueError, match="among themselves"):
        OutOfDistribution().fit(graph=query(features[:9] + 1, graph))
    with pytest.raises(ValueError, match="same number of neighbours"):
        OutOfDistribution().fit(graph=csr_matrix(np.triu(np.ones((4, 4)), 1)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.2, 1.5])
def test_ood_rejects_what_is_no_probability(method, bad):
    _, pred_probs = make_probabilities(203, 5)
    pred_probs[[17, 44], 2] = bad
    ood = OutOfDistribution({"method": method, "adjust_pred_probs": False, "M": 5, "softmax": False})
    with pytest.raises(ValueError, match=r"row 17 \(2 such rows\)"):
        ood.score(pred_probs=pred_probs)
    with pytest.raises(ValueError, match=r"row 17 \(2 such rows\)"):
        OutOfDistribution({"method": "gen", "adjust_pred_probs": False, "M": 5}).score(
            pred_probs=np.where(pred_probs == bad, np.nan, pred_probs) if np.isfinite(bad) else pred_probs
        )


def test_ood_rejects_probabilities_of_other_classes():
    labels, pred_probs = make_probabilities()
    ood = OutOfDistribution()
    ood.fit(pred_probs=pred_probs, labels=labels)
    with pytest.raises(ValueError, match=r"shape \(5,\)"):
        ood.score(pred_probs=pred_probs[:, :5])


def test_ood_warns_of_what_is_not_used_and_only_then():
    labels, pred_probs = make_probabilities()
    unadjusted = OutOfDistribution({"adjust_pred_probs": False})
    unadjusted.fit_score(pred_probs=pred_probs)
    with pytest.warns(UserWarning, match="not used"):
        unadjusted.fit_score(pred_probs=pred_probs, labels=labels)
    with pytest.warns(UserWarning, match="not meant for adjusted"):
        OutOfDistribution({"method": "gen", "M": 5}).fit_score(pred_probs=pred_probs, labels=labels)
    with pytest.warns(UserWarning, match="only 7 classes"):
        OutOfDistribution({"method": "gen", "adjust_pred_probs": False}).score(pred_probs=pred_probs)
    ood = OutOfDistribution()
    expected = ood.fit_score(pred_probs=pred_probs, labels=labels)
    with pytest.warns(UserWarning, match="Thresholds are known already"):
        np.testing.assert_array_equal(ood.fit_score(pred_probs=pred_probs, labels=labels), expected)


# -- scaling


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (10_003, 7)])
def test_column_statistics_match_naive_for_any_threads_and_blocks(shape, monkeypatch):
    features = np.random.default_rng(0).normal(size=shape) * 3 + 1e4
    monkeypatch.setattr("fastcl.neighbors.features.BLOCK_VALUES", 1 << 10)
    found = [column_statistics(as_features(features), n_jobs=n_jobs) for n_jobs in (1, 3)]
    np.testing.assert_array_equal(found[0].mean, found[1].mean)
    np.testing.assert_array_equal(found[0].variance, found[1].variance)
    np.testing.assert_allclose(found[0].mean, features.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(found[0].variance, features.var(axis=0), rtol=1e-9)


def test_effective_columns_are_those_of_equal_variance():
    features = np.tile([[0.0], [2.0]], (50, 4)) * [1, 1, 1, 0]
    assert column_statistics(as_features(features)).effective_columns == pytest.approx(3)
    assert column_statistics(as_features(np.ones((5, 3)))).effective_columns == 0


@pytest.mark.parametrize("kind", [np.asarray, np.float32, np.asfortranarray, list])
def test_columns_with_units_are_standardised(kind):
    features = make_features() * [1, 1e3, 1, 1, 1, 1, 0]
    features[:, 6] = 0.1
    scaling, metric = choose_scaling(kind(features) if kind is not list else features.tolist())
    assert metric == "euclidean"
    assert scaling.scale[6] == 1
    scaled = scaling.apply(features)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled[:, :6].std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(scaled[:, 6], 0, atol=1e-6)


def test_scores_of_standardised_columns_do_not_depend_on_their_units():
    features = make_features(300, 6)
    units = np.array([1, 1000, 0.01, 1, 60, 1])
    answers = [find_outliers(build_knn_graph(features * units * factor, scale="auto")).scores for factor in (1, 1e-3)]
    np.testing.assert_allclose(*answers, atol=1e-12)


def test_columns_of_one_kind_stay_as_they_are():
    features = make_features() + 5
    assert choose_scaling(features) == (None, None)
    assert choose_scaling(csr_matrix(features * [1, 1e3, 1, 1, 1, 1, 1])) == (None, None)
    assert choose_scaling(np.ones((20, 5))) == (None, None)
    assert choose_scaling(features[:, :1]) == (None, None)


def test_centred_columns_are_compared_by_euclidean_distance():
    features = make_features()
    standardised = (features - features.mean(axis=0)) / features.std(axis=0)
    assert choose_scaling(standardised) == (None, "euclidean")
    assert choose_scaling(features - features.mean(axis=0)) == (None, "euclidean")
    assert choose_scaling(standardised, "cosine") == (None, "cosine")


@pytest.mark.parametrize("metric", ["cosine", "inner_product", "euclidean", "manhattan"])
def test_a_metric_that_was_asked_for_is_kept(metric):
    scaling, kept = choose_scaling(make_features() * [1, 1e3, 1, 1, 1, 1, 1], metric)
    assert kept == metric
    assert isinstance(scaling, Scaling) == (metric in ("euclidean", "manhattan"))


@pytest.mark.parametrize("features", [np.ones(5), np.ones((0, 3)), np.array([[1.0], [np.nan]]), [[1.0, np.inf]]])
def test_choose_scaling_rejects_what_are_no_features(features):
    with pytest.raises(ValueError, match="features"):
        choose_scaling(features)


def test_wine_of_another_kind_is_found_once_columns_are_standardised():
    wine = load_wine()
    rows = np.flatnonzero((wine.target > 0) | (np.arange(len(wine.target)) % 10 == 0))
    is_other = wine.target[rows] == 0
    by_default, auto = (
        roc_auc_score(is_other, -find_outliers(build_knn_graph(wine.data[rows], scale=scale)).scores)
        for scale in (None, "auto")
    )
    assert by_default < 0.85
    assert auto > 0.9


# Published with the data sets for cleanlab's defaults, and measured for scale="auto": see docs/outliers-table.md.
AUROC = {
    "Classical__20_letter": (0.931, 0.931),
    "Classical__40_vowels": (0.960, 0.981),
    "Classical__14_glass": (0.880, 0.880),
    "Classical__18_Ionosphere": (0.943, 0.943),
    "Classical__29_Pima": (0.430, 0.713),
}


@pytest.mark.parametrize("name", AUROC)
def test_outliers_of_real_data_are_found_as_published(real_data, name):
    file = np.load(real_data / "outliers" / f"{name}.npz", allow_pickle=True)
    for scale, expected in zip((None, "auto"), AUROC[name], strict=True):
        scores = find_outliers(build_knn_graph(file["X"], scale=scale)).scores
        assert roc_auc_score(file["y"], -scores) == pytest.approx(expected, abs=0.0006)


def test_pieces_are_what_find_outliers_is_made_of():
    graph = build_knn_graph(make_features())
    found = find_outliers(graph)
    averages = average_distances(graph)
    np.testing.assert_array_equal(found.average_distances, averages)
    assert found.cut == outlier_cut(averages)
    # new data on the scale of the old
    again = find_outliers(query(make_features(seed=1), graph), scaling_factor=found.scaling_factor)
    assert again.scaling_factor == found.scaling_factor
