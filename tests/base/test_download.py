"""Downloads from a server on this machine: whole, resumed, of another file, refused."""

from __future__ import annotations

import hashlib
import multiprocessing
import socket
from pathlib import Path

import pytest

from mnd.base import download as module
from mnd.base.download import Wanted, download
from tests.helpers.serving import Serving, serving

DATA = bytes(range(256)) * 8000
SUM = hashlib.sha256(DATA).hexdigest()
CUT = 1_000_000


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(w_bin=DATA) as it:
        yield it


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "w.bin"


def fetch(server: Serving, target: Path, sha256: str | None = SUM, **more) -> list[tuple[str, int, int]]:
    seen: list[tuple[str, int, int]] = []
    download(Wanted(f"{server.url}/w.bin", sha256, **more), target, lambda *told: seen.append(told))
    return seen


def left(target: Path) -> set[str]:
    """The files that lie there, without the lock."""
    return {path.name for path in target.parent.iterdir() if not path.name.startswith(".")}


def test_whole(server, target):
    seen = fetch(server, target, size=len(DATA))
    assert target.read_bytes() == DATA
    assert seen[-1] == ("w.bin", len(DATA), len(DATA))
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})
    assert left(target) == {"w.bin"}


def test_resumed_where_the_connection_broke(server, target):
    server.cut = CUT
    with pytest.raises(ConnectionError, match="broke off after 1,000,000 of 2,048,000 bytes: run it again"):
        fetch(server, target)
    assert left(target) == {"w.bin.part", "w.bin.part.etag"}
    seen = fetch(server, target)
    assert server.ranges_asked() == [None, f"bytes={CUT}-"]
    assert seen[0][1] > CUT
    assert target.read_bytes() == DATA
    assert left(target) == {"w.bin"}


def test_interrupted_by_the_user(server, target):
    def stop(name: str, done: int, total: int) -> None:
        if done > CUT:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(Wanted(f"{server.url}/w.bin", SUM), target, stop)
    have = target.with_name("w.bin.part").stat().st_size
    assert have > CUT
    fetch(server, target)
    assert server.ranges_asked()[1] == f"bytes={have}-"
    assert target.read_bytes() == DATA


def test_a_server_without_ranges_begins_anew(server, target):
    server.cut, server.ranges = CUT, False
    with pytest.raises(ConnectionError):
        fetch(server, target)
    seen = fetch(server, target)
    assert seen[0][1] < CUT
    assert target.read_bytes() == DATA


def test_another_file_meanwhile_begins_anew(server, target):
    server.cut = CUT
    with pytest.raises(ConnectionError):
        fetch(server, target)
    server.files["/w.bin"], server.etag = DATA[::-1], '"two"'
    fetch(server, target, hashlib.sha256(DATA[::-1]).hexdigest())
    assert target.read_bytes() == DATA[::-1]


@pytest.mark.parametrize(("known", "second"), [(SUM, f"bytes={CUT}-"), (None, None)])
def test_without_a_mark_of_the_server_only_a_known_sum_is_resumed(server, target, known, second):
    server.cut, server.etag = CUT, None
    with pytest.raises(ConnectionError):
        fetch(server, target, known)
    fetch(server, target, known)
    assert server.ranges_asked() == [None, second]
    assert target.read_bytes() == DATA


def test_all_of_it_was_there_but_not_yet_checked(server, target):
    target.parent.mkdir()
    target.with_name("w.bin.part").write_bytes(DATA)
    fetch(server, target)
    assert target.read_bytes() == DATA


def test_more_than_the_server_has_begins_anew(server, target):
    target.parent.mkdir()
    target.with_name("w.bin.part").write_bytes(DATA + b"more")
    fetch(server, target)
    assert server.ranges_asked() == [f"bytes={len(DATA) + 4}-", None]
    assert target.read_bytes() == DATA


def test_a_wrong_sum_removes_the_file_and_tells_both(server, target):
    wrong = "0" * 64
    with pytest.raises(ValueError, match=f"sha256 is {SUM}, expected {wrong}.*removed"):
        fetch(server, target, wrong)
    assert left(target) == set()


def test_a_wrong_size_is_not_even_fetched(server, target):
    with pytest.raises(ValueError, match="has 2,048,000 bytes, expected 7"):
        fetch(server, target, size=7)
    assert left(target) == set()


def test_no_network_is_that_large(server, target, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1000)
    with pytest.raises(ValueError, match="has 2,048,000 bytes, expected at most 1,000"):
        fetch(server, target)
    assert left(target) == set()


def test_a_further_check_refuses(server, target):
    def refuse(path: Path) -> None:
        raise ValueError(f"{path}: another network")

    with pytest.raises(ValueError, match=r"w\.bin: another network; what was downloaded is removed"):
        fetch(server, target, check=refuse)
    assert left(target) == set()


def test_what_is_there_is_not_asked_for(server, target):
    fetch(server, target)
    fetch(server, target)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [403, 404, 500, 204])
def test_a_server_that_has_it_not(server, target, status):
    server.status = status
    with pytest.raises(ConnectionError, match=f"{status}"):
        fetch(server, target)
    assert left(target) == set()


def test_nobody_there(target, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/w.bin"
    with pytest.raises(ConnectionError, match="could not download"):
        download(Wanted(url), target)


def test_a_server_that_falls_silent(server, target, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ConnectionError, match="timed out"):
            download(Wanted(f"http://127.0.0.1:{silent.getsockname()[1]}/w.bin"), target)


@pytest.mark.parametrize(
    "url", ["http://example.org/w.bin", "ftp://127.0.0.1/w.bin", "file:///etc/passwd", "w.bin"]
)
def test_only_https(target, url):
    with pytest.raises(ValueError, match="expected one that begins with https://"):
        download(Wanted(url), target)


def test_a_redirect_that_leaves_https_is_refused(server, target):
    server.moved = "http://example.org/w.bin"
    with pytest.raises(
        ConnectionError, match=r"redirected to http://example\.org/w\.bin, which is not https"
    ):
        fetch(server, target)


def test_a_redirect_is_followed_and_keeps_the_range(server, target):
    server.cut = CUT
    with pytest.raises(ConnectionError):
        fetch(server, target)
    with serving(w_bin=DATA) as other:
        server.moved = f"{other.url}/w.bin"
        fetch(server, target)
        assert other.ranges_asked() == [f"bytes={CUT}-"]
    assert target.read_bytes() == DATA


def test_a_proxy_is_used_as_the_environment_names_it(server, target, monkeypatch):
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", server.url)
    server.files["http://localhost/w.bin"] = DATA
    download(Wanted("http://localhost/w.bin", SUM), target)
    assert server.asked == [("http://localhost/w.bin", None)]


def _in_a_process(url: str, target: str) -> None:
    download(Wanted(url, SUM), Path(target))


def test_two_processes_fetch_it_once(server, target):
    context = multiprocessing.get_context("spawn")
    told = (f"{server.url}/w.bin", str(target))
    both = [context.Process(target=_in_a_process, args=told) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(server.asked) == 1
    assert target.read_bytes() == DATA
