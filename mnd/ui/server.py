"""The server: bound to this computer, told to one browser, and gone with all that it knew."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from ..base.errors import MndError
from ..base.files import PhotoError, read_bytes, shown
from ..cloaking.settings import CloakSettings
from .app import Page
from .engine import Engine
from .guard import Guard, Keys
from .session import RefusedError, Session, Trouble
from .settings import UiSettings
from .tabs import Tabs

HOST = "127.0.0.1"
PATIENCE = 5.0
"""Seconds that a search is given to end at its next step."""


class PortError(MndError, OSError):
    """The port that was asked for cannot be had."""


class Server:
    """Serves the page until it is told to end.

    Args:
        settings: whom to fool, and where to compute.
        how: port, limits, whether a browser is opened.

    Raises:
        PortError: the port is taken.
    """

    def __init__(self, settings: CloakSettings, how: UiSettings) -> None:
        self.settings, self.how = settings, how
        self._socket = _bound(how.port)
        self.port: int = self._socket.getsockname()[1]
        self.keys = Keys(self.port)
        self.session = Session(how.most_photos, how.bytes)
        self.session.targets = list(settings.targets)
        self.engine = Engine(self.session, settings)
        self.tabs = Tabs(how.grace, self._forget)
        self.page = Page(self.session, settings, self.tabs, self._end)
        config = uvicorn.Config(
            Guard(self.page.app(), self.keys),
            access_log=False,  # it would have the names of photos
            log_config=None,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(config)

    @property
    def address(self) -> str:
        """What the user opens."""
        return f"http://{HOST}:{self.port}/?token={self.keys.printed}"

    def add(self, photos: Sequence[Path], gallery: Sequence[Path] = ()) -> list[str]:
        """Take photos of the disk in; one that cannot be says so on the page.

        Returns:
            A line on each photo of the gallery that could not be taken in.
        """
        passed = []
        for path in gallery:
            try:
                self.session.know(_name(path), read_bytes(path, self.how.bytes))
            except PhotoError as error:
                passed.append(str(error))
            except RefusedError as error:
                passed.append(f"{_name(path)}: {error}")
        for path in photos:
            try:
                self.session.add(_name(path), read_bytes(path, self.how.bytes), path.absolute())
            except (PhotoError, RefusedError) as error:
                self.session.fail(_name(path), Trouble(error.kind, str(error)))
        return passed

    def run(self, started: Callable[[], None] | None = None) -> None:
        """Serve until the user ends it, by Ctrl-C or on the page; then let go of everything."""
        self.engine.start()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(self._serve(started))
        finally:
            self.session.close()
            self.engine.join(PATIENCE)

    async def _serve(self, started: Callable[[], None] | None) -> None:
        watching = asyncio.create_task(self.tabs.watch())
        if started is not None:
            # the socket listens already: whoever comes now waits a moment
            asyncio.get_running_loop().call_soon(started)
        try:
            await self._uvicorn.serve(sockets=[self._socket])
        finally:
            watching.cancel()

    def _forget(self) -> None:
        self.session.forget_all()
        self.page.decoded.forget()

    def _end(self) -> None:
        self.session.close()  # ends the streams of the pages
        self._uvicorn.should_exit = True


def _name(path: Path) -> str:
    """What a file is called, as text."""
    return shown(os.fsencode(path.name).decode("utf-8", "replace"))


def _bound(port: int) -> socket.socket:
    """A socket that listens on this computer alone.

    Raises:
        PortError: the port is taken, or may not be had.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere this would let another program take the same port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        bound.listen(64)
    except OSError as error:
        bound.close()
        raise PortError(
            f"port {port} on {HOST} cannot be had ({error.strerror or error}), "
            "expected a free one: leave out --port, and one is found"
        ) from error
    return bound


def can_open() -> bool:
    """Whether a browser of this user can be expected to open: not in a remote shell, not without a screen."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(server: Server) -> bool:
    """Open the page in the browser, by an address that is good for once; whether that went well."""
    try:
        return webbrowser.open(f"http://{HOST}:{server.port}/?token={server.keys.opened}")
    except webbrowser.Error:
        return False
