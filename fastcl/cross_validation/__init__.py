"""Let a model judge only rows it has not seen."""

from __future__ import annotations

from fastcl.cross_validation.pred_probs import cross_val_pred_probs
from fastcl.cross_validation.rows import take_rows

__all__ = ["cross_val_pred_probs", "take_rows"]
