"""Probabilities of a classifier that has not seen the row, in closed form: embeddings and labels are enough."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import check_number, check_option, sentence
from fastcl.engine.blas import one_blas_thread_each
from fastcl.engine.threads import for_each, resolve_n_jobs
from fastcl.neighbors.features import Features, as_features, gather
from fastcl.neighbors.model_free.class_codes import class_codes
from fastcl.neighbors.model_free.preparation import Preparation, preparations_of
from fastcl.neighbors.model_free.ridge import Design, LooRidge, LooSolution
from fastcl.neighbors.model_free.temperature import fit_temperature, probabilities

KERNELS = ("rbf", "linear")

#: Strengths tried, in units of the mean eigenvalue: two a decade.
STRENGTHS = np.logspace(-6, 2, 17)

#: Rows on which raw and standardised columns are compared.
TRIAL_ROWS = 5_000

#: Rows on which strength and temperature are chosen. Up to so many, all arithmetic is in float64.
TUNING_ROWS = 20_000

#: Values of the regressors, or scores, of these rows, in memory at a time: there are fewer rows if they are long.
TUNING_VALUES = 1 << 24

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class LooClassifier:
    """What `loo_classifier` found.

    Parameters
    ----------
    pred_probs : floats of shape (n_samples, n_classes)
        What the classifier says of each row without having seen its label.
    loo_error : mean squared leave-one-out error of the class indicators, on the rows used for tuning
    alpha : strength of the ridge penalty, in the units of `sklearn.linear_model.Ridge`
    temperature : by which scores were divided; infinite if they are no better than the class shares
    kernel : ``"rbf"`` or ``"linear"``
    standardize : whether columns were divided by their standard deviation
    width : width of the kernel, NaN for the linear one
    """

    pred_probs: Floats
    loo_error: float
    alpha: float
    temperature: float
    kernel: str
    standardize: bool
    width: float


def loo_pred_probs(
    labels: Any,
    features: Any,
    *,
    kernel: str = "rbf",
    n_landmarks: int = 400,
    standardize: bool | str = "auto",
    alpha: float | None = None,
    seed: int = 0,
    n_classes: int | None = None,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> Floats:
    """Predict the class probabilities of every row by a classifier that was fitted without that row.

    Ridge regression on class indicators has its leave-one-out predictions in closed form, so one fit stands for
    n_samples fits. Strength and temperature are chosen by the given labels, two numbers for all rows. Copies of a
    row keep its label in the data: where rows come in near-identical groups the classifier has seen them.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Given labels: class indices in [0, n_classes), or names. At least two classes occur.
    features : array-like or sparse matrix of shape (n_samples, n_features)
        Embeddings or columns of a table: finite numbers, in memory or in a memory map.
    kernel : {"rbf", "linear"}
        Regression on a Nystrom approximation of a Gaussian kernel, whose width is the median distance of rows; or
        on the features as they are, for embeddings in which classes are known to lie apart linearly.
    n_landmarks : int
        Number of rows that the kernel is approximated from; more are better and slower. Not used by ``"linear"``.
    standardize : bool or "auto"
        Whether columns are divided by their standard deviation. ``"auto"`` does what has the lower leave-one-out
        error on 5,000 rows: tables with units usually gain, embeddings and pixels lose.
    alpha : float, optional
        Strength of the penalty as in `sklearn.linear_model.Ridge`, for these regressors. By default the one of the
        lowest leave-one-out error among 17 between 1e-6 and 100 times the mean eigenvalue of the Gram matrix.
    seed : int
        Fixes the landmarks.
    n_classes : int, optional
        Number of classes; by default as many as the names, or the largest class index, say.
    class_names : sequence of n_classes names, optional
        Order of the columns if `labels` holds names; sorted by default.
    n_jobs : int, optional
        Number of threads; by default as many as this process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Probabilities; rows sum to one. float32 for float32 and float16 features, else float64. Where features say
        nothing, all rows alike for instance, the shares of the classes. A class never given has probability 0.

    Raises
    ------
    TypeError
        If labels or features are of a kind that cannot be used, or an option is no number.
    ValueError
        If a label is missing or all are the same, lengths differ, features are not finite, or an option is out of
        range.

    Notes
    -----
    Four passes over the features: check, deviations, Gram matrix, predictions. With d features, or landmarks,
    O(n d (d + n_classes)) operations, and memory for the result, d x d matrices and a block of rows a thread.
    Up to 20,000 rows are worked on in float64, more float32 rows in float32 with sums in float64. Strength and
    temperature are chosen on 20,000 rows, evenly spaced; on fewer if they would take more than 134 MB.

    References
    ----------
    Allen, "The relationship between variable selection and data augmentation and a method for prediction",
    Technometrics 16, 1974. Williams and Seeger, "Using the Nystroem method to speed up kernel machines", NIPS 2000,
    section 2. Guo et al., "On calibration of modern neural networks", ICML 2017, section 4.2.

    Examples
    --------
    The third example lies among those of class 0, and a classifier that has not seen its label says so.

    >>> import numpy as np
    >>> features = np.array([[1.0], [2.0], [1.5], [8.0], [9.0], [8.5], [1.2], [8.8]])
    >>> pred_probs = loo_pred_probs([0, 0, 1, 1, 1, 1, 0, 1], features)
    >>> pred_probs.shape
    (8, 2)
    >>> bool(pred_probs[2, 0] > 0.5)
    True
    """
    return loo_classifier(
        labels,
        features,
        kernel=kernel,
        n_landmarks=n_landmarks,
        standardize=standardize,
        alpha=alpha,
        seed=seed,
        n_classes=n_classes,
        class_names=class_names,
        n_jobs=n_jobs,
    ).pred_probs


def loo_classifier(
    labels: Any,
    features: Any,
    *,
    kernel: str = "rbf",
    n_landmarks: int = 400,
    standardize: bool | str = "auto",
    alpha: float | None = None,
    seed: int = 0,
    n_classes: int | None = None,
    class_names: Sequence[Hashable] | None = None,
    n_jobs: int | None = None,
) -> LooClassifier:
    """Return what `loo_pred_probs` returns, together with what was chosen on the way.

    Parameters
    ----------
    labels, features, kernel, n_landmarks, standardize, alpha, seed, n_classes, class_names, n_jobs
        See `loo_pred_probs`.

    Returns
    -------
    LooClassifier
        Probabilities, strength, temperature, kernel.

    Raises
    ------
    TypeError, ValueError
        See `loo_pred_probs`.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.array([[1.0], [2.0], [1.5], [8.0], [9.0], [8.5], [1.2], [8.8]])
    >>> found = loo_classifier([0, 0, 1, 1, 1, 1, 0, 1], features, kernel="linear", alpha=1.0)
    >>> found.kernel, found.alpha
    ('linear', 1.0)
    """
    _check_options(kernel, n_landmarks, standardize, alpha, seed)
    codes, n_classes = class_codes(labels, n_classes=n_classes, class_names=class_names)
    rows = as_features(features)
    if len(rows) != len(codes):
        rule = "have one row for each label"
        raise ValueError(sentence("features", rule, f"{len(rows):,} rows for {len(codes):,} labels"))
    problem = _Problem(rows, codes, n_classes, resolve_n_jobs(n_jobs))
    with one_blas_thread_each():
        preparations = preparations_of(rows, kernel, int(n_landmarks), standardize, int(seed), problem.n_threads)
        chosen = _best_preparation(problem, preparations) if len(preparations) > 1 else 0
        return _classify(problem, preparations[chosen], alpha)


def _check_options(kernel: Any, n_landmarks: Any, standardize: Any, alpha: Any, seed: Any) -> None:
    check_option("kernel", kernel, KERNELS)
    check_number("n_landmarks", n_landmarks, 1, whole=True)
    if not isinstance(standardize, (bool, np.bool_)):
        check_option("standardize", standardize, ["auto"])
    check_number("seed", seed, 0, whole=True)
    if alpha is not None:
        check_number("alpha", alpha, 0)
        if not 0 < alpha < np.inf:
            raise ValueError(sentence("alpha", "be above 0 and finite", str(alpha)))


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is to be learned from what."""

    features: Features
    codes: npt.NDArray[np.int32]
    n_classes: int
    n_threads: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """In which rows are worked on: float32 only where that saves time and squares stay in its range."""
        saves_time = len(self.codes) > TUNING_ROWS and 1e-12 < self.features.magnitude < 1e12
        return np.dtype(self.features.dtype if saves_time else np.float64)

    def design(self, preparation: Preparation) -> Design:
        """Return all rows, prepared block by block."""
        return self._design(self.features.values, self.codes, preparation.astype(self.dtype))

    def sample(self, preparation: Preparation, at_most: int) -> Design:
        """Return so many evenly spaced rows, or all, prepared in memory and in float64."""
        count = min(at_most, TUNING_VALUES // max(self.n_classes, preparation.n_regressors))
        rows = _evenly_spaced(len(self.codes), max(count, 2))
        return self._design(gather(self.features, rows), self.codes[rows], preparation).prepared()

    def _design(self, values: Any, codes: npt.NDArray[np.int32], preparation: Preparation) -> Design:
        dtype = np.dtype(preparation.dtype)
        return Design(values, codes, self.n_classes, preparation, preparation.n_regressors, dtype, self.n_threads)


def _evenly_spaced(n_rows: int, at_most: int) -> npt.NDArray[np.int64]:
    return np.linspace(0, n_rows - 1, min(n_rows, at_most)).astype(np.int64)


def _best_preparation(problem: _Problem, preparations: list[Preparation]) -> int:
    """Return the position of the preparation with the lowest leave-one-out error on a part of the rows."""
    errors = []
    for preparation in preparations:
        trial = problem.sample(preparation, TRIAL_ROWS)
        ridge = LooRidge.of(trial)
        errors.append(ridge.errors(trial, ridge.scale * STRENGTHS[::2]).min())
    return int(np.argmin(errors))


def _classify(problem: _Problem, preparation: Preparation, alpha: float | None) -> LooClassifier:
    """Fit, choose strength and temperature, and predict every row."""
    tuning = problem.sample(preparation, TUNING_ROWS)
    is_all = len(tuning) == len(problem.codes) and problem.dtype == np.float64
    design = tuning if is_all else problem.design(preparation)
    ridge = LooRidge.of(design)
    alphas = _strengths(ridge, design.dtype) if alpha is None else np.array([float(alpha)])
    errors = ridge.errors(tuning, alphas)
    best = int(errors.argmin())
    scores = _scores(ridge.at(alphas[best]), tuning)
    temperature = fit_temperature(scores, tuning.codes, ridge.prior)
    if is_all:
        pred_probs = probabilities(scores, ridge.prior, temperature)
    else:
        pred_probs = _pred_probs(ridge.at(alphas[best], design.dtype), design, temperature)
    return LooClassifier(
        pred_probs=pred_probs.astype(problem.features.dtype, copy=False),
        loo_error=float(errors[best]),
        alpha=float(alphas[best]),
        temperature=temperature,
        kernel="linear" if preparation.nystrom is None else "rbf",
        standardize=preparation.standardize,
        width=np.nan if preparation.nystrom is None else preparation.nystrom.width,
    )


def _strengths(ridge: LooRidge, dtype: np.dtype[Any]) -> npt.NDArray[np.float64]:
    """Return the strengths to try; those that rounding of float32 products would drown are left out."""
    return ridge.scale * (STRENGTHS if dtype == np.float64 else STRENGTHS[STRENGTHS > 5e-6])


def _scores(solution: LooSolution, design: Design) -> Floats:
    """Return the leave-one-out predictions of all rows of a design."""
    return _fill(design, solution, lambda scores: scores)


def _pred_probs(solution: LooSolution, design: Design, temperature: float) -> Floats:
    """Return the probabilities of all rows of a design; one pass."""
    prior = solution.prior
    return _fill(design, solution, lambda scores: probabilities(scores, prior, temperature))


def _fill(design: Design, solution: LooSolution, finish: Callable[[Floats], Floats]) -> Floats:
    """Return what `finish` makes of the leave-one-out predictions, block by block."""
    filled = np.empty((len(design), design.n_classes), design.dtype)
    weights = solution.weights()

    def fill(rows: slice) -> None:
        filled[rows] = finish(solution.scores(design.regressors(rows), design.codes[rows], weights))

    for_each(design.blocks(), fill, design.n_threads)
    return filled
