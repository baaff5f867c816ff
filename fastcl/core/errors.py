"""The one grammar of error sentences: parameter, rule, what came, how to fix it."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Collection
from numbers import Integral, Real
from pathlib import Path
from typing import Any

#: Letters of what came that a sentence shows.
LONGEST = 300

_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep


def sentence(name: str, rule: str, got: str = "", fix: str = "") -> str:
    """Return "`name` must rule; got what. Fix." with the empty parts left out.

    Examples
    --------
    >>> sentence("pred_probs", "have shape (n_samples, n_classes)", "shape (10,)")
    '`pred_probs` must have shape (n_samples, n_classes); got shape (10,).'
    """
    text = f"`{name}` must {rule}"
    if got:
        text += f"; got {_short(got)}"
    return f"{text}. {fix}".rstrip() if fix else f"{text}."


def _short(got: str) -> str:
    """Return what came in one line that can be read: an array may be printed over many."""
    line = " ".join(got.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def check_option(name: str, value: Any, options: Collection[str]) -> None:
    """Raise ValueError unless `value` is one of `options`.

    Examples
    --------
    >>> check_option("method", "margin", ["self_confidence", "normalized_margin"])
    Traceback (most recent call last):
    ...
    ValueError: `method` must be one of 'self_confidence', 'normalized_margin'; got 'margin'.
    """
    if not isinstance(value, str) or value not in options:
        allowed = ", ".join(repr(option) for option in options)
        raise ValueError(sentence(name, f"be one of {allowed}", repr(value)))


def check_number(name: str, value: Any, low: float, high: float = math.inf, *, whole: bool = False) -> None:
    """Raise TypeError unless `value` is a number, or a whole one, and ValueError unless it lies in [low, high].

    Examples
    --------
    >>> check_number("top", -1, 0, whole=True)
    Traceback (most recent call last):
    ...
    ValueError: `top` must be at least 0; got -1.
    """
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        raise TypeError(sentence(name, "be a whole number" if whole else "be a number", repr(value)))
    if not low <= value <= high:  # type: ignore[operator]  # float() fails on large integers
        rule = f"be at least {low}" if high == math.inf else f"lie in [{low}, {high}]"
        raise ValueError(sentence(name, rule, f"{value}"))


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn as if from the line of the user's code that called fastcl."""
    level, frame = 2, sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1  # type: ignore[assignment]
    warnings.warn(message, category, stacklevel=level)
