"""Which images are without colours?"""

from __future__ import annotations

import numpy as np

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.images.judging import MAX_PREVALENCE, image_properties, judged
from fastcl.datalab.limits import SHARE


@check("grayscale", needs="images", default=True, limits={"max_prevalence": SHARE})
def grayscale(evidence: Evidence, *, max_prevalence: float = MAX_PREVALENCE) -> Finding:
    """Images that are stored without colours.

    The score is 0 for images of one channel of 8 bits (Pillow's mode "L"), else 1, even if all colours of an image
    are grey. A model may learn that what happens to be photographed in black and white belongs to one class.
    """
    properties = image_properties(evidence)
    scores = np.where(properties.is_judged, properties.color_space != "L", np.nan)
    return judged(evidence, "grayscale", scores, 1, max_prevalence, {"color_space": properties.color_space})
