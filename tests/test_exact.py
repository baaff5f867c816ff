"""Equal rows, and the graph of all rows from that of the distinct ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cleanlab.internal.neighbor.knn_graph import correct_knn_distances_and_indices
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist

from fastcl.neighbors.duplicates import hashing as exact
from fastcl.neighbors.duplicates.expansion import expand_duplicates
from fastcl.neighbors.duplicates.hashing import fingerprint, group_equal_rows, hash_rows

FLOATS = (np.float16, np.float32, np.float64)


def naive_codes(features: Any) -> list[int]:
    first: dict[tuple[float, ...], int] = {}
    return [first.setdefault(tuple(row), i) for i, row in enumerate(np.asarray(features).tolist())]


def ragged(dtype: Any, n_rows: int = 1_003, n_columns: int = 5) -> Any:
    """Return rows of -1, -0.0, 0.0 and 1, many of them equal."""
    rng = np.random.default_rng(3)
    features = rng.integers(-1, 2, (n_rows, n_columns)).astype(dtype)
    return np.where(rng.random(features.shape) < 0.5, features, features * dtype(-1)).astype(dtype)


# -- equal rows


@pytest.mark.parametrize("dtype", [*FLOATS, np.int8, np.int32, ">f4"])
@pytest.mark.parametrize("n_columns", [1, 3, 5, 17])
def test_group_equal_rows_matches_naive(dtype: Any, n_columns: int) -> None:
    features = ragged(np.dtype(dtype).newbyteorder("=").type, n_columns=n_columns).astype(dtype)
    assert group_equal_rows(features).tolist() == naive_codes(features)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::2], lambda x: x[:, ::2], lambda x: x[::-1]])
def test_group_equal_rows_is_layout_agnostic(layout: Any) -> None:
    features = layout(ragged(np.float32))
    assert hash_rows(features).tolist() == hash_rows(np.ascontiguousarray(features)).tolist()
    assert group_equal_rows(features).tolist() == naive_codes(features)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("keep_bits", [0, 1, 3])
def test_group_equal_rows_is_right_with_a_bad_hash(dtype: Any, keep_bits: int) -> None:
    features = ragged(dtype)
    bad = hash_rows(features) & np.uint64((1 << keep_bits) - 1)
    assert group_equal_rows(features, hashes=bad).tolist() == naive_codes(features)
    if dtype != np.float16:
        assert group_equal_rows(csr_matrix(features), hashes=bad).tolist() == naive_codes(features)


def test_hashes_of_round_numbers_hardly_ever_collide() -> None:
    for dtype in (np.float32, np.float64):
        features = np.stack(np.meshgrid(np.arange(300.0), np.arange(300.0)), axis=-1).reshape(-1, 2).astype(dtype)
        assert len(np.unique(hash_rows(features))) == len(features)


def test_rows_that_differ_by_one_bit_are_different() -> None:
    features = np.ones((2, 33), np.float32)
    features[1, 32] = np.nextafter(np.float32(1), np.float32(2))
    assert group_equal_rows(features).tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_match_dense_ones(dtype: Any) -> None:
    dense = ragged(dtype)
    matrix = csr_matrix(dense)
    matrix.data[::3] = 0  # stored zeros
    matrix.data[1::7] = -0.0
    dense = matrix.toarray()
    before = matrix.data.copy()
    assert hash_rows(matrix).tolist() == hash_rows(dense).tolist()
    assert group_equal_rows(matrix).tolist() == naive_codes(dense)
    assert matrix.data.tolist() == before.tolist()
    assert np.signbit(matrix.data).tolist() == np.signbit(before).tolist()


def test_sparse_rows_may_be_unsorted_and_hold_a_column_twice() -> None:
    parts = ([1.0, 2.0, 2.0, 1.0, 0.5, 0.5, 2.0], [4, 1, 1, 4, 4, 4, 1], [0, 2, 4, 7])
    matrix = csr_matrix(parts, shape=(3, 5))
    assert group_equal_rows(matrix).tolist() == [0, 0, 0]
    assert matrix.indices.tolist() == parts[1]


def test_group_equal_rows_is_thread_agnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(exact, "ROWS_PER_TABLE", 100)
    features = ragged(np.float64, 10_003)
    for n_jobs in (1, 2, 5):
        assert group_equal_rows(features, n_jobs=n_jobs).tolist() == naive_codes(features)


def test_group_equal_rows_reads_a_memory_map(tmp_path: Path) -> None:
    features = ragged(np.float32)
    np.save(tmp_path / "features.npy", features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    assert group_equal_rows(mapped).tolist() == naive_codes(features)


def test_fingerprint_knows_values_and_order() -> None:
    features = np.random.default_rng(0).random((50, 4))
    same = fingerprint(hash_rows(features))
    assert same == fingerprint(hash_rows(features.copy()))
    changed = features.copy()
    changed[17, 2] += 1e-12
    others = [features[::-1], features[:-1], changed, features.astype(np.float32)]
    assert len({same, *(fingerprint(hash_rows(other)) for other in others)}) == 5


@pytest.mark.parametrize(
    ("features", "error", "words"),
    [
        (np.zeros(3), ValueError, "shape"),
        (np.zeros((0, 3)), ValueError, "at least 1"),
        (np.zeros((3, 0)), ValueError, "at least 1"),
        (np.array([["a"], ["b"]]), TypeError, "real numbers"),
        (np.zeros((2, 2), complex), TypeError, "complex"),
    ],
)
def test_group_equal_rows_rejects_what_is_no_feature(features: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        group_equal_rows(features)


def test_group_equal_rows_rejects_hashes_of_other_rows() -> None:
    with pytest.raises(ValueError, match="`hashes` must have shape"):
        group_equal_rows(np.zeros((3, 2)), hashes=np.zeros(2, np.uint64))


# -- expansion


def sorted_neighbors(features: Any, k: int) -> tuple[Any, Any]:
    """Return the k nearest of every row by (distance, row)."""
    distances = cdist(features, features)
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), order


def naive_correction(features: Any, distances: Any, indices: Any) -> tuple[Any, Any]:
    """The reference's rule, row by row."""
    k, codes = indices.shape[1], naive_codes(features)
    distances, indices = distances.copy(), indices.copy()
    for i, code in enumerate(codes):
        own = [j for j in range(len(codes)) if codes[j] == code and j != i][:k]
        rest = [(d, j) for d, j in zip(distances[i], indices[i], strict=True) if codes[j] != code]
        both = [(0.0, j) for j in own] + rest
        distances[i], indices[i] = zip(*both[:k], strict=True)
    return distances, indices


