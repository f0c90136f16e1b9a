"""The page that sets the paper beside fairveil, from files of results alone.

NOT PRIVATE: figures of public tables. Promises: no measured figure is typed by hand;
a run that is missing or did not end well is shown as such, like an undefined figure.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fairveil import _files
from fairveil.bench.results import Row, interval, read
from fairveil.bench.tables import table
from fairveil.config import preset
from fairveil.errors import ConfigError

TABLES = ("heart_failure", "obesity", "appendicitis", "diabetes_brfss", "hiv_actg175")
PAPER, CRITIC, PLAIN = "fairveil-paper", "fairveil-independence", "fairveil"
REDRAW = "fairveil-redraw"
_ABLATED = (PLAIN, CRITIC, REDRAW)
_OURS = (PAPER, CRITIC, PLAIN, REDRAW)
_ENDS = ("real", "independent")
_NOTHING = "—"
_TINY, _SMALL = 1e-9, 0.01  # what rounding leaves of zero; shown by digits


class Metric(NamedTuple):
    """One figure: its name in the rows, which way is better, what it is."""

    name: str
    better: str
    line: str


def _metrics(lines: str) -> tuple[Metric, ...]:
    return tuple(Metric(*line.split(" | ")) for line in lines.strip().splitlines())


_WHOLE = _metrics("""
mmd | smaller | squared maximum mean discrepancy of whole rows, gamma .5
mmd_median | smaller | ours: the same, as wide as real rows lie apart
wasserstein | smaller | area between distribution functions, mean over columns
wasserstein_mixed | smaller | ours: the same, cost 1 between any two categories
ks_p | larger | p-value of the two-sample test, mean over columns
ks | smaller | beside it: largest difference of distribution functions, mean
dwp | smaller | dimension-wise probability: difference of shares of cells, mean
dwp_corr | larger | the same: correlation of those shares
silhouette | near `real` | of ten K-Means clusters; larger is better separated
davies_bouldin | near `real` | of these clusters; smaller is better separated
""")
_GROUPED = _metrics("""
cluster_parity | smaller | largest range over groups of P(cluster given group)
cluster_parity_null | chance | ours: what chance alone makes of it
cluster_mi | smaller | mutual information of cluster and sensitive column, in nats
cluster_mi_null | chance | ours: what chance alone makes of it
""")
_PROBE, *_COSTS = _metrics("""
probe | near .5 | AUROC of a fresh model for column c, from all others
mmd | smaller | as above
tvd2 | smaller | total variation, mean over pairs of columns
auroc_gbm | larger | AUROC on real rows of a model that learnt on the release
""")
_KINDS = (_GROUPED[0], _GROUPED[2], _PROBE)

_HEAD = """# The paper and fairveil

