"""`auto` takes Apple's MPS where it was seen to work with these versions, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mnd.base import proven, runtime
from mnd.base.runtime import pick_device


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MND_HOME", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    return tmp_path


def test_mps_is_taken_once_it_was_seen_to_work(home: Path):
    assert (pick_device("auto"), pick_device("mps")) == ("cpu", "mps")
    proven.remember("mps", True)
    assert pick_device("auto") == "mps"
    proven.remember("mps", False)
    assert pick_device("auto") == "cpu"
    assert [path.name for path in home.iterdir()] == [proven.FILE]


def test_what_was_seen_of_other_versions_does_not_count(home: Path):
    proven.remember("mps", True)
    known = json.loads((home / proven.FILE).read_text())
    known["mps"]["torch"] = "1.0"
    (home / proven.FILE).write_text(json.dumps(known))
    assert pick_device("auto") == "cpu"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"mps": 1}', "\udcff"])
def test_a_file_that_is_damaged_is_none(home: Path, text: str):
    (home / proven.FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert pick_device("auto") == "cpu"
    proven.remember("mps", True)
    assert pick_device("auto") == "mps"


def test_without_the_device_nothing_is_asked(monkeypatch: pytest.MonkeyPatch):
    proven.remember("mps", True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto") == "cpu"
    with pytest.raises(ValueError, match="device is 'mps', which this machine does not have"):
        pick_device("mps")


def test_workers_are_for_what_auto_stands_for():
    from mnd.cloaking.settings import CloakSettings
    from mnd.dataset.engines.local import gpus

    class Job:
        cloak = CloakSettings(device="auto")

    assert gpus(Job()) == []  # type: ignore[arg-type]
    proven.remember("mps", True)
    assert gpus(Job()) == ["mps"]  # type: ignore[arg-type]


def test_versions_name_this_package_without_its_metadata():
    import mnd

    assert runtime.versions("mnd")["mnd"] == mnd.__version__
