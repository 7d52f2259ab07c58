"""The page of one's own photo stays by the original, is written with its mark, and replaces nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnd.base.files import PhotoError
from mnd.base.html import PRIVATE
from mnd.cloaking.own_page import page_paths, write_page


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    """Of a photo in one folder, whose cloaked file is in another, which is published."""
    pixels = np.random.default_rng(0).integers(20, 230, (48, 64, 3), np.uint8)
    out = tmp_path / "published"
    out.mkdir()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels ^ 1).save(out / "a.cloaked.png")
    told = {"unit": "euclidean distance", "threshold": 0.6, "before": 0.0, "after": 0.66, "fooled": True}
    region = {"box": [8, 4, 40, 44], "kind": "face", "targets": {"dlib": {**told, "channel": {}}}}
    return {
        "input": str(tmp_path / "a.png"), "output": str(out / "a.cloaked.png"), "protected": True,
        "level": "minimum", "regions": [region], "quality": None, "error": None,
    }  # fmt: skip


def test_the_page_is_beside_the_original(record: dict[str, Any], tmp_path: Path) -> None:
    photo = Path(record["input"])
    [place] = page_paths([photo])
    assert write_page(record, photo, place) == tmp_path / "a.cloaked.html"
    assert PRIVATE in place.read_bytes()
    assert [path.name for path in (tmp_path / "published").iterdir()] == ["a.cloaked.png"]


def test_another_place_is_made(record: dict[str, Any], tmp_path: Path) -> None:
    photo = Path(record["input"])
    for to, wanted in (("pages", "pages/a.cloaked.html"), ("mine/look.html", "mine/look.html")):
        [place] = page_paths([photo], tmp_path / to)
        assert write_page(record, photo, place) == tmp_path / wanted


def test_only_pages_of_this_program_are_replaced(record: dict[str, Any], tmp_path: Path) -> None:
    photo, place = Path(record["input"]), tmp_path / "a.cloaked.html"
    for _ in range(2):
        write_page(record, photo, place)
    place.write_text("somebody's own")
    with pytest.raises(PhotoError, match="exists already"):
        write_page(record, photo, place)
    assert place.read_text() == "somebody's own"
    write_page(record, photo, place, overwrite=True)
    assert PRIVATE in place.read_bytes()


def test_photos_of_one_name_keep_theirs_apart() -> None:
    photos = [Path("a.jpg"), Path("a.png"), Path("b/a.jpg")]
    names = [path.as_posix() for path in page_paths(photos)]
    assert names == ["a.jpg.cloaked.html", "a.png.cloaked.html", "b/a.cloaked.html"]
    together = [path.as_posix() for path in page_paths([Path("a/x.jpg"), Path("b/y.jpg")], "out")]
    assert together == ["out/x.cloaked.html", "out/y.cloaked.html"]
    with pytest.raises(ValueError, match="for 2 pages, expected a folder"):
        page_paths(photos[:2], "a.html")


def test_a_photo_without_another_has_no_page(record: dict[str, Any], tmp_path: Path) -> None:
    assert write_page({**record, "output": None}, Path(record["input"]), tmp_path / "a.cloaked.html") is None
    assert not (tmp_path / "a.cloaked.html").exists()


def test_a_file_of_another_size_is_laid_on_the_original(record: dict[str, Any], tmp_path: Path) -> None:
    output = Path(record["output"])
    Image.open(output).resize((32, 24)).save(output)
    record["compared"] = {"how": "other size", "size": [32, 24], "scale": 0.5, "format": "PNG"}
    record["regions"][0]["box"] = [4, 2, 20, 22]
    page = write_page(record, Path(record["input"]), tmp_path / "x.html", checked=True)
    assert page is not None
    assert 'data-width="32" data-height="24"' in page.read_text()


def test_a_place_that_cannot_be_written_is_told(record: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="cannot be made a folder"):
        write_page(record, Path(record["input"]), Path(record["input"]) / "x.html")
