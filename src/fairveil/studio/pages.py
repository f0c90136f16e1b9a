"""What each page shows: contexts for the templates, made of the desk.

Confidential: the drafted kinds and counts of columns. Public: everything else. Every
value is escaped by the templates; titles and addresses hold fixed words only.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from fairveil.errors import FairveilError
from fairveil.publish.page import environment
from fairveil.studio import advice, answers as given, commands, dial
from fairveil.studio.answers import Form
from fairveil.studio.desk import ASKED, Desk
from fairveil.studio.jobs import Progress

TITLES: Mapping[str, str] = {
    "table": "The table",
    "unit": "Who is protected",
    "columns": "Columns",
    "roles": "Fairness",
    "readers": "Who receives it",
    "budget": "The budget",
    "confirm": "Spend it",
    "work": "At work",
    "dial": "Choose a release",
    "release": "The release",
}
SHOWN = ("table", "unit", "columns", "roles", "readers", "budget", "confirm")
AFTER = ("dial", "release")
KINDS: Mapping[str, str] = {
    "categorical": "words or codes",
    "numeric": "numbers",
    "boolean": "yes or no",
    "date": "dates",
    "datetime": "dates with a time",
    "time": "times of day",
    "duration": "durations",
    "unknown": "nothing that can be told",
}
WORK: Mapping[str, str] = {
    "fit": "The fit is spending the budget and learning",
    "describe": "Reading what the model says of itself",
    "explore": "Comparing releases of the fit",
    "choose": "Making the release and its certificate",
    "report": "Making the internal report",
}
STAGES: Mapping[str, str] = {  # those of a fit, for somebody who never trained a model
    "marginals": "counting how columns go together, with noise",
    "warm start": "learning from the noisy counts",
    "vae": "learning from rows, with noise",
    "clusters": "sorting what was learnt into groups",
    "generator": "learning to make rows; no real row is read",
}
_MOST_LISTED = 500
_TABLES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class Trouble:
    """Why a form was not taken.

    Attributes:
        text: what is wrong, and what to try.
        field: the part of the form that it is about; empty for all of it.
    """

    text: str
    field: str = ""


def render(template: str, **context: Any) -> str:
    """A page, every value escaped."""
    return _environment().get_template(f"{template}.html").render(**context)


def asset(name: str) -> bytes:
    """A style sheet, script or picture of the studio, or the look of ``publish``."""
    home = "fairveil.publish" if name == "style.css" else "fairveil.studio"
    folder = "templates" if name == "style.css" else "static"
    return (resources.files(home) / folder / name).read_bytes()


def context(desk: Desk, step: str, form: Form, trouble: Trouble | None) -> Any:
    """What the page of a step is made of."""
    more: Mapping[str, Callable[[], dict[str, Any]]] = {
        "table": lambda: _table(form),
        "columns": lambda: _columns(desk),
        "budget": lambda: _budget(desk),
        "confirm": lambda: {**_budget(desk), "ticket": desk.confirmation()},
        "work": lambda: _work(desk),
        "dial": lambda: _dial(desk),
        "release": lambda: _release(desk),
    }
    fixed = {
        "step": step,
        "title": TITLES[step],
        "titles": TITLES,
        "shown": SHOWN,
        "after": AFTER,
        "reachable": reachable(desk),
        "done": desk.answers.done,
        "answers": desk.answers,
        "folder": desk.folder,
        "form": form,
        "trouble": trouble,
        "failed": desk.failed,
        "first": lambda field, usual="": (form.get(field) or [usual])[0],
    }
    return {**fixed, **more.get(step, dict)()}


def reachable(desk: Desk) -> tuple[str, ...]:
    """The steps that may be opened now."""
    state = desk.state()
    if state in ("working", "elsewhere"):
        return ("work",)
    if state == "fitted":
        chosen = desk.place.releases()
        return ("table", "dial", *(["release"] if chosen else []))
    if state in ("paid", "stuck"):
        return ("table", "work")
    if not desk.answers.table:
        return ("table",)
    known = len([step for step in ASKED if step in desk.answers.done])
    return SHOWN[: known + 1]


def home(desk: Desk) -> str:
    """The step where the steward is."""
    state = desk.state()
    if state in ("working", "elsewhere", "paid", "stuck"):
        return "work"
    if state == "fitted":
        return "release" if desk.place.releases() else "dial"
    return desk.step()


def _table(form: Form) -> dict[str, Any]:
    told = (form.get("open") or form.get("at") or [""])[0]
    here = Path(told) if told else Path.home()
    here = here if here.is_dir() else Path.home()
    try:
        found = sorted(os.scandir(here), key=lambda e: e.name.lower())[:_MOST_LISTED]
    except OSError:
        found = []
    seen = [e for e in found if not e.name.startswith(".")]
    return {
        "here": str(here),
        "above": str(here.parent),
        "folders": [e.path for e in seen if e.is_dir()],
        "tables": [e.path for e in seen if e.name.endswith(_TABLES) and e.is_file()],
        "name_of": lambda path: Path(path).name,
    }


def _columns(desk: Desk) -> dict[str, Any]:
    now = desk.answers
    drafted = [c for c in desk.draft.get("columns", []) if c["name"] != now.unit]
    places = {name: place for place, name in enumerate(now.names)}
    return {
        "columns": [{**c, "place": places[c["name"]]} for c in drafted],
        "kinds": KINDS,
        "facts": given.FACTS,
        "declared": given.DECLARED,
        "layouts": given.LAYOUTS,
        "typed": now.declared,
    }


def _budget(desk: Desk) -> dict[str, Any]:
    now = desk.answers
    return {
        "odds": advice.table_of_odds(now.epsilon, now.delta),
        "forecast": advice.forecast(now),
        "account": desk.account(),
        "readers": given.READERS,
    }


def _work(desk: Desk) -> dict[str, Any]:
    state, job = desk.state(), desk.job
    kind = job.kind if job else "fit"
    return {
        "state": state,
        "kind": kind,
        "words": WORK[kind],
        "progress": progress(desk),
        "stopping": bool(job and job.stopping),
    }


def progress(desk: Desk) -> Progress:
    """Where the work is, in a steward's words."""
    job = desk.job
    now = job.progress if job else Progress()
    return replace(now, stage=STAGES.get(now.stage, now.stage))


