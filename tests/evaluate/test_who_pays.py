"""Fidelity within groups: ``tvd`` as oracle, a copy, sampling noise, small groups."""

import json

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import ConfigError, TableError
from fairveil.evaluate import group_fidelity, tvd


def _table(n, seed, *, harm=False):
    """Columns x, c and d; ``harm`` spoils the rows of s = f."""
    rng = np.random.default_rng(seed)
    s = rng.choice(["m", "f"], n, p=[0.75, 0.25])
    c = rng.choice(list("abc"), n, p=[0.5, 0.3, 0.2])
    if harm:
        c = np.where(s == "f", "a", c)
    d = np.where(rng.random(n) < 0.8, c, rng.choice(list("abc"), n))
    r = rng.choice(["u", "v"], n)
    x = rng.integers(0, 5, n)
    return pd.DataFrame({"s": s, "r": r, "c": c, "d": d, "x": x})


REAL, FAKE = _table(2000, 0), _table(1200, 1, harm=True)


@pytest.fixture(scope="module")
def found():
    return group_fidelity(REAL, FAKE, ["s", "r"], permutations=20)


@pytest.mark.parametrize("label", ["m", "f"])
def test_distances_are_those_of_tvd_on_the_rows_of_the_group(found, label):
    real, fake = (t[t["s"] == label].drop(columns="s") for t in (REAL, FAKE))
    ours = found[0].groups[label]
    assert ours.tvd1 == pytest.approx(tvd(real, fake, ways=1).mean)
    assert ours.tvd2 == pytest.approx(tvd(real, fake, ways=2).mean)
    assert (ours.n_real, ours.n_synthetic) == (len(real), len(fake))


def test_intersections_are_measured_too(found):
    assert [one.column for one in found] == ["s", "r", "s x r"]
    both = found[2].groups["f x u"]
    real, fake = (t.query("s == 'f' & r == 'u'") for t in (REAL, FAKE))
    rest = ["c", "d", "x"]
    assert both.tvd2 == pytest.approx(tvd(real[rest], fake[rest], ways=2).mean)


def test_the_group_that_pays_is_named(found):
    m, f = found[0].groups["m"], found[0].groups["f"]
    assert found[0].worst == "f"
    assert f.tvd2 > 3 * f.noise2
    assert m.tvd2 < 1.5 * m.noise2


@pytest.mark.statistical
def test_noise_is_the_distance_of_two_samples_of_one_law():
    values = [
        group_fidelity(_table(900, 2 * k), _table(500, 2 * k + 1), ["s"], seed=k)[0]
        for k in range(25)
    ]
    for label in ("m", "f"):
        records = [one.groups[label] for one in values]
        for distance, noise in (("tvd1", "noise1"), ("tvd2", "noise2")):
            told = np.array([getattr(r, noise) - getattr(r, distance) for r in records])
            assert abs(told.mean()) < 3 * told.std() / 5
            assert np.mean([getattr(r, noise) for r in records]) > 0.02


def test_a_copy_has_no_distance_and_a_floor():
    (one,) = group_fidelity(REAL, REAL, ["s"])
    for group in one.groups.values():
        assert group.tvd1 == pytest.approx(0, abs=1e-12)
        assert group.tvd2 == pytest.approx(0, abs=1e-12)
        assert group.noise2 > group.noise1 > 0


def test_small_and_lost_groups_have_sizes_and_no_figures():
    fake = FAKE.assign(s="m")
    (one,) = group_fidelity(REAL, fake, ["s"])
    lost = one.groups["f"]
    assert (lost.n_real, lost.n_synthetic) == (REAL["s"].eq("f").sum(), 0)
    assert {lost.tvd1, lost.tvd2, lost.noise1, lost.noise2} == {"not enough data"}
    assert one.notes == ("not enough data: groups under 30 rows in a table: f",)
    assert one.worst == "m"
    (none,) = group_fidelity(REAL.head(25), FAKE.head(25), ["s"])
    assert none.worst is None


def test_numbers_are_cut_once_for_all_groups():
    rng = np.random.default_rng(0)
    real = _table(4000, 0).assign(y=rng.normal(size=4000))
    real["y"] += 9 * real["s"].eq("f")
    moved = real.assign(
        y=real["y"].where(real["s"] == "m", real["y"].iloc[::-1].values)
    )
    (one,) = group_fidelity(real, moved, ["s"], bins=4)
    # the cells of f: beyond the upper quartile of all rows, nearly every one of them
    assert one.groups["m"].tvd1 == pytest.approx(0, abs=1e-12)
    assert one.groups["f"].tvd1 > 0.1


def test_missing_values_make_cells_and_groups():
    real = REAL.copy()
    real.loc[::5, "s"] = None
    real.loc[::3, "c"] = None
    (one,) = group_fidelity(real, real, ["s"])
    assert one.groups["missing"].n_real == 400
    assert one.groups["missing"].tvd2 == pytest.approx(0, abs=1e-12)


def test_the_record_is_json_and_fixed_by_the_seed(found):
    for one in found:
        record = one.to_dict()
        assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert group_fidelity(REAL, FAKE, ["s", "r"], permutations=20) == found


def test_group_fidelity_refuses_nonsense():
    with pytest.raises(ConfigError, match="fewer than two columns"):
        group_fidelity(REAL[["s", "c"]], FAKE[["s", "c"]], ["s"])
    with pytest.raises(ConfigError, match="permutations"):
        group_fidelity(REAL, FAKE, ["s"], permutations=0)
    with pytest.raises(TableError, match="no such column"):
        group_fidelity(REAL, FAKE, ["q"])
