"""Which files of a folder are whole, by a clock that only the test turns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.dataset import arrivals
from mnd.dataset.arrivals import PATIENCE, Arrivals, half_written, is_temporary
from mnd.dataset.items import Item, Refused, Stat
from mnd.dataset.sources import Folder
from tests.helpers import tiny

SETTLE = 2.0


class Clock:
    """Time as a test wants it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said() -> list[str]:
    return []


def watched(
    folder: Path, clock: Clock, said: list[str], known: Callable[[str, Stat], bool] = lambda *_: False
) -> Arrivals:
    folder.mkdir(exist_ok=True)
    return Arrivals(Folder(folder, folder / "out"), SETTLE, clock, known, half_written, said.append)


def look(found: Arrivals, clock: Clock, seconds: float = 0.0) -> list[str]:
    clock.now += seconds
    found.look()
    return list(found.new)


def test_a_file_is_whole_once_it_stays_as_it_is(tmp_path: Path, clock: Clock, said: list[str]):
    path = tmp_path / "in" / "a.png"
    found = watched(path.parent, clock, said)
    assert look(found, clock) == []
    data = tiny.picture(0)
    for part in range(1, 4):
        path.write_bytes(data[: part * len(data) // 3])
        assert look(found, clock, SETTLE) == []  # it has just changed
        assert found.waiting == ("a.png",)
    assert look(found, clock, SETTLE - 0.1) == []
    assert look(found, clock, 0.1) == ["a.png"]
    assert [it.name for it in found] == ["a.png"]
    found.given()
    assert look(found, clock, 100) == []
    assert [it.name for it in found] == ["a.png"]  # a run sees all that is whole, not only what is new
    path.write_bytes(tiny.picture(1))
    assert look(found, clock) == []
    assert list(found) == []
    assert look(found, clock, SETTLE) == ["a.png"]
    assert said == []


@given(st.lists(st.tuples(st.floats(0.1, 3), st.booleans()), max_size=20))
def test_nothing_younger_than_the_time_to_settle_is_ever_whole(steps: list[tuple[float, bool]]):
    clock, stat, changed = Clock(), Stat(1, 1), 0.0

    class One:
        root = Path()

        def __iter__(self):
            return iter([Item("a.png", "a.png")])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrivals.Stat, "of", lambda path: stat)
        found = Arrivals(One(), SETTLE, clock, lambda *_: False, lambda _: "", lambda _: None)
        found.look()
        for seconds, changes in steps:
            clock.now += seconds
            if changes:
                stat, changed = Stat(1, stat.mtime_ns + 1), clock.now
            found.look()
            assert bool(list(found)) is (clock.now - changed >= SETTLE)


def test_what_is_not_whole_is_waited_for_but_not_for_ever(tmp_path: Path, clock: Clock, said: list[str]):
    path = tmp_path / "a.png"
    path.write_bytes(tiny.picture(0)[:500])
    found = watched(tmp_path, clock, said)
    look(found, clock)
    assert look(found, clock, SETTLE) == []
    assert look(found, clock, SETTLE) == []
    assert said == ["a.png: is not whole yet (truncated); waiting for it"]
    assert look(found, clock, PATIENCE) == ["a.png"]  # a run says what is wrong with it


def test_what_goes_away_before_it_was_whole_is_told(tmp_path: Path, clock: Clock, said: list[str]):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(tiny.picture(0))
    found = watched(tmp_path, clock, said)
    look(found, clock)
    (tmp_path / "a.png").unlink()
    assert look(found, clock, SETTLE) == ["b.png"]
    found.given()
    (tmp_path / "b.png").unlink()
    assert look(found, clock, SETTLE) == []
    assert said == ["a.png: went away before it was whole"]
    (tmp_path / "b.png").write_bytes(tiny.picture(0))
    look(found, clock)
    assert look(found, clock, SETTLE) == ["b.png"]


def test_what_an_earlier_run_has_seen_is_whole_at_once(tmp_path: Path, clock: Clock, said: list[str]):
    (tmp_path / "a.png").write_bytes(tiny.picture(0))
    stat = Stat.of(tmp_path / "a.png")
    found = watched(tmp_path, clock, said, lambda name, now: (name, now) == ("a.png", stat))
    assert look(found, clock) == ["a.png"]


def test_other_files_are_no_reason_to_do_anything(tmp_path: Path, clock: Clock, said: list[str]):
    (tmp_path / "notes.txt").write_text("no picture")
    found = watched(tmp_path, clock, said)
    assert look(found, clock) == look(found, clock, SETTLE) == []
    assert [it.name for it in found] == ["notes.txt"]


def test_names_of_what_is_not_whole_are_passed_over(tmp_path: Path, clock: Clock, said: list[str]):
    names = ("a.jpg.tmp", "a.jpg.part", "a.crdownload", "a.jpg~", "~a.jpg", ".syncthing.a.jpg.tmp",
             "Unconfirmed 1.crdownload", "a.download/a.jpg", ".hidden/a.jpg")  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(tiny.picture(0))
    found = watched(tmp_path, clock, said)
    look(found, clock)
    assert look(found, clock, SETTLE) == []
    assert list(found) == []
    assert found.waiting == ()
    assert all(map(is_temporary, names))
    assert not is_temporary("photos/part.jpg")


def test_a_folder_that_cannot_be_read_is_told(clock):
    """Its name is a dot, as that of what is hidden; it is not passed over."""

    class Locked:
        root = Path()

        def __iter__(self):
            return iter([Refused(".", "unreadable", "the folder cannot be read")])

    found = Arrivals(Locked(), SETTLE, clock, lambda *_: False, lambda _: "", lambda _: None)
    assert look(found, clock) == ["."]
    found.given()
    assert look(found, clock) == []


def test_a_link_in_a_circle_hides_no_photo(tmp_path: Path, clock, said):
    found = watched(tmp_path, clock, said)
    (tmp_path / "a.png").write_bytes(tiny.picture(0))
    (tmp_path / "loop").symlink_to("loop")
    look(found, clock)
    assert look(found, clock, SETTLE) == ["a.png"]
