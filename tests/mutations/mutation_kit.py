"""What a planted bug is, what a detector is, and how a bug is planted.

A bug lives for as long as ``Mutation.planted`` is held, in the tests' process only. A
detector is a check of the suite that is ready to be run on the product as it stands: it
returns where all is well and raises ``AssertionError`` where it is not.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import pytest
from border_tools import small_chunks

from fairveil._shield import UnforeseenError
from fairveil.errors import FairveilError
from fairveil.private import cluster, fit_vae as fit_vae_module

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "sensitivity": "a query's exact answer moves too far between neighbours",
    "noise tape": "what is drawn is not what the events say",
    "twin": "a slow twin of a function, written another way, gets another answer",
    "distribution": "draws do not have the distribution that is declared",
    "order": "something is read or answered before it is paid for",
    "taint": "a fit that hears the same noisy answers releases something else",
    "audit": "an attack on the mechanism proves more than is charged",
    "accountant": "a second accountant, or the ledger, comes to another sum",
    "statement": "the statement contradicts itself or rounds the wrong way",
    "leak search": "a marked value or an exact array is found in what is released",
    "rows apart": "one row changes what another row is, or stops the fit",
    "architecture": "the import graph or the source crosses the border",
    "ledger file": "fits together pass the cap of their data set",
}
COMPILED = (
    (fit_vae_module, "chunk_gradient"),
    (fit_vae_module, "_descent"),
    (cluster, "_latents"),
)

Plant = Callable[[pytest.MonkeyPatch], AbstractContextManager[Any] | None]


@dataclass(frozen=True, kw_only=True)
class Detector:
    """A check of the suite.

    Attributes:
        kind: one of ``KINDS``.
        about: what it is run on.
        check: the function that decides, where it lives.
        run: runs it on the product as it stands.
    """

    kind: str
    about: str
    check: Callable[..., Any]
    run: Callable[[], None]

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind
        assert self.about

    @property
    def where(self) -> str:
        """File of the check, from the root of the project, and its name."""
        function = inspect.unwrap(self.check)
        path = Path(inspect.getsourcefile(function)).resolve().relative_to(ROOT)
        return f"{path.as_posix()}: {function.__name__}"


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One bug.

    Attributes:
        name: what it is, in words.
        pitfall: the number of the known pitfall (P1 to P13), or what goes wrong.
        plant: puts it into the product; what it returns is held with it.
        detector: what has to catch it.
        also: what has to catch it as well.
    """

    name: str
    pitfall: str
    plant: Plant
    detector: Detector
    also: tuple[Detector, ...] = ()

    @property
    def caught_by(self) -> str:
        """Kind of the check that has to catch it."""
        return self.detector.kind

    @contextlib.contextmanager
    def planted(self) -> Iterator[None]:
        """The bug is in the product for as long as this is held."""
        with (
            pytest.MonkeyPatch.context() as patch,
            self.plant(patch) or contextlib.nullcontext(),
        ):
            yield


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """Tiny chunks and a quick compiler: what is run here is never measured."""
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        with pytest.MonkeyPatch.context() as patch:
            small_chunks(patch)
            yield
    finally:
        jax.config.update("jax_disable_most_optimizations", False)


def complaint(detector: Detector) -> AssertionError | None:
    """What a detector says of the product as it stands; None where all is well."""
    try:
        detector.run()
    except AssertionError as error:
        return error
    return None


def product() -> dict[str, int]:
    """Which object stands behind each name of the product's modules and classes."""
    out = {}
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] != "fairveil":
            continue
        for key, value in vars(module).items():
            out[f"{name}.{key}"] = id(value)
            if isinstance(value, type) and value.__module__ == name:
                members = {k: id(v) for k, v in vars(value).items()}
                out |= {f"{name}.{key}.{k}": v for k, v in members.items()}
    return out


def detector(kind: str, check: Callable[..., Any]) -> Callable[[Any], Detector]:
    """Make a detector of a function whose docstring says what it is run on.

    A refusal by the product itself counts as a complaint: the bug does not get through.
    So does a test of the suite that misses an error which it expected. A fault that the
    guard hides does not: it may be one of the planted code.
    """

    def made(run: Callable[[], None]) -> Detector:
        @functools.wraps(run)
        def checked() -> None:
            try:
                run()
            except UnforeseenError:
                raise
            except FairveilError as error:
                what = f"refused by {type(error).__name__}: {error}"
                raise AssertionError(what) from None
            except pytest.fail.Exception as error:
                raise AssertionError(str(error)) from None

        about = (run.__doc__ or "").strip().splitlines()[0].rstrip(".")
        return Detector(kind=kind, about=about, check=check, run=checked)

    return made


def replace_in(home: Any, name: str, make: Callable[[Any], Any]) -> Plant:
    """A bug that stands in the place of one function.

    Args:
        home: module or class.
        name: of the function in it.
        make: from the honest function to the one with the bug.
    """

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(home, name, make(getattr(home, name)))

    return plant


def compiled_in(home: Any, name: str, make: Callable[[Any], Any]) -> Plant:
    """The same inside compiled functions, of which honest copies are kept aside."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(home, name, make(getattr(home, name)))
        for owner, cached in COMPILED:
            bare = getattr(owner, cached).__wrapped__
            patch.setattr(owner, cached, functools.lru_cache(bare))

    return plant
