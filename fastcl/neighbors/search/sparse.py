"""Search among sparse rows: products of sparse matrices, tile by tile, in float64; nothing is made dense as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.engine.blocks import slices
from fastcl.engine.progress import Progress
from fastcl.engine.threads import for_each
from fastcl.neighbors.metrics import COSINE, EUCLIDEAN, METRICS
from fastcl.neighbors.search.candidates import SPARE, Candidates, offer_tile

#: Rows and columns of a tile of scores: 16 MB.
TILE_ROWS, TILE_COLUMNS = 512, 4096

#: Pairs whose distances are taken together.
PAIRS = 1 << 14

Pair = tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]


def sparse_neighbors(new: Any, rows: Any, metric: str, k: int, n_threads: int, progress: Progress) -> Pair:
    """Return distances and numbers of the nearest `rows` of `new` (both CSR), each of shape (n_new, k).

    Without new rows each of `rows` is compared with the others. Order: (distance, row number).
    """
    code = METRICS[metric]
    to_itself = new is None
    rows = _ready(rows, code)
    new = rows if to_itself else _ready(new, code)
    n_candidates = min(k + SPARE, rows.shape[0] - to_itself)
    found = Candidates.none(new.shape[0], n_candidates, np.float64)
    columns = [(stretch, rows[stretch].T.tocsr()) for stretch in slices(rows.shape[0], TILE_COLUMNS)]
    halves = -0.5 * _squares(rows) if code == EUCLIDEAN else np.zeros(rows.shape[0])

    def compare(block: slice) -> None:
        numbers = np.arange(block.start, block.stop)
        for stretch, transposed in columns:
            scores = (new[block] @ transposed).toarray() + halves[stretch]
            places = np.arange(stretch.start, stretch.stop)
            offer_tile(scores, numbers, places, found.scores, found.ids, to_itself)

    for_each(progress.over(slices(new.shape[0], TILE_ROWS)), compare, n_threads)
    return _nearest(new, rows, found.ids, code, k, n_threads)


def _nearest(new: Any, rows: Any, ids: npt.NDArray[np.int32], code: int, k: int, n_threads: int) -> Pair:
    """Return the k nearest candidates by their distances."""
    distances = np.empty(ids.shape)

    def measure(block: slice) -> None:
        numbers = np.repeat(np.arange(block.start, block.stop), ids.shape[1])
        distances[block] = _distances(new[numbers], rows[ids[block].ravel()], code).reshape(-1, ids.shape[1])

    for_each(slices(len(ids), max(1, PAIRS // ids.shape[1])), measure, n_threads)
    order = np.lexsort((ids, distances), axis=1)[:, :k]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(ids, order, axis=1)


def _distances(x: Any, y: Any, code: int) -> npt.NDArray[np.float64]:
    """Return the distance of each row of x and the same row of y; zero rows are at cosine distance 1 from all."""
    if code not in (COSINE, EUCLIDEAN):
        return -np.asarray(x.multiply(y).sum(axis=1)).ravel()
    squares = _squares(x - y)
    if code == EUCLIDEAN:
        return np.sqrt(squares)
    return np.where((np.diff(x.indptr) == 0) | (np.diff(y.indptr) == 0), 1.0, 0.5 * squares)


def _ready(rows: Any, code: int) -> Any:
    """Return rows in float64, scaled to length 1 for the cosine."""
    rows = rows.astype(np.float64)
    if code == COSINE:
        lengths = np.sqrt(_squares(rows))
        rows.data /= np.repeat(lengths, np.diff(rows.indptr))
    return rows


def _squares(rows: Any) -> npt.NDArray[np.float64]:
    return np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
