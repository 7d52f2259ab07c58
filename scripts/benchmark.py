"""The project's own figures: what MND needs and what it changes, beside published attacks.

python scripts/benchmark.py attacks | landmarks | faces | finding | levels | learned | time | memory |
    start | protect | variance | ui | sharing | countermeasures | looks | grain | kinds | blind | clusters |
    formats | speed | photos | burst | who | readme
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks import (
    builds,
    bursts,
    clusters,
    costs,
    countermeasures,
    eyes,
    finding,
    formats,
    kinds,
    landmarks,
    levels,
    page,
    protecting,
    sharing,
    sheets,
    speed,
    variance,
    who,
)
from benchmarks.judging import (
    DATA,
    Dlib,
    Pixels,
    Unseen,
    Values,
    differences,
    means,
    read,
    saved,
    share,
    table,
)
from benchmarks.people import Sitting, people
from torch import Tensor

from mnd import attacks as anchors
from mnd.attacks.problem import Problem
from mnd.channel import to_pixels, to_tensor
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.gallery import Gallery
from mnd.cloaking.settings import CloakSettings
from mnd.cloaking.subjects import Subject, find
from mnd.evaluation.cases import cropped
from mnd.evaluation.results import MEASURES, RESULTS, read_results
from mnd.evaluation.run import evaluate
from mnd.evaluation.settings import EvaluationSettings
from mnd.evaluation.summary import summarise
from mnd.faces.detector import Detector
from mnd.losses.composite import Composite
from mnd.losses.standard import RHO, standard
from mnd.optimizer.mnd import MND
from mnd.photo.photo import Photo
from mnd.targets import registry
from mnd.targets.classifier import Classifier
from mnd.targets.face import FaceTarget
from mnd.targets.target import Reference

DIGITS = {
    "photos": 0, "fooled %": 1, "gallery %": 1, "held back %": 1, "unseen, held back %": 1,
    **levels.DIGITS, **landmarks.DIGITS, **finding.DIGITS, **variance.DIGITS, **costs.DIGITS,
    **protecting.DIGITS, **page.DIGITS, **sharing.DIGITS, **countermeasures.DIGITS, **sheets.DIGITS,
    **speed.DIGITS, **eyes.DIGITS, **clusters.DIGITS, **kinds.DIGITS, **formats.DIGITS,
    **bursts.DIGITS, **builds.DIGITS,
    "no face": 0, "not protected": 0,
    "PSNR": 2, "SSIM": 5, "face SSIM": 4, "1-SSIM e-4": 3, "SSIMULACRA2": 2, "Butteraugli": 3,
    "MS-SSIM": 5, "R-LPIPS": 6, "LPIPS": 5, "E-LPIPS": 6, "CIEDE2000": 3, "passes": 0, "s a photo": 2,
}  # fmt: skip
TITLES = {m.name: m.title for m in MEASURES} | {"passes": "passes", "seconds": "s a photo"}
"""Columns by the names of `results.jsonl`."""
RHOS = (0.0, RHO / 4, RHO, 4 * RHO)
"""Weights of the learned term that are compared, the first without it."""
Attack = Callable[[Tensor, Tensor], Tensor]
Figures = dict[str, Any]
"""Tables by title, each with its rows by name."""


# attacks --------------------------------------------------------------------------------------------------

EVALUATIONS = {
    "classifier": ("efficientnet-lite0", "imagenet"),
    "faces": ("dlib+card:{data}/weights/mobilefacenet-ms1m.json", "faces/lfw10"),
}
"""Targets and pictures on which all attacks are compared; `{data}` is the folder of the data."""


def attacks(args: argparse.Namespace) -> Figures:
    """`mnd evaluate` with every attack, on both kinds of targets; goes on where it was stopped."""
    figures: Figures = {}
    for name, (target, folder) in EVALUATIONS.items():
        settings = EvaluationSettings(
            DATA / folder,
            (target.format(data=DATA),),
            tuple(args.attacks.split(",")) if args.attacks else (),
            limit=args.limit,
            offline=True,
        )
        out = args.out / name
        print(evaluate(settings, out), flush=True)
        for found in summarise(read_results(out / RESULTS)):
            told = {TITLES[m]: it.mean for m, it in found.quality.items() if m in TITLES}
            row = {"photos": found.pictures, "fooled %": 100 * (found.success.mean or 0.0), **told}
            figures.setdefault(f"attacks, {name}, means over the successes", {})[found.attack] = row
    return figures


# the learned term -----------------------------------------------------------------------------------------


def _counted(rows: list[Values], middle: bool = False) -> Values:
    fooled = 100 * sum(row["fooled"] for row in rows) / len(rows)
    return {"photos": len(rows), "fooled %": fooled, **means(rows, middle)}


def _right(args: argparse.Namespace, target: Classifier) -> list[tuple[Pixels, int]]:
    """The photos that are classified right, with their class: the first number of the file's name."""
    found = []
    for path in sorted((args.data or DATA / "imagenet").glob("*.jpg"))[: args.limit]:
        pixels = cropped(read(path), 224)
        label = int(path.name[:3])
        if int(target.refer(to_tensor(pixels)).known) == label:
            found.append((pixels, label))
    return found


