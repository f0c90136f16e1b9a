"""Progress on the command line: the stage, the time left, and epsilon spent so far.

Public: names of stages, steps done and the price of mechanisms. The time left is made
of the time that has passed, which grows with the number of rows: it is drawn on a
terminal only, where nothing keeps it. Lines of text, which land in logs, tell no time.

A program that runs the command line for somebody (``studio``) names the descriptor of a
pipe in the environment, ``FAIRVEIL_PROGRESS``, and reads there what the bar would show.
A line that finds the pipe full is dropped: no fit waits for its reader. When nobody
reads any longer, a command that has spent nothing is interrupted as by Ctrl-C; a fit
that has goes on, for what is spent is spent.
"""

from __future__ import annotations

import json
import logging
import math
import os
import select
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from fairveil import _log

FIRST_GUESS = 0.03  # of the work done, before a time left is worth showing
PIPE = "FAIRVEIL_PROGRESS"  # names the descriptor that a program listens at
_STEP = 0.002  # of the work, below which nothing new is told there


class _TimeLeft(ProgressColumn):
    """Time left if the rest goes as fast as what is done."""

    def render(self, task: Task) -> Text:
        done, elapsed = task.completed / (task.total or 1), task.elapsed or 0.0
        if done < FIRST_GUESS:
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


class _Listener:
    """Whoever runs the command line for somebody, at the other end of a pipe."""

    def __init__(self) -> None:
        named = os.environ.get(PIPE, "")
        self._pipe = int(named) if named.isdecimal() else None
        self._told: tuple[str, float] = ("", -1.0)

    def tell(self, stage: str, part: float, spent: str) -> None:
        """One line: the stage, the part of the work that is done, epsilon so far.

        Raises:
            KeyboardInterrupt: nobody listens any longer, and nothing was spent.
        """
        before, last = self._told
        if self._pipe is None or (stage == before and part - last < _STEP):
            return
        if _is_full(self._pipe):
            return  # a line is lost rather than that a fit waits
        self._told = (stage, part)
        line = json.dumps({"stage": stage, "part": round(part, 4), "spent": spent})
        try:
            os.write(self._pipe, f"{line}\n".encode("ascii"))
        except OSError:
            self._pipe = None
            if not spent:
                raise KeyboardInterrupt from None


def _is_full(pipe: int) -> bool:
    """Whether a write would wait for the reader; False where nobody can tell.

    A line is shorter than what a pipe takes as one piece (``PIPE_BUF``), so a pipe with
    room takes it whole. The descriptor stays as it is: others may share it.
    """
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(pipe, select.POLLOUT)
    return not poll.poll(0)  # an end that is gone counts as ready: the write tells


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
        self._done = 0.0
        self._listener = _Listener()
        self._listening = _log.listening(_Spent(self))
        self.spent: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        self._listening.__enter__()
        self._progress.start()
        if self._console.is_terminal:  # elsewhere an early error stays one line
            self._show(self._names[0])
        self._listener.tell(self._names[0], 0.0, "")
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
        self._done = (before + spent) / sum(self._weights.values())
        # the silence after a last step belongs to the next stage
        over = done >= total and place + 1 < len(self._names)
        shown = self._names[place + 1] if over else stage
        self._show(shown)
        self._listener.tell(shown, self._done, self._paid())

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
