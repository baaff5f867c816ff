"""How healthy is each class, and the whole?

Views of the joint distribution of given and true classes, which comes from labels and probabilities (one
sweep), or is given.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_table
from fastcl.core.constants import SLACK
from fastcl.core.errors import check_number, sentence

if TYPE_CHECKING:
    from fastcl.engine.run import Sweep

__all__ = [
    "find_overlapping_classes",
    "health_summary",
    "overall_label_health_score",
    "rank_classes_by_label_quality",
]

logger = logging.getLogger(__name__)


def rank_classes_by_label_quality(
    labels: Any = None,
    pred_probs: Any = None,
    *,
    class_names: Sequence[Hashable] | None = None,
    num_examples: int | None = None,
    joint: npt.ArrayLike | None = None,
    confident_joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
) -> Any:
    """Rank classes by how good their labels are, worst first.

    Call it with `labels` and `pred_probs`, with `joint` and `num_examples`, or with `confident_joint` alone.

    Parameters
    ----------
    labels : array-like of shape (n_samples,), optional
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes), optional
        Out-of-sample predicted probabilities in [0, 1].
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for.
    num_examples : int, optional
        Number of rows; by default that of `labels`, or the sum of `confident_joint`.
    joint : array-like of shape (n_classes, n_classes), optional
        Joint distribution of given classes (down) and true ones (across), see `fastcl.count.estimate_joint`.
    confident_joint : array-like of shape (n_classes, n_classes), optional
        Counts of (given, true) class pairs.
    multi_label : bool
        Must be False; see `docs/coming-from-cleanlab.md`.

    Returns
    -------
    DataFrame
        A row a class, in the table library of `pred_probs` or `labels`, else pandas. Columns: "Class Name" (if
        there are names), "Class Index"; "Label Issues": rows given the class that belong elsewhere; "Inverse
        Label Issues": rows of the class that were given another; "Label Noise" and "Inverse Label Noise": the
        same as shares in [0, 1]; "Label Quality Score": 1 - "Label Noise". A class that no row was given has no
        label noise: NaN, and stands last.

    Examples
    --------
    >>> table = rank_classes_by_label_quality(joint=[[0.4, 0.0], [0.1, 0.5]], num_examples=10)
    >>> table[["Class Index", "Label Issues"]].values.tolist()
    [[1, 1], [0, 0]]
    """
    data = _Data(labels, pred_probs, class_names, num_examples, joint, confident_joint)
    facts = _facts(data, multi_label, "The table of classes")
    return _class_table(facts, like=(pred_probs, labels))


def find_overlapping_classes(
    labels: Any = None,
    pred_probs: Any = None,
    *,
    asymmetric: bool = False,
    class_names: Sequence[Hashable] | None = None,
    num_examples: int | None = None,
    joint: npt.ArrayLike | None = None,
    confident_joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
) -> Any:
    """Rank pairs of classes by how often one is labeled as the other.

    Call it with `labels` and `pred_probs`, with `joint` and `num_examples`, or with `confident_joint` alone.

    Parameters
    ----------
    labels : array-like of shape (n_samples,), optional
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes), optional
        Out-of-sample predicted probabilities in [0, 1].
    asymmetric : bool
        Tell rows given A that are truly B from rows given B that are truly A.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for.
    num_examples : int, optional
        Number of rows; by default that of `labels`, or the sum of `confident_joint`.
    joint : array-like of shape (n_classes, n_classes), optional
        Joint distribution of given classes (down) and true ones (across), see `fastcl.count.estimate_joint`.
    confident_joint : array-like of shape (n_classes, n_classes), optional
        Counts of (given, true) class pairs.
    multi_label : bool
        Must be False; see `docs/coming-from-cleanlab.md`.

    Returns
    -------
    DataFrame
        A row a pair, in the table library of `pred_probs` or `labels`, else pandas. Columns: "Class Name A" and
        "Class Name B" (if there are names), "Class Index A", "Class Index B" (A given, B true, if asymmetric),
        "Num Overlapping Examples", "Joint Probability", by which they are sorted, ties by class.

    Examples
    --------
    >>> table = find_overlapping_classes(joint=[[0.4, 0.0], [0.1, 0.5]], num_examples=10)
    >>> table.iloc[0].tolist()
    [0.0, 1.0, 1.0, 0.1]
    """
    data = _Data(labels, pred_probs, class_names, num_examples, joint, confident_joint)
    facts = _facts(data, multi_label, "The table of class pairs")
    return _pair_table(facts, asymmetric, like=(pred_probs, labels))


def overall_label_health_score(
    labels: Any = None,
    pred_probs: Any = None,
    *,
    num_examples: int | None = None,
    confident_joint: npt.ArrayLike | None = None,
    joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
    verbose: bool = True,
) -> float:
    """Return the share of labels that are estimated to be right.

    Parameters
    ----------
    labels : array-like of shape (n_samples,), optional
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes), optional
        Out-of-sample predicted probabilities in [0, 1].
    num_examples : int, optional
        Number of rows; by default that of `labels`, or the sum of `confident_joint`.
    confident_joint : array-like of shape (n_classes, n_classes), optional
        Counts of (given, true) class pairs; not used if both `labels` and `pred_probs` are given.
    joint : array-like of shape (n_classes, n_classes), optional
        Joint distribution of given and true classes; not used if both `labels` and `pred_probs` are given.
    multi_label : bool
        Must be False; see `docs/coming-from-cleanlab.md`.
    verbose : bool
        Log the result in words (logger ``fastcl.dataset``, level INFO).

    Returns
    -------
    float
        In [0, 1]. Two definitions, as in the reference: from labels and probabilities,
        1 - `fastcl.count.num_label_issues` / n_samples; from a joint alone, its trace.

    Examples
    --------
    >>> overall_label_health_score(joint=[[0.4, 0.0], [0.1, 0.5]], num_examples=10)
    0.9
    """
    facts = _facts(_Data(labels, pred_probs, None, num_examples, joint, confident_joint), multi_label)
    _log(verbose, "%.0f%% of %s labels look right", 100 * facts.health, facts.num_examples)
    return facts.health


def health_summary(
    labels: Any = None,
    pred_probs: Any = None,
    *,
    asymmetric: bool = False,
    class_names: Sequence[Hashable] | None = None,
    num_examples: int | None = None,
    joint: npt.ArrayLike | None = None,
    confident_joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
    verbose: bool = True,
) -> dict[str, Any]:
    """Summarise the health of a data set's labels: overall, by class, by pair of classes.

    Call it with `labels` and `pred_probs`, with `joint` and `num_examples`, or with `confident_joint` alone.

    Parameters
    ----------
    labels : array-like of shape (n_samples,), optional
        Given labels: class indices in [0, n_classes), or names.
    pred_probs : array-like of shape (n_samples, n_classes), optional
        Out-of-sample predicted probabilities in [0, 1].
    asymmetric : bool
        See `find_overlapping_classes`.
    class_names : sequence of n_classes names, optional
        What the columns of `pred_probs` stand for.
    num_examples : int, optional
        Number of rows; by default that of `labels`, or the sum of `confident_joint`.
    joint : array-like of shape (n_classes, n_classes), optional
        Joint distribution of given classes (down) and true ones (across), see `fastcl.count.estimate_joint`.
    confident_joint : array-like of shape (n_classes, n_classes), optional
        Counts of (given, true) class pairs.
    multi_label : bool
        Must be False; see `docs/coming-from-cleanlab.md`.
    verbose : bool
        Log the summary in words (logger ``fastcl.dataset``, level INFO).

    Returns
    -------
    dict
        "overall_label_health_score", see `overall_label_health_score`; "joint", ndarray of shape (n_classes,
        n_classes); "classes_by_label_quality", see `rank_classes_by_label_quality`; "overlapping_classes", see
        `find_overlapping_classes`.

    Notes
    -----
    One sweep for everything.

    Examples
    --------
    >>> sorted(health_summary(joint=[[0.4, 0.0], [0.1, 0.5]], num_examples=10))
    ['classes_by_label_quality', 'joint', 'overall_label_health_score', 'overlapping_classes']
    """
    data = _Data(labels, pred_probs, class_names, num_examples, joint, confident_joint)
    facts = _facts(data, multi_label, "The health summary")
    summary = _summary(facts, asymmetric, (pred_probs, labels))
    _log(verbose, "%.0f%% of %s labels look right", 100 * facts.health, facts.num_examples)
    _log(verbose, "classes, worst first:\n%s", summary["classes_by_label_quality"])
    _log(verbose, "pairs of classes, most mixed up first:\n%s", summary["overlapping_classes"])
    return summary


@dataclass(frozen=True)
class _Data:
    """What the caller gave."""

    labels: Any
    pred_probs: Any
    class_names: Sequence[Hashable] | None
    num_examples: int | None
    joint: npt.ArrayLike | None
    confident_joint: npt.ArrayLike | None

    @property
    def is_complete(self) -> bool:
        return self.labels is not None and self.pred_probs is not None


@dataclass(frozen=True)
class _Facts:
    """What every table is made of."""

    joint: npt.NDArray[np.float64]
    num_examples: int
    health: float
    class_names: npt.NDArray[Any] | None


def _facts(data: _Data, multi_label: bool, dense: str = "") -> _Facts:
    """Collect the facts; `dense` names the answer if it needs the whole joint, not only its trace."""
    from fastcl.core.validation import refuse_multi_label

    refuse_multi_label(multi_label)
    if data.num_examples is not None:
        check_number("num_examples", data.num_examples, 1, whole=True)
    sweep = _sweep(data, dense) if data.is_complete else None
    joint = _joint(data, sweep) if dense or sweep is None else np.empty((0, 0))
    num_examples = data.num_examples
    if num_examples is None:
        num_examples = len(sweep.labels) if sweep else _count_examples(data)
    names = sweep.source.class_names if sweep else None
    if names is None and data.class_names is not None:
        if isinstance(data.class_names, (str, bytes)):
            raise TypeError(sentence("class_names", "be a list or array of names", repr(data.class_names)))
        names = np.asarray(data.class_names)
        if len(names) != len(joint):
            rule = f"name each of the {len(joint)} classes"
            raise ValueError(sentence("class_names", rule, f"{len(names)} names"))
    health = 1 - sweep.n_issues / num_examples if sweep else float(joint.trace())
    return _Facts(joint, num_examples, health, names)


def health_of_sweep(sweep: Sweep, *, asymmetric: bool = False, like: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Return what `health_summary` does, of data that were swept already."""
    from fastcl.core.matrices import normalise

    health = 1 - sweep.n_issues / len(sweep.labels)
    joint = normalise(sweep.joint if isinstance(sweep.joint, np.ndarray) else sweep.joint.to_dense())
    return _summary(_Facts(joint, len(sweep.labels), health, sweep.source.class_names), asymmetric, like)


