"""Judgements of people about pictures: the published sets, read as they are unpacked, from a folder.

None of them is here, and none may be downloaded by this: who has one names its folder.

kadid10k   dmos.csv (dist_img,ref_img,dmos,var) and images/, or distorted_images/ and reference_images/
tid2013    mos_with_names.txt ("5.51429 I01_01_1.bmp"), distorted_images/, reference_images/
pipal      Train_Label/A0001.txt ("A0001_00_00.bmp,1520.0648"), Train_Ref/, Distortion_1/ to _4/
bapps      SPLIT/SUBSET/{ref,p0,p1}/000000.png and judge/000000.npy, also below 2afc/
nights     data.csv (id,left_vote,right_vote,votes,ref_path,left_path,right_path,split,is_imagenet)

Of all scores the higher is better, also of KADID-10k's, whatever its name says (5: not to be seen, 1: very
annoying).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rlpips.twoafc import TwoAFC

T = TypeVar("T")
VOTES = 6
"""NIGHTS: triplets with fewer unanimous votes are left out, as its authors do."""
NIGHTS_SIDE = 224
"""Pixels to which its pictures are made smaller, as by its authors."""


@dataclass(frozen=True, slots=True)
class Rated:
    """A distorted picture and what people think of it."""

    ref: Path
    dist: Path
    score: float
    """The higher, the better, in the set's own unit."""

    @property
    def group(self) -> str:
        """Pictures of one reference are not independent."""
        return self.ref.name


@dataclass(frozen=True, slots=True)
class Triplet:
    """Two pictures, of which people chose the one that is nearer to a reference."""

    ref: Path
    p0: Path
    p1: Path
    judge: float
    """The share of people who chose p1, in [0, 1]."""
    subset: str
    """Of BAPPS: the kind of distortion; of NIGHTS: whether the pictures are of ImageNet's classes."""


@dataclass(frozen=True, slots=True)
class HumanSet:
    """One set, of which either `rated` or `triplets` is there."""

    name: str
    rated: tuple[Rated, ...] = ()
    triplets: tuple[Triplet, ...] = ()
    published: int = 0
    """So many the whole set has; 0: that depends on the part."""
    side: int | None = None
    """Pixels to which its authors resize its pictures."""

    def __len__(self) -> int:
        return len(self.rated or self.triplets)


def kadid10k(root: Path, split: str | None = None) -> HumanSet:
    """KADID-10k (Lin, Hosu and Saupe 2019): 81 references, 25 distortions at 5 levels, 10,125 pictures.

    Raises:
        FileNotFoundError: the table or a picture is not there.
        ValueError: a line of the table is none, or there is no such split.
    """
    _no_split("kadid10k", split)
    table = _label(root, "dmos.csv")
    there = _pictures(table.parent)
    rows = []
    for place, row in _rows(table, ("dist_img", "ref_img", "dmos")):
        score = _number(row["dmos"], place, 1.0, 5.0)
        rows.append(_rated(there, place, row["ref_img"], row["dist_img"], score))
    return HumanSet("kadid10k", _some(rows, table), published=10_125)


def tid2013(root: Path, split: str | None = None) -> HumanSet:
    """TID2013 (Ponomarenko et al. 2015): 25 references, 24 distortions at 5 levels, 3,000 pictures.

    Raises:
        FileNotFoundError, ValueError: as `kadid10k`.
    """
    _no_split("tid2013", split)
    table = _label(root, "mos_with_names.txt")
    there = _pictures(table.parent)
    rows = []
    for place, words in _lines(table):
        match words.split():
            case [score, name]:
                ref = name.split("_")[0] + ".bmp"
                rows.append(_rated(there, place, ref, name, _number(score, place, 0.0, 9.0)))
            case _:
                raise ValueError(f"{place}: got {words!r}, expected a score and a name, 5.51429 I01_01_1.bmp")
    return HumanSet("tid2013", _some(rows, table), published=3_000)


def pipal(root: Path, split: str | None = None) -> HumanSet:
    """PIPAL (Gu et al. 2020), the part with public scores: 200 references, 116 distortions, 23,200 pictures.

    Raises:
        FileNotFoundError, ValueError: as `kadid10k`.
    """
    _no_split("pipal", split)
    folder = _label(root, "Train_Label")
    there = _pictures(folder.parent)
    rows = []
    for table in sorted(folder.glob("*.txt")):
        for place, words in _lines(table):
            name, _, score = (word.strip() for word in words.partition(","))
            if not score:
                raise ValueError(
                    f"{place}: got {words!r}, expected a name and a score, A0001_00_00.bmp,1520.0648"
                )
            ref = name.split("_")[0] + ".bmp"
            rows.append(_rated(there, place, ref, name, _number(score, place)))
    return HumanSet("pipal", _some(rows, folder), published=23_200)


