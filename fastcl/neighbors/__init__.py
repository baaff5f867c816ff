"""Neighbours: one graph, from which outliers, duplicates, leakage, probabilities and more are answered."""

from __future__ import annotations

from fastcl.neighbors.build import build_knn_graph, query
from fastcl.neighbors.duplicates.rows import (
    Disagreements,
    Duplicates,
    NearDuplicates,
    find_exact_duplicates,
    find_near_duplicates,
    find_text_duplicates,
    unite_duplicates,
)
from fastcl.neighbors.graph import KNNGraph
from fastcl.neighbors.groups import UnderperformingGroup, underperforming_group
from fastcl.neighbors.iid import NonIID, non_iid
from fastcl.neighbors.model_free.knn import knn_pred_probs
from fastcl.neighbors.model_free.leave_one_out import LooClassifier, loo_classifier, loo_pred_probs
from fastcl.neighbors.outliers import Outliers, find_outliers
from fastcl.neighbors.scaling import choose_scaling

__all__ = [
    "Disagreements",
    "Duplicates",
    "KNNGraph",
    "LooClassifier",
    "NearDuplicates",
    "NonIID",
    "Outliers",
    "UnderperformingGroup",
    "build_knn_graph",
    "choose_scaling",
    "find_exact_duplicates",
    "find_near_duplicates",
    "find_outliers",
    "find_text_duplicates",
    "knn_pred_probs",
    "loo_classifier",
    "loo_pred_probs",
    "non_iid",
    "query",
    "underperforming_group",
    "unite_duplicates",
]
