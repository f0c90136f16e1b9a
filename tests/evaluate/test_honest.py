"""Each state of ``honesty`` on a hand-made release, and the arithmetic behind it."""

import json

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import ConfigError, TableError
from fairveil.evaluate import _auditor, honesty
from fairveil.evaluate.results_fairness import STATES

N = 2500


def _real(seed, n=N):
    """Proxies t and x of s; r is unrelated to all, z to s."""
    rng = np.random.default_rng(seed)
    s = rng.choice(["m", "f"], n, p=[0.6, 0.4])
    m = s == "m"
    return pd.DataFrame(
        {
            "s": s,
            "r": rng.choice(["u", "v"], n),
            "x": rng.normal(size=n) + 1.5 * m,
            "t": np.where(rng.random(n) < np.where(m, 0.8, 0.3), "left", "right"),
            "z": rng.normal(size=n),
        }
    )


TRAIN, TEST = _real(0), _real(1)


def _shuffled(frame, *columns, seed=3):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(frame))
    return frame.assign(**{c: frame[c].to_numpy()[order] for c in columns})


def _redrawn():
    return _shuffled(_real(2), "s", "r")


def _repaired():
    """Proxies drawn without regard to s: the same columns, no tie to anything."""
    frame = _real(2)
    for k, column in enumerate(frame):
        frame = _shuffled(frame, column, seed=k)
    middle = frame["x"].mean()
    frame["x"] = middle + (frame["x"] - middle) / 3
    return frame


RELEASES = {
    "constant": lambda: _real(2).assign(s="m"),
    "one group copied": lambda: _shuffled(
        _real(2, 5000).query("s == 'f'").assign(s=_real(4, 5000)["s"]), "s"
    ),
    "dependent": lambda: _real(2),
    "equal to redraw": _redrawn,
    "proxies reduced": _repaired,
}


@pytest.fixture(scope="module")
def found():
    return {
        state: honesty(make(), TRAIN, TEST, ["s"])[0]
        for state, make in RELEASES.items()
    }


@pytest.mark.parametrize("state", RELEASES)
def test_each_release_has_its_name(found, state):
    assert found[state].state == state
    assert found[state].fails == (state in {"constant", "one group copied"})
    assert state in STATES


def test_a_lost_group_is_told_and_fails():
    release = _redrawn()
    release.loc[release["s"].eq("f"), "s"] = "m"
    release.loc[:9, "s"] = "f"
    (one,) = honesty(release, TRAIN, TEST, ["s"])
    assert (one.state, one.lost) == ("constant", ("f",))
    assert one.released["f"] == pytest.approx(10 / N)
    assert one.shares["f"] == pytest.approx(TRAIN["s"].eq("f").mean())


def test_a_missing_group_may_be_lost_too():
    real, release = TRAIN.copy(), _redrawn()
    real.loc[real.index % 10 == 0, "s"] = None
    (one,) = honesty(release, real, real, ["s"])
    assert one.lost == ("missing",)


@pytest.mark.statistical
def test_confidence_is_that_of_real_rows_where_proxies_are_intact(found):
    one = found["equal to redraw"]
    ratio = one.confidence_ratio
    assert ratio.interval.low < 1 < ratio.interval.high
    assert ratio.value == pytest.approx(one.confidence / one.confidence_real)
    assert one.people > 0.8 * one.people_real > 0.05
    # a copy keeps all, a repair little
    assert found["dependent"].confidence_ratio.value == pytest.approx(1, abs=0.1)
    assert found["proxies reduced"].confidence_ratio.interval.high < 0.6


@pytest.mark.statistical
def test_the_mixture_tells_the_share_of_a_group_by_its_proxies(found):
    assert found["one group copied"].looks_like["f"].interval.low > 0.9
    intact = found["equal to redraw"].looks_like["f"]
    assert intact.value == pytest.approx(0.4, abs=0.05)
    assert intact.interval.low < 0.4 < intact.interval.high
    few = pd.concat([_real(2, 5000).query("s == 'f'"), _real(5, 1000)])
    (one,) = honesty(_shuffled(few, "s"), TRAIN, TEST, ["s"])
    share = few["s"].eq("f").mean()
    assert one.looks_like["f"].value == pytest.approx(share, abs=0.05)
    assert not one.fails


