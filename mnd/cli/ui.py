"""`mnd ui`."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from ..cloaking.settings import CloakSettings
from ..ui.settings import UiSettings
from .app import DONE, FAILED, UsageError, app
from .flags import flags, settings
from .options import WORDS, check_gallery

SHOWN = ("targets", "level", "gallery", "seed", "strip_names", "strip_gps", "strip", "device", "offline")
UiFlags = flags(CloakSettings, WORDS, only=SHOWN)
ServerFlags = flags(UiSettings, {})
NO_FLAGS, NO_SERVER_FLAGS = UiFlags(), ServerFlags()

if TYPE_CHECKING:
    AsUi: TypeAlias = Any
    AsServer: TypeAlias = Any
else:
    AsUi = Annotated[UiFlags, Parameter(name="*")]
    AsServer = Annotated[ServerFlags, Parameter(name="*")]


@app.command
def ui(*photos: Path, how: AsUi = NO_FLAGS, where: AsServer = NO_SERVER_FLAGS) -> int:
    """Open a page on this computer: drop photos, choose by eye, save. Nothing leaves its memory.

    Args:
        photos: Photos, folders or patterns to begin with; results can be saved beside them.
    """
    # names of targets are judged when they are loaded: that takes longer than the page may take to open
    cloak, asked = settings(CloakSettings, how, WORDS), settings(UiSettings, where, {})
    from ..cloaking.arguments import arguments
    from ..ui.server import PortError, Server
    from . import terminal

    known, begun = _gallery(cloak), arguments(photos)
    try:
        server = Server(cloak, asked)
    except PortError as error:
        terminal.complain(str(error))
        return FAILED
    for line in (*begun.passed, *server.add([it.path for it in begun.photos], known)):
        terminal.complain(line)
    server.run(lambda: _tell(server, not asked.no_browser))
    sys.stdout.flush()
    if server.engine.is_alive():  # in a part of its work that cannot be stopped: there is nothing to save
        os._exit(DONE)
    return DONE


def _gallery(cloak: CloakSettings) -> list[Path]:
    """The photos of the user that lie in a folder.

    Raises:
        UsageError: there is none.
    """
    check_gallery(cloak)
    if cloak.gallery is None:
        return []
    from ..photo.walking import none_left, photos

    there = photos(cloak.gallery)
    if not there.files:
        raise UsageError(str(none_left(cloak.gallery, there)))
    return list(there.files)


def _tell(server: Any, browser: bool) -> None:
    """The address, and the page in the browser where there is one."""
    from ..ui.server import can_open, open_browser

    print(server.address, flush=True)
    port = server.port

    def show() -> None:
        if not (can_open() and open_browser(server)):
            print(
                "mnd: no browser was opened: open this address in one. From another computer, first\n"
                f"    ssh -L {port}:127.0.0.1:{port} THIS-COMPUTER\n"
                "and then the same address there",
                file=sys.stderr,
                flush=True,
            )

    if browser:
        threading.Thread(target=show, daemon=True).start()
    print("mnd: Ctrl-C ends it, and all photos are forgotten", file=sys.stderr, flush=True)
