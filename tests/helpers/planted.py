"""Pictures in every form they travel in, and photos whose metadata hide one beside harmless values."""

from __future__ import annotations

import base64
import gzip
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from mnd.photo.heif_writer import Part
from mnd.photo.metadata.directories import Field, written
from mnd.photo.metadata.profiles import written_profile
from mnd.photo.png import png_chunks
from tests.helpers.heif import coded, with_items
from tests.helpers.photos import FACE, ICC, add_chunks, save, segment

PHONES = ("AVIF", "HEIF")
SMALL = FACE[20:84, 70:134]
THUMBNAIL = np.asarray(Image.fromarray(SMALL).resize((40, 40)))
RAW = THUMBNAIL.tobytes()
NAMESPACES = (
    'xmlns:x="adobe:ns:meta/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:own="http://example.org/own/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    'xmlns:darktable="http://darktable.sf.net/" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
)
XAP = b"http://ns.adobe.com/xap/1.0/\0"


def forms() -> dict[str, bytes]:
    """The thumbnail as bytes of every kind."""
    picture = Image.fromarray(THUMBNAIL)
    jpeg, png = save(picture, "JPEG"), save(picture, "PNG")
    made = {
        "jpeg": jpeg, "png": png, "webp": save(picture, "WEBP", lossless=False), "gif": save(picture, "GIF"),
        "bmp": save(picture, "BMP"), "tiff": save(picture, "TIFF"), "raw": RAW, "grey": RAW[::3],
        "jxl": b"\xff\x0a" + zlib.compress(RAW)[2:],
        "jxl box": b"\0\0\0\x0cJXL \r\n\x87\n" + zlib.compress(RAW)[2:],
        "heic": b"\0\0\0\x18ftypheic" + zlib.compress(RAW)[2:], "deflated": zlib.compress(RAW),
        "gzip": gzip.compress(RAW, mtime=0), "deflated jpeg": zlib.compress(jpeg),
        "altered jpeg": b"\0" + jpeg[1:],
        "floats": (THUMBNAIL[..., 0] / np.float32(255)).astype(np.float32).tobytes(),
    }  # fmt: skip
    buffer = io.BytesIO()
    picture.save(buffer, "AVIF")
    return made | {"avif": buffer.getvalue()}


FORMS = forms()


def lines(text: str, width: int, end: str) -> str:
    return end.join(text[i : i + width] for i in range(0, len(text), width))


def texts(data: bytes) -> dict[str, str]:
    """Bytes as text, in the ways of files and programs."""
    code, digits = base64.b64encode(data).decode(), data.hex()
    return {
        "base64": code, "address": f'{{"preview":"data:image/jpeg;base64,{code}"}}',
        "url": base64.urlsafe_b64encode(data).decode(), "lines": lines(code, 76, "\n"),
        "json": '{"a":"' + lines(code, 76, "\\n") + '"}',
        "slashes": '{"a":"' + code.replace("/", "\\/") + '"}',
        "entities": lines(code, 64, "&#xA;"), "percent": code.replace("+", "%2B").replace("/", "%2F"),
        "strings": '["' + lines(code, 60, '", "') + '"]', "hex": digits,
        "HEX": lines(digits.upper(), 72, "\n"),
        "dump": lines(digits, 2, " "), "after words": "a caption of some words " * 9 + code,
        "numbers": "[" + ", ".join(map(str, data)) + "]",
    }  # fmt: skip


