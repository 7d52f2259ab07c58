"""Build a two-alternative forced-choice (2AFC) set in BAPPS's layout from any folder of photos.

    python scripts/make_2afc.py PHOTOS OUT --train 4000 --val 800 --seed 0

A metric like LPIPS learns from triplets: a reference, two distorted copies of it, and the share of people who
call the second copy nearer. Where the judgements of people (BAPPS, Zhang et al. 2018, arXiv 1801.03924) are
not at hand, a panel of published metrics stands in here. It is no substitute for people: a metric that learns
from it learns what the panel agrees on, and its score on such a set says how well it did that, no more.

    OUT/{train,val}/{traditional,cnn,mix}/{ref,p0,p1}/NNNNNN.png    64x64 RGB
    OUT/{train,val}/{traditional,cnn,mix}/judge/NNNNNN.npy          float32 (1,): the share that prefers p1
    OUT/triplets.csv                                                what was done, every judge's distances
    OUT/card.json                                                   how the set was made, and from what

**Photos** are split by photo: ordered by the SHA-256 of the seed and the file, the first fifth is for `val`.
Copies of one file count once. A reference covers a random square of 1 to 3 times its side in the photo.

**Distortions** are those of `distortions.py`: its traditional ones, its network-like ones (`cnn`), and in
`mix` one of each family, or chains of one from each. A quarter of the pairs is one distortion in two
strengths. Strengths are even in the logarithm, and the second is often near the first: few pairs are easy.

**Judgement**: judge k of the panel measures the distances d0 and d1 of the two copies from the reference,
on the saved pixels. Its vote for p1 is that of a crowd that sees the ratio of the distances through noise,
and the judgement is the mean of the votes:

    v_k = sigmoid((log(d0 + f_k) - log(d1 + f_k)) / tau_k)        judge = mean_k v_k

f_k, the judge's floor, is far below what can be seen: distances below it are equally none, and none is 0.
tau_k = 0.25 times the power with which the distance grows with a faint change (2 for squares, 1 for a norm),
so that a quarter more of the same fault means the same to every judge: a vote of .71.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image
from rlpips.distortions import DISTORTIONS, LUMA, Pixels, distort, draw, told
from rlpips.panel import JUDGES, TAU, Panel, Values, check_judges

from mnd.base.files import PhotoError
from mnd.base.runtime import versions
from mnd.photo.formats import SUFFIXES
from mnd.photo.photo import Photo

SUBSETS = ("traditional", "cnn", "mix")
SPLITS = ("train", "val")
KINDS = ("ref", "p0", "p1")
VAL_SHARE = 0.2
"""Of the photos, at least one."""
WIDEST = 3
"""A patch covers at most so many times its own side in the photo."""
FLAT, FLAT_KEPT, TRIES = 3 / 255, 0.1, 10
"""A patch whose luma deviates less is kept one time in ten, of one colour never; so many are looked at."""
LEAST = 32
"""The smallest side that every judge accepts."""
BATCH = 50
PACKAGES = ("mnd", "numpy", "pillow", "scikit-image", "scipy", "torch")


# photos ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """A photo of the folder."""

    name: str
    """Its path inside the folder."""
    sha256: str


def survey(folder: Path, size: int) -> tuple[list[Source], dict[str, str]]:
    """The photos of a folder and of those inside it, by name; and those that cannot be used, with the reason.

    Raises:
        NotADirectoryError: there is no such folder.
        ValueError: fewer than two different photos can be used.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: there is no such folder, expected one with photos")
    suffixes = set(SUFFIXES)
    found, skipped = dict[str, Source](), dict[str, str]()
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes):
        name = path.relative_to(folder).as_posix()
        try:
            height, width = Photo.read(path).pixels.shape[:2]
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except (PhotoError, OSError) as error:
            skipped[name] = error.kind if isinstance(error, PhotoError) else type(error).__name__
            continue
        if min(height, width) < size:
            skipped[name] = f"{width}x{height} pixels, expected at least {size}x{size}"
        elif digest in found:
            skipped[name] = f"the same file as {found[digest].name}"
        else:
            found[digest] = Source(name, digest)
    if len(found) < 2:
        left_out = "".join(f"\n  {name}: {reason}" for name, reason in skipped.items())
        raise ValueError(f"{folder}: {len(found)} photos can be used, expected at least 2{left_out}")
    return list(found.values()), skipped


def split(photos: Sequence[Source], seed: int) -> dict[str, list[Source]]:
    """The photos of `train` and of `val`, in the order of the hash of the seed and the file."""
    order = sorted(photos, key=lambda p: hashlib.sha256(f"{seed}:{p.sha256}".encode()).digest())
    count = max(1, round(VAL_SHARE * len(order)))
    return {"train": order[count:], "val": order[:count]}


