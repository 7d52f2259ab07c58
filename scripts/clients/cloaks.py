"""Cloak the first photo of each person, for clients to judge: a folder a level, a photo and its record each.

python scripts/clients/cloaks.py --data lfw10,lfw38 --out cloaks --levels minimum,robust,strong

A folder is called LEVEL-GALLERY-FORMAT, such as `minimum-gallery-png` or `robust-alone-jpeg`. What is there
already is left as it is, so that a run goes on where it was stopped. With `--turned 90` it is the photo lying
on its side that is cloaked, and what lies in LEVEL-GALLERY-FORMAT-turned90 is the file turned upright again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import shutil
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from sittings import FORMATS, sittings, source

from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.levels import Level
from mnd.cloaking.settings import CloakSettings
from mnd.faces.detector import FaceError

LEVELS = ("minimum", "robust", "strong")
GALLERIES = ("gallery", "alone")


class Task(NamedTuple):
    """One photo to cloak in one way."""

    photo: Path
    known: tuple[Path, ...]
    """The gallery; none: without one."""
    level: Level
    suffix: str
    target: str
    out: Path
    """The folder of all levels."""
    turned: int = 0
    """Degrees by which the photo is turned before, and back after: quarters, which lose nothing."""

    @property
    def record(self) -> Path:
        """Where the record goes; the cloaked photo lies beside it."""
        kind = GALLERIES[0] if self.known else GALLERIES[1]
        form = next(name for name, suffix in FORMATS.items() if suffix == self.suffix)
        folder = f"{self.level}-{kind}-{form}" + (f"-turned{self.turned}" if self.turned else "")
        return self.out / folder / f"{self.photo.stem}.json"


def cloak(task: Task) -> str:
    """Write the cloaked photo and its record; a line about it."""
    torch.set_num_threads(1)
    original = _turned(source(task.photo, task.out / "sources", task.suffix), task.turned)
    task.record.parent.mkdir(parents=True, exist_ok=True)
    gallery = _gallery(task) if task.known else None
    # a Cloaker of its own for each photo: it reads one gallery only, and loads in a third of a second
    cloaker = Cloaker(CloakSettings(targets=(task.target,), level=task.level, gallery=gallery, offline=True))
    try:
        found = cloaker.photo(original, task.record.with_suffix(task.suffix), overwrite=True)
    except FaceError as error:  # a clean photo stays clean, and counts as one that was not protected
        found = {"protected": False, "error": {"message": str(error)}, "seconds": 0.0}
    if task.turned and found["protected"]:
        _turned(task.record.with_suffix(task.suffix), -task.turned, there=True)
    found["settings"] = {"gallery": [path.name for path in task.known]}
    part = task.record.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n")
    part.replace(task.record)
    verdict = "protected" if found["protected"] else found["error"]["message"]
    return f"{task.record.parent.name}/{task.photo.stem}: {verdict}, {found['seconds']:.0f} s"


def _turned(photo: Path, degrees: int, there: bool = False) -> Path:
    """A copy of a photo turned counter-clockwise beside it, or the photo itself where it lies."""
    if not degrees:
        return photo
    to = photo if there else photo.with_name(f"{photo.stem}.{degrees}{photo.suffix}")
    with Image.open(photo) as image:
        turned = image.convert("RGB").rotate(degrees, expand=True)
    turned.save(to)
    return to


def _gallery(task: Task) -> Path:
    """The folder of a person's gallery, copied so that it holds nothing else."""
    folder = task.out / "galleries" / task.photo.stem
    folder.mkdir(parents=True, exist_ok=True)
    for path in task.known:
        if not (folder / path.name).exists():
            shutil.copy(path, folder)
    return folder


def tasks(args: argparse.Namespace) -> list[Task]:
    """What is not done yet, one level after the other."""
    people = sittings(args.data, args.step, args.limit, args.first).values()
    kinds = itertools.product(
        args.levels.split(","), args.galleries.split(","), args.formats.split(","),
        map(int, args.turned.split(",")), people,
    )  # fmt: skip
    wanted = [
        Task(
            sitting.photo,
            tuple(sitting.known) if gallery == GALLERIES[0] else (),
            level,
            FORMATS[form],
            args.target,
            args.out,
            turned,
        )
        for level, gallery, form, turned, sitting in kinds
    ]
    return [task for task in wanted if not task.record.exists()]


def main() -> None:
    """Cloak all that is asked for and not done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", default="lfw10,lfw38", help="folders, or names in the data beside the project"
    )
    parser.add_argument("--out", type=Path, default=Path("cloaks"))
    parser.add_argument("--levels", default=",".join(LEVELS))
    parser.add_argument("--galleries", default=",".join(GALLERIES), help="with a gallery of four, or alone")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--turned", default="0", help="degrees, PNG alone: 90,180,270")
    parser.add_argument("--target", default="dlib", help="the recogniser that is attacked")
    parser.add_argument("--step", type=int, default=1, help="2: every second person of each folder")
    parser.add_argument("--limit", type=int, help="so many people at most")
    parser.add_argument("--first", type=int, default=1, help="so many photos of each person, 2 at most")
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()
    if args.turned != "0" and args.formats != "png":
        parser.error("--turned needs --formats png: turning a JPEG back would save it anew")
    todo = tasks(args)
    print(f"{len(todo)} photos to cloak", flush=True)
    with multiprocessing.get_context("spawn").Pool(args.processes) as pool:
        for line in pool.imap_unordered(cloak, todo):
            print(line, flush=True)


if __name__ == "__main__":
    main()
