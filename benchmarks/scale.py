"""What a row costs in each pass over the rows: ``python benchmarks/scale.py``.

Bootstraps the embedded Adult table to rising numbers of rows and times, in CPU seconds
of this process, each kind of pass that the private stage makes: encoding, counting the
one-ways and all pairs and triples that a round may ask for, one full gradient pass, one
K-Means pass, one draw of a Poisson sample. The slope between the two largest tables is
what a row more costs; a table of 10^7 or 10^8 rows is planned from it on paper.
``--page docs/scale.md`` puts the figures between the marks in that page.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time
from collections.abc import Callable
from pathlib import Path

import jax
import narwhals as nw
import numpy as np

from fairveil import config
from fairveil.codec import Codec
from fairveil.datasets import load_adult, registry
from fairveil.marginals import cells, histograms
from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.privacy.noise import NoiseSource
from fairveil.private import cluster, fit_vae
from fairveil.private.intake import take_in
from fairveil.private.step import sum_of
from fairveil.private.view import coins

ROWS = (10_000, 100_000, 1_000_000)
PLANNED = (10_000_000, 100_000_000)
BINS = 32
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
Passes = dict[str, float]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--page", type=Path)
    page = options.parse_args().page
    measured = {rows: passes(rows) for rows in ROWS}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    text = report(measured, peak)
    print(text)
    if page is not None:
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def passes(rows: int) -> Passes:
    """CPU seconds of one pass of each kind over so many rows."""
    rng = np.random.default_rng(0)
    table = load_adult()
    table = table.iloc[rng.integers(0, len(table), rows)].reset_index(drop=True)
    view = nw.from_native(table, eager_only=True)
    codec = Codec.on_grid(registry.get("adult").schema(), BINS)
    noise = NoiseSource.secure()
    raw = take_in(view, unit=None, most=1, noise=noise)
    out = {}
    found = []
    out["encoding"] = seconds(lambda: found.append(raw.encoded(codec)))
    codes, sizes = found[0].unwrap(), codec.sizes
    wish, columns = config.Measuring(), range(len(sizes))
    cliques = [
        q
        for ways, most in ((1, 4096), (2, wish.pair_cells), (3, wish.triple_cells))
        for q in itertools.combinations(columns, ways)
        if cells(sizes, q) <= most
    ]
    out[f"counting {len(cliques)} marginals"] = seconds(
        lambda: histograms(codes, sizes, cliques)
    )
    training = config.VaeTraining()
    shape = vae.VaeShape(
        blocks=Blocks(sizes), hidden=training.hidden, latent=training.latent
    )
    layers = vae.init(np.random.default_rng(0), shape)
    centroids = jax.random.normal(jax.random.key(1), (10, training.latent))
    held = (layers, centroids, jax.random.key(2))
    gradient = fit_vae.chunk_gradient(shape, vae.VaeWeights(), 1.0)
    moments = cluster.named_moments(shape, second=True)
    for name, one in (("one gradient step", gradient), ("one K-Means step", moments)):
        whole = lambda part, mask, one=one: one(*held, part, mask)  # noqa: E731  (it is called at once)
        sum_of(codes[:1], whole)  # compile
        out[name] = seconds(lambda whole=whole: sum_of(codes, whole))
    out["one Poisson sample"] = seconds(lambda: coins(noise, rows, 0.05))
    return out


def seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def report(measured: dict[int, Passes], peak: float) -> str:
    """A table of the passes, their slopes, and the plan for more rows."""
    names = list(measured[ROWS[0]])
    least, most = ROWS[-2], ROWS[-1]
    slope = {
        name: (measured[most][name] - measured[least][name]) / (most - least)
        for name in names
    }
    head = [f"{n:,} rows" for n in ROWS]
    lines = [
        "| CPU seconds | " + " | ".join(head) + " | microseconds a row more |",
        "|---|" + "---|" * (len(ROWS) + 1),
    ]
    for name in names:
        cost = " | ".join(f"{measured[n][name]:.2f}" for n in ROWS)
        lines.append(f"| {name} | {cost} | {slope[name] * 1e6:.2f} |")
    lines += [
        "",
        f"Peak memory of this process with the {ROWS[-1]:,}-row frame: {peak:.2f} GB.",
        "",
        "Planned from the slopes for Adult's columns, not measured:",
        "",
        "| rows | part of rows in a gradient step | CPU minutes in passes over rows |",
        "|---|---|---|",
    ]
    for rows in PLANNED:
        rate, total = planned(rows, slope)
        lines.append(f"| {rows:,} | {rate:.4f} | {total / 60:.0f} |")
    return "\n".join(lines)


def planned(rows: int, slope: Passes) -> tuple[float, float]:
    """Sampling rate, and CPU seconds of a fit's passes, for so many rows."""
    training, clustering = config.VaeTraining(), config.Clustering()
    rate = fit_vae.sampling_rate(training, rows)
    lloyd = 2 * training.refreshes + clustering.lloyd_steps + 1
    times = {"one gradient step": training.steps * rate, "one K-Means step": lloyd}
    if rate < 1:
        times["one Poisson sample"] = training.steps
    else:
        times["one Poisson sample"] = 0
    return rate, sum(slope[n] * rows * times.get(n, 1) for n in slope)


if __name__ == "__main__":
    main()