def patch(photo: Pixels, size: int, rng: Generator) -> Pixels:
    """A random square of the photo, 1 to 3 times as wide as `size`, mirrored or not, made `size` wide."""
    widest = min(WIDEST * size, *photo.shape[:2])
    for _ in range(TRIES):
        side = int(np.exp(rng.uniform(np.log(size), np.log(widest + 0.999))))
        top, left = (int(rng.integers(n - side + 1)) for n in photo.shape[:2])
        square = Image.fromarray(photo[top : top + side, left : left + side])
        # Pillow's filters widen when they shrink: nothing is aliased
        found = np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))
        found = found[:, ::-1] if rng.random() < 0.5 else found
        deviation = float(np.std(found / 255 @ LUMA))
        if deviation >= FLAT or (deviation > 1e-6 and rng.random() < FLAT_KEPT):
            break
    return np.ascontiguousarray(found)


# the set --------------------------------------------------------------------------------------------------

Row = dict[str, str]


def pictures(folder: Path, photos: Path, sources: Sequence[Source], args: Settings, part: str) -> list[Row]:
    """Write the pictures of a split, photo by photo, so that one photo at a time is in memory.

    Every triplet has a generator of its own: it is the same however many there are.
    """
    jobs: dict[Source, list[tuple[str, int]]] = {source: [] for source in sources}
    for triplet in range(args.train if part == "train" else args.val):
        i, subset = triplet // len(SUBSETS), SUBSETS[triplet % len(SUBSETS)]
        # every subset goes round all photos, each from a start of its own
        start = SUBSETS.index(subset) * len(sources) // len(SUBSETS)
        jobs[sources[(start + i) % len(sources)]].append((subset, i))
        for kind in (*KINDS, "judge"):
            (folder / part / subset / kind).mkdir(parents=True, exist_ok=True)
    rows = []
    for source in (s for s in sources if jobs[s]):
        photo = Photo.read(photos / source.name).pixels
        for subset, i in jobs[source]:
            rng = np.random.default_rng([args.seed, SPLITS.index(part), SUBSETS.index(subset), i])
            ref = patch(photo, args.size, rng)
            recipes = draw(subset, rng, *args.strengths)
            row = {"split": part, "subset": subset, "number": f"{i:06}", "photo": source.name}
            rows.append(row | {"p0": told(recipes[0]), "p1": told(recipes[1])})
            for kind, pixels in zip(KINDS, (ref, *(distort(ref, r, rng) for r in recipes)), strict=True):
                Image.fromarray(pixels).save(_path(folder, row, kind, "png"))
    return sorted(rows, key=lambda row: (SUBSETS.index(row["subset"]), row["number"]))


def judge(folder: Path, rows: Sequence[Row], panel: Panel) -> Values:
    """Write the judgements on the pictures as they were saved; the votes `(N, K)`."""
    votes = []
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        ref, p0, p1 = (np.stack([_read(folder, row, kind) for row in some]) for kind in KINDS)
        d0, d1 = panel.distances(ref, p0), panel.distances(ref, p1)
        votes.append(panel.votes(d0, d1))
        for row, a, b, vote in zip(some, d0, d1, votes[-1], strict=True):
            np.save(_path(folder, row, "judge", "npy"), np.array([vote.mean()], np.float32))
            row["judge"] = f"{vote.mean():.4f}"
            for name, x, y in zip(panel.names, a, b, strict=True):
                row[f"{name} p0"], row[f"{name} p1"] = f"{x:.6g}", f"{y:.6g}"
    return np.concatenate(votes)


def _path(folder: Path, row: Row, kind: str, suffix: str) -> Path:
    return folder / row["split"] / row["subset"] / kind / f"{row['number']}.{suffix}"


def _read(folder: Path, row: Row, kind: str) -> Pixels:
    with Image.open(_path(folder, row, kind, "png")) as image:
        return np.asarray(image)


@dataclass(frozen=True)
class Settings:
    """What is asked for."""

    train: int = 4000
    """Triplets for training, in all three subsets together; 0 leaves the folder out."""
    val: int = 800
    """The same for validation."""
    size: int = 64
    seed: int = 0
    strengths: tuple[float, float] = (0.0, 1.0)
    """From just invisible to clearly visible."""
    judges: tuple[str, ...] = ("lpips-squeeze", "gmsd", "ciede2000")
    judges_val: tuple[str, ...] = ()
    """The panel of `val`; that of `train` when empty."""

    def __post_init__(self) -> None:
        for panel in (self.judges, self.judges_val or self.judges):
            check_judges(panel)
        if min(self.train, self.val) < 0 or self.train + self.val == 0:
            raise ValueError(f"train and val are {self.train} and {self.val}, expected >= 0 and not both 0")
        if not 0 <= self.strengths[0] < self.strengths[1] <= 1:
            raise ValueError(f"strengths are {self.strengths}, expected two of [0, 1], the first smaller")
        if self.size < LEAST or self.seed < 0:
            raise ValueError(f"size and seed are {self.size} and {self.seed}, expected >= {LEAST} and >= 0")


