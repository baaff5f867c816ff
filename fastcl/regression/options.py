"""Options of a search for wrong targets, checked."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastcl.core.errors import check_number, sentence
from fastcl.core.targets import as_targets
from fastcl.regression.splits import Floats

#: The shares of wrong targets that are tried first.
COARSE = (0.01, 0.05, 0.1, 0.15, 0.2)


def as_shares(shares: Any) -> list[float]:
    """Return the shares to try first, at least one."""
    if isinstance(shares, str) or not isinstance(shares, Iterable):
        raise TypeError(sentence("coarse_search_range", "be a sequence of numbers", repr(shares)))
    shares = list(shares)
    if not shares:
        raise ValueError(sentence("coarse_search_range", "hold at least one share", "none"))
    for share in shares:
        check_number("coarse_search_range", share, 0, 1)
    return [float(share) for share in shares]


def as_uncertainty(uncertainty: Any, n_samples: int) -> Floats | float:
    """Return an uncertainty of each prediction, or one of all."""
    if np.ndim(uncertainty) == 0:
        check_number("uncertainty", uncertainty, 0, sys.float_info.max)
        return float(uncertainty)
    values = as_column("uncertainty", uncertainty, n_samples)
    if (values < 0).any():
        row = int((values < 0).argmax())
        raise ValueError(sentence("uncertainty", "be at least 0", f"{values[row]} in row {row:,}"))
    return values


def as_column(name: str, values: Any, n_samples: int) -> Floats:
    """Return one number a row."""
    column = as_targets(name, values)
    if len(column) != n_samples:
        raise ValueError(sentence(name, "hold one number a row", f"{len(column):,} for {n_samples:,} rows"))
    return column
