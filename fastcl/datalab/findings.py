"""Is what a check returned a finding? A check may be anybody's code, and what it returns is kept and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.datalab.check import Finding


def as_finding(name: str, returned: Any, n_rows: int) -> Finding:
    """Return a finding whose parts are of the kinds that `Finding` promises, or raise.

    Raises
    ------
    TypeError
        If a part is of another kind.
    ValueError
        If flags, scores or columns are not of `n_rows` values, there are flags without scores, or the summary is
        outside [0, 1].
    """
    what = f"finding of {name!r}"
    if not isinstance(returned, Finding):
        raise TypeError(sentence(what, "be a Finding", type(returned).__name__))
    for part in ("info", "columns"):
        if not isinstance(getattr(returned, part), Mapping):
            raise TypeError(sentence(what, f"have {part} that is a dict", type(getattr(returned, part)).__name__))
    if (returned.is_issue is None) != (returned.scores is None):
        raise ValueError(sentence(what, "have flags and scores, or neither"))
    for column, values in returned.columns.items():
        _check_column(what, column, values, n_rows)
    _check_summary(what, returned.summary)
    notes = (returned.notes,) if isinstance(returned.notes, str) else tuple(map(str, returned.notes))
    sealed = replace(returned, info=_sealed(dict(returned.info)), columns=_sealed(dict(returned.columns)))
    if returned.is_issue is None:
        return replace(sealed, notes=notes)
    flags = _as_vector(what, "flags", returned.is_issue, "b", n_rows)
    scores = _as_vector(what, "scores", returned.scores, "biuf", n_rows)
    scores = scores if scores.dtype.kind == "f" else scores.astype(np.float64)
    low, high = np.fmin.reduce(scores), np.fmax.reduce(scores)  # of those that are no NaN
    if low < 0 or high > 1:
        got = f"{low} to {high}"
        raise ValueError(sentence(what, "have scores in [0, 1], NaN for rows that it cannot judge", got))
    return replace(sealed, is_issue=_sealed(flags), scores=_sealed(scores), notes=notes)


def _as_vector(what: str, part: str, values: Any, kinds: str, n_rows: int) -> npt.NDArray[Any]:
    vector = np.asarray(values)
    if vector.shape != (n_rows,):
        raise ValueError(sentence(what, f"have {part} of {n_rows:,} rows", f"shape {vector.shape}"))
    if vector.dtype.kind not in kinds:
        kind = "booleans" if kinds == "b" else "numbers"
        raise TypeError(sentence(what, f"have {part} that are {kind}", f"dtype {vector.dtype}"))
    return vector


def _check_column(what: str, column: Any, values: Any, n_rows: int) -> None:
    if not hasattr(values, "__len__") or len(values) != n_rows or getattr(values, "ndim", 1) != 1:
        got = f"shape {np.shape(values)}" if isinstance(values, np.ndarray) else _size(values)
        raise ValueError(sentence(what, f"have columns of {n_rows:,} values", f"{got} in {column!r}"))


def _size(values: Any) -> str:
    return f"{len(values):,} values" if hasattr(values, "__len__") else type(values).__name__


def _check_summary(what: str, summary: Any) -> None:
    if summary is None:
        return
    if isinstance(summary, bool) or not isinstance(summary, (int, float, np.number)):
        raise TypeError(sentence(what, "have a summary that is a number", type(summary).__name__))
    if not 0 <= summary <= 1:
        raise ValueError(sentence(what, "have a summary in [0, 1]", f"{summary}"))


def _sealed(value: Any) -> Any:
    """Return arrays, also those within dicts, as views that cannot be written to: the lab answers from them again."""
    if isinstance(value, dict):
        return {key: _sealed(one) for key, one in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view
