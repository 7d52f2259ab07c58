"""How robust learned metrics are, side by side, each attacked through its own distance.

python scripts/evaluate_metrics.py --pairs DIR --photos DIR --out DIR [--metrics NAME...]

2afc       share of judgements that a metric agrees with, on clean triplets and after an attack on its ranking
inflation  how far the distance of a picture that looks unchanged can be driven up
collapse   how far a picture can be changed while the distance stays that of a mild distortion

Distances of two metrics have no common unit: what is reported are shares, ratios of one metric's distances
to each other, and the quality of pictures by measures that no metric of the list defines.
people     how well measures agree with judgements of people, where those are on this machine (below)

A metric with random draws (E-LPIPS) is attacked through new draws at every step, and judged by others.

Names: lpips, lpips:TRUNK, lpips:TRUNK:FILE, the same with rlpips, rlpips-2, rlpips-2:FILE, mse,
elpips:NAME (lpips or rlpips, as above),
elpips-official:FILE (squeeze-maxpool), elpips-official:VARIANT:FILE.

python scripts/evaluate_metrics.py people --data DIR --set kadid10k [--metrics psnr ssim rlpips ...]
has options of its own (people --help) and the measures of `mnd measure`.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from benchmarks.judging import read
from PIL import Image
from rlpips import metric_plots, people
from rlpips.metric_measures import (
    Ball,
    Change,
    How,
    Measured,
    Metric,
    Move,
    Settings,
    collapse,
    inflation,
    two_afc,
)
from rlpips.twoafc import TwoAFC
from torch import Tensor

from mnd.channel import to_pixels, to_tensor
from mnd.losses.elpips import ELPIPS, VARIANTS
from mnd.losses.images import Distance
from mnd.losses.lpips import LPIPS
from mnd.losses.pyramid import RLPIPS2
from mnd.losses.rlpips import RLPIPS

DATA = Path(__file__).parents[2] / "shared" / "data"
DEFAULT = ("lpips", "rlpips", "elpips:lpips", "elpips:rlpips")
"""All on the trunk that needs no download: only the metrics differ."""
PARTS = ("2afc", "inflation", "collapse")


class MeanSquare(Distance):
    """The mean square error, to compare."""

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda y: (y - x).square().mean((1, 2, 3))


def metric(name: str, device: torch.device | str = "cpu") -> Metric:
    """The metric of a name, see above.

    Raises:
        ValueError: there is no such metric, trunk or variant.
        FileNotFoundError: weights are not on this machine.
    """
    return Metric(name, _distance(name, name).to(device).eval())


def _distance(name: str, whole: str) -> Distance:
    kind, colon, rest = name.partition(":")
    if colon and not rest:
        raise ValueError(f"metric {whole!r} ends at a colon, expected a trunk, a file or a metric after it")
    if kind in ("lpips", "rlpips"):
        trunk, _, path = rest.partition(":")
        make = LPIPS if kind == "lpips" else RLPIPS
        return make(trunk or "efficientnet-lite0", path or None)
    if kind == "rlpips-2":
        return RLPIPS2(rest or None)
    if whole == "mse":
        return MeanSquare()
    if kind == "elpips" and rest and rest.startswith(("lpips", "rlpips")) and not rest.startswith("rlpips-2"):
        return ELPIPS(_distance(rest, whole))
    if kind == "elpips-official" and rest and whole == name:
        variant, _, path = rest.partition(":") if rest.split(":")[0] in VARIANTS else ("", "", rest)
        return ELPIPS.official(path, variant or "squeeze-maxpool")
    raise ValueError(
        f"metric is {whole!r}, expected lpips[:TRUNK[:FILE]], rlpips[:TRUNK[:FILE]], rlpips-2[:FILE],"
        " mse, elpips: and one of the first two, or elpips-official:[VARIANT:]FILE"
    )


def mildly(x: Tensor, kind: str, s: Settings) -> Tensor:
    """Pictures with white noise of two grey levels, or as JPEG of quality 90: hard to see."""
    if kind == "noise":
        noise = torch.randn(x.shape, generator=s.generator(0, 0)).to(x)
        return (x + 2 / 255 * noise).clamp(0, 1)
    coded = []
    for picture in x:
        Image.fromarray(to_pixels(picture[None])).save(file := io.BytesIO(), "JPEG", quality=90)
        with Image.open(file) as image:
            coded.append(to_tensor(np.asarray(image)))
    return torch.cat(coded).to(x)


# command line ---------------------------------------------------------------------------------------------


def photos(folder: Path, count: int, side: int, s: Settings) -> Tensor:
    """Random crops `(N, 3, side, side)` of photos, evenly spaced in the order of their names.

    Raises:
        FileNotFoundError: the folder has no photo of that size.
    """
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    rng, found = np.random.default_rng(s.seed), []
    order = [paths[i * len(paths) // count] for i in range(count)] if len(paths) > count else paths
    for path in order:
        pixels = read(path)
        height, width = pixels.shape[:2]
        top, left = (int(rng.integers(max(1, v - side + 1))) for v in (height, width))
        if min(height, width) >= side:
            found.append(to_tensor(np.ascontiguousarray(pixels[top : top + side, left : left + side])))
    if not found:
        raise FileNotFoundError(f"{folder}: no photo of {side}x{side} pixels among {len(paths)} JPEG and PNG")
    return torch.cat(found)


def evaluate(args: argparse.Namespace) -> Measured:
    """Every part for every metric; each is printed when it is done."""
    s = Settings(**{field.name: getattr(args, field.name) for field in fields(Settings)})
    balls = [Ball("linf", v / 255) for v in args.linf] + [Ball("l2", v) for v in args.l2]
    metrics = [metric(name, args.device) for name in args.metrics]
    pairs = x = mild = None
    if args.pairs is not None and "2afc" in args.parts:
        found = TwoAFC.open(args.pairs, args.split)
        found = found.clear(*args.clear) if args.clear else found
        found = found.sample(args.limit, args.seed)
        pairs = found.batch(range(len(found))).to(args.device)
    if {"inflation", "collapse"} & set(args.parts):
        x = photos(args.photos, args.count, args.size, s).to(args.device)
        mild = mildly(x, args.mild, s)
    result: dict[str, Measured] = {}
    for m in metrics:
        row = result[m.name] = {"label": m.distance.label if hasattr(m.distance, "label") else m.name}
        if pairs is not None:
            row["2afc"] = two_afc(m, pairs, balls, args.moves, s)
        if x is not None and "inflation" in args.parts:
            row["inflation"] = inflation(m, x, balls, s)
        if x is not None and mild is not None and "collapse" in args.parts:
            row["collapse"] = collapse(m, x, mild, args.changes, s)
        seconds = {part: round(row[part]["seconds"], 1) for part in args.parts if part in row}
        print(f"{m.name}: {seconds} s", flush=True)
    counts: Measured = {
        "triplets": len(pairs or ()),
        "photos": 0 if x is None else len(x),
        "pixels": args.size,
    }
    if pairs is not None:  # what a metric gets that is always wrong, or always right
        sure = torch.maximum(pairs.judge, 1 - pairs.judge).mean().item()
        counts |= {"clear": args.clear, "lowest score": round(1 - sure, 4), "highest score": round(sure, 4)}
    return {
        "settings": {**asdict(s), **counts, "mild": args.mild, "torch": torch.__version__},
        "metrics": result,
    }


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--metrics", nargs="+", default=list(DEFAULT), metavar="NAME", help=f"default: {' '.join(DEFAULT)}")
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="2afc is left out without --pairs")
    add("--out", type=Path, help="folder for metrics.json and the charts (SVG)")
    add("--pairs", type=Path, help="2AFC set in BAPPS's layout")
    add("--split", default="val", help="of the set")
    span = ("CHANGE", "CERTAINTY")
    add("--clear", type=float, nargs=2, metavar=span, help="2afc: only pairs so far off, so clearly judged")
    add("--limit", type=int, default=200, help="2afc: triplets, drawn at random")
    add(
        "--moves",
        nargs="+",
        choices=get_args(Move),
        default=["x0", "preferred"],
        help="2afc: what is attacked",
    )
    add("--photos", type=Path, default=DATA / "imagenet", help="folder of photos")
    add("--count", type=int, default=12, help="photos")
    add("--size", type=int, default=128, help="side of the crops")
    add("--linf", nargs="*", type=float, default=[4.0, 8.0], help="radii in grey levels")
    add("--l2", nargs="*", type=float, default=[1.5], help="radii for 64x64 pixels in [0, 1]; 3.0 in [-1, 1]")
    add("--mild", choices=["noise", "jpeg"], default="noise", help="collapse: two grey levels, or quality 90")
    add(
        "--changes",
        nargs="+",
        choices=get_args(Change),
        default=["mse", "ssim"],
        help="collapse: what is made large",
    )
    add("--how", choices=get_args(How), default="apgd", help="by what metrics without draws are attacked")
    for field, value in asdict(Settings()).items():
        if field != "how":
            add(f"--{field}", type=int, default=value)
    add("--device", default="cpu")
    add("--threads", type=int, default=1, help="of PyTorch")
    args = parser.parse_args(words)
    if args.pairs is None and args.parts == ["2afc"]:
        parser.error("2afc needs --pairs")
    return args


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write the figures and charts where --out says."""
    words = sys.argv[1:] if words is None else words
    if words and words[0] == "people":
        people.main(words[1:])
        return
    args = arguments(words)
    torch.set_num_threads(args.threads)
    start = time.perf_counter()
    measured = evaluate(args)
    measured["seconds"] = time.perf_counter() - start
    print(metric_plots.report(measured))
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "metrics.json").write_text(json.dumps(measured, indent=1, allow_nan=False) + "\n")
        metric_plots.write(measured["metrics"], args.out)


if __name__ == "__main__":
    main()
