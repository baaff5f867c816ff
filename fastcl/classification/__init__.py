"""Train a classifier on the rows whose labels are right."""

from __future__ import annotations

from fastcl.classification.clean_learning import CleanLearning

__all__ = ["CleanLearning"]
