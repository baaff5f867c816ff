"""What the command line says, and to whom."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

#: What the parameters of the library are called on the command line.
OPTIONS = {
    "`data`": "DATA",
    "`labels`": "--label",
    "`pred_probs`": "--pred-probs",
    "`class_names`": "--classes",
    "`filter_by`": "--filter-by",
    "`rank_by`": "--rank-by",
    "`frac_noise`": "--frac-noise",
    "`min_examples_per_class`": "--min-examples",
    "`n_jobs`": "--jobs",
    "be None, -1 or a positive integer": "be at least 1, or -1 for all usable CPUs",
    "`out`": "--out",
    "`features`": "--features",
    "`text`": "--text",
    "`image`": "--image",
    "`split`": "--split",
    "`issue_types`": "--checks",
    "for task=": "of --task ",
    "`fail_on`": "--fail-on",
    "`top`": "--top",
    "`path`": "--out",
    " See `lab.failed`.": "",
}


def data(text: str) -> None:
    """Write to stdout."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Write words to stderr."""
    _write(sys.stderr, text)


def error(text: str) -> None:
    """Write an error sentence to stderr."""
    note(f"fastcl: error: {text}")


def describe(error: BaseException) -> str:
    """Return an error as one sentence in the terms of the command line."""
    if isinstance(error, MemoryError):
        return f"not enough memory. {error}".strip()
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename!r}."
    return in_terms_of_options(" ".join(str(error).split()) or type(error).__name__)


def in_terms_of_options(text: str) -> str:
    """Return a sentence of the library with its parameters called as on the command line.

    Examples
    --------
    >>> in_terms_of_options("`frac_noise` must lie in [0, 1]; got 2.0.")
    '--frac-noise must lie in [0, 1]; got 2.0.'
    """
    for parameter, option in OPTIONS.items():
        text = text.replace(parameter, option)
    return text


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Show warnings meant for users as one line each."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        note(f"fastcl: warning: {in_terms_of_options(' '.join(str(message).split()))}")

    with warnings.catch_warnings():
        # within catch_warnings, and in the program's own process: no caller's filters are touched
        warnings.filterwarnings("always", category=UserWarning)
        warnings.showwarning = show
        yield


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Clean up after SIGTERM as after Ctrl-C."""

    def interrupt(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def printable(stream: TextIO, text: str) -> str:
    """Return `text` with what the stream cannot encode written as escapes."""
    encoding = stream.encoding or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(printable(stream, text) + "\n")
        stream.flush()
    except BrokenPipeError:  # the reader, `head` say, has seen enough; Python would complain again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
