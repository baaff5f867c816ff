"""Probabilities without a model: votes of neighbours and the closed-form leave-one-out classifier."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score, log_loss

from fastcl.engine.block_sums import sum_blocks, wide_blocks
from fastcl.filter import find_label_issues
from fastcl.neighbors.build import build_knn_graph, query
from fastcl.neighbors.graph import KNNGraph
from fastcl.neighbors.model_free.class_codes import class_codes
from fastcl.neighbors.model_free.knn import WEIGHTS, knn_pred_probs
from fastcl.neighbors.model_free.leave_one_out import STRENGTHS, loo_classifier, loo_pred_probs
from fastcl.neighbors.model_free.nystrom import NystromMap, gaussian_kernel, median_distance
from fastcl.neighbors.model_free.ridge import Design, LooRidge
from fastcl.neighbors.model_free.temperature import MAX_LOGIT, fit_temperature, probabilities

KERNELS = ("rbf", "linear")


def blobs(n_rows=203, n_classes=4, n_features=5, noise=0.1, seed=0):
    """Return noisy labels, features and true labels of classes that overlap a little."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, n_classes, n_rows)
    features = rng.normal(size=(n_rows, n_features)) + 2 * rng.normal(size=(n_classes, n_features))[true]
    labels = np.where(rng.random(n_rows) < noise, rng.integers(0, n_classes, n_rows), true)
    return labels, features, true


def average_precision(labels, pred_probs, is_wrong):
    return average_precision_score(is_wrong, -pred_probs[np.arange(len(labels)), labels])


# -- votes of neighbours


def naive_votes(labels, graph, n_classes, weights, smoothing, is_of_itself):
    """What `knn_pred_probs` says, row by row."""
    n_neighbors = graph.indices.shape[1]
    pred_probs = np.zeros((len(graph.indices), n_classes))
    for i, (distances, neighbours) in enumerate(zip(graph.distances, graph.indices, strict=True)):
        others = np.delete(labels, i) if is_of_itself else labels
        prior = [(np.sum(others == k) + 1) / (len(others) + n_classes) for k in range(n_classes)]
        if weights == "rank":
            shares = np.array([1 / np.sqrt(r) for r in range(1, n_neighbors + 1)])
        elif weights == "distance" and distances[-1] > 0:
            shares = np.exp(-distances.astype(float) / distances[-1])
        else:
            shares = np.ones(n_neighbors)
        shares *= n_neighbors / shares.sum()
        for share, j in zip(shares, neighbours, strict=True):
            pred_probs[i, labels[j]] += share
        for k in range(n_classes):
            pred_probs[i, k] = (pred_probs[i, k] + smoothing * prior[k]) / (n_neighbors + smoothing)
    return pred_probs


