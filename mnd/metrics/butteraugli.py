"""Butteraugli's program, and what its values depend on: its version, and how bright the screen is."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

import numpy as np

from ..base.types import Pixels

TOOL = "butteraugli_main"
NITS = 80
"""Of white: the program's own choice, which is said to it all the same."""
SMALLEST = 8
"""Pixels a side: it knows no smaller pictures."""
_SEEN = {"libjxl 0.7": 11.12163, "libjxl after 0.7 (as 0.11)": 11.59454}
"""What versions say of the probe: the program does not tell its own. After 0.7 low frequencies count more."""


def ask(paths: list[str], open_files: list[int], program: str) -> tuple[float, float]:
    """The largest distance of two files, and the 3-norm of all.

    Raises:
        OSError: the program failed.
    """
    command = [program, *paths, "--intensity_target", str(NITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, pass_fds=open_files)
    if done.returncode or len(done.stdout.split()) < 3:
        raise OSError(f"{TOOL} gave status {done.returncode}: {done.stderr.strip()}")
    largest, _, norm = done.stdout.split()[:3]  # "1.25", "3-norm:", "0.5"
    return float(largest), float(norm)


def probe() -> tuple[Pixels, Pixels]:
    """A grey picture of 64x64, and the same with a square in it that is six levels lighter."""
    grey = np.full((64, 64, 3), 128, np.uint8)
    lighter = grey.copy()
    lighter[16:48, 16:48] += 6
    return grey, lighter


def version() -> str:
    """Which version of libjxl the program on the PATH behaves like; values of two must not be compared.

    Raises:
        OSError: the program failed, or is not there.
    """
    return _version(shutil.which(TOOL) or "")


@cache
def _version(program: str) -> str:
    from .fidelity import butteraugli

    del program  # asked anew where another one has come
    said = butteraugli(*probe())
    for name, value in _SEEN.items():
        if abs(said - value) < 0.01:
            return name
    return f"unknown: {said:.4f} for the probe"
