"""`mnd study create` and `mnd study score`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from ..base.jsonlines import finite
from ..study.settings import StudySettings
from .app import DONE, FAILED, UsageError, app
from .options import AsJson, attribute_docs, split_names

DEFAULT = StudySettings()

study = App(
    name="study", help="Ask people: a blind rating page made from an evaluation, and their opinion scores."
)
app.command(study)


def _option(field: str) -> Parameter:
    """The option of a field of the settings, which has its help there."""
    flag = isinstance(getattr(DEFAULT, field), bool)
    return Parameter(help=attribute_docs(StudySettings)[field], show_default=not flag)


@study.command
def create(
    report: Path,
    /,
    *,
    out: Annotated[Path, Parameter(["--out", "-o"])],
    attacks: Annotated[list[str] | None, _option("attacks")] = None,
    target: Annotated[str | None, _option("target")] = DEFAULT.target,
    pictures: Annotated[int, _option("pictures")] = DEFAULT.pictures,
    seed: Annotated[int, _option("seed")] = DEFAULT.seed,
    failures: Annotated[bool, _option("failures")] = DEFAULT.failures,
    seconds: Annotated[float, _option("seconds")] = DEFAULT.seconds,
    grey: Annotated[float, _option("grey")] = DEFAULT.grey,
    training: Annotated[int, _option("training")] = DEFAULT.training,
    dummies: Annotated[int, _option("dummies")] = DEFAULT.dummies,
    session: Annotated[float, _option("session")] = DEFAULT.session,
    largest: Annotated[int, _option("largest")] = DEFAULT.largest,
    zoom: Annotated[int, _option("zoom")] = DEFAULT.zoom,
    megabytes: Annotated[float, _option("megabytes")] = DEFAULT.megabytes,
) -> int:
    """Make a rating page of an evaluation: send `rating.html` to people, keep `key.json`.

    Args:
        report: Folder that `mnd evaluate` wrote.
        out: Folder of the study; there must be no study in it yet.
    """
    from .. import study as studies
    from .terminal import complain, printable

    try:
        page = studies.create(
            report,
            out,
            attacks=split_names(attacks),
            target=target,
            pictures=pictures,
            seed=seed,
            failures=failures,
            seconds=seconds,
            grey=grey,
            training=training,
            dummies=dummies,
            session=session,
            largest=largest,
            zoom=zoom,
            megabytes=megabytes,
        )
    except (ValueError, FileNotFoundError, FileExistsError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        complain(str(error))
        return FAILED
    print(printable(page))
    return DONE


@study.command
def score(
    folder: Path,
    /,
    *answers: Annotated[Path, Parameter(required=True)],
    out: Annotated[Path | None, Parameter(["--out", "-o"])] = None,
    unfinished: Annotated[bool, Parameter(show_default=False)] = False,
    as_json: AsJson = False,
) -> int:
    """Turn people's answers into mean opinion scores, with intervals and screening as in ITU-R BT.500.

    Args:
        folder: Folder of the study, with its `key.json`.
        answers: The files that people sent back.
        out: Folder for `mos.json` and `mos.csv`; with that of the evaluation, its report shows them. The
            study's own by default.
        unfinished: Count answers that were not finished, too.
    """
    from .. import study as studies
    from .terminal import complain, show_scores

    try:
        scores = studies.score(folder, answers, out=out, unfinished=unfinished)
        if out is not None and (out / "results.jsonl").is_file():
            from ..evaluation.report.page import write_report

            write_report(out)
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        complain(str(error))
        return FAILED
    if as_json:
        for attack in scores.attacks:
            print(json.dumps(finite(asdict(attack))))
    else:
        show_scores(scores.attacks)
    for note in scores.notes:
        complain(note)
    return DONE
