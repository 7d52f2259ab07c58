"""What people do every day: patterns and folders, a second run, pipes, and places that have to go."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnd import cli
from mnd.cloaking.arguments import arguments
from mnd.photo.photo import Photo
from tests.helpers import tiny
from tests.helpers.photos import exif_block, save


@pytest.fixture
def run(card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary):
    """The command in `tmp_path`: exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def cloak(*words: str, stdin: bytes | None = None) -> tuple[int, bytes, str]:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = cli.main(["cloak", *words, "--targets", card, *tiny.FLAGS])
        told = capsysbinary.readouterr()
        return status, told.out, told.err.decode()

    return cloak


@pytest.fixture
def photo() -> bytes:
    """A JPEG that says where it was taken."""
    return save(tiny.crops(1, 64)[0], "JPEG", exif=b"Exif\0\0" + exif_block(), quality=95)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(tiny.picture(3, "JPEG" if name.endswith("jpg") else "PNG"))


def records(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def inputs(out: bytes) -> list[str]:
    return [record["input"].replace(os.sep, "/") for record in records(out)]


NOTHING = "no file has this name, and no photo matches it as a pattern"
NAMES = ("b.jpg", "a.jpg", "a.cloaked.jpg", "sub/c.jpg", "sub/deep/d.jpg", "sub/c.cloaked.jpg", ".hidden.jpg")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["*.jpg"], ["a.jpg", "b.jpg"]),
        (["?.jpg"], ["a.jpg", "b.jpg"]),
        (["[b-z].jpg"], ["b.jpg"]),
        (["**/*.jpg"], ["a.jpg", "b.jpg", "sub/c.jpg", "sub/deep/d.jpg"]),
        (["sub/*.jpg"], ["sub/c.jpg"]),
        (["sub"], ["sub/c.jpg", "sub/deep/d.jpg"]),
        (["s*"], ["sub/c.jpg", "sub/deep/d.jpg"]),
        (["*"], ["a.jpg", "b.jpg", "sub/c.jpg", "sub/deep/d.jpg"]),
        (["b.jpg", "."], ["b.jpg", "a.jpg", "sub/c.jpg", "sub/deep/d.jpg"]),
        (["*.jpg", "a.jpg"], ["a.jpg", "b.jpg"]),
        (["a*.cloaked.jpg"], ["a.cloaked.jpg"]),
        (["a.cloaked.jpg"], ["a.cloaked.jpg"]),
        # as a shell expands *.jpg
        (["a.cloaked.jpg", "a.jpg", "b.jpg"], ["a.jpg", "b.jpg"]),
        (["gone.jpg", "a.jpg"], ["gone.jpg", "a.jpg"]),
    ],
)
def test_what_arguments_mean(
    words: list[str], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, *NAMES)
    (tmp_path / "notes.txt").write_text("no photo")
    monkeypatch.chdir(tmp_path)
    assert [it.path.as_posix() for it in arguments(words).photos] == expected


def test_a_name_comes_before_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a[1].jpg", "a1.jpg", "[x]/b.jpg")
    monkeypatch.chdir(tmp_path)
    assert [it.path.as_posix() for it in arguments(["a[1].jpg", "[x]"]).photos] == ["a[1].jpg", "[x]/b.jpg"]


def test_what_is_passed_over_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.jpg", "a.cloaked.jpg")
    (tmp_path / "b.jxl").touch()
    (tmp_path / "notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    for word in ("*", "."):
        told = arguments([word]).passed
        assert f"{word}: 1 earlier result (*.cloaked.*) was passed over" in told
        assert f"{word}: 1 JPEG XL file was passed over" in told


@pytest.mark.parametrize(
    ("word", "kind", "message"),
    [
        ("*.webp", "missing", f"*.webp: {NOTHING}; there: nothing"),
        ("*.txt", "missing", f"*.txt: {NOTHING}; there: 1 file that is no picture"),
        ("empty", "folder", "empty: found no photo in this folder to cloak, expected at least one; there: "),
    ],
)
def test_nothing_there_is_an_error_that_stops_no_other(
    run, tmp_path: Path, word: str, kind: str, message: str
) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    status, out, err = run(word, "a.png", "--json")
    wrong, good = records(out)
    assert status == 1
    assert wrong["error"]["kind"] == kind
    assert wrong["error"]["message"].startswith(message)
    assert f"mnd: {message}" in err
    assert good["protected"]
    assert (tmp_path / "a.cloaked.png").is_file()


def test_a_folder_is_mirrored_into_another(run, tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "in/sub/a.png")
    status, out, _ = run("in", "-o", "out", "--json")
    assert status == 0
    assert inputs(out) == ["in/a.png", "in/sub/a.png"]
    assert sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "out").rglob("*.png")) == [
        "out/a.cloaked.png",
        "out/sub/a.cloaked.png",
    ]


