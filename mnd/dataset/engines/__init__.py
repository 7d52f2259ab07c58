"""Engines: who does the work. All take the same objects, and the results are the same byte for byte.

An engine is a module with one function:

    def run(make: Job, items: Iterator[Item], settings: ProtectSettings) -> Generator[Line, None, None]

It takes items as it needs them (never more than a batch or two a worker ahead), and gives one record for
each, in any order. `make()` is called once in each worker; what it gives takes a batch of items and gives
their records. A worker that dies costs nothing but its photos in flight: each is tried once more alone, and
then told by `make.failed`. An exception in a worker ends the run: it is no matter of one photo.
`GeneratorExit` ends the workers.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol

from ...base.distribution import pip_install
from ..items import Item
from ..lines import Line
from ..settings import ProtectSettings

Work = Callable[[Sequence[Item]], list[Line]]
"""What a worker does, with its models loaded."""


class Job(Protocol):
    """How a worker is made; it can be pickled."""

    def __call__(self) -> Work:
        """Load the models: called once in each worker."""
        ...

    def failed(self, item: Item, kind: str, message: str) -> Line:
        """The record of a photo that no worker could give one for; called outside of the workers."""
        ...


class Engine(Protocol):
    """See the module."""

    def __call__(
        self, make: Job, items: Iterator[Item], settings: ProtectSettings
    ) -> Generator[Line, None, None]: ...


def load(name: str) -> Engine:
    """The engine of this name; the others are not imported.

    Raises:
        ModuleNotFoundError: it needs a package that is not installed.
    """
    if name == "ray" and importlib.util.find_spec("ray") is None:
        raise ModuleNotFoundError(f"the engine ray needs the package ray: {pip_install('[ray]')}")
    engine: Engine = importlib.import_module(f".{name}", __package__).run
    return engine
