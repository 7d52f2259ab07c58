"""What can be done now, by what became of a photo: the last line of a record in words.

Imported at once, without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .sentences import State

ADVICE: dict[State, str] = {
    "not-proven": "Draw a box close around the face, upright or turned.",
    "no-face": "Turn the photo, draw a box around the face, or change the whole picture.",
    "nobody": "Add photos that show the person more alike, or draw a box around the face that was not found.",
}
CALMER = {
    "minimum": "Allow a larger change, or leave this photo out.",
    "robust": "Choose the level minimum, which changes less but holds in the very file alone, or a larger "
    "photo of the face.",
    "strong": "Choose the level robust, which changes less but goes less far against other recognisers, or "
    "a larger photo of the face.",
}
"""Of what is too visible, by its level: what the next one does."""
ADVICE_ON = {
    "exists": "Choose another name, or have the earlier file replaced.",
    "original": "Choose another name.",
    "unwritable": "Choose a folder that may be written to.",
    "disk-full": "Make room on the disk.",
    "too-large": "Make the photo smaller.",
    "unsupported": "Convert it to JPEG or PNG first.",
    "other-photo": "Give the file that was made of this photo.",
    "memory": "Make the photo smaller, or close other programs.",
    "download": "Try again when there is a network.",
    "offline": "Allow the download, or choose another recogniser.",
}
"""By the kind of error, where something can be done about it."""


def advice(state: State, record: Mapping[str, Any], made: bool) -> str:
    """What can be done about a record in this state; empty where nothing needs to be.

    >>> advice("too-visible", {"level": "minimum"}, made=True)
    'Allow a larger change, or leave this photo out.'
    """
    level, kind = str(record.get("level")), (record.get("error") or {}).get("kind")
    if state == "failed":
        return ADVICE_ON.get(str(kind), "")
    if state == "recognised":
        if not made:
            how = "" if level == "strong" else "at a stronger level or "
            return f"Cloak the original again, {how}with a gallery of other photos."
        return (
            "Try more steps, a stronger level, or a larger photo."
            if level != "strong"
            else ("Try more steps or a larger photo.")
        )
    if state == "as-saved":
        if level == "minimum" and record.get("protected"):
            return "To send it through a messenger, choose the level robust."
        return "To send it through a messenger, cloak the original again at the level robust or strong."
    if state == "no-face" and record.get("compared"):
        return "It may be another photo: look at both."
    if state == "too-visible":
        return CALMER.get(level, "")
    return ADVICE.get(state, "")