@pytest.mark.parametrize("smoothing", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("n_neighbors", [1, 7, 202])
def test_votes_match_naive(n_neighbors, weights, smoothing):
    labels, features, _ = blobs()
    features[::3] = features[0]  # ties, and farthest neighbours at distance 0
    graph = build_knn_graph(features, n_neighbors=n_neighbors, metric="euclidean")
    pred_probs = knn_pred_probs(labels, graph, n_classes=6, weights=weights, smoothing=smoothing)
    expected = naive_votes(labels, graph, 6, weights, smoothing, is_of_itself=True)
    np.testing.assert_allclose(pred_probs, expected, rtol=0, atol=1e-14)  # another order of few terms
    np.testing.assert_allclose(pred_probs.sum(axis=1), 1, atol=1e-14)


def test_votes_have_no_certainty_unless_asked_for():
    labels, features, _ = blobs()
    graph = build_knn_graph(features, n_neighbors=5)
    smooth = knn_pred_probs(labels, graph, n_classes=5)  # the fifth is never given
    bare = knn_pred_probs(labels, graph, smoothing=0, weights="uniform")
    assert 0 < smooth.min() < smooth.max() < 1
    assert bare.min() == 0
    assert bare.max() == 1


def test_a_vote_does_not_depend_on_the_own_label():
    labels, features, _ = blobs()
    graph = build_knn_graph(features, n_neighbors=6)
    before = knn_pred_probs(labels, graph)
    for row in (0, 100, 202):
        changed = labels.copy()
        changed[row] = (labels[row] + 1) % 4
        np.testing.assert_array_equal(knn_pred_probs(changed, graph)[row], before[row])


@pytest.mark.parametrize("weights", WEIGHTS)
def test_votes_for_new_rows_match_naive(weights):
    labels, features, _ = blobs()
    new = blobs(n_rows=57, seed=1)[1]
    graph = query(new, build_knn_graph(features, n_neighbors=6))
    pred_probs = knn_pred_probs(labels, graph, weights=weights)
    assert pred_probs.shape == (57, 4)
    expected = naive_votes(labels, graph, 4, weights, 1.0, is_of_itself=False)
    np.testing.assert_allclose(pred_probs, expected, rtol=0, atol=1e-14)


def test_votes_of_a_sparse_graph_are_the_same():
    labels, features, _ = blobs()
    graph = build_knn_graph(features, n_neighbors=6)
    np.testing.assert_array_equal(knn_pred_probs(labels, graph.to_csr()), knn_pred_probs(labels, graph))


def test_votes_have_the_dtype_of_distances():
    labels, features, _ = blobs()
    graph = build_knn_graph(features, n_neighbors=6)
    single = KNNGraph(graph.distances.astype(np.float32), graph.indices, graph.metric, graph.n_reference)
    assert knn_pred_probs(labels, graph).dtype == np.float64
    assert knn_pred_probs(labels, single).dtype == np.float32
    for weights in WEIGHTS:
        np.testing.assert_allclose(
            knn_pred_probs(labels, single, weights=weights), knn_pred_probs(labels, graph, weights=weights), atol=1e-6
        )


def test_votes_are_thread_agnostic():
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 100_003, (100_003, 5), dtype=np.int32)
    graph = KNNGraph(np.sort(rng.random((100_003, 5)), axis=1), indices, "euclidean", 100_003)
    labels = rng.integers(0, 3, 100_003)
    one = knn_pred_probs(labels, graph, n_jobs=1)
    np.testing.assert_array_equal(knn_pred_probs(labels, graph, n_jobs=3), one)


GRAPH = build_knn_graph(blobs()[1], n_neighbors=6)
INNER = KNNGraph(GRAPH.distances - 5, GRAPH.indices, "inner_product", 203)
FOREIGN = KNNGraph(GRAPH.distances, GRAPH.indices + 100, "cosine", 203)


@pytest.mark.parametrize(
    ("graph", "options", "error", "words"),
    [
        (GRAPH, {"weights": "inverse"}, ValueError, "`weights` must be one of"),
        (GRAPH, {"smoothing": -1}, ValueError, "`smoothing` must lie in"),
        (GRAPH, {"smoothing": np.inf}, ValueError, "`smoothing` must lie in"),
        (GRAPH, {"smoothing": "much"}, TypeError, "`smoothing` must be a number"),
        (GRAPH, {"n_classes": 3}, ValueError, "be class indices in [0, 3); got 3 in row"),
        (GRAPH, {"n_classes": 1}, ValueError, "`n_classes` must be at least 2"),
        (GRAPH, {"n_jobs": 0}, ValueError, "`n_jobs` must be"),
        (INNER, {"weights": "distance"}, ValueError, "hold distances of at least 0 for weights='distance'"),
        (FOREIGN, {}, ValueError, "name neighbours in [0, 203); got 100 to 302."),
        (KNNGraph(GRAPH.distances, GRAPH.indices, "cosine", 300), {}, ValueError, "got 203 for 300 rows."),
        (np.eye(203), {}, TypeError, "be a KNNGraph or a scipy sparse matrix"),
    ],
)
def test_votes_reject_bad_arguments(graph, options, error, words):
    with pytest.raises(error) as caught:
        knn_pred_probs(blobs()[0], graph, **options)
    assert words in str(caught.value)


def test_votes_take_inner_products():
    np.testing.assert_array_equal(knn_pred_probs(blobs()[0], INNER), knn_pred_probs(blobs()[0], GRAPH))


# -- class codes


