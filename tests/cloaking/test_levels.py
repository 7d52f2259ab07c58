"""Levels: what the saved file withstands, what it may cost, and what is said where that is out of reach."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from mnd import NotProtectedError, cli, cloak
from mnd.channel import CHECKS, VERIFICATION
from mnd.cloaking import cloaker as cloaking
from mnd.cloaking import searching
from mnd.cloaking.levels import MINIMUM, PLANS
from mnd.cloaking.settings import CloakSettings
from mnd.faces.detector import Detector
from mnd.losses.standard import SPREAD
from mnd.optimizer.settings import Result
from mnd.optimizer.start import Start
from mnd.photo.photo import Photo
from mnd.targets import registry
from mnd.targets.target import Target
from tests.helpers.cloaks import CAT, FACE, Done, cloaker, files, read, write
from tests.helpers.dlib_judge import SAME, distances

ROBUST = PLANS["robust", False]


@functools.cache
def judges(name: str) -> tuple[Target, Detector]:
    return registry.load(name, offline=True), Detector()


def judged(pixels: np.ndarray, clean: np.ndarray, level: str = "robust") -> float:
    """How far the largest face of a picture is from that of the clean one, found anew in both: the nearest of
    every look that counts at a level."""
    target, detector = judges("dlib")
    looks = [look for look in target.looks if look.counts(level)]
    known = []
    for picture in (pixels, clean):
        face = detector(picture)[0]
        x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
        known.append(target.judged(x, torch.from_numpy(face.landmarks.copy())[None], looks))
    return float(torch.linalg.vector_norm(known[0] - known[1], dim=1).min())


def shared_as(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """What services make of an upload, by Pillow alone."""

    def again(image: Image.Image, form: str, quality: int, **options) -> Image.Image:
        data = io.BytesIO()
        image.save(data, form, quality=quality, **options)
        return Image.open(io.BytesIO(data.getvalue())).convert("RGB")

    image = Image.fromarray(pixels)
    small = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    chroma = {"subsampling": "4:2:0"}
    made = {
        "jpeg90": again(image, "JPEG", 90, **chroma),
        "jpeg75": again(image, "JPEG", 75, **chroma),
        "webp80": again(image, "WEBP", 80),
        "half": small,
        "half-jpeg75": again(small, "JPEG", 75, **chroma),
    }
    return {name: np.asarray(picture) for name, picture in made.items()}


@pytest.fixture(scope="module", params=["png", "jpg"])
def robust(request, tmp_path_factory) -> Done:
    path = tmp_path_factory.mktemp("robust") / f"a.{request.param}"
    options = {"quality": 92} if request.param == "jpg" else {}
    return Done.of(write(path, FACE, **options), level="robust", steps=12)


class TestRobust:
    def test_holds(self, robust):
        robust.holds()
        assert robust.record["level"] == "robust"
        assert files(robust.source.parent) == sorted([robust.source.name, robust.output.name])

    def test_fooled_as_saved_and_after_every_way_of_sharing(self, robust):
        """Judged by Pillow, a detector and a network of this test's own; and by dlib itself as saved."""
        clean, pixels = read(robust.source), read(robust.output)
        (told_,) = [region["targets"]["dlib"] for region in robust.record["regions"]]
        assert judged(pixels, clean) == pytest.approx(told_["after"], abs=0.01)
        assert judged(pixels, clean) > SAME
        shared = shared_as(pixels)
        assert shared.keys() == VERIFICATION.keys()
        for name, picture in shared.items():
            assert judged(picture, clean) > SAME, name
            assert told_["values"][name] == pytest.approx(judged(picture, clean), abs=0.01), name
        assert min(distances(robust.source, robust.output)) > SAME

    def test_record(self, robust):
        (region,) = robust.record["regions"]
        target = region["targets"]["dlib"]
        assert set(target["channel"]) == set(target["values"]) == set(VERIFICATION)
        assert all(target["channel"].values())
        assert min(target["values"].values()) > target["threshold"]
        assert robust.record["error"] is None
        json.dumps(robust.record, allow_nan=False)

    def test_no_more_is_lost_than_the_level_allows(self, robust):
        clean, pixels = read(robust.source), read(robust.output)
        (region,), (quality,) = robust.record["regions"], robust.record["quality"]["regions"]
        assert quality["ssim"] >= ROBUST.least_ssim
        x0, y0, x1, y1 = region["box"]
        grey = [np.asarray(Image.fromarray(p[y0:y1, x0:x1]).convert("L")) for p in (clean, pixels)]
        assert structural_similarity(*grey) > ROBUST.least_ssim - 0.02


