"""What `docs/cards.md` says of cards is what cards are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mnd.targets.alignment import ALIGNMENTS
from mnd.targets.json_card import ALLOWED, REQUIRED, read_card
from mnd.targets.onnx.ways import LEAST, RANGES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cards.md"


@pytest.fixture(scope="module")
def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_cards_are_whole(text: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```json\n(.*?)```", text, re.S)
    assert len(blocks) == 3
    (tmp_path / "card.json").write_text(blocks.pop())
    card, data = read_card(tmp_path / "card.json")
    assert (card.kind, data["resize"]) == ("classifier", 256)
    for block in blocks:
        (tmp_path / "card.json").write_text(block)
        card, data = read_card(tmp_path / "card.json")
        assert data["architecture"] == "onnx"
        mean, std = RANGES["-1 to 1" if card.name == "immich" else "0 to 255"]
        assert card.mean == mean
        assert card.std == pytest.approx(std)


def test_every_field_is_in_the_table_and_no_other(text: str) -> None:
    cells = re.findall(r"^\| (`.*?) \|", text.split("## The fields")[1].split("\n## ")[0], re.M)
    named = {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}
    assert named == set(ALLOWED) - {"download"}
    needed = text.split("Must be there:")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", needed)) == {*REQUIRED, "template"}


def test_templates_and_limits(text: str) -> None:
    row = next(line for line in text.splitlines() if line.startswith("| `template`"))
    assert set(ALIGNMENTS) <= set(re.findall(r"`(\w+)`", row))
    assert f"(d' below {LEAST})" in text
