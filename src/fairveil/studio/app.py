"""Addresses and forms: thin handlers over a desk, on Starlette.

Nothing here computes. Handlers run in threads, so that no work stops the server. What
a handler may fail with is told in our words, or not at all: an unforeseen text could
hold a cell.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from fairveil.errors import ConfigError, FairveilError
from fairveil.studio import pages
from fairveil.studio.answers import Form
from fairveil.studio.desk import ASKED, Desk
from fairveil.studio.guard import DOCUMENT, Guard
from fairveil.studio.jobs import BusyError
from fairveil.studio.pages import Trouble

_SEE_OTHER, _UNTAKEN, _CONFLICT, _FAULT, _ABSENT = 303, 422, 409, 500, 404
_MOST_FIELDS = 20_000
_HIDDEN = "This is a fault of fairveil. Its text is hidden, for it may hold values."
_ASSETS = {
    "style.css": "text/css",
    "studio.css": "text/css",
    "studio.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_FILES = {
    "release": ("synthetic.csv", "text/csv"),
    "certificate": ("certificate.html", "text/html"),
    "certificate-json": ("certificate.json", "application/json"),
    "model": ("model.fairveil", "application/octet-stream"),
    "report": ("report.html", "text/html"),
    "report-json": ("report.json", "application/json"),
}
Handler = Callable[[Form], Response]


def make(desk: Desk, token: str) -> Guard:
    """The application of one desk behind its guard.

    Args:
        desk: the steward's work.
        token: the secret part of the address.
    """
    return Guard(_Studio(desk).app(), token)


class _Studio:
    """Handlers of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def app(self) -> Starlette:
        """All addresses."""
        steps = [Route(f"/{s}", self._get(s), methods=["GET"]) for s in pages.TITLES]
        posts: dict[str, Handler] = {
            "table": self._table,
            "browse": self._browse,
            "confirm": self._spend,
            "stop": self._stop,
            "resume": self._resume,
            "explore": self._explore,
            "choose": self._choose,
            "report": self._report,
            **{s: self._answering(s) for s in ASKED if s != "table"},
        }
        routes = [Route(f"/{n}", _post(h), methods=["POST"]) for n, h in posts.items()]
        return Starlette(
            routes=[
                Route("/", lambda _: _to(pages.home(self._desk))),
                Route("/progress", self._progress),
                Route("/static/{name}", self._asset),
                Route("/file/{number:int}/{name}", self._file),
                *steps,
                *routes,
            ],
            exception_handlers={
                HTTPException: _absent,
                Exception: _fault,
            },
        )

    def _get(self, step: str) -> Callable[[Request], Response]:
        def show(_: Request) -> Response:
            if step not in pages.reachable(self._desk):
                return _to(pages.home(self._desk))
            return self._page(step)

        return show

    def _page(
        self,
        step: str,
        form: Form | None = None,
        trouble: Trouble | None = None,
        *,
        code: int = 200,
    ) -> Response:
        found = pages.context(self._desk, step, form or {}, trouble)
        return _html(pages.render(step, **found), code)

    def _taken(self, step: str, form: Form, act: Callable[[], str]) -> Response:
        """Do something that a form asks for; where it fails, show the form again."""
        try:
            return _to(act())
        except FairveilError as error:
            busy = isinstance(error, BusyError)
            if step not in pages.reachable(self._desk):
                step = pages.home(self._desk)
            code = _CONFLICT if busy else _UNTAKEN
            return self._page(step, form, pages.said(error), code=code)

    def _table(self, form: Form) -> Response:
        def act() -> str:
            self._desk.choose_table(_one(form, "table"), _one(form, "folder"))
            return pages.home(self._desk)

        return self._taken("table", form, act)

    def _browse(self, form: Form) -> Response:
        return self._page("table", form)

    def _answering(self, step: str) -> Handler:
        def handle(form: Form) -> Response:
            def act() -> str:
                self._desk.answer(step, form)
                look = _one(form, "act") == "look"
                return step if look else self._desk.step()

            return self._taken(step, form, act)

        return handle

    def _spend(self, form: Form) -> Response:
        def act() -> str:
            agreed = _one(form, "agreed") == "yes"
            self._desk.spend(_one(form, "ticket"), agreed=agreed)
            return "work"

        return self._taken("confirm", form, act)

    def _stop(self, _: Form) -> Response:
        self._desk.stop()
        return _to("work")

    def _resume(self, form: Form) -> Response:
        def act() -> str:
            self._desk.resume()
            return "work"

        return self._taken("work", form, act)

    def _explore(self, form: Form) -> Response:
        def act() -> str:
            fine = _one(form, "fine") == "yes"
            self._desk.explore(_one(form, "positive"), fine=fine)
            return "work"

        return self._taken("dial", form, act)

    def _choose(self, form: Form) -> Response:
        def act() -> str:
            self._desk.choose(_one(form, "choice"), _one(form, "rows"))
            return "work"

        return self._taken("dial", form, act)

    def _report(self, form: Form) -> Response:
        def act() -> str:
            number = _one(form, "number")
            if not number.isdecimal():
                raise ConfigError("no release was named.")
            agreed = _one(form, "agreed") == "yes"
            self._desk.report(int(number), agreed=agreed, control=_one(form, "control"))
            return "work"

        return self._taken("release", form, act)

    def _progress(self, _: Request) -> Response:
        state = self._desk.state()
        told = {} if self._desk.job is None else vars(pages.progress(self._desk))
        busy = state in ("working", "elsewhere")
        return JSONResponse({"working": busy, **told})

    def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _ASSETS:
            return _absent(request, None)
        return Response(pages.asset(name), media_type=_ASSETS[name])

    def _file(self, request: Request) -> Response:
        """A file of a release: pages are shown, others saved."""
        number, name = request.path_params["number"], request.path_params["name"]
        desk = self._desk
        known = desk.folder is not None and number in desk.place.releases()
        file, kind = _FILES.get(name, ("", ""))
        path = desk.place.release(number) / file if known and file else None
        if path is None or not path.is_file():
            return _absent(request, None)
        shown = kind == "text/html"
        headers = {"Content-Security-Policy": DOCUMENT} if shown else {}
        return FileResponse(
            path,
            media_type=kind,
            filename=file,
            content_disposition_type="inline" if shown else "attachment",
            headers=headers,
        )


def _post(handler: Handler) -> Callable[..., object]:
    """Read a form, and handle it in a thread."""

    async def handle(request: Request) -> Response:
        body = await request.body()
        try:
            form = parse_qs(body.decode("utf-8"), max_num_fields=_MOST_FIELDS)
        except ValueError:
            return _message("The form cannot be read.", _UNTAKEN)
        return await run_in_threadpool(handler, form)

    return handle


def _one(form: Form, field: str) -> str:
    values = form.get(field, ())
    return values[0].strip() if values else ""


def _to(step: str) -> Response:
    return RedirectResponse(step, status_code=_SEE_OTHER)


def _html(text: str, code: int = 200) -> Response:
    return Response(text, status_code=code, media_type="text/html")


def _message(text: str, code: int) -> Response:
    return _html(pages.render("message", title="A word", text=text), code)


def _absent(_: Request, __: Exception | None) -> Response:
    return _message("There is no such page here.", _ABSENT)


def _fault(_: Request, __: Exception) -> Response:
    return _message(_HIDDEN, _FAULT)
