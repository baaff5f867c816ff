"""The neighbour graph: what every check of embeddings is answered from."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.neighbors.foreign import graph_from_csr
from fastcl.neighbors.scaling import Scaling

Floats = npt.NDArray[np.floating[Any]]

#: Written into saved graphs; a file with a higher number was made by a later fastcl.
FORMAT = 1


@dataclass(frozen=True, eq=False)
class KNNGraph:
    """The nearest neighbours of every row, nearest first.

    Built by `build_knn_graph`, from a scipy matrix by `from_csr`, or by `load`. Never changed once made.

    Parameters
    ----------
    distances : floats of shape (n_samples, n_neighbors)
        Distance to each neighbour, ascending within a row. float32 for float32 features, else float64.
    indices : int32 of shape (n_samples, n_neighbors)
        Row number of each neighbour. A row is not its own neighbour.
    metric : what the distances are: ``"cosine"``, ``"euclidean"``, ``"inner_product"`` (the negative inner
        product, which may be below 0), or a metric of scikit-learn
    n_reference : number of rows among which neighbours were looked for; `n_samples` for a data set on itself
    method : ``"exact"``, ``"approximate"``, or ``"given"`` for a graph made elsewhere
    recall : share of the true nearest neighbours that were found: 1 for exact search, for approximate search
        measured on a sample of rows; NaN where nobody measured it
    scaling : how columns were standardised before distances were taken, None if they were not
    fingerprint : digest of the features; None if they are not known
    features : the features searched, by reference; not saved
    is_query : whether the rows are others than those among which neighbours were looked for, as `query` returns

    Examples
    --------
    >>> import numpy as np
    >>> from fastcl.neighbors import build_knn_graph
    >>> graph = build_knn_graph(np.array([[0.0], [1.0], [3.0], [7.0]]), n_neighbors=2)
    >>> graph.indices
    array([[1, 2],
           [0, 2],
           [1, 0],
           [2, 1]], dtype=int32)
    >>> graph[:, :1].distances.ravel()
    array([1., 1., 2., 4.])
    """

    distances: Floats
    indices: npt.NDArray[np.int32]
    metric: str
    n_reference: int
    method: str = "given"
    recall: float = float("nan")
    scaling: Scaling | None = None
    fingerprint: str | None = None
    features: Any = field(default=None, repr=False)
    is_query: bool = False

    def __post_init__(self) -> None:
        _check_arrays(self.distances, self.indices)
        if self.indices.dtype != np.int32:
            object.__setattr__(self, "indices", self.indices.astype(np.int32))

    @property
    def k(self) -> int:
        """Number of neighbours of each row."""
        return self.indices.shape[1]

    @property
    def is_of_itself(self) -> bool:
        """Whether rows are neighbours of each other, not of the rows of another data set."""
        return not self.is_query and len(self) == self.n_reference

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        found = f", recall={self.recall:.3f}" if self.method == "approximate" else ""
        return f"KNNGraph(n_samples={len(self):,}, k={self.k}, metric={self.metric!r}, method={self.method!r}{found})"

    def __getitem__(self, columns: tuple[slice, slice]) -> Self:
        """Return ``graph[:, :k]``, the graph of the k nearest; nothing is copied."""
        k = _wanted_columns(columns)
        if not 1 <= k <= self.k:
            raise IndexError(sentence("k", f"lie in [1, {self.k}], the neighbours that the graph has", str(k)))
        return replace(self, distances=self.distances[:, :k], indices=self.indices[:, :k])

    def to_csr(self) -> Any:
        """Return a scipy CSR matrix of shape (n_samples, n_reference); distances of 0 are stored, not left out.

        Rows hold their neighbours nearest first, so column indices are not sorted, as in the reference. The matrix
        is a copy: sorting it in place leaves the graph as it is.
        """
        from scipy.sparse import csr_matrix

        starts = np.arange(len(self) + 1, dtype=np.int64) * self.k
        shape = (len(self), self.n_reference)
        return csr_matrix((self.distances.flatten(), self.indices.flatten(), starts), shape=shape)

    @classmethod
    def from_csr(cls, matrix: Any, *, metric: str = "unknown") -> Self:
        """Return the graph that a sparse matrix of distances holds; see `graph_from_csr`."""
        distances, indices = graph_from_csr(matrix)
        return cls(distances, indices, metric, n_reference=len(indices))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph to a ``.npz`` file, in one step: whoever reads finds all of it or nothing."""
        about = {
            "format": FORMAT,
            "metric": self.metric,
            "n_reference": self.n_reference,
            "method": self.method,
            "recall": self.recall,
            "fingerprint": self.fingerprint,
            "is_query": self.is_query,
        }
        arrays: dict[str, Any] = {"distances": self.distances, "indices": self.indices}
        if self.scaling is not None:
            arrays |= {"center": self.scaling.center, "scale": self.scaling.scale}
        path = Path(path)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                np.savez(file, about=json.dumps(about), **arrays)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a graph that `save` wrote. Nothing is unpickled.

        Raises
        ------
        ValueError
            If the file holds no graph, or one of a later format.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            about = json.loads(str(arrays.pop("about")))
            if about.pop("format") <= FORMAT:
                scaling = Scaling(arrays["center"], arrays["scale"]) if "center" in arrays else None
                return cls(arrays["distances"], arrays["indices"], scaling=scaling, **about)
        except FileNotFoundError:
            raise
        except (KeyError, ValueError, TypeError, OSError, EOFError, AttributeError, BadZipFile) as error:
            raise ValueError(sentence("path", "name a graph written by KNNGraph.save", repr(str(path)))) from error
        raise ValueError(sentence("path", f"hold a graph of format {FORMAT} or lower", fix="Update fastcl."))


