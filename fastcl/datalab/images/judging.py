"""From properties of images to a finding, in the way that all image checks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.datalab.check import Finding
from fastcl.datalab.images.properties import ImageProperties, measure_images
from fastcl.datalab.limits import SHARE

if TYPE_CHECKING:
    from fastcl.datalab.evidence import Evidence

#: Share of the images beyond which what a check looks for is how the data are, and no issue of some.
MAX_PREVALENCE = 0.1

#: What the options may be that all image checks have.
LIMITS = {"threshold": SHARE, "max_prevalence": SHARE}


def image_properties(evidence: Evidence) -> ImageProperties:
    """Return the properties of all images, measured when a check first asks for them, or raise if there are none."""
    images = () if evidence.images is None else evidence.images
    properties = evidence.once(
        "image_properties", lambda: measure_images(images, n_jobs=evidence.n_jobs, verbose=evidence.verbose)
    )
    if not properties.is_judged.any():
        raise _none_is_judged(properties)
    return properties


def _none_is_judged(properties: ImageProperties) -> ValueError:
    if not properties.unreadable:
        return ValueError(sentence("images", "hold an image in some rows", "none in any"))
    row, reason = next(iter(properties.unreadable.items()))
    return ValueError(sentence("images", "be readable", f"none that is; row {row:,}: {reason}"))


def judged(
    evidence: Evidence,
    name: str,
    scores: npt.NDArray[np.float64],
    threshold: float,
    max_prevalence: float,
    columns: dict[str, npt.NDArray[Any]],
) -> Finding:
    """Return what the check `name` finds: images whose score is below the threshold; those without a score are none.

    If they are more than ``int(max_prevalence * n_images)``, the finding stays out of the summary. `columns` are the
    properties that the scores are made of.
    """
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
    notes = notes_on_unreadable(evidence, name)
    if is_usual:
        what = f"{n_issues:,} of {n_images:,} images, more than max_prevalence={max_prevalence:g} of them"
        notes += (f"Found in {what}: that is how these data are, and left out of the summary.",)
    return Finding(is_issue, scores, info=info, columns=columns, notes=notes, in_summary=not is_usual)


def notes_on_unreadable(evidence: Evidence, name: str) -> tuple[str, ...]:
    """Say how many images cannot be read: once, by the check that comes to it first."""
    unreadable = image_properties(evidence).unreadable
    if not unreadable or evidence.once("unreadable_images_noted_by", lambda: name) != name:
        return ()
    n, (row, reason) = len(unreadable), next(iter(unreadable.items()))
    return (f"{n:,} {'image' if n == 1 else 'images'} could not be read; the first is in row {row:,} ({reason}).",)
