"""Photos alone by this build and by another one, in turn: without the start of the command."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import judging
from benchmarks.judging import DATA, differences, read
from benchmarks.speed import HERE, other_build

DIGITS = {"CPU, of the other": 3, "CPU s a photo": 2}
WORK = """
import json, sys, time
from pathlib import Path
import torch
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings
torch.set_num_threads(1)
cloaker = Cloaker(CloakSettings(level=sys.argv[1], targets=("dlib",), offline=True))
for line in sys.stdin:
    source, out = map(Path, json.loads(line))
    begin = time.process_time()
    record = cloaker.photo(source, out, True)
    print(json.dumps([time.process_time() - begin, record["error"] is None]), flush=True)
"""
"""What each build runs: a photo a line, and how long it took."""


def photos(args: argparse.Namespace) -> dict[str, Any]:
    """Processor time of first photos by that of `--against`, and what both change; the level is --attacks."""
    level, folder = args.attacks or "minimum", args.data or DATA / "faces" / "lfw38"
    chosen = sorted(folder.glob("*/*_0001.jpg"))[: args.limit or 10]
    rows: dict[str, list[dict[str, float]]] = {"the other build": [], "this build": []}
    ratios = []
    with tempfile.TemporaryDirectory() as name, other_build(args.against) as other:
        out = Path(name) / "out.jpg"
        workers = [_worker(build, level) for build in (other, HERE)]
        for path in chosen:
            done = [_done(worker, path, out) for worker in workers]
            ratios.append(done[1]["CPU s a photo"] / done[0]["CPU s a photo"])
            print(path.stem, [{k: round(v, 3) for k, v in one.items()} for one in done], flush=True)
            if all("PSNR" in one for one in done):  # else one of them has refused it
                for its, one in zip(rows.values(), done, strict=True):
                    its.append(one)
        for worker in workers:
            worker.communicate()
    means = {build: {"photos": float(len(its)), **judging.means(its)} for build, its in rows.items()}
    means["this build"]["CPU, of the other"] = median(ratios)
    return {f"photos at {level}, means": means}


def _worker(build: Path, level: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(build), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", WORK, level],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=build,
    )  # fmt: skip


def _done(worker: subprocess.Popen[str], path: Path, out: Path) -> dict[str, float]:
    """The seconds of a photo, and how it differs from the original where it was written."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    out.unlink(missing_ok=True)
    print(json.dumps([str(path), str(out)]), file=worker.stdin, flush=True)
    seconds, written = json.loads(worker.stdout.readline())
    return {"CPU s a photo": seconds} | (differences(read(path), read(out)) if written else {})