def test_class_codes_are_those_of_the_filter():
    assert class_codes(["b", "a", "b"])[0].tolist() == [1, 0, 1]
    assert class_codes(np.array([0.0, 2.0]))[1] == 3
    assert class_codes([True, False])[1] == 2
    assert class_codes(np.array([1, 0, 2], object))[1] == 3
    assert class_codes([10, 20, 10], class_names=[20, 10])[0].tolist() == [1, 0, 1]
    assert class_codes(["b", "a"], class_names=["b", "c", "a"])[1] == 3


LABEL_FAULTS = {
    "one class": ([1] * 203, ValueError, "hold at least 2 classes; got one."),
    "one name": (["a"] * 203, ValueError, ""),
    "missing": ([None, *["a", "b"] * 101], ValueError, "got none in row 0 (1 such rows)."),
    "NaN": (np.r_[np.nan, np.arange(202) % 2], ValueError, "got none in row 0 (1 such rows)."),
    "fractions": (np.arange(203) / 2, ValueError, "be whole numbers"),
    "negative": (np.arange(203) % 3 - 1, ValueError, "in [0, 2); got -1 in row 0"),
    "years": (
        2000 + np.arange(203) % 3,
        ValueError,
        "be class indices 0, 1, 2, ... or names; got 3 different ones up to 2,002.",
    ),
    "two columns": (np.zeros((203, 2), int), ValueError, "have shape (n_samples,)"),
    "none": ([], ValueError, "have at least one row"),
    "no array": (7, TypeError, "be an array"),
}


@pytest.mark.parametrize("fault", LABEL_FAULTS)
def test_both_reject_bad_labels(fault):
    labels, error, words = LABEL_FAULTS[fault]
    for call in (lambda: knn_pred_probs(labels, GRAPH), lambda: loo_pred_probs(labels, blobs()[1])):
        with pytest.raises(error) as caught:
            call()
        assert words in str(caught.value)


# -- ridge without the row


def design_of(labels, features, n_classes=None, dtype=np.float64, n_threads=1):
    n_classes = n_classes or labels.max() + 1
    codes = labels.astype(np.int32)
    return Design(features, codes, n_classes, lambda rows: rows, features.shape[1], np.dtype(dtype), n_threads)


def naive_scores(labels, features, n_classes, alpha):
    """Refit scikit-learn's ridge regression without each row, and predict it."""
    indicators = np.eye(n_classes)[labels]
    scores = np.empty((len(labels), n_classes))
    for i in range(len(labels)):
        rest = np.arange(len(labels)) != i
        scores[i] = Ridge(alpha=alpha).fit(features[rest], indicators[rest]).predict(features[i : i + 1])
    return scores


def our_scores(labels, features, n_classes, alpha):
    design = design_of(labels, features, n_classes)
    solution = LooRidge.of(design).at(alpha)
    return solution.scores(features, design.codes, solution.weights())


PROBLEMS = {
    "many rows": {"n_rows": 61, "n_features": 5},
    "more columns than rows": {"n_rows": 23, "n_features": 40},
    "two classes": {"n_rows": 40, "n_classes": 2},
    "one column": {"n_rows": 40, "n_features": 1},
}


