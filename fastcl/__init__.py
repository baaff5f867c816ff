"""Find wrong labels in data of any size: confident learning, one to two orders of magnitude faster.

>>> import numpy as np
>>> from fastcl.filter import find_label_issues
>>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
>>> find_label_issues(["cat", "cat", "dog", "dog", "dog"], pred_probs)
array([False, False, False, False,  True])
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: Modules that users call, loaded when first named (PEP 562).
_MODULES = frozenset(
    {
        "ambiguity",
        "benchmarking",
        "classification",
        "count",
        "cross_validation",
        "data_valuation",
        "datalab",
        "dataset",
        "experimental",
        "filter",
        "multilabel_classification",
        "neighbors",
        "outlier",
        "rank",
        "regression",
        "review",
    }
)

#: Classes that users know by the name of the package, and where they are.
_CLASSES = {"Datalab": "fastcl.datalab"}

__all__ = ["Datalab", "__version__", *sorted(_MODULES)]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"fastcl.{name}")
    if name in _CLASSES:
        return getattr(importlib.import_module(_CLASSES[name]), name)
    raise AttributeError(f"module 'fastcl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
