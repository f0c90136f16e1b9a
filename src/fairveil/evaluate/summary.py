"""All evaluations of one release in one JSON-safe record, beside the real rows' own.

NOT PRIVATE: the record says so first. A figure of a synthetic table means little alone,
so each stands beside the same figure of real rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairveil._shield import guarded
from fairveil.evaluate._tables import door, paired, require
from fairveil.evaluate.fairness import (
    cluster_information,
    probe,
    real_people_information,
)
from fairveil.evaluate.utility import prediction, tvd

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
    """Run the evaluations: distance, utility, groups, probes, cluster information.

    All sensitive columns are hidden from auditors and clusters. Each block holds the
    figures of the synthetic table under ``synthetic`` and those of real rows under
    ``real``: the real training rows in its place, or for the distance the real test
    rows, whose distance is sampling error alone.

    Args:
        real_train: real rows that the synthesizer saw.
        real_test: real rows that it did not see.
        synthetic: the release.
        sensitive: sensitive columns; none: the fairness blocks are empty.
        target: column to predict; None: the three blocks on prediction are empty.
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
        **_predictions(
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


def _predictions(
    sources: dict[str, Any],
    test: Any,
    sensitive: Sequence[str],
    *,
    target: str | None,
    positive: Any,
    seed: int,
) -> dict[str, Any]:
    """The three blocks on prediction, each empty where it has no question."""
    blocks: dict[str, Any] = {"utility": {}, "group_utility": {}, "parity_gap": {}}
    if target is None:
        return blocks
    found = {
        source: prediction(
            table,
            test,
            target=target,
            sensitive=sensitive,
            positive=positive,
            seed=seed,
        )
        for source, table in sources.items()
    }
    for source, one in found.items():
        blocks["utility"][source] = one.utility.to_dict()
        blocks["group_utility"][source] = [part.to_dict() for part in one.groups]
        blocks["parity_gap"][source] = [gap.to_dict() for gap in one.gaps]
    for name in ("group_utility", "parity_gap"):
        # empty for many classes: which of them is the positive one?
        if not all(blocks[name].values()):
            blocks[name] = {}
    return blocks


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
