"""From an audit to its worklist, and from the worklist to files that can be versioned."""

from fastcl.review.worklist import Worklist, label_worklist

__all__ = ["Worklist", "label_worklist"]
