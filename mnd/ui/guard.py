"""Who may ask: the page that this process has opened, and nobody else.

Other pages in the same browser, other names that resolve to this machine (DNS rebinding) and other users of
it are refused. Nothing that is answered is kept by the browser.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Of every answer."""
SAFE = ("GET", "HEAD")


class Keys:
    """The secrets of one server: who has one of the addresses may come in, and gets the cookie.

    Args:
        port: part of the cookie's name, since browsers send cookies to all ports.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.printed = secrets.token_urlsafe(24)
        """Of the address on the terminal, which its user alone sees."""
        self._opened = secrets.token_urlsafe(24)
        self._cookie = secrets.token_urlsafe(24)

    @property
    def name(self) -> str:
        """Of the cookie."""
        return f"mnd-{self.port}"

    @property
    def cookie(self) -> str:
        """What sets it."""
        return f"{self.name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"

    @property
    def opened(self) -> str:
        """Of the address that a browser is started with, which a list of processes shows: good for once."""
        return self._opened

    def token(self, given: str) -> bool:
        """Whether an address is one of this server."""
        if _same(given, self.printed):
            return True
        if self._opened and _same(given, self._opened):
            self._opened = ""
            return True
        return False

    def known(self, header: str) -> bool:
        """Whether the header `Cookie` has this server's."""
        # by hand: cookies of other servers on this computer come, too, and need not be well formed
        pairs = (pair.strip().partition("=") for pair in header.split(";"))
        return any(name == self.name and _same(value, self._cookie) for name, _, value in pairs)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


class Guard:
    """Lets requests of the own page through to `app`, and gives every answer its headers."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app, self.keys = app, keys
        self.hosts = {f"{name}:{keys.port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        entering = False

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if entering:
                    headers.append("Set-Cookie", self.keys.cookie)
            await send(message)

        headers = Headers(scope=scope)
        why = self._foreign(headers, scope["method"])
        if not why and not self.keys.known(headers.get("cookie", "")):
            token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            entering = scope["path"] == "/" and scope["method"] in SAFE and self.keys.token(token)
            why = "" if entering else "open the address that mnd has printed on its terminal"
        if why:
            await PlainTextResponse(f"Refused: {why}.\n", 403)(scope, receive, answer)
            return
        await self.app(scope, receive, answer)

    def _foreign(self, headers: Headers, method: str) -> str:
        """Why a request is not one of the own page; empty where it is."""
        if headers.getlist("host") != [host := headers.get("host", "")] or host not in self.hosts:
            return f"the host is none of {', '.join(sorted(self.hosts))}"
        origin = headers.get("origin")
        if origin is None:
            if method not in SAFE:
                return "a request that changes something has to say from which page it comes"
        elif origin not in {f"http://{name}" for name in self.hosts}:
            return "it comes from another page"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            # a link on another page may lead here, but only to the door, where it needs a token
            return "it comes from another page"
        return ""
