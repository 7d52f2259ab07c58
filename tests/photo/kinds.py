"""Photos of the kinds that phones, cameras, scanners and programs write, made here: 90 of them, a name each.

All show the same face, are described in EXIF and XMP where the kind can be, and have a thumbnail of it there.
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.helpers import deep, inks, ultra_hdr
from tests.helpers.heif import AUXILIARY, coded, small, ten_bits, with_items
from tests.helpers.photos import FACE, ICC, add_chunks, exif_block, png, save, with_alpha

PICTURE = np.ascontiguousarray(FACE[:192, :224])
THUMBNAIL = save(Image.fromarray(PICTURE).resize((56, 48)), "JPEG", quality=80)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"><dc:rights><rdf:Alt>'
    b'<rdf:li xml:lang="x-default">(c) somebody</rdf:li></rdf:Alt></dc:rights></rdf:Description>'
    b"</rdf:RDF></x:xmpmeta>"
)
GREY = Image.fromarray(PICTURE).convert("L")


def exif(orientation: int = 1, order: str = "<") -> bytes:
    return exif_block(order, orientation=orientation, thumbnail=THUMBNAIL)


def jpeg(image: Image.Image | np.ndarray = PICTURE, orientation: int = 1, **options: object) -> bytes:
    carried = {"exif": b"Exif\0\0" + exif(orientation), "icc_profile": ICC, "xmp": XMP, "quality": 88}
    return save(image, "JPEG", **(carried | options))


def described_png(data: bytes, orientation: int = 1) -> bytes:
    text = b"XML:com.adobe.xmp" + bytes(5) + XMP
    return add_chunks(data, (b"eXIf", exif(orientation)), (b"pHYs", struct.pack(">IIB", 3937, 3937, 1)),
                      (b"tEXt", b"Author\0somebody"), (b"iTXt", text))  # fmt: skip


def picture(mode: str) -> Image.Image:
    if mode.endswith("A"):
        return with_alpha(mode).crop((0, 0, 224, 192))
    return Image.fromarray(PICTURE).convert(mode)


def flat_png(mode: str, orientation: int = 1, **options: object) -> bytes:
    return described_png(save(picture(mode), "PNG", **options), orientation)


def few_bits(bits: int) -> bytes:
    """A grey PNG of 1, 2 or 4 bits."""
    import zlib

    levels = np.asarray(GREY) >> (8 - bits)
    packed = np.unpackbits(levels[..., None], axis=2)[..., 8 - bits :].reshape(192, -1)
    rows = np.packbits(packed, axis=1)
    header = struct.pack(">IIBBBBB", 224, 192, bits, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows), 9)
    return described_png(png([(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]))


def webp(orientation: int = 1, mode: str = "RGB", **options: object) -> bytes:
    carried = {"exif": exif(orientation), "icc_profile": ICC, "xmp": XMP}
    return save(picture(mode), "WEBP", **(carried | options))


def tiff(mode: str = "RGB", orientation: int = 1, **options: object) -> bytes:
    tags = {274: orientation, 315: "somebody", 306: "2020:01:02 03:04:05", 700: XMP}
    tags |= dict(options.pop("tiffinfo", {}))  # type: ignore[call-overload]
    return save(picture(mode), "TIFF", icc_profile=ICC, tiffinfo=tags, **options)


def deep_png(count: int, orientation: int = 1) -> bytes:
    return described_png(deep.write_png(deep.deep_face(count)[:192, :224], kind=4), orientation)


def deep_tiff(count: int, **options: object) -> bytes:
    samples = np.ascontiguousarray(deep.deep_face(count)[:192, :224])
    return deep.write_tiff(samples, iccprofile=ICC, description="by the sea", metadata=None, **options)


def of_tifffile(**options: object) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, PICTURE, photometric="rgb", iccprofile=ICC, metadata=None, **options)
    return buffer.getvalue()


def of_planes() -> bytes:
    import tifffile

    buffer = io.BytesIO()
    planes = np.ascontiguousarray(np.moveaxis(PICTURE, 2, 0))
    tifffile.imwrite(
        buffer, planes, photometric="rgb", planarconfig="separate", iccprofile=ICC, metadata=None
    )
    return buffer.getvalue()


def heif(form: str, mode: str = "RGB", orientation: int = 1, **options: object) -> bytes:
    """HEIC or AVIF, by pillow-heif (or the test is left out) and Pillow."""
    carried = {"exif": exif(orientation), "icc_profile": None if mode == "L" else ICC, "xmp": XMP}
    return coded(form, picture(mode), **(carried | options))


def with_clean_pictures(form: str) -> bytes:
    """With a thumbnail, Apple's gain map and a burst's next picture, as items of the file."""
    more = [
        small(form, [(b"thmb", (1,))]),
        small(form, [(b"auxl", (1,))], AUXILIARY["gain map"]),
        small(form),
    ]
    return with_items(heif(form), *more)


HEIFS = {"HEIC": "HEIF", "AVIF": "AVIF"}
P = functools.partial
Maker = Callable[[], bytes]
KINDS: dict[str, Maker] = {
    **{f"JPEG {name}": P(jpeg, subsampling=k) for k, name in enumerate(("4:4:4", "4:2:2", "4:2:0"))},
    **{f"progressive JPEG {name}": P(jpeg, subsampling=k, progressive=True)
       for k, name in enumerate(("4:4:4", "4:2:2", "4:2:0"))},
    **{f"JPEG turned {k}": P(jpeg, orientation=k) for k in range(2, 9)},
    **{f"JPEG of quality {k}": P(jpeg, quality=k) for k in (35, 75, 98)},
    "JPEG of tables of its own": P(jpeg, qtables=[[3 + k // 8 for k in range(64)], [5] * 64]),
    "JPEG with restart markers": P(jpeg, restart_marker_blocks=7),
    "JPEG without any metadata": lambda: save(PICTURE, "JPEG", quality=90),
    "JPEG of RGB": P(jpeg, keep_rgb=True),
    "JPEG with a comment": P(jpeg, comment=b"by the sea"),
    "JPEG of 300 dpi": P(jpeg, dpi=(300, 300)),
    "grey JPEG": P(jpeg, GREY), "grey progressive JPEG": P(jpeg, GREY, progressive=True),
    "Ultra HDR": lambda: ultra_hdr.ultra(PICTURE),
    "Ultra HDR by XMP alone": lambda: ultra_hdr.ultra(PICTURE, iso=False),
    "Ultra HDR by ISO alone": lambda: ultra_hdr.ultra(PICTURE, xmp=False),
    "Ultra HDR in colours, 4:2:0": lambda: ultra_hdr.ultra(PICTURE, colour=True, subsampling=2),
    "Ultra HDR, turned": lambda: ultra_hdr.ultra(PICTURE, exif=b"Exif\0\0" + exif(6)),
    "CMYK JPEG": lambda: inks.saved("JPEG", PICTURE, quality=90, subsampling=0),
    "CMYK JPEG without a profile": lambda: inks.saved("JPEG", PICTURE, profile=False, subsampling=0),
    "YCCK JPEG": lambda: inks.ycck(PICTURE, exif=b"Exif\0\0" + exif()),
    "progressive YCCK JPEG": lambda: inks.ycck(PICTURE, progressive=True),
    **{f"PNG {mode}": P(flat_png, mode) for mode in ("L", "LA", "RGB", "RGBA")},
    **{f"PNG turned {k}": P(flat_png, "RGB", k) for k in (3, 6, 8)},
    "palette PNG": lambda: described_png(save(Image.fromarray(PICTURE).quantize(200), "PNG")),
    **{f"grey PNG of {k} bits": P(few_bits, k) for k in (1, 2, 4)},
    "PNG with a profile": P(flat_png, "RGB", icc_profile=ICC),
    "PNG without any metadata": lambda: save(PICTURE, "PNG"),
    **{f"PNG of 16 bits, {name}": P(deep_png, k) for name, k in deep.COUNTS.items()},
    "PNG of 16 bits, turned": P(deep_png, 3, 6),
    "WebP": P(webp, lossless=False, quality=85), "WebP of quality 50": P(webp, lossless=False, quality=50),
    "WebP, turned": P(webp, 6, lossless=False, quality=85), "lossless WebP": P(webp),
    "WebP with alpha": P(webp, mode="RGBA", lossless=False, quality=85),
    "lossless WebP with alpha": P(webp, mode="RGBA"),
    **{f"TIFF {mode}": P(tiff, mode) for mode in ("L", "LA", "RGB", "RGBA")},
    **{f"TIFF, {name}": P(tiff, compression=name)
       for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")},
    "TIFF, LZW with predictor": P(tiff, compression="tiff_lzw", tiffinfo={317: 2}),
    "TIFF, turned": P(tiff, orientation=8),
    "TIFF, high byte first": P(of_tifffile, byteorder=">"), "TIFF in tiles": P(of_tifffile, tile=(64, 64)),
    "TIFF in planes": P(of_planes),
    **{f"TIFF of 16 bits, {name}": P(deep_tiff, k, compression="zlib", predictor=True)
       for name, k in deep.COUNTS.items() if k != 2},
    "raw TIFF of 16 bits": P(deep_tiff, 3),
    "TIFF of 16 bits, high byte first": P(deep_tiff, 3, byteorder=">"),
    "CMYK TIFF": lambda: inks.saved("TIFF", PICTURE, compression="tiff_lzw"),
    "CMYK TIFF without a profile": lambda: inks.saved("TIFF", PICTURE, profile=False),
    **{f"{name} {k}": P(heif, form, subsampling=k)
       for name, form in HEIFS.items() for k in ("4:2:0", "4:2:2", "4:4:4")},
    **{f"{name} turned {k}": P(heif, form, orientation=k) for name, form in HEIFS.items() for k in (3, 5, 6)},
    **{f"grey {name}": P(heif, form, "L") for name, form in HEIFS.items()},
    **{f"{name} with alpha": P(heif, form, "RGBA") for name, form in HEIFS.items()},
    **{f"{name} with other pictures": P(with_clean_pictures, form) for name, form in HEIFS.items()},
    "HEIC in tiles": P(heif, "HEIF", tile_size=64), "HEIC of 10 bits": ten_bits,
    "HEIC of 12 bits": P(ten_bits, bits=12),
    "BMP": lambda: save(PICTURE, "BMP", dpi=(200, 200)), "grey BMP": lambda: save(GREY, "BMP"),
}  # fmt: skip
