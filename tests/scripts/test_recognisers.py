"""The table of the docs is that of the cards."""

from __future__ import annotations

import recognisers


def test_the_page_has_the_table_as_the_cards_are():
    page = recognisers.PAGE.read_text("utf-8")
    assert page == recognisers.written(page), "run python scripts/recognisers.py"
    assert "judge only" in recognisers.table()
    assert "mnd-cloak[onnx]" in recognisers.table()
