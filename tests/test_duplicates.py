"""Groups of duplicates: near, exact, of texts; what to keep, what conflicts, what leaks."""

from __future__ import annotations

import sys
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cleanlab.datalab.internal.issue_manager import duplicate as cleanlab_duplicate
from scipy.sparse import csr_matrix
from sklearn.neighbors import NearestNeighbors

from fastcl.neighbors.duplicates.lists import RowLists, list_members
from fastcl.neighbors.duplicates.rows import (
    Duplicates,
    find_exact_duplicates,
    find_near_duplicates,
    find_text_duplicates,
    unite_duplicates,
)
from fastcl.neighbors.graph import KNNGraph


def make_graph(
    n_rows: int = 203, k: int = 7, *, n_values: int = 60, dtype: Any = np.float64, seed: int = 0
) -> KNNGraph:
    """Return an exact graph of points on a grid, with noise on half of them: exact copies, near ones, ties."""
    rng = np.random.default_rng(seed)
    features = rng.integers(0, n_values, (n_rows, 2)).astype(np.float64)
    features[::2] += rng.normal(0, 0.05, features[::2].shape)
    features[1::5] = features[0] if n_values < 10 else features[1::5]
    distances, indices = NearestNeighbors(n_neighbors=k).fit(features).kneighbors()
    return KNNGraph(distances.astype(dtype), indices.astype(np.int32), "euclidean", n_rows)


def naive_sets(graph: KNNGraph, cut: Any) -> list[list[int]]:
    forward = [row[near].tolist() for row, near in zip(graph.indices, graph.distances < cut, strict=True)]
    n_rows = len(graph)
    return [forward[i] + [j for j in range(n_rows) if i in forward[j] and j not in forward[i]] for i in range(n_rows)]


def naive_groups(n_rows: int, pairs: Any) -> list[int]:
    """Return connected components by spreading the lowest row until nothing changes."""
    lowest, linked = list(range(n_rows)), {row for pair in pairs for row in pair}
    changed = True
    while changed:
        changed = False
        for a, b in pairs:
            low = min(lowest[a], lowest[b])
            changed |= lowest[a] != low or lowest[b] != low
            lowest[a] = lowest[b] = low
    number = {low: g for g, low in enumerate(sorted({lowest[row] for row in linked}))}
    return [number[lowest[row]] if row in linked else -1 for row in range(n_rows)]


def as_lists(rows: Any) -> list[list[int]]:
    return [list(map(int, members)) for members in rows]


# -- near duplicates, the reference's rule


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0, 0.05, 0.13, 1.0, 3.0])
@pytest.mark.parametrize("n_values", [4, 60, 400])
def test_near_duplicates_match_naive_and_cleanlab(n_values: int, threshold: float, dtype: Any) -> None:
    graph = make_graph(n_values=n_values, dtype=dtype)
    found = find_near_duplicates(graph, threshold=threshold)
    median = max(np.median(graph.distances[:, 0]), 1e-6)
    theirs = cleanlab_duplicate.NearDuplicateIssueManager._neighbors_within_radius(graph.to_csr(), threshold, median)
    assert as_lists(found.near_duplicate_sets) == as_lists(theirs) == naive_sets(graph, threshold * median)
    assert found.is_issue.tolist() == [len(members) > 0 for members in theirs]
    scores = cleanlab_duplicate._compute_scores_with_exp_transform(graph.distances[:, 0], 1 / median)
    # float32 distances: the reference's exponential is of float32, ours of float64
    np.testing.assert_allclose(found.scores, scores, atol=1e-12 if dtype == np.float64 else 1e-6)
    assert found.summary == pytest.approx(scores.mean(), abs=1e-6)
    assert found.nearest_neighbor.tolist() == graph.indices[:, 0].tolist()
    assert found.distance_to_nearest_neighbor.tolist() == graph.distances[:, 0].tolist()
    assert found.median_distance_to_nearest_neighbor == median


