"""The page that sets the paper beside fairveil, from files of results alone.

NOT PRIVATE: figures of public tables. Promises: no measured figure is typed by hand;
a run that is missing or did not end well is shown as such, like an undefined figure.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import product
from pathlib import Path

import numpy as np

from fairveil import _files
from fairveil.bench.cells import grid
from fairveil.bench.paper import (
    COSTS,
    FAULTS,
    GROUPED,
    HEAD,
    PROBE,
    SAID,
    WHOLE,
    Metric,
    settings,
)
from fairveil.bench.results import Row, interval, read
from fairveil.bench.tables import table
from fairveil.errors import ConfigError

TABLES = ("heart_failure", "obesity", "appendicitis", "diabetes_brfss", "hiv_actg175")
STAND_IN = "hiv_actg175"
PAPER, CRITIC, PLAIN = "fairveil-paper", "fairveil-independence", "fairveil"
REDRAW = "fairveil-redraw"
_ABLATED = (PLAIN, CRITIC, REDRAW)
_OURS = (PAPER, CRITIC, PLAIN, REDRAW)
_ENDS = ("real", "independent")
_NOTHING = "—"
COLLAPSED, BLUNT = "†", "‡"  # marks of figures that mean nothing
_BLUNT_WITHIN = 0.1  # of the mean
_BLIND = 0.5  # AUROC of a probe that reads nothing
_TINY, _SMALL = 1e-9, 0.01  # what rounding leaves of zero; shown by digits


_KINDS = (GROUPED[0], GROUPED[2], PROBE)

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
    parts = [HEAD + settings(), FAULTS, _tables(mine), _names()]
    parts += [_section(mine, name, e) for name in TABLES for e in budgets]
    if not budgets:
        parts.append("No run of fairveil on these tables is among the results.\n")
    parts += [_ablation(mine, budgets), SAID, _versions(mine)]
    _files.write_whole(output, "\n".join(parts).encode())


def _tables(rows: Sequence[Row]) -> str:
    """The tables, and on which of them the paper's sizes were run at all."""
    head = ("table", "source", "target", "sensitive", "columns dropped, if any")
    lines = [
        (t.name, t.source, t.target, ", ".join(t.sensitive), ", ".join(t.dropped))
        for t in map(table, TABLES)
    ]
    ran = {row["table"] for row in _finished(rows) if row["method"] == PAPER}
    own = [name for name in TABLES if name in ran - {STAND_IN}]
    without = [name for name in TABLES if name not in ran]
    text = (
        f"**`{PAPER}` was run on {len(own)} of the paper's six tables"
        f" ({', '.join(own) or 'none'})"
    )
    text += f" and on {STAND_IN}." if STAND_IN in ran else "."
    text += "** On no other table is it compared with anything below"
    text += f" ({', '.join(without)}: no finished run).\n" if without else ".\n"
    return (
        "## Which of its tables are here\n\nRows of four of its six tables are at hand."
        f" `{STAND_IN}`, a trial, stands in place of the paper's HIV table and is"
        " another one; Corporate Stress is not at hand. Which columns are sensitive and"
        f" which are dropped is our choice.\n\n{text}\n{_grid(head, lines)}"
    )


def _names() -> str:
    told = [(f"`{m.name}`", m.better, m.line) for m in WHOLE]
    told += [(f"`{m.name}_c`", m.better, m.line) for m in GROUPED]
    return _METHODS + _grid(("figure", "better", "what it is"), told)


def _section(rows: Sequence[Row], name: str, epsilon: float) -> str:
    title = f"### {name}, {_budget(epsilon)}\n\n"
    of = {m: _runs(rows, name, m, epsilon) for m in (*_OURS, *_ENDS)}
    if not any(of[m] for m in _OURS):
        return f"{title}Not run.\n"
    seeds = {row["seed"] for found in of.values() for row in found}
    metrics = (*WHOLE, *_by_column(GROUPED, name))
    lines = [
        ("runs", "", *(_state(found, seeds) for found in of.values())),
        ("rows", "", *(_sizes(found) for found in of.values())),
        ("`epsilon_spent`", "", *(_spent(of[m], m, epsilon) for m in of)),
    ]
    flat = _flat(of)
    lines += [
        (
            f"`{m.name}`" + (f" {BLUNT}" if m.name in flat else ""),
            m.better,
            *(_cell(found, m.name) + _constant(found, m.name) for found in of.values()),
        )
        for m in metrics
    ]
    told = _flags(of, flat, table(name).sensitive)
    return title + _grid(("figure", "better", *(f"`{m}`" for m in of)), lines) + told


def _flat(of: Mapping[str, Sequence[Row]]) -> set[str]:
    """Kernel figures that tell no release from a shuffle, nor from any other one.

    All of them lie within a tenth of their mean of each other, the shuffle among them.
    """
    found = set()
    for name in ("mmd", "mmd_median"):
        known = {m: list(_values(of[m], name).values()) for m in of if m != _ENDS[0]}
        means = [float(np.mean(each)) for each in known.values() if each]
        others = len(means) > 1 and bool(known[_ENDS[1]])
        if others and max(means) - min(means) <= _BLUNT_WITHIN * float(np.mean(means)):
            found.add(name)
    return found


