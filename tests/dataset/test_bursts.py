"""Bursts: frames one after the other, by as many workers as there are, and again when one before changes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnd.dataset.engines import load
from mnd.dataset.frames import Frames
from mnd.dataset.items import Item
from mnd.dataset.manifest import headers, manifest_path
from mnd.dataset.settings import ProtectSettings
from mnd.dataset.watch import Watch
from tests.helpers import tiny
from tests.helpers.data_sets import bytes_of, lines, run, timeless, told
from tests.helpers.fakes import FakeJob

FRAMES = 5


def frames(folder: Path, left: int = 120, count: int = FRAMES, first: int = 0) -> None:
    """A window of 48 pixels that moves over a photo, with a camera's noise."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(first, first + count):
        noise = np.random.default_rng(k).normal(0, 1.5, (48, 48, 3))
        seen = tiny.PHOTO[100 + k : 148 + k, left + 2 * k : left + 48 + 2 * k] + noise
        Image.fromarray(np.rint(seen).clip(0, 255).astype(np.uint8)).save(folder / f"{k:04d}.png")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    frames(tmp_path / "clip")
    return tmp_path / "clip"


def likeness(src: Path, dst: Path) -> float:
    """Correlation between the changes of neighbours, laid on each other."""
    changes = [
        np.asarray(Image.open(dst / p.name)).astype(int) - np.asarray(Image.open(p))
        for p in sorted(src.iterdir())
    ]
    pairs = [(now[:-1, :-2].ravel(), before[1:, 2:].ravel()) for before, now in pairwise(changes)]
    return float(np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs]))


def test_a_frame_takes_over_the_change_of_the_one_before(protect: Callable, clip: Path, tmp_path: Path):
    alone = protect(clip, tmp_path / "alone")
    tied = protect(clip, tmp_path / "tied", burst=True)
    assert alone.protected == tied.protected == FRAMES
    assert likeness(clip, tmp_path / "tied") > likeness(clip, tmp_path / "alone") + 0.3
    assert bytes_of(tmp_path / "alone")["0000.png"] == bytes_of(tmp_path / "tied")["0000.png"]
    made = lines(tmp_path / "tied")
    assert made["0000.png"]["follows"] is None
    for k in range(1, FRAMES):
        files = (clip / f"{k - 1:04d}.png", tmp_path / "tied" / f"{k - 1:04d}.png")
        assert made[f"{k:04d}.png"]["follows"] == [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]
    assert "follows" not in lines(tmp_path / "alone")["0001.png"]
    [header] = headers(manifest_path(tmp_path / "tied"))
    assert header["settings"]["burst"] is True


def test_another_scene_takes_over_nothing(protect: Callable, tmp_path: Path):
    for place, (folder, left) in enumerate({"cut": 120, "other": 330}.items()):
        frames(tmp_path / folder, left, 1, place)
    shutil.copy(tmp_path / "other/0001.png", tmp_path / "cut/0001.png")
    protect(tmp_path / "cut", tmp_path / "tied", burst=True)
    protect(tmp_path / "other", tmp_path / "alone")
    assert bytes_of(tmp_path / "tied")["0001.png"] == bytes_of(tmp_path / "alone")["0001.png"]