Made by `python -m fairveil.bench.reproduction` from `benchmarks/results/*.jsonl`; no
measured figure is typed by hand. The paper is Adouani and Chelly Dagdia, ECML PKDD 2025
([doi](https://doi.org/10.1007/978-3-032-05962-8_12)): the source of the next section.

## What the paper sets out

A clustering VAE under zero-concentrated differential privacy, K-Means in its latent
space, a WGAN-GP guided by latents and clusters, and a critic that is to remove what
clusters tell of sensitive columns; no label is needed. Six tables: HIV (Health Gym),
Corporate Stress, Obesity, Heart Failure, Regensburg Pediatric Appendicitis, Diabetes
Health Indicators. Likeness: MMD (RBF kernel, gamma .5), mean Wasserstein distance and
mean Kolmogorov-Smirnov p-value of columns, dimension-wise probability. Fairness and
structure, on K-Means clusters made without the sensitive columns: parity ("Evenly
Spread" under .05, "Balanced" under .15), mutual information, silhouette,
Davies-Bouldin. One ablation: no fairness critic.

Below are its settings for its first table. `fairveil-paper` takes sizes and weights,
not the schedule: noise has to be paid for, so all rows take part in few steps (or are
sampled, where a table is tall). The squared error became a cross-entropy for each
column; marginals and calibration, which the paper has not, are off.

"""
_FAULTS = """## What does not hold, and where fairveil corrects it

Known of the paper and of what was released with it; *here* is fairveil:

- Epsilons in its released files' names run from 4.5 to 208, by a formula that proves
  nothing. *Here* each use of rows is a priced event (`privacy/ledger.py`).
- It names its metrics without saying how columns are coded for MMD. *Here* that is
  told, and parity stands beside its chance level ([metrics.md](metrics.md)).

What goes wrong in code that claims these parts (this page does not say which of it the
paper's own code has):

- Mini-batches priced as if sampling made zCDP cheaper. *Here* steps see all rows, or
  are priced by their loss distribution (`private/fit_vae.py`, `privacy/poisson.py`).
- A GAN that looks at real rows, or their reconstructions, behind the private VAE.
  *Here* its real side is drawn from released parameters (`post/teacher.py`).
- A fairness critic of hard cluster ids, which pass no gradient. *Here* it sees the row
  and soft assignments (`nn/fair.py`).
- The batch's gradient is clipped, not each row's: `private/step.py` clips, sums and
  adds noise in one function.
- "rho = T q^2 / (2 sigma^2)": zCDP has no such gain; no rate is in `privacy/zcdp.py`.
- Noise scaled from the epsilon that comes out: `privacy/zcdp.py` goes from budget to
  noise. Batch normalisation, or a critic ending in a sigmoid: neither is in `nn/`.
- K-Means on latents of real rows (a private encoder makes neither labels nor centroids
  private): `private/cluster.py` releases noisy counts, sums and moments.
- Real sensitive values paired with generated rows by position: the target in
  `nn/fair.py` is the value that guided the row. A sign that helps the fairness critic:
  in `post/fit_gan.py` what it knows adds to the generator's loss.
"""
_SAID = """## What can be said, and what cannot

These figures compare, on the same rows, code book and budget, the paper's sizes under
an epsilon that is proved with what fairveil reaches. They do not say:

- **that the paper's own figures hold or not.** None is shown and its code was not run;
  its splits, codes, sensitive columns and editions of tables may differ from ours.
- **what each addition of ours is worth.** `fairveil-paper` has many other settings at
  once. Nor does `fairveil-independence` differ from `fairveil` by the critic alone: it
  also fixes the sensitive values first and permutes them in the WGAN's real side.
- **that good columns are a good table.** `independent`, each column shuffled, is
  perfect by every distance of single columns: `wasserstein`, `ks`, `ks_p`, `dwp`. Only
  MMD sees whole rows. A shuffle has no mutual information either, but for chance.
- **that a critic was needed.** `fairveil-redraw` is independent by construction.
- **that a figure above 0 is unfair.** Chance lifts parity and mutual information, most
  where rows are few: compare with the null.
- **that hidden means gone.** A column may be readable though no cluster shows it. The
  probe is stronger, and no proof either.
- **what happens to real people.** All fairness figures here are of released rows; among
  real people other columns remain proxies.
- **that p-values compare tables.** For one difference they fall as rows grow; a mean of
  them is none. `mmd` is biased upwards by some 2 over the rows used.
- **that tighter clusters are better data.** Lost modes tighten them, too. And `real` is
  a copy of the training rows: unseen real rows would not be at distance 0.
- **anything about privacy.** No figure measures it; `epsilon_spent` is proved.
"""
_METHODS = f"""## Figures

A cell is the mean over seeds, with the half width of its 95 % interval where there are
at least two: the noise of fits, not of the choice of rows. For each sensitive column c,
names end in `_c`. Formulas and limits are in [metrics.md](metrics.md).

- `{PAPER}`: the paper's sizes under honest accounting. `{CRITIC}`: fairveil's own
  debiasing. `{PLAIN}`: fairveil without it.
- `{REDRAW}`: the trivial baseline, sensitive columns drawn apart from the rest.
- `real`, `independent`: not private: the training rows, and each column shuffled.

"""


def write(rows: Sequence[Row], output: Path) -> None:
    """Write the page.

    Args:
        rows: as ``results.read`` gives them; those of other tables are passed over.
        output: the Markdown file.
    """
    known = (*_OURS, *_ENDS)
    mine = [r for r in rows if r["table"] in TABLES and r["method"] in known]
    budgets = sorted({float(r["epsilon"]) for r in mine if r["method"] in _OURS})
    parts = [_HEAD + _settings(), _FAULTS, _tables(), _names()]
    parts += [_section(mine, name, e) for name in TABLES for e in budgets]
    if not budgets:
        parts.append("No run of fairveil on these tables is among the results.\n")
    parts += [_ablation(mine, budgets), _SAID, _versions(mine)]
    _files.write_whole(output, "\n".join(parts).encode())


def _settings() -> str:
    """The paper's settings beside those of the preset, read from the preset."""
    ours = preset("paper")
    vae, gan = ours.vae, ours.gan
    facts = (
        ("latent; clusters K", "20; 15", f"{vae.latent}; {ours.clustering.clusters}"),
        ("encoder", "512-256", _widths(vae.hidden)),
        ("batch", "86", f"all, sampled above {vae.most_row_steps:.0e} row-steps"),
        ("VAE", "20 epochs at 1e-4", f"{vae.steps} steps at {vae.learning_rate}"),
        ("centroids refitted", "every 10 epochs", f"{vae.refreshes} time"),
        ("clip", ".5", vae.l2_clip_norm),
        ("weights: KL; centroid", ".5; .01", f"{vae.kl}; {vae.cluster}"),
        ("WGAN", "15 epochs", f"{gan.steps} generator steps"),
        ("generator", "128-256-128", f"the decoder, {gan.extra} units more a layer"),
        ("critic; penalty", "256-128; 10", f"{_widths(gan.critic)}; {gan.penalty:g}"),
        ("fairness critic", "128-64", _widths(gan.fair_critic)),
        ("fairness weight", ".1", gan.fairness),
    )
    return _grid(("setting", "the paper", "`fairveil-paper`"), facts)


def _widths(sizes: Sequence[int]) -> str:
    return "-".join(map(str, sizes))


def _tables() -> str:
    head = ("table", "source", "target", "sensitive", "columns dropped, if any")
    lines = [
        (t.name, t.source, t.target, ", ".join(t.sensitive), ", ".join(t.dropped))
        for t in map(table, TABLES)
    ]
    return (
        "## Which of its tables are here\n\nFour of six. `hiv_actg175`, a trial, stands"
        " in place of the paper's HIV table and is another one; Corporate Stress is not"
        " at hand. Which columns are sensitive and which are dropped is our choice.\n\n"
        + _grid(head, lines)
    )


def _names() -> str:
    told = [(f"`{m.name}`", m.better, m.line) for m in _WHOLE]
    told += [(f"`{m.name}_c`", m.better, m.line) for m in _GROUPED]
    return _METHODS + _grid(("figure", "better", "what it is"), told)


def _section(rows: Sequence[Row], name: str, epsilon: float) -> str:
    title = f"### {name}, {_budget(epsilon)}\n\n"
    of = {m: _runs(rows, name, m, epsilon) for m in (*_OURS, *_ENDS)}
    if not any(of[m] for m in _OURS):
        return f"{title}Not run.\n"
    seeds = {row["seed"] for found in of.values() for row in found}
    metrics = (*_WHOLE, *_by_column(_GROUPED, name))
    lines = [
        ("runs", "", *(_state(found, seeds) for found in of.values())),
        ("rows", "", *(_sizes(found) for found in of.values())),
        ("`epsilon_spent`", "", *(_spent(of[m], m, epsilon) for m in of)),
    ]
    lines += [
        (f"`{m.name}`", m.better, *(_cell(found, m.name) for found in of.values()))
        for m in metrics
    ]
    return title + _grid(("figure", "better", *(f"`{m}`" for m in of)), lines)


def _budget(epsilon: float) -> str:
    return "not private" if math.isinf(epsilon) else f"epsilon {epsilon:g}"


def _runs(rows: Sequence[Row], name: str, method: str, epsilon: float) -> list[Row]:
    """Rows of a table and method; ceiling and floor have one budget, infinity."""
    at = math.inf if method in _ENDS else epsilon
    found = [row for row in rows if (row["table"], row["method"]) == (name, method)]
    return [row for row in found if float(row["epsilon"]) == at]


def _state(found: Sequence[Row], seeds: set[int]) -> str:
    """How many runs ended well, how the others ended, and how many are missing."""
    if not found:
        return "not run"
    counts = Counter(row["status"] for row in found)
    told = [str(counts.pop("ok", 0)), *(f"{k} {v}" for k, v in sorted(counts.items()))]
    missing = len(seeds) - len({row["seed"] for row in found})
    return ", ".join(told + [f"missing {missing}"] * (missing > 0))


def _sizes(found: Sequence[Row]) -> str:
    sizes = {row["rows"] for row in found if "rows" in row}
    return ", ".join(map(str, sorted(sizes))) or _NOTHING


def _spent(found: Sequence[Row], method: str, epsilon: float) -> str:
    """The largest proved epsilon of the runs that ended well, rounded up."""
    if not _finished(found):
        return _NOTHING
    if method in _ENDS or math.isinf(epsilon):
        return "not private"
    spent = [row.get("epsilon_spent") for row in _finished(found)]
    known = [float(value) for value in spent if value is not None]
    if len(known) < len(spent):
        return "unknown"
    top = Decimal(repr(max(known)))
    return str(top.quantize(Decimal("0.0001"), ROUND_CEILING))


def _finished(found: Sequence[Row]) -> list[Row]:
    return [row for row in found if row["status"] == "ok"]


def _values(found: Sequence[Row], name: str) -> dict[int, float]:
    """A figure by seed, for runs that ended well and where it is defined."""
    good = {row["seed"]: row.get("measured", {}).get(name) for row in _finished(found)}
    known = {seed: float(v) for seed, v in good.items() if v is not None}
    return {seed: value for seed, value in known.items() if not math.isnan(value)}


def _cell(found: Sequence[Row], name: str) -> str:
    good, values = _finished(found), _values(found, name)
    if not good:
        return _NOTHING
    if not any(name in row.get("measured", {}) for row in good):
        return "not measured"
    if not values:
        return "undefined"
    few = "" if len(values) == len(good) else f" ({len(values)} of {len(good)})"
    return _mean(list(values.values())) + few


def _mean(values: Sequence[float]) -> str:
    middle, low, _ = interval(np.array(values, float))
    if math.isnan(low):
        return _number(middle)
    return f"{_number(middle)} ± {_number(middle - low)}"


def _number(value: float) -> str:
    """Four places after the point; small numbers by three digits."""
    if abs(value) < _TINY:
        return "0.0000"
    return f"{value:.4f}" if abs(value) >= _SMALL else f"{value:.3g}"


def _ablation(rows: Sequence[Row], budgets: Sequence[float]) -> str:
    """With and without debiasing, seed by seed, beside the trivial baseline."""
    lines: list[tuple[str, ...]] = []
    less, told = Counter[str](), Counter[str]()
    for name, epsilon in product(TABLES, budgets):
        of = {m: _runs(rows, name, m, epsilon) for m in _ABLATED}
        for metric in (*_by_column(_KINDS, name), *_COSTS):
            change = {m: _change(of[CRITIC], of[m], metric.name) for m in _ABLATED}
            cells = [_cell(found, metric.name) for found in of.values()]
            cells.append(_mean(change[PLAIN]) if change[PLAIN] else _NOTHING)
            where = (name, _budget(epsilon), f"`{metric.name}`", metric.better)
            lines.append((*where, *cells))
            if metric.name.startswith("cluster_mi_"):
                told.update(m for m in _ABLATED if change[m])
                less.update(m for m in _ABLATED if change[m] and np.mean(change[m]) < 0)
    head = ("table", "budget", "figure", "better", *(f"`{m}`" for m in _ABLATED))
    counted = [
        f"- `cluster_mi_c` of `{CRITIC}` is below that of `{m}` in {less[m]} of"
        f" {told[m]} cells of table, budget and sensitive column.\n"
        for m in (PLAIN, REDRAW)
    ]
    extra = [f"`{m.name}` ({m.line})" for m in (_PROBE, *_COSTS[1:])]
    return (
        "## The paper's ablation: without the fairness critic\n\n"
        f"*change* is `{CRITIC}` minus `{PLAIN}`, over the seeds that both have;"
        f" `{PAPER}` without its critic is not among the methods. Not the paper's:"
        f" {'; '.join(extra)}.\n\n{_grid((*head, 'change'), lines)}\n"
        f"By means over those seeds, whatever their noise:\n\n{''.join(counted)}"
    )


def _by_column(kinds: Sequence[Metric], name: str) -> list[Metric]:
    """Metrics of each sensitive column of a table."""
    columns = table(name).sensitive
    return [m._replace(name=f"{m.name}_{c}") for c in columns for m in kinds]


def _change(found: Sequence[Row], other: Sequence[Row], name: str) -> list[float]:
    """Differences of a figure over the seeds that both have."""
    one, two = _values(found, name), _values(other, name)
    return [one[seed] - two[seed] for seed in sorted(one.keys() & two.keys())]


def _versions(rows: Sequence[Row]) -> str:
    known = {
        f"{row['library']} {row.get('version')} (build {row.get('build')})"
        for row in rows
        if row.get("library")
    }
    mixed = " Figures of several builds are mixed." if len(known) > 1 else ""
    return f"## Versions\n\n{', '.join(sorted(known)) or 'none'}.{mixed}\n"


def _grid(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    told = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    told += [f"| {' | '.join(map(str, line))} |" for line in lines]
    return "\n".join([*told, ""])


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page from files of results, as the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m fairveil.bench.reproduction")
    parser.add_argument("files", nargs="+", type=Path, help="files of results (.jsonl)")
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args(argv)
    try:
        write(read(*asked.files), asked.output)
    except ConfigError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
