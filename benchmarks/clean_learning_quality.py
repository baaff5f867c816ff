"""Does training without the rows flagged pay? ``python -m benchmarks.clean_learning_quality``

Writes docs/clean-learning-table.md: accuracy on true labels of held-out rows, after training on noisy labels as they
are, with cleanlab's CleanLearning and with fastcl's. Real data other than scikit-learn's is looked for as the tests do.
Takes some six minutes on one core.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any, NamedTuple

import numpy as np
from cleanlab.classification import CleanLearning as Reference
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.measure import machine
from benchmarks.model_free import DATA, adult, standardized
from fastcl.benchmarking.noise_generation import generate_noise_matrix_from_trace, generate_noisy_labels
from fastcl.classification import CleanLearning
from fastcl.cross_validation import cross_val_pred_probs
from fastcl.meta_estimator import takes_sample_weight
from fastcl.neighbors import loo_pred_probs

TABLE = Path(__file__).parent.parent / "docs" / "clean-learning-table.md"

#: Seeds of split, noise and folds. Options are chosen by the first of them and confirmed by the others.
SEEDS = range(6)
N_CHOOSING = 3

#: So many rows are trained on, and so many tested on, at most, unless a data set says otherwise.
MAX_TRAIN, MAX_TEST = 2_500, 4_000

CLASSIFIERS = {
    "logistic regression": LogisticRegression(max_iter=1_000),
    "random forest": RandomForestClassifier(30, min_samples_leaf=3, random_state=0),
    "10 neighbours": KNeighborsClassifier(10, weights="distance"),
}

#: 77 classes take a forest five seconds a fit.
TOO_SLOW = {("banking77", "random forest")}


class Data(NamedTuple):
    """Features, the labels that are right, and how those given come about for a seed."""

    name: str
    features: NDArray[Any]
    true: NDArray[np.int64]
    give: Callable[[int], NDArray[np.int64]]
    max_train: int = MAX_TRAIN


class Split(NamedTuple):
    """Rows to train on, with given labels, and rows to test on, with true ones."""

    X: NDArray[Any]
    given: NDArray[np.int64]
    true: NDArray[np.int64]
    X_test: NDArray[Any]
    y_test: NDArray[np.int64]


@dataclass
class Marks:
    """Accuracies of one classifier on one split, and how the two libraries compare."""

    n_rows: int
    share_wrong: float
    accuracy: dict[str, float] = field(default_factory=dict)
    with_option: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    n_flagged: int = 0
    n_hits: int = 0
    n_apart: int = 0


def data_sets() -> Iterator[Data]:
    """Yield all data sets there are."""
    for name in ("breast_cancer", "digits"):
        features, true = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield Data(f"{name}, as it is", standardized(features), true, always(true))
        yield Data(f"{name}, 20 % made wrong", standardized(features), true, noise(true))
    if not DATA.is_dir():
        print(f"no real data at {DATA} (set $FASTCL_DATA)", file=sys.stderr)
        return
    features, incomes = adult()
    yield Data("adult, 20 % made wrong", standardized(features), incomes, noise(incomes))
    file = np.load(DATA / "tabular" / "letter.npz")
    letter = _noted("letter", standardized(file["X"]), file["true"], file["noisy"])
    yield letter
    yield letter._replace(name="letter, all rows", max_train=len(letter.true))
    file = np.load(DATA / "text" / "banking77.npz")
    yield _noted("banking77", file["emb"].astype(np.float32), file["given"], file["noisy8"])


def _noted(name: str, features: NDArray[Any], true: NDArray[Any], given: NDArray[Any]) -> Data:
    return Data(name, features, true.astype(np.int64), always(given))


def always(labels: NDArray[np.integer]) -> Callable[[int], NDArray[np.int64]]:
    """Return how to give the same labels for every seed."""
    return lambda _: labels.astype(np.int64)


def noise(true: NDArray[np.int64]) -> Callable[[int], NDArray[np.int64]]:
    """Return how to make a fifth of the labels wrong, some pairs of classes more often than others."""
    counts = np.bincount(true)

    def give(seed: int) -> NDArray[np.int64]:
        matrix = generate_noise_matrix_from_trace(len(counts), 0.8 * len(counts), py=counts / counts.sum(), seed=seed)
        assert matrix is not None  # there always is one of this trace
        return generate_noisy_labels(true, matrix, rng=seed).astype(np.int64)

    return give


def split(data: Data, seed: int) -> Split:
    """Return rows to train and to test on."""
    rows = np.arange(len(data.true))
    n_train = min(data.max_train, int(0.7 * len(rows)))
    n_test = min(MAX_TEST, len(rows) - n_train)
    train, test = train_test_split(rows, train_size=n_train, test_size=n_test, stratify=data.true, random_state=seed)
    given = data.give(1_000 + seed)  # a stream of its own: which rows are wrong has nothing to do with the split
    return Split(data.features[train], given[train], data.true[train], data.features[test], data.true[test])


# -- contestants

#: Other options of the search than the defaults.
SEARCHES: dict[str, dict[str, Any]] = {
    '`filter_by="both"`': {"filter_by": "both"},
    '`filter_by="prune_by_class"`': {"filter_by": "prune_by_class"},
    '`filter_by="confident_learning"`': {"filter_by": "confident_learning"},
    '`filter_by="predicted_neq_given"`': {"filter_by": "predicted_neq_given"},
    '`filter_by="low_self_confidence"`': {"filter_by": "low_self_confidence"},
    '`filter_by="low_normalized_margin"`': {"filter_by": "low_normalized_margin"},
    "`frac_noise=0.5`": {"frac_noise": 0.5},
    "`min_examples_per_class=1`": {"min_examples_per_class": 1},
}
UNWEIGHTED = "`sample_weight` of ones"
LEAVE_ONE_OUT = "`pred_probs=loo_pred_probs(y, X)`"
LEAVE_ONE_OUT_BOTH = f'{LEAVE_ONE_OUT}, `filter_by="both"`'


def judge(classifier: Any, data: Split, seed: int) -> Marks:
    """Train in all ways, and test."""
    marks = Marks(len(data.given), float(np.mean(data.given != data.true)))
    for name, labels in (("noisy", data.given), ("true", data.true)):
        marks.accuracy[name] = accuracy(clone(classifier).fit(data.X, labels), data)
    models = {"cleanlab": Reference(clone(classifier), seed=seed), "fastcl": CleanLearning(classifier, seed=seed)}
    for name, model in models.items():
        start = time.perf_counter()
        _quietly(model.fit, data.X, data.given)
        marks.seconds[name] = time.perf_counter() - start
        marks.accuracy[name] = accuracy(model, data)
    theirs, ours = (model.label_issues_df["is_label_issue"].to_numpy() for model in models.values())
    marks.n_flagged, marks.n_apart = int(ours.sum()), int(np.sum(ours != theirs))
    marks.n_hits = int(np.sum(ours & (data.given != data.true)))
    if len(data.given) <= MAX_TRAIN:
        marks.with_option = judge_options(classifier, data, seed)
    return marks


def judge_options(classifier: Any, data: Split, seed: int) -> dict[str, float]:
    """Return the accuracy with each option; one cross-validation serves them all."""
    pred_probs = cross_val_pred_probs(classifier, data.X, data.given, seed=seed)
    ways: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        name: (search, {"pred_probs": pred_probs}) for name, search in SEARCHES.items()
    }
    weights = np.ones(len(data.given)) if takes_sample_weight(classifier) else None
    ways[UNWEIGHTED] = {}, {"pred_probs": pred_probs, "sample_weight": weights}
    leave_one_out = {"pred_probs": loo_pred_probs(data.given, data.X)}
    ways |= {LEAVE_ONE_OUT: ({}, leave_one_out), LEAVE_ONE_OUT_BOTH: ({"filter_by": "both"}, leave_one_out)}
    found = {}
    for name, (search, arguments) in ways.items():
        model = CleanLearning(classifier, find_label_issues_kwargs=search)
        found[name] = accuracy(_quietly(model.fit, data.X, data.given, **arguments), data)
    return found


def accuracy(model: Any, data: Split) -> float:
    """Return the percentage of test rows that a model gets right."""
    return 100 * float(np.mean(model.predict(data.X_test) == data.y_test))


def _quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function returns, without what it prints and warns of."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def run() -> dict[tuple[str, str], list[Marks]]:
    """Return the marks of every data set and classifier, one a seed."""
    found: dict[tuple[str, str], list[Marks]] = {}
    for data in data_sets():
        for name, classifier in CLASSIFIERS.items():
            if (data.name, name) in TOO_SLOW:
                continue
            start = time.perf_counter()
            found[data.name, name] = [judge(classifier, split(data, seed), seed) for seed in SEEDS]
            taken = time.perf_counter() - start
            print(f"{gain_row(data.name, name, found[data.name, name])} {taken:.0f} s", flush=True)
    return found


# -- tables

GAINS_HEAD = """\
| data | classifier | rows | wrong | noisy | cleanlab | fastcl | gain | true | flagged (wrong) | apart | seconds |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""