def test_same_seed_same_bytes(tmp_path, one_attempt):
    path = write(tmp_path / "a.png", FACE)
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        c = cloaker(level="robust", seed=seed, steps=4, keep_best=True, least_ssim=0.0, rho=0.0)
        assert c.photo(path, tmp_path / f"{name}.png")["output"] is not None
    one, two, three = ((tmp_path / f"{name}.png").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_minimum_looks_at_two_checks_and_needs_none_of_them(tmp_path):
    record = cloaker(level="minimum", headroom=0.0, steps=12).photo(write(tmp_path / "a.png", FACE))
    target = record["regions"][0]["targets"]["dlib"]
    assert record["protected"]
    assert target["after"] >= 0.6
    assert set(target["channel"]) == set(target["values"]) == set(CHECKS)
    assert all(target["channel"][name] == (target["values"][name] >= 0.6) for name in CHECKS)


class TestOutOfReach:
    """A photo that cannot reach its level is not protected, and its record says how far it got."""

    def test_not_fooled(self, tmp_path, one_attempt):
        record = cloaker(level="robust", steps=1).photo(write(tmp_path / "a.png", FACE))
        assert record["protected"] is False
        assert record["output"] is None
        assert record["error"]["kind"] == "not-protected"
        target = record["regions"][0]["targets"]["dlib"]
        assert target["after"] < 0.6
        assert not any(target["channel"].values())
        assert set(target["values"]) == set(VERIFICATION)
        for name, value in target["values"].items():
            assert (
                f"after {name} (euclidean distance {value:.3f}, threshold 0.6)" in record["error"]["message"]
            )
        assert record["quality"]["regions"][0]["ssim"] > 0.99
        assert files(tmp_path) == ["a.png"]

    def test_fooled_as_saved_is_not_enough(self, tmp_path, one_attempt):
        """Enough for the file, too little for what becomes of it: only the level `minimum` accepts that."""
        for level, enough in (("minimum", True), ("robust", False)):
            c = cloaker(level=level, steps=15, headroom=0.1, draws=0, jitter=0.0, spread=SPREAD)
            folder = tmp_path / level
            folder.mkdir()
            record = c.photo(write(folder / "a.png", FACE))
            target = record["regions"][0]["targets"]["dlib"]
            assert target["fooled"]
            assert record["protected"] is enough
        lost = [name for name, fooled in target["channel"].items() if not fooled]
        assert lost
        assert [name for name in VERIFICATION if f"after {name} (" in record["error"]["message"]] == [
            name for name in VERIFICATION if name in lost
        ]
        assert "] (euclidean" not in record["error"]["message"]
        assert files(tmp_path / "robust") == ["a.png"]

    def test_too_visible(self, tmp_path, one_attempt):
        record = cloaker(level="robust", steps=12, headroom=0.1, least_ssim=0.9999).photo(
            write(tmp_path / "a.png", FACE)
        )
        assert record["protected"] is False
        assert record["output"] is None
        assert record["error"]["kind"] == "too-visible"
        (region,), (quality,) = record["regions"], record["quality"]["regions"]
        assert all(region["targets"]["dlib"]["channel"].values())
        box, ssim = region["box"], quality["ssim"]
        assert (
            f"a.png: face {box} has SSIM {ssim:.4f}, expected at least 0.9999" in record["error"]["message"]
        )
        assert files(tmp_path) == ["a.png"]

    @pytest.mark.parametrize(
        ("options", "kind"),
        [
            ({"steps": 1}, "not-protected"),
            ({"steps": 12, "headroom": 0.1, "least_ssim": 0.9999}, "too-visible"),
        ],
    )
    def test_the_best_can_be_kept(self, tmp_path, options, kind, one_attempt):
        c = cloaker(level="robust", keep_best=True, **options)
        record = c.photo(path := write(tmp_path / "a.png", FACE))
        assert record["protected"] is False
        assert record["error"]["kind"] == kind
        out = Path(record["output"])
        assert out == tmp_path / "a.cloaked.png"
        assert judged(read(out), FACE) == pytest.approx(
            record["regions"][0]["targets"]["dlib"]["after"], abs=1e-3
        )
        assert np.array_equal(read(path), FACE)

    def test_nothing_to_keep(self, tmp_path):
        path = write(tmp_path / "wall.png", np.full((64, 64, 3), 128, np.uint8))
        record = cloaker(level="robust", keep_best=True).photo(path)
        assert record["error"]["kind"] == "no-face"
        assert record["output"] is None
        assert files(tmp_path) == ["wall.png"]

    def test_a_call_raises(self, tmp_path, one_attempt):
        path = write(tmp_path / "a.png", FACE)
        for photo in (path, FACE):
            with pytest.raises(NotProtectedError, match=r"after half-jpeg75 \(") as caught:
                cloak(photo, targets=("dlib",), offline=True, level="robust", steps=1)
            assert caught.value.record["error"]["kind"] == "not-protected"
            assert caught.value.record["regions"][0]["targets"]["dlib"]["values"]["half"] < 0.6
        assert files(tmp_path) == ["a.png"]


class Shifting:
    """A search whose n-th attempt moves the crop n times as `far` along one line; `seen`: its head-rooms;
    `held`: whether it had to leave colours as they are, and had a cap."""

    seen: list[float]
    held: list[tuple[bool, bool]]
    far: float

    def __init__(self, *args, **kwargs) -> None:
        pass

    def __call__(self, x, margins, *, geometry, **kwargs) -> Result:
        Shifting.seen.append(margins.views[0].headroom)
        Shifting.held.append((kwargs["grey"], bool(kwargs["limits"].caps)))
        noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) - 0.5
        mask = (geometry.v > 0).float()
        y = (x + Shifting.far * len(Shifting.seen) * noise * mask).clamp(0, 1)
        none = torch.zeros(1)
        return Result((y * 255).round() / 255, none.bool(), none, 0, none, Start(none, none, none))


