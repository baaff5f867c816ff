"""How many of the true neighbours were found? Measured on a sample of rows compared with everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from fastcl.engine.progress import Progress
from fastcl.neighbors.search.all_pairs import all_against
from fastcl.neighbors.search.candidates import SPARE
from fastcl.neighbors.search.refine import Neighbors, exact_neighbors
from fastcl.neighbors.search.space import Points


@dataclass(frozen=True, eq=False)
class Truth:
    """Some rows and their true neighbours."""

    rows: npt.NDArray[np.int64]
    neighbors: Neighbors

    @classmethod
    def of(cls, rows: npt.NDArray[np.int64], new: Points, points: Points, k: int, n_threads: int) -> Self:
        """Compare some rows of `new` with all points; among themselves, no row is its own neighbour."""
        sample = new.take(rows)
        wanted = min(k + (new is points), len(points))
        with Progress("", None, wanted=False) as silent:
            candidates = all_against(sample, points, min(wanted + SPARE, len(points)), n_threads, silent)
        found = exact_neighbors(sample, candidates, points, wanted, n_threads)
        return cls(rows, _without_self(found, rows) if new is points else found)

    def recall(self, found: Neighbors) -> float:
        """Return the share of true neighbours found: whoever is no farther than the true k-th, so ties count."""
        farthest = self.neighbors.distances[:, -1:]
        return float((found.distances[self.rows] <= farthest).mean())


def _without_self(found: Neighbors, rows: npt.NDArray[np.int64]) -> Neighbors:
    """Drop each row from its own neighbours, or the farthest where it is not among them."""
    others = found.ids != rows[:, None]
    others[others.all(axis=1), -1] = False
    shape = (len(rows), found.ids.shape[1] - 1)
    return Neighbors(found.distances[others].reshape(shape), found.ids[others].reshape(shape), found.is_settled)
