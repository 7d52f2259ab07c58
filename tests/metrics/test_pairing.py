"""Which pictures of two folders belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnd.metrics import pairs


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def _told(found, folder: Path) -> list[tuple[str, str]]:
    return [tuple(path.relative_to(folder).as_posix() for path in pair) for pair in found.pairs]


def test_by_the_path_below_the_folder(tmp_path: Path):
    a = _touch(tmp_path / "a", "x.jpg", "sub/x.jpg", "only.png", ".hidden.jpg", "notes.txt", "raw.dng")
    b = _touch(tmp_path / "b", "x.jpg", "sub/x.jpg", "more/only.png")
    found = pairs(a, b)
    assert _told(found, tmp_path) == [("a/sub/x.jpg", "b/sub/x.jpg"), ("a/x.jpg", "b/x.jpg")]
    assert [(path.name, why) for path, why in found.alone] == [
        ("only.png", f"no picture of this name in {b}"), ("only.png", f"no picture of this name in {a}")
    ]  # fmt: skip
    assert found.passed == (f"{a}: 1 RAW file was passed over",)


def test_cloaked_files_and_other_formats(tmp_path: Path):
    a = _touch(tmp_path / "a", "x.jpg", "y.jpg", "z.jpg", "w.jpg")
    b = _touch(tmp_path / "b", "x.cloaked.jpg", "y.png", "z.jpg", "z.cloaked.jpg", "w.png", "w.webp")
    found = pairs(a, b)
    assert _told(found, tmp_path) == [
        ("a/x.jpg", "b/x.cloaked.jpg"), ("a/y.jpg", "b/y.png"), ("a/z.jpg", "b/z.jpg"),
    ]  # fmt: skip
    why = dict(found.alone)
    assert "several pictures could be meant" in why[a / "w.jpg"]
    assert set(why) == {a / "w.jpg", b / "w.png", b / "w.webp", b / "z.cloaked.jpg"}


def test_a_file_is_no_folder(tmp_path: Path):
    a = _touch(tmp_path / "a", "x.jpg")
    with pytest.raises(ValueError, match=r"x\.jpg is no folder, expected two folders or two pictures"):
        pairs(a, a / "x.jpg")
