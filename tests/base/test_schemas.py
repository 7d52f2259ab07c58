"""The JSON Schemas of the package: made from the types, and what real output and real cards are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import schemas as script
from PIL import Image

import mnd
from mnd import cli
from mnd.base import schemas
from mnd.dataset.manifest import STATUSES
from mnd.evaluation.results import RESULTS
from mnd.evaluation.run import Evaluation
from mnd.evaluation.settings import EvaluationSettings
from mnd.targets.json_card import read_card
from tests.helpers import tiny
from tests.helpers.cloaks import FACE
from tests.helpers.protecting import protect  # noqa: F401
from tests.helpers.schemas import check, closed

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", schemas.NAMES)
def test_the_files_are_made_from_the_types(name: str):
    assert script.written()[name] == schemas.text(name), "run python scripts/schemas.py"
    jsonschema.Draft202012Validator.check_schema(schemas.schema(name))


@pytest.mark.parametrize("name", schemas.NAMES)
def test_the_command_prints_them(name: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out) == schemas.schema(name)


def test_the_command_lists_them_and_names_what_is_near(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["schema"]) == 0
    assert capsys.readouterr().out.split() == list(schemas.NAMES)
    assert cli.main(["schema", "recrod"]) == 2
    assert "unknown schema 'recrod'; did you mean record?" in capsys.readouterr().err
    assert cli.main(["schema", "x"]) == 2
    assert "There are card, manifest, measure, record, results" in capsys.readouterr().err


# real output ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_records_of_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Cloaked against a gallery and an app, checked, and a photo that cannot be read."""
    Image.fromarray(FACE).save(tmp_path / "a.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "me").mkdir()
    Image.fromarray(FACE[:, ::-1]).save(tmp_path / "me" / "b.png")
    words = ["--json", "--level", "minimum", "--targets", "dlib", "--offline"]
    how = ["--steps", "20", "--rho", "0", "--keep-best", "--gallery", str(tmp_path / "me")]
    photo = str(tmp_path / "a.png")
    cli.main(["cloak", photo, str(tmp_path / "broken.jpg"), *words, *how, "--against", "face_recognition"])
    cli.main(["check", photo, str(tmp_path / "a.cloaked.png"), *words])
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["mnd_record"] for record in records] == [1, 1, 1]
    for record in records:
        check("record", record)
    assert records[0]["apps"]
    assert records[0]["gallery"]["photos"] == 1
    assert records[1]["error"]["kind"] == "not-an-image"
    assert records[2]["compared"]


def test_the_record_of_a_whole_picture(tmp_path: Path, card: str):
    (tmp_path / "a.png").write_bytes(tiny.picture(3))
    settings = mnd.CloakSettings(targets=(card,), **tiny.OPTIONS, whole=True, keep_best=True)
    record = mnd.Cloaker(settings).photo(tmp_path / "a.png")
    assert record["regions"]
    check("record", json.loads(json.dumps(record)))


def test_lines_of_a_manifest(tmp_path: Path, protect):  # noqa: F811
    source = tmp_path / "src"
    source.mkdir()
    tiny.write_pictures(source, 3)
    (source / "notes.txt").write_text("no picture")
    (source / "empty.png").touch()
    (source / f"{'x' * 230}.png").write_bytes(tiny.picture(9))
    protect(source, tmp_path / "dst", whole=True)
    lines = [json.loads(line) for line in (tmp_path / "dst" / "manifest.jsonl").read_text().splitlines()]
    assert {line.get("status") for line in lines} >= {None, "failed", "other"}
    for line in lines:
        check("manifest", line)
    known = closed("manifest")["$defs"]["LineRecord"]["properties"]["status"]["enum"]
    assert sorted(known) == sorted(STATUSES)


def test_lines_of_results(tmp_path: Path, card: str):
    """Of an attack that fools, one that does not, and one that breaks down."""
    from mnd.channel import to_tensor
    from mnd.targets import load

    def grey(problem, eps, seed):
        return problem.x * 0 + 0.5

    def same(problem, eps, seed):
        return problem.x

    def broken(problem, eps, seed):
        raise ArithmeticError("no")

    (tmp_path / "photos").mkdir()
    [pixels] = tiny.crops(1, 64)
    label = int(load(card).refer(to_tensor(pixels)).known)
    Image.fromarray(pixels).save(tmp_path / "photos" / f"{label:03d}_a.png")
    attacks = (grey, same, broken)
    how = EvaluationSettings(tmp_path / "photos", (card,), attacks=attacks, crop=0, draws=0, offline=True)
    Evaluation(how, tmp_path / "out").run()
    lines = [json.loads(line) for line in (tmp_path / "out" / RESULTS).read_text().splitlines()]
    assert [line["error"] is None for line in lines] == [True, True, False]
    for line in lines:
        check("results", line)


def test_a_result_of_a_face_has_no_other_names():
    from mnd.evaluation.measures import FACE as NAMES

    assert set(NAMES) <= set(closed("results")["$defs"]["ResultRecord"]["properties"])


# cards ------------------------------------------------------------------------------------------------


def cards() -> list[str]:
    return re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "cards.md").read_text("utf-8"), re.S)


@pytest.mark.parametrize("text", cards())
def test_whole_cards_are_cards(text: str):
    check("card", json.loads(text))


@pytest.mark.parametrize(
    "change",
    [
        {"threshhold": 1}, {"threshold": "0.3"}, {"size": [112]}, {"size": [112, 0]}, {"unit": "metres"},
        {"architecture": "resnet"}, {"weights": "a.pth"}, {"sha256": "xyz"}, {"mean": [0.5, 0.5]},
        {"std": [0, 1, 1]}, {"template": "round"}, {"lfw": 99.4}, {"judge_only": "yes"}, {"padding": 3},
        {"channels": "grb"}, {"judged_as": ["nobody"]}, {"mnd_card": 2}, {"name": 3}, {"kind": "voice"},
        {"extra": "onnx"}, {"resize": 0}, {"interpolation": "cubic"},
    ],
)  # fmt: skip
def test_what_the_schema_refuses_is_refused_when_read(change: dict[str, object], tmp_path: Path):
    whole = json.loads(cards()[0]) | change
    with pytest.raises(jsonschema.ValidationError):
        check("card", whole)
    (tmp_path / "card.json").write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=r"card"):
        read_card(tmp_path / "card.json")


@pytest.mark.parametrize(
    "field", ["threshold", "licence", "source", "size", "architecture", "weights", "name"]
)
def test_what_has_to_be_there(field: str):
    whole = json.loads(cards()[0])
    del whole[field]
    with pytest.raises(jsonschema.ValidationError, match=field):
        check("card", whole)


def test_a_version_of_a_card_may_stand_in_it(tmp_path: Path):
    (tmp_path / "card.json").write_text(json.dumps(json.loads(cards()[0]) | {"mnd_card": 1}))
    read_card(tmp_path / "card.json")
    check("record", dict(mnd.cloaking.record.blank("a.jpg", mnd.CloakSettings())))
