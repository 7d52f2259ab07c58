"""What damaged inputs did to the readers: each found by `scripts/fuzz.py`, and what is right instead."""

from __future__ import annotations

import base64
import io
import json
import struct
import tarfile
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image

from mnd.dataset.items import Shard
from mnd.dataset.manifest import Manifest, ManifestError, latest, read_manifest, shortened
from mnd.dataset.report.page import write_report
from mnd.dataset.shards import Stored, contents
from mnd.photo.metadata.directories import first_directory
from mnd.photo.metadata.exif import clean_exif
from mnd.photo.metadata.icc import clean_icc
from mnd.photo.metadata.noted import Noted
from mnd.photo.metadata.pictures import text_hides
from mnd.photo.metadata.xmp import clean_xmp
from mnd.photo.photo import Photo, PhotoError
from mnd.targets.json_card import read_card
from tests.helpers.photos import ICC, save
from tests.helpers.planted import FORMS, SMALL, traces

CARD = {
    "name": "own", "kind": "face", "unit": "cosine similarity", "threshold": 0.3, "size": [112, 112],
    "source": "nowhere", "licence": "CC0-1.0", "weights": "own.safetensors", "architecture": "mobilefacenet",
    "template": "arcface112",
}  # fmt: skip
LINE = {"input": "a.jpg", "output": "a.jpg", "status": "protected"}


@pytest.mark.parametrize("at", [0, 2, 4, 7])
def test_a_directory_in_the_header_is_none(at: int) -> None:
    """It was written over the mark of the structure, which no reader knew again."""
    exif = b"MM\0*" + struct.pack(">I", at) + bytes(60)
    with pytest.raises(ValueError, match="header"):
        first_directory(exif)
    noted = Noted()
    assert clean_exif(exif, noted) == b""
    assert noted.removed == ["EXIF that cannot be read"]


@pytest.mark.parametrize("tag", [34665, 34853, 40965])
def test_a_pointer_to_a_directory_is_one_number(tag: int) -> None:
    """What called itself a pointer was kept in any length."""
    secret = base64.b64encode(FORMS["jpeg"]) + b"\0"
    row = struct.pack("<HHII", tag, 2, len(secret), 26)
    noted = Noted()
    assert not traces(secret, clean_exif(b"II*\0\x08\0\0\0\1\0" + row + bytes(4) + secret, noted))
    assert len(noted.removed) == 1


def test_a_value_in_the_header_is_none() -> None:
    row = struct.pack("<HHII", 0x010F, 2, 30, 2)
    exif = clean_exif(b"II*\0\x08\0\0\0\1\0" + row + bytes(40))
    assert exif[:8] == b"II*\0\x08\0\0\0"
    source = save(SMALL, "PNG", exif=b"II*\0\x08\0\0\0\1\0" + row + bytes(40))
    photo = Photo.from_bytes(source)
    assert Image.open(io.BytesIO(photo.encode(photo.pixels))).getexif() is not None


def test_a_table_that_lies_over_a_hidden_picture_does_not_save_it() -> None:
    """A tag of a known kind may say that it is longer than it is."""
    secret = FORMS["raw"]
    count = struct.unpack_from(">I", ICC, 128)[0]
    shift = 24
    rows = [struct.unpack_from(">4sII", ICC, 132 + 12 * i) for i in range(count)]
    last = len(ICC) + shift
    rows = [(name, at + shift, size) for name, at, size in rows]
    body = b"".join(struct.pack(">4sII", *row) for row in rows)
    body += struct.pack(">4sII", b"priv", last + 16, len(secret))
    body += struct.pack(">4sII", b"rTR2", last, 16 + len(secret))
    head = ICC[:128] + struct.pack(">I", count + 2) + body + ICC[132 + 12 * count :]
    profile = head + b"curv" + bytes(12) + secret
    profile = struct.pack(">I", len(profile)) + profile[4:]
    noted = Noted()
    assert not traces(secret, clean_icc(profile, noted))
    assert noted.removed == ["colour profile 'priv'"]


