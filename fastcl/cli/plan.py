"""Which checks an audit runs, with which options."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from fastcl.cli.inputs import Inputs
from fastcl.core.errors import check_number, check_option, sentence
from fastcl.core.filter_options import FILTER_NAMES
from fastcl.core.scores import METHODS
from fastcl.datalab.audit import known_checks, require_check
from fastcl.datalab.check import Check

#: What brings what checks need.
OPTION_OF = {
    "labels": "--label",
    "pred_probs": "--pred-probs",
    "features": "--features",
    "graph": "--features",
    "split": "--split",
    "text": "--text",
    "images": "--image",
    "columns": "DATA",
}


def plan(options: Namespace, inputs: Inputs) -> dict[str, dict[str, Any]]:
    """Return the checks to run with their options: those typed, or all that usually run and can.

    Raises
    ------
    ValueError
        If a check was typed that lacks what it needs, or none can run.
    """
    there = available(options, inputs)
    for name in options.checks or ():
        _require_inputs(require_check(options.task, name), there)
    usual = [name for name, one in known_checks(options.task).items() if one.default and one.can_run(there)]
    names = options.checks or usual
    if not names:
        lacking = [
            name for name in ("label", "pred_probs", "features", "text", "image") if getattr(options, name) is None
        ]
        fix = f"Bring {', '.join(f'--{name}' for name in lacking)}.".replace("_", "-")
        raise ValueError(f"No check can run on what was given. {fix}")
    return {name: label_options(options) if name == "label" else {} for name in names}


def available(options: Namespace, inputs: Inputs) -> set[str]:
    """Return what there is, in the words in which checks say what they need."""
    has_labels, has_features = inputs.label is not None, inputs.features is not None
    can_do_without_model = options.task == "classification" and has_labels and has_features
    has = {
        "columns": True,
        "labels": has_labels,
        "pred_probs": inputs.pred_probs is not None or can_do_without_model,
        "features": has_features,
        "graph": has_features and inputs.table.n_rows > 1,
        "split": inputs.split is not None,
        "text": options.text is not None,
        "images": options.image is not None,
    }
    return {need for need, is_there in has.items() if is_there}


def label_options(options: Namespace) -> dict[str, Any]:
    """Return what was typed of the options of the label check, as the task calls them, or raise if it cannot be."""
    search = {
        "filter_by": options.filter_by,
        "frac_noise": options.frac_noise,
        "min_examples_per_class": options.min_examples,
    }
    search = {name: value for name, value in search.items() if value is not None}
    score = {} if options.rank_by is None else {"method": options.rank_by}
    if options.task == "regression" and (search or score):
        names = "--filter-by, --rank-by, --frac-noise and --min-examples"
        raise ValueError(f"{names} are for labels that are classes, not for --task regression.")
    check_option("filter_by", search.get("filter_by", FILTER_NAMES[0]), FILTER_NAMES)
    check_option("rank_by", score.get("method", METHODS[0]), METHODS)
    check_number("frac_noise", search.get("frac_noise", 1), 0, 1)
    check_number("min_examples_per_class", search.get("min_examples_per_class", 0), 0, whole=True)
    if options.task == "multilabel" or not (search or score):
        return search | score
    return {"clean_learning_kwargs": {"find_label_issues_kwargs": search, "label_quality_scores_kwargs": score}}


def _require_inputs(one: Check, there: set[str]) -> None:
    """Raise ValueError, saying what it needs, if a check cannot run."""
    if not one.can_run(there):
        needed = " or ".join(" and ".join(OPTION_OF[word] for word in sorted(words)) for words in one.needs)
        raise ValueError(
            sentence("issue_types", "name checks that have what they need", repr(one.name), f"It needs {needed}.")
        )
