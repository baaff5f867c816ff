"""What can be typed. Only the standard library: ``--help`` answers at once."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from fastcl import __version__

TASKS = ("classification", "regression", "multilabel")

#: What DATA may be, in words.
DATA_TYPES = ".csv, .tsv, .jsonl, .json, .parquet, .txt or .npy"

DESCRIPTION = """\
Run every check that the inputs allow: wrong labels, outliers, copies, leaks
between splits, bad texts and images, and more. The report goes to stdout; into
DIR go the report, flags and scores of every row (issues.csv, issues.parquet),
the ranked worklist of wrong labels with its manifest, and the audit itself, for
fastcl.Datalab.load.
"""

EXAMPLES = """\
examples:
  fastcl audit --demo
  fastcl audit data.csv --label y --pred-probs "p_*" --features "x_*"
  fastcl audit data.parquet --label y --features emb.npy --split split
  fastcl audit data.jsonl --task multilabel --label tags --pred-probs probs.npy
  fastcl audit data.csv --text body --checks repeated_text,pii
  fastcl audit labels.npy --pred-probs probs.npy --fail-on "label>2%"

exit code: 0 done, 1 more issues than a --fail-on allows, 2 not done
"""


class Limit(NamedTuple):
    """How many issues of a check are too many: a number of rows, or a share of them."""

    text: str
    check: str
    bound: Fraction
    is_share: bool
    includes_bound: bool

    def is_broken(self, n_issues: int, n_rows: int) -> bool:
        """Tell whether there are too many issues.

        Examples
        --------
        >>> parse_limit("label>2%").is_broken(20, 1000), parse_limit("label>=2%").is_broken(20, 1000)
        (False, True)
        """
        bound = self.bound * n_rows if self.is_share else self.bound
        return n_issues > bound or (self.includes_bound and n_issues == bound)


def parse_limit(text: str) -> Limit:
    """Read ``label>2%``, ``outlier>20``, or these with ``>=``."""
    match = re.fullmatch(r"\s*(\w+)\s*(>=?)\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"must be like 'label>2%' or 'outlier>20'; got {text!r}")
    check, sign, number, percent = match.groups()
    bound = Fraction(number) / (100 if percent else 1)
    if percent and bound > 1:
        raise argparse.ArgumentTypeError(f"must be a share of at most 100%; got {text!r}")
    return Limit(text.strip(), check, bound, bool(percent), sign == ">=")


def parse_names(text: str) -> list[str]:
    """Read a comma-separated list of names."""
    return [name.strip() for name in text.split(",")]


def parse_directory(text: str) -> Path:
    """Read the path of a directory."""
    if not text:
        raise argparse.ArgumentTypeError("must name a directory; got ''")
    return Path(text)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read what was typed, or leave with 2, saying why and what an unknown option is near to."""
    options, unknown = make_parser().parse_known_args(arguments)
    if unknown:
        known = [f"--{name.replace('_', '-')}" for name in vars(options).keys() - {"command", "data", "refuse"}]
        wrong = next((text for text in unknown if text.startswith("-")), "").partition("=")[0]
        near = get_close_matches(wrong, sorted(known), n=1)
        hint = f". Did you mean {near[0]}?" if near else ""
        options.refuse(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    return options


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; the result holds `command`, None if none was typed."""
    parser = argparse.ArgumentParser(prog="fastcl", description="Find what is wrong in data of any size.")
    parser.add_argument("--version", action="version", version=f"fastcl {__version__}")
    parser.set_defaults(refuse=parser.error)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_audit(commands)
    commands.add_parser("doctor", help="print versions, threads and cache directory")
    commands.add_parser("warmup", help="fill the compile cache, so that no later run has to compile")
    return parser


def _add_audit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    audit = commands.add_parser(
        "audit",
        help="run every check that a file allows: wrong labels, outliers, copies, ...",
        usage="fastcl audit DATA [--label COL] [--pred-probs FILE|COLS] [--features FILE|COLS]\n"
        "                    [--text COL] [--image COL] [--out DIR] [options]\n"
        "       fastcl audit --demo [--out DIR]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    audit.add_argument("data", metavar="DATA", nargs="?", help=f"{DATA_TYPES} file")
    audit.add_argument("--demo", action="store_true", help="find label errors among handwritten digits, with pictures")
    _add_inputs(audit.add_argument_group("what to read"))
    _add_search(audit.add_argument_group("what to look for"))
    _add_labels(audit.add_argument_group("which labels are wrong"))
    _add_outputs(audit.add_argument_group("what to show"))
    audit.set_defaults(refuse=audit.error)


def _add_inputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--label", metavar="COL", help="column of the given labels (none for a plain .npy array)")
    group.add_argument(
        "--pred-probs",
        metavar="FILE|COLS",
        help="out-of-sample predicted probabilities: a file of numbers of one of these types, or columns of DATA, one "
        "a class (names, comma separated, or patterns like 'p_*') or one of lists; columns are matched to labels by "
        "name, less what all of them begin or end with. For --task regression one column of predictions",
    )
    group.add_argument(
        "--classes", metavar="A,B,C", type=parse_names, help="what the probabilities stand for, in order"
    )
    group.add_argument("--features", metavar="FILE|COLS", help="embeddings or other numbers, given likewise")
    group.add_argument("--text", metavar="COL", help="column of texts")
    group.add_argument("--image", metavar="COL", help="column of paths of images, which start where DATA is")
    group.add_argument("--split", metavar="COL", help="column that says train, test, ...")
    group.add_argument(
        "--task", choices=TASKS, default=TASKS[0], help="what a label is: a class (default), a number, a set of classes"
    )


def _add_search(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--checks", metavar="A,B,C", type=parse_names, help="checks to run (default: all that the inputs allow)"
    )
    group.add_argument("--jobs", metavar="N", type=int, help="threads (default: all usable CPUs)")


def _add_labels(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--filter-by",
        metavar="RULE",
        help="what makes an issue: prune_by_noise_rate (default), prune_by_class, both, confident_learning, "
        "predicted_neq_given, low_normalized_margin or low_self_confidence",
    )
    group.add_argument(
        "--rank-by",
        metavar="SCORE",
        help="score, low is bad: self_confidence (default), normalized_margin or confidence_weighted_entropy",
    )
    group.add_argument("--frac-noise", metavar="X", type=float, help="share of the issues to find (1.0)")
    group.add_argument(
        "--min-examples", metavar="N", type=int, help="classes of no more rows are left alone (10; multilabel: 1)"
    )


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out", metavar="DIR", type=parse_directory, help="where files go (fastcl-audit; fastcl-demo for --demo)"
    )
    group.add_argument("--top", metavar="N", type=int, default=5, help="rows to show of each check, worst first (5)")
    group.add_argument("--verbosity", type=int, choices=range(5), default=1, help="how much the report says (1)")
    group.add_argument(
        "--fail-on",
        metavar="LIMIT",
        type=parse_limit,
        action="append",
        default=[],
        help="exit with 1 if 'label>2%%' or 'outlier>20'; may be given several times",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="show warnings and errors only")
