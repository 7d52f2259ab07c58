"""Photos and metadata with a picture planted in them, damaged, and what `Photo` makes of them."""

from __future__ import annotations

import functools
import io
import random
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from . import mutations
from .cases import ACCEPTED, Case, Verdict, refused
from .leaks import Searcher

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the folder of `tests`
from mnd.photo.jpeg_segments import read_segments
from mnd.photo.metadata.exif import clean_exif, exif_orientation
from mnd.photo.metadata.icc import clean_icc
from mnd.photo.metadata.iptc import clean_iptc, clean_photoshop
from mnd.photo.metadata.noted import Noted
from mnd.photo.metadata.profiles import clean_profile
from mnd.photo.metadata.xmp import clean_xmp
from mnd.photo.photo import Photo, PhotoError
from mnd.photo.second_reader import disagreement
from tests.helpers import planted
from tests.helpers.photos import ICC, save
from tests.helpers.planted import BINARY, FORMS, PHONES, SMALL, TEXT, THUMBNAIL, XAP, Planted, texts

PIXELS = 1_000_000
"""Larger pictures are refused, so that a damaged size does not cost seconds."""
_PLACES = [*((place, formats, False) for place, (formats, _) in BINARY.items()),
           *((place, formats, True) for place, (formats, _) in TEXT.items())]  # fmt: skip
_OFTEN = ("JPEG",) * 5 + ("PNG",) * 5 + ("TIFF",) * 5 + ("WEBP", "WEBP", "BMP", *PHONES)
_CODED = sorted(set(texts(b"")))
_OTHER = np.random.default_rng(0).integers(0, 256, THUMBNAIL.shape, np.uint8)


def _forms_of(pixels: np.ndarray) -> dict[str, bytes]:
    """Other pixels in the forms of the planted picture."""
    before = planted.THUMBNAIL, planted.RAW
    planted.THUMBNAIL, planted.RAW = pixels, pixels.tobytes()
    try:
        return planted.forms()
    finally:
        planted.THUMBNAIL, planted.RAW = before


@functools.cache
def searcher() -> Searcher:
    """For the planted picture."""
    plain = [Planted().file(form) for form in planted.ALL] + [
        save(Image.fromarray(SMALL).convert(mode), "JPEG", quality=75) for mode in ("RGB", "L", "CMYK")
    ]
    return Searcher(FORMS.values(), [*_forms_of(_OTHER).values(), *plain, ICC], THUMBNAIL)


_texts = functools.cache(texts)


def _planted(rng: random.Random, form: str) -> Planted:
    """Metadata with the picture in one or two places; seldom without."""
    photo = Planted()
    places = [it for it in _PLACES if form in it[1]]
    for place, _, is_text in rng.sample(places, rng.choice((0, 1, 1, 1, 2))):
        # floats among the parameters of darktable are taken for a mask, which they may be
        known = set(FORMS) - ({"floats"} if place == "XMP of darktable" else set())
        secret = FORMS[rng.choice(sorted(known))]
        if is_text:
            TEXT[place][1](photo, _texts(secret)[rng.choice(_CODED)])
        else:
            BINARY[place][1](photo, secret)
    if rng.random() < 0.2:
        photo.exif["IFD0"] = [f for f in photo.exif["IFD0"] if f.tag != 274]
    return photo


def _modes(rng: random.Random, form: str) -> Image.Image:
    """The photo in one of the modes that the format has."""
    known = {"JPEG": ("RGB", "L", "CMYK"), "PNG": ("RGB", "L", "1", "P", "RGBA", "LA", "I;16"),
             "WEBP": ("RGB", "RGBA"), "TIFF": ("RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16", "F"),
             "BMP": ("RGB", "L", "1", "P", "RGBA")}[form]  # fmt: skip
    mode = rng.choice(known)
    image = Image.fromarray(SMALL[: rng.choice((64, 33)), : rng.choice((64, 17))])
    if mode in ("I;16", "F"):
        return Image.fromarray(np.asarray(image.convert("L")).astype({"F": np.float32}.get(mode, np.uint16)))
    return image.convert(mode)


