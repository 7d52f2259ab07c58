"""`--page`: beside the original, told on the terminal and in the record; what cannot be written is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from mnd import cli
from mnd.base.html import PRIVATE


@pytest.fixture
def photo(tmp_path: Path, monkeypatch) -> Path:
    """A photo in the working folder."""
    import skimage.data

    monkeypatch.chdir(tmp_path)
    Image.fromarray(skimage.data.astronaut()[:300, 60:400]).save("a.png")
    return Path("a.png")


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_both_commands_make_a_page_beside_the_original(photo: Path, capsys) -> None:
    page = Path("a.cloaked.html")
    run("cloak", photo, "-o", "out/", "--page", "--level", "minimum", "--steps", 12)
    assert PRIVATE in page.read_bytes()
    assert f"open {page}" in capsys.readouterr().out.splitlines()
    assert [path.name for path in Path("out").iterdir()] == ["a.cloaked.png"]
    page.write_text("mine")
    status = run("check", photo, "out/a.cloaked.png", "--page", "--json", "--level", "minimum")
    told = capsys.readouterr()
    assert status == 1
    assert json.loads(told.out)["page"] is None
    assert "exists already" in told.err
    run("check", photo, "out/a.cloaked.png", "--page-to", "pages/", "--json", "--level", "minimum")
    made = Path(json.loads(capsys.readouterr().out)["page"])
    assert made == Path("pages", "a.cloaked.html")
    assert "a.cloaked.png against a.png" in made.read_text()


def test_no_page_of_what_was_not_made(photo: Path, capsys) -> None:
    Path("notes.png").write_text("no photo")
    assert run("cloak", "notes.png", "--page", "--json") == 1
    assert json.loads(capsys.readouterr().out)["page"] is None
    assert not list(Path().glob("*.html"))


def test_nothing_of_it_in_a_record_where_none_was_asked_for(photo: Path, capsys) -> None:
    Path("notes.png").write_text("no photo")
    run("cloak", "notes.png", "--json")
    assert "page" not in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("arguments", [("-", "-o", "x.png"), ("a.png", "-o", "-")])
def test_no_page_of_a_stream(photo: Path, capsys, arguments: tuple[str, ...]) -> None:
    assert run("cloak", *arguments, "--page") == 2
    assert "--page" in capsys.readouterr().err


def test_several_pages_need_a_folder(photo: Path, capsys) -> None:
    assert run("cloak", "a.png", "b.png", "--page-to", "x.html") == 2
    assert "--page-to" in capsys.readouterr().err
