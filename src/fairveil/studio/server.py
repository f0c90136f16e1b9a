"""The server: 127.0.0.1 alone, a token of its own each time, no log of requests.

This is the one module that listens on a network, and only on the loopback interface;
nothing connects anywhere. The token is drawn when the server starts and dies with it.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator

import uvicorn

from fairveil.studio import app
from fairveil.studio.desk import Desk

HOST = "127.0.0.1"
_BITS = 32  # bytes of the token
_PATIENCE = 30.0  # seconds that work has to stop in


class _Server(uvicorn.Server):
    """Tells when it listens, since only then its port is known."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list | None = None) -> None:  # type: ignore[type-arg]  (as uvicorn has it)
        """Listen, then say where."""
        await super().startup(sockets)
        if self.servers:
            self._ready(self.servers[0].sockets[0].getsockname()[1])


class Studio:
    """A server of one desk.

    Args:
        desk: the steward's work.
        port: 0 for any that is free.
        ready: called with the address once the server listens.
    """

    def __init__(
        self, desk: Desk, *, port: int = 0, ready: Callable[[str], object] = str
    ) -> None:
        self.desk: Desk = desk
        self._told = ready
        self.token: str = secrets.token_urlsafe(_BITS)
        self.address: str = ""
        config = uvicorn.Config(
            app.make(desk, self.token),
            host=HOST,
            port=port,
            http="h11",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="critical",
            server_header=False,
            proxy_headers=False,
            forwarded_allow_ips="",
            timeout_graceful_shutdown=3,
        )
        self._server = _Server(config, self._listening)

    def run(self) -> None:
        """Serve until Ctrl-C; then ask work that goes on to stop, and wait for it.

        Raises:
            SystemExit: the port cannot be had.
        """
        with contextlib.suppress(KeyboardInterrupt):
            self._server.run()
        self.finish()

    def finish(self) -> None:
        """Stop the work that is going on, as Ctrl-C stops a fit."""
        job = self.desk.job
        if job is not None and job.running:
            job.stop()
            job.wait(_PATIENCE)
        self.desk.state()  # how it ended comes into the journal

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve from a thread for as long as a block runs; gives the address."""
        heard = threading.Event()
        told, self._told = self._told, lambda _: heard.set()
        thread = threading.Thread(target=self._server.run, daemon=True)
        thread.start()
        try:
            heard.wait(30.0)
            told(self.address)
            yield self.address
        finally:
            self._server.should_exit = True
            thread.join(30.0)
            self.finish()

    def _listening(self, port: int) -> None:
        self.address = f"http://{HOST}:{port}/{self.token}/"
        self._told(self.address)
