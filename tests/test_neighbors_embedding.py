"""The search inside other programs: their threads, forks, workers and thread settings."""

from __future__ import annotations

import multiprocessing
import os
import threading

import faiss
import joblib
import numpy as np
import pytest
import threadpoolctl
from test_embedding import fork, in_threads, needs_fork, ours, settings, wait
from test_start_up import output, start

from fastcl.engine.blas import one_blas_thread_each
from fastcl.neighbors import build_knn_graph, loo_pred_probs, query

FEATURES = np.random.default_rng(0).standard_normal((12, 24))[np.arange(1_500) % 12].astype(np.float32)
FEATURES += np.random.default_rng(1).normal(0, 0.3, FEATURES.shape).astype(np.float32)


def graphs(features: np.ndarray = FEATURES) -> bytes:
    """Return the bits of what both searches find, what is found for new rows, and of leave-one-out probabilities."""
    found = [build_knn_graph(features, method=method) for method in ("exact", "approximate")]
    assert [graph.method for graph in found] == ["exact", "approximate"]
    found.append(query(features[:5] + 0.1, found[0]))
    probabilities = loo_pred_probs(np.arange(len(features)) % 12, features, n_landmarks=50)
    return b"".join(graph.distances.tobytes() + graph.indices.tobytes() for graph in found) + probabilities.tobytes()


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not ours()


def test_many_threads_at_once():
    expected = graphs()
    assert in_threads(lambda index: graphs(), 16) == [expected] * 16


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_forked_after_use_works():
    faiss.Kmeans(24, 4, min_points_per_centroid=1).train(FEATURES[:100])  # the host's own FAISS, with all its threads
    expected = graphs()
    assert wait(fork(lambda: graphs() == expected)) == 0
    assert wait(fork(lambda: wait(fork(lambda: graphs() == expected)) == 0)) == 0, "nor a grandchild"
    assert graphs() == expected


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_forked_during_use_in_another_thread_works():
    expected = graphs()
    stop = threading.Event()

    def keep_busy():
        while not stop.is_set():
            graphs()

    busy = threading.Thread(target=keep_busy)
    busy.start()
    try:
        codes = [wait(fork(lambda: graphs() == expected)) for _ in range(4)]
    finally:
        stop.set()
        busy.join()
    assert codes == [0] * 4


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_workers_of_multiprocessing(method):
    expected = graphs()
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(graphs, [FEATURES] * 3) == [expected] * 3


def test_workers_of_joblib():
    expected = graphs()
    assert joblib.Parallel(2, backend="threading")(joblib.delayed(graphs)() for _ in range(4)) == [expected] * 4


def test_settings_of_the_host_are_left_alone():
    graphs()
    settings()  # asking Numba loads its OpenMP
    before, of_faiss = settings(), faiss.omp_get_max_threads()
    graphs()
    with pytest.raises(ValueError, match="finite"):
        build_knn_graph(FEATURES * np.nan)
    after = settings()
    assert {name for name in before if before[name] != after[name]} == set()
    assert faiss.omp_get_max_threads() == of_faiss


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


def test_blas_is_the_hosts_when_the_last_user_leaves():
    before = blas_threads()
    first, second = one_blas_thread_each(), one_blas_thread_each()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(blas_threads()) == {1}, "the second still needs it"
    second.__exit__(None, None, None)
    assert blas_threads() == before


def test_one_thread_of_blas_and_openmp():
    code = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
import hashlib
from test_neighbors_embedding import graphs
print(hashlib.sha256(graphs()).hexdigest())
"""
    import hashlib

    expected = hashlib.sha256(graphs()).hexdigest()
    assert output(start(code, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")) == expected
    assert output(start(code, OMP_NUM_THREADS="4", OPENBLAS_NUM_THREADS="4")) == expected
