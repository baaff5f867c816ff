"""How long texts usually are, and where what is unusual begins."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcl.datalab.evidence import Evidence
from fastcl.datalab.texts.reading import text_sizes

#: Tukey's factor for what is "far out", and the highest that makes sense: powers of it are taken.
FAR_OUT, MOST_FENCE = 3.0, 10

#: Beyond so many times the quartiles a length may be unusual at all: where nearly all texts have one length, the fences
#: alone would be as narrow as that.
LEAST_RATIO = 2.0


class LengthRange(NamedTuple):
    """The lengths that are usual, in characters."""

    low: float
    high: float


def usual_lengths(lengths: npt.NDArray[np.floating[Any]], fence: float) -> LengthRange:
    """Return the range outside of which lengths are unusual; NaN is no length.

    These are Tukey's fences on the logarithms of lengths: with Q1 and Q3 the quartiles, the range is from Q1 / r to
    Q3 * r, where r is (Q3 / Q1)**fence, but at least 2.

    Examples
    --------
    >>> usual_lengths(np.array([20.0, 40, 40, 80, 80, 160]), 2.0)
    LengthRange(low=10.0, high=320.0)
    """
    known = lengths[~np.isnan(lengths)]
    if not known.size:
        return LengthRange(1.0, 1.0)
    first, third = np.quantile(known, [0.25, 0.75]).tolist()
    ratio = max(LEAST_RATIO, (third / first) ** fence)
    return LengthRange(first / ratio, third * ratio)


def known_lengths(evidence: Evidence) -> npt.NDArray[np.float64]:
    """Return the characters of each text, NaN for an empty one."""
    sizes = text_sizes(evidence)
    return np.where(sizes.has_content, sizes.lengths, np.nan)


def limit_of(chosen: float | None, usual: float) -> float:
    """Return the limit that the user chose, else the usual one."""
    return usual if chosen is None else float(chosen)


def about_lengths(name: str, limit: float, lengths: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return what the report says of the limit."""
    median = np.median(lengths[~np.isnan(lengths)]) if not np.isnan(lengths).all() else np.nan
    return {name: limit, "median_characters": float(median)}


def sizes_column(evidence: Evidence) -> dict[str, npt.NDArray[np.int64]]:
    """Return the lengths as a column beside flags and scores."""
    return {"n_characters": text_sizes(evidence).lengths}
