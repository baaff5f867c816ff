"""Which rows are equal? One pass of hashing, and every claim checked against the rows themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.core.jit import kernel
from fastcl.engine.threads import for_each, resolve_n_jobs
from fastcl.neighbors.duplicates.bits import DenseRows, SparseRows, as_rows

#: Bytes of rows that a thread takes at a time.
BLOCK_BYTES = 8_000_000

#: About as many rows share a hash table, so that it stays in the cache of a core.
ROWS_PER_TABLE = 16_384


def hash_rows(features: Any, *, n_jobs: int | None = None) -> npt.NDArray[np.uint64]:
    """Return a 64-bit hash of every row: the same for equal rows, and hardly ever for others.

    Parameters
    ----------
    features : array-like or sparse matrix of shape (n_samples, n_features)
        Real numbers of at most 64 bits. 0.0 and -0.0 are the same. A sparse matrix has the hashes of the array of
        the same dtype; stored zeros and the order in which entries are stored make no difference.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples,)
        uint64.

    Raises
    ------
    TypeError
        If `features` holds no real numbers of at most 64 bits.
    ValueError
        If `features` has not shape (n_samples, n_features).

    Notes
    -----
    One pass, block by block, at about the speed of memory. Multilinear hashing with fixed pseudo-random keys.

    References
    ----------
    Lemire and Kaser, "Strongly universal string hashing is fast", The Computer Journal 2014, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> hashes = hash_rows(np.array([[0.0, 1.0], [2.0, 1.0], [-0.0, 1.0]]))
    >>> hashes[0] == hashes[2], hashes[0] == hashes[1]
    (np.True_, np.False_)
    """
    rows = as_rows(features)
    hashes = np.empty(len(rows), np.uint64)
    for_each(_blocks(rows), lambda block: rows.write_hashes(*block, hashes), resolve_n_jobs(n_jobs))
    return hashes


def group_equal_rows(
    features: Any, *, hashes: npt.NDArray[np.uint64] | None = None, n_jobs: int | None = None
) -> npt.NDArray[np.int64]:
    """Return for every row the number of the first row that is equal to it.

    Parameters
    ----------
    features : array-like or sparse matrix of shape (n_samples, n_features)
        Real numbers of at most 64 bits. Rows are equal if all their numbers are, bit for bit but for 0.0 and -0.0.
    hashes : ndarray of shape (n_samples,), optional
        What `hash_rows` returned, if it has been called already.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples,)
        int64 row numbers: ``codes[i] <= i``, and ``codes[i] == i`` where no earlier row is equal.

    Raises
    ------
    TypeError
        If `features` holds no real numbers of at most 64 bits, or `hashes` no uint64.
    ValueError
        If `features` has not shape (n_samples, n_features), or `hashes` not one number a row.

    Notes
    -----
    One pass to hash, and one over rows whose hash has occurred, each compared with the first row of that hash.
    Rows that differ in spite of equal hashes are told apart by their content, so the answer is always right.
    Some 33 bytes a row.

    Examples
    --------
    >>> import numpy as np
    >>> group_equal_rows(np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]))
    array([0, 1, 0, 1])
    """
    rows = as_rows(features)
    n_threads = resolve_n_jobs(n_jobs)
    if hashes is None:
        hashes = hash_rows(rows, n_jobs=n_jobs)
    _check_hashes(hashes, len(rows))
    codes = _group_equal_hashes(hashes, n_threads)
    differs = np.empty(len(rows), np.bool_)
    for_each(_blocks(rows), lambda block: rows.write_differing(*block, codes, differs), n_threads)
    if differs.any():
        _tell_apart(rows, codes, codes[differs])
    return codes


def fingerprint(hashes: npt.NDArray[np.uint64]) -> str:
    """Return a digest of the rows of a data set and their order, from the hashes of its rows.

    Examples
    --------
    >>> import numpy as np
    >>> data = np.eye(3)
    >>> fingerprint(hash_rows(data)) == fingerprint(hash_rows(data.copy()))
    True
    >>> fingerprint(hash_rows(data)) == fingerprint(hash_rows(data[::-1]))
    False
    """
    return hashlib.blake2b(np.ascontiguousarray(hashes, dtype="<u8").data, digest_size=16).hexdigest()


def _check_hashes(hashes: Any, n_rows: int) -> None:
    """Raise unless there is a hash for each row."""
    if not isinstance(hashes, np.ndarray) or hashes.dtype != np.uint64:
        got = getattr(hashes, "dtype", type(hashes).__name__)
        raise TypeError(sentence("hashes", "be an array of uint64", f"{got}", "`hash_rows` makes them."))
    if hashes.shape != (n_rows,):
        raise ValueError(sentence("hashes", f"have shape ({n_rows},)", f"shape {hashes.shape}"))


def _blocks(rows: DenseRows | SparseRows) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows."""
    step = max(1, BLOCK_BYTES // rows.row_bytes)
    for low in range(0, len(rows), step):
        yield low, min(low + step, len(rows))


def _group_equal_hashes(hashes: npt.NDArray[np.uint64], n_threads: int) -> npt.NDArray[np.int64]:
    """Return for every row the first row of the same hash: rows are dealt out by their first bits, each part alone."""
    n_bits = max(1, (len(hashes) // ROWS_PER_TABLE).bit_length())
    shift = np.uint64(64 - n_bits)
    ends = np.cumsum(np.bincount((hashes >> shift).astype(np.int64), minlength=1 << n_bits))
    starts = np.concatenate([[0], ends[:-1]])
    rows, codes = np.empty(len(hashes), np.int64), np.empty(len(hashes), np.int64)
    deal_out(hashes, shift, starts.copy(), rows)

    def group(part: int) -> None:
        dealt = rows[starts[part] : ends[part]]
        table = np.full(1 << (2 * len(dealt)).bit_length(), -1, np.int64)
        group_hashes(hashes, dealt, table, codes)

    for_each(range(1 << n_bits), group, n_threads)
    return codes


def _tell_apart(rows: DenseRows | SparseRows, codes: npt.NDArray[np.int64], colliding: npt.NDArray[np.int64]) -> None:
    """Group by content what shares one of the hashes of different rows; corrects `codes`."""
    first: dict[Hashable, int] = {}
    for row in np.flatnonzero(np.isin(codes, colliding)).tolist():
        codes[row] = first.setdefault(rows.content(row), row)


@kernel
def deal_out(hashes, shift, places, rows):
    """Write row numbers part by part, ascending within each; places[part] moves on."""
    for i in range(hashes.size):
        part = np.int64(hashes[i] >> shift)
        rows[places[part]] = i
        places[part] += 1


@kernel
def group_hashes(hashes, rows, table, codes):
    """codes[i] = first of `rows` with the hash of i; `table` of -1, a power of two longer than `rows`, is scratch."""
    mask = np.uint64(table.size - 1)
    for r in range(rows.size):
        i = rows[r]
        slot = hashes[i] & mask
        while table[slot] >= 0 and hashes[table[slot]] != hashes[i]:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] < 0:
            table[slot] = i
        codes[i] = table[slot]
