"""What the page makes is what `mnd cloak` makes, and it makes nothing twice."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from mnd import Cloaker, CloakSettings
from mnd.base.files import cloaked_path
from mnd.faces.detector import Detector
from tests.helpers.photos import save
from tests.helpers.served import Client, served

SETTINGS = CloakSettings(targets=("dlib",), level="minimum", steps=3, offline=True, keep_best=True, rho=0.0)
FACE = np.ascontiguousarray(data.astronaut()[:203, 120:357])
JPEG = save(FACE, "JPEG", quality=92)
TWO = save(np.concatenate([FACE, FACE[:, ::-1]], axis=1), "PNG")


@pytest.fixture(scope="module")
def page():
    with served(SETTINGS) as made:
        yield made


@pytest.fixture
def client(page):
    _, client = page
    client.ask("DELETE", "/photos")
    return client


def add(client: Client, name: str, content: bytes) -> str:
    number: str = client.put(name, content).json["id"]
    client.idle()
    return number


def photo(state: dict[str, Any], number: str) -> dict[str, Any]:
    return next(it for it in state["photos"] if it["id"] == number)


def made(client: Client, number: str, level: str = "minimum") -> bytes:
    assert client.post(f"/photos/{number}/cloak", level=level).status == 204
    client.idle()
    answer = client.ask("GET", f"/photos/{number}/file?level={level}")
    assert answer.status == 200
    return answer.body


def by_command(content: bytes, level: str = "minimum", **options: Any) -> bytes:
    from dataclasses import replace

    done, _ = Cloaker(replace(SETTINGS, level=level, **options)).encoded(content, "a")
    assert done is not None
    return done


@pytest.mark.parametrize("level", ["minimum", "robust"])
def test_the_bytes_are_those_of_the_command(client, level) -> None:
    number = add(client, "me.jpg", JPEG)
    [face] = photo(client.state(), number)["faces"]
    assert face["chosen"]
    assert not face["drawn"]
    assert made(client, number, level) == by_command(JPEG, level)


def test_a_face_that_is_left_out_is_left_as_it_is(client) -> None:
    number = add(client, "two.png", TWO)
    faces = photo(client.state(), number)["faces"]
    assert len(faces) == 2
    client.post(f"/photos/{number}/faces", chosen=[1])
    answer = made(client, number)
    assert answer == by_command(TWO, faces="1")
    before, after = (np.asarray(Image.open(io.BytesIO(it)).convert("RGB")) for it in (TWO, answer))
    x0, y0, x1, y1 = (round(edge) for edge in faces[0]["box"])
    assert np.array_equal(before[y0:y1, x0:x1], after[y0:y1, x0:x1])


def test_another_choice_drops_what_was_made_of_the_first(client) -> None:
    number = add(client, "two.png", TWO)
    made(client, number)
    client.post(f"/photos/{number}/faces", chosen=[0])
    now = photo(client.state(), number)
    assert now["results"] == {}
    assert now["state"] == "found"
    assert client.ask("GET", f"/photos/{number}/file?level=minimum").status == 404


def test_a_drawn_frame_is_one_more_face(client) -> None:
    number = add(client, "me.jpg", JPEG)
    client.post(f"/photos/{number}/faces", drawn=[[5, 120, 65, 190]])
    client.idle()
    faces = photo(client.state(), number)["faces"]
    assert [(face["drawn"], face["seen"], face["chosen"]) for face in faces] == [
        (False, True, True),
        (True, False, True),
    ]
    assert made(client, number) == by_command(JPEG, box=(5, 120, 65, 190))


def test_a_face_that_was_left_out_stays_so_when_a_frame_is_drawn(client) -> None:
    number = add(client, "two.png", TWO)
    client.post(f"/photos/{number}/faces", chosen=[1], me=1)
    client.post(f"/photos/{number}/faces", drawn=[[5, 150, 55, 195]])
    client.idle()
    told = photo(client.state(), number)
    assert [(face["drawn"], face["chosen"]) for face in told["faces"]] == [
        (False, False),
        (False, True),
        (True, True),
    ]
    assert told["me"] == 1
    client.post(f"/photos/{number}/faces", chosen=[2], me=2)
    client.post(f"/photos/{number}/faces", drawn=[])
    client.idle()
    told = photo(client.state(), number)
    assert ([face["chosen"] for face in told["faces"]], told["me"]) == ([False, False], None)


def test_what_came_back_is_judged_at_the_level_that_was_looked_at(page, client, monkeypatch) -> None:
    server, _ = page
    number = add(client, "me.jpg", JPEG)
    made(client, number)
    results = server.session.photo(number).results
    results["strong"] = results["minimum"]
    asked: list[Any] = []
    monkeypatch.setattr(server.session, "ask", asked.append)
    for more in ("&level=minimum", "&level=robust", ""):
        client.ask("PUT", f"/photos/{number}/returned?name=back.jpg{more}", JPEG)
    assert [job.level for job in asked] == ["minimum", "strong", "strong"]


def test_another_wish_while_faces_are_looked_for(client) -> None:
    number = client.put("me.jpg", JPEG).json["id"]
    client.post(f"/photos/{number}/strip", all=True)
    client.post(f"/photos/{number}/turn", turn=90)
    told = photo(client.idle(), number)
    assert (told["state"], len(told["faces"]), told["strip"]["all"]) == ("found", 1, True)


def test_a_frame_around_a_face_that_is_known_is_none_more(client) -> None:
    number = add(client, "me.jpg", JPEG)
    [face] = photo(client.state(), number)["faces"]
    client.post(f"/photos/{number}/faces", drawn=[face["box"]])
    client.idle()
    assert len(photo(client.state(), number)["faces"]) == 1


def test_what_the_file_says_can_be_taken_from_it(client) -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Maker", "Model 1"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (50.0, 4.0, 0.0)
    number = add(client, "me.jpg", save(FACE, "JPEG", exif=exif.tobytes()))
    told = photo(client.state(), number)
    assert told["metadata"]["location"]
    assert told["metadata"]["camera"] == "Maker Model 1"
    client.post(f"/photos/{number}/strip", location=True)
    kept = Image.open(io.BytesIO(made(client, number))).getexif()
    assert not kept.get_ifd(0x8825)
    assert kept[272] == "Model 1"
    client.post(f"/photos/{number}/strip", all=True)
    assert photo(client.state(), number)["results"] == {}
    assert 272 not in Image.open(io.BytesIO(made(client, number))).getexif()


def test_who_is_me_is_told_by_photos_of_myself(client) -> None:
    number = add(client, "two.png", TWO)
    client.put("me.jpg", save(FACE[:, ::-1], "JPEG", quality=80), "/gallery")
    state = client.idle()
    assert state["gallery"][0]["error"] is None
    faces = photo(state, number)["faces"]
    assert all(face["person"] for face in faces)
    assert all("dlib: 0." in face["likeness"] for face in faces)
    client.post(f"/photos/{number}/faces", me=1)
    assert [face["person"] for face in photo(client.state(), number)["faces"]] == [False, True]
    assert made(client, number)
    record = photo(client.state(), number)["results"]["minimum"]
    assert len(record["regions"]) == 2


def test_nobody_like_me_is_said_and_not_called_good(client) -> None:
    number = add(client, "me.jpg", JPEG)
    other = Path(__file__).resolve().parents[3] / "shared/data/faces/lfw10"
    photos = sorted(other.rglob("*_0001.jpg"))
    if not photos:
        pytest.skip("needs ../shared/data/faces/lfw10, which is not there")
    client.put("other.jpg", photos[0].read_bytes(), "/gallery")
    told = photo(client.idle(), number)
    assert told["nobody"].startswith("nobody here looks like the photos of you (nearest 0.")
    made(client, number)
    result = photo(client.state(), number)["results"]["minimum"]
    assert result["state"] in ("nobody", "recognised")
    client.ask("DELETE", f"/gallery/{client.state()['gallery'][0]['id']}")
    assert photo(client.idle(), number)["nobody"] == ""


def test_a_photo_of_myself_without_a_face_says_so(client) -> None:
    client.put("wall.png", save(np.full((90, 90, 3), 99, np.uint8), "PNG"), "/gallery")
    add(client, "me.jpg", JPEG)
    [known] = client.state()["gallery"]
    assert known["error"] == "wall.png: no face found"


def test_what_came_back_is_judged_as_it_is(client) -> None:
    number = add(client, "me.jpg", JPEG)
    file = made(client, number)
    small = Image.open(io.BytesIO(file)).resize((118, 101))
    client.ask("PUT", f"/photos/{number}/returned?name=back.jpg", file)
    client.ask("PUT", f"/photos/{number}/returned?name=small.jpg", save(small, "JPEG", quality=70))
    client.ask("PUT", f"/photos/{number}/returned?name=original.jpg", JPEG)
    client.ask("PUT", f"/photos/{number}/returned?name=none.jpg", b"no photo")
    back, smaller, original, none = photo(client.idle(), number)["returned"]
    assert back["name"] == "back.jpg"
    assert back["sentence"]
    assert "118x101" in smaller["sentence"]
    assert original["state"] == "recognised"
    assert none["state"] == "failed"
    assert not original["good"]
    assert not none["good"]


def test_what_is_another_photo_is_not_called_good(client) -> None:
    number = add(client, "me.jpg", JPEG)
    wall = save(np.full((203, 237, 3), 99, np.uint8), "PNG")
    other = save(np.ascontiguousarray(FACE[::-1]), "JPEG")
    for name, content in (("wall.png", wall), ("other.jpg", other)):
        client.ask("PUT", f"/photos/{number}/returned?name={name}&level=minimum", content)
    for told in photo(client.idle(), number)["returned"]:
        assert (told["good"], told["state"]) == (False, "failed")
        assert "does not show the same picture" in told["sentence"]
    assert client.ask("PUT", f"/photos/{number}/returned?name=a&level=best", wall).status == 400


def test_advice_names_what_the_page_has() -> None:
    from mnd.cloaking.advice import ADVICE, CALMER
    from mnd.cloaking.sentences import Told
    from mnd.ui.words import here

    given = [
        *ADVICE.values(),
        *CALMER.values(),
        "To send it through a messenger, choose the level robust.",
        "To send it through a messenger, cloak the original again at the level robust or strong.",
        "Cloak the original again, with a gallery of other photos.",
        "Try more steps, a stronger level, or a larger photo.",
        "Try more steps or a larger photo.",
    ]
    for advice in given:
        said = here(Told("as-saved", True, "", "", "", advice)).advice
        assert not re.search(
            "level (minimum|robust|strong)|gallery|box|steps|whole picture|larger change", said
        )
        assert said[0].isupper()
        assert said.endswith(".")


def test_it_can_be_stopped_and_begun_again(client) -> None:
    number = add(client, "me.jpg", JPEG)
    client.post(f"/photos/{number}/cloak", level="strong")
    client.wait(lambda state: (photo(state, number)["job"] or {}).get("stage") == "search")
    client.post(f"/photos/{number}/stop")
    assert photo(client.idle(), number)["results"] == {}
    assert made(client, number)


def test_nothing_is_made_or_looked_for_twice(page, client, monkeypatch) -> None:
    server, _ = page
    looked: list[Any] = []
    search = Detector.search
    monkeypatch.setattr(Detector, "search", lambda self, pixels: looked.append(1) or search(self, pixels))
    number = add(client, "me.jpg", JPEG)
    panel = server.engine._panel
    file = made(client, number)
    result = server.session.photos[number].results["minimum"]
    assert made(client, number) == file
    assert server.session.photos[number].results["minimum"] is result
    client.post(f"/photos/{number}/faces", chosen=[0])
    assert server.session.photos[number].results["minimum"] is result
    assert len(looked) == 1
    assert server.engine._panel is panel


def test_photos_of_the_disk_are_saved_beside_it_and_nothing_is_replaced_unasked(tmp_path) -> None:
    path = tmp_path / "me.jpg"
    path.write_bytes(JPEG)
    with served(SETTINGS) as (server, client):
        server.add([path, tmp_path / "none.jpg"])
        [there, missing] = client.idle()["photos"]
        assert there["path"]
        assert missing["error"]["kind"] == "missing"
        expected = made(client, there["id"])
        saved = client.post(f"/photos/{there['id']}/save", level="minimum")
        out = cloaked_path(path)
        assert saved.json == {"saved": str(out)}
        assert out.read_bytes() == expected
        assert path.read_bytes() == JPEG
        again = client.post(f"/photos/{there['id']}/save", level="minimum")
        assert again.status == 409
        assert again.json["error"]["kind"] == "exists"
        assert client.post(f"/photos/{there['id']}/save", level="minimum", overwrite=True).status == 200
        assert photo(client.state(), there["id"])["results"]["minimum"]["saved"] == str(out)


def test_a_photo_on_the_page_is_never_replaced(tmp_path) -> None:
    path, other = tmp_path / "me.jpg", tmp_path / "me.cloaked.jpg"
    for it in (path, other):
        it.write_bytes(JPEG)
    with served(SETTINGS) as (server, client):
        server.add([path, other])
        number = client.idle()["photos"][0]["id"]
        made(client, number)
        told = client.post(f"/photos/{number}/save", level="minimum", overwrite=True)
        assert (told.status, told.json["error"]["kind"]) == (409, "original")
    assert other.read_bytes() == JPEG


def test_an_unknown_target_is_told_on_the_page() -> None:
    with served(CloakSettings(targets=("nobody",))) as (_, client):
        client.put("me.jpg", JPEG)
        state = client.idle()
        assert "nobody" in state["error"]
        assert state["photos"][0]["error"]["message"] == state["error"]


def test_a_classifier_has_no_faces_to_choose() -> None:
    with served(CloakSettings(targets=("efficientnet-lite0",), offline=True)) as (_, client):
        client.put("me.jpg", JPEG)
        assert "expected recognisers of faces" in client.idle()["error"]


@pytest.mark.slow
def test_forty_faces_are_numbered_and_can_be_left_out(client) -> None:
    one = np.asarray(Image.fromarray(FACE).resize((180, 154), Image.Resampling.LANCZOS))
    crowd = save(np.tile(one, (5, 8, 1)), "PNG")
    number = add(client, "crowd.png", crowd)
    faces = photo(client.state(), number)["faces"]
    assert [face["number"] for face in faces] == list(range(40))
    client.post(f"/photos/{number}/faces", chosen=[7])
    before, after = (np.asarray(Image.open(io.BytesIO(it))) for it in (crowd, made(client, number)))
    rows, columns = np.nonzero((before != after).any(axis=2))
    x0, y0, x1, y1 = faces[7]["box"]
    assert x0 - 60 < columns.min() < columns.max() < x1 + 60
    assert y0 - 60 < rows.min() < rows.max() < y1 + 60
