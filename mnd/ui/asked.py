"""What a request of the page asks for, read strictly: a value of another kind is refused, never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.files import shown
from ..base.types import Edges
from ..cloaking.levels import Level
from ..faces.face import parse_box
from .session import LEVELS, RefusedError


def told(body: bytes) -> dict[str, Any]:
    """The object that a request brings as JSON.

    Raises:
        RefusedError: it is none.

    >>> told(b'{"turn": 90}')
    {'turn': 90}
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise RefusedError(400, "value", "got no JSON object, expected one")
    return given


def name(given: str) -> str:
    """What a file is called: a name, never a path.

    >>> name("../../etc/passwd"), name("C:\\\\me.jpg"), name("."), name("")
    ('passwd', 'me.jpg', 'photo', 'photo')
    """
    return shown(Path(given.replace("\\", "/")).name or "photo")


def level(given: Mapping[str, Any]) -> Level:
    """The level that is asked for.

    Raises:
        RefusedError: there is none of that name.
    """
    asked = given.get("level")
    for known in LEVELS:
        if asked == known:
            return known
    raise RefusedError(400, "value", f"level is {shown(repr(asked))}, expected one of {', '.join(LEVELS)}")


def flag(given: Mapping[str, Any], what: str, otherwise: bool = False) -> bool:
    """Yes or no.

    Raises:
        RefusedError: it is neither.

    >>> flag({"look": True}, "look"), flag({}, "look")
    (True, False)
    """
    asked = given.get(what, otherwise)
    if not isinstance(asked, bool):
        raise RefusedError(400, "value", f"{what} is {shown(repr(asked))}, expected true or false")
    return asked


def turn(given: Mapping[str, Any]) -> int:
    """Degrees by which the photo is shown turned.

    Raises:
        RefusedError: no quarters of a turn.
    """
    asked = given.get("turn")
    if type(asked) is not int or asked not in (0, 90, 180, 270):
        raise RefusedError(400, "value", f"turn is {shown(repr(asked))}, expected 0, 90, 180 or 270")
    return asked


def boxes(asked: Any, size: tuple[int, int]) -> list[Edges]:
    """Frames inside a photo of `size` (width, height).

    Raises:
        RefusedError: one of them is none, or the photo is not known yet.

    >>> boxes([[0, 0, 20, 30]], (40, 40))
    [(0.0, 0.0, 20.0, 30.0)]
    """
    numbers = (int, float)
    if not isinstance(asked, list) or not all(
        isinstance(box, list) and all(type(edge) in numbers for edge in box) for box in asked
    ):
        wanted = "a list of frames, each four numbers [X0, Y0, X1, Y1] in pixels"
        raise RefusedError(400, "value", f"drawn is {shown(repr(asked))}, expected {wanted}")
    if asked and not all(size):
        raise RefusedError(409, "reading", "the photo has not been read yet, expected frames later")
    try:
        return [parse_box(box, size) for box in asked]
    except (ValueError, OverflowError) as error:
        raise RefusedError(400, "value", shown(error)) from error


def faces(
    given: Mapping[str, Any], chosen: set[int], me: int | None, count: int
) -> tuple[set[int], int | None]:
    """Which of `count` faces are chosen, and which of those is the user; by default what was said before.

    Raises:
        RefusedError: no numbers of faces.

    >>> faces({"chosen": [1]}, {0, 1}, None, 2)
    ({1}, None)
    """
    which, who = given.get("chosen", sorted(chosen)), given.get("me", me)
    known = range(count)
    if not isinstance(which, list) or not all(type(one) is int and one in known for one in which):
        what = f"numbers below {count}"
        raise RefusedError(400, "value", f"chosen is {shown(repr(which))}, expected a list of {what}")
    if who is not None and (type(who) is not int or who not in which):
        raise RefusedError(400, "value", f"me is {shown(repr(who))}, expected null or one that is chosen")
    return set(which), who