@pytest.mark.parametrize("rule", ["median", "local"])
def test_rows_may_disagree_on_their_distance(rule: str) -> None:
    rng = np.random.default_rng(0)
    indices = np.argsort(rng.random((40, 40)) + 9 * np.eye(40), axis=1)[:, :6].astype(np.int32)
    graph = KNNGraph(np.sort(rng.random((40, 6)), axis=1), indices, "unknown", 40)
    found = find_near_duplicates(graph, threshold=1, rule=rule)
    near = found.search.is_near(1)
    forward = [row[is_near].tolist() for row, is_near in zip(indices, near, strict=True)]
    backward = [[j for j in range(40) if i in forward[j] and j not in forward[i]] for i in range(40)]
    expected = [named + naming for named, naming in zip(forward, backward, strict=True)]
    assert as_lists(found.near_duplicate_sets) == expected
    pairs = {tuple(sorted((i, j))) for i, members in enumerate(expected) for j in members}
    assert sorted(zip(found.links.left.tolist(), found.links.right.tolist(), strict=True)) == sorted(pairs)


def test_near_duplicate_sets_match_cleanlab_around_a_hub() -> None:
    k, n_rows = 3, 12  # all copies beyond the first k + 1 name the first k
    indices = np.array([[j for j in range(k + 1) if j != i][:k] for i in range(n_rows)], np.int32)
    graph = KNNGraph(np.zeros((n_rows, k)), indices, "cosine", n_rows)
    theirs = cleanlab_duplicate.NearDuplicateIssueManager._neighbors_within_radius(graph.to_csr(), 0.13, 1e-6)
    found = find_near_duplicates(graph)
    assert as_lists(found.near_duplicate_sets) == as_lists(theirs)
    assert found.n_groups == 1
    assert found.is_exact.all()
    assert not found.scores.any()


@pytest.mark.parametrize("rule", ["median", "local"])
@pytest.mark.parametrize("threshold", [0.13, 0.6])
@pytest.mark.parametrize("k", [2, 7, 202])
def test_groups_match_naive(k: int, threshold: float, rule: str) -> None:
    graph = make_graph(k=k)
    found = find_near_duplicates(graph, threshold=threshold, rule=rule)
    pairs = {tuple(sorted((i, j))) for i, members in enumerate(as_lists(found.near_duplicate_sets)) for j in members}
    links = list(zip(found.links.left.tolist(), found.links.right.tolist(), strict=True))
    assert sorted(links) == sorted(pairs)
    assert found.group.tolist() == naive_groups(len(graph), pairs)
    assert as_lists(found.groups) == [np.flatnonzero(found.group == g).tolist() for g in range(found.n_groups)]
    exact = {row for (i, j), d in zip(links, found.links.distances, strict=True) if d == 0 for row in (i, j)}
    assert np.flatnonzero(found.is_exact).tolist() == sorted(exact)


def test_a_graph_may_be_a_scipy_matrix() -> None:
    graph = make_graph()
    assert find_near_duplicates(graph.to_csr()).group.tolist() == find_near_duplicates(graph).group.tolist()


def test_a_chain_is_one_group() -> None:
    n_rows = 2_003
    order = np.random.default_rng(0).permutation(n_rows)
    indices = np.empty((n_rows, 1), np.int32)
    indices[order[:-1], 0], indices[order[-1], 0] = order[1:], order[-2]
    distances = np.full((n_rows, 1), 0.01)
    found = find_near_duplicates(KNNGraph(distances, indices, "cosine", n_rows), threshold=2)
    assert found.n_groups == 1
    assert found.is_issue.all()


# -- near duplicates, the local rule


def naive_local(graph: KNNGraph, threshold: float) -> tuple[list[list[bool]], list[float]]:
    reach = graph.distances[:, -1].astype(np.float64)
    near, lowest = [], [np.inf] * len(graph)
    for i, (distances, indices) in enumerate(zip(graph.distances, graph.indices, strict=True)):
        near.append([])
        for d, j in zip(distances.astype(np.float64), indices, strict=True):
            squared = d * d / (reach[i] * reach[j]) if d else 0.0
            near[-1].append(bool(d == 0 or squared < threshold**2))
            lowest[i], lowest[j] = min(lowest[i], squared), min(lowest[j], squared)
    return near, (1 - np.exp(-np.sqrt(lowest))).tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0, 0.3, 0.8])
