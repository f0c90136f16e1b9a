"""Named streams: equal names agree, other names and roots do not."""

import numpy as np
import pytest

from fairveil.errors import ConfigError
from fairveil.seeds import Seeds


def test_equal_seeds_and_names_give_equal_streams():
    a, b = Seeds.of(5), Seeds.of(5)
    assert a.number("x") == b.number("x")
    np.testing.assert_array_equal(
        a.generator("x").random(9), b.generator("x").random(9)
    )


def test_streams_are_apart():
    seeds = [Seeds.of(s) for s in range(40)]
    numbers = {s.number(n) for s in seeds for n in ("rows", "accept", "decode")}
    assert len(numbers) == 120
    firsts = {s.generator(n).random() for s in seeds for n in ("rows", "accept")}
    assert len(firsts) == 80


def test_a_name_cannot_imitate_another_root():
    assert Seeds.of(1).number("2:x") != Seeds.of(12).number("x")
    assert Seeds.of(1).number("2:x") != Seeds(1).number("x")


def test_numbers_have_32_bits():
    numbers = [Seeds.of(1).number(str(i)) for i in range(300)]
    assert all(0 <= n < 2**32 for n in numbers)
    assert max(numbers) > 0.9 * 2**32
    assert min(numbers) < 0.1 * 2**32


def test_without_a_seed_the_system_decides():
    a, b = Seeds.of(None), Seeds.of(None)
    assert a.root != b.root
    assert 0 <= a.root < 2**128


def test_a_known_stream_stays_as_it_is():
    """A published seed must give the same rows in a later version."""
    assert Seeds.of(0).number("rows") == 455421804
    assert Seeds.of(0).generator("accept").integers(0, 1000, 3).tolist() == [
        845,
        996,
        368,
    ]


@pytest.mark.parametrize("bad", [-1, 1.5, "7", True])
def test_bad_seeds_are_refused(bad):
    with pytest.raises(ConfigError, match="random_state"):
        Seeds.of(bad)


def test_the_global_generators_are_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  (watches the global state)
    Seeds.of(None).generator("x").random(5)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002  (watches the global state)
