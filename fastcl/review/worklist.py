"""Which labels to look at first, and what each of them should probably be."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_option

__all__ = ["Pair", "Worklist", "label_worklist"]


class Pair(NamedTuple):
    """A given class, the class suggested instead, and for how many rows."""

    given: Hashable
    suggested: Hashable
    n_rows: int


@dataclass(frozen=True, eq=False, repr=False)
class Worklist:
    """The label issues of a data set, worst first; all arrays have one entry an issue.

    Attributes
    ----------
    row : ndarray of shape (n_issues,), int64
        Where the label stands in the data, counted from 0.
    given : ndarray of shape (n_issues,), int32
        Class index of the given label; `given_label` is its name.
    suggested : ndarray of shape (n_issues,), int32
        Class index of the most probable class, -1 if that is the given one; `suggested_label` is its name.
    score : ndarray of shape (n_issues,), float
        Label quality in [0, 1]; low is bad.
    suggested_probability : ndarray of shape (n_issues,), float
        Predicted probability of the suggested class, NaN if there is none.
    class_sizes : ndarray of shape (n_classes,), int64
        Number of rows given each class.
    class_names : ndarray of shape (n_classes,) or None
        What the user calls the classes; None if they are 0, 1, ..., n_classes - 1.
    health : float
        Estimated share of right labels in [0, 1], see `fastcl.dataset.overall_label_health_score`.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> worklist = label_worklist(["cat", "cat", "dog", "dog", "dog"], pred_probs)
    >>> worklist
    Worklist(1 label issues in 5 rows of 2 classes)
    >>> worklist.to_frame()
       row given_label suggested_label  score  suggested_probability
    0    4         dog             cat   0.05                   0.95
    """

    row: npt.NDArray[np.int64]
    given: npt.NDArray[np.int32]
    suggested: npt.NDArray[np.int32]
    score: npt.NDArray[np.floating[Any]]
    suggested_probability: npt.NDArray[np.floating[Any]]
    class_sizes: npt.NDArray[np.int64]
    class_names: npt.NDArray[Any] | None
    health: float

    def __len__(self) -> int:
        return len(self.row)

    def __repr__(self) -> str:
        return f"Worklist({len(self):,} label issues in {self.n_rows:,} rows of {self.n_classes:,} classes)"

    @property
    def n_rows(self) -> int:
        """Number of rows of the data."""
        return int(self.class_sizes.sum())

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_sizes)

    @property
    def given_label(self) -> npt.NDArray[Any]:
        """The given label of every issue, as the user names it."""
        return self.name(self.given)

    @property
    def suggested_label(self) -> npt.NDArray[Any]:
        """The label that every issue should probably have; None where that is the given one."""
        names = self.name(self.suggested)
        if (self.suggested < 0).any():
            names = names.astype(object)
            names[self.suggested < 0] = None
        return names

    def name(self, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
        """Return class indices as the user names the classes."""
        return codes if self.class_names is None else self.class_names[codes]

    def issues_per_class(self) -> npt.NDArray[np.int64]:
        """Return how many issues were given each class, of shape (n_classes,)."""
        return np.bincount(self.given, minlength=self.n_classes)

    def frequent_pairs(self, top: int = 10) -> list[Pair]:
        """Return the most frequent corrections, ties in the order of the classes.

        Examples
        --------
        >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
        >>> label_worklist([0, 0, 1, 1, 1], pred_probs).frequent_pairs()
        [Pair(given=1, suggested=0, n_rows=1)]
        """
        has = self.suggested >= 0
        pairs = self.given[has].astype(np.int64) * self.n_classes + self.suggested[has]
        distinct, counts = np.unique(pairs, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:top]
        given, suggested = (self.name(codes).tolist() for codes in divmod(distinct[order], self.n_classes))
        return [Pair(*pair) for pair in zip(given, suggested, counts[order].tolist(), strict=True)]

    def to_frame(self) -> Any:
        """Return the worklist as a pandas DataFrame, an issue a row, worst first.

        Returns
        -------
        DataFrame
            Columns "row", "given_label", "suggested_label" (missing where there is none), "score",
            "suggested_probability".
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "row": self.row,
                "given_label": _as_column(self.given_label),
                "suggested_label": _as_column(self.suggested_label),
                "score": self.score,
                "suggested_probability": self.suggested_probability,
            }
        )


