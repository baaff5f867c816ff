"""Which rows are unlike the others? Scores from features, or from predicted probabilities.

Features: exp(-t a / s), where a is the average distance to the k nearest neighbours and s its median over the data
fitted; see `fastcl.neighbors.outliers`. Probabilities, where q[k] are those of a row, adjusted by the class thresholds
or not, and K their number:

==================  ====================================================================================
`entropy`           1 + sum of q[k] ln q[k] / ln K
`least_confidence`  max of q[k]
`gen`               1 - sum of (z[k] (1 - z[k]))**gamma / M over the M largest z[k], z the softmax of q
==================  ====================================================================================
"""

from __future__ import annotations

from fastcl.outlier.detector import OutOfDistribution

__all__ = ["OutOfDistribution"]
