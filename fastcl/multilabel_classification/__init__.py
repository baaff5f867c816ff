"""Labels of rows that may have any number of classes: which are wrong, how good are they, how healthy is the whole?

Every class is a problem of two classes of its own; see ``docs/multilabel.md``.
"""

from __future__ import annotations

from fastcl.multilabel_classification.rank import get_label_quality_scores

__all__ = ["get_label_quality_scores"]