@pytest.mark.parametrize("n_values", [4, 60])
def test_local_rule_matches_naive(n_values: int, threshold: float, dtype: Any) -> None:
    with np.errstate(divide="ignore"):  # exact copies fill a neighbourhood
        graph = make_graph(n_values=n_values, dtype=dtype)
        near, scores = naive_local(graph, threshold)
    found = find_near_duplicates(graph, threshold=threshold, rule="local")
    assert found.search.is_near(threshold).tolist() == near
    np.testing.assert_allclose(found.scores, scores, atol=1e-12)
    is_issue = (found.scores < 1 - np.exp(-threshold)) | found.is_exact
    assert found.is_issue.tolist() == is_issue.tolist()


def test_local_rule_does_not_take_a_dense_region_for_duplicates() -> None:
    rng = np.random.default_rng(0)
    dense, sparse = rng.normal(0, 0.01, (100, 8)), rng.normal(50, 10, (300, 8))
    features = np.concatenate([dense, sparse, sparse[:5] + 0.05])
    distances, indices = NearestNeighbors(n_neighbors=10).fit(features).kneighbors()
    graph = KNNGraph(distances, indices.astype(np.int32), "euclidean", len(features))
    by_median, by_reach = (find_near_duplicates(graph, rule=rule) for rule in ("median", "local"))
    assert by_median.is_issue[:100].all()
    assert by_reach.is_issue[:100].mean() < 0.05
    assert by_reach.is_issue[400:].all()


def test_local_rule_is_thread_agnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastcl.neighbors.duplicates.rules.ROWS_AT_A_TIME", 10)
    one, many = (find_near_duplicates(make_graph(), rule="local", n_jobs=n_jobs) for n_jobs in (1, 4))
    assert one.group.tolist() == many.group.tolist()
    assert one.scores.tolist() == many.scores.tolist()


# -- thresholds


@pytest.mark.parametrize("rule", ["median", "local"])
def test_with_threshold_is_a_search_at_that_threshold(rule: str) -> None:
    graph, quality = make_graph(), np.random.default_rng(0).random(203)
    first = find_near_duplicates(graph, rule=rule, threshold=0.2, quality=quality)
    for threshold in (0.05, 0.2, 2.0):
        again = first.with_threshold(threshold)
        fresh = find_near_duplicates(graph, rule=rule, threshold=threshold, quality=quality)
        assert type(again) is type(fresh)
        assert again.threshold == threshold
        for name in ("group", "representative", "is_exact", "scores"):
            assert getattr(again, name).tolist() == getattr(fresh, name).tolist()
        assert as_lists(again.near_duplicate_sets) == as_lists(fresh.near_duplicate_sets)


def test_a_negative_threshold_is_zero_with_a_word() -> None:
    with pytest.warns(UserWarning, match="0 is taken instead"):
        found = find_near_duplicates(make_graph(n_values=4), threshold=-1)
    assert found.threshold == 0
    assert not found.is_issue.any()


def test_threshold_zero_finds_exact_copies_by_the_local_rule_only() -> None:
    graph = make_graph(n_values=4)
    local = find_near_duplicates(graph, threshold=0, rule="local")
    assert local.is_issue.sum() > 50
    assert local.is_exact.tolist() == local.is_issue.tolist()
    assert not find_near_duplicates(graph, threshold=0).is_issue.any()


def test_with_threshold_rejects_duplicates_without_one() -> None:
    exact = find_exact_duplicates([[1], [1]])
    with pytest.raises(ValueError, match="have no threshold"):
        exact.with_threshold(0.1)
    with pytest.raises(ValueError, match="have no threshold"):
        unite_duplicates(exact, find_near_duplicates(make_graph(2, 1))).with_threshold(0.1)


# -- what to keep


def naive_representative(found: Duplicates, members: list[int], quality: Any) -> int:
    ends = list(zip(found.links.left.tolist(), found.links.right.tolist(), found.links.distances, strict=True))
    own = {row: [d for a, b, d in ends if row in (a, b)] for row in members}
    return min(members, key=lambda row: (-quality[row], -len(own[row]), sum(own[row]), row))