def test_a_second_run_skips_what_is_done_and_still_holds(run, tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    assert run("*.png")[0] == 0
    made = (tmp_path / "a.cloaked.png").read_bytes()
    touch(tmp_path, "b.png")
    status, out, _ = run("*.png")
    assert status == 0
    line = b"a.png -> a.cloaked.png: done already, and it still holds; --overwrite makes it again"
    assert line in out
    assert b"2 of 2 photos: all that the level promises holds" in out
    assert (tmp_path / "a.cloaked.png").read_bytes() == made
    status, out, _ = run("a.png", "b.png", "--json")
    assert status == 0
    for record in records(out):
        assert (record["status"], record["protected"], record["error"]) == ("skipped", True, None)
        assert record["regions"][0]["targets"]["tiny"]["fooled"]
        assert record["output"]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "a.cloaked.png", "a.png", "b.cloaked.png", "b.png",
    ]  # fmt: skip


def test_what_does_not_hold_is_no_result_to_skip(run, tmp_path: Path) -> None:
    """The very photo but for one pixel: it looks like a result, and a target knows it at once."""
    touch(tmp_path, "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png")).copy()
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(tmp_path / "a.cloaked.png")
    status, out, err = run("a.png", "--json")
    [record] = records(out)
    assert status == 1
    assert (record["status"], record["protected"], record["output"]) == ("failed", False, None)
    assert record["error"]["kind"] == "exists"
    assert "does not hold what is asked for now" in err


@pytest.mark.parametrize("other", ["copy", "another", "older", "broken"])
def test_another_file_of_that_name_is_in_the_way(run, tmp_path: Path, other: str) -> None:
    touch(tmp_path, "a.png")
    there = tmp_path / "a.cloaked.png"
    if other == "copy":
        there.write_bytes((tmp_path / "a.png").read_bytes())
    elif other == "another":
        there.write_bytes(save(255 - np.asarray(Image.open(tmp_path / "a.png")), "PNG"))
    elif other == "broken":
        there.write_bytes(b"no picture")
    else:
        assert run("a.png")[0] == 0
        os.utime(there, (1, 1))
    before = there.read_bytes()
    status, out, _ = run("a.png", "--json")
    assert status == 1
    assert records(out)[0]["error"]["kind"] == "exists"
    assert there.read_bytes() == before
    assert run("a.png", "--overwrite")[0] == 0
    assert there.read_bytes() != before or other == "older"


