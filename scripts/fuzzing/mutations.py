"""Ways to damage a file: bytes, sizes and places in it, and the parts that formats are made of."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence

ODD = (0, 1, 2, 4, 7, 8, 12, 127, 128, 255, 256, 257, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000,
       0xFFFFFFF0, 0xFFFFFFFF)  # fmt: skip
"""Sizes and places at which readers stumble."""
TAGS = (1, 27, 270, 274, 301, 330, 513, 514, 700, 33723, 34377, 34665, 34675, 34853, 37500, 37510, 40092,
        40965, 51111)  # fmt: skip
"""Tags with a meaning of their own, and one without."""
Parts = list[bytes]


def _flip(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] = rng.choice((0, 1, 0x1C, 0x20, 0x22, 0x3C, 0x7F, 0x80, 0xD9, 0xFF))


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def _take(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 3, 4, 8, 64, 300))]


def _insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice((rng.randbytes(rng.choice((1, 2, 4, 40))), bytes(rng.choice((1, 4, 300)))))


def _repeat(rng: random.Random, data: bytearray) -> None:
    at, to, size = rng.randrange(len(data)), rng.randrange(len(data) + 1), rng.choice((2, 8, 12, 64, 600))
    data[to:to] = data[at : at + size]


def _number(rng: random.Random, data: bytearray) -> None:
    """A size or place: something odd, or a little more or less than it was."""
    size = rng.choice((2, 4))
    if len(data) < size:
        return
    order = "big" if rng.random() < 0.5 else "little"
    at = rng.randrange(len(data) - size + 1)
    before = int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]
    near = before + rng.choice((-1, 1, 2, -4, 12))
    value = rng.choice((rng.choice(ODD), near, len(data), rng.randrange(len(data))))
    data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, order)  # type: ignore[arg-type]


def _swap(rng: random.Random, data: bytearray) -> None:
    size = rng.choice((1, 2, 4, 12, 100))
    a, b = rng.randrange(len(data)), rng.randrange(len(data))
    first, second = bytes(data[a : a + size]), bytes(data[b : b + size])
    if len(first) == len(second):
        data[a : a + size], data[b : b + size] = second, first


def _clear(rng: random.Random, data: bytearray) -> None:
    at, size = rng.randrange(len(data)), rng.choice((1, 2, 4, 12, 200))
    data[at : at + size] = bytes(len(data[at : at + size]))


BYTES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _flip, _flip, _set, _cut, _take, _insert, _repeat, _number, _number, _number, _swap, _clear,
)  # fmt: skip


def damaged(rng: random.Random, data: bytes, most: int = 3) -> bytes:
    """The bytes with one to `most` faults in them."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, most)):
        if changed:
            rng.choice(BYTES)(rng, changed)
    return bytes(changed)


def rearranged(rng: random.Random, parts: Sequence[bytes], layout: tuple[bytes, ...]) -> Parts:
    """Parts of a file swapped, dropped, doubled, or one of them damaged (which is likeliest).

    Parts that begin like one of `layout` say how pixels are stored, and mostly stay as they are: without them
    a file is refused before anything else in it is looked at.
    """
    parts = list(parts)
    for _ in range(rng.randint(1, 3)):
        if not parts:
            break
        free = [at for at, part in enumerate(parts) if not part.startswith(layout)]
        free = list(range(len(parts))) if not free or rng.random() < 0.1 else free
        at, to = rng.choice(free), rng.choice(free)
        what = rng.random()
        if what < 0.1:
            parts[at], parts[to] = parts[to], parts[at]
        elif what < 0.15:
            del parts[at]
        elif what < 0.25:
            parts.insert(to, parts[at])
        else:
            parts[at] = damaged(rng, parts[at])
    return parts


def jpeg(rng: random.Random, data: bytes) -> bytes:
    """A JPEG whose segments before the scan were rearranged; their sizes mostly are right again."""
    at, parts = 2, []
    while data[at : at + 1] == b"\xff" and data[at + 1] != 0xDA:
        size = struct.unpack_from(">H", data, at + 2)[0]
        parts.append(data[at + 1 : at + 2] + data[at + 4 : at + 2 + size])
        at += 2 + size
    whole = data[:2]
    for part in rearranged(rng, parts, (b"\xc0", b"\xc2", b"\xc4", b"\xdb", b"\xdd")):
        size = len(part) + 1 if rng.random() < 0.97 else rng.choice(ODD)
        whole += b"\xff" + part[:1] + struct.pack(">H", size & 0xFFFF) + part[1:]
    return whole + data[at:]


