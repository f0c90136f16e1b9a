"""Planted bugs in gradient steps, K-Means and whatever else is a clipped sum."""

# ruff: noqa: ARG005  (a bug ignores what it is given)
from __future__ import annotations

import dataclasses
import math
from typing import Any

import detectors as by
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mutation_kit import Mutation, compiled_in, replace_in

from fairveil._types import Released
from fairveil.nn import vae
from fairveil.private import cluster, fit_vae as fit_vae_module, step, view

_STOP = 1.0  # a loss below which the early stop stops


def exact_sums(border: Any, chunk_sum: Any) -> Any:
    """What the noise was to be added to."""
    total: Any = None
    for codes, mask in step.chunks(border.rows.unwrap()):
        part = jax.tree.map(lambda x: np.asarray(x, float), chunk_sum(codes, mask))
        total = part if total is None else jax.tree.map(np.add, total, part)
    return total


# Clipping ----------------------------------------------------------------------------


def unclipped(honest):
    return lambda *args, l2_clip_norm: honest(*args, l2_clip_norm=math.inf)


def twice_the_norm(honest):
    return lambda *args, l2_clip_norm: honest(*args, l2_clip_norm=2 * l2_clip_norm)


def batch_clipped(honest):
    def bug(*args, l2_clip_norm):
        sums, norms = honest(*args, l2_clip_norm=1e9)
        total = sum((x**2).sum() for x in jax.tree.leaves(sums)) ** 0.5
        factor = jnp.minimum(1.0, l2_clip_norm / total) * len(norms)
        return jax.tree.map(lambda x: factor * x, sums), norms

    return bug


def batch_norm(honest):
    def bug(layers, taps, rows, *args, **more):
        middle, spread = rows.mean(0), rows.std(0)
        return honest(layers, taps, (rows - middle) / (spread + 1e-3), *args, **more)

    return bug


def batch_centroids(honest):
    """The cluster term pulls a row to the rows beside it."""

    def bug(layers, taps, rows, *args, **more):
        mean, _ = vae.encode(layers, more["shape"], rows)
        more["weights"] = dataclasses.replace(more["weights"], cluster=5.0)
        more["centroids"] = mean[:3]
        return honest(layers, taps, rows, *args, **more)

    return bug


def by_position(honest):
    return lambda key, codes, width: jax.random.normal(key, (codes.shape[0], width))


def uncut(honest):
    return lambda latents, limit: latents


def cut_by_the_largest(honest):
    def bug(latents, limit):
        return latents * (limit / jnp.linalg.norm(latents, axis=1).max())

    return bug


def cut_without_a_guard(honest):
    def bug(latents, limit):
        norm = jnp.linalg.norm(latents, axis=1, keepdims=True)
        return latents * jnp.minimum(1.0, limit / (norm + 1e-12))

    return bug


# K-Means -----------------------------------------------------------------------------


def blocks_as_one(honest):
    """Counts, sums and second moments are charged as if they were one of them."""

    def bug(self, stage, what, *, bound, **more):
        less = 1.0 if stage == cluster.STAGE else bound
        return honest(self, stage, what, bound=less, **more)

    return bug


def bare_sums(honest):
    def bug(border, chunk_sum, *, noise_stddev):
        return exact_sums(border, chunk_sum)

    return bug


def one_bare_step(honest):
    done: list[int] = []

    def bug(border, chunk_sum, *, noise_stddev):
        done.append(1)
        if len(done) % 3 == 2:
            return exact_sums(border, chunk_sum)
        return honest(border, chunk_sum, noise_stddev=noise_stddev)

    return bug


def first_arrays_only(honest):
    """The last array of a sum goes without noise."""

    def bug(border, chunk_sum, *, noise_stddev):
        leaves, structure = jax.tree.flatten(exact_sums(border, chunk_sum))
        noise = border.noise
        noisy = [x + noise.gaussian(x.shape, noise_stddev) for x in leaves[:-1]]
        return jax.tree.unflatten(structure, [*noisy, leaves[-1]])

    return bug


def bare_counts(honest):
    """Noise is drawn for all, and thrown away for the counts."""

    def bug(border, chunk_sum, *, noise_stddev):
        noisy = honest(border, chunk_sum, noise_stddev=noise_stddev)
        return {**noisy, "counts": exact_sums(border, chunk_sum)["counts"]}

    return bug


def from_real_latents(honest):
    """K-Means starts from the latents of the first rows."""

    def bug(border, *, layers, shape, clusters, **more):
        first = border.rows.unwrap()[:clusters]
        mean, _ = vae.encode(layers, shape, shape.blocks.one_hot(first))
        start = np.asarray(mean, np.float64)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cluster, "_prior_draws", lambda *_: start)
            return honest(border, layers=layers, shape=shape, clusters=clusters, **more)

    return bug


def latents_as_means(honest):
    """What the GAN is guided by are the latents of real rows."""

    def bug(border, *, layers, shape, **more):
        released = honest(border, layers=layers, shape=shape, **more)
        mixture = released.value
        rows = border.rows.unwrap()[: mixture.clusters]
        mean, _ = vae.encode(layers, shape, shape.blocks.one_hot(rows))
        raw = dataclasses.replace(mixture, means=np.asarray(mean, np.float64))
        return Released(raw, released.paid_by)

    return bug


