"""Columns of very many categories: bounded in memory and time, exact where counted."""

import resource

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from fairveil import config
from fairveil.bins import Bins, merge, positions
from fairveil.chain import PARTNER
from fairveil.codec import Codec, ColumnCodec, Inside
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil

MANY = 100_000
NAMES = tuple(f"code {i:05d}" for i in range(MANY))
CODES = Column(name="code", kind="categorical", dtype="str", categories=NAMES)
HEAVY = (7, 50_000)


@pytest.fixture(scope="module")
def table():
    """One row in five has a heavy code, those of group b only in the upper half."""
    rng = np.random.default_rng(0)
    n = 20_000
    group = rng.choice(["a", "b"], n)
    place = rng.integers(0, MANY // 2, n) + np.where(group == "b", MANY // 2, 0)
    heavy = rng.random(n) < 0.2
    place[heavy] = np.where(group[heavy] == "b", HEAVY[1], HEAVY[0])
    names = np.array(NAMES, dtype=object)[place]
    names[rng.random(n) < 0.1] = None
    return pd.DataFrame({"group": group, "code": pd.Series(names, dtype="str")})


SCHEMA = Schema(
    columns=(
        Column(name="group", kind="categorical", dtype="str", categories=("a", "b")),
        CODES.model_copy(update={"nullable": True}),
    )
)


@pytest.fixture(scope="module")
def fitted(table, tiny_settings):
    """The model, and the bytes by which its fit raised the peak of the process."""
    fit = FairVeil(
        schema=SCHEMA,
        preset=tiny_settings,
        generator="decoder",
        epsilon=2.0,
        random_state=0,
        insecure_noise_seed=1,
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fit.fit(table)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return fit, (after - before) * 1024


@pytest.fixture
def model(fitted):
    return fitted[0]


def test_the_codes_are_few_and_the_memory_is_bounded(fitted):
    model, peak = fitted
    codec = model._contents.bundle.codec
    assert codec.sizes[1] <= config.Measuring().pair_cells // PARTNER
    assert codec.numeric == {}
    assert peak < 600e6  # pairs of 100,000 cells, or one-hot rows, would pass it


def test_what_comes_back(model, table, tmp_path):
    made = model.sample(4000, random_state=1)
    assert made["code"].dtype == table["code"].dtype
    assert set(made["code"].dropna()) <= set(NAMES)
    assert made["code"].isna().mean() == pytest.approx(0.1, abs=0.04)
    for place in HEAVY:  # the heavy codes stand alone, as often as they were
        assert (made["code"] == NAMES[place]).mean() == pytest.approx(0.09, abs=0.03)
    others = made[~made["code"].isin([NAMES[h] for h in HEAVY])].dropna()
    assert others["code"].nunique() > 0.8 * len(others)  # drawn within their groups
    late = others["code"] >= NAMES[MANY // 2]
    assert (
        late[others["group"] == "b"].mean() > 0.7
    )  # the groups go with the other column
    assert late[others["group"] == "a"].mean() < 0.3
    model.save(tmp_path / "m.fairveil")
    loaded = FairVeil.load(tmp_path / "m.fairveil")
    pd.testing.assert_frame_equal(
        loaded.sample(50, random_state=3), model.sample(50, random_state=3)
    )


def test_a_condition_on_one_of_them(model):
    made = model.sample(60, random_state=2, where={"code": [NAMES[7], NAMES[77_777]]})
    assert set(made["code"]) <= {NAMES[7], NAMES[77_777]}


def test_decoding_undoes_encoding_within_a_group():
    column = Column(name="x", kind="categorical", categories=(*"abcdef", 7), other="f")
    grid = positions(7)
    counts = np.array([0.0, 90, 0, 0, 0, 0, 60])
    bins, label = merge(grid, counts, most=3, noise_stddev=1.0)
    codec = ColumnCodec(column, bins, Inside(bins, grid, label, counts))
    series = nw.from_native(
        pd.Series(["b", 7, "zz", "e"], dtype=object), series_only=True
    )
    codes = codec.encode(series)
    rng = np.random.default_rng(0)
    assert codec.decode(codes, rng)[:2] == ["b", 7]
    groups = [set(np.flatnonzero(label == c)) for c in codes]
    assert 5 in groups[2]  # "zz" is not known, so it is other
    drawn = codec.decode(np.repeat(codes[3], 50), rng)
    assert {column.categories.index(v) for v in drawn} <= groups[3]


def test_wide_tables_are_encoded():
    rng = np.random.default_rng(0)
    columns = tuple(
        Column(name=f"c{j}", kind="numeric", lower=0, upper=1000, decimals=0)
        for j in range(200)
    )
    codec = Codec.on_grid(Schema(columns=columns))
    cells = rng.integers(0, 1001, (5_000, 200))
    frame = pd.DataFrame(cells, columns=list(codec.names))
    codes = codec.encode(nw.from_native(frame, eager_only=True))
    assert codes.shape == (5_000, 200)
    assert codes.nbytes == 4 * cells.size
    assert isinstance(codec.columns[0].bins, Bins)
    again = codec.columns[7].encode(nw.from_native(frame["c7"], series_only=True))
    assert (codes[:, 7] == again).all()
