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
    removed: list[str] = field(default_factory=list)
    """What does not come out, each kind of it once, in short texts."""
    names: set[str] = field(default_factory=set)
    """The names met, folded; only to find the same name again in other fields."""
    _unnamed: int = 0
    _fields: list[str] = field(default_factory=list)

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

    def told(self) -> Names:
        """For the record."""
        return {"people": len(self.names) + self._unnamed, "fields": list(self._fields)}
