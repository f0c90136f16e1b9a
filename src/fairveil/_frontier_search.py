"""How a frontier looks for settings: the whole grid, a Sobol sequence, or NSGA-II.

Public: settings, and figures that synthetic rows gave them. Promises: the same seed
and the same figures give the same settings; no setting is measured twice.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from fairveil import _check
from fairveil._frontier_settings import DIMENSIONS, Settings, Space, sobol
from fairveil.errors import ConfigError, UnsupportedError, problem

SEARCHES = ("grid", "sobol", "nsga2")
TRIALS = 16  # where nothing else is asked for
_LEAST_FAMILY, _MOST_FAMILY = 4, 20  # settings in a generation

# loss and unfairness and, where people are ranked, how they are sorted: all to be low
Judge = Callable[[Settings], tuple[float, ...]]


def planned(space: Space, search: str, trials: int | None) -> int:
    """How many settings a search will try at most.

    Raises:
        ConfigError: no such search, too few trials, or fewer than the grid has.
        UnsupportedError: NSGA-II without pymoo.
    """
    _check.one_of(SEARCHES, search=search)
    if trials is not None:
        _check.whole(1, trials=trials)
    if search == "grid":
        size = len(space.grid())
        if trials is not None and size > trials:
            raise ConfigError(
                problem(
                    f"the grid has {size} settings, more than trials allow",
                    got=trials,
                    try_="fewer choices, or search='sobol'",
                )
            )
        return size
    found = TRIALS if trials is None else int(trials)
    if search == "nsga2":
        _need_pymoo()
        least = _LEAST_FAMILY * len(space.promises)
        if found < least:
            raise ConfigError(
                problem("NSGA-II needs more trials", got=found, try_=f"{least} or more")
            )
    return found


def explore(space: Space, search: str, trials: int, *, seed: int, judge: Judge) -> None:
    """Try settings of the space; ``judge`` measures and keeps each.

    Args:
        space: what may be tried.
        search: ``grid``, ``sobol`` or ``nsga2``.
        trials: as ``planned`` says.
        seed: of the sequence, and of the evolution.
        judge: called once for each setting that is new.
    """
    if search == "grid":
        for settings in space.grid():
            judge(settings)
    elif search == "sobol":
        for settings in dict.fromkeys(map(space.at, sobol(trials, seed))):
            judge(settings)
    else:
        parts = list(space.promises)
        for place, promise in enumerate(parts):  # figures of two do not compare
            share = trials // len(parts) + (place < trials % len(parts))
            part = space.only(space.promises[promise])
            _evolve(part, promise, share, seed=seed + place, judge=judge)


def _evolve(
    space: Space, promise: str, trials: int, *, seed: int, judge: Judge
) -> None:
    """NSGA-II (Deb et al. 2002) of pymoo, from the points of a Sobol sequence."""
    size = min(max(_LEAST_FAMILY, round(trials**0.5)), _MOST_FAMILY)
    start = sobol(size, seed)
    algorithm = import_module("pymoo.algorithms.moo.nsga2").NSGA2(
        pop_size=size, sampling=start
    )
    task = import_module("pymoo.core.problem").Problem(
        n_var=DIMENSIONS, n_obj=space.objectives(promise), xl=0.0, xu=1.0
    )
    algorithm.setup(task, termination=("n_eval", trials), seed=seed, verbose=False)
    known: dict[Settings, tuple[float, ...]] = {}
    left = trials
    while left > 0:
        asked: Any = algorithm.ask()
        if asked is None or not len(asked):  # nothing new can be bred
            return
        figures = []
        for place in asked.get("X")[:left]:
            settings = space.at(place)
            if settings not in known:
                known[settings] = judge(settings)
            figures.append(known[settings])
        left -= len(figures)
        if len(figures) < len(asked):
            return
        _tell(algorithm, task, asked, np.array(figures))


def _tell(algorithm: Any, task: Any, asked: Any, figures: Any) -> None:
    static = import_module("pymoo.problems.static").StaticProblem(task, F=figures)
    import_module("pymoo.core.evaluator").Evaluator().eval(static, asked)
    algorithm.tell(infills=asked)


def _need_pymoo() -> None:
    if find_spec("pymoo") is None:
        raise UnsupportedError(
            problem(
                "NSGA-II needs the package pymoo, which is not installed",
                try_="pip install 'fairveil[frontier]', or search='sobol'",
            )
        )
