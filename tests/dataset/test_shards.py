"""Tar files in and out."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mnd.dataset import engines
from mnd.dataset.items import Shard
from mnd.dataset.shards import Stored, assemble, contents
from mnd.photo.photo import PhotoError
from tests.helpers import tiny
from tests.helpers.data_sets import files, lines, told

EXTRA = {"a note.txt": b"hello", "empty": b""}


def write_shard(path: Path, numbers: range, **extra: bytes) -> None:
    """As WebDataset has them: for each key a picture and its label."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for number in numbers:
            for name, data in ((f"{number:04d}.png", tiny.picture(number)), (f"{number:04d}.cls", b"7")):
                info = tarfile.TarInfo(name)
                info.size, info.mtime, info.mode = len(data), 1_700_000_000 + number, 0o640
                tar.addfile(info, io.BytesIO(data))
        for name, data in (EXTRA | extra).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        tar.addfile(_link())


def _link() -> tarfile.TarInfo:
    info = tarfile.TarInfo("link.png")
    info.type, info.linkname = tarfile.SYMTYPE, "0000.png"
    return info


def read_shard(path: Path) -> list[tuple[str, int, int, bytes]]:
    with tarfile.open(path) as tar:
        return [
            (i.name, i.mtime, i.mode, tar.extractfile(i).read() if i.isreg() else i.linkname.encode())
            for i in tar
        ]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_shard(tmp_path / "src" / "train" / "0.tar", range(3))
    write_shard(tmp_path / "src" / "train" / "1.tar", range(3, 5))
    return tmp_path / "src"


def plain(tmp_path: Path, protect: Any, count: int) -> dict[str, bytes]:
    """What pictures become outside of shards."""
    for number in range(count):
        (tmp_path / "plain").mkdir(exist_ok=True)
        (tmp_path / "plain" / f"{number:04d}.png").write_bytes(tiny.picture(number))
    protect(tmp_path / "plain", tmp_path / "plainly")
    return {name: (tmp_path / "plainly" / name).read_bytes() for name in files(tmp_path / "plainly")}


def test_shards_go_in_and_come_out(protect, shards: Path, dst: Path, tmp_path: Path):
    summary = protect(shards, dst)
    assert summary.done
    assert told(summary, "photos", "protected") == [5, 5]
    assert files(dst) == ["train/0.tar", "train/1.tar"]
    cloaked = plain(tmp_path, protect, 5)
    for name in files(dst):
        before, after = read_shard(shards / name), read_shard(dst / name)
        assert [row[:3] for row in before] == [row[:3] for row in after]
        for (member, _, _, old), (_, _, _, new) in zip(before, after, strict=True):
            assert new == cloaked.get(member, old)
    assert set(lines(dst)) >= {"train/0.tar", "train/0.tar/0000.png", "train/1.tar/0004.png"}
    assert not (dst / ".mnd-parts").exists()


def test_finished_shards_are_not_written_again(protect, shards: Path, dst: Path):
    protect(shards, dst)
    before = {name: (dst / name).stat().st_mtime_ns for name in files(dst)}
    manifest = (dst / "manifest.jsonl").read_bytes()
    assert told(protect(shards, dst), "kept", "new") == [5, 0]
    assert {name: (dst / name).stat().st_mtime_ns for name in files(dst)} == before
    assert (dst / "manifest.jsonl").read_bytes() == manifest
    (dst / "train/0.tar").unlink()
    assert told(protect(shards, dst), "kept", "lost") == [2, 3]
    assert len(files(dst)) == 2


def test_a_single_shard(protect, shards: Path, dst: Path):
    assert protect(shards / "train" / "0.tar", dst).photos == 3
    assert files(dst) == ["0.tar"]


