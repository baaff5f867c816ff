"""Which labels are wrong?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.classification.findings import Findings, Wanted, clean_class, conclude, find
from fastcl.core.filter_options import PRUNE_FILTERS, question_options
from fastcl.core.validation import as_options
from fastcl.datalab.check import Finding, check
from fastcl.datalab.data.named import Named
from fastcl.datalab.data.rows import RowsOf
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import Limit, whole
from fastcl.datalab.model_free import NOTE, neighbours_votes
from fastcl.dataset import health_of_sweep, health_summary
from fastcl.engine.run import Sweep
from fastcl.neighbors.model_free.knn import knn_pred_probs

#: With more classes there are no tables of them: that of their pairs would be larger than the data.
MOST_CLASSES = 1_000

#: Classes that a note names.
MOST_NAMED = 5

#: Options of `CleanLearning` that say what is to be found; the others are about training, which does not happen here.
SEARCH_OPTIONS = {"find_label_issues_kwargs", "label_quality_scores_kwargs", "pulearning", "converge_latent_estimates"}
TRAINING_OPTIONS = {"clf", "cv_n_folds", "seed", "verbose", "low_memory"}

#: Options of `health_summary` that are not the data themselves; what is printed is for the report to say.
HEALTH_OPTIONS = {"asymmetric", "class_names", "num_examples", "joint", "confident_joint", "multi_label", "verbose"}

LIMITS: dict[str, Limit] = {
    "k": whole(1),
    "health_summary_parameters": lambda name, value, _: as_options(name, value, HEALTH_OPTIONS),
    "clean_learning_kwargs": lambda _, value, evidence: _refuse(evidence, options=value),
    "thresholds": lambda _, value, evidence: _refuse(evidence, thresholds=value),
    "noise_matrix": lambda _, value, evidence: _refuse(evidence, noise_matrix=value),
    "inverse_noise_matrix": lambda _, value, evidence: _refuse(evidence, inverse_noise_matrix=value),
}


@check(
    "label",
    needs="labels pred_probs",
    tasks=("classification",),
    default=True,
    shows={"classes_by_label_quality": 3, "overlapping_classes": 3},
    limits=LIMITS,
)
def label(
    evidence: Evidence,
    *,
    k: int | None = None,
    clean_learning_kwargs: Mapping[str, Any] | None = None,
    health_summary_parameters: Mapping[str, Any] | None = None,
    thresholds: npt.ArrayLike | None = None,
    noise_matrix: npt.ArrayLike | None = None,
    inverse_noise_matrix: npt.ArrayLike | None = None,
    save_space: bool = False,
    clf_kwargs: Mapping[str, Any] | None = None,
    validation_func: Any = None,
) -> Finding:
    """Rows whose given label is probably wrong.

    Confident learning estimates from out-of-sample predicted probabilities how many rows given each class truly belong
    to another, and flags so many of those that contradict their label most. The score is the probability of the given
    label. `predicted_label` is what the label should probably be; a row without label gets one as a suggestion.
    """
    asked = evidence
    if k is not None and evidence.is_model_free:
        evidence = evidence.having(given_pred_probs=_votes(evidence, k))
    noise = {"noise_matrix": noise_matrix, "inverse_noise_matrix": inverse_noise_matrix}
    wanted = _wanted(clean_learning_kwargs, thresholds=thresholds, **noise)
    question_options(wanted.filter_by, wanted.prune)
    if evidence.n_jobs:
        wanted = replace(wanted, prune=replace(wanted.prune, n_jobs=evidence.n_jobs))
    sweep, findings = _search(evidence, wanted)
    health = _health(sweep, evidence, dict(health_summary_parameters or {}))
    scores = findings.label_quality
    return Finding(
        is_issue=evidence.of_all(findings.is_label_issue, False),
        scores=evidence.of_all(scores, np.nan),
        summary=health["overall_label_health_score"],
        info=_info(findings, sweep, health, asked),
        columns=_labels(evidence, findings),
        notes=(*_notes(asked, k), *_small_classes(sweep, wanted)),
    )


def _refuse(evidence: Evidence, **search: Any) -> None:
    """Raise unless `CleanLearning` would take this for the classes of the labels."""
    _wanted(**search).check(evidence.labels.names)


def _wanted(options: Any = None, **search: Any) -> Wanted:
    """Return what is to be found, in the words of `CleanLearning`; what is about training is not needed."""
    given = as_options("clean_learning_kwargs", options, SEARCH_OPTIONS | TRAINING_OPTIONS)
    return Wanted.of_options(
        given.get("find_label_issues_kwargs"),
        given.get("label_quality_scores_kwargs"),
        pulearning=given.get("pulearning"),
        converge_latent_estimates=given.get("converge_latent_estimates", False),
        **search,
    )


def _search(evidence: Evidence, wanted: Wanted) -> tuple[Sweep, Findings]:
    """Return the sweep that all checks share, and what follows from it; other thresholds or scores need their own."""
    sweep = evidence.sweep
    shared = replace(sweep, summary=replace(sweep.summary))  # findings let go of what they need no more
    if wanted.thresholds is None and wanted.score == "self_confidence" and not wanted.score_options:
        return sweep, conclude(shared, wanted)
    if wanted.pulearning is not None:  # a class by its name, and now by its code
        wanted = replace(wanted, pulearning=clean_class(wanted.pulearning, evidence.labels.names))
    return sweep, find(evidence.of_labeled(evidence.labels.codes), evidence.of_labeled(evidence.pred_probs), wanted)


def _health(sweep: Sweep, evidence: Evidence, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return how healthy each class is, from the sweep or from the noise that the caller knows better."""
    asymmetric = bool(parameters.get("asymmetric", False))
    known = {name: parameters[name] for name in ("joint", "confident_joint", "num_examples") if name in parameters}
    if "joint" in known or "confident_joint" in known:
        known.setdefault("num_examples", len(sweep.labels))
        return health_summary(**known, asymmetric=asymmetric, class_names=evidence.labels.names)
    if sweep.source.n_classes > MOST_CLASSES:
        return {"overall_label_health_score": 1 - sweep.n_issues / len(sweep.labels)}
    return health_of_sweep(sweep, asymmetric=asymmetric, like=evidence.like)


