"""The command line: ``fastcl audit``, ``fastcl doctor``, ``fastcl warmup``.

Data goes to stdout, words to stderr. Exit codes: 0 done, 1 more issues than a ``--fail-on`` allows, 2 not done, and
why in one sentence. Nothing heavy is imported before the arguments are parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from fastcl.cli import words
from fastcl.cli.arguments import make_parser, parse

__all__ = ["main"]

DONE, NOT_DONE = 0, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows ``fastcl``; by default what the process was started with.

    Examples
    --------
    >>> main(["audit", "nowhere.csv", "--label", "y", "--pred-probs", "p_*"])
    2
    """
    options = parse(arguments)
    if options.command is None:
        make_parser().print_help()
        return DONE
    try:
        with words.warnings_in_one_line(), words.terminated_like_interrupted():
            run: Callable[..., int] = import_module(f"fastcl.cli.{options.command}").run
            return run(options)
    except KeyboardInterrupt:
        words.error("interrupted; no results were written.")
    except (ImportError, MemoryError, OSError, TypeError, ValueError) as error:
        words.error(words.describe(error))
    return NOT_DONE
