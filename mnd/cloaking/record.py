"""What a record says of its photo; in a module that is imported at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Status = Literal["protected", "not protected", "changed, not proven", "failed"]
"""Of a photo. protected: no target matches it. not protected: one does, or it is too visible. changed, not
proven: nobody saw the face that was changed. failed: nothing could be done."""


def without_person(record: Mapping[str, Any]) -> bool:
    """Whether there is a gallery, and nobody in the photo is the person of it.

    >>> without_person({"gallery": {"faces": 2, "person": 0}}), without_person({"gallery": None})
    (True, False)
    """
    gallery = record.get("gallery")
    return gallery is not None and gallery.get("faces", 0) > 0 and gallery.get("person") == 0
