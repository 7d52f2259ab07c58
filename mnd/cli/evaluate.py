"""`mnd evaluate`."""

from __future__ import annotations

import contextlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from ..base.jsonlines import finite
from ..evaluation.settings import EvaluationSettings, Form
from .app import DONE, FAILED, UsageError, app
from .flags import NAMES, Words, flags, settings
from .options import AsJson


def _numbers(name: str, text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(f"{name} is {text!r}, expected numbers such as 1,2,4") from None


WORDS = {
    "targets": Words(list[str], NAMES.read),
    "attacks": NAMES,
    "judges": NAMES,
    "through": NAMES,
    "form": Words(Form, names=("--format",)),
    "sweep_eps": Words(str | None, partial(_numbers, "--sweep-eps")),
    "sweep_headroom": Words(str | None, partial(_numbers, "--sweep-headroom")),
}
EvaluationFlags = flags(EvaluationSettings, WORDS)

if TYPE_CHECKING:
    AsEvaluation: TypeAlias = Any
else:
    AsEvaluation = Annotated[EvaluationFlags, Parameter(name="*")]


@app.command
def evaluate(
    *,
    how: AsEvaluation,
    out: Annotated[Path, Parameter(["--out", "-o"])],
    as_json: AsJson = False,
) -> int:
    """Compare attacks as a paper would: results, tables, plots and a report, from saved files.

    Args:
        out: Folder of the report. What is there of the same evaluation is not done again.
    """
    asked = settings(EvaluationSettings, how, WORDS)
    from ..evaluation.run import compare
    from ..evaluation.summary import figures
    from . import terminal

    meter = terminal.Meter()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            report = compare(asked, out, meter, ["mnd", *sys.argv[1:]])
    except (ValueError, ModuleNotFoundError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:  # weights that are not there, a download that failed, a disk that is full
        terminal.complain(str(error))
        return FAILED
    finally:
        meter.rest()
    rows = figures(report.summaries)
    if as_json:
        for line in rows:
            print(json.dumps(finite(line)))
    else:
        terminal.show_evaluation(rows)
        print(terminal.printable(report.path))
    broken = [(row, row.error) for row in report.rows if row.error is not None]
    for row, why in broken:
        terminal.complain(f"{row.picture}: {row.attack} on {row.target}: {why['message']}")
    return FAILED if broken else DONE
