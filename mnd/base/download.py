"""One file over https: resumed where it broke off, checked before it appears, fetched by one at a time."""

from __future__ import annotations

import contextlib
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Protocol

from filelock import FileLock

from . import windows
from .files import check_sha256
from .types import Progress

BLOCK = 1 << 18
TIMEOUT = 30.0
"""Seconds without an answer, or without another byte."""
LARGEST = 4 << 30
"""Bytes of a file whose size is not known beforehand: no network is larger."""
OWN = ("127.0.0.1", "::1", "localhost")
"""This machine itself, where plain http reaches nobody else."""


class Check(Protocol):
    """Raises ValueError where the file at a path is not the one that was meant."""

    def __call__(self, path: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched, and all that is known of it beforehand."""

    url: str
    sha256: str | None = None
    """All of the sum, or how it begins."""
    size: int = 0
    """Bytes, exactly; 0 where nobody knows."""
    check: Check | None = None
    """Looks at the whole file once its sum is right."""

    def verify(self, path: Path) -> None:
        """Refuse another file, a damaged one, and one of another length.

        Raises:
            ValueError: it is another one; the message has both sums, or both lengths.
        """
        if self.size and (got := path.stat().st_size) != self.size:
            raise ValueError(f"{self.url}: has {got:,} bytes, expected {self.size:,}")
        try:
            check_sha256(path, self.sha256)
            if self.check is not None:
                self.check(path)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), self.url)) from error


def download(wanted: Wanted, target: Path, progress: Progress | None = None) -> None:
    """Fetch a file to `target`, which appears only when it is whole and right.

    What has come lies beside it in `target.part`; it is kept where the transfer breaks off or is interrupted,
    and the next call goes on from there if the server still has the same file. A proxy is used as the
    environment names it (`https_proxy`).

    Raises:
        ValueError: the address is not https, or the file is another one: it is removed, both sums are told.
        ConnectionError: the server could not be reached or the transfer broke off.
        OSError: the disk is full, or cannot be written.
    """
    _refuse_plain(wanted.url)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f".{target.name}.lock")):
        if target.is_file():  # another process was faster
            return
        part = _Part(target, wanted)
        part.fetch(progress)
        try:
            wanted.verify(part.path)
        except ValueError as error:
            part.remove()
            raise ValueError(f"{error}; what was downloaded is removed") from error
        windows.replace(part.path, target)
        part.remove()


class _Part:
    """The beginning of a file, and the mark by which its server knows that it is still the same."""

    def __init__(self, target: Path, wanted: Wanted) -> None:
        self.target, self.wanted = target, wanted
        self.path = target.with_name(target.name + ".part")
        self.mark = target.with_name(target.name + ".part.etag")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.mark.unlink(missing_ok=True)

    def fetch(self, progress: Progress | None) -> None:
        """Have all of the file in `path`."""
        told = self._ask()
        if told is None:  # the server has no more than is here: all of it, or of another file
            return
        with told as answer:
            begin, total = self._begin(answer)
            if total > LARGEST or (self.wanted.size and total not in (0, self.wanted.size)):
                self.remove()
                expected = f"{self.wanted.size:,}" if self.wanted.size else f"at most {LARGEST:,}"
                raise ValueError(f"{self.wanted.url}: has {total:,} bytes, expected {expected}")
            with self.path.open("r+b" if begin else "wb") as out:
                out.seek(begin)
                out.truncate()
                done = begin
                for block in self._blocks(answer):
                    out.write(block)
                    done += len(block)
                    if progress is not None:
                        progress(self.target.name, done, total)
                    if done > (self.wanted.size or total or LARGEST):
                        break  # more than there should be: its sum will be wrong
        if total and done < total:
            told = f"{self.wanted.url} broke off after {done:,} of {total:,} bytes"
            raise ConnectionError(f"{told}: run it again to go on from there")

    def _ask(self) -> Any:
        """The server's answer: the rest of the file where there is a beginning; None: there is none."""
        have = self.path.stat().st_size if self.path.is_file() else 0
        mark = self.mark.read_text("ascii") if self.mark.is_file() else ""
        headers = {}
        if have and (mark or self.wanted.sha256):  # without either nobody would notice another file
            headers = {"Range": f"bytes={have}-"} | ({"If-Range": mark} if mark else {})
        try:
            return _open(self.wanted.url, headers)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and headers:
                if f"*/{have}" in (error.headers.get("Content-Range") or ""):
                    return None
                self.remove()
                return self._ask()
            raise self._failed(error) from error
        except (OSError, HTTPException) as error:
            raise self._failed(error) from error

    def _begin(self, answer: Any) -> tuple[int, int]:
        """Where in the file the answer begins, and how long the file is (0: nobody says)."""
        length = int(answer.headers.get("Content-Length") or 0)
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range") or "")
        begin, total = 0, length
        if answer.status == 206 and span:
            begin, total = int(span[1]), int(span[2])
            if begin > self.path.stat().st_size:
                raise ConnectionError(f"{self.wanted.url}: the server's answer begins at {begin:,}")
        elif answer.status != 200:
            raise ConnectionError(f"{self.wanted.url}: the server's answer is {answer.status}, expected 200")
        mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        self.mark.unlink(missing_ok=True)
        if mark and mark.isascii() and not mark.startswith("W/"):  # a weak one says nothing of bytes
            self.mark.write_text(mark, "ascii")
        return begin, total

    def _blocks(self, answer: Any) -> Iterator[bytes]:
        while True:
            try:
                block = answer.read1(BLOCK)
            except (OSError, HTTPException) as error:
                raise self._failed(error) from error
            if not block:
                return
            yield block

    def _failed(self, error: Exception) -> ConnectionError:
        again = ": run it again to go on from there" if self.path.is_file() else ""
        return ConnectionError(
            f"could not download {self.wanted.url}: {error}{again}; or put the file at {self.target}"
        )


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Goes where a server sends it, but only to https."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme != "https" and not (
            _is_own(newurl) and _is_own(req.full_url)
        ):
            raise ConnectionError(f"{req.full_url} was redirected to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, headers: dict[str, str]) -> Any:
    opener = urllib.request.build_opener(_HttpsOnly)
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", **headers})
    return opener.open(request, timeout=TIMEOUT)


def _is_own(url: str) -> bool:
    with contextlib.suppress(ValueError):
        return urllib.parse.urlsplit(url).hostname in OWN
    return False


def _refuse_plain(url: str) -> None:
    if not url.startswith("https://") and not (url.startswith("http://") and _is_own(url)):
        raise ValueError(f"got the address {url!r}, expected one that begins with https://")
