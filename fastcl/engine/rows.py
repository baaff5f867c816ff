"""Where what is kept of every row comes together, whether or not the number of rows is known beforehand."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.sweep import Block, RowSummary
from fastcl.engine.blocks import Piece, Source


class RowStore:
    """Columns over all rows: labels, row summary and scores; filled block by block from many threads."""

    def __init__(self, source: Source, *, entropy: bool = False) -> None:
        self._source = source
        self._entropy = entropy
        self._lock = threading.Lock()
        self._summary: RowSummary | None = None
        self._columns: dict[str, npt.NDArray[Any]] = {}
        self._loose: dict[int, dict[str, npt.NDArray[Any]]] = {}
        self._n_seen = 0
        self.bad_rows: dict[int, npt.NDArray[Any]] = {}
        if source.n_rows is not None:
            self._summary = RowSummary.empty(source.n_rows, source.dtype, entropy=entropy)

    def room_for(self, piece: Piece) -> RowSummary:
        """Return where to write the summary of a piece: its place among all rows if that is known."""
        if self._summary is None:
            return RowSummary.empty(piece.stop - piece.start, self._source.dtype, entropy=self._entropy)
        if piece.stop > len(self._summary.wins):
            raise _changed(len(self._summary.wins))
        return self._summary[piece.start : piece.stop]

    def keep(self, block: Block, scores: npt.NDArray[Any] | None) -> None:
        """Keep what is wanted of a swept block; its probabilities are let go."""
        n_bad, first_bad = block.bad_rows
        given = {} if self._source.labels is not None else {"labels": block.labels}
        given |= {} if scores is None else {"scores": scores}
        with self._lock:
            self._n_seen += len(block.labels)
            if n_bad:
                self.bad_rows[first_bad] = block.pred_probs[first_bad - block.start].copy()
            if self._summary is None:
                self._loose[block.start] = given | vars(block.summary)
                return
            for name, values in given.items():
                if name not in self._columns:
                    self._columns[name] = np.empty((self._source.n_rows, *values.shape[1:]), values.dtype)
        for name, values in given.items():
            self._columns[name][block.start : block.stop] = values

    def close(self) -> tuple[npt.NDArray[np.int32], RowSummary, npt.NDArray[Any]]:
        """Return labels, summary and scores (empty if there are none) of all rows."""
        if self._summary is None:
            self._source.n_rows = self._n_seen
            blocks = [self._loose.pop(start) for start in sorted(self._loose)]
            for name in list(blocks[0]):  # a column at a time: never everything twice
                self._columns[name] = np.concatenate([block.pop(name) for block in blocks])
            names = vars(RowSummary.empty(0, self._source.dtype))
            self._summary = RowSummary(**{name: self._columns.pop(name) for name in names})
        if self._n_seen != self._source.n_rows:
            raise _changed(len(self._summary.wins))
        labels = self._columns["labels"] if self._source.labels is None else self._source.labels
        return labels, self._summary, self._columns.get("scores", np.empty(0))


def _changed(n_rows: int) -> ValueError:
    return ValueError(f"`pred_probs` must yield the same rows each time it is read; the first time it had {n_rows:,}.")
