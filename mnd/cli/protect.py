"""`mnd protect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from ..dataset.settings import ProtectSettings
from .app import DONE, FAILED, UsageError, app
from .endings import to_its_end
from .flags import LISTED, flags, settings
from .options import NO_FLAGS, AsCloak, AsJson, cloak_settings
from .talk import AsLog, write_log

if TYPE_CHECKING:
    from ..dataset.protect import Protection
    from .progress import ProtectMeter

WORDS = {"include": LISTED, "exclude": LISTED}
ProtectFlags = flags(ProtectSettings, WORDS)
PLAIN = ProtectFlags()

if TYPE_CHECKING:
    AsProtect: TypeAlias = Any
else:
    AsProtect = Annotated[ProtectFlags, Parameter(name="*")]


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
        src: A folder of any depth, a tar or Parquet file of pictures, several (shard-{000..127}.tar), or a
            list of paths (.txt, .csv, .tsv, .parquet). It is never changed.
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
    from .summary import show_summary

    def work() -> None:
        meter.count(run.count)
        run.run()

    status = to_its_end(work, meter)
    summary = run.summary()
    show_summary(summary, meter.total, as_json, run.settings.verify)
    if status is None:
        status = DONE if summary.done else FAILED
    return status
