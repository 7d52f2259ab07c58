"""What is a picture in bytes and in texts: whatever a small clean face could hide in.

The line is drawn at 256 bytes: a face that can be recognised needs about 300, however it is coded. More bytes
are only harmless where their kind is known; texts are harmless unless a long run of base64, hexadecimal or
numbers in them unpacks to such bytes.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
import zlib
from collections.abc import Iterator
from html import unescape
from itertools import groupby

import numpy as np

SMALL = 256
"""Bytes that are too few for a face."""
TEXT_LIMIT = 1 << 24
"""Longer texts, packed or not, are not searched and do not stay."""

_BRANDS = rb"hei[cfmsx]|hev[cmsx]|mif[12]|msf1|avi[fs]|jxl |jp2 |mp4[12]|isom|iso\d|qt  "
_HEADS = re.compile(
    rb"\xff\xd8\xff|.\xd8\xff[\xc0\xc4\xdb\xdd\xe0\xe1\xfe]|\x89PNG\r\n|RIFF.{4}WEBP|GIF8[79]a"
    rb"|ftyp(?:" + _BRANDS + rb")|\0\0\0\x0c(?:JXL |jP  )|\xff\x4f\xff\x51"
    rb"|BM.{4}\0{4}.{2}\0\0[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}",
    re.DOTALL,
)  # fmt: skip
"""The first bytes of JPEG (some cameras alter the very first), PNG, WebP, GIF, HEIF, AVIF and their films,
JPEG XL, JPEG 2000 and BMP, wherever they stand."""
_START = re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+|\xff\x0a|BM", re.DOTALL)
"""TIFF, bare JPEG XL and other BMP: too short to be looked for within bytes."""
_STREAM = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
"""Deflated data: zlib, gzip."""

_BREAKS = re.compile(
    r"(?:\s|<[^<>]{1,40}>|(?<!\\)\\++[nrt]|(?<!\\)\\++u000[9aAdD]|%0[9aAdD]|[\"']\s*+[,+]\s*+[\"'])+"
)
"""What stands between the lines of a run, as XML, JSON, addresses and programs write it."""
_ESCAPED = re.compile(r"(?<!\\)\\++u00([2-7][0-9a-fA-F])|%(2[bBfF]|3[dD])")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\n-]+")
_BASE64_HEADS = re.compile(
    r"/9j/[2-7]|iVBORw0KGgo|UklGR.{6}XRUJQ|UklGR[A-Za-z0-9+/]{5,8}V0VC|R0lGODdh|R0lGODlh|AAAADEpYTCA"
)
_HEX = re.compile(r"[0-9A-Fa-f\n]+")
_PIXELS = re.compile(r"(?:\b(?:0x[0-9A-Fa-f]{1,2}|\d{1,3}|\d[A-Fa-f]|[A-Fa-f][0-9A-Fa-f])\b[\s,;:]*+){257,}+")
"""Numbers that can be read in one way only: else a text with fewer of them would be tried in all ways."""
_SPACES = frozenset(" \t\n\r\u3000,.;:!?。、，．！？・「」…")
_DEPTH = 3


def starts_picture(data: bytes) -> bool:
    """Whether a known kind of picture or film starts in `data`.

    >>> starts_picture(b"note \\xff\\xd8\\xff\\xe0"), starts_picture(b"a note")
    (True, False)
    """
    return _HEADS.search(data) is not None


def block_hides(data: bytes) -> bool:
    """Whether bytes of an unknown kind may hold a picture: one starts in them, or they are too many.

    >>> block_hides(bytes(256)), block_hides(bytes(257))
    (False, True)
    """
    return len(data) > SMALL or starts_picture(data)


def text_block_hides(data: bytes) -> bool:
    """Whether the bytes of a text may hold a picture, or are no text and too many.

    >>> text_block_hides(b"a caption, " * 99), text_block_hides(bytes(range(250)) * 2)
    (False, True)
    """
    if len(data) <= SMALL:
        return starts_picture(data)
    text = readable(data)
    return text is None or text_hides(text)


def readable(data: bytes) -> str | None:
    """The text that these bytes are, in UTF-8, UTF-16 or an older code; `None` where they are none.

    >>> readable("Grüße".encode()), readable("Grüße".encode("utf-16-le")), readable(bytes(range(256)))
    ('Grüße', 'Grüße', None)
    """
    if len(data) > TEXT_LIMIT:
        return None
    zeros = data.rstrip(b"\0").count(0)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or zeros > len(data) // 5:
        return next(filter(None, (_decoded(data, code) for code in _wide(data))), None)
    data = data.rstrip(b"\0")
    if (text := _decoded(data, "utf-8")) is not None:
        return text
    spaces = sum(map(data.count, b" \n\r\t"))
    letters = sum(c < 128 for c in data)
    if 4 * letters >= 3 * len(data) or 20 * spaces >= len(data):
        return _decoded(data, "latin-1", legacy=True)
    codes = ("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr")
    return next(filter(None, (_decoded(data, code) for code in codes)), None)


def _wide(data: bytes) -> tuple[str, ...]:
    """The codes of two bytes a letter, the likelier first."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ("utf-16",)
    return (
        ("utf-16-le", "utf-16-be")
        if data[1::2].count(0) >= data[::2].count(0)
        else ("utf-16-be", "utf-16-le")
    )


