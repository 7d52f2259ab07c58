"""How the faces of a photo look after a change, in a line: for people who have not looked yet.

The limits are those of 25 faces that were graded by eye (`docs/lab/appearance.md`). Imported without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FAINT, FAINT_LEARNED = 73.0, 0.005
"""SSIMULACRA2 of a face from which on a change was hardly to be seen, and the E-LPIPS up to which."""
PLAIN = 37.0
"""SSIMULACRA2 of a face below which the others were disfigured."""
REDRAWN = 10
"""Strokes: disfigured faces had 15 and more, others 8 at most."""
TURNED = 3.0
"""CIEDE2000: from here on an iris has another colour."""


def appearance_in_words(record: Mapping[str, Any]) -> str:
    """How the worst face of a checked photo looks; empty where no face was changed.

    >>> seen = {"ssimulacra2": 61.2, "elpips": 0.02, "iris": 5.2, "strokes": 1}
    >>> appearance_in_words({"quality": {"regions": [{"psnr": 35.0, "appearance": seen}]}}).split("; ")[0]
    'Looks: to be seen beside the original when enlarged (SSIMULACRA2 of the face 61)'
    """
    changed = [
        region["appearance"]
        for region in (record.get("quality") or {}).get("regions") or ()
        if "appearance" in region and region["psnr"] is not None
    ]
    seen = [face for face in changed if face is not None]
    if not seen:
        return "Looks: not judged, the features of the face were not found." if changed else ""
    worst = min(seen, key=_rank)
    where = "" if len(changed) == 1 else f", the worst of {len(changed)} faces"
    parts = [f"Looks{where}: {_verdict(worst)}"]
    if worst["iris"] >= TURNED:
        parts.append("an iris has another colour")
    if strokes := worst["strokes"]:
        parts.append(f"{strokes} stroke{'' if strokes == 1 else 's'} drawn on brows, eyes, nose or lips")
    return "; ".join(parts) + "."


def warning_in_words(record: Mapping[str, Any]) -> str:
    """The same of a photo that was just cloaked, where it is disfigured; else empty.

    A search knows strokes and irises alone, so that it cannot say that a change is hardly to be seen.

    >>> drawn = {"ssimulacra2": None, "elpips": None, "iris": 0.3, "strokes": 13}
    >>> regions = [{"psnr": 37.0, "appearance": drawn}]
    >>> warning_in_words({"output": "a.jpg", "quality": {"regions": regions}})[:30]
    'Looks: the face is drawn over;'
    """
    faces = [region.get("appearance") or {} for region in (record.get("quality") or {}).get("regions") or ()]
    bad = any(face.get("strokes", 0) >= REDRAWN or face.get("iris", 0.0) >= TURNED for face in faces)
    if not (bad and record["output"]):
        return ""
    return f"{appearance_in_words(record)} Look at it before you share it (--page has both side by side)."


def _rank(seen: Mapping[str, Any]) -> tuple[bool, float, float]:
    """Lower is worse."""
    known = seen["ssimulacra2"]
    return seen["strokes"] < REDRAWN, 0.0 if known is None else known, -(seen["elpips"] or 0.0)


def _verdict(seen: Mapping[str, Any]) -> str:
    score, learned = seen["ssimulacra2"], seen["elpips"]
    told = "" if score is None else f" (SSIMULACRA2 of the face {score:.0f})"
    if seen["strokes"] >= REDRAWN:
        return f"the face is drawn over{told}"
    if score is not None and score < PLAIN:
        return f"plain to see{told}"
    faint = score >= FAINT if score is not None else learned is not None and learned <= FAINT_LEARNED
    words = "hardly to be seen beside the original, even" if faint else "to be seen beside the original when"
    return f"{words} enlarged{told}"
