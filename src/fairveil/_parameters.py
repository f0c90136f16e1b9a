"""What scikit-learn asks of an estimator: its settings, its tags, whether it is fitted.

Public: settings and names of columns. scikit-learn is not needed; the one method that
it alone calls loads it.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any, Self

from fairveil import _check


class Parameters:
    """What ``clone``, ``set_params``, pipelines and searches need of a class.

    A subclass stores its constructor's arguments under their names, and what ``fit``
    has made in ``_contents``.
    """

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(inspect.signature(cls.__init__).parameters)[1:]

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002  (scikit-learn)
        """Constructor arguments, as scikit-learn's ``clone`` reads them."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Change constructor arguments; all of them or, where one is unknown, none.

        Raises:
            ConfigError: no such argument.
        """
        for name in params:
            _check.one_of(self._names(), parameter=name)
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return self.__dict__.get("_contents") is not None

    def __sklearn_tags__(self) -> Any:
        """Words, categories and missing values are taken; noise is never the same."""
        sklearn = importlib.import_module("sklearn.utils")
        return sklearn.Tags(
            estimator_type=None,
            target_tags=sklearn.TargetTags(required=False),
            transformer_tags=None,
            classifier_tags=None,
            regressor_tags=None,
            non_deterministic=True,
            input_tags=sklearn.InputTags(categorical=True, string=True, allow_nan=True),
        )