def test_rows_that_exaggerate_their_group_are_told():
    release = _real(2)
    release["x"] += np.where(release["s"] == "m", 2, -2)
    release["t"] = np.where(release["s"] == "m", "left", "right")
    (one,) = honesty(_shuffled(release, "s"), TRAIN, TEST, ["s"])
    assert one.state == "equal to redraw"
    assert "more than unseen real rows" in one.notes[0]


@pytest.mark.statistical
@pytest.mark.parametrize("seed", range(3))
def test_a_shuffle_is_named_so_over_seeds(seed):
    release = _shuffled(_real(10 + seed), "s", seed=seed)
    (one,) = honesty(release, _real(20 + seed), _real(30 + seed), ["s"], seed=seed)
    assert one.state == "equal to redraw"


def test_a_column_without_proxies_has_nothing_to_reduce():
    s, r, both = honesty(_redrawn(), TRAIN, TEST, ["s", "r"])
    assert (s.state, r.state) == ("equal to redraw", "no proxies")
    assert (both.column, both.state) == ("s x r", "equal to redraw")
    assert set(both.looks_like) == {"f x u", "f x v", "m x u", "m x v"}


def test_dependence_of_the_intersection_alone_is_dependence():
    def crossed(seed):
        rng = np.random.default_rng(seed)
        s, r = rng.integers(0, 2, (2, N))
        x = (s ^ r) + rng.normal(size=N) / 4
        return pd.DataFrame({"s": s, "r": r, "x": x})

    s, r, both = honesty(crossed(0), crossed(1), crossed(2), ["s", "r"])
    assert (s.state, r.state) == ("no proxies", "no proxies")
    assert both.state == "dependent"


def test_too_few_rows_are_no_verdict():
    small = TEST.assign(s="m")
    small.loc[:9, "s"] = "f"
    (one,) = honesty(_redrawn(), TRAIN, small, ["s"])
    assert one.state == "not enough data"
    assert one.shares == {}
    (few,) = honesty(_redrawn().head(60), TRAIN, TEST, ["s"])
    assert few.state == "not enough data"


def test_an_auditor_that_learns_nothing_has_no_ratio():
    empty = dict.fromkeys(["r", "x", "t", "z"], np.nan)
    flat, release = TRAIN.assign(**empty), _redrawn().assign(**empty)
    (one,) = honesty(release, flat, flat, ["s"])
    assert one.state == "no proxies"
    assert one.confidence == one.confidence_real == 0
    assert np.isnan(one.confidence_ratio.value)


def test_gain_is_the_divergence_from_the_shares():
    shares = np.array([0.25, 0.75])
    said = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])
    expected = [0, np.log(4), 0.5 * np.log(2) + 0.5 * np.log(2 / 3)]
    assert _auditor.gain(said, shares) == pytest.approx(expected)


def test_a_record_is_json_with_its_verdicts(found):
    record = found["constant"].to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["state"], record["fails"]) == ("constant", True)
    assert record["probe"]["verdict"] == "not enough data"
    again = honesty(_redrawn(), TRAIN, TEST, ["s"])[0]
    assert again == found["equal to redraw"]


def test_honesty_refuses_nonsense():
    ours = _redrawn(), TRAIN, TEST
    with pytest.raises(ConfigError, match="no sensitive column"):
        honesty(*ours, [])
    with pytest.raises(ConfigError, match="no column is left"):
        honesty(*(t[["s", "r"]] for t in ours), ["s", "r"])
    with pytest.raises(ConfigError, match="margin"):
        honesty(*ours, ["s"], margin=0.6)
    with pytest.raises(ConfigError, match="reduction"):
        honesty(*ours, ["s"], reduction=-1)
    with pytest.raises(TableError, match="no such column"):
        honesty(*ours, ["q"])
