"""How often the judges of a 2AFC set, and metrics, find the same of two pictures nearer.

    python scripts/judges_agree.py SET --metrics mse lpips rlpips rlpips-2 [--split val] [--clear 4 0.3]

SET is one of `make_2afc.py`, whose `triplets.csv` has every judge's distances. The panel's own judgement is
the mean of its judges' votes; whoever learns from it learns what they agree on, so what they do not agree on
is told here. With `--clear`, of the clearly judged and clearly distorted triplets alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from evaluate_metrics import metric
from rlpips.twoafc import TwoAFC

PANEL = "panel"
BATCH = 50


def nearer(folder: Path, part: TwoAFC, names: Sequence[str]) -> dict[str, list[bool]]:
    """By whom p1 is found nearer, triplet by triplet: the panel, its judges, then metrics."""
    with open(folder / "triplets.csv", encoding="utf-8") as file:
        every = [row for row in csv.DictReader(file) if row["split"] == part.folder.name]
    rows = {f"{row['subset']}/{row['number']}": row for row in every}
    chosen = [rows[name] for name in part.names]
    judges = [name.removesuffix(" p0") for name in chosen[0] if name.endswith(" p0")]
    found = {PANEL: [float(row["judge"]) > 0.5 for row in chosen]}
    found |= {j: [float(row[f"{j} p1"]) < float(row[f"{j} p0"]) for row in chosen] for j in judges}
    for name in names:
        distance, picked = metric(name).distance, list[bool]()
        for batch in part.batches(BATCH):
            with torch.no_grad():
                near = distance.at(batch.ref)
                picked += (near(batch.p1) < near(batch.p0)).tolist()
        found[name] = picked
    return found


def table(found: Mapping[str, Sequence[bool]], heads: Sequence[str]) -> dict[str, dict[str, float]]:
    """The share of triplets, in %, on which each agrees with each of the heads.

    >>> table({"panel": [True, True], "mse": [True, False]}, ["panel"])
    {'panel': {'panel': 100.0}, 'mse': {'panel': 50.0}}
    """
    return {
        name: {
            head: round(100 * sum(a == b for a, b in zip(own, found[head], strict=True)) / len(own), 1)
            for head in heads
        }
        for name, own in found.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="SET")
    parser.add_argument("--metrics", nargs="*", default=["mse", "lpips", "rlpips", "rlpips-2"])
    parser.add_argument("--split", default="val")
    parser.add_argument("--clear", nargs=2, type=float, metavar=("CHANGE", "CERTAINTY"))
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    part = TwoAFC.open(args.folder, args.split)
    part = part.clear(*args.clear) if args.clear else part
    found = nearer(args.folder, part, args.metrics)
    heads = [name for name in found if name not in args.metrics]
    print(json.dumps({"triplets": len(part), **table(found, heads)}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
