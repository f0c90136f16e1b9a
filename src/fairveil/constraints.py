"""Constraints that every released row meets, to be declared in a schema.

Public facts only; ``docs/constraints.md`` says how each is met and what is refused.
"""

from fairveil._constraints import Combinations, Dependency, Order, Sum

__all__ = ["Combinations", "Dependency", "Order", "Sum"]