def _summary(facts: _Facts, asymmetric: bool, like: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "overall_label_health_score": facts.health,
        "joint": facts.joint,
        "classes_by_label_quality": _class_table(facts, like),
        "overlapping_classes": _pair_table(facts, asymmetric, like),
    }


def _sweep(data: _Data, dense: str) -> Sweep:
    from fastcl.core.validation import check_dense, check_two_classes
    from fastcl.engine.blocks import open_source
    from fastcl.engine.run import confident_sweep

    source = open_source(data.labels, data.pred_probs, class_names=data.class_names)
    if dense:
        check_dense(dense, source.n_classes)
    source.require(2)
    sweep = confident_sweep(source)
    check_two_classes(sweep.class_counts)
    return sweep


def _joint(data: _Data, sweep: Sweep | None) -> npt.NDArray[np.float64]:
    """Return the joint distribution: the one given, else from the counts given, else from the data."""
    from fastcl.core.matrices import normalise
    from fastcl.core.validation import check_matrix
    from fastcl.count import estimate_joint

    n_classes = sweep.source.n_classes if sweep else None
    if data.joint is not None:
        joint = check_matrix("joint", data.joint, n_classes).astype(np.float64)
        if abs(joint.sum() - 1) > SLACK:
            fix = "Pass counts as `confident_joint`."
            raise ValueError(sentence("joint", "hold probabilities that sum to 1", f"{joint.sum():g}", fix))
        return joint
    if data.confident_joint is not None:
        labels = sweep.labels if sweep else data.labels
        return estimate_joint(labels, confident_joint=check_matrix("confident_joint", data.confident_joint, n_classes))
    if sweep is None:
        raise ValueError("Give `labels` and `pred_probs`, or `joint` and `num_examples`, or `confident_joint`.")
    return normalise(sweep.joint if isinstance(sweep.joint, np.ndarray) else sweep.joint.to_dense())


