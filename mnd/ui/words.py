"""What the page is told of photos and results, in the words of `cloaking.sentences`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..cloaking.distances import distance_in_words, nearest_in_words
from .session import Trouble

if TYPE_CHECKING:
    from ..cloaking.sentences import Told
    from ..cloaking.subjects import Subject
    from ..faces.detector import Search
    from ..photo.photo import Photo

LEVELS = (
    {"name": "minimum", "title": "Hardly visible", "told": "holds in this file only"},
    {"name": "robust", "title": "For sharing", "told": "holds after messengers, too"},
    {"name": "strong", "title": "Visible", "told": "easy to see; more margin"},
)
"""The looks that can be chosen, in words of which two or three lines fit below a small picture."""
ADVICE = {
    "the level robust or strong": "“For sharing” or “Visible”",
    "the level robust": "“For sharing”",
    "the level minimum": "“Hardly visible”",
    "Try more steps, a": "Try a",
    "Try more steps or a": "Try a",
    "a gallery of other photos": "other photos of yourself",
    "raw a box": "raw a frame",
    ", draw a frame around the face, or change the whole picture": " or draw a frame around the face",
    "Allow a larger change, or leave": "Leave",
}
"""Advice of `cloaking.sentences`, and how the page calls what it names; in this order."""
TARGETS = {
    "dlib": "the recogniser of most home-made programs (face_recognition, face-api)",
    "facenet-vggface2": "FaceNet, which deepface and many tutorials use",
    "facenet-casia": "FaceNet, trained on other photos",
}
"""Who the targets are, for people."""
DRAW = "Draw a frame around the face, or turn the photo. If there is none, nothing has to be changed."
_OTHER_FILE = {
    "unsupported": "Save it as JPEG, PNG or WebP with another program, and drop that.",
    "not-an-image": "Drop a photo: JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP.",
    "truncated": "The file is not whole: copy it again from where it came from.",
    "too-large": "Make it smaller first.",
}


def other_file(kind: str) -> str:
    """What can be done about a file that cannot be read."""
    return _OTHER_FILE.get(kind, "Try another file.")


def here(told: Told) -> Told:
    """What a record says, with advice that names what there is on the page, not on a command line."""
    advice = told.advice
    for words, ours in ADVICE.items():
        advice = advice.replace(words, ours)
    return replace(told, advice=advice)


def new(subject: Subject, others: Sequence[Subject]) -> bool:
    """Whether a face in a drawn frame is none of those that were found."""
    from ..cloaking.subjects import SAME_FACE
    from ..faces.face import overlap

    return all(overlap(subject.box, other.box) <= SAME_FACE for other in others)


def nobody_there(search: Search) -> Trouble:
    """What is wrong with a photo in which no face was found."""
    if search.suspects:
        return Trouble("suspected-face", "No face for sure, but there may be one.", DRAW)
    return Trouble("no-face", f"No face was found ({search.told()}).", DRAW)


def metadata(photo: Photo) -> dict[str, Any]:
    """What the file says beside its pixels."""
    return {
        "location": photo.location,
        "camera": photo.camera,
        "taken": photo.taken,
        "names": photo.names["people"],
    }


def likeness(subject: Subject) -> str:
    """How near a face comes to the photos of the user, for each target, and from where on that is a match."""
    if subject.likeness is None:
        return ""
    told = []
    for target, value in zip(subject.targets, subject.likeness, strict=True):
        sign = "below" if target.card.lower_is_same else "above"
        told.append(f"{target.card.name}: {value:.2f}, a match is {sign} {target.card.threshold:g}")
    return "; ".join(told)


def nearest(subjects: Sequence[Subject]) -> str:
    """How near the nearest of these faces comes to the photos of the user, for the first target."""
    card = subjects[0].targets[0].card
    values = [subject.likeness[0] for subject in subjects if subject.likeness]
    return nearest_in_words(values, card.threshold, card.unit)


def rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line for each face and target: what it says of the clean photo and of the saved file."""
    return [
        {
            "face": number,
            "target": name,
            "told": distance_in_words(it["after"], it["threshold"], it["unit"]),
            **{key: it[key] for key in ("before", "after", "threshold", "unit", "fooled", "channel")},
        }
        for number, region in enumerate(record["regions"])
        for name, it in region["targets"].items()
    ]
