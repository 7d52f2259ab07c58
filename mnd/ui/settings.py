"""How the page is served."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UiSettings:
    """How `mnd ui` serves its page.

    Raises:
        ValueError: a number out of its range.

    >>> UiSettings().photos
    100
    """

    port: int = 0
    """Port on 127.0.0.1; 0: any that is free."""
    browser: bool = True
    """Open the page in the browser; --no-browser prints the address alone."""
    photos: int = 100
    """So many photos at a time, those of yourself counted apart."""
    megabytes: int = 64
    """The largest file that is taken."""
    grace: float = 10.0
    """Seconds after which everything is forgotten once no page is open any more."""

    def __post_init__(self) -> None:
        ranges = (("port", 0, 65535), ("photos", 1, 10_000), ("megabytes", 1, 1024), ("grace", 0, 86_400))
        for name, least, most in ranges:
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value!r}, expected a number from {least} to {most}")

    @property
    def bytes(self) -> int:
        """The most bytes of a file."""
        return self.megabytes << 20
