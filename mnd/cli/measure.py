"""`mnd measure`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from ..base.files import PhotoError, write_atomic
from .app import DONE, FAILED, UsageError, app
from .options import AsJson
from .talk import PLAIN, AsTalk

if TYPE_CHECKING:
    from ..metrics.measure_record import MapRecord, PairRecord
    from .meter import Meter

FORMAT = 1
"""The version of what is printed with --json."""
_MAP = Group("Map", sort_key=1)
MapKind = Literal["ciede2000", "jnd", "ssim"]
Two = tuple[Path, Path]


@app.command
def measure(
    a: Path,
    b: Path,
    /,
    *,
    metrics: list[str] | None = None,
    as_json: AsJson = False,
    as_csv: Annotated[
        bool, Parameter("--csv", help="Print CSV, one line a pair.", show_default=False)
    ] = False,
    picture: Annotated[Path | None, Parameter("--map", group=_MAP)] = None,
    map_of: Annotated[MapKind, Parameter(group=_MAP)] = "ciede2000",
    map_white: Annotated[float | None, Parameter(group=_MAP)] = None,
    overwrite: Annotated[bool, Parameter(show_default=False, group=_MAP)] = False,
    talk: AsTalk = PLAIN,
) -> int:
    """Measure how far two pictures are apart, or the pictures of two folders that have one name.

    Args:
        a: The original, or a folder of originals.
        b: The changed picture, or a folder of such; `x.cloaked.jpg` belongs to `x.jpg`.
        metrics: Such as psnr,ssim,rlpips; learned ones with other weights, too: lpips:squeeze. By default all
            that are installed.
        picture: Write a picture of where they differ: this PNG, or NAME.map.png for each pair in this folder.
            It shows the outlines of what was changed, so those of a cloaked face.
        map_of: The difference of colour of each pixel, the change of luma as a multiple of what is just
            noticeable, or 1 - SSIM around it.
        map_white: The value that is white; by default the largest of each pair.
        overwrite: Replace earlier maps.
    """
    if as_json and as_csv:
        raise UsageError("got --json and --csv, expected one of the two")
    told = _pairs(a, b)
    maps = [None] * len(told.two) if picture is None else _maps(told.two, a, picture)
    if map_white is not None and not 0 < map_white < float("inf"):
        raise UsageError(f"--map-white is {map_white:g}, expected a number above 0")
    meter, _ = talk.begin(len(told.two))
    from . import measured

    show = measured.Shown("json" if as_json else "csv" if as_csv else "words", told.folders, talk)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            names = _chosen(metrics, meter)
    except OSError as error:
        meter.rest()
        show.complain(str(error))
        return FAILED
    show.begin(names)
    for (one, other), out in zip(told.two, maps, strict=True):
        meter.begin(one.name)
        with contextlib.redirect_stdout(sys.stderr):
            record = _record(one, other, names, meter)
            if out is not None and record["error"] is None:
                _draw(record, out, map_of, map_white, overwrite)
        meter.ended()
        show.pair(record)
    meter.rest()
    if told.folders:
        show.summary(a, b, told.alone, told.passed)
    return DONE if show.well and not told.alone and told.two else FAILED


class _Told:
    """What is to be compared."""

    def __init__(
        self,
        two: Sequence[Two],
        folders: bool,
        alone: Sequence[tuple[Path, str]] = (),
        passed: Sequence[str] = (),
    ) -> None:
        self.two, self.folders, self.alone, self.passed = tuple(two), folders, tuple(alone), tuple(passed)


def _pairs(a: Path, b: Path) -> _Told:
    """
    Raises:
        UsageError: a folder and a picture, or two names of one folder.
    """
    if not a.is_dir() and not b.is_dir():
        return _Told([(a, b)], False)
    from ..metrics.pairing import pairs

    try:
        found = pairs(a, b)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if os.path.realpath(a) == os.path.realpath(b):
        raise UsageError(f"{a} and {b} are one folder, expected two")
    return _Told(found.pairs, True, found.alone, found.passed)


def _maps(two: Sequence[Two], a: Path, out: Path) -> list[Path | None]:
    """Where the map of each pair goes.

    Raises:
        UsageError: one file for several maps, or one that is a picture of the pair.
    """
    folders = a.is_dir()
    into = out.is_dir() or not out.suffix
    if not into and (folders or out.suffix.lower() != ".png"):
        raise UsageError(f"--map is {str(out)!r}, expected {'a folder' if folders else 'a PNG'}")
    outs = []
    for one, _ in two:
        below = one.relative_to(a).parent if folders else Path()
        outs.append(out / below / f"{one.stem}.map.png" if into else out)
    given = {os.path.realpath(path) for pair in two for path in pair}
    for place, path in enumerate(outs):
        if os.path.realpath(path) in given:
            raise UsageError(f"--map would replace the picture {str(path)!r}, expected another name")
        if path in outs[:place]:
            raise UsageError(f"--map: two maps would go to {str(path)!r}, expected different names")
    return list(outs)


def _chosen(metrics: list[str] | None, meter: Meter) -> tuple[str, ...]:
    """The measures, all of which can be asked.

    Raises:
        UsageError: there is no such measure, or what it needs is not installed.
        OSError: its weights are not there, or its program failed.
    """
    meter("loading", 0, 0)
    from ..metrics.cards import chosen
    from ..metrics.measuring import describe

    try:
        names = chosen(None if metrics is None else ",".join(metrics))
        for name in names:
            describe(name)
    except (ValueError, ModuleNotFoundError) as error:
        raise UsageError(f"--metrics: {error}") from error
    return names


def _record(a: Path, b: Path, names: tuple[str, ...], meter: Meter) -> PairRecord:
    """The object of `--json`; what goes wrong with a pair is in its `error`."""
    from ..metrics.measuring import compare
    from ..metrics.pictures import pair

    record: PairRecord = {
        "mnd_measure": FORMAT, "kind": "pair", "a": str(a), "b": str(b), "size": None, "measures": [],
        "map": None, "error": None,
    }  # fmt: skip
    try:
        first, second = pair(a, b)
        found = compare(first, second, names, meter)
        height, width = first.pixels.shape[:2]
        record["size"] = [width, height]
        record["measures"] = [it.as_json() for it in found.values()]
    except (PhotoError, OSError, MemoryError, ValueError) as error:
        _fail(record, error)
    return record


def _draw(record: PairRecord, out: Path, of: MapKind, white: float | None, overwrite: bool) -> None:
    """Write the map; what goes wrong is in the record's `error`."""
    from ..metrics.maps import difference_map

    try:
        found = difference_map(record["a"], record["b"], of, white)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out, found.png(), overwrite)
        told: MapRecord = {"path": str(out), "of": of, "white": found.white}
        record["map"] = told
    except (PhotoError, OSError, MemoryError, ValueError) as error:
        _fail(record, error)


def _fail(record: PairRecord, error: Exception) -> None:
    usual = {MemoryError: "memory", ValueError: "value"}.get(type(error), "file")
    text = str(error) or type(error).__name__
    named = record["a"] in text or record["b"] in text
    message = text if named else f"{record['a']}, {record['b']}: {text}"
    record["error"] = {"kind": getattr(error, "kind", usual), "message": message}
