"""XMP without the pictures in it: a field that hides one is cut, all other bytes stay as they are.

XMP is read as XML (no document types, whose entities can unfold) and taken apart into tags and texts; what
is written are the same pieces, less those that were cut. So nothing is lost to formatting, and parameters
of editors stay where only pictures have to go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from xml.parsers import expat

from .noted import Noted
from .pictures import TEXT_LIMIT, text_hides
from .places import XMP_CAMERA, XMP_PREFIXES, XMP_TIMES, tag_place, xmp_place

_TOKEN = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|</[^>]*>|<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>|[^<]+", re.DOTALL
)
_NAME = re.compile(r"<([^\s/>]+)")
_ATTRIBUTE = re.compile(r"\s*([^\s=]+)\s*=\s*(\"[^\"]*\"|'[^']*')", re.DOTALL)
_DEPTH = 200
_CODES = {
    b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\0\0": "utf-32", b"<\0\0\0": "utf-32-le",
    b"\0\0\0<": "utf-32-be", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}  # fmt: skip
"""How a packet is coded, by its first bytes."""

_PREFIXES = {
    "http://ns.adobe.com/xap/1.0/g/img/": "xmpGImg",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://ns.microsoft.com/photo/1.2/": "MP",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://darktable.sf.net/": "darktable",
    "http://ns.acdsee.com/regions/": "acdsee-rs",
    "http://ns.iview-multimedia.com/mediapro/1.0/": "mediapro",
    "http://ns.microsoft.com/expressionmedia/1.0/": "expressionmedia",
    **XMP_PREFIXES,
}
"""The usual prefixes of name spaces that matter here; others are called as the file calls them."""
_IMAGES = {"xmpGImg:image", "xapGImg:image"}
_THUMBNAILS = {"xmp:Thumbnails", "xap:Thumbnails"}
_DATA = {"GImage", "GDepth", "GAudio", "GFocus", "GPano", "Device", "Camera", "Image", "Depth", "DepthMap"}
"""Name spaces whose `Data` are pictures or sounds."""
_STALE = {"GCamera", "Container", "Item", "hdrgm", "HDRGainMap"}
"""Name spaces that point at other pictures in the file, which are not copied."""
EXTENDED = "xmpNote:HasExtendedXMP"

_REGIONS = {"mwg-rs:Regions", "MP:RegionInfo", "Iptc4xmpExt:ImageRegion", "acdsee-rs:Regions"}
_REGION_NAMES = ("Name", "PersonDisplayName", "PersonInImage")
_PEOPLE = {
    "Iptc4xmpExt:PersonInImage", "Iptc4xmpExt:PersonInImageWDetails", "mediapro:People",
    "expressionmedia:People",
}  # fmt: skip
_TREES = {"digiKam:TagsList", "lr:hierarchicalSubject", "MicrosoftPhoto:LastKeywordXMP",
          "MicrosoftPhoto:LastKeywordIPTC"}  # fmt: skip
_ROOTS = {
    "people", "person", "persons", "personen", "leute", "faces", "gesichter", "personnes", "visages",
    "personas", "persone", "pessoas", "люди", "人物", "人",
}  # fmt: skip
"""What editors and people call the root of their tags of people."""


@dataclass
class _Attribute:
    raw: str
    name: str
    value: str


@dataclass(eq=False)
class _Element:
    """An element: its tags and what is between them, as pieces of the text."""

    name: str
    """With the usual prefix of its name space."""
    start: str
    attributes: list[_Attribute]
    close: str
    """What ends the start tag."""
    spaces: dict[str, str]
    parent: _Element | None
    children: list[_Element | str] = field(default_factory=list)
    end: str = ""

    def elements(self) -> Iterator[_Element]:
        """This element and all below it."""
        yield self
        for child in self.children:
            if isinstance(child, _Element):
                yield from child.elements()

    def text(self) -> str:
        """What stands directly in it, without comments."""
        return "".join(_value(child) for child in self.children if isinstance(child, str))

    def all_text(self) -> str:
        """What stands in it and below."""
        return "".join(element.text() for element in self.elements()).strip()

    def written(self) -> str:
        """The pieces that are left."""
        inner = "".join(c if isinstance(c, str) else c.written() for c in self.children)
        return self.start + "".join(a.raw for a in self.attributes) + self.close + inner + self.end

    def remove(self) -> None:
        """Take it out of its parent, once."""
        if self.parent is not None and self in self.parent.children:
            self.parent.children.remove(self)


def clean_xmp(
    xmp: bytes, noted: Noted | None = None, orientation: int | None = None, extended: str = ""
) -> bytes:
    """XMP without embedded pictures and without pointers to pictures that are not copied.

    Args:
        xmp: a packet, in UTF-8 or UTF-16; UTF-8 comes out.
        noted: is told what went, and asks for names of people to be removed.
        orientation: how the picture is turned; `tiff:Orientation` that says otherwise goes (`None`: stays).
        extended: the digest of the extended XMP that will stand beside it; its pointer goes without one.

    Returns:
        The packet; `b""` if it is no XML that can be searched, which is noted.
    """
    noted = Noted() if noted is None else noted
    if not xmp.strip(b"\0 \r\n\t"):
        return b""
    text = _well_formed(_text(xmp, noted), noted)
    outer = None if text is None else _tree(text)
    if outer is None:
        noted.cut("XMP that cannot be read")
        return b""
    for root in [child for child in outer.children if isinstance(child, _Element)]:
        _note_people(root, noted)
        if noted.strip_names:
            _strip_people(root, noted)
        _see_places(root, noted)
        _cut_pictures(root, noted)
        _cut_pointers(root, noted, orientation, extended)
    _cut_asides(outer, noted)
    return outer.written().encode()


def _text(xmp: bytes, noted: Noted) -> str:
    """The packet as text: UTF-8, UTF-16 or UTF-32, by its first bytes."""
    code = next((code for start, code in _CODES.items() if xmp.startswith(start)), "utf-8")
    try:
        text = xmp.decode(code)
    except UnicodeDecodeError as error:
        # bytes after the packet may be anything; within it they may not, which its XML then shows
        noted.cut("bytes after the XMP packet")
        text = xmp[: error.start].decode(code).rpartition(">")[0] + ">"
    # it is written in UTF-8, so it must not call itself anything else
    return (
        re.sub(r"\A(\s*<\?xml[^>]*?)\sencoding=[\"'][^\"']*[\"']", r"\1", text)
        if code[:5] != "utf-8"
        else text
    )


def _well_formed(text: str, noted: Noted) -> str | None:
    """The text up to the end of its XML, or `None` if it is none: what is cut must not leave broken XML."""
    text = text.strip("\0").lstrip(" \r\n\t\ufeff")
    if len(text) > TEXT_LIMIT or re.search(r"<!(?!--|\[CDATA\[)", text):
        return None
    data = text.encode()
    for _ in range(2):
        parser = expat.ParserCreate("utf-8")
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            junk = error.code == expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]
            loose = error.code == expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]
            end = data.rfind(b">", 0, parser.ErrorByteIndex) + 1
            if not (junk or loose) or not end:
                return None
            noted.cut("bytes after the XMP packet")
            data = data[:end]
        else:
            return data.decode()
    return None


def _tree(text: str) -> _Element | None:
    """The text, taken apart: an element around all that stands in it, with no tags of its own."""
    outer = here = _Element("", "", [], "", {}, None)
    depth = 0
    for token in _TOKEN.findall(text):
        if token.startswith("</"):
            here.end = token
            here, depth = here.parent or outer, depth - 1
        elif token.startswith("<") and not token.startswith(("<!", "<?")):
            child = _element(token, here)
            here.children.append(child)
            if not child.close.endswith("/>"):
                here, depth = child, depth + 1
            if depth > _DEPTH:
                return None
        else:
            here.children.append(token)
    return outer


def _element(token: str, parent: _Element) -> _Element:
    """The element that a start tag begins."""
    match = _NAME.match(token)
    assert match is not None, "expat has called it well-formed"
    inside = token[match.end() :].removesuffix(">").removesuffix("/").rstrip()
    close = token[match.end() + len(inside) :]
    found = [(a[0], a[1], a[2]) for a in _ATTRIBUTE.finditer(inside)]
    spaces = parent.spaces | {
        name.partition(":")[2]: unescape(value[1:-1]) for _, name, value in found if name.startswith("xmlns")
    }
    named = [_Attribute(raw, _usual(name, spaces), unescape(value[1:-1])) for raw, name, value in found]
    return _Element(_usual(match[1], spaces), match[0], named, close, spaces, parent)


def _usual(name: str, spaces: dict[str, str]) -> str:
    """A name with the usual prefix of its name space."""
    prefix, colon, local = name.rpartition(":")
    return f"{_PREFIXES.get(spaces.get(prefix, ''), prefix)}:{local}" if colon else name


def _value(token: str) -> str:
    """What a piece of text says; comments and instructions say nothing."""
    if token.startswith("<![CDATA["):
        return token[9:-3]
    return "" if token.startswith("<") else unescape(token)


def _cut_pictures(root: _Element, noted: Noted) -> None:
    """Take out every value that is a picture by its name or may hold one."""
    for element in list(root.elements()):
        prefix, _, local = element.name.rpartition(":")
        if element.name in _IMAGES or (local == "Data" and prefix in _DATA):
            noted.cut(f"XMP {element.name}")
            _remove_with(element, _THUMBNAILS)
            continue
        program = prefix == "darktable"
        if text_hides(element.text(), parameters=program) or _split_run(element):
            noted.cut(f"XMP {_field(element)}")
            for part in element.elements() if local in ("Seq", "Bag", "Alt") else [element]:
                part.children = [c for c in part.children if isinstance(c, _Element)]
        for attribute in list(element.attributes):
            prefix, _, local = attribute.name.rpartition(":")
            by_name = attribute.name in _IMAGES or (local == "Data" and prefix in _DATA)
            if by_name or text_hides(attribute.value, parameters=prefix == "darktable"):
                noted.cut(f"XMP {attribute.name}")
                element.attributes.remove(attribute)


def _split_run(element: _Element) -> bool:
    """Whether a list holds, line by line, what its lines do not hold alone."""
    if element.name.rpartition(":")[2] not in ("Seq", "Bag", "Alt"):
        return False
    lines = [child.text().strip() for child in element.children if isinstance(child, _Element)]
    return text_hides("\n".join(line for line in lines if len(line) >= 40))


def _field(element: _Element) -> str:
    """The property that an element belongs to, in words of the file."""
    while element.name.startswith("rdf:") and element.parent is not None and element.parent.name:
        element = element.parent
    return element.name


def _remove_with(element: _Element, wholes: set[str]) -> None:
    """Remove an element, or the whole of this name that it is part of."""
    whole: _Element | None = element
    while whole is not None and whole.name not in wholes:
        whole = whole.parent
    (whole or element).remove()


def _cut_pointers(root: _Element, noted: Noted, orientation: int | None, extended: str) -> None:
    """Take out what points at pictures that are not copied, and an orientation that is not the picture's."""

    def stale(name: str, value: Callable[[], str]) -> bool:
        if name == "tiff:Orientation":
            return orientation is not None and value().strip() != str(orientation)
        if name == EXTENDED:
            return not extended
        return name.rpartition(":")[0] in _STALE

    for element in list(root.elements()):
        if stale(element.name, element.all_text):
            noted.cut(f"XMP {element.name}")
            element.remove()
            continue
        for attribute in list(element.attributes):
            if stale(attribute.name, attribute.value.strip):
                noted.cut(f"XMP {attribute.name}")
                element.attributes.remove(attribute)
            elif attribute.name == EXTENDED:
                attribute.raw = attribute.raw.replace(attribute.value, extended)


