"""Do the columns of `pred_probs` belong to the classes they are taken for?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import warn

#: The question is asked only if the model agrees with fewer than half of the labels, and answered with yes only
#: if another order of the columns makes it agree with over half, and with twice as many. Random labels do not
#: come near: the best of all orders then agrees with about 2/K of the rows.
FEW, MANY, TIMES = 0.5, 0.5, 2.0

#: And only if it then agrees by so much more than chance (Cohen's kappa): a model that says the same of every row
#: agrees with a large class, in the right order of its columns.
BEYOND_CHANCE = 0.25

#: Rows, and rows a class, below which luck could do all this: with 100 of two classes, once in 2,000 data sets.
FEWEST_ROWS, FEWEST_ROWS_A_CLASS = 100, 10

#: Largest number of classes for which the best order is looked for (1,000 classes: 30 ms).
MOST_CLASSES = 1_000

#: Number of classes out of place that the warning names.
NAMED = 5


def warn_if_permuted(
    labels: npt.NDArray[np.int32], predicted: npt.NDArray[np.int32], class_names: npt.NDArray[Any]
) -> None:
    """Warn if another order of the columns would fit the labels far better than the one given."""
    n_rows, K = len(labels), len(class_names)
    agreeing = np.count_nonzero(labels == predicted)
    too_few = n_rows < max(FEWEST_ROWS, FEWEST_ROWS_A_CLASS * K)
    if K > MOST_CLASSES or too_few or agreeing >= FEW * n_rows:
        return
    table = np.bincount(labels.astype(np.int64) * K + predicted, minlength=K * K).reshape(K, K)
    column = best_order(table)
    best = int(table[np.arange(K), column].sum())
    by_chance = float(table.sum(axis=1) @ table.sum(axis=0)[column]) / n_rows
    if best < max(MANY * n_rows, TIMES * agreeing, by_chance + BEYOND_CHANCE * (n_rows - by_chance)):
        return
    moved = [f"class {class_names[k]} is in column {c}" for k, c in enumerate(column) if k != c]
    shown = ", ".join(moved[:NAMED]) + (", ..." if len(moved) > NAMED else "")
    warn(
        f"The columns of `pred_probs` look permuted against `labels`: the predicted class agrees with "
        f"{agreeing / n_rows:.0%} of the labels, in another order of the columns with {best / n_rows:.0%} ({shown}). "
        "Columns follow the sorted class names in scikit-learn; pass a DataFrame with class names as columns."
    )


def best_order(table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the column for each row of a (K, K) table that together count the most."""
    from scipy.optimize import linear_sum_assignment

    columns: npt.NDArray[np.int64] = linear_sum_assignment(table, maximize=True)[1]
    return columns
