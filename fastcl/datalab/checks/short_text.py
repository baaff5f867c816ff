"""Which texts are much shorter than texts of these data are?"""

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
    "short_text",
    needs="text",
    default=True,
    shows={"min_characters": 1, "median_characters": 1},
    limits={"min_characters": number(0), "fence": number(0, MOST_FENCE)},
)
def short_text(evidence: Evidence, *, min_characters: float | None = None, fence: float = FAR_OUT) -> Finding:
    """Texts that are much shorter than the texts of these data usually are.

    Often they are fragments: a lost line, a test entry, an answer to something that is missing. Read the shortest ones
    first. Lengths are compared in proportion; `min_characters` sets the limit by hand. Texts shorter than the limit
    have scores below .5.
    """
    lengths = known_lengths(evidence)
    limit = limit_of(min_characters, usual_lengths(lengths, fence).low)
    scores = lengths / (lengths + limit)
    return Finding(
        lengths < limit, scores, info=about_lengths("min_characters", limit, lengths), columns=sizes_column(evidence)
    )
