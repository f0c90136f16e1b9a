"""What the steward has answered so far: frozen, checked, and kept as JSON.

Public: names of columns, paths, and what the steward declares of the table; nothing
here was read off a row. Each ``with_*`` function takes a form and gives new answers, or
raises ``AnswerError`` with the field that has to be mended.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from fairveil.errors import ConfigError, problem
from fairveil.publish.inputs import About
from fairveil.schema import Column

Form = Mapping[str, Sequence[str]]
READERS: Mapping[str, str] = {
    "inside": "People of this organisation, who may not see the table itself",
    "agreement": "Named recipients, under an agreement",
    "public": "Anybody: it will be published",
}
FACTS: Mapping[str, str] = {
    "budget": "Find them under the budget",
    "codebook": "A code book says them",
    "public": "The table itself is public",
}
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_EPSILON = 20.0
_WHOLE, _DECIMAL, _LIST, _YES_NO = "whole", "decimal", "list", "yes-no"
_DATE, _MOMENT = "date", "datetime"
DECLARED: Mapping[str, str] = {
    "": "nothing: find it under the budget",
    _WHOLE: "a whole number, between two bounds",
    _DECIMAL: "a decimal number, between two bounds",
    _LIST: "one of a list of values",
    _YES_NO: "yes or no (True and False)",
    _DATE: "a date, between two days",
    _MOMENT: "a date with a time of day, between two days",
}
LAYOUTS: Mapping[str, str] = {
    "": "2026-12-31",
    "%d.%m.%Y": "31.12.2026",
    "%d/%m/%Y": "31/12/2026",
    "%m/%d/%Y": "12/31/2026",
}


class AnswerError(ConfigError):
    """An answer that cannot be; ``field`` names the part of the form."""

    def __init__(self, text: str, field: str) -> None:
        super().__init__(text)
        self.field = field


class Answers(BaseModel):
    """All answers; empty where a question was not answered yet.

    Attributes:
        table, folder: paths of the table, and of the folder for the results.
        names: columns of the table, in order.
        person: ``row`` or ``column``: what a protected unit is.
        unit, most_rows: the column that tells units apart, and rows of each at most.
        facts: key of ``FACTS``: where public facts of columns come from.
        codebook, declared_by: the file, or who declares the table public.
        anew: columns that identify; they are not learnt, and made anew.
        left: columns that are left out: not read by the fit, and not in the release.
        misnamed: columns that are named like personal data and hold none.
        declared: facts that the steward typed, by column, as fields of ``Column``.
        sensitive, legitimate, target: columns by role.
        readers, name, steward, purpose: who receives it, and what the certificate says.
        epsilon, delta, cap: of the fit; and epsilon of all fits, where a ledger begins.
        rows: about how many rows, for the forecast.
        done: steps that were answered.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    table: str = ""
    folder: str = ""
    names: tuple[str, ...] = ()
    person: Literal["", "row", "column"] = ""
    unit: str = ""
    most_rows: int = 1
    facts: Literal["budget", "codebook", "public"] = "budget"
    codebook: str = ""
    declared_by: str = ""
    anew: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    misnamed: tuple[str, ...] = ()
    declared: dict[str, dict[str, Any]] = {}
    sensitive: tuple[str, ...] = ()
    legitimate: tuple[str, ...] = ()
    target: str = ""
    readers: Literal["", "inside", "agreement", "public"] = ""
    name: str = ""
    steward: str = ""
    purpose: str = ""
    epsilon: float = 1.0
    delta: float = 1e-5
    cap: float = 1.0
    rows: int = 1
    done: tuple[str, ...] = ()

    @property
    def learnt(self) -> tuple[str, ...]:
        """Columns whose distribution the fit learns."""
        out = {*self.anew, *self.left, self.unit}
        return tuple(name for name in self.names if name not in out)

    @property
    def about(self) -> dict[str, str]:
        """What the certificate says of the data set, by argument of ``certify``."""
        words = ("name", "steward", "purpose")
        return {word: getattr(self, word) for word in words}

    def answered(self, step: str, **changes: Any) -> Answers:
        """The same with new answers to a step; later steps have to be confirmed."""
        kept = self.done[: self.done.index(step)] if step in self.done else self.done
        return self.model_copy(update={**changes, "done": (*kept, step)})


def restored(facts: Mapping[str, Any]) -> Answers:
    """Answers out of their JSON.

    Raises:
        ConfigError: the file is of another version, or damaged.
    """
    try:
        return Answers.model_validate(facts)
    except ValidationError:
        what = "the answers kept in the folder cannot be read"
        raise ConfigError(problem(what, try_="another folder")) from None


