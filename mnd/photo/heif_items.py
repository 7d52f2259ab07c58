"""Which of a HEIF file's items are the picture that people see, and what all the others are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..base.files import PhotoError
from .coded_size import av1_size, hevc_sizes
from .heif_boxes import Cursor, Heif, Item

CONFIG = {b"hvc1": b"hvcC", b"av01": b"av1C"}
"""Kinds of coded pictures, and the property that has the settings of their decoder."""
_KNOWN = {
    b"hvcC", b"av1C", b"ispe", b"pixi", b"colr", b"irot", b"imir", b"clap", b"pasp", b"auxC", b"clli",
    b"mdcv", b"cclv", b"amve", b"ndwt",
}  # fmt: skip
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_SPARE = 128
"""Pixels by which a coded picture may be larger than what is shown of it."""
_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
_AUXILIARY = (
    (b"gainmap", "gain map"), (b"auxid:2", "depth map"), (b"depth", "depth map"), (b"disparity", "depth map"),
    (b"portraiteffectsmatte", "portrait matte"), (b"matte", "matte"),
)  # fmt: skip
"""By a word of its address, what an auxiliary picture is called."""
# how the orientations 1..8 follow from turns: counterclockwise by 90 degrees, and mirrors
_ROTATED = {1: 8, 2: 5, 3: 6, 4: 7, 5: 4, 6: 1, 7: 2, 8: 3}
_SWAPPED = {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 7: 8, 8: 7}
"""Left and right, of the picture as it is turned so far."""
_UPSIDE = {1: 4, 2: 3, 3: 2, 4: 1, 5: 8, 6: 7, 7: 6, 8: 5}
"""Top and bottom."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture: an item that is coded itself, or a grid of tiles."""

    item: Item
    tiles: tuple[Item, ...] = ()
    size: tuple[int, int] = (0, 0)
    """Width and height as it is coded; a clean aperture may show less of it."""

    @property
    def coded(self) -> tuple[Item, ...]:
        """The items with its pixels."""
        return self.tiles or (self.item,)

    @property
    def tile(self) -> tuple[int, int] | None:
        """Width and height of its tiles; `None` where it has none."""
        return _extent(self.tiles[0]) if self.tiles else None

    @property
    def length(self) -> int:
        """Bytes of its pixels."""
        return sum(len(item.data) for item in self.coded)

    @property
    def settings(self) -> bytes:
        """Those of the decoder of its first piece."""
        first = self.coded[0]
        return first.one(CONFIG[first.kind]) or b""


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a file is seen."""

    main: Layer
    alpha: Layer | None
    premultiplied: bool
    orientation: int
    """1..8, by the properties irot and imir alone: the EXIF of such a file turns nothing."""


def shown(heif: Heif, kind: bytes, name: str) -> Shown:
    """The picture of a file, judged before any of it is decoded.

    Args:
        heif: the file.
        kind: of its coded pictures, `hvc1` or `av01`.
        name: for errors.

    Raises:
        PhotoError: unsupported: pictures that are coded or put together in other ways.
        ValueError: sizes do not fit one another.
    """
    primary = heif.items[heif.primary]
    main = _layer(heif, primary, kind, name)
    alphas = [item for item in heif.referring(b"auxl", primary.id) if _auxiliary(item).startswith(_ALPHA)]
    alpha = _layer(heif, alphas[0], kind, name) if alphas else None
    tiles = {tile.id for tile in main.tiles}
    for item in heif.items.values():
        if tiles.intersection(item.refers.get(b"auxl", ())) and _auxiliary(item).startswith(_ALPHA):
            got = "a HEIF file whose tiles have alpha, each its own"
            raise PhotoError("unsupported", f"{name}: {got}, expected alpha of the whole picture")
    if alpha and alpha.size != main.size:
        sizes = " and ".join(f"{layer.size[0]} x {layer.size[1]}" for layer in (main, alpha))
        raise ValueError(f"the picture and its alpha are of {sizes} pixels")
    return Shown(main, alpha, bool(primary.refers.get(b"prem")), _orientation(primary, kind, name))


def _layer(heif: Heif, item: Item, kind: bytes, name: str) -> Layer:
    if item.kind not in (kind, b"grid"):
        got = f"a HEIF file whose picture is of the kind {item.kind.decode('latin-1')!r}"
        raise PhotoError("unsupported", f"{name}: {got}, expected {kind.decode()!r}")
    size = _extent(item)
    tiles: tuple[Item, ...] = ()
    if item.kind == b"grid":
        tiles = tuple(heif.items[number] for number in item.refers.get(b"dimg", ()))
        _check_grid(item, tiles, size)
    for one in tiles or (item,):
        if one.kind != kind or (one.one(CONFIG[kind]) is None):
            raise ValueError(f"item {one.id} is of the kind {one.kind!r}, expected {kind!r} and its settings")
        _check_coded(one)
    for one in (item, *tiles):
        if strange := [it.kind for it in one.properties if it.essential and it.kind not in _KNOWN]:
            got = f"a HEIF file with the property {strange[0].decode('latin-1')!r}"
            raise PhotoError("unsupported", f"{name}: {got}, expected a plain picture")
    return Layer(item, tiles, size)


def _extent(item: Item) -> tuple[int, int]:
    """Width and height that an item says to have."""
    body = item.one(b"ispe")
    if body is None or len(body) < 12:
        raise ValueError(f"item {item.id} does not say its size")
    return int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big")


def _check_grid(item: Item, tiles: tuple[Item, ...], size: tuple[int, int]) -> None:
    cursor = Cursor(item.data, b"grid")
    _, flags = cursor.number(1), cursor.number(1)
    rows, columns = cursor.number(1) + 1, cursor.number(1) + 1
    said = cursor.number(4 if flags & 1 else 2), cursor.number(4 if flags & 1 else 2)
    if len(tiles) != rows * columns:
        raise ValueError(f"a grid of {columns} x {rows} tiles refers to {len(tiles)}")
    sizes = {_extent(tile) for tile in tiles}
    wide, high = next(iter(sizes))
    # no tile may lie outside the picture: so they hold no more pixels than it has, but for their borders
    fits = size[0] <= columns * wide < size[0] + wide and size[1] <= rows * high < size[1] + high
    if len(sizes) > 1 or said != size or not fits:
        tiled = f"{columns} x {rows} tiles of {wide} x {high}"
        raise ValueError(f"a picture of {size[0]} x {size[1]} (its grid: {said[0]} x {said[1]}) of {tiled}")


def _check_coded(item: Item) -> None:
    """Refuse bytes that would make a decoder unpack more than the item says."""
    wide, high = _extent(item)
    settings = item.one(CONFIG[item.kind]) or b""
    if item.kind == b"hvc1":
        sizes = hevc_sizes(settings)
    else:
        sizes = [size for size in (av1_size(settings[4:]), av1_size(item.data)) if size]
    if not sizes:
        raise ValueError(f"item {item.id} does not say its coded size")
    for coded in sizes:
        if not (wide <= coded[0] <= wide + _SPARE and high <= coded[1] <= high + _SPARE):
            got = f"item {item.id} says to be {wide} x {high}"
            raise ValueError(f"{got}, but is coded as {coded[0]} x {coded[1]}")


def _orientation(item: Item, kind: bytes, name: str) -> int:
    """How the stored picture has to be turned, from its properties in their order.

    `irot` turns it counterclockwise by so many quarters; `imir` of axis 0 swaps top and bottom, of axis 1
    left and right (ISO/IEC 23008-12:2022, 6.5.10 and 6.5.12). In an AVIF the turn comes first whatever their
    order: ISO/IEC 23000-22, 7.3.6.7 asks that of files, and libavif, as browsers have it, reads them so.

    Raises:
        PhotoError: unsupported: a part is cut out after the picture was turned.
    """
    orientation, turned = 1, False
    properties = item.properties
    if kind == b"av01":
        properties = sorted(properties, key=lambda it: it.kind == b"imir")
    for it in properties:
        if it.kind == b"irot" and it.body:
            for _ in range(it.body[0] & 3):
                orientation, turned = _ROTATED[orientation], True
        elif it.kind == b"imir" and it.body:
            table = _SWAPPED if it.body[0] & 1 else _UPSIDE
            orientation, turned = table[orientation], True
        elif it.kind == b"clap" and turned:
            got = "a HEIF file that is turned before it is cut out"
            raise PhotoError("unsupported", f"{name}: {got}, expected the other way round")
    return orientation


def turning(orientation: int) -> list[tuple[bytes, bytes]]:
    """The properties that turn a picture so: kind and body of each; none of one that is stored upright.

    >>> turning(6), turning(2)
    ([(b'irot', b'\\x03')], [(b'imir', b'\\x01')])
    """
    mirrored = orientation in (2, 4, 5, 7)
    at, quarters = orientation, 0
    if mirrored:
        at = _SWAPPED[at]
    now = 1
    while now != at:
        now, quarters = _ROTATED[now], quarters + 1
    rotate = [(b"irot", bytes([quarters]))] if quarters else []
    return rotate + ([(b"imir", b"\1")] if mirrored else [])


def cut_out(item: Item, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part `(x0, y0, x1, y1)` of a coded picture that its clean aperture shows: all where it has none.

    Raises:
        ValueError: the part is empty, or outside of the picture.
    """
    body = item.one(b"clap")
    if body is None:
        return 0, 0, *size
    cursor = Cursor(body, b"clap")
    sides = []
    numbers = [(_signed(cursor), cursor.number(4)) for _ in range(4)]
    for (whole, part), (off, unit), side in zip(numbers[:2], numbers[2:], size, strict=True):
        if not part or not unit:
            raise ValueError("the clean aperture divides by zero")
        length = whole // part
        start = round((side - 1) / 2 + off / unit - (length - 1) / 2)
        if not (length > 0 and start >= 0 and start + length <= side):
            raise ValueError(f"the clean aperture shows {start} to {start + length} of {side} pixels")
        sides.append((start, start + length))
    (x0, x1), (y0, y1) = sides
    return x0, y0, x1, y1