@dataclass
class Planted:
    """The metadata of a photo: harmless values, and what was hidden among them."""

    caption: str = "A caption"
    exif: dict[str, list[Field]] = field(default_factory=lambda: {"IFD0": [], "EXIF": [], "GPS": []})
    xmp_attributes: str = ""
    xmp_elements: str = ""
    xmp_behind: bytes = b""
    xmp_code: str = "utf-8"
    iptc: list[tuple[int, int, bytes]] = field(default_factory=list)
    resources: list[tuple[int, bytes]] = field(default_factory=list)
    chunks: list[tuple[bytes, bytes]] = field(default_factory=list)
    segments: bytes = b""
    behind: bytes = b""
    icc: bytes = ICC

    def exif_block(self) -> bytes:
        kept = self.caption.encode()
        below = [
            Field(36867, 2, b"2020:01:02 03:04:05\0"), Field(33434, 5, struct.pack(">II", 1, 125)),
            Field(37510, 7, b"UNICODE\0" + self.caption.encode("utf-16-be")),
            *self.exif["EXIF"],
        ]  # fmt: skip
        gps = [Field(2, 5, struct.pack(">6I", 52, 1, 31, 1, 12, 1)), *self.exif["GPS"]]
        fields = [
            Field(271, 2, b"Camera works\0"), Field(274, 3, b"\0\x01"),
            Field(315, 2, b"EXIF " + kept + b"\0"),
            Field(34665, 4, tuple(below)), Field(34853, 4, tuple(gps)), *self.exif["IFD0"],
        ]  # fmt: skip
        return b"MM\0*\0\0\0\x08" + written(fields, ">", 8)

    def xmp(self) -> bytes:
        packet = (
            f'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta {NAMESPACES}><rdf:RDF>'
            f'<rdf:Description rdf:about="" xmp:Rating="5" own:note="XMP {self.caption}"'
            f"{self.xmp_attributes}>{self.xmp_elements}<dc:rights><rdf:Alt>"
            f'<rdf:li xml:lang="x-default">(c) somebody</rdf:li></rdf:Alt></dc:rights></rdf:Description>'
            f'</rdf:RDF></x:xmpmeta>{" " * 200}<?xpacket end="w"?>'
        )
        return packet.encode(self.xmp_code) + self.xmp_behind

    def photoshop(self) -> bytes:
        fields = [(1, 90, b"\x1b%G"), (2, 120, b"IPTC " + self.caption.encode()), *self.iptc]
        data = b""
        for record, number, value in fields:
            size = (
                struct.pack(">H", len(value))
                if len(value) < 0x8000
                else struct.pack(">HI", 0x8004, len(value))
            )
            data += bytes([0x1C, record, number]) + size + value
        parts = [(1028, data), (1005, bytes(16)), *self.resources]
        return b"".join(b"8BIM" + struct.pack(">HHI", n, 0, len(b)) + b + bytes(len(b) & 1) for n, b in parts)

    def file(self, form: str) -> bytes:
        """A photo with all this."""
        if form == "JPEG":
            extra = segment(0xE1, XAP + self.xmp()) + self.segments
            extra += segment(0xED, b"Photoshop 3.0\0" + self.photoshop())
            exif = b"Exif\0\0" + self.exif_block()
            return save(SMALL, form, exif=exif, extra=extra, icc_profile=self.icc) + self.behind
        if form == "WEBP":
            return (
                save(SMALL, form, exif=self.exif_block(), xmp=self.xmp(), icc_profile=self.icc) + self.behind
            )
        if form in PHONES:
            exif, about = bytes(4) + self.exif_block(), ((b"cdsc", (1,)),)
            data = with_items(
                coded(form, SMALL, icc_profile=self.icc),
                Part(b"Exif", exif, refers=about),
                Part(b"mime", self.xmp(), refers=about, content_type="application/rdf+xml"),
            )
            return data + self.behind
        if form == "PNG":
            packed = zlib.compress(self.icc)
            profile = written_profile(b"8bim", self.photoshop())
            chunks = [
                (b"iCCP", b"profile\0\0" + packed), (b"eXIf", self.exif_block()),
                (b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + self.xmp()),
                (b"zTXt", b"Raw profile type 8bim\0\0" + zlib.compress(profile)), *self.chunks,
            ]  # fmt: skip
            return add_chunks(save(SMALL, "PNG"), *chunks) + self.behind
        return self.tiff()

    def tiff(self) -> bytes:
        height, width = SMALL.shape[:2]
        pixels = SMALL.tobytes()
        layout = [
            Field.of(256, 3, [width], ">"), Field.of(257, 3, [height], ">"), Field.of(258, 3, [8, 8, 8], ">"),
            Field.of(259, 3, [1], ">"), Field.of(262, 3, [2], ">"), Field.of(273, 4, [8], ">"),
            Field.of(277, 3, [3], ">"), Field.of(278, 3, [height], ">"), Field.of(279, 4, [len(pixels)], ">"),
        ]  # fmt: skip
        below = [*self.exif["EXIF"], Field(36867, 2, b"2020:01:02 03:04:05\0")]
        fields = [
            *layout, Field(315, 2, b"EXIF " + self.caption.encode() + b"\0"), Field(700, 1, self.xmp()),
            Field(34377, 7, self.photoshop()), Field(34675, 7, self.icc), Field(34665, 4, tuple(below)),
            *self.exif["IFD0"],
        ]  # fmt: skip
        return b"MM\0*" + struct.pack(">I", 8 + len(pixels)) + pixels + written(fields, ">", 8 + len(pixels))


