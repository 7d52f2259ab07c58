"""Fixtures: a tiny target, pictures for it, and an engine without processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mnd.dataset import engines
from mnd.dataset.protect import Protection, Summary
from mnd.dataset.settings import both_settings
from tests.helpers import tiny


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a target that costs next to nothing."""
    return tiny.write_target(tmp_path_factory.mktemp("card"))


@pytest.fixture
def src(tmp_path: Path) -> Path:
    """A folder with six pictures in three folders."""
    tiny.write_pictures(tmp_path / "src", 6)
    return tmp_path / "src"


@pytest.fixture
def dst(tmp_path: Path) -> Path:
    return tmp_path / "dst"


def inline(make: engines.Job, items: Iterator[Any], settings: Any) -> Iterator[dict[str, Any]]:
    """An engine in this very process."""
    work = None
    for item in items:
        work = work or make()
        yield from work([item])


def protected(card: str, src: Path, dst: Path, watcher: Any = None, **options: Any) -> Summary:
    """What the command makes of a source, by the tiny target and without processes: seconds sooner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "load", lambda name: inline)
        return _run(card, src, dst, watcher, **options)


def _run(card: str, src: Path, dst: Path, watcher: Any, **options: Any) -> Summary:
    cloak, settings = both_settings({"targets": (card,)} | tiny.OPTIONS | options)
    return Protection(src, dst, cloak, settings, watcher).run()


@pytest.fixture
def protect(card: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Summary]:
    """`protected` with its target, by whatever engine the test puts in the place of that one."""
    monkeypatch.setattr(engines, "load", lambda name: inline)

    def run(src: Path, dst: Path, watcher: Any = None, **options: Any) -> Summary:
        return _run(card, src, dst, watcher, **options)

    return run
