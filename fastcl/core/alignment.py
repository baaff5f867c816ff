"""Do the columns of `pred_probs` belong to the classes they are taken for?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastcl.core.errors import warn

#: The question is asked only if the model agrees with fewer than half of the labels, and answered with yes only
#: if another order of the columns makes it agree with over half, and with twice as many. Random labels do not
#: come near: the best of all orders then agrees with about 2/K of the rows.
FEW, MANY, TIMES = 0.5, 0.5, 2.0

#: Largest number of classes for which the best order is looked for (1,000 classes: 30 ms).
MOST_CLASSES = 1_000


def warn_if_permuted(
    labels: npt.NDArray[np.int32], predicted: npt.NDArray[np.int32], class_counts: npt.NDArray[np.int64]
) -> None:
    """Warn if another order of the columns would fit the labels far better than the one given."""
    n_rows, K = len(labels), len(class_counts)
    agreeing = np.count_nonzero(labels == predicted)
    if K > MOST_CLASSES or n_rows < 10 * K or agreeing >= FEW * n_rows:
        return
    from scipy.optimize import linear_sum_assignment

    table = np.bincount(labels.astype(np.int64) * K + predicted, minlength=K * K).reshape(K, K)
    given, column = linear_sum_assignment(table, maximize=True)
    best = int(table[given, column].sum())
    if best < MANY * n_rows or best < TIMES * agreeing:
        return
    moved = [f"class {k} is in column {c}" for k, c in zip(given, column, strict=True) if k != c][:5]
    warn(
        f"The columns of `pred_probs` look permuted against `labels`: the predicted class agrees with "
        f"{agreeing / n_rows:.0%} of the labels, in another order of the columns with {best / n_rows:.0%} "
        f"({', '.join(moved)}{', ...' if len(moved) == 5 else ''}). "
        "Columns follow the sorted class names in scikit-learn; pass a DataFrame with class names as columns."
    )
