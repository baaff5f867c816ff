"""Which images are too dark?"""

from __future__ import annotations

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.images.judging import LIMITS, MAX_PREVALENCE, image_properties, judged


@check("dark", needs="images", default=True, shows={"threshold": 2}, limits=LIMITS)
def dark(evidence: Evidence, *, threshold: float = 0.32, max_prevalence: float = MAX_PREVALENCE) -> Finding:
    """Images that are dark even where they are brightest.

    The score is the 99th percentile of the brightness of pixels, 0 for black and 1 for white. Nobody can label what
    cannot be seen: underexposed photographs, covered lenses, black frames of videos.
    """
    brightness = image_properties(evidence).of("brightness_perc_99")
    return judged(evidence, "dark", brightness, threshold, max_prevalence, {"brightness_perc_99": brightness})
