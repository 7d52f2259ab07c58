"""A server on this machine that gives files in the ways that servers do, and remembers what was asked."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mnd.targets import downloads, registry


@dataclass
class Serving:
    """What it gives; all of it may be changed between two requests."""

    files: dict[str, bytes]
    etag: str | None = '"one"'
    ranges: bool = True
    """It knows `Range`."""
    cut: int | None = None
    """Bytes after which a connection breaks, once."""
    moved: str | None = None
    """Where everything has gone."""
    status: int | None = None
    """What it answers to all."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Paths, and the ranges that were asked for."""
    url: str = ""

    def ranges_asked(self) -> list[str | None]:
        return [span for _, span in self.asked]


@contextmanager
def serving(**files: bytes) -> Iterator[Serving]:
    """A server of files by name (`w_bin` is `/w.bin`), while the block runs."""
    told = Serving({"/" + name.replace("_", "."): data for name, data in files.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            told.asked.append((self.path, self.headers.get("Range")))
            self.close_connection = True
            if told.status or told.moved or self.path not in told.files:
                self.send_response(302 if told.moved else told.status or 404)
                self.send_header("Location", told.moved or "")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data = told.files[self.path]
            begin = self.begin(len(data))
            if begin > len(data) - 1 and begin:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - begin))
            if told.etag:
                self.send_header("ETag", told.etag)
            self.end_headers()
            cut, told.cut = told.cut, None
            self.wfile.write(data[begin:] if cut is None else data[begin:cut])

        def begin(self, length: int) -> int:
            span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            same = self.headers.get("If-Range") in (None, told.etag)
            return int(span[1]) if span and told.ranges and same else 0

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def moved(
    monkeypatch: pytest.MonkeyPatch, server: Serving, folder: Path, name: str, **changes: object
) -> registry.Entry:
    """The entry of a named recogniser whose address is that of the server, until the test ends."""
    registry.names()  # all are registered
    data = json.loads((downloads.CARDS / f"{name}.json").read_text())
    data |= {"url": f"{server.url}/{data['weights']}", **changes}
    path = folder / f"{name}.json"
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))
    entry = downloads.entry(path)
    monkeypatch.setitem(registry._ENTRIES, name, entry)
    return entry