@pytest.mark.parametrize(
    "text",
    [
        "12, " * 200,
        "12 ab " * 90 + "zzz",
        "\\" * 200_000,
        "\"   '" * 50_000,
        "12 " * 256 * 40 + "x",
        "%0" * 99_999,
    ],
    ids=["few numbers", "hexadecimal", "backslashes", "quotes", "many numbers", "percent"],
)
def test_no_text_is_searched_for_ever(text: str) -> None:
    """Two hundred numbers in a comment were tried in all the ways in which they can be read."""
    start = time.process_time()
    assert not text_hides(text)
    assert time.process_time() - start < 2


def test_a_tag_with_many_blanks_is_read_at_once() -> None:
    blanks = b" " * 60_000
    packet = b"<a" + blanks + b"b='c'" + blanks + b"/>"
    start = time.process_time()
    assert clean_xmp(packet) == packet
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": 5}, "architecture is 5, expected a text"),
        ({"name": []}, "name is"), ({"weights": None}, "missing weights"), ({"sha256": "x"}, "sha256 is 'x'"),
        ({"size": [10**9, 10**9]}, "at most 4096"), ({"size": [True, 112]}, "size is"),
        ({"std": [float("nan"), 1, 1]}, "std is"), ({"mean": [10**400, 0, 0]}, "mean is"),
        ({"judged_as": "mean"}, "judged_as is 'mean'"),
        ({"judged_as": ["side"]}, "expected a list with some of"),
        ({"judged_as": [[]]}, "judged_as is"), ({"resize": "256"}, "resize is '256'"),
        ({"resize": 10**9}, "resize"),
        ({"x" * 5000: 1}, "unknown field"), ({"kind": "y" * 5000}, "kind has 5,000 characters"),
        ({"threshold": "y" * 5000}, "threshold is"), ({"threshold": 10**400}, "threshold is"),
        ({"name": "y" * 5000}, "name has"),
    ],
)  # fmt: skip
def test_a_card_with_odd_values_is_refused_in_few_words(tmp_path: Path, changes: dict, message: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(CARD | changes))
    with pytest.raises(ValueError, match=message) as caught:
        read_card(path)
    assert len(str(caught.value)) < 1000


def test_looks_of_a_card_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(CARD | {"judged_as": ["aligned", "mean"]}))
    assert read_card(path)[0].judged_as == ("aligned", "mean")


def test_json_in_json_in_json_is_no_card_and_no_line(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    path = tmp_path / "card.json"
    path.write_text(deep)
    with pytest.raises(ValueError, match="no readable JSON"):
        read_card(path)
    path.write_text(f'{{"input": {deep}}}\n' + json.dumps(LINE) + "\n")
    with pytest.raises(ManifestError, match="line 1"):
        list(read_manifest(path))


@pytest.mark.parametrize(
    "changes",
    [
        {"output": 5}, {"error": "no"}, {"error": {"message": 5}}, {"input_digest": "zz"},
        {"input_digest": 5}, {"input_digest": "abcd"}, {"gallery": [1]},
        {"gallery": {"faces": "x", "person": 1}}, {"regions": {}},
        {"regions": [{}]}, {"regions": [{"targets": {"dlib": {"unit": "x"}}}]}, {"quality": []},
        {"quality": {"psnr": "x"}}, {"quality": {"regions": [None]}}, {"seconds": "x"}, {"seconds": 10**400},
        {"left": [1]}, {"output_sha256": 1},
    ],
)  # fmt: skip
def test_a_line_with_odd_values_is_a_broken_line(tmp_path: Path, changes: dict) -> None:
    """It ended the next run, or the report, in the middle."""
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (LINE | changes, LINE)))
    with pytest.raises(ManifestError, match="line 1"):
        list(read_manifest(path))
    with pytest.raises(ManifestError, match="line 1"):
        write_report(tmp_path)
    path.write_text("".join(json.dumps(line) + "\n" for line in (LINE, LINE | changes)))
    manifest = Manifest(path)
    manifest.close()
    assert "broken off" in manifest.repaired
    assert list(latest([path])) == [LINE]


