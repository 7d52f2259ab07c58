"""Stop a long run where nothing is half done."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any


class Interrupted(Exception):  # noqa: N818  (it is no error)
    """Somebody asked the training to stop."""


class Stop:
    """Turns Ctrl-C and a polite kill into `Interrupted`, raised by `check` where nothing is half done."""

    def __init__(self) -> None:
        self.asked = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for kind in (signal.SIGINT, signal.SIGTERM):
                self.before[kind] = signal.signal(kind, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True

    def check(self) -> None:
        """Raises: Interrupted: somebody asked."""
        if self.asked:
            raise Interrupted


def to_its_end(train: Callable[[], Mapping[str, Any]], program: str, out: Path) -> int:
    """Run a training whose card it returns, and print its figures: 0 done, 1 not done, 130 interrupted."""
    try:
        card = train()
    except Interrupted:
        print(f"{program}: interrupted; --resume goes on from {out}", file=sys.stderr)
        return 130
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(card["figures"]))
    return 0
