"""Judge cloaked photos by the clients' own code and defaults: who is still matched, and with whom.

scripts/clients/install.sh clients
python scripts/clients/judge.py --dir clients --cloaks cloaks --people lfw10,lfw38 --markdown docs/clients.md
python scripts/clients/judge.py --dir clients --cloaks mine --clients fr,faceapi-ssd --people lfw38 --limit 10

A folder of cloaked photos holds NAME.png or NAME.jpg, where NAME is that of the first photo of a person; or
it holds such folders, as `cloaks.py` makes them. Each is compared with the four last photos of the person,
which nobody who cloaks has seen, and with the photo that it was made from; those four and that photo give the
base. What a client said of a file is kept in the folder of the clients: only new files cost time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from asking import CLIENTS, Asked, Clients, chosen
from client_figures import Figures, page, qualities, tables
from sittings import Sitting, sittings, source

LEFT = ("sources", "galleries")
"""Folders that `cloaks.py` makes beside those of cloaked photos."""


class Cloaked(NamedTuple):
    """A cloaked photo, the file that it was made from, and whose it is."""

    kind: str
    """The folder's name."""
    photo: Path
    original: Path
    clean: Path
    """The same without loss, which the base is judged from."""
    sitting: Sitting

    def pairs(self) -> Iterator[tuple[str, Path, Path]]:
        """What is compared, each with its kind: held, own or clean."""
        for other in self.sitting.held:
            yield "held", self.photo, other
            yield "clean", self.clean, other
        yield "own", self.photo, self.original


def cloaked(folder: Path, people: dict[str, Sitting], sources: Path) -> list[Cloaked]:
    """The cloaked photos in a folder, and in the folders in it, of the people asked for.

    Raises:
        FileNotFoundError: there are none.
    """
    folders = [folder, *(p for p in sorted(folder.iterdir()) if p.is_dir() and p.name not in LEFT)]
    found = []
    for place in folders:
        for photo in sorted(p for p in place.iterdir() if p.suffix in (".png", ".jpg")):
            sitting = people.get(photo.stem.removesuffix(".cloaked"))
            if sitting is not None:
                original = source(sitting.photo, sources, photo.suffix)
                clean = source(sitting.photo, sources, ".png")
                found.append(Cloaked(place.name, photo, original, clean, sitting))
    if not found:
        raise FileNotFoundError(f"{folder} has no NAME.png or NAME.jpg of the people asked for")
    return found


def failures(folder: Path) -> dict[str, int]:
    """How many photos in each folder were not protected, by the records beside them."""
    counts: dict[str, int] = {}
    for record in sorted([*folder.glob("*.json"), *folder.glob("*/*.json")]):
        if "protected" in (found := json.loads(record.read_text())):
            counts[record.parent.name] = counts.get(record.parent.name, 0) + (not found["protected"])
    return counts


def rows(photos: list[Cloaked], asked: dict[str, Asked]) -> list[dict[str, Any]]:
    """One line a pair and judge."""
    return [
        {
            "cloaks": it.kind,
            "photo": it.photo.name,
            "kind": kind,
            "other": other.name,
            "client": judge,
            **found.answers[one, other]._asdict(),
            "faces": found.faces[one],
        }
        for judge, found in asked.items()
        for it in photos
        for kind, one, other in it.pairs()
    ]


def main() -> None:
    """Judge, print the tables, and write what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dir", type=Path, required=True, help="the folder that install.sh was given")
    parser.add_argument("--cloaks", type=Path, required=True, help="cloaked photos, or folders of them")
    parser.add_argument(
        "--clients",
        default=",".join(CLIENTS),
        help=f"separated by commas, of {', '.join(CLIENTS)}, or single ones of "
        f"{', '.join(judge for judges in CLIENTS.values() for judge in judges)}",
    )
    parser.add_argument(
        "--people", default="lfw10,lfw38", help="folders, or names in the data beside the project"
    )
    parser.add_argument("--limit", type=int, help="so many people at most")
    parser.add_argument("--step", type=int, default=1, help="2: every second person of each folder")
    parser.add_argument("--first", type=int, default=1, help="so many photos of each person, 2 at most")
    parser.add_argument("--no-quality", action="store_true", help="leave out what was changed")
    parser.add_argument("--pairs", type=Path, help="JSON lines, one a pair; CLOAKS/pairs.jsonl by default")
    parser.add_argument("--markdown", type=Path, help="also write the tables, with a text, to this page")
    args = parser.parse_args()
    clients = Clients(args.dir)
    people = sittings(args.people, args.step, args.limit, args.first)
    photos = cloaked(args.cloaks, people, clients.cache / "sources")
    pairs = dict.fromkeys((one, other) for it in photos for _, one, other in it.pairs())
    asked = clients.ask(chosen(args.clients), list(pairs))
    lines = rows(photos, asked)
    keep = args.pairs or args.cloaks / "pairs.jsonl"
    keep.write_text("".join(json.dumps(line) + "\n" for line in lines))
    files = [] if args.no_quality else [(it.kind, it.original, it.photo) for it in photos]
    figures = Figures(lines, asked, qualities(files, clients.cache), failures(args.cloaks))
    print(tables(figures))
    if args.markdown is not None:
        args.markdown.write_text(page(figures))


if __name__ == "__main__":
    main()
