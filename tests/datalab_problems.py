"""Data that a lab is given in tests."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fastcl import Datalab


class Problem(NamedTuple):
    """Given labels, probabilities of a decent model, and features with some copies and far rows."""

    labels: Any
    pred_probs: Any
    features: Any


def blobs(n: int = 503, n_classes: int = 5, n_features: int = 12, noise: float = 0.1, seed: int = 0) -> Problem:
    """Return clouds with a share of wrong labels; rows 5 to 8 copy 0 to 3, 20 nearly copies 21, 50 is far away."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, n_classes, n)
    centers = rng.normal(size=(n_classes, n_features)) * 2
    features = centers[true] + rng.normal(size=(n, n_features))
    features[5:9], features[20] = features[0:4], features[21] + 1e-4
    features[50] *= 9
    pred_probs = np.exp(-((features[:, None] - centers) ** 2).sum(axis=2) / 9)
    pred_probs /= pred_probs.sum(axis=1, keepdims=True)
    labels = np.where(rng.random(n) < noise, rng.integers(0, n_classes, n), true)
    return Problem(labels, pred_probs, features)


def label_sets(n: int = 503, n_classes: int = 5, seed: int = 0) -> Problem:
    """Return sets of classes, their probabilities and features."""
    rng = np.random.default_rng(seed)
    true = rng.random((n, n_classes)) < 0.35
    given = true ^ (rng.random((n, n_classes)) < 0.05)
    pred_probs = np.clip(0.75 * true + rng.normal(0.12, 0.15, (n, n_classes)), 0.001, 0.999)
    labels = [np.flatnonzero(row).tolist() for row in given]
    return Problem(labels, pred_probs, true + rng.normal(size=(n, n_classes)))


def numbers(n: int = 503, n_features: int = 6, seed: int = 0) -> Problem:
    """Return numbers of which a few are far off, predictions and features."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, n_features))
    true = features @ rng.normal(size=n_features)
    labels = true + rng.normal(size=n) * 0.1
    labels[:9] += 5
    return Problem(labels, true + rng.normal(size=n) * 0.1, features)


BLOBS = blobs()
DATA = {"y": BLOBS.labels}


def audited(data=DATA, label_name="y", task="classification", verbosity=0, keys=None, **inputs):
    """Return a lab after an audit."""
    lab = Datalab(data, task, label_name, verbosity=verbosity, **(keys or {}))
    lab.find_issues(**inputs)
    return lab


def assert_same_answers(lab, other, names):
    """Compare what some checks of two labs have found, bit by bit."""
    for name in names:
        pd.testing.assert_frame_equal(lab.get_issues(name), other.get_issues(name))
        pd.testing.assert_frame_equal(lab.get_issue_summary(name), other.get_issue_summary(name))


def unlabeled(problem=BLOBS, rows=(3, 77, 200)):
    """Return labels by name, missing in some rows."""
    labels = np.array([f"class {label}" for label in problem.labels], object)
    labels[list(rows)] = None
    return {"y": labels}
