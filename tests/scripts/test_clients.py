"""The scripts that ask real clients: who is compared with whom, what is kept, and how it is counted."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "clients"))

import asking
import client_figures as figures
import judge
from sittings import sittings, source

SCRIPTS = Path(judge.__file__).parent
CLIENT = """
import sys
from pathlib import Path
sys.path.insert(0, {scripts!r})
from PIL import Image
from serving import serve

def embed(path, judges):
    Path({calls!r}).open("a").write(Path(path).name + "\\n")
    value = Image.open(path).convert("RGB").getpixel((0, 0))[0]
    return {{judge: [] if value == 255 else [[value / 100]] for judge in judges}}

def compare(one, other):
    distance = abs(one[0] - other[0])
    return distance, distance <= 0.6

serve({{"fr-small-1": {{"client": "grey 1", "threshold": 0.6}}}}, embed, compare)
"""
"""A client for which a photo's person is its first grey value; white shows nobody."""


def _photo(path: Path, grey: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((16, 16, 3), grey, np.uint8)).save(path, quality=100)
    return path


@pytest.fixture
def data(tmp_path):
    """Two people with ten photos each, dark and bright."""
    folder = tmp_path / "data"
    for name, grey in (("A", 10), ("B", 200)):
        for i in range(10):
            _photo(folder / name / f"{name}_{i}.jpg", grey)
    return folder


@pytest.fixture
def clients(tmp_path, monkeypatch):
    """Clients of which the first is `CLIENT`; `calls` are the photos that it looked at."""
    script, calls = tmp_path / "client.py", tmp_path / "calls"
    calls.touch()
    script.write_text(textwrap.dedent(CLIENT.format(scripts=str(SCRIPTS), calls=str(calls))))
    monkeypatch.setattr(asking.Clients, "_command", lambda *_: ([sys.executable, str(script)], tmp_path))
    found = asking.Clients(tmp_path / "clients")
    found.calls = calls
    return found


def _asked(clients, data, cloaks):
    photos = judge.cloaked(cloaks, sittings(str(data)), clients.cache / "sources")
    pairs = dict.fromkeys((one, other) for it in photos for _, one, other in it.pairs())
    asked = clients.ask(["fr-small-1"], list(pairs))
    return judge.rows(photos, asked), asked


def test_a_sitting_is_the_first_photo_four_of_a_gallery_and_four_held_back(data):
    sitting = sittings(str(data))["A_0"]
    assert [path.stem for path in sitting.known] == ["A_2", "A_3", "A_4", "A_5"]
    assert [path.stem for path in sitting.held] == ["A_6", "A_7", "A_8", "A_9"]


def test_more_photos_of_a_person_have_the_same_gallery(data):
    found = sittings(str(data), limit=1, first=2)
    assert list(found) == ["A_0", "A_1"]
    assert found["A_1"].photo.stem == "A_1"
    assert found["A_1"].known == found["A_0"].known
    with pytest.raises(ValueError, match="got 3 photos of each person, expected 1 to 2"):
        sittings(str(data), first=3)


def test_gallery_and_held_back_never_overlap(data):
    (data / "A" / "A_9.jpg").unlink()
    with pytest.raises(ValueError, match="has 9 photos, expected at least 10"):
        sittings(str(data))


def test_a_name_stands_for_all_judges_of_a_client():
    assert asking.chosen("deepface-dlib,fr")[:2] == ["deepface-dlib", "fr-small-1"]
    with pytest.raises(ValueError, match="got clients fawkes"):
        asking.chosen("fr,fawkes")


def test_the_source_of_a_png_is_the_photo_without_loss(data, tmp_path):
    photo = data / "A" / "A_0.jpg"
    copy = source(photo, tmp_path / "sources", ".png")
    assert np.array_equal(np.asarray(Image.open(copy)), np.asarray(Image.open(photo).convert("RGB")))


def test_who_is_matched_is_counted_by_person_and_kind(clients, data, tmp_path):
    _photo(tmp_path / "cloaks" / "minimum" / "A_0.png", 90)
    _photo(tmp_path / "cloaks" / "minimum" / "B_0.png", 190)
    lines, asked = _asked(clients, data, tmp_path / "cloaks")
    told = figures.tables(figures.Figures(lines, asked, {}, {}))
    assert "(.6) | 100 | 50.0 / 50.0 |" in told
    assert {line["kind"] for line in lines} == {"held", "own", "clean"}
    assert len(lines) == 2 * (4 + 4 + 1)


def test_a_photo_without_a_face_is_no_match_and_is_counted(clients, data, tmp_path):
    _photo(tmp_path / "cloaks" / "A_0.png", 255)
    lines, asked = _asked(clients, data, tmp_path / "cloaks")
    held = [line for line in lines if line["kind"] == "held"]
    assert [(line["distance"], line["match"], line["faces"]) for line in held] == [(None, False, 0)] * 4
    told = figures.tables(figures.Figures(lines, asked, {}, {}))
    assert told.splitlines()[-1].endswith("| 0 | 1 |")


def test_only_new_photos_are_looked_at_again(clients, data, tmp_path):
    _photo(tmp_path / "cloaks" / "A_0.png", 90)
    first, _ = _asked(clients, data, tmp_path / "cloaks")
    clients.calls.write_text("")
    assert _asked(clients, data, tmp_path / "cloaks")[0] == first
    assert clients.calls.read_text() == ""
    _photo(tmp_path / "cloaks" / "A_0.png", 20)
    assert _asked(clients, data, tmp_path / "cloaks")[0] != first
    assert clients.calls.read_text() == "A_0.png\n"


def test_a_client_that_stops_says_why(clients, data, tmp_path, monkeypatch):
    broken = [sys.executable, "-c", "raise SystemExit('no such model')"]
    monkeypatch.setattr(asking.Clients, "_command", lambda *_: (broken, tmp_path))
    _photo(tmp_path / "cloaks" / "A_0.png", 90)
    with pytest.raises(RuntimeError, match="no such model"):
        _asked(clients, data, tmp_path / "cloaks")


def test_photos_that_were_not_protected_are_counted(tmp_path):
    for name, protected in (("A_0", True), ("B_0", False)):
        record = tmp_path / "minimum" / f"{name}.json"
        record.parent.mkdir(exist_ok=True)
        record.write_text(json.dumps({"protected": protected}))
    assert judge.failures(tmp_path) == {"minimum": 1}