def _batches(photos: list[tuple[Pixels, int]], size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for i in range(0, len(photos), size):
        pixels, labels = zip(*photos[i : i + size], strict=True)
        yield torch.cat([to_tensor(p) for p in pixels]), torch.tensor(labels)


def _attacked(batches: list[tuple[Tensor, Tensor]], target: Classifier, attack: Attack) -> list[Values]:
    """One row a photo, judged from its PNG file."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for x, labels in batches:
            start = time.perf_counter()
            y = attack(x, labels)
            seconds = (time.perf_counter() - start) / len(x)
            for clean, changed, label in zip(x, y, labels, strict=True):
                before = to_pixels(clean[None])
                after = saved(to_pixels(changed[None]), Path(folder) / "photo.png")
                seen = int(target.refer(to_tensor(after)).known)
                fooled = float(seen != int(label))
                rows.append({"fooled": fooled, **differences(before, after), "s a photo": seconds})
    return rows


# faces ----------------------------------------------------------------------------------------------------


def faces(args: argparse.Namespace) -> Figures:
    """MND, by `Cloaker`, and MI-FGSM on the first two photos of each person, judged by dlib itself.

    The next four photos are the gallery that both see, the last four are held back.
    """
    judge, target, detector = Dlib(), registry.load("dlib", offline=True), Detector()
    assert isinstance(target, FaceTarget)
    unseen = Unseen(args.unseen) if args.unseen.exists() else None
    attacks: dict[str, Callable[..., tuple[Pixels | None, float]]] = {
        "clean": _unchanged, "MND": _cloaked, "MI-FGSM, 4/255": _signed,
    }  # fmt: skip
    rows: dict[str, list[Values]] = {name: [] for name in attacks}
    with tempfile.TemporaryDirectory() as folder:
        for photo, gallery, known, held in _people(args, Path(folder)):
            settings = CloakSettings(targets=("dlib",), gallery=gallery, level="minimum", offline=True)
            for name, attack in attacks.items():
                after, seconds = attack(photo, settings, target, detector)
                row = _recognised(judge, after, known, held)
                if unseen is not None and after is not None and (margins := unseen.margins(after, held)):
                    row["unseen, held back %"] = share(margins)
                if name != "clean":
                    row |= _face_quality(photo, after, detector) | {"s a photo": seconds}
                rows[name].append(row)
            print(f"{photo.stem}: {rows['MND'][-1]}", flush=True)
    return {"faces, means": {name: _shares(r) for name, r in rows.items()}}


def _people(args: argparse.Namespace, folder: Path) -> list[Sitting]:
    return people(args.data or DATA / "faces" / "lfw10", folder, limit=args.limit)


def _unchanged(photo: Path, *_: object) -> tuple[Pixels, float]:
    return read(photo), 0.0


def _cloaked(photo: Path, settings: CloakSettings, *_: object) -> tuple[Pixels | None, float]:
    """`mnd cloak`; None when it says itself that the photo is not protected."""
    record = Cloaker(settings).photo(photo)
    return read(Path(record["output"])) if record["output"] else None, record["seconds"]


def _signed(
    photo: Path, settings: CloakSettings, target: FaceTarget, detector: Detector
) -> tuple[Pixels, float]:
    """MI-FGSM on the same subjects, with the same references and landmarks, in all that the target sees."""
    start = time.perf_counter()
    assert settings.gallery is not None
    opened = Photo.read(photo)
    gallery = Gallery.read(settings.gallery, [target], detector)
    x = opened.tensor()
    for subject in map(gallery.judging, find(opened, [target], detector, settings.where)):
        x = _signed_subject(x, subject, target)
    after = saved(to_pixels(x), photo.with_suffix(".rival.png"))
    return after, time.perf_counter() - start


def _signed_subject(x: Tensor, subject: Subject, target: FaceTarget) -> Tensor:
    assert subject.landmarks is not None
    height, width = x.shape[2:]
    x0, y0, x1, y1 = (int(v) for v in target.support(subject.landmarks)[0].tolist())
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    reference = subject.judged[0].at(subject.landmarks - torch.tensor([x0, y0]))
    crop = x[..., y0:y1, x0:x1].clone()
    problem = Problem(crop, (lambda y: target.margin(y, reference),), (target.card.threshold,))
    x[..., y0:y1, x0:x1] = anchors.load("mi-fgsm").run(problem, 4.0, 0)
    return x


def _recognised(judge: Dlib, after: Pixels | None, known: list[Path], held: list[Path]) -> Values:
    """Whom dlib still takes for the same person; a photo that shows it no face proves nothing."""
    if after is None:
        return {"gallery %": 0.0, "held back %": 0.0, "not protected": 1.0, "no face": 0.0}
    found = {name: judge.margins(after, p) for name, p in (("gallery %", known), ("held back %", held))}
    if not all(found.values()):
        return {"not protected": 0.0, "no face": 1.0}
    return {"not protected": 0.0, "no face": 0.0, **{name: share(m) for name, m in found.items()}}


def _face_quality(photo: Path, after: Pixels | None, detector: Detector) -> Values:
    if after is None:
        return {}
    before = read(photo)
    middle = np.array(before.shape[1::-1]) / 2
    face = min(detector(before), key=lambda f: float(np.hypot(*(f.landmarks.mean(0) - middle))))
    x0, y0, x1, y1 = (round(v) for v in face.box)
    return differences(before, after, (x0, y0, x1, y1))


def _shares(rows: list[Values]) -> Values:
    """Means, but counts of photos that could not be judged."""
    counts = {name: sum(row[name] for row in rows) for name in ("no face", "not protected")}
    return {"photos": len(rows), **means(rows), **counts}


# the learned term -----------------------------------------------------------------------------------------


def learned(args: argparse.Namespace) -> Figures:
    """MND with several weights of R-LPIPS in its loss, on the photos of both benchmarks."""
    target, judge, detector = registry.load("efficientnet-lite0", offline=True), Dlib(), Detector()
    assert isinstance(target, Classifier)
    batches = list(_batches(_right(args, target), 10))
    whole: dict[str, list[Values]] = {}
    parts: dict[str, list[Values]] = {}
    for rho in RHOS:
        name, distance = f"rho = {rho:g}", standard(rho)

        def attack(x: Tensor, y: Tensor, distance: Composite = distance) -> Tensor:
            return MND(distance)(x, lambda p: target.margin(p, Reference(y))).image

        whole[name], parts[name] = _attacked(batches, target, attack), []
        print(table({name: _counted(whole[name])}, DIGITS), flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for photo, gallery, known, held in _people(args, Path(folder)):
                settings = CloakSettings(
                    targets=("dlib",), level="minimum", gallery=gallery, offline=True, rho=rho
                )
                after, seconds = _cloaked(photo, settings)
                row = _recognised(judge, after, known, held) | {"s a photo": seconds}
                parts[name].append(row | _face_quality(photo, after, detector))
        print(table({name: _shares(parts[name])}, DIGITS), flush=True)
    return {
        "learned term, classifier, means": {name: _counted(rows) for name, rows in whole.items()},
        "learned term, faces, means": {name: _shares(rows) for name, rows in parts.items()},
    }


# command line ---------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "faces": faces, "levels": levels.levels, "attacks": attacks, "landmarks": landmarks.landmarks,
    "time": costs.times, "robust": costs.robust, "memory": costs.memory, "start": costs.start,
    "ui": page.page, "learned": learned, "finding": finding.finding, "protect": protecting.protect,
    "variance": variance.variance, "sharing": sharing.sharing, "formats": formats.formats,
    "countermeasures": countermeasures.countermeasures, "looks": sheets.looks, "grain": eyes.grain,
    "clusters": clusters.clusters, "who": who.who,
    "kinds": kinds.kinds, "speed": speed.speed, "photos": builds.photos, "burst": bursts.bursts,
}  # fmt: skip
BY_EYE: dict[str, Callable[[argparse.Namespace], Figures]] = {"blind": eyes.blind}
"""What asks for somebody who looks."""


def main() -> None:
    """Run the parts that are asked for, print their tables, and keep the figures where --json says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, *BY_EYE, "readme"])
    parser.add_argument("--data", type=Path, help="folder of photos; beside the project by default")
    parser.add_argument("--limit", type=int, help="only so many photos")
    parser.add_argument(
        "--unseen",
        type=Path,
        default=DATA / "weights" / "mobilefacenet-ms1m.json",
        help="faces: the card of a recogniser that is not attacked, left out where it is not there; levels: "
        "of the recogniser beside dlib, attacked or not",
    )
    parser.add_argument(
        "--attacks",
        help="attacks, landmarks: which, separated by commas; sharing, countermeasures, formats, burst, "
        "photos: levels; levels: which plans, as patterns like 'strong-*' (none: only the tables of what is "
        "there); all by default",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("benchmark"),
        help="attacks, landmarks, levels: folder of the reports",
    )
    parser.add_argument(
        "--order", type=Path, help="blind: the order by eye, to compare with (docs/lab/looks-order.json)"
    )
    parser.add_argument(
        "--against",
        type=Path,
        help="speed, photos: folder of another build (by default the one before coarse grids)",
    )
    parser.add_argument("--turns", type=int, default=3, help="speed: how often each photo is done by each")
    parser.add_argument("--threads", choices=["1", "all"], default="1", help="of PyTorch")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    if args.threads == "1":
        torch.set_num_threads(1)
    figures: Figures = {}
    for name in PARTS if args.part == "readme" else [args.part]:
        figures |= (PARTS | BY_EYE)[name](args)
    for title, rows in figures.items():
        print(f"\n{title}\n\n{table(rows, DIGITS)}")
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
