"""Which texts hold what looks like personal data?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastcl.core.errors import check_option, sentence
from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.texts.personal_data import KINDS, find_personal_data, masked
from fastcl.datalab.texts.reading import text_blocks

NAMES = tuple(kind.name for kind in KINDS)


def _refuse_unknown(name: str, types: Any, _: Evidence) -> None:
    """Raise ValueError unless these are types, or one."""
    if not isinstance(types, Iterable):
        raise TypeError(sentence(name, "be a type or a list of types", repr(types)))
    for one in (types,) if isinstance(types, str) else types:
        check_option(name, one, NAMES)


@check("pii", needs="text", default=True, shows={"rows_by_type": 0}, limits={"types": _refuse_unknown})
def pii(evidence: Evidence, *, types: str | Sequence[str] = NAMES) -> Finding:
    """Texts with what looks like personal data.

    Looked for are e-mail and IP addresses, numbers of telephones, cards, accounts (IBAN) and US social security. These
    are patterns, not a model: names and street addresses are not found, and a number may only look like one. Remove
    what is found before data are shared or trained on. A text with m findings has the score 1 / (1 + m); they are shown
    masked.
    """
    types = (types,) if isinstance(types, str) else types
    kinds = tuple(kind for kind in KINDS if kind.name in types)
    n_found = np.zeros(evidence.n_rows, np.int64)
    found_types, found_items = np.full((2, evidence.n_rows), "", object)
    rows_by_type = dict.fromkeys((kind.name for kind in kinds), 0)
    for rows, block in text_blocks(evidence.text):
        for row, text in enumerate(block, rows.start):
            if text and (found := find_personal_data(text, kinds)):
                names = dict.fromkeys(name for name, _ in found)
                n_found[row] = len(found)
                found_types[row] = ", ".join(names)
                found_items[row] = ", ".join(masked(words) for _, words in found)
                for name in names:
                    rows_by_type[name] += 1
    return Finding(
        n_found > 0,
        1 / (1 + n_found),
        info={"rows_by_type": rows_by_type},
        columns={"pii_types": found_types, "pii_items": found_items},
    )
