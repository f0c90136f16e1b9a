"""The benchmark: methods, tables, budgets, one row of figures for each run.

NOT PRIVATE: compares synthetic tables with real rows; for public tables only.
"""
