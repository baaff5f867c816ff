"""Find real outliers, with and without ``scale="auto"``: ``python -m benchmarks.outlier_quality``.

Writes ``docs/outliers-table.md``: the AUROC of cleanlab's scores, of fastcl's and of fastcl's with ``scale="auto"`` on
every set of the folder ``outliers`` of the real data. Takes some minutes, most of them of cleanlab.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from cleanlab.outlier import OutOfDistribution as Reference
from sklearn.metrics import roc_auc_score

from benchmarks.tables import ROOT
from fastcl.neighbors import build_knn_graph
from fastcl.neighbors.features import as_features
from fastcl.neighbors.outliers import find_outliers
from fastcl.neighbors.scaling import Scaling, choose_scaling, column_statistics

DATA = Path(os.environ.get("FASTCL_DATA", ROOT.parent / "shared" / "data")) / "outliers"
TABLE = ROOT / "docs" / "outliers-table.md"

#: Sets whose columns are measurements. The others are pixels and activations of networks.
TABULAR = ("glass", "Ionosphere", "letter", "pendigits", "Pima", "satellite", "shuttle", "thyroid", "vowels")

#: Units are drawn from a thousandth to a thousand, so often.
DRAWS = 5

Matrix = npt.NDArray[np.floating]


class DataSet(NamedTuple):
    """Rows, and which of them are outliers."""

    name: str
    features: Matrix
    is_outlier: npt.NDArray[np.bool_]


def main() -> None:
    """Measure and write the table."""
    sets = list(read_sets())
    apart: list[float] = []
    quality = ["\n".join(_head()), *(_quality_row(data, apart) for data in sets)]
    units = [_UNITS_HEAD, *(_units_row(data) for data in sets if data.name in TABULAR)]
    about = (
        f"cleanlab {version('cleanlab')}, NumPy {np.__version__}, scikit-learn {version('scikit-learn')}, "
        f"{date.today():%d %B %Y}. Scores of cleanlab and fastcl differ by at most {max(apart):.0e}: "
        "cleanlab's distances of float32 features are float32. Those of other sets differ by less than 1e-12."
    )
    TABLE.write_text("\n".join(quality) + "\n\n" + "\n".join(units) + f"\n\n{about}\n")
    print(TABLE.read_text())


def read_sets() -> Iterator[DataSet]:
    """Yield all sets, by name."""
    for path in sorted(DATA.glob("*.npz")):
        file = np.load(path, allow_pickle=True)
        source, _, rest = path.stem.partition("__")
        name = rest.partition("_")[2] if source == "Classical" else f"{rest} ({source.rpartition('_')[2]})"
        yield DataSet(name, file["X"], file["y"].astype(bool))


def auroc(data: DataSet, scores: Matrix) -> float:
    """Return the probability that an outlier has a lower score than another row."""
    return float(roc_auc_score(data.is_outlier, -scores))


def score(features: Matrix, metric: str | None = None, scaling: Scaling | None = None) -> Matrix:
    """Return the outlier scores of features that are scaled first, if at all."""
    rows = features if scaling is None else scaling.apply(features)
    return find_outliers(build_knn_graph(rows, metric=metric, verbose=False)).scores


def robust_scaling(features: Matrix) -> Scaling:
    """Return median and interquartile range of each column, the latter as that of a normal distribution of scale 1."""
    lower, center, upper = np.percentile(features.astype(np.float64), (25, 50, 75), axis=0)
    spread = np.where(upper > lower, (upper - lower) / 1.349, features.std(axis=0))
    return Scaling(center, np.where(spread > 0, spread, 1))


def auto_score(features: Matrix) -> Matrix:
    """Return the outlier scores with ``scale="auto"``."""
    return find_outliers(build_knn_graph(features, scale="auto", verbose=False)).scores


def better(value: float, than: float) -> str:
    """Return a number, bold if it is visibly larger than another."""
    return f"**{value:.3f}**" if f"{value:.3f}" > f"{than:.3f}" else f"{value:.3f}"


def _head() -> list[str]:
    names = ["set", "rows", "columns", "effective columns (root)", "cleanlab", "fastcl", '`scale="auto"`', "which"]
    names += ["always mean, deviation", "always median, IQR"]
    return ["| " + " | ".join(names) + " |", "|---" * 3 + "|--:" * 4 + "|---" + "|--:" * 2 + "|"]


def _quality_row(data: DataSet, apart: list[float]) -> str:
    columns = column_statistics(as_features(data.features))
    scaling, metric = choose_scaling(data.features)
    what = "standardised" if scaling else (metric or "as it is")
    theirs = Reference().fit_score(features=data.features, verbose=False)
    ours = score(data.features)
    apart.append(float(np.abs(theirs - ours).max()))
    values = [auroc(data, scores) for scores in (theirs, ours, auto_score(data.features))]
    always = columns.scaling(), robust_scaling(data.features)
    values += [auroc(data, score(data.features, "euclidean", scaling)) for scaling in always]
    assert abs(values[0] - values[1]) < 1e-3, data.name
    size = f"{len(data.features):,} | {data.features.shape[1]}"
    root = np.sqrt(np.count_nonzero(columns.varies))
    figures = [f"{value:.3f}" for value in values]
    line = f"| {data.name} | {size} | {columns.effective_columns:.1f} ({root:.1f}) | {figures[0]} | {figures[1]} "
    line += f"| {better(values[2], values[1])} | {what} | {figures[3]} | {figures[4]} |"
    print(line, flush=True)
    return line


_UNITS_HEAD = """\
| columns in units drawn at random | default | `scale="auto"` | standardised in |
|---|--:|--:|--:|"""


def _units_row(data: DataSet) -> str:
    """Multiply every column by a random number between 1/1000 and 1000, several times: mean AUROC."""
    rng = np.random.default_rng(0)
    rows = np.random.default_rng(1).permutation(len(data.features))[:7_000]  # of shuttle: the others are smaller
    part = DataSet(data.name, data.features[rows].astype(np.float64), data.is_outlier[rows])
    found, default, auto = 0, [], []
    for _ in range(DRAWS):
        features = part.features * 10 ** rng.uniform(-3, 3, part.features.shape[1])
        found += choose_scaling(features)[0] is not None
        default.append(auroc(part, score(features)))
        auto.append(auroc(part, auto_score(features)))
    means = float(np.mean(default)), float(np.mean(auto))
    line = f"| {data.name} | {means[0]:.3f} | {better(means[1], means[0])} | {found} of {DRAWS} |"
    print(line, flush=True)
    return line


if __name__ == "__main__":
    main()
