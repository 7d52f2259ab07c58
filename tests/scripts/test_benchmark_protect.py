"""`scripts/benchmark.py protect`: what its clocks add up."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import protecting


class Hands:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    found = Hands()
    monkeypatch.setattr(protecting.time, "perf_counter", found)
    return found


def test_the_rate_is_that_of_the_time_in_which_all_work(hands: Hands):
    clock = protecting._Clock()
    # a is ready early, b ends late: both work from 10 to 30
    for now, worker in ((5, "a"), (10, "b"), (12, "a"), (20, "b"), (25, "a"), (30, "a"), (40, "b")):
        hands.now = now
        clock.record({"worker": worker}, False)
    assert clock.rate() == 4 / 20


def test_time_within_a_stage_counts_for_the_inner_one_alone(hands: Hands):
    watch = protecting._Watch()

    def inner() -> None:
        hands.now += 3

    def outer() -> None:
        hands.now += 1
        watch.around(inner, "inner")()
        watch.around(inner, "inner")()
        hands.now += 1

    watch.around(outer, "outer")()
    assert watch.seconds == {"inner": 6, "outer": 2}


def test_everything_that_is_timed_is_there():
    for owner, name, _ in protecting._TIMED:
        assert callable(getattr(owner, name))


def test_a_folder_without_photos_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"has no \.jpg"):
        protecting._photos(tmp_path, tmp_path / "src", None)
