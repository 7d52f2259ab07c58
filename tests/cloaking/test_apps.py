"""What apps make of a cloaked face: in `mnd check --as`, in `mnd cloak --against`, and as themselves."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from skimage import data
from torch import nn

from mnd import Checker, Cloaker, CloakSettings, Detector, check, cli
from mnd.channel import sent, to_tensor
from mnd.cloaking.apps import Apps, Asked
from mnd.cloaking.apps_told import approximated, apps_told, unanswered
from mnd.cloaking.record import AppRecord
from mnd.cloaking.subjects import find
from mnd.dataset.fingerprint import named
from mnd.photo.photo import Photo
from mnd.targets.alignment import fit, warp
from mnd.targets.apps.profile import profiles
from mnd.targets.apps.target import App, card_of
from mnd.targets.dlib.target import CARD
from mnd.targets.face import FaceTarget
from tests.helpers.dlib_judge import descriptors

FACE = np.ascontiguousarray(data.astronaut()[:203, 120:357])
DLIB = ("face_recognition", "nextcloud-facerecognition", "nextcloud-recognize")


def of_the_person(folder: Path) -> Path:
    """Other photos of the astronaut, made of the one that there is: another light, size and framing."""
    folder.mkdir()
    photo = Image.fromarray(data.astronaut())
    ImageEnhance.Brightness(photo.crop((90, 0, 400, 260))).enhance(0.7).save(folder / "dark.jpg")
    ImageEnhance.Contrast(photo.crop((100, 0, 370, 230))).enhance(1.4).save(folder / "hard.png")
    photo.crop((110, 0, 360, 220)).resize((400, 352)).rotate(6).save(folder / "turned.jpg", quality=80)
    photo.crop((110, 0, 360, 220)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirror.png")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict:
    """A photo that was cloaked against three apps of dlib: settings, record and files."""
    home = tmp_path_factory.mktemp("apps")
    Image.fromarray(FACE).save(home / "a.png")
    gallery = of_the_person(home / "gallery")
    settings = CloakSettings(
        targets=("dlib",), against=DLIB, level="minimum", steps=16, gallery=gallery, offline=True
    )
    record = Cloaker(settings).photo(home / "a.png")
    assert record["error"] is None
    return {"record": record, "settings": settings, "gallery": gallery, "home": home}


def test_nobody_names_the_cloaked_face_and_everybody_the_original(made):
    apps = {app["name"]: app for app in made["record"]["apps"]}
    assert tuple(apps) == DLIB
    for app in apps.values():
        assert set(app) == set(get_type_hints(AppRecord))
        assert (app["available"], app["exact"], app["network"], app["why"]) == (True, True, "dlib", None)
        assert (app["against"], app["photos"], app["region"]) == ("gallery", 4, 0)
        assert len(app["distances"]) == len(app["distances_before"]) == 4
        assert (app["matched"], app["joins_cluster"]) == (0, False)
        assert app["joins_before"] is True
        assert app["matched_before"] >= 3
    assert made["record"]["targets"] == ["dlib"]  # it stands for all of them
    assert unanswered(made["record"]) == ""
    assert len(list(apps_told(made["record"]))) == 3


def test_check_says_what_the_cloak_said(made):
    record = check(made["record"]["input"], made["record"]["output"], settings=made["settings"])
    assert record["apps"] == made["record"]["apps"]
    json.dumps(record, allow_nan=False)


def test_face_recognition_says_so_itself(made):
    """Its own detector, landmarks, chip and network: nothing of ours."""
    photos = sorted(made["gallery"].iterdir())
    [cloaked] = descriptors(Path(made["record"]["output"]))
    theirs = sorted(float(np.linalg.norm(cloaked - descriptors(path)[0])) for path in photos)
    [ours] = [app for app in made["record"]["apps"] if app["name"] == "face_recognition"]
    assert min(theirs) > 0.6
    assert sorted(ours["distances"]) == pytest.approx(theirs, abs=0.1)


def test_the_original_is_recognised_as_itself(made):
    """A file that nobody cloaked."""
    path = made["record"]["input"]
    record = check(path, path, settings=made["settings"])
    for app in record["apps"]:
        assert app["distances"] == pytest.approx(app["distances_before"], abs=1e-6)
        assert app["joins_cluster"] is True
    assert unanswered(record) == f"{', '.join(DLIB)} still recognise the face"


def test_without_a_gallery_the_original_stands_for_the_person(made):
    record = check(
        made["record"]["input"], made["record"]["output"], targets=("dlib",), against="face_recognition",
        level="minimum",
    )  # fmt: skip
    [app] = record["apps"]
    assert (app["against"], app["photos"], app["matched_before"]) == ("original", 1, 1)
    assert app["distances_before"] == [0.0]
    [line] = apps_told(record)
    assert "no gallery: the original alone stands for the person" in line


def test_somebody_else_is_compared_with_his_own_original(made, tmp_path):
    """Photos of other people are no photos of this person."""
    subjects = find(
        Photo.from_image(Image.fromarray(FACE), "PNG"), Checker(made["settings"]).targets, Detector()
    )
    apps = Apps(["face_recognition"], "cpu", True)
    [app] = apps.judge(FACE, FACE, [(subject, subject) for subject in subjects], Detector(), None)
    assert app["against"] == "original"
    assert app["distances"] == pytest.approx([0.0], abs=1e-6)


def test_an_app_without_a_network(made, homes):
    settings = CloakSettings(targets=("dlib",), against=("photoprism", "face_recognition"), level="minimum")
    record = Checker(settings).pair(made["record"]["input"], made["record"]["output"])
    missing, there = record["apps"]
    assert (missing["available"], missing["network"], missing["region"]) == (False, None, None)
    assert "its network (SFace) is not on this machine" in missing["why"]
    assert missing["joins_cluster"] is None
    assert there["available"] is True
    assert unanswered(record) == "photoprism could not be asked"
    assert next(apps_told(record)).startswith("photoprism: could not be asked: its network")
    assert any(line.startswith("photoprism, not as in the app") for line in approximated(record))
    with pytest.raises(FileNotFoundError, match="app photoprism: its network"):
        Cloaker(settings)


def test_a_face_that_nobody_saw(made):
    record = check(
        made["record"]["input"], made["record"]["input"], targets=("dlib",), against=("face_recognition",)
    )
    assert record["apps"][0]["available"]
    settings = CloakSettings(
        targets=("dlib",), against=("face_recognition",), box=(0, 0, 60, 60), faces="none"
    )
    [app] = Checker(settings).pair(made["record"]["input"], made["record"]["input"])["apps"]
    assert (app["available"], app["region"]) == (False, 0)
    assert "no face was seen here" in app["why"]


def test_immich_sees_its_preview():
    """A network that gives its chip back shows what it was shown: the preview, at the face in that."""
    profile = profiles()["immich"]
    card = card_of(profile, CARD)
    asked = Asked(App(profile, "mirror"), FaceTarget(card, nn.Flatten()))
    large = np.asarray(Image.fromarray(data.astronaut()).resize((2000, 1900), Image.Resampling.BICUBIC))
    apps = Apps([], "cpu", True)
    apps.asked = [asked]
    detector = Detector()
    subjects = find(Photo.from_image(Image.fromarray(large), "PNG"), [asked.target], detector)
    [app] = apps.judge(large, large, [(subjects[0], subjects[0])], detector, None)
    assert app["distances_before"] == pytest.approx([0.0], abs=1e-9)
    assert app["distances"][0] < 0.01  # the face was found anew in the preview
    preview = sent("immich-preview", large)
    assert preview.shape == (1440, 1516, 3)
    from mnd.cloaking.apps import _embedding

    landmarks = subjects[0].landmarks
    there = (landmarks + 0.5) * (1516 / 2000) - 0.5
    want = warp(to_tensor(preview), fit(there, "arcface112", card.size), card.size)
    got = _embedding(asked, large, landmarks).view(3, *card.size)
    seen = want[0] - torch.tensor(card.mean)[:, None, None]
    assert torch.allclose(got * torch.tensor(card.std)[:, None, None], seen, atol=1e-4)


def test_the_preview_of_immich_is_withstood():
    for level in ("minimum", "robust"):
        plan = CloakSettings(against=("immich", "ente"), level=level).plan
        assert plan.withstands == (*CloakSettings(level=level).plan.withstands, "immich-preview")
    assert CloakSettings(against=("ente",)).plan == CloakSettings().plan


def test_a_preview_is_never_larger_and_crops_shrink_as_their_photo():
    small = np.zeros((300, 400, 3), np.uint8)
    assert sent("immich-preview", small).shape == small.shape
    assert sent("immich-preview", small, (2880, 4000)).shape == (150, 200, 3)
    with pytest.raises(ValueError, match="no way of sharing 'imich"):
        sent("imich-preview", small)


def test_against_is_one_word_or_several():
    assert CloakSettings(against="immich").against == ("immich",)
    with pytest.raises(ValueError, match="unknown app 'nobody', expected some of"):
        CloakSettings(against=("nobody",))


def test_data_sets_name_the_targets_of_apps(homes):
    """So that a manifest says what was fooled, and another app makes another result."""
    settings, told = named(
        CloakSettings(targets=("dlib",), against=("nextcloud-recognize",)), lambda *_: None
    )
    assert settings.targets == ("dlib",)
    settings, told = named(
        CloakSettings(targets=("efficientnet-lite0",), against=("nextcloud-facerecognition",)),
        lambda *_: None,
    )
    assert settings.targets == ("efficientnet-lite0", "app:nextcloud-facerecognition")
    assert (told[1]["name"], told[1]["threshold"]) == ("app:nextcloud-facerecognition", 0.4)


@pytest.mark.parametrize("flag", ["--as", "--against"])
def test_the_command(made, capsys, flag):
    record = made["record"]
    words = ["check", record["input"], record["output"], flag, "face_recognition,photoprism", "--gallery",
             str(made["gallery"]), "--level", "minimum", "--targets", "dlib", "--offline"]  # fmt: skip
    assert cli.main(words) == 1
    told = capsys.readouterr()
    assert (
        "face_recognition: matches 0 of 4 photos (the original: 4) and does not name the person"
        in " ".join(told.out.split())
    )
    assert "photoprism could not be asked" in told.err
    assert cli.main([*words[:4], "face_recognition", *words[5:], "--json"]) == 0
    [line] = io.StringIO(capsys.readouterr().out)
    assert [app["name"] for app in json.loads(line)["apps"]] == ["face_recognition"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["check", "a.png", "b.png", "--as", "imich"],
            "unknown app 'imich', expected some of deepface, ente",
        ),
        (["cloak", "a.png", "--against", "immich,"], "unknown app ''"),
        (["cloak", "a.png", "--against", "immich=nobody"], "unknown target 'nobody'"),
        (["check", "a.png", "b.png", "--as", "immich=card:gone.json"], "card gone.json does not exist"),
    ],
)
def test_wrong_usage(words, message, capsys):
    assert cli.main(words) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_real_people(shared, tmp_path):
    """A photo of a person as it is, against four others: apps of dlib know it, and no stranger."""
    people = sorted(path for path in shared("faces/lfw10").iterdir() if path.is_dir())
    photos = sorted(people[0].glob("*.jpg"))
    (tmp_path / "gallery").mkdir()
    for path in photos[1:5]:
        (tmp_path / "gallery" / path.name).write_bytes(path.read_bytes())
    settings = CloakSettings(
        targets=("dlib",), against=(*DLIB, "librephotos"), gallery=tmp_path / "gallery", offline=True
    )
    checker = Checker(settings)
    for app in checker.pair(photos[0], photos[0])["apps"]:
        assert app["against"] == "gallery"
        assert app["joins_cluster"] is True, app
    known = checker.panel.gallery(None)
    other = Photo.read(sorted(people[1].glob("*.jpg"))[0])
    [subject] = find(other, checker.targets, checker.detector)[:1]
    from dataclasses import replace

    stranger = replace(subject, person=True)  # whoever it is, he is asked about with this gallery
    told = checker.panel.apps.judge(
        other.pixels, other.pixels, [(stranger, stranger)], checker.detector, known
    )
    assert [(app["matched"], app["joins_cluster"]) for app in told] == [(0, False)] * 4


def test_a_network_is_loaded_once(homes):
    """A target of an app has the weights of the app itself, and may be asked in another way."""
    from mnd.cloaking.panel import Panel

    against = ("nextcloud-facerecognition",)
    panel = Panel(CloakSettings(targets=("efficientnet-lite0",), against=against), lambda *_: None)
    [_, target], [asked] = panel.targets, panel.apps.asked
    assert target is not asked.target
    assert isinstance(target, FaceTarget)
    assert target.net is asked.target.net
