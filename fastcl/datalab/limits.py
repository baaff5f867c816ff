"""What the options of checks may be, so that nothing impossible is found out half-way through an audit."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from fastcl.core.errors import check_number, check_option
from fastcl.neighbors.metrics import check_metric

if TYPE_CHECKING:
    from fastcl.datalab.evidence import Evidence

#: Raises, by the name it is given, unless the value of an option is one that the check can work with.
Limit = Callable[[str, Any, "Evidence"], object]


def number(low: float = -math.inf, high: float = math.inf) -> Limit:
    """Return the limit of a number in [low, high].

    Examples
    --------
    >>> number(0, 1)("threshold", 5, None)
    Traceback (most recent call last):
    ...
    ValueError: `threshold` must lie in [0, 1]; got 5.
    """
    return lambda name, value, _: check_number(name, value, low, high)


def whole(low: int, high: float = math.inf) -> Limit:
    """Return the limit of a whole number in [low, high].

    Examples
    --------
    >>> whole(1)("k", 0, None)
    Traceback (most recent call last):
    ...
    ValueError: `k` must be at least 1; got 0.
    """
    return lambda name, value, _: check_number(name, value, low, high, whole=True)


def one_of(options: Collection[str]) -> Limit:
    """Return the limit of a word out of several.

    Examples
    --------
    >>> one_of(["words", "letters"])("normalize", "lines", None)
    Traceback (most recent call last):
    ...
    ValueError: `normalize` must be one of 'words', 'letters'; got 'lines'.
    """
    return lambda name, value, _: check_option(name, value, options)


#: A share of something.
SHARE = number(0, 1)

#: Of the options by which a check says which neighbours it looks at.
OF_NEIGHBORS: dict[str, Limit] = {"k": whole(1), "metric": lambda name, value, _: check_metric(value, name=name)}
