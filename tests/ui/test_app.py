"""What the page can ask for: files in memory alone, forgotten when they should be, refused in words."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnd.base.files import cloaked_path
from mnd.ui.session import Job, Upload
from mnd.ui.tabs import Tabs
from tests.helpers.photos import FACE, save
from tests.helpers.served import Client, served

COFFEE = save(FACE[:60, :60], "PNG")
"""A picture without a face."""


@pytest.fixture(scope="module")
def page():
    with served() as made:
        yield made


@pytest.fixture
def client(page):
    _, client = page
    client.ask("DELETE", "/photos")
    return client


def test_too_many_bytes_are_refused_before_they_are_sent() -> None:
    with served(most_megabytes=1) as (_, client):
        told = client.ask("PUT", "/photos?name=big.jpg", None, Content_Length=str((1 << 20) + 1))
        assert told.status == 413
        assert "big.jpg" in told.json["error"]["message"]
        assert "expected at most 1 MB" in told.json["error"]["message"]
        assert client.state()["photos"] == []


def test_too_many_bytes_without_a_length_are_refused_too() -> None:
    with (
        served(most_megabytes=1) as (server, client),
        socket.create_connection(("127.0.0.1", server.port)) as line,
    ):
        head = (
            f"PUT /photos?name=big.jpg HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Origin: http://127.0.0.1:{server.port}\r\nCookie: {client.cookie}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        )
        line.sendall(head.encode())
        chunk = b"x" * 65536
        try:
            for _ in range(17):
                line.sendall(b"10000\r\n" + chunk + b"\r\n")
        except OSError:
            pass  # the server has had enough
        assert b" 413 " in line.recv(4096)
        assert client.state()["photos"] == []


def test_too_many_photos_are_refused() -> None:
    with served(most_photos=1) as (_, client):
        assert client.put("a.png", COFFEE).status == 201
        told = client.put("b.png", COFFEE)
        assert told.status == 413
        assert "expected at most" in told.json["error"]["message"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\photos\\me.jpg", "a/b/c.jpg", ".", "/"])
def test_a_name_is_never_a_path(client, name) -> None:
    client.put(name, COFFEE)
    [photo] = client.state()["photos"]
    assert "/" not in photo["name"]
    assert cloaked_path(Path(photo["name"])).name
    assert "\\" not in photo["name"]


def test_what_is_no_photo_says_so_and_the_others_go_on(client) -> None:
    client.put("notes.txt", b"this is no photo")
    client.put("empty.jpg", b"")
    client.put("cut.jpg", save(FACE, "JPEG")[:900])
    client.put("film.gif", save(FACE, "GIF"))
    client.put("fine.png", COFFEE)
    state = client.idle()
    told = {photo["name"]: photo for photo in state["photos"]}
    for name in ("notes.txt", "empty.jpg", "cut.jpg", "film.gif"):
        assert told[name]["state"] == "failed", name
        assert told[name]["error"]["message"].startswith(name)
        assert told[name]["error"]["advice"]
    assert told["fine.png"]["state"] == "found"
    assert told["fine.png"]["error"]["kind"] == "no-face"
    assert "frame" in told["fine.png"]["error"]["advice"]


def test_of_what_cannot_be_read_there_is_no_picture(client) -> None:
    number = client.put("cut.jpg", save(FACE, "JPEG")[:900]).json["id"]
    client.idle()
    told = client.ask("GET", f"/photos/{number}/picture")
    assert told.status == 409
    assert told.json["error"]["message"].startswith("cut.jpg")


def test_a_name_of_the_disk_that_is_no_text_is_shown(page, client, tmp_path) -> None:
    server, _ = page
    path = tmp_path / os.fsdecode(b"\xff.png")
    try:
        path.write_bytes(COFFEE)
    except OSError:
        pytest.skip("this disk has names of text alone")
    server.add([path])
    [photo] = client.idle()["photos"]
    assert photo["state"] == "found"


def test_more_of_the_disk_than_there_may_be_is_told(tmp_path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths:
        path.write_bytes(COFFEE)
    with served(most_photos=2) as (server, client):
        told = server.add(paths[:3], [*paths, tmp_path / "none.png"])
        state = client.idle()
        assert [photo["name"] for photo in state["photos"]] == ["0.png", "1.png", "2.png"]
        assert state["photos"][2]["error"]["kind"] == "too-many"
        assert len(state["gallery"]) == 2
        assert [line.split(":")[0] for line in told] == ["2.png", "3.png", str(tmp_path / "none.png")]


def test_what_is_not_there_is_refused_in_words(client) -> None:
    for method, path in (
        ("DELETE", "/photos/p99"),
        ("GET", "/photos/p99/picture"),
        ("DELETE", "/gallery/g9"),
    ):
        told = client.ask(method, path)
        assert told.status == 404
        assert "there is no photo" in told.json["error"]["message"]
    number = client.put("a.png", COFFEE).json["id"]
    assert client.ask("GET", f"/photos/{number}/file?level=robust").status == 404


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("cloak", {"level": "best"}), ("cloak", {}), ("turn", {"turn": 45}), ("turn", {}),
        ("faces", {"drawn": [[0, 0, 1]]}), ("faces", {"drawn": [[0, 0, 1e9, 9]]}),
        ("faces", {"chosen": [7]}), ("faces", {"me": 3}), ("faces", {"drawn": ["x"]}),
        ("faces", {"chosen": "0"}), ("faces", {"chosen": 5}), ("faces", {"chosen": [float("inf")]}),
        ("faces", {"chosen": [float("nan")]}), ("faces", {"chosen": None}), ("faces", {"chosen": [True]}),
        ("faces", {"chosen": ["x"]}), ("faces", {"chosen": [[]]}), ("faces", {"me": [1]}),
        ("faces", {"me": False}), ("faces", {"drawn": None}), ("faces", {"drawn": 5}),
        ("faces", {"drawn": [[True, 0, 30, 30]]}), ("faces", {"drawn": [[0, 0, 30, float("nan")]]}),
        ("faces", {"drawn": [[0, 0, 30, 10**400]]}), ("turn", {"turn": False}), ("turn", {"turn": 90.0}),
        ("strip", {"location": "false"}), ("strip", {"all": None}), ("cloak", {"level": ["minimum"]}),
        ("cloak", {"level": "minimum", "look": "false"}),
        ("save", {"level": "minimum", "overwrite": "false"}),
    ],
)  # fmt: skip
def test_bad_values_are_refused_and_change_nothing(client, what, given) -> None:
    number = client.put("a.png", COFFEE).json["id"]
    before = client.idle()["photos"]
    told = client.post(f"/photos/{number}/{what}", **given)
    assert told.status in (400, 409)
    assert told.json["error"]["message"]
    assert client.state()["photos"] == before


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff", b"[" * 30_000])
def test_what_is_no_json_object_is_refused(client, body) -> None:
    number = client.put("a.png", COFFEE).json["id"]
    assert client.ask("POST", f"/photos/{number}/turn", body, Content_Type="application/json").status == 400


def test_a_photo_that_was_dropped_lies_nowhere_to_save_beside(client) -> None:
    number = client.put("a.png", COFFEE).json["id"]
    assert client.post(f"/photos/{number}/save", level="minimum").status == 404


def test_what_is_forgotten_is_gone_from_memory(page, client) -> None:
    server, _ = page
    number = client.put("a.png", COFFEE).json["id"]
    client.put("me.png", save(FACE, "PNG"), "/gallery")
    client.idle()
    assert server.session.galleries
    assert client.ask("GET", f"/photos/{number}/picture").status == 200
    client.ask("DELETE", "/photos")
    assert client.ask("GET", f"/photos/{number}/picture").status == 404
    client.idle()
    gc.collect()
    assert not [it for it in gc.get_objects() if isinstance(it, (Upload, Job))]
    assert not server.page.decoded._pixels
    assert not server.session.gallery
    assert not server.session.galleries


def test_all_is_forgotten_when_the_last_page_is_closed() -> None:
    with served(grace=0.3) as (_, client):
        with client.tab() as one, client.tab():
            assert one.headers["Content-Type"].startswith("text/event-stream")
            client.put("a.png", COFFEE)
            client.idle()
            time.sleep(1)
            assert len(client.state()["photos"]) == 1
        client.wait(lambda state: state["photos"] == [], 10)


def test_a_page_that_is_loaded_again_loses_nothing() -> None:
    now, forgotten = [0.0], []
    tabs = Tabs(10, lambda: forgotten.append(now[0]), lambda: now[0])
    assert not tabs.check()
    with tabs.open():
        now[0] = 50
        assert not tabs.check()
    now[0] = 59
    assert not tabs.check()
    with tabs.open():
        now[0] = 65
        assert not tabs.check()
    now[0] = 74
    assert not tabs.check()
    now[0] = 75
    assert tabs.check()
    assert not tabs.check()
    assert forgotten == [75]


def test_the_stream_tells_each_change(client) -> None:
    with client.tab() as stream:
        assert stream.readline() == b"event: state\n"
        first = json.loads(stream.readline().removeprefix(b"data: "))
        client.put("a.png", COFFEE)
        seen = []
        while not seen or not seen[-1]["photos"] or seen[-1]["photos"][0]["state"] == "reading":
            line = stream.readline()
            if line.startswith(b"data: "):
                seen.append(json.loads(line.removeprefix(b"data: ")))
        versions = [state["version"] for state in (first, *seen)]
        assert versions == sorted(versions)


@contextmanager
def run(*arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "mnd", "ui", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, **env},
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def opened(process: subprocess.Popen[str]) -> tuple[Client, str]:
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    port, token = address.removeprefix("http://127.0.0.1:").split("/?token=")
    return Client(int(port)).enter(token), address


def test_the_command_starts_without_torch_tells_its_address_and_ends_at_ctrl_c() -> None:
    with run("--no-browser", "--targets", "dlib") as process:
        client, _ = opened(process)
        if (maps := Path(f"/proc/{process.pid}/maps")).exists():
            assert "libtorch" not in maps.read_text()
        assert client.ask("GET", "/").body.lstrip().lower().startswith(b"<!doctype html>")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out == ""
    assert "Traceback" not in err
    assert "forgotten" in err


def test_folders_and_patterns_are_taken_and_what_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    for name in ("album/a.png", "album/b.png", "c.png"):
        (tmp_path / name).write_bytes(COFFEE)
    (tmp_path / "c.cloaked.png").write_bytes(COFFEE)
    words = [str(tmp_path / name) for name in ("album", "c*.png", "none*.jpg")]
    with run("--no-browser", "--targets", "dlib", *words) as process:
        client, _ = opened(process)
        photos = client.idle()["photos"]
        client.post("/quit")
        process.communicate(timeout=30)
    assert [photo["name"] for photo in photos] == ["a.png", "b.png", "c.png", "none*.jpg"]
    assert [photo["state"] for photo in photos] == ["found"] * 3 + ["failed"]
    assert all(photo["path"] for photo in photos[:3])


def test_without_a_browser_it_says_what_to_do() -> None:
    with run(SSH_CONNECTION="1 2 3 4", DISPLAY="") as process:
        client, _ = opened(process)
        time.sleep(0.3)
        client.post("/quit")
        _, err = process.communicate(timeout=30)
    assert f"ssh -L {client.port}:127.0.0.1:{client.port}" in err


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with run("--no-browser", "--port", str(port)) as process:
            out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"port {port} on 127.0.0.1 cannot be had" in err
    assert "leave out --port" in err
    assert out == ""


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--most-photos", "0"], ["--gallery", "nowhere"]])
def test_wrong_usage_is_told_before_anything_listens(arguments) -> None:
    with run("--no-browser", *arguments) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "expected" in err
    assert out == ""


ALONE = """
import http.client, json, subprocess, sys, time, urllib.parse
page = subprocess.Popen([sys.executable, "-m", "mnd", "ui", "--no-browser", "--targets", "dlib"],
                        stdout=subprocess.PIPE, text=True)
address = urllib.parse.urlsplit(page.stdout.readline().strip())
def ask(method, path, body=None, cookie=""):
    told = http.client.HTTPConnection("127.0.0.1", address.port)
    told.request(method, path, body, {"Origin": f"http://127.0.0.1:{address.port}", "Cookie": cookie})
    answer = told.getresponse()
    return answer.getheader("set-cookie"), answer.read()
cookie = ask("GET", "/?" + address.query)[0].split(";")[0]
ask("PUT", "/photos?name=a.png", open(sys.argv[1], "rb").read(), cookie)
while (photo := json.loads(ask("GET", "/state", None, cookie)[1])["photos"][0])["job"]:
    time.sleep(0.2)
page.terminate()
print(photo["state"], len(photo["faces"]))
"""


def test_it_works_without_any_network(tmp_path: Path) -> None:
    inside = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("needs unshare and ip, and the right to make a network of its own")
    photo = tmp_path / "a.png"
    photo.write_bytes(save(FACE, "PNG"))
    done = subprocess.run([*inside, sys.executable, "-c", ALONE, str(photo)], capture_output=True, text=True)
    assert done.stdout == "found 1\n", done.stderr
