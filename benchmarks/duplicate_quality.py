"""Find changed copies, by either rule for near duplicates: ``python -m benchmarks.duplicate_quality``.

Writes ``docs/duplicates-table.md``: a tenth of the rows of real data sets get a changed copy each, and the pairs of a
row and its copy are to be found. Takes about a minute.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.tables import ROOT
from fastcl.neighbors import KNNGraph, build_knn_graph, find_near_duplicates

DATA = Path(os.environ.get("FASTCL_DATA", ROOT.parent / "shared" / "data"))
TABLE = ROOT / "docs" / "duplicates-table.md"

Floats = npt.NDArray[np.floating]
Pairs = npt.NDArray[np.int64]


class Copies(NamedTuple):
    """Rows, the last of which are changed copies of the rows `originals`."""

    name: str
    change: str
    rows: Floats
    originals: npt.NDArray[np.int64]

    def pairs(self) -> Pairs:
        """Return every original with its copy."""
        first_copy = len(self.rows) - len(self.originals)
        return np.column_stack([self.originals, first_copy + np.arange(len(self.originals))])


def main() -> None:
    """Measure and write the table."""
    lines = [
        "| data | copies | AP median | AP local | R@P½ median | R@P½ local | P, R median | P, R local |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for copies in (digits(), *features(), messages()):
        graph = build_knn_graph(copies.rows, metric="cosine", verbose=False)
        median, local = (judge(graph, copies.pairs(), rule) for rule in ("median", "local"))
        cells = [copies.name, copies.change]
        for ours, theirs in zip(median, local, strict=True):
            cells += [ours, theirs]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    TABLE.write_text("\n".join(lines) + f"\n\n{date.today():%d %B %Y}; `python -m benchmarks.duplicate_quality`.\n")


def judge(graph: KNNGraph, pairs: Pairs, rule: str) -> tuple[str, str, str]:
    """Return average precision, recall at precision one half, and precision and recall at the default threshold."""
    found, measure = links(graph, rule)
    is_copy = np.isin(keys(found, len(graph)), keys(pairs, len(graph)))
    hits = np.cumsum(is_copy[np.argsort(measure, kind="stable")])
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / len(pairs)
    average = precision[np.diff(hits, prepend=0) > 0].sum() / len(pairs)
    half = recall[precision >= 0.5].max(initial=0)
    flagged = find_near_duplicates(graph, rule=rule).links
    chosen = keys(np.column_stack([flagged.left, flagged.right]), len(graph))
    right = np.isin(chosen, keys(pairs, len(graph))).sum()
    at_default = f"{_short(right / max(1, len(flagged)))}, {_short(right / len(pairs))}"
    return _short(average), _short(half), at_default


def links(graph: KNNGraph, rule: str) -> tuple[Pairs, Floats]:
    """Return all pairs of the graph and what the rule compares with its threshold."""
    first = np.repeat(np.arange(len(graph)), graph.k)
    rows = np.sort(np.column_stack([first, graph.indices.ravel()]), axis=1)
    measure = graph.distances.ravel().astype(np.float64)
    if rule == "local":
        reach = graph.distances[:, -1].astype(np.float64)
        measure /= np.sqrt(reach[rows[:, 0]] * reach[rows[:, 1]])
    order = np.argsort(keys(rows, len(graph)), kind="stable")
    new = np.diff(keys(rows[order], len(graph)), prepend=-1) > 0
    return rows[order][new], measure[order][new]


def keys(pairs: Pairs, n_rows: int) -> npt.NDArray[np.int64]:
    """Return one number for each pair of rows, in any order of the two."""
    return np.min(pairs, axis=1).astype(np.int64) * n_rows + np.max(pairs, axis=1)


def digits() -> Copies:
    """MNIST: copies moved, turned, brightened and noisy."""
    from scipy.ndimage import rotate, shift

    rng = np.random.default_rng(0)
    with np.load(DATA / "image" / "mnist_test_10k.npz") as file:
        images = file["x"].reshape(-1, 28, 28).astype(np.float32) / 255
    originals = rng.choice(len(images), len(images) // 10, replace=False)
    changed = []
    for image in images[originals]:
        moved = rotate(shift(image, rng.uniform(-1, 1, 2), order=1), rng.uniform(-10, 10), reshape=False, order=1)
        noise = rng.normal(0, rng.uniform(0, 0.1), image.shape)
        changed.append(np.clip(moved * rng.uniform(0.8, 1.2) + noise, 0, 1))
    rows = np.concatenate([images, np.stack(changed)]).reshape(-1, 784).astype(np.float32)
    return Copies("MNIST test, pixels", "moved, turned, brightened, noisy", rows, originals)


def features() -> Iterator[Copies]:
    """Features of images: copies with Gaussian noise of up to 0.6 standard deviations."""
    for name in ("CIFAR10_0", "SVHN_9"):
        rng = np.random.default_rng(0)
        with np.load(DATA / "outliers" / f"CV_by_ResNet18__{name}.npz") as file:
            rows = file["X"].astype(np.float32)
        originals = rng.choice(len(rows), len(rows) // 10, replace=False)
        strength = rng.uniform(0, 0.6, (len(originals), 1)) * rows.std(axis=0)
        noisy = rows[originals] + strength * rng.standard_normal((len(originals), rows.shape[1]))
        title = f"{name.partition('_')[0]}, ResNet-18 features"
        yield Copies(title, "Gaussian noise", np.concatenate([rows, noisy]).astype(np.float32), originals)


def messages() -> Copies:
    """Banking77: words dropped, swapped and added."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    rng = np.random.default_rng(1)
    texts: list[str] = []
    for part in ("train", "test"):
        with (DATA / "text" / f"banking77_{part}.csv").open(newline="") as lines:
            texts += [row[0] for row in list(csv.reader(lines))[1:]]
    originals = rng.choice(len(texts), len(texts) // 10, replace=False)
    changed = [" ".join(_changed(texts[row].split(), rng)) for row in originals]
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
    rows = TruncatedSVD(100, random_state=0).fit_transform(vectorizer.fit_transform([*texts, *changed]))
    return Copies("banking77, TF-IDF + SVD", "words dropped, swapped, added", rows.astype(np.float32), originals)


def _changed(words: list[str], rng: np.random.Generator) -> list[str]:
    kept = [word for word in words if rng.random() > rng.uniform(0, 0.35)] or words
    if rng.random() < 0.5:
        kept = ["please", *kept]
    if len(kept) > 3 and rng.random() < 0.5:
        place = int(rng.integers(len(kept) - 1))
        kept[place], kept[place + 1] = kept[place + 1], kept[place]
    return kept


def _short(share: float) -> str:
    return f"{share:.2f}".removeprefix("0")


if __name__ == "__main__":
    main()
