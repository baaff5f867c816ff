"""The checks, one file each; importing this module registers them in the order in which an audit runs them."""

from __future__ import annotations

# ruff: noqa: I001  the order is the order of the audit: first those of the reference
from fastcl.datalab.checks import (  # noqa: F401
    null,
    label,
    multilabel_label,
    regression_label,
    outlier,
    near_duplicate,
    non_iid,
    class_imbalance,
    underperforming_group,
    exact_duplicate,
    conflicting_labels,
    leakage,
    ambiguous,
    empty_text,
    short_text,
    long_text,
    repeated_text,
    pii,
    dark,
    light,
    low_information,
    odd_aspect_ratio,
    odd_size,
    grayscale,
    blurry,
    data_valuation,
    identifier_column,
    spurious_correlations,
)
