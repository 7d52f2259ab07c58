"""`mnd protect`."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from ..dataset.settings import ProtectSettings
from .app import DONE, FAILED, INTERRUPTED, UsageError, app
from .flags import LISTED, flags, settings
from .options import NO_FLAGS, AsCloak, AsJson, cloak_settings
from .talk import AsLog, write_log

if TYPE_CHECKING:
    from ..dataset.protect import Protection
    from .progress import ProtectMeter

TERMINATED = 143
"""Exit status after SIGTERM."""
WORDS = {"include": LISTED, "exclude": LISTED}
ProtectFlags = flags(ProtectSettings, WORDS)
PLAIN = ProtectFlags()

if TYPE_CHECKING:
    AsProtect: TypeAlias = Any
else:
    AsProtect = Annotated[ProtectFlags, Parameter(name="*")]


class TerminatedError(Exception):
    """SIGTERM came: end in order."""


@app.command
def protect(
    src: Path,
    dst: Path,
    /,
    *,
    how: AsCloak = NO_FLAGS,
    where: AsProtect = PLAIN,
    as_json: AsJson = False,
    log: AsLog = None,
) -> int:
    """Protect a whole data set: every photo below SRC is cloaked into DST under the same name.

    Called again, it goes on where it was stopped. `DST/manifest.jsonl` says what became of each photo.

    Args:
        src: A folder of any depth, a tar of pictures or several (shard-{000..127}.tar), or a list of paths
            (.txt, .csv, .tsv, .parquet). It is never changed.
        dst: The folder of the results.
    """
    cloak, asked = cloak_settings(how), settings(ProtectSettings, where, WORDS)
    if log is not None:
        write_log(log)
    from ..dataset.protect import Protection
    from .progress import ProtectMeter

    meter = ProtectMeter(as_json)
    try:
        run = Protection(src, dst, cloak, asked, meter, ask=meter.ask)
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        raise UsageError(str(error)) from error
    return _run(run, meter, as_json)


def _run(run: Protection, meter: ProtectMeter, as_json: bool) -> int:
    """Run it to its end, or to what ends it; the exit status."""
    from ..base.errors import OfflineError
    from . import terminal
    from .summary import show_summary

    status: int | None = None
    try:
        with terminable():
            meter.count(run.count)
            run.run()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except TerminatedError:
        status = TERMINATED
    except (OfflineError, ConnectionError) as error:
        meter.rest()
        terminal.complain(str(error))
        return FAILED
    except (ValueError, FileNotFoundError, PermissionError, ModuleNotFoundError) as error:
        meter.rest()
        raise UsageError(str(error)) from error
    except OSError as error:
        meter.note(f"{error}; what is in the manifest is done, and another run goes on from there")
        status = FAILED
    finally:
        meter.rest()
    summary = run.summary()
    show_summary(summary, meter.total, as_json)
    if status is None:
        status = DONE if summary.done else FAILED
    return status


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends what is in here in order."""

    def stop(number: int, frame: Any) -> None:
        del number, frame
        raise TerminatedError

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
