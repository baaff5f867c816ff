"""What a check is: what it needs, what it finds, and how it explains itself.

A check is a function. It is handed the `Evidence` and its options, returns a `Finding`, and `check` puts it into the
registry with what it needs:

>>> import numpy as np
>>> from fastcl.datalab import Finding, check
>>> @check("unlucky", tasks=("classification",))
... def unlucky(evidence, *, number=13):
...     '''Rows that superstition would leave out.'''
...     rows = np.arange(evidence.n_rows)
...     return Finding(rows == number, np.where(rows == number, 0.0, 1.0))

From then on ``lab.find_issues(issue_types={"unlucky": {"number": 4}})`` runs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_option, sentence, warn
from fastcl.datalab.limits import OF_NEIGHBORS, Limit

if TYPE_CHECKING:
    from fastcl.datalab.evidence import Evidence

TASKS = ("classification", "regression", "multilabel")

#: What a check may need; see `Evidence`.
NEEDS = ("labels", "pred_probs", "features", "graph", "split", "text", "images", "columns")

#: The report shows everything in `info` from this verbosity on.
SHOW_ALL = 4


@dataclass(frozen=True, eq=False)
class Finding:
    """What a check has found.

    Parameters
    ----------
    is_issue : bool of shape (n_samples,), or None
        Which rows are issues. None, with `scores`, for a check that judges the data as a whole and no rows.
    scores : floats of shape (n_samples,), or None
        Quality of each row in [0, 1], low is bad; NaN for rows that the check cannot judge.
    summary : float, optional
        Quality of the data as a whole in [0, 1]; by default the mean of the scores.
    info : mapping
        Whatever else is worth knowing, by name: numbers, strings, arrays, lists, dicts and tables.
    columns : mapping of names to arrays of n_samples values
        Shown beside flags and scores by ``get_issues(name)``.
    notes : sequence of strings
        Sentences for the report.
    in_summary : bool
        False keeps it out of the summary and the report: what is true of most rows is no issue of some.
    """

    is_issue: npt.NDArray[np.bool_] | None = None
    scores: npt.NDArray[np.floating[Any]] | None = None
    summary: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    in_summary: bool = True

    @property
    def num_issues(self) -> int:
        """Number of rows that are issues."""
        return 0 if self.is_issue is None else int(np.count_nonzero(self.is_issue))

    @property
    def score(self) -> float:
        """Quality of the data as a whole; NaN where nothing was judged."""
        if self.summary is not None:
            return float(self.summary)
        if self.scores is None or not (judged := ~np.isnan(self.scores)).any():
            return float("nan")
        return float(self.scores.mean() if judged.all() else self.scores[judged].mean())


@dataclass(frozen=True)
class Check:
    """A check as it is registered; made by `check`.

    Attributes
    ----------
    name : what its issues are called
    find : the function that finds them
    needs : alternatives, each a set of names in `NEEDS`: the check can run if one of them is all there
    tasks : the tasks it is for
    default : whether it runs without being asked for
    shows : the verbosity from which on the report shows entries of `info`
    spares : options that, given, spare a need
    limits : what raises, by option, unless a value is one that it can work with
    """

    name: str
    find: Callable[..., Finding]
    needs: tuple[frozenset[str], ...]
    tasks: tuple[str, ...]
    default: bool
    shows: Mapping[str, int]
    spares: Mapping[str, str]
    limits: Mapping[str, Limit] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether it came with fastcl."""
        return str(self.find.__module__).startswith("fastcl.")

    @property
    def description(self) -> str:
        """What the report says of it: the docstring of its function."""
        return inspect.getdoc(self.find) or ""

    @property
    def options(self) -> dict[str, Any]:
        """Names and defaults of its options."""
        parameters = list(inspect.signature(self.find).parameters.values())[1:]
        return {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}

    def accepts(self, option: str) -> bool:
        """Tell whether there is such an option."""
        parameters = inspect.signature(self.find).parameters.values()
        return option in self.options or any(p.kind is p.VAR_KEYWORD for p in parameters)

    def can_run(self, available: Iterable[str], options: Iterable[str] = ()) -> bool:
        """Tell whether what it needs is available, or spared by options."""
        there = set(available) | {self.spares[option] for option in options if option in self.spares}
        return any(alternative <= there for alternative in self.needs)

    def check_options(self, options: Mapping[str, Any], evidence: Evidence) -> None:
        """Raise if an option is not known, naming the nearest one, or has a value beyond its limit."""
        for option in options:
            if not self.accepts(option):
                raise ValueError(
                    sentence(
                        f"issue_types[{self.name!r}]", "hold options of the check", repr(option), self._advice(option)
                    )
                )
        if self.can_run(evidence.available, options):  # if not, that is what is to be said
            for option, value in options.items():
                if option in self.limits:
                    self.limits[option](f"issue_types[{self.name!r}][{option!r}]", value, evidence)

    def _advice(self, option: str) -> str:
        if near := get_close_matches(str(option), self.options, n=1):
            return f"Did you mean {near[0]!r}?"
        return f"It has {', '.join(map(repr, self.options))}." if self.options else "It has none."


