"""Rows made by hand, and what a page says of them."""

from __future__ import annotations


def row(method, auroc=None, tvd2=0.05, *, epsilon: float | str = 1.0, seed=0, **more):
    status = more.get("status", "ok")
    facts = {"table": "adult", "method": method, "epsilon": epsilon, "seed": seed}
    facts |= {"status": status, "harness": "1", "library": "lib", "version": "1.2"}
    if status != "ok":
        return facts | more
    figures: dict[str, float | None] = {
        "auroc_gbm": auroc,
        "auroc_lr": 0.8,
        "tvd1": 0.01,
    }
    figures |= {"tvd2": tvd2, "tvd3": 0.1}
    costs = {"cpu_seconds": 10.0, "wall_seconds": 11.0, "peak_mb": 100}
    return facts | costs | {"measured": figures} | more


def runs(method, *aurocs, **more):
    """One run for each seed."""
    return [row(method, auroc, seed=i, **more) for i, auroc in enumerate(aurocs)]


def judged(text, metric="auroc_gbm"):
    """The line that counts the cells of a metric, and the lines under it."""
    lines = iter(text.splitlines())
    found = [next(line for line in lines if line.startswith(f"- `{metric}`"))]
    for line in lines:
        if not line.startswith("  - "):
            return found
        found.append(line.strip())
    return found


def section(text, title):
    return text[text.index(f"## {title}") :].split("\n## ")[0]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]
