"""Fixtures shared by all tests: the real data beside the project, where it is there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


def shared_path(name: str) -> Path:
    """A file or folder of the data beside the project; the test is left out, saying what is missing, without it."""
    path = (DATA / name).resolve()
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}, which is not there")
    return path


@pytest.fixture
def shared():
    return shared_path


@pytest.fixture(params=["cpu", *(["cuda"] if torch.cuda.is_available() else []),
                        *(["mps"] if torch.backends.mps.is_available() else [])])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device that this machine has."""
    return torch.device(request.param)