def unpaid_centroids(honest):
    def bug(self, stage, what, **more):
        if what != "centroids":
            return honest(self, stage, what, **more)
        scratch = view.Ledger(epsilon=self.ledger.epsilon, delta=self.ledger.delta)
        return honest(dataclasses.replace(self, ledger=scratch), stage, what, **more)

    return bug


# The loop ----------------------------------------------------------------------------


def loss_of(border: Any) -> float:
    """Stands for a training loss: a mean over the rows, without noise."""
    return float(np.mean(border.rows.unwrap().astype(float) ** 2))


def told_loss(honest):
    def bug(border, *, progress, **more):
        loss = loss_of(border)
        return honest(
            border, progress=lambda done, all_: progress(done, all_, loss), **more
        )

    return bug


def early_stop(honest):
    def bug(border, *, training, **more):
        steps = training.steps if loss_of(border) > _STOP else 1
        return honest(
            border, training=dataclasses.replace(training, steps=steps), **more
        )

    return bug


def divided_by_the_true_rows(honest):
    def bug(border, *args, **more):
        release, _expected = honest(border, *args, **more)
        return release, float(len(border.rows.unwrap()))

    return bug


MUTATIONS = (
    Mutation(
        name="no clipping",
        pitfall="unbounded gradients",
        plant=compiled_in(fit_vae_module, "ghost_clip", unclipped),
        detector=by.gradient_sums,
    ),
    Mutation(
        name="clipping to twice the norm that is charged",
        pitfall="sensitivity off by 2",
        plant=compiled_in(fit_vae_module, "ghost_clip", twice_the_norm),
        detector=by.gradient_sums,
    ),
    Mutation(
        name="the batch's sum is clipped instead of each row",
        pitfall="P5",
        plant=compiled_in(fit_vae_module, "ghost_clip", batch_clipped),
        detector=by.gradient_sums,
    ),
    Mutation(
        name="batch normalisation",
        pitfall="P3",
        plant=compiled_in(vae, "tapped_loss", batch_norm),
        detector=by.gradient_sums,
    ),
    Mutation(
        name="a cluster loss with the batch's own centroids",
        pitfall="P5",
        plant=compiled_in(vae, "tapped_loss", batch_centroids),
        detector=by.gradient_sums,
    ),
    Mutation(
        name="latent noise by position",
        pitfall="P5",
        plant=compiled_in(fit_vae_module, "row_normals", by_position),
        detector=by.gradient_sums,
    ),
    Mutation(
        name="latents that are not cut",
        pitfall="unbounded moments",
        plant=compiled_in(cluster, "cut", uncut),
        detector=by.latent_moments,
    ),
    Mutation(
        name="latents scaled by the largest of them",
        pitfall="P7",
        plant=compiled_in(cluster, "cut", cut_by_the_largest),
        detector=by.latent_moments,
    ),
    Mutation(
        name="a latent that is not a number stays one",
        pitfall="unbounded moments",
        plant=replace_in(cluster, "cut", cut_without_a_guard),
        detector=by.broken_latents,
    ),
    Mutation(
        name="K-Means counts, sums and moments charged as one of them",
        pitfall="joint release",
        plant=replace_in(view.Border, "gaussian", blocks_as_one),
        detector=by.audit_clusters,
    ),
    Mutation(
        name="un-noised centroids",
        pitfall="P4",
        plant=replace_in(cluster, "noisy_sum", bare_sums),
        detector=by.noise_of_networks,
        also=(by.replayed_networks,),
    ),
    Mutation(
        name="one step of three is not noised",
        pitfall="forgotten noise",
        plant=replace_in(cluster, "noisy_sum", one_bare_step),
        detector=by.noise_of_networks,
    ),
    Mutation(
        name="the last array of a gradient is not noised",
        pitfall="forgotten noise",
        plant=replace_in(fit_vae_module, "noisy_sum", first_arrays_only),
        detector=by.noise_of_every_weight,
    ),
    Mutation(
        name="cluster counts whose noise is thrown away",
        pitfall="P4",
        plant=replace_in(cluster, "noisy_sum", bare_counts),
        detector=by.replayed_networks,
    ),
    Mutation(
        name="initial centroids from real latents",
        pitfall="P4",
        plant=replace_in(cluster, "fit_mixture", from_real_latents),
        detector=by.first_lloyd_step,
    ),
    Mutation(
        name="raw latents to the GAN",
        pitfall="P4",
        plant=replace_in(cluster, "fit_mixture", latents_as_means),
        detector=by.replayed_networks,
    ),
    Mutation(
        name="a refresh of the centroids that nobody paid for",
        pitfall="forgotten event",
        plant=replace_in(view.Border, "gaussian", unpaid_centroids),
        detector=by.noise_of_networks,
    ),
    Mutation(
        name="a training loss is told by progress",
        pitfall="un-noised loss",
        plant=replace_in(fit_vae_module, "fit_vae", told_loss),
        detector=by.replayed_networks,
    ),
    Mutation(
        name="an early stop on an un-noised loss",
        pitfall="un-noised loss",
        plant=replace_in(fit_vae_module, "fit_vae", early_stop),
        detector=by.replayed_networks,
    ),
    Mutation(
        name="gradients divided by the true number of rows",
        pitfall="P6",
        plant=replace_in(fit_vae_module, "_authorised", divided_by_the_true_rows),
        detector=by.replayed_networks,
    ),
)
