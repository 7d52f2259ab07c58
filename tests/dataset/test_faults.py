"""Faults that really happen: killed processes, full and read-only disks, rubbish among photos."""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnd.dataset.manifest import manifest_path, read_manifest
from tests.helpers import tiny
from tests.helpers.data_sets import PHOTOS, ROOT, bytes_of, command, files, lines, run, timeless, workers_of
from tests.helpers.protecting import protected


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, card: str) -> tuple[Path, Path]:
    """A source, and what a run makes of it that nothing happens to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    tiny.write_pictures(folder / "src", PHOTOS)
    assert protected(card, folder / "src", folder / "dst").done
    return folder / "src", folder / "dst"


# scripts/soak.py kills many times more
ROUNDS = [
    *[pytest.param(n) for n in range(3)],
    *[pytest.param(n, marks=pytest.mark.slow) for n in range(3, 6)],
]


@pytest.mark.parametrize("number", ROUNDS)
def test_kill_9_at_a_random_moment(undisturbed: tuple[Path, Path], tmp_path: Path, card: str, number: int):
    """Even rounds kill the parent, odd ones a worker; the work begins some seconds after the start."""
    src, clean = undisturbed
    dst, chance = tmp_path / "dst", random.Random(number)
    arguments = (src, dst, "--targets", card, *tiny.FLAGS, "--workers", 2)
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    until = chance.randrange(0, PHOTOS - 4)
    while len(files(dst) if dst.exists() else []) < until or not workers_of(process.pid):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(chance.uniform(0, 0.3))
    if number % 2:
        os.kill(chance.choice(workers_of(process.pid)), signal.SIGKILL)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err  # the run goes on without it
    else:
        process.kill()
        process.communicate()
        list(read_manifest(manifest_path(dst), torn=True))
        again = run(*arguments)
        assert again.returncode == 0, again.stderr
    assert bytes_of(dst) == bytes_of(clean)
    assert timeless(dst) == timeless(clean)
    told = [line["input"] for _, line in read_manifest(manifest_path(dst)) if "input" in line]
    assert sorted(told) == sorted(files(src))  # each once
    assert sorted(p.name for p in dst.iterdir() if p.name.startswith(".")) == [".mnd.lock"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, where this process may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "mnd-test", str(folder)], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"needs leave to mount a small disk: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk(undisturbed: tuple[Path, Path], small_disk: Path, card: str):
    src, clean = undisturbed
    filler = small_disk / "filler"
    filler.write_bytes(bytes(220 << 10))
    arguments = (src, small_disk / "dst", "--targets", card, *tiny.FLAGS, "--workers", 2)
    full = run(*arguments)
    assert full.returncode == 1
    assert "; make room: what is in the manifest is done, and another run goes on from there" in full.stderr
    assert "Errno" not in full.stderr
    assert "Traceback" not in full.stderr
    done = lines(small_disk / "dst")
    assert len(done) < PHOTOS
    assert all(line["status"] == "protected" for line in done.values())  # no photo is blamed
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    again = run(*arguments)
    assert again.returncode == 0, again.stderr
    assert bytes_of(small_disk / "dst") == bytes_of(clean)
    assert timeless(small_disk / "dst") == timeless(clean)


@pytest.mark.slow
def test_a_quota(undisturbed: tuple[Path, Path], tmp_path: Path, card: str):
    """A limit on the size of files: the manifest is what meets it."""
    src, clean = undisturbed
    limit = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000));"
        "from mnd.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = (src, tmp_path / "dst", "--targets", card, *tiny.FLAGS, "--workers", 1)
    full = subprocess.run(
        [sys.executable, "-c", limit, "protect", *map(str, arguments)], capture_output=True, text=True
    )
    assert full.returncode == 1
    assert 2 < len(lines(tmp_path / "dst")) < PHOTOS
    again = run(*arguments)
    assert again.returncode == 0, again.stderr
    assert bytes_of(tmp_path / "dst") == bytes_of(clean)
    assert timeless(tmp_path / "dst") == timeless(clean)


def test_a_read_only_disk_is_refused(undisturbed: tuple[Path, Path], small_disk: Path, card: str):
    src, _ = undisturbed
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = run(src, small_disk / "dst", "--targets", card, *tiny.FLAGS)
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr


def rubbish(number: int) -> tuple[str, bytes]:
    """A name and what is no photo: random, cut, of another format, zero, or with a huge header."""
    chance = random.Random(number)
    match number % 5:
        case 0:
            return f"random{number}.jpg", chance.randbytes(chance.randrange(1, 3000))
        case 1:
            data = tiny.picture(number)
            return f"cut{number}.png", data[: chance.randrange(8, len(data) - 30)]
        case 2:
            return f"renamed{number}.png", b"%PDF-1.7 this is no picture " + chance.randbytes(100)
        case 3:
            return f"zero{number}.jpg", bytes(number % 2 * 500)
        case _:
            size = struct.pack(">II5B", 2**31 - 1, 2**31 - 1 - number, 8, 2, 0, 0, 0)
            head = struct.pack(">I", 13) + b"IHDR" + size + struct.pack(">I", zlib.crc32(b"IHDR" + size))
            return f"huge{number}.png", b"\x89PNG\r\n\x1a\n" + head + chance.randbytes(50)


@pytest.mark.parametrize("count", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_rubbish_among_photos(protect, tmp_path: Path, dst: Path, count: int):
    src = tmp_path / "src"
    good = tiny.write_pictures(src, count)
    bad = []
    for number in range(count):
        name, data = rubbish(number)
        (src / f"{number % 3}" / name).write_bytes(data)
        bad.append(f"{number % 3}/{name}")
    summary = protect(src, dst)
    assert (summary.protected, summary.failed) == (count, count)
    assert files(dst) == good
    told = lines(dst)
    assert {name for name, line in told.items() if line["status"] == "failed"} == set(bad)
    for name in bad:
        error = told[name]["error"]
        assert error["kind"] in ("not-an-image", "truncated", "empty", "too-large", "unsupported")
        assert name in error["message"]


def trivial(src: Path, dst: Path, workers: int = 1) -> dict[str, Any]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "helpers" / "trivial.py", src, dst, f"{workers}"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["done"], done.stderr
    return told  # type: ignore[no-any-return]


@pytest.mark.slow
def test_costs_of_five_thousand_photos(tmp_path: Path):
    """With a search that does nothing: what is left is the pipeline."""
    data = [tiny.picture(number) for number in range(20)]
    for count in (500, 5000):
        for number in range(count):
            path = tmp_path / f"{count}" / f"{number % 50}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data[number % 20])
    few, many = (trivial(tmp_path / f"{n}", tmp_path / f"out{n}") for n in (500, 5000))
    again = trivial(tmp_path / "5000", tmp_path / "out5000")
    print(few, many, again)
    assert again["kept"] == 5000
    # processor time of the parent, imports included: how long it waits for a disk or another job is theirs
    assert again["cpu"] <= 5
    assert (many["cpu"] - few["cpu"]) / 4500 + again["cpu"] / 5000 <= 0.005
    assert all(big <= 1.1 * small for small, big in zip(few["peaks"], many["peaks"], strict=True))
