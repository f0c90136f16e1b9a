"""``_objects``: a cell that Python cannot hold stops nothing and stands for itself."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from fairveil._objects import STRANGE, objects_of

END_OF_TIME = "9999-12-31T23:59:59"  # in UTC: a day of the year 10,000 further east


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_a_moment_beyond_its_zone_is_strange_and_the_others_stay(unit):
    largest = np.array([2**63 - 1]).view(f"M8[{unit}]")
    moments = np.r_[np.array(["2020-01-01", "NaT"], dtype=f"M8[{unit}]"), largest]
    series = pd.Series(moments).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    found = objects_of(nw.from_native(series, series_only=True))
    near = nw.from_native(series[:2], series_only=True).to_list()
    assert found[:1] == near[:1]
    assert found[1] is pd.NaT
    assert found[2] == STRANGE


def test_other_cells_are_what_the_library_gives():
    for values in ([1, 2.5, "a", None], [], [[1], {"a": 2}]):
        series = nw.from_native(pd.Series(values, dtype=object), series_only=True)
        assert objects_of(series) == values


def test_no_memory_stays_no_memory():
    class Full:
        def to_list(self):
            raise MemoryError

    with pytest.raises(MemoryError):
        objects_of(Full())
