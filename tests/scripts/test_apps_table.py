"""`docs/apps.md` has the tables that its script makes of the profiles."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import apps_table

from mnd.targets.alignment import ALIGNMENTS
from mnd.targets.apps.profile import profiles


def test_the_page_is_what_the_profiles_say():
    text = apps_table.PAGE.read_text("utf-8")
    assert apps_table.made(text) == text, "python scripts/apps_table.py writes it anew"
    for name in profiles():
        assert text.count(f"| `{name}` |") == 2


def test_every_alignment_is_told():
    told = apps_table.PAGE.read_text("utf-8").split("## Alignments")[1]
    assert all(f"| `{name}` |" in told for name in ALIGNMENTS)
