"""A label audit of real handwritten digits, from pixels to findings, twice: as published, and with known errors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.review.worklist import Worklist, label_worklist

#: Share of the labels that is changed to have known answers, and the seed of everything random.
PLANTED_SHARE = 0.03
SEED = 0
N_FOLDS = 10


@dataclass(frozen=True)
class Digit:
    """One digit as it is shown: what it is labeled, what it is taken for, and how that came to be.

    `image` holds shares of ink in [0, 1], shape (8, 8); `truth` is the published label.
    """

    image: npt.NDArray[np.float64]
    row: int
    given: int
    suggested: int
    truth: int
    score: float
    suggested_probability: float
    is_flagged: bool

    @property
    def is_planted(self) -> bool:
        """Whether the label was changed on purpose."""
        return self.given != self.truth


@dataclass(frozen=True)
class Trial:
    """One audit of all digits: given labels, out-of-sample probabilities, and what was found."""

    images: npt.NDArray[np.float64]
    truth: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    pred_probs: npt.NDArray[np.float64]
    worklist: Worklist

    @property
    def is_planted(self) -> npt.NDArray[np.bool_]:
        """Which labels were changed."""
        return self.labels != self.truth

    @property
    def is_flagged(self) -> npt.NDArray[np.bool_]:
        """Which labels were found to be probably wrong."""
        flagged = np.zeros(len(self.labels), np.bool_)
        flagged[self.worklist.row] = True
        return flagged

    @property
    def n_found(self) -> int:
        """How many of the changed labels were found."""
        return int((self.is_planted & self.is_flagged).sum())

    @property
    def recall(self) -> float:
        """Share of the changed labels that was found."""
        return self.n_found / int(self.is_planted.sum())

    @property
    def precision(self) -> float:
        """Share of what was found that had been changed."""
        return self.n_found / len(self.worklist)

    def digits(self, rows: npt.NDArray[np.integer[Any]]) -> list[Digit]:
        """Return some rows as digits to show."""
        return [self._digit(int(row)) for row in rows]

    def least_trusted(self) -> npt.NDArray[np.int64]:
        """Return all rows: first those flagged, then the others, each from the lowest score on."""
        scores = self.pred_probs[np.arange(len(self.labels)), self.labels]
        return np.lexsort((scores, ~self.is_flagged))

    def clearest_error(self) -> Digit:
        """Return the changed label whose image is most like the others of its true class."""
        rows = np.flatnonzero(self.is_planted & self.is_flagged)
        rows = rows if rows.size else np.flatnonzero(self.is_planted)
        classes = np.unique(self.truth)
        means = np.array([self.images[self.truth == k].mean(axis=0) for k in classes])
        distances = ((self.images[rows] - means[np.searchsorted(classes, self.truth[rows])]) ** 2).sum(axis=(1, 2))
        return self._digit(int(rows[distances.argmin()]))

    def _digit(self, row: int) -> Digit:
        probabilities, given = self.pred_probs[row], int(self.labels[row])
        others = np.where(np.arange(len(probabilities)) == given, -1.0, probabilities)
        return Digit(
            image=self.images[row],
            row=row,
            given=given,
            suggested=int(others.argmax()),
            truth=int(self.truth[row]),
            score=float(probabilities[given]),
            suggested_probability=float(others.max()),
            is_flagged=bool(self.is_flagged[row]),
        )


def audit_digits(n_jobs: int | None = None) -> tuple[Trial, Trial]:
    """Audit the digits of scikit-learn with the labels as published, and with some of them changed.

    Every digit is predicted by a model that was trained on nine tenths of the others, given the same labels.

    Returns
    -------
    published, planted : Trial
    """
    from sklearn.datasets import load_digits

    pixels, truth = load_digits(return_X_y=True)
    return _audit(pixels, truth, truth, n_jobs), _audit(pixels, truth, plant_errors(truth), n_jobs)


def plant_errors(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return labels of which `PLANTED_SHARE` are changed to another digit, by chance but always the same.

    Examples
    --------
    >>> int((plant_errors(np.zeros(100, np.int64)) != 0).sum())
    3
    """
    rng = np.random.default_rng(SEED)
    rows = rng.choice(len(labels), round(PLANTED_SHARE * len(labels)), replace=False)
    planted = labels.copy()
    planted[rows] = (labels[rows] + rng.integers(1, 10, len(rows))) % 10
    return planted


def fingerprint_digits() -> dict[str, Any]:
    """Return the fingerprint of the digits, in the form of `fastcl.review.manifest.fingerprint`."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    content = pixels.astype("<f8").tobytes() + labels.astype("<i8").tobytes()
    return {
        "file": "sklearn.datasets.load_digits",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def make_classifier() -> Any:
    """Return a model of digits that is right in 99 of 100 and trained in a tenth of a second.

    Three simple models vote, each surest where the others are not: neighbours know rare shapes, Gaussian classes
    the proportions, and a linear model keeps the probabilities from being all or nothing.
    """
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
    from sklearn.ensemble import VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    voters = {
        "neighbours": KNeighborsClassifier(5, weights="distance"),
        "gaussians": QuadraticDiscriminantAnalysis(reg_param=0.3),
        "linear": make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=300)),
    }
    return VotingClassifier(list(voters.items()), voting="soft")


def _audit(
    pixels: npt.NDArray[np.float64], truth: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], n_jobs: int | None
) -> Trial:
    from threadpoolctl import threadpool_limits

    from fastcl.cross_validation import cross_val_pred_probs

    with threadpool_limits(1):  # matrices this small only make BLAS threads wait for each other
        pred_probs = cross_val_pred_probs(make_classifier(), pixels, labels, cv=N_FOLDS, seed=SEED, verbose=False)
    worklist = label_worklist(labels, pred_probs, n_jobs=n_jobs)
    return Trial(pixels.reshape(-1, 8, 8) / 16, truth, labels, pred_probs, worklist)
