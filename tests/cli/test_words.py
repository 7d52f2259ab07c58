"""What people read: a sentence a photo, more with `-v`, nothing with `-q`, a log on wish; and `mnd check`."""

from __future__ import annotations

import io
import json
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from mnd import cli
from mnd.cli import console as consoles
from mnd.cli import tables, terminal
from mnd.cloaking.sentences import MESSENGER
from mnd.targets import downloads
from tests.cli.test_many import pretend, record_of  # noqa: F401  a fixture
from tests.helpers.cloaks import FACE, files, write

AS_SAVED = "As saved only: do not send it through a messenger."
LIMITS = "Not tried: any other recogniser; most will still match at this level."
AWAY = "One command away: mobilefacenet, mobileface-v2 (7.8 MB): mnd targets get small"


def test_one_sentence_a_photo(pretend, capsys, homes, monkeypatch):  # noqa: F811
    monkeypatch.setattr(downloads, "installed", lambda extra: not extra)
    assert cli.main(["cloak", "a.png", "b.png", "--level", "minimum"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "a.png -> a.cloaked.png",
        f"{AS_SAVED} 1 face changed; dlib no longer matches it in the saved file, but dlib matches again "
        "after JPEG 75.",
        LIMITS,
        "To send it through a messenger, choose the level robust (--level robust).",
        "b.png -> b.cloaked.png",
        f"{AS_SAVED} 1 face changed; dlib no longer matches it in the saved file, but dlib matches again "
        "after JPEG 75.",
        "Only this photo stands for the person: --gallery, a folder of others, would protect better.",
        AWAY,
        "2 of 2 photos: all that the level promises holds",
        "2 of 2 photos as saved only: do not send them through a messenger",
    ]


@pytest.mark.parametrize(
    ("level", "output", "flags"),
    [
        ("minimum", None, "(--keep-best)"),
        ("robust", None, "(--level minimum, or --keep-best)"),
        ("strong", None, "(--level robust, or --keep-best)"),
        ("strong", "a.cloaked.png", "(--level robust)"),
    ],
)
def test_what_is_too_visible_has_options_for_it(level, output, flags, capsys):
    error = {"kind": "too-visible", "message": "a.png: face has SSIM 0.9"}
    told = record_of("a.png", "a.cloaked.png") | {"protected": False, "output": output, "level": level}
    terminal.Teller().show(told | {"error": error})
    assert flags in " ".join(capsys.readouterr().out.split())


def test_verbose_and_quiet(pretend, capsys):  # noqa: F811
    assert cli.main(["cloak", "a.png", "-v"]) == 0
    told = capsys.readouterr().out
    assert "Threshold" in told
    assert "PSNR 40.0 dB" in told
    assert AS_SAVED in told
    assert cli.main(["cloak", "b.png", "-q"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["a library that prints"]
    assert cli.main(["cloak", "plain.png", "-q"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[1:] == ["mnd: plain.png: not protected: dlib still recognises it"]
    assert cli.main(["cloak", "c.png", "-q", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["protected"]
    assert cli.main(["cloak", "c.png", "-q", "-v"]) == 2


@pytest.fixture
def screen(monkeypatch):
    """A terminal of any width; what is on it afterwards."""

    def at(width: int) -> io.StringIO:
        drawn = io.StringIO()
        made = Console(file=drawn, force_terminal=True, width=width, color_system=None, highlight=False)
        for module in (consoles, terminal, tables):
            monkeypatch.setattr(module, "console", lambda stderr=False: made)
        return drawn

    return at


def told_of(**changes: Any) -> dict[str, Any]:
    record = record_of(Path("a.png"), Path("b.png"), **changes)
    later = dict.fromkeys(MESSENGER, 0.55)
    told = record["regions"][0]["targets"]["dlib"]
    look = {"value": 0.7, "fooled": True, "counts": True}
    told |= {"channel": dict.fromkeys(later, False), "values": later, "looks": {"68 points": look}}
    record["regions"] *= 3
    record["regions"] = [region | {"box": [1234, 2345, 3456, 3999]} for region in record["regions"]]
    return record


@pytest.mark.parametrize("width", [20, 27, 40, 80, 110, 200])
@pytest.mark.parametrize("verbose", [False, True])
def test_every_width(screen, width: int, verbose: bool):
    drawn = screen(width)
    teller = terminal.Teller(verbose)
    teller.show(told_of())
    teller.show_check(told_of())
    terminal.show_faces(
        {
            "input": "a.png", "size": [4000, 3000], "picture": None,
            "faces": [{"number": 0, "box": [1234, 2345, 3456, 3999], "size": 1500, "turn": 90,
                       "probability": 0.9999}],
            "suspects": [],
        }
    )  # fmt: skip
    lines = drawn.getvalue().splitlines()
    names = {"a.png -> b.png", "a.png against b.png", "a.png: 4000x3000 pixels, 1 face"}
    names.add("a.png -> b.png  (minimum, seed 0, 1.0 s)")  # names are never broken
    assert max(len(line.rstrip()) for line in lines if line.rstrip() not in names) <= width
    words = " ".join(drawn.getvalue().split())
    assert "do not send it through a messenger" in words  # broken between words alone
    assert LIMITS in words
    assert "1234,2345,3456,3999" in words


def test_a_log_is_written_behind_what_it_has(pretend, tmp_path: Path, capsys):  # noqa: F811
    assert cli.main(["cloak", "a.png", "plain.png", "--log", "x.log"]) == 1
    assert cli.main(["cloak", "bug.png", "-q", "--log", "x.log"]) == 1
    text = (tmp_path / "x.log").read_text()
    assert text.startswith("# mnd log\n")
    assert text.count("# mnd log\n") == 1
    assert "photo 1 of 2, a.png: searching" in text
    assert "a.png -> a.cloaked.png: " in text
    assert "bug.png -> None: failed" in text
    assert "RuntimeError: a bug" in text
    assert "Traceback" in text
    assert "Traceback" in capsys.readouterr().err
    logger = logging.getLogger("mnd")
    assert (logger.handlers, logger.level) == ([], logging.NOTSET)


@pytest.mark.parametrize("name", ["a.png", "gone/x.log", "."])
def test_a_log_that_cannot_be_written(pretend, tmp_path: Path, name: str, capsys):  # noqa: F811
    (tmp_path / "a.png").write_bytes(b"\x89PNG and more")
    assert cli.main(["cloak", "a.png", "--log", name]) == 2
    assert "--log is" in capsys.readouterr().err
    assert (tmp_path / "a.png").read_bytes() == b"\x89PNG and more"
    assert files(tmp_path) == ["a.png"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such names")
def test_no_line_of_a_name_gets_into_the_log(pretend, tmp_path: Path):  # noqa: F811
    name = "a\n2026-01-01 forged\x1b[31m.png"
    (tmp_path / name).touch()
    assert cli.main(["cloak", name, "--log", "x.log"]) == 0
    text = (tmp_path / "x.log").read_text()
    assert "\x1b" not in text
    assert not re.search("^2026-01-01 forged", text, re.M)


# check ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, and a file that holds as saved alone."""
    folder = tmp_path_factory.mktemp("pair")
    write(folder / "a.png", FACE)
    how = ["--targets", "dlib", "--level", "minimum", "--steps", "16", "--json", "--offline"]
    assert cli.main(["cloak", str(folder / "a.png"), *how]) == 0
    return folder


def check(*arguments: str) -> int:
    return cli.main(["check", *arguments, "--targets", "dlib", "--offline"])


def test_check_ends_in_a_sentence_and_follows_the_level(pair: Path, monkeypatch, capsys):
    monkeypatch.chdir(pair)
    capsys.readouterr()
    assert check("a.png", "a.cloaked.png", "--level", "minimum") == 0
    told = capsys.readouterr().out
    assert f"{AS_SAVED} In a.cloaked.png dlib no longer matches the face" in told
    assert "half-jpeg75" in told
    assert "by look" not in told
    assert check("a.png", "a.cloaked.png", "--level", "robust", "-v") == 1
    told = capsys.readouterr()
    assert f"{AS_SAVED} In a.cloaked.png dlib no longer matches the face" in told.out
    assert "by look" in told.out
    assert "farther than the threshold, no match" in told.out
    assert re.search(r"still recognised by dlib at face \[.*\] after half", told.err)
    assert check("a.png", "a.cloaked.png", "--level", "robust", "--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert (record["level"], record["protected"], record["error"]["kind"]) == (
        "robust",
        False,
        "not-protected",
    )


def test_what_came_back_smaller_is_judged_as_it_is(pair: Path, tmp_path: Path, monkeypatch, capsys):
    """It has been shared: the level promises nothing of a second time."""
    monkeypatch.chdir(pair)
    with Image.open("a.cloaked.png") as image:
        image.resize((image.width * 9 // 10, image.height * 9 // 10)).save(tmp_path / "back.png")
    statuses = [
        check("a.png", str(tmp_path / "back.png"), "--level", level) for level in ("minimum", "robust")
    ]
    assert statuses[0] == statuses[1]
    assert "pixels)" in capsys.readouterr().out


def test_swapped_files_are_noticed(pair: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(pair)
    assert check("a.cloaked.png", "a.png") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "the first must be the original" in told.err
    (tmp_path / "b.png").write_bytes((pair / "a.png").read_bytes())
    check("a.cloaked.png", str(tmp_path / "b.png"), "-q")
    assert "looks like a cloaked file by its name: the first must be the original" in capsys.readouterr().err
