"""From a study through simulated answers to the scores that a report joins."""

from __future__ import annotations

import csv
import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnd.study import create, joined, score
from tests.helpers.order import order
from tests.helpers.rated import STRENGTHS, TARGET

FAINT, MIDDLE, STRONG = STRENGTHS
OPINION = {"reference": 5.0, FAINT: 4.6, MIDDLE: 3.2, STRONG: 1.5}


@pytest.fixture
def study(report: Path, tmp_path: Path) -> Path:
    return create(report, tmp_path / "study", pictures=4).parent


def key_of(study: Path) -> dict[str, Any]:
    return json.loads((study / "key.json").read_text())


def told(study: Path, observer: str, grade) -> dict[str, Any]:
    """What the page exports for an observer who grades with `grade(trial)`."""
    key = key_of(study)
    seen = order({name: trial["content"] for name, trial in key["trials"].items()}, key["study"] + observer)
    answers = [
        {
            "trial": name,
            "grade": grade(key["trials"][name]),
            "at": 30.0 * n,
            "vote": 2.5,
            "shown": [10.0, 10.0],
        }
        for n, name in enumerate(seen)
    ]
    screen = {"devicePixelRatio": 1, "width": 1280, "height": 720}
    return {
        "format": "rating-answers-1", "study": key["study"], "observer": observer, "complete": True,
        "order": seen, "answers": answers, "interruptions": 0, "screen": screen,
    }  # fmt: skip


def save(folder: Path, answers: dict[str, Any]) -> Path:
    path = folder / f"answers-{answers['observer']}.json"
    path.write_text(json.dumps(answers), encoding="utf-8")
    return path


def opinion(seed: int, bias: float = 0.0):
    """Grades around the known opinion of each attack, with chance and a bias of the observer's own.

    A trial has its grade whenever it comes: the order of a study is another one each time.
    """

    def grade(trial: dict[str, Any]) -> int:
        what = zlib.crc32(f"{trial['attack']} {trial['picture']}".encode())
        chance = np.random.default_rng([seed, what]).normal(0, 0.4)
        return int(np.clip(round(OPINION[trial["attack"]] + bias + chance), 1, 5))

    return grade


def people(study: Path, count: int) -> list[Path]:
    return [save(study, told(study, f"{n:016x}", opinion(n, 0.2 * (n % 3 - 1)))) for n in range(count)]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_opinions_come_back(study):
    made = score(study, people(study, 20))
    assert [row.attack for row in made.attacks] == [FAINT, MIDDLE, STRONG, "reference"]
    for row in made.attacks:
        assert row.mos == pytest.approx(OPINION[row.attack], abs=0.3)
        assert (row.n, row.target) == (20, TARGET)
        assert row.low < row.mos < row.high
        assert row.high - row.low < 0.5
    assert len(made.pictures) == 4 * 4
    assert not any(it.rejected or it.flagged for it in made.observers)
    assert made.notes == ()


def test_every_number_by_hand(study):
    """Three observers who grade each attack alike on all pictures: the pictures do not add to N."""
    marks = {"reference": (5, 4, 5), FAINT: (5, 4, 4), MIDDLE: (4, 3, 2), STRONG: (2, 2, 1)}
    files = [save(study, told(study, f"o{n}", lambda t, n=n: marks[t["attack"]][n])) for n in range(3)]
    made = score(study, files)
    rows = {row.attack: row for row in made.attacks}
    half = 1.96 * 1 / math.sqrt(3)  # 4 3 2: S = 1
    assert (rows[MIDDLE].n, rows[MIDDLE].mos) == (3, 3)
    assert rows[MIDDLE].low == pytest.approx(3 - half)
    assert rows[MIDDLE].high == pytest.approx(3 + half)
    assert rows[MIDDLE].dmos == pytest.approx((4 + 4 + 2) / 3)  # minus 5 4 5, plus 5
    assert rows[MIDDLE].dmos_high == pytest.approx(10 / 3 + 1.96 * math.sqrt(4 / 3) / math.sqrt(3))
    assert rows[FAINT].dmos == pytest.approx((5 + 5 + 4) / 3)
    assert rows["reference"].dmos is None
    singles = {(row.attack, row.picture): row for row in made.pictures}
    for (attack, _), row in singles.items():
        assert (row.mos, row.low, row.dmos) == (rows[attack].mos, rows[attack].low, rows[attack].dmos)
    assert "3 observers count; BT.500 wants at least 15." in made.notes


