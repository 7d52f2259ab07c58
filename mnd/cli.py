"""The command `mnd`: parse, call, print. What does the work is imported only when a command runs."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import json
import math
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import App, CycloptsError, Parameter

from . import __version__
from .files import cloaked_path
from .settings import CloakSettings, Device, Level

if TYPE_CHECKING:
    from .terminal import Meter

Record = dict[str, Any]
T = TypeVar("T")

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: all protected, something was not, wrong usage, Ctrl-C."""


class UsageError(ValueError):
    """The command was called in a way that cannot work."""


class NotReadyError(Exception):
    """A target cannot be loaded, so that no photo can be done: `kind` as in a record's `error`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


DEFAULT = CloakSettings()


@functools.cache
def attribute_docs(cls: type) -> dict[str, str]:
    """The docstrings under the fields of a class, in one line each; empty where its source is not there.

    >>> attribute_docs(CloakSettings).keys() >= {"targets", "seed"}
    True
    """
    try:
        [body] = ast.parse(inspect.getsource(cls)).body
    except (OSError, TypeError):
        return {}
    assert isinstance(body, ast.ClassDef)
    told = {}
    for field, doc in zip(body.body, body.body[1:], strict=False):
        match field, doc:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                told[name] = " ".join(text.split())
    return told


def _option(field: str) -> Parameter:
    """The option of a field of the settings, which has its help there."""
    flag = isinstance(getattr(DEFAULT, field), bool)
    return Parameter(help=attribute_docs(CloakSettings).get(field, ""), show_default=not flag)


Targets = Annotated[list[str] | None, _option("targets")]
Gallery = Annotated[Path | None, _option("gallery")]
OnDevice = Annotated[Device, _option("device")]
Offline = Annotated[bool, _option("offline")]
AsJson = Annotated[bool, Parameter("--json", help="Print JSON, one object a line.", show_default=False)]

app = App(
    name="mnd",
    help="Change a photo as little as the eye can notice so that face recognisers fail on it.",
    version=f"mnd {__version__}",
    help_format="markdown",
    # a name that begins with a bracket is a name, no JSON
    default_parameter=Parameter(negative=(), json_list=False, json_dict=False),
)


@app.command
def cloak(
    *photos: Annotated[Path, Parameter(required=True)],
    out: Annotated[str | None, Parameter(["--out", "-o"])] = None,
    targets: Targets = None,
    level: Annotated[Level, _option("level")] = DEFAULT.level,
    gallery: Gallery = None,
    faces: Annotated[str, _option("faces")] = DEFAULT.faces,
    box: Annotated[str | None, _option("box")] = None,
    whole: Annotated[bool, _option("whole")] = DEFAULT.whole,
    seed: Annotated[int, _option("seed")] = DEFAULT.seed,
    steps: Annotated[int, _option("steps")] = DEFAULT.steps,
    headroom: Annotated[float | None, _option("headroom")] = DEFAULT.headroom,
    rho: Annotated[float, _option("rho")] = DEFAULT.rho,
    device: OnDevice = DEFAULT.device,
    offline: Offline = DEFAULT.offline,
    overwrite: Annotated[bool, Parameter(show_default=False)] = False,
    as_json: AsJson = False,
) -> int:
    """Cloak photos: `photo.jpg` becomes `photo.cloaked.jpg`, which recognisers fail on.

    Args:
        photos: JPEG, PNG, WebP, TIFF or BMP files. They are never changed.
        out: The file to write, or a folder for all of them; beside each photo by default.
        overwrite: Replace earlier cloaked files.
    """
    settings = _settings(
        targets=_names(targets),
        level=level,
        gallery=gallery,
        faces=_faces(faces),
        box=_box(box),
        whole=whole,
        seed=seed,
        steps=steps,
        headroom=headroom,
        rho=rho,
        device=device,
        offline=offline,
    )
    outs = _destinations(photos, out)
    from . import terminal

    meter = terminal.Meter()
    records: list[Record] = []
    with _folder(out if len(photos) > 1 or _names_folder(out) else None):
        for record in _cloaked(settings, photos, outs, overwrite, meter):
            meter.rest()
            records.append(record)
            _tell(record, as_json, terminal.show)
    if not as_json:
        terminal.count(records)
    return DONE if all(record["protected"] for record in records) else FAILED


@app.command
def check(
    original: Path,
    cloaked: Path,
    /,
    *,
    targets: Targets = None,
    gallery: Gallery = None,
    device: OnDevice = DEFAULT.device,
    offline: Offline = DEFAULT.offline,
    as_json: AsJson = False,
) -> int:
    """Check a cloaked file against its original: does it work, and what did it cost?

    Args:
        original: The photo as it was.
        cloaked: The file that was made of it.
    """
    settings = _settings(targets=_names(targets), gallery=gallery, device=device, offline=offline)
    from . import terminal
    from .checking import Checker

    meter = terminal.Meter()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            record = _loaded(settings, lambda: Checker(settings, meter)).pair(original, cloaked)
        except NotReadyError as error:
            record = _failed(original, settings, error.kind, str(error))
        finally:
            meter.rest()
    _tell(record, as_json, terminal.show_check)
    return DONE if record["protected"] else FAILED


@app.command(name="targets")
def list_targets(*, as_json: AsJson = False) -> int:
    """List every recogniser that can be fooled: ready or how large to download, licence, threshold."""
    from .targets.registry import available

    keys = ("name", "kind", "unit", "threshold", "threshold_at", "licence", "source", "download")
    rows = [{k: getattr(it.card, k) for k in keys} | {"ready": it.ready} for it in available()]
    if as_json:
        for row in rows:
            print(json.dumps(finite(row)))
    else:
        from .terminal import show_targets

        show_targets(rows)
    return DONE


@app.command
def demo(*, out: Annotated[Path, Parameter(["--out", "-o"])] = Path()) -> int:
    """Cloak a photo that comes with mnd, and make pictures and a page that show what was changed.

    Args:
        out: The folder to write to; the working folder by default.
    """
    from . import terminal
    from .demo import demo as run
    from .files import PhotoError

    meter = terminal.Meter()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            made = run(out, meter)
    except (PhotoError, OSError) as error:
        terminal.complain(str(error))
        return FAILED
    finally:
        meter.rest()
    _tell(made.record, False, terminal.show)
    for file in made.files:
        print(terminal.printable(file))
    return DONE if made.record["protected"] else FAILED


COMMANDS = ("cloak", "check", "targets", "demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); its exit status.

    >>> main(["--version"])
    mnd 0.1.0
    0
    """
    # threads that wait must not spin: on a busy machine a search would take many times as long
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):  # names of files can hold what no encoding has
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        status = command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
        return status if isinstance(status, int) else DONE
    except (CycloptsError, UsageError) as error:
        print(f"mnd: {error}\nTry: {_help_for(arguments)}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("mnd: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # the reader has gone; what is left in the buffer must not fail again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _help_for(arguments: Sequence[str] | None) -> str:
    first = [*(sys.argv[1:] if arguments is None else arguments), ""][0]
    return f"mnd {first} --help" if first in COMMANDS else "mnd --help"


def finite(value: Any) -> Any:
    """The same for JSON, which knows no infinities: they become null.

    >>> finite({"a": [1.5, float("nan")]})
    {'a': [1.5, None]}
    """
    if isinstance(value, dict):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _tell(record: Record, as_json: bool, show: Callable[[Record], None]) -> None:
    """One photo's result on standard output, and what went wrong on standard error."""
    from .terminal import complain, outcome

    if as_json:
        print(json.dumps(finite(record), allow_nan=False), flush=True)
    else:
        if record["regions"] or not record["error"]:
            show(record)
    if wrong := outcome(record):
        complain(wrong)


def _names(targets: list[str] | None) -> tuple[str, ...]:
    """`--targets a,b`, or the option several times."""
    return tuple(name.strip() for text in targets or () for name in text.split(","))


def _faces(text: str) -> str:
    if not re.fullmatch(r"all|largest|\d+(\s*,\s*\d+)*", text, re.ASCII):
        raise UsageError(f"--faces is {text!r}, expected all, largest, or numbers such as 0,2")
    return text


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        x0, y0, x1, y1 = (float(word) for word in text.split(","))
    except ValueError:
        raise UsageError(f"--box is {text!r}, expected four numbers X0,Y0,X1,Y1 in pixels") from None
    if not (0 <= x0 < x1 < math.inf and 0 <= y0 < y1 < math.inf):
        raise UsageError(f"--box is {text!r}, expected X0,Y0,X1,Y1 with 0 <= X0 < X1 and 0 <= Y0 < Y1")
    return x0, y0, x1, y1


def _settings(**given: Any) -> CloakSettings:
    """The settings, as far as they can be judged before anything is loaded.

    Raises:
        UsageError: a value is wrong, there is no such target, card or gallery.
    """
    assert given.keys() <= {field.name for field in fields(CloakSettings)}
    try:
        settings = CloakSettings(**given)
        if settings.gallery is not None and not settings.gallery.is_dir():
            raise UsageError(f"--gallery is {str(settings.gallery)!r}, expected a folder of photos")
        if settings.targets:
            from .targets import registry

            for name in settings.targets:
                registry.find(name)
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    return settings


def _names_folder(out: str | None) -> bool:
    """Whether `-o OUT` alone says that it is a folder; the rule is `cloaked_path`'s."""
    return out is not None and cloaked_path("photo", out) != Path(out)


def _destinations(photos: Sequence[Path], out: str | None) -> list[Path]:
    """Where each photo goes.

    Raises:
        UsageError: several photos would go to one file.
    """
    if out is None or len(photos) == 1:
        # a folder such as `.` has no name to change; it is refused when its turn comes
        return [cloaked_path(photo, out) if photo.name else photo for photo in photos]
    from .photo import FORMATS

    suffixes = {suffix for several in FORMATS.values() for suffix in several}
    folder = Path(out)
    if folder.is_file() or (not folder.is_dir() and folder.suffix.lower() in suffixes):
        raise UsageError(f"--out is {out!r}, expected a folder, since there are {len(photos)} photos")
    return [folder / cloaked_path(photo.name or "folder").name for photo in photos]


@contextlib.contextmanager
def _folder(out: str | None) -> Iterator[None]:
    """Make the folder, and take it away again if nothing was saved in it."""
    folder = None if out is None else Path(out)
    missing = [] if folder is None else [p for p in (folder, *folder.parents) if not p.exists()]
    if folder is not None:
        # what cannot be made is said of each photo that was to be saved there
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for made in missing:
            with contextlib.suppress(OSError):
                made.rmdir()


def _loaded(settings: CloakSettings, make: Callable[[], T]) -> T:
    """What `make` makes, which loads the targets.

    Raises:
        UsageError: the settings ask for what this machine does not have.
        NotReadyError: weights are missing, damaged, or cannot be downloaded.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return make()
    except ConnectionError as error:
        raise NotReadyError("download", str(error)) from error
    except OSError as error:
        raise NotReadyError("offline" if settings.offline else "weights", str(error)) from error
    except ValueError as error:
        raise UsageError(str(error)) from error


def _cloaked(
    settings: CloakSettings, photos: Sequence[Path], outs: Sequence[Path], overwrite: bool, meter: Meter
) -> Iterator[Record]:
    """The record of each photo; nothing that one of them does stops the others."""
    from .cloaking import Cloaker

    try:
        cloaker = _loaded(settings, lambda: Cloaker(settings, meter))
    except NotReadyError as error:
        yield from (_failed(photo, settings, error.kind, str(error)) for photo in photos)
        return
    for place, (photo, out) in enumerate(zip(photos, outs, strict=True)):
        meter.name = photo.name
        if why := _clash(place, photos, outs):
            yield _failed(photo, settings, *why)
            continue
        try:
            with contextlib.redirect_stdout(sys.stderr):
                record = cloaker.photo(photo, out, overwrite)
        except (
            Exception
        ) as error:  # a fault of ours, or memory: told in full, and the next photo has its turn
            traceback.print_exc()
            record = _failed(photo, settings, "unexpected", f"{type(error).__name__}: {error}")
        yield record


def _clash(place: int, photos: Sequence[Path], outs: Sequence[Path]) -> tuple[str, str] | None:
    """Why a photo must not be saved under its name, even where overwriting is allowed: kind and message."""
    mine = os.path.realpath(outs[place])
    for other in (photo for at, photo in enumerate(photos) if at != place):
        if os.path.realpath(other) == mine:
            return "original", f"{outs[place]}: this is one of the photos to cloak, expected another name"
    for at in range(place):
        if os.path.realpath(outs[at]) == mine:
            return "exists", f"{outs[place]}: {photos[at]} goes there already, expected another name"
    return None


def _failed(photo: Path, settings: CloakSettings, kind: str, message: str) -> Record:
    """The record of a photo that could not be tried."""
    return {
        "input": str(photo),
        "output": None,
        "protected": False,
        "level": settings.level,
        "seed": settings.seed,
        "seconds": 0.0,
        "targets": list(settings.targets),
        "regions": [],
        "quality": None,
        "error": {"kind": kind, "message": message},
    }