def binary(tag: int, where: str, form: int = 7) -> Callable[[Planted, bytes], None]:
    def plant(photo: Planted, data: bytes) -> None:
        photo.exif[where].append(Field(tag, form, data + bytes(-len(data) % 8)))

    return plant


def _iptc(record: int, number: int) -> Callable[[Planted, bytes], None]:
    return lambda photo, data: photo.iptc.append((record, number, data))


def _icc(photo: Planted, data: bytes) -> None:
    count = struct.unpack_from(">I", ICC, 128)[0]
    shift, end = 12, 132 + 12 * count
    rows = b"".join(
        struct.pack(">4sII", name, at + shift, size)
        for name, at, size in (struct.unpack_from(">4sII", ICC, at) for at in range(132, end, 12))
    )
    rows += struct.pack(">4sII", b"priv", len(ICC) + shift, len(data))
    body = ICC[:128] + struct.pack(">I", count + 1) + rows + ICC[end:] + data
    photo.icc = struct.pack(">I", len(body)) + body[4:]


def _maker(photo: Planted, data: bytes) -> None:
    binary(37500, "EXIF")(photo, b"VENDOR\0\0" + data)


def _segment(marker: int, head: bytes) -> Callable[[Planted, bytes], None]:
    def plant(photo: Planted, data: bytes) -> None:
        photo.segments += segment(marker, head + data)

    return plant


def _chunk(name: bytes, head: bytes = b"", packed: bool = False) -> Callable[[Planted, bytes], None]:
    def plant(photo: Planted, data: bytes) -> None:
        photo.chunks.append((name, head + (zlib.compress(data) if packed else data)))

    return plant


def _profile(kind: bytes) -> Callable[[Planted, bytes], None]:
    def plant(photo: Planted, data: bytes) -> None:
        hidden = b"MM\0*\0\0\0\x08" + written([Field(0xC111, 7, data)], ">", 8) if kind == b"exif" else data
        text = zlib.compress(written_profile(kind, hidden))
        photo.chunks.append((b"zTXt", b"Raw profile type " + kind + b"\0\0" + text))

    return plant


def _behind(photo: Planted, data: bytes) -> None:
    photo.behind += data


