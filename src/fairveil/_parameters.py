"""Constructor arguments as scikit-learn reads and changes them; public settings."""

from __future__ import annotations

import inspect
from typing import Any, Self

from fairveil import _check


class Parameters:
    """What ``clone`` and ``set_params`` need of a class that stores its arguments."""

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(inspect.signature(cls.__init__).parameters)[1:]

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002  (scikit-learn)
        """Constructor arguments, as scikit-learn's ``clone`` reads them."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Change constructor arguments.

        Raises:
            ConfigError: no such argument.
        """
        for name, value in params.items():
            _check.one_of(self._names(), parameter=name)
            setattr(self, name, value)
        return self