class TestAttempts:
    @pytest.fixture(autouse=True)
    def _search(self, monkeypatch):
        monkeypatch.setattr(searching, "MND", Shifting)
        monkeypatch.setattr(Shifting, "seen", [], raising=False)
        monkeypatch.setattr(Shifting, "held", [], raising=False)
        monkeypatch.setattr(Shifting, "far", 0.004, raising=False)

    def test_each_has_more_headroom(self, tmp_path):
        record = cloaker(level="robust", headroom=0.2, least_ssim=0.0).photo(write(tmp_path / "a.png", FACE))
        assert record["error"]["kind"] == "not-protected"
        assert Shifting.seen == pytest.approx([0.6 * 0.2 * 1.5**i for i in range(cloaking.ATTEMPTS)])
        # what the others leave as it is may be what the last one needs
        assert Shifting.held == [(True, True)] * (cloaking.ATTEMPTS - 1) + [(False, False)]

    def test_the_first_that_is_too_visible_is_not_taken(self, tmp_path, monkeypatch):
        """The one before it was no less protected within what may be seen."""
        path = write(tmp_path / "a.png", FACE)
        ssims = []
        for far in (0.05, 0.1):
            monkeypatch.setattr(Shifting, "seen", [])
            monkeypatch.setattr(Shifting, "far", far)
            monkeypatch.setattr(cloaking, "ATTEMPTS", 1)
            record = cloaker(level="robust", least_ssim=0.0).photo(path)
            ssims.append(record["quality"]["regions"][0]["ssim"])
        assert ssims == sorted(ssims, reverse=True)
        monkeypatch.setattr(Shifting, "seen", [])
        monkeypatch.setattr(Shifting, "far", 0.05)
        monkeypatch.setattr(cloaking, "ATTEMPTS", 3)
        least = (ssims[0] + ssims[1]) / 2
        record = cloaker(level="robust", least_ssim=least, keep_best=True).photo(path)
        assert len(Shifting.seen) == 3  # the last of them with its colours, too
        assert record["quality"]["regions"][0]["ssim"] == pytest.approx(ssims[0], abs=1e-6)
        assert record["error"]["kind"] == "not-protected"

    def test_a_wrecked_face_is_no_better_for_being_recognised_less(self, tmp_path, monkeypatch):
        """Of three that are too visible the first is kept: the others went two and three times as far."""
        monkeypatch.setattr(Shifting, "far", 0.1)
        times = iter((3, 2, 1))
        monkeypatch.setattr(cloaking, "recognised", lambda *_: next(times))
        record = cloaker(level="robust", least_ssim=0.9, keep_best=True).photo(
            write(tmp_path / "a.png", FACE)
        )
        assert len(Shifting.seen) == 3
        assert 0.8 < record["quality"]["regions"][0]["ssim"] < 0.9
        assert record["output"] is not None

    def test_one_that_is_too_visible_at_once_is_not_tried_harder(self, tmp_path, monkeypatch):
        """But with its colours, then freely, from the head-room that it had."""
        monkeypatch.setattr(Shifting, "far", 1.0)
        record = cloaker(level="robust").photo(write(tmp_path / "a.png", FACE))
        assert len(Shifting.seen) == 3
        assert len(set(Shifting.seen)) == 1
        assert Shifting.held == [(True, True), (False, True), (False, False)]
        assert record["error"]["kind"] in ("too-visible", "not-protected")
        assert files(tmp_path) == ["a.png"]

    @pytest.mark.parametrize(
        ("level", "seen", "held"),
        [
            # structure asked for colours, which moved the iris: so without them again
            ("robust", [(0.5, 0.1), (0.99, 9.0), (0.99, 0.1)], [(True, True), (False, True), (True, True)]),
            ("minimum", [(0.99, 9.0), (0.99, 0.1), (0.99, 0.1)], [(False, False), (True, False)]),
            ("robust", [(0.99, 9.0)], [(True, True)]),  # colours stayed: nothing is known to help
        ],
    )
    def test_what_was_too_visible_says_how_it_is_tried_again(self, tmp_path, monkeypatch, level, seen, held):
        rows = iter(seen)

        def looks(quality: dict, *_: object) -> None:
            ssim, iris = next(rows)
            quality["regions"][0] |= {"ssim": ssim, "appearance": {"iris": iris, "stitches": 0}}

        monkeypatch.setattr(cloaking, "add_appearances", looks)
        record = cloaker(level=level).photo(write(tmp_path / "a.png", FACE))
        assert Shifting.held[: len(held)] == held
        assert len(Shifting.held) == len(seen)
        assert record["protected"] is False


