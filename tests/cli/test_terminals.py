"""`mnd protect` and `mnd watch` at a terminal: what moves, and what is asked."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import tiny
from tests.helpers.data_sets import files
from tests.helpers.protecting import protected

pty = pytest.importorskip("pty", reason="needs the terminals of Unix")


@pytest.fixture
def src(tmp_path: Path) -> Path:
    tiny.write_pictures(tmp_path / "src", 3)
    return tmp_path / "src"


def at_terminal(
    *arguments: object, answer: str = "", stop: Callable[[str], bool] = lambda _: False
) -> tuple[int, str]:
    """Exit status, and all that a terminal of 100 columns was told; ended by Ctrl-C once `stop` says so."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mnd", *map(str, arguments)],
        stdin=follower, stdout=follower, stderr=follower, close_fds=True,
        env=os.environ | {"COLUMNS": "100", "TERM": "xterm"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    os.close(follower)
    told, stopped, end = "", False, time.monotonic() + 200
    try:
        while time.monotonic() < end:
            try:
                data = os.read(leader, 4096)
            except OSError:  # it has ended
                break
            if not data:
                break
            told += data.decode(errors="replace")
            if answer and "[y/N]" in told:
                os.write(leader, f"{answer}\n".encode())
                answer = ""
            if not stopped and stop(told):
                stopped = True
                process.send_signal(signal.SIGINT)
        return process.wait(60), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told)
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def test_how_far_it_is_with_the_name_of_a_photo(src: Path, tmp_path: Path, card: str):
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1")
    status, told = at_terminal("protect", src, tmp_path / "dst", *flags)
    assert status == 0
    assert told.index("looking for photos, loading") < told.index("0 failed")
    assert re.search(r"\d of 3 done, 0 failed, .* last \d/0000\d\.(png|bmp)", " ".join(told.split()))
    assert "3 photos: 3 new" in told


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("", 2), ("no", 2)])
def test_another_source_is_asked_about(src: Path, tmp_path: Path, card: str, answer: str, status: int):
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1")
    assert protected(card, src, tmp_path / "dst").done
    before = files(tmp_path / "dst")
    tiny.write_pictures(tmp_path / "other", 1, first=9)
    got, told = at_terminal("protect", tmp_path / "other", tmp_path / "dst", *flags, answer=answer or "\n")
    assert "another source than 'other'" in " ".join(told.split())
    assert "[y/N]" in told
    assert got == status
    assert files(tmp_path / "dst") == sorted(before + (["0/00009.bmp"] if answer == "y" else []))


def test_what_is_waited_for(src: Path, tmp_path: Path, card: str):
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1", "--settle", "0.3", "--every", "0.2")
    (src / "half.png").write_bytes(tiny.picture(0)[:500])
    status, told = at_terminal(
        "watch", src, tmp_path / "dst", *flags, stop=lambda told: "3 done; not whole yet: half.png" in told
    )
    assert status == 130
    assert "cloaking 0/00000.png and 2 more" in told
    assert "half.png: is not whole yet (truncated); waiting for it" in " ".join(told.split())
    assert "3 photos done in" in told
    assert "Traceback" not in told
