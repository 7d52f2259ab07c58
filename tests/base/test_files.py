"""Files are written wholly or not at all, and never over another."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mnd.base.files import read_bytes
from mnd.photo.photo import Photo, PhotoError, cloaked_path, write_atomic
from tests.helpers.photos import FACE, changed, save


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    path = tmp_path / "photo.png"
    path.write_bytes(save(FACE[:40, :40], "PNG"))
    return Photo.read(path)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_names(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    assert cloaked_path(photo) == tmp_path / "photo.cloaked.jpg"
    assert cloaked_path(photo, tmp_path / "b.jpg") == tmp_path / "b.jpg"
    assert cloaked_path(photo, tmp_path) == tmp_path / "photo.cloaked.jpg"
    (tmp_path / "my.photos").mkdir()
    assert cloaked_path(photo, tmp_path / "my.photos") == tmp_path / "my.photos" / "photo.cloaked.jpg"
    assert cloaked_path("x.JPEG", "new folder/") == Path("new folder/x.cloaked.JPEG")


def test_save_writes_what_encode_gives(photo: Photo, tmp_path: Path) -> None:
    pixels = changed(photo)
    out = photo.save(pixels, tmp_path / "out.png")
    assert out.read_bytes() == photo.encode(pixels)
    np.testing.assert_array_equal(Photo.read(out).pixels, pixels)
    assert names(tmp_path) == ["out.png", "photo.png"]
    umask = os.umask(0o022)
    os.umask(umask)
    if os.name == "posix":
        assert out.stat().st_mode & 0o777 == 0o666 & ~umask


def test_nothing_is_overwritten_unasked(photo: Photo, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    with pytest.raises(PhotoError, match=r"out\.png: the file exists") as caught:
        photo.save(photo.pixels, out)
    assert caught.value.kind == "exists"
    assert out.read_bytes() == b"precious"
    assert names(tmp_path) == ["out.png", "photo.png"]
    photo.save(photo.pixels, out, overwrite=True)
    assert out.read_bytes() == photo.encode(photo.pixels)
    dangling = tmp_path / "dangling.png"
    dangling.symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(PhotoError, match="exists"):
        photo.save(photo.pixels, dangling)
    assert names(tmp_path) == ["dangling.png", "out.png", "photo.png"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(
    links: bool, photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, fsync = tmp_path / "out.png", os.fsync

    def late(fd: int) -> None:
        out.write_bytes(b"precious")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", late)
    if not links:
        monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    with pytest.raises(PhotoError) as caught:
        photo.save(photo.pixels, out)
    assert caught.value.kind == "exists"
    assert out.read_bytes() == b"precious"
    assert names(tmp_path) == ["out.png", "photo.png"]


def refuse(number: int):
    def raising(*args: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    return raising


def test_a_file_system_without_links(photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse(errno.ENOTSUP))
    out = photo.save(photo.pixels, tmp_path / "out.png")
    assert out.read_bytes() == photo.encode(photo.pixels)
    monkeypatch.setattr(os, "replace", refuse(errno.EIO))
    with pytest.raises(PhotoError) as caught:
        photo.save(photo.pixels, tmp_path / "two.png")
    assert caught.value.kind == "unwritable"
    assert names(tmp_path) == ["out.png", "photo.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_original_is_never_written_to(overwrite: bool, photo: Photo, tmp_path: Path) -> None:
    source = tmp_path / "photo.png"
    before = source.read_bytes()
    (tmp_path / "soft.png").symlink_to(source)
    os.link(source, tmp_path / "hard.png")
    (tmp_path / "sub").mkdir()
    for name in ("photo.png", "soft.png", "hard.png", "sub/../photo.png"):
        with pytest.raises(PhotoError, match="this is the original photo") as caught:
            photo.save(changed(photo), tmp_path / name, overwrite)
        assert caught.value.kind == "original"
    assert source.read_bytes() == before
    assert names(tmp_path) == ["hard.png", "photo.png", "soft.png", "sub"]


def test_the_format_is_kept_so_another_suffix_is_refused(photo: Photo, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"a PNG.*expected a name that ends in \.png"):
        photo.save(photo.pixels, tmp_path / "out.jpg")
    misnamed = tmp_path / "really a.jpg"
    misnamed.write_bytes(save(FACE, "PNG"))
    again = Photo.read(misnamed)
    assert again.format == "PNG"
    assert Photo.read(again.save(again.pixels, tmp_path / "out.jpg")).format == "PNG"


def test_folders_that_cannot_take_the_file(photo: Photo, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    cases = {
        "no/out.png": "unwritable",
        "file/out.png": "unwritable",
        "folder.png": "folder",
        "x" * 300 + ".png": "unwritable",
    }
    for name, kind in cases.items():
        for overwrite in (False, True):
            with pytest.raises(PhotoError) as caught:
                photo.save(photo.pixels, tmp_path / name, overwrite)
            assert caught.value.kind == kind
            assert str(tmp_path / name) in str(caught.value)
    assert names(tmp_path) == ["file", "folder.png", "photo.png"]


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that this process may look into but not write to; root becomes somebody else for a while."""
    if os.name != "posix":
        pytest.skip("needs POSIX permissions")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_an_unwritable_folder(locked: Path) -> None:
    with pytest.raises(PhotoError, match=r"cannot be written \(Permission denied\)") as caught:
        write_atomic(locked / "out.png", b"x")
    assert caught.value.kind == "unwritable"
    assert names(locked) == []


def test_an_unreadable_file(locked: Path) -> None:
    own = os.geteuid()
    if own == 65534:
        os.seteuid(0)
    locked.chmod(0o755)
    (locked / "secret.png").write_bytes(b"x")
    (locked / "secret.png").chmod(0)
    os.seteuid(own)
    with pytest.raises(PhotoError, match="Permission denied") as caught:
        read_bytes(locked / "secret.png", 100)
    assert caught.value.kind == "unreadable"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fills_up(
    call: str, overwrite: bool, photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.png").write_bytes(b"precious")
    out = tmp_path / ("out.png" if overwrite else "new.png")
    real, count = os.write, iter(range(9))

    def part(fd: int, data: bytes) -> int:
        return real(fd, data[:100]) if next(count) < 2 else refuse(errno.ENOSPC)()

    monkeypatch.setattr(os, call, part if call == "write" else refuse(errno.ENOSPC))
    with pytest.raises(PhotoError, match=r"no room for [\d,]+ bytes") as caught:
        photo.save(photo.pixels, out, overwrite)
    assert caught.value.kind == "disk-full"
    assert names(tmp_path) == ["out.png", "photo.png"]
    assert (tmp_path / "out.png").read_bytes() == b"precious"


def test_a_real_limit_of_the_system(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    code = """
import pathlib, resource, sys
from mnd.base.files import PhotoError, write_atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(sys.argv[1], bytes(5000))
except PhotoError as error:
    sys.exit(0 if error.kind == "disk-full" else str(error))
sys.exit("nothing was raised")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out.bin")],
        capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert names(tmp_path) == []


def test_an_interrupt_leaves_nothing(photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(fd: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        photo.save(photo.pixels, tmp_path / "out.png")
    assert names(tmp_path) == ["photo.png"]


def test_torch_is_not_imported() -> None:
    code = "import mnd.photo.photo, sys; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode
        == 0
    )
