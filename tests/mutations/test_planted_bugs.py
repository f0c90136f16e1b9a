"""Every planted bug is caught by the check that the page names, and leaves no trace."""

from __future__ import annotations

import re

import detectors
import numpy as np
import pytest
import replay_checks
from border_tools import border_of, check_scale, noisy_sums, random_codes, run_clusters
from mutation_kit import KINDS, ROOT, complaint, product, surroundings
from mutation_registry import GROUPS, MUTATIONS

from fairveil.audit.transcript import Recorder, Replayer, Sum
from fairveil.privacy.noise import NoiseSource

PAGE = ROOT / "docs" / "planted-bugs.md"
DETECTORS = detectors.detectors()
CATCHES = [(m, d) for m in MUTATIONS for d in (m.detector, *m.also)]
NAMES = {id(d): name for name, d in DETECTORS.items()}

# What the suite was asked to plant, and the bugs that answer it.
DEMANDED = {
    "no clipping": ["no clipping"],
    "batch clipping": ["the batch's sum is clipped instead of each row"],
    "noise reused across steps": ["noise reused across steps"],
    "un-noised centroids": ["un-noised centroids"],
    "sensitivity off by 2": [
        "sensitivity off by 2",
        "noise halved while the event says otherwise",
    ],
    "known row count": ["known row count"],
    "raw latents to the GAN": ["raw latents to the GAN", "real rows to the GAN"],
    "categories from the data": [
        "categories from the data",
        "all discovered categories are kept, whatever the threshold",
        "ranges from the true least and largest value",
    ],
    "q^2/(2 sigma^2) accounting": ["q^2 / (2 sigma^2) as the price of sampled steps"],
    "epsilon rounded down": [
        "epsilon rounded down in print",
        "epsilon rounded down in the statement",
    ],
    "unit bound ignored": [
        "unit bound ignored: all rows are kept",
        "unit bound ignored: k rows are charged as one",
    ],
    "selection scored without its factor 2": ["selection scored without its factor 2"],
    "initial centroids from real latents": [
        "initial centroids from real latents",
        "warm centroids from real latents",
    ],
    "warm start trained on real rows": ["the warm start is trained on real rows"],
    "rounds that spend past their part": [
        "measurements are not taken off the rounds' part",
        "selections are not taken off the rounds' part",
    ],
    "candidates by a look at the rows": [
        "candidates are chosen by a look at the rows",
        "prices by the cells that rows fill",
    ],
    "selection scored with the true row count": [
        "selection scored with the true row count"
    ],
    "unit sampling by rows": ["unit sampling by rows"],
}


@pytest.fixture(autouse=True, scope="module")
def _surroundings():
    with surroundings():
        yield


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_finds_nothing_wrong_with_the_product(name):
    DETECTORS[name].run()


@pytest.mark.parametrize(
    ("mutation", "detector"),
    CATCHES,
    ids=[f"{m.name} [{NAMES[id(d)]}]" for m, d in CATCHES],
)
def test_a_planted_bug_is_caught(mutation, detector):
    before = product()
    with mutation.planted():
        assert product() != before or detector.kind == "architecture"
        found = complaint(detector)
    assert found is not None, f"{mutation.name} survives {NAMES[id(detector)]}"
    after = product()
    assert {k for k in before if after.get(k) != before[k]} == set()


# The table ---------------------------------------------------------------------------


@pytest.mark.parametrize("demand", DEMANDED)
def test_what_was_demanded_is_planted(demand):
    names = {mutation.name for mutation in MUTATIONS}
    assert set(DEMANDED[demand]) <= names


def test_the_table_is_complete_and_says_nothing_twice():
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names) >= 80
    used = {NAMES[id(d)] for _m, d in CATCHES}
    assert used == set(DETECTORS)
    assert {m.caught_by for m in MUTATIONS} == set(KINDS)
    told = {m.pitfall for m in MUTATIONS}
    assert {f"P{i}" for i in range(1, 13)} <= told  # P13 is about large epsilons


def rows_of_the_page():
    """Bug, pitfall, kind and place of each row of the page's tables."""
    rows = []
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5 and cells[0] != "bug" and set(cells[0]) != {"-"}:
            rows.append(tuple(cells[:4]))
    return rows


def test_the_page_lists_the_table():
    """``tools/planted_bugs.py`` writes it, and writes it only if nothing survives."""
    wanted = [
        (m.name.replace("|", r"\|"), m.pitfall, m.caught_by, f"`{m.detector.where}`")
        for group in GROUPS.values()
        for m in group
    ]
    assert rows_of_the_page() == wanted


# The checks themselves ---------------------------------------------------------------


def test_replayed_moves_are_as_large_as_what_is_paid_for():
    """Else a sensitivity that is too small could hide: counts move by all of it."""
    table, neighbour = replay_checks.near_tables()
    record = Recorder.of(3)
    seen = replay_checks.whole_fit()(table, record)
    replay = Replayer.of(record)
    replay_checks.whole_fit()(neighbour, replay)
    pairs = list(zip(record.log, replay.finished().log, strict=True))
    moved = [np.abs(b.exact - a.exact).sum() for a, b in pairs if isinstance(a, Sum)]
    assert moved == [1.0] * len(moved)
    assert len(moved) == sum(e.kind == "gaussian" for e in seen.events) > 5


@pytest.mark.parametrize("fit", [replay_checks.networks, replay_checks.whole_teacher])
def test_replayed_clusters_stand_out_of_their_noise(fit):
    """Else the mixture would be the prior, and could betray nothing."""
    codes = random_codes(40)
    seen = fit(codes, NoiseSource.insecure(5))
    other = fit(codes, NoiseSource.insecure(6))
    assert seen.pieces["mixture"] != other.pieces["mixture"]
    assert len(seen.pieces["mixture"]) == 8 * 3 * (1 + 3 + 9)


@pytest.mark.statistical
@pytest.mark.parametrize("wrong", [0.5, 2 / 3, 1.5, 2.0])
def test_the_check_of_a_scale_refuses_both_sides(wrong):
    noise = NoiseSource.insecure(1).gaussian(2000, 1.0)
    check_scale(noise * 3.0, 3.0)
    for bad in (noise * wrong, noise + 1.0):
        with pytest.raises(AssertionError):
            check_scale(bad, 1.0)


def test_spies_see_the_sums_of_both_homes():
    border, _tape = border_of(random_codes(9))
    with noisy_sums() as seen:
        run_clusters(border, steps=1)
    assert len(seen) == 2
