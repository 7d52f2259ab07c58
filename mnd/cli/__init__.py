"""The command `mnd`: parse, call, print. What does the work is imported only when a command runs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from . import (  # noqa: F401  these register themselves
    check,
    cloak,
    demo,
    doctor,
    evaluate,
    faces,
    helps,
    measure,
    probe,
    protect,
    schema,
    study,
    targets,
    ui,
    watch,
)
from .app import (
    DONE,
    FAILED,
    INTERRUPTED,
    USAGE,
    UsageError,
    app,
    forget_output,
    mend_streams,
    plain_warnings,
)
from .flags import attribute_docs
from .helping import asked, commands_in, rest_told
from .piped import marked
from .talk import bars_that_go, logging_faults

__all__ = ["COMMANDS", "app", "attribute_docs", "main"]

COMMANDS = (
    "cloak", "check", "measure", "faces", "protect", "watch", "evaluate", "study", "targets", "demo",
    "doctor", "schema", "ui",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); its exit status.

    >>> main(["--version"])
    mnd 0.1.0
    0
    """
    # threads that wait must not spin: on a busy machine a search would take many times as long
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    mend_streams()
    words = asked(marked(sys.argv[1:] if arguments is None else arguments))
    try:
        command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        with plain_warnings(), logging_faults(), bars_that_go():
            status = command(*bound.args, **bound.kwargs)
        if rest := rest_told(app, words):
            print(rest)
        sys.stdout.flush()
        return status if isinstance(status, int) else DONE
    except (CycloptsError, UsageError) as error:
        print(f"mnd: {error}\nTry: {' '.join(['mnd', *commands_in(app, words), '--help'])}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("mnd: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has gone
        forget_output()
        return FAILED
    except OSError as error:  # a disk that is full, also that of standard output
        with contextlib.suppress(OSError):
            print(f"mnd: {error}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            forget_output()
        return FAILED
