"""What a run says of people, of names that are one, and of how much was done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mnd.dataset.manifest import headers, manifest_path
from mnd.dataset.settings import both_settings
from tests.helpers import tiny
from tests.helpers.data_sets import lines, told


def test_galleries_of_several_people(protect, src: Path, dst: Path, tmp_path: Path):
    """Known to the sum of the settings, to the report without a name; one without a photo stops the run."""
    galleries = tmp_path / "galleries"
    for number, name in enumerate(("alice", "bob")):
        (galleries / name).mkdir(parents=True)
        (galleries / name / "a.png").write_bytes(tiny.picture(number))
    (galleries / "loose.png").write_bytes(tiny.picture(5))
    summary = protect(src, dst, galleries=galleries)
    assert summary.done
    assert any("loose" not in note and "in no person's folder" in note for note in summary.notes)
    [header] = headers(manifest_path(dst))
    assert [name for name, _ in header["settings"]["galleries"]] == ["alice/a.png", "bob/a.png"]
    assert header["settings"]["gallery"] is None
    page = (dst / "report.html").read_text()
    assert "2 photos of 2 people" in page
    assert "alice" not in page
    assert protect(src, dst, galleries=galleries).kept == 6
    (galleries / "bob" / "a.png").write_bytes(tiny.picture(3))
    assert protect(src, dst, galleries=galleries).changed == 6
    (galleries / "carol").mkdir()
    (galleries / "dave").mkdir()
    (galleries / "dave" / "bad.jpg").write_bytes(b"rubbish")
    before = manifest_path(dst).read_bytes()
    with pytest.raises(ValueError, match=r"carol: found no photo that can be read.*dave: found no photo"):
        protect(src, dst, galleries=galleries)
    assert manifest_path(dst).read_bytes() == before


def test_two_names_that_are_one_are_both_told(protect, src: Path, dst: Path):
    (src / "0/00000.PNG").write_bytes(tiny.picture(40))
    (src / "0/manifest.jsonl").write_bytes(tiny.picture(41))
    (src / "manifest.jsonl").write_bytes(tiny.picture(42))
    if len(list(src.rglob("00000.*"))) < 2:
        pytest.skip("needs a file system that knows capitals")
    summary = protect(src, dst)
    errors = {name: line["error"]["message"] for name, line in lines(dst).items() if line["error"]}
    assert errors == {
        "0/00000.png": "0/00000.png: 0/00000.PNG has a result of that name already, where capitals do not "
        "count; expected names that differ in more",
        "manifest.jsonl": "manifest.jsonl: mnd itself writes a file of that name beside the results, "
        "expected a name of its own",
    }
    assert told(summary, "photos", "new", "kept", "failed") == [9, 9, 0, 2]
    again = protect(src, dst)
    assert told(again, "photos", "new", "kept", "failed", "failed_before") == [9, 0, 9, 2, 2]


def test_sums_add_up_when_a_run_is_stopped(protect, card: str, src: Path, dst: Path, monkeypatch):
    """What was handed out and not done is no photo yet."""
    from mnd.dataset import engines
    from mnd.dataset.protect import Protection
    from tests.helpers.protecting import inline

    (src / "1/00001.bmp").write_bytes(b"rubbish")
    protect(src, dst, exclude=("2/*",))

    class StopError(Exception): ...

    def one_and_no_more(make: Any, items: Any, settings: Any) -> Any:
        waiting = list(items)  # as workers that are busy have them
        yield from inline(make, iter(waiting[:1]), settings)
        raise StopError

    monkeypatch.setattr(engines, "load", lambda name: one_and_no_more)
    cloak, settings = both_settings({"targets": (card,)} | tiny.OPTIONS)
    run = Protection(src, dst, cloak, settings)
    with pytest.raises(StopError):
        run.run()
    summary = run.summary()
    assert told(summary, "photos", "kept", "new", "undone") == [5, 4, 1, 0]
    assert not summary.finished
    assert summary.failures[0].startswith("1/00001.bmp: ")
