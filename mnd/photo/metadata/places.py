"""What of a photo's metadata says where it was taken, or with what and when, in each of their languages."""

from __future__ import annotations

import re

GPS_PLACE = {2, 4, 20, 22, 28}
"""Tags of EXIF's GPS directory that name a place: of the camera, of what it is turned to, and in words."""
GEO_TAGS = {33550, 33922, 34264, 34735, 34736, 34737}
"""Tags of GeoTIFF: which spot of the earth a picture shows."""
IPTC_PLACES = {(2, 26), (2, 27), (2, 90), (2, 92), (2, 95), (2, 100), (2, 101)}
"""Fields of IPTC: content location, city, place in it, province and country."""
MAKE, MODEL = 271, 272
EXIF_TIMES = {306, 36867, 36868}
IPTC_TIMES = {(2, 55), (2, 62)}
_XMP_PLACES = {
    "photoshop:City", "photoshop:State", "photoshop:Country", "Iptc4xmpCore:Location",
    "Iptc4xmpCore:CountryCode", "Iptc4xmpExt:LocationShown", "Iptc4xmpExt:LocationCreated",
    "Iptc4xmpExt:Sublocation", "Iptc4xmpExt:City", "Iptc4xmpExt:ProvinceState", "Iptc4xmpExt:CountryName",
    "Iptc4xmpExt:CountryCode", "Iptc4xmpExt:WorldRegion", "Iptc4xmpExt:LocationName",
    "Iptc4xmpExt:LocationId", "xmpDM:shotLocation", "dc:coverage", "dcterms:spatial", "geo:lat", "geo:long",
    "geo:alt", "geo:lat_long", "mediapro:Location", "expressionmedia:Location",
}  # fmt: skip
XMP_CAMERA = ("tiff:Make", "tiff:Model")
XMP_TIMES = {
    "exif:DateTimeOriginal", "exif:DateTimeDigitized", "photoshop:DateCreated", "xmp:CreateDate",
    "xap:CreateDate",
}  # fmt: skip
XMP_PREFIXES = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM",
    "http://purl.org/dc/terms/": "dcterms",
    "http://www.w3.org/2003/01/geo/wgs84_pos#": "geo",
}
_MEASURED = re.compile(r"gps|latitude|longt?itude", re.IGNORECASE)
"""In the name of a field, whoever's it is: drones, say, have places of their own."""
_WORDS = re.compile(r"(sub)?-?location|city|town|province|country", re.IGNORECASE)
_ROOTS = {
    "places", "place", "locations", "location", "geo", "gps", "orte", "ort", "lieux", "lieu", "lugares",
    "luoghi", "locais", "места", "地点", "場所",
}  # fmt: skip
"""What editors and people call the root of their tags of places."""


def xmp_place(name: str) -> bool:
    """Whether an XMP field of this name, with the usual prefix, says where a photo was taken.

    >>> xmp_place("exif:GPSLatitude"), xmp_place("drone-dji:GpsLongtitude"), xmp_place("prism:location")
    (True, True, True)
    >>> xmp_place("dc:title")
    False
    """
    local = name.rpartition(":")[2]
    return name in _XMP_PLACES or bool(_MEASURED.search(local) or _WORDS.fullmatch(local))


def keyword_place(name: str) -> bool:
    """Whether a PNG text under this keyword says where a photo was taken.

    >>> keyword_place("exif:GPSLatitude"), keyword_place("City"), keyword_place("Author")
    (True, True, False)
    """
    return bool(_MEASURED.search(name) or _WORDS.fullmatch(name.strip().rpartition(":")[2]))


def keyword_time(name: str) -> bool:
    """Whether a PNG text under this keyword says when a photo was taken.

    >>> keyword_time("Creation Time"), keyword_time("exif:DateTimeOriginal"), keyword_time("Title")
    (True, True, False)
    """
    return bool(re.search(r"date|creation time", name, re.IGNORECASE))


def tag_place(tag: str) -> bool:
    """Whether a path of tags leads to a place.

    >>> tag_place("Places|Italy|Rome"), tag_place("People/Jane")
    (True, False)
    """
    root, *below = re.split(r"[/|\\]", tag.strip())
    return bool(below) and root.strip().casefold() in _ROOTS