@pytest.mark.parametrize("with_quality", [False, True])
def test_representatives_match_naive(with_quality: bool) -> None:
    graph = make_graph(401)
    quality = np.random.default_rng(1).integers(0, 3, len(graph)) / 2 if with_quality else None
    found = find_near_duplicates(graph, threshold=1.2, quality=quality)
    of_rows = np.zeros(len(graph)) if quality is None else quality
    expected = [naive_representative(found, members, of_rows) for members in as_lists(found.groups)]
    assert found.representative.tolist() == expected
    assert max(found.groups.sizes()) > 2
    kept = [row for row in range(len(graph)) if found.group[row] < 0 or row in expected]
    assert np.flatnonzero(found.keep).tolist() == kept


def test_the_first_of_exact_copies_is_kept() -> None:
    found = find_exact_duplicates([[3], [1], [3], [1], [3], [0]])
    assert found.group.tolist() == [0, 1, 0, 1, 0, -1]
    assert found.representative.tolist() == [0, 1]
    assert found.scores.tolist() == [0, 0, 0, 0, 0, 1]
    assert found.is_exact.tolist() == found.is_issue.tolist()
    assert find_exact_duplicates([[3], [1], [3]], quality=[0, 0, 1]).keep.tolist() == [False, True, True]


# -- conflicts and leaks


KINDS_OF_COLUMNS = [
    lambda codes: codes,
    lambda codes: np.array(["train", "test", "live"])[codes],
    lambda codes: np.array(["train", "test", "live"])[codes].tolist(),
    lambda codes: pd.Series(codes).map({0: "train", 1: "test", 2: 5}),
    lambda codes: pd.Series(codes).astype("category"),
    lambda codes: codes / 2,
]


@pytest.mark.parametrize("kind", KINDS_OF_COLUMNS)
def test_leakage_and_conflicts_match_naive(kind: Any) -> None:
    found = find_near_duplicates(make_graph(401), threshold=0.5)
    codes = np.random.default_rng(0).integers(0, 3, len(found))
    groups = as_lists(found.groups)
    crossing = [g for g, members in enumerate(groups) if len({int(codes[row]) for row in members}) > 1]
    links = zip(found.links.left.tolist(), found.links.right.tolist(), strict=True)
    pairs = sorted(pair for pair in links if codes[pair[0]] != codes[pair[1]])
    assert 0 < len(crossing) < len(groups)
    for answer in (found.leakage(kind(codes)), found.conflicting_labels(kind(codes))):
        assert answer.groups.tolist() == crossing
        assert as_lists(answer.rows) == [groups[g] for g in crossing]
        assert answer.pairs.tolist() == [list(pair) for pair in pairs]
        assert np.flatnonzero(answer.is_issue).tolist() == sorted(row for g in crossing for row in groups[g])


def test_nothing_leaks_where_nothing_is_duplicated() -> None:
    found = find_exact_duplicates([[1], [2], [3]])
    leaks = found.leakage(["train", "test", "test"])
    assert len(leaks) == len(leaks.rows) == len(leaks.pairs) == 0
    assert not leaks.is_issue.any()
    assert len(found.to_frame(split=["a", "b", "b"])) == 0


@pytest.mark.parametrize("name", ["labels", "split"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a", "b"], "shape"),
        (["a", None, "b"], "row 1 .1 such"),
        ([1.0, 2.0, np.nan], "row 2 .1 such"),
        (np.array([np.nan, 1, np.nan]), "row 0 .2 such"),
        (pd.Series(["a", pd.NA, "b"], dtype="string"), "row 1"),
    ],
)
def test_columns_reject_missing_values_and_other_lengths(name: str, values: Any, words: str) -> None:
    found = find_exact_duplicates([[1], [1], [2]])
    check = found.leakage if name == "split" else found.conflicting_labels
    with pytest.raises(ValueError, match=f"`{name}`.*{words}"):
        check(values)


