"""The command around its commands: help in two sizes, `mnd.toml`, completion, colours, hints after errors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mnd import cli
from mnd.cli import config
from mnd.cli.helping import GROUPS
from mnd.cli.options import CloakFlags
from mnd.cloaking.settings import CloakSettings

MOST_USED = ("--out", "--level", "--gallery", "--faces", "--strip-gps", "--overwrite", "--json", "--verbose")


def told(capsys, *words: str, status: int = 0) -> str:
    assert cli.main(words) == status
    out = capsys.readouterr()
    return out.out + out.err


def options(text: str) -> set[str]:
    """Those that a help page explains."""
    return set(re.findall(r"^│\s+(?:\*\s+)?(--[a-z-]+)", text, re.M))


def test_help_shows_what_is_used_most_and_names_the_rest(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    short, full = told(capsys, "cloak", "--help"), told(capsys, "cloak", "--help-all")
    assert len(short.splitlines()) <= 34  # of 80 columns, where a console was made before this test
    assert options(short) >= set(MOST_USED)
    assert options(full) > options(short)
    left_out = options(full) - options(short)
    assert short.splitlines()[-1] == f"{len(left_out)} more options: mnd cloak --help-all"
    assert "more options" not in full
    for group in ("Most used", "Faces and people", "What is kept", "Search", "Computer"):
        assert f"─ {group} ─" in full


def test_every_group_is_of_fields_that_there_are() -> None:
    assert set(GROUPS) <= set(CloakSettings.__dataclass_fields__) == set(CloakFlags.__dataclass_fields__)


def test_mnd_help_is_the_help_of_a_command(capsys) -> None:
    assert told(capsys, "help", "study", "score") == told(capsys, "study", "score", "--help")
    assert told(capsys, "help", "cloak") == told(capsys, "cloak", "--help")
    assert told(capsys, "help") == told(capsys, "--help")
    assert "there is no command 'glaze'" in told(capsys, "help", "glaze", status=2)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["study", "score"], "Try: mnd study score --help"),
        (["study", "score", "gone", "a.json"], "Try: mnd study score --help"),
        (["study", "--sparkle"], "Try: mnd study --help"),
        (["cloak", "a.jpg", "--sparkle"], "Try: mnd cloak --help"),
        (["glaze"], "Try: mnd --help"),
    ],
)
def test_an_error_leads_to_the_help_of_its_own_command(words: list[str], hint: str, capsys) -> None:
    assert told(capsys, *words, status=2).splitlines()[-1] == hint


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; the user's own file is `user/mnd.toml` in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MND_CONFIG")
    monkeypatch.setattr(config, "user_path", lambda: tmp_path / "user" / "mnd.toml")
    (tmp_path / "user").mkdir()
    return tmp_path


def bound(*words: str) -> CloakSettings:
    from mnd.cli.options import cloak_settings

    _, arguments, _ = cli.app.parse_args([*words], exit_on_error=False, print_error=False)
    return cloak_settings(arguments.arguments.get("how", CloakFlags()))


def test_options_come_from_the_nearest_file(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    assert bound("cloak", "a.jpg") == CloakSettings()
    (home / "user" / "mnd.toml").write_text('[cloak]\nlevel = "strong"\nseed = 3\n')
    assert bound("cloak", "a.jpg") == CloakSettings(level="strong", seed=3)
    assert capsys.readouterr().err == ""
    (home / "mnd.toml").write_text('[cloak]\nlevel = "robust"\nstrip-gps = true\ntargets = ["dlib"]\n')
    expected = CloakSettings(level="robust", strip_gps=True, targets=("dlib",))
    assert bound("cloak", "a.jpg") == expected  # that file alone
    assert capsys.readouterr().err == "mnd: options of mnd.toml in this folder\n"
    assert bound("cloak", "a.jpg", "--level", "minimum").level == "minimum"
    capsys.readouterr()
    bound("check", "a.jpg", "b.jpg")
    assert capsys.readouterr().err == ""  # nothing in it is of that command
    (home / "other.toml").write_text("[cloak]\nseed = 9\n")
    monkeypatch.setenv("MND_CONFIG", "other.toml")
    assert bound("cloak", "a.jpg") == CloakSettings(seed=9)
    monkeypatch.setenv("MND_CONFIG", "")
    assert bound("cloak", "a.jpg") == CloakSettings()


def test_a_folder_below_home_can_be_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    (home / "me").mkdir()
    (home / "mnd.toml").write_text('[cloak]\ngallery = "~/me"\n')
    assert bound("cloak", "a.jpg").gallery == home / "me"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[cloak]\nlevl = "strong"', "levl"),
        ('[cloak]\nlevel = "weak"', "weak"),
        ("[cloak]\nphotos = ['a.jpg']", "photos"),
        ("[clock]\nseed = 1", "[clock] is no command, expected one of check, cloak"),
        ("[clock]\nseed = 1", "did you mean cloak"),
        ("seed = 1", "[seed] is no command"),
        ("cloak = 3", "cloak"),
        ("[cloak", "cannot be read"),
        ("[cloak]\nseed = 'one'", "one"),
    ],
)
def test_a_file_with_a_mistake_is_named(home: Path, text: str, message: str, capsys) -> None:
    (home / "mnd.toml").write_text(text)
    out = told(capsys, "cloak", "a.jpg", status=2)
    assert "mnd.toml" in out
    assert message in out
    assert "Traceback" not in out
    assert told(capsys, "--help")
    assert told(capsys, "cloak", "--help")


def test_a_file_that_was_named_has_to_be_there(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("MND_CONFIG", "gone.toml")
    assert "MND_CONFIG is 'gone.toml', expected a file" in told(capsys, "cloak", "a.jpg", status=2)
    (home / "mnd.toml").write_bytes(b"\xff\xfe\0")
    monkeypatch.delenv("MND_CONFIG")
    assert "mnd.toml: cannot be read" in told(capsys, "cloak", "a.jpg", status=2)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: str) -> None:
    script = cli.app.generate_completion(shell=shell)
    for word in ("cloak", "protect", "strip-gps", "headroom"):
        assert word in script


def test_completion_is_installed_in_the_home_folder(tmp_path: Path) -> None:
    home = {
        **os.environ,
        "HOME": str(tmp_path),
        "SHELL": "/bin/bash",
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    words = [sys.executable, "-m", "mnd", "--install-completion", "--shell", "bash"]
    done = subprocess.run(words, env=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert any("cloak" in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_colours_only_where_they_are_wanted() -> None:
    code = (
        "from mnd.cli.console import console; from rich.text import Text; import sys; "
        "sys.stdout.isatty = lambda: True; console().print(Text('word', 'green'))"
    )
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLORTERM")}
    for more, coloured in ({}, True), ({"NO_COLOR": "1"}, False):
        env = plain | {"TERM": "xterm-256color"} | more
        out = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert ("\x1b[32m" in out.stdout) is coloured
        assert "word" in out.stdout
