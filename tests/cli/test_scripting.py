"""What `docs/scripting.md` promises to programs is what the types say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from mnd.cloaking import record as records
from mnd.cloaking.record import ErrorKind, Record, RegionRecord, Status, TargetRecord
from mnd.metrics import measure_record as measured
from mnd.metrics.record import AppearanceRecord, QualityRecord

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scripting.md"


@pytest.fixture(scope="module")
def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def words(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def test_every_kind_of_error_is_in_the_table_and_no_other(text: str):
    cells = [
        row.split("|")[1] for row in section(text, "Kinds of errors").splitlines() if row.startswith("| `")
    ]
    assert set().union(*map(words, cells)) == set(get_args(ErrorKind))


def test_every_field_of_a_record_is_in_the_table(text: str):
    named = words(section(text, "The record"))
    last = {part for word in named for part in re.split(r"[.\[\]]+", word) if part}
    below = (records.PassedRecord, records.GalleryRecord, records.NamesRecord, records.MetadataRecord)
    below += (records.AppRecord, AppearanceRecord, QualityRecord)
    for kind in (Record, RegionRecord, TargetRecord, *below):
        assert set(get_type_hints(kind)) <= last | {"targets", "regions"}, kind
    assert set(get_args(Status)) <= named


def test_every_field_of_two_pictures_is_in_the_table(text: str):
    named = words(section(text, "Two pictures"))
    kinds = (measured.PairRecord, measured.MeasuredRecord, measured.MapRecord, measured.SummaryRecord)
    for kind in (*kinds, measured.AloneRecord, measured.MeanRecord):
        assert set(get_type_hints(kind)) <= named, kind


def test_every_kind_that_is_written_is_one_that_is_known():
    """Kinds are words in the code; no check of types sees all of them."""
    package = Path(records.__file__).parents[1]
    code = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    written = re.findall(r'(?:PhotoError|NotReadyError|Refused)\(\s*(?:[\w.]+, )?"([a-z-]+)"', code)
    written += re.findall(r'problem\(record, "([a-z-]+)"', code) + re.findall(r'kind = "([a-z-]+)"', code)
    known: set[Any] = set(get_args(ErrorKind))
    assert len(written) > 50
    assert set(written) <= known
