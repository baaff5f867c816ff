"""``fastcl warmup``: compile every kernel now, so that no later run has to.

It simply does, on a tiny problem, what users do: the cache then holds what their calls need, type by type.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from argparse import Namespace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.cli import words
from fastcl.cli.cache import chosen_directory, count_cached, is_chosen_used
from fastcl.core.constants import SPARSE_ABOVE
from fastcl.core.jit import cache_directory

if TYPE_CHECKING:
    from fastcl.neighbors import KNNGraph

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]


def run(options: Namespace) -> int:
    """Run ``fastcl warmup`` and return its exit code."""
    directory = cache_directory()
    if not is_chosen_used():
        raise OSError(
            f"FASTCL_CACHE_DIR must name a directory that can be written to; got {str(chosen_directory())!r}."
        )
    if directory is None:
        raise OSError("No directory for compiled kernels is writable: set FASTCL_CACHE_DIR.")
    warm_up()
    words.data(f"{count_cached()} compiled kernels in {directory}")
    return 0


def warm_up() -> None:
    """Call everything that runs kernels, with float32 and float64 probabilities and features."""
    logging.getLogger("fastcl").addHandler(logging.NullHandler())
    for dtype in (np.float32, np.float64):
        labels, pred_probs = make_problem(300, 5, dtype)
        _filter(labels, pred_probs)
        _score(labels, pred_probs)
        _count(labels, pred_probs)
        _filter_many_classes(*make_problem(60, SPARSE_ABOVE + 1, dtype))
        _out_of_distribution(labels, pred_probs)
        _answer(labels, pred_probs, _search(pred_probs))
        _several_labels((pred_probs > 0.3).astype(np.uint8), pred_probs)
        _audit(labels, pred_probs)
    _regress()
    for half in (np.float16, np.float32, np.float64):
        _find_duplicates(make_problem(60, 4, half)[1])


def make_problem(n_rows: int, n_classes: int, dtype: npt.DTypeLike) -> tuple[Labels, Floats]:
    """Return labels, a fifth of them wrong, and probabilities that know the true classes rather well."""
    rng = np.random.default_rng(0)
    true = np.arange(n_rows) % min(n_classes, 6)
    labels = np.where(rng.random(n_rows) < 0.2, rng.permutation(true), true)
    pred_probs = rng.random((n_rows, n_classes)) / n_classes
    pred_probs[np.arange(n_rows), true] += rng.random(n_rows)
    return labels, (pred_probs / pred_probs.sum(axis=1, keepdims=True)).astype(dtype)


def _filter(labels: Labels, pred_probs: Floats) -> None:
    from fastcl.filter import FILTERS, find_label_issues

    for filter_by in FILTERS:
        find_label_issues(labels, pred_probs, filter_by=filter_by)


def _filter_many_classes(labels: Labels, pred_probs: Floats) -> None:
    from fastcl.filter import find_label_issues

    for filter_by in ("both", "low_normalized_margin"):
        find_label_issues(labels, pred_probs, filter_by=filter_by)


def _score(labels: Labels, pred_probs: Floats) -> None:
    from fastcl.core.scores import METHODS
    from fastcl.rank import get_label_quality_ensemble_scores, get_label_quality_scores

    for method in METHODS:
        get_label_quality_scores(labels, pred_probs, method=method)
    get_label_quality_scores(labels, pred_probs, adjust_pred_probs=True)
    for weighting in ("accuracy", "log_loss_search"):
        get_label_quality_ensemble_scores(
            labels, [pred_probs, pred_probs], weight_ensemble_members_by=weighting, verbose=False
        )


def _count(labels: Labels, pred_probs: Floats) -> None:
    from fastcl.count import compute_confident_joint, num_label_issues
    from fastcl.dataset import health_summary

    compute_confident_joint(labels, pred_probs)
    num_label_issues(labels, pred_probs)
    health_summary(labels, pred_probs, verbose=False)


def _out_of_distribution(labels: Labels, pred_probs: Floats) -> None:
    from fastcl.outlier import OutOfDistribution

    for method in ("entropy", "least_confidence", "gen"):
        adjusted = method != "gen"
        params = {"method": method, "adjust_pred_probs": adjusted, "M": 3}
        OutOfDistribution(params).fit_score(pred_probs=pred_probs, labels=labels if adjusted else None)


def _search(features: Floats) -> KNNGraph:
    """Build graphs in all ways, and return one."""
    from scipy.sparse import csr_matrix

    from fastcl.neighbors import build_knn_graph, query

    twice = np.vstack([features, features[:5]])
    build_knn_graph(twice, method="approximate")
    build_knn_graph(twice, metric="inner_product")
    build_knn_graph(twice[:, :2], metric="euclidean")
    build_knn_graph(csr_matrix(twice), n_neighbors=3)
    graph = build_knn_graph(twice, scale="auto")
    query(features[:3], graph)
    return build_knn_graph(np.round(features, 1))  # near ties, to be settled in float64


def _answer(labels: Labels, pred_probs: Floats, graph: KNNGraph) -> None:
    from fastcl.ambiguity import find_ambiguous, find_well_labeled
    from fastcl.data_valuation import data_shapley_knn
    from fastcl.neighbors import find_outliers, knn_pred_probs, loo_pred_probs, non_iid, underperforming_group

    find_outliers(graph)
    data_shapley_knn(labels, knn_graph=graph)
    non_iid(graph, num_permutations=2)
    underperforming_group(labels, pred_probs, graph, eps=1e9, min_samples=2, min_cluster_samples=1)
    find_ambiguous(labels, pred_probs)
    find_well_labeled(labels, pred_probs, graph)
    knn_pred_probs(labels, graph)
    loo_pred_probs(labels, pred_probs)


def _audit(labels: Labels, pred_probs: Floats) -> None:
    from fastcl import Datalab

    texts = ["where is my new card", "where is my new card?"] * (len(labels) // 2)
    with warnings.catch_warnings():  # what is wrong with these data is of no interest
        warnings.simplefilter("ignore")
        lab = Datalab({"y": labels, "text": texts}, label_name="y", text_key="text", verbosity=0)
        lab.find_issues(features=np.where(pred_probs > 0.5, np.nan, pred_probs), issue_types=["null"])
        lab.find_issues(pred_probs=pred_probs)
        lab.find_issues(pred_probs=pred_probs, features=np.round(pred_probs, 3))
        lab.score_new(labels=labels, pred_probs=pred_probs, features=np.round(pred_probs, 3))
    with contextlib.suppress(ImportError):  # images are an extra
        _look_at_images()


def _look_at_images() -> None:
    from fastcl.datalab.images import measure_images

    shapes = ((70, 80, 3), (70, 80), (9, 9, 3), (9, 9), (70, 80, 4))
    measure_images([np.zeros(shape, np.uint8) for shape in shapes], n_jobs=1)


def _several_labels(given: npt.NDArray[np.uint8], pred_probs: Floats) -> None:
    from scipy.sparse import csr_array

    from fastcl.core.folds import OPTIONS as AGGREGATORS
    from fastcl.core.scores import METHODS
    from fastcl.count import compute_confident_joint
    from fastcl.filter import FILTERS
    from fastcl.multilabel_classification.filter import find_label_issues
    from fastcl.multilabel_classification.rank import get_label_quality_scores

    lists = [np.flatnonzero(row).tolist() for row in given]
    for filter_by in FILTERS:
        find_label_issues(lists, pred_probs, "self_confidence", filter_by=filter_by)
    find_label_issues(csr_array(given), pred_probs)
    compute_confident_joint(given, pred_probs, multi_label=True, return_indices_of_off_diagonals=True)
    for method in METHODS:
        for aggregator in AGGREGATORS:
            get_label_quality_scores(given, pred_probs, method=method, aggregator_kwargs={"method": aggregator})
    get_label_quality_scores(given, pred_probs, adjust_pred_probs=True)


def _regress() -> None:
    from fastcl.regression.learn import CleanLearning
    from fastcl.regression.rank import get_label_quality_scores

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2100, 3)), rng.normal(size=2100)  # fewer rows are compared all with all, without a kernel
    CleanLearning().find_label_issues(X, y)
    get_label_quality_scores(y, y + X[:, 0])


def _find_duplicates(rows: Floats) -> None:
    from scipy.sparse import csr_matrix

    from fastcl.neighbors import build_knn_graph, find_exact_duplicates, find_near_duplicates, find_text_duplicates

    twice = np.vstack([rows, rows[:5]])
    find_exact_duplicates(twice).to_frame()
    if rows.dtype != np.float16:
        find_exact_duplicates(csr_matrix(twice))
    graph = build_knn_graph(twice)
    for rule in ("median", "local"):
        found = find_near_duplicates(graph, rule=rule, threshold=2)
        list(found.near_duplicate_sets)
    with contextlib.suppress(ImportError):  # texts are an extra
        find_text_duplicates(["where is my new card", "where is my new card please"], threshold=0.5)
