"""`mnd protect`."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..dataset.settings import EngineName, NoFace, ProtectSettings
from .app import DONE, FAILED, INTERRUPTED, UsageError, app
from .options import NO_FLAGS, AsCloak, AsJson, attribute_docs

if TYPE_CHECKING:
    from ..dataset.protect import Protection
    from .progress import Meter

TERMINATED = 143
"""Exit status after SIGTERM."""
PLAIN = ProtectSettings()


def _option(field: str) -> Parameter:
    """The option of a field of the settings, which has its help there."""
    default = getattr(PLAIN, field)
    shown = default not in (None, ()) and not isinstance(default, bool)
    return Parameter(help=attribute_docs(ProtectSettings)[field], show_default=shown)


class TerminatedError(Exception):
    """SIGTERM came: end in order."""


@app.command
def protect(
    src: Path,
    dst: Path,
    /,
    *,
    how: AsCloak = NO_FLAGS,
    engine: Annotated[EngineName, _option("engine")] = PLAIN.engine,
    workers: Annotated[int | None, _option("workers")] = PLAIN.workers,
    batch: Annotated[int | None, _option("batch")] = PLAIN.batch,
    shard: Annotated[str | None, _option("shard")] = PLAIN.shard,
    no_face: Annotated[NoFace, _option("no_face")] = PLAIN.no_face,
    retry: Annotated[bool, _option("retry")] = PLAIN.retry,
    verify: Annotated[bool, _option("verify")] = PLAIN.verify,
    overwrite: Annotated[bool, _option("overwrite")] = PLAIN.overwrite,
    report_originals: Annotated[bool, _option("report_originals")] = PLAIN.report_originals,
    column: Annotated[str, _option("column")] = PLAIN.column,
    include: Annotated[list[str] | None, _option("include")] = None,
    exclude: Annotated[list[str] | None, _option("exclude")] = None,
    address: Annotated[str | None, _option("address")] = PLAIN.address,
    as_json: AsJson = False,
) -> int:
    """Protect a whole data set: every photo below SRC is cloaked into DST under the same name.

    Called again, it goes on where it was stopped. `DST/manifest.jsonl` says what became of each photo.

    Args:
        src: A folder of any depth, a tar of pictures, or a list of paths (.txt, .csv, .tsv, .parquet). It is
            never changed.
        dst: The folder of the results.
    """
    cloak = how.settings()
    try:
        settings = ProtectSettings(
            engine=engine,
            workers=workers,
            batch=batch,
            shard=shard,
            no_face=no_face,
            retry=retry,
            verify=verify,
            overwrite=overwrite,
            report_originals=report_originals,
            column=column,
            include=tuple(include or ()),
            exclude=tuple(exclude or ()),
            address=address,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    from ..dataset.protect import Protection
    from .progress import Meter

    meter = Meter(as_json)
    try:
        run = Protection(src, dst, cloak, settings, meter)
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        raise UsageError(str(error)) from error
    return _run(run, meter, as_json)


def _run(run: Protection, meter: Meter, as_json: bool) -> int:
    """Run it to its end, or to what ends it; the exit status."""
    from ..base.weights import OfflineError
    from . import terminal

    status: int | None = None
    try:
        with _terminable():
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
    terminal.show_summary(summary, meter.total, as_json)
    if status is None:
        status = DONE if summary.done else FAILED
    return status


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
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
