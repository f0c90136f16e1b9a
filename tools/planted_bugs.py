"""Plant every known privacy bug, one at a time, and tell which check caught it.

The bugs and the checks live in ``tests/mutations``; nothing of them is in the package.
The page ``docs/planted-bugs.md`` is written only if every check is content with the
product as it is and no bug survives the check that has to catch it; else the program
ends with status 1.

Usage::

    python tools/planted_bugs.py            # some minutes; writes the page
    python tools/planted_bugs.py --no-page  # prints the tables only
"""  # noqa: INP001  (a script, not a package)

from __future__ import annotations

import argparse
import importlib
import os
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "planted-bugs.md"
_FOLDERS = ("mutations", "private", "privacy", ".")
_WIDTH = 88
_HEADS = ("bug", "pitfall", "caught by", "where", "caught as well by")

_INTRO = """
# Planted bugs

Made by `python tools/planted_bugs.py`; not typed by hand. Each row is a privacy bug
that somebody has made, or could make, in a program like this one. The program puts it
into the running product, alone, runs a check of the test suite, and writes this page
only if the check finds nothing wrong without the bug and complains about it with the
bug. The bugs are in `tests/mutations/`, never in the package;
`tests/mutations/test_planted_bugs.py` does the same in every run of the suite.
"""

_PITFALLS = """
*Pitfall* is the number under which [pitfalls.md](pitfalls.md) has it, or what goes
wrong. *Caught by* is the kind of the check; *where* is the function that decides. The
last column names the other checks that notice the bug too; most are the general ones
below, which were not written for any bug. Where the product itself refuses to go on
with a bug in it (the ledger, say, or the statement), the check has noticed it.
"""

_REPLAY = """
What the replays do: a fit is recorded on one table and played back on another one, so
that every noisy answer is the recorded one. Then everything that leaves (model file,
statement, progress, samples, whatever the GAN is given, every array that hangs on the
model) must be the same to the last bit, for any two tables: what differs was computed
from rows beside the noise. And between neighbouring tables the exact answers may move
by the sensitivity of their own event and no more. A replay does not look at the noise
itself; the tapes, the distributions and the audits do.
"""

_LIMITS = """
## What this shows, and what not

A check that catches the bug it was shown need not catch the next one. The list says
which mistakes would not go unnoticed; it proves nothing about mistakes that are not on
it. Two limits are known. The bugs are planted one at a time: two that hide each other
are not tried. And rounding of sums in float32 is kept inside the sensitivities by
margins whose need depends on the machine, so taking them away is not among the bugs.
"""


def main() -> int:
    """Try all bugs; 0 if none survives."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-page", action="store_true", help="write no page")
    wishes = parser.parse_args()
    kit, registry, checks = _loaded()
    began = time.monotonic()
    with kit.surroundings():
        wrong = _complaints(kit, checks)
        groups = {
            title: [_row(kit, checks, mutation) for mutation in group]
            for title, group in registry.GROUPS.items()
        }
    survivors = [m.name for m in registry.MUTATIONS if m.name not in _caught(groups)]
    text = _page(kit, checks, groups)
    _say(text)
    for line in wrong:
        _say(f"COMPLAINS WITHOUT A BUG: {line}")
    for name in survivors:
        _say(f"SURVIVES: {name}")
    _say(f"{len(registry.MUTATIONS)} bugs in {time.monotonic() - began:.0f} seconds")
    if wrong or survivors:
        return 1
    if not wishes.no_page:
        PAGE.write_text(text, encoding="utf-8")
    return 0


def _loaded() -> tuple[Any, Any, Any]:
    """The kit, the registry and the detectors of the tests."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before NumPy and JAX load
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    sys.path[:0] = [str(ROOT / "tests" / folder) for folder in _FOLDERS]
    names = ("mutation_kit", "mutation_registry", "detectors")
    kit, registry, checks = map(importlib.import_module, names)
    return kit, registry, checks


def _complaints(kit: Any, checks: Any) -> list[str]:
    """What the detectors say of the product as it is."""
    said = {name: kit.complaint(one) for name, one in checks.detectors().items()}
    return [f"{name}: {error}" for name, error in said.items() if error is not None]


def _row(kit: Any, checks: Any, mutation: Any) -> tuple[str, ...] | None:
    """A row of the table; None where a check that has to catch the bug does not."""
    names = {id(one): name for name, one in checks.detectors().items()}
    with mutation.planted():
        if kit.complaint(mutation.detector) is None:
            return None
        if any(kit.complaint(one) is None for one in mutation.also):
            return None
        due = [one for one in mutation.also if one not in checks.NETS]
        nets = [one for one in checks.NETS if one is not mutation.detector]
        more = due + [one for one in nets if _notices(kit, one)]
    where = f"`{mutation.detector.where}`"
    also = ", ".join(f"`{names[id(one)]}`" for one in more)
    return mutation.name, mutation.pitfall, mutation.caught_by, where, also


def _notices(kit: Any, net: Any) -> bool:
    """Whether a general check complains; one that breaks down does not count."""
    try:
        return kit.complaint(net) is not None
    except Exception:  # noqa: BLE001  (a bug may break what it was not planted for)
        return False


def _caught(groups: dict[str, list[Any]]) -> set[str]:
    return {row[0] for rows in groups.values() for row in rows if row is not None}


def _page(kit: Any, checks: Any, groups: dict[str, list[Any]]) -> str:
    """The whole page in Markdown."""
    rows = [row for found in groups.values() for row in found if row is not None]
    names = {id(one): name for name, one in checks.detectors().items()}
    nets = [f"`{names[id(one)]}`" for one in checks.NETS]
    parts = [_INTRO.strip(), "", _counted(checks, names, rows), "", _PITFALLS.strip()]
    for title, found in groups.items():
        kept = [row for row in found if row is not None]
        parts += ["", f"## {title}", "", *_table(kept)]
    parts += ["", "## The kinds of checks", ""]
    parts += [f"- **{kind}**: {means}." for kind, means in kit.KINDS.items()]
    parts += ["", "## The general checks", "", _REPLAY.strip(), ""]
    parts += [
        f"- {name}: {_lower(one.about)} (`{one.where}`)."
        for name, one in zip(nets, checks.NETS, strict=True)
    ]
    parts += _others(checks, rows)
    return "\n".join([*parts, "", _LIMITS.strip(), ""])


def _counted(checks: Any, names: dict[int, str], rows: list[tuple[str, ...]]) -> str:
    """How many there are, and how many each kind of general check notices alone."""
    by_where = {f"`{one.where}`" for one in checks.NETS if one.kind == "taint"}
    replays = [f"`{names[id(one)]}`" for one in checks.NETS if one.kind == "taint"]
    seen = sum(
        row[3] in by_where or any(name in row[4] for name in replays) for row in rows
    )
    return textwrap.fill(
        f"{len(rows)} bugs, none of which survives. {seen} of them are noticed by the "
        "replays of whole fits, networks and discovery alone, which know of no bug.",
        _WIDTH,
    )


def _others(checks: Any, rows: list[tuple[str, ...]]) -> list[str]:
    """Checks that stand in the last column and are not general."""
    general = {id(one) for one in checks.NETS}
    more = [
        f"- `{name}`: {_lower(one.about)} (`{one.where}`)."
        for name, one in checks.detectors().items()
        if id(one) not in general and any(f"`{name}`" in row[4] for row in rows)
    ]
    return ["", "Special checks that have to catch a bug as well:", "", *more]


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(_HEADS) + " |", "|" + "---|" * len(_HEADS)]
    for row in rows:
        cells = (cell.replace("|", r"\|") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _lower(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
