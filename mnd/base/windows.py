"""What Windows does otherwise with files: names and lengths that it does not take, files that are open.

Read, and tried with doubles of its errors; nobody has run this project on it yet.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

HERE = os.name == "nt"
_IN_USE = (5, 32, 33)
"""ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION."""
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between tries to replace a file that is open."""
LONGEST = 259
"""Characters of a path (MAX_PATH without the zero at its end)."""
_TEMPORARY = len(f".mnd-{'0' * 12}.tmp")
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in "123456789")}


def in_use(error: OSError) -> bool:
    """Whether Windows refuses a file because somebody has it open, or it is read-only: the error is one."""
    return getattr(error, "winerror", None) in _IN_USE


def too_long(path: Path) -> str:
    """What is said of a path that only a Windows with long paths takes; empty: it is short enough.

    The temporary file beside it counts, too.
    """
    whole = os.path.abspath(path)
    longest = max(len(whole), len(os.path.dirname(whole)) + 1 + _TEMPORARY)
    if longest <= LONGEST:
        return ""
    why = "which Windows takes only where long paths are enabled"
    return f"a path of {longest} characters, {why}, expected at most {LONGEST}"


def reserved(name: str) -> str:
    """What makes a name one that Windows has no file for: a device, a sign, its end; empty: nothing does.

    >>> reserved("aux.jpg"), reserved("a:b.jpg"), reserved("a.jpg. ")
    ('aux', ':', ' ')
    >>> reserved("console.jpg"), reserved("com10.png")
    ('', '')
    """
    stem = name.split(".")[0].rstrip(" ")
    if stem.upper() in _DEVICES:
        return stem
    signs = [sign for sign in name if sign in '<>:"/\\|?*' or ord(sign) < 32]
    return signs[0] if signs else name[-1] if name.endswith((" ", ".")) else ""


def replace(temporary: Path | str, path: Path | str) -> None:
    """`os.replace`, which waits a little where Windows says that somebody has one of the files open.

    Scanners and indexers look at every new file for a moment; a viewer keeps one open for longer.

    Raises:
        OSError: as `os.replace`.
    """
    for pause in (*PAUSES, None):
        try:
            os.replace(temporary, path)
            return
        except PermissionError as error:
            if pause is None or not in_use(error):
                raise
            time.sleep(pause)
