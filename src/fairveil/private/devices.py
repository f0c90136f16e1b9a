"""Rows spread over the devices of this process: each works on its own part of a chunk.

Secret: the rows and all that is computed here. Promise: a device sees a part of a chunk
that is as long as the whole chunk of a single device, so a row's contribution and the
float32 sum that it enters are those of one device, whatever their number. The sums of
the devices are added on the host in float64: a float32 all-reduce would let rounding
grow with the number of devices, past the margin of the clip (``nn.layers``). No noise
is drawn here, so none can be drawn once for each device.

Whatever JAX finds is used (GPUs where it finds any, else the CPU); nothing is named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fairveil._types import Params

_ROWS = "rows"


def number() -> int:
    """Devices of this process that share a chunk between them."""
    return jax.local_device_count()


def by_rows(one: Callable[..., Any], *, rows: int) -> Callable[..., Any]:
    """Compile a function of rows; each device runs it on its part of them.

    Args:
        one: a function whose outputs have its rows, or one sum of them, first.
        rows: how many of its last arguments hold a row in each line; their length is a
            multiple of the number of devices. The others are the same for all devices.

    Returns:
        The compiled function; outputs of the devices follow one another along the first
        axis.
    """
    devices = jax.local_devices()
    if len(devices) == 1:
        return jax.jit(one)
    mesh = Mesh(np.array(devices), (_ROWS,))
    spread = NamedSharding(mesh, PartitionSpec(_ROWS))
    everywhere = NamedSharding(mesh, PartitionSpec())
    compiled = jax.jit(
        jax.shard_map(
            lambda same, own: one(*same, *own),
            mesh=mesh,
            in_specs=(PartitionSpec(), PartitionSpec(_ROWS)),
            out_specs=PartitionSpec(_ROWS),
            check_vma=False,  # the hand-bound primitive of ``row_normals`` has no rule
        )
    )

    def run(*args: Any) -> Any:
        same = jax.device_put(args[:-rows], everywhere)
        return compiled(same, jax.device_put(args[-rows:], spread))

    return run


def summed(one: Callable[..., Params], *, rows: int) -> Callable[..., Params]:
    """Compile a sum over rows; devices sum their parts, the host adds in float64.

    Args:
        one: maps arguments to a pytree of sums over the rows.
        rows: as in ``by_rows``.
    """
    if number() == 1:
        return by_rows(one, rows=rows)
    parts = by_rows(
        lambda *args: jax.tree.map(lambda s: s[None], one(*args)), rows=rows
    )

    def total(*args: Any) -> Params:
        return jax.tree.map(
            lambda s: np.asarray(s, dtype=np.float64).sum(axis=0), parts(*args)
        )

    return total
