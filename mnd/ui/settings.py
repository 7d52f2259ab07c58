"""How the page is served."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UiSettings:
    """How `mnd ui` serves its page.

    Raises:
        ValueError: a number out of its range.

    >>> UiSettings().most_photos
    100
    """

    port: int = 0
    """Port on 127.0.0.1; 0: any that is free."""
    no_browser: bool = False
    """Print the address alone, and open no browser."""
    most_photos: int = 100
    """So many photos at a time; those of yourself are counted apart."""
    most_megabytes: int = 64
    """The largest file that is taken."""
    grace: float = 10.0
    """Seconds after which everything is forgotten once no page is open any more."""

    def __post_init__(self) -> None:
        ranges = (("port", 0, 65535), ("most_photos", 1, 10_000), ("most_megabytes", 1, 1024))
        for name, least, most in (*ranges, ("grace", 0, 86_400)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value!r}, expected a number from {least} to {most}")

    @property
    def bytes(self) -> int:
        """The most bytes of a file."""
        return self.most_megabytes << 20