def _other_file(rng: random.Random, form: str) -> bytes:
    """A photo of another make than the usual ones, with the picture in its EXIF and behind it."""
    image, metadata = _modes(rng, form), _planted(rng, "JPEG" if form == "BMP" else form)
    options: dict[str, object] = {}
    if form in ("JPEG", "PNG", "WEBP"):
        exif = metadata.exif_block()
        options = {"exif": b"Exif\0\0" + exif if form == "JPEG" else exif}
        options |= {"icc_profile": ICC} if rng.random() < 0.3 else {}
    if form == "JPEG":
        options |= {"progressive": rng.random() < 0.5, "quality": rng.choice((30, 75, 95))}
        options |= {"subsampling": rng.choice((0, 1, 2))} if image.mode == "RGB" else {}
        options |= {"restart_marker_blocks": 2} if rng.random() < 0.2 else {}
        if len(options["exif"]) > 65000:  # type: ignore[arg-type]
            del options["exif"]
        if rng.random() < 0.3:  # further pictures behind the first
            buffer = io.BytesIO()
            image.save(buffer, "MPO", save_all=True, append_images=[Image.fromarray(THUMBNAIL)])
            return buffer.getvalue()
    if form == "WEBP":
        options |= {"lossless": rng.random() < 0.5}
    if form == "TIFF":
        packed = ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate")
        options |= {"compression": rng.choice(packed), "tiffinfo": {270: "a caption", 315: "somebody"}}
        if rng.random() < 0.2 and image.mode == "RGB":
            options |= {"save_all": True, "append_images": [Image.fromarray(THUMBNAIL)]}
    behind = FORMS[rng.choice(("jpeg", "png", "raw"))] if rng.random() < 0.3 else b""
    return save(image, form, **options) + behind


class Photos:
    """Whole files: read, changed, written, read again by two readers."""

    def make(self, number: str) -> Case:
        """JPEG, PNG, WebP, TIFF, BMP, AVIF or HEIC, damaged."""
        rng = random.Random(number)
        form = rng.choice(_OFTEN)
        if form == "BMP" or (form not in PHONES and rng.random() < 0.3):
            data = _other_file(rng, form)
        else:
            data = _planted(rng, form).file(form)
        what, parts = rng.random(), {"JPEG": mutations.jpeg, "PNG": mutations.png, "WEBP": mutations.webp}
        if what < 0.55 and form in parts:
            data = parts[form](rng, data)
        elif what < 0.8 and form not in ("BMP", *PHONES):
            data = mutations.directory(rng, data)
        else:
            head = rng.choice((40, 400, len(data)))  # faults in headers are more to the point
            data = mutations.damaged(rng, data[:head]) + data[head:]
        if rng.random() < 0.1:
            data = mutations.damaged(rng, data, 1)
        if form == "PNG" and rng.random() < 0.9:
            data = mutations.summed(data)
        return Case("names" if rng.random() < 0.1 else "photo", data, f".{form.lower()}")

    def judge(self, case: Case, folder: Path) -> Verdict:
        """Nothing of the planted picture may be in what is written, or told."""
        del folder
        try:
            stripped = case.reader == "names"
            photo = Photo.from_bytes(case.data, PIXELS, strip_names=stripped, strip_gps=stripped)
        except PhotoError as error:
            too_large = isinstance(error.__cause__, MemoryError)
            return Verdict("memory", str(error)[:200]) if too_large else _told(str(error), refused(error))
        # other pixels, so that a picture which a damaged place shows as the photo is no leak
        new = 255 - photo.pixels
        out = photo.encode(new)
        hidden = photo.alpha is not None and searcher().longest(photo.alpha.tobytes()) > 64
        if searcher().leaks(out) and not hidden:
            return Verdict("leak", f"{searcher().longest(out)} bytes in a row")
        try:
            seen = photo.decode(out)
        except PhotoError as error:
            return Verdict("unlike", f"what was written is refused: {error}")
        if seen.shape != new.shape or (photo.lossless and not np.array_equal(seen, new)):
            return Verdict("unlike", f"{new.shape} was written, {seen.shape} is read")
        height, width = seen.shape[:2]
        if why := disagreement(out, photo.pixels, seen, [(0, 0, width, height)]):
            return Verdict("unlike", why)
        return _told(" ".join((*photo.removed, *photo.names["fields"])), ACCEPTED)


def _told(text: str, verdict: Verdict) -> Verdict:
    """`verdict`, unless the planted picture is in what is told."""
    if len(text) > 200 and searcher().leaks(text.encode("utf-8", "surrogatepass")):
        return Verdict("leak", "in a message")
    return verdict


def _icc(data: bytes, noted: Noted) -> bytes:
    return clean_icc(data, noted)


def _exif(data: bytes, noted: Noted) -> bytes:
    exif_orientation(data)
    return clean_exif(data, noted)


def _profile(data: bytes, noted: Noted) -> bytes:
    keyword, _, text = data.partition(b"\0\0")
    return clean_profile(keyword, text, b"", 1, noted) or b""


def _segments(data: bytes, noted: Noted) -> bytes:
    told = read_segments(data, noted)
    return told.exif + told.icc + told.kept + told.density


