"""What the clients that are written in Python have in common: a request in, one line a photo and a pair out.

Runs in the clients' own environment, so it imports nothing of the project. See `judge.py` for the lines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

Faces = list[list[float]]
"""An embedding a face, the face nearest to the middle of the photo first; none where no face is found."""
Box = tuple[float, float, float, float]


def from_middle(boxes: Iterable[Box], width: int, height: int) -> list[int]:
    """The numbers of boxes `(x0, y0, x1, y1)`, the nearest to the middle of the photo first."""
    far = [((x0 + x1 - width) ** 2 + (y0 + y1 - height) ** 2) for x0, y0, x1, y1 in boxes]
    return sorted(range(len(far)), key=far.__getitem__)


def serve(
    about: dict[str, dict[str, Any]],
    embed: Callable[[str, list[str]], dict[str, Faces]],
    compare: Callable[[list[float], list[float]], tuple[float, bool]],
) -> None:
    """Answer the request on standard input.

    Args:
        about: threshold and version of each judge.
        embed: the faces in a file, for each of the judges named.
        compare: distance of two embeddings, and whether the client calls them one person.
    """
    request = json.load(sys.stdin)
    out = sys.stdout
    sys.stdout = sys.stderr

    def say(**line: Any) -> None:
        print(json.dumps(line), file=out, flush=True)

    say(about={name: about[name] for name in request["judges"]})
    known: dict[str, dict[str, Faces]] = request["known"]
    for key, photo in request["photos"].items():
        for judge, faces in embed(photo["path"], photo["judges"]).items():
            known.setdefault(judge, {})[key] = faces
            say(photo=key, judge=judge, faces=faces)
    for judge, one, other in request["pairs"]:
        say(pair=[judge, one, other], **_pair(known[judge][one], known[judge][other], compare))


def _pair(
    one: Faces, other: Faces, compare: Callable[[list[float], list[float]], tuple[float, bool]]
) -> dict[str, Any]:
    """The distance of the two faces in the middle, whether they match, and the least of all faces."""
    if not one or not other:
        return {"distance": None, "match": False, "nearest": None}
    distance, match = compare(one[0], other[0])
    nearest = min(compare(a, b)[0] for a in one for b in other)
    return {"distance": distance, "match": match, "nearest": nearest}