def test_a_line_with_little_in_it_is_enough_for_a_report(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(
        '{"input": "a", "status": "protected", "gallery": {"photos": 1}}\n'
    )
    assert write_report(tmp_path).is_file()


def test_no_long_word_stands_in_a_message(tmp_path: Path) -> None:
    """The name in a message may be quoted or cut otherwise than the name of the line."""
    secret = base64.b64encode(FORMS["jpeg"][:600]).decode()
    told = shortened({"input": secret, "error": {"kind": "x", "message": f"({secret[3:]}) is no path"}})
    assert len(told["error"]["message"]) < 250


def test_a_text_of_another_key_is_cut_like_a_message() -> None:
    secret = base64.b64encode(FORMS["jpeg"][:900]).decode()
    told = shortened({"input": "a.jpg", "error": {"kind": "x", "mess\u00e4ge": secret}})
    assert max(map(len, told["error"].values())) < 250


def test_one_number_too_large_hides_no_picture() -> None:
    numbers = list(FORMS["raw"])
    numbers[len(numbers) // 2] = 999
    assert text_hides(str(numbers))
    assert not text_hides(str([300 + n for n in range(400)] + list(range(200))))


def test_tags_between_the_lines_of_a_run_hide_no_picture() -> None:
    digits = FORMS["raw"].hex()
    assert text_hides("".join(f"<rdf:li>{digits[at : at + 76]}</rdf:li>" for at in range(0, len(digits), 76)))
    assert not text_hides("<p>a caption</p><br/>" * 99)


@pytest.mark.parametrize("ends", [b"", b"\0", b"\0\0\0en\0"], ids=["nowhere", "early", "in its language"])
def test_a_png_text_without_its_parts_does_not_stay(tmp_path: Path, ends: bytes) -> None:
    """A keyword that did not end took the whole packet with it, which then was a name and no text."""
    rows = base64.b64encode(FORMS["jpeg"]).decode()
    packet = "".join(f"<li>{rows[at : at + 60]}</li>" for at in range(0, len(rows), 60)).encode()
    body = b"XML:com.adobe" + ends + packet
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    data = save(SMALL, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data[:33] + chunk + data[33:])
    photo = Photo.read(path)
    out = photo.encode(255 - photo.pixels)
    assert b"iTXt" not in out
    assert len(photo.removed) == 1


@pytest.mark.parametrize("size", [-(1 << 70), 1 << 70])
def test_a_member_of_a_size_that_no_file_has_is_no_member(tmp_path: Path, size: int) -> None:
    info = tarfile.TarInfo("1.jpg")
    info.size = size
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(PhotoError, match="no whole tar file"):
        contents(Shard("a.tar", str(path)))


def test_a_link_of_the_name_of_a_picture_is_not_the_picture(tmp_path: Path) -> None:
    path, data = tmp_path / "a.tar", save(SMALL, "JPEG")
    with tarfile.open(path, "w") as tar:
        picture, link = tarfile.TarInfo("1.jpg"), tarfile.TarInfo("1.jpg")
        picture.size, link.type, link.linkname = len(data), tarfile.SYMTYPE, "2.jpg"
        tar.addfile(picture, io.BytesIO(data))
        tar.addfile(link)
    assert Stored("a.tar", path).get("a.tar/1.jpg") == data


def test_a_member_with_a_picture_inside_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, data in (
            ("1.jpg", save(SMALL, "JPEG")),
            ("1.dat", b"head" + FORMS["jpeg"]),
            ("1.cls", b"7"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    found = contents(Shard("a.tar", str(path)))
    assert [member.name for member in found.pictures] == ["a.tar/1.jpg"]
    assert found.left == {"file with a picture in it": ["a.tar/1.dat"]}
