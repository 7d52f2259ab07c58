"""A running page, and a client that asks it what a browser would, or what a stranger would."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from mnd.cloaking.settings import CloakSettings
from mnd.ui.server import HOST, Server
from mnd.ui.settings import UiSettings

JSON = {"Content-Type": "application/json"}


class Answer:
    """Status, headers in small letters, and body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.body = response.status, response.read()
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks a server, with the page's cookie where `enter` was called."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str | None) -> Answer:
        """A request; a header that is None is left out, `_` in its name stands for `-`."""
        own: dict[str, str | None] = {"Host": f"{HOST}:{self.port}", "Origin": f"http://{HOST}:{self.port}"}
        own |= {"Cookie": self.cookie or None} | {k.replace("_", "-"): v for k, v in headers.items()}
        connection = http.client.HTTPConnection(HOST, self.port, timeout=120)
        connection.putrequest(method, path, skip_host=True)
        told = {name: value for name, value in own.items() if value is not None}
        for name, value in told.items():
            connection.putheader(name, value)
        if body is not None and "Content-Length" not in told:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def enter(self, token: str) -> Client:
        """Open the address, as the browser does."""
        self.cookie = self.ask("GET", f"/?token={token}", Origin=None).headers["set-cookie"].split(";")[0]
        return self

    def post(self, path: str, **given: Any) -> Answer:
        return self.ask("POST", path, json.dumps(given).encode(), Content_Type="application/json")

    def put(self, name: str, data: bytes, where: str = "/photos") -> Answer:
        return self.ask("PUT", f"{where}?{urlencode({'name': name})}", data)

    def state(self) -> dict[str, Any]:
        return dict(self.ask("GET", "/state").json)

    def wait(self, ready: Callable[[dict[str, Any]], bool], seconds: float = 240) -> dict[str, Any]:
        """The first state that is so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if ready(state := self.state()):
                return state
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {state}")

    def idle(self) -> dict[str, Any]:
        """The state once nothing is to be done."""
        return self.wait(
            lambda state: state["engine"] == "idle" and not any(p["job"] for p in state["photos"])
        )

    @contextmanager
    def tab(self) -> Iterator[http.client.HTTPResponse]:
        """An open page: its stream of states."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=120)
        connection.request("GET", "/events", headers={"Cookie": self.cookie})
        try:
            yield connection.getresponse()
        finally:
            assert connection.sock is None or connection.sock.close() is None
            connection.close()


@contextmanager
def served(settings: CloakSettings | None = None, **how: Any) -> Iterator[tuple[Server, Client]]:
    """A server in this process, and a client that was let in."""
    plain = settings or CloakSettings(targets=("dlib",), level="minimum", steps=4, offline=True)
    server = Server(plain, UiSettings(no_browser=True, **how))
    started = threading.Event()
    thread = threading.Thread(target=lambda: server.run(started.set), daemon=True)
    thread.start()
    assert started.wait(20)
    client = Client(server.port).enter(server.keys.printed)
    try:
        yield server, client
    finally:
        with suppress(OSError):  # it has ended already
            client.ask("POST", "/quit", b"{}", Content_Type="application/json")
        thread.join(30)
        assert not thread.is_alive()
