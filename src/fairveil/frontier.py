"""The whole trade-off of a fit between usefulness and fairness, at no privacy cost.

Public: everything here sees fitted models and rows drawn from them, never a real row:
no argument takes a table, and nothing here imports what could open one. All releases of
a fit are post-processing of what it released, so however many are tried, its statement
stays as it is. Ranking by real rows would cost privacy; ranking by synthetic ones does
not, and is as good as the fit is.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fairveil import _check, config
from fairveil._frontier_candidate import Candidate, Fit, undominated
from fairveil._frontier_measure import Drawn, Measured, Reference, Roles, measure
from fairveil._frontier_result import Frontier
from fairveil._frontier_search import SEARCHES, explore, planned
from fairveil._frontier_settings import PROMISES, Progress, Settings, Space
from fairveil.errors import ConfigError, problem
from fairveil.post.merge import merged
from fairveil.privacy.statement import Statement
from fairveil.seeds import Seeds

if TYPE_CHECKING:
    from fairveil.synthesizer import FairVeil

__all__ = [
    "PROMISES",
    "SEARCHES",
    "Candidate",
    "Fit",
    "Frontier",
    "Measured",
    "Settings",
    "frontier",
    "undominated",
]

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
ROWS = 20_000
_FEWEST_ROWS = 100
_MODEL_HOME = "fairveil.synthesizer"  # which imports this module
_PARTS = 100  # of the work on a candidate, for progress
_TRAINED = 80  # of them, when its networks are trained


def _quiet(_stage: str, _done: int, _total: int) -> None:
    return


def frontier(  # noqa: PLR0913  (the public settings, all by keyword)
    model: FairVeil | Sequence[FairVeil],
    *,
    strengths: Sequence[float] = STRENGTHS,
    modes: Sequence[str] | None = None,
    target: str | None = None,
    positive: Any = None,
    clusters: int | Sequence[int | None] | None = None,
    gan: config.GanTraining | Sequence[config.GanTraining | None] | None = None,
    blind: float | Sequence[float] | None = None,
    search: str = "grid",
    trials: int | None = None,
    rows: int = ROWS,
    sensitive: Sequence[str] | None = None,
    generator: str = "wgan",
    names: Sequence[str] | None = None,
    random_state: int | None = None,
    progress: Progress = _quiet,
) -> Frontier:
    """Try many releases of one fit, or of several, and rank them by synthetic rows.

    Each costs about as long as the generator's part of ``fit``. Several fits are
    compared with the release, without debiasing, of that with the greatest epsilon:
    the one that knows most.

    Args:
        model: a fitted model, or several of one table with different epsilons.
        strengths: of the promise; a search takes any between the least and greatest.
        modes: of ``redraw``, ``independence`` and ``outcome``; None: ``independence``,
            and ``outcome`` where a target is named.
        target: column that a later model predicts; utility is judged by it, too.
        positive: makes the target two-valued; needed where it has more values.
        clusters: numbers of components to merge the released ones to; None: as they
            are.
        gan: networks and training of the generator and its critics; None: the fit's.
        blind: of ``outcome``, one value or several; None: the default of ``refine``.
        search: ``grid``, ``sobol`` or ``nsga2`` (needs pymoo).
        trials: settings tried of each fit, at most; None: the grid, or 16.
        rows: synthetic rows of each sample; rare groups and small differences need
            many.
        sensitive: None keeps the columns named before.
        generator: ``wgan``, or ``decoder`` as an ablation.
        names: of the fits, for tables and plots.
        random_state: seed of everything; None: one is drawn, and kept in the result.
        progress: called with (stage, steps done, steps).

    Raises:
        ConfigError: a setting is impossible, no column is sensitive, a target or value
            is unknown, or the fits are not of the same columns.
        NotFittedError: a model is not fitted.
        UnsupportedError: an extra is missing, or a wish is refused by ``refine``.
    """
    models = _models(model)
    own = tuple(models[0].sensitive if sensitive is None else sensitive)
    if modes is None:
        modes = ("independence",) if target is None else ("independence", "outcome")
    if random_state is None:
        random_state = Seeds.of(None).number("frontier")
    seed = Seeds.of(random_state).number("frontier")
    space = Space(
        base=Settings(mode=None, sensitive=own, generator=generator, random_state=seed),
        strengths=_several(strengths, "strengths"),
        modes=_several(modes, "modes"),
        clusters=_several(clusters, "clusters"),
        gans=_several(gan, "gan"),
        blinds=_several(blind, "blind"),
        target=target,
    )
    _check.whole(_FEWEST_ROWS, rows=rows)
    needs = {
        "positive": positive is not None,
        "the mode outcome": "outcome" in space.modes,
    }
    _check_columns(models, own, target, needs)
    for count in [c for c in space.clusters if c is not None]:
        for each in models:
            merged(each._contents.bundle.teacher.mixture, count)  # noqa: SLF001  (raises)
    trials = planned(space, search, trials)
    roles = Roles(
        sensitive=own, target=target, positive=positive, rows=int(rows), seed=seed
    )
    fits = _fits(models, names)
    run = _Run(models, fits, space, roles, progress)
    surest = max(range(len(fits)), key=lambda i: fits[i].epsilon)
    reference = run.reference(surest)
    baselines = run.baselines(reference, surest)
    return Frontier(
        candidates=run.candidates(reference, search, trials),
        baselines=baselines,
        fits=fits,
        reference=fits[surest].name,
        search=search,
        rows=int(rows),
        target=target,
        positive=positive,
        random_state=random_state,
    )


@dataclass(frozen=True)
class _Run:
    """One exploration: what it works on, and how it tells its progress."""

    models: tuple[FairVeil, ...]
    fits: tuple[Fit, ...]
    space: Space
    roles: Roles
    progress: Progress

    def reference(self, place: int) -> Reference:
        """The yardstick, refused where it cannot judge what is asked."""
        _need_extra()
        plain = self.space.base.refine(
            self.models[place], progress=self._inner("reference", 0, 1)
        )
        found = Reference.of(plain, self.roles)
        self.progress("reference", _PARTS, _PARTS)
        if "outcome" in self.space.modes:
            _check_outcome(found.figures)
        return found

    def baselines(self, reference: Reference, surest: int) -> tuple[Candidate, ...]:
        """Of each fit: no debiasing, and the trivial solution where it is one.

        Args:
            reference: the yardstick.
            surest: the fit that it is of, whose release needs no second training.
        """
        base = self.space.base
        wanted = [base]
        if "hidden" in self.space.promises:
            wanted.append(dataclasses.replace(base, mode="redraw"))
        pairs = [(place, s) for place in range(len(self.fits)) for s in wanted]
        return tuple(
            self._candidate(place, settings, reference, reference.figures)
            if (place, settings) == (surest, base)
            else self._tried(place, settings, reference, ("baselines", k, len(pairs)))
            for k, (place, settings) in enumerate(pairs)
        )

    def candidates(
        self, reference: Reference, search: str, trials: int
    ) -> tuple[Candidate, ...]:
        """All that the search tries, fit by fit."""
        found: list[Candidate] = []
        total = trials * len(self.fits)
        for place in range(len(self.fits)):
            begun = place * trials

            def judge(
                settings: Settings, place: int = place, begun: int = begun
            ) -> tuple[float, float]:
                done = begun + sum(c.fit.name == self.fits[place].name for c in found)
                step = ("candidates", done, total)
                tried = self._tried(place, settings, reference, step)
                found.append(tried)
                return tried.loss, tried.unfairness

            explore(self.space, search, trials, seed=self.roles.seed, judge=judge)
        self.progress("candidates", total * _PARTS, total * _PARTS)
        return tuple(found)

    def _tried(
        self,
        place: int,
        settings: Settings,
        reference: Reference,
        step: tuple[str, int, int],
    ) -> Candidate:
        """Make a release, draw rows of it and measure them."""
        release = settings.refine(self.models[place], progress=self._inner(*step))
        drawn = Drawn.of(release, self.roles.rows, self.roles.seed)
        found = measure(
            drawn,
            reference.judge,
            self.roles,
            target_moves=settings.promise == "parity",
        )
        stage, done, total = step
        self.progress(stage, (done + 1) * _PARTS, total * _PARTS)
        return self._candidate(place, settings, reference, found)

    def _candidate(
        self, place: int, settings: Settings, reference: Reference, found: Measured
    ) -> Candidate:
        return Candidate(
            fit=self.fits[place],
            settings=settings,
            loss=reference.loss(found),
            unfairness=reference.unfairness(found, settings.promise),
            measured=found,
        )

    def _inner(self, stage: str, done: int, total: int) -> Callable[..., None]:
        """Progress of one training as a part of all the work of the stage."""

        def tell(_stage: str, steps: int, of: int) -> None:
            here = _TRAINED * steps // max(of, 1)
            self.progress(stage, done * _PARTS + here, total * _PARTS)

        tell(stage, 0, 1)  # not every generator is trained, and tells something
        return tell


def _models(given: Any) -> tuple[FairVeil, ...]:
    """The fitted models; a table, or anything else, is refused."""
    models = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for model in models:
        if type(model).__module__ == _MODEL_HOME and not hasattr(model, "statement_"):
            model.sample(0)  # raises NotFittedError
    fitted = [isinstance(getattr(m, "statement_", None), Statement) for m in models]
    if not models or not all(fitted):
        raise ConfigError(
            problem(
                "frontier takes fitted models, never rows",
                got=", ".join(type(m).__name__ for m in models) or "nothing",
                try_="FairVeil.load(file)",
            )
        )
    return models


def _fits(models: Sequence[FairVeil], names: Sequence[str] | None) -> tuple[Fit, ...]:
    if names is None:
        names = [f"fit {place}" for place in range(1, len(models) + 1)]
    if len(names) != len(models) or len(set(names)) < len(names):
        raise ConfigError(problem("names must name each fit once", got=list(names)))
    fits = tuple(Fit.of(m, name) for m, name in zip(models, names, strict=True))
    if len({fit.digest for fit in fits}) < len(fits):
        raise ConfigError(problem("the same fit is given twice"))
    return fits


def _several(given: Any, name: str) -> tuple[Any, ...]:
    """One value or a list of them as a tuple."""
    if isinstance(given, (list, tuple, range)):
        return tuple(given)
    if name in ("strengths", "modes") and not isinstance(given, (int, float)):
        raise ConfigError(problem(f"{name} must be a list", got=given))
    return (given,)


def _check_columns(
    models: Sequence[FairVeil],
    sensitive: tuple[str, ...],
    target: str | None,
    needs: Mapping[str, bool],
) -> None:
    """Raise where the roles of the columns are impossible, before any training.

    Args:
        models: the fits.
        sensitive, target: columns by role.
        needs: what would need a target, and whether it is asked for.
    """
    columns = models[0].feature_names_in_
    if any(m.feature_names_in_ != columns for m in models):
        raise ConfigError(
            problem("the fits have different columns", try_="fits of one table")
        )
    _check_sensitive(sensitive, columns)
    if target is not None:
        _check.one_of(columns, target=target)
        if target in sensitive:
            raise ConfigError(problem("the target is a sensitive column", got=target))
        return
    for what, asked in needs.items():
        if asked:
            raise ConfigError(
                problem(f"{what} needs a target", try_="naming the target, too")
            )


def _check_sensitive(sensitive: tuple[str, ...], columns: Sequence[str]) -> None:
    if not sensitive:
        raise ConfigError(
            problem(
                "a frontier needs sensitive columns, and the fit names none",
                try_='sensitive=["..."]',
            )
        )
    _check.names(sensitive=list(sensitive))
    _check.distinct(sensitive=sensitive)
    for name in sensitive:
        _check.one_of(columns, sensitive=name)
    if len(sensitive) == len(columns):
        raise ConfigError(problem("every column is sensitive: no other is left"))


def _check_outcome(figures: Measured) -> None:
    """Raise where parity of the reference could not be measured."""
    if not figures.gaps:
        raise ConfigError(
            problem(
                "the target has more than two values", try_="naming the positive one"
            )
        )
    if math.isnan(figures.parity):
        raise ConfigError(
            problem(
                "no sensitive column has two groups of 30 synthetic rows: there is no "
                "gap to measure",
                try_="more rows",
            )
        )


def _need_extra() -> None:
    from fairveil import evaluate  # noqa: PLC0415  (tells what to install)

    del evaluate
