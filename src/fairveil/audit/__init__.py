"""Audits of fairveil's privacy: attacks on made-up tables, and what they prove.

Public: ``run`` makes up all rows itself and returns an ``AuditReport``; no user's table
is read. Nothing of the product imports this package.
"""

from fairveil.audit.results import AuditReport, Bound, Finding
from fairveil.audit.suite import Plan, plan_of, run

__all__ = ["AuditReport", "Bound", "Finding", "Plan", "plan_of", "run"]