def test_a_killed_run_loses_nothing_of_a_shard(protect, shards: Path, dst: Path, monkeypatch, tmp_path: Path):
    whole = engines.load("local")

    def killed(make, items, settings):
        for number, record in enumerate(whole(make, items, settings)):
            yield record
            if number == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(engines, "load", lambda name: killed)
    with pytest.raises(KeyboardInterrupt):
        protect(shards, dst)
    assert all(name.startswith(".mnd-parts") for name in files(dst))
    monkeypatch.setattr(engines, "load", lambda name: whole)
    assert told(protect(shards, dst), "kept", "new") == [2, 3]
    protect(shards, tmp_path / "undisturbed")
    for name in files(dst):
        assert (dst / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


def test_what_fails_in_a_shard_is_left_out_and_tried_again(protect, tmp_path: Path, dst: Path):
    write_shard(tmp_path / "src" / "0.tar", range(2), **{"bad.jpg": b"rubbish"})
    summary = protect(tmp_path / "src", dst)
    assert told(summary, "protected", "failed") == [2, 1]
    assert "bad.jpg" not in [row[0] for row in read_shard(dst / "0.tar")]
    write_shard(tmp_path / "src" / "0.tar", range(2), **{"bad.jpg": tiny.picture(9)})
    assert told(protect(tmp_path / "src", dst), "kept", "changed", "failed") == [2, 1, 0]
    rows = {row[0]: row[3] for row in read_shard(dst / "0.tar")}
    assert list(rows) == [row[0] for row in read_shard(tmp_path / "src" / "0.tar")]
    assert rows["bad.jpg"] != tiny.picture(9)


def test_a_label_that_changes_is_carried_over(protect, tmp_path: Path, dst: Path):
    write_shard(tmp_path / "src" / "0.tar", range(2), note=b"old")
    protect(tmp_path / "src", dst)
    write_shard(tmp_path / "src" / "0.tar", range(2), note=b"new one")
    assert told(protect(tmp_path / "src", dst), "kept", "changed") == [2, 0]
    assert {row[0]: row[3] for row in read_shard(dst / "0.tar")}["note"] == b"new one"


def test_verification_looks_into_shards(protect, shards: Path, dst: Path):
    protect(shards, dst)
    assert protect(shards, dst, verify=True).done
    data = bytearray((dst / "train/1.tar").read_bytes())
    at = data.index(b"IDAT") + 20
    data[at] ^= 1
    (dst / "train/1.tar").write_bytes(data)
    summary = protect(shards, dst, verify=True)
    assert told(summary, "protected", "failed") == [4, 1]
    assert lines(dst)["train/1.tar/0003.png"]["error"]["kind"] == "damaged"
    assert protect(shards, dst, retry=True).done
    assert protect(shards, dst, verify=True).done


@pytest.mark.parametrize("cut", [100, 700, 3000, 4000, -3000])
def test_a_broken_shard_is_named_and_nothing_is_made_of_it(protect, shards: Path, dst: Path, cut: int):
    path = shards / "train" / "0.tar"
    path.write_bytes(path.read_bytes()[:cut] if cut > 0 else b"rubbish" * 999)
    summary = protect(shards, dst)
    assert told(summary, "protected", "failed") == [2, 1]
    assert lines(dst)["train/0.tar"]["error"]["kind"] == "truncated"
    assert files(dst) == ["train/1.tar"]


def test_a_tar_without_pictures_is_left_alone(protect, tmp_path: Path, dst: Path):
    write_shard(tmp_path / "src" / "0.tar", range(0))
    summary = protect(tmp_path / "src", dst)
    assert told(summary, "photos", "others") == [0, 1]
    assert files(dst) == []


def test_a_strange_file_under_the_name_of_a_shard_stays(protect, shards: Path, dst: Path):
    (dst / "train").mkdir(parents=True)
    (dst / "train/0.tar").write_bytes(b"somebody's")
    summary = protect(shards, dst)
    assert summary.failed == 1
    assert (dst / "train/0.tar").read_bytes() == b"somebody's"
    assert protect(shards, dst, retry=True, overwrite=True).done
    assert len(read_shard(dst / "train/0.tar")) == 9


def packed(path: Path, *files: tuple[str, bytes, bytes]) -> Shard:
    """A tar of files of a name, a type and bytes."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), kind
            tar.addfile(info, io.BytesIO(data))
    return Shard(path.name, str(path))


def test_a_member_of_an_unknown_type_is_a_file(tmp_path: Path):
    """POSIX has readers take it for one; its bytes must not get lost."""
    picture, other = tiny.picture(0), b"2" * 700
    shard = packed(tmp_path / "0.tar", ("a.png", b"/", picture), ("b", b"/", other), ("c.png", b"0", picture))
    assert [member.name for member in contents(shard).pictures] == ["0.tar/a.png", "0.tar/c.png"]
    made = assemble(shard, tmp_path, lambda member: b"new" if member.number == 0 else picture)
    stored = Stored("0.tar", made)
    assert [stored.get(f"0.tar/{name}") for name in ("a.png", "b", "c.png")] == [b"new", other, picture]


@pytest.mark.parametrize(
    ("name", "before", "kind"),
    [
        ("._a.jpg", b"", "hidden picture"),
        ("._a.jpg", b"\0\5\x16\7" + bytes(90), "file with a picture in it"),
        (".a.jpg", b"\0\5\x16\7" + bytes(90), "hidden picture"),
        ("a.dat", bytes(3 << 20), "file with a picture in it"),
        ("a.dat", bytes((1 << 20) - 4), "file with a picture in it"),
        ("a.dat", b"x" * ((1 << 20) - 4) + b"/9j/", "text with pictures in it"),
    ],
)
def test_what_is_copied_with_a_picture_in_it_is_told(tmp_path: Path, name: str, before: bytes, kind: str):
    found = contents(packed(tmp_path / "0.tar", (name, b"0", before + tiny.picture(0))))
    assert (found.pictures, found.left) == ([], {kind: [f"0.tar/{name}"]})


def test_what_macos_notes_beside_a_picture_is_none(tmp_path: Path):
    found = contents(packed(tmp_path / "0.tar", ("._a.jpg", b"0", b"\0\5\x16\7" + bytes(4000))))
    assert (found.pictures, found.left) == ([], {})


def test_a_member_with_holes_is_refused_by_name(tmp_path: Path):
    shard = packed(tmp_path / "0.tar", ("a.png", tarfile.GNUTYPE_SPARSE, b""))
    with pytest.raises(PhotoError, match=r"0\.tar: a\.png is stored with holes") as caught:
        contents(shard)
    assert caught.value.kind == "unsupported"