def _count_examples(data: _Data) -> int:
    if data.labels is not None:
        return len(data.labels)
    if data.confident_joint is None:
        raise ValueError(sentence("num_examples", "be given with `joint`", "None"))
    if not np.sum(data.confident_joint) >= 1:
        raise ValueError(sentence("confident_joint", "hold at least one count", "none"))
    return int(np.sum(data.confident_joint))


def _class_table(facts: _Facts, like: tuple[Any, ...]) -> Any:
    given, true = facts.joint.sum(axis=1), facts.joint.sum(axis=0)
    wrong_given, wrong_true = given - facts.joint.diagonal(), true - facts.joint.diagonal()
    noise = _share(wrong_given, given)
    order = np.argsort(1 - noise, kind="stable")
    columns = {
        "Class Index": np.arange(len(given)),
        "Label Issues": _whole(wrong_given * facts.num_examples),
        "Inverse Label Issues": _whole(wrong_true * facts.num_examples),
        "Label Noise": noise,
        "Inverse Label Noise": _share(wrong_true, true),
        "Label Quality Score": 1 - noise,
    }
    if facts.class_names is not None:
        columns = {"Class Name": facts.class_names} | columns
    return as_table({name: values[order] for name, values in columns.items()}, like)


def _pair_table(facts: _Facts, asymmetric: bool, like: tuple[Any, ...]) -> Any:
    K = len(facts.joint)
    if asymmetric:
        a, b = np.nonzero(~np.eye(K, dtype=np.bool_))
        shares = facts.joint[a, b]
    else:
        a, b = np.triu_indices(K, 1)
        shares = facts.joint[a, b] + facts.joint[b, a]
    order = np.argsort(-shares, kind="stable")
    a, b, shares = a[order], b[order], shares[order]
    columns = {
        "Class Index A": a,
        "Class Index B": b,
        "Num Overlapping Examples": _whole(shares * facts.num_examples),
        "Joint Probability": shares,
    }
    if facts.class_names is not None:
        columns = {"Class Name A": facts.class_names[a], "Class Name B": facts.class_names[b]} | columns
    return as_table(columns, like)


def _share(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return part / whole, NaN where there is nothing."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _whole(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.rint(counts).astype(np.int64)


def _log(verbose: bool, message: str, *values: Any) -> None:
    logger.log(logging.INFO if verbose else logging.DEBUG, message, *values)
