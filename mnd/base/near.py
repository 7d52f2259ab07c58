"""What is near a name that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message: the names that look most like `name`.

    >>> did_you_mean("dlip", ["dlib", "facenet-casia"]), did_you_mean("dlip", ["mnd"])
    ('; did you mean dlib?', '')
    """
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""
