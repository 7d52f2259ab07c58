"""`docs/who.md` and the README have the tables that their script makes of what was measured."""

from __future__ import annotations

import who_table
from who_table import PAGES, UNSEEN, made, read

from mnd.targets.apps.profile import profiles


def test_the_pages_are_what_was_measured():
    figures = read()
    for page in PAGES:
        text = page.read_text("utf-8")
        assert made(text, figures) == text, "python scripts/who_table.py writes it anew"
        assert "<!-- who apps -->" in text


def test_every_judge_is_known():
    assert set(read()["who"]) <= {*profiles(), *UNSEEN, "SSIMULACRA2"}


def test_what_was_not_measured_is_said():
    figures = {
        "who": {"ente": {"judge": "ente", "robust": {"matched %": 12.4, "named %": 0.0}}},
        "clusters": {},
    }
    [line] = [line for line in who_table.apps(figures).splitlines() if line.startswith("| Ente")]
    assert line == "| Ente Photos (stand-in) | not measured | not measured | 12 / 0 | not measured |"
