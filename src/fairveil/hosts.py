"""One fit over several processes, each of which holds a part of the rows.

Every process runs the same program. Process 0 leads: it alone has the settings that
count, the ledger and the noise, and it alone gets the model. The others answer its
questions with sums over their own rows; noise is added to the sum of all, once, so the
release has the distribution that a fit of all rows in one process has.

Secret: the sums before noise, which pass between the processes unencrypted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairveil import _check
from fairveil._shield import guarded
from fairveil.errors import ConfigError, UnsupportedError, problem
from fairveil.private import lend as lending, link as linking
from fairveil.synthesizer import FairVeil
from fairveil.tables.entry import open_table
from fairveil.tables.frames import read_by

Progress = Callable[[str, int, int], None]


def join(address: str, *, processes: int, index: int) -> None:
    """Join this process to the others, before anything else uses JAX.

    Where JAX is joined already (``jax.distributed.initialize``), leave this out.

    Args:
        address: ``host:port`` at which all processes reach process 0.
        processes: how many there are, at least 2.
        index: number of this one, from 0 on.

    Raises:
        ConfigError: an index that is not below the number of processes.
    """
    _check.whole(2, processes=processes)
    _check.whole(0, index=index)
    _check.in_range(0, processes - 1, index=index)
    linking.join(address, processes=processes, index=index)


@guarded
def fit(
    model: FairVeil,
    part: Any,
    *,
    progress: Progress = lambda _stage, _done, _all: None,
) -> FairVeil | None:
    """Fit on the rows of all processes together; every process calls this.

    Args:
        model: settings; those of process 0 count. It needs a schema with public facts.
        part: rows of this process, in any form that ``FairVeil.fit`` takes, a function
            that reads them included. No row may be in two processes.
        progress: called on process 0 with (stage, steps done, steps).

    Returns:
        The fitted model on process 0, None on the others.

    Raises:
        UnsupportedError: a unit column, or facts that would have to be discovered.
        HostError: another process failed or is gone; what was spent stays spent.
        FairveilError: what ``FairVeil.fit`` raises, on process 0.
    """
    link = linking.Link()
    if link.leads:
        with link.leading():
            _check_wishes(model)
            return model.fit(part, progress=progress, link=link)
    try:
        table = open_table(read_by(part) if callable(part) else part)
    except BaseException:
        link.fail()
        raise
    lending.lend(table, link)
    return None


def _check_wishes(model: FairVeil) -> None:
    """Refuse what only one look at all rows together could give."""
    if model.unit is not None:
        raise UnsupportedError(
            problem(
                "rows of one unit could lie in two processes, where nobody counts them",
                got=f"unit={model.unit!r}",
                try_="one process, or a table with one row for each unit",
            )
        )
    if model.schema is None or model.discover:
        raise UnsupportedError(
            problem(
                "facts of columns are not found over several processes",
                try_="a schema with public facts of every column",
            )
        )
    if model.max_rows_per_unit != 1:
        raise ConfigError(problem("max_rows_per_unit is of a unit column"))