def test_pictures_that_differ_have_scores_of_their_own(study):
    def grade(trial: dict[str, Any]) -> int:
        return 5 if trial["attack"] == "reference" else 1 + int(trial["picture"][-5])

    made = score(study, [save(study, told(study, "o", grade))])
    numbers = sorted({int(row.picture[-5]) for row in made.pictures})
    for row in made.pictures:
        if row.attack != "reference":
            assert row.mos == row.dmos == 1 + int(row.picture[-5])
    assert made.attacks[0].mos == 1 + sum(numbers) / 4
    assert (made.attacks[0].low, made.attacks[0].high) == (None, None)


def test_an_erratic_observer_is_left_out(study):
    """Eleven agree on the range 2 to 4; the twelfth says 5 where they lean low, and 1 where high."""
    ordinary = [2, 2, 3, 3, 3, 3, 3, 3, 3, 4, 4]
    files = []
    key = key_of(study)["trials"]
    side = {(t["attack"], t["picture"]): place % 2 for place, t in enumerate(key.values())}
    for n in range(12):

        def grade(trial: dict[str, Any], n: int = n) -> int:
            up = side[trial["attack"], trial["picture"]]
            mark = 5 if n == 11 else ordinary[n]
            return mark if up else 6 - mark

        files.append(save(study, told(study, f"o{n:02}", grade)))
    made = score(study, files)
    erratic = made.observers[-1]
    assert [it.observer for it in made.observers if it.rejected] == ["o11"]
    assert (erratic.p, erratic.q, erratic.graded) == (8, 8, 16)
    assert all(row.n == 11 for row in made.attacks)
    assert "Not counted, by the screening of BT.500: o11." in made.notes


def test_who_grades_hidden_references_low_is_flagged_and_counted(study):
    files = people(study, 6)
    sour = save(study, told(study, "sour", lambda t: 3))
    made = score(study, [*files, sour])
    flagged = {it.observer: (it.flagged, it.hidden, it.hidden_low) for it in made.observers}
    assert flagged["sour"] == (True, 3, 1)
    assert sum(flag for flag, _, _ in flagged.values()) == 1
    assert made.attacks[0].n == 7
    assert any("sour" in note and note.startswith("Counted") for note in made.notes)
    assert not any(it.flagged for it in score(study, [*files, sour], hidden_grade=3).observers)


def test_files_and_joining(study, report):
    made = score(study, people(study, 8), out=report)
    assert not (study / "mos.json").exists()
    known = joined(report)
    assert known == {
        (row.attack, TARGET): (row.mos, row.low, row.high)
        for row in made.attacks
        if row.attack != "reference"
    }
    rows = rows_of(report / "mos.csv")
    assert " ".join(rows[0]) == "attack target n mos low high dmos dmos_low dmos_high"
    assert [row["attack"] for row in rows] == [row.attack for row in made.attacks]
    assert float(rows[0]["mos"]) == pytest.approx(made.attacks[0].mos, abs=1e-4)
    assert rows[-1]["dmos"] == ""
    assert len(rows_of(report / "mos_pictures.csv")) == 16
    everything = json.loads((report / "mos.json").read_text())
    assert everything["observers"][0]["observer"] == "0" * 16
    assert len(everything["files"]) == 4 * len(STRENGTHS)


def test_scores_of_other_pictures_are_not_joined(study, report):
    score(study, people(study, 2), out=report)
    path = report / next(iter(json.loads((report / "mos.json").read_text())["files"]))
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="is not the picture that was rated"):
        joined(report)
    path.unlink()
    with pytest.raises(ValueError, match="is not the picture that was rated"):
        joined(report)
    (report / "mos.json").write_text('{"format": "another"}')
    with pytest.raises(ValueError, match=r"mos\.json: expected the scores of a rating study"):
        joined(report)


