"""Colour profiles without the blocks in which a picture could travel."""

from __future__ import annotations

import struct

from .noted import Noted
from .pictures import SMALL, starts_picture, text_block_hides

_TABLES = {
    b"curv", b"para", b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet", b"XYZ ", b"sf32", b"ncl2", b"vcgt",
    b"chrm", b"ndin", b"mmod", b"clro", b"clrt", b"dict", b"view", b"meas", b"pseq", b"psid", b"sig ",
}  # fmt: skip
"""Kinds of data that are tables and numbers for colours."""
_TEXTS = {b"text", b"desc", b"mluc", b"utf8", b"ut16"}


def clean_icc(profile: bytes, noted: Noted) -> bytes:
    """The profile, with zeros where it holds large blocks of an unknown kind, and cut at its own size.

    What is no profile at all (without its signature) goes whole.
    """
    if not profile:
        return b""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        noted.cut("colour profile that is none")
        return b""
    size, count = struct.unpack_from(">I", profile)[0], struct.unpack_from(">I", profile, 128)[0]
    if len(profile[size:].strip(b"\0")):
        noted.cut("bytes after the colour profile")
    profile = profile[:size] if size >= 132 else profile
    end = 132 + 12 * count
    if end > len(profile):
        noted.cut("colour profile that is damaged")
        return b""
    clean = bytearray(len(profile))
    clean[:end] = profile[:end]
    cut: list[tuple[int, int]] = []
    for at in range(132, end, 12):
        name, place, length = struct.unpack_from(">4sII", profile, at)
        data = profile[place : place + length]
        kind = data[:4]
        text = kind in _TEXTS and not _text_hides(data)
        if kind in _TABLES or length <= SMALL or text:
            clean[place : place + len(data)] = data
        else:
            noted.cut(f"colour profile {name.decode('latin-1')!r}")
            cut.append((place, len(data)))
    for place, length in cut:  # in the end: a table that says to be longer than it is may lie over it
        start = max(place, end)
        clean[start : place + length] = bytes(max(place + length - start, 0))
    if starts_picture(bytes(clean)):
        noted.cut("colour profile with a picture in it")
        return b""
    return bytes(clean)


def _text_hides(data: bytes) -> bool:
    """Whether the texts of one tag may hold a picture; `mluc` is one in UTF-16 for each language."""
    if data[:4] == b"mluc":
        return text_block_hides(b"\xfe\xff" + data[16 + 12 * int.from_bytes(data[8:12], "big") :])
    return text_block_hides(data[8:].replace(b"\0", b""))
