"""`mnd watch`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter
from rich.status import Status
from rich.text import Text

from ..base.jsonlines import finite
from ..dataset.settings import ProtectSettings, WatchSettings
from .app import DONE, FAILED, UsageError, app
from .console import console, printable
from .endings import to_its_end
from .flags import flags, settings
from .options import NO_FLAGS, AsCloak, AsJson, cloak_settings
from .progress import asked
from .protect import WORDS
from .summary import show_watched
from .talk import AsLog, log_record, write_log

if TYPE_CHECKING:
    from ..dataset.watch import Watch

ONLY = ("workers", "batch", "no_face", "retry", "overwrite", "add_source", "include", "exclude")
"""Settings of `mnd protect` that watching has, too."""
ProtectFlags = flags(ProtectSettings, {name: WORDS[name] for name in ONLY if name in WORDS}, only=ONLY)
WatchFlags = flags(WatchSettings, {})

if TYPE_CHECKING:
    AsProtect: TypeAlias = Any
    AsWatch: TypeAlias = Any
else:
    AsProtect = Annotated[ProtectFlags, Parameter(name="*")]
    AsWatch = Annotated[WatchFlags, Parameter(name="*")]


@app.command
def watch(
    folder: Path,
    dst: Path,
    /,
    *,
    when: AsWatch = WatchFlags(),  # noqa: B008  it is frozen
    how: AsCloak = NO_FLAGS,
    where: AsProtect = ProtectFlags(),  # noqa: B008
    as_json: AsJson = False,
    log: AsLog = None,
) -> int:
    """Watch a folder: photos that arrive in it are cloaked into DST once they are whole.

    For a folder that a phone or a camera synchronises, before anything of it is shared. It goes on until
    Ctrl-C; called again it does what has arrived in the meantime. DST is as `mnd protect` makes it.

    Args:
        folder: The folder in which photos arrive. It is never changed.
        dst: The folder of the results, outside of it.
    """
    cloak, protect = cloak_settings(how), settings(ProtectSettings, where, WORDS)
    timing = settings(WatchSettings, when, {})
    if log is not None:
        write_log(log)
    from ..dataset.watch import Watch

    meter = WatchMeter(folder, as_json)
    try:
        run = Watch(folder, dst, cloak, protect, timing, meter, meter.ask)
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from error
    return _run(run, meter, as_json)


def _run(run: Watch, meter: WatchMeter, as_json: bool) -> int:
    """Watch until something ends it; the exit status."""
    status = to_its_end(run.run, meter)
    watched = run.watched()
    show_watched(watched, status is not None, as_json)
    if status is None:
        status = DONE if watched.good else FAILED
    return status


class WatchMeter:
    """A `WatchProgress`: a line a photo on standard output, and on a terminal what is waited for.

    Args:
        folder: what is watched.
        as_json: print the record of each photo instead of its line.
    """

    def __init__(self, folder: Path, as_json: bool = False) -> None:
        self._folder, self._as_json = printable(folder), as_json
        self._console = console(stderr=True)
        self._status: Status | None = None
        self._stage = ""
        self._begun = False
        self.done = 0

    def loading(self, stage: str, done: int, total: int) -> None:
        """A download."""
        del done, total
        if stage != self._stage:
            self._stage = stage
            self.note(stage)

    def working(self, names: Sequence[str]) -> None:
        """These photos have arrived."""
        more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        self._show(f"cloaking {printable(names[0])}{more}")

    def waiting(self, names: Sequence[str]) -> None:
        """There is nothing to do."""
        if not self._begun:
            self._begun = True
            self.note(f"watching {self._folder} for photos; Ctrl-C ends it")
        half = f"; not whole yet: {printable(names[0])}" if names else ""
        self._show(f"{self.done:,} done{half}; waiting for photos in {self._folder}")

    def record(self, record: Mapping[str, Any], known: bool) -> None:
        """A photo is done, or is known to be done."""
        if known or record["status"] in ("other", "shard"):
            return
        self.done += 1
        log_record(record)
        if self._as_json:
            self._apart(lambda: print(json.dumps(finite(record), allow_nan=False), flush=True))
        elif record["status"] not in ("failed", "held"):
            self._apart(lambda: console().print(Text(printable(told_of(record))), soft_wrap=True))
        if record["status"] in ("failed", "held"):
            self.note(told_of(record))

    def note(self, text: str) -> None:
        """Something that people should know."""
        self._console.print(Text(f"mnd: {printable(text)}"), soft_wrap=True)

    def ask(self, question: str) -> bool:
        """Ask somebody at a terminal."""
        self.rest()
        return not self._as_json and asked(self._console, question)

    def rest(self) -> None:
        """Take away what is shown of now."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _show(self, text: str) -> None:
        if not self._console.is_terminal:
            return
        if self._status is None:
            self._status = self._console.status(Text(text))
            self._status.start()
        else:
            self._status.update(Text(text))

    def _apart(self, say: Callable[[], None]) -> None:
        """Print on standard output while nothing moves on standard error."""
        self.rest()
        say()


def told_of(record: Mapping[str, Any]) -> str:
    """What became of a photo, in one line.

    >>> told_of({"input": "a.jpg", "status": "copied"})
    'a.jpg: copied as it is, no face was found in it'
    """
    from ..cloaking.sentences import told
    from ..dataset.summary import failure

    status, name = record["status"], record["input"]
    if status in ("failed", "held"):
        return failure(dict(record))
    if status == "copied":
        return f"{name}: copied as it is, no face was found in it"
    if status == "skipped":
        return f"{name}: left out, no face was found in it"
    return f"{name}: {told(record).headline} ({record['seconds']:.1f} s)"
