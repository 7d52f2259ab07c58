"""The command `mnd`: parse, call, print. What does the work is imported only when a command runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from . import cloak, evaluate, others, protect, study  # noqa: F401  their commands register themselves
from .common import DONE, FAILED, INTERRUPTED, USAGE, UsageError, app
from .options import attribute_docs

__all__ = ["COMMANDS", "app", "attribute_docs", "main"]

COMMANDS = ("cloak", "check", "protect", "evaluate", "study", "targets", "demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); its exit status.

    >>> main(["--version"])
    mnd 0.1.0
    0
    """
    # threads that wait must not spin: on a busy machine a search would take many times as long
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):  # names of files can hold what no encoding has
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        status = command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
        return status if isinstance(status, int) else DONE
    except (CycloptsError, UsageError) as error:
        print(f"mnd: {error}\nTry: {_help_for(arguments)}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("mnd: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # the reader has gone; what is left in the buffer must not fail again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _help_for(arguments: Sequence[str] | None) -> str:
    first = [*(sys.argv[1:] if arguments is None else arguments), ""][0]
    return f"mnd {first} --help" if first in COMMANDS else "mnd --help"
