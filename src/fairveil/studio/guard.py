"""Who may talk to the studio: the checks in front of every page.

Public: the token is the one secret here; it is compared in constant time and told to
nobody who does not know it. Guarantees, for every request:

- the ``Host`` is this server's own address, so that a name that was rebound to
  127.0.0.1 gets nothing;
- the path begins with the token. There is no cookie: cookies of one host are sent to
  every port of it, so another program on this machine could collect them;
- whatever is posted comes from a page of this server (``Origin``), is a plain form of
  at most a mebibyte, and a browser that tells (``Sec-Fetch-Site``) agrees;
- there are no websockets;
- answers are kept in no cache, framed by nobody, and may load from this server alone.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 1 << 20
_FORM = "application/x-www-form-urlencoded"
_METHODS = ("GET", "HEAD", "POST")
_FORBIDDEN, _LENGTH, _LARGE, _KIND, _METHOD = 403, 411, 413, 415, 405
_DIGITS = re.compile(r"[0-9]{1,7}")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# pages that were made as one file: no script, no form that is sent, nothing loaded
DOCUMENT = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # none at all would empty the Origin of forms
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
REFUSED = (
    "fairveil studio refused this request. Use the whole address that the terminal "
    "shows; it is another one each time the studio starts."
)


class Guard:
    """The checks, around an application.

    Args:
        app: the application; it sees the token as its ``root_path``.
        token: the secret part of the address.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(scope)
        if refused:
            answer = PlainTextResponse(REFUSED, status_code=refused)
            await answer(scope, receive, told)
            return
        await self._app({**scope, "root_path": f"/{self._token}"}, receive, told)

    def _refused(self, scope: Scope) -> int:
        """The code of a refusal; 0 for a request that may pass."""
        headers = Headers(scope=scope)
        hosts = _hosts(scope["server"][1])
        if headers.getlist("host") not in [[host] for host in hosts]:
            return _FORBIDDEN
        first = scope["path"].split("/")[1:2]
        given = first[0].encode() if first else b""
        if not hmac.compare_digest(given, self._token.encode()):
            return _FORBIDDEN
        if "upgrade" in headers:
            return _FORBIDDEN
        if scope["method"] not in _METHODS:
            return _METHOD
        return _posted(headers) if scope["method"] == "POST" else 0


def _posted(headers: Headers) -> int:
    """What speaks against something that is sent here."""
    if headers.getlist("origin") != [f"http://{headers['host']}"]:
        return _FORBIDDEN
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return _FORBIDDEN
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return _KIND
    length = headers.get("content-length", "")
    if not _DIGITS.fullmatch(length) or "transfer-encoding" in headers:
        return _LENGTH
    return _LARGE if int(length) > MOST_BODY else 0


def _hosts(port: Any) -> tuple[str, ...]:
    return f"127.0.0.1:{port}", f"localhost:{port}"
