"""Run MST over mbi's estimation on one job of the benchmark.

Stands alone: it runs in mbi's own environment and imports nothing of fairveil. Takes
the path of ``job.json``; see ``fairveil.bench.jobs`` for the files it reads and writes.

The package mbi 2 ships estimation and no mechanism, so the mechanism is written here
after the paper of MST (McKenna, Miklau, Sheldon 2021, "Winning the NIST contest",
section 4): a third of rho for all single columns, a third to choose a tree of pairs by
the exponential mechanism, a third for the pairs of the tree. Labels whose noisy count
is below three deviations are merged between, and drawn evenly afterwards. Numbers go
into 20 bins of equal width between the public bounds, a lower bound of zero apart.
"""
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import Any

os.environ["JAX_ENABLE_X64"] = "1"  # counts of large tables need it

import networkx as nx
import numpy as np
from mbi import Dataset, Domain, LinearMeasurement, estimation
from scipy.optimize import brentq, minimize_scalar

sys.path.append(str(Path(__file__).parent))
from peer_tables import BINS, PeerJob, codes, from_codes, sizes

SELECT_STEPS, FINAL_STEPS = 1000, 2500
TOLERANCE = 1e-5  # of the loss, over 50 steps


def main(path: str) -> None:
    """Fit, sample and write."""
    job = PeerJob(path)
    np.random.seed(job["seed"])  # noqa: NPY002  (mbi draws from the global generator)
    coded, known = codes(job.texts, job.columns), sizes(job.columns)
    domain = Domain(list(known), list(known.values()))
    data = Dataset({name: coded[name].to_numpy() for name in known}, domain)
    rho = rho_of(job["epsilon"], job["delta"])
    made = mst(data, rho, np.random.default_rng(job["seed"]), job["rows"])
    table = coded.iloc[:0].reindex(range(job["rows"]))
    for name in known:
        table[name] = made[name]
    job.write(from_codes(table, job.columns, np.random.default_rng(job["seed"] + 1)))
    settings = {
        "bins": BINS,
        "select_steps": SELECT_STEPS,
        "final_steps": FINAL_STEPS,
        "tolerance": TOLERANCE,
        "rho": rho,
    }
    notes = ["the mechanism is ours, after the paper; mbi 2 ships none"]
    job.done("mbi", settings, job["epsilon"], notes)


def mst(
    data: Dataset, rho: float, rng: np.random.Generator, rows: int
) -> dict[str, np.ndarray]:
    """The mechanism; returns columns of codes by name."""
    sigma = float(np.sqrt(3 / (2 * rho)))
    singles = measure(data, [(name,) for name in data.domain], sigma, rng)
    total = estimation.minimum_variance_unbiased_total(singles)
    mapping = merged(singles)
    small = data.compress(mapping)
    singles = [each.compress(mapping, data.domain) for each in singles]
    chosen = tree(small, singles, total, rho / 3, rng)
    pairs = measure(small, chosen, sigma, rng)
    model = estimation.MirrorDescent().estimate(
        small.domain, singles + pairs, total, iters=FINAL_STEPS, tol=TOLERANCE
    )
    made = model.synthetic_data(rows=rows)
    codes_only = Dataset(made.to_dict(), small.domain)
    return codes_only.decompress(mapping).to_dict()


def measure(
    data: Dataset,
    cliques: list[tuple[str, ...]],
    sigma: float,
    rng: np.random.Generator,
) -> list[LinearMeasurement]:
    """Noisy marginals that together cost what one of deviation sigma costs."""
    deviation = sigma * float(np.sqrt(len(cliques)))
    out = []
    for clique in cliques:
        counts = np.asarray(data.project(clique).datavector())
        noisy = counts + rng.normal(0.0, deviation, counts.size)
        out.append(LinearMeasurement(noisy, clique, stddev=deviation))
    return out


def merged(singles: list[LinearMeasurement]) -> dict[str, np.ndarray]:
    """For each column with rare labels: their common code, after the frequent ones."""
    out = {}
    for each in singles:
        (name,) = each.clique
        often = np.asarray(each.noisy_measurement) >= 3 * each.stddev
        if np.count_nonzero(~often) > 1:
            place = np.cumsum(often) - 1
            out[name] = np.where(often, place, np.count_nonzero(often)).astype(int)
    return out


def tree(
    data: Dataset,
    singles: list[LinearMeasurement],
    total: float,
    rho: float,
    rng: np.random.Generator,
) -> list[tuple[str, ...]]:
    """A spanning tree of pairs that independence fits badly, privately chosen."""
    model = estimation.MirrorDescent().estimate(
        data.domain, singles, total, iters=SELECT_STEPS, tol=TOLERANCE
    )
    names = list(data.domain)
    error = {}
    for pair in itertools.combinations(names, 2):
        guess = np.asarray(model.project(pair).datavector())
        error[pair] = np.abs(np.asarray(data.project(pair).datavector()) - guess).sum()
    chosen = nx.Graph()
    chosen.add_nodes_from(names)
    if len(names) == 1:
        return []
    epsilon = np.sqrt(8 * rho / (len(names) - 1))
    for _ in range(len(names) - 1):
        part = {
            name: number
            for number, group in enumerate(nx.connected_components(chosen))
            for name in group
        }
        open_pairs = [pair for pair in error if part[pair[0]] != part[pair[1]]]
        scores = 0.5 * epsilon * np.array([error[pair] for pair in open_pairs])
        chance = np.exp(scores - scores.max())
        picked = rng.choice(len(open_pairs), p=chance / chance.sum())
        chosen.add_edge(*open_pairs[picked])
    return [tuple(sorted(edge, key=names.index)) for edge in chosen.edges]


def rho_of(epsilon: float, delta: float) -> float:
    """Largest rho of zCDP that is surely (epsilon, delta)-DP.

    Canonne, Kamath, Steinke 2020, "The discrete Gaussian", proposition 12.
    """

    def log_delta(log_rho: float) -> float:
        rho = np.exp(log_rho)

        def bound(log_order: float) -> float:
            order = 1 + np.exp(log_order)
            return (
                (order - 1) * (order * rho - epsilon)
                - np.log(order - 1)
                + order * np.log1p(-1 / order)
            )

        return minimize_scalar(bound, bounds=(-5, 10), method="bounded").fun

    root: Any = brentq(
        lambda r: log_delta(r) - np.log(delta), np.log(1e-8), np.log(1e3)
    )
    return float(np.exp(root - 1e-9))


if __name__ == "__main__":
    main(sys.argv[1])
