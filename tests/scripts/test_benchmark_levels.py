"""`scripts/benchmark.py levels`: its plans, its file and what is made from it."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from benchmarks import level_plots, levels, rivals
from benchmarks import people as sitters
from benchmarks.judging import table
from benchmarks.level_plans import ATTACKED, EPS, Case, cases, chosen
from benchmarks.levels import Bench, Lines, summary
from PIL import Image
from skimage import data

from mnd.cloaking.levels import PLANS
from mnd.cloaking.subjects import find
from mnd.faces.detector import Detector
from mnd.photo.photo import Photo
from mnd.targets import registry
from mnd.targets.face import FaceTarget

FOOLED, SEEN = [-0.1, -0.2, 0.1, -0.1], [0.1, 0.2, 0.3, 0.4]
CARD = Path("card.json")


def _line(case: Case, photo: str = "a.jpg", ssimulacra2: float = 80.0, **more: Any) -> dict[str, Any]:
    """What a run would tell: dlib is fooled by all, MobileFaceNet by three of four, not at half size."""
    seen = dict.fromkeys(levels.CHANNELS, FOOLED)
    margins = {"dlib": dict.fromkeys(levels.CHANNELS, [-0.1] * 4), "mobilefacenet": seen | {"half": SEEN}}
    return {
        "plan": case.name, "photo": photo, "settings": case.told(), "protected": True, "error": None,
        "seconds": 2.0, "quality": {"SSIMULACRA2": ssimulacra2}, "margins": margins,
    } | more  # fmt: skip


# plans ----------------------------------------------------------------------------------------------------


def test_plans_have_names_of_their_own_and_the_numbers_of_the_levels() -> None:
    everything = cases()
    assert len({case.name for case in everything}) == len(everything)
    for case in everything[:6]:
        plan = PLANS[case.level, case.gallery]
        assert case.told()["plan"] == json.loads(json.dumps(asdict(plan)))
    for who in ATTACKED:
        assert {c.eps for c in everything if c.attacked == who and c.method == "pgd"} == set(EPS)


def test_headroom_stands_in_the_settings_of_a_plan() -> None:
    plan = Case("mnd", "dlib", headroom=0.2).told()["plan"]
    strong = PLANS["strong", True]
    assert (plan["headroom"], plan["similarity"]) == (0.2, 0.2)
    assert (plan["steps"], plan["withstands"]) == (strong.steps, list(strong.withstands))


def test_every_photo_gives_a_file() -> None:
    assert all(case.settings(Path("gallery"), CARD).keep_best for case in cases())
    assert Case("mnd", gallery=False).settings(Path("gallery"), CARD).gallery is None


def test_plans_are_chosen_by_patterns() -> None:
    assert [c.name for c in chosen("strong-dlib,robust-*")] == [
        "robust-both", "robust-both-no-gallery", "strong-dlib",
    ]  # fmt: skip
    assert chosen(None) == cases()
    assert chosen("none") == []
    with pytest.raises(ValueError, match=r"'stong-dlib'.*strong-dlib"):
        chosen("stong-dlib")


# photos ---------------------------------------------------------------------------------------------------


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Ten photos each of two people."""
    picture = data.chelsea()[:40, :48]  # type: ignore[no-untyped-call]
    for person in ("a", "b"):
        (tmp_path / "album" / person).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(picture + np.uint8(i)).save(tmp_path / "album" / person / f"{person}{i}.jpg")
    return tmp_path / "album"


