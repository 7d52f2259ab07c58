"""`mnd evaluate`."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..base.jsonlines import finite
from ..base.runtime import Device
from ..evaluation.settings import EvaluationSettings, Form
from .app import DONE, FAILED, UsageError, app
from .options import AsJson, attribute_docs, split_names


def _option(field: str, *names: str, shown: bool = True) -> Parameter:
    """The option of a field of the settings, which has its help there."""
    return Parameter(names or None, help=attribute_docs(EvaluationSettings)[field], show_default=shown)


@app.command
def evaluate(
    *,
    data: Annotated[Path, _option("data")],
    targets: Annotated[list[str], _option("targets")],
    out: Annotated[Path, Parameter(["--out", "-o"])],
    attacks: Annotated[list[str] | None, _option("attacks")] = None,
    judges: Annotated[list[str] | None, _option("judges")] = None,
    form: Annotated[Form, _option("form", "--format")] = "png",
    quality: Annotated[int, _option("quality")] = 95,
    crop: Annotated[int, _option("crop")] = 224,
    known: Annotated[float, _option("known")] = 0.5,
    sweep_eps: Annotated[str | None, _option("sweep_eps")] = None,
    sweep_headroom: Annotated[str | None, _option("sweep_headroom")] = None,
    draws: Annotated[int, _option("draws")] = 16,
    limit: Annotated[int | None, _option("limit")] = None,
    seed: Annotated[int, _option("seed")] = 0,
    device: Annotated[Device, _option("device")] = "auto",
    offline: Annotated[bool, _option("offline", shown=False)] = False,
    as_json: AsJson = False,
) -> int:
    """Compare attacks as a paper would: results, tables, plots and a report, from saved files.

    Args:
        out: Folder of the report. What is there of the same evaluation is not done again.
    """
    try:
        settings = EvaluationSettings(
            data=data,
            targets=split_names(targets),
            attacks=split_names(attacks),
            judges=split_names(judges),
            form=form,
            quality=quality,
            crop=crop,
            known=known,
            sweep_eps=_numbers("--sweep-eps", sweep_eps),
            sweep_headroom=_numbers("--sweep-headroom", sweep_headroom),
            draws=draws,
            limit=limit,
            seed=seed,
            device=device,
            offline=offline,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    return _evaluated(settings, out, as_json)


def _evaluated(settings: EvaluationSettings, out: Path, as_json: bool) -> int:
    from ..evaluation.report.page import write_report
    from ..evaluation.run import Evaluation
    from . import terminal

    meter = terminal.Meter()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            evaluation = Evaluation(settings, out, meter, ["mnd", *sys.argv[1:]])
            lines = evaluation.run()
            report = write_report(out)
    except (ValueError, ModuleNotFoundError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:  # weights that are not there, a download that failed, a disk that is full
        terminal.complain(str(error))
        return FAILED
    finally:
        meter.rest()
    rows = _summary(out / "summary.csv")
    if as_json:
        for row in rows:
            print(json.dumps(finite(row)))
    else:
        terminal.show_evaluation(rows)
        print(terminal.printable(report))
    broken = [line for line in lines if line["error"]]
    for line in broken:
        terminal.complain(
            f"{line['picture']}: {line['attack']} on {line['target']}: {line['error']['message']}"
        )
    return FAILED if broken else DONE


def _summary(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: _value(text) for name, text in row.items()} for row in csv.DictReader(file)]


def _value(text: str) -> float | str | None:
    try:
        return float(text) if text else None
    except ValueError:
        return text


def _numbers(name: str, text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(f"{name} is {text!r}, expected numbers such as 1,2,4") from None
