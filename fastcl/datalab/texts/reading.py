"""A column of texts, read some rows at a time: what is empty, how long the others are."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_narwhals, is_missing
from fastcl.core.errors import sentence
from fastcl.engine.blocks import slices

if TYPE_CHECKING:
    from fastcl.datalab.evidence import Evidence

#: Texts that are Python strings at a time: what stays on disk, or in Arrow's memory, is never all copied.
TEXTS_AT_A_TIME = 65_536

#: Why a text has no content: none is there, nothing to be seen, nothing but punctuation; and that it has.
MISSING, BLANK, PUNCTUATION, CONTENT = range(4)


@dataclass(frozen=True, eq=False)
class TextSizes:
    """How much each text says.

    Attributes
    ----------
    contents : uint8 of shape (n_samples,)
        `MISSING`, `BLANK`, `PUNCTUATION` or `CONTENT`.
    lengths : int64 of shape (n_samples,)
        Characters, without white space at either end; 0 for a missing text.
    """

    contents: npt.NDArray[np.uint8]
    lengths: npt.NDArray[np.int64]

    @property
    def has_content(self) -> npt.NDArray[np.bool_]:
        """Which texts say something."""
        return self.contents == CONTENT


def text_sizes(evidence: Evidence) -> TextSizes:
    """Return how much each text says, measured once for all checks."""
    return evidence.once("text sizes", lambda: measure(evidence.text))


def measure(texts: Any) -> TextSizes:
    """Return how much each text of a list or column says.

    Examples
    --------
    >>> found = measure(["Hi there ", " ", None, "..."])
    >>> found.contents, found.lengths
    (array([3, 1, 0, 2], dtype=uint8), array([8, 0, 0, 3]))
    """
    contents: list[int] = []
    lengths: list[int] = []
    for _, block in text_blocks(texts):
        bare = [None if text is None else text.strip() for text in block]
        contents += map(content, bare)
        lengths += (len(text or "") for text in bare)
    return TextSizes(np.array(contents, np.uint8), np.array(lengths, np.int64))


def content(text: str | None) -> int:
    """Return what there is in a text, the first sign of content being enough.

    Letters, digits and symbols (emoji, currencies) are content; what Unicode calls punctuation, separator, mark or
    other is none, so that neither "--" nor a zero-width space is.
    """
    if text is None:
        return MISSING
    if text[:1].isalnum():
        return CONTENT
    if any(unicodedata.category(letter)[0] in "LNS" for letter in text):
        return CONTENT
    return PUNCTUATION if any(unicodedata.category(letter)[0] == "P" for letter in text) else BLANK


def text_blocks(texts: Any) -> Iterator[tuple[slice, list[str | None]]]:
    """Yield consecutive rows and their texts as strings, None for a missing one.

    Raises
    ------
    TypeError
        If `texts` is no list or column, or holds something else than strings.
    """
    column = as_narwhals("text", texts)
    if isinstance(texts, (str, bytes, dict)) or not hasattr(texts, "__getitem__") or hasattr(column, "columns"):
        raise TypeError(sentence("text", "be a list or column of strings", type(texts).__name__))
    readable = texts if column is None else column
    for rows in slices(len(readable), TEXTS_AT_A_TIME):
        part = readable[rows]
        values = part.to_list() if hasattr(part, "to_list") else part.tolist() if hasattr(part, "tolist") else part
        yield rows, [text if type(text) is str else _as_text(text, rows.start + i) for i, text in enumerate(values)]


def _as_text(value: Any, row: int) -> str | None:
    if isinstance(value, str):
        return str(value)
    if is_missing(value):
        return None
    raise TypeError(sentence("text", "hold strings", f"{type(value).__name__} in row {row:,}"))