def _cut_asides(outer: _Element, noted: Noted) -> None:
    """Take out comments that may hold a picture, or an orientation that some readers would find there."""
    for element in outer.elements():
        for child in list(element.children):
            aside = isinstance(child, str) and child.startswith(("<!--", "<?"))
            if aside and (text_hides(str(child)) or "Orientation" in str(child)):
                noted.cut("XMP comment")
                element.children.remove(child)


def _note_people(root: _Element, noted: Noted) -> None:
    """Note who is named, or shown by a rectangle."""
    for element in root.elements():
        where = f"XMP {element.name}"
        if element.name in _REGIONS:
            for name in _faces(element):
                noted.person(where, name)
        elif element.name in _PEOPLE:
            for name in _people(element):
                noted.person(where, name)
        elif element.name in _TREES:
            for item in _items(element):
                if name := _person(item.text()):
                    noted.person(where, name)
        for attribute in element.attributes:
            if attribute.name in _PEOPLE and attribute.value.strip():
                noted.person(f"XMP {attribute.name}", attribute.value)


def _strip_people(root: _Element, noted: Noted) -> None:
    """Take out the names and rectangles that were noted, and keywords that are these names."""
    for element in list(root.elements()):
        if (element.name in _REGIONS and list(_faces(element))) or element.name in _PEOPLE:
            noted.cut(f"XMP {element.name}")
            element.remove()
        elif element.name in _TREES or element.name == "dc:subject":
            for item in _items(element):
                if _person(item.text()) or noted.named(item.text()):
                    noted.cut(f"XMP {element.name}")
                    item.remove()
        for attribute in list(element.attributes):
            if attribute.name in _PEOPLE:
                noted.cut(f"XMP {attribute.name}")
                element.attributes.remove(attribute)


