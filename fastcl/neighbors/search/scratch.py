"""Memory of a thread for products, kept from one to the next: fresh pages cost a tenth of a product."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from fastcl.engine.blas import multiply

Vectors = npt.NDArray[np.float32]


class Scratch(threading.local):
    """Room for rows that are gathered, for a tile of scores, and for the lowest scores that its columns still take."""

    def __init__(self) -> None:
        self._rows = self._scores = self._bars = np.empty(0, np.float32)

    def gather(self, vectors: Vectors, rows: npt.NDArray[np.integer]) -> Vectors:
        """Return some rows; the next call overwrites them."""
        if self._rows.size < len(rows) * vectors.shape[1]:
            self._rows = np.empty(len(rows) * vectors.shape[1], np.float32)
        room = self._rows[: len(rows) * vectors.shape[1]].reshape(len(rows), -1)
        return np.take(vectors, rows, axis=0, out=room, mode="clip")  # else NumPy gathers into memory of its own

    def product(self, mirrored: Vectors, vectors: Vectors) -> Vectors:
        """Return the scores of two blocks; the next call overwrites them."""
        n_rows, n_columns = len(mirrored), len(vectors)
        if self._scores.size < n_rows * n_columns:
            self._scores = np.empty(n_rows * n_columns, np.float32)
        room = self._scores[: n_rows * n_columns].reshape(n_rows, n_columns)
        return multiply(mirrored, vectors.T, out=room)

    def bars(self, n_columns: int) -> Vectors:
        """Return one number a column, whatever it is."""
        if self._bars.size < n_columns:
            self._bars = np.empty(n_columns, np.float32)
        return self._bars
