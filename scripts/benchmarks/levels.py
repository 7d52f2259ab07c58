"""What the levels `robust` and `strong` reach, also on recognisers that nobody attacked, beside others.

Every plan and photo is one line of `OUT/levels.jsonl`: what is there with the same settings is not done
again, and the tables and plots are made from it.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import level_plots, rivals
from benchmarks.judging import DATA, Dlib, Judge, Unseen, Values, differences, means, read, share
from benchmarks.level_plans import ATTACKED, HELD_OUT, RECOGNISERS, Case, cases, chosen
from benchmarks.people import Sitting, people
from mnd.base.files import write_atomic
from mnd.channel import VERIFICATION
from mnd.cloaking.cloaker import Cloaker
from mnd.faces.detector import Detector
from mnd.targets import registry
from mnd.targets.face import FaceTarget

Line = dict[str, Any]
QUALITY = 92
"""Of the photos, JPEGs with half the colour resolution."""
CHANNELS = {"saved": "as saved", "jpeg75": "JPEG 75", "webp80": "WebP 80", "half": "half size"}
"""What the photos are judged after: the file as it is, and checks of `mnd.channel.VERIFICATION`."""
UNSEEN = {name: f"unseen margin, {CHANNELS[name]}" for name in ("saved", "half")}
"""The mean margin of the recogniser that was not attacked, in its unit, > 0: the same person."""
DIGITS = {
    "protected %": 0,
    **{f"{title} %, {seen}": 1 for title in RECOGNISERS.values() for seen in CHANNELS.values()},
    **dict.fromkeys(UNSEEN.values(), 3),
    "no file": 0,
}


# the file -------------------------------------------------------------------------------------------------


class Lines:
    """The lines of a file, by plan, photo and settings; one that a crash left unfinished is taken away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole, _, rest = text.rpartition("\n")
        if rest:
            write_atomic(path, (whole + "\n" if whole else "").encode(), overwrite=True)
        self.found = {self._key(line): line for line in map(json.loads, whole.splitlines())}

    def of(self, case: Case, photo: str) -> Line | None:
        """The line that was measured with these very settings."""
        return self.found.get(self._key({"plan": case.name, "photo": photo, "settings": case.told()}))

    def append(self, line: Line) -> None:
        """At once and to the disk."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.found[self._key(line)] = line

    @staticmethod
    def _key(line: Line) -> tuple[str, str, str]:
        return line["plan"], line["photo"], json.dumps(line["settings"], sort_keys=True)


# measuring ------------------------------------------------------------------------------------------------


class Bench:
    """Protects photos and judges their files; `folder` is for those."""

    def __init__(self, card: Path, folder: Path) -> None:
        self.card, self.folder, self.detector = card, folder, Detector()

    @functools.cached_property
    def judges(self) -> Mapping[str, Judge]:
        """By the names of `RECOGNISERS`."""
        return {"dlib": Dlib(), "mobilefacenet": Unseen(self.card)}

    def line(self, case: Case, sitting: Sitting) -> Line:
        """What a plan does to a photo, read again from its file."""
        line: Line = {"plan": case.name, "photo": sitting.photo.name, "settings": case.told()}
        path, told = self._made(case, sitting)
        line |= {"protected": None, "error": None, "quality": {}, "margins": {}, **told}
        if path is None:
            return line
        before, after = read(sitting.photo), read(path)
        if case.method != "clean":
            line["quality"] = differences(before, after)
        seen = {name: VERIFICATION[name](after) if name in VERIFICATION else after for name in CHANNELS}
        line["margins"] = {
            name: {channel: judge.margins(pixels, sitting.held) for channel, pixels in seen.items()}
            for name, judge in self.judges.items()
        }
        return line

    def _made(self, case: Case, sitting: Sitting) -> tuple[Path | None, Line]:
        """The protected file, where there is one, and what is told of how it was made."""
        if case.method == "clean":
            return sitting.photo, {}
        settings, out = case.settings(sitting.gallery, self.card), self.folder / "protected.jpg"
        if case.method == "mnd":
            record = Cloaker(settings).photo(sitting.photo, out, overwrite=True)
            error = record["error"] and record["error"]["message"].replace(
                f"{sitting.photo}", sitting.photo.name
            )
            told = {"protected": record["protected"], "error": error, "seconds": record["seconds"]}
            return (out if record["output"] else None), told
        targets = self._targets(settings.targets)
        assert case.eps is not None
        start = time.perf_counter()
        data = rivals.attacked(sitting.photo, settings, targets, self.detector, case.method, case.eps)
        out.write_bytes(data)
        return out, {"seconds": time.perf_counter() - start}

    @functools.cache  # noqa: B019  one bench a run
    def _targets(self, names: tuple[str, ...]) -> list[FaceTarget]:
        return [t for t in registry.load_all(names, offline=True) if isinstance(t, FaceTarget)]


# tables ---------------------------------------------------------------------------------------------------


def summary(lines: Sequence[Line], held_out: str | None = None) -> Values:
    """The row of a table: means over photos; `held_out` is the recogniser whose margins are told."""
    rows = [_shares(line, held_out) for line in lines]
    judged = [line for line in lines if line["margins"]]
    looks = [margins for line in judged for seen in line["margins"].values() for margins in seen.values()]
    told = {"photos": float(len(lines)), **means(rows)}
    counts = {"no file": len(lines) - len(judged), "no face": sum(not margins for margins in looks)}
    return told | {name: float(count) for name, count in counts.items() if count}


def _shares(line: Line, held_out: str | None) -> Values:
    """One photo; a file that shows a judge no face proves nothing to it."""
    row: Values = {} if line["protected"] is None else {"protected %": 100.0 * line["protected"]}
    for judge, seen in line["margins"].items():
        found = {channel: margins for channel, margins in seen.items() if margins}
        row |= {f"{RECOGNISERS[judge]} %, {CHANNELS[c]}": share(m) for c, m in found.items()}
        if judge == held_out:
            row |= {title: fmean(found[c]) for c, title in UNSEEN.items() if c in found}
    seconds = {"s a photo": line["seconds"]} if "seconds" in line else {}
    quality: Values = line["quality"]
    return row | quality | seconds


def tables(lines: Lines, photos: Sequence[str]) -> dict[str, dict[str, Values]]:
    """One for each set of recognisers that is attacked, a row a plan that some of the photos are there of."""
    found: dict[str, dict[str, Values]] = {}
    for attacked in ATTACKED:
        rows = {}
        for case in cases():
            there = [line for photo in photos if (line := lines.of(case, photo)) is not None]
            if there and (case.attacked == attacked or case.method == "clean"):
                rows[case.name] = summary(there, HELD_OUT.get(attacked))
        if rows.keys() - {"clean"}:
            title = " and ".join(RECOGNISERS[name] for name in ATTACKED[attacked])
            found[f"levels, {title} attacked, means"] = rows
    return found


def curves(rows: Mapping[str, Values], attacked: str) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """By channel and method: mean SSIMULACRA2 and success on the recogniser that was not attacked."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for channel in UNSEEN:
        column = f"{RECOGNISERS[HELD_OUT[attacked]]} %, {CHANNELS[channel]}"
        for case in cases():
            row = rows.get(case.name, {}) if case.attacked == attacked and case.gallery else {}
            if column in row and "SSIMULACRA2" in row:
                points = found.setdefault(channel, {}).setdefault(case.method, [])
                points.append((row["SSIMULACRA2"], row[column]))
    return found


def levels(args: argparse.Namespace) -> dict[str, dict[str, Values]]:
    """The plans that are asked for, and the tables and plots of all that is there.

    Two photos of each person, saved as JPEG; four others are the gallery, and four that nobody sees are what
    every file is judged against, by both recognisers.
    """
    lines, rows = Lines(args.out / "levels.jsonl"), chosen(args.attacks)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sittings = people(args.data or DATA / "faces" / "lfw10", folder, QUALITY, args.limit)
        bench = Bench(args.unseen, folder)
        for case in rows:
            for sitting in sittings:
                if lines.of(case, sitting.photo.name) is None:
                    line = bench.line(case, sitting)
                    lines.append(line)
                    print(f"{case.name}, {sitting.photo.stem}: {_shares(line, None)}", flush=True)
    figures = tables(lines, [sitting.photo.name for sitting in sittings])
    for attacked, unseen in HELD_OUT.items():
        title = RECOGNISERS[attacked]
        found = curves(figures.get(f"levels, {title} attacked, means", {}), attacked)
        if found:
            drawn = level_plots.transfer_plot(found, CHANNELS, RECOGNISERS[unseen])
            write_atomic(args.out / f"levels-{attacked}.svg", drawn, overwrite=True)
    return figures