def expand(features: Any, k: int, **options: Any) -> tuple[Any, Any]:
    codes = group_equal_rows(features)
    distinct = features[codes == np.arange(len(codes))]
    found = sorted_neighbors(distinct, min(k, len(distinct) - 1))
    return expand_duplicates(*found, codes, k, **options)


@pytest.mark.parametrize("n_values", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("n_columns", [1, 2])
@pytest.mark.parametrize(("n_rows", "k"), [(2, 1), (9, 1), (12, 11), (31, 10), (58, 16), (60, 33)])
def test_expand_duplicates_matches_naive(n_values: int, n_columns: int, n_rows: int, k: int) -> None:
    features = np.random.default_rng(n_values).integers(0, n_values, (n_rows, n_columns)).astype(float)
    all_rows = sorted_neighbors(features, k)
    distances, indices = expand(features, k)
    expected = naive_correction(features, *all_rows)
    assert distances.tolist() == expected[0].tolist()
    assert indices.tolist() == expected[1].tolist()


@pytest.mark.parametrize("seed", range(20))
def test_expand_duplicates_matches_cleanlab(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(4, 70))
    k = int(rng.integers(1, min(n_rows, 17)))  # cleanlab leaves the tail unsorted beyond 16
    features = rng.integers(0, 5, (n_rows, 2)).astype(float)
    distances, indices = expand(features, k)
    expected = correct_knn_distances_and_indices(features, *sorted_neighbors(features, k))
    assert distances.tolist() == expected[0].tolist()
    assert indices.tolist() == expected[1].tolist()


def test_s23_tails_behind_duplicates_stay_sorted_for_any_k() -> None:
    features = np.random.default_rng(0).random((200, 2))
    features[50:60] = features[40:50]
    distances, _ = expand(features, 30)
    assert (np.diff(distances, axis=1) >= 0).all()
    theirs, _ = correct_knn_distances_and_indices(features, *sorted_neighbors(features, 30))
    np.testing.assert_array_equal(np.sort(theirs, axis=1), distances)


def test_expand_duplicates_of_rows_that_are_all_equal() -> None:
    distances, indices = expand(np.ones((5, 2)), 3)
    assert not distances.any()
    assert indices.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2]]


def test_expand_duplicates_is_thread_agnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastcl.neighbors.duplicates.expansion.GROUPS_AT_A_TIME", 7)
    features = np.random.default_rng(0).integers(0, 12, (300, 2)).astype(np.float64)
    one = expand(features, 10, n_jobs=1)
    for n_jobs in (2, 5):
        many = expand(features, 10, n_jobs=n_jobs)
        assert all(a.tolist() == b.tolist() for a, b in zip(one, many, strict=True))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_neighbors": 4}, "n_neighbors"),
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"distances": np.zeros((2, 1))}, "distances"),
        ({"distances": np.zeros((3, 0)), "indices": np.zeros((3, 0), int)}, "at least 2 neighbours"),
        ({"indices": np.array([[1, 2], [0, 2], [0, 3]])}, "positions"),
    ],
)
def test_expand_duplicates_rejects_what_does_not_fit(change: dict[str, Any], words: str) -> None:
    given = {"distances": np.ones((3, 2)), "indices": np.array([[1, 2], [0, 2], [0, 1]]), "n_neighbors": 3}
    with pytest.raises(ValueError, match=words):
        expand_duplicates(codes=np.array([0, 1, 2, 0]), **(given | change))
