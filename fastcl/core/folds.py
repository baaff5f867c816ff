"""The segmented fold: the scores of a row's classes, a sentence's tokens or an image's pixels become one.

==============================  ==============================================================================
`min`                           the lowest value
`mean`                          their mean
`softmin`                       sum of w v / sum of w, with w = exp((lowest - v) / temperature): from `min`
                                (temperature 0) to `mean` (infinite)
`exponential_moving_average`    E over the values in descending order: E = alpha v + (1 - alpha) E, starting with
                                the largest; from the largest value (alpha 0) to `min` (1); None: 2 / (K + 1)
==============================  ==============================================================================

(Thyagarajan et al., "Identifying incorrect annotations in multi-label classification data", arXiv:2211.13895; Wang and
Mueller, "Detecting label errors in token classification data", arXiv:2210.03920.) Values are finite. Each segment is
folded by itself and in one order, so the bits depend neither on blocks, threads nor on whether segments are rows of a
matrix or lie end to end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number, check_option, sentence
from fastcl.core.jit import kernel
from fastcl.core.matrices import ForEach, in_order

#: The methods, and the option that each takes.
OPTIONS = {"min": (), "mean": (), "softmin": ("temperature",), "exponential_moving_average": ("alpha",)}

#: Values folded at a time: parts small enough to share among threads, large enough to be worth handing out.
VALUES_AT_A_TIME = 1 << 17

#: Temperatures above 0 below which `softmin` no longer changes, as in the reference.
MIN_TEMPERATURE = 1e-6

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Fold:
    """How to fold: one of `OPTIONS`, with its option.

    Raises
    ------
    TypeError, ValueError
        If there is no such method, `temperature` is no number of at least 0, or `alpha` none in [0, 1].

    Examples
    --------
    >>> Fold("softmin", temperature=0.1)(np.array([[0.9, 0.2], [0.5, 0.5]])).round(3)
    array([0.201, 0.5  ])
    >>> Fold("min")(np.array([0.9, 0.2, 0.5]), np.array([0, 2, 3, 3]))
    array([0.2, 0.5, nan])
    """

    method: str
    temperature: float = 0.1
    alpha: float | None = None

    def __post_init__(self) -> None:
        check_option("method", self.method, OPTIONS)
        check_number("temperature", self.temperature, 0)
        if self.alpha is not None:
            check_number("alpha", self.alpha, 0, 1)

    @classmethod
    def of_options(cls, options: Mapping[str, Any], name: str) -> Fold:
        """Return the fold that a dict asks for; TypeError or ValueError, some in the words of parameter `name`."""
        check_option(f"{name}['method']", options.get("method"), OPTIONS)
        known = OPTIONS[options["method"]]
        if unknown := [key for key in options if key not in ("method", *known)]:
            rule = f"hold 'method' and, for {options['method']!r}, " + (f"{known[0]!r}" if known else "nothing else")
            raise ValueError(sentence(name, rule, ", ".join(map(repr, unknown))))
        return cls(**options)

    def __call__(
        self,
        values: Floats,
        offsets: npt.NDArray[np.int64] | None = None,
        *,
        empty: float = math.nan,
        for_each: ForEach = in_order,
    ) -> Floats:
        """Fold every segment.

        Parameters
        ----------
        values : float array of shape (n_segments, n_values); or, with `offsets`, of shape (n_values,)
        offsets : int64 array of shape (n_segments + 1,), ascending: where segments start, and the last one ends
        empty : what segments without values become; what nobody has scored is not known to be good or bad
        for_each : called with the parts of the work and what to do with each, to share them among threads

        Returns
        -------
        ndarray of shape (n_segments,)
            float32 if `values` are, else float64.
        """
        dtype = np.dtype(np.float32 if values.dtype == np.float32 else np.float64)
        folded = np.full(len(values) if offsets is None else offsets.size - 1, empty, dtype)

        def fold_part(part: slice) -> None:
            block, within = _block(values, offsets, part, dtype)
            if self.method == "exponential_moving_average":
                block = _sorted(block, within)
            self._fold(block.reshape(-1), within, folded[part])

        for_each(_equal_parts(values) if offsets is None else _parts(offsets), fold_part)
        return folded

    def _fold(self, values: Floats, offsets: npt.NDArray[np.int64], folded: Floats) -> None:
        """Fold segments that lie end to end; those without values are left as they are."""
        if self.method == "mean":
            write_means(values, offsets, folded)
        elif self.method == "min" or (self.method == "softmin" and self.temperature == 0):
            write_minima(values, offsets, folded)
        elif self.method == "softmin":
            write_softmin(values, offsets, float(max(self.temperature, MIN_TEMPERATURE)), folded)
        else:
            write_averages(values, offsets, -1.0 if self.alpha is None else float(self.alpha), folded)


def _block(
    values: Floats, offsets: npt.NDArray[np.int64] | None, part: slice, dtype: np.dtype[Any]
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return some segments in C order, and where each starts among them."""
    if offsets is None:
        block = np.ascontiguousarray(values[part], dtype)
        return block, np.arange(len(block) + 1) * block.shape[1]
    within = offsets[part.start : part.stop + 1]
    return np.ascontiguousarray(values[within[0] : within[-1]], dtype), within - within[0]


