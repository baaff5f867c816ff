"""A progress bar for long runs: on a terminal, after two seconds, through tqdm; otherwise nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

Item = TypeVar("Item")

#: Seconds before a bar appears: short runs stay quiet.
PATIENCE = 2.0


def rows_of(piece: Any) -> int:
    """Return how many rows a piece or a slice has."""
    return int(piece.stop - piece.start)


class Progress:
    """Counts rows done; `wanted=False` never shows anything."""

    def __init__(self, task: str, n_rows: int | None, *, wanted: bool, unit: str = "rows") -> None:
        self._task, self._n_rows, self._unit = task, n_rows, unit
        self._wanted = wanted and sys.stderr is not None and sys.stderr.isatty()
        self._done = 0.0
        self._begun = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def over(self, items: Iterable[Item], n_rows: Callable[[Item], float] = rows_of) -> Iterator[Item]:
        """Hand on items, counting their rows as they are drawn; an item may be worth a part of a row."""
        for item in items:
            yield item
            self._advance(n_rows(item))

    def _advance(self, n_rows: float) -> None:
        self._done += n_rows
        if self._bar is None and self._wanted and time.monotonic() - self._begun > PATIENCE:
            self._bar = _open_bar(desc=self._task, total=self._n_rows, unit=f" {self._unit}", unit_scale=True)
        if self._bar is not None:
            self._bar.update(round(self._done) - self._bar.n)


def _open_bar(**options: Any) -> Any:
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # no thread that outlives the bar

    return Bar(**options)
