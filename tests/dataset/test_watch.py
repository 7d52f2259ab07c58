"""Watching a folder in one process, with a clock and a nap that the test makes."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mnd.dataset import watch
from mnd.dataset.manifest import locked
from mnd.dataset.settings import ProtectSettings, WatchSettings, both_settings
from mnd.dataset.watch import Watch, Watched
from tests.helpers import tiny
from tests.helpers.data_sets import bytes_of, files, lines

SETTLE = 2.0


class EndError(Exception):
    """The test has seen enough."""


class InThisProcess:
    """An engine whose one worker stays."""

    made = 0

    def __init__(self) -> None:
        self.work: Any = None

    def __call__(self, make: Any, items: Iterator[Any], settings: ProtectSettings) -> Iterator[Any]:
        for item in items:
            if self.work is None:
                self.work = make()
                InThisProcess.made += 1
            yield from self.work([item])

    def dismiss(self) -> None:
        self.work = None


class Told:
    """What a watcher hears."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.records: list[tuple[str, str]] = []
        self.waited: list[tuple[str, ...]] = []
        self.worked: list[tuple[str, ...]] = []

    def loading(self, *told: Any) -> None: ...

    def record(self, record: dict[str, Any], known: bool) -> None:
        if not known:
            self.records.append((record["input"], record["status"]))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def working(self, names: Any) -> None:
        self.worked.append(tuple(names))

    def waiting(self, names: Any) -> None:
        self.waited.append(tuple(names))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def run(
    card: str, src: Path, dst: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Watched]:
    """Watch, and do one thing after the other while it naps; then end it."""
    now = [0.0]
    monkeypatch.setattr(watch.local, "Staying", InThisProcess)

    def go(*then: Callable[[], None] | None, how: dict[str, Any] | None = None, **options: Any) -> Watched:
        actions = iter(then)
        InThisProcess.made = 0

        def nap(seconds: float) -> None:
            now[0] += seconds
            action = next(actions, EndError)
            if action is EndError:
                raise EndError
            if action is not None:
                action()

        clock = types.SimpleNamespace(sleep=nap, monotonic=lambda: now[0], perf_counter=lambda: now[0])
        monkeypatch.setattr(watch, "time", clock)
        cloak, settings = both_settings({"targets": (card,)} | tiny.OPTIONS | options)
        it = Watch(src, dst, cloak, settings, WatchSettings(settle=SETTLE, every=1.0, **how or {}), told)
        if (how or {}).get("once"):
            return it.run()
        with pytest.raises(EndError):
            it.run()
        return it.watched()

    return go


def naps(seconds: int = 4) -> list[None]:
    return [None] * seconds


def test_photos_that_arrive_are_done_as_protect_does_them(run, protect, src: Path, dst: Path, told: Told):
    first = bytes_of(src)

    def arrive() -> None:
        tiny.write_pictures(src, 2, first=6)

    watched = run(*naps(), arrive, *naps())
    assert InThisProcess.made == 1  # nothing is loaded twice
    assert [len(names) for names in told.worked] == [6, 2]
    assert {name for name, _ in told.records} == set(first) | {"0/00006.png", "1/00007.bmp"}
    assert (watched.done, watched.failed, watched.good) == (8, 0, True)
    assert watched.last is not None
    assert (watched.last.photos, watched.last.protected, watched.last.new) == (8, 8, 2)
    made = bytes_of(dst)
    assert protect(src, dst).kept == 8
    clean = dst.with_name("clean")
    protect(src, clean)
    assert made == bytes_of(clean)


def test_what_was_done_is_not_done_again_and_what_has_changed_is(run, src: Path, dst: Path, told: Told):
    run(*naps())
    before = bytes_of(dst)
    told.records.clear()

    def change() -> None:
        (src / "0/00000.png").write_bytes(tiny.picture(50))

    run(None, change, *naps())
    assert told.records == [("0/00000.png", "protected")]
    assert {name for name, data in bytes_of(dst).items() if before[name] != data} == {"0/00000.png"}