def test_unfinished_answers_count_when_asked(study):
    files = people(study, 3)
    part = told(study, "part", opinion(9))
    part["answers"] = part["answers"][:7]
    files.append(save(study, part))
    with pytest.raises(ValueError, match=r"answers-part\.json: 7 of 16 trials have a grade, expected all"):
        score(study, files)
    made = score(study, files, unfinished=True)
    assert made.observers[-1].graded == 7
    assert {row.n for row in made.pictures} == {3, 4}
    assert "Counted, but unfinished: part." in made.notes
    nothing = told(study, "nothing", opinion(9)) | {"answers": []}
    with pytest.raises(ValueError, match="nobody's grades are left"):
        score(study, [save(study, nothing)], unfinished=True)


def spoilt(answers: dict[str, Any], **first: Any) -> dict[str, Any]:
    return answers | {"answers": [answers["answers"][0] | first, *answers["answers"][1:]]}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a | {"study": "another"}, "answers of study 'another', expected"),
        (lambda a: a | {"format": None}, "format is None, expected 'rating-answers-1'"),
        (lambda a: a | {"observer": 5}, "observer is 5"),
        (lambda a: a | {"order": a["order"][1:]}, "order is not one of the study's 16 trials"),
        (lambda a: a | {"order": None}, "order is not one of the study's 16 trials"),
        (lambda a: a | {"answers": None}, "answer 1: got None, expected an object"),
        (
            lambda a: spoilt(a, trial="another"),
            "answer 1: trial is 'another', expected one of the study's 16",
        ),
        (lambda a: spoilt(a, trial=["x"]), "answer 1: trial is"),
        (lambda a: spoilt(a, grade=0), "answer 1: grade is 0, expected a whole number from 1 to 5"),
        (lambda a: spoilt(a, grade=6), "grade is 6"),
        (lambda a: spoilt(a, grade=4.5), "grade is 4.5"),
        (lambda a: spoilt(a, grade=True), "grade is True"),
        (lambda a: spoilt(a, grade="5"), "grade is '5'"),
        (lambda a: a | {"answers": [*a["answers"], a["answers"][0]]}, "answer 17: .* has a grade already"),
        (lambda a: [a], "got a JSON list, expected an object"),
    ],
)
def test_answers_that_do_not_fit_name_their_file(study, spoil, message):
    path = study / "answers-bad.json"
    path.write_text(json.dumps(spoil(told(study, "bad", opinion(0)))))
    with pytest.raises(ValueError, match=r"answers-bad\.json.*" + message):
        score(study, [path])
    assert not (study / "mos.json").exists()


def test_no_one_answers_twice(study):
    files = people(study, 2)
    again = study / "again.json"
    again.write_bytes(files[0].read_bytes())
    with pytest.raises(
        ValueError, match=r"again\.json: observer 0+ has answered in .*answers-0+\.json already"
    ):
        score(study, [*files, again])


def test_other_files_are_refused(study, tmp_path):
    damaged = tmp_path / "damaged.json"
    damaged.write_bytes(b"\xff{")
    with pytest.raises(ValueError, match=r"damaged\.json: expected a JSON file"):
        score(study, [damaged])
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        score(study, [tmp_path / "missing.json"])
    with pytest.raises(ValueError, match="got no answers"):
        score(study, [])
    with pytest.raises(FileNotFoundError):
        score(tmp_path, people(study, 1))
    with pytest.raises(ValueError, match="expected 'rating-key-1', the key of a study"):
        score(people(study, 1)[0], people(study, 1))
    with pytest.raises(ValueError, match="hidden_grade is 9"):
        score(study, people(study, 1), hidden_grade=9)


def test_a_key_may_be_named_itself(study):
    made = score(study / "key.json", people(study, 1))
    assert (study / "mos.csv").exists()
    assert made.study == key_of(study)["study"]
