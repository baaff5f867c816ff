"""Search that compares everybody with everybody: tiles of scores, each a matrix product.

Among the rows of one data set a score serves both rows, so half of the tiles are enough.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastcl.engine.blocks import slices
from fastcl.engine.progress import Progress
from fastcl.engine.threads import for_each
from fastcl.neighbors.search.candidates import Candidates, offer_both_ways, offer_tile
from fastcl.neighbors.search.scratch import Scratch
from fastcl.neighbors.search.space import Points

#: Rows and columns of a tile: at 512 the products took a tenth longer, at 2048 the tile leaves the cache
#: (two cores, 2026-11).
TILE = 1024

#: Rows of a tile where only they look for candidates: fewer, so that a small batch keeps all threads busy.
NEW_ROWS = 128


class Tile(NamedTuple):
    """Two blocks of rows."""

    rows: slice
    columns: slice


def all_pairs(points: Points, n_candidates: int, n_threads: int, progress: Progress) -> Candidates:
    """Return the candidates of every point among all others."""
    found = Candidates.none(len(points), n_candidates)
    locks = [threading.Lock() for _ in range(0, len(points), TILE)]
    scratch = Scratch()

    def compare(tile: Tile) -> None:
        scores = scratch.product(points.space.mirrored(points.vectors[tile.rows]), points.vectors[tile.columns])
        first, second = sorted((tile.rows.start // TILE, tile.columns.start // TILE))
        if first == second:
            numbers = np.arange(tile.rows.start, tile.rows.stop)
            with locks[first]:
                offer_tile(scores, numbers, numbers, found.scores, found.ids, True)
            return
        with locks[first], locks[second]:
            bars = scratch.bars(scores.shape[1])
            offer_both_ways(scores, tile.rows.start, tile.columns.start, found.scores, found.ids, bars)

    tiles = list(_half_of_all(len(points)))
    for_each(progress.over(tiles, lambda _: len(points) / len(tiles)), compare, n_threads)
    return found


def all_against(new: Points, points: Points, n_candidates: int, n_threads: int, progress: Progress) -> Candidates:
    """Return the candidates of every new point among `points`."""
    found = Candidates.none(len(new), n_candidates)
    scratch = Scratch()

    def compare(rows: slice) -> None:
        mirrored = new.space.mirrored(new.vectors[rows])
        numbers = np.arange(rows.start, rows.stop)
        for columns in slices(len(points), TILE):
            scores = scratch.product(mirrored, points.vectors[columns])
            offer_tile(scores, numbers, np.arange(columns.start, columns.stop), found.scores, found.ids, False)

    for_each(progress.over(slices(len(new), NEW_ROWS)), compare, n_threads)
    return found


def _half_of_all(n_rows: int) -> Iterator[Tile]:
    """Yield every pair of blocks once; pairs that follow each other share no block, so threads do not wait."""
    blocks = list(slices(n_rows, TILE))
    for offset in range(len(blocks) // 2 + 1):
        for first in range(len(blocks)):
            second = (first + offset) % len(blocks)
            if 2 * offset != len(blocks) or first < second:
                yield Tile(blocks[first], blocks[second])
