"""Signs of life: what is said first, which photo it is, how long it will take, and at which width."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

import pytest
from rich.console import Console

from mnd.cli import meter as meters
from mnd.cli.meter import Meter


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_several_photos_on_a_pipe(capsys):
    clock = Clock()
    meter = Meter(3, clock=clock)
    meter("loading", 0, 0)
    for name in ("a.png", "b.png", "c.png"):
        meter.begin(name)
        for stage in ("looking for faces", "search", "checking the saved file"):
            for done in range(3):
                meter(stage, done, 3)
                clock.now += 1
        meter.ended()
    assert capsys.readouterr().err.splitlines() == [
        "loading",
        "photo 1 of 3, a.png: looking for faces",
        "photo 1 of 3, a.png: search",
        "photo 1 of 3, a.png: checking the saved file",
        "photo 2 of 3, b.png, about 18 s left",
        "photo 3 of 3, c.png, about 9 s left",
    ]


def test_a_download_is_told_wherever_it_comes(capsys):
    meter = Meter(2)
    meter.begin("a.png")
    meter.ended()
    meter.begin("b.png")
    meter("download x", 0, 107 * 10**6)
    assert capsys.readouterr().err.splitlines() == [
        "photo 2 of 2, b.png",
        "photo 2 of 2, b.png: download x (107.0 MB)",
    ]


def test_time_left_follows_the_photos_done():
    clock = Clock()
    meter = Meter(4, clock=clock)
    assert meter.left() is None
    meter.begin("a")
    clock.now = 10
    assert meter.left() is None  # nothing can be told before the first is done
    meter.ended()
    clock.now = 100  # between two photos no time is counted
    assert meter.left() == 30
    meter.begin("b")
    clock.now += 4
    assert meter.left() == 26
    clock.now += 100  # it never says that less than the photos behind it take
    assert meter.left() == 20


def test_quiet_is_silent(capsys):
    meter = Meter(2, quiet=True)
    meter("loading", 0, 0)
    meter.begin("a")
    meter("search", 1, 2)
    meter.ended()
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of any width that writes down what is drawn."""

    def at(width: int) -> tuple[io.StringIO, Meter]:
        drawn = io.StringIO()
        screen = Console(file=drawn, force_terminal=True, width=width, height=20, color_system=None)
        monkeypatch.setattr(meters, "console", lambda stderr=False: screen)
        return drawn, Meter(7)

    return at


@pytest.mark.parametrize("width", [20, 33, 80, 200])
def test_a_bar_at_every_width(terminal, width: int):
    drawn, meter = terminal(width)
    meter.begin("a" * 150 + ".jpg")
    for stage, total in (("looking for faces", 0), ("search", 40), ("download x", 10**8)):
        for done in range(0, total + 1, max(total // 4, 1)):
            meter(stage, done, total)
        assert meter._bar is not None
        meter._bar.refresh()
    meter.ended()
    meter.ended()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.getvalue()).replace("\r", "\n").splitlines()
    place = "photo 1 of 7" if width >= meters.FOR_A_BAR else "1/7 looking"
    assert any(place in line for line in lines)
    assert width < 80 or any("looking for faces" in line for line in lines)
    assert max(map(len, lines)) <= width


def test_no_full_bar_stands_still(terminal):
    _, meter = terminal(100)
    meter.begin("a.jpg")
    for done in range(41):
        meter("search", done, 40)
        assert meter._bar is not None
        [task] = meter._bar.tasks
        assert task.total is None or task.completed < task.total
    meter("checking the saved file", 0, 0)
    [task] = meter._bar.tasks
    assert (task.total, task.completed) == (None, 0)
    assert "checking the saved file" in task.description
    assert "photo 1 of 7" in task.description
    meters.rest()
    assert meter._bar is None


@pytest.mark.parametrize("command", [["cloak", "gone.png"], ["cloak", "gone.png", "--targets", "dlib"]])
def test_the_first_word_comes_before_torch(command: list[str], tmp_path):
    """Loading torch takes seconds where the disk is cold."""
    code = (
        "import sys\n"
        "class Slow:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'torch':\n"
        "            print('torch', file=sys.stderr, flush=True)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "from mnd import cli\n"
        "sys.exit(cli.main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.stderr.splitlines()[:2] == ["loading", "torch"]


@pytest.mark.skipif(os.name != "posix", reason="asks for the processor time of a child")
def test_the_first_word_costs_less_than_a_second(tmp_path):
    """Of processor time, whatever else the machine does."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "mnd", "check", "gone.png", "gone.cloaked.png"],
        stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert process.stderr is not None
    spent = 0
    for row in process.stderr:
        if row.strip() == "loading":
            break
        if row.startswith("import time:") and row.split("|")[1].strip().isdigit():
            spent += int(row.removeprefix("import time:").split("|")[0])
    process.kill()
    process.wait()
    process.stderr.close()
    assert spent < 1_000_000  # microseconds
