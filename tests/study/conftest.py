"""Evaluations to make studies of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.rated import write_report


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """An evaluation of three attacks on five pictures."""
    return write_report(tmp_path / "report")


@pytest.fixture
def make_report(tmp_path: Path) -> Callable[..., Path]:
    """Writes an evaluation of another kind: see `write_report`."""

    def make(**changes: Any) -> Path:
        return write_report(tmp_path / "report", **changes)

    return make
