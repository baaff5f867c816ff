"""What the filters are called, and what they can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy.typing as npt

from fastcl.core.errors import check_number, check_option, sentence, warn

PRUNE_FILTERS = ("prune_by_noise_rate", "prune_by_class", "both")

FILTER_NAMES = (
    *PRUNE_FILTERS,
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
)


@dataclass(frozen=True)
class PruneOptions:
    """What the prune filters can be asked for, and how to run; see `fastcl.filter.find_label_issues`."""

    frac_noise: float = 1.0
    num_to_remove_per_class: Sequence[int] | None = None
    min_examples_per_class: int = 1
    confident_joint: npt.ArrayLike | None = None
    n_jobs: int | None = None
    verbose: bool = False


def check_options(filter_by: str, prune: PruneOptions) -> None:
    """Raise if there is no such filter, or an option is impossible; warn of options that the filter does not use."""
    refuse_options(filter_by, prune)
    question_options(filter_by, prune)


def refuse_options(filter_by: str, prune: PruneOptions) -> None:
    """Raise if there is no such filter, or an option is impossible."""
    check_option("filter_by", filter_by, FILTER_NAMES)
    check_number("frac_noise", prune.frac_noise, 0, 1)
    check_number("min_examples_per_class", prune.min_examples_per_class, 0, whole=True)
    if filter_by not in PRUNE_FILTERS and prune.num_to_remove_per_class is not None:
        rule = f"be None for {filter_by!r}"
        raise ValueError(sentence("num_to_remove_per_class", rule, "a sequence", "Only prune filters know it."))


def question_options(filter_by: str, prune: PruneOptions) -> None:
    """Warn of options that the filter does not use."""
    if filter_by in PRUNE_FILTERS:
        return
    if prune.frac_noise != 1:
        warn(f"`frac_noise` is not used by {filter_by!r}, only by the prune filters.")
    if prune.confident_joint is not None:
        warn(f"`confident_joint` is not used by {filter_by!r}, only by the prune filters.")
