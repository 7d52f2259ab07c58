"""What the page of `mnd ui` costs: its start, the second photo of a session, the memory of many."""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from benchmarks.judging import DATA

DIGITS = {"seconds": 2, "page cpu s": 2, "command cpu s": 2, "saved cpu s": 2, "resident GB": 3,
          "by that of 5": 3}  # fmt: skip
LEVEL = "minimum"
"""Whose search is short: what a long one takes differs by more than loading does from one run to the next."""


class Page:
    """A running `mnd ui`, and what its browser would ask."""

    def __init__(self, process: subprocess.Popen[str], started: float) -> None:
        assert process.stdout is not None
        self.process = process
        address = process.stdout.readline().strip()
        self.seconds = time.perf_counter() - started
        """Until the address was told."""
        self.host, query = address.removeprefix("http://").split("/?")
        begin = time.perf_counter()
        answer = self.ask("GET", f"/?{query}")
        self.cookie = answer[1]["set-cookie"].split(";")[0]
        for part in ("/ui.css", "/ui.js", "/viewer.js", "/viewer.css", "/state"):
            self.ask("GET", part)
        self.first = time.perf_counter() - begin
        """From there until the page was there with its parts."""

    cookie = ""

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[bytes, dict[str, str]]:
        """A request of the page."""
        connection = http.client.HTTPConnection(self.host, timeout=600)
        headers = {"Origin": f"http://{self.host}", "Cookie": self.cookie, "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        body, told = answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        assert answer.status < 300, (path, answer.status, body)
        return body, told

    def cloak(self, name: str, photo: bytes, level: str = LEVEL) -> None:
        """Drop a photo, cloak it, look at it, and wait until nothing is done any more."""
        number = json.loads(self.ask("PUT", f"/photos?name={name}", photo)[0])["id"]
        self.ask("POST", f"/photos/{number}/cloak", json.dumps({"level": level}).encode())
        while True:
            mine = [p for p in json.loads(self.ask("GET", "/state")[0])["photos"] if p["id"] == number]
            if mine[0]["job"] is None and mine[0]["state"] != "reading":
                break
            time.sleep(0.5)  # about as often as a page is told
        made = [level for level, result in mine[0]["results"].items() if result["has_file"]]
        for of in ("original", *made):
            self.ask("GET", f"/photos/{number}/picture?of={of}")

    def cpu(self) -> float:
        """Processor seconds so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> float:
        """GB."""
        rows = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(row.split()[1]) for row in rows if row.startswith("VmRSS")) * 1024 / 1e9


@contextmanager
def _page(*words: str) -> Iterator[Page]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "mnd", "ui", "--no-browser", "--targets", "dlib", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield Page(process, started)
        finally:
            process.terminate()


def _photos(args: argparse.Namespace, width: int) -> Iterator[bytes]:
    """Portraits so wide and three quarters as high, each with another background."""
    faces = sorted((args.data or DATA / "faces" / "lfw38").rglob("*.jpg"))
    for number in count():
        face = Image.open(faces[number % len(faces)]).resize((width * 5 // 8,) * 2, Image.Resampling.LANCZOS)
        whole = Image.effect_noise((width, width * 3 // 4), 20 + number).convert("RGB")
        whole.paste(face, (width // 13, width // 13))
        file = io.BytesIO()
        whole.save(file, "JPEG", quality=90)
        yield file.getvalue()


def _command(photo: bytes) -> float:
    """Processor seconds of `mnd cloak` on a photo."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        path.write_bytes(photo)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        words = ["cloak", str(path), "--targets", "dlib", "--level", LEVEL]
        subprocess.run([sys.executable, "-m", "mnd", *words], capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def page(args: argparse.Namespace) -> dict[str, Any]:
    """Start of the server, its first page, the second photo beside the command, memory of 5 and 50 photos."""
    starts, firsts = [], []
    for _ in range(5):
        with _page() as it:
            starts.append(it.seconds)
            firsts.append(it.first)
    start = {"server": {"seconds": median(starts)}, "first page": {"seconds": median(firsts)}}
    photos, seconds, memory = _photos(args, 640), {}, {}
    with _page() as it:
        it.cloak("first.jpg", next(photos))
        for number in range(9):
            photo, before = next(photos), it.cpu()
            it.cloak(f"{number}.jpg", photo)
            mine, command = it.cpu() - before, _command(photo)
            seconds[f"photo {number + 2}"] = {
                "page cpu s": mine, "command cpu s": command, "saved cpu s": command - mine
            }  # fmt: skip
    rows = list(seconds.values())
    seconds["median"] = {name: median(row[name] for row in rows) for name in rows[0]}
    most, photos = args.limit or 50, _photos(args, 640)
    with _page() as it:
        for number in range(1, most + 1):
            it.cloak(f"{number}.jpg", next(photos))
            if number in (5, most):
                memory[f"{number} photos"] = {"resident GB": it.resident()}
    for row in memory.values():
        row["by that of 5"] = row["resident GB"] / memory["5 photos"]["resident GB"]
    return {
        "start": start,
        "further photos of a session, 640x480, minimum": seconds,
        "memory of a session, 640x480, minimum": memory,
    }
