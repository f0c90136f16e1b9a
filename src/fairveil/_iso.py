"""Dates, datetimes, times of day and durations as nanoseconds, and as ISO 8601 text.

Pure functions of single values: since 1970-01-01 (in UTC where a time zone is
declared), since midnight, or of a duration. What is read may be a cell or a public
bound; ``exact`` raises for text that is no such value and repeats none of it.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

Temporal: TypeAlias = Literal["date", "datetime", "time", "duration"]
Resolution: TypeAlias = Literal[
    "day", "hour", "minute", "second", "millisecond", "microsecond", "nanosecond"
]

TEMPORAL = ("date", "datetime", "time", "duration")
NANOSECONDS: dict[Resolution, int] = {  # of one tick
    "day": 86_400 * 10**9,
    "hour": 3_600 * 10**9,
    "minute": 60 * 10**9,
    "second": 10**9,
    "millisecond": 10**6,
    "microsecond": 10**3,
    "nanosecond": 1,
}
RESOLUTIONS: tuple[Resolution, ...] = tuple(NANOSECONDS)
USUAL: dict[str, Resolution] = {
    "date": "day",
    "datetime": "second",
    "time": "second",
    "duration": "second",
}
DAY = NANOSECONDS["day"]
CODES = dict(zip(RESOLUTIONS, ("D", "h", "m", "s", "ms", "us", "ns"), strict=True))
BY_CODE: dict[str, Resolution] = {code: name for name, code in CODES.items()}
UNITS = {code: NANOSECONDS[name] for name, code in CODES.items()} | {"W": 7 * DAY}
_EXACT = 2**53  # ticks up to here are floats
EPOCH = dt.date(1970, 1, 1).toordinal()
FIRST, LAST = (  # a year has four digits
    (dt.date(1, 1, 1).toordinal() - EPOCH) * DAY,
    (dt.date(9999, 12, 31).toordinal() - EPOCH + 1) * DAY - 1,
)

_CLOCK = r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
_TIME = re.compile(_CLOCK)
_MOMENT = re.compile(
    rf"(\d{{4}})-(\d\d)-(\d\d)(?:[T ]{_CLOCK} ?(Z|[+-]\d\d:?\d\d(?::?\d\d)?)?)?"
)
_SPAN = re.compile(
    r"([+-]?)P(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,9}))?S)?)?"
)
_DAYS_AND_CLOCK = re.compile(
    r"(?:([+-]?\d+) days?,? ?)?([+-]?)(\d+):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
)


def exact(text: str, kind: str, zone: ZoneInfo | None = None) -> int:
    """Nanoseconds of a text in ISO 8601; durations also as clocks and in days.

    Raises:
        ValueError: it is none.
    """
    read = {"time": _time, "duration": _duration}.get(kind)
    return _moment(text, zone) if read is None else read(text)


def _moment(text: str, zone: ZoneInfo | None) -> int:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError("no date")
    year, month, day, hour, *rest, offset = found.groups()
    days = (dt.date(int(year), int(month), int(day)).toordinal() - EPOCH) * DAY
    clock = 0 if hour is None else _clock(hour, *rest)
    if offset is not None:
        return days + clock - _offset(offset)
    if zone is None:
        return days + clock
    whole, rest_of_it = divmod(clock, 10**9)
    naive = dt.datetime.fromordinal(days // DAY + EPOCH)
    return of_moment(naive + dt.timedelta(seconds=whole), zone) + rest_of_it


def _clock(hour: str, minute: str, second: str | None, part: str | None) -> int:
    h, m, s = int(hour), int(minute), int(second or 0)
    if h > 23 or m > 59 or s > 59:  # noqa: PLR2004  (a clock)
        raise ValueError("no time of day")
    return ((h * 60 + m) * 60 + s) * 10**9 + _part(part)


def _part(digits: str | None) -> int:
    return int((digits or "").ljust(9, "0"))


def _offset(text: str) -> int:
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "").ljust(6, "0")
    seconds = (int(digits[:2]) * 60 + int(digits[2:4])) * 60 + int(digits[4:])
    return (-seconds if text[0] == "-" else seconds) * 10**9


def _time(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("no time of day")
    return _clock(*found.groups())


def _duration(text: str) -> int:
    found = _SPAN.fullmatch(text)
    if found is not None and any(found.groups()[1:]):
        sign, *parts, fraction = found.groups()
        week, day, hour, minute, second = (int(p or 0) for p in parts)
        seconds = ((7 * week + day) * 24 + hour) * 3600 + minute * 60 + second
        total = seconds * 10**9 + _part(fraction)
        return -total if sign == "-" else total
    found = _DAYS_AND_CLOCK.fullmatch(text)
    if found is None:
        raise ValueError("no duration")
    day, sign, hour, minute, second, fraction = found.groups()
    seconds = (int(hour) * 60 + int(minute)) * 60 + int(second)
    total = seconds * 10**9 + _part(fraction)
    return int(day or 0) * DAY + (-total if sign == "-" else total)


def of_timedelta(cell: dt.timedelta) -> int:
    return ((cell.days * 86_400 + cell.seconds) * 10**6 + cell.microseconds) * 1000


def of_time(cell: dt.time) -> int:
    seconds = (cell.hour * 60 + cell.minute) * 60 + cell.second
    return (seconds * 10**6 + cell.microsecond) * 1000


def of_moment(moment: dt.datetime, zone: ZoneInfo | None) -> int:
    """Nanoseconds of a moment; one without an offset is on its zone's wall clock."""
    if moment.tzinfo is None and zone is not None:
        moment = moment.replace(tzinfo=zone)
    offset = moment.utcoffset() or dt.timedelta()
    days = (moment.toordinal() - EPOCH) * DAY
    return days + of_time(moment.time()) - of_timedelta(offset)


