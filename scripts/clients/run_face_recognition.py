"""face_recognition as a judge: its small and large model with 1 and 10 jitters, both photos alike."""

from __future__ import annotations

import importlib.metadata
import inspect

import face_recognition
import numpy as np
from face_recognition import api
from serving import Faces, from_middle, serve

LOOKS = {f"fr-{model}-{jitters}": (model, jitters) for model in ("small", "large") for jitters in (1, 10)}


def embed(path: str, judges: list[str]) -> dict[str, Faces]:
    """`face_encodings`, which looks for faces with the rectangles that are found here once for all."""
    image = face_recognition.load_image_file(path)
    # the rectangles that face_encodings finds itself: not cut at the border, as face_locations has them
    found = [api._rect_to_css(face) for face in api._raw_face_locations(image)]
    order = from_middle([(left, top, right, bottom) for top, right, bottom, left in found], *_size(image))
    places = [found[i] for i in order]
    faces = {}
    for judge in judges:
        model, jitters = LOOKS[judge]
        codes = face_recognition.face_encodings(image, places, num_jitters=jitters, model=model)
        faces[judge] = [code.tolist() for code in codes]
    return faces


def _size(image: np.ndarray) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def compare(one: list[float], other: list[float]) -> tuple[float, bool]:
    """`face_distance` and `compare_faces` with its default tolerance."""
    known, asked = [np.array(one)], np.array(other)
    distance = float(face_recognition.face_distance(known, asked)[0])
    return distance, bool(face_recognition.compare_faces(known, asked)[0])


if __name__ == "__main__":
    tolerance = inspect.signature(face_recognition.compare_faces).parameters["tolerance"].default
    version = importlib.metadata.version("face_recognition")
    about = {"client": f"face_recognition {version}", "threshold": tolerance}
    serve(dict.fromkeys(LOOKS, about), embed, compare)
