"""What the page can ask for: a route for each thing that a user does. `docs/ui.md` describes each."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..base.files import PhotoError, cloaked_path, write_checked
from ..base.html import asset
from ..cloaking.levels import Level
from ..cloaking.settings import CloakSettings
from ..photo.formats import FORMATS
from . import asked
from .pictures import Decoded, difference, inside, part
from .session import LEVELS, Job, RefusedError, Session, Upload
from .tabs import Tabs
from .view import state

OFTEN, ALIVE = 0.2, 2.0
"""Seconds between two states at least, and between two signs of life at most."""
SMALL = 1 << 16
"""Bytes of a request that is no file."""
WIDEST = 4000
"""Pixels of a part of a photo that is sent."""
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Of the parts of the page."""
SHARED = ("viewer.css", "viewer.js")
"""Those that other pages have, too."""
Answer = Callable[[Request], Awaitable[Response]]


class Page:
    """Answers the page's requests, from a session.

    Args:
        session: what is shown.
        settings: the level that is chosen at first.
        tabs: told who is looking.
        end: ends the server.
    """

    def __init__(
        self, session: Session, settings: CloakSettings, tabs: Tabs, end: Callable[[], None]
    ) -> None:
        self.session, self.settings, self.tabs, self._end = session, settings, tabs, end
        self.decoded = Decoded()

    def app(self) -> Starlette:
        """The routes."""
        one = "/photos/{id}"
        table: tuple[tuple[str, str, Answer], ...] = (
            ("GET", "/", self.page),
            ("GET", "/state", self.state),
            ("GET", "/events", self.events),
            ("PUT", "/photos", self.add),
            ("DELETE", "/photos", self.forget_all),
            ("DELETE", one, self.forget),
            ("PUT", "/gallery", self.know),
            ("DELETE", "/gallery/{id}", self.unknow),
            ("POST", f"{one}/faces", self.faces),
            ("POST", f"{one}/turn", self.turn),
            ("POST", f"{one}/strip", self.strip),
            ("POST", f"{one}/cloak", self.cloak),
            ("POST", f"{one}/stop", self.stop),
            ("PUT", f"{one}/returned", self.returned),
            ("POST", f"{one}/save", self.save),
            ("GET", f"{one}/file", self.file),
            ("GET", f"{one}/picture", self.picture),
            ("POST", "/quit", self.quit),
        )
        routes = [Route(path, answer, methods=[method]) for method, path, answer in table]
        own = [part.name for part in (resources.files(__package__) / "page").iterdir()]
        parts = [name for name in (*own, *SHARED) if Path(name).suffix in KINDS]
        routes += [Route(f"/{name}", self.asset, methods=["GET"]) for name in parts]
        refused: Any = _refused
        return Starlette(routes=routes, exception_handlers={RefusedError: refused})

    async def page(self, request: Request) -> Response:
        """The page itself."""
        del request
        return Response(asset("page/page.html", __package__), media_type="text/html")

    async def asset(self, request: Request) -> Response:
        """A style, a script, a picture of the page."""
        name = request.url.path.removeprefix("/")
        place = name if name in SHARED else f"page/{name}"
        return Response(asset(place, __package__), media_type=KINDS[Path(name).suffix])

    async def state(self, request: Request) -> Response:
        """All that is shown."""
        del request
        return _Json(state(self.session, self.settings))

    async def events(self, request: Request) -> Response:
        """The state at each change, as server-sent events, as long as the page is open."""
        del request
        return StreamingResponse(self._states(), media_type="text/event-stream")

    async def _states(self) -> AsyncIterator[str]:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(changed.set)

        end = self.session.listen(tell)
        with self.tabs.open():
            try:
                while not self.session.closed:
                    changed.clear()
                    data = json.dumps(state(self.session, self.settings), allow_nan=False)
                    yield f"event: state\ndata: {data}\n\n"
                    await asyncio.sleep(OFTEN)
                    while not changed.is_set():
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(changed.wait(), ALIVE)
                            break
                        yield ": alive\n\n"
            finally:
                end()

    async def add(self, request: Request) -> Response:
        """A photo is dropped."""
        data = await self._body(request, self.session.bytes)
        return JSONResponse({"id": self.session.add(_name(request), data)}, 201)

    async def know(self, request: Request) -> Response:
        """A photo of the user is dropped."""
        data = await self._body(request, self.session.bytes)
        return JSONResponse({"id": self.session.know(_name(request), data)}, 201)

    async def unknow(self, request: Request) -> Response:
        """A photo of the user is forgotten."""
        self.session.unknow(request.path_params["id"])
        return _done()

    async def forget(self, request: Request) -> Response:
        """A photo is forgotten."""
        number = request.path_params["id"]
        self.session.forget(number)
        self.decoded.forget()
        return _done()

    async def forget_all(self, request: Request) -> Response:
        """Everything is forgotten."""
        del request
        self.session.forget_all()
        self.decoded.forget()
        return _done()

    async def faces(self, request: Request) -> Response:
        """Other faces are chosen, frames are drawn, or somebody is said to be the user."""
        given, number = await self._json(request), request.path_params["id"]
        with self.session.changing():
            photo = self.session.photo(number)
            drawn = asked.boxes(given["drawn"], photo.size) if "drawn" in given else photo.drawn
            if drawn != photo.drawn:
                photo.drawn = drawn
                self.session.find(photo)
                return _done()
            chosen, me = asked.faces(given, photo.chosen, photo.me, len(photo.found))
            if (chosen, me) != (photo.chosen, photo.me):
                self.session.stop(number)
                photo.choose(chosen, me)
        return _done()

    async def turn(self, request: Request) -> Response:
        """The photo lies on its side: it is shown turned, and faces are looked for on all sides."""
        given, number = await self._json(request), request.path_params["id"]
        turn = asked.turn(given)
        with self.session.changing():
            photo = self.session.photo(number)
            photo.turn = turn
            if turn and (photo.searched is None or not photo.searched[1]):
                self.session.find(photo)
        return _done()

    async def strip(self, request: Request) -> Response:
        """What the saved file is to say no more."""
        given, number = await self._json(request), request.path_params["id"]
        with self.session.changing():
            photo = self.session.photo(number)
            strip = {name: asked.flag(given, name, value) for name, value in photo.strip.items()}
            if strip != photo.strip:
                self.session.stop(number)
                photo.strip = strip
                photo.redo()
        return _done()

    async def cloak(self, request: Request) -> Response:
        """A level is asked for."""
        given, number = await self._json(request), request.path_params["id"]
        level, look = asked.level(given), asked.flag(given, "look")
        with self.session.changing():
            photo = self.session.photo(number)
            if photo.state == "failed" or (photo.state != "reading" and not photo.chosen):
                raise RefusedError(409, "no-face", "no face is chosen")
            if level not in photo.results:
                self.session.ask(Job("look" if look else "cloak", number, level))
        return _done()

    async def stop(self, request: Request) -> Response:
        """What is asked for a photo is not wanted any more."""
        with self.session.changing():
            self.session.give_up(self.session.photo(request.path_params["id"]))
        return _done()

    async def returned(self, request: Request) -> Response:
        """A file came back from somewhere: is it still good? `level`: of the result that it was."""
        number, query = request.path_params["id"], dict(request.query_params)
        level = asked.level(query) if "level" in query else None
        data = await self._body(request, self.session.bytes)
        with self.session.changing():
            photo = self.session.photo(number)
            if not photo.chosen:
                raise RefusedError(409, "no-face", "no face is chosen")
            waiting = sum(job.kind == "check" for job in self.session.jobs)
            self.session.check_room(len(photo.returned) + waiting)
            if level not in photo.results:  # the strictest that there is
                made = (one for one in reversed(LEVELS) if one in photo.results)
                level = next(made, level or self.settings.level)
            self.session.ask(Job("check", number, level, data, _name(request)))
        return _done()

    async def save(self, request: Request) -> Response:
        """Write a result beside its original, where that was opened by its path."""
        given, number = await self._json(request), request.path_params["id"]
        level, replace = asked.level(given), asked.flag(given, "overwrite")
        with self.session.reading():
            photo = self.session.photo(number)
            data, path = self._made(photo, level), photo.path
            others = {other.path for other in self.session.photos.values()}
        if path is None:
            raise RefusedError(
                409, "missing", "this photo was dropped, and lies nowhere: download the result"
            )
        out = cloaked_path(path)
        if out in others:  # also where replacing is allowed
            raise RefusedError(409, "original", f"{out}: this is one of the photos on the page")
        try:
            await run_in_threadpool(write_checked, out, data, replace)
        except PhotoError as error:
            raise RefusedError(409, error.kind, str(error)) from error
        with self.session.changing():
            photo.saved(level, data, str(out))
        return _Json({"saved": str(out)})

    async def file(self, request: Request) -> Response:
        """A result as a download."""
        with self.session.reading():
            photo = self.session.photo(request.path_params["id"])
            data = self._made(photo, asked.level(request.query_params))
            name, kind = cloaked_path(Path(photo.name)).name, FORMATS[photo.format].name
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, '', errors='replace')}"}
        return Response(data, media_type=f"image/{kind.lower()}", headers=headers)

    async def picture(self, request: Request) -> Response:
        """A part of the original, of a result, or of the difference."""
        query = request.query_params
        with self.session.reading():
            photo = self.session.photo(request.path_params["id"])
            size, of = photo.size, query.get("of", "original")
            level = query.get("level", of) if of == "difference" else of
            if not all(size):
                raise RefusedError(
                    409, "reading", f"{photo.name}: it has not been read, so there is no picture"
                )
            made = None if of == "original" else self._made(photo, asked.level({"level": level}))
        try:
            box, width = inside(query.get("box", ""), size), int(query.get("width", "1600"))
        except ValueError as error:
            raise RefusedError(400, "value", str(error)) from error
        width = min(max(width, 1), WIDEST)

        def png() -> tuple[bytes, dict[str, str]]:
            shown = self._pixels(photo, made)
            if of != "difference":
                return part(shown, box, width), {}
            data, gain = difference(self._pixels(photo, None), shown, box, width)
            return data, {"X-Gain": str(gain)}

        data, headers = await run_in_threadpool(png)
        return Response(data, media_type="image/png", headers=headers)

    async def quit(self, request: Request) -> Response:
        """Forget everything and end."""
        del request
        self.session.close()
        self.decoded.forget()
        asyncio.get_running_loop().call_later(0.2, self._end)
        return _done()

    def _pixels(self, photo: Upload, made: bytes | None) -> Any:
        """Of the original, or of a file that was made of it."""
        from ..photo.photo import Photo

        data = photo.data if made is None else made
        pixels = self.decoded.get(data, lambda: Photo.from_bytes(data).pixels)
        with self.session.reading():
            there = self.session.photos.get(photo.id) is photo
        if not there:  # forgotten while it was unpacked
            self.decoded.forget()
        return pixels

    def _made(self, photo: Upload, level: Level) -> bytes:
        """The bytes of a level's file.

        Raises:
            RefusedError: there is none.
        """
        result = photo.results.get(level)
        if result is None or result.data is None:
            raise RefusedError(404, "missing", f"{photo.name}: there is no file of the level {level}")
        return result.data

    async def _body(self, request: Request, most: int) -> bytes:
        """The bytes that a request brings, kept in memory alone.

        Raises:
            RefusedError: they are too many, or the page has gone.
        """
        what = f"expected at most {most >> 20 or 1} MB"
        told = request.headers.get("content-length", "0")
        if told.isdigit() and int(told) > most:
            raise RefusedError(
                413, "too-large", f"{_name(request)}: the file has {int(told):,} bytes, {what}"
            )
        parts, size = [], 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise RefusedError(413, "too-large", f"{_name(request)}: the file is too large, {what}")
                parts.append(chunk)
        except ClientDisconnect:
            raise RefusedError(400, "missing", "the page has gone") from None
        return b"".join(parts)

    async def _json(self, request: Request) -> dict[str, Any]:
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise RefusedError(415, "value", "expected Content-Type application/json")
        return asked.told(await self._body(request, SMALL))


class _Json(JSONResponse):
    """JSON in ASCII: names of files may have what is no character."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False).encode("ascii")


def _name(request: Request) -> str:
    return asked.name(request.query_params.get("name", ""))


def _done() -> Response:
    return Response(status_code=204)


async def _refused(request: Request, error: Exception) -> Response:
    del request
    refused = cast(RefusedError, error)
    return _Json({"error": {"kind": refused.kind, "message": str(refused)}}, refused.status)
