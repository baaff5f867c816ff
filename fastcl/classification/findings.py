"""What labels and probabilities say of every row, and of the noise between classes: one sweep for all of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core import matrices
from fastcl.core.arrays import as_table
from fastcl.core.constants import MAX_DENSE_CLASSES
from fastcl.core.errors import sentence
from fastcl.core.filter_options import PruneOptions, refuse_options
from fastcl.core.noise_matrices import (
    compute_noise_matrix_from_inverse,
    compute_py_inv_noise_matrix,
    estimate_latent,
)
from fastcl.core.scores import Scoring
from fastcl.core.validation import as_options, as_thresholds, check_matrix
from fastcl.engine.blocks import Source
from fastcl.engine.run import Sweep
from fastcl.engine.threads import resolve_n_jobs
from fastcl.filter import flag, sweep_for

Floats = npt.NDArray[np.float64]

#: Classes with no more rows than that are left alone, unless the caller says otherwise.
MIN_EXAMPLES_PER_CLASS = 10

#: By how much the columns of a noise matrix may miss 1: entries rounded to two digits are fine.
ROUNDING_OF_NOISE = 0.02

#: The largest automatic weight of a class is the inverse of this.
LOWEST_RATE_OF_RIGHT_LABELS = 1e-3


@dataclass(frozen=True)
class Wanted:
    """What is to be found, checked before anything is fitted; see `CleanLearning`."""

    filter_by: str
    prune: PruneOptions
    score: str
    score_options: Mapping[str, Any]
    thresholds: npt.ArrayLike | None = None
    noise_matrix: npt.ArrayLike | None = None
    inverse_noise_matrix: npt.ArrayLike | None = None
    pulearning: Any = None
    converge_latent_estimates: bool = False

    @classmethod
    def of_options(cls, search: Mapping[str, Any] | None, score: Mapping[str, Any] | None, **others: Any) -> Wanted:
        """Return what the options of a search and of a score ask for, or raise."""
        known = {"filter_by"} | {field.name for field in fields(PruneOptions)}
        search = as_options("find_label_issues_kwargs", search, known)
        search = {"min_examples_per_class": MIN_EXAMPLES_PER_CLASS} | search
        score = as_options("label_quality_scores_kwargs", score, {"method", "adjust_pred_probs"})
        filter_by = search.pop("filter_by", "prune_by_noise_rate")
        method = score.pop("method", "self_confidence")
        wanted = cls(filter_by, PruneOptions(**search), method, score, **others)
        refuse_options(filter_by, wanted.prune)
        return wanted

    def check(self, classes: npt.NDArray[Any]) -> None:
        """Raise unless everything fits these classes."""
        n_classes = len(classes)
        scoring = Scoring.of_options(self.score, dict(self.score_options), "label_quality_scores_kwargs")
        scoring.check("label_quality_scores_kwargs['method']", n_classes)
        if self.thresholds is not None:
            as_thresholds(self.thresholds, n_classes)
        for name in ("noise_matrix", "inverse_noise_matrix"):
            if getattr(self, name) is not None:
                _check_noise(name, check_matrix(name, getattr(self, name), n_classes))
        self._check_prune(n_classes)
        if self.pulearning is not None and n_classes != 2:
            raise ValueError(sentence("pulearning", "be None unless there are 2 classes", f"{n_classes} classes"))
        if self.pulearning is not None:
            clean_class(self.pulearning, classes)

    def _check_prune(self, n_classes: int) -> None:
        """Raise unless the options of the search fit so many classes."""
        resolve_n_jobs(self.prune.n_jobs)
        if self.prune.confident_joint is not None:
            check_matrix("confident_joint", self.prune.confident_joint, n_classes)
        if self.prune.num_to_remove_per_class is not None:
            matrices.as_class_counts("num_to_remove_per_class", self.prune.num_to_remove_per_class, n_classes)


@dataclass(frozen=True)
class LabelNoise:
    """How given and true classes go together; there are no matrices of more than 10,000 classes.

    `class_counts` and `ps` are the numbers and shares of given classes, `py` the shares of true ones,
    `confident_joint` counts (given, true) pairs, `noise_matrix` is P(given | true) and `inverse_noise_matrix`
    P(true | given), with columns that sum to 1.
    """

    classes: npt.NDArray[Any]
    class_counts: npt.NDArray[np.int64]
    confident_joint: npt.NDArray[np.int64] | None = None
    py: Floats | None = None
    noise_matrix: Floats | None = None
    inverse_noise_matrix: Floats | None = None

    @property
    def ps(self) -> Floats:
        """Shares of the given classes."""
        return self.class_counts / self.class_counts.sum()

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def weights(self, given: npt.NDArray[Any]) -> Floats | None:
        """Return the weight of each row that makes up for those left out, 1 / P(given k | true k).

        None if the noise is unknown or that of other labels.
        """
        codes = _codes(given, self.classes)
        if self.noise_matrix is None or codes is None:
            return None
        if (np.bincount(codes, minlength=self.n_classes) != self.class_counts).any():
            return None
        return (1 / np.maximum(np.diagonal(self.noise_matrix), LOWEST_RATE_OF_RIGHT_LABELS))[codes]


@dataclass(frozen=True)
class Findings:
    """The answer for every row, and the noise between classes; `given` and `predicted` are class indices."""

    is_label_issue: npt.NDArray[np.bool_]
    label_quality: npt.NDArray[np.floating[Any]]
    given: npt.NDArray[np.int32]
    predicted: npt.NDArray[np.int32]
    noise: LabelNoise
    source: Source

    @property
    def given_label(self) -> npt.NDArray[Any]:
        """The given class of every row, as the user calls it."""
        return self.source.name_classes(self.given)

    @property
    def predicted_label(self) -> npt.NDArray[Any]:
        """The most probable class of every row, as the user calls it."""
        return self.source.name_classes(self.predicted)

    def table(self, like: Any) -> Any:
        """Return the answer as a table of the library that labels `like` these came in, else of pandas."""
        names = ("is_label_issue", "label_quality", "given_label", "predicted_label")
        return as_table({name: getattr(self, name) for name in names}, like=(like,))


def find(labels: Any, pred_probs: Any, wanted: Wanted, class_names: Sequence[Hashable] | None = None) -> Findings:
    """Sweep labels and probabilities once, and draw every conclusion."""
    sweep = sweep_for(
        labels,
        pred_probs,
        filter_by=wanted.filter_by,
        rank_by=wanted.score,
        rank_by_kwargs=dict(wanted.score_options),
        thresholds=wanted.thresholds,
        class_names=class_names,
        n_jobs=wanted.prune.n_jobs,
        verbose=wanted.prune.verbose,
    )
    return conclude(sweep, wanted)


def conclude(sweep: Sweep, wanted: Wanted) -> Findings:
    """Draw every conclusion from a sweep."""
    wanted.check(_classes(sweep))
    noise = _noise(sweep, wanted)
    prune = wanted.prune
    if wanted.pulearning is not None:
        prune = replace(prune, confident_joint=noise.confident_joint)
    issues = flag(sweep, wanted.filter_by, prune)
    if wanted.pulearning is not None:
        issues &= sweep.labels != clean_class(wanted.pulearning, _classes(sweep))
    return Findings(issues, sweep.scores, sweep.labels, sweep.summary.predicted, noise, sweep.source)


def _noise(sweep: Sweep, wanted: Wanted) -> LabelNoise:
    """Estimate the noise between classes from the confident joint, unless the caller knows better."""
    known = LabelNoise(_classes(sweep), sweep.class_counts)
    if len(known.classes) > MAX_DENSE_CLASSES:
        return known
    joint = _joint(sweep, wanted)
    py, noise, inverse = estimate_latent(
        joint, known.class_counts, converge_latent_estimates=wanted.converge_latent_estimates
    )
    if wanted.noise_matrix is not None:
        noise = np.asarray(wanted.noise_matrix, np.float64)
        py, inverse = compute_py_inv_noise_matrix(known.ps, noise)
    if wanted.inverse_noise_matrix is not None:
        inverse = np.asarray(wanted.inverse_noise_matrix, np.float64)
        if wanted.noise_matrix is None:
            noise = compute_noise_matrix_from_inverse(known.ps, inverse)
    return replace(known, confident_joint=joint, py=py, noise_matrix=noise, inverse_noise_matrix=inverse)


def _joint(sweep: Sweep, wanted: Wanted) -> npt.NDArray[np.int64]:
    """Return the confident joint: the caller's, or the calibrated one; without errors in a class known to be clean."""
    K = sweep.source.n_classes
    if wanted.prune.confident_joint is not None:
        joint: Any = check_matrix("confident_joint", wanted.prune.confident_joint, K)
    else:
        joint = sweep.joint if isinstance(sweep.joint, np.ndarray) else sweep.joint.to_dense()
    if wanted.pulearning is None:
        return joint
    clean = clean_class(wanted.pulearning, _classes(sweep))
    joint = joint.copy()
    joint[clean, 1 - clean] = 0
    return matrices.calibrate(joint, sweep.class_counts)