def _info(findings: Findings, sweep: Sweep, health: dict[str, Any], evidence: Evidence) -> dict[str, Any]:
    noise = findings.noise
    return {
        "num_label_issues": int(findings.is_label_issue.sum()),
        "num_confident_label_issues": sweep.n_issues,
        "average_label_quality": float(findings.label_quality.mean()),
        "confident_joint": noise.confident_joint,
        "joint": health.get("joint"),
        "classes_by_label_quality": health.get("classes_by_label_quality"),
        "overlapping_classes": health.get("overlapping_classes"),
        "py": noise.py,
        "noise_matrix": noise.noise_matrix,
        "inverse_noise_matrix": noise.inverse_noise_matrix,
        "confident_thresholds": sweep.thresholds,
        "class_names": evidence.labels.names.tolist(),
        "find_issues_inputs": {"features": evidence.is_model_free, "pred_probs": not evidence.is_model_free},
    }


def _labels(evidence: Evidence, findings: Findings) -> dict[str, Any]:
    """Return the given label of every row, and the predicted one, also where there is no label."""
    predicted = evidence.of_all(findings.predicted, -1)
    if evidence.labeled is not None:
        unlabeled = np.flatnonzero(~evidence.labels.is_labeled)
        predicted[unlabeled] = np.asarray(RowsOf(evidence.pred_probs, unlabeled)[:]).argmax(axis=1)
    return {"given_label": evidence.labels.given, "predicted_label": Named(predicted, evidence.labels.names)}


def _notes(evidence: Evidence, k: int | None) -> tuple[str, ...]:
    notes = []
    if evidence.is_model_free:
        notes = [NOTE if k is None else f"No pred_probs were given: they are the votes of {k} neighbours."]
    if evidence.labeled is not None:
        missing = evidence.n_rows - len(evidence.labeled)
        notes.append(f"{missing:,} rows have no label; predicted_label suggests one.")
    return tuple(notes)


def _small_classes(sweep: Sweep, wanted: Wanted) -> tuple[str, ...]:
    """Say which classes have so few rows that none of them is flagged."""
    least = wanted.prune.min_examples_per_class
    small = np.flatnonzero((sweep.class_counts <= least) & (sweep.class_counts > 0))
    if wanted.filter_by not in PRUNE_FILTERS or not small.size:
        return ()
    names = ", ".join(map(str, sweep.source.name_classes(small[:MOST_NAMED]).tolist()))
    more = ", ..." if small.size > MOST_NAMED else ""
    return (f"Nothing is flagged in {small.size:,} classes of at most {least} rows: {names}{more}.",)


def _votes(evidence: Evidence, k: int) -> npt.NDArray[Any]:
    """Return the shares of classes among the k nearest neighbours, as the reference makes of features."""
    if evidence.labeled is not None:
        return neighbours_votes(evidence.labels, evidence.graph(k), np.arange(evidence.n_rows))
    return knn_pred_probs(
        evidence.labels.codes,
        evidence.graph(k),
        n_classes=len(evidence.labels.names),
        weights="uniform",
        smoothing=0,
        n_jobs=evidence.n_jobs,
    )
