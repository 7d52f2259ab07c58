"""`mnd study create` and `mnd study score`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import App, Parameter

from ..base.files import PhotoError
from ..base.jsonlines import finite
from ..study.settings import StudySettings
from .app import DONE, FAILED, UsageError, app
from .flags import NAMES, flags, settings
from .options import AsJson

WORDS = {"attacks": NAMES}
StudyFlags = flags(StudySettings, WORDS)
PLAIN = StudyFlags()

if TYPE_CHECKING:
    AsStudy: TypeAlias = Any
else:
    AsStudy = Annotated[StudyFlags, Parameter(name="*")]

study = App(
    name="study", help="Ask people: a blind rating page made from an evaluation, and their opinion scores."
)
app.command(study)


@study.command
def create(
    report: Path,
    /,
    *,
    out: Annotated[Path, Parameter(["--out", "-o"])],
    how: AsStudy = PLAIN,
) -> int:
    """Make a rating page of an evaluation: send `rating.html` to people, keep `key.json`.

    Args:
        report: Folder that `mnd evaluate` wrote.
        out: Folder of the study; there must be no study in it yet.
    """
    from .. import study as studies
    from .terminal import complain, printable

    try:
        page = studies.create(report, out, settings(StudySettings, how, WORDS))
    except PhotoError as error:
        complain(str(error))
        return FAILED
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
    except PhotoError as error:
        complain(str(error))
        return FAILED
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
