"""Label issues batch by batch, under the names that users of the reference know.

Thin names over the one path: every function of fastcl reads its data in blocks, so `find_label_issues_batched`
is `fastcl.filter.find_label_issues` with a score to select by, and `LabelInspector` the same engine, fed by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_option, sentence

if TYPE_CHECKING:
    from fastcl.core.scores import Scoring

__all__ = ["LabelInspector", "find_label_issues_batched", "split_arr"]


def find_label_issues_batched(
    labels: Any = None,
    pred_probs: Any = None,
    *,
    labels_file: str | PathLike[str] | None = None,
    pred_probs_file: str | PathLike[str] | None = None,
    batch_size: int = 10_000,
    n_jobs: int | None = None,
    verbose: bool = True,
    quality_score_kwargs: dict[str, Any] | None = None,
    num_issue_kwargs: dict[str, Any] | None = None,
    return_mask: bool = False,
) -> npt.NDArray[Any]:
    """Find as many label issues as are estimated to exist: the rows of lowest quality that their label loses.

    Parameters
    ----------
    labels : array-like of shape (n_samples,), optional
        Given labels: class indices in [0, n_classes).
    pred_probs : array-like of shape (n_samples, n_classes), optional
        Out-of-sample predicted probabilities in [0, 1]; or anything whose rows can be sliced (zarr, h5py).
    labels_file, pred_probs_file : path, optional
        The same as ``.npy`` files, instead.
    batch_size : int
        At least 1; taken for compatibility. Blocks are as large as suits the machine, and the answer is the same.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use.
    verbose : bool
        Show a progress bar on a terminal if it takes longer than two seconds.
    quality_score_kwargs : dict, optional
        ``method`` and ``adjust_pred_probs`` of `fastcl.rank.get_label_quality_scores`.
    num_issue_kwargs : dict, optional
        ``{"estimation_method": "off_diagonal_calibrated"}`` to count by the calibrated joint.
    return_mask : bool
        Return a mask instead of rows.

    Returns
    -------
    ndarray of int64
        Rows of the issues, worst first. With `return_mask`: ndarray of shape (n_samples,), bool.

    Raises
    ------
    ValueError
        If labels or probabilities are given twice or not at all, or do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> find_label_issues_batched(np.array([0, 0, 1, 1, 1]), pred_probs)
    array([4])
    """
    from fastcl.core.selection import ascending, lowest
    from fastcl.engine.blocks import open_source
    from fastcl.engine.run import confident_sweep

    if batch_size < 1:
        raise ValueError(sentence("batch_size", "be at least 1", f"{batch_size}"))
    by_calibrated_joint = _is_calibrated(num_issue_kwargs)
    given = _one_of("labels", labels, labels_file)
    source = open_source(given, _one_of("pred_probs", pred_probs, pred_probs_file))
    scoring = _scoring(quality_score_kwargs, source.n_classes)
    sweep = confident_sweep(source, scoring=scoring, n_jobs=n_jobs, verbose=verbose)
    n_issues = _calibrated_count(sweep.raw_joint, sweep.class_counts) if by_calibrated_joint else sweep.n_issues
    rows = lowest(sweep.scores, n_issues)
    rows = rows[~sweep.summary.wins[rows]]
    if not return_mask:
        return rows[ascending(sweep.scores[rows])]
    mask = np.zeros(len(sweep.labels), np.bool_)
    mask[rows] = True
    return mask


class LabelInspector:
    """Finds label issues in batches that are handed over one at a time, twice: for thresholds, then to score.

    Parameters
    ----------
    num_class : int
        Number of classes, the columns of every batch's `pred_probs`.
    store_results : bool
        Keep the scores of all batches (8 bytes a row), for `get_quality_scores` and `get_label_issues`.
    verbose : bool
        Taken for compatibility; nothing is printed.
    quality_score_kwargs : dict, optional
        ``method`` and ``adjust_pred_probs`` of `fastcl.rank.get_label_quality_scores`.
    num_issue_kwargs : dict, optional
        ``{"estimation_method": "off_diagonal_calibrated"}`` to count by the calibrated joint.
    n_jobs : int, optional
        Number of threads a batch; by default as many as this process may use.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([0, 0, 1, 1, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> inspector = LabelInspector(num_class=2)
    >>> for rows in (slice(0, 3), slice(3, 5)):
    ...     inspector.update_confident_thresholds(labels[rows], pred_probs[rows])
    >>> for rows in (slice(0, 3), slice(3, 5)):
    ...     scores = inspector.score_label_quality(labels[rows], pred_probs[rows])
    >>> inspector.get_label_issues()
    array([4])
    """

    def __init__(
        self,
        *,
        num_class: int,
        store_results: bool = True,
        verbose: bool = True,
        quality_score_kwargs: dict[str, Any] | None = None,
        num_issue_kwargs: dict[str, Any] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        from fastcl.core.reductions.confident_joint import counts_for
        from fastcl.core.reductions.issue_count import IssueCount
        from fastcl.core.reductions.thresholds import SelfConfidenceSums

        if num_class < 1:
            raise ValueError(sentence("num_class", "be at least 1", f"{num_class}"))
        self.num_class = num_class
        self.store_results = store_results
        self._scoring = _scoring(quality_score_kwargs, num_class)
        self._by_calibrated_joint = _is_calibrated(num_issue_kwargs)
        self._n_jobs = n_jobs
        self._sums = SelfConfidenceSums.init(num_class)
        self._counts = counts_for(num_class).init(num_class)
        self._issues = IssueCount.init(num_class)
        self._evaluated = SelfConfidenceSums.init(num_class)
        self._scores: list[npt.NDArray[Any]] = []

    def update_confident_thresholds(self, labels: Any, pred_probs: Any) -> None:
        """Add the rows of one batch to the class thresholds."""
        from fastcl.engine.run import sum_self_confidence

        self._sums.merge(sum_self_confidence(self._open(labels, pred_probs), n_jobs=self._n_jobs))

    def score_label_quality(self, labels: Any, pred_probs: Any, *, update_num_issues: bool = True) -> npt.NDArray[Any]:
        """Return the scores of one batch, shape (n_samples,), low is bad, and count its issues."""
        from fastcl.core.scores import owned
        from fastcl.engine.run import sweep_rows

        thresholds = self.get_confident_thresholds()
        mine: list[Any] = [self._counts, self._issues, self._evaluated]
        source = self._open(labels, pred_probs)
        score, entropy = self._scoring.of_block(), self._scoring.needs_entropy
        kinds = [type(state) for state in mine]
        states, rows = sweep_rows(
            source, kinds, thresholds=thresholds, score=score, entropy=entropy, n_jobs=self._n_jobs
        )
        if update_num_issues:
            for state, batch in zip(mine, states, strict=True):
                state.merge(batch)
        _, summary, scores = rows.close()
        scores = scores if score else owned(self._scoring.of_summary(summary, self.num_class))
        if self.store_results:
            self._scores.append(scores)
        return scores

    def get_confident_thresholds(self, silent: bool = False) -> npt.NDArray[np.float64]:
        """Return the thresholds of the batches so far, shape (num_class,); ValueError before the first."""
        if not self._sums.counts.any():
            raise ValueError("No batch has been seen yet: call `update_confident_thresholds` first.")
        return self._sums.finalize()

    def get_num_issues(self, silent: bool = False) -> int:
        """Return the estimated number of issues in the batches scored so far; ValueError before the first."""
        class_counts = self._evaluated.counts
        if not class_counts.any():
            raise ValueError("No batch has been scored yet: call `score_label_quality` first.")
        if self._by_calibrated_joint:
            return _calibrated_count(self._counts.finalize(), class_counts)
        return int(self._issues.finalize())

    def get_quality_scores(self) -> npt.NDArray[Any]:
        """Return the scores of all batches in the order they came; ValueError without `store_results`."""
        if not self.store_results:
            raise ValueError(sentence("store_results", "be True to ask for the scores of all batches", "False"))
        return np.concatenate(self._scores) if self._scores else np.empty(0)

    def get_label_issues(self) -> npt.NDArray[np.int64]:
        """Return the rows of lowest score, worst first, as many as `get_num_issues` says."""
        from fastcl.rank import find_top_issues

        return find_top_issues(self.get_quality_scores(), top=self.get_num_issues())

    def _open(self, labels: Any, pred_probs: Any) -> Any:
        from fastcl.engine.blocks import open_source

        source = open_source(labels, pred_probs)
        if source.n_classes != self.num_class:
            rule = f"have `num_class` = {self.num_class} columns"
            raise ValueError(sentence("pred_probs", rule, f"{source.n_classes}"))
        return source


def split_arr(arr: npt.NDArray[Any], chunksize: int) -> list[npt.NDArray[Any]]:
    """Split an array into consecutive chunks of `chunksize` rows, the last one shorter.

    Examples
    --------
    >>> import numpy as np
    >>> split_arr(np.arange(5), 2)
    [array([0, 1]), array([2, 3]), array([4])]
    """
    starts: Iterator[int] = iter(range(0, max(len(arr), 1), chunksize))
    return [arr[start : start + chunksize] for start in starts]


def _one_of(name: str, array: Any, file: Any) -> Any:
    if (array is None) == (file is None):
        got = "neither" if array is None else "both"
        raise ValueError(sentence(name, f"be given, or `{name}_file`, but not both", got))
    if file is not None and not isinstance(file, (str, PathLike)):
        raise ValueError(sentence(f"{name}_file", "be the path of a .npy file", type(file).__name__))
    return array if file is None else file


def _scoring(kwargs: dict[str, Any] | None, n_classes: int) -> Scoring:
    from fastcl.core.scores import Scoring

    options: dict[str, Any] = {"method": "self_confidence", "adjust_pred_probs": False} | (kwargs or {})
    if len(options) > 2:
        rule = "hold 'method' and 'adjust_pred_probs' only"
        raise ValueError(sentence("quality_score_kwargs", rule, f"{sorted(options)}"))
    scoring = Scoring(options["method"], bool(options["adjust_pred_probs"]))
    scoring.check("method", n_classes)
    return scoring


def _is_calibrated(kwargs: dict[str, Any] | None) -> bool:
    """Tell which estimation method of the number of issues is asked for."""
    options = {"estimation_method": "off_diagonal"} | (kwargs or {})
    if len(options) > 1:
        raise ValueError(sentence("num_issue_kwargs", "hold 'estimation_method' only", f"{sorted(options)}"))
    check_option("estimation_method", options["estimation_method"], ("off_diagonal", "off_diagonal_calibrated"))
    return bool(options["estimation_method"] == "off_diagonal_calibrated")


def _calibrated_count(raw_joint: Any, class_counts: npt.NDArray[np.int64]) -> int:
    """Return the number of issues by the calibrated joint."""
    from fastcl.count.joint import off_diagonal_count
    from fastcl.engine.run import calibrated

    return off_diagonal_count(calibrated(raw_joint, class_counts), int(class_counts.sum()))