class TestCommand:
    """`mnd cloak` with a level."""

    def run(self, folder: Path, capsys, *arguments: str) -> tuple[int, dict, str]:
        path = write(folder / "a.png", FACE)
        status = cli.main(["cloak", str(path), "--targets", "dlib", "--offline", "--json", *arguments])
        told_ = capsys.readouterr()
        return status, json.loads(told_.out), told_.err

    def test_robust(self, tmp_path, capsys):
        status, record, _ = self.run(tmp_path, capsys, "--level", "robust", "--steps", "12")
        assert status == 0
        assert record["protected"]
        assert record["level"] == "robust"
        assert all(record["regions"][0]["targets"]["dlib"]["channel"].values())
        out = str(tmp_path / "a.cloaked.png")
        assert cli.main(["check", str(tmp_path / "a.png"), out, "--targets", "dlib", "--json"]) == 0
        checked = json.loads(capsys.readouterr().out)
        made, seen = (r["regions"][0]["targets"]["dlib"] for r in (record, checked))
        assert seen["values"] == pytest.approx(made["values"], abs=1e-6)
        assert seen["channel"] == made["channel"]
        assert cli.main(["check", str(tmp_path / "a.png"), out, "--targets", "dlib"]) == 0
        table = capsys.readouterr().out
        for name, value in made["values"].items():
            assert name in table
            assert f"fooled {value:.3f}" in table

    def test_the_best_is_written_and_is_no_success(self, tmp_path, capsys, one_attempt):
        flags = ("--level", "robust", "--steps", "1", "--draws", "0")
        status, record, err = self.run(tmp_path, capsys, *flags, "--keep-best")
        assert (status, record["protected"], record["error"]["kind"]) == (1, False, "not-protected")
        assert Path(record["output"]) == tmp_path / "a.cloaked.png"
        assert files(tmp_path) == ["a.cloaked.png", "a.png"]
        assert "still recognised by dlib" in err

    def test_too_visible(self, tmp_path, capsys, one_attempt):
        flags = ("--level", "robust", "--steps", "14", "--headroom", "0.1", "--least-ssim", "0.9999")
        status, record, err = self.run(tmp_path, capsys, *flags)
        assert (status, record["output"], record["error"]["kind"]) == (1, None, "too-visible")
        assert "expected at least 0.9999" in err
        (passed,) = record["error"]["passed"]
        assert (passed["limit"], passed["region"], passed["allowed"]) == ("ssim", 0, 0.9999)
        assert passed["got"] == record["quality"]["regions"][0]["ssim"]
        assert files(tmp_path) == ["a.png"]


