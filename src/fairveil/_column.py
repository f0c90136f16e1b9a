"""Public facts of one column, each with its provenance.

Everything here is public. Numbers, dates, datetimes, times of day and durations lie on
a scale: the column says between which ends, how far apart neighbouring values are, and
which values stand apart from it. The scale of the latter four counts ticks of their
resolution (``_iso``); their bounds are written as ISO 8601 text.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fairveil import _files, _iso
from fairveil._fakes import PROVIDERS
from fairveil._iso import NANOSECONDS, TEMPORAL, Resolution
from fairveil.errors import SchemaError, problem

Provenance = Literal["public", "dp", "from-data"]
Kind = Literal[
    "categorical",
    "numeric",
    "boolean",
    "date",
    "datetime",
    "time",
    "duration",
    "identifier",
]
Scalar = bool | int | float | str

_INT_LIMIT = 2**53
_WHOLE = {f"int{b}": (-(2 ** (b - 1)), 2 ** (b - 1) - 1) for b in (8, 16, 32, 64)}
_WHOLE |= {f"uint{b}": (0, 2**b - 1) for b in (8, 16, 32, 64)}
_MOST_SPECIAL = 100  # each is a code
_OF_TIME = ("resolution", "zone", "layout")
_OF_KEYS = ("pattern", "fake")
_LATER = (*_OF_TIME, *_OF_KEYS)  # facts that older files do not have


def _as_text(value: Any) -> Any:
    """Python's dates and durations in ISO 8601; anything else as it is."""
    if isinstance(value, dt.timedelta):
        ticks = value // dt.timedelta(microseconds=1)
        return _iso.text_of_ticks(ticks, "duration", "microsecond")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return value


Bound = Annotated[float | str, BeforeValidator(_as_text)]


