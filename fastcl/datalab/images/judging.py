"""From properties of images to a finding, in the way that all image checks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number
from fastcl.datalab.check import Finding
from fastcl.datalab.images.properties import ImageProperties, measure_images

if TYPE_CHECKING:
    from fastcl.datalab.evidence import Evidence

#: Share of the images beyond which what a check looks for is how the data are, and no issue of some.
MAX_PREVALENCE = 0.1


def image_properties(evidence: Evidence) -> ImageProperties:
    """Return the properties of all images, measured when a check first asks for them."""
    images = evidence.images or ()
    return evidence.once(
        "image_properties", lambda: measure_images(images, n_jobs=evidence.n_jobs, verbose=evidence.verbose)
    )


def judged(
    evidence: Evidence,
    scores: npt.NDArray[np.float64],
    threshold: float,
    max_prevalence: float,
    columns: dict[str, npt.NDArray[Any]],
) -> Finding:
    """Return what a check finds: images whose score is below the threshold; those without a score are none.

    If they are more than ``int(max_prevalence * n_images)``, the finding stays out of the summary. `columns` are the
    properties that the scores are made of.
    """
    check_number("threshold", threshold, 0)
    check_number("max_prevalence", max_prevalence, 0, 1)
    is_issue = scores < threshold
    n_issues, n_images = np.count_nonzero(is_issue), len(scores)
    is_usual = n_issues > int(max_prevalence * n_images)
    properties = image_properties(evidence)
    unreadable = properties.unreadable
    info = {
        **columns,
        "threshold": float(threshold),
        "num_missing": int(n_images - np.count_nonzero(properties.is_judged) - len(unreadable)),
        "unreadable": list(unreadable),
        "reasons": list(unreadable.values()),
    }
    notes = [_about_unreadable(properties)] if unreadable else []
    if is_usual:
        what = f"{n_issues:,} of {n_images:,} images, more than max_prevalence={max_prevalence:g} of them"
        notes.append(f"Found in {what}: that is how these data are, and left out of the summary.")
    return Finding(is_issue, scores, info=info, columns=columns, notes=tuple(notes), in_summary=not is_usual)


def _about_unreadable(properties: ImageProperties) -> str:
    row, reason = next(iter(properties.unreadable.items()))
    n = len(properties.unreadable)
    return f"{n:,} {'image' if n == 1 else 'images'} could not be read; the first is in row {row:,} ({reason})."