CLEANERS: dict[str, Callable[[bytes, Noted], bytes]] = {
    "exif": _exif, "xmp": lambda data, noted: clean_xmp(data, noted, 1), "iptc": clean_iptc,
    "photoshop": clean_photoshop, "icc": _icc, "profile": _profile, "segments": _segments,
}  # fmt: skip


class Metadata:
    """The cleaners alone: they must take anything."""

    def make(self, number: str) -> Case:
        """A structure with the picture in it, damaged."""
        rng = random.Random(number)
        reader = rng.choice(("exif", "exif", "exif", *CLEANERS))
        photo = _planted(rng, "JPEG")
        match reader:
            case "exif":
                data = mutations.directory(rng, _maker(rng) if rng.random() < 0.3 else photo.exif_block())
            case "xmp":
                data = _damaged_xml(rng, photo.xmp())
            case "iptc" | "photoshop":
                data = photo.photoshop()
                start = data.find(b"\x1c") if reader == "iptc" else 0
                data = mutations.damaged(rng, data[max(start, 0) :])
            case "icc":
                data = mutations.damaged(rng, photo.icc[:400]) + photo.icc[400:]
            case "profile":
                kind = rng.choice((b"exif", b"xmp", b"8bim", b"iptc", b"icc", b"app1"))
                inner = rng.choice((photo.exif_block(), XAP + photo.xmp(), photo.photoshop(), photo.icc))
                text = planted.written_profile(kind, mutations.damaged(rng, inner))
                data = b"Raw profile type " + kind + b"\0\0" + text
            case _:
                data = mutations.jpeg(rng, photo.file("JPEG"))
        if rng.random() < 0.3:
            data = mutations.damaged(rng, data)
        return Case(reader, data)

    def judge(self, case: Case, folder: Path) -> Verdict:
        """Nothing of the planted picture may come out, and no exception."""
        del folder
        noted = Noted(strip_names=len(case.data) % 4 == 0, strip_gps=len(case.data) % 3 == 0)
        out = CLEANERS[case.reader](case.data, noted)
        if searcher().leaks(out):
            return Verdict("leak", f"{searcher().longest(out)} bytes in a row")
        return _told(" ".join(noted.removed), ACCEPTED if out else Verdict("refused"))


def _damaged_xml(rng: random.Random, data: bytes) -> bytes:
    """XMP with faults, half of them between whole tags and attributes, so that it stays XML more often."""
    if rng.random() < 0.5:
        return mutations.damaged(rng, data)
    odd = (
        b"<!-- x -->", b"<![CDATA[<&]]>", b"<a/>", b"<a b='1'/>", b"<rdf:li>x</rdf:li>", b"&#0;", b"&amp;",
        b"<?x y?>", b"\xef\xbb\xbf", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<a>" * 300, b"tiff:Orientation='6'",
        b"<mwg-rs:Regions xmlns:mwg-rs='http://www.metadataworkinggroup.com/schemas/regions/'/>",
        b"<q xmlns:xmpGImg='http://ns.adobe.com/xap/1.0/g/img/'><xmpGImg:image>/9j/</xmpGImg:image></q>",
    )  # fmt: skip
    for _ in range(rng.randint(1, 3)):
        places = [at for at, byte in enumerate(data) if byte in b"<> "]
        at = rng.choice(places) + rng.randrange(2)
        data = data[:at] + rng.choice(odd) + data[at:]
    return data


_MAKERS = (
    b"Nikon\0\2\x10\0\0", b"OLYMPUS\0II\3\0", b"Panasonic\0\0\0", b"Apple iOS\0\0\1MM", b"FUJIFILM\x0c\0\0\0",
    b"SONY DSC \0\0\0", b"AOC\0II", b"Ricoh\0\0\0", b"OM SYSTEM\0\0\0II\3\0", b"PENTAX \0II",
)  # fmt: skip


def _maker(rng: random.Random) -> bytes:
    """EXIF with a maker's note of a known form, in which the picture is a preview."""
    secret = FORMS[rng.choice(sorted(FORMS))]
    head = rng.choice(_MAKERS)
    if head.startswith(b"Nikon"):
        head += b"II*\0\x08\0\0\0"
    rows = [(2, 2, b"a text of a camera\0"), (rng.choice((0x11, 0x61, 0x66, 0x2001)), 7, secret)]
    at = len(head) + 2 + 12 * len(rows) + 4 - (10 if head.startswith(b"Nikon") else 0)
    table, behind = struct.pack("<H", len(rows)), b""
    for tag, form, value in rows:
        table += struct.pack("<HHII", tag, form, len(value), at + len(behind))
        behind += value
    note = head + table + bytes(4) + behind
    photo = Planted()
    photo.exif["EXIF"].append(planted.Field(37500, 7, note))
    return photo.exif_block()
