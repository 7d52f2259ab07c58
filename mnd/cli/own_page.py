"""`--page`: a page of one's own photo, for one's own eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from ..cloaking.record import Record
from .app import UsageError
from .helping import KEPT

AsPage = Annotated[
    bool,
    Parameter(
        "--page",
        help="Make a private page to look at, beside the original: before and after, with the clean face.",
        show_default=False,
    ),
]
AsPlace = Annotated[
    Path | None,
    Parameter(
        "--page-to",
        help="The file to write the page to, or a folder; not one that you publish.",
        show_default=False,
        group=KEPT,
    ),
]


@dataclass(frozen=True)
class OwnPage:
    """What was asked for."""

    page: AsPage = False
    page_to: AsPlace = None

    @property
    def wanted(self) -> bool:
        """Whether there is to be one."""
        return self.page or self.page_to is not None

    def begin(self, photos: Sequence[Path]) -> Pages:
        """Where the pages of these photos go.

        Raises:
            UsageError: several would go to one file.
        """
        if not self.wanted:
            return Pages({})
        from ..cloaking.own_page import page_paths

        try:
            return Pages(dict(zip(photos, page_paths(photos, self.page_to), strict=True)))
        except ValueError as error:
            raise UsageError(f"--page-to: {error}") from error


@dataclass(frozen=True)
class Pages:
    """The pages that are to be written, by photo; there are none where none were asked for."""

    places: dict[Path, Path]

    def write(self, record: Record, photo: Path, overwrite: bool = False, checked: bool = False) -> str:
        """Write the page of a photo, and note it in the record; what went wrong, if anything did."""
        if photo not in self.places:
            return ""
        from ..base.files import PhotoError
        from ..cloaking.own_page import write_page

        record["page"] = None
        try:
            made = write_page(record, photo, self.places[photo], overwrite, checked)
        except PhotoError as error:
            return f"{error}: this page was not made"
        record["page"] = None if made is None else str(made)
        return ""


NO_PAGE = OwnPage()
if TYPE_CHECKING:
    AsOwnPage: TypeAlias = Any
else:
    AsOwnPage = Annotated[OwnPage, Parameter(name="*")]
"""A command with an argument of this type has both options."""
