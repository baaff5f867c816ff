"""Which texts are nearly the same? Options, normalisation, and the texts' own word on every pair proposed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number, check_option, sentence
from fastcl.engine.threads import resolve_n_jobs
from fastcl.neighbors.duplicates.groups import Duplicates
from fastcl.neighbors.duplicates.links import TEXT, Links, equal_links, unite
from fastcl.neighbors.duplicates.minhash import propose_pairs

#: Sets of shingles that are kept while pairs are checked.
KEPT_SHINGLES = 65_536

#: Hashes of a signature: so many take 256 kB a text.
MOST_HASHES = 65_536

NOT_WORDS = re.compile(r"[\W_]+")
SPACES = re.compile(r"\s+")


def _words_only(text: str) -> str:
    return NOT_WORDS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _single_spaces(text: str) -> str:
    return SPACES.sub(" ", text).strip()


NORMALIZATIONS: dict[str, Callable[[str], str]] = {"words": _words_only, "spaces": _single_spaces, "none": str}
UNITS = ("characters", "words")


def find_text_duplicates(
    texts: Any,
    *,
    threshold: float = 0.8,
    ngram: int = 5,
    unit: str = "characters",
    normalize: str | Callable[[str], str] = "words",
    n_hashes: int = 128,
    seed: int = 0,
    quality: Any = None,
    n_jobs: int | None = None,
) -> Duplicates:
    """Find texts most of whose word or character sequences are the same.

    Parameters
    ----------
    texts : array-like of n_samples strings
    threshold : float in (0, 1]
        Two texts are near duplicates if the Jaccard similarity of their sets of shingles is at least this.
    ngram : int
        Length of a shingle. A shorter text has one shingle, itself.
    unit : {"characters", "words"}
        What is counted.
    normalize : {"words", "spaces", "none"} or function of a string
        What is done to texts before they are compared. ``"words"``: compatible Unicode forms and upper and lower case
        are made the same, and whatever is neither letter nor digit becomes a single space; ``"spaces"``: runs of
        white space become a single space; ``"none"``: nothing. A text of which nothing is left is compared as it is.
    n_hashes : int
        Number of hashes of a signature: more find more, and cost more.
    seed : int
        Decides on the hash functions. The answer is the same for the same seed.
    quality : array-like of shape (n_samples,), optional
        For example label quality scores: the best text of each group is kept.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    `Duplicates`
        Texts that are equal once normalised are exact. Distances are 1 minus the Jaccard similarity; `scores` are the
        distance to the nearest text linked, 1 for a text without duplicates.

    Raises
    ------
    ImportError
        If the package rensa is not installed.
    TypeError
        If `texts` holds something else than strings.
    ValueError
        If an option is out of range.

    Notes
    -----
    Equal texts are found first and take part once. Signatures are cut into bands; texts that share a band are compared
    by all of their shingles, with the first such text and with the 8 before them. What is reported has been counted on
    the texts themselves, so nothing is an accident of hashing. Pairs of exactly the threshold's similarity are missed
    with a chance of 1 in 100, more similar ones less often. Memory 4 `n_hashes` bytes a text and 8 a shingle.

    References
    ----------
    Broder, "On the resemblance and containment of documents", SEQUENCES 1997; Leskovec, Rajaraman and Ullman, "Mining
    of Massive Datasets", section 3.4.

    Examples
    --------
    >>> texts = ["Where is my new card?", "where is my new card", "Where is my new card, please", "Close my account"]
    >>> found = find_text_duplicates(texts, threshold=0.6)
    >>> found.group
    array([ 0,  0,  0, -1])
    """
    _check_options(threshold, ngram, unit, normalize, n_hashes, seed)
    prepared = _prepared(texts, normalize)
    codes = _first_equal(prepared)
    distinct = np.flatnonzero(codes == np.arange(len(codes)))
    shingles = Shingles([prepared[row] for row in distinct], ngram, unit)
    pairs = propose_pairs(shingles, len(distinct), threshold, n_hashes, seed, resolve_n_jobs(n_jobs))
    links = unite([equal_links(codes), _verified(pairs, distinct, len(codes), shingles, threshold)])
    search = TextSearch(links, threshold)
    return Duplicates.from_links(links, _scores(links), quality, threshold=threshold, search=search)


@dataclass(frozen=True, eq=False)
class TextSearch:
    """The verified pairs, for higher thresholds."""

    found: Links
    lowest: float

    def threshold(self, threshold: float | None) -> float:
        """Return a threshold that was searched; raise for a lower one."""
        check_number("threshold", threshold, self.lowest, 1)
        return float(threshold)  # type: ignore[arg-type]

    def links(self, threshold: float) -> Links:
        """Return the pairs of at least this similarity."""
        return self.found.take(self.found.distances <= 1 - threshold)


def _check_options(threshold: Any, ngram: Any, unit: Any, normalize: Any, n_hashes: Any, seed: Any) -> None:
    check_number("threshold", threshold, 0, 1)
    if threshold == 0:
        raise ValueError(sentence("threshold", "be above 0", fix="All texts are as similar as that."))
    check_number("ngram", ngram, 1, whole=True)
    check_option("unit", unit, UNITS)
    if not callable(normalize):
        check_option("normalize", normalize, NORMALIZATIONS)
    check_number("n_hashes", n_hashes, 1, MOST_HASHES, whole=True)
    check_number("seed", seed, 0, 2**64 - 1, whole=True)


def _prepared(texts: Any, normalize: str | Callable[[str], str]) -> list[str]:
    """Return the texts normalised, as strings."""
    if not _is_column(texts):
        raise TypeError(sentence("texts", "be a list or column of strings", type(texts).__name__))
    values = texts.tolist() if hasattr(texts, "tolist") else list(texts)
    for row, text in enumerate(values):
        if not isinstance(text, str):
            fix = 'Put "" for missing texts.'
            raise TypeError(sentence("texts", "hold strings", f"{type(text).__name__} in row {row:,}", fix))
    if not values:
        raise ValueError(sentence("texts", "hold at least one text", "none"))
    change = normalize if callable(normalize) else NORMALIZATIONS[normalize]
    return [_changed(change, text) for text in values]


def _is_column(texts: Any) -> bool:
    """Tell whether rows can be told by their place: not in a set, a dict, a table or a single string."""
    if isinstance(texts, (str, bytes, Set, Mapping)) or hasattr(texts, "columns"):
        return False
    return hasattr(texts, "__iter__") and getattr(texts, "ndim", 1) == 1


def _changed(change: Callable[[str], str], text: str) -> str:
    """Return a text normalised, or as it is if nothing is left of it."""
    changed = change(text)
    if not isinstance(changed, str):
        raise TypeError(sentence("normalize", "return a string for each text", type(changed).__name__))
    return changed or text


def _first_equal(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return for every text the first one equal to it."""
    first: dict[str, int] = {}
    return np.fromiter((first.setdefault(text, row) for row, text in enumerate(texts)), np.int64, len(texts))