def test_a_photo_that_is_only_half_there_is_waited_for(run, src: Path, dst: Path, told: Told):
    data = tiny.picture(60)

    def half() -> None:
        (src / "new.png").write_bytes(data[: len(data) // 2])
        (src / "other.png.part").write_bytes(data)

    def whole() -> None:
        (src / "new.png").write_bytes(data)
        (src / "other.png.part").rename(src / "other.png")

    watched = run(half, *naps(9))
    assert watched.waiting == ("new.png",)
    assert told.notes == ["new.png: is not whole yet (truncated); waiting for it"]
    assert not {"new.png", "other.png"} & lines(dst).keys()
    run(whole, *naps())
    assert {"new.png", "other.png"} <= set(files(dst))


def test_what_goes_away_is_told_and_no_fault(run, src: Path, told: Told):
    def come() -> None:
        (src / "short.png").write_bytes(tiny.picture(70))

    watched = run(*naps(), come, None, (src / "short.png").unlink, *naps())
    assert told.notes == ["short.png: went away before it was whole"]
    assert watched.good


def test_a_folder_that_goes_and_comes_back(run, src: Path, told: Told):
    away = src.with_name("away")
    watched = run(*naps(), lambda: src.rename(away), *naps(), lambda: away.rename(src), *naps())
    assert [text.rpartition(": ")[2] for text in told.notes] == ["has gone; waiting for it", "is there again"]
    assert (watched.done, watched.good) == (6, True)


def test_failures_are_told_once_and_tried_again_only_at_the_start(run, src: Path, told: Told):
    (src / "bad.heic.jpg").write_bytes(b"GIF89a rubbish, which no photo begins with")

    def arrive() -> None:
        tiny.write_pictures(src, 1, first=6)

    watched = run(*naps(), arrive, *naps())
    assert watched.failed == 1
    assert not watched.good
    assert watched.last is not None
    assert watched.last.failures[0].startswith("bad.heic.jpg: ")
    assert [name for name, status in told.records if status == "failed"] == ["bad.heic.jpg"]
    told.records.clear()
    run(*naps(), lambda: (src / "0/00000.png").write_bytes(tiny.picture(80)), *naps(), retry=True)
    assert sorted(told.records) == [("0/00000.png", "protected"), ("bad.heic.jpg", "failed")]


def test_once(run, src: Path, dst: Path, told: Told):
    watched = run(*naps(60), how={"once": True})
    assert (watched.done, watched.good, watched.waiting) == (6, True, ())
    assert files(dst) == files(src)
    again = run(*naps(60), how={"once": True})
    assert (again.done, again.good) == (0, True)
    (src / "half.png").write_bytes(tiny.picture(0)[:400])
    half = run(*naps(60), how={"once": True})
    assert (half.done, half.waiting) == (0, ("half.png",))


def test_once_without_a_photo_is_no_failure(run, src: Path, told: Told):
    for path in src.rglob("*.*"):
        path.unlink()
    watched = run(*naps(60), how={"once": True})
    assert (watched.done, watched.good, watched.last) == (0, True, None)


def test_nobody_else_writes_there(run, dst: Path):
    dst.mkdir()
    with locked(dst, None), pytest.raises(ValueError, match="another run"):
        run(how={"once": True})


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [({"settle": -1}, "settle is -1"), ({"every": 0}, "every is 0"), ({"every": 1e9}, "every is")],
)
def test_settings_are_judged(wrong: dict[str, float], expected: str):
    with pytest.raises(ValueError, match=expected):
        WatchSettings(**wrong)


def test_what_cannot_be_watched(src: Path, dst: Path):
    with pytest.raises(ValueError, match="there is no such folder"):
        Watch(src / "gone", dst)
    with pytest.raises(ValueError, match="lies inside"):
        Watch(src, src / "out")
    with pytest.raises(ValueError, match="with mnd protect only"):
        Watch(src, dst, settings=ProtectSettings(shard="1/2"))