def gain_row(data: str, classifier: str, marks: list[Marks]) -> str:
    """Return a row of the first table."""
    cells = [data, classifier, f"{marks[0].n_rows:,}", f"{mean(one.share_wrong for one in marks):.0%}"]
    means = {name: f"{mean(one.accuracy[name] for one in marks):.2f}" for name in marks[0].accuracy}
    cells += [means["noisy"], means["cleanlab"], means["fastcl"]]
    cells += [spread([one.accuracy["fastcl"] - one.accuracy["noisy"] for one in marks]), means["true"]]
    n_flagged, n_hits = (mean(getattr(one, name) for one in marks) for name in ("n_flagged", "n_hits"))
    cells += [f"{n_flagged:.0f} ({n_hits / (n_flagged or 1):.0%})", str(sum(one.n_apart for one in marks))]
    cells += [" / ".join(f"{median(one.seconds[name] for one in marks):.2f}" for name in ("cleanlab", "fastcl"))]
    return f"| {' | '.join(cells)} |"


OPTIONS_HEAD = """\
| instead of the default | lead, choosing seeds | ahead, behind | lead, confirming seeds | ahead, behind |
|---|--:|--:|--:|--:|"""


def option_row(name: str, found: dict[tuple[str, str], list[Marks]]) -> str:
    """Return a row of the second table: by how much an option is ahead of the default, by each half of the seeds."""
    cells = [name]
    for part in (slice(None, N_CHOOSING), slice(N_CHOOSING, None)):
        leads = [
            mean(one.with_option[name] - one.accuracy["fastcl"] for one in marks[part]) for marks in found.values()
        ]
        cells += [spread(leads), f"{sum(lead > 0 for lead in leads)}, {sum(lead < 0 for lead in leads)}"]
    return f"| {' | '.join(cells)} |"


