"""The answers of observers, read with the suspicion that files from elsewhere deserve."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .page import ANSWERS
from .rating import FORMAT, KEY

GRADES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Key:
    """What the trials of a study are.

    Attributes:
        study: its id.
        target: whom the pictures were made against.
        trials: for each counted trial its attack, picture, kind, path and SHA-256.
    """

    study: str
    target: str
    trials: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Answers:
    """What one observer sent.

    Attributes:
        observer: the id that the page drew.
        file: where it came from.
        grades: for each trial 1..5.
    """

    observer: str
    file: Path
    grades: Mapping[str, int]


def read_key(study: Path) -> Key:
    """The key of a study, from its folder or from the file itself.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is no key.
    """
    path = study / KEY if study.is_dir() else study
    told = _object(path)
    if told.get("format") != FORMAT:
        raise ValueError(f"{path}: format is {told.get('format')!r}, expected {FORMAT!r}, the key of a study")
    return Key(told["study"], told["target"], told["trials"])


def read_answers(key: Key, paths: Sequence[Path], unfinished: bool = False) -> list[Answers]:
    """The answers of all observers, each checked against the key.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: no file; or one that is damaged, of another study, of an observer who is there already,
            with unknown trials or grades outside 1..5, or unfinished where that was not allowed.
    """
    if not paths:
        raise ValueError("got no answers, expected at least 1 file")
    read: dict[str, Answers] = {}
    for path in paths:
        answers = _read(key, Path(path), unfinished)
        if before := read.get(answers.observer):
            raise ValueError(
                f"{path}: observer {answers.observer} has answered in {before.file} already, "
                "expected each observer once"
            )
        read[answers.observer] = answers
    return list(read.values())


def _read(key: Key, path: Path, unfinished: bool) -> Answers:
    told = _object(path)
    if told.get("format") != ANSWERS:
        raise ValueError(f"{path}: format is {told.get('format')!r}, expected {ANSWERS!r}, saved by the page")
    if told.get("study") != key.study:
        raise ValueError(f"{path}: answers of study {told.get('study')!r}, expected {key.study!r}")
    observer = told.get("observer")
    if not isinstance(observer, str) or not observer:
        raise ValueError(f"{path}: observer is {observer!r}, expected the id that the page drew")
    order = told.get("order")
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(key.trials):
        raise ValueError(f"{path}: the order is not one of the study's {len(key.trials)} trials, each once")
    grades: dict[str, int] = {}
    answers = told.get("answers")
    for place, answer in enumerate(answers if isinstance(answers, list) else [None], 1):
        trial, grade = _answer(key, answer, f"{path}, answer {place}")
        if trial in grades:
            raise ValueError(f"{path}, answer {place}: trial {trial} has a grade already, expected one")
        grades[trial] = grade
    if len(grades) < len(key.trials) and not unfinished:
        raise ValueError(
            f"{path}: {len(grades)} of {len(key.trials)} trials have a grade, expected all "
            "(unfinished answers count only when that is asked for)"
        )
    return Answers(observer, path, grades)


def _answer(key: Key, answer: object, where: str) -> tuple[str, int]:
    if not isinstance(answer, dict):
        raise ValueError(f"{where}: got {answer!r}, expected an object with trial and grade")
    trial, grade = answer.get("trial"), answer.get("grade")
    if not isinstance(trial, str) or trial not in key.trials:
        raise ValueError(f"{where}: trial is {trial!r}, expected one of the study's {len(key.trials)}")
    if type(grade) is not int or grade not in GRADES:
        raise ValueError(f"{where}: grade is {grade!r}, expected a whole number from 1 to 5")
    return trial, grade


def _object(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path}: there is no such file, expected the key or answers of a study"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: expected a JSON file: {error}") from error
    if not isinstance(told, dict):
        raise ValueError(f"{path}: got a JSON {type(told).__name__}, expected an object")
    return told