def test_a_file_of_ones_choice_is_never_skipped(run, tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    assert run("a.png", "-o", "made.png")[0] == 0
    status, out, _ = run("a.png", "-o", "made.png", "--json")
    assert status == 1
    assert records(out)[0]["error"]["kind"] == "exists"


def test_a_place_is_told_and_goes(run, tmp_path: Path, photo: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(photo)
    _, out, _ = run("a.jpg")
    assert b"the file says where it was taken; --strip-gps removes it" in out
    assert Photo.read(tmp_path / "a.cloaked.jpg").location
    # what is there does not hold what is asked for now
    status, out, err = run("a.jpg", "--strip-gps", "--json")
    assert (status, records(out)[0]["error"]["kind"]) == (1, "exists")
    assert "it carries EXIF GPS" in err
    status, out, _ = run("a.jpg", "--strip-gps", "--overwrite", "--json")
    [record] = records(out)
    assert record["metadata"] == {"location": False}
    assert "EXIF GPS" in record["removed"]
    assert not Photo.read(tmp_path / "a.cloaked.jpg").location
    status, out, _ = run("a.jpg", "--strip", "--overwrite", "--json")
    made = (tmp_path / "a.cloaked.jpg").read_bytes()
    assert b"Exif" not in made
    assert b"Camera works" not in made
    assert run("a.jpg", "--strip", "--json")[0] == 0


def test_from_a_stream_to_a_stream(run, tmp_path: Path, photo: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(photo)
    assert run("a.jpg")[0] == 0
    made = (tmp_path / "a.cloaked.jpg").read_bytes()
    status, out, err = run("-", stdin=photo)
    assert (status, out) == (0, made)
    assert "standard input" in err
    assert run("a.jpg", "-o", "-")[:2] == (0, made)
    status, out, err = run("-", "-o", "b.jpg", "--json", stdin=photo)
    assert (tmp_path / "b.jpg").read_bytes() == made
    [record] = records(out)
    assert (status, record["input"], record["output"]) == (0, "standard input", "b.jpg")
    assert run("-", "-o", "b.jpg", "--json", stdin=photo)[0] == 1
    assert run("-", "-o", "c.png", "--json", stdin=photo)[0] == 1
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"", "standard input: 0 bytes"), (b"no photo at all", "standard input: starts with"),
     (tiny.picture(1)[:200], "standard input: starts as a PNG but is cut short")],
)  # fmt: skip
def test_nothing_comes_out_of_a_stream_that_is_no_photo(run, data: bytes, told: str) -> None:
    status, out, err = run("-", stdin=data)
    assert (status, out) == (1, b"")
    assert told in err


def test_nothing_comes_out_of_what_is_not_protected(run, photo: bytes) -> None:
    status, out, err = run("-", "--least-ssim", "1", stdin=photo)
    assert (status, out) == (1, b"")
    assert "mnd: standard input" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [(("-", "a.jpg"), "got 2 photos and -"), (("a.jpg", "b.jpg", "-o", "-"), "got 2 photos and -"),
     (("-", "--json"), "--json and the photo would both go"),
     (("-", "-o", "folder/"), "expected the name of a file")],
)  # fmt: skip
def test_streams_are_not_shared(run, words: tuple[str, ...], told: str, photo: bytes) -> None:
    status, out, err = run(*words, stdin=photo)
    assert (status, out) == (2, b"")
    assert told in err


def test_no_photo_is_written_to_a_terminal(run, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    status, out, err = run("-", stdin=photo)
    assert (status, out) == (2, b"")
    assert "standard output is a terminal" in err
    monkeypatch.undo()
    terminal = io.TextIOWrapper(io.BytesIO(b""))
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert cli.main(["cloak", "-", "-o", "x.jpg"]) == 2


@pytest.mark.parametrize("name", ["x.heic", "x.unknown", "x.png"])
def test_another_ending_is_refused_before_any_work(run, tmp_path: Path, photo: bytes, name: str) -> None:
    (tmp_path / "a.jpg").write_bytes(photo)
    status, out, err = run("a.jpg", "-o", name, "--json")
    assert (status, records(out)[0]["error"]["kind"]) == (1, "unsupported")
    assert f"{name}: the photo is a JPEG, and keeps its format, expected a name that ends in .jpg" in err
    assert not (tmp_path / name).exists()


# another format -------------------------------------------------------------------------------------------


def test_another_format_is_written_under_its_name_and_found_again(run, tmp_path: Path) -> None:
    image = Image.fromarray(tiny.crops(1, 64)[0])
    (tmp_path / "a.avif").write_bytes(save(image, "AVIF", quality=95))
    status, out, _ = run("a.avif", "--whole", "--format", "jpeg", "--json")
    [record] = records(out)
    assert (status, record["output"]) == (0, "a.cloaked.jpg")
    assert Photo.read(tmp_path / "a.cloaked.jpg").format == "JPEG"
    assert run(".", "--whole", "--format", "jpeg", "--json")[0] == 0
    [record] = records(run(".", "--whole", "--format", "jpeg", "--json")[1])
    assert (record["input"], record["status"]) == ("a.avif", "skipped")
    status, out, _ = run("a.avif", "--whole", "--format", "jpeg", "-o", "b.avif", "--json")
    [record] = records(out)
    assert (status, record["error"]["kind"]) == (1, "unsupported")
    assert "expected a name that ends in .jpg" in record["error"]["message"]
    assert run("a.avif", "--whole", "--format", "gif", "--json")[0] == 2
