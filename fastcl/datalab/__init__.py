"""Audit everything at once: every check that the inputs allow, one table of issues, a summary, and the reasons."""

from __future__ import annotations

from fastcl.datalab.check import Check, Finding, check
from fastcl.datalab.datalab import Datalab
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.monitoring.monitor import Monitor

__all__ = ["Check", "Datalab", "Evidence", "Finding", "Monitor", "check"]
