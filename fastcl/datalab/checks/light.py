"""Which images are too bright?"""

from __future__ import annotations

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.images.judging import LIMITS, MAX_PREVALENCE, image_properties, judged


@check("light", needs="images", default=True, shows={"threshold": 2}, limits=LIMITS)
def light(evidence: Evidence, *, threshold: float = 0.05, max_prevalence: float = MAX_PREVALENCE) -> Finding:
    """Images that are bright even where they are darkest.

    The score is 1 less the 5th percentile of the brightness of pixels, 0 for an image that is all but white:
    overexposed photographs, blank scans, drawings of which little is left.
    """
    brightness = image_properties(evidence).of("brightness_perc_5")
    return judged(evidence, "light", 1 - brightness, threshold, max_prevalence, {"brightness_perc_5": brightness})
