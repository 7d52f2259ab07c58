"""Makers' notes: private directories of cameras, in the forms that are known; only such can be cleaned."""

from __future__ import annotations

from .directories import Directory, directory
from .noted import Noted

_IFD_AT = {
    b"Nikon\0\1": 8, b"OLYMP\0": 8, b"Panasonic\0": 12, b"LEICA\0": 8, b"SONY DSC ": 12, b"SONY CAM ": 12,
    b"SONY MOBILE": 12, b"AOC\0": 6, b"SIGMA\0": 10, b"FOVEON\0": 10, b"QVC\0": 6,
    b"Ricoh\0": 8, b"RICOH\0": 8,
}  # fmt: skip
"""Where the directory stands behind these heads; places are counted from the start of EXIF."""
_OWN_BASE = {b"OLYMPUS\0": 12, b"OM SYSTEM\0": 16, b"Apple iOS\0": 14, b"PENTAX \0": 10, b"FUJIFILM": 12}
"""The same, where places are counted from the start of the note."""
_PANASONIC = b"Panasonic\0"
_FACES, _BABY = 0x61, 0x66
_PEOPLE = {_FACES: "recognised faces", _BABY: "baby"}
_PLACES = {
    _PANASONIC: {0x67: "location", 0x69: "country", 0x6B: "state", 0x6D: "city", 0x6F: "landmark",
                 0x80: "city"},
    b"Nikon\0": {0x39: "location"},
}  # fmt: skip
"""What cameras with a map of their own write into their notes."""


def note_directory(data: bytes, at: int, size: int, order: str) -> Directory | None:
    """The directory of the maker's note of `size` bytes at byte `at`; `None` if its form is not known.

    Args:
        data: the whole EXIF structure.
        at: where the note starts.
        size: its bytes.
        order: of EXIF; some notes name their own.
    """
    note = data[at : at + size]
    start, base = at, 0
    if note.startswith(b"Nikon\0\2") and note[10:12] in (b"II", b"MM"):
        order, base = _order(note[10:12], order), at + 10
        start = base + int.from_bytes(note[14:18], "little" if order == "<" else "big")
    elif head := next((head for head in _IFD_AT if note.startswith(head)), b""):
        start = at + _IFD_AT[head]
        order = _order(note[4:6], order) if head == b"AOC\0" else ">" if head == b"QVC\0" else order
    elif head := next((head for head in _OWN_BASE if note.startswith(head)), b""):
        start, base = at + _OWN_BASE[head], at
        if head == b"FUJIFILM":
            order, start = "<", at + int.from_bytes(note[8:12], "little")
        else:
            mark = {b"OLYMPUS\0": 8, b"OM SYSTEM\0": 12, b"Apple iOS\0": 12, b"PENTAX \0": 8}[head]
            order = _order(note[mark : mark + 2], order)
    if not at <= start <= at + size - 2:
        return None
    try:
        found = directory(data, order, start, base)
    except ValueError:
        return None
    count = int.from_bytes(data[start : start + 2], "little" if order == "<" else "big")
    fits = count > 0 and start + 2 + 12 * count <= at + size
    return found if fits and found.entries and all(entry.known for entry in found.entries) else None


def _order(mark: bytes, otherwise: str) -> str:
    return {b"II": "<", b"MM": ">"}.get(mark, otherwise)


def leads_away(note: bytes, tag: int) -> bool:
    """Whether a tag of this note leads to another directory, of a preview.

    >>> leads_away(b"Nikon\\0\\2\\x10", 0x11), leads_away(b"Panasonic\\0\\0\\0", 0x11)
    (True, False)
    """
    return note.startswith(b"Nikon\0") and tag == 0x11


def names_people(note: bytes, tag: int = _FACES) -> bool:
    """Whether a tag of this note names people: those that Panasonic's cameras recognise, and babies."""
    return note.startswith(_PANASONIC) and tag in (_FACES, _BABY)


def called(note: bytes, tag: int) -> str:
    """What a tag that has to go is called in the list of what was removed.

    >>> called(b"Panasonic\\0\\0\\0", 0x61), called(b"Canon", 0x61)
    ('MakerNote recognised faces', 'MakerNote 0x0061')
    """
    known = {**_places(note), **(_PEOPLE if note.startswith(_PANASONIC) else {})}
    return f"MakerNote {known.get(tag, f'0x{tag:04X}')}"


def _places(note: bytes) -> dict[int, str]:
    return next((tags for head, tags in _PLACES.items() if note.startswith(head)), {})


def names_place(note: bytes, tag: int, value: bytes) -> bool:
    """Whether a tag of this note says where the photo was taken; cameras write lines where they do not know.

    >>> names_place(b"Panasonic\\0\\0\\0", 0x6D, b"Rome"), names_place(b"Panasonic\\0\\0\\0", 0x6D, b"---\\0")
    (True, False)
    """
    return tag in _places(note) and any(byte > 127 or chr(byte).isalpha() for byte in value)


def note_people(note: bytes, found: Directory, noted: Noted) -> None:
    """Note the people that a maker's note names: three at most, each with 20 bytes of name."""
    if not note.startswith(_PANASONIC):
        return
    for entry in found.entries:
        value = found.value(entry)
        if entry.tag == _FACES and len(value) >= 2:
            count = int.from_bytes(value[:2], "little" if found.order == "<" else "big")
            for i in range(min(count, 3)):
                name = value[4 + 48 * i : 24 + 48 * i].split(b"\0")[0]
                noted.person("MakerNote recognised faces", name.decode("utf-8", "replace"))
        elif entry.tag == _BABY and (name := value.split(b"\0")[0].strip()):
            noted.person("MakerNote baby", name.decode("utf-8", "replace"))


def note_places(note: bytes, found: Directory, noted: Noted) -> bool:
    """Note the places that a maker's note names; whether one has to go."""
    there = [entry for entry in found.entries if names_place(note, entry.tag, found.value(entry))]
    gone = [noted.place(called(note, entry.tag)) for entry in there]
    return any(gone)
