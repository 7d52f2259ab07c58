"""The surrogate: a small recogniser that nobody uses, which stands for those that nobody here has.

`scripts/train_surrogate.py` made it; `docs/lab/transfer.md` says of what, and what it is worth.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..base.weights import WeightsFile
from . import json_card
from .registry import register

FOLDER = Path(__file__).with_name("weights")


def _register() -> None:
    card, data = json_card.read_card(FOLDER / "surrogate.json")
    where = WeightsFile(card.weights, folder=lambda: FOLDER, sha256=card.sha256)
    register(card, where)(partial(json_card.load, data))


_register()
