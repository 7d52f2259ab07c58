"""deepface's `verify` with the model "Dlib" as a judge, with several of its detectors."""

from __future__ import annotations

import importlib.metadata

from deepface import DeepFace
from deepface.modules import verification
from deepface.modules.exceptions import FaceNotDetected
from PIL import Image
from serving import Faces, from_middle, serve

MODEL = "Dlib"
DETECTORS = {f"deepface-{name}": name for name in ("opencv", "dlib", "mtcnn")}


def embed(path: str, judges: list[str]) -> dict[str, Faces]:
    """The embeddings that `verify` makes of a file with its defaults."""
    return {judge: _embed(path, DETECTORS[judge]) for judge in judges}


def _embed(path: str, detector: str) -> Faces:
    extract = vars(verification)["__extract_faces_and_embeddings"]
    try:
        codes, areas = extract(path, model_name=MODEL, detector_backend=detector)
    except (FaceNotDetected, ValueError) as error:
        if "could not be detected" not in str(error):
            raise
        return []
    with Image.open(path) as image:
        boxes = [(a["x"], a["y"], a["x"] + a["w"], a["y"] + a["h"]) for a in areas]
        return [codes[i] for i in from_middle(boxes, *image.size)]


def compare(one: list[float], other: list[float]) -> tuple[float, bool]:
    """What `verify` says of two embeddings, with its default metric and threshold."""
    found = DeepFace.verify(one, other, model_name=MODEL, silent=True)
    return found["distance"], found["verified"]


if __name__ == "__main__":
    threshold = verification.find_threshold(MODEL, "cosine")
    about = {"client": f"deepface {importlib.metadata.version('deepface')}", "threshold": threshold}
    serve(dict.fromkeys(DETECTORS, about), embed, compare)
