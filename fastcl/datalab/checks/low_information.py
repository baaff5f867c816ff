"""Which images show hardly anything?"""

from __future__ import annotations

import numpy as np

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.images.judging import LIMITS, MAX_PREVALENCE, image_properties, judged
from fastcl.datalab.limits import number


@check(
    "low_information",
    needs="images",
    default=True,
    shows={"threshold": 2},
    limits=LIMITS | {"normalizing_factor": number(0)},
)
def low_information(
    evidence: Evidence,
    *,
    threshold: float = 0.15,
    normalizing_factor: float = 0.1,
    max_prevalence: float = MAX_PREVALENCE,
) -> Finding:
    """Images that show hardly anything.

    The score is `normalizing_factor` times the entropy of the histogram of the channels, in bits, at most 1: few shades
    are little information. Blank pages, covered lenses and images that failed to load are of one shade.
    """
    entropy = image_properties(evidence).of("entropy")
    scores = np.minimum(normalizing_factor * entropy, 1)
    return judged(evidence, "low_information", scores, threshold, max_prevalence, {"entropy": entropy})