def _constant(found: Sequence[Row], name: str) -> str:
    """The mark of a figure of a column that holds one value on every row."""
    kind = next((k.name for k in (*GROUPED, PROBE) if name.startswith(k.name)), "")
    column = name.removeprefix(f"{kind}_").removeprefix("null_")
    return f" {COLLAPSED}" if kind and _collapsed(found, column) else ""


def _collapsed(found: Sequence[Row], column: str) -> bool:
    """Whether chance itself makes nothing of a column: it is constant in the release.

    A permuted column that tells clusters nothing, exactly, has one value (or the rows
    have one cluster, in which case no figure of clusters means anything either).
    """
    null = _values(found, f"cluster_mi_null_{column}").values()
    probes = _values(found, f"probe_{column}").values()
    alone = all(value == _BLIND for value in probes)
    return bool(null) and all(value <= _TINY for value in null) and alone


def _flags(
    of: Mapping[str, Sequence[Row]], flat: set[str], columns: Sequence[str]
) -> str:
    """What the marks of a section mean, where it has any."""
    told = [
        f"- {COLLAPSED} The figures of `{method}` are those of a column {column} with"
        " one value on every row (chance itself makes 0 of it): a collapsed column,"
        " which is no fairness."
        for column in columns
        for method, found in of.items()
        if _collapsed(found, column)
    ]
    if flat:
        told.append(
            f"- {BLUNT} within a tenth for every release, a shuffle among them: with a"
            " kernel this narrow hardly two rows are alike: the figure tells little."
        )
    return "\n" + "\n".join([*told, ""]) if told else ""


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
    less, told = 0, 0
    for name, epsilon in product(TABLES, budgets):
        of = {m: _runs(rows, name, m, epsilon) for m in _ABLATED}
        for metric in (*_by_column(_KINDS, name), *COSTS):
            change = _change(of[CRITIC], of[PLAIN], metric.name)
            cells = [_probed(of[m], metric.name) for m in _ABLATED]
            cells.append(_mean(change) if change else _NOTHING)
            where = (name, _budget(epsilon), f"`{metric.name}`", metric.better)
            lines.append((*where, *cells))
            if metric.name.startswith("cluster_mi_") and change:
                told += 1
                less += bool(np.mean(change) < 0)
    head = ("table", "budget", "figure", "better", *(f"`{m}`" for m in _ABLATED))
    extra = [f"`{m.name}` ({m.line})" for m in (PROBE, *COSTS)]
    return (
        "## The paper's ablation: without the fairness critic\n\n"
        f"*change* is `{CRITIC}` minus `{PLAIN}`, over the seeds that both have; of a"
        " probe it is the change of its distance from .5, which stands in brackets, and"
        " smaller is better there: an AUROC far below .5 reads the column as one far"
        f" above does. `{PAPER}` without its critic is not among the methods. Not the"
        f" paper's: {'; '.join(extra)}.\n\n{_grid((*head, 'change'), lines)}\n"
        "- By means over those seeds, whatever their noise, `cluster_mi_c` of"
        f" `{CRITIC}` is below that of `{PLAIN}` in {less} of {told} cells of table,"
        " budget and sensitive column.\n"
        f"- `{REDRAW}` is independent by construction, and what it shows is what chance"
        " leaves: to be below it is noise, and no such cell is counted.\n"
        f"{_noise(rows)}"
    )


def _noise(rows: Sequence[Row]) -> str:
    """How far from .5 a probe lands where there is nothing to read."""
    found = {
        f"{name}, {metric.name}": abs(value - _BLIND)
        for name in TABLES
        for metric in _by_column((PROBE,), name)
        for value in _values(
            _runs(rows, name, _ENDS[1], math.inf), metric.name
        ).values()
    }
    if not found:
        return ""
    where = max(found, key=found.__getitem__)
    return (
        f"- Chance alone moves a probe where rows are few: of `{_ENDS[1]}`, in which"
        f" nothing is to be read, it lies up to {found[where]:.4f} from .5 ({where}).\n"
    )


def _probed(found: Sequence[Row], name: str) -> str:
    """A cell; a probe's with its distance from .5, where both sides read the column."""
    text = _cell(found, name) + _constant(found, name)
    values = list(_values(found, name).values())
    if not name.startswith("probe_") or not values:
        return text
    return f"{text} ({np.mean([abs(v - _BLIND) for v in values]):.4f})"


def _by_column(kinds: Sequence[Metric], name: str) -> list[Metric]:
    """Metrics of each sensitive column of a table."""
    columns = table(name).sensitive
    return [m._replace(name=f"{m.name}_{c}") for c in columns for m in kinds]


def _change(found: Sequence[Row], other: Sequence[Row], name: str) -> list[float]:
    """Differences over the seeds that both have; of a probe, of distances from .5."""
    one, two = _values(found, name), _values(other, name)
    if name.startswith("probe_"):
        one, two = ({s: abs(v - _BLIND) for s, v in x.items()} for x in (one, two))
    return [one[seed] - two[seed] for seed in sorted(one.keys() & two.keys())]


def _versions(rows: Sequence[Row]) -> str:
    known = {
        f"{row['library']} {row.get('version')} (build {row.get('build')})"
        for row in rows
        if row.get("library")
    }
    mixed = " Figures of several builds are mixed." if len(known) > 1 else ""
    return f"## Versions\n\n{', '.join(sorted(known)) or 'none'}.{mixed}\n"


def _grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join([*grid(head, lines), ""])


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
