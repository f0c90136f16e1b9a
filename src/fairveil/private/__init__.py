"""The only folder on the way to a release that computes from real rows.

Secret: the rows inside ``view.Sensitive`` and everything computed from them before the
noise. Public: what the functions return (``Released``), each paid by a ledger event
that was authorised *before* the rows were touched. Review this folder to review the
privacy.
"""
