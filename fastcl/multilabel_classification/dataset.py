"""How healthy is each class, and the whole, if a row may have any number of classes?

Views of one search for label issues, by noise rate, in every class.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_table
from fastcl.core.errors import check_number, sentence

__all__ = [
    "common_multilabel_issues",
    "multilabel_health_summary",
    "overall_multilabel_health_score",
    "rank_classes_by_multilabel_quality",
]

logger = logging.getLogger(__name__)


def common_multilabel_issues(
    labels: Any = None,
    pred_probs: Any = None,
    *,
    class_names: Sequence[Hashable] | None = None,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
) -> Any:
    """Rank the kinds of mistakes, a class given where it is not and missing where it is, by how common they are.

    Parameters
    ----------
    labels : list of n_samples lists or sets; or array-like of shape (n_samples, n_classes)
        The classes of each row, or 0/1 indicators; see `fastcl.multilabel_classification.filter.find_label_issues`.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probability of each class, in [0, 1].
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for.
    confident_joint : array-like of shape (n_classes, 2, 2), optional
        Counts of (given, true) sides of each class to search with.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    DataFrame
        Two rows a class, in the table library of `pred_probs` or `labels`, else pandas. Columns: "Class Name" (if there
        are names), "Class Index"; "In Given Label" and "In Suggested Label": whether the class is given, and should
        be; "Num Examples": how many rows; "Issue Probability": their share of all rows, by which the table is
        sorted, ties by class, given ones first.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0, 1], [], [1], [1]]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2], [0.2, 0.8], [0.9, 0.7]])
    >>> table = common_multilabel_issues(labels, pred_probs)
    >>> table[["Class Index", "In Given Label", "Num Examples"]].values.tolist()
    [[0, False, 1], [0, True, 0], [1, True, 0], [1, False, 0]]
    """
    facts = _facts(labels, pred_probs, class_names, confident_joint, n_jobs)
    return _issue_table(facts, like=(pred_probs, labels))


def rank_classes_by_multilabel_quality(
    labels: Any = None,
    pred_probs: Any = None,
    *,
    class_names: Sequence[Hashable] | None = None,
    joint: npt.ArrayLike | None = None,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
) -> Any:
    """Rank classes by how good their labels are, worst first.

    Parameters
    ----------
    labels : list of n_samples lists or sets; or array-like of shape (n_samples, n_classes)
        The classes of each row, or 0/1 indicators; see `fastcl.multilabel_classification.filter.find_label_issues`.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probability of each class, in [0, 1].
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for.
    joint, confident_joint : array-like of shape (n_classes, 2, 2), optional
        Counts of (given, true) sides of each class to search with: two names of one parameter.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    DataFrame
        A row a class, in the table library of `pred_probs` or `labels`, else pandas. Columns: "Class Name" (if there
        are names), "Class Index"; "Label Issues": rows given the class that should not be; "Inverse Label Issues":
        rows that should be and are not; "Label Noise": the first as a share of the rows given the class; "Inverse
        Label Noise": the second as a share of all rows; "Label Quality Score": 1 - "Label Noise". A class that no
        row was given has no label noise: NaN, and stands last.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0, 1], [], [1], [1]]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2], [0.2, 0.8], [0.9, 0.1]])
    >>> table = rank_classes_by_multilabel_quality(labels, pred_probs)
    >>> table[["Class Index", "Label Issues", "Inverse Label Issues"]].values.tolist()
    [[1, 1, 0], [0, 0, 1]]
    """
    if joint is not None and confident_joint is not None:
        raise ValueError(sentence("joint", "be None if `confident_joint` is given", "both"))
    facts = _facts(labels, pred_probs, class_names, joint if confident_joint is None else confident_joint, n_jobs)
    return _class_table(facts, like=(pred_probs, labels))


def overall_multilabel_health_score(
    labels: Any = None,
    pred_probs: Any = None,
    *,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
) -> float:
    """Return the share of rows all of whose classes are estimated to be right.

    Parameters
    ----------
    labels : list of n_samples lists or sets; or array-like of shape (n_samples, n_classes)
        The classes of each row, or 0/1 indicators; see `fastcl.multilabel_classification.filter.find_label_issues`.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probability of each class, in [0, 1].
    confident_joint : array-like of shape (n_classes, 2, 2), optional
        Counts of (given, true) sides of each class to search with.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0, 1], [], [1], [1]]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2], [0.2, 0.8], [0.9, 0.7]])
    >>> overall_multilabel_health_score(labels, pred_probs)
    0.8
    """
    return _facts(labels, pred_probs, None, confident_joint, n_jobs).health


def multilabel_health_summary(
    labels: Any = None,
    pred_probs: Any = None,
    *,
    class_names: Sequence[Hashable] | None = None,
    num_examples: int | None = None,
    confident_joint: npt.ArrayLike | None = None,
    verbose: bool = True,
    n_jobs: int | None = None,
) -> dict[str, Any]:
    """Summarise the health of multi-label data: overall, by class, by kind of mistake.

    Parameters
    ----------
    labels : list of n_samples lists or sets; or array-like of shape (n_samples, n_classes)
        The classes of each row, or 0/1 indicators; see `fastcl.multilabel_classification.filter.find_label_issues`.
    pred_probs : array-like of shape (n_samples, n_classes)
        Out-of-sample predicted probability of each class, in [0, 1].
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for.
    num_examples : int, optional
        Number of rows to speak of in the log; by default that of `labels`.
    confident_joint : array-like of shape (n_classes, 2, 2), optional
        Counts of (given, true) sides of each class to search with.
    verbose : bool
        Log the summary in words (logger ``fastcl.multilabel_classification.dataset``, level INFO).
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    dict
        "overall_multilabel_health_score", see `overall_multilabel_health_score`; "classes_by_multilabel_quality", see
        `rank_classes_by_multilabel_quality`; "common_multilabel_issues", see `common_multilabel_issues`.

    Notes
    -----
    One search for everything.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0, 1], [], [1], [1]]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2], [0.2, 0.8], [0.9, 0.7]])
    >>> sorted(multilabel_health_summary(labels, pred_probs))
    ['classes_by_multilabel_quality', 'common_multilabel_issues', 'overall_multilabel_health_score']
    """
    if num_examples is not None:
        check_number("num_examples", num_examples, 1, whole=True)
    facts = _facts(labels, pred_probs, class_names, confident_joint, n_jobs)
    like = (pred_probs, labels)
    summary = {
        "overall_multilabel_health_score": facts.health,
        "classes_by_multilabel_quality": _class_table(facts, like),
        "common_multilabel_issues": _issue_table(facts, like),
    }
    _log(verbose, "all classes of %.0f%% of %s rows look right", 100 * facts.health, num_examples or facts.n_rows)
    _log(verbose, "classes, worst first:\n%s", summary["classes_by_multilabel_quality"])
    _log(verbose, "mistakes, most common first:\n%s", summary["common_multilabel_issues"])
    return summary


@dataclass(frozen=True)
class _Facts:
    """What every table is made of; both counts have shape (n_classes, 2): not given, given."""

    issues: npt.NDArray[np.int64]
    side_counts: npt.NDArray[np.int64]
    n_rows: int
    health: float
    class_names: npt.NDArray[Any] | None


def _facts(
    labels: Any,
    pred_probs: Any,
    class_names: Sequence[Hashable] | None,
    confident_joint: npt.ArrayLike | None,
    n_jobs: int | None,
) -> _Facts:
    """Search once and count."""
    from fastcl.core.filter_options import PruneOptions
    from fastcl.multilabel_classification.search import find_cells

    for name, value in (("labels", labels), ("pred_probs", pred_probs)):
        if value is None:
            raise ValueError(sentence(name, "be given", "None"))
    prune = PruneOptions(confident_joint=confident_joint, n_jobs=n_jobs)
    found = find_cells(labels, pred_probs, prune=prune, class_names=class_names)
    source = found.sweep.source
    health = 1 - int(np.count_nonzero(found.of_rows())) / len(source)
    return _Facts(found.cells.counts(), found.sweep.side_counts, len(source), health, source.sets.class_names)


def _issue_table(facts: _Facts, like: tuple[Any, ...]) -> Any:
    n_classes = len(facts.issues)
    counts = facts.issues[:, ::-1].reshape(-1)
    given = np.tile([True, False], n_classes)
    columns = {
        "Class Index": np.repeat(np.arange(n_classes), 2),
        "In Given Label": given,
        "In Suggested Label": ~given,
        "Num Examples": counts,
        "Issue Probability": counts / facts.n_rows,
    }
    return _table(facts, columns, np.argsort(-counts, kind="stable"), like)


def _class_table(facts: _Facts, like: tuple[Any, ...]) -> Any:
    missing, wrong = facts.issues.T
    given = facts.side_counts[:, 1]
    noise = np.divide(wrong, given, out=np.full(len(given), np.nan), where=given > 0)
    columns = {
        "Class Index": np.arange(len(given)),
        "Label Issues": wrong,
        "Inverse Label Issues": missing,
        "Label Noise": noise,
        "Inverse Label Noise": missing / facts.n_rows,
        "Label Quality Score": 1 - noise,
    }
    return _table(facts, columns, np.argsort(1 - noise, kind="stable"), like)


def _table(facts: _Facts, columns: dict[str, npt.NDArray[Any]], order: npt.NDArray[np.int64], like: Any) -> Any:
    if facts.class_names is not None:
        columns = {"Class Name": facts.class_names[columns["Class Index"]]} | columns
    return as_table({name: values[order] for name, values in columns.items()}, like)


def _log(verbose: bool, message: str, *values: Any) -> None:
    logger.log(logging.INFO if verbose else logging.DEBUG, message, *values)
