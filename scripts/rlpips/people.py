"""`evaluate_metrics.py people`: do the measures of `mnd measure` agree with people?

The sets are not here and nothing is downloaded: --data names the folder of one that you have. Layouts are
in `rlpips/human_sets.py`, the figures in `rlpips/agreement.py`. With --out what is measured is kept, a line a
pair, so that a run goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mnd.metrics import MetricCard, available, describe
from mnd.metrics.cards import chosen
from mnd.metrics.measuring import compare
from mnd.metrics.pictures import Picture, picture
from rlpips import agreement
from rlpips.agreement import Agreement
from rlpips.human_sets import SETS, HumanSet, load

Values = dict[str, float | None]
Pair = tuple[Path, Path]
EVERY = 30.0
"""Seconds between two lines of progress."""


def evaluate(
    found: HumanSet, metrics: Sequence[str], kept: Path | None = None, seed: int = 0
) -> dict[str, dict[str, Agreement]]:
    """What each measure agrees with; of pairs for which a measure has no value it says nothing.

    Args:
        found: the judgements.
        metrics: names of `mnd.metrics.METRICS`.
        kept: file of what is measured, to go on with.
        seed: of the intervals.

    Raises:
        ValueError: the file is one of another set, other measures or versions; a picture cannot be compared.
    """
    cards = {name: describe(name) for name in metrics}
    values = _measured(found, cards, kept)
    result = {}
    for name, card in cards.items():
        if found.rated:
            rows = [(it, _quality(values[it.ref, it.dist][name], card)) for it in found.rated]
            known = [(it, quality) for it, quality in rows if quality is not None and np.isfinite(quality)]
            quality = np.array([value for _, value in known])
            scores = np.array([it.score for it, _ in known])
            groups = [it.group for it, _ in known]
            result[name] = agreement.with_scores(quality, scores, groups, seed) if len(known) > 1 else {}
        else:
            d0, d1, judge, subsets = [], [], [], []
            for it in found.triplets:
                both = [_quality(values[it.ref, p][name], card) for p in (it.p0, it.p1)]
                if both[0] is not None and both[1] is not None:
                    d0.append(-both[0])
                    d1.append(-both[1])
                    judge.append(it.judge)
                    subsets.append(it.subset)
            arrays = (np.array(column) for column in (d0, d1, judge))
            result[name] = agreement.with_choices(*arrays, subsets, seed) if judge else {}
    return result


def _quality(value: float | None, card: MetricCard) -> float | None:
    """The higher, the better. Equal pictures have no PSNR, and are as near as can be."""
    if value is None:
        return float("inf") if card.name == "psnr" else None
    return value if card.better == "higher" else -value


def _pairs(found: HumanSet) -> list[Pair]:
    """Each pair once, those of one reference beside each other."""
    pairs = [(it.ref, it.dist) for it in found.rated]
    for triplet in found.triplets:
        pairs += [(triplet.ref, triplet.p0), (triplet.ref, triplet.p1)]
    return sorted(set(pairs))


def _measured(found: HumanSet, cards: Mapping[str, MetricCard], kept: Path | None) -> dict[Pair, Values]:
    versions = {name: card.version for name, card in cards.items()}
    head = {"set": found.name, "metrics": versions, "side": found.side}
    values = dict(_earlier(kept, head)) if kept is not None and kept.exists() else {}
    left = [pair for pair in _pairs(found) if pair not in values]
    file = None if kept is None else kept.open("a", encoding="utf-8")
    try:
        if file is not None and file.tell() == 0:
            file.write(json.dumps(head) + "\n")
        last, read = time.monotonic(), (Path(), picture(np.zeros((1, 1, 3), np.uint8), ""))
        for number, (ref, dist) in enumerate(left):
            if read[0] != ref:
                read = ref, _read(ref, found.side)
            told = compare(read[1], _read(dist, found.side), tuple(cards))
            values[ref, dist] = {name: it.value for name, it in told.items()}
            if file is not None:
                file.write(json.dumps([str(ref), str(dist), values[ref, dist]]) + "\n")
            if time.monotonic() - last > EVERY:
                last = time.monotonic()
                print(f"{number + 1:,} of {len(left):,} pairs", file=sys.stderr, flush=True)
                if file is not None:
                    file.flush()
    finally:
        if file is not None:
            file.close()
    return values


def _read(path: Path, side: int | None) -> Picture:
    read = picture(path, str(path))
    # a grey picture beside one in colour is a distortion here, and no mistake
    read = replace(read, mode="colour")
    if side is None or read.pixels.shape[:2] == (side, side):
        return read
    small = Image.fromarray(read.pixels).resize((side, side), Image.Resampling.BICUBIC)
    return replace(read, pixels=np.asarray(small))


def _earlier(kept: Path, head: Mapping[str, Any]) -> Iterator[tuple[Pair, Values]]:
    """What was measured before; a last line that is not whole does not count.

    Raises:
        ValueError: of something else.
    """
    lines = kept.read_text(encoding="utf-8").splitlines(keepends=True)
    if not lines:
        return
    try:
        got = json.loads(lines[0])
    except ValueError:
        got = None
    if got != head:
        raise ValueError(f"{kept} has values of {got}, expected {dict(head)}: choose another --out")
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        kept.write_text("".join(whole), encoding="utf-8")
    for line in whole[1:]:
        ref, dist, values = json.loads(line)
        yield (Path(ref), Path(dist)), values


# command line ---------------------------------------------------------------------------------------------


def report(found: HumanSet, result: Mapping[str, Mapping[str, Agreement]]) -> str:
    """The table, in Markdown."""
    columns = list(dict.fromkeys(name for row in result.values() for name in row))
    what = "pictures" if found.rated else "triplets"
    head = ["metric", "version", what, *columns]
    lines = [
        f"{found.name}: {len(found):,} {what}" + _of_published(found),
        "",
        _row(head),
        _row(["---"] * len(head)),
    ]
    for name, row in result.items():
        card = describe(name)
        count = max((it.count for it in row.values()), default=0)
        cells = [_cell(row.get(column)) for column in columns]
        lines.append(
            _row([card.title if card.name in available() else name, card.version, f"{count:,}", *cells])
        )
    told = "95 % intervals by a bootstrap over triplets; where people disagree nothing gets 1."
    if found.rated:
        fit = "PLCC: after the rising logistic of VQEG, fitted to all pictures"
        told = f"{fit}; 95 % intervals by a bootstrap over references."
    lines += ["", told]
    return "\n".join(lines)


def _of_published(found: HumanSet) -> str:
    return f" of the {found.published:,} published" if found.published not in (0, len(found)) else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(it: Agreement | None) -> str:
    if it is None or it.value is None:
        return "-"
    return f"{it.value:.3f}" + ("" if it.low is None else f" [{it.low:.3f}, {it.high:.3f}]")


def sample(found: HumanSet, limit: int | None, seed: int) -> HumanSet:
    """So many judgements, drawn at random, in the order of the set; all where there are not more."""
    if limit is None or limit >= len(found):
        return found
    at = sorted(np.random.default_rng(seed).choice(len(found), size=limit, replace=False).tolist())
    return replace(
        found,
        rated=tuple(found.rated[i] for i in at) if found.rated else (),
        triplets=tuple(found.triplets[i] for i in at) if found.triplets else (),
    )


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="evaluate_metrics.py people",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="the folder of the set, as it was unpacked")
    add("--set", choices=list(SETS), required=True, help="which it is")
    add("--split", help="BAPPS (default: val), NIGHTS (default: test)")
    add("--metrics", nargs="+", metavar="NAME", help="as for mnd measure; default: all that are installed")
    add("--limit", type=int, help="so many judgements, drawn at random")
    add("--seed", type=int, default=0, help="of --limit and of the intervals")
    add("--out", type=Path, help="folder for SET.json and what is measured, to go on with")
    add("--threads", type=int, default=1, help="of PyTorch")
    args = parser.parse_args(words)
    if args.limit is not None and args.limit < 2:
        parser.error(f"--limit is {args.limit}, expected at least 2")
    return args


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write the figures where --out says.

    Raises:
        SystemExit: the set, a picture or a measure is not as expected.
    """
    args = arguments(words)
    torch.set_num_threads(args.threads)
    try:
        names = chosen(args.metrics)
        found = sample(load(args.set, args.data, args.split), args.limit, args.seed)
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
        kept = None if args.out is None else args.out / f"{args.set}.values.jsonl"
        result = evaluate(found, names, kept, args.seed)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        raise SystemExit(f"evaluate_metrics.py people: {error}") from error
    print(report(found, result))
    if args.out is not None:
        told = {
            "set": found.name, "judgements": len(found), "published": found.published, "seed": args.seed,
            "draws": agreement.DRAWS, "split": args.split,
            "metrics": {
                name: {"version": describe(name).version, **{key: asdict(it) for key, it in row.items()}}
                for name, row in result.items()
            },
        }  # fmt: skip
        (args.out / f"{args.set}.json").write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")
