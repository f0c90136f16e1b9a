"""The whole trade-off of a fit between usefulness and fairness, at no privacy cost.

Public: everything here sees fitted models and rows drawn from them, never a real row:
no argument takes a table, and nothing here imports what could open one. All releases of
a fit are post-processing of what it released, so however many are tried, its statement
stays as it is. Ranking by real rows would cost privacy; ranking by synthetic ones does
not, and is as good as the fit is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fairveil import _check, config
from fairveil._frontier_candidate import (
    Candidate,
    Fit,
    Measured,
    check_columns,
    check_target,
    fits_of,
    shown,
    undominated,
)
from fairveil._frontier_measure import Drawn, Reference, Roles, measure
from fairveil._frontier_result import Frontier
from fairveil._frontier_search import SEARCHES, explore, planned
from fairveil._frontier_settings import (
    KEPT,
    PEOPLE,
    PROMISES,
    Progress,
    Settings,
    Space,
    frozen_shares,
)
from fairveil.errors import ConfigError, problem
from fairveil.post.merge import merged
from fairveil.post.roles import loosening_of, redrawing
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
    proxies: float | Sequence[float] = 0.0,
    legitimate: Sequence[str] = (),
    shares: str | Mapping[str, Mapping[str, float]] = KEPT,
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

    ``independence`` trains a generator for each setting, about as long as the last part
    of ``fit``; the other modes share that of the release without debiasing, and take
    seconds. Several fits are compared with the release, without debiasing, of that with
    the greatest epsilon: the one that knows most.

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
        proxies: of the other two modes, one value or several. Above 0 how clusters of a
            release sort people is ranked, too, by rows of the release without
            debiasing in place of real people.
        legitimate: columns through which dependence is allowed; what auditors find is
            then counted beyond these, and parity within their cells.
        shares: of the groups, for ``redraw`` and ``independence`` at strength 1.
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
        proxies=_several(proxies, "proxies"),
        target=target,
        legitimate=tuple(legitimate),
        shares=frozen_shares(shares),
    )
    _check.whole(_FEWEST_ROWS, rows=rows)
    _check_wishes(models, space, positive)
    trials = planned(space, search, trials)
    roles = Roles(
        sensitive=own,
        target=target,
        positive=positive,
        rows=int(rows),
        seed=seed,
        legitimate=space.legitimate,
        parity="outcome" in space.modes,
        people="hidden" in space.promises,
    )
    fits = fits_of(models, names)
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
    plain: dict[tuple[int, Settings], FairVeil] = field(default_factory=dict)

    def reference(self, place: int) -> Reference:
        """The yardstick, refused where it cannot judge what is asked."""
        _need_extra()
        plain = self._plain(place, self.space.base, ("reference", 0, 1))
        found = Reference.of(plain, self.roles)
        self.progress("reference", _PARTS, _PARTS)
        _check_reference(found, self.space)
        return found

    def baselines(self, reference: Reference, surest: int) -> tuple[Candidate, ...]:
        """Of each fit: no debiasing, and the trivial solution where it is one.

        Args:
            reference: the yardstick.
            surest: the fit that it is of.
        """
        base, wanted = self.space.base, [self.space.base]
        if "hidden" in self.space.promises:
            legitimate = self.space.legitimate
            wanted.append(replace(base, mode="redraw", legitimate=legitimate))
        pairs = [(place, s) for place in range(len(self.fits)) for s in wanted]
        known = {(surest, base): reference.figures}  # measured already
        return tuple(
            self._tried(
                place,
                settings,
                reference,
                ("baselines", k, len(pairs)),
                known=known.get((place, settings)),
            )
            for k, (place, settings) in enumerate(pairs)
        )

    def candidates(
        self, reference: Reference, search: str, trials: int
    ) -> tuple[Candidate, ...]:
        """All that the search tries, fit by fit."""
        found: list[Candidate] = []
        total, space = trials * len(self.fits), self.space
        for place in range(len(self.fits)):
            begun = place * trials

            def judge(
                settings: Settings, place: int = place, begun: int = begun
            ) -> tuple[float, ...]:
                done = begun + sum(c.fit.name == self.fits[place].name for c in found)
                step = ("candidates", done, total)
                tried = self._tried(place, settings, reference, step)
                found.append(tried)
                figures = (tried.loss, tried.unfairness)
                more = space.objectives(settings.promise) > len(figures)
                return (*figures, tried.unfair(PEOPLE)) if more else figures

            explore(space, search, trials, seed=self.roles.seed, judge=judge)
        self.progress("candidates", total * _PARTS, total * _PARTS)
        return tuple(found)

    def _tried(
        self,
        place: int,
        settings: Settings,
        reference: Reference,
        step: tuple[str, int, int],
        *,
        known: Measured | None = None,
    ) -> Candidate:
        """Make a release, draw rows of it and measure them, unless that is known."""
        release = self._release(place, settings, step)
        parity = settings.promise == "parity"
        found = known or measure(
            Drawn.of(release, self.roles.rows, self.roles.seed),
            reference.judge,
            self.roles,
            target_moves=parity,
        )
        stage, done, total = step
        self.progress(stage, (done + 1) * _PARTS, total * _PARTS)
        return Candidate(
            fit=self.fits[place],
            settings=settings,
            loss=reference.loss(found),
            unfairness=reference.unfairness(found, settings.promise),
            measured=found,
            people=None if parity else reference.sorted(found),
            rows=shown(release),
        )

    def _release(
        self, place: int, settings: Settings, step: tuple[str, int, int]
    ) -> FairVeil:
        """A release; only where the promise needs it a generator is trained for it."""
        if settings.trains:
            return settings.refine(self.models[place], progress=self._inner(*step))
        plain = self._plain(place, settings.plain, step)
        return plain if settings.mode is None else settings.again(plain)

    def _plain(
        self, place: int, settings: Settings, step: tuple[str, int, int]
    ) -> FairVeil:
        """A release without debiasing, made once."""
        key = (place, settings)
        if key not in self.plain:
            inner = self._inner(*step)
            self.plain[key] = settings.refine(self.models[place], progress=inner)
        return self.plain[key]

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


def _several(given: Any, name: str) -> tuple[Any, ...]:
    """One value or a list of them as a tuple."""
    if isinstance(given, (list, tuple, range)):
        return tuple(given)
    if name in ("strengths", "modes") and not isinstance(given, (int, float)):
        raise ConfigError(problem(f"{name} must be a list", got=given))
    return (given,)


def _check_wishes(models: Sequence[FairVeil], space: Space, positive: Any) -> None:
    """Raise for what would be refused or could not be judged, before any training."""
    own, target, parity = space.base.sensitive, space.target, "outcome" in space.modes
    needs = {"positive": positive is not None, "the mode outcome": parity}
    check_columns(models, own, target, space.legitimate, needs)
    if target is not None:
        for each in models:
            check_target(each.schema_[target], positive, parity=parity)
    tried = space.grid()
    for settings in tried:
        settings.check()
    for each in models:
        bundle = each._contents.bundle  # noqa: SLF001  (released things)
        for count in [c for c in space.clusters if c is not None]:
            merged(bundle.teacher.mixture, count)
        for settings in tried if space.shares != KEPT else ():
            redrawing(bundle, settings.wish, bundle.rows)
        loosening_of(bundle, max(tried, key=lambda one: one.proxies).wish)


def _check_reference(found: Reference, space: Space) -> None:
    """Raise where parity, or how people are sorted, cannot be measured."""
    if "outcome" in space.modes and math.isnan(found.figures.parity):
        within = space.legitimate
        where = "no cell of the legitimate columns" if within else "no column"
        raise ConfigError(
            problem(
                f"{where} has two sensitive groups of enough synthetic rows: there is "
                "no gap to measure",
                try_="more rows",
            )
        )
    part = found.sorted(found.figures)
    if space.people and (part is None or math.isnan(part)):
        raise ConfigError(
            problem(
                "clusters of the release without debiasing tell nothing of a sensitive "
                "column: there are no proxies to loosen",
                try_="leaving proxies out, or more rows",
            )
        )


def _need_extra() -> None:
    from fairveil import evaluate  # noqa: PLC0415  (tells what to install)

    del evaluate
