"""Cloaks that are out already: a new one is kept apart from them, and from its own never."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.transform import SimilarityTransform, warp

from mnd import cli
from mnd.cloaking.checker import Checker
from mnd.cloaking.gallery import Gallery
from mnd.cloaking.posted import Posted
from mnd.cloaking.settings import CloakSettings
from mnd.cloaking.subjects import Subject
from mnd.dataset import fingerprint
from mnd.dataset.settings import ProtectSettings
from mnd.faces.detector import Detector
from mnd.photo.photo import Photo
from mnd.targets import registry
from mnd.targets.target import Reference
from tests.helpers.cloaks import FACE, NO_FACE, cloaker, write


def turned() -> np.ndarray:
    """The face as another photo shows it: in the mirror, turned and smaller."""
    height, width = FACE.shape[:2]
    about = SimilarityTransform(translation=(width / 2, height / 2))
    turn = (
        SimilarityTransform(translation=(-width / 2, -height / 2))
        + SimilarityTransform(scale=0.9, rotation=0.15)
        + about
    )
    moved = warp(FACE[:, ::-1] / 255.0, turn.inverse, mode="edge")
    return np.ascontiguousarray((moved * 255).round().astype(np.uint8))


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A gallery, and an empty folder for cloaks."""
    for name in ("me", "out"):
        (tmp_path / name).mkdir()
    write(tmp_path / "me" / "known.png", FACE)
    write(tmp_path / "one.png", FACE)
    write(tmp_path / "two.png", turned())
    return tmp_path


@pytest.fixture(scope="module")
def dlib():
    return registry.load("dlib", offline=True)


class TestFolder:
    def test_what_shows_a_face_counts(self, tmp_path, dlib):
        write(tmp_path / "face.png", FACE)
        write(tmp_path / "none.png", NO_FACE)
        (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
        posted = Posted(tmp_path, [dlib], Detector())
        assert len(posted) == 1
        assert len(posted.passed) == 1
        assert "torn.jpg" in posted.passed[0]

    def test_a_photo_is_not_kept_apart_from_its_own_cloak(self, tmp_path, dlib):
        posted = Posted(tmp_path, [dlib], Detector())
        assert posted.beside(Photo.from_image(Image.fromarray(FACE))) == []
        cloak = np.clip(FACE.astype(int) + np.random.default_rng(0).integers(-9, 10, FACE.shape), 0, 255)
        posted.add(Photo.from_image(Image.fromarray(cloak.astype(np.uint8))))
        assert posted.beside(Photo.from_image(Image.fromarray(FACE))) == []
        [[reference]] = posted.beside(Photo.from_image(Image.fromarray(turned())))
        assert reference.known.shape == (1, 1, 128)

    def test_an_empty_folder_is_none_yet_and_a_missing_one_an_error(self, tmp_path, dlib):
        assert len(Posted(tmp_path, [dlib], Detector())) == 0
        with pytest.raises(
            ValueError, match=r"gone: there is no such folder, expected one, which may be empty"
        ):
            Posted(tmp_path / "gone", [dlib], Detector())


def test_cloaks_are_no_sign_of_who_it_is_but_are_judged(dlib):
    def reference(at: float) -> Reference:
        return Reference(torch.full((1, 1, 128), at))

    gallery = Gallery((dlib,), (reference(0.0),), (Path("a"),), rows=((reference(0.0),),))
    gallery = dataclasses.replace(gallery, cloaks=((reference(5.0),), (reference(6.0),)))
    subject = Subject("face", (0, 0, 9, 9), torch.zeros(1, 5, 2), (dlib,), (reference(5.0),))
    assert gallery.judging(subject).person is False
    judged = gallery.judging(dataclasses.replace(subject, judged=(reference(0.01),)))
    assert judged.person
    assert judged.judged[0].known[0, :, 0].tolist() == pytest.approx([0.0, 5.0, 6.0, 0.01])


@pytest.mark.slow
def test_the_cloaks_of_a_run_keep_apart_from_each_other(album: Path, capsys):
    options = ["--targets", "dlib", "--offline", "--level", "minimum", "--gallery", f"{album / 'me'}"]
    options += ["--cloaks", f"{album / 'out'}", "--json"]
    photos = [f"{album / 'one.png'}", f"{album / 'two.png'}"]
    assert cli.main(["cloak", *photos, "-o", f"{album / 'out'}", *options]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert "cloaks" not in first["gallery"]
    assert second["gallery"]["cloaks"] == 1
    pair = cloaker(targets=("dlib",)).panel.targets[0]
    faces = [Detector()(Photo.read(it["output"]).pixels)[0] for it in (first, second)]
    images = [Photo.read(it["output"]).tensor() for it in (first, second)]
    with torch.no_grad():
        marks = [torch.from_numpy(face.landmarks.copy())[None] for face in faces]
        one, two = (pair.embed(image, points) for image, points in zip(images, marks, strict=True))
    assert float(pair.compare(one, two[None])) < 0
    # what is there is judged with the others, and not with itself
    assert cli.main(["cloak", *photos, "-o", f"{album / 'out'}", *options]) == 0
    again = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [it["status"] for it in again] == ["skipped", "skipped"]


def test_check_compares_with_the_cloaks_too(album: Path, dlib):
    write(album / "out" / "other.png", turned())
    (album / "out" / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    settings = CloakSettings(
        ("dlib",), level="minimum", gallery=album / "me", cloaks=album / "out", offline=True
    )
    record = Checker(settings).pair(album / "one.png", album / "one.png")
    assert record["gallery"]["cloaks"] == 1
    assert "torn.jpg" in " ".join(record["gallery"]["passed"])
    assert record["regions"][0]["person"]


def test_settings_that_mean_nothing_are_refused(album: Path, capsys):
    with pytest.raises(ValueError, match="got cloaks and no gallery"):
        CloakSettings(cloaks=album)
    known = ["--gallery", f"{album / 'me'}"]
    assert cli.main(["cloak", f"{album / 'one.png'}", *known, "--cloaks", "gone"]) == 2
    assert "--cloaks is 'gone', expected a folder, which may be empty" in capsys.readouterr().err


def test_cloaks_are_part_of_what_a_manifest_rests_on(album: Path):
    def told() -> str:
        settings = CloakSettings(("dlib",), gallery=album / "me", cloaks=album / "out")
        line = fingerprint.header(settings, ProtectSettings(), [], album)
        return str(line["settings_sha256"])

    before = told()
    write(album / "out" / "more.png", FACE)
    assert told() != before
