"""Which texts are much longer than texts of these data are?"""

from __future__ import annotations

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import number
from fastcl.datalab.texts.lengths import (
    FAR_OUT,
    MOST_FENCE,
    about_lengths,
    known_lengths,
    limit_of,
    sizes_column,
    usual_lengths,
)


@check(
    "long_text",
    needs="text",
    default=True,
    shows={"max_characters": 1, "median_characters": 1},
    limits={"max_characters": number(0), "fence": number(0, MOST_FENCE)},
)
def long_text(evidence: Evidence, *, max_characters: float | None = None, fence: float = FAR_OUT) -> Finding:
    """Texts that are much longer than the texts of these data usually are.

    They may be several texts run together, pasted logs or mark-up; and what a model cuts off, it does not know. Lengths
    are compared in proportion; `max_characters` sets the limit by hand, for instance to what a model reads. Texts
    longer than the limit have scores below .5.
    """
    lengths = known_lengths(evidence)
    limit = limit_of(max_characters, usual_lengths(lengths, fence).high)
    scores = limit / (lengths + limit)
    return Finding(
        lengths > limit, scores, info=about_lengths("max_characters", limit, lengths), columns=sizes_column(evidence)
    )