def _check_arrays(distances: Any, indices: Any) -> None:
    """Raise unless the two arrays can be those of a graph: kernels rely on it."""
    if not all(isinstance(array, np.ndarray) for array in (distances, indices)):
        raise TypeError(sentence("distances", "be an array, and `indices` too", type(distances).__name__))
    if distances.dtype not in (np.float32, np.float64) or indices.dtype.kind not in "iu":
        rule = "be float32 or float64, and `indices` integers"
        raise TypeError(sentence("distances", rule, f"{distances.dtype} and {indices.dtype}"))
    if distances.ndim != 2 or distances.shape != indices.shape or 0 in distances.shape:
        rule = "have shape (n_samples, n_neighbors), as `indices`"
        raise ValueError(sentence("distances", rule, f"shapes {distances.shape} and {indices.shape}"))


def _wanted_columns(columns: Any) -> int:
    """Return the k of ``[:, :k]``; nothing else is a graph."""
    match columns:
        case (slice(start=None, stop=None, step=None), slice(start=None | 0, stop=Integral() as k, step=None | 1)):
            if not isinstance(k, bool):
                return int(k)
    raise TypeError(sentence("graph[...]", "be graph[:, :k], the k nearest neighbours of every row"))


def as_knn_graph(
    graph: Any, *, n_samples: int | None = None, n_neighbors: int | None = None, name: str = "graph"
) -> KNNGraph:
    """Return a `KNNGraph`, or a sparse matrix that holds one, as a graph of `n_neighbors` neighbours (None: all).

    Raises
    ------
    TypeError
        If `graph` is neither a `KNNGraph` nor a scipy sparse matrix.
    ValueError
        If it has other than `n_samples` rows or fewer than `n_neighbors` neighbours, or names rows that do not exist.
    """
    if not isinstance(graph, KNNGraph):
        distances, indices = graph_from_csr(graph, name)
        graph = KNNGraph(distances, indices, "unknown", n_reference=len(indices))
    if n_samples is not None and len(graph) != n_samples:
        fix = "This graph was made for other data."
        raise ValueError(sentence(name, f"have {n_samples:,} rows, as the data", f"{len(graph):,}", fix))
    if graph.indices.min() < 0 or graph.indices.max() >= graph.n_reference:
        got = f"{graph.indices.min():,} to {graph.indices.max():,}"
        raise ValueError(sentence(name, f"name neighbours in [0, {graph.n_reference:,})", got))
    if not np.isfinite(graph.distances).all():
        raise ValueError(sentence(name, "hold finite distances", "NaN or infinity"))
    if n_neighbors is None or n_neighbors == graph.k:
        return graph
    if n_neighbors > graph.k:
        fix = f"Build it with n_neighbors={n_neighbors}."
        raise ValueError(sentence(name, f"have at least {n_neighbors} neighbours a row", str(graph.k), fix))
    return graph[:, :n_neighbors]


def graph_of_itself(
    graph: Any, *, n_samples: int | None = None, n_neighbors: int | None = None, name: str = "graph"
) -> KNNGraph:
    """Return `as_knn_graph`, or raise ValueError if neighbours are not rows of the same data."""
    graph = as_knn_graph(graph, n_samples=n_samples, n_neighbors=n_neighbors, name=name)
    if not graph.is_of_itself:
        got = f"neighbours among {graph.n_reference:,} rows of other data"
        raise ValueError(sentence(name, f"be one of {len(graph):,} rows among themselves", got))
    return graph