def _sorted(values: Floats, offsets: npt.NDArray[np.int64]) -> Floats:
    """Return each segment in ascending order: the rows of a matrix, or parts of an array.

    NumPy's sort takes as long as a network of exchanges over many rows at once where there are 20 values a row, half
    of it for 64; a heap of the values that matter took 4 times as long (one core).
    """
    if values.ndim == 2:
        return np.sort(values, axis=1)
    values = values.copy()
    for start, stop in pairwise(offsets.tolist()):
        values[start:stop].sort()
    return values


def _parts(offsets: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Cut segments into consecutive parts of about `VALUES_AT_A_TIME`."""
    starts = np.searchsorted(offsets[:-1], np.arange(offsets[0], offsets[-1], VALUES_AT_A_TIME))
    cuts = np.unique(np.append(starts, [0, offsets.size - 1]))
    return map(slice, cuts[:-1].tolist(), cuts[1:].tolist())


def _equal_parts(values: Floats) -> Iterator[slice]:
    """Cut the rows of a matrix into parts of about `VALUES_AT_A_TIME`."""
    size = max(1, VALUES_AT_A_TIME // max(1, math.prod(values.shape[1:])))
    return (slice(start, min(start + size, len(values))) for start in range(0, len(values), size))


@kernel
def write_minima(values, offsets, folded):
    """folded[i] = lowest value of segment i."""
    for i in range(folded.size):
        if offsets[i] < offsets[i + 1]:
            lowest = values[offsets[i]]
            for at in range(offsets[i] + 1, offsets[i + 1]):
                lowest = min(lowest, values[at])
            folded[i] = lowest


@kernel
def write_means(values, offsets, folded):
    """folded[i] = mean of segment i."""
    for i in range(folded.size):
        if offsets[i] < offsets[i + 1]:
            total = 0.0
            for at in range(offsets[i], offsets[i + 1]):
                total += values[at]
            folded[i] = total / (offsets[i + 1] - offsets[i])


@kernel
def write_softmin(values, offsets, temperature, folded):
    """folded[i] = sum of w v / sum of w over segment i, w = exp((lowest - v) / temperature)."""
    for i in range(folded.size):
        if offsets[i] < offsets[i + 1]:
            lowest = values[offsets[i]]
            for at in range(offsets[i] + 1, offsets[i + 1]):
                lowest = min(lowest, values[at])
            weights, weighted = 0.0, 0.0
            for at in range(offsets[i], offsets[i + 1]):
                weight = np.exp((lowest - np.float64(values[at])) / temperature)
                weights += weight
                weighted += weight * values[at]
            folded[i] = weighted / weights


@kernel
def write_averages(values, offsets, alpha, folded):
    """folded[i] = exponential moving average of segment i, ascending, from its end; alpha < 0 stands for none."""
    for i in range(folded.size):
        if offsets[i] < offsets[i + 1]:
            share = alpha if alpha >= 0 else 2.0 / (offsets[i + 1] - offsets[i] + 1)
            average = np.float64(values[offsets[i + 1] - 1])
            for at in range(offsets[i + 1] - 2, offsets[i] - 1, -1):
                average = share * values[at] + (1 - share) * average
            folded[i] = average
