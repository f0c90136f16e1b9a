"""What a DP step costs beside a plain one: ``python benchmarks/step.py``.

Times, in turn within one process, full passes over Adult-sized codes: the clipped,
summed and noised gradient of ``private/step.py``, the plain gradient sum of the same
loss over the same chunks, and the textbook way of clipping (the gradient of each row by
``jax.vmap``). Prints the median ratios over the rounds and their ranges. With
``--opacus PYTHON``, an interpreter with torch and opacus does the same with the same
network (``benchmarks/step_opacus.py``), and ``--page`` writes docs/dp-step.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import zero_taps
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private.fit_vae import chunk_gradient
from fairveil.private.step import CHUNK, noisy_sum, row_normals
from fairveil.private.view import Border, Sensitive

SIZES = (24, 9, 16, 14, 7, 15, 6, 5, 2, 14, 9, 28, 42, 2)
ROWS, PAIRS = 22_792, 15
SHAPE = vae.VaeShape(blocks=Blocks(SIZES))
PAGE = """# What a DP step costs

Made by `make step OPACUS=python`; not typed by hand. fairveil {version} on jax {jax}, Opacus
{opacus} on torch {torch}, {threads} threads each; the load of the machine when it began was
{load:.1f}.

One step is a pass over {rows:,} rows of Adult's shape in chunks of {chunk:,}: the gradient of
each row of the cluster VAE ({width} one-hot inputs, {hidden} hidden units, {latent} latents) is
clipped, all are summed, and noise is added once. *Plain* is the sum of the same gradients
without clipping or noise, in the same library. Median of {pairs} rounds, with the least and
the largest in brackets.

| library | how rows are clipped | times its own plain step | milliseconds a step |
|---|---|---|---|
{table}

fairveil gets the norms of a row from the inputs and errors of each linear layer, and the
clipped sum from one more product (`nn.layers.ghost_clip`): one backward pass, and nothing of
the size of a gradient for any row. Opacus' ghost clipping takes a second backward pass; its
hooks and `jax.vmap` hold the gradient of every row of a chunk.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opacus", help="a Python that has torch and opacus")
    parser.add_argument("--page", type=Path)
    wish = parser.parse_args()
    load, times = os.getloadavg()[0], rounds()
    show(times)
    if wish.opacus and wish.page:
        text = page(times, peer(wish.opacus), load)
        wish.page.write_text(text, encoding="utf-8")
        print(text)


def show(times: dict[str, list[float]]) -> None:
    """Print milliseconds and ratios; a ratio that is no number ends the program."""
    for name, seconds in times.items():
        print(f"{name:10s} {median(seconds) * 1e3:8.1f} ms")
    for name in ("DP step", "vmap step"):
        middle, low, high = ratio(times, name)
        print(f"{name} / plain step {middle:6.2f} ({low:.2f} to {high:.2f})")
        if not math.isfinite(middle):
            raise SystemExit(1)


