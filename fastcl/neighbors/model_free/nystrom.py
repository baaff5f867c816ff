"""A few hundred features in which a linear model is nearly a kernel method: the Nystrom map of a Gaussian kernel.

With landmarks L and ``k(x, l) = exp(-|x - l|^2 / (2 width^2))``, a row x becomes ``k(x, L) k(L, L)^{-1/2}``: inner
products of such features are the kernel, exactly between landmarks and nearly elsewhere.

Williams and Seeger, "Using the Nystroem method to speed up kernel machines", NIPS 2000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastcl.engine.blas import eigenvectors, multiply

#: Directions of k(L, L) with less than this share of the largest eigenvalue are rounding: they are left out.
SMALLEST_EIGENVALUE = 1e-6

#: Below it squares lose digits, and their reciprocals leave the range of floats.
SMALLEST_SQUARE = 1e-300

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class NystromMap:
    """The map of given landmarks.

    Parameters
    ----------
    landmarks : floats of shape (n_landmarks, n_features)
    width : distance at which the kernel is exp(-1/2)
    whitening : floats of shape (n_landmarks, n_outputs), k(L, L)^{-1/2} without the directions that are rounding

    Examples
    --------
    >>> rows = np.array([[0.0], [1.0], [3.0]])
    >>> outputs = NystromMap.of(rows, 2.0).apply(rows)
    >>> bool(np.allclose(outputs @ outputs.T, gaussian_kernel(rows, rows, 2.0)))
    True
    """

    landmarks: Floats
    width: float
    whitening: Floats

    @classmethod
    def of(cls, landmarks: npt.NDArray[np.float64], width: float) -> Self:
        """Return the map of landmarks, which may contain duplicates."""
        eigenvalues, vectors = eigenvectors(gaussian_kernel(landmarks, landmarks, width))
        kept = eigenvalues > SMALLEST_EIGENVALUE * eigenvalues[-1]
        return cls(landmarks, width, vectors[:, kept] / np.sqrt(eigenvalues[kept]))

    def astype(self, dtype: npt.DTypeLike) -> NystromMap:
        """Return the map that works in `dtype`."""
        return NystromMap(self.landmarks.astype(dtype), self.width, self.whitening.astype(dtype))

    @property
    def n_outputs(self) -> int:
        """Number of features that come out."""
        return int(self.whitening.shape[1])

    def apply(self, rows: Floats) -> Floats:
        """Return the features of some rows, which have the dtype of the map."""
        outputs: Floats = multiply(gaussian_kernel(rows, self.landmarks, self.width), self.whitening)
        return outputs


def gaussian_kernel(rows: Floats, landmarks: Floats, width: float) -> Floats:
    """Return exp(-|x - l|^2 / (2 width^2)) for every row x and landmark l."""
    kernel = _squared_distances(rows, landmarks)
    kernel *= -0.5 / width**2
    np.exp(kernel, out=kernel)
    return kernel


def median_distance(rows: Floats) -> float:
    """Return the median distance between different rows; 1 if there are no two.

    Examples
    --------
    >>> median_distance(np.array([[0.0], [0.0], [0.0], [3.0]]))
    3.0
    """
    squares = _squared_distances(rows, rows)[np.triu_indices(len(rows), 1)]
    rounding = np.finfo(rows.dtype).eps * rows.shape[1] * np.square(rows).sum(axis=1).max()
    apart = squares[squares > max(rounding, SMALLEST_SQUARE)]
    return float(np.sqrt(np.median(apart))) if apart.size else 1.0


def _squared_distances(x: Floats, y: Floats) -> Floats:
    squares = multiply(x, (-2 * y).T)
    squares += np.einsum("ij,ij->i", x, x)[:, None]
    squares += np.einsum("ij,ij->i", y, y)
    return np.maximum(squares, 0, out=squares)