class Column(BaseModel):
    """Public facts of one column.

    Attributes:
        name: column name (always public).
        kind: ``categorical``, ``numeric``, ``boolean``, ``date``, ``datetime``,
            ``time`` (of day), ``duration`` or ``identifier``. An identifier is never
            learnt: no cell of it is read, and its values are made anew (``_keys``).
        dtype: the data frame's own name of the type, restored in the output.
        categories: allowed values of a categorical column, in their order.
        ordered: whether that order means something (small to large); restored in the
            output where ``dtype`` is ``category``.
        other: the category that stands for every value outside ``categories``; without
            it such a value becomes missing, or the first category if not nullable.
        lower, upper: bounds of a column on a scale; values outside are clamped. Bounds
            finer than the scale count as rounded inwards, see ``ends``. Dates, times
            and durations as ISO 8601 text: ``2020-01-31``, ``2020-01-31T08:30:00``,
            ``08:30``, ``P1DT2H``; Python's own dates and durations are taken, too.
        decimals: places after the point (0: integers); None: continuous.
        special: values that are kept apart from the scale, such as codes (-1, 99) or
            zero, at most 100; within the bounds or outside of them. Each has a code of
            its own, so it comes back exactly and no neighbour turns into it.
        resolution: of dates, times and durations: ``day`` to ``nanosecond``. Without it
            dates count days, the others seconds.
        zone: time zone of a ``datetime`` column, such as ``Europe/Berlin``; moments
            without an offset are on its clock.
        layout: how text or numbers write a date or time, in the codes of ``strptime``
            (``%d.%m.%Y``); None: ISO 8601.
        pattern: of identifiers: ``#`` is a digit, ``@`` a capital letter, and a
            backslash takes the next sign as it is (``P-######``); or ``uuid``. Bounds
            instead of it give whole numbers between them; neither, 1, 2, 3 and so on.
        fake: of identifiers: what to make up instead, such as ``e-mail`` or ``name``
            (``_fakes``); fakes can repeat.
        nullable: whether missing values may occur.
        provenance: where each fact comes from, by field name; ``public`` by default.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", strict=True
    )

    name: str = Field(min_length=1)
    kind: Kind
    dtype: str = "object"
    categories: tuple[Scalar, ...] = ()
    ordered: bool = False
    other: Scalar | None = None
    lower: Bound | None = None
    upper: Bound | None = None
    decimals: int | None = Field(default=None, ge=0, le=12)
    special: tuple[Bound, ...] = ()
    resolution: Resolution | None = None
    zone: str | None = None
    layout: str | None = None
    pattern: str | None = Field(default=None, min_length=1, max_length=200)
    fake: str | None = None
    nullable: bool = False
    provenance: Mapping[str, Provenance] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_categories()
        self._check_temporal()
        self._check_identifier()
        if self._has_usual_dtype and "dtype" not in self.model_fields_set:
            object.__setattr__(self, "dtype", self._usual_dtype())
        if self.on_scale:
            self._check_bounds()
        return self

    def _check_categories(self) -> None:
        empty = self.nullable  # a column that holds nothing has no categories
        if self.kind == "categorical" and not (self.categories or empty):
            raise ValueError(f"column {self.name!r}: categories are missing")
        if len({str(c) for c in self.categories}) != len(self.categories):
            raise ValueError(f"column {self.name!r}: a category stands twice")
        if any(isinstance(c, float) and not math.isfinite(c) for c in self.categories):
            raise ValueError(f"column {self.name!r}: a category is not finite")
        texts = (self.name, self.other, *self.categories)
        if not all(map(_files.is_writable, texts)):
            raise ValueError("half of a character, which no file can hold")
        if self.ordered and self.kind != "categorical":
            raise ValueError(f"column {self.name!r}: only categories can be ordered")
        if self.other is not None and self.other not in self.categories:
            raise ValueError(f"column {self.name!r}: 'other' is not a category")

    def _check_temporal(self) -> None:
        given = [fact for fact in _OF_TIME if getattr(self, fact) is not None]
        if given and self.kind not in TEMPORAL:
            raise ValueError(f"column {self.name!r}: {given[0]} is for dates and times")
        if self.kind in TEMPORAL and self.decimals is not None:
            raise ValueError(
                f"column {self.name!r}: a resolution takes the place of decimals"
            )
        if self.kind == "date" and self.tick_seconds < NANOSECONDS["day"] / 10**9:
            raise ValueError(f"column {self.name!r}: dates count days")
        if self.layout is not None and self.kind == "duration":
            raise ValueError(f"column {self.name!r}: durations have no layout")
        if self.zone is None:
            return
        if self.kind != "datetime":
            raise ValueError(f"column {self.name!r}: a zone is for datetimes")
        try:
            ZoneInfo(self.zone)
        except Exception:  # noqa: BLE001  (it raises of several kinds)
            raise ValueError(
                f"column {self.name!r}: this machine knows no such time zone"
            ) from None

    def _check_identifier(self) -> None:
        given = [fact for fact in _OF_KEYS if getattr(self, fact) is not None]
        if self.kind != "identifier":
            if given:
                raise ValueError(f"column {self.name!r}: {given[0]} is for identifiers")
            return
        if self.nullable or self.special or self.decimals:
            raise ValueError(f"column {self.name!r}: an identifier is never missing")
        if self.fake is not None and self.fake not in PROVIDERS:
            raise ValueError(
                f"column {self.name!r}: fakes are one of " + ", ".join(PROVIDERS)
            )
        ends = [end for end in (self.lower, self.upper) if end is not None]
        if len(given) + bool(ends) > 1:
            raise ValueError(
                f"column {self.name!r}: identifiers have a pattern, or bounds, or fakes"
            )
        if ends:
            self._check_bounds()
        if not all(isinstance(end, float) and end.is_integer() for end in ends):
            raise ValueError(f"column {self.name!r}: identifiers are whole numbers")

    def _check_bounds(self) -> None:
        if self.lower is None or self.upper is None:
            raise ValueError(f"column {self.name!r}: lower and upper are missing")
        given = (self.lower, self.upper, *self.special)
        wanted = str if self.kind in TEMPORAL else float
        if not all(isinstance(value, wanted) for value in given):
            what = "ISO 8601 text" if wanted is str else "numbers"
            raise ValueError(f"column {self.name!r}: bounds have to be {what}")
        try:
            bounds = [self._number(value, 1) for value in given]
            lowest, highest = self.ends()
        except (ValueError, OverflowError):
            raise ValueError(
                f"column {self.name!r}: a bound is no {self.kind}"
            ) from None
        if not all(math.isfinite(b) and abs(b) <= _INT_LIMIT for b in bounds):
            raise ValueError(
                f"column {self.name!r}: a bound is not finite or beyond 2**53"
                + (" ticks; a coarser resolution?" if self.kind in TEMPORAL else "")
            )
        if bounds[0] > bounds[1]:
            raise ValueError(f"column {self.name!r}: lower is above upper")
        if lowest > highest:
            raise ValueError(
                f"column {self.name!r}: no value with these decimals lies between "
                "the bounds"
            )
        self._check_special()
        self._check_width()

    def _check_width(self) -> None:
        limits = limits_of(self.dtype)
        if self.kind != "numeric" or limits is None:
            return
        lowest, highest = self.reach()
        if lowest < limits[0] or highest > limits[1]:
            raise ValueError(f"column {self.name!r}: its dtype cannot hold the bounds")

    def _check_special(self) -> None:
        if len(self.special) > _MOST_SPECIAL:
            raise ValueError(
                f"column {self.name!r}: at most {_MOST_SPECIAL} values can be special"
            )
        if not all(map(self._is_on_scale, self.special)):
            raise ValueError(
                f"column {self.name!r}: a special value has too many decimals"
            )

    @property
    def learnt(self) -> bool:
        """Whether anything of the column is measured: not of identifiers."""
        return self.kind != "identifier"

    @property
    def _has_usual_dtype(self) -> bool:
        return self.kind in TEMPORAL or not self.learnt

    @property
    def on_scale(self) -> bool:
        """Whether values are numbers, dates, times or durations."""
        return self.kind == "numeric" or self.kind in TEMPORAL

    @property
    def unit(self) -> Resolution:
        """Resolution of dates, times and durations, the usual one where none is set."""
        return self.resolution or _iso.USUAL.get(self.kind, "second")

    @property
    def tick_seconds(self) -> float:
        """Seconds of one tick of a date, time or duration."""
        return NANOSECONDS[self.unit] / 10**9

    @property
    def places(self) -> int | None:
        """Decimals of the scale; 0 for ticks and categories; None for a continuum."""
        whole = self.kind in TEMPORAL or self.kind == "categorical"
        return 0 if whole else self.decimals

    @property
    def singles(self) -> tuple[float, ...]:
        """The special values as numbers of the scale."""
        return tuple(_near(self._number(s, 1), self.places) for s in self.special)

    def ends(self) -> tuple[float, float]:
        """Lowest and highest number that bounds and scale allow together.

        Raises:
            SchemaError: the column has no bounds.
        """
        if self.lower is None or self.upper is None:
            raise SchemaError(problem("the column has no bounds", got=self.name))
        return (
            _inwards(self._number(self.lower, 1), self.places, 1),
            _inwards(self._number(self.upper, -1), self.places, -1),
        )

    def reach(self) -> tuple[float, float]:
        """Lowest and highest number, with the special values; of categories, places."""
        if self.kind == "categorical":
            return 0.0, float(len(self.categories) - 1)
        numbers = (*self.ends(), *self.singles)
        return min(numbers), max(numbers)

    def with_ends(self, lowest: float, highest: float) -> Column:
        """The same column between two numbers of its scale."""
        ends = {"lower": self._told_end(lowest), "upper": self._told_end(highest)}
        return self.model_copy(update=ends)

    def copied_from_data(self) -> tuple[str, ...]:
        """Names of the facts that were copied from a table (sorted)."""
        return tuple(sorted(k for k, v in self.provenance.items() if v == "from-data"))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; later facts only where they are set."""
        said = self.model_dump(mode="json")
        return {k: v for k, v in said.items() if k not in _LATER or v is not None}

    def _usual_dtype(self) -> str:
        """The dtype of a date, time or identifier that nobody named."""
        if not self.learnt:
            return "int64" if self.pattern is self.fake is None else "str"
        if self.layout is not None:
            return "str"
        if self.kind in ("date", "time"):
            return "object"
        unit = "ns" if self.unit == "nanosecond" else "us"
        if self.kind == "duration":
            return f"timedelta64[{unit}]"
        zone = "" if self.zone is None else f", {self.zone}"
        return f"datetime64[{unit}{zone}]"

    def _number(self, value: float | str, side: int) -> float:
        """A bound as a number of the scale; text as the tick inside of it."""
        if not isinstance(value, str):
            return value
        return float(
            _iso.ticks_of_text(value, self.kind, self.unit, zone=self.zone, side=side)
        )

    def _told_end(self, number: float) -> float | str:
        if self.kind not in TEMPORAL:
            return number
        return _iso.text_of_ticks(number, self.kind, self.unit, zone=self.zone)

    def _is_on_scale(self, value: float | str) -> bool:
        if isinstance(value, str):
            return self._number(value, 1) == self._number(value, -1)
        return _on_scale(value, self.decimals)


def limits_of(dtype: str) -> tuple[float, float] | None:
    """Least and largest number of an integer dtype; None for any other."""
    return _WHOLE.get(dtype.lower().removesuffix("[pyarrow]"))


def _inwards(bound: float, decimals: int | None, side: int) -> float:
    """The nearest value on the scale above (side 1) or below (-1) the bound.

    A bound that misses the scale by the error of a float sum (0.1 + 0.2) is on it.
    """
    near = _near(bound, decimals)
    if decimals is None or _on_scale(bound, decimals) or (near - bound) * side > 0:
        return near
    return round(near + side * 10.0**-decimals, decimals)


def _near(value: float, decimals: int | None) -> float:
    return value if decimals is None else round(value, decimals)


def _on_scale(value: float, decimals: int | None) -> bool:
    slack = 0.0 if decimals is None else 1e-6 * 10.0**-decimals
    return abs(_near(value, decimals) - value) <= slack
