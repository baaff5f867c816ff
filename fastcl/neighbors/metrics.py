"""Which distances there are."""

from __future__ import annotations

from typing import Any

from fastcl.core.errors import check_option, sentence

#: Metrics that are searched by matrix products, with the numbers by which kernels know them.
COSINE, EUCLIDEAN, INNER_PRODUCT = 0, 1, 2
METRICS = {"cosine": COSINE, "euclidean": EUCLIDEAN, "inner_product": INNER_PRODUCT}

#: Metrics that scikit-learn searches, those that need no parameters; and the ones it knows for sparse rows.
FOREIGN = (
    "braycurtis",
    "canberra",
    "chebyshev",
    "cityblock",
    "correlation",
    "hamming",
    "l1",
    "l2",
    "manhattan",
    "minkowski",
    "sqeuclidean",
)
FOREIGN_SPARSE = ("cityblock", "l1", "l2", "manhattan")


def check_metric(metric: Any, *, name: str = "metric", sparse: bool = False) -> None:
    """Raise ValueError unless rows can be searched by this metric.

    Examples
    --------
    >>> check_metric("manhattan")
    """
    check_option(name, metric, (*METRICS, *FOREIGN))
    if sparse and metric not in (*METRICS, *FOREIGN_SPARSE):
        known = ", ".join(map(repr, (*METRICS, *FOREIGN_SPARSE)))
        raise ValueError(sentence(name, f"be one of {known} for sparse features", repr(metric)))
