"""Attacks by name: MND, and those that it is compared with; each is imported when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

from ..base.lazy import attach
from .attack import SHAKEN, Attack, shaken

if TYPE_CHECKING:
    from .problem import Counted, Problem

__all__ = ["NAMES", "Attack", "Counted", "Problem", "load"]

_HOMES = {
    "mnd": "mnd",
    "mnd-40": "mnd",
    "mnd-plain": "mnd",
    "mnd-structure": "mnd",
    "mnd-spread": "mnd",
    "fgsm": "foolbox",
    "i-fgsm": "foolbox",
    "pgd": "foolbox",
    "mi-fgsm": "mi_fgsm",
    "cw": "foolbox",
    "deepfool": "foolbox",
    "ddn": "ddn",
    "ddn-40": "ddn",
    "ddn-foolbox-100": "foolbox",
    "fmn": "fmn",
    "alma": "alma",
    "alma-ssim": "alma",
    "perc-al": "perc_al",
}
"""Which module makes which attack."""

NAMES = tuple(_HOMES)
"""The names of all attacks, in the order of a table."""
ALIASES = {
    "bim": "i-fgsm",
    "ddn-100": "ddn",
    "alma-l2": "alma",
    "c&w": "cw",
    "percal": "perc-al",
    "mifgsm": "mi-fgsm",
}
"""Other names of some of them."""


def load(name: str) -> Attack:
    """The attack of this name, with `SHAKEN` behind it as MND gets a face to see.

    Raises:
        ValueError: there is no attack of this name; the message says which there are.
        ModuleNotFoundError: it is foolbox's, which is not installed.

    >>> load("mi-fgsm").title, load("bim").name, load("fmn-shaken").title
    ('MI-FGSM', 'i-fgsm', 'FMN, shaken')
    """
    if str(name).endswith(SHAKEN):
        return shaken(load(name.removesuffix(SHAKEN)))
    name = ALIASES.get(name, name)
    if name not in _HOMES:
        close = difflib.get_close_matches(str(name), NAMES, n=1)
        hint = f"; did you mean {close[0]}?" if close else "."
        raise ValueError(f"unknown attack {name!r}{hint} There are {', '.join(NAMES)}")
    module = importlib.import_module(f".{_HOMES[name]}", __name__)
    found: Attack = module.attack(name)
    return found


__getattr__, __dir__ = attach(__name__, {"problem": ["Counted", "Problem"]})
