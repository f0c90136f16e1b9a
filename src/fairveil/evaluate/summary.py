"""All evaluations of one release in one JSON-safe record, beside the real rows' own.

NOT PRIVATE: the record says so first. A figure of a synthetic table means little alone,
so each stands beside the same figure of real rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairveil._shield import guarded
from fairveil.evaluate._groups import Sensitive, asked, flat, parts
from fairveil.evaluate._tables import FEWEST, door, paired, require
from fairveil.evaluate.fairness import (
    cluster_information,
    probe,
    real_people_information,
)
from fairveil.evaluate.honest import Known, assess
from fairveil.evaluate.independence import dependence
from fairveil.evaluate.outcome import outcome_fairness
from fairveil.evaluate.results import Result
from fairveil.evaluate.utility import prediction, tvd
from fairveil.evaluate.who_pays import group_fidelity

FORMAT = "fairveil-evaluation"
VERSION = 2
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
    sensitive: Sequence[Sensitive] = (),
    target: str | None = None,
    positive: Any = None,
    legitimate: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Run the evaluations: distance, utility, groups, outcome, independence, honesty.

    All sensitive columns are hidden from auditors and clusters. Each block holds the
    figures of the synthetic table under ``synthetic`` and those of real rows under
    ``real``: the real training rows in its place, or for distances the real test rows,
    whose distance is sampling error alone. ``honesty`` is of the release only.

    Args:
        real_train: real rows that the synthesizer saw.
        real_test: real rows that it did not see.
        synthetic: the release.
        sensitive: sensitive columns; several: their intersection is measured too. A
            tuple means joint groups. None: the fairness blocks are empty.
        target: column to predict; None: the four blocks on prediction are empty.
        positive: value of the target that counts as positive; without it the blocks on
            group gaps are empty for a target of more than two values.
        legitimate: columns given which the outcome is judged once more.
        seed: of everything drawn at random.

    Returns:
        A nested dict of plain JSON values; ``private`` is False.

    Raises:
        TableError: columns differ or are missing.
        ConfigError, UnsupportedError: the target does not suit, as in ``tstr``.
    """
    train, release = paired(real_train, synthetic)
    _, test = paired(train, door(real_test))
    require(train, *flat(sensitive), *legitimate)
    sources = {"synthetic": release, "real": train}
    roles = {"target": target, "positive": positive, "seed": seed}
    return {
        "format": FORMAT,
        "version": VERSION,
        "private": False,
        "warning": WARNING,
        "seed": seed,
        "target": target,
        "sensitive": _listed(sensitive),
        "legitimate": list(legitimate),
        "rows": {
            "real_train": len(train),
            "real_test": len(test),
            "synthetic": len(release),
        },
        "distance": _distances(train, {"synthetic": release, "real": test}, seed),
        **_predictions(sources, test, sensitive, legitimate, **roles),
        **_hidden(sources, test, asked(sensitive), seed),
        "group_fidelity": _payers(train, release, test, sensitive, seed),
    }


def _listed(sensitive: Sequence[Sensitive]) -> list[Any]:
    return [one if isinstance(one, str) else list(one) for one in sensitive]


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
    sensitive: Sequence[Sensitive],
    legitimate: Sequence[str],
    *,
    target: str | None,
    positive: Any,
    seed: int,
) -> dict[str, Any]:
    """The four blocks on prediction, each empty where it has no question."""
    names = ("utility", "group_utility", "parity_gap", "outcome")
    blocks: dict[str, Any] = {name: {} for name in names}
    if target is None:
        return blocks
    split_by = [one for one in sensitive if target not in parts(one)]
    ask = {"target": target, "positive": positive, "seed": seed}
    for source, table in sources.items():
        one = prediction(table, test, sensitive=asked(split_by), **ask)
        blocks["utility"][source] = one.utility.to_dict()
        blocks["group_utility"][source] = _dicts(one.groups)
        blocks["parity_gap"][source] = _dicts(one.gaps)
    for name in ("group_utility", "parity_gap"):
        # empty for many classes: which of them is the positive one?
        if not all(blocks[name].values()):
            blocks[name] = {}
    if blocks["parity_gap"]:
        ask |= {"sensitive": split_by, "legitimate": legitimate}
        blocks["outcome"] = {
            source: outcome_fairness(table, test, **ask).to_dict()
            for source, table in sources.items()
        }
    return blocks


def _hidden(
    sources: dict[str, Any], test: Any, questions: Sequence[Sensitive], seed: int
) -> dict[str, Any]:
    """The blocks on what rows tell of sensitive columns."""
    own = flat(questions)
    probes = {
        source: [probe(table, one, exclude=own, seed=seed) for one in questions]
        for source, table in sources.items()
    }
    names = ("cluster_information", "real_people_information", "dependence", "honesty")
    blocks: dict[str, Any] = {name: {} for name in names}
    blocks = {"probe": {s: _dicts(found) for s, found in probes.items()}, **blocks}
    if not own or set(sources["real"].columns) <= set(own):
        return blocks
    people = {
        source: real_people_information(table, test, questions, seed=seed)
        for source, table in sources.items()
    }
    for source, table in sources.items():
        inside = cluster_information(table, questions, seed=seed)
        blocks["cluster_information"][source] = _dicts(inside)
        blocks["real_people_information"][source] = _dicts(people[source])
        blocks["dependence"][source] = [
            dependence(table, one, exclude=own, seed=seed).to_dict()
            for one in questions
        ]
    known = [
        Known(*k)
        for k in zip(
            probes["synthetic"], people["synthetic"], people["real"], strict=True
        )
    ]
    frames = sources["real"], sources["synthetic"], test
    named = assess(frames, questions, known, seed=seed)
    return {**blocks, "honesty": {"synthetic": _dicts(named)}}


def _payers(
    train: Any, release: Any, test: Any, sensitive: Sequence[Sensitive], seed: int
) -> dict[str, Any]:
    if not sensitive or train.shape[1] - len(flat(sensitive)) < FEWEST:
        return {}
    return {
        source: _dicts(group_fidelity(train, table, sensitive, seed=seed))
        for source, table in (("synthetic", release), ("real", test))
    }


def _dicts(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [one.to_dict() for one in results]
