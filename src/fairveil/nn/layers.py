"""Linear layers with taps: additive zeros whose gradient is the layer's error signal.

Pure functions on pytrees of arrays; keys are required. A tap stands behind every linear
layer, so one backward pass to the taps gives, example by example, all that the gradient
of the layer's weights is made of. ``ghost_clip`` builds the clipped *sum* of gradients
from it without ever storing a gradient of a single example (Goodfellow 2015, "Efficient
per-example gradient computations"; Li et al. 2022, ghost clipping).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax

Array: TypeAlias = jax.Array
Layer: TypeAlias = dict[str, Array]  # {"w": (n_in, n_out), "b": (n_out,)}
Layers: TypeAlias = dict[str, Layer]
Taps: TypeAlias = dict[str, Array]  # layer name -> (batch, n_out)
# (params, taps, batch) -> per-example losses (batch,), inputs of each layer
TappedLoss: TypeAlias = Callable[..., tuple[Array, dict[str, Array]]]

# float32 sums stray by 1e-5 to 1e-4 of the bound along a row's own gradient over a few
# thousand equal rows, and by 1e-3, nearly all across it, over 2e5 rows (measured); the
# margin keeps the stray inside the sensitivity and costs a thousandth of signal
_CLIP_MARGIN = 1e-3
_EXACT = jax.lax.Precision.HIGHEST  # no short floats on accelerators


def host_rng(key: Array) -> np.random.Generator:
    """Draws on the host that hang on a key alone.

    For initial weights: drawn by compiled code they are seconds of a fit, since every
    shape is compiled anew.
    """
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def put(values: npt.NDArray[Any] | np.generic) -> Array:
    """Values of the host as JAX holds them; ``jnp.asarray`` compiles for each shape."""
    return jax.device_put(values)


def linear_init(
    rng: np.random.Generator, n_in: int, n_out: int, *, scale: float = 1.0
) -> Layer:
    """Weights of variance ``scale^2 / n_in`` and zero biases."""
    w = rng.standard_normal((n_in, n_out), dtype=np.float32)
    w *= np.float32(scale / np.sqrt(n_in))
    return {"w": put(w), "b": put(np.zeros(n_out, np.float32))}


def mlp_init(rng: np.random.Generator, sizes: Sequence[int], *, prefix: str) -> Layers:
    """Layers ``prefix0``, ``prefix1``, ... between the given sizes."""
    return {
        f"{prefix}{i}": linear_init(rng, a, b)
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
    }


def zero_state(
    optimiser: optax.GradientTransformation, layers: Layers
) -> optax.OptState:
    """What ``optimiser.init`` gives, of one that begins with zeros, as Adam does.

    Made on the host: compiled for every set of shapes it takes a third of a second.
    """
    shapes = jax.eval_shape(optimiser.init, layers)
    return jax.tree.map(lambda s: put(np.zeros(s.shape, s.dtype)), shapes)


def linear(layer: Layer, x: Array) -> Array:
    """``x @ w + b``; x is (..., n_in)."""
    return x @ layer["w"] + layer["b"]


def mlp(
    layers: Layers,
    x: Array,
    *,
    prefix: str,
    activation: Callable[[Array], Array],
    apply: Callable[[str, Array], Array] | None = None,
) -> Array:
    """Run the layers ``prefix0``, ``prefix1``, ... with an activation in between.

    Args:
        layers: parameters, other prefixes may stand beside.
        x: input (n, n_in).
        prefix: of the layers' names.
        activation: between layers; none behind the last.
        apply: how a named layer acts; None: ``linear``.
    """
    act = apply or (lambda name, value: linear(layers[name], value))
    depth = sum(name.startswith(prefix) for name in layers)
    for i in range(depth):
        x = act(f"{prefix}{i}", x)
        x = activation(x) if i + 1 < depth else x
    return x


def leaky(x: Array) -> Array:
    """The critics' activation: a leaky rectifier of slope .2."""
    return jax.nn.leaky_relu(x, 0.2)


def zero_taps(layers: Layers, batch: int) -> Taps:
    """A tap of zeros for each layer."""
    return {name: jnp.zeros((batch, p["b"].shape[0])) for name, p in layers.items()}


def ghost_clip(
    loss: TappedLoss, layers: Layers, batch: tuple[Array, ...], *, l2_clip_norm: float
) -> tuple[Layers, Array]:
    """Sum over the batch of per-example gradients, each clipped to ``l2_clip_norm``.

    Guarantees: an example whose gradient is not a number contributes zero; the norm of
    every contribution is at most ``l2_clip_norm (1 - 1e-3)``, so that float32 rounding
    of the sum stays within ``l2_clip_norm``; ``l2_clip_norm = inf``
    gives the plain sum. Exact for a loss in which each layer is used once an example.

    Args:
        loss: maps (layers, taps, *batch) to losses (n,) and inputs of each layer.
        layers: parameters.
        batch: arrays with n examples first.
        l2_clip_norm: bound on each example's gradient norm over all layers.

    Returns:
        The clipped sum, shaped as ``layers``, and the norms before clipping, (n,).
    """
    n = batch[0].shape[0]

    def total(taps: Taps) -> tuple[Array, dict[str, Array]]:
        losses, inputs = loss(layers, taps, *batch)
        return losses.sum(), inputs

    deltas, inputs = jax.grad(total, has_aux=True)(zero_taps(layers, n))
    norms = jnp.sqrt(sum(_squared(inputs[k], deltas[k]) for k in layers))
    ok = jnp.isfinite(norms)
    bound = l2_clip_norm * (1.0 - _CLIP_MARGIN)
    factors = jnp.where(ok, jnp.minimum(1.0, bound / jnp.maximum(norms, 1e-30)), 0.0)
    return {k: _weighted(inputs[k], deltas[k], factors, ok) for k in layers}, norms


def _squared(x: Array, delta: Array) -> Array:
    """Squared norm of each example's gradient of one layer (weights and bias)."""
    return (1.0 + jnp.sum(x * x, -1)) * jnp.sum(delta * delta, -1)


def _weighted(x: Array, delta: Array, factors: Array, ok: Array) -> Layer:
    # zero times not-a-number is not a number, so bad examples are cut out first
    clean = jnp.where(ok[:, None], delta, 0.0) * factors[:, None]
    w = jnp.matmul(jnp.where(ok[:, None], x, 0.0).T, clean, precision=_EXACT)
    return {"w": w, "b": clean.sum(0)}