def peer(python: str) -> dict[str, Any]:
    """What ``benchmarks/step_opacus.py`` prints under another interpreter."""
    facts = {
        "sizes": SIZES,
        "rows": ROWS,
        "chunk": CHUNK,
        "hidden": SHAPE.hidden[0],
        "latent": SHAPE.latent,
        "rounds": PAIRS,
        "threads": threads(),
    }
    script = Path(__file__).with_name("step_opacus.py")
    told = subprocess.run(
        [python, str(script), json.dumps(facts)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(told.stdout)


def threads() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def page(times: dict[str, list[float]], other: dict[str, Any], load: float) -> str:
    """The page, from the seconds of both libraries."""
    lines = [
        ("fairveil", "bound by hand", times, "DP step", "plain step"),
        ("JAX", "`jax.vmap`", times, "vmap step", "plain step"),
        ("Opacus", "ghost clipping", other["seconds"], "ghost", "plain"),
        ("Opacus", "hooks", other["seconds"], "hooks", "plain"),
    ]
    table = [
        "| {} | {} | {:.2f} ({:.2f} to {:.2f}) | {:.0f} |".format(
            library, how, *ratio(found, name, to), 1e3 * median(found[name])
        )
        for library, how, found, name, to in lines
    ]
    table += [
        f"| {library} | none: the plain step | 1 | {1e3 * median(found[name]):.0f} |"
        for library, found, name in (
            ("JAX", times, "plain step"),
            ("torch", other["seconds"], "plain"),
        )
    ]
    return PAGE.format(
        version=metadata.version("fairveil"),
        jax=metadata.version("jax"),
        opacus=other["opacus"],
        torch=other["torch"],
        threads=threads(),
        load=load,
        rows=ROWS,
        chunk=CHUNK,
        width=SHAPE.blocks.width,
        hidden=SHAPE.hidden[0],
        latent=SHAPE.latent,
        pairs=PAIRS,
        table="\n".join(table),
    )


def ratio(
    times: dict[str, list[float]], name: str, to: str = "plain step"
) -> tuple[float, float, float]:
    """Median, least and largest ratio to the plain step of the same round."""
    pairs = zip(times[name], times[to], strict=True)
    found = [a / b for a, b in pairs]
    return median(found), min(found), max(found)


def rounds() -> dict[str, list[float]]:
    """Seconds of each kind of step, one after the other in every round."""
    kinds = steps()
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(PAIRS):
        for name, run in kinds.items():
            started = time.perf_counter()
            run()
            found[name].append(time.perf_counter() - started)
    return found


def steps() -> dict[str, Callable[[], object]]:
    """One step of each kind, compiled: a pass over the rows, and what it gives."""
    shape = SHAPE
    layers = vae.init(np.random.default_rng(0), shape)
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, s, ROWS) for s in SIZES], axis=1)
    rows = Sensitive(codes.astype(np.int32), sizes=SIZES)
    border = Border(rows, Ledger(epsilon=1.0, delta=1e-5), NoiseSource.secure())
    weights = vae.VaeWeights()
    centroids, key = jnp.zeros((8, shape.latent)), jax.random.key(1)
    kinds = {
        "DP step": (chunk_gradient(shape, weights, 1.0), 90.0),
        "plain step": (plain_gradient(shape, weights), 0.0),
        "vmap step": (vmap_gradient(shape, weights, 1.0), 90.0),
    }
    out: dict[str, Callable[[], object]] = {}
    for name, (gradient, stddev) in kinds.items():
        whole = partial(gradient, layers, centroids, key)
        out[name] = partial(noisy_sum, border, whole, noise_stddev=stddev)
        out[name]()  # compile
    return out


def plain_gradient(shape: vae.VaeShape, weights: vae.VaeWeights):  # noqa: ANN201  (of JAX)
    """Sum of gradients of the same loss, by ordinary differentiation."""

    @jax.jit
    def gradient(layers, centroids, key, codes, mask):  # noqa: ANN001, ANN202  (of JAX)
        rows = shape.blocks.one_hot(codes)
        noise = row_normals(key, codes, shape.latent)

        def total(p):  # noqa: ANN001, ANN202  (of JAX)
            losses, _inputs = vae.tapped_loss(
                p,
                zero_taps(p, codes.shape[0]),
                rows,
                noise,
                shape=shape,
                weights=weights,
                centroids=centroids,
            )
            return (losses * mask).sum()

        return jax.grad(total)(layers)

    return gradient


def vmap_gradient(shape: vae.VaeShape, weights: vae.VaeWeights, clip: float):  # noqa: ANN201  (of JAX)
    """Clipped sum by the gradient of each row, all of them in memory at once."""

    @jax.jit
    def gradient(layers, centroids, key, codes, mask):  # noqa: ANN001, ANN202  (of JAX)
        rows = shape.blocks.one_hot(codes)
        noise = row_normals(key, codes, shape.latent)

        def single(p, row, normal):  # noqa: ANN001, ANN202  (of JAX)
            losses, _inputs = vae.tapped_loss(
                p,
                zero_taps(p, 1),
                row[None],
                normal[None],
                shape=shape,
                weights=weights,
                centroids=centroids,
            )
            return losses.sum()

        every = jax.vmap(jax.grad(single), in_axes=(None, 0, 0))(layers, rows, noise)
        squares = [
            (g.reshape(len(g), -1) ** 2).sum(axis=1) for g in jax.tree.leaves(every)
        ]
        norms = jnp.sqrt(sum(squares))
        scale = jnp.minimum(1.0, clip / jnp.maximum(norms, 1e-12)) * mask
        return jax.tree.map(lambda g: jnp.tensordot(scale, g, axes=1), every)

    return gradient


if __name__ == "__main__":
    main()