def test_to_frame_has_a_line_for_every_member() -> None:
    found = find_exact_duplicates([[1], [2], [1], [3], [2], [1]])
    frame = found.to_frame(
        labels=["x", "y", "x", "y", "x", "x"], split=["train", "train", "test", "test", "train", "test"]
    )
    assert frame.to_dict("list") == {
        "group": [0, 0, 0, 1, 1],
        "row": [0, 2, 5, 1, 4],
        "role": ["keep", "drop", "drop", "keep", "drop"],
        "nearest": [2, 0, 0, 4, 1],
        "distance": [0.0] * 5,
        "kind": ["exact"] * 5,
        "label": ["x", "x", "x", "y", "x"],
        "conflict": [False, False, False, True, True],
        "split": ["train", "test", "test", "train", "train"],
        "leak": [True, True, True, False, False],
    }


def test_to_frame_names_the_nearest_row_linked() -> None:
    found = find_near_duplicates(make_graph(401), threshold=0.5)
    frame = found.to_frame()
    assert frame["row"].tolist() == found.groups.rows.tolist()
    for row, nearest, distance in zip(frame["row"], frame["nearest"], frame["distance"], strict=True):
        linked = found.near_duplicate_sets[row]
        both = zip(found.links.left, found.links.right, found.links.distances, strict=True)
        own = [(d, b if a == row else a) for a, b, d in both if row in (a, b)]
        assert (distance, nearest) == min(own)
        assert nearest in linked


def test_to_frame_is_of_the_library_of_the_split() -> None:
    polars = pytest.importorskip("polars")
    frame = find_exact_duplicates([[1], [1]]).to_frame(split=polars.Series(["a", "b"]))
    assert isinstance(frame, polars.DataFrame)
    assert frame["leak"].to_list() == [True, True]


# -- several searches


def test_unite_duplicates_joins_what_any_search_links() -> None:
    graph = make_graph(n_values=400)
    near = find_near_duplicates(graph, threshold=0.5)
    ids = np.arange(len(graph))
    ids[[5, 6, 7]] = 5
    exact = find_exact_duplicates(ids[:, None])
    both = unite_duplicates(near, exact)
    pairs = [*zip(near.links.left, near.links.right, strict=True), (5, 6), (5, 7)]
    assert both.group.tolist() == naive_groups(len(graph), pairs)
    assert both.scores.tolist() == np.minimum(near.scores, exact.scores).tolist()
    assert both.is_exact.tolist() == (near.is_exact | exact.is_exact).tolist()
    assert unite_duplicates(near, near).links.left.tolist() == sorted(near.links.left.tolist())
    assert unite_duplicates(exact, near).group.tolist() == both.group.tolist()


def test_unite_duplicates_counts_the_exact_link_of_a_pair() -> None:
    graph = KNNGraph(np.array([[0.01], [0.01], [9.0]]), np.array([[1], [0], [1]], np.int32), "cosine", 3)
    near, exact = find_near_duplicates(graph, threshold=5), find_exact_duplicates([[1], [1], [2]], quality=[0, 1, 0])
    both = unite_duplicates(near, exact)
    assert both.to_frame()["kind"].tolist() == ["exact", "exact"]
    assert both.to_frame()["distance"].tolist() == [0, 0]
    assert both.representative.tolist() == [1]


@pytest.mark.parametrize(("results", "error"), [([], ValueError), ([None], TypeError), (["short", "long"], ValueError)])
def test_unite_duplicates_rejects_what_does_not_go_together(results: list[Any], error: type[Exception]) -> None:
    known = {"short": find_exact_duplicates([[1]]), "long": find_exact_duplicates([[1], [1]])}
    with pytest.raises(error, match="`results`"):
        unite_duplicates(*[known.get(result, result) for result in results])


