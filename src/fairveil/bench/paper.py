"""The prose of the page that sets the paper beside fairveil, and names of its figures.

Public: what the paper sets out, what does not hold, and what figures cannot say; no
measured figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fairveil.bench.cells import grid
from fairveil.config import preset


class Metric(NamedTuple):
    """One figure: its name in the rows, which way is better, what it is."""

    name: str
    better: str
    line: str


def _metrics(lines: str) -> tuple[Metric, ...]:
    return tuple(Metric(*line.split(" | ")) for line in lines.strip().splitlines())


WHOLE = _metrics("""
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
GROUPED = _metrics("""
cluster_parity | smaller | largest range over groups of P(cluster given group)
cluster_parity_null | chance | ours: what chance alone makes of it
cluster_mi | smaller | mutual information of cluster and sensitive column, in nats
cluster_mi_null | chance | ours: what chance alone makes of it
""")
PROBE, *COSTS = _metrics("""
probe | near .5 | AUROC of a fresh model for column c, from all others
mmd_median | smaller | as above
tvd2 | smaller | total variation, mean over pairs of columns
auroc_gbm | larger | AUROC on real rows of a model that learnt on the release
""")

HEAD = """# The paper and fairveil

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
FAULTS = """## What does not hold, and where fairveil corrects it

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
SAID = """## What can be said, and what cannot

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


def settings() -> str:
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
    heads = ("setting", "the paper", "`fairveil-paper`")
    return "\n".join([*grid(heads, (map(str, each) for each in facts)), ""])


def _widths(sizes: Sequence[int]) -> str:
    return "-".join(map(str, sizes))
