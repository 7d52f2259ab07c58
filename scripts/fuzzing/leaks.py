"""A searcher for the planted picture, simple and on its own: it shares nothing with what cleans metadata.

What is written is looked at as it is, inflated, out of base64, hexadecimal and lists of numbers, as UTF-16.
In each view it is asked how long a piece of the planted picture stands there in a row, in any of its forms;
and what can be opened as a picture is compared with it.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

LEAST = 320
"""Bytes in a row of the planted picture that are a leak: up to 256 of an unknown kind may stay in a file, and
the steps of the search blur where a piece ends."""
WINDOW, STEP, GAP = 16, 8, 32
"""Bytes that are compared at once; where; and the unknown bytes that do not end a piece."""
_NOISE = re.compile(rb"&#x?[0-9A-Fa-f]{1,4};|\\+u000[aAdD]|\\+[nrt]|%0[aAdD]|[\s\"',\[\]]+|<[^>]{0,40}>")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]{96,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{96,}")
_NUMBERS = re.compile(rb"(?:\d{1,3}\D{1,3}){48,}")
_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_HEADS = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|RIFF.{4}WEBP|GIF8[79]a|BM.{12}\x28\0\0\0", re.DOTALL)
_MOST = 1 << 20


class Searcher:
    """Looks for a picture of which these are the forms, in bytes.

    Args:
        forms: the picture in every form it may be planted in.
        others: files of other pictures: what stands in them too (tables, headers) is no trace.
        pixels: `(h, w, 3)`, the picture.
    """

    def __init__(self, forms: Iterable[bytes], others: Iterable[bytes], pixels: np.ndarray) -> None:
        common = {piece for other in others for piece in _pieces(other, 1)}
        self._known = {p for form in forms for p in _pieces(form, 1) if len(set(p)) > 6} - common
        self._pixels = pixels.astype(np.float64)

    def longest(self, data: bytes) -> int:
        """Bytes of the longest piece of the picture that stands in a row in these bytes, in any view."""
        return max(self._run(view) for view in views(data))

    def leaks(self, data: bytes) -> bool:
        """Whether the picture, or a large piece of it, is in these bytes."""
        return any(self._run(view) >= LEAST or self._shown(view) for view in views(data))

    def _run(self, view: bytes) -> int:
        longest = start = end = 0
        for at in range(0, len(view) - WINDOW + 1, STEP):
            if view[at : at + WINDOW] in self._known:
                if at > end + GAP:
                    start = at
                end = at + WINDOW
                longest = max(longest, end - start)
        return longest

    def _shown(self, view: bytes) -> bool:
        """Whether a picture that starts somewhere in `view` looks like the planted one."""
        return any(self._alike(view[match.start() :]) for match in _HEADS.finditer(view))

    def _alike(self, data: bytes) -> bool:
        try:
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > _MOST:
                    return False
                size = self._pixels.shape[1], self._pixels.shape[0]
                seen = np.asarray(image.convert("RGB").resize(size), np.float64)
        except Exception:  # whatever a damaged picture does to its reader: nobody sees it
            return False
        if seen.std() < 4:
            return False
        return float(np.corrcoef(seen.ravel(), self._pixels.ravel())[0, 1]) > 0.9


def _pieces(data: bytes, step: int) -> Iterator[bytes]:
    for at in range(0, len(data) - WINDOW + 1, step):
        yield data[at : at + WINDOW]


def views(data: bytes, depth: int = 2) -> Iterator[bytes]:
    """The bytes, and all that they can be unpacked to."""
    yield data
    if depth == 0:
        return
    inner = [*_inflated(data)]
    for text in _texts(data):
        plain = _NOISE.sub(b"", text.replace(b"\\/", b"/").replace(b"%2B", b"+").replace(b"%2F", b"/"))
        plain = plain.replace(b"-", b"+").replace(b"_", b"/")
        inner += [_base64(m[0], shift) for m in _BASE64.finditer(plain) for shift in range(4)]
        inner += [_hex(m[0][shift:]) for m in _HEX.finditer(plain) for shift in range(2)]
        inner += [_numbers(m[0]) for m in _NUMBERS.finditer(text)]
    for part in inner:
        if len(part) >= WINDOW:
            yield from views(part, depth - 1)


def _texts(data: bytes) -> Iterator[bytes]:
    """The bytes, and every second of them where there are many zeros: UTF-16 of plain letters."""
    yield data
    if data.count(0) > 96:
        yield re.sub(rb"([\x09-\x7e])\0(?=[\x09-\x7e]\0)|\0([\x09-\x7e])(?=\0[\x09-\x7e])", rb"\1\2", data)


def _inflated(data: bytes) -> Iterator[bytes]:
    for match in _DEFLATED.finditer(data):
        stream = zlib.decompressobj(wbits=47)
        out = b""
        try:
            for at in range(match.start(), len(data), 64):  # what comes before a fault counts, too
                out += stream.decompress(data[at : at + 64], _MOST)
                if len(out) > _MOST:
                    break
        except zlib.error:
            pass
        if out:
            yield out


def _base64(run: bytes, shift: int) -> bytes:
    run = run[shift:].replace(b"=", b"")
    try:
        return base64.b64decode(run[: len(run) // 4 * 4])
    except binascii.Error:
        return b""


def _hex(run: bytes) -> bytes:
    return bytes.fromhex(run[: len(run) // 2 * 2].decode())


def _numbers(run: bytes) -> bytes:
    values = [int(word) for word in re.findall(rb"\d+", run)]
    return bytes(value for value in values if value < 256)
