"""``fairveil studio``: a local page on which a steward takes a table to a decision.

Secret: the table, which the server itself never reads; a child process of its own does,
by the same paths as the command line, and tells names and kinds of columns alone.
Public or confidential: what a page shows is said on it. There is no privacy logic here:
a ``Desk`` holds where the steward is and calls the public interface, and thin pages
show it.
"""
