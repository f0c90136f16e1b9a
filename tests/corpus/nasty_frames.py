"""Nasty tables as data frames, each made by a function of nothing.

``FRAMES`` holds what ``fit`` is given. Every secret cell holds ``WORD`` or ``NUMBER``,
so that a test can look for them in whatever is said.
"""

import datetime as dt
import decimal
import fractions
import math
import uuid

import numpy as np
import pandas as pd

WORD = "hunter2"
NUMBER = 73194682
ROWS = 60

FRAMES = {}


def nasty(make):
    FRAMES[make.__name__.removeprefix("_").replace("_", " ")] = make
    return make


def beside(cells, name="b"):
    """A column of cells beside a plain one."""
    cells = cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype=object)
    plain = ["x", "y", WORD] * (len(cells) // 3 + 1)
    return pd.DataFrame({"a": plain[: len(cells)], name: cells})


def one_bad(bad, good=1.5):
    """A column of good cells with a bad one among them."""
    return beside([bad, *[good] * (ROWS - 1)])


# --- sizes -------------------------------------------------------------------------


@nasty
def _no_rows():
    return pd.DataFrame({"a": pd.Series(dtype=object), "b": pd.Series(dtype=float)})


@nasty
def _no_columns():
    return pd.DataFrame(index=range(5))


@nasty
def _nothing_at_all():
    return pd.DataFrame()


@nasty
def _one_row():
    return pd.DataFrame({"a": [WORD], "b": [NUMBER]})


@nasty
def _one_column():
    return pd.DataFrame({"b": range(ROWS)})


@nasty
def _one_cell():
    return pd.DataFrame({"a": [WORD]})


@nasty
def _two_hundred_columns():
    return pd.DataFrame({f"c{j}": [WORD, NUMBER] for j in range(200)})


@nasty
def _ten_thousand_categories():
    return beside([f"{WORD} {i}" for i in range(10_000)])


@nasty
def _all_unique():
    return beside([str(uuid.UUID(int=i)) + WORD for i in range(ROWS)])


@nasty
def _constant():
    return beside([WORD] * ROWS)


# --- missing values ----------------------------------------------------------------


@nasty
def _all_missing_object():
    return beside([None] * ROWS)


@nasty
def _all_missing_float():
    return beside(pd.Series([math.nan] * ROWS))


@nasty
def _every_mark_of_missing():
    return beside([None, math.nan, pd.NA, pd.NaT, np.datetime64("NaT"), 1] * 10)


@nasty
def _one_value_among_missing():
    return beside([NUMBER, *[None] * (ROWS - 1)])


@nasty
def _all_missing_nullable():
    return beside(pd.Series([pd.NA] * ROWS, dtype="Int64"))


@nasty
def _all_missing_category():
    return beside(pd.Series(pd.Categorical([None] * ROWS, categories=[])))


# --- numbers -----------------------------------------------------------------------


@nasty
def _infinite_values():
    return beside(pd.Series([math.inf, -math.inf, 1.0] * 20))


@nasty
def _only_infinite_values():
    return beside(pd.Series([math.inf, -math.inf] * 30))


@nasty
def _beyond_64_bits():
    return beside([2**64 + NUMBER, -(2**70), 5] * 20)


@nasty
def _beyond_all_floats():
    return one_bad(10**400 + NUMBER)


@nasty
def _unsigned_64_bits():
    return beside(pd.Series([2**64 - 1, 2**63, 0] * 20, dtype="uint64"))


@nasty
def _integers_beyond_2_to_53():
    return beside(pd.Series([2**53 + 1, 2**53 + 3, 2**62] * 20, dtype="int64"))


@nasty
def _largest_and_smallest_floats():
    return beside(pd.Series([1.7e308, -1.7e308, 5e-324] * 20))


@nasty
def _smallest_floats_only():
    return beside(pd.Series([5e-324, 1e-320, 0.0] * 20))


@nasty
def _negative_zero():
    return beside(pd.Series([-0.0, 0.0] * 30))


@nasty
def _half_floats():
    return beside(pd.Series([1.5, 65504.0, math.inf] * 20, dtype="float16"))


@nasty
def _long_doubles():
    return beside(pd.Series([1.5, 2.5, NUMBER] * 20, dtype=np.longdouble))


@nasty
def _long_doubles_beyond_floats():
    return beside(pd.Series([np.longdouble("1e400"), 1.0] * 30, dtype=np.longdouble))


@nasty
def _complex_numbers():
    return beside(pd.Series([1 + 2j, NUMBER + 0j] * 30))


@nasty
def _complex_cells():
    return one_bad(complex(NUMBER, 1))


@nasty
def _decimals():
    return beside([decimal.Decimal("1.10"), decimal.Decimal(NUMBER)] * 30)


@nasty
def _strange_decimals():
    return beside([decimal.Decimal(x) for x in ("NaN", "sNaN", "Infinity")] * 20)


@nasty
def _fractions():
    return beside([fractions.Fraction(1, 3), fractions.Fraction(NUMBER, 7)] * 30)


@nasty
def _sparse():
    return beside(pd.Series(pd.arrays.SparseArray([0, 0, NUMBER] * 20)))


@nasty
def _sparse_missing():
    return beside(pd.Series(pd.arrays.SparseArray([math.nan, NUMBER, 1.0] * 20)))


@nasty
def _numpy_cells():
    return beside([np.int8(3), np.float32(2.5), np.bool_(1), np.str_(WORD)] * 15)


# --- text --------------------------------------------------------------------------


@nasty
def _leading_zeros():
    return beside(["007", "7", "0007", "+7", "7.0", str(NUMBER)] * 10)


@nasty
def _emoji_and_scripts():
    return beside(
        ["👩‍👩‍👧", "🏳️‍🌈", "\u202eabc", "e\u0301", "é", "\u200b", WORD, "ﷺ"] * 8
    )


@nasty
def _newlines_and_nulls():
    return beside([f"{WORD}\n2", "a\r\nb", "a\0b", "\0", "\t", "\x1b[31m", "\x85"] * 9)


@nasty
def _quotes_and_commas():
    return beside(['"', '""', "'", ",", '",\n"', "\\", "=cmd()", f'"{WORD}"'] * 8)


@nasty
def _blank_text():
    return beside(["", " ", "  ", "\u00a0", "\ufeff"] * 12)


@nasty
def _half_a_character():
    return one_bad("\ud800" + WORD, "x")


@nasty
def _huge_text():
    return one_bad(WORD * 1_000_000, "x")


@nasty
def _huge_digits():
    return one_bad("9" * 100_000, "5")


@nasty
def _words_that_mean_other_things():
    return beside(["nan", "NaN", "inf", "-inf", "None", "True", "1e5", "0x10"] * 8)


@nasty
def _bytes():
    return beside([b"\xff\xfe", WORD.encode(), b""] * 20)


@nasty
def _text_dtype():
    return beside(pd.Series([WORD, None, "x"] * 20, dtype="string"))


# --- dates and times ---------------------------------------------------------------


@nasty
def _dates():
    return beside(pd.Series(pd.date_range("2001-02-03", periods=ROWS)))


@nasty
def _dates_before_1677():
    return beside([dt.date(1500, 1, 1), dt.date(1, 1, 1), dt.date(9999, 12, 31)] * 9)


@nasty
def _second_dates_before_1677():
    days = np.array(["1500-01-01", "0001-01-01", "NaT"] * 20, dtype="datetime64[s]")
    return beside(pd.Series(days))


@nasty
def _dates_with_a_zone():
    return beside(pd.Series(pd.date_range("2001", periods=ROWS, tz="Europe/Berlin")))


@nasty
def _dates_of_many_zones():
    zones = [dt.timezone(dt.timedelta(hours=h)) for h in (-3, 0, 9)]
    return beside([dt.datetime(2001, 1, 1, tzinfo=z) for z in zones] * 20)


@nasty
def _times():
    return beside([dt.time(1, 2, 3), dt.time(23, 59, 59, 999999)] * 30)


@nasty
def _durations():
    return beside(pd.Series(pd.to_timedelta(range(ROWS), unit="D")))


@nasty
def _periods():
    return beside(pd.Series(pd.period_range("2001", periods=ROWS, freq="M")))


@nasty
def _intervals():
    return beside(pd.Series(pd.interval_range(0, ROWS)))


# --- cells that are no values ------------------------------------------------------


@nasty
def _mixed_types():
    return beside(
        [1, "1", 1.0, True, None, WORD, dt.date(2001, 1, 1), b"1", NUMBER] * 7
    )


@nasty
def _lists():
    return beside([[1, [WORD]], [], [NUMBER]] * 20)


@nasty
def _arrays():
    return beside(pd.Series([np.arange(3), np.arange(0), np.array(NUMBER)] * 20))


@nasty
def _dictionaries():
    return beside([{"k": WORD}, {}, {1: NUMBER}] * 20)


@nasty
def _sets():
    return beside([{1, WORD}, set(), frozenset([NUMBER])] * 20)


@nasty
def _tuples():
    return beside([(1, WORD), (), (NUMBER,)] * 20)


@nasty
def _frames_in_cells():
    return one_bad(pd.DataFrame({"x": [WORD]}))


@nasty
def _a_list_that_holds_itself():
    loop = [WORD]
    loop.append(loop)
    return one_bad(loop)


@nasty
def _a_list_ten_thousand_deep():
    deep = [WORD]
    for _ in range(10_000):
        deep = [deep]
    return one_bad(deep)


@nasty
def _functions_and_classes():
    return beside([len, int, lambda: WORD, ...] * 15)


@nasty
def _generators():
    return beside([iter([WORD]), (x for x in WORD)] * 30)


def _fails(*_, **__):
    raise RuntimeError(f"a cell holds {WORD} and {NUMBER}")


class Hostile:
    """Everything that a library may ask of a cell fails, and quotes it."""

    __str__ = __repr__ = __eq__ = __ne__ = __hash__ = __bool__ = __float__ = _fails
    __lt__ = __gt__ = __len__ = __iter__ = __int__ = __index__ = __getattr__ = _fails


class Disguised:
    """A cell that lies about its class, and fails when asked for it."""

    __class__ = property(_fails)


class HostileText(str):
    __slots__ = ()
    __str__ = __repr__ = __eq__ = __ne__ = __hash__ = __len__ = encode = strip = _fails


class Chameleon(str):
    """Text that is equal to everything and is another text when asked."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    def __str__(self):
        return f"{WORD} of a chameleon"


class HostileInteger(int):
    __str__ = __repr__ = __eq__ = __ne__ = __hash__ = __float__ = __abs__ = _fails


class HostileFloat(float):
    __str__ = __repr__ = __eq__ = __ne__ = __hash__ = __float__ = _fails


class Item:
    """A cell whose ``item``, as NumPy's numbers have one, fails."""

    item = _fails


@nasty
def _hostile_cells():
    return one_bad(Hostile())


@nasty
def _only_hostile_cells():
    return beside([Hostile() for _ in range(ROWS)])


@nasty
def _disguised_cells():
    return one_bad(Disguised())


@nasty
def _hostile_text():
    return one_bad(HostileText(WORD), "x")


@nasty
def _chameleons():
    return beside([Chameleon("x"), "y", Chameleon("z")] * 20)


@nasty
def _hostile_integers():
    return one_bad(HostileInteger(NUMBER), 5)


@nasty
def _hostile_floats():
    return one_bad(HostileFloat(NUMBER), 5.0)


@nasty
def _cells_with_a_hostile_item():
    return one_bad(Item())


@nasty
def _unhashable_text():
    class Unhashable(str):
        __slots__ = ()
        __hash__ = None

    return one_bad(Unhashable(WORD), "x")


# --- categories --------------------------------------------------------------------


@nasty
def _mixed_levels():
    levels = [1, "1", 1.5, dt.date(2001, 1, 1), WORD]
    return beside(pd.Series(pd.Categorical(levels * 12, categories=levels)))


@nasty
def _interval_levels():
    return beside(pd.Series(pd.cut(np.arange(ROWS), 3)))


@nasty
def _unused_levels():
    cells = pd.Categorical(["x"] * ROWS, categories=["x", WORD])
    return beside(pd.Series(cells))


@nasty
def _levels_that_read_the_same():
    levels = [1, "1"]
    return beside(pd.Series(pd.Categorical(levels * 30, categories=levels)))


@nasty
def _tuple_levels():
    cells = pd.Series([(1, WORD), (2, "x")] * 30).astype("category")
    return beside(cells)


# --- names and indexes -------------------------------------------------------------


@nasty
def _duplicate_names():
    return pd.DataFrame([[WORD, NUMBER]] * ROWS, columns=["a", "a"])


@nasty
def _number_names():
    return pd.DataFrame({0: [WORD] * ROWS, 1: [NUMBER] * ROWS})


@nasty
def _levels_of_names():
    return pd.DataFrame([[WORD, NUMBER]] * ROWS, columns=[["a", "a"], ["x", "y"]])


@nasty
def _no_name():
    return pd.DataFrame([[WORD, NUMBER]] * ROWS, columns=["a", None])


@nasty
def _empty_name():
    return pd.DataFrame({"": [WORD] * ROWS, "a": [NUMBER] * ROWS})


@nasty
def _half_a_character_for_a_name():
    names = pd.Index(["\ud800", "a"], dtype="object")  # not in Arrow memory
    return pd.DataFrame([[WORD, NUMBER]] * ROWS, columns=names)


@nasty
def _control_characters_for_a_name():
    return pd.DataFrame({"a\n\0\x1b[31m": [WORD] * ROWS, "a": [NUMBER] * ROWS})


@nasty
def _huge_name():
    return pd.DataFrame({"a" * 1_000_000: [WORD] * ROWS})


@nasty
def _names_of_internals():
    names = ("row", "other", "index", "__class__", "columns", "self", "nan", "0/lows")
    return pd.DataFrame({name: [WORD, "x", "y"] * 20 for name in names})


@nasty
def _hostile_name():
    class Name(str):
        __slots__ = ()

        def __str__(self):
            raise RuntimeError(WORD)

    return pd.DataFrame({Name("a"): ["x"] * ROWS})


@nasty
def _index_with_levels():
    frame = beside([NUMBER] * ROWS)
    frame.index = pd.MultiIndex.from_product([["i"], [7] * ROWS])
    return frame


@nasty
def _index_that_repeats():
    frame = beside([NUMBER] * ROWS)
    frame.index = [WORD] * ROWS
    return frame


@nasty
def _index_named_as_a_column():
    frame = beside([NUMBER] * ROWS)
    frame.index.name = "a"
    return frame


# --- no frames ---------------------------------------------------------------------


@nasty
def _none():
    return None


@nasty
def _a_number():
    return NUMBER


@nasty
def _the_name_of_no_file():
    return "no such table"


@nasty
def _a_list_of_rows():
    return [[WORD, NUMBER]] * ROWS


@nasty
def _a_dictionary_of_columns():
    return {"a": [WORD], "b": [NUMBER]}


@nasty
def _an_array():
    return np.array([[WORD, NUMBER]] * ROWS)


@nasty
def _a_series():
    return pd.Series([WORD] * ROWS)


@nasty
def _a_class():
    return pd.DataFrame


@nasty
def _a_reader_that_fails():
    return _fails


@nasty
def _a_reader_that_returns_nothing():
    return lambda: None


@nasty
def _a_hostile_frame():
    return Hostile()


@nasty
def _a_frame_that_fails():
    class Frame(pd.DataFrame):
        """A frame whose every answer about itself fails."""

        columns = property(_fails)
        __len__ = __getitem__ = _fails

    return Frame({"a": [WORD]})
