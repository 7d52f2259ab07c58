"""What is noted while a photo's metadata are cleaned: what went, and which of it names people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict


class Names(TypedDict):
    """How many people the metadata of a photo name or point at, and in which fields; never the names."""

    people: int
    fields: list[str]


@dataclass
class Noted:
    """Filled in by the readers of metadata; of what a photo says, only the kinds of its fields are told.

    >>> noted = Noted()
    >>> noted.cut("EXIF thumbnail"), noted.cut("EXIF thumbnail"), noted.removed
    (None, None, ['EXIF thumbnail'])
    >>> noted.person("XMP mwg-rs:Regions", "Jane"), noted.person("XMP dc:creator", "jane "), noted.told()
    (None, None, {'people': 1, 'fields': ['XMP mwg-rs:Regions', 'XMP dc:creator']})
    """

    strip_names: bool = False
    """Names of people and rectangles of their faces are to be removed."""
    strip_gps: bool = False
    """What says where the photo was taken is to be removed."""
    strip: bool = False
    """All is to be removed that is not needed to show the photo; both of the above, too."""
    removed: list[str] = field(default_factory=list)
    """What does not come out, each kind of it once, in short texts."""
    names: set[str] = field(default_factory=set)
    """The names met, folded; only to find the same name again in other fields."""
    location: bool = False
    """What is kept says where the photo was taken."""
    taken: bool = False
    """What is kept says when."""
    make: str = ""
    model: str = ""
    spots: set[str] = field(default_factory=set)
    """Places that tags have named, folded; only to find the same again among keywords."""
    _unnamed: int = 0
    _fields: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.strip:
            self.strip_names = self.strip_gps = True

    def cut(self, what: str) -> None:
        """Note that a field does not come out."""
        if what not in self.removed:
            self.removed.append(what)

    def person(self, where: str, name: str) -> None:
        """Note that the field `where` names or shows somebody; `name` is empty for a mere rectangle."""
        if folded := name.strip().casefold():
            self.names.add(folded)
        else:
            self._unnamed += 1
        if where not in self._fields:
            self._fields.append(where)

    def named(self, name: str) -> bool:
        """Whether this is the name of somebody met before."""
        return name.strip().casefold() in self.names

    def place(self, where: str) -> bool:
        """Note that the field `where` says where the photo was taken; whether it has to go.

        >>> noted = Noted(strip_gps=True)
        >>> noted.place("EXIF GPS"), noted.removed, noted.location
        (True, ['EXIF GPS'], False)
        """
        if self.strip_gps:
            self.cut(where)
        else:
            self.location = True
        return self.strip_gps

    @property
    def camera(self) -> str:
        """Make and model in at most 80 printable characters; the make once where the model begins with it.

        >>> Noted(make="Canon", model="Canon EOS R5").camera, Noted(make="Apple", model="iPhone 12").camera
        ('Canon EOS R5', 'Apple iPhone 12')
        """
        make, model = (_line(text) for text in (self.make, self.model))
        first = make.split(" ")[0].casefold()
        both = model if first and model.casefold().startswith(first) else f"{make} {model}".strip()
        return "" if self.strip else both[:80].strip()

    def told(self) -> Names:
        """For the record."""
        return {"people": len(self.names) + self._unnamed, "fields": list(self._fields)}


def _line(text: str) -> str:
    """A text in one line of printable characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:400]).split())
