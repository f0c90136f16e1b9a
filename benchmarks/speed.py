"""What a fit and a release of Adult cost: ``make speed`` writes docs/speed.md.

One process fits the embedded Adult table (all of its training part) and samples;
CPU seconds include compilation, since a user waits for it. Steps are timed by
``benchmarks/step.py``, the start of the command line in processes of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import median

from step import PAIRS, ratio, rounds

from fairveil import FairVeil, __version__
from fairveil.datasets import get
from fairveil.evaluate import split

MANY = 200_000  # rows of a large sample
STARTS = 5
PAGE = """# Speed

Made by `make speed` with fairveil {version} and jax {jax} on {cores} cores; not typed by
hand. The load of the machine when it began was {load:.1f}: above 1 other programs took part
of the cores, and wall seconds are longer than they need be.

Adult as embedded, the training part of a 70/30 split ({rows:,} rows, 14 columns), epsilon 1,
no schema but the embedded code book, `fairness=None`, one fit:

| what | CPU seconds | wall seconds |
|---|---|---|
{table}

Peak memory of the process: {peak:,.0f} MB. CPU seconds include compilation.

| rows a second, of a sample of {many:,} rows after the first call | by CPU time | by wall time |
|---|---|---|
| codes | {codes_cpu:,.0f} | {codes_wall:,.0f} |
| the frame | {frame_cpu:,.0f} | {frame_wall:,.0f} |

- `fairveil --help` starts in {start:.2f} s (median of {starts}; JAX, pandas and
  scikit-learn are not loaded).
- A DP step (clipped by hand-bound norms, summed, noised) takes {dp} times a plain step of
  the same loss; the gradient of each row by `jax.vmap`, clipped and summed, takes {vmap}
  times. Median of {pairs} rounds, with the least and the largest in brackets.

## Where the seconds of a fit go

Stages as progress reports them, by the CPU seconds between their first sign of progress and
that of the next stage:

| stage | CPU seconds |
|---|---|
{stages}

`fairveil plan` forecasts these for other tables without touching a row, from the constants in
`fairveil.planning`; it was checked on Adult alone.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=Path("docs/speed.md"))
    wish = parser.parse_args()
    load = os.getloadavg()[0]
    facts = {"load": load, **fitted()}
    times = rounds()
    for key, name in (("dp", "DP step"), ("vmap", "vmap step")):
        middle, low, high = ratio(times, name)
        facts[key] = f"{middle:.2f} ({low:.2f} to {high:.2f})"
    text = PAGE.format(
        version=__version__,
        jax=metadata.version("jax"),
        cores=os.cpu_count(),
        many=MANY,
        start=median(start() for _ in range(STARTS)),
        starts=STARTS,
        pairs=PAIRS,
        **facts,
    )
    wish.page.write_text(text, encoding="utf-8")
    print(text)


def fitted() -> dict[str, object]:
    """Costs of a fit, of its first sample and of a large one."""
    known = get("adult")
    train, _ = split(known.load(), test=0.3, seed=0)
    model = FairVeil(epsilon=1.0, fairness=None, schema=known.schema(), random_state=0)
    stages: dict[str, float] = {}

    def progress(stage: str, _done: int, _total: int) -> None:
        stages.setdefault(stage, time.process_time())

    fit = timed(lambda: model.fit(train, progress=progress))
    ended = time.process_time()
    first = timed(lambda: model.sample(len(train), random_state=0))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    again = timed(lambda: model.sample(len(train), random_state=1))
    frame = timed(lambda: model.sample(MANY, random_state=2))
    sampler = model._fitted().sampler  # noqa: SLF001  (codes have no public call)
    from fairveil.seeds import Seeds  # noqa: PLC0415  (as above)

    codes = timed(lambda: sampler.codes(MANY, Seeds.of(3)))
    lines = {
        "fit": fit,
        f"first sample of {len(train):,} rows": first,
        "fit and first sample (goal: 60 CPU seconds)": (
            fit[0] + first[0],
            fit[1] + first[1],
        ),
        f"another sample of {len(train):,} rows": again,
    }
    return {
        "rows": len(train),
        "table": "\n".join(
            f"| {name} | {cpu:.1f} | {wall:.1f} |"
            for name, (cpu, wall) in lines.items()
        ),
        "peak": peak,
        "codes_cpu": MANY / codes[0],
        "codes_wall": MANY / codes[1],
        "frame_cpu": MANY / frame[0],
        "frame_wall": MANY / frame[1],
        "stages": told(stages, ended),
    }


def told(stages: dict[str, float], ended: float) -> str:
    ends = [*list(stages.values())[1:], ended]
    return "\n".join(
        f"| {name} | {end - began:.1f} |"
        for (name, began), end in zip(stages.items(), ends, strict=True)
    )


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


def start() -> float:
    """Wall seconds of ``fairveil --help`` in a process of its own."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "fairveil", "--help"], check=True, capture_output=True
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
