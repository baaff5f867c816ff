"""Which probabilities without a model find the most wrong labels? ``python -m benchmarks.model_free``

Writes docs/model-free-table.md. Wrong labels are known: noted with the data, or made here, one in ten by chance or
one in five always to the next class. Real data other than scikit-learn's is looked for as the tests do.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.measure import machine
from fastcl.filter import find_label_issues
from fastcl.neighbors.build import build_knn_graph
from fastcl.neighbors.model_free.knn import knn_pred_probs
from fastcl.neighbors.model_free.leave_one_out import loo_pred_probs
from fastcl.rank import get_self_confidence_for_each_label

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("FASTCL_DATA", ROOT.parent / "shared" / "data"))
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class NoisySet:
    """Features, the labels that are right, and those that were given."""

    name: str
    features: np.ndarray
    true: np.ndarray
    given: np.ndarray

    @property
    def is_wrong(self) -> np.ndarray:
        return self.true != self.given


def by_chance(true: np.ndarray, seed: int) -> np.ndarray:
    """Return labels of which one in ten is any other class."""
    rng = np.random.default_rng(seed)
    n_classes = true.max() + 1
    return np.where(rng.random(true.size) < 0.1, (true + rng.integers(1, n_classes, true.size)) % n_classes, true)


def to_the_next(true: np.ndarray, seed: int) -> np.ndarray:
    """Return labels of which one in five is the next class."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(true.size) < 0.2, (true + 1) % (true.max() + 1), true)


NOISE = {"chance": by_chance, "next": to_the_next}


def noisy_sets() -> Iterator[NoisySet]:
    """Yield every data set; those of one name differ by the seed of their noise."""
    if DATA.is_dir():
        yield from shared_sets()
    else:
        print(f"no real data at {DATA} (set $FASTCL_DATA)", file=sys.stderr)
    from sklearn import datasets

    for name in ("digits", "wine", "breast_cancer", "iris"):
        features, true = getattr(datasets, f"load_{name}")(return_X_y=True)
        for kind, make in NOISE.items():
            for seed in SEEDS:
                yield NoisySet(f"{name}, {kind}", features.astype(np.float32), true, make(true, seed))


def shared_sets() -> Iterator[NoisySet]:
    """Yield the data sets that do not come with scikit-learn."""
    file = np.load(DATA / "text" / "banking77.npz")
    yield NoisySet("banking77", file["emb"], file["given"].astype(int), file["noisy8"].astype(int))
    file = np.load(DATA / "tabular" / "letter.npz")
    yield NoisySet("letter", file["X"].astype(np.float32), file["true"].astype(int), file["noisy"].astype(int))
    pixels = np.load(DATA / "image" / "mnist_test_10k.npz")["x"].reshape(10_000, -1).astype(np.float32)
    digits = np.load(DATA / "label_errors" / "mnist.npz")["labels"].astype(int)
    for kind, make in NOISE.items():
        yield NoisySet(f"MNIST test, {kind}", pixels, digits, make(digits, 0))
    features, incomes = adult()
    yield NoisySet("adult, chance", features, incomes, by_chance(incomes, 0))


def adult() -> tuple[np.ndarray, np.ndarray]:
    """Return the table of incomes, categories as indicators."""
    import pandas as pd

    table = pd.read_csv(DATA / "tabular" / "adult-train.csv", header=None, skipinitialspace=True)
    features = pd.get_dummies(table.drop(columns=14)).to_numpy(np.float32)
    return features, (table[14] == ">50K").to_numpy().astype(int)


# -- contestants: given labels and features -> probabilities


def standardized(features: np.ndarray) -> np.ndarray:
    deviations = features.std(axis=0, dtype=np.float64)
    return ((features - features.mean(axis=0, dtype=np.float64)) / np.where(deviations > 0, deviations, 1)).astype(
        np.float32
    )


def vote(n_neighbors: int, weights: str, *, standardize: bool = False) -> Callable:
    def contest(labels, features):
        rows, metric = (standardized(features), "euclidean") if standardize else (features, None)
        graph = build_knn_graph(rows, n_neighbors=n_neighbors, metric=metric)
        return knn_pred_probs(labels, graph, n_classes=labels.max() + 1, weights=weights)

    return contest


def closed_form(kernel: str, standardize: bool | str, n_landmarks: int = 400) -> Callable:
    def contest(labels, features):
        return loo_pred_probs(labels, features, kernel=kernel, standardize=standardize, n_landmarks=n_landmarks)

    return contest


def five_folds(name: str, *, standardize: bool) -> Callable:
    def contest(labels, features):
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        model = LogisticRegression(max_iter=100) if name == "logistic" else LinearDiscriminantAnalysis()
        rows = standardized(features) if standardize else features.astype(np.float32)
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a hundred steps are not enough, and nobody would wait for more
            return cross_val_predict(model, rows, labels, cv=folds, method="predict_proba", n_jobs=-1)

    return contest


