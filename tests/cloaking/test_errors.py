"""What cannot be cloaked leaves no file and says why; the kinds of photos; galleries."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnd import Cloaker, CloakSettings, NotProtectedError, cloak
from mnd.base.runtime import pick_device
from mnd.cloaking import searching
from mnd.optimizer.settings import Result
from mnd.optimizer.start import Start
from mnd.photo.photo import Photo
from tests.helpers.cloaks import FACE, NO_FACE, cloaker, files, write
from tests.helpers.dlib_judge import SAME, descriptors, distances


class Idle:
    """A search that finds nothing: the clean picture."""

    def __init__(self, *args, **kwargs) -> None:
        pass

    def __call__(self, x, margins, *args, **kwargs) -> Result:
        none = torch.zeros(1)
        return Result(x, none.bool(), none, 0, margins(x).detach(), Start(none, none, none))


def test_no_face_says_what_to_do(tmp_path):
    path = write(tmp_path / "coffee.png", NO_FACE)
    record = cloaker().photo(path)
    assert record["error"]["kind"] == "no-face"
    assert record["status"] == "failed"
    message = record["error"]["message"]
    assert all(word in message for word in (str(path), "600x400", "--box", "--whole"))
    assert record["output"] is None
    assert record["protected"] is False
    assert files(tmp_path) == ["coffee.png"]


def bad_files(folder: Path) -> dict[str, Path]:
    good = write(folder / "good.png", FACE).read_bytes()
    write(folder / "good.jpg", FACE)
    contents = {
        "empty": b"",
        "truncated": good[: len(good) // 2],
        "not-an-image": b"MZ" + bytes(200),
    }
    paths = {kind: folder / f"{kind}.png" for kind in contents}
    for kind, path in paths.items():
        path.write_bytes(contents[kind])
    (folder / "folder.png").mkdir()
    turned = Image.fromarray(FACE[::-1].copy())
    Image.fromarray(FACE).save(folder / "frames.png", save_all=True, append_images=[turned])
    return paths | {
        "missing": folder / "missing.png",
        "folder": folder / "folder.png",
        "unsupported": folder / "frames.png",
    }


def test_bad_files_are_errors_of_their_records(tmp_path):
    c, paths = cloaker(), bad_files(tmp_path)
    before = files(tmp_path)
    for kind, path in paths.items():
        record = c.photo(path)
        assert record["error"]["kind"] == kind, path
        assert str(path) in record["error"]["message"]
        assert record["output"] is None
        assert record["protected"] is False
        assert record["regions"] == []
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("out", "kind"),
    [
        ("no/such/folder/a.png", "unwritable"),
        *((name, "unsupported") for name in ("a.jpg", "x.heic", "x.xyz", "x.png.bak")),
    ],
)
def test_bad_outputs(tmp_path, out, kind):
    path = write(tmp_path / "a.png", FACE)
    searched = []
    c = Cloaker(
        CloakSettings(targets=("dlib",), level="minimum", offline=True), lambda *state: searched.append(state)
    )
    record = c.photo(path, tmp_path / out)
    assert record["error"]["kind"] == kind
    assert {stage for stage, _, _ in searched} == {"loading"}
    if kind == "unsupported":
        assert "keeps its format, expected a name that ends in .png" in record["error"]["message"]
    assert files(tmp_path) == ["a.png"]


def test_not_protected_is_an_error_and_no_file(tmp_path, monkeypatch, one_attempt):
    monkeypatch.setattr(searching, "MND", Idle)
    path = write(tmp_path / "a.png", FACE)
    record = cloaker().photo(path)
    assert record["error"]["kind"] == "not-protected"
    assert "still recognised by dlib at face" in record["error"]["message"]
    assert record["protected"] is False
    assert record["output"] is None
    assert record["regions"][0]["targets"]["dlib"]["fooled"] is False
    assert files(tmp_path) == ["a.png"]
    for photo in (path, FACE):
        with pytest.raises(NotProtectedError, match="still recognised by dlib") as caught:
            cloak(photo, targets=("dlib",))
        assert caught.value.record["error"]["kind"] == "not-protected"
    assert files(tmp_path) == ["a.png"]


def test_what_is_judged_is_the_file(tmp_path, monkeypatch, one_attempt):
    """A search that succeeds counts for nothing when the file, as it is read again, is recognised."""
    monkeypatch.setattr(Photo, "decode", lambda self, data: self.pixels)
    path = write(tmp_path / "a.png", FACE)
    record = cloaker(steps=8).photo(path)
    assert record["error"]["kind"] == "not-protected"
    assert files(tmp_path) == ["a.png"]


@pytest.mark.parametrize("seen", [b"other"])
def test_a_file_that_is_not_what_was_written_does_not_stay(tmp_path, monkeypatch, seen):
    monkeypatch.setattr("mnd.base.files.read_bytes", lambda path, limit: seen)
    path = write(tmp_path / "a.png", FACE)
    record = cloaker(steps=10).photo(path)
    assert record["error"]["kind"] == "unwritable"
    assert record["output"] is None
    assert record["protected"] is False
    assert files(tmp_path) == ["a.png"]


def test_disk_full(tmp_path, monkeypatch):
    path = write(tmp_path / "a.png", FACE)
    c = cloaker(steps=10)

    def full(fd, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        record = c.photo(path)
    assert record["error"]["kind"] == "disk-full"
    assert record["output"] is None
    assert record["protected"] is False
    assert files(tmp_path) == ["a.png"]


class TestKinds:
    """`mnd.cloak`: the same kind comes out as went in."""

    options = {"targets": ("dlib",), "offline": True, "level": "minimum", "steps": 10}  # noqa: RUF012

    @pytest.mark.parametrize("kind", [str, pytest.param(Path, marks=pytest.mark.slow)])
    def test_path(self, tmp_path, kind):
        path = write(tmp_path / "a.png", FACE)
        out = cloak(kind(path), **self.options)
        assert isinstance(out, kind)
        assert Path(out) == tmp_path / "a.cloaked.png"
        assert min(distances(path, Path(out))) > SAME

    def test_array(self):
        out = cloak(FACE, **self.options)
        assert out.dtype == np.uint8
        assert out.shape == FACE.shape
        assert min(distances(FACE, out)) > SAME

    def test_tensor(self):
        tensor = torch.from_numpy(FACE).permute(2, 0, 1).float() / 255
        out = cloak(tensor, settings=CloakSettings(**self.options))
        assert out.shape == tensor.shape
        assert out.dtype == torch.float32
        grid = out * 255
        assert (grid - grid.round()).abs().max() < 1e-4
        assert not torch.equal(out, tensor)

    def test_image(self):
        image = Image.fromarray(FACE).convert("RGBA")
        image.putalpha(200)
        out = cloak(image, **self.options)
        assert isinstance(out, Image.Image)
        assert out.mode == "RGBA"
        assert np.asarray(out)[..., 3].min() == 200
        assert min(distances(FACE, np.asarray(out.convert("RGB")))) > SAME

    def test_no_face(self):
        with pytest.raises(NotProtectedError, match="found no face") as caught:
            cloak(NO_FACE, **self.options)
        assert caught.value.record["error"]["kind"] == "no-face"
        assert isinstance(caught.value, ValueError)

    def test_missing_file(self, tmp_path):
        with pytest.raises(NotProtectedError, match=r"missing\.png: there is no such file") as caught:
            cloak(tmp_path / "missing.png", **self.options)
        assert caught.value.record["error"]["kind"] == "missing"

    def test_wrong_use(self):
        with pytest.raises(ValueError, match="expected one of the two"):
            cloak(FACE, settings=CloakSettings(), steps=3)
        with pytest.raises(ValueError, match="expected it with a path only"):
            cloak(FACE, "out.png", **self.options)
        with pytest.raises(ValueError, match="got a int, expected a path"):
            cloak(3, **self.options)
        with pytest.raises(ValueError, match="unknown target 'dlip'; did you mean dlib"):
            cloak(FACE, targets=("dlip",))


@pytest.mark.slow
def test_gallery(tmp_path, shared):
    """Against other photos of the person, those that nobody saw during the search fail too."""
    photos = sorted(shared("faces/lfw10/Tony_Blair").glob("*.jpg"))
    folder = tmp_path / "gallery"
    folder.mkdir()
    for path in photos[:5]:
        shutil.copy(path, folder)
    source = folder / photos[0].name
    record = cloaker(gallery=folder).photo(source, tmp_path / "out.jpg")
    assert record["error"] is None
    (region,) = [r for r in record["regions"] if r["person"]]
    assert region["likeness"]["dlib"] < 0.6 < region["targets"]["dlib"]["after"]
    others = [d for p in photos[5:] for d in descriptors(p)[:1]]
    clean, changed = descriptors(source)[0], descriptors(tmp_path / "out.jpg")[0]
    matched = [np.linalg.norm(clean - o) < SAME for o in others]
    still = [np.linalg.norm(changed - o) < SAME for o in others]
    assert sum(matched) >= len(others) * 0.6
    assert sum(still) <= sum(matched) / 3


def test_gallery_without_a_folder_or_faces(tmp_path):
    path = write(tmp_path / "a.png", FACE)
    record = cloaker(gallery=tmp_path / "none").photo(path)
    assert record["error"]["kind"] == "value"
    assert "there is no such folder" in record["error"]["message"]
    (tmp_path / "g").mkdir()
    write(tmp_path / "g" / "coffee.png", NO_FACE)
    record = cloaker(gallery=tmp_path / "g").photo(path)
    assert "found no photo with a face" in record["error"]["message"]
    assert files(tmp_path) == ["a.png", "g"]


def test_progress(tmp_path, one_attempt):
    seen: list[tuple[str, int, int]] = []
    c = Cloaker(CloakSettings(targets=("dlib",), level="minimum", steps=5), lambda *state: seen.append(state))
    c.photo(write(tmp_path / "a.png", FACE))
    assert seen[:7] == [
        ("loading", 0, 0),
        ("looking for faces", 0, 0),
        *(("search", i, 5) for i in range(1, 6)),
    ]
    assert seen[-1] == ("checking the saved file", 0, 0)
    assert all(0 < done <= total for stage, done, total in seen if stage.startswith("search"))


def test_devices():
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="device is 'cuda', which this machine does not have"):
            pick_device("cuda")