# -- bad input


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rule": "mean"}, ValueError, "'median', 'local'"),
        ({"threshold": "0.1"}, TypeError, "`threshold`"),
        ({"threshold": True}, TypeError, "`threshold`"),
        ({"threshold": float("nan")}, ValueError, "`threshold`"),
        ({"quality": [1.0]}, ValueError, "`quality`"),
        ({"quality": ["good"] * 203}, TypeError, "`quality`"),
        ({"quality": [None] * 203}, ValueError, "`quality`"),
    ],
)
def test_near_duplicates_reject_bad_options(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        find_near_duplicates(make_graph(), **options)


def test_near_duplicates_reject_graphs_that_cannot_tell() -> None:
    graph = make_graph(20, 1)
    with pytest.raises(TypeError, match="`graph`"):
        find_near_duplicates(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="at least 2 neighbours"):
        find_near_duplicates(graph, rule="local")
    with pytest.raises(ValueError, match="inner_product"):
        find_near_duplicates(KNNGraph(-graph.distances - 1, graph.indices, "inner_product", 20))
    with pytest.raises(ValueError, match="same rows"):
        find_near_duplicates(KNNGraph(graph.distances, graph.indices, "cosine", 30))
    with pytest.raises(ValueError, match="same number"):
        find_near_duplicates(csr_matrix(np.triu(np.ones((3, 3)), 1)))


# -- lists


def test_row_lists_are_a_sequence() -> None:
    lists = RowLists(np.array([0, 2, 2, 3]), np.array([5, 1, 7]))
    assert as_lists(lists) == as_lists(lists[:]) == [[5, 1], [], [7]]
    assert lists[-1].tolist() == [7]
    assert as_lists(lists[::-2]) == [[7], [5, 1]]
    assert repr(lists) == "RowLists(3 lists of 3 rows)"
    with pytest.raises(IndexError):
        lists[3]
    assert as_lists(list_members(np.array([-1, -1]), 0)) == []


# -- texts


pytest.importorskip("rensa")

WORDS = "the a my card bank account money lost found new old please why how when is was pending fee"


def make_texts(n_texts: int = 130, n_copies: int = 60, seed: int = 0) -> list[str]:
    """Return random sentences, some of them again with a few words changed."""
    rng, words = np.random.default_rng(seed), WORDS.split()
    texts = [list(rng.choice(words, rng.integers(1, 30))) for _ in range(n_texts)]
    for source in rng.integers(0, n_texts, n_copies):
        copy = list(texts[source])
        for _ in range(rng.integers(0, 3)):
            copy[rng.integers(len(copy))] = str(rng.choice(words))
        texts.append(copy)
    return [" ".join(text) for text in texts]


def naive_shingles(text: str, ngram: int, unit: str) -> set[Any]:
    parts: Any = text.split() if unit == "words" else text
    return {tuple(parts[i : i + ngram]) for i in range(max(1, len(parts) - ngram + 1))}


@pytest.mark.parametrize(("unit", "ngram"), [("characters", 5), ("characters", 2), ("words", 1), ("words", 3)])
@pytest.mark.parametrize("threshold", [0.3, 0.8, 1.0])
def test_text_duplicates_match_naive(threshold: float, unit: str, ngram: int) -> None:
    texts = make_texts()
    sets = [naive_shingles(text, ngram, unit) for text in texts]
    similar = {(i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for i, j in combinations(range(len(texts)), 2)}
    found = find_text_duplicates(texts, threshold=threshold, ngram=ngram, unit=unit)
    links = list(zip(found.links.left.tolist(), found.links.right.tolist(), strict=True))
    assert [1 - similar[pair] for pair in links] == pytest.approx(found.links.distances)
    assert all(similar[pair] >= threshold for pair in links)
    # MinHash may miss a pair in a hundred at the threshold itself, and equal texts take part once
    expected = naive_groups(len(texts), [pair for pair, value in similar.items() if value >= threshold])
    assert np.mean(np.array(expected) >= 0) == pytest.approx(found.is_issue.mean(), abs=0.02)


def test_text_duplicates_are_the_same_for_the_same_seed() -> None:
    texts = make_texts()
    first, again, other = (
        find_text_duplicates(texts, threshold=0.3, unit="words", ngram=1, n_hashes=4, seed=seed) for seed in (3, 3, 4)
    )
    assert first.links.left.tolist() == again.links.left.tolist()
    assert first.links.right.tolist() == again.links.right.tolist()
    assert len(other.links) != len(first.links)  # so few hashes miss some pairs, others with another seed


@pytest.mark.parametrize(
    ("normalize", "groups"),
    [
        ("words", [0, 0, 0, 1, -1, 1]),
        ("spaces", [0, -1, 0, -1, -1, -1]),
        ("none", [-1, -1, -1, -1, -1, -1]),
        (str.upper, [-1, -1, -1, -1, -1, -1]),
        (lambda text: text[:1], [0, -1, 0, -1, -1, -1]),
    ],
)
def test_texts_are_normalized_as_wanted(normalize: Any, groups: list[int]) -> None:
    texts = ["Lost  my card!", "lost my card", "Lost my\ncard!", "ﬁne", "!?", "FINE."]
    found = find_text_duplicates(texts, threshold=1, normalize=normalize)
    assert found.group.tolist() == groups
    assert found.is_exact.tolist() == found.is_issue.tolist()


def test_texts_of_which_nothing_is_left_are_compared_as_they_are() -> None:
    assert find_text_duplicates(["!", "", "?", "!", ""]).group.tolist() == [0, 1, -1, 0, 1]


def test_text_duplicates_are_thread_agnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastcl.neighbors.duplicates.minhash.PAIRS_AT_A_TIME", 5)
    monkeypatch.setattr("fastcl.neighbors.duplicates.minhash.SETS_AT_A_TIME", 7)
    few, many = (find_text_duplicates(make_texts(), threshold=0.4, n_jobs=n_jobs) for n_jobs in (1, 4))
    assert few.links.left.tolist() == many.links.left.tolist()
    assert few.links.distances.tolist() == many.links.distances.tolist()


def test_text_duplicates_at_a_higher_threshold() -> None:
    texts = make_texts()
    low, high = (find_text_duplicates(texts, threshold=threshold) for threshold in (0.4, 0.8))
    assert low.with_threshold(0.8).group.tolist() == high.group.tolist()
    assert low.with_threshold(0.4).group.tolist() == low.group.tolist()
    with pytest.raises(ValueError, match="`threshold`"):
        high.with_threshold(0.5)


def test_many_alike_texts_are_one_group() -> None:
    texts = [f"Your order number {number} has been shipped today and should arrive soon" for number in range(500)]
    found = find_text_duplicates(texts, threshold=0.7)
    assert found.n_groups == 1
    assert found.is_issue.all()


@pytest.mark.parametrize(
    ("texts", "options", "error", "words"),
    [
        ("one text", {}, TypeError, "list or column"),
        (None, {}, TypeError, "list or column"),
        (["a", 3], {}, TypeError, "int in row 1"),
        (pd.Series(["a", None]), {}, TypeError, "row 1"),
        ([], {}, ValueError, "at least one"),
        (["a"], {"threshold": 0}, ValueError, "above 0"),
        (["a"], {"threshold": 1.1}, ValueError, "threshold"),
        (["a"], {"ngram": 0}, ValueError, "ngram"),
        (["a"], {"unit": "lines"}, ValueError, "unit"),
        (["a"], {"normalize": "all"}, ValueError, "normalize"),
        (["a"], {"n_hashes": 0}, ValueError, "n_hashes"),
        (["a"], {"seed": -1}, ValueError, "seed"),
        (["a"], {"quality": [1, 2]}, ValueError, "quality"),
    ],
)
def test_text_duplicates_reject_bad_input(
    texts: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        find_text_duplicates(texts, **options)


def test_text_duplicates_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(ImportError, match=r'pip install "fastcl\[text\]"'):
        find_text_duplicates(["a", "b"])


def test_texts_and_rows_make_one_grouping() -> None:
    near = find_exact_duplicates([[1], [1], [2], [3]])
    texts = find_text_duplicates(["hello world", "something else", "Hello, world!", "nothing"])
    both = unite_duplicates(near, texts)
    assert both.group.tolist() == [0, 0, 0, -1]
    assert all(a <= b for a, b in pairwise(both.links.left.tolist()))
