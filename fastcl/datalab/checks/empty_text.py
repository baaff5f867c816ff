"""Which texts say nothing?"""

from __future__ import annotations

import numpy as np

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.texts.reading import BLANK, MISSING, PUNCTUATION, text_sizes

REASONS = {"missing": MISSING, "blank": BLANK, "punctuation": PUNCTUATION}


@check("empty_text", needs="text", default=True, shows={"reasons": 0})
def empty_text(evidence: Evidence) -> Finding:
    """Texts without content: missing, white space and invisible characters only, or nothing but punctuation.

    Nothing can be learned from such a row. Leave it out, or find out where the text was lost. The score is 0 for an
    empty text and 1 for any other. Checks of lengths and repetitions leave empty texts aside.
    """
    has_content = text_sizes(evidence).has_content
    kinds = np.bincount(text_sizes(evidence).contents, minlength=len(REASONS))
    reasons = {reason: int(kinds[kind]) for reason, kind in REASONS.items()}
    return Finding(~has_content, has_content.astype(np.float64), info={"reasons": reasons})
