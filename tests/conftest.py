"""Fixtures shared by all tests: the real data beside the project, where it is there."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

# one thread, also for the commands that tests start: workers share the cores, and waiting threads spin
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MND_CONFIG"] = ""  # nobody's own options
torch.set_num_threads(1)

# who is started in the background may be deaf to Ctrl-C, and so would be the commands that tests start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from tests.helpers.protecting import card  # noqa: E402, F401

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


def shared_path(name: str) -> Path:
    """A file or folder of the data beside the project; without it the test is left out, and says so."""
    path = (DATA / name).resolve()
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}, which is not there")
    return path


@pytest.fixture
def shared():
    return shared_path


@pytest.fixture
def homes(monkeypatch, tmp_path) -> Path:
    """Empty caches: MND_HOME and TORCH_HOME."""
    monkeypatch.setenv("MND_HOME", str(tmp_path / "mnd"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


@pytest.fixture
def one_attempt(monkeypatch):
    """A search that fails is not gone on with, nor tried again: such a test asks nothing of that."""
    from mnd.cloaking import searching

    usual = searching._settings
    monkeypatch.setattr(searching, "_settings", lambda *its: replace(usual(*its), rounds=0))
    monkeypatch.setattr("mnd.cloaking.cloaker.ATTEMPTS", 1)


@pytest.fixture(scope="module")
def short_attacks() -> Iterator[None]:
    """MND as an attack with a quarter of its steps: most tests do not ask how little it changes."""
    from mnd.attacks.mnd import KINDS

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, "mnd", replace(KINDS["mnd"], steps=25))
        yield


@pytest.fixture(
    params=[
        "cpu",
        *(["cuda"] if torch.cuda.is_available() else []),
        *(["mps"] if torch.backends.mps.is_available() else []),
    ]
)
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device that this machine has."""
    return torch.device(request.param)
