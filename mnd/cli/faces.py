"""`mnd faces`."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..base.files import PhotoError, write_atomic
from ..base.jsonlines import finite
from ..base.runtime import Device
from .app import DONE, FAILED, UsageError, app
from .options import AsJson
from .talk import PLAIN, AsTalk

if TYPE_CHECKING:
    from ..faces.detector import Detector, Search
    from ..photo.photo import Photo
    from .meter import Meter


@app.command
def faces(
    *photos: Annotated[Path, Parameter(required=True)],
    picture: Path | None = None,
    overwrite: Annotated[bool, Parameter(show_default=False)] = False,
    device: Device = "auto",
    as_json: AsJson = False,
    talk: AsTalk = PLAIN,
) -> int:
    """Number the faces of photos, as `--faces` of `mnd cloak` has them: the largest is 0.

    Args:
        photos: The photos. They are never changed.
        picture: Draw the numbers on a picture: this PNG, or NAME.faces.png in this folder. It is private: it
            shows the clean face.
        overwrite: Replace earlier pictures.
        device: Where to compute; auto takes a GPU when there is one.
    """
    meter, _ = talk.begin(len(photos))
    outs = [None] * len(photos) if picture is None else _pictures(photos, picture)
    meter("loading", 0, 0)
    from ..base.runtime import pick_device
    from ..faces.detector import Detector
    from . import terminal

    try:
        detector = Detector(pick_device(device))
    except ValueError as error:
        raise UsageError(str(error)) from error
    status = DONE
    for photo, out in zip(photos, outs, strict=True):
        meter.begin(photo.name)
        found = _found(photo, out, overwrite, detector, meter)
        meter.ended()
        if as_json:
            print(json.dumps(finite(found), allow_nan=False), flush=True)
        elif not talk.quiet:
            terminal.show_faces(found, talk.verbose)
        if found["error"] is not None:
            terminal.complain(terminal.printable(found["error"]["message"]))
            status = FAILED
    return status


def _pictures(photos: Sequence[Path], out: Path) -> list[Path | None]:
    """Where the picture of each photo goes.

    Raises:
        UsageError: one file for several photos, or one that a photo has.
    """
    into = out.is_dir() or not out.suffix
    if not into and (len(photos) > 1 or out.suffix.lower() != ".png"):
        raise UsageError(f"--picture is {str(out)!r}, expected {'a folder' if len(photos) > 1 else 'a PNG'}")
    outs = [out / f"{photo.stem}.faces.png" if into else out for photo in photos]
    for place, path in enumerate(outs):
        if any(os.path.realpath(path) == os.path.realpath(photo) for photo in photos):
            raise UsageError(f"--picture would replace the photo {str(path)!r}, expected another name")
        if path in outs[:place]:
            raise UsageError(f"--picture: two photos would go to {str(path)!r}, expected different names")
    return list(outs)


def _found(path: Path, out: Path | None, overwrite: bool, detector: Detector, meter: Meter) -> dict[str, Any]:
    """The object of `--json`; what goes wrong with a photo is in its `error`."""
    from ..faces.detector import FaceError
    from ..photo.photo import Photo

    told: dict[str, Any] = {
        "input": str(path), "size": None, "faces": [], "suspects": [], "searched": "", "picture": None,
        "error": None,
    }  # fmt: skip
    try:
        photo = Photo.read(path)
        height, width = photo.pixels.shape[:2]
        meter("looking for faces", 0, 0)
        search = detector.search(photo.pixels)
        told |= {"size": [width, height], "searched": search.told()}
        told["faces"] = [{"number": number, **_face(face)} for number, face in enumerate(search.faces)]
        told["suspects"] = [_face(face) for face in search.suspects]
        if out is not None and (search.faces or search.suspects):
            _draw(photo, search, out, overwrite)
            told["picture"] = str(out)
        if not search.faces:
            size = (width, height)
            suspects = search.suspects
            error = FaceError.suspected(size, suspects) if suspects else FaceError.none_found(size, search)
            raise error
    except (PhotoError, FaceError, OSError, MemoryError, ValueError) as error:
        kind = getattr(error, "kind", "memory" if isinstance(error, MemoryError) else "file")
        text = str(error) or type(error).__name__
        told["error"] = {"kind": kind, "message": text if str(path) in text else f"{path}: {text}"}
    return told


def _face(face: Any) -> dict[str, Any]:
    return {
        "box": [round(edge) for edge in face.box],
        "size": round(face.size),
        "turn": face.turn,
        "probability": round(face.probability, 4),
        "look": face.look,
    }


def _draw(photo: Photo, search: Search, out: Path, overwrite: bool) -> None:
    """Write the picture with the numbers.

    Raises:
        PhotoError: there is a file of that name, or it cannot be written.
    """
    from ..photo.frames import Frame, framed

    frames = [Frame(face.box, "?", doubtful=True) for face in search.suspects]
    frames += [Frame(face.box, str(number)) for number, face in enumerate(search.faces)]
    data = io.BytesIO()
    framed(photo.pixels, frames).save(data, "PNG")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, data.getvalue(), overwrite)