@pytest.mark.parametrize("alpha", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("kind", PROBLEMS)
def test_scores_match_naive_refits(kind, alpha):
    labels, features, _ = blobs(**PROBLEMS[kind])
    features = features * 3 + 7
    expected = naive_scores(labels, features, 5, alpha)
    np.testing.assert_allclose(our_scores(labels, features, 5, alpha), expected, rtol=0, atol=1e-8)  # the issue's


def test_scores_of_odd_rows_match_naive_refits():
    labels, features, _ = blobs(n_rows=37)
    labels[5], features[9] = 4, features[10]  # a class of one, a pair of duplicates
    features[:, 2] = 3.0  # a constant column
    features[20] *= 50  # a row far from all others
    expected = naive_scores(labels, features, 5, 0.1)
    np.testing.assert_allclose(our_scores(labels, features, 5, 0.1), expected, rtol=0, atol=1e-8)


def test_errors_match_naive():
    labels, features, _ = blobs(n_rows=61)
    design = design_of(labels, features, 4)
    errors = LooRidge.of(design).errors(design, np.array([0.1, 10.0]))
    for alpha, error in zip((0.1, 10.0), errors, strict=True):
        expected = np.square(naive_scores(labels, features, 4, alpha) - np.eye(4)[labels]).sum(axis=1).mean()
        assert error == pytest.approx(expected, rel=1e-9)


def test_the_strength_chosen_has_the_lowest_error():
    labels, features, _ = blobs()
    found = loo_classifier(labels, features, kernel="linear", standardize=False)
    tried = [
        loo_classifier(labels, features, kernel="linear", standardize=False, alpha=found.alpha * factor).loo_error
        for factor in (STRENGTHS[0] / STRENGTHS[1], STRENGTHS[1] / STRENGTHS[0])
    ]
    assert found.loo_error <= min(tried)


def test_probabilities_follow_from_naive_refits():
    labels, features, _ = blobs(n_rows=61)
    found = loo_classifier(labels, features, kernel="linear", standardize=False, alpha=2.0)
    scores = naive_scores(labels, features, 4, 2.0)
    prior = np.bincount(labels, minlength=4) / len(labels)
    expected = prior * np.exp((scores - prior) / found.temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.pred_probs, expected, rtol=0, atol=1e-8)


def test_standardised_columns_are_those_of_scikit_learn():
    from sklearn.preprocessing import StandardScaler

    labels, features, _ = blobs()
    features *= [1, 10, 100, 1e-3, 0]
    scaled = StandardScaler().fit_transform(features)
    options = {"kernel": "linear", "alpha": 2.0}
    ours = loo_pred_probs(labels, features, standardize=True, **options)
    np.testing.assert_allclose(ours, loo_pred_probs(labels, scaled, standardize=False, **options), atol=1e-10)


def test_kernel_with_all_rows_as_landmarks_matches_naive_refits():
    labels, features, _ = blobs(n_rows=41, n_features=2)
    found = loo_classifier(labels, features, standardize=False, alpha=0.3, n_landmarks=41)
    regressors = NystromMap.of(features, found.width).apply(features)
    scores = naive_scores(labels, regressors, 4, 0.3)
    prior = np.bincount(labels, minlength=4) / len(labels)
    expected = probabilities(scores, prior, found.temperature)
    np.testing.assert_allclose(found.pred_probs, expected, rtol=0, atol=1e-8)


# -- the Nystrom map


def test_nystrom_map_matches_the_kernel_between_landmarks():
    features = blobs(n_rows=50)[1]
    features[7] = features[8]
    outputs = NystromMap.of(features, 1.5).apply(features)
    expected = [[np.exp(-np.sum((x - y) ** 2) / (2 * 1.5**2)) for y in features] for x in features]
    np.testing.assert_allclose(gaussian_kernel(features, features, 1.5), expected, atol=1e-13)
    assert outputs.shape[1] == 49
    np.testing.assert_allclose(outputs @ outputs.T, expected, atol=1e-5)  # what the cut of eigenvalues leaves out


def test_median_distance_matches_naive():
    features = blobs(n_rows=30)[1]
    features[3] = features[4]
    distances = [np.linalg.norm(x - y) for i, x in enumerate(features) for y in features[:i]]
    assert median_distance(features) == pytest.approx(np.median([d for d in distances if d > 0]))
    assert median_distance(np.ones((4, 3))) == 1


# -- temperature


def test_temperature_matches_a_search():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 300).astype(np.int32)
    scores = 0.3 * rng.normal(size=(300, 3)) + 0.5 * np.eye(3)[codes]
    prior = np.bincount(codes) / 300
    fitted = fit_temperature(scores, codes, prior)
    losses = {t: log_loss(codes, probabilities(scores, prior, t)) for t in fitted * np.array([0.99, 1, 1.01])}
    assert min(losses, key=losses.get) == fitted
    assert fit_temperature(prior + (scores - prior) / 1e6, codes, prior) == pytest.approx(fitted / 1e6)


def test_temperature_of_scores_that_mislead_or_separate():
    codes, prior = np.array([0, 1, 0, 1], np.int32), np.array([0.5, 0.5])
    right = np.eye(2)[codes]
    assert fit_temperature(1 - right, codes, prior) == np.inf
    assert fit_temperature(np.full((4, 2), 0.5), codes, prior) == np.inf
    assert fit_temperature(right, codes, prior) == 0.5 / MAX_LOGIT
    np.testing.assert_array_equal(probabilities(1 - right, prior, np.inf), np.full((4, 2), 0.5))


