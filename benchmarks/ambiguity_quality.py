"""Find rows made ambiguous, and labels known to be right: ``python -m benchmarks.ambiguity_quality``.

Writes ``docs/ambiguous-table.md``: every twentieth row of real data sets is replaced by the mean of itself and a row of
another class, and scores are to find these. And ``docs/well-labelled-table.md``: how many labels are wrong among rows
said to be well labelled, where wrong labels are known. Takes one or two minutes, with ``OMP_NUM_THREADS=1`` half of
one, most of it for logistic regression.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from benchmarks.tables import ROOT
from fastcl.ambiguity import find_ambiguous, find_well_labeled
from fastcl.neighbors import KNNGraph, build_knn_graph

DATA = Path(os.environ.get("FASTCL_DATA", ROOT.parent / "shared" / "data"))
AMBIGUOUS_TABLE = ROOT / "docs" / "ambiguous-table.md"
WELL_LABELLED_TABLE = ROOT / "docs" / "well-labelled-table.md"

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MODELS = {"LDA": LinearDiscriminantAnalysis(), "LR": LogisticRegression()}

#: What was done to a row.
UNTOUCHED, BLENDED, RELABELLED = range(3)

#: Added to votes before a geometric mean, for that of a class without votes not to be 0. From .01 to 1: same mean AUROC
#: within .002.
VOTE_FLOOR = 0.02


def main() -> None:
    """Measure and write both tables."""
    about = (
        f"scikit-learn {version('scikit-learn')}, {date.today():%d %B %Y}; `python -m benchmarks.ambiguity_quality`."
    )
    AMBIGUOUS_TABLE.write_text(f"{ambiguity_table()} {about}\n")
    WELL_LABELLED_TABLE.write_text(f"{well_labelled_table()}\n\n{about}\n")
    print(AMBIGUOUS_TABLE.read_text(), WELL_LABELLED_TABLE.read_text(), sep="\n")


# -- ambiguity


class Blends(NamedTuple):
    """Rows, their given labels, and what was done to each."""

    features: Floats
    labels: Labels
    kind: Labels

    def auroc(self, doubts: Floats, others: int = UNTOUCHED) -> float:
        """Return the probability that a blend has a higher doubt than one of the other rows."""
        asked = (self.kind == BLENDED) | (self.kind == others)
        return float(roc_auc_score(self.kind[asked] == BLENDED, doubts[asked]))


def ambiguity_table() -> str:
    """Return the AUROC of every contestant (a row each) on all data with all models, and what it stands on."""
    columns: list[str] = []
    apart: list[float] = []
    found: dict[str, list[float]] = {}
    for data, features, true in plain_sets():
        blends = blend(features, true)
        graph = build_knn_graph(blends.features, verbose=False)
        for model, estimator in MODELS.items():
            columns.append(f"{data}, {model}")
            for name, doubts in contestants(blends.labels, predict(estimator, blends), graph).items():
                found.setdefault(name, []).append(blends.auroc(doubts))
                apart.append(abs(found[name][-1] - blends.auroc(doubts, RELABELLED)))
            print(columns[-1], flush=True)
    lines = [f"| doubt | {' | '.join(columns)} | mean |", "|---|" + "--:|" * (len(columns) + 1)]
    lines += [f"| {name} | {' | '.join(map(_short, [*row, float(np.mean(row))]))} |" for name, row in found.items()]
    note = f"AUROC against relabelled rows instead of untouched ones differs by at most {_short(max(apart))}."
    return "\n".join(lines) + f"\n\n{note}"


def contestants(labels: Labels, p: Floats, graph: KNNGraph) -> dict[str, Floats]:
    """Return doubts, high for ambiguous rows, by name."""
    second, first = np.partition(p, (-2, -1), axis=1)[:, -2:].T
    v = votes(labels, graph, p.shape[1])
    ratio, gap, disagreement = second / first, 1 - (first - second), 1 - v.max(axis=1)
    return {
        "ratio of the two highest": ratio,
        "gap of the two highest": gap,
        "entropy": -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1),
        "neighbours' disagreement": disagreement,
        "ratio and disagreement, mean": (ratio + disagreement) / 2,
        "gap and disagreement, mean": (gap + disagreement) / 2,
        "ratio × (1 + disagreement)": ratio * (1 + disagreement),
        "gap × (1 + disagreement)": gap * (1 + disagreement),
        "arithmetic mean of $p$ and $v$": -agreement(p + v),
        "geometric mean of $p$ and $v$": -agreement(np.sqrt(p * (v + VOTE_FLOOR))),
        "square root of $p$": -agreement(np.sqrt(p)),
        "**score without graph**": -find_ambiguous(labels, p).scores,
        "**score with graph**": -find_ambiguous(labels, p, graph).scores,
    }


def agreement(weights: Floats) -> Floats:
    """Return how probably two draws in proportion to the weights are alike."""
    return np.square(weights / weights.sum(axis=1, keepdims=True)).sum(axis=1)


def votes(labels: Labels, graph: KNNGraph, n_classes: int) -> Floats:
    """Return the share of each row's neighbours that have each label."""
    shares = np.zeros((len(labels), n_classes))
    np.add.at(shares, (np.arange(len(labels))[:, None], labels[graph.indices]), 1 / graph.k)
    return shares