def bapps(root: Path, split: str | None = None) -> HumanSet:
    """BAPPS's two alternatives (Zhang et al. 2018): patches of 64 pixels, by default those of `val`.

    Raises:
        FileNotFoundError: a folder is missing, or there is no triplet.
        ValueError: a picture or a judgement has no partner, or a judgement is none.
    """
    split = split or "val"
    folder = next(
        (it for it in (root, root / "2afc", root / "dataset" / "2afc") if (it / split).is_dir()), root
    )
    found = TwoAFC.open(folder, split)
    judges = found.judge().tolist()
    rows = []
    for name, judge in zip(found.names, judges, strict=True):
        subset, stem = name.split("/")
        ref, p0, p1 = (found.folder / subset / kind / f"{stem}.png" for kind in ("ref", "p0", "p1"))
        rows.append(Triplet(ref, p0, p1, judge, subset))
    return HumanSet("bapps", triplets=tuple(rows))


def nights(root: Path, split: str | None = None) -> HumanSet:
    """NIGHTS (Fu et al. 2023): triplets of generated pictures with six unanimous votes; by default `test`.

    Raises:
        FileNotFoundError, ValueError: as `kadid10k`.
    """
    split = split or "test"
    table = _label(root, "data.csv")
    columns = (
        "left_vote",
        "right_vote",
        "votes",
        "ref_path",
        "left_path",
        "right_path",
        "split",
        "is_imagenet",
    )
    rows, splits = [], set[str]()
    for place, row in _rows(table, columns):
        splits.add(row["split"])
        if row["split"] != split or _number(row["votes"], place) < VOTES:
            continue
        ref, left, right = (
            _below(table.parent, row[it], place) for it in ("ref_path", "left_path", "right_path")
        )
        subset = "imagenet" if row["is_imagenet"].strip().lower() in ("true", "1") else "other"
        rows.append(Triplet(ref, left, right, _number(row["right_vote"], place, 0.0, 1.0), subset))
    if splits and split not in splits:
        raise ValueError(f"{table}: split is {split!r}, expected one of {', '.join(sorted(splits))}")
    return HumanSet("nights", triplets=_some(rows, table), side=NIGHTS_SIDE)


SETS: Mapping[str, Callable[[Path, str | None], HumanSet]] = {
    "kadid10k": kadid10k, "tid2013": tid2013, "pipal": pipal, "bapps": bapps, "nights": nights,
}  # fmt: skip


def load(name: str, root: Path, split: str | None = None) -> HumanSet:
    """A set by its name.

    Raises:
        FileNotFoundError, ValueError: there is no such set; else see the function of its name.
    """
    if name not in SETS:
        raise ValueError(f"set is {name!r}, expected one of {', '.join(SETS)}")
    return SETS[name](root, split)


# files ------------------------------------------------------------------------------------------------------


def _no_split(name: str, split: str | None) -> None:
    if split is not None:
        raise ValueError(f"split is {split!r}, expected none: {name} has no parts")


def _label(root: Path, name: str) -> Path:
    """The file or folder of the scores, in the folder of the set or one below it."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder, expected that of the set, with {name} in it")
    found = [path for path in (root / name, *sorted(root.glob(f"*/{name}"))) if path.exists()]
    if not found:
        raise FileNotFoundError(f"{root}: there is no {name}, expected it there or one folder below")
    if len(found) > 1 and found[0] != root / name:
        raise ValueError(f"{root}: {name} is there {len(found)} times, expected the folder of one set")
    return found[0]


def _pictures(root: Path) -> dict[str, list[Path]]:
    """All pictures below a folder by their names in small letters, as sets are unpacked in several ways."""
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in (".png", ".bmp") and not path.name.startswith("."):
            found.setdefault(path.name.lower(), []).append(path)
    return found


def _picture(there: Mapping[str, list[Path]], name: str, place: str) -> Path:
    found = there.get(name.strip().lower(), [])
    if not found:
        raise FileNotFoundError(f"{place}: the picture {name.strip()!r} is not there")
    if len(found) > 1:
        raise ValueError(f"{place}: the picture {name.strip()!r} is there twice: {found[0]}, {found[1]}")
    return found[0]


def _rated(there: Mapping[str, list[Path]], place: str, ref: str, dist: str, score: float) -> Rated:
    """One line of a set whose pictures are told by their names."""
    return Rated(_picture(there, ref, place), _picture(there, dist, place), score)


def _below(root: Path, name: str, place: str) -> Path:
    path = root / name.strip()
    if not path.is_file():
        raise FileNotFoundError(f"{place}: the picture {name.strip()!r} is not there")
    return path


def _rows(table: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each line of a CSV with a head, and where it stands."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        lacking = [name for name in columns if name not in (rows.fieldnames or ())]
        if lacking:
            raise ValueError(f"{table}: columns are {rows.fieldnames}, expected {', '.join(lacking)}, too")
        for row in rows:
            place = f"{table}, line {rows.line_num}"
            if any(row[name] is None for name in columns):
                raise ValueError(f"{place}: got {list(row.values())}, expected a cell for each column")
            yield place, row


def _lines(table: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(table.read_text(encoding="utf-8-sig").splitlines(), 1):
        if line.strip():
            yield f"{table}, line {number}", line.strip()


def _number(text: str, place: str, low: float = -math.inf, high: float = math.inf) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and low <= value <= high):
        span = "" if low == -math.inf else f" from {low:g} to {high:g}"
        raise ValueError(f"{place}: got {text!r}, expected a number{span}")
    return value


def _some(rows: list[T], where: Path) -> tuple[T, ...]:
    if not rows:
        raise ValueError(f"{where}: no judgement in it, expected at least one")
    return tuple(rows)