CONTESTANTS: dict[str, Callable] = {
    "`loo_pred_probs`: rbf, 400 landmarks, auto (default)": closed_form("rbf", "auto"),
    "rbf, 200 landmarks, auto": closed_form("rbf", "auto", 200),
    "rbf, 800 landmarks, auto": closed_form("rbf", "auto", 800),
    "rbf, 400 landmarks, raw": closed_form("rbf", False),
    "rbf, 400 landmarks, standardised": closed_form("rbf", True),
    "linear, auto": closed_form("linear", "auto"),
    "linear, raw": closed_form("linear", False),
    "linear, standardised": closed_form("linear", True),
    "`knn_pred_probs`: 10 neighbours, rank (default)": vote(10, "rank"),
    "10 neighbours, distance": vote(10, "distance"),
    "10 neighbours, uniform": vote(10, "uniform"),
    "25 neighbours, rank": vote(25, "rank"),
    "25 neighbours, distance": vote(25, "distance"),
    "25 neighbours, uniform": vote(25, "uniform"),
    "25 neighbours, rank, standardised": vote(25, "rank", standardize=True),
    "25 neighbours, distance, standardised": vote(25, "distance", standardize=True),
    "logistic regression, 5 folds, raw": five_folds("logistic", standardize=False),
    "logistic regression, 5 folds, standardised": five_folds("logistic", standardize=True),
    "LDA, 5 folds": five_folds("lda", standardize=False),
}


# -- what is measured


@dataclass(frozen=True)
class Marks:
    """How well the worklist of one contestant on one data set found the wrong labels."""

    average_precision: float
    precision_at_count: float
    f1: float
    seconds: float


def judge(contestant: Callable, data: NoisySet) -> Marks:
    """Let a contestant predict, and compare the worklist with what is known to be wrong."""
    from sklearn.metrics import average_precision_score, f1_score

    start = time.perf_counter()
    pred_probs = contestant(data.given, data.features)
    seconds = time.perf_counter() - start
    scores = get_self_confidence_for_each_label(data.given, pred_probs)
    worst = np.argsort(scores, kind="stable")[: data.is_wrong.sum()]
    return Marks(
        average_precision=average_precision_score(data.is_wrong, -scores),
        precision_at_count=data.is_wrong[worst].mean(),
        f1=f1_score(data.is_wrong, find_label_issues(data.given, pred_probs)),
        seconds=seconds,
    )


def run() -> dict[str, dict[str, list[Marks]]]:
    """Return the marks of every contestant on every data set, one for each seed."""
    marks: dict[str, dict[str, list[Marks]]] = {name: {} for name in CONTESTANTS}
    warm_up = list(noisy_sets())[-1]
    for contestant in CONTESTANTS.values():
        judge(contestant, warm_up)
    for data in noisy_sets():
        for name, contestant in CONTESTANTS.items():
            marks[name].setdefault(data.name, []).append(judge(contestant, data))
        print(f"{data.name}: {marks[next(iter(marks))][data.name][-1]}", file=sys.stderr)
    return marks


def table(marks: dict[str, dict[str, list[Marks]]]) -> str:
    """Return the marks as a table: means over seeds, then over data sets."""
    names = list(next(iter(marks.values())))
    columns = ["mean AP", "precision", "F1", "seconds", *names]
    lines = [f"| probabilities from | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    for contestant, by_set in marks.items():
        means = [mean(mean(getattr(m, key) for m in by_set[n]) for n in names) for key in KEYS]
        seconds = sum(mean(m.seconds for m in by_set[name]) for name in names)
        precisions = [mean(m.average_precision for m in by_set[name]) for name in names]
        cells = [f"**{means[0]:.3f}**", *(f"{x:.3f}" for x in means[1:]), f"{seconds:.1f}"]
        lines.append(f"| {' | '.join([contestant, *cells, *(f'{x:.3f}' for x in precisions)])} |")
    return "\n".join(lines)


KEYS = ("average_precision", "precision_at_count", "f1")


def footnote() -> str:
    """Say what the columns are and where the numbers come from."""
    about = machine()
    return (
        "Columns of data sets: average precision (AP) of all rows ordered by the probability of their label, where "
        "wrong labels are known; means over three seeds of the noise for scikit-learn's sets. Then, as means over data "
        "sets with equal weight: AP, the share of wrong labels among as many worst rows as there are wrong labels, and "
        "F1 of `find_label_issues`. Seconds: sum over data sets, one call each, with "
        f"{about['processor']}. {about['versions']}; {about['date']}; `python -m benchmarks.model_free`."
    )


def main() -> None:
    """Run everything and write the table."""
    target = ROOT / "docs" / "model-free-table.md"
    target.write_text(f"{table(run())}\n\n{footnote()}\n")
    print(target.read_text())


if __name__ == "__main__":
    main()
