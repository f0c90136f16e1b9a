"""All evaluations of one release in one JSON-safe record, beside the real rows' own.

NOT PRIVATE: the record says so first. A figure of a synthetic table means little alone,
so each stands beside the same figure of real rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairveil._shield import guarded
from fairveil.evaluate._tables import FEWEST, coded, column, door, paired, require
from fairveil.evaluate.fairness import (
    cluster_information,
    parity_gap,
    probe,
    real_people_information,
)
from fairveil.evaluate.utility import tstr, tvd

FORMAT = "fairveil-evaluation"
VERSION = 1
WARNING = (
    "Not private: computed from real rows without noise. Do not publish it, and do not "
    "choose between releases by it."
)


@guarded
def report(
    real_train: Any,
    real_test: Any,
    synthetic: Any,
    *,
    sensitive: Sequence[str] = (),
    target: str | None = None,
    positive: Any = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Run every evaluation: distance, utility, group gaps, probes, cluster information.

    All sensitive columns are hidden from auditors and clusters. Each block holds the
    figures of the synthetic table under ``synthetic`` and those of real rows under
    ``real``: the real training rows in its place, or for the distance the real test
    rows, whose distance is sampling error alone.

    Args:
        real_train: real rows that the synthesizer saw.
        real_test: real rows that it did not see.
        synthetic: the release.
        sensitive: sensitive columns; none: the fairness blocks are empty.
        target: column to predict; None: the blocks on prediction are empty.
        positive: value of the target that counts as positive; without it the block on
            group gaps is empty for a target of more than two values.
        seed: of everything drawn at random.

    Returns:
        A nested dict of plain JSON values; ``private`` is False.

    Raises:
        TableError: columns differ or are missing.
        ConfigError, UnsupportedError: the target does not suit, as in ``tstr``.
    """
    train, release = paired(real_train, synthetic)
    _, test = paired(train, door(real_test))
    require(train, *sensitive)
    sources = {"synthetic": release, "real": train}
    return {
        "format": FORMAT,
        "version": VERSION,
        "private": False,
        "warning": WARNING,
        "seed": seed,
        "target": target,
        "sensitive": list(sensitive),
        "rows": {
            "real_train": len(train),
            "real_test": len(test),
            "synthetic": len(release),
        },
        "distance": _distances(train, {"synthetic": release, "real": test}, seed),
        "utility": _utility(sources, test, target, positive, seed),
        "parity_gap": _gaps(
            sources, test, sensitive, target=target, positive=positive, seed=seed
        ),
        "probe": _probes(sources, sensitive, seed),
        "cluster_information": _clusters(sources, sensitive, seed),
        "real_people_information": _people(sources, test, sensitive, seed),
    }


def _distances(train: Any, others: dict[str, Any], seed: int) -> dict[str, Any]:
    most = min(3, train.shape[1])
    return {
        source: {
            f"{ways}-way": tvd(train, table, ways=ways, seed=seed).to_dict()
            for ways in range(1, most + 1)
        }
        for source, table in others.items()
    }


def _utility(
    sources: dict[str, Any], test: Any, target: str | None, positive: Any, seed: int
) -> dict[str, Any]:
    if target is None:
        return {}
    return {
        source: tstr(table, test, target=target, positive=positive, seed=seed).to_dict()
        for source, table in sources.items()
    }


def _gaps(
    sources: dict[str, Any],
    test: Any,
    sensitive: Sequence[str],
    *,
    target: str | None,
    positive: Any,
    seed: int,
) -> dict[str, Any]:
    columns = [name for name in sensitive if name != target]
    if target is None or not columns:
        return {}
    _, values = coded(*(column(table, target) for table in (test, *sources.values())))
    if positive is None and len(values) > FEWEST:
        return {}  # which of many values is the positive one?
    return {
        source: [
            gap.to_dict()
            for gap in parity_gap(
                table,
                test,
                target=target,
                sensitive=columns,
                positive=positive,
                seed=seed,
            )
        ]
        for source, table in sources.items()
    }


def _probes(
    sources: dict[str, Any], sensitive: Sequence[str], seed: int
) -> dict[str, Any]:
    return {
        source: [
            probe(table, name, exclude=sensitive, seed=seed).to_dict()
            for name in sensitive
        ]
        for source, table in sources.items()
    }


def _clusters(
    sources: dict[str, Any], sensitive: Sequence[str], seed: int
) -> dict[str, Any]:
    if not sensitive or _all_sensitive(sources, sensitive):
        return {}
    return {
        source: [
            found.to_dict()
            for found in cluster_information(table, sensitive, seed=seed)
        ]
        for source, table in sources.items()
    }


def _people(
    sources: dict[str, Any], test: Any, sensitive: Sequence[str], seed: int
) -> dict[str, Any]:
    if not sensitive or _all_sensitive(sources, sensitive):
        return {}
    return {
        source: [
            found.to_dict()
            for found in real_people_information(table, test, sensitive, seed=seed)
        ]
        for source, table in sources.items()
    }


def _all_sensitive(sources: dict[str, Any], sensitive: Sequence[str]) -> bool:
    return set(sources["real"].columns) <= set(sensitive)
