"""Another source into the same folder of results, and one that was only moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mnd.dataset.manifest import headers, manifest_path
from mnd.dataset.origin import OtherSourceError, place
from mnd.dataset.protect import Protection
from mnd.dataset.settings import both_settings
from tests.helpers import tiny
from tests.helpers.data_sets import bytes_of


def test_another_source_is_refused_and_nothing_is_done(protect, src: Path, dst: Path):
    protect(src, dst)
    before = bytes_of(dst), manifest_path(dst).read_bytes()
    with pytest.raises(OtherSourceError, match=r"6 inputs of 'src', another source than '0'.*--add-source"):
        protect(src / "0", dst)
    assert (bytes_of(dst), manifest_path(dst).read_bytes()) == before


def test_another_source_with_the_same_names_is_refused(protect, src: Path, dst: Path, tmp_path: Path):
    """Whose photos would replace the results of the first."""
    protect(src, dst)
    tiny.write_pictures(tmp_path / "other" / "src", 6, first=6)
    for path in list((tmp_path / "other" / "src").rglob("*.*")):
        path.rename(path.with_name(f"{int(path.stem) - 6:05d}{path.suffix}"))
    with pytest.raises(OtherSourceError, match="another source"):
        protect(tmp_path / "other" / "src", dst)


def test_a_source_that_was_moved_is_the_same(protect, src: Path, dst: Path, tmp_path: Path):
    protect(src, dst)
    moved = tmp_path / "elsewhere" / "photos"
    moved.parent.mkdir()
    shutil.copytree(src, moved)
    (moved / "0/00000.png").unlink()
    tiny.write_pictures(moved, 1, first=6)
    summary = protect(moved, dst)
    assert (summary.kept, summary.new, summary.gone, summary.sources) == (5, 1, 1, 2)
    assert [header["source"] for header in headers(manifest_path(dst))] == ["src", "photos"]
    assert protect(moved, dst).kept == 6


def test_a_source_that_was_emptied_and_filled_again_is_the_same(protect, src: Path, dst: Path):
    protect(src, dst)
    for path in src.rglob("*.*"):
        path.unlink()
    tiny.write_pictures(src, 3, first=6)
    summary = protect(src, dst)
    assert (summary.new, summary.gone) == (3, 6)


def test_who_is_asked_and_says_yes_is_asked_once(card: str, src: Path, dst: Path, protect):
    protect(src, dst)
    questions: list[str] = []

    def run(answer: bool, **options: Any) -> Any:
        def ask(question: str) -> bool:
            questions.append(question)
            return answer

        cloak, settings = both_settings({"targets": (card,)} | tiny.OPTIONS | options)
        return Protection(src / "0", dst, cloak, settings, ask=ask).run()

    with pytest.raises(OtherSourceError):
        run(False)
    assert run(True).new == 2
    assert run(False).kept == 2
    assert len(questions) == 2
    assert questions[0].endswith("Put both there?")
    assert protect(src, dst).kept == 6  # the first one is known, too


def test_to_say_that_it_is_meant(protect, src: Path, dst: Path):
    protect(src, dst)
    assert protect(src / "0", dst, add_source=True).new == 2


def test_verification_is_not_asked_about(protect, src: Path, dst: Path, tmp_path: Path):
    protect(src, dst)
    tiny.write_pictures(tmp_path / "new", 1)
    assert protect(tmp_path / "new", dst, verify=True).photos == 1


def test_manifests_of_earlier_versions_know_names_alone(protect, src: Path, dst: Path):
    protect(src, dst)
    path = manifest_path(dst)
    first, *rest = path.read_text().splitlines(keepends=True)
    header = json.loads(first)
    assert header.pop("source_place") == place(src)
    path.write_text("".join([json.dumps(header) + "\n", *rest]))
    for photo in src.rglob("*.*"):
        photo.unlink()
    tiny.write_pictures(src, 1, first=8)
    assert protect(src, dst).new == 1


def test_a_place_says_nothing_of_a_path(tmp_path: Path):
    assert len({place(tmp_path / str(n)) for n in range(50)}) > 45
    assert all(len(place(tmp_path / str(n))) == 4 for n in range(5))
    (tmp_path / "link").symlink_to(tmp_path)
    assert place(tmp_path / "link") == place(tmp_path)
