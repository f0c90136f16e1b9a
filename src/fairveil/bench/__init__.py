"""The benchmark: methods, tables, budgets, one row of figures for each run.

NOT PRIVATE: compares synthetic tables with real rows; for public tables only. Each
method runs as a process of its own, in its own environment, and exchanges files
(``jobs``); figures are measured afterwards from what it wrote (``measure``).
"""

HARNESS = "1"  # rises when a run or a figure means something else
