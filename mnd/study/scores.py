"""From the answers of several people to mean opinion scores."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..base.files import write_atomic
from ..evaluation.report.opinions import FORMAT, HIDDEN, MOS_JSON, joined
from .answers import Answers, Key, read_answers, read_key
from .screening import Grades, Mean, Screened, mean_of, screen

MOS_CSV, PICTURES_CSV = "mos.csv", "mos_pictures.csv"
__all__ = ["Score", "Scores", "joined", "score", "scores_of", "write"]

ENOUGH, SCREENABLE = 15, 6
"""Observers: how many BT.500 wants at least, and with how many its screening can reject one at all."""


@dataclass(frozen=True)
class Score:
    """The opinion of one condition, over all pictures (`picture` is "") or on one.

    Attributes:
        attack: its name; `reference` for the hidden references.
        target: whom the pictures were made against.
        picture: the content's name, or "".
        n: observers.
        mos, low, high: mean opinion score, 1..5, and its 95 % interval (`None` with one observer).
        dmos, dmos_low, dmos_high: the same of the grades relative to the hidden reference's; 5: as good.
    """

    attack: str
    target: str
    picture: str
    n: int
    mos: float
    low: float | None
    high: float | None
    dmos: float | None
    dmos_low: float | None
    dmos_high: float | None


@dataclass(frozen=True)
class Observer:
    """One observer and what the screening says.

    Attributes:
        observer: the id.
        graded: presentations.
        p, q: on how many the grade was far above or below the others'.
        rejected: by the rule of BT.500: not counted.
        hidden: the mean grade of the hidden references; `None` where none was graded.
        hidden_low: the share of them that was graded too low.
        flagged: that share is too large. Such an observer is counted: the researcher decides.
    """

    observer: str
    graded: int
    p: int
    q: int
    rejected: bool
    hidden: float | None
    hidden_low: float | None
    flagged: bool


@dataclass(frozen=True)
class Scores:
    """What the answers say.

    Attributes:
        study: its id.
        attacks: one score an attack, the reference last.
        pictures: one score an attack and picture.
        observers: all of them, also the rejected.
        notes: what a reader should know, in sentences.
    """

    study: str
    attacks: tuple[Score, ...]
    pictures: tuple[Score, ...]
    observers: tuple[Observer, ...]
    notes: tuple[str, ...]


def score(
    study: Path,
    answers: Sequence[Path],
    *,
    out: Path | None = None,
    unfinished: bool = False,
    hidden_grade: int = 4,
    hidden_share: float = 0.25,
) -> Scores:
    """Turn answers into MOS, and write `mos.json`, `mos.csv` and `mos_pictures.csv`.

    A picture's MOS is the mean over observers, as in BT.500. An attack's is the mean over observers of each
    observer's mean over pictures: its interval speaks of other observers and of these pictures, and does not
    take many grades of one person for many persons. DMOS is the same of `grade - grade of the hidden
    reference of that picture + 5`, pair by pair for each observer (ITU-T P.910 has the same difference), and
    may exceed 5. Observers whom BT.500's screening rejects are left out of all means.

    Args:
        study: the folder with `key.json`, or that file.
        answers: the files that the page saved, one an observer.
        out: where to write to: a report's folder, to join the scores to it; the study's folder by default.
        unfinished: count also answers that do not grade all trials; otherwise they are refused.
        hidden_grade: a hidden reference with a grade below this was graded too low.
        hidden_share: observers with more than this share of such grades are flagged.

    Raises:
        FileNotFoundError: the key or a file of answers is missing.
        ValueError: a file does not fit, names it and what was expected; or nobody is left to count.
    """
    if not 1 <= hidden_grade <= 5 or not 0 <= hidden_share <= 1:
        raise ValueError(
            f"hidden_grade is {hidden_grade} and hidden_share {hidden_share}, expected 1 to 5 and 0 to 1"
        )
    study = Path(study)
    key = read_key(study)
    read = read_answers(key, [Path(path) for path in answers], unfinished)
    made = scores_of(key, read, hidden_grade, hidden_share)
    folder = (study if study.is_dir() else study.parent) if out is None else Path(out)
    write(made, key, folder)
    return made


def scores_of(key: Key, read: Sequence[Answers], hidden_grade: int = 4, hidden_share: float = 0.25) -> Scores:
    """The scores of answers that are read already: see `score`.

    Raises:
        ValueError: the screening leaves nobody.
    """
    grades: Grades = {answers.observer: answers.grades for answers in read}
    verdicts = screen(grades)
    observers = tuple(
        _observer(key, answers, verdicts[answers.observer], hidden_grade, hidden_share) for answers in read
    )
    counted = {it.observer: grades[it.observer] for it in observers if not it.rejected}
    if not any(counted.values()):
        raise ValueError("nobody's grades are left to count, expected those of at least 1 observer")
    rows = {(trial["attack"], trial["picture"]): name for name, trial in key.trials.items()}
    attacks = sorted({attack for attack, _ in rows}, key=lambda attack: (attack == HIDDEN, attack))
    pictures = sorted({picture for _, picture in rows})
    overall = (_score(key, rows, counted, attack, pictures, "") for attack in attacks)
    single = (_score(key, rows, counted, attack, [name], name) for attack in attacks for name in pictures)
    return Scores(
        key.study,
        tuple(row for row in overall if row),
        tuple(row for row in single if row),
        observers,
        tuple(_notes(key, observers)),
    )


def _score(
    key: Key,
    rows: Mapping[tuple[str, str], str],
    grades: Grades,
    attack: str,
    pictures: Sequence[str],
    name: str,
) -> Score | None:
    """The score over some pictures, from one value an observer; `None` where nobody graded any."""
    given, relative = [], []
    for own in grades.values():
        marks = {p: own[rows[attack, p]] for p in pictures if rows[attack, p] in own}
        differences = [mark - own[rows[HIDDEN, p]] + 5 for p, mark in marks.items() if rows[HIDDEN, p] in own]
        given += [math.fsum(marks.values()) / len(marks)] if marks else []
        relative += [math.fsum(differences) / len(differences)] if differences else []
    if not given:
        return None
    mos = mean_of(given)
    nothing = Mean(0, math.nan, None, None)
    dmos = mean_of(relative) if relative and attack != HIDDEN else nothing
    return Score(
        attack, key.target, name, mos.n, mos.mean, mos.low, mos.high,
        dmos.mean if dmos.n else None, dmos.low, dmos.high,
    )  # fmt: skip


def _observer(
    key: Key, answers: Answers, verdict: Screened, hidden_grade: int, hidden_share: float
) -> Observer:
    hidden = [grade for name, grade in answers.grades.items() if key.trials[name]["kind"] == "hidden"]
    low = sum(grade < hidden_grade for grade in hidden) / len(hidden) if hidden else None
    return Observer(
        answers.observer,
        verdict.presentations,
        verdict.p,
        verdict.q,
        verdict.rejected,
        sum(hidden) / len(hidden) if hidden else None,
        low,
        low is not None and low > hidden_share,
    )


def _notes(key: Key, observers: Sequence[Observer]) -> list[str]:
    rejected = [it.observer for it in observers if it.rejected]
    flagged = [it.observer for it in observers if it.flagged]
    partial = [it.observer for it in observers if it.graded < len(key.trials)]
    notes = []
    if len(observers) - len(rejected) < ENOUGH:
        counted = len(observers) - len(rejected)
        notes.append(f"{counted} observers count; BT.500 wants at least {ENOUGH}.")
    if len(observers) < SCREENABLE:
        notes.append(f"With fewer than {SCREENABLE} observers the screening of BT.500 can reject nobody.")
    if rejected:
        notes.append(f"Not counted, by the screening of BT.500: {', '.join(rejected)}.")
    if flagged:
        notes.append(f"Counted, but graded hidden references low too often: {', '.join(flagged)}.")
    if partial:
        notes.append(f"Counted, but unfinished: {', '.join(partial)}.")
    return notes


def write(scores: Scores, key: Key, folder: Path) -> None:
    """Write `mos.json` (all of it), `mos.csv` (a line an attack) and `mos_pictures.csv` (and picture)."""
    folder.mkdir(parents=True, exist_ok=True)
    rated = {trial["path"]: trial["sha256"] for trial in key.trials.values() if trial["kind"] == "test"}
    told: dict[str, Any] = {
        "format": FORMAT,
        "method": "ITU-R BT.500 DSIS, variant I; mean -+ 1.96 S / sqrt(N) over observers",
        "target": key.target,
        **asdict(scores),
        "files": dict(sorted(rated.items())),
    }
    text = json.dumps(told, indent=1, allow_nan=False) + "\n"
    write_atomic(folder / MOS_JSON, text.encode(), overwrite=True)
    overall = [name.name for name in fields(Score) if name.name != "picture"]
    _table(folder / MOS_CSV, overall, scores.attacks)
    _table(folder / PICTURES_CSV, [name.name for name in fields(Score)], scores.pictures)


def _table(path: Path, columns: Sequence[str], rows: Sequence[Score]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    for row in rows:
        cells = (getattr(row, name) for name in columns)
        table.writerow([f"{cell:.4f}" if isinstance(cell, float) else cell for cell in cells])
    write_atomic(path, text.getvalue().encode(), overwrite=True)