def _as_column(labels: npt.NDArray[Any]) -> Any:
    """Return labels as a column of one type: integers stay integers beside missing ones, a mixture is text."""
    import pandas as pd

    column = pd.Series(labels)
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "integer":
        return column.astype("Int64" if column.isna().any() else "int64")
    return (column.map(str, na_action="ignore") if kind.startswith("mixed") else column).infer_objects()


def label_worklist(
    labels: Any,
    pred_probs: Any,
    *,
    filter_by: str = "prune_by_noise_rate",
    rank_by: str = "self_confidence",
    frac_noise: float = 1.0,
    min_examples_per_class: int = 1,
    thresholds: npt.ArrayLike | None = None,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> Worklist:
    """Find the labels that are probably wrong, and say what they should be, worst first.

    One search of the data answers both; see `fastcl.filter.find_label_issues` for what makes an issue. A
    suggestion is the class that the model finds most probable: good where the model is, and no more.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names (strings, booleans, categoricals).
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probabilities in [0, 1]; a table with one column a class is matched to `labels`
        by name; the path of a ``.npy`` or Parquet file; or an iterable of ``(labels, pred_probs)`` blocks.
    filter_by : str
        What makes an issue, see `fastcl.filter.find_label_issues`.
    rank_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        The score to rank issues by, see `fastcl.rank.get_label_quality_scores`.
    frac_noise : float
        Share of the issues to find, in [0, 1]; prune filters only.
    min_examples_per_class : int
        Prune filters leave at least so many rows in each class, and skip classes that have no more.
    thresholds : array-like of shape (n_classes,), optional
        How probable a class must be to be confident; by default the mean probability of the class among rows
        given it.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for, if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.
    verbose : bool
        Show a progress bar on a terminal if it takes longer than two seconds.

    Returns
    -------
    Worklist
        Ranked by score, ties by row.

    Raises
    ------
    TypeError
        If `labels` or `pred_probs` is of no kind listed above.
    ValueError
        If shapes or lengths do not fit, a label is missing or no class, a probability is NaN or outside [0, 1],
        or an option is unknown.

    References
    ----------
    Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021,
    Section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> worklist = label_worklist(["cat", "cat", "dog", "dog", "dog"], pred_probs)
    >>> worklist.row, worklist.given_label, worklist.suggested_label
    (array([4]), array(['dog'], dtype='<U3'), array(['cat'], dtype='<U3'))
    """
    from fastcl.core.scores import METHODS
    from fastcl.core.selection import ascending
    from fastcl.filter import PruneOptions, search

    check_option("rank_by", rank_by, METHODS)
    prune = PruneOptions(
        frac_noise=frac_noise, min_examples_per_class=min_examples_per_class, n_jobs=n_jobs, verbose=verbose
    )
    sweep, issues = search(
        labels,
        pred_probs,
        rank_by=rank_by,
        filter_by=filter_by,
        prune=prune,
        thresholds=thresholds,
        class_names=class_names,
    )
    rows = np.flatnonzero(issues)
    rows = rows[ascending(sweep.scores[rows])]
    given, predicted = sweep.labels[rows], sweep.summary.predicted[rows]
    differs = predicted != given
    return Worklist(
        row=rows,
        given=given,
        suggested=np.where(differs, predicted, np.int32(-1)),
        score=sweep.scores[rows],
        suggested_probability=np.where(differs, sweep.summary.best_other[rows], np.nan),
        class_sizes=sweep.class_counts,
        class_names=sweep.source.class_names,
        health=1 - sweep.n_issues / len(sweep.labels),
    )