def classified(folder: Path, **options) -> dict:
    pixels = np.ascontiguousarray(CAT[20:260, 60:360])
    c = cloaker(targets=("efficientnet-lite0",), level="robust", **options)
    return c.photo(write(folder / "cat.png", pixels))


def test_a_classifier_withstands_the_channel_too(tmp_path):
    record = classified(tmp_path, steps=10, headroom=2.0)
    (region,) = record["regions"]
    target = region["targets"]["efficientnet-lite0"]
    assert record["error"] is None
    assert region["kind"] == "whole"
    assert max(target["after"], *target["values"].values()) <= 0 < target["before"]
    judge = registry.load("efficientnet-lite0", offline=True)
    x, *others = (
        torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() / 255
        for p in (read(tmp_path / "cat.png"), *shared_as(read(Path(record["output"]))).values())
    )
    label = judge.logits(x).argmax(1)
    assert all(judge.logits(other).argmax(1) != label for other in others)


@pytest.mark.slow
def test_a_classifier_withstands_the_channel_as_the_level_is(tmp_path):
    record = classified(tmp_path)
    assert record["quality"]["regions"][0]["ssim"] > ROBUST.least_ssim
    assert record["error"] is None


@pytest.mark.slow
def test_strong(tmp_path):
    done = Done.of(write(tmp_path / "a.png", FACE), level="strong")
    done.holds()
    shared = shared_as(read(done.output))
    assert min(judged(p, FACE) for p in shared.values()) > SAME
    # head-room is for those that were not attacked: the saved file lies well beyond the threshold
    assert done.record["regions"][0]["targets"]["dlib"]["after"] > 1.2 * SAME
    assert done.record["quality"]["regions"][0]["ssim"] >= PLANS["strong", False].least_ssim


