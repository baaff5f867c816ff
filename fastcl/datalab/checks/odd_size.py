"""Which images are much larger or smaller than the others?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.images.judging import LIMITS, MAX_PREVALENCE, image_properties, judged
from fastcl.datalab.limits import number


@check("odd_size", needs="images", default=True, shows={"threshold": 2}, limits=LIMITS | {"iqr_factor": number(0)})
def odd_size(
    evidence: Evidence,
    *,
    threshold: float | None = None,
    iqr_factor: float = 3.0,
    max_prevalence: float = MAX_PREVALENCE,
) -> Finding:
    """Images that are much larger or smaller than the others.

    The size is the root of the number of pixels. Usual are sizes up to `iqr_factor` interquartile ranges beyond the
    quartiles; the score falls from 1 in the middle of these to 0.5 at their ends and on to 0. If at least half of the
    images are of one size, so that the quartiles are equal, every other size is flagged. Thumbnails and icons that came
    along with the photographs are found so.
    """
    size = image_properties(evidence).size
    scores, usual_threshold = _score(size, iqr_factor)
    threshold = usual_threshold if threshold is None else threshold
    return judged(evidence, "odd_size", scores, threshold, max_prevalence, {"size": size})


def _score(size: npt.NDArray[np.float64], iqr_factor: float) -> tuple[npt.NDArray[np.float64], float]:
    """Return scores, and the threshold that flags what lies outside of usual sizes."""
    q1, q3 = np.nanpercentile(size, [25, 75])
    low, high = q1 - iqr_factor * (q3 - q1), q3 + iqr_factor * (q3 - q1)
    middle, gap = (low + high) / 2, high - low
    return 1 - np.clip(np.abs(size - middle) / (gap or middle), 0, 1), 0.5 if gap else 1.0
