"""Train a classifier on the rows whose labels are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastcl.classification.clean_learning import CleanLearning

__all__ = ["CleanLearning"]


def __getattr__(name: str) -> Any:
    """Load the estimator, and scikit-learn with it, when it is first named: what is found needs neither."""
    if name in __all__:
        from fastcl.classification import clean_learning

        return getattr(clean_learning, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
