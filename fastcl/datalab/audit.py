"""Which checks run, with which options; running them; and what becomes of those that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from fastcl.core.errors import sentence, warn
from fastcl.datalab.check import CHECKS, NEEDS, Check, Finding
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.findings import as_finding
from fastcl.datalab.inputs import INPUTS, question_sums, refuse_no_numbers, refuse_no_probabilities
from fastcl.engine.progress import Progress

#: Checks of images may be asked for one by one, or under this name, as in the reference.
OF_IMAGES = "image_issue_types"

#: What users pass for what checks need.
CALLED = {
    "labels": "`label_name`",
    "pred_probs": "`pred_probs`",
    "features": "`features`",
    "graph": "`features` or `knn_graph`",
    "split": "`split`",
    "text": "`text_key`",
    "images": "`image_key`",
    "columns": "`data`",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Assignment:
    """A check that is to run, on what, and with which options."""

    check: Check
    evidence: Evidence
    options: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What was found, by the names of checks, and why others failed."""

    findings: dict[str, Finding]
    failed: dict[str, Exception]


def known_checks(task: str) -> dict[str, Check]:
    """Return the checks for a task, those of the user included, in the order in which an audit runs them."""
    import fastcl.datalab.checks  # noqa: F401  registers them

    return CHECKS[task]


def require_check(task: str, name: str, parameter: str = "issue_types") -> Check:
    """Return a check by its name, or raise ValueError with the nearest ones."""
    known = known_checks(task)
    if not isinstance(name, str):
        raise TypeError(sentence(parameter, "name a check", repr(name)))
    if name not in known:
        near = get_close_matches(str(name), known, n=1)
        fix = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(map(repr, known))}."
        raise ValueError(sentence(parameter, f"name checks for task={task!r}", repr(name), fix))
    return known[name]


def choose(evidence: Evidence, issue_types: Mapping[str, Any] | Sequence[str] | None) -> dict[str, Any]:
    """Return the checks to run with their options: those asked for, or else all that usually do and can.

    Raises
    ------
    TypeError, ValueError
        If what was asked for is no dict nor list, or a check is unknown.
    """
    if issue_types is None:
        known, available = known_checks(evidence.task), evidence.available
        return {name: {} for name, check in known.items() if check.default and check.can_run(available)}
    chosen = _as_mapping(issue_types)
    for name in chosen:
        require_check(evidence.task, name)
    return chosen


def assign(
    evidence: Evidence, chosen: Mapping[str, Any], adapt: Callable[[dict[str, Any]], Evidence]
) -> list[Assignment]:
    """Return who is to do what. `adapt` returns the evidence with inputs that were given to one check alone.

    Raises
    ------
    TypeError, ValueError
        If an option is unknown, or a graph cannot serve what is asked of it.
    """
    assignments = [_assign(evidence, name, options, adapt) for name, options in chosen.items()]
    _plan_graphs(assignments)
    return assignments


def _as_mapping(issue_types: Any) -> dict[str, Any]:
    """Return a copy of the checks asked for with their options; names alone have none."""
    if isinstance(issue_types, Mapping):
        chosen = dict(issue_types)
        of_images = chosen.pop(OF_IMAGES, None)
        return chosen if of_images is None else chosen | _as_mapping(of_images)
    if isinstance(issue_types, str) or not isinstance(issue_types, Iterable):
        rule = "be a dict of names to options, or a list of names"
        raise TypeError(sentence("issue_types", rule, repr(issue_types)))
    return {name: {} for name in issue_types}


def _assign(evidence: Evidence, name: str, options: Any, adapt: Callable[[dict[str, Any]], Evidence]) -> Assignment:
    check = require_check(evidence.task, name)
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(sentence(f"issue_types[{name!r}]", "be a dict of options", repr(options)))
    given = {option: value for option, value in (options or {}).items() if value is not None}
    own = {option: given.pop(option) for option in INPUTS if option in given and option not in check.options}
    looked_at = adapt(own) if own else evidence
    check.check_options(given, looked_at)
    return Assignment(check, looked_at, given)


def _plan_graphs(assignments: Iterable[Assignment]) -> None:
    """Tell the graphs what will be asked of them, before the first is built."""
    for one in assignments:
        if one.evidence.graphs and "k" in one.options and "graph" in frozenset().union(*one.check.needs):
            one.evidence.graphs.want(int(one.options["k"]), one.options.get("metric"))
        elif one.evidence.graphs and one.options.get("metric") is not None:
            one.evidence.graphs.want(1, one.options["metric"])


def refuse_bad_inputs(evidence: Evidence, assignments: list[Assignment]) -> None:
    """Raise if probabilities or features are none, before checks run that take long."""
    needed = frozenset[str]().union(*(words for one in assignments for words in one.check.needs))
    if evidence.features is not None and "graph" in needed and evidence.graphs.graph is None:
        refuse_no_numbers(evidence.numbers)
    if evidence.given_pred_probs is None or "pred_probs" not in needed:
        return
    if evidence.task == "multilabel":
        refuse_no_probabilities(evidence.given_pred_probs)
    if evidence.task == "classification":
        if evidence.labels is not None:
            evidence.sweep  # noqa: B018  it sees every value, and is kept for the checks
        question_sums(evidence.given_pred_probs)


def run(assignments: list[Assignment], evidence: Evidence) -> Outcome:
    """Run checks one after the other. One that fails is recorded, said once, and stops no other."""
    findings: dict[str, Finding] = {}
    failed: dict[str, Exception] = {}
    with Progress("checks", len(assignments), wanted=evidence.verbose, unit="checks") as progress:
        for one in progress.over(assignments, lambda _: 1):
            name = one.check.name
            logger.info("Looking for %s issues", name)
            try:
                findings[name] = run_one(one)
            except Exception as error:  # a check may be anybody's code, and the others are still wanted
                logger.info("The check %s failed", name, exc_info=True)
                failed[name] = error
    if failed:
        warn(failures(failed))
    return Outcome(findings, failed)


def run_one(one: Assignment) -> Finding:
    """Run a check and return its finding, or raise if that cannot be one."""
    if not one.check.can_run(one.evidence.available, one.options):
        raise ValueError(f"The check {one.check.name!r} needs {needs_in_words(one.check)}.")
    return as_finding(one.check.name, one.check.find(one.evidence, **one.options), one.evidence.n_rows)


def needs_in_words(check: Check) -> str:
    """Return what a check needs, as users call it: any one of the alternatives."""
    return ", or ".join(" and ".join(CALLED[word] for word in NEEDS if word in words) for words in check.needs)


def reason_of(error: Exception) -> str:
    """Return why a check failed in one line; what no sentence says is said with its type."""
    words, kind = " ".join(str(error).split()), type(error).__name__
    if words and isinstance(error, (TypeError, ValueError, ImportError)):
        return words
    return f"{kind}: {words}" if words else kind


def failures(failed: Mapping[str, Exception]) -> str:
    """Say what failed and why; checks that failed for the same reason in one breath."""
    reasons: dict[str, list[str]] = {}
    for name, error in failed.items():
        reasons.setdefault(reason_of(error), []).append(name)
    parts = [f"{', '.join(names)} ({reason})" for reason, names in reasons.items()]
    return f"{len(failed)} check{'s' * (len(failed) > 1)} failed: {'; '.join(parts)} See `lab.failed`."