def _see_places(root: _Element, noted: Noted) -> None:
    """Note what says where, when and with what the photo was taken; take out where, if that is asked for."""
    for element in list(root.elements()):
        if xmp_place(element.name) and _says_something(element) and noted.place(f"XMP {element.name}"):
            element.remove()
        elif element.name in _TREES:
            for item in _items(element):
                if tag_place(item.text()):
                    noted.spots.add(re.split(r"[/|\\]", item.text().strip())[-1].strip().casefold())
                    if noted.place(f"XMP {element.name}"):
                        item.remove()
        _see_camera(element.name, element.all_text, noted)
        for attribute in list(element.attributes):
            said = attribute.value.strip()
            if said and xmp_place(attribute.name) and noted.place(f"XMP {attribute.name}"):
                element.attributes.remove(attribute)
            _see_camera(attribute.name, attribute.value.strip, noted)
    for element in root.elements() if noted.strip_gps and noted.spots else ():
        if element.name == "dc:subject":
            for item in _items(element):
                if item.text().strip().casefold() in noted.spots:
                    noted.cut("XMP dc:subject")
                    item.remove()


def _says_something(element: _Element) -> bool:
    """Whether there is a text or a value in it or below."""
    return bool(element.all_text()) or any(
        attribute.value.strip()
        for part in element.elements()
        for attribute in part.attributes
        if not attribute.name.startswith(("rdf:", "xml"))
    )