def test_jpegs_come_person_by_person_in_the_first_round(album: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    found = sitters.people(album, tmp_path / "new", quality=92, limit=3)
    assert [s.photo.name for s in found] == ["a0.jpg", "b0.jpg", "a1.jpg"]
    first = found[0]
    assert [p.name for p in first.known] == sorted(p.name for p in first.gallery.iterdir())
    assert [p.name for p in first.known] == ["a2.jpg", "a3.jpg", "a4.jpg", "a5.jpg"]
    assert [p.name for p in first.held] == ["a6.jpg", "a7.jpg", "a8.jpg", "a9.jpg"]
    with Image.open(first.photo) as image:
        sampling = [layer[1:3] for layer in image.layer]  # type: ignore[attr-defined]
    assert sampling == [(2, 2), (1, 1), (1, 1)]


def test_pngs_keep_a_persons_photos_together(album: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    found = sitters.people(album, tmp_path / "new")
    assert [s.photo.name for s in found] == ["a0.png", "a1.png", "b0.png", "b1.png"]
    with Image.open(found[0].photo) as copy, Image.open(album / "a" / "a0.jpg") as original:
        assert np.array_equal(np.asarray(copy), np.asarray(original))


# rivals ---------------------------------------------------------------------------------------------------


def test_diversity_keeps_the_size_and_half_of_the_pictures() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.full((2, 3, 60, 50), 0.5)
    same = 0
    for _ in range(200):
        seen = rivals.diverse(images, generator)
        assert seen.shape == images.shape
        same += seen is images
        rows, columns = (seen[0, 0] > 0).any(1).sum(), (seen[0, 0] > 0).any(0).sum()
        assert rivals.LEAST * 60 - 0.5 <= rows <= 60
        assert rivals.LEAST * 50 - 0.5 <= columns <= 50
        # a smaller picture on black, with no edge in between
        assert ((seen == 0) | torch.isclose(seen, images)).all()
    assert 75 < same < 125


def test_diversity_is_drawn_again_from_its_seed_and_has_a_slope() -> None:
    images = torch.rand(1, 3, 30, 30, requires_grad=True)
    one, other = ([rivals.diverse(images, torch.Generator().manual_seed(s)) for s in range(9)] for _ in "12")
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    (slope,) = torch.autograd.grad(torch.cat(one).sum(), images)
    assert (slope > 0).all()


@pytest.mark.slow
def test_rivals_stay_in_their_budget_and_fool_whom_they_attack(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(data.astronaut()[:256, 96:352]).save(photo)  # type: ignore[no-untyped-call]
    settings = Case("pgd", "dlib", eps=5, gallery=False).settings(tmp_path, CARD)
    target, detector = registry.load("dlib", offline=True), Detector()
    assert isinstance(target, FaceTarget)
    before = Photo.read(photo)
    for name in rivals.RIVALS:
        after = before.decode(rivals.attacked(photo, settings, [target], detector, name, 5.0))
        change = np.abs(after.astype(int) - before.pixels)
        assert 0 < change.max() <= 5
        [subject] = find(before, [target], detector, settings.where)
        assert subject.scores(after, detector)[0] > target.card.threshold


# the file -------------------------------------------------------------------------------------------------


def test_rows_are_there_again_unless_their_settings_are_others(tmp_path: Path) -> None:
    case = Case("mnd", "dlib")
    lines = Lines(tmp_path / "out" / "levels.jsonl")
    lines.append(_line(case))
    lines.append(_line(case, "b.jpg", settings=case.told() | {"rho": -1.0}))
    again = Lines(tmp_path / "out" / "levels.jsonl")
    assert again.of(case, "a.jpg") == _line(case)
    assert again.of(case, "b.jpg") is None
    assert again.of(Case("mnd"), "a.jpg") is None


def test_an_unfinished_line_is_done_again(tmp_path: Path) -> None:
    path, case = tmp_path / "levels.jsonl", Case("mnd", "dlib")
    Lines(path).append(_line(case))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"plan": "strong-dl')
    assert Lines(path).of(case, "a.jpg") == _line(case)
    assert path.read_bytes() == whole


def test_only_what_is_missing_is_measured(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    done: list[str] = []

    def line(_: Bench, case: Case, sitting: sitters.Sitting) -> dict[str, Any]:
        done.append(f"{case.name} {sitting.photo.name}")
        return _line(case, sitting.photo.name)

    monkeypatch.setattr(Bench, "line", line)
    args = Namespace(out=tmp_path / "out", data=album, limit=1, unseen=CARD, attacks="strong-dlib")
    levels.levels(args)
    args.limit, args.attacks = 2, "strong-dlib,pgd-dlib@8"
    figures = levels.levels(args)
    assert done == ["strong-dlib a0.jpg", "strong-dlib b0.jpg", "pgd-dlib@8 a0.jpg", "pgd-dlib@8 b0.jpg"]
    [rows] = figures.values()
    assert {name: row["photos"] for name, row in rows.items()} == {"strong-dlib": 2, "pgd-dlib@8": 2}
    assert (tmp_path / "out" / "levels-dlib.svg").exists()
    args.attacks = "none"
    assert levels.levels(args) == figures
    assert len(done) == 4


# tables and plots -----------------------------------------------------------------------------------------


def test_table_from_a_file(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "levels.jsonl")
    lines.append(_line(Case("clean"), quality={}, protected=None))
    for photo, ssimulacra2 in (("a.jpg", 80.0), ("b.jpg", 70.0), ("other.jpg", 0.0)):
        lines.append(_line(Case("mnd", "dlib"), photo, ssimulacra2))
    lines.append(_line(Case("mnd", "both"), protected=False))
    found = levels.tables(Lines(lines.path), ["a.jpg", "b.jpg"])
    assert list(found) == ["levels, dlib and MobileFaceNet attacked, means", "levels, dlib attacked, means"]
    both, alone = found.values()
    assert list(alone) == ["strong-dlib", "clean"]
    row = alone["strong-dlib"]
    assert (row["photos"], row["protected %"], row["SSIMULACRA2"]) == (2, 100, 75)
    assert row["dlib %, as saved"] == 100
    assert (row["MobileFaceNet %, as saved"], row["MobileFaceNet %, half size"]) == (75, 0)
    assert row["unseen margin, as saved"] == pytest.approx(np.mean(FOOLED))
    assert row["unseen margin, half size"] == pytest.approx(np.mean(SEEN))
    # nobody is unseen where both are attacked
    assert not set(levels.UNSEEN.values()) & set(both["strong-both"])
    assert both["strong-both"]["protected %"] == 0
    assert "| strong-dlib | 100 | 100.0 |" in table(alone, levels.DIGITS)


def test_no_face_and_no_file_are_counted_and_prove_nothing() -> None:
    case = Case("mnd", "dlib")
    blind = _line(case)
    blind["margins"] = {"dlib": {"saved": [], "half": [-0.1] * 4}}
    row = summary([_line(case), blind, _line(case, margins={}, quality={})], "mobilefacenet")
    assert (row["photos"], row["no file"], row["no face"]) == (3, 1, 1)
    assert row["dlib %, as saved"] == 100


def test_plot_has_a_panel_a_channel_and_a_curve_a_method(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    lines = Lines(tmp_path / "levels.jsonl")
    for case in cases():
        lines.append(_line(case, ssimulacra2=90 - (case.eps or 10 * (case.headroom or 1))))
    [rows] = (
        r for title, r in levels.tables(lines, ["a.jpg"]).items() if title == "levels, dlib attacked, means"
    )
    curves = levels.curves(rows, "dlib")
    assert list(curves) == ["saved", "half"]
    for methods in curves.values():
        assert list(methods) == ["mnd", *rivals.RIVALS]
        assert len(methods["pgd"]) == len(EPS)
    svg = level_plots.transfer_plot(curves, levels.CHANNELS, "MobileFaceNet")
    words = {e.text for e in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {"as saved", "half size", "MND", "DI-MI-FGSM"} <= words
    assert svg == level_plots.transfer_plot(curves, levels.CHANNELS, "MobileFaceNet")