def spread(values: list[float]) -> str:
    """Return mean and standard error, bold if they leave no doubt that the mean is not 0."""
    error = stdev(values) / len(values) ** 0.5
    text = f"{mean(values):+.2f} ± {error:.2f}"
    return f"**{text}**" if abs(mean(values)) > 2 * error else text


def footnote(found: dict[tuple[str, str], list[Marks]]) -> str:
    """Say what the columns are and where the numbers come from."""
    about = machine()
    n_pairs = sum(bool(marks[0].with_option) for marks in found.values())
    return f"""\
First table: percentage of held-out rows whose **true** label is predicted, after training on the given labels as they
are ("noisy"), with `CleanLearning` of cleanlab and of fastcl, defaults and the same seed, and on the true labels; means
over {len(SEEDS)} seeds of split and noise. "Wrong" is the share of wrong labels among the "rows" trained on; "gain"
fastcl's mean lead over "noisy" with its standard error over seeds, bold beyond two of them; "flagged" rows a fit, and
how many of these are wrong; "apart" rows flagged by one library only, all seeds together; "seconds" a fit (median),
cleanlab / fastcl. Up to {MAX_TEST:,} rows are tested on.

Second table: mean lead over fastcl's default in points of accuracy, with its standard error over the {n_pairs} pairs of
data set and classifier ("all rows" left out), bold beyond two of them, and in how many pairs the option is ahead of the
default and behind it; the first {N_CHOOSING} seeds, and the others.

{about["processor"]}, one thread. {about["versions"]}; {about["date"]};
`python -m benchmarks.clean_learning_quality`."""


def main() -> None:
    """Measure and write the tables."""
    write(run())
    print(TABLE.read_text())


def write(found: dict[tuple[str, str], list[Marks]]) -> None:
    """Write the tables."""
    gains = [GAINS_HEAD, *(gain_row(*pair, marks) for pair, marks in found.items())]
    compared = {pair: marks for pair, marks in found.items() if marks[0].with_option}
    options = [OPTIONS_HEAD, *(option_row(name, compared) for name in next(iter(compared.values()))[0].with_option)]
    TABLE.write_text("\n\n".join(["\n".join(gains), "\n".join(options), footnote(found)]) + "\n")


if __name__ == "__main__":
    main()
