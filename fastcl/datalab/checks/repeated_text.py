"""Which texts occur in several rows?"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import one_of
from fastcl.datalab.texts.reading import text_blocks, text_sizes
from fastcl.neighbors.duplicates.hashing import group_equal_rows
from fastcl.neighbors.duplicates.text import NORMALIZATIONS

#: Bytes of a digest: among a billion texts two that differ have the same with a chance of 1 in 10**21.
DIGEST_BYTES = 16

#: Texts that the report names, and how much of each.
MOST_SHOWN, LONGEST_SHOWN = 5, 80


@check(
    "repeated_text",
    needs="text",
    default=True,
    shows={"n_groups": 1, "most_repeated": 1},
    limits={"normalize": one_of(NORMALIZATIONS)},
)
def repeated_text(evidence: Evidence, *, normalize: str = "words") -> Finding:
    """Texts that occur in several rows, case, punctuation and spacing aside.

    Copies count double in training, and flatter the model if they fall on both sides of a split. Look at the most
    frequent texts first: they may be templates or error messages that stand where the text was lost. The score is 1
    over the number of rows with the text.
    """
    rows = np.flatnonzero(text_sizes(evidence).has_content)
    first_alike = np.full(evidence.n_rows, -1)
    if rows.size:
        first_alike[rows] = rows[group_equal_rows(digests(evidence.text, normalize)[rows], n_jobs=evidence.n_jobs)]
    times = np.bincount(first_alike[rows], minlength=evidence.n_rows)
    n_rows_alike = np.where(first_alike < 0, 0, times[first_alike])
    firsts = np.flatnonzero(times > 1)
    scores = np.where(first_alike < 0, np.nan, 1 / np.maximum(n_rows_alike, 1))
    group = np.where(n_rows_alike > 1, np.searchsorted(firsts, first_alike), -1)
    most = firsts[np.argsort(-times[firsts], kind="stable")[:MOST_SHOWN]]
    info = {"n_groups": firsts.size, "most_repeated": _shown(evidence.text, most, times)}
    return Finding(n_rows_alike > 1, scores, info=info, columns={"group": group, "n_rows_alike": n_rows_alike})


def digests(texts: Any, normalize: str) -> npt.NDArray[np.uint64]:
    """Return an array of shape (n_samples, 2) whose rows are equal where texts are once they are normalised.

    16 bytes a text are kept, however long it is. A text of which nothing is left is taken as it is.
    """
    change = NORMALIZATIONS[normalize]
    found = bytearray()
    for _, block in text_blocks(texts):
        for text in block:
            plain = (change(text) or text) if text else ""
            found += hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
    return np.frombuffer(found, np.uint64).reshape(-1, DIGEST_BYTES // 8)


def _shown(texts: Any, rows: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> dict[str, int]:
    """Return the beginnings of the texts in some rows, and how many times they occur."""
    shown = {}
    for row in rows.tolist():
        ((_, (text,)),) = text_blocks(texts[row : row + 1])
        shown[(text or "").strip()[:LONGEST_SHOWN]] = int(times[row])
    return shown