def clean_class(pulearning: Any, classes: npt.NDArray[Any]) -> int:
    """Return the code of the class whose labels are all right."""
    names = classes.tolist()
    if np.ndim(pulearning) or pulearning not in names:
        raise ValueError(sentence("pulearning", f"be one of the classes {names}", repr(pulearning)))
    return int(names.index(pulearning))


def _codes(given: npt.NDArray[Any], classes: npt.NDArray[Any]) -> npt.NDArray[np.integer[Any]] | None:
    """Return the place of every label among the classes, None if one has none."""
    if given.dtype.kind in "iu" and np.array_equal(classes, np.arange(len(classes))):
        return given if 0 <= given.min() <= given.max() < len(classes) else None
    order = np.argsort(classes)
    codes = order[np.searchsorted(classes, given, sorter=order) % len(classes)]
    return codes if (classes[codes] == given).all() else None


def _classes(sweep: Sweep) -> npt.NDArray[Any]:
    return sweep.source.name_classes(np.arange(sweep.source.n_classes))


def _check_noise(name: str, matrix: npt.NDArray[Any]) -> None:
    """Raise unless columns are distributions, and noise small enough to learn from: better than chance."""
    sums = matrix.sum(axis=0)
    if (np.abs(sums - 1) > ROUNDING_OF_NOISE).any():
        fix = "Column k is of the rows " + ("truly of class k." if name == "noise_matrix" else "given class k.")
        raise ValueError(sentence(name, "have columns that sum to 1", f"{sums[np.abs(sums - 1).argmax()]:.3g}", fix))
    if matrix.trace() <= 1:
        fix = "Below that, labels are worse than chance."
        raise ValueError(sentence(name, "have a trace above 1", f"{matrix.trace():.3g}", fix))
    if name == "noise_matrix" and np.linalg.matrix_rank(matrix) < len(matrix):
        raise ValueError(sentence(name, "be invertible", f"rank {np.linalg.matrix_rank(matrix)} of {len(matrix)}"))
