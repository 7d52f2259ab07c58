"""What people have met with galleries, turned faces, boxes and platforms: as it was, and as a kind."""

from __future__ import annotations

import json
import shutil
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnd import check, cli
from mnd.base.files import sha256_of
from mnd.cloaking import cloaker as cloaking
from mnd.cloaking import searching
from mnd.cloaking.record import blank
from mnd.cloaking.settings import CloakSettings, Where
from mnd.dataset.items import Item
from mnd.dataset.worker import Protector
from mnd.optimizer.settings import Result
from mnd.optimizer.start import Start
from tests.helpers.cloaks import FACE, cloaker, read, write
from tests.helpers.dlib_judge import SAME, distances


def command(*words: object) -> int:
    how = ("--level", "minimum", "--targets", "dlib", "--offline")
    quick = ("--steps", "16") if words[0] in ("cloak", "protect") else ()
    return cli.main([str(word) for word in (*words, *how, *quick)])


# 1: a gallery of somebody else ------------------------------------------------------------------------------


@pytest.fixture
def gallery(tmp_path: Path, shared) -> Path:
    """Of one photo, of a man who is not the woman of the tests."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    photo = shared("faces/lfw10/Tony_Blair/Tony_Blair_0001.jpg")
    (folder / photo.name).write_bytes(photo.read_bytes())
    return folder


def test_1_who_is_not_the_person_of_the_gallery_is_protected_all_the_same(tmp_path, gallery, capsys):
    """Never resembling the gallery is no protection: the file is past the threshold to its own original."""
    path = write(tmp_path / "a.png", FACE)
    assert command("cloak", path, "--gallery", gallery) == 0
    assert min(distances(path, tmp_path / "a.cloaked.png")) > SAME
    told = capsys.readouterr().out
    assert "Nobody here looks like the photos of you (nearest" in told
    assert "judged against this photo alone" in told


def test_1_what_was_only_coded_again_is_recognised(tmp_path, gallery, capsys):
    """However far the gallery is: `check --gallery` says so of the clean photo."""
    path = write(tmp_path / "a.png", FACE)
    assert command("check", path, path, "--gallery", gallery, "--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert record["status"] == "not protected"
    assert record["gallery"] == {"photos": 1, "passed": [], "faces": 1, "person": 0}
    assert record["regions"][0]["person"] is False


@pytest.mark.slow
def test_1_a_verification_asks_for_the_person_of_the_gallery_too(tmp_path, gallery, capsys):
    """A data set of somebody else: counted when it is made, when it is verified and on the page."""
    (tmp_path / "in").mkdir()
    path = write(tmp_path / "in" / "a.png", FACE)
    ask = ("protect", tmp_path / "in", tmp_path / "out", "--gallery", gallery, "--workers", "1")
    assert command(*ask) == 0
    nobody = "1 photo without the person of the gallery"
    assert nobody in capsys.readouterr().out
    assert command(*ask, "--verify") == 0
    assert nobody in capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text()
    assert "1 show nobody who is the person of the gallery" in page

    # a result that is only as far from the gallery as the photo was, under a manifest that knows its sum
    manifest, made = tmp_path / "out" / "manifest.jsonl", tmp_path / "out" / "a.png"
    known = sha256_of(made)
    shutil.copy(path, made)
    manifest.write_text(manifest.read_text().replace(known, sha256_of(made)))
    assert command(*ask, "--verify") == 1
    line = [json.loads(line) for line in manifest.read_text().splitlines()][-1]
    assert line["error"]["kind"] == "not-protected"
    assert line["gallery"]["person"] == 0


# 2: a face that is turned, and places without one -----------------------------------------------------------


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_2_a_turned_photo_is_protected_as_who_turns_it_sees_it(tmp_path, quarters):
    path = write(tmp_path / "a.png", np.ascontiguousarray(np.rot90(FACE, quarters)))
    record = cloaker(steps=20).photo(path)
    assert record["status"] == "protected"
    assert record["regions"][0]["turn"] == 360 - 90 * quarters
    upright = np.ascontiguousarray(np.rot90(read(Path(record["output"])), -quarters))
    assert min(distances(FACE, upright)) > SAME


@pytest.mark.parametrize("where", [["--box", "60,60,180,180"], ["--whole"]])
def test_2_what_nobody_saw_is_changed_and_not_proven(tmp_path, capsys, where):
    grain = np.random.default_rng(0).integers(90, 160, (200, 240, 1), np.uint8).repeat(3, 2)
    path = write(tmp_path / "a.png", grain)
    assert command("cloak", path, *where) == 1
    told = capsys.readouterr()
    assert "Changed, not proven" in told.out
    assert "no face was seen in face" in told.err
    assert "protected" not in told.out.replace("not protected", "")
    assert (read(path) != read(tmp_path / "a.cloaked.png")).any()


@pytest.mark.parametrize(
    ("no_face", "status"),
    [("hold", "held"), ("whole", "held"), ("copy", "copied"), ("skip", "skipped"), ("fail", "failed")],
)
def test_2_of_a_data_set_it_is_held_back(no_face, status):
    """`--no-face whole`, too, proves nothing; only who asks for copies gets one, as the photo was."""
    kind = {"kind": "not-proven", "message": "a.png: changed, not proven: ..."}
    told = blank("a.png", CloakSettings()) | {"status": "changed, not proven", "error": kind}
    for first in (told, told | {"error": {"kind": "no-face", "message": "a.png: no face"}}):
        if first is not told and no_face != "whole":
            continue
        protector = Protector.__new__(Protector)
        protector.job = types.SimpleNamespace(no_face=no_face, cloak=CloakSettings())
        protector.whole = Where(whole=True)
        protector.cloaker = types.SimpleNamespace(encoded=lambda *_: (b"changed", dict(told)))
        made, record, got = protector._doubtful(b"clean", Item("a.png", "a.png"), dict(first))
        assert got == status
        assert made == (b"clean" if status == "copied" else None)
        assert record["protected"] is False


# 6: boxes, and faces that are found -------------------------------------------------------------------------


class Idle:
    """A search that changes nothing: where it would have searched is what counts here."""

    def __init__(self, *args, **kwargs) -> None:
        pass

    def __call__(self, x, margins, *args, **kwargs) -> Result:
        none = torch.zeros(1)
        return Result(x, none.bool(), none, 0, none, Start(none, none, none))


@pytest.fixture
def idle(monkeypatch) -> None:
    monkeypatch.setattr(searching, "MND", Idle)
    monkeypatch.setattr(cloaking, "ATTEMPTS", 1)


@pytest.mark.usefixtures("idle")
def test_6_boxes_are_added_to_the_faces_that_are_found(tmp_path, capsys):
    path = write(tmp_path / "a.png", FACE)
    boxes = ["--box", "2,120,62,200", "--box", "150,2,235,60"]
    assert command("cloak", path, *boxes, "--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert [region["seen"] for region in record["regions"]] == [True, False, False]
    assert [region["box"] for region in record["regions"]][1:] == [[2, 120, 62, 200], [150, 2, 235, 60]]
    assert record["protected"] is False


@pytest.mark.usefixtures("idle")
def test_6_a_box_alone(tmp_path, capsys):
    path = write(tmp_path / "a.png", FACE)
    words = ["--box", "2,120,62,200", "--faces", "none", "--json"]
    assert command("cloak", path, *words) == 1
    assert [r["box"] for r in json.loads(capsys.readouterr().out)["regions"]] == [[2, 120, 62, 200]]
    assert command("cloak", path, "--faces", "none") == 2
    assert "faces is none and there is no box" in capsys.readouterr().err


# 13: what comes back from a platform ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda im: im.resize((178, 152), Image.Resampling.LANCZOS), "other size"),
        (lambda im: im.crop((20, 3, 217, 203)), "other framing"),
    ],
)
def test_13_what_comes_back_from_a_platform_is_judged(tmp_path, how, said):
    """Here of a photo that nobody cloaked: it is the same person still, and that is the verdict."""
    path = write(tmp_path / "a.png", FACE)
    how(Image.open(path)).save(tmp_path / "back.jpg", quality=85)
    record = check(path, tmp_path / "back.jpg", targets=("dlib",), offline=True)
    assert record["status"] == "not protected"
    assert (record["compared"]["how"], record["compared"]["format"]) == (said, "JPEG")
    assert record["regions"][0]["targets"]["dlib"]["after"] < 0.3
