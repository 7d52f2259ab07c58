"""`mnd faces`: the numbers that `--faces` takes, and a picture of them that nobody gets unasked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnd import cli
from tests.helpers.cloaks import ASTRONAUT, NO_FACE, files, write

SMALL = np.asarray(Image.fromarray(ASTRONAUT[:256, 100:356]).resize((160, 160)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A photo with a large and a small face, and one without."""
    both = np.full((300, 480, 3), 90, np.uint8)
    both[:256, 160:416] = ASTRONAUT[:256, 100:356]
    both[130:290, :160] = SMALL
    write(tmp_path / "both.png", both)
    write(tmp_path / "none.png", NO_FACE[:80, :80])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_faces_are_numbered_largest_first(folder: Path, capsys):
    assert cli.main(["faces", "both.png", "--json"]) == 0
    [found] = map(json.loads, capsys.readouterr().out.splitlines())
    assert found["size"] == [480, 300]
    assert [face["number"] for face in found["faces"]] == [0, 1]
    large, small = found["faces"]
    assert large["size"] > small["size"]
    assert large["box"][0] > 160 > small["box"][2]
    assert large["turn"] == 0
    assert found["error"] is found["picture"] is None
    assert files(folder) == ["both.png", "none.png"]  # nothing unasked


def test_the_numbers_are_those_of_cloak(folder: Path, capsys, one_attempt):
    assert cli.main(["faces", "both.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    told = ["cloak", "both.png", "--faces", "1", "--targets", "dlib", "--steps", "1", "--json"]
    cli.main(told)
    [region] = json.loads(capsys.readouterr().out)["regions"]
    assert region["box"] == pytest.approx(found["faces"][1]["box"], abs=1)


def test_in_words_with_a_picture(folder: Path, capsys):
    assert cli.main(["faces", "both.png", "none.png", "gone.png", "--picture", "out", "-v"]) == 1
    told = capsys.readouterr()
    assert "both.png: 480x300 pixels, 2 faces" in told.out
    assert "looked for faces of 20 pixels or more" in told.out
    assert "none.png: 80x80 pixels, no face" in told.out
    assert "both.faces.png  private: it shows the clean face" in told.out
    assert "mnd: none.png: found no face" in told.err
    assert "mnd: gone.png: there is no such file" in told.err
    assert files(folder / "out") == ["both.faces.png"]
    with Image.open(folder / "out" / "both.faces.png") as picture:
        assert picture.size == (480, 300)


def test_no_photo_and_no_earlier_picture_is_replaced(folder: Path, capsys):
    before = (folder / "both.png").read_bytes()
    assert cli.main(["faces", "both.png", "--picture", "both.png", "--overwrite"]) == 2
    assert "would replace the photo" in capsys.readouterr().err
    assert (folder / "both.png").read_bytes() == before
    assert cli.main(["faces", "both.png", "--picture", "a.png"]) == 0
    assert cli.main(["faces", "both.png", "--picture", "a.png"]) == 1
    assert "a.png" in capsys.readouterr().err
    assert cli.main(["faces", "both.png", "--picture", "a.png", "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "PHOTOS"),
        (["both.png", "--picture", "a.jpg"], "expected a PNG"),
        (["both.png", "none.png", "--picture", "a.png"], "expected a folder"),
        (["both.png", "sub/both.png", "--picture", "out"], "two photos would go to"),
        (["both.png", "-v", "-q"], "--verbose and --quiet"),
    ],
)
def test_wrong_usage(folder: Path, arguments: list[str], message: str, capsys):
    assert cli.main(["faces", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert files(folder) == ["both.png", "none.png"]
