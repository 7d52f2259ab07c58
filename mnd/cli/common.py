"""What all commands share: the application, exit statuses, errors, and how a result is told."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from cyclopts import App, Parameter

from .. import __version__
from ..finite import finite
from ..settings import CloakSettings

Record = dict[str, Any]
T = TypeVar("T")

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: all protected, something was not, wrong usage, Ctrl-C."""


class UsageError(ValueError):
    """The command was called in a way that cannot work."""


class NotReadyError(Exception):
    """A target cannot be loaded, so that no photo can be done: `kind` as in a record's `error`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


app = App(
    name="mnd",
    help="Change a photo as little as the eye can notice so that face recognisers fail on it.",
    version=f"mnd {__version__}",
    help_format="markdown",
    # a name that begins with a bracket is a name, no JSON
    default_parameter=Parameter(negative=(), json_list=False, json_dict=False),
)


def tell(record: Record, as_json: bool, show: Callable[[Record], None]) -> None:
    """One photo's result on standard output, and what went wrong on standard error."""
    from ..terminal import complain, outcome

    if as_json:
        print(json.dumps(finite(record), allow_nan=False), flush=True)
    else:
        if record["regions"] or not record["error"]:
            show(record)
    if wrong := outcome(record):
        complain(wrong)


def loaded(settings: CloakSettings, make: Callable[[], T]) -> T:
    """What `make` makes, which loads the targets.

    Raises:
        UsageError: the settings ask for what this machine does not have.
        NotReadyError: weights are missing, damaged, or cannot be downloaded.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return make()
    except ConnectionError as error:
        raise NotReadyError("download", str(error)) from error
    except OSError as error:
        raise NotReadyError("offline" if settings.offline else "weights", str(error)) from error
    except ValueError as error:
        raise UsageError(str(error)) from error


def failed_record(photo: Path, settings: CloakSettings, kind: str, message: str) -> Record:
    """The record of a photo that could not be tried."""
    from ..records import blank

    return blank(str(photo), settings) | {"error": {"kind": kind, "message": message}}
