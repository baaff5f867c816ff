"""Which images are blurred?"""

from __future__ import annotations

import numpy as np

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.images.judging import LIMITS, MAX_PREVALENCE, image_properties, judged
from fastcl.datalab.limits import SHARE, number


@check(
    "blurry",
    needs="images",
    default=True,
    shows={"threshold": 2},
    limits=LIMITS | {"color_threshold": SHARE, "normalizing_factor": number(0)},
)
def blurry(
    evidence: Evidence,
    *,
    threshold: float = 0.29,
    normalizing_factor: float = 0.01,
    color_threshold: float = 0.18,
    max_prevalence: float = MAX_PREVALENCE,
) -> Finding:
    """Images without edges: out of focus, shaken, or enlarged from very little.

    A grey copy of 64 pixels is looked at. With e, the standard deviation of its edges, and h, that of its histogram,
    the score is (1 - exp(-`normalizing_factor` e)) + s, at most 1, where s = 1 - exp(-`normalizing_factor` h), or 0 if
    that is not above `color_threshold`: drawings of few shades have few edges and are not blurred.
    """
    properties = image_properties(evidence)
    names = ("blurriness", "blurriness_grayscale_std")
    edges, shades = (1 - np.exp(-normalizing_factor * properties.of(name)) for name in names)
    scores = np.minimum(edges + np.where(shades <= color_threshold, 0, shades), 1)
    return judged(evidence, "blurry", scores, threshold, max_prevalence, {name: properties.of(name) for name in names})