# -- sums over blocks


def test_sums_over_blocks_do_not_depend_on_who_is_first():
    import time

    values = np.random.default_rng(0).random(50)

    def slow_at_first(block):
        time.sleep(0.02 if block.start == 0 else 0)
        return [values[block] * 1e3 ** (block.start % 3)]

    blocks = [slice(i, i + 5) for i in range(0, 50, 5)]
    (expected,) = sum_blocks(iter(blocks), slow_at_first, 1)
    (total,) = sum_blocks(iter(blocks), slow_at_first, 4)
    np.testing.assert_array_equal(total, expected)
    assert [block.stop for block in wide_blocks(2_500, 10**9)] == [1024, 2048, 2500]


# -- the whole


@pytest.mark.parametrize("kernel", KERNELS)
def test_rows_sum_to_one_and_find_what_is_wrong(kernel):
    labels, features, true = blobs(n_rows=1_003)
    pred_probs = loo_pred_probs(labels, features, kernel=kernel)
    assert pred_probs.dtype == np.float64
    np.testing.assert_allclose(pred_probs.sum(axis=1), 1, atol=1e-14)
    assert average_precision(labels, pred_probs, labels != true) > 0.8
    issues = find_label_issues(labels, pred_probs)
    assert (labels != true)[issues].mean() > 0.6


@pytest.mark.parametrize("kernel", KERNELS)
def test_names_lead_to_the_same_issues(kernel):
    labels, features, _ = blobs()
    words = np.array(["ant", "bee", "cat", "dog"])
    numbers = find_label_issues(labels, loo_pred_probs(labels, features, kernel=kernel))
    names = words[labels]
    np.testing.assert_array_equal(find_label_issues(names, loo_pred_probs(names, features, kernel=kernel)), numbers)
    np.testing.assert_array_equal(find_label_issues(names, knn_pred_probs(names, GRAPH)).shape, (203,))
    turned = loo_pred_probs(names, features, kernel=kernel, class_names=words[::-1])
    np.testing.assert_allclose(turned[:, ::-1], loo_pred_probs(names, features, kernel=kernel), atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16])
