"""`mnd doctor`: what a bug report has to say, and nothing about its user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnd import cli
from mnd.base import proven
from mnd.base.runtime import pick_device
from mnd.cloaking import machine
from mnd.cloaking.devices import Trial


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Trial]:
    """Devices that are not tried: the trials that stand for them."""
    trials = [Trial("cpu", seconds=1.0)]
    monkeypatch.setenv("MND_HOME", str(tmp_path / "mnd"))
    monkeypatch.setattr(machine, "devices", lambda: [trial.device for trial in trials])
    monkeypatch.setattr(machine, "tried", lambda name: next(t for t in trials if t.device == name))
    return trials


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(["doctor", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_the_installed_command_on_this_machine(tmp_path: Path):
    """As a user calls it, with a home folder of its own: its name is nowhere."""
    home = tmp_path / "secret-name"
    home.mkdir()
    environment = os.environ | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "MND_CONFIG": ""}
    environment.pop("MND_HOME", None)
    command = [sys.executable, "-m", "mnd", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home)
    told = json.loads(done.stdout)
    assert (done.returncode, told["problems"]) == (0, [])
    assert told["mnd_doctor"] == machine.FORMAT
    assert "secret-name" not in done.stdout
    assert told["folders"]["weights"]["path"].startswith("~")
    assert told["devices"][0]["device"] == "cpu"
    assert any(target["name"] == "dlib" and target["ready"] for target in told["targets"])
    assert told["versions"]["torch"]
    assert told["extras"].keys() >= {"onnx", "ray"}
    assert list(home.iterdir()) == []  # it has only looked


@pytest.mark.parametrize("there", [True, False])
def test_formats_are_those_that_work(
    there: bool, quick: list[Trial], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(machine.registry, "installed", lambda extra: there)
    formats = json.loads(doctor(capsys, "--json")[1])["formats"]
    assert {".jpg", ".avif", ".png"} <= set(formats)
    assert {".heic", ".heif", ".hif"} & set(formats) == ({".heic", ".heif", ".hif"} if there else set())


def test_what_people_read(quick: list[Trial], capsys: pytest.CaptureFixture[str]):
    status, out, _ = doctor(capsys)
    assert status == 0
    assert "cpu: forward, backward and search work (1.0 s); auto takes it" in out.splitlines()
    for word in ("mnd-cloak", "Python 3", "torch ", "GB free", "recognisers that are ready", "dlib"):
        assert word in out


def test_a_device_that_fails_is_a_problem(quick: list[Trial], capsys: pytest.CaptureFixture[str]):
    quick[0] = Trial("cpu", backward="RuntimeError: no")
    status, out, err = doctor(capsys)
    assert status == 1
    assert "cpu: forward: works; backward: RuntimeError: no; search: works" in out
    assert "mnd: cpu: backward: RuntimeError: no" in err


@pytest.mark.parametrize("works", [True, False])
def test_what_is_seen_of_mps_decides_what_auto_takes(
    works: bool, quick: list[Trial], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    proven.remember("mps", not works)
    quick.append(Trial("mps", search=None if works else "TypeError: float64"))
    status, out, _ = doctor(capsys)
    assert status == 0  # a Mac whose GPU does not serve still has a processor
    assert pick_device("auto") == ("mps" if works else "cpu")
    assert f"auto {'takes it' if works else 'leaves it alone'}" in out.splitlines()[-1]


def test_a_cache_that_takes_nothing_is_told(
    quick: list[Trial], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MND_HOME", str(tmp_path / "file" / "below"))
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    quick.append(Trial("mps"))
    _, _, err = doctor(capsys)
    assert "what was seen of mps cannot be kept" in err


def test_another_package_of_that_name_is_told(
    quick: list[Trial], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Both own files in the same folder; the first that is removed takes those of the other along."""
    info = tmp_path / "site" / "mnd-0.2.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mnd\nVersion: 0.2.1\n")
    (info / "RECORD").write_text("mnd/__init__.py,,\nmnd/match.py,,\n")
    (tmp_path / "site" / "mnd").mkdir()
    (tmp_path / "site" / "mnd" / "match.py").touch()  # from 3.12 on only files that are there are told
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    status, _, err = doctor(capsys)
    assert status == 1
    assert "the package mnd 0.2.1 has files in the same folder as mnd-cloak: remove both" in err