_BINARY: dict[str, tuple[tuple[str, ...], Callable[[Planted, bytes], None]]] = {
    "private tag": (("JPEG", "PNG", "WEBP", "TIFF"), binary(0xC822, "IFD0")),
    "private bytes": (("JPEG", "PNG", "WEBP", "TIFF"), binary(0xC822, "IFD0", 1)),
    "private shorts": (("JPEG", "PNG", "WEBP", "TIFF"), binary(0xC822, "IFD0", 3)),
    "private text": (("JPEG", "PNG", "WEBP", "TIFF"), binary(0xC822, "IFD0", 2)),
    "private EXIF tag": (("JPEG", "PNG", "WEBP", "TIFF"), binary(0xA7A7, "EXIF")),
    "C2PA tag": (("JPEG", "TIFF"), binary(52545, "IFD0")),
    "layers": (("JPEG", "TIFF"), binary(37724, "IFD0")),
    "comment": (("JPEG", "PNG", "WEBP", "TIFF"), binary(37510, "EXIF")),
    "description": (("JPEG", "TIFF"), binary(270, "IFD0", 2)),
    "transfer function": (("JPEG", "TIFF"), binary(301, "IFD0", 3)),
    "GPS method": (("JPEG", "PNG", "WEBP"), binary(27, "GPS")),
    "maker note": (("JPEG", "PNG", "WEBP", "TIFF"), _maker),
    "IPTC preview": (("JPEG", "PNG", "TIFF"), _iptc(2, 202)),
    "IPTC object": (("JPEG", "PNG", "TIFF"), _iptc(8, 10)),
    "IPTC caption": (("JPEG", "PNG", "TIFF"), _iptc(2, 122)),
    "Photoshop thumbnail": (("JPEG", "PNG", "TIFF"), lambda p, d: p.resources.append((1036, d))),
    "Photoshop resource": (("JPEG", "PNG", "TIFF"), lambda p, d: p.resources.append((4000, d))),
    "colour profile": (("JPEG", "PNG", "WEBP", "TIFF"), _icc),
    "behind XMP": (("JPEG", "PNG", "WEBP", "TIFF"), lambda p, d: setattr(p, "xmp_behind", d)),
    "behind the picture": (("JPEG", "PNG", "WEBP"), _behind),
    "APP0": (("JPEG",), _segment(0xE0, b"JFXX\0\x10")),
    "APP4": (("JPEG",), _segment(0xE4, b"maker\0")),
    "APP11": (("JPEG",), _segment(0xEB, b"JP\0\1jumbc2pa")),
    "APP12": (("JPEG",), _segment(0xEC, b"Ducky")),
    "second EXIF": (("JPEG",), _segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0")),
    "COM": (("JPEG",), _segment(0xFE, b"")),
    "private chunk": (("PNG",), _chunk(b"prVt")),
    "C2PA chunk": (("PNG",), _chunk(b"caBX")),
    "PNG text": (("PNG",), _chunk(b"tEXt", b"Comment\0")),
    "packed PNG text": (("PNG",), _chunk(b"zTXt", b"Comment\0\0", packed=True)),
    "profile exif": (("PNG",), _profile(b"exif")),
    "profile of its own": (("PNG",), _profile(b"own")),
    "profile iptc": (("PNG",), _profile(b"iptc")),
}
BINARY = {
    place: ((*formats, *PHONES) if "WEBP" in formats else formats, plant)
    for place, (formats, plant) in _BINARY.items()
}
"""Where bytes can be planted, and in which formats."""


def _described(photo: Planted, text: str) -> None:
    photo.exif["IFD0"].append(Field(270, 2, text.encode() + b"\0"))


def _wide(photo: Planted, text: str) -> None:
    photo.exif["IFD0"].append(Field(40092, 1, text.encode("utf-16-le") + b"\0\0"))


def _comment(head: bytes, code: str) -> Callable[[Planted, str], None]:
    def plant(photo: Planted, text: str) -> None:
        photo.exif["EXIF"].append(Field(37511 if code == "latin-1" else 37510, 7, head + text.encode(code)))

    return plant


def escaped(text: str) -> str:
    """For XML; the entities of one form are what is tested."""
    text = text.replace("&#xA;", "\x01").replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\x01", "&#xA;")


def _xmp(
    before: str, behind: str, where: str = "xmp_elements", code: str = "utf-8"
) -> Callable[[Planted, str], None]:
    def plant(photo: Planted, text: str) -> None:
        setattr(photo, where, before + (text if "CDATA" in before else escaped(text)) + behind)
        photo.xmp_code = code

    return plant


def _items(photo: Planted, text: str) -> None:
    rows = "".join(f"<rdf:li>{escaped(text[i : i + 76])}</rdf:li>" for i in range(0, len(text), 76))
    photo.xmp_elements = f"<own:rows><rdf:Seq>{rows}</rdf:Seq></own:rows>"


def _extended(photo: Planted, text: str) -> None:
    import hashlib

    packet = Planted(xmp_attributes=f' own:long="{escaped(text)}"').xmp()
    digest = hashlib.md5(packet).hexdigest().upper()
    photo.xmp_attributes = f' xmpNote:HasExtendedXMP="{digest}"'
    head = b"http://ns.adobe.com/xmp/extension/\0" + digest.encode() + struct.pack(">II", len(packet), 0)
    photo.segments += segment(0xE1, head + packet)


ALL = ("JPEG", "PNG", "WEBP", "TIFF", *PHONES)
TEXT: dict[str, tuple[tuple[str, ...], Callable[[Planted, str], None]]] = {
    "ImageDescription": (ALL, _described),
    "XPComment": (ALL, _wide),
    "UserComment": (ALL, _comment(b"ASCII\0\0\0", "utf-8")),
    "UserComment without a code": (ALL, _comment(b"", "utf-8")),
    "UserComment in UTF-16": (ALL, _comment(b"UNICODE\0", "utf-16-be")),
    "UserComment in the other UTF-16": (ALL, _comment(b"UNICODE\0", "utf-16-le")),
    "IPTC caption": (("JPEG", "PNG", "TIFF"), lambda p, t: p.iptc.append((2, 122, t.encode()))),
    "IPTC keyword": (("JPEG", "PNG", "TIFF"), lambda p, t: p.iptc.append((2, 25, t.encode()))),
    "XMP attribute": (ALL, _xmp(' own:long="', '"', "xmp_attributes")),
    "XMP element": (ALL, _xmp("<own:long>", "</own:long>")),
    "XMP in a list": (ALL, _xmp("<own:long><rdf:Bag><rdf:li>", "</rdf:li></rdf:Bag></own:long>")),
    "XMP CDATA": (ALL, _xmp("<own:long><![CDATA[", "]]></own:long>")),
    "XMP of darktable": (ALL, _xmp(' darktable:params="', '"', "xmp_attributes")),
    "XMP in UTF-16": (ALL, _xmp("<own:long>", "</own:long>", code="utf-16")),
    "XMP comment": (ALL, _xmp("<!-- ", " -->")),
    "XMP line by line": (ALL, _items),
    "extended XMP": (("JPEG",), _extended),
    "COM": (("JPEG",), lambda p, t: _segment(0xFE, b"")(p, t.encode())),
    "PNG text": (("PNG",), lambda p, t: _chunk(b"tEXt", b"workflow\0")(p, t.encode())),
    "packed PNG text": (("PNG",), lambda p, t: _chunk(b"zTXt", b"workflow\0\0", packed=True)(p, t.encode())),
    "PNG text in UTF-8": (("PNG",), lambda p, t: _chunk(b"iTXt", b"workflow\0\0\0\0\0")(p, t.encode())),
}  # fmt: skip
"""Where texts can be planted, and in which formats."""


def unfolded(data: bytes) -> bytes:
    """All that a file says, unpacked: what is searched for traces of a picture or for harmless values."""
    told = [data]
    if data.startswith(b"\x89PNG"):
        for name, body in png_chunks(data):
            head, _, rest = body.partition(b"\0")
            if name in (b"zTXt", b"iCCP"):
                text = zlib.decompress(rest[1:])
                told.append(text)
                if head.startswith(b"Raw profile"):
                    told.append(bytes.fromhex("".join(text.decode().split("\n")[3:])))
            elif name == b"iTXt" and rest[:1] == b"\1":
                told.append(zlib.decompress(rest[2:].split(b"\0", 2)[-1]))
    whole = b"\0".join(told)
    return whole + whole.replace(b"\0", b"")  # UTF-16, as far as it is ASCII


def traces(secret: bytes, data: bytes, size: int = 24) -> bool:
    """Whether any `size` bytes in a row of what was planted stand in `data`, but for what all files share."""
    pieces = {secret[i : i + size] for i in range(len(secret) // 3, len(secret) - size, 7)}
    return any(len(set(piece)) > 6 and piece in data for piece in pieces)