def _decoded(data: bytes, code: str, legacy: bool = False) -> str | None:
    """`data` as text, if it reads like one: no odd characters, and spaces or stops between the words."""
    try:
        text = data[: len(data) // 2 * 2 if code.startswith("utf-16") else None].decode(code)
    except UnicodeDecodeError:
        return None
    text = text.rstrip("\0")
    kinds = [unicodedata.category(c) for c in set(text) - set("\t\n\r\v\f\x1b\0")]
    odd = {"Cn", "Co", "Cs"} if legacy else {"Cc", "Cn", "Co", "Cs"}
    if odd & set(kinds) or text.count("\0") > 8 or re.search(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]", text):
        return None
    foreign = sum(ord(c) > 0x2E7F for c in text)
    # writing without blanks between words has stops all the same; pixels that pass for ideographs have not
    if len(text) > SMALL // 2 and 2 * foreign > len(text):
        return text if 64 * sum(c in _SPACES for c in text) >= len(text) else None
    return text


def text_hides(text: str, parameters: bool = False, depth: int = 0) -> bool:
    """Whether a text may hold a picture: in base64, in hexadecimal, or as a list of numbers.

    Args:
        text: as its format decodes it; the escapes of XML, JSON and addresses may still stand in it.
        parameters: the field is known to hold the parameters of a program, packed or in hexadecimal: long
            runs stay if they unpack to numbers such as programs use.
        depth: how often the text was unpacked already.

    >>> text_hides("a caption, " * 99), text_hides("0" * 1280), text_hides("00ff" * 9 + "ffd8ffe0" * 99)
    (False, False, True)
    """
    if len(text) > TEXT_LIMIT or depth > _DEPTH:
        return True
    if len(text) <= SMALL:
        return False
    if _smooth(text):
        return True
    text = _BREAKS.sub("\n", _plain(text))
    return any(
        any(map(_starts_unpacked, ways)) or all(_unpacked_hides(data, parameters, depth) for data in ways)
        for runs in (_base64_runs, _hex_runs, _number_runs)
        for ways in runs(text)
    )


def _smooth(text: str) -> bool:
    """Whether these are pixels that happen to be letters: each is near the one before, letters are not.

    >>> _smooth("a caption, " * 99)
    False
    """
    if len(set(text)) <= 16:
        return False  # digits and rulers
    points = np.frombuffer(text[: 1 << 16].encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    steps = min(np.abs(points[lag:] - points[:-lag]).mean() for lag in (1, 3, 4))
    return bool(steps < 7) and len(zlib.compress(text.encode("utf-8", "surrogatepass"), 9)) > SMALL


def _plain(text: str) -> str:
    """`text` without what XML, JSON and addresses put before or in place of the letters of base64."""
    if "&" in text:
        text = unescape(text)
    if "%" in text or "\\u" in text:
        text = _ESCAPED.sub(lambda m: chr(int(m[1] or m[2], 16)), text)
    return re.sub(r"(?<!\\)\\++/", "/", text)


def _base64_runs(text: str) -> Iterator[list[bytes]]:
    """What each long run of base64 decodes to: all ways, as words before it may hide where it starts."""
    for match in _BASE64.finditer(text):
        run = match[0]
        if len(run) <= SMALL * 4 // 3:
            continue
        joined = run.replace("\n", "").replace("-", "+").replace("_", "/")
        head = _BASE64_HEADS.search(joined)
        if head:
            yield [_from_base64(joined[head.start() :])]
        # names and words, even many, lack capitals and digits; a window, as words may stand around the run
        windows = range(0, max(1, len(joined) - 511), 512)
        if any(_mixed(joined[at : at + 1024]) for at in windows):
            yield [_from_base64(joined[shift:]) for shift in range(4)]


def _mixed(run: str) -> bool:
    """Whether capitals, small letters and digits are mixed as base64 mixes them."""
    size = len(run)
    capitals, digits = sum(map(str.isupper, run)), sum(map(str.isdigit, run))
    small = sum(map(str.islower, run))
    return size > SMALL * 4 // 3 and min(capitals, small) >= 0.1 * size and digits >= 0.015 * size


def _from_base64(run: str) -> bytes:
    run = run.replace("=", "")
    return binascii.a2b_base64(run[: len(run) // 4 * 4].encode())


def _hex_runs(text: str) -> Iterator[list[bytes]]:
    """What each long run of hexadecimal digits decodes to, from its first digit and from its second."""
    for match in _HEX.finditer(text):
        if len(match[0]) > 2 * SMALL:
            run = match[0].replace("\n", "")
            yield [bytes.fromhex(digits[: len(digits) // 2 * 2]) for digits in (run, run[1:])]


def _number_runs(text: str) -> Iterator[list[bytes]]:
    """Rows of more than 256 numbers up to 255, as bytes; tables that rise or fall are no pictures."""
    for match in _PIXELS.finditer(text):
        words = re.findall(r"[0-9A-Fa-fx]+", match[0])
        base = 10 if all(word.isdigit() for word in words) else 16
        numbers = (int(word, base) for word in words)
        for small, run in groupby(
            numbers, lambda number: number <= 255
        ):  # one number too large hides no picture
            values = list(run) if small else []
            if len(values) > SMALL and sorted(values) not in (values, values[::-1]):
                yield [bytes(values)]


def _starts_unpacked(data: bytes) -> bool:
    """Whether a picture starts in what a run decodes to, as it is or deflated."""
    unpacked = _inflated(data)
    return starts_picture(data) or (unpacked is not None and starts_picture(unpacked))


def _unpacked_hides(data: bytes, parameters: bool, depth: int) -> bool:
    """Whether what a run decodes to may be a picture: so much that is neither text nor parameters."""
    if len(zlib.compress(data, 9)) <= SMALL:
        return False  # however many bytes they are: what they say would go into fewer
    if _START.match(data):
        return True
    if (text := readable(data)) is not None:
        return text_hides(text, parameters, depth + 1)
    unpacked = _inflated(data)
    if unpacked is not None:
        small = len(zlib.compress(unpacked, 9)) <= SMALL
        return not (small or (parameters and _numeric(unpacked)))
    return not (parameters and _numeric(data))


def _inflated(data: bytes) -> bytes | None:
    """What a deflated stream near the start of `data` unpacks to; `None`: there is none."""
    for match in _STREAM.finditer(data[:64]):
        stream = zlib.decompressobj(wbits=47)  # zlib or gzip, as the data say
        try:
            unpacked = stream.decompress(data[match.start() :], TEXT_LIMIT)
        except zlib.error:
            continue
        if unpacked:
            return unpacked
    return None


def _numeric(data: bytes) -> bool:
    """Whether `data` are the numbers of a program: small whole ones, or floats of a usual size.

    Pixels are none: as floats, a quarter of them would say the size of the number, all over the range.
    """
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
    if not len(words):
        return False
    signed = words.view("<i4")
    with np.errstate(invalid="ignore"):
        size = np.abs(words.view("<f4").astype(np.float64))
        usual = (np.abs(signed.astype(np.int64)) < 1 << 16) | ((size > 1e-7) & (size < 1e6))
    letters = words.view(np.uint8).reshape(-1, 4)
    names = ((letters == 0) | ((letters >= 32) & (letters < 127))).all(axis=1) & ~usual
    return bool(usual.mean() >= 0.75 and (usual | names).mean() >= 0.95)