def build(photos: Path, out: Path, args: Settings) -> dict[str, Any]:
    """Make the set in the folder `out`, wholly or not at all, and return its card.

    Raises:
        FileExistsError: there is something at `out`.
        FileNotFoundError, NotADirectoryError: there is no folder for it, or none of photos.
        ValueError: too few photos can be used.
    """
    if os.path.lexists(out):
        raise FileExistsError(f"{out}: this is there already, expected a new folder")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"{out.parent}: there is no such folder, expected one to make {out.name} in")
    panels = {"train": args.judges, "val": args.judges_val or args.judges}
    sources, skipped = survey(photos, args.size)
    parts = {p: s for p, s in split(sources, args.seed).items() if getattr(args, p)}
    rows, summaries = list[Row](), dict[str, Any]()
    with _aside(out) as folder:
        for part, own in parts.items():
            panel = Panel(panels[part])
            made = pictures(folder, photos, own, args, part)
            summaries[part] = {"judges": panel.names, **summary(judge(folder, made, panel), panel.names)}
            rows += made
        with open(folder / "triplets.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(k for row in rows for k in row)), restval="")
            writer.writeheader()
            writer.writerows(rows)
        card = _card(args, parts, skipped, summaries)
        (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


@contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its name at the end; after an error nothing of it is left."""
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield folder
        # mkdtemp's folders are for their owner alone
        folder.chmod(0o755)
        folder.rename(out)
    except BaseException:
        shutil.rmtree(folder)
        raise


def summary(votes: Values, panel: Sequence[str]) -> dict[str, Any]:
    """How the judgements lie, and how often judges agree on which copy is nearer."""
    judgements = votes.mean(1)
    tenths, _ = np.histogram(judgements, 10, (0, 1))
    return {
        "triplets": len(votes),
        "judgements by tenths": tenths.tolist(),
        "mean": round(float(judgements.mean()), 4),
        "mean certainty": round(float(np.maximum(judgements, 1 - judgements).mean()), 4),
        "agreement": {
            f"{panel[i]}, {panel[j]}": round(float(np.mean((votes[:, i] > 0.5) == (votes[:, j] > 0.5))), 4)
            for i, j in combinations(range(len(panel)), 2)
        },
    }


def _card(
    args: Settings, parts: Mapping[str, list[Source]], skipped: Mapping[str, str], summaries: dict[str, Any]
) -> dict[str, Any]:
    """How the set was made, enough to make it again: no paths, no dates."""
    asked = dict.fromkeys(name for part in summaries.values() for name in part["judges"])
    judges = {name: asdict(JUDGES[name]) for name in asked}
    for judge in judges.values():
        del judge["load"]
        judge["version"] = versions(judge["package"])[judge["package"]]
    kinds = {name: asdict(distortion) for name, distortion in DISTORTIONS.items()}
    for kind in kinds.values():
        del kind["name"], kind["apply"]
    return {
        **{name: getattr(args, name) for name in ("seed", "size", "train", "val", "strengths")},
        "temperature": TAU,
        "judges": judges,
        "splits": summaries,
        "photos": {part: [asdict(source) for source in own] for part, own in parts.items()},
        "skipped": skipped,
        "distortions": kinds,
        "packages": {name: versions(name)[name] for name in PACKAGES},
    }


# command line ---------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Make the set that is asked for; 0 done, 1 not done, 2 asked wrongly."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of photos, and of folders of photos")
    parser.add_argument("out", type=Path, help="folder to make; it must not be there yet")
    span = ("LOW", "HIGH")
    parser.add_argument("--strengths", type=float, nargs=2, default=Settings.strengths, metavar=span)
    for name in ("train", "val", "size", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Settings, name))
    parser.add_argument("--judges", default=",".join(Settings.judges), help=f"any of {','.join(JUDGES)}")
    parser.add_argument("--judges-val", default="", help="another panel for val")
    given = vars(parser.parse_args(argv))
    photos, out = given.pop("photos"), given.pop("out")
    given["strengths"] = tuple(given["strengths"])
    for name in ("judges", "judges_val"):
        given[name] = tuple(judge for judge in given[name].split(",") if judge)
    try:
        args = Settings(**given)
    except ValueError as error:
        parser.error(str(error))
    torch.set_num_threads(1)  # sums in the same order, however many cores there are
    try:
        card = build(photos, out, args)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    for name, reason in card["skipped"].items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    print(json.dumps(card["splits"], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
