"""Data sets of photos as phones take them: HEIC and AVIF, in folders and in tar files."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnd.photo.photo import Photo
from tests.helpers import tiny
from tests.helpers.data_sets import bytes_of, files, lines, told
from tests.helpers.heif import coded

FORMS = {"avif": "AVIF", "heic": "HEIF"}


def phone(number: int, suffix: str) -> bytes:
    return coded(FORMS[suffix], Image.open(io.BytesIO(tiny.picture(number))).resize((64, 64)), quality=90)


@pytest.fixture
def phones(tmp_path: Path) -> Path:
    src = tmp_path / "phones"
    src.mkdir()
    with tarfile.open(src / "a.tar", "w") as tar:
        for number, suffix in enumerate(FORMS):
            (src / f"{number}.{suffix}").write_bytes(phone(number, suffix))
            for name, data in (
                (f"{number}.{suffix}", phone(number, suffix)),
                (f"{number}.txt", b"a caption"),
            ):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return src


def test_phones_go_in_and_come_out(protect, phones: Path, dst: Path) -> None:
    summary = protect(phones, dst)
    assert told(summary, "photos", "protected", "failed") == [4, 4, 0], lines(dst)
    assert files(dst) == ["0.avif", "1.heic", "a.tar"]
    made = bytes_of(dst)
    for number, suffix in enumerate(FORMS):
        name = f"{number}.{suffix}"
        before, after = Photo.read(phones / name), Photo.from_bytes(made[name])
        assert after.format == before.format
        assert after.pixels.shape == before.pixels.shape
        assert not np.array_equal(after.pixels, before.pixels)
        with tarfile.open(dst / "a.tar") as tar:
            member = tar.extractfile(name)
            assert member is not None
            assert member.read() == made[name]
    assert protect(phones, dst).new == 0


def test_without_the_extra_each_heic_is_named(
    protect, phones: Path, dst: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    summary = protect(phones, dst)
    assert told(summary, "protected", "failed") == [2, 2]
    message = lines(dst)["1.heic"]["error"]["message"]
    assert 'pip install "mnd-cloak[heic]"' in message