@pytest.mark.slow
@pytest.mark.parametrize(("level", "steps"), [("robust", None), ("strong", 15)])
def test_two_recognisers_of_different_units(tmp_path, shared, level, steps):
    """dlib's distances and MobileFaceNet's similarities at once, on a photo of an ordinary size."""
    card = shared("weights/mobilefacenet-ms1m.json")
    path = sorted(shared("faces/lfw10/Tony_Blair").glob("*.jpg"))[0]
    source = tmp_path / "a.jpg"
    source.write_bytes(path.read_bytes())
    both = cloaker(targets=("dlib", f"card:{card}"), level=level, faces="largest", steps=steps)
    record = both.photo(source)
    assert record["error"] is None
    clean, pixels = read(source), read(Path(record["output"]))
    shown = {"saved": pixels} | shared_as(pixels)
    other, detector = judges(f"card:{card}")

    def embedding(picture: np.ndarray) -> torch.Tensor:
        x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
        return other.refer(x, torch.from_numpy(detector(picture)[0].landmarks.copy())[None]).known[0, 0]

    for name, picture in shown.items():
        assert judged(picture, clean) > SAME, name
        assert torch.cosine_similarity(embedding(picture), embedding(clean), dim=0) < 0.33, name
    targets = record["regions"][0]["targets"]
    assert list(targets) == ["dlib", "mobilefacenet-ms1m"]
    assert all(all(told_["channel"].values()) for told_ in targets.values())


def test_every_number_of_a_plan_reaches_the_search(monkeypatch):
    """The margins that a search asks for, and their slopes, are those of the plan."""
    slopes: list[float] = []

    class Listening:
        def __init__(self, *args, **kwargs) -> None:
            pass

        def __call__(self, x, margins, **kwargs) -> Result:
            noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) - 0.5
            y = (x + 0.2 * noise).clamp(0, 1).requires_grad_(True)
            m = margins(y).sum()
            slopes[:] = m.item(), float(torch.autograd.grad(m, y)[0].norm())
            none = torch.zeros(1)
            return Result(x, none.bool(), none, 0, none, Start(none, none, none))

    monkeypatch.setattr(searching, "MND", Listening)
    c, photo = cloaker(), Photo.from_image(Image.fromarray(FACE))
    subjects = c.panel.subjects(photo, c.settings.where, None)
    asked, heard = searching.Asked(c.distance, None, "cpu", 0, c.progress), {}
    for name, options in {
        "robust": {},
        "strong": {"level": "strong"},
        "minimum": {"level": "minimum"},
        "no channel": {"draws": 0},
        "more ways": {"draws": 2},
        "more looks": {"looks": 2},
        "other qualities": {"jpeg": (20, 30)},
        "other sizes": {"scale": (0.9, 1.0)},
        "mirrored": {"flips": 1.0},
        "still": {"jitter": 0.0},
        "one reference": {"reference": "nearest"},
        "the mean alone": {"reference": "mean"},
        "more room": {"headroom": 0.6},
    }.items():
        chosen = CloakSettings(**{"level": "robust"} | options).plan
        plans = [chosen] * len(subjects)
        searching.search(photo, subjects, photo.pixels.copy(), plans, asked, "search", 1)
        heard[name] = tuple(slopes)
    assert len(set(heard.values())) == len(heard)
    more, base = heard["more room"], heard["robust"]
    rows = len(ROBUST.seen_as)
    assert more[0] - base[0] == pytest.approx(rows * 0.6 * (0.6 - ROBUST.headroom), abs=1e-5)
    assert more[1] == pytest.approx(base[1], rel=1e-5)


@pytest.mark.parametrize(
    ("options", "spread"),
    [({}, MINIMUM.spread), ({"level": "robust"}, ROBUST.spread), ({"level": "robust", "spread": 0.5}, 0.5)],
)
def test_spread_is_that_of_the_distance(options, spread):
    assert cloaker(rho=0.0, **options).distance.spread == spread


@pytest.mark.parametrize(
    ("options", "flat"),
    [({}, MINIMUM.flat), ({"level": "robust"}, ROBUST.flat), ({"level": "robust", "flat": 0.5}, 0.5)],
)
def test_flat_is_that_of_the_distance(options, flat):
    assert cloaker(rho=0.0, **options).distance.flat == flat
