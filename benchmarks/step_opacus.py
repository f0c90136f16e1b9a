"""What a DP step costs in Opacus beside its own plain step; needs torch and opacus.

Run by ``make step`` in an environment of its own (``benchmarks/step.py --opacus``). The
network, the loss, the rows a chunk and the clip are those of ``benchmarks/step.py``:
each round sums the gradients of all rows once, by autograd, by Opacus' hooks (the
gradient of each row is stored) and by its ghost clipping, and adds noise once. Prints
JSON: seconds of each kind of step in each round.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import numpy as np
import opacus
import torch
from opacus.grad_sample import GradSampleModule
from opacus.grad_sample.grad_sample_module_fast_gradient_clipping import (
    GradSampleModuleFastGradientClipping,
)
from torch import nn


class Net(nn.Module):
    """The cluster VAE: one-hot rows in, the loss of each row out."""

    def __init__(self, sizes: list[int], hidden: int, latent: int) -> None:
        super().__init__()
        self.sizes, self.latent = sizes, latent
        width = sum(sizes)
        self.enc0, self.enc1 = nn.Linear(width, hidden), nn.Linear(hidden, 2 * latent)
        self.dec0, self.dec1 = nn.Linear(latent, hidden), nn.Linear(hidden, width)

    def forward(self, rows: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Losses (n,) of one-hot rows (n, width) and latent draws (n, latent)."""
        scaled = rows * len(self.sizes) ** -0.5
        out = self.enc1(torch.tanh(self.enc0(scaled)))
        mean, log_var = out[:, : self.latent], out[:, self.latent :]
        log_var = 4.0 * torch.tanh(log_var / 4.0)
        latent = mean + torch.exp(0.5 * log_var) * noise
        logits = self.dec1(torch.tanh(self.dec0(latent)))
        logits = 20.0 * torch.tanh(logits / 20.0)
        parts = torch.split(logits, self.sizes, dim=1)
        logs = torch.cat([torch.log_softmax(part, dim=1) for part in parts], dim=1)
        divergence = 0.5 * (torch.exp(log_var) + mean**2 - 1.0 - log_var).sum(dim=1)
        return divergence - (rows * logs).sum(dim=1)


def chunks(rows: torch.Tensor, noise: torch.Tensor, size: int):  # noqa: ANN201  (an iterator of two)
    """Chunks of rows and of draws."""
    return zip(rows.split(size), noise.split(size), strict=True)


def plain(net: Net, rows: torch.Tensor, noise: torch.Tensor, size: int) -> None:
    """The sum of all gradients."""
    net.zero_grad()
    for part, drawn in chunks(rows, noise, size):
        net(part, drawn).sum().backward()


def hooks(net, rows, noise, size: int, clip: float) -> None:  # noqa: ANN001  (of Opacus)
    """The clipped sum out of the gradient of each row."""
    total = [torch.zeros_like(p) for p in net.parameters()]
    for part, drawn in chunks(rows, noise, size):
        net.zero_grad()
        net(part, drawn).sum().backward()
        every = [p.grad_sample for p in net.parameters()]
        norms = torch.stack([g.flatten(1).norm(dim=1) for g in every]).norm(dim=0)
        scale = (clip / (norms + 1e-6)).clamp(max=1.0)
        for held, g in zip(total, every, strict=True):
            held.add_(torch.einsum("n,n...->...", scale, g))
        for p in net.parameters():
            p.grad_sample = None
    noised(total)


def ghost(net, rows, noise, size: int) -> None:  # noqa: ANN001  (of Opacus)
    """The clipped sum by two backward passes; only norms of rows are stored."""
    total = [torch.zeros_like(p) for p in net.parameters()]
    for part, drawn in chunks(rows, noise, size):
        net.zero_grad()
        net.enable_hooks()
        losses = net(part, drawn)
        losses.sum().backward(retain_graph=True)
        scale = net.get_clipping_coef()
        net.zero_grad()
        net.disable_hooks()
        (scale * losses).sum().backward()
        for held, p in zip(total, net.parameters(), strict=True):
            held.add_(p.grad)
    noised(total)


def noised(total: list[torch.Tensor]) -> None:
    """Noise once, as a step adds it."""
    for held in total:
        held.add_(90.0 * torch.randn_like(held))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wish", help="sizes, rows, chunk, hidden, latent, rounds: JSON")
    wish = json.loads(parser.parse_args().wish)
    # Opacus warns of hooks that torch will change; nothing of it bears on time
    warnings.filterwarnings("ignore", module="torch|opacus")
    torch.set_num_threads(wish["threads"])
    rng = np.random.default_rng(0)
    codes = [torch.tensor(rng.integers(0, s, wish["rows"])) for s in wish["sizes"]]
    one_hot = [
        nn.functional.one_hot(c, s) for c, s in zip(codes, wish["sizes"], strict=True)
    ]
    rows = torch.cat(one_hot, dim=1).float()
    noise = torch.randn(wish["rows"], wish["latent"])

    def fresh() -> Net:
        return Net(wish["sizes"], wish["hidden"], wish["latent"])

    clip, size = 1.0, wish["chunk"]
    by_hooks = GradSampleModule(fresh(), loss_reduction="sum")
    by_ghost = GradSampleModuleFastGradientClipping(
        fresh(), max_grad_norm=clip, use_ghost_clipping=True, loss_reduction="sum"
    )
    own = fresh()
    kinds = {
        "plain": lambda: plain(own, rows, noise, size),
        "hooks": lambda: hooks(by_hooks, rows, noise, size, clip),
        "ghost": lambda: ghost(by_ghost, rows, noise, size),
    }
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for count in range(wish["rounds"] + 1):
        for name, one in kinds.items():
            started = time.perf_counter()
            one()
            if count:  # the first round warms up
                found[name].append(time.perf_counter() - started)
    versions = {"torch": torch.__version__, "opacus": opacus.__version__}
    print(json.dumps({"seconds": found, **versions}))


if __name__ == "__main__":
    main()