@dataclass(frozen=True, eq=False)
class Shingles:
    """The shingles of texts, made when they are asked for, by the position of the text."""

    texts: Sequence[str]
    ngram: int
    unit: str

    def __call__(self, position: int) -> frozenset[str]:
        text = self.texts[position]
        if self.unit == "characters":
            return frozenset(text[start : start + self.ngram] for start in range(max(1, len(text) - self.ngram + 1)))
        words = text.split()
        starts = range(max(1, len(words) - self.ngram + 1))
        return frozenset(" ".join(words[start : start + self.ngram]) for start in starts)


def _verified(
    pairs: npt.NDArray[np.int64],
    distinct: npt.NDArray[np.int64],
    n_rows: int,
    shingles: Shingles,
    threshold: float,
) -> Links:
    """Return the pairs that are as similar as wanted by all of their shingles, not only by hashes of them."""
    kept = lru_cache(KEPT_SHINGLES)(shingles)
    similarity = np.fromiter((_jaccard(kept(a), kept(b)) for a, b in pairs.tolist()), np.float64, len(pairs))
    chosen = similarity >= threshold
    left, right = distinct[pairs[chosen]].T
    return Links(n_rows, left, right, 1 - similarity[chosen], np.full(len(left), TEXT, np.int8))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def _scores(links: Links) -> npt.NDArray[np.float64]:
    scores = np.ones(links.n_rows)
    np.minimum.at(scores, links.left, links.distances)
    np.minimum.at(scores, links.right, links.distances)
    return scores
