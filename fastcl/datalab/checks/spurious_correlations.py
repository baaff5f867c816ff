"""Do properties of images give away their classes?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_table
from fastcl.datalab.check import Finding, check
from fastcl.datalab.checks.blurry import blurry
from fastcl.datalab.checks.dark import dark
from fastcl.datalab.checks.grayscale import grayscale
from fastcl.datalab.checks.light import light
from fastcl.datalab.checks.low_information import low_information
from fastcl.datalab.checks.odd_aspect_ratio import odd_aspect_ratio
from fastcl.datalab.checks.odd_size import odd_size
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.images.judging import notes_on_unreadable
from fastcl.datalab.limits import SHARE

#: The checks whose scores are looked at.
PROPERTIES: tuple[Callable[[Evidence], Finding], ...] = (
    dark,
    light,
    low_information,
    odd_aspect_ratio,
    odd_size,
    grayscale,
    blurry,
)

N_FOLDS = 5

#: Cells of a matrix of rows and classes that are predicted at a time.
CELLS_AT_ONCE = 1 << 22

#: The error of predicting the most frequent class, if there is but one.
ONE_CLASS = 1e-8


@check(
    "spurious_correlations",
    needs="images labels",
    tasks=("classification",),
    default=True,
    shows={"correlations_df": 0, "threshold": 2},
    limits={"threshold": SHARE},
)
def spurious_correlations(evidence: Evidence, *, threshold: float = 0.3) -> Finding:
    """Whether a property that should not matter tells the classes apart.

    The scores of each image check are used, all by themselves, to predict the labels (Gaussian naive Bayes, five
    folds). A property's score is the error of these predictions over the error of always predicting the most frequent
    class: 1 if the property tells nothing, 0 if it tells everything. If all pictures of one class are dark, a model may
    learn the light instead of the thing.
    """
    notes = notes_on_unreadable(evidence, "spurious_correlations")
    columns = {f"{find.__name__}_score": np.asarray(find(evidence).scores, np.float64) for find in PROPERTIES}
    is_known = evidence.labels.is_labeled & ~np.isnan(columns["dark_score"])
    codes = evidence.labels.codes[is_known]
    if not codes.size or np.bincount(codes).max() < N_FOLDS:
        notes += (f"No class has {N_FOLDS} images with labels: too few to tell.",)
        return Finding(info={"threshold": threshold}, notes=notes)
    folds = _folds(codes)
    scores = np.array([_room_for_improvement(column[is_known], codes, folds) for column in columns.values()])
    order = np.argsort(scores, kind="stable")  # what tells most comes first
    table = as_table({"property": np.array(list(columns), object)[order], "score": scores[order]}, evidence.like)
    notes += tuple(_about(name, score) for name, score in zip(columns, scores, strict=True) if score < threshold)
    return Finding(info={"correlations_df": table, "threshold": threshold}, notes=notes)


def _about(column: str, score: float) -> str:
    name = column.removesuffix("_score")
    return (
        f"The {name} score of an image predicts its class: {1 - score:.0%} fewer errors than the most frequent class. "
        f"Compare the classes in this property before a model learns it."
    )


def _folds(codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return the fold of every row: those that scikit-learn's `StratifiedKFold` deals, which warns of small classes."""
    _, first, place = np.unique(codes, return_index=True, return_inverse=True)
    classes = np.argsort(np.argsort(first))[place]  # in order of appearance
    order = np.argsort(classes, kind="stable")
    turn = np.arange(len(codes)) % N_FOLDS
    folds = np.empty(len(codes), np.int64)
    folds[order] = turn[np.lexsort((turn, classes[order]))]
    return folds


def _room_for_improvement(
    values: npt.NDArray[np.float64], codes: npt.NDArray[np.int32], folds: npt.NDArray[np.int64]
) -> float:
    """Return the error of predictions by one property, over that of predicting the most frequent class, at most 1."""
    error = 1 - np.mean([_accuracy(values, codes, folds == fold) for fold in range(N_FOLDS)])
    baseline_error = 1 - np.bincount(codes).max() / len(codes)
    return min(1.0, float(error) / (baseline_error or ONE_CLASS))


def _accuracy(values: npt.NDArray[np.float64], codes: npt.NDArray[np.int32], held_out: npt.NDArray[np.bool_]) -> float:
    from sklearn.naive_bayes import GaussianNB

    values, tested = values[:, np.newaxis], np.flatnonzero(held_out)
    step = max(1, CELLS_AT_ONCE // (int(codes.max()) + 1))
    with np.errstate(divide="ignore", invalid="ignore"):  # a property that is the same in all images has no variance
        model = GaussianNB().fit(values[~held_out], codes[~held_out])
        parts = [tested[start : start + step] for start in range(0, tested.size, step)]
        n_right = sum(np.count_nonzero(model.predict(values[rows]) == codes[rows]) for rows in parts)
    return n_right / tested.size
