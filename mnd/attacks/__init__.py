"""Attacks by name: MND, and those that it is compared with; each is imported when it is asked for.

One of your own is a function `(problem, eps, seed)`: `FILE.py:NAME`, `MODULE:NAME`, or the entry point of a
package in the group `mnd.attacks` (`docs/extending.md`).
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

from ..base import plugins
from ..base.lazy import attach
from .attack import SHAKEN, Attack, shaken
from .own import GROUP, own

if TYPE_CHECKING:
    from .problem import Counted, Problem

__all__ = ["NAMES", "Attack", "Counted", "Problem", "load", "own"]

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

    Args:
        name: one of `NAMES` or `ALIASES`, an entry point, FILE.py:NAME or MODULE:NAME.

    Raises:
        ValueError: there is no attack of this name; the message says which there are.
        PluginError: what was plugged in does not import, or is no attack; with file and line.
        ModuleNotFoundError: it is foolbox's, which is not installed.

    >>> load("mi-fgsm").title, load("bim").name, load("fmn-shaken").title
    ('MI-FGSM', 'i-fgsm', 'FMN, shaken')
    """
    if str(name).endswith(SHAKEN):
        return shaken(load(name.removesuffix(SHAKEN)))
    name = ALIASES.get(name, name)
    if name not in _HOMES:
        if plugins.is_spec(str(name)):
            return own(plugins.load(name))
        return _entry(str(name))
    module = importlib.import_module(f".{_HOMES[name]}", __name__)
    found: Attack = module.attack(name)
    return found


def _entry(name: str) -> Attack:
    """The attack that another package has under this name."""
    there = {entry.name: entry for entry in plugins.entries(GROUP)}
    if name in there:
        return own(plugins.load_entry(there[name]), name)
    close = difflib.get_close_matches(name, (*NAMES, *there), n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    known = ", ".join((*NAMES, *there, "FILE.py:NAME"))
    raise ValueError(f"unknown attack {name!r}{hint} There are {known}")


__getattr__, __dir__ = attach(__name__, {"problem": ["Counted", "Problem"]})
