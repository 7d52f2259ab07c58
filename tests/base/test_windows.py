"""Windows by its errors: files that are open, names and paths that it does not take. Doubles, not Windows."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PureWindowsPath

import pytest

from mnd.base import windows
from mnd.base.files import PhotoError, check_name, write_atomic


class Opened:
    """`os.replace` of a system on which somebody has the file open for the first few tries."""

    def __init__(self, times: int, code: int = 5) -> None:
        self.left, self.tries, self.code, self.real = times, 0, code, os.replace

    def __call__(self, source: object, target: object) -> None:
        self.tries += 1
        if self.left:
            self.left -= 1
            error = PermissionError(errno.EACCES, "Access is denied")
            error.winerror = self.code  # type: ignore[attr-defined]
            raise error
        self.real(source, target)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "PAUSES", (0.001,) * 6)


@pytest.mark.parametrize("code", [5, 32, 33])
def test_a_file_that_a_scanner_has_open_is_waited_for(monkeypatch, tmp_path: Path, code: int):
    (tmp_path / "a.jpg").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", Opened(3, code))
    write_atomic(tmp_path / "a.jpg", b"new", overwrite=True)
    assert (tmp_path / "a.jpg").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_a_file_that_stays_open_is_told_and_stays_as_it_was(monkeypatch, tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", opened := Opened(99))
    with pytest.raises(PhotoError, match="open in another program: close that") as caught:
        write_atomic(tmp_path / "a.jpg", b"new", overwrite=True)
    assert (caught.value.kind, opened.tries) == ("unwritable", 7)
    assert (tmp_path / "a.jpg").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_a_refusal_of_another_system_is_not_waited_for(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(os, "replace", opened := Opened(99, code=0))
    with pytest.raises(PhotoError, match="cannot be written"):
        write_atomic(tmp_path / "a.jpg", b"new", overwrite=True)
    assert opened.tries == 1


def test_exfat_without_links_and_with_a_scanner(monkeypatch, tmp_path: Path):
    """Windows answers `os.link` on exFAT with ERROR_INVALID_FUNCTION, which Python calls EINVAL."""

    def no_links(*_: object) -> None:
        raise OSError(errno.EINVAL, "Incorrect function")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "replace", Opened(2))
    assert write_atomic(tmp_path / "a.jpg", b"new").read_bytes() == b"new"
    monkeypatch.setattr(os, "replace", Opened(99))
    with pytest.raises(PhotoError, match="open in another program"):
        write_atomic(tmp_path / "b.jpg", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]  # the name that was reserved is free again


@pytest.mark.parametrize(
    "name",
    ["con", "CON.jpg", "aux.cloaked.png", "nul .jpg", "com1", "LPT9.tar", "a:b.jpg", "a?.jpg", "a.", "a ",
     "a\tb", "photo.jpg", "console.jpg", "com.jpg", "com10.jpg", ".jpg", "año 1 (2).jpeg", "a.b.c"],
)  # fmt: skip
def test_reserved_names_are_those_of_python(name: str):
    devices = PureWindowsPath(name).is_reserved()
    signs = any(sign in '<>:"/\\|?*' or ord(sign) < 32 for sign in name) or name[-1] in " ."
    assert bool(windows.reserved(name)) == (devices or signs)


def test_a_reserved_name_is_refused_there_and_taken_here(monkeypatch, tmp_path: Path):
    check_name(tmp_path / "aux.jpg")
    monkeypatch.setattr(windows, "HERE", True)
    with pytest.raises(PhotoError, match="Windows keeps 'aux' for itself, expected another name"):
        write_atomic(tmp_path / "aux.jpg", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_too_long_is_told_as_that(monkeypatch, tmp_path: Path):
    """Where long paths are enabled nothing fails, and nothing is said."""
    monkeypatch.setattr(windows, "HERE", True)
    folder = tmp_path / ("d" * 120) / ("e" * 120)
    folder.mkdir(parents=True)
    assert write_atomic(folder / "a.jpg", b"data").read_bytes() == b"data"

    def gone(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "The system cannot find the path specified")

    monkeypatch.setattr(os, "open", gone)
    with pytest.raises(
        PhotoError, match=r"a path of \d+ characters, which Windows takes only where long paths"
    ):
        write_atomic(folder / "b.jpg", b"data")
    with pytest.raises(PhotoError, match="there is no folder"):
        write_atomic(tmp_path / "b.jpg", b"data")