def with_unit(now: Answers, form: Form) -> Answers:
    """Who is protected, and how many rows each may have.

    Raises:
        AnswerError: a question is left open, or no such column.
    """
    person = _choice(form, "person", ("row", "column"), "who has a row")
    if person == "row":
        return now.answered("unit", person=person, unit="", most_rows=1)
    unit = _choice(form, "unit", now.names, "the column that tells people apart")
    most = whole(form, "most_rows", "the most rows that one person may have")
    return now.answered("unit", person=person, unit=unit, most_rows=most)


def with_columns(now: Answers, form: Form, personal: Collection[str]) -> Answers:
    """Which columns identify or are left out, and where facts of others come from.

    Args:
        now: the answers so far.
        form: fields ``anew``, ``left``, ``facts``, and for column number i ``kind-i``
            with ``lower-i``, ``upper-i``, ``places-i``, ``layout-i``, ``values-i`` and
            ``missing-i``.
        personal: columns that are named like personal data.

    Raises:
        AnswerError: a fact that cannot be, or nothing left to learn.
    """
    free = [name for name in now.names if name != now.unit]
    left = tuple(name for name in free if name in form.get("left", ()))
    anew = tuple(n for n in free if n in form.get("anew", ()) and n not in left)
    gone = {*left, *anew, now.unit}
    facts = _choice(form, "facts", tuple(FACTS), "where facts of columns come from")
    codebook, by = _text(form, "codebook"), _text(form, "declared_by")
    if facts == "codebook" and not codebook:
        raise AnswerError(
            problem("the code book's file is not named", try_="its path, a .json file"),
            "codebook",
        )
    if facts == "public" and not by:
        raise AnswerError(
            problem("it is not said who declares the table public", try_="a name"),
            "declared_by",
        )
    declared = {}
    if facts == "budget":
        for place, name in enumerate(now.names):
            if name not in gone and (kind := _text(form, f"kind-{place}")):
                declared[name] = _declared(form, name, kind, place)
    after = now.answered(
        "columns",
        anew=anew,
        left=left,
        facts=facts,
        codebook=codebook if facts == "codebook" else "",
        declared_by=by if facts == "public" else "",
        declared=declared,
        misnamed=tuple(name for name in personal if name not in gone),
    )
    if len(after.learnt) < 2:  # noqa: PLR2004  (one column has nothing to go with)
        what = "fewer than two columns are left to learn"
        hint = "making fewer columns anew, and leaving fewer out"
        raise AnswerError(problem(what, try_=hint), "anew")
    roles = {
        "sensitive": tuple(n for n in after.sensitive if n not in gone),
        "legitimate": tuple(n for n in after.legitimate if n not in gone),
        "target": "" if after.target in gone else after.target,
    }
    return after.model_copy(update=roles)


def with_roles(now: Answers, form: Form) -> Answers:
    """Which columns are sensitive, legitimate, and later predicted.

    Raises:
        AnswerError: a column in two roles, or no column left beside sensitive ones.
    """
    roles = {n: _text(form, f"role-{i}") for i, n in enumerate(now.names)}
    sensitive = tuple(n for n in now.learnt if roles[n] == "sensitive")
    legitimate = tuple(n for n in now.learnt if roles[n] == "legitimate")
    target = _text(form, "target")
    if target and target not in now.learnt:
        raise AnswerError(problem("there is no such column to predict"), "target")
    if len(sensitive) == len(now.learnt):
        what = "every column is sensitive: no other is left"
        raise AnswerError(problem(what, try_="leaving some out"), "roles")
    if target in (*sensitive, *legitimate) and target:
        what = "the column to predict is sensitive or legitimate, too"
        raise AnswerError(problem(what, got=target, try_="one of both"), "target")
    if legitimate and not sensitive:
        what = "legitimate columns are about sensitive ones, and none is named"
        raise AnswerError(problem(what, try_="a sensitive column"), "roles")
    return now.answered(
        "roles", sensitive=sensitive, legitimate=legitimate, target=target
    )


def with_readers(now: Answers, form: Form) -> Answers:
    """Who receives the release, and who answers for it.

    Raises:
        AnswerError: it is not said, or a text is no single printable line.
    """
    readers = _choice(form, "readers", tuple(READERS), "who receives the data")
    texts = {name: _text(form, name) for name in ("name", "steward", "purpose")}
    if not texts["name"]:
        what = "the data set has no name"
        raise AnswerError(problem(what, try_="'Patients of 2026'"), "name")
    try:
        About(**texts)
    except ConfigError as error:
        raise AnswerError(str(error), "name") from None
    return now.answered("readers", readers=readers, **texts)


