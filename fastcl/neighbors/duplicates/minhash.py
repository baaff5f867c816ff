"""Which pairs of many sets may be alike? MinHash signatures cut into bands, and a count of shared hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.engine.threads import for_each
from fastcl.neighbors.duplicates.hashing import group_equal_rows
from fastcl.neighbors.duplicates.lists import RowLists, list_members

#: Sets that are hashed at a time: their hashes come as Python integers.
SETS_AT_A_TIME = 8_192

#: Pairs that a thread compares at a time.
PAIRS_AT_A_TIME = 65_536

#: Chance that a pair of exactly the threshold's similarity is proposed.
CERTAINTY = 0.99

#: Sets that share a band are compared with the first of them and with so many before them.
WINDOW = 8


def propose_pairs(
    shingles: Callable[[int], frozenset[str]],
    n_sets: int,
    threshold: float,
    n_hashes: int,
    seed: int,
    n_threads: int,
) -> npt.NDArray[np.int64]:
    """Return the pairs of sets whose Jaccard similarity is at least `threshold`, as far as 64-bit hashes tell.

    An array of shape (n_pairs, 2) of positions, each pair once, ascending.
    """
    hashes = _hash_sets(shingles, n_sets)
    signatures = _signatures(hashes, n_hashes, seed)
    keys = np.empty(0, np.int64)
    for band in _bands(n_hashes, _rows_per_band(threshold, n_hashes)):
        codes = group_equal_rows(signatures[:, band], n_jobs=n_threads)
        found = [left * n_sets + right for left, right in _bucket_pairs(codes)]
        keys = _distinct(np.concatenate([keys, *found]))
    pairs = np.column_stack(np.divmod(keys, n_sets))
    return pairs[_similarity(pairs, hashes, n_threads) >= threshold]


def _distinct(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the distinct keys, ascending; sorts them in place.

    NumPy's `unique` looks integers up in a hash table since 2.3, which such regular keys fill badly: 13,083 texts took
    95 s instead of 1.
    """
    keys.sort()
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if keys.size else keys


def minhash() -> Any:
    """Return rensa's class for signatures, or say what to install."""
    try:
        import rensa
    except ImportError as error:
        raise ImportError('Near duplicates of texts need the package rensa: pip install "fastcl[text]".') from error
    return rensa.RMinHash


def _hash_sets(shingles: Callable[[int], frozenset[str]], n_sets: int) -> RowLists:
    """Return the 64-bit hashes of the members of every set, ascending."""
    parts, lengths = [np.empty(0, np.uint64)], [0]
    for low in range(0, n_sets, SETS_AT_A_TIME):
        sets = [list(shingles(position)) for position in range(low, min(low + SETS_AT_A_TIME, n_sets))]
        lengths += map(len, sets)
        hashed = minhash().hash_token_sets(sets)
        parts.append(np.fromiter((value for values in hashed for value in values), np.uint64))
    hashes = RowLists(np.cumsum(lengths), np.concatenate(parts))
    sort_lists(hashes.starts, hashes.rows)
    return hashes


def _signatures(hashes: RowLists, n_hashes: int, seed: int) -> npt.NDArray[np.uint32]:
    """Return the MinHash signature of every set."""
    signatures = np.empty((len(hashes), n_hashes), np.uint32)
    for low in range(0, len(hashes), SETS_AT_A_TIME):
        starts = hashes.starts[low : low + SETS_AT_A_TIME + 1]
        part = hashes.rows[starts[0] : starts[-1]]
        offsets = (starts - starts[0]).astype(np.uint64)
        made = minhash().digest_matrix_from_flat_token_hashes(part, offsets, n_hashes, seed)
        signatures[low : low + SETS_AT_A_TIME] = made.to_rows()
    return signatures


def _rows_per_band(threshold: float, n_hashes: int) -> int:
    """Return the most hashes a band may have for pairs at the threshold to be proposed almost surely."""
    for n_rows in range(n_hashes, 1, -1):
        if (1 - threshold**n_rows) ** (n_hashes // n_rows) <= 1 - CERTAINTY:
            return n_rows
    return 1


def _bands(n_hashes: int, n_rows: int) -> Iterator[slice]:
    for start in range(0, n_hashes - n_rows + 1, n_rows):
        yield slice(start, start + n_rows)


def _bucket_pairs(codes: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield pairs of positions of the same code: each with the first, and with the `WINDOW` before it."""
    later = np.flatnonzero(codes != np.arange(len(codes)))
    yield codes[later], later
    concerned = np.zeros(len(codes), np.bool_)
    concerned[later] = concerned[codes[later]] = True
    rows = list_members(np.where(concerned, codes, -1), len(codes)).rows
    for step in range(1, WINDOW + 1):
        is_same = codes[rows[step:]] == codes[rows[:-step]]
        if not is_same.any():
            return
        yield rows[:-step][is_same], rows[step:][is_same]


def _similarity(pairs: npt.NDArray[np.int64], hashes: RowLists, n_threads: int) -> npt.NDArray[np.float64]:
    """Return the Jaccard similarity of pairs by hashes, computed as that of the sets themselves: same bits."""
    shared = np.empty(len(pairs), np.int64)

    def count(low: int) -> None:
        part = slice(low, low + PAIRS_AT_A_TIME)
        count_shared(pairs[part], hashes.starts, hashes.rows, shared[part])

    for_each(range(0, len(pairs), PAIRS_AT_A_TIME), count, n_threads)
    sizes = hashes.sizes()[pairs]
    return shared / (sizes.sum(axis=1) - shared)


@kernel
def sort_lists(starts, values):
    """Sort every list in place."""
    for g in range(starts.size - 1):
        values[starts[g] : starts[g + 1]].sort()


@kernel
def count_shared(pairs, starts, values, shared):
    """shared[p] = number of values that the two lists of pair p have in common; lists are ascending."""
    for p in range(pairs.shape[0]):
        a, a_end = starts[pairs[p, 0]], starts[pairs[p, 0] + 1]
        b, b_end = starts[pairs[p, 1]], starts[pairs[p, 1] + 1]
        count = 0
        while a < a_end and b < b_end:
            one, other = values[a], values[b]
            count += one == other
            a += one <= other
            b += other <= one
        shared[p] = count
