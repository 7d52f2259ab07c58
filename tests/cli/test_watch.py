"""`mnd watch` as a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnd import cli
from tests.helpers import tiny
from tests.helpers.data_sets import files, lines

QUICK = ("--settle", "0.5", "--every", "0.2", "--workers", "1")


@pytest.fixture
def src(tmp_path: Path) -> Path:
    tiny.write_pictures(tmp_path / "src", 2)
    return tmp_path / "src"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mnd", "watch", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)


def test_from_the_first_photo_to_the_signal(src: Path, tmp_path: Path, card: str):
    """What comes while it watches is done; the signal ends it in order; the next one goes on."""
    dst, flags = tmp_path / "dst", ("--targets", card, *tiny.FLAGS, *QUICK)
    process = subprocess.Popen(
        command(src, dst, *flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(2)]
    second = run(src, dst, *flags)
    assert (second.returncode, second.stdout) == (2, "")
    assert "another run of mnd protect is writing here" in second.stderr
    part = src / "late.png.part"
    part.write_bytes(tiny.picture(9))
    part.rename(src / "late.png")
    told.append(process.stdout.readline())
    assert sorted(line.partition(":")[0] for line in told) == ["0/00000.png", "1/00001.bmp", "late.png"]
    assert all("As saved only: do not send it through a messenger" in line for line in told)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert err.splitlines() == [f"mnd: watching {src} for photos; Ctrl-C ends it"]
    assert out.splitlines()[-1].startswith("3 photos done in ")
    assert out.splitlines()[-1].endswith("run the same command again to go on")
    assert files(dst) == ["0/00000.png", "1/00001.bmp", "late.png"]
    assert sorted(name for name in os.listdir(dst) if name.startswith(".")) == [".mnd.lock"]
    tiny.write_pictures(src, 1, first=5)
    again = run(src, dst, *flags, "--once", "--json")
    assert again.returncode == 0
    assert [json.loads(line)["input"] for line in again.stdout.splitlines()] == ["2/00005.bmp"]
    assert len(lines(dst)) == 4


def test_once_with_a_photo_that_cannot_be_done(src: Path, tmp_path: Path, card: str):
    (src / "bad.gif").write_bytes(b"GIF89a rubbish")
    log = tmp_path / "watch.log"
    done = run(src, tmp_path / "dst", "--targets", card, *tiny.FLAGS, *QUICK, "--once", "--log", log)
    assert done.returncode == 1
    assert "bad.gif" in log.read_text()
    assert "1/00001.bmp" in log.read_text()
    assert "mnd: bad.gif: " in done.stderr
    assert "without a result (1):\n  bad.gif: " in done.stdout
    assert done.stdout.splitlines()[-1].endswith(", 1 without a result")


def test_the_line_of_a_photo_comes_soon_after_the_photo(src: Path, tmp_path: Path, card: str):
    """Nothing is loaded a second time."""
    flags = ("--targets", card, *tiny.FLAGS, *QUICK)
    process = subprocess.Popen(command(src, tmp_path / "dst", *flags), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        started = time.monotonic()
        for _ in range(2):
            process.stdout.readline()
        first = time.monotonic() - started
        (src / "late.png").write_bytes(tiny.picture(9))
        started = time.monotonic()
        assert process.stdout.readline().startswith("late.png: ")
        assert time.monotonic() - started < first
        pids = {line["worker"] for line in lines(tmp_path / "dst").values()}
        assert len(pids) == 1
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["gone", "out"], "gone: there is no such folder"),
        (["src", "src/out"], "lies inside"),
        (["src", "out", "--settle", "-1"], "settle is -1"),
        (["src", "out", "--shard", "1/2"], "--shard"),
        (["src", "out", "--gallery", "nowhere"], "--gallery is 'nowhere'"),
        (["src"], "DST"),
    ],
)
def test_wrong_usage(src: Path, tmp_path: Path, monkeypatch, capsys, arguments: list[str], expected: str):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["watch", *arguments]) == 2
    told = capsys.readouterr()
    assert expected in " ".join(told.err.split())
    assert told.out == ""
    assert not (tmp_path / "out").exists()


def test_the_help_of_watch_names_what_it_has(capsys):
    assert cli.main(["watch", "--help-all"]) == 0
    told = capsys.readouterr().out
    for flag in ("--settle", "--every", "--once", "--galleries", "--no-face", "--workers", "--json"):
        assert flag in told
    for flag in ("--shard", "--verify", "--engine", "--column"):
        assert flag not in told