def zone_of(name: str | None) -> ZoneInfo | None:
    return None if name is None else ZoneInfo(name)


def ticks_of_text(
    text: str, kind: str, resolution: Resolution, *, zone: str | None, side: int
) -> int:
    """Tick of a public bound: at or above it (side 1), or at or below it (side -1).

    Raises:
        ValueError: the text is no such value.
    """
    nanoseconds = exact(text, kind, zone_of(zone))
    per_tick = NANOSECONDS[resolution]
    return -(-nanoseconds // per_tick) if side > 0 else nanoseconds // per_tick


def text_of_ticks(
    tick: float, kind: str, resolution: Resolution, *, zone: str | None = None
) -> str:
    """ISO 8601 of a tick; a moment of a column with a time zone in UTC."""
    nanoseconds = int(tick) * NANOSECONDS[resolution]
    if kind == "duration":
        return _iso_duration(nanoseconds)
    days, clock = divmod(nanoseconds, DAY)
    if kind == "time":
        return _iso_clock(nanoseconds)
    date = dt.date.fromordinal(days + EPOCH).isoformat()
    if kind == "date":
        return date
    return f"{date}T{_iso_clock(clock)}{'' if zone is None else 'Z'}"


def _iso_clock(nanoseconds: int) -> str:
    seconds, part = divmod(nanoseconds, 10**9)
    minutes, second = divmod(seconds, 60)
    digits = f".{part:09d}".rstrip("0") if part else ""
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}{digits}"


def _iso_duration(nanoseconds: int) -> str:
    sign = "-" if nanoseconds < 0 else ""
    days, rest = divmod(abs(nanoseconds), DAY)
    seconds, part = divmod(rest, 10**9)
    minutes, second = divmod(seconds, 60)
    digits = f".{part:09d}".rstrip("0") if part else ""
    clock = f"T{minutes // 60}H{minutes % 60}M{second}{digits}S" if rest else ""
    return f"{sign}P{days}D{clock}"


def told(
    least: int,
    largest: int,
    kind: str,
    resolution: Resolution,
    *,
    zone: str | None = None,
) -> dict[str, Any]:
    """Bounds as facts of a column: the ticks around two values, as far as they go.

    Args:
        least, largest: ends in nanoseconds.
        kind, zone: of the column.
        resolution: one that is too fine for the range becomes microseconds.
    """
    if kind == "time":
        least, largest = max(least, 0), min(largest, DAY - 1)
    elif kind != "duration":
        least, largest = max(least, FIRST), min(largest, LAST)
    if resolution == "nanosecond" and max(abs(least), abs(largest)) > _EXACT:
        resolution = "microsecond"
    per_tick = NANOSECONDS[resolution]
    first, last = least // per_tick, largest // per_tick
    first, last = max(first, -_EXACT), min(last, _EXACT)
    ends = [text_of_ticks(t, kind, resolution, zone=zone) for t in (first, last)]
    return {"resolution": resolution, "lower": ends[0], "upper": ends[1]}
