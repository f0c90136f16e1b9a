"""The one place that tells a user which optional part of fairveil is missing.

Public: names of packages only; nothing here touches a table.
"""

from __future__ import annotations

from importlib.util import find_spec

from fairveil.errors import UnsupportedError, problem


def need(package: str, *, extra: str, purpose: str) -> None:
    """Raise unless a package of an optional extra is installed.

    Args:
        package: the import name, such as ``sklearn``.
        extra: the extra of fairveil that brings it.
        purpose: what the package is needed for; begins the message.

    Raises:
        UnsupportedError: the package is not there; the message says how to get it.
    """
    if find_spec(package) is None:
        raise UnsupportedError(
            problem(
                f"{purpose} needs the package {package}, which is not installed",
                try_=f"pip install 'fairveil[{extra}]'",
            )
        )
