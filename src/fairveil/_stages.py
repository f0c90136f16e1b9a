"""Progress on the command line: the stage, the time left, and epsilon spent so far.

Public: names of stages, steps done and the price of mechanisms. The time left is made
of the time that has passed, which grows with the number of rows: it is drawn on a
terminal only, where nothing keeps it. Lines of text, which land in logs, tell no time.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from fairveil import _log

_FIRST_GUESS = 0.03  # of the work done, before a time left is worth showing


class _TimeLeft(ProgressColumn):
    """Time left if the rest goes as fast as what is done."""

    def render(self, task: Task) -> Text:
        done, elapsed = task.completed / (task.total or 1), task.elapsed or 0.0
        if done < _FIRST_GUESS:
            return Text("estimating")
        return Text(f"{duration(elapsed * (1 - done) / done)} left")


class _Spent(logging.Handler):
    """Hears from the log (``_log``) what a fit has spent, and where it stands."""

    def __init__(self, stages: Stages) -> None:
        super().__init__(logging.INFO)
        self._stages = stages

    def emit(self, record: logging.LogRecord) -> None:
        facts = _log.facts_of(record)
        if "rho_spent" in facts:
            self._stages.spent = facts
        elif record.msg == "budget closed":
            self._stages.closed()


class Stages:
    """A progress bar over stages of different length, on standard error.

    Shows the stage, the time left, and during a fit epsilon of what it has spent so
    far. Away from a terminal each stage is one line of text.

    Args:
        weights: expected seconds by name of the stage, in order; only their ratios
            count.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._names = list(weights)
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[spent]}", markup=False),
            _TimeLeft(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("", total=sum(weights.values()), spent="")
        self._shown = ""
        self._listening = _log.listening(_Spent(self))
        self.spent: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        self._listening.__enter__()
        self._progress.start()
        if self._console.is_terminal:  # elsewhere an early error stays one line
            self._show(self._names[0])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        self._listening.__exit__()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell that ``done`` of ``total`` steps of a stage are done."""
        place = self._names.index(stage)
        before = sum(self._weights[name] for name in self._names[:place])
        spent = self._weights[stage] * done / max(total, 1)
        self._progress.update(self._task, completed=before + spent, spent=self._paid())
        # the silence after a last step belongs to the next stage
        over = done >= total and place + 1 < len(self._names)
        self._show(self._names[place + 1] if over else stage)

    def closed(self) -> None:
        """Tell that a fit has spent its budget: what comes next sees no row."""
        self._show(self._names[-1])

    def _show(self, stage: str) -> None:
        if stage == self._shown:
            return
        self._shown = stage
        self._progress.update(self._task, description=stage)
        if self._console.is_terminal:
            return
        paid = self._paid()
        told = f"{stage}; {paid}" if paid else stage
        self._console.print(f"... {told}", markup=False, soft_wrap=True)

    def _paid(self) -> str:
        """Epsilon of what was spent so far, rounded up; nothing outside of fits."""
        if not self.spent:
            return ""
        from fairveil.privacy import gdp, zcdp  # noqa: PLC0415  (only fits need it)

        target = self.spent["epsilon"]
        if math.isinf(target):
            return "NOT PRIVATE"
        now = gdp.rho_to_epsilon(self.spent["rho_spent"], self.spent["delta"])
        return f"epsilon {zcdp.round_up(min(now, target), 3):g} of {target:g}"


def duration(seconds: float) -> str:
    """Minutes and seconds, as in ``2 min 05 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
