"""Profiles that ImageMagick writes into PNG files as text: name, length, and hexadecimal in lines."""

from __future__ import annotations

from .exif import clean_exif, exif_orientation
from .icc import clean_icc
from .iptc import clean_iptc, clean_photoshop
from .noted import Noted
from .xmp import clean_xmp

_START = b"Raw profile type "
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_LINE = 36
"""Bytes a line, as ImageMagick writes them."""


def is_profile(keyword: bytes) -> bool:
    """Whether a text with this keyword is such a profile."""
    return keyword.startswith(_START)


def read_profile(text: bytes) -> bytes | None:
    """The bytes of a profile; `None` if the text is none.

    >>> read_profile(b"\\nexif\\n       3\\n49492a\\n")
    b'II*'
    """
    parts = text.split(b"\n", 3)
    try:
        return bytes.fromhex(parts[3].decode("ascii")) if len(parts) == 4 else None
    except ValueError:
        return None


def written_profile(name: bytes, profile: bytes) -> bytes:
    """The text of a profile.

    >>> written_profile(b"exif", b"II*")
    b'\\nexif\\n       3\\n49492a\\n'
    """
    lines = b"\n".join(profile[i : i + _LINE].hex().encode() for i in range(0, len(profile), _LINE))
    return b"\n%s\n%8d\n%s\n" % (name, len(profile), lines)


def profile_exif(keyword: bytes, text: bytes) -> bytes:
    """The EXIF in a profile, `b""` where it holds none."""
    if keyword[len(_START) :].lower() not in (b"exif", b"app1") or not is_profile(keyword):
        return b""
    profile = read_profile(text) or b""
    return b"" if profile.startswith(_XMP) else profile.removeprefix(_EXIF)


def clean_profile(keyword: bytes, text: bytes, exif: bytes, orientation: int, noted: Noted) -> bytes | None:
    """The text with its profile cleaned; `None` when it goes.

    Args:
        keyword: of the text.
        text: as unpacked.
        exif: the EXIF that gets a chunk of its own: the same is not kept twice.
        orientation: how the picture is turned; EXIF that says otherwise goes.
        noted: is told what went.
    """
    kind = keyword[len(_START) :].lower()
    profile = read_profile(text)
    clean = b""
    if profile is None:
        noted.cut("profile that cannot be read")
        return None
    if kind in (b"exif", b"app1") and not profile.startswith(_XMP):
        own = profile.removeprefix(_EXIF)
        if own == exif or exif_orientation(own) != orientation:
            return None
        head = profile[: len(profile) - len(own)]
        clean = head + new if (new := clean_exif(own, noted)) else b""
    elif kind in (b"xmp", b"app1"):
        head = _XMP if profile.startswith(_XMP) else b""
        clean = head + new if (new := clean_xmp(profile.removeprefix(head), noted, orientation)) else b""
    elif kind == b"8bim" or (kind == b"iptc" and profile.startswith(b"8BIM")):
        clean = clean_photoshop(profile, noted)
    elif kind == b"iptc":
        clean = clean_iptc(profile, noted)
    elif kind in (b"icc", b"icm"):
        clean = clean_icc(profile, noted)
    if not clean:
        noted.cut(f"profile {kind.decode('latin-1')!r}")
        return None
    return text if clean == profile else written_profile(text.split(b"\n", 2)[1], clean)
