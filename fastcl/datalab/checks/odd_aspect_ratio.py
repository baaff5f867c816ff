"""Which images are unusually long or tall?"""

from __future__ import annotations

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.images.judging import LIMITS, MAX_PREVALENCE, image_properties, judged


@check("odd_aspect_ratio", needs="images", default=True, shows={"threshold": 2}, limits=LIMITS)
def odd_aspect_ratio(evidence: Evidence, *, threshold: float = 0.35, max_prevalence: float = MAX_PREVALENCE) -> Finding:
    """Images that are much longer than tall, or taller than long.

    The score is the shorter side over the longer. Made square for a model such images are distorted, or most of them is
    cut away; often they are banners, strips or a crop gone wrong.
    """
    ratio = image_properties(evidence).aspect_ratio
    return judged(evidence, "odd_aspect_ratio", ratio, threshold, max_prevalence, {"aspect_ratio": ratio})
