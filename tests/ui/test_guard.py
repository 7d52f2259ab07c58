"""Who is let in, and what every answer carries: the privacy of the page, as tests."""

from __future__ import annotations

import socket

import pytest

from mnd.ui.guard import HEADERS, Keys
from tests.helpers.served import Client, served


@pytest.fixture(scope="module")
def page():
    with served() as made:
        yield made


ROUTES = (
    ("GET", "/"), ("GET", "/state"), ("GET", "/events"), ("GET", "/ui.js"), ("PUT", "/photos"),
    ("DELETE", "/photos"), ("PUT", "/gallery"), ("POST", "/photos/p1/cloak"), ("POST", "/photos/p1/save"),
    ("GET", "/photos/p1/file?level=minimum"), ("GET", "/photos/p1/picture"), ("POST", "/quit"),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_gets_in_without_the_cookie(page, method, path) -> None:
    server, _ = page
    stranger = Client(server.port)
    assert stranger.ask(method, path, b"{}").status == 403
    stranger.cookie = f"mnd-{server.port}=guessed"
    assert stranger.ask(method, path, b"{}").status == 403
    assert "set-cookie" not in stranger.ask("GET", "/?token=guessed").headers


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}", ""]
)
def test_another_host_is_refused(page, method, path, host) -> None:
    server, client = page
    assert client.ask(method, path, b"{}", Host=host.format(port=server.port)).status in (400, 403)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"]
)
def test_another_page_is_refused(page, method, path, origin) -> None:
    server, client = page
    assert client.ask(method, path, b"{}", Origin=origin.format(port=server.port)).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_says_comes_from_elsewhere_is_refused(page, site) -> None:
    server, client = page
    assert client.ask("GET", "/state", Sec_Fetch_Site=site).status == 403
    assert client.ask("GET", f"/?token={server.keys.printed}", Sec_Fetch_Site=site).status == 403
    assert client.ask("GET", "/state", Sec_Fetch_Site="same-origin").status == 200


@pytest.mark.parametrize(("method", "path"), [row for row in ROUTES if row[0] != "GET"])
def test_what_changes_something_has_to_say_where_it_comes_from(page, method, path) -> None:
    _, client = page
    assert client.ask(method, path, b"{}", Origin=None).status == 403


def test_both_names_of_this_computer_are_taken(page) -> None:
    server, client = page
    name = f"localhost:{server.port}"
    assert client.ask("GET", "/state", Host=name, Origin=f"http://{name}").status == 200


def test_every_answer_is_kept_by_nobody_and_shown_nowhere_else(page) -> None:
    _, client = page
    for method, path in (("GET", "/state"), ("GET", "/"), ("GET", "/none"), ("OPTIONS", "/photos")):
        answer = client.ask(method, path)
        assert {name.lower(): answer.headers.get(name.lower()) for name in HEADERS} == {
            name.lower(): value for name, value in HEADERS.items()
        }
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'self';")
    assert HEADERS["Cache-Control"] == "no-store"


def test_the_cookie_is_for_this_server_alone(page) -> None:
    server, _ = page
    cookie = (
        Client(server.port).ask("GET", f"/?token={server.keys.printed}", Origin=None).headers["set-cookie"]
    )
    name, *rules = cookie.split("; ")
    assert name.startswith(f"mnd-{server.port}=")
    assert set(rules) == {"Path=/", "HttpOnly", "SameSite=Strict"}


@pytest.mark.parametrize("other", ['a={"b": 1}', 'a="b', "a b=c", "a[0]=1", "expires=Wed, 1 Jan", "a"])
def test_cookies_of_other_servers_of_this_computer_are_passed_over(page, other) -> None:
    """Browsers send the cookies of all ports of 127.0.0.1, well formed or not."""
    _, client = page
    for cookie in (f"{other}; {client.cookie}", f"{client.cookie}; {other}"):
        assert client.ask("GET", "/state", Cookie=cookie).status == 200
    assert client.ask("GET", "/state", Cookie=other).status == 403


def test_the_address_of_the_browser_is_good_for_once_and_that_of_the_terminal_for_long() -> None:
    keys = Keys(1)
    assert keys.token(keys.opened)
    assert not keys.token(keys.opened)
    assert not keys.token("")
    assert keys.token(keys.printed)
    assert keys.token(keys.printed)


def test_secrets_differ_from_start_to_start() -> None:
    ones, others = Keys(1), Keys(1)
    mine = {ones.printed, ones.opened, ones.cookie}
    assert len(mine) == 3
    assert not mine & {others.printed, others.opened, others.cookie}
    assert min(map(len, mine)) >= 32


def test_it_listens_on_this_computer_alone(page) -> None:
    server, _ = page
    assert server._socket.getsockname()[0] == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1", "127.0.1.1"}:
        with socket.socket() as tried:
            tried.settimeout(2)
            assert tried.connect_ex((address, server.port)) != 0


def test_nothing_can_be_sent_by_a_form(page) -> None:
    _, client = page
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert client.ask("POST", "/photos/p1/cloak", b"{}", Content_Type=kind).status == 415