def with_budget(now: Answers, form: Form, *, ledger: bool) -> Answers:
    """Epsilon and delta of the fit and, where a ledger begins, the cap of all fits.

    Args:
        now: the answers so far.
        form: fields ``epsilon``, ``delta``, ``cap``, ``rows``.
        ledger: whether there is a ledger, which has a cap.

    Raises:
        AnswerError: a number lies outside its range.
    """
    epsilon = _number(form, "epsilon", "epsilon", most=_MOST_EPSILON)
    delta = _number(form, "delta", "delta", most=0.01)
    rows = whole(form, "rows", "about how many rows there are")
    cap = epsilon if ledger else _number(form, "cap", "the cap of all fits", most=100.0)
    if not ledger and cap < epsilon:
        what = "the cap of all fits is below this fit's epsilon"
        raise AnswerError(problem(what, got=cap, try_=f"{epsilon:g} or more"), "cap")
    return now.answered("budget", epsilon=epsilon, delta=delta, cap=cap, rows=rows)


def _declared(form: Form, name: str, kind: str, place: int) -> dict[str, Any]:
    """Fields of a ``Column`` that the steward has typed."""
    missing = bool(_text(form, f"missing-{place}"))
    facts: dict[str, Any] = {"name": name, "nullable": missing}
    if kind in (_WHOLE, _DECIMAL):
        low = _number(form, f"lower-{place}", f"the lower bound of {name}", low=-1e15)
        high = _number(form, f"upper-{place}", f"the upper bound of {name}", low=-1e15)
        decimals = 0
        if kind == _DECIMAL:
            decimals = whole(form, f"places-{place}", f"decimals of {name}", low=0)
        integer = "Int64" if missing else "int64"
        facts |= {"kind": "numeric", "lower": low, "upper": high, "decimals": decimals}
        facts["dtype"] = "float64" if decimals else integer
    elif kind == _LIST:
        lines = csv.reader([_text(form, f"values-{place}")], skipinitialspace=True)
        values = [v.strip() for line in lines for v in line if v.strip()]
        facts |= {"kind": "categorical", "categories": values}
    elif kind == _YES_NO:
        facts |= {"kind": "boolean", "dtype": "boolean" if missing else "bool"}
    elif kind in (_DATE, _MOMENT):
        ends = {end: _text(form, f"{end}-{place}") for end in ("lower", "upper")}
        layout = _text(form, f"layout-{place}") if kind == _DATE else ""
        if layout not in LAYOUTS:
            raise AnswerError(problem("dates are not written so"), f"layout-{place}")
        facts |= {"kind": kind, **ends, **({"layout": layout} if layout else {})}
    else:
        raise AnswerError(problem("there is no such kind"), f"kind-{place}")
    try:
        Column.model_validate(facts, strict=False)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise AnswerError(problem(said, try_="other facts"), f"kind-{place}") from None
    return facts


def _text(form: Form, field: str) -> str:
    values = form.get(field, ())
    return values[0].strip() if values else ""


def _choice(form: Form, field: str, allowed: Collection[str], what: str) -> str:
    value = _text(form, field)
    if value not in allowed:
        raise AnswerError(problem(f"it is not said: {what}", try_="choosing"), field)
    return value


def _number(
    form: Form, field: str, what: str, *, most: float = 1e15, low: float = 0.0
) -> float:
    text = _text(form, field).replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (low < value <= most and math.isfinite(value)):
        within = "" if low < 0 else f" above {low:g}, at most {most:g}"
        raise AnswerError(
            problem(
                f"{what} has to be a number{within}",
                got=text[:40],
                try_="a number such as 1 or 0.5",
            ),
            field,
        )
    return value


def whole(form: Form, field: str, what: str, *, low: int = 1) -> int:
    """A whole number out of a field; thousands may have commas or blanks.

    Raises:
        AnswerError: another text, or a number below ``low``.
    """
    text = _text(form, field).replace(",", "").replace(" ", "")
    value = int(text) if text.isdecimal() and len(text) < 16 else -1  # noqa: PLR2004  (exact)
    if value < low:
        raise AnswerError(
            problem(f"{what} has to be a whole number", got=text[:40], try_=f"{low}"),
            field,
        )
    return value
