"""The result of every search for duplicates: groups, the row to keep of each, conflicts and leaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_table
from fastcl.core.errors import sentence
from fastcl.core.lazily import kept
from fastcl.neighbors.duplicates.columns import as_codes, as_column, as_quality
from fastcl.neighbors.duplicates.links import (
    EXACT,
    KINDS,
    Links,
    choose_representatives,
    connect,
    nearest_linked,
    unite,
)
from fastcl.neighbors.duplicates.lists import RowLists, list_members

__all__ = ["Disagreements", "Duplicates", "unite_duplicates"]


class Search(Protocol):
    """What can be asked for the links at another threshold."""

    def threshold(self, threshold: float | None) -> float:
        """Return a threshold that can be asked for, or raise."""

    def links(self, threshold: float) -> Links:
        """Return the links at a threshold."""


@dataclass(frozen=True, eq=False)
class Disagreements:
    """Groups whose members differ in something that duplicates should share.

    Parameters
    ----------
    groups : int64 of shape (n_found,)
        Their numbers, ascending.
    rows : sequence of n_found arrays
        All members of each of these groups, ascending.
    pairs : int64 of shape (n_pairs, 2)
        The pairs of linked rows that differ, ascending; every group has at least one.
    is_issue : bool of shape (n_samples,)
        Whether a row belongs to one of these groups.
    """

    groups: npt.NDArray[np.int64]
    rows: RowLists
    pairs: npt.NDArray[np.int64]
    is_issue: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.groups)


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Groups of rows that are duplicates of each other: rows linked directly, or through others.

    Parameters
    ----------
    group : int64 of shape (n_samples,)
        Number of the group of each row, counted in the order of their first rows; -1 for a row without duplicates.
    representative : int64 of shape (n_groups,)
        The row to keep of each group: of the best `quality` if that was given; among equals the one with the most
        links, then the lowest sum of distances to the rows it is linked to, then the lowest row number.
    is_exact : bool of shape (n_samples,)
        Whether a row has an exact copy.
    scores : float64 of shape (n_samples,)
        How alone each row is, in [0, 1]: 0 beside an exact copy.
    links : `Links`
        The pairs of rows that make the groups, with their distances.
    threshold : float, or None if there is none
    quality : float64 of shape (n_samples,), or None
    search : what `with_threshold` asks

    Examples
    --------
    >>> from fastcl.neighbors.duplicates.rows import find_exact_duplicates
    >>> found = find_exact_duplicates([[1.0], [2.0], [1.0], [3.0], [2.0]])
    >>> found.group
    array([ 0,  1,  0, -1,  1])
    >>> found.keep
    array([ True,  True, False,  True, False])
    >>> found.leakage(["train", "train", "test", "test", "train"]).pairs
    array([[0, 2]])
    """

    group: npt.NDArray[np.int64]
    representative: npt.NDArray[np.int64]
    is_exact: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]
    links: Links = field(repr=False)
    threshold: float | None = None
    quality: npt.NDArray[np.float64] | None = field(default=None, repr=False)
    search: Any = field(default=None, repr=False)

    @classmethod
    def from_links(cls, links: Links, scores: npt.NDArray[np.float64], quality: Any = None, **about: Any) -> Self:
        """Return the groups that links make."""
        group = connect(links)
        quality = as_quality(quality, links.n_rows)
        is_exact = np.zeros(links.n_rows, np.bool_)
        copies = links.take(links.kinds == EXACT)
        is_exact[copies.left] = is_exact[copies.right] = True
        best = choose_representatives(links, group, quality)
        return cls(group, best, is_exact, scores, links, quality=quality, **about)

    def __len__(self) -> int:
        return len(self.group)

    def __repr__(self) -> str:
        at = "" if self.threshold is None else f", threshold={self.threshold:g}"
        return f"{type(self).__name__}({self.n_groups:,} groups of {self.is_issue.sum():,} of {len(self):,} rows{at})"

    @property
    def fold_groups(self) -> npt.NDArray[np.int64]:
        """The groups to cross-validate by: those of `group`, and one of its own for each row without duplicates."""
        return np.where(self.group >= 0, self.group, self.n_groups + np.arange(len(self)))

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.representative)

    @property
    def summary(self) -> float:
        """The mean score."""
        return float(self.scores.mean())

    @kept
    def is_issue(self) -> npt.NDArray[np.bool_]:
        """Whether a row has duplicates."""
        return self.group >= 0

    @kept
    def keep(self) -> npt.NDArray[np.bool_]:
        """Mask of the rows that remain when of each group only the representative is kept."""
        keep = self.group < 0
        keep[self.representative] = True
        return keep

    @kept
    def groups(self) -> RowLists:
        """The rows of each group, ascending: a sequence of arrays."""
        return list_members(self.group, self.n_groups)

    def with_threshold(self, threshold: float) -> Self:
        """Return the answer for another threshold, from what has been kept: no distance is computed.

        Raises
        ------
        ValueError
            If these duplicates have no threshold (exact ones, several searches united), or, for texts, if it is
            below the one that was searched with.
        """
        if self.search is None:
            fix = "Only near duplicates have one; change it before searches are united."
            raise ValueError(f"These duplicates have no threshold. {fix}")
        threshold = self.search.threshold(threshold)
        links, about = self.search.links(threshold), {"threshold": threshold, "search": self.search}
        return type(self).from_links(links, self.scores, self.quality, **about)

    def conflicting_labels(self, labels: Any) -> Disagreements:
        """Return the groups whose members have different labels: at least one of them is wrong, or arguable.

        Parameters
        ----------
        labels : array-like of shape (n_samples,)
            Anything that can be compared: integers, names.

        Raises
        ------
        ValueError
            If there is not one label a row.
        """
        return self._disagreements("labels", labels)

    def leakage(self, split: Any) -> Disagreements:
        """Return the groups that cross a split: what was learned from one part is asked in another.

        Parameters
        ----------
        split : array-like of shape (n_samples,)
            The part of each row, such as ``"train"`` and ``"test"``.

        Raises
        ------
        ValueError
            If there is not one value a row.
        """
        return self._disagreements("split", split)

    def _disagreements(self, name: str, values: Any) -> Disagreements:
        """Return the groups with different values; connected as they are, some linked rows must differ."""
        codes, links = as_codes(name, as_column(name, values, len(self))), self.links
        differs = codes[links.left] != codes[links.right]
        pairs = np.column_stack([links.left[differs], links.right[differs]])
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        is_found = np.zeros(self.n_groups + 1, np.bool_)  # the last place is that of rows without a group
        is_found[self.group[pairs[:, 0]]] = True
        groups = np.flatnonzero(is_found)
        number = np.full(self.n_groups + 1, -1)
        number[groups] = np.arange(len(groups))
        return Disagreements(groups, list_members(number[self.group], len(groups)), pairs, is_found[self.group])

    def to_frame(self, *, labels: Any = None, split: Any = None) -> Any:
        """Return a table with one line for each row that has duplicates, group by group.

        Columns: ``group``, ``row``, ``role`` ("keep" or "drop"), ``nearest`` (the nearest row it is linked to),
        ``distance`` to it and ``kind`` of that link; with `labels` also ``label`` and ``conflict``, with `split` also
        ``split`` and ``leak``. A table of the library that `split` or `labels` are of, else of pandas.
        """
        rows = self.groups.rows
        nearest, distances = nearest_linked(self.links)
        columns = {
            "group": self.group[rows],
            "row": rows,
            "role": np.where(self.keep[rows], "keep", "drop"),
            "nearest": nearest[rows],
            "distance": distances[rows],
            "kind": self._kinds(nearest)[rows],
        }
        if labels is not None:
            columns["label"] = as_column("labels", labels, len(self))[rows]
            columns["conflict"] = self.conflicting_labels(labels).is_issue[rows]
        if split is not None:
            columns["split"] = as_column("split", split, len(self))[rows]
            columns["leak"] = self.leakage(split).is_issue[rows]
        return as_table(columns, (split, labels))

    def _kinds(self, nearest: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return for every row the kind of its link to the nearest row."""
        kinds = np.zeros(len(self), np.int8)
        links = self.links
        for ends, others in ((links.left, links.right), (links.right, links.left)):
            is_nearest = nearest[ends] == others
            kinds[ends[is_nearest]] = links.kinds[is_nearest]
        return KINDS[kinds]


def unite_duplicates(*results: Duplicates, quality: Any = None) -> Duplicates:
    """Return one grouping of several searches over the same rows: exact copies, near duplicates, texts.

    Rows belong together if any of the searches links them, directly or through others.

    Parameters
    ----------
    *results : `Duplicates`
        At least one; all of the same rows.
    quality : array-like of shape (n_samples,), optional
        Decides which row of a group is kept; by default what the first result was given that has one.

    Returns
    -------
    `Duplicates`
        `scores` are the lowest of all results. Of several links between the same rows the exact one counts, then
        the one of the graph, then that of the texts.

    Raises
    ------
    TypeError
        If a result is none.
    ValueError
        If there is no result, or they are of different numbers of rows.

    Examples
    --------
    >>> from fastcl.neighbors.duplicates.rows import find_exact_duplicates
    >>> names = find_exact_duplicates([[1], [2], [1], [4]])
    >>> places = find_exact_duplicates([[1], [2], [3], [1]])
    >>> unite_duplicates(names, places).group
    array([ 0, -1,  0,  0])
    """
    for result in results:
        if not isinstance(result, Duplicates):
            raise TypeError(sentence("results", "be Duplicates", type(result).__name__))
    if len({len(result) for result in results}) != 1:
        got = ", ".join(f"{len(result):,} rows" for result in results) or "none"
        raise ValueError(sentence("results", "be of the same rows", got))
    if quality is None:
        quality = next((result.quality for result in results if result.quality is not None), None)
    scores = np.minimum.reduce([result.scores for result in results])
    return Duplicates.from_links(unite([result.links for result in results]), scores, quality)