def png(rng: random.Random, data: bytes) -> bytes:
    """A PNG whose chunks were rearranged, with sizes and sums that mostly are right; texts are unpacked."""
    at, parts = 8, []
    while at + 12 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        parts.append(_unpacked(data[at + 4 : at + 8 + size]))
        at += 12 + size
    whole = data[:8]
    for part in map(_packed, rearranged(rng, parts, (b"IHDR", b"PLTE", b"IDAT", b"IEND"))):
        size = len(part) - 4 if rng.random() < 0.99 else rng.choice(ODD)
        check = zlib.crc32(part) if rng.random() < 0.99 else 0
        whole += struct.pack(">I", max(size, 0)) + part + struct.pack(">I", check)
    return whole


def summed(data: bytes) -> bytes:
    """A PNG with the right sums, as far as its chunks can be followed."""
    at, fixed = 8, bytearray(data)
    while at + 12 <= len(data):
        end = at + 8 + struct.unpack_from(">I", data, at)[0]
        if end + 4 > len(data):
            break
        struct.pack_into(">I", fixed, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(fixed)


def _unpacked(part: bytes) -> bytes:
    """A chunk of packed text with the text unpacked."""
    if part[:4] not in (b"zTXt", b"iCCP"):
        return part
    head, mark, rest = part.partition(b"\0")
    try:
        return head + mark + rest[:1] + zlib.decompress(rest[1:])
    except zlib.error:
        return part


def _packed(part: bytes) -> bytes:
    if part[:4] not in (b"zTXt", b"iCCP"):
        return part
    head, mark, rest = part.partition(b"\0")
    return head + mark + rest[:1] + zlib.compress(rest[1:], 1)


def webp(rng: random.Random, data: bytes) -> bytes:
    """A WebP whose chunks were rearranged; sizes mostly are right again."""
    at, parts = 12, []
    while at + 8 <= len(data):
        size = struct.unpack_from("<I", data, at + 4)[0]
        parts.append(data[at : at + 4] + data[at + 8 : at + 8 + size])
        at += 8 + size + (size & 1)
    body = b"WEBP"
    for part in rearranged(rng, parts, (b"VP8", b"ALPH")):
        size = len(part) - 4 if rng.random() < 0.97 else rng.choice(ODD)
        body += part[:4] + struct.pack("<I", max(size, 0)) + part[4:] + bytes(len(part) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def directory(rng: random.Random, data: bytes) -> bytes:
    """A TIFF structure, or bytes with one in them, with faults in the rows of its directories."""
    start = next((at for head in (b"II*\0", b"MM\0*") if (at := data.find(head)) >= 0), -1)
    rows = [] if start < 0 else _rows(data, start)
    if not rows:
        return damaged(rng, data)
    order = "<" if data[start : start + 2] == b"II" else ">"
    changed = bytearray(data)
    free = [row for row in rows if not 254 <= struct.unpack_from(order + "H", data, row)[0] < 285]
    rows = free if free and rng.random() < 0.8 else rows  # the others say how pixels are laid out
    for _ in range(rng.randint(1, 4)):
        row, what = rng.choice(rows), rng.random()
        if what < 0.2:
            struct.pack_into(order + "H", changed, row, rng.choice(TAGS))
        elif what < 0.4:
            struct.pack_into(order + "H", changed, row + 2, rng.choice((*range(14), 129, 65535)))
        elif what < 0.7:
            struct.pack_into(order + "I", changed, row + 4, rng.choice((*ODD, rng.randrange(2000))))
        elif what < 0.9:
            place = rng.choice((*ODD, rng.randrange(len(data)), rng.choice(rows) - start - 2))
            struct.pack_into(order + "I", changed, row + 8, place)
        else:
            other = rng.choice(rows)
            changed[row : row + 12] = data[other : other + 12]
    return bytes(changed)


def _rows(data: bytes, start: int) -> list[int]:
    """Where the rows of the directories stand, as far as they can be followed."""
    order = "<" if data[start : start + 2] == b"II" else ">"
    rows: list[int] = []
    todo = [start + 4]
    while todo and len(rows) < 200:
        at = todo.pop()
        if at + 4 > len(data):
            continue
        table = start + struct.unpack_from(order + "I", data, at)[0]
        if not start < table <= len(data) - 2:
            continue
        count = struct.unpack_from(order + "H", data, table)[0]
        here = [row for row in range(table + 2, table + 2 + 12 * min(count, 60), 12) if row + 12 <= len(data)]
        rows += here
        tags = {row: struct.unpack_from(order + "H", data, row)[0] for row in here}
        todo += [row + 8 for row in here if tags[row] in (34665, 34853, 40965)]
    return rows
