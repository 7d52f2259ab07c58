"""What people have met with disks, homes, streams and terminals that are not as usual."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from mnd import cli
from mnd.base import disks
from mnd.base.disks import DiskWarning
from mnd.base.files import PhotoError, check_free, try_folder, write_atomic
from mnd.cli import tables
from tests.helpers import tiny
from tests.helpers.data_sets import told


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "_told", set())


def answering(monkeypatch: pytest.MonkeyPatch, module: object, name: str, number: int) -> None:
    """Have a call of the system fail as it does on some disks."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, name, fail)


# 21: disks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_disk_without_fsync_is_said_once_and_used(monkeypatch, tmp_path: Path, number: int):
    answering(monkeypatch, os, "fsync", number)
    with pytest.warns(DiskWarning, match="cannot promise that what was written outlasts a power cut") as told:
        write_atomic(tmp_path / "a", b"data")
    assert len(told) == 1
    assert write_atomic(tmp_path / "b", b"data").read_bytes() == b"data"  # a warning would be an error


def test_an_fsync_that_fails_is_a_failure(monkeypatch, tmp_path: Path):
    answering(monkeypatch, os, "fsync", errno.EIO)
    with pytest.raises(PhotoError, match="cannot be written"):
        write_atomic(tmp_path / "a", b"data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EPERM])
def test_a_disk_without_hard_links(monkeypatch, tmp_path: Path, number: int):
    answering(monkeypatch, os, "link", number)
    assert write_atomic(tmp_path / "a", b"data").read_bytes() == b"data"
    with pytest.raises(PhotoError, match="exists already"):
        write_atomic(tmp_path / "a", b"data")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS])
def test_a_data_set_on_a_disk_that_can_do_nothing(monkeypatch, protect, src: Path, dst: Path, number: int):
    fcntl = pytest.importorskip("fcntl", reason="needs a system with flock")
    answering(monkeypatch, fcntl, "flock", number)
    answering(monkeypatch, os, "fsync", errno.EINVAL)
    summary = protect(src, dst)
    assert told(summary, "protected", "failed") == [6, 0]
    assert [note.partition(": this disk cannot promise that ")[2][:12] for note in summary.notes] == [
        "what was wri", "only one run",
    ]  # fmt: skip
    assert protect(src, dst).kept == 6


def test_whether_a_folder_takes_files_is_tried_before_anything_is_loaded(monkeypatch, protect, src, dst):
    monkeypatch.setattr("mnd.dataset.fingerprint.named", lambda *_: pytest.fail("something was loaded"))
    made = os.open

    def full(path, flags, *rest, **more):
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return made(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(PhotoError) as caught:
        protect(src, dst)
    assert caught.value.kind == "disk-full"
    with pytest.raises(PhotoError):
        check_free(src / "new.png", False)
    with pytest.raises(PhotoError):
        try_folder(src)


def test_trying_leaves_nothing_behind(tmp_path: Path):
    check_free(tmp_path / "a.png", False)
    assert list(tmp_path.iterdir()) == []


def test_names_that_a_disk_does_not_take_are_found_before_work(tmp_path: Path):
    with pytest.raises(PhotoError, match="a name of 300 bytes"):
        check_free(tmp_path / ("x" * 296 + ".png"), False)


@pytest.mark.skipif(os.name != "posix", reason="needs /dev")
@pytest.mark.parametrize("name", ["/dev/stdin.cloaked", "/dev/fd/0.cloaked", "/proc/self/fd/0.cloaked"])
def test_nothing_is_written_among_devices(name: str):
    with pytest.raises(PhotoError, match="no folder for files"):
        check_free(Path(name), False)


# 28, 29: homes and streams ----------------------------------------------------------------------------------


def shell(command: str, *arguments: object, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run `mnd ARGUMENTS` with what the shell makes of its streams."""
    words = " ".join(shlex.quote(str(word)) for word in (sys.executable, "-m", "mnd", *arguments))
    return subprocess.run(
        ["sh", "-c", command.format(mnd=words)],
        capture_output=True, text=True, timeout=600, env={**os.environ, **changed},
    )  # fmt: skip


def test_no_standard_output(src: Path, dst: Path, card: str):
    done = shell("{mnd} >&-", "protect", src, dst, "--targets", card, *tiny.FLAGS, "--workers", 1)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    done = shell(
        "{mnd} >&- 2>&-", "protect", src, dst, "--targets", card, *tiny.FLAGS, "--workers", 1, "--seed", 1
    )
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("targets",), ("--version",), ("--help",)])
def test_a_full_standard_output(arguments: tuple[str, ...]):
    done = shell("{mnd} > /dev/full", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("mnd: ")
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.skipif(shutil.which("setpriv") is None or os.geteuid() != 0, reason="needs setpriv, and root")
@pytest.mark.parametrize("arguments", [("targets",), ("cloak", "a.jpg", "--offline", "--targets", "dlib")])
def test_a_user_without_a_home(arguments: tuple[str, ...]):
    command = "unset HOME MND_HOME TORCH_HOME XDG_CACHE_HOME; setpriv --reuid 12345 --clear-groups {mnd}"
    if subprocess.run(["setpriv", "--reuid", "12345", sys.executable, "-c", "import torch"]).returncode:
        pytest.skip("another user cannot run this Python")
    done = shell(f"cd / && {command}", *arguments, PYTHONPATH=str(Path(cli.__file__).parents[2]))
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if arguments == ("targets",) else 1)


def test_weights_without_a_home_say_what_is_missing(monkeypatch):
    from mnd.base import weights

    monkeypatch.setattr(weights, "home", lambda: Path("~nobody-of-this-name/x").expanduser())
    file = weights.WeightsFile("a.pth", url="https://example.org/a.pth")
    assert file.find() is None
    with pytest.raises(FileNotFoundError, match=r"no home folder .* expected MND_HOME"):
        file.obtain()


# 30: terminals, and a folder without photos -----------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 40])
def test_tables_become_lists_on_a_narrow_terminal(width: int):
    table = tables.table_of("Name", "Kind", "Ready", "Download", "Threshold", "Unit", "Licence")
    table.add_row("dlib", "face", Text("yes"), "-", "0.6", "distance", "CC0-1.0")
    with open(os.devnull, "w") as nowhere:
        narrow = Console(file=nowhere, width=width, record=True)
        narrow.print(table)
    assert narrow.export_text().splitlines()[:3] == ["Name: dlib", "Kind: face", "Ready: yes"]


def test_a_folder_without_photos(tmp_path: Path, card: str, capsys):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "notes.txt").write_text("no picture")
    flags = ("--targets", card, *tiny.FLAGS)
    assert cli.main(["protect", str(tmp_path / "src"), str(tmp_path / "dst"), *flags]) == 1
    assert (
        "found no photos, expected at least one; there: 1 file that is no picture" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "has the columns a, b, expected one named 'path'"),
        (f"path\n{'A' * 9000}\n", "not paths"),
    ],
)
def test_a_wrong_column_is_wrong_usage_told_once(tmp_path: Path, card: str, capfd, text: str, message: str):
    (tmp_path / "list.csv").write_text(text)
    flags = ("--targets", card, *tiny.FLAGS)
    assert cli.main(["protect", str(tmp_path / "list.csv"), str(tmp_path / "dst"), *flags]) == 2
    said = capfd.readouterr().err
    assert said.count(message) == 1
    assert "Traceback" not in said
    assert "A" * 201 not in said