def test_dtypes_agree(kernel, dtype):
    labels, features, _ = blobs(n_rows=403)
    features = np.rint(features * 8)  # the same numbers in all of them
    pred_probs = loo_pred_probs(labels, features.astype(dtype), kernel=kernel)
    assert pred_probs.dtype == (np.float32 if dtype in (np.float16, np.float32) else np.float64)
    np.testing.assert_allclose(pred_probs, loo_pred_probs(labels, features, kernel=kernel), atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_many_float32_rows_are_nearly_those_of_float64(kernel):
    labels, features, _ = blobs(n_rows=21_003, n_features=7)
    single = features.astype(np.float32)
    options = {"kernel": kernel, "n_landmarks": 50, "standardize": False}
    found = loo_classifier(labels, single, **options)
    expected = loo_classifier(labels, single.astype(np.float64), alpha=found.alpha, **options)
    assert found.pred_probs.dtype == np.float32
    # float32 has 1e-7, the kernel's whitening multiplies it by up to 1e3, the temperature by ten
    np.testing.assert_allclose(found.pred_probs, expected.pred_probs, atol=1e-3 if kernel == "rbf" else 1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loo_is_thread_agnostic(kernel, dtype):
    labels, features, _ = blobs(n_rows=22_003, n_features=90)
    features = features.astype(dtype)
    options = {"kernel": kernel, "n_landmarks": 60}
    one = loo_classifier(labels, features, n_jobs=1, **options)
    three = loo_classifier(labels, features, n_jobs=3, **options)
    np.testing.assert_array_equal(one.pred_probs, three.pred_probs)
    assert (one.alpha, one.temperature, one.loo_error) == (three.alpha, three.temperature, three.loo_error)


@pytest.mark.parametrize("kernel", KERNELS)
def test_loo_is_source_agnostic(kernel, tmp_path):
    labels, features, _ = blobs(n_rows=403)
    features[np.abs(features) < 1] = 0
    expected = loo_pred_probs(labels, features, kernel=kernel)
    np.save(tmp_path / "features.npy", features)
    sources = [
        np.load(tmp_path / "features.npy", mmap_mode="r"),
        np.asfortranarray(features),
        features[::-1][::-1],
        features.tolist(),
        scipy.sparse.csr_array(features),
        scipy.sparse.coo_matrix(features),
    ]
    for source in sources:
        np.testing.assert_array_equal(loo_pred_probs(labels, source, kernel=kernel), expected)


def test_memory_maps_are_not_read_as_a_whole(tmp_path):
    import tracemalloc

    rng = np.random.default_rng(0)
    np.save(tmp_path / "features.npy", rng.random((200_003, 64), dtype=np.float32))
    labels = rng.integers(0, 2, 200_003)
    loo_pred_probs(labels[:1000], rng.random((1000, 64), dtype=np.float32))  # compiles
    features = np.load(tmp_path / "features.npy", mmap_mode="r")
    tracemalloc.start()
    loo_pred_probs(labels, features, kernel="linear", n_jobs=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    tuning = 20_000 * 64 * 8
    assert peak < 5 * tuning < features.nbytes


def test_the_seed_chooses_landmarks_and_no_global_state_is_touched():
    labels, features, _ = blobs()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (loo_pred_probs(labels, features, n_landmarks=20, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_inputs_are_not_changed():
    labels, features, _ = blobs()
    labels.flags.writeable = features.flags.writeable = False
    for kernel in KERNELS:
        loo_pred_probs(labels, features, kernel=kernel)
    knn_pred_probs(labels, GRAPH)


# -- odd data


@pytest.mark.parametrize("standardize", [True, False, "auto"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_identical_rows_leave_the_class_shares(kernel, standardize):
    labels = np.array([0] * 30 + [1] * 20 + [2] * 7)
    pred_probs = loo_pred_probs(labels, np.full((57, 3), 0.1), kernel=kernel, standardize=standardize)
    np.testing.assert_allclose(pred_probs, np.tile(np.bincount(labels) / 57, (57, 1)), atol=1e-14)


@pytest.mark.parametrize("kernel", KERNELS)
def test_noise_leaves_about_the_class_shares(kernel):
    rng = np.random.default_rng(0)
    labels = (rng.random(2_003) < 0.2).astype(int)
    pred_probs = loo_pred_probs(labels, rng.normal(size=(2_003, 4)), kernel=kernel)
    assert np.abs(pred_probs[:, 1] - labels.mean()).max() < 0.1


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_only_member_of_a_class_is_not_believed(kernel):
    labels, features, _ = blobs(noise=0)
    labels[17] = 4
    pred_probs = loo_pred_probs(labels, features, kernel=kernel)
    assert pred_probs[17, 4] < 0.01
    assert np.isfinite(pred_probs).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_class_never_given_has_probability_0(kernel):
    labels, features, _ = blobs()
    pred_probs = loo_pred_probs(labels, features, n_classes=6, kernel=kernel)
    assert not pred_probs[:, 4:].any()
    np.testing.assert_allclose(pred_probs[:, :4], loo_pred_probs(labels, features, kernel=kernel), atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_smallest_data_sets(kernel):
    for labels, features in (([0, 1], [[0.0], [1.0]]), ([0, 1, 1], [[0.0], [0.0], [1.0]])):
        pred_probs = loo_pred_probs(labels, np.array(features), kernel=kernel)
        assert np.isfinite(pred_probs).all()
        np.testing.assert_allclose(pred_probs.sum(axis=1), 1)


@pytest.mark.parametrize("kernel", KERNELS)
def test_more_columns_than_rows_do_not_repeat_the_labels(kernel):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    for dtype in (np.float32, np.float64):
        pred_probs = loo_pred_probs(labels, rng.normal(size=(60, 500)).astype(dtype), kernel=kernel)
        assert log_loss(labels, pred_probs, labels=[0, 1, 2]) > 0.9  # guessing has 1.1


@pytest.mark.parametrize("kernel", KERNELS)
def test_huge_and_tiny_numbers_do_not_matter(kernel):
    labels, features, _ = blobs()
    expected = loo_pred_probs(labels, features, kernel=kernel)
    for factor in (1e-60, 1e60):
        np.testing.assert_allclose(loo_pred_probs(labels, features * factor, kernel=kernel), expected, atol=1e-6)
    shifted = loo_pred_probs(labels, features + 1e6, kernel=kernel)
    np.testing.assert_allclose(shifted, expected, atol=1e-6)


OPTION_FAULTS = [
    ({"kernel": "poly"}, ValueError, "`kernel` must be one of 'rbf', 'linear'; got 'poly'."),
    ({"n_landmarks": 0}, ValueError, "`n_landmarks` must be at least 1; got 0."),
    ({"n_landmarks": 2.5}, TypeError, "`n_landmarks` must be a whole number"),
    ({"alpha": 0}, ValueError, "`alpha` must be above 0 and finite; got 0."),
    ({"alpha": -1.0}, ValueError, "`alpha` must be at least 0"),
    ({"alpha": np.nan}, ValueError, "`alpha` must"),
    ({"alpha": np.inf}, ValueError, "`alpha` must be above 0 and finite; got inf."),
    ({"alpha": "auto"}, TypeError, "`alpha` must be a number"),
    ({"standardize": "yes"}, ValueError, "`standardize` must be"),
    ({"seed": -1}, ValueError, "`seed` must be at least 0"),
    ({"seed": None}, TypeError, "`seed` must be a whole number"),
    ({"class_names": ["a", "b"]}, ValueError, ""),
]


@pytest.mark.parametrize(("options", "error", "words"), OPTION_FAULTS)
def test_loo_rejects_bad_options(options, error, words):
    labels, features, _ = blobs()
    with pytest.raises(error) as caught:
        loo_pred_probs(labels, features, **options)
    assert words in str(caught.value)


def with_value(value, dtype=np.float64):
    features = blobs()[1].astype(dtype)
    features[3, 1] = value
    return features


FEATURE_FAULTS = {
    "NaN": (with_value(np.nan), ValueError, "got nan in row 3 (1 such rows)"),
    "infinite": (with_value(np.inf, np.float32), ValueError, "got inf in row 3 (1 such rows)"),
    "too few": (blobs()[1][:-1], ValueError, "have one row for each label; got 202 rows for 203 labels."),
    "one axis": (blobs()[1][:, 0], ValueError, "have shape (n_samples, n_features)"),
    "no columns": (blobs()[1][:, :0], ValueError, "one column; got shape (203, 0)"),
    "text": (blobs()[1].astype(str), TypeError, "hold real numbers"),
}


@pytest.mark.parametrize("fault", FEATURE_FAULTS)
def test_loo_rejects_bad_features(fault):
    features, error, words = FEATURE_FAULTS[fault]
    with pytest.raises(error) as caught:
        loo_pred_probs(blobs()[0], features)
    assert words in str(caught.value)


# -- real data


def noisy(true, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(true.size) < 0.1, (true + rng.integers(1, true.max() + 1, true.size)) % 10, true)


def test_digits_need_no_model():
    features, true = load_digits(return_X_y=True)
    labels = noisy(true)
    assert average_precision(labels, loo_pred_probs(labels, features), labels != true) > 0.98
    assert average_precision(labels, loo_pred_probs(labels, features, kernel="linear"), labels != true) > 0.93
    graph = build_knn_graph(features, n_neighbors=25)
    assert average_precision(labels, knn_pred_probs(labels, graph), labels != true) > 0.95


def test_tables_with_units_are_standardised():
    features, true = load_wine(return_X_y=True)
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(true.size) < 0.1, (true + rng.integers(1, 3, true.size)) % 3, true)
    found = loo_classifier(labels, features)
    assert found.standardize
    assert average_precision(labels, found.pred_probs, labels != true) > 0.95
    assert not loo_classifier(noisy(load_digits().target), load_digits().data).standardize


def test_banking77_needs_no_model(real_data):
    file = np.load(real_data / "text" / "banking77.npz")
    labels, is_wrong = file["noisy8"].astype(int), file["noisy8"] != file["given"]
    pred_probs = loo_pred_probs(labels, file["emb"], n_landmarks=200)
    assert average_precision(labels, pred_probs, is_wrong) > 0.8