def predict(estimator: Any, blends: Blends) -> Floats:
    """Return out-of-sample probabilities, of three folds."""
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a hundred steps are not enough, and nobody would wait for more
        predicted = cross_val_predict(estimator, blends.features, blends.labels, cv=folds, method="predict_proba")
    return np.asarray(predicted)


def blend(features: Floats, true: Labels) -> Blends:
    """Blend every twentieth row with one of another class, keeping either label, and relabel every twentieth."""
    rng = np.random.default_rng(0)
    kind = rng.choice(3, len(true), p=[0.9, 0.05, 0.05])
    rows, labels = features.copy(), true.copy()
    for i in np.flatnonzero(kind == BLENDED):
        other = rng.choice(np.flatnonzero(true != true[i]))
        rows[i] = (features[i] + features[other]) / 2
        labels[i] = true[rng.choice([i, other])]
    relabelled, n_classes = np.flatnonzero(kind == RELABELLED), true.max() + 1
    labels[relabelled] = (true[relabelled] + rng.integers(1, n_classes, relabelled.size)) % n_classes
    return Blends(rows, labels, kind)


def plain_sets() -> Iterator[tuple[str, Floats, Labels]]:
    """Yield name, features and right labels."""
    pixels = np.load(DATA / "image" / "mnist_test_10k.npz")["x"].reshape(10_000, -1) / 255
    digits = np.load(DATA / "label_errors" / "mnist.npz")["labels"]
    yield "MNIST", PCA(50, random_state=0).fit_transform(pixels), digits.astype(np.int64)
    with np.load(DATA / "text" / "banking77.npz") as file:
        yield "banking77", file["emb"].astype(np.float64), file["given"].astype(np.int64)
    with np.load(DATA / "tabular" / "letter.npz") as file:
        yield "letter", file["X"].astype(np.float64), file["true"].astype(np.int64)


# -- well-labelled rows


class Noisy(NamedTuple):
    """Given labels, which of them are wrong, out-of-sample probabilities, and features if there are any."""

    name: str
    labels: Labels
    is_wrong: Flags
    pred_probs: Floats
    features: Floats | None


def well_labelled_table() -> str:
    """Return the shares of wrong labels among all rows, those whose label is predicted, and the well-labelled ones."""
    lines = [
        "| data | wrong labels | among rows whose label is predicted | among well-labelled rows | these are |",
        "|---|--:|--:|--:|--:|",
    ]
    for data in noisy_sets():
        everything = np.ones(len(data.labels), np.bool_)
        predicted = data.pred_probs.argmax(axis=1) == data.labels
        before = f"{data.name} | {_wrong(data, everything)} | {_wrong(data, predicted)}"
        lines.append(_well_labelled_row(before, data, None))
        if data.features is not None:
            graph = build_knn_graph(data.features, verbose=False)
            lines.append(_well_labelled_row("the same, with graph | |", data, graph))
    return "\n".join(lines)


def noisy_sets() -> Iterator[Noisy]:
    """Yield data whose wrong labels are known."""
    for sparsity, kind in (("0.0", ""), ("0.4", ", sparse")):
        for stated, wrong in (("0.2", 20), ("0.4", 40), ("0.6", 70)):  # the file of 70 % says 0.6
            with np.load(DATA / "cl_cifar10" / f"sparsity{sparsity}_noise{stated}.npz") as file:
                name = f"CIFAR-10, {wrong} % noise{kind}"
                yield _noisy(name, file["noisy"], file["true"], file["pred_probs"])
    with np.load(DATA / "text" / "banking77.npz") as file:
        yield _noisy("banking77, 8 % noise", file["noisy8"], file["given"], file["pred_probs_noisy8"], file["emb"])
    with np.load(DATA / "tabular" / "letter.npz") as file:
        yield _noisy("letter, 10 % noise", file["noisy"], file["true"], file["pred_probs"], file["X"])


def _noisy(name: str, given: Any, true: Any, pred_probs: Floats, features: Any = None) -> Noisy:
    p = pred_probs.astype(np.float64)
    rows = None if features is None else features.astype(np.float32)
    return Noisy(name, given.astype(np.int64), given != true, p / p.sum(axis=1, keepdims=True), rows)


def _well_labelled_row(before: str, data: Noisy, graph: KNNGraph | None) -> str:
    found = find_well_labeled(data.labels, data.pred_probs, graph)
    line = f"| {before} | {_wrong(data, found)} | {100 * found.mean():.0f} % of all |"
    print(line, flush=True)
    return line


def _wrong(data: Noisy, among: Flags) -> str:
    """Return the share of wrong labels among some rows, with two digits or more."""
    wrong, rows = np.count_nonzero(data.is_wrong & among), np.count_nonzero(among)
    if not wrong:
        return f"0 of {rows:,} rows"
    percent = 100 * wrong / rows
    return f"{percent:.1f} %" if percent >= 1 else f"{percent:.2f} %"


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


if __name__ == "__main__":
    main()
