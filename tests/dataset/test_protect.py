"""What is done, what is not done again, and what is said of it. No processes: those are `test_local.py`'s."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import mnd
from mnd import Cloaker, CloakSettings
from mnd.cloaking.levels import Plan
from mnd.dataset import fingerprint
from mnd.dataset.manifest import headers, manifest_path, manifests
from mnd.dataset.settings import ProtectSettings, both_settings
from mnd.photo.photo import Photo
from tests.helpers import tiny
from tests.helpers.cloaks import FACE, NO_FACE
from tests.helpers.data_sets import bytes_of, files, lines, told
from tests.helpers.photos import exif_block


def test_the_tree_is_mirrored_and_the_source_stays_as_it_was(protect, src: Path, dst: Path):
    (src / "notes.txt").write_text("no picture")
    before = bytes_of(src)
    summary = protect(src, dst)
    assert summary.done
    assert told(summary, "photos", "protected", "failed", "others", "new") == [6, 6, 0, 1, 6]
    assert summary.ssim is not None
    assert 0.9 < summary.ssim < 1
    assert bytes_of(src) == before
    assert files(dst) == sorted(set(before) - {"notes.txt"})
    assert sorted(os.listdir(dst)) == [".mnd.lock", "0", "1", "2", "manifest.jsonl", "report.html"]


def test_a_line_is_the_object_of_mnd_cloak_and_more(protect, card: str, src: Path, dst: Path, tmp_path: Path):
    protect(src, dst)
    cloaker = Cloaker(CloakSettings(targets=(card,), **tiny.OPTIONS))
    for name, line in lines(dst).items():
        record = cloaker.photo(src / name, tmp_path / f"out.{name[-3:]}", overwrite=True)
        made = Path(record["output"]).read_bytes()
        assert (dst / name).read_bytes() == made
        assert line["output"] == line["input"] == name
        for key in record.keys() - {"input", "output", "seconds"}:
            assert line[key] == record[key]
        assert line["input_sha256"] == hashlib.sha256((src / name).read_bytes()).hexdigest()
        assert line["output_sha256"] == hashlib.sha256(made).hexdigest()
        assert line["status"] == "protected"
        assert line["worker"].endswith(f"-{os.getpid()}")


def test_the_header_says_how(protect, card: str, src: Path, dst: Path):
    protect(src, dst)
    [header] = headers(manifest_path(dst))
    assert header["mnd"] == mnd.__version__
    assert header["settings"]["plan"]["steps"] == 8
    [target] = header["settings"]["targets"]
    weights = Path(card.removesuffix(":tiny")).read_bytes()
    assert target["sha256"] == hashlib.sha256(weights).hexdigest()
    assert header["versions"]["torch"]
    assert {line["settings_sha256"] for line in lines(dst).values()} == {header["settings_sha256"]}
    assert str(src.parent) not in json.dumps(header)


def test_what_is_done_is_not_done_again(protect, src: Path, dst: Path):
    protect(src, dst)
    before = (dst / "manifest.jsonl").read_bytes()
    summary = protect(src, dst)
    assert summary.done
    assert told(summary, "photos", "protected", "kept", "new", "changed") == [6, 6, 6, 0, 0]
    assert (dst / "manifest.jsonl").read_bytes() == before
    for path in [*src.rglob("*.png"), *dst.rglob("*.png")]:
        os.utime(path, ns=(1, 1))  # another time says nothing where the bytes are the same
    assert protect(src, dst).kept == 6


def test_what_has_changed_is_done_again(protect, src: Path, dst: Path):
    protect(src, dst)
    (src / "0/00000.png").write_bytes(tiny.picture(100))
    (src / "1/00001.bmp").unlink()
    (dst / "2/00002.png").unlink()
    (dst / "0/00003.bmp").write_bytes(b"damaged")
    (src / "2/new.png").write_bytes(tiny.picture(101))
    summary = protect(src, dst)
    assert told(summary, "photos", "kept", "new", "changed", "lost", "gone") == [6, 2, 1, 1, 2, 1]
    assert summary.done
    clean = dst.with_name("clean")
    protect(src, clean)
    assert bytes_of(dst) == bytes_of(clean) | {"1/00001.bmp": (dst / "1/00001.bmp").read_bytes()}


def test_other_settings_make_other_results_and_another_header(protect, src: Path, dst: Path):
    protect(src, dst)
    first = bytes_of(dst)
    summary = protect(src, dst, seed=1)
    assert told(summary, "changed", "kept") == [6, 0]
    assert any(first[name] != data for name, data in bytes_of(dst).items())
    assert [header["settings"]["seed"] for header in headers(manifest_path(dst))] == [0, 1]
    assert protect(src, dst, seed=1).kept == 6


def test_failures_are_listed_and_tried_again_only_when_asked(protect, src: Path, dst: Path):
    (src / "bad.jpg").write_bytes(b"rubbish")
    (src / "empty.png").write_bytes(b"")
    summary = protect(src, dst)
    assert told(summary, "protected", "failed", "new") == [6, 2, 8]
    assert not summary.done
    assert {n: line["error"]["kind"] for n, line in lines(dst).items() if line["error"]} == {
        "bad.jpg": "not-an-image", "empty.png": "empty"
    }  # fmt: skip
    assert lines(dst)["bad.jpg"]["error"]["message"].startswith("bad.jpg: starts with b'rubbish'")
    assert told(protect(src, dst), "failed", "kept", "retried") == [2, 8, 0]
    assert told(protect(src, dst, retry=True), "failed", "kept", "retried") == [2, 6, 2]
    (src / "bad.jpg").write_bytes(tiny.picture(50))  # what has changed needs no asking
    assert told(protect(src, dst), "failed", "kept", "changed") == [1, 7, 1]
    assert "bad.jpg" in files(dst)


def test_a_photo_that_fails_after_it_was_done_has_no_result_any_more(protect, src: Path, dst: Path):
    protect(src, dst)
    (src / "0/00000.png").write_bytes(b"rubbish")
    assert told(protect(src, dst), "failed", "changed") == [1, 1]
    assert "0/00000.png" not in files(dst)
    (src / "0/00000.png").write_bytes(tiny.picture(100))
    assert protect(src, dst).done
    assert "0/00000.png" in files(dst)


def test_strange_files_in_the_results_are_not_overwritten(protect, src: Path, dst: Path):
    (dst / "0").mkdir(parents=True)
    (dst / "0/00000.png").write_bytes(b"somebody's")
    summary = protect(src, dst)
    assert told(summary, "protected", "failed") == [5, 1]
    assert (dst / "0/00000.png").read_bytes() == b"somebody's"
    assert lines(dst)["0/00000.png"]["error"]["kind"] == "exists"
    assert protect(src, dst, retry=True, overwrite=True).done


def test_a_result_that_a_killed_run_left_is_taken_as_it_is(protect, src: Path, dst: Path):
    protect(src, dst)
    path = dst / "manifest.jsonl"
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join(text[:-1]))
    summary = protect(src, dst)
    assert summary.done
    assert told(summary, "kept", "new") == [5, 1]


def test_a_result_that_another_part_makes_at_the_same_moment_is_taken_as_it_is(
    protect, src: Path, dst: Path, monkeypatch: pytest.MonkeyPatch
):
    """Runs that divide a data set in other ways have locks of their own."""
    from mnd.dataset import worker

    usual = worker.write_checked

    def late(path: Path, data: bytes, *rest: Any) -> None:
        """Somebody was here between the look and the writing."""
        path.write_bytes(b"something else" if path.name == "00001.bmp" else data)
        usual(path, data, *rest)

    monkeypatch.setattr(worker, "write_checked", late)
    summary = protect(src, dst)
    assert told(summary, "protected", "failed") == [5, 1]
    assert lines(dst)["1/00001.bmp"]["error"]["kind"] == "exists"
    assert (dst / "1/00001.bmp").read_bytes() == b"something else"


def test_two_inputs_never_get_one_result(protect, src: Path, dst: Path):
    (src / "0/00000.PNG").write_bytes(tiny.picture(60))
    (src / "manifest.jsonl").write_bytes(tiny.picture(61))
    summary = protect(src, dst)
    assert told(summary, "protected", "failed") == [6, 2]
    # in the order of the source, so that it is always the same one
    assert (
        lines(dst)["0/00000.png"]["error"]["kind"]
        == lines(dst)["manifest.jsonl"]["error"]["kind"]
        == "exists"
    )
    before = (dst / "manifest.jsonl").read_bytes()
    assert protect(src, dst).failed == 2
    assert (dst / "manifest.jsonl").read_bytes() == before


def test_nothing_is_ever_written_into_the_source(protect, src: Path, dst: Path):
    dst.mkdir()
    (dst / "0").symlink_to(src / "0")
    before = bytes_of(src)
    summary = protect(src, dst, overwrite=True)
    assert told(summary, "protected", "failed") == [4, 2]
    assert bytes_of(src) == before


def test_parts_are_disjoint_and_make_a_whole(protect, src: Path, dst: Path):
    tiny.write_pictures(src, 6, first=6)
    parts = [protect(src, dst, shard=f"{n}/3") for n in (1, 2, 3)]
    assert sum(part.photos for part in parts) == 12
    assert all(part.photos for part in parts)
    assert len(manifests(dst)) == 3
    whole = protect(src, dst)  # which goes on from what the parts have done
    assert told(whole, "kept", "new") == [12, 0]
    alone = dst.with_name("alone")
    protect(src, alone)
    assert bytes_of(alone) == bytes_of(dst)


def test_a_list_of_paths(protect, src: Path, dst: Path):
    (src / "list.csv").write_text("path,n\n2/00002.png,1\n0/00000.png,2\n2/00002.png,3\ngone.png,4\n")
    summary = protect(src / "list.csv", dst)
    assert told(summary, "protected", "failed") == [2, 1]
    assert files(dst) == ["0/00000.png", "2/00002.png"]
    assert lines(dst)["gone.png"]["error"]["kind"] == "missing"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    folder.mkdir()
    Image.fromarray(FACE).save(folder / "face.png")
    Image.fromarray(NO_FACE[:64, :64]).save(folder / "none.jpg")
    return folder


@pytest.mark.parametrize(("no_face", "status"), [("copy", "copied"), ("skip", "skipped"), ("fail", "failed")])
def test_photos_without_a_face(protect, faces: Path, dst: Path, no_face: str, status: str):
    (faces / "face.png").unlink()
    summary = protect(faces, dst, targets=("dlib",), no_face=no_face)
    line = lines(dst)["none.jpg"]
    assert line["status"] == status
    assert getattr(summary, status) == 1
    assert summary.done == (no_face != "fail")
    assert line["protected"] is False
    if no_face == "copy":
        assert (dst / "none.jpg").read_bytes() == (faces / "none.jpg").read_bytes()
        assert line["output_sha256"] == line["input_sha256"]
    else:
        assert files(dst) == []
    assert protect(faces, dst, targets=("dlib",), no_face=no_face).kept == 1
    assert (
        protect(faces, dst, targets=("dlib",), no_face="copy" if status == "skipped" else "skip").changed == 1
    )


@pytest.mark.slow
def test_photos_without_a_face_as_a_whole(protect, faces: Path, dst: Path):
    summary = protect(faces, dst, targets=("dlib",), no_face="whole", steps=20)
    assert lines(dst)["none.jpg"]["error"]["kind"] == "not-proven"
    assert told(summary, "whole", "held") == [0, 1]
    assert not (dst / "none.jpg").exists()


def test_verification_finds_what_is_not_as_it_was(protect, src: Path, dst: Path):
    (src / "bad.jpg").write_bytes(b"rubbish")
    protect(src, dst)
    before = (dst / "manifest.jsonl").read_bytes()
    summary = protect(src, dst, verify=True)
    assert told(summary, "protected", "failed") == [6, 1]
    assert (dst / "manifest.jsonl").read_bytes() == before
    stat = (dst / "0/00000.png").stat()
    (dst / "0/00000.png").write_bytes((dst / "0/00000.png").read_bytes()[:-1] + b"\xff")
    os.utime(dst / "0/00000.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a rotten disk does it
    (dst / "1/00001.bmp").unlink()
    (src / "2/00002.png").write_bytes(tiny.picture(77))
    (src / "new.png").write_bytes(tiny.picture(78))
    assert protect(src, dst, verify=True).failed == 5
    kinds = {name: line["error"]["kind"] for name, line in lines(dst).items() if line["error"]}
    assert kinds == {
        "bad.jpg": "not-an-image", "0/00000.png": "damaged", "1/00001.bmp": "missing",
        "2/00002.png": "changed",
    }  # fmt: skip
    assert told(protect(src, dst, retry=True), "failed", "retried", "new", "changed") == [1, 3, 1, 1]


def test_verification_asks_the_targets_again(protect, src: Path, dst: Path):
    protect(src, dst)
    name = "0/00000.png"
    shutil.copy(src / name, dst / name)  # a result that hides nobody, under a manifest that knows its sum
    path = dst / "manifest.jsonl"
    line = lines(dst)[name]
    good, clean = line["output_sha256"], line["input_sha256"]
    path.write_text(path.read_text().replace(good, clean))
    summary = protect(src, dst, verify=True)
    assert told(summary, "protected", "failed") == [5, 1]
    assert lines(dst)[name]["error"]["kind"] == "not-protected"
    assert protect(src, dst, retry=True).done


def test_there_is_nothing_to_verify_without_a_manifest(protect, src: Path, dst: Path):
    with pytest.raises(FileNotFoundError, match="no manifest"):
        protect(src, dst, verify=True)
    assert not dst.exists()


def test_a_manifest_that_is_broken_in_the_middle_stops_the_run(protect, src: Path, dst: Path):
    protect(src, dst)
    path = dst / "manifest.jsonl"
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*text[:2], "{\n", *text[3:]]))
    with pytest.raises(ValueError, match="line 3"):
        protect(src, dst)
    path.write_text("".join(text) + text[2][:50])
    summary = protect(src, dst)
    assert summary.done
    assert "removed" in summary.notes[0]
    assert path.read_text() == "".join(text)


class Changing:
    """A watcher who changes the source while it is worked on."""

    def __init__(self, src: Path) -> None:
        self.src, self.times = src, 0

    def record(self, record: dict[str, Any], known: bool) -> None:
        self.times += 1
        if self.times == 1:
            (self.src / "2/00005.bmp").unlink(missing_ok=True)
            (self.src / "1/00004.png").write_bytes(tiny.picture(90))
            (self.src / record["input"]).write_bytes(tiny.picture(91))
            (self.src / "0/a new one.png").write_bytes(tiny.picture(92))

    def loading(self, *told: Any) -> None: ...
    def note(self, text: str) -> None: ...


def test_a_source_that_changes_underneath(protect, src: Path, dst: Path):
    protect(src, dst, watcher=Changing(src))
    summary = protect(src, dst)
    assert summary.done
    assert summary.changed >= 1
    clean = dst.with_name("clean")
    protect(src, clean)
    assert {n: d for n, d in bytes_of(dst).items() if n != "2/00005.bmp"} == bytes_of(clean)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [({"shard": "0/3"}, "1 <= I <= N"), ({"shard": "4/3"}, "such as 1/4"), ({"shard": "a"}, "I/N"),
     ({"workers": 0}, "workers is 0"),
     ({"engine": "dask"}, "engine is 'dask'"), ({"no_face": "x"}, "no_face"),
     ({"verify": True, "retry": True}, "verify changes nothing"), ({"address": "x"}, "address")],
)  # fmt: skip
def test_settings_are_judged_before_anything_is_done(wrong: dict[str, Any], expected: str):
    with pytest.raises(ValueError, match=expected):
        ProtectSettings(**wrong)


def test_protect_takes_the_fields_of_both_settings(src: Path, dst: Path):
    with pytest.raises(TypeError, match="wokers"):
        mnd.protect(src, dst, wokers=3)
    with pytest.raises(ValueError, match="lies inside"):
        mnd.protect(src, src / "dst", targets=("dlib",))
    for cloaks in (dst, dst / "mine"):
        with pytest.raises(ValueError, match="lies inside the results"):
            mnd.protect(src, dst, gallery=src, cloaks=cloaks)
    with pytest.raises(ValueError, match="format is 'jpeg', expected none"):
        mnd.protect(src, dst, format="jpeg")
    assert not dst.exists()


def test_every_setting_that_changes_results_is_in_their_sum(card: str):
    covered = {field.name for field in fields(Plan)} | set(fingerprint._PLAIN)
    # with their sums; only when it is set; `against` is among the targets, `withstand` in the plan
    elsewhere = {
        "targets",
        "against",
        "withstand",
        "gallery",
        "galleries",
        "cloaks",
        "strip_names",
        "strip_gps",
        "strip",
    }
    # where to compute, not what; a data set keeps its formats
    nowhere = {"device", "offline", "format"}
    assert {field.name for field in fields(CloakSettings)} <= covered | elsewhere | nowhere


def test_the_sum_of_the_settings(card: str, tmp_path: Path):
    gallery = tmp_path / "gallery"
    gallery.mkdir()
    (gallery / "a.png").write_bytes(tiny.picture(1))
    targets = [{"name": "tiny", "sha256": "1"}]

    def sum_of(targets: list[dict[str, Any]] = targets, **options: Any) -> str:
        cloak, settings = both_settings(options)
        return str(fingerprint.header(cloak, settings, targets, tmp_path)["settings_sha256"])

    base = sum_of()
    assert base == sum_of(device="cpu", offline=True, workers=3, shard="1/2", retry=True)
    others = [
        sum_of(**o) for o in ({"seed": 1}, {"level": "strong"}, {"no_face": "fail"}, {"gallery": gallery})
    ]
    (gallery / "a.png").write_bytes(tiny.picture(2))
    others += [sum_of(gallery=gallery), sum_of([{"name": "tiny", "sha256": "2"}]), sum_of(burst=True)]
    assert len({base, *others}) == 8


def test_what_is_copied_is_stripped_too(protect, tmp_path: Path, dst: Path):
    """A photo without a face is copied as it is, but not with the place that was to go."""
    folder = tmp_path / "walls"
    folder.mkdir()
    place = exif_block()
    Image.fromarray(NO_FACE[:64, :64]).save(folder / "wall.jpg", exif=b"Exif\0\0" + place)
    asked = {"targets": ("dlib",), "no_face": "copy"}
    protect(folder, dst, **asked)
    assert (dst / "wall.jpg").read_bytes() == (folder / "wall.jpg").read_bytes()
    assert protect(folder, dst, **asked, strip_gps=True).changed == 1
    made = (dst / "wall.jpg").read_bytes()
    assert b"Camera works" in made
    assert not Photo.from_bytes(made).location
    line = lines(dst)["wall.jpg"]
    assert (line["status"], line["removed"], line["metadata"]["location"]) == (
        "copied",
        ["EXIF thumbnail", "EXIF GPS"],
        False,
    )