#: All checks by task and name, in the order in which an audit runs them.
CHECKS: dict[str, dict[str, Check]] = {task: {} for task in TASKS}


def check(
    name: str,
    *,
    needs: str | tuple[str, ...] = "",
    tasks: tuple[str, ...] = TASKS,
    default: bool = False,
    shows: Mapping[str, int] | None = None,
    spares: Mapping[str, str] | None = None,
    limits: Mapping[str, Limit] | None = None,
) -> Callable[[Callable[..., Finding]], Callable[..., Finding]]:
    """Register a function as a check.

    Parameters
    ----------
    name : str
        What its issues are called: the columns are ``is_<name>_issue`` and ``<name>_score``. A check of the same name
        and task is replaced.
    needs : str or tuple of str
        What must be given for it to run, words of "labels", "pred_probs", "features", "graph", "split", "text",
        "images", "columns"; or alternatives of these. "graph" is there with features as well.
    tasks : tuple of str
        Of "classification", "regression", "multilabel".
    default : bool
        Whether `Datalab.find_issues` runs it without being asked, if what it needs is there.
    shows : mapping of str to int, optional
        The verbosity (0 to 4) from which on the report shows an entry of the finding's `info`; 4 shows all.
    spares : mapping of str to str, optional
        Options that stand for a need: given, the check can run without it.
    limits : mapping of str to callable, optional
        For options, what raises unless a value is possible: before any check runs, it is called with the name of the
        option, its value and the `Evidence`. `fastcl.datalab.limits` makes the usual ones: ``number(0, 1)``,
        ``whole(1)``, ``one_of([...])``. A check that needs "graph" has those of `k` and `metric`.

    Returns
    -------
    decorator
        It returns the function unchanged. The function takes the `Evidence`, and its options by keyword, and returns a
        `Finding`; its docstring explains the check in the report.

    Raises
    ------
    ValueError
        If a task, a need or an option with a limit is unknown, or the name is none for a column.

    Examples
    --------
    >>> import numpy as np
    >>> @check("late", needs="columns")
    ... def late(evidence, *, column="date", after="2020"):
    ...     '''Rows after a date.'''
    ...     is_late = np.asarray(evidence.table.column(column)) > after
    ...     return Finding(is_late, 1.0 - is_late)
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(sentence("name", "be a word of letters, digits and underscores", repr(name)))
    if not isinstance(needs, (str, tuple)) or not all(isinstance(words, str) for words in needs):
        raise TypeError(sentence("needs", "be words, or a tuple of alternatives", repr(needs)))
    if not isinstance(shows or {}, Mapping):
        raise TypeError(sentence("shows", "be a dict of entries of info to verbosities", repr(shows)))
    for task in tasks:
        check_option("tasks", task, TASKS)
    alternatives = tuple(frozenset(words.split()) for words in ((needs,) if isinstance(needs, str) else needs))
    for word in frozenset[str]().union(*alternatives):
        check_option("needs", word, NEEDS)

    def register(find: Callable[..., Finding]) -> Callable[..., Finding]:
        known = (OF_NEIGHBORS if "graph" in frozenset[str]().union(*alternatives) else {}) | dict(limits or {})
        made = Check(name, find, alternatives, tuple(tasks), default, dict(shows or {}), dict(spares or {}), known)
        for option in limits or {}:
            check_option("limits", option, made.options)
        for task in tasks:
            _tell_if_replaced(CHECKS[task].get(name), made)
            CHECKS[task][name] = made
        return find

    return register


def _tell_if_replaced(old: Check | None, new: Check) -> None:
    """Warn if a check of fastcl's own is replaced by another."""
    if old is not None and old.is_own and not new.is_own:
        only = "" if new.default else ", which runs on request only"
        warn(f"The check {new.name!r} of fastcl is replaced by yours{only}.")