def _signed(cursor: Cursor) -> int:
    value = cursor.number(4)
    return value - (1 << 32) if value >> 31 else value


def others(heif: Heif, seen: Shown) -> Iterator[str]:
    """What the file holds beside the picture, its alpha and its texts, each in a few words."""
    mine = {one.id for layer in (seen.main, seen.alpha) if layer for one in (layer.item, *layer.tiles)}
    grids = [item for item in heif.items.values() if item.kind == b"grid"]
    parts = {number for item in grids for number in item.refers.get(b"dimg", ())}
    for item in heif.items.values():
        if item.id in mine or (item.id in parts and item.hidden) or item.kind in (b"Exif", b"mime"):
            continue
        if item.refers.get(b"thmb"):
            yield "thumbnail"
        elif item.kind == b"tmap":
            yield "gain map"
        elif item.refers.get(b"auxl"):
            address = _auxiliary(item)
            known = (what for word, what in _AUXILIARY if word in address)
            yield next(known, "auxiliary picture")
        elif item.kind in (b"uri ", b"uuid") or not item.data:
            yield f"HEIF item {item.kind.decode('latin-1').strip()!r}"
        else:
            yield "second picture"
    x0, y0, x1, y1 = cut_out(seen.main.item, seen.main.size)
    if seen.main.size[0] - (x1 - x0) >= _SPARE // 2 or seen.main.size[1] - (y1 - y0) >= _SPARE // 2:
        yield "part that was cut off"
    for it in seen.main.item.properties:
        if it.kind not in _KNOWN:
            yield f"HEIF property {it.kind.decode('latin-1')!r}"
    films = {
        b"moov": "film",
        b"mpvd": "film",
        b"": "data behind the picture",
        b"uuid" + _C2PA: "C2PA manifest",
    }
    for kind in heif.beside:
        if kind != b"free":
            yield films.get(kind, f"HEIF box {kind[:4].decode('latin-1')!r}")


def _auxiliary(item: Item) -> bytes:
    """The address that says what an auxiliary picture is."""
    return (item.one(b"auxC") or b"")[4:].partition(b"\0")[0]


def texts(heif: Heif) -> tuple[list[bytes], list[bytes]]:
    """The EXIF and the XMP of the picture; those of other pictures are theirs."""
    exif, xmp = [], []
    for item in heif.items.values():
        about = item.refers.get(b"cdsc")
        if about and heif.primary not in about:
            continue
        if item.kind == b"Exif":
            exif.append(_tiff(item.data))
        elif item.kind == b"mime" and "xml" in item.content_type:
            xmp.append(item.data)
    return exif, xmp


def _tiff(data: bytes) -> bytes:
    """The TIFF structure of an EXIF item, which says in its first four bytes where that starts."""
    start = 4 + int.from_bytes(data[:4], "big")
    if data[start : start + 2] in (b"II", b"MM"):
        return data[start:]
    return data[4:].removeprefix(b"Exif\0\0")