def _dial(desk: Desk) -> dict[str, Any]:
    now, place = desk.answers, desk.place
    frontier = place.read(place.frontier)
    found = dial.points(frontier)
    facts = place.read(place.facts)
    return {
        "points": found,
        "baselines": frontier.get("baselines", []),
        "pictures": dial.pictures(found) if found else [],
        "values": commands.values_of(now, facts.get("columns", [])),
        "certificate": facts.get("certificate", {}),
        "reports": _reports(desk),
        "size": (dial.WIDTH, dial.HEIGHT),
        "left": dial.LEFT,
    }


def _release(desk: Desk) -> dict[str, Any]:
    place = desk.place
    made = []
    for release in place.releases():
        folder = place.release(release)
        told = place.read(folder / "certificate.json")
        made.append(
            {
                "number": release,
                "folder": str(folder),
                "rows": told.get("data", {}).get("rows"),
                "promise": told.get("promise", {}).get("sentence", ""),
                "fairness": told.get("fairness", {}),
                "choice": told.get("choice", {}),
                "report": (folder / "report.html").exists(),
            }
        )
    return {"releases": made[::-1], "reports": _reports(desk)}


def _reports(desk: Desk) -> int:
    """How often an internal report was opened."""
    return sum(e["what"] == "report opened" for e in desk.place.journal())


def said(error: FairveilError) -> Trouble:
    """An error of ours as trouble with a form."""
    return Trouble(str(error), getattr(error, "field", ""))


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return environment(_template, least=_least)


def _least(share: float) -> str:
    """A lower bound as per cent, rounded down to a tenth."""
    return f"{math.floor(share * 1000) / 10:g}\u00a0%"


def _template(name: str) -> str:
    place = resources.files("fairveil.studio") / "templates" / name
    return place.read_text(encoding="utf-8")
