"""`mnd cloak -` and `-o -`: one photo from standard input, or its cloaked file to standard output."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.files import PhotoError, cloaked_path, read_bytes, write_checked
from ..cloaking.record import Record
from ..cloaking.settings import CloakSettings
from .app import DONE, FAILED, NotReadyError, UsageError, failed_record, loaded, tell
from .options import cloak_settings
from .talk import Talk

if TYPE_CHECKING:
    from .meter import Meter

STREAM = "\0-"
"""Stands for standard input or output, which nobody can take for an option or the name of a file."""
_INPUT = "standard input"


def piped(
    how: Any, photos: Sequence[Path], out: str | None, overwrite: bool, as_json: bool, talk: Talk
) -> int:
    """Cloak one photo between streams; the exit status.

    Raises:
        UsageError: there are several photos, a stream is a terminal, or has two things to hold.
    """
    from ..photo.converting import converted
    from ..photo.photo import MAX_PIXELS, Photo

    source, target = photos[0], STREAM if out in (None, "-") else str(out)
    if len(photos) > 1:
        raise UsageError(f"got {len(photos)} photos and -, expected one photo where - is read or written")
    _refuse_terminals(str(source) == STREAM, target == STREAM)
    if target == STREAM and as_json:
        raise UsageError("--json and the photo would both go to standard output, expected -o FILE")
    if target != STREAM and cloaked_path("photo", target) != Path(target):
        raise UsageError(f"--out is {target!r}, expected the name of a file: what is read from - has none")
    meter, teller = talk.begin()
    settings = cloak_settings(how, meter)
    limit = 8 * MAX_PIXELS + (64 << 20)
    name = _INPUT if str(source) == STREAM else str(source)
    try:
        data = _read(limit) if name == _INPUT else read_bytes(source, limit)
        if target != STREAM:
            converted(Photo.from_bytes(data, name=name), settings.format).check_output(target, overwrite)
        made, record = _made(settings, data, name, None if name == _INPUT else source, meter)
        if made is not None and target != STREAM:
            write_checked(Path(target), made, overwrite)
            record["output"] = target
    except PhotoError as error:
        made, record = None, failed_record(Path(name), settings, error.kind, str(error))
    except NotReadyError as error:
        made, record = None, failed_record(Path(name), settings, error.kind, str(error))
    finally:
        meter.rest()
    if target == STREAM and made is not None and (record["protected"] or settings.keep_best):
        record["output"] = "-"
        sys.stdout.buffer.write(made)
        sys.stdout.buffer.flush()
    with contextlib.redirect_stdout(sys.stderr) if target == STREAM else contextlib.nullcontext():
        tell(record, as_json, teller.show)
    return DONE if record["protected"] else FAILED


def marked(arguments: Sequence[str]) -> list[str]:
    """The arguments of `mnd`, in which `-` cannot be taken for an option.

    >>> marked(["cloak", "-", "-o", "a.jpg"])[1] == STREAM, marked(["targets", "-"])
    (True, ['targets', '-'])
    """
    if not arguments or arguments[0] != "cloak":
        return list(arguments)
    return [STREAM if word == "-" else word for word in arguments]


def _made(
    settings: CloakSettings, data: bytes, name: str, path: Path | None, meter: Meter
) -> tuple[bytes | None, Record]:
    """The bytes of the cloaked file, and the record."""
    meter("loading", 0, 0)
    from ..cloaking.cloaker import Cloaker

    with contextlib.redirect_stdout(sys.stderr):
        cloaker = loaded(settings, lambda: Cloaker(settings, meter))
        meter.begin(name)
        return cloaker.encoded(data, name, path)


def _refuse_terminals(reads: bool, writes: bool) -> None:
    """Nobody types a photo, and none belongs on a screen.

    Raises:
        UsageError: that is what would happen.
    """
    if reads and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("standard input is a terminal, expected a photo: mnd cloak - < photo.jpg > out.jpg")
    if writes and sys.stdout.isatty():
        raise UsageError("standard output is a terminal, expected a file: mnd cloak - < photo.jpg > out.jpg")


def _read(limit: int) -> bytes:
    """All of standard input.

    Raises:
        PhotoError: empty, too-large or unreadable.
    """
    try:
        data = sys.stdin.buffer.read(limit + 1) if sys.stdin is not None else b""
    except (OSError, ValueError) as error:
        raise PhotoError("unreadable", f"{_INPUT}: cannot be read ({error})") from error
    if not data:
        raise PhotoError("empty", f"{_INPUT}: 0 bytes, expected a photo")
    if len(data) > limit:
        raise PhotoError("too-large", f"{_INPUT}: more than {limit:,} bytes, expected a photo")
    return data
