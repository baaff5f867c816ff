"""Does the order of rows tell something about them?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.graphs import Graphs
from fastcl.datalab.limits import SHARE, whole
from fastcl.neighbors.graph import KNNGraph
from fastcl.neighbors.iid import NonIID
from fastcl.neighbors.iid import non_iid as find_non_iid

#: Without features, neighbours are looked for among the probabilities of at most so many rows (two seconds; of a
#: million rows it would be an hour).
MOST_ROWS = 20_000

#: They are taken in so many runs: rows next to each other for what is near in the data, runs apart for what is far.
RUNS = 20


SHOWS = {"p-value": 0}
LIMITS = {"num_permutations": whole(2), "seed": whole(0, 2**32 - 1), "significance_threshold": SHARE}


@check("non_iid", needs=("graph", "pred_probs"), tasks=("classification",), default=True, shows=SHOWS, limits=LIMITS)
@check("non_iid", needs="graph", tasks=("regression", "multilabel"), default=True, shows=SHOWS, limits=LIMITS)
def non_iid(
    evidence: Evidence,
    *,
    metric: str | None = None,
    k: int | None = None,
    num_permutations: int = 25,
    seed: int | None = 0,
    significance_threshold: float = 0.05,
) -> Finding:
    """Whether rows were drawn independently, or their order means something.

    Neighbours that stand closer together in the data than chance would put them speak for drift, for a sorted file or
    for recordings cut into rows: a random split into training and test data then flatters the model. The summary is a
    p-value; the one row flagged, if any, points at where it is most visible.
    """
    rows, graph = _neighbours(evidence, k, metric)
    found = find_non_iid(
        graph,
        num_permutations=num_permutations,
        seed=seed,
        significance_threshold=significance_threshold,
        n_jobs=evidence.n_jobs,
    )
    info = {"p-value": found.p_value, "statistic": found.statistic, "metric": found.metric, "k": found.k}
    if rows is None:
        return Finding(found.is_issue, found.scores, found.p_value, info)
    return _of_some(evidence.n_rows, rows, found, info)


def _neighbours(evidence: Evidence, k: int | None, metric: str | None) -> tuple[npt.NDArray[np.int64] | None, KNNGraph]:
    """Return the graph, and the rows that it is of if it is not of all."""
    if evidence.graphs:
        return None, evidence.graph(k, metric)
    runs = [slice(None)] if evidence.n_rows <= MOST_ROWS else runs_of_rows(evidence.n_rows)
    features = np.concatenate([np.asarray(evidence.pred_probs[run]) for run in runs])
    graphs = Graphs(len(features), features=features, n_jobs=evidence.n_jobs, verbose=evidence.verbose)
    rows = None if len(runs) == 1 else np.concatenate([np.arange(run.start, run.stop) for run in runs])
    return rows, graphs.get(k, metric)


def runs_of_rows(n_rows: int) -> list[slice]:
    """Return runs of consecutive rows, spread evenly over the data.

    Examples
    --------
    >>> runs_of_rows(1_000_000)[:2]
    [slice(0, 1000, None), slice(52578, 53578, None)]
    """
    length = MOST_ROWS // RUNS
    starts = np.linspace(0, n_rows - length, RUNS).astype(int).tolist()
    return [slice(start, start + length) for start in starts]


def _of_some(n_rows: int, rows: npt.NDArray[np.int64], found: NonIID, info: dict[str, Any]) -> Finding:
    """Return what was found among some rows; the others are not judged."""
    is_issue, scores = np.zeros(n_rows, np.bool_), np.full(n_rows, np.nan)
    is_issue[rows], scores[rows] = found.is_issue, found.scores
    note = f"Without features, neighbours were looked for among {len(rows):,} rows, in {RUNS} runs."
    return Finding(is_issue, scores, found.p_value, info | {"n_rows": len(rows)}, notes=(note,))
