"""Is the rarest class very rare?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import sentence
from fastcl.datalab.check import Finding, check
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.limits import number

#: What stands for the rarest class where none is rare enough.
NO_CLASS = "NA"


@check(
    "class_imbalance",
    needs="labels",
    tasks=("classification",),
    default=True,
    shows={"Rarest Class": 0},
    limits={"threshold": number(0)},
)
def class_imbalance(evidence: Evidence, *, threshold: float = 0.1) -> Finding:
    """Rows of the rarest class, if it has much less than its share of the data.

    The rarest of K classes is an issue below `threshold` / K of the labelled rows, a tenth of an equal share by
    default; its rows are scored with its share, all others with 1. A model sees too few of them to learn the class, and
    accuracy does not show it: collect more, weight them, or look at recall class by class.
    """
    codes, names = evidence.labels.codes, evidence.labels.names
    is_labeled = codes >= 0
    if not is_labeled.any():
        raise ValueError(sentence("labels", "hold at least one label", "none"))
    counts = np.bincount(codes[is_labeled], minlength=len(names))
    shares = counts / counts.sum()
    rarest = int(shares.argmin())
    cut = threshold * (1 / len(names))
    is_rare = bool(shares[rarest] < cut)
    rarest_class = names.tolist()[rarest] if is_rare else NO_CLASS
    scores = np.where(codes == rarest, shares[rarest], 1.0)
    scores[~is_labeled] = np.nan
    return Finding(
        (codes == rarest) & is_rare,
        scores,
        summary=float(shares[rarest]),
        info={
            "threshold": threshold,
            "Rarest Class": rarest_class,
            "class_counts": counts,
            "class_names": names.tolist(),
        },
        columns={"given_label": evidence.labels.given},
        notes=_notes(names, counts, cut),
    )


def _notes(names: npt.NDArray[Any], counts: npt.NDArray[np.int64], cut: float) -> tuple[str, ...]:
    """Say which classes have no rows, and then, since these hide it, which of the others is rare."""
    absent = np.flatnonzero(counts == 0)
    if not absent.size:
        return ()
    notes = [f"No row has the label {', '.join(repr(name) for name in names[absent].tolist())}."]
    rarest = int(np.where(counts, counts, counts.sum() + 1).argmin())
    if counts[rarest] / counts.sum() < cut:
        name = names.tolist()[rarest]
        notes.append(
            f"Of the classes that have rows, {name!r} is the rarest: {counts[rarest]:,} of {counts.sum():,} rows."
        )
    return tuple(notes)
