"""`mnd protect` as a command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mnd import cli
from mnd.dataset.manifest import latest, manifests
from tests.helpers import tiny
from tests.helpers.cloaks import FACE, NO_FACE


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.write_card(tmp_path_factory.mktemp("card"))


@pytest.fixture
def src(tmp_path: Path) -> Path:
    tiny.write_pictures(tmp_path / "src", 5)
    return tmp_path / "src"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mnd", "protect", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)


def lines(dst: Path) -> dict[str, dict[str, Any]]:
    return {line["input"]: line for line in latest(manifests(dst))}


def test_a_run_and_another(src: Path, tmp_path: Path, card: str):
    dst = tmp_path / "dst"
    (src / "bad.png").write_bytes(b"rubbish")
    (src / "notes.txt").write_text("no picture")
    flags = ("--targets", card, *tiny.FLAGS)
    first = run(src, dst, *flags, "--workers", "2", "--json")
    assert first.returncode == 1
    records = [json.loads(line) for line in first.stdout.splitlines()]
    assert len(records) == 6
    assert {record["input"]: record for record in records} == {
        name: line for name, line in lines(dst).items() if line["status"] != "other"
    }
    assert "mnd: bad.png: starts with b'rubbish'" in first.stderr
    assert "6 photos: 6 new" in first.stderr
    (src / "bad.png").unlink()
    second = run(src, dst, *flags)
    assert second.returncode == 0
    assert "5 photos: 5 of earlier runs, 1 not in the source any more" in second.stdout
    assert str(dst / "manifest.jsonl") in second.stdout
    assert second.stderr == ""


@pytest.mark.slow
def test_the_bytes_are_those_of_mnd_cloak_whatever_the_number_of_workers(tmp_path: Path):
    src = tmp_path / "src"
    (src / "a").mkdir(parents=True)
    Image.fromarray(FACE).save(src / "face.jpg")
    Image.fromarray(FACE[:, ::-1].copy()).save(src / "a" / "face.png")
    Image.fromarray(NO_FACE[:80, :80]).save(src / "none.png")
    flags = ("--targets", "dlib", "--steps", "8", "--offline")
    for workers in (1, 2):
        assert run(src, tmp_path / f"{workers}", *flags, "--workers", workers).returncode == 0
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("face.jpg", "a/face.png"):
        out = alone / Path(name).name
        assert cli.main(["cloak", str(src / name), "-o", str(out), *flags]) == 0  # conftest: one thread
        assert {(tmp_path / f"{n}" / name).read_bytes() for n in (1, 2)} == {out.read_bytes()}
    assert (tmp_path / "2" / "none.png").read_bytes() == (src / "none.png").read_bytes()
    told = lines(tmp_path / "2")
    assert told["none.png"]["status"] == "copied"
    done = run(src, tmp_path / "2", *flags, "--verify")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(src: Path, tmp_path: Path, card: str, number: signal.Signals):
    dst = tmp_path / "dst"
    tiny.write_pictures(src, 60)
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1")
    process = subprocess.Popen(
        command(src, dst, *flags, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # what runs in the background of a shell ignores SIGINT, and so would what it starts
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "photos are left" in err
    assert "Traceback" not in err
    done = len(lines(dst))
    assert 3 <= done < 60
    assert sorted(p.name for p in dst.iterdir() if p.name.startswith(".")) == [".mnd.lock"]
    summary = run(src, dst, *flags)
    assert summary.returncode == 0
    assert f"{60 - done} new, {done} of earlier runs" in summary.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["gone", "out"], "gone: there is no such file or folder"),
        (["src", "src/out"], "lies inside"),
        (["src", "out", "--shard", "3/2"], "shard is '3/2'"),
        (["src", "out", "--workers", "0"], "workers is 0"),
        (["src", "out", "--targets", "dlip"], "did you mean dlib"),
        (["src", "out", "--box", "1,2"], "--box"),
        (["src", "out", "--no-face", "perhaps"], "perhaps"),
        (["src", "out", "--verify"], "has no manifest"),
        (["src"], "DST"),
    ],
)
def test_wrong_usage(src: Path, tmp_path: Path, monkeypatch, capsys, arguments: list[str], expected: str):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["protect", *arguments]) == 2
    told = capsys.readouterr()
    assert expected in " ".join(told.err.split())
    assert told.out == ""
    assert not (tmp_path / "out").exists()
    assert not (src / "out").exists()


def test_missing_weights_are_said_before_any_photo(src: Path, tmp_path: Path, homes: Path, capsys):
    assert (
        cli.main(["protect", str(src), str(tmp_path / "out"), "--targets", "facenet-casia", "--offline"]) == 1
    )
    told = capsys.readouterr()
    assert "downloads are forbidden" in told.err
    assert lines(tmp_path / "out") == {}


def test_a_second_run_is_refused_while_the_first_works(src: Path, tmp_path: Path, card: str):
    dst = tmp_path / "dst"
    tiny.write_pictures(src, 100)
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1", "--json")
    first = subprocess.Popen(
        command(src, dst, *flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        first.stdout.readline()
        second = run(src, dst, *flags)
        assert second.returncode == 2
        assert "another run of mnd protect is writing here" in second.stderr
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert all(line["status"] == "protected" for line in lines(dst).values())


def test_plain_lines_where_there_is_no_terminal(capsys):
    from mnd.cli.progress import ProtectMeter

    now = 0.0
    meter = ProtectMeter(every=30.0, clock=lambda: now)
    meter.total = 100
    record = {"status": "protected", "protected": True, "seconds": 1.0, "quality": {"ssim": 0.99}}
    for _ in range(25):
        now += 2.0
        meter.record(record, known=False)
    meter.record(record | {"status": "other"}, known=False)
    meter.record(record, known=True)
    err = capsys.readouterr().err.splitlines()
    assert err == ["mnd: 15 of 100 done, 0 failed, 0.52 a second, 3 min left, mean SSIM 0.9900"]
    assert meter.told().startswith("26 of 100 done")


def test_help_is_fast_and_names_every_flag():
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "mnd", "protect", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert time.monotonic() - started < 10
    for flag in (
        "--workers",
        "--shard",
        "--no-face",
        "--retry",
        "--verify",
        "--level",
        "--gallery",
        "--json",
    ):
        assert flag in done.stdout
