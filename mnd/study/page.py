"""The rating page: one HTML file that asks for nothing from anywhere, made from a template and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.html import embedded, render
from .settings import StudySettings

ANSWERS = "rating-answers-1"
"""The format of the file that observers send back."""


@dataclass(frozen=True)
class Presentation:
    """What the page knows of a trial: opaque ids, and the size in pixels.

    Attributes:
        id, content: of the trial and its content.
        reference, test: of the two pictures.
        width, height: of both.
    """

    id: str
    content: str
    reference: str
    test: str
    width: int
    height: int


def page(
    study: str,
    trials: Sequence[Presentation],
    training: Sequence[Presentation],
    assets: Mapping[str, str],
    settings: StudySettings,
) -> str:
    """The page as text: `study` is its id, `assets` has the data URI of each picture.

    >>> text = page("1f", [Presentation("aa", "bb", "cc", "dd", 8, 8)], [], {"cc": "data:,", "dd": "data:,"},
    ...     StudySettings())
    >>> "connect-src" in text, "default-src 'none'" in text
    (False, True)
    """
    return render(
        "rating.html",
        {
            "seconds": f"{settings.seconds:g}",
            "grey": f"{settings.grey:g}",
            "study": embedded(_data(study, trials, training, settings)),
            "assets": assets,
        },
        __package__,
        styles=("rating.css",),
        scripts=("order.js", "rating.js"),
        styled=False,
    )


def _data(
    study: str, trials: Sequence[Presentation], training: Sequence[Presentation], settings: StudySettings
) -> dict[str, Any]:
    def told(shown: Presentation) -> dict[str, Any]:
        return {name: getattr(shown, name) for name in Presentation.__dataclass_fields__}

    return {
        "format": ANSWERS,
        "id": study,
        "trials": [told(trial) for trial in trials],
        "training": [told(trial) for trial in training],
        "seconds": settings.seconds,
        "grey": settings.grey,
        "presentation": settings.presentation,
        "perSession": settings.per_session,
        "dummies": settings.dummies,
        "zoom": settings.zoom,
    }