def test_what_follows_from_a_frame_that_has_changed_is_done_again(
    protect: Callable, clip: Path, tmp_path: Path
):
    dst = tmp_path / "dst"
    protect(clip, dst, burst=True)
    assert told(protect(clip, dst, burst=True), "kept", "changed") == [FRAMES, 0]
    (dst / "0002.png").unlink()
    assert told(protect(clip, dst, burst=True), "kept", "lost", "changed") == [2, 1, 2]
    shutil.copy(clip / "0002.png", clip / "0003.png")
    assert told(protect(clip, dst, burst=True), "kept", "changed") == [3, 2]
    (clip / "0001.png").unlink()  # the next one follows the first now, and has another result
    assert told(protect(clip, dst, burst=True), "kept", "changed") == [1, 3]
    assert protect(clip, dst, burst=True).kept == 4
    assert told(protect(clip, dst), "kept", "changed") == [0, 4]


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(protect: Callable, clip: Path, tmp_path: Path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    protect(clip, whole, burst=True)
    shutil.copytree(whole, torn)
    kept = manifest_path(torn).read_text().splitlines(keepends=True)[:3]
    manifest_path(torn).write_text("".join(kept) + '{"input": "0002')
    (torn / "0003.png").unlink()
    (torn / "0004.png").unlink()
    assert protect(clip, torn, burst=True).kept == 2
    assert bytes_of(torn) == bytes_of(whole)
    assert timeless(torn) == timeless(whole)


def test_a_frame_without_a_result_is_followed_by_a_fresh_one(protect: Callable, clip: Path, tmp_path: Path):
    (clip / "0001.png").write_bytes(b"no picture")
    dst = tmp_path / "dst"
    assert told(protect(clip, dst, burst=True), "protected", "failed") == [FRAMES - 1, 1]
    assert lines(dst)["0002.png"]["follows"][1] is None
    assert protect(clip, dst, burst=True).kept == FRAMES


def test_what_holds_after_which_frame():
    """A frame that ended its workers is not tried again at every run, nor are those after it."""
    frames_ = Frames()
    first = frames_.placed(Item("1", "1"))
    assert frames_.holds(first, {"status": "protected", "follows": None})
    assert not frames_.holds(first, {"status": "protected", "follows": ["a", "b"]})
    assert frames_.holds(first, {"status": "failed"})
    frames_.planned(first, {"status": "failed"})
    second = frames_.placed(Item("2", "2"))
    assert frames_.holds(second, {"status": "protected", "follows": ["a", None]})
    assert not frames_.holds(second, {"status": "protected", "follows": None})
    frames_.planned(second, {"status": "protected", "input_sha256": "c", "output_sha256": "d"})
    third = frames_.placed(Item("3", "3"))
    assert frames_.holds(third, {"status": "protected", "follows": ["c", "d"]})
    assert not frames_.holds(third, {"status": "protected", "follows": ["c", None]})
    assert not frames_.holds(third, {"status": "protected", "follows": ["a", "d"]})
    assert frames_.placed(Item("b/1", "b/1")).after is None
    assert frames_.holds(Item("x", "x"), {"status": "protected"})


def test_results_of_a_burst_are_verified(protect: Callable, clip: Path, tmp_path: Path):
    protect(clip, tmp_path / "dst", burst=True)
    assert told(protect(clip, tmp_path / "dst", burst=True, verify=True), "kept", "failed") == [FRAMES, 0]


def test_bursts_are_not_divided(protect: Callable, tmp_path: Path):
    for folder, left in {"a": 60, "b": 120, "c": 180}.items():
        frames(tmp_path / "src" / folder, left, 3)
    for part in ("1/2", "2/2"):
        protect(tmp_path / "src", tmp_path / "parts", burst=True, shard=part)
    protect(tmp_path / "src", tmp_path / "whole", burst=True)
    assert bytes_of(tmp_path / "parts") == bytes_of(tmp_path / "whole")


def test_what_is_no_folder_of_frames_is_refused(protect: Callable, clip: Path, tmp_path: Path):
    (tmp_path / "list.txt").write_text("clip/0000.png\n")
    with pytest.raises(ValueError, match=r"list\.txt: got burst, expected a folder"):
        protect(tmp_path / "list.txt", tmp_path / "dst", burst=True)
    with pytest.raises(ValueError, match="burst, expected them with mnd protect only"):
        Watch(clip, tmp_path / "dst", settings=ProtectSettings(burst=True))
    with pytest.raises(ValueError, match="burst is 3, expected True or False"):
        ProtectSettings(burst=3)  # type: ignore[arg-type]


def test_workers_take_the_frames_of_a_burst_in_turns(tmp_path: Path):
    names = [f"{burst}{k} nap" for burst in "xy" for k in range(4)] + ["alone ok"]
    names[1] = "x1 die"
    items = (Item(n, n, burst=None if n == "alone ok" else n[0]) for n in names)
    records = list(load("local")(FakeJob(tmp_path), items, ProtectSettings(workers=3)))
    order = [record["input"] for record in records]
    assert sorted(order) == sorted(names)
    for burst in "xy":
        assert [n for n in order if n[0] == burst] == [n for n in names if n[0] == burst]
    assert order.index("y0 nap") < order.index("x3 nap")  # two bursts side by side


@pytest.mark.slow
def test_the_command_makes_the_same_of_any_number_of_workers(protect: Callable, card: str, tmp_path: Path):
    for folder, left in {"one": 120, "two": 60}.items():
        frames(tmp_path / "src" / folder, left, 3)
    protect(tmp_path / "src", tmp_path / "here", burst=True)
    there = tmp_path / "there"
    asked = ("--burst", "--workers", 2, "--targets", card, *tiny.FLAGS, "--json")
    told = run(tmp_path / "src", there, *asked)
    assert told.returncode == 0, told.stderr
    assert len([json.loads(line) for line in told.stdout.splitlines()]) >= 6
    assert bytes_of(there) == bytes_of(tmp_path / "here")
    assert timeless(there) == timeless(tmp_path / "here")