def _see_camera(name: str, said: Callable[[], str], noted: Noted) -> None:
    """Note when the photo was taken, and with what where EXIF has not said so."""
    if name in XMP_TIMES:
        noted.taken |= bool(said())
    elif name == XMP_CAMERA[0]:
        noted.make = noted.make or said()
    elif name == XMP_CAMERA[1]:
        noted.model = noted.model or said()


def _items(element: _Element) -> list[_Element]:
    return [part for part in element.elements() if part.name == "rdf:li"]


def _people(element: _Element) -> list[str]:
    """The names in a list of people, of plain items or of those with details."""
    named = [part for part in element.elements() if part.name.endswith(":PersonName")]
    items = named or [item for item in _items(element) if not _items_below(item)] or [element]
    return [item.all_text() for item in items if item.all_text()]


def _items_below(item: _Element) -> bool:
    return any(part.name == "rdf:li" for part in item.elements() if part is not item)


def _faces(regions: _Element) -> Iterator[str]:
    """The name in each region that is a face, empty where it has none."""
    lists = [part for part in regions.elements() if part.name in ("rdf:Bag", "rdf:Seq")]
    for item in lists[0].children if lists else ():
        if not isinstance(item, _Element):
            continue
        told: dict[str, str] = {}
        for part in item.elements():
            told.setdefault(part.name.rpartition(":")[2], part.all_text())
            for attribute in part.attributes:
                told.setdefault(attribute.name.rpartition(":")[2], attribute.value.strip())
        if told.get("Type", "Face").casefold() == "face":
            yield next((told[key] for key in _REGION_NAMES if told.get(key)), "")


def _person(tag: str) -> str:
    """The person that a path of tags leads to, empty where it leads to none.

    >>> _person("People/Friends/Jane"), _person("Places|Rome")
    ('Jane', '')
    """
    root, *below = re.split(r"[/|\\]", tag.strip())
    return below[-1] if below and root.strip().casefold() in _ROOTS else ""
