"""What a search sees: margins of shaken, mirrored and shared looks, on targets whose answers are known."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mnd.channel import Draw
from mnd.cloaking import eot
from mnd.cloaking.eot import LOGIT, SHARPNESS, Views
from mnd.cloaking.subjects import Subject
from mnd.faces.landmarks import mirrored
from mnd.targets.face import FaceTarget
from mnd.targets.target import Reference
from tests.helpers.views import (
    BOX,
    CROPPED,
    EYES,
    SIZE,
    UNITS,
    classifier,
    noise,
    plan,
    room,
    seen,
    subject,
    target,
    whole,
)


@pytest.mark.parametrize(
    ("beyond", "accepted"), [((0.20, 0.20), False), ((0.20, 0.222), True), ((0.18, 0.222), False)]
)
def test_more_is_asked_of_a_look_that_a_program_draws_anew(beyond, accepted):
    """Its own crops are others: the head-room of .2 of the threshold becomes .22."""
    t = target()
    t.card = dataclasses.replace(t.card, judged_as=("aligned", "jitters"))
    t.opinion = lambda image, reference, looks: {
        look.name: 0.6 * (1 + share) for look, share in zip(looks, beyond, strict=True)
    }
    judged = dataclasses.replace(subject(t).judged[0], views=torch.zeros(2, 1, 12))
    who = dataclasses.replace(subject(t), judged=(judged,))
    watching = seen(
        [who], plan(level="minimum", alone=1.0, trials=(0.5,), seen_as=(("aligned",), ("jitters",)))
    )
    assert watching.accept(noise(2)) == accepted


class TestStill:
    """Without a draw or a mirror: the target's own margin, where the face was shaken to."""

    @UNITS
    @pytest.mark.parametrize("rows", [1, 3])
    def test_margin_and_head_room(self, unit, threshold, rows):
        t, p, y = target(unit, threshold), plan(), noise(2)
        who = subject(t, rows=rows)
        got = seen([who], p)(y)
        assert got.shape == (1, 1)
        want = t.margin(y, who.judged[0].at(CROPPED)) + room(t, p)
        assert torch.allclose(got[0], want, atol=1e-6)

    @UNITS
    @pytest.mark.parametrize("seed", [0, 7])
    def test_landmarks_are_shaken_anew_in_every_step(self, unit, threshold, seed):
        t, p, y = target(unit, threshold), plan(jitter=0.05), noise(2)
        who = subject(t, rows=2)
        margins = seen([who], p, seed)
        generator = torch.Generator().manual_seed(seed)
        wanted = []
        for _ in range(6):
            shaken = CROPPED + 0.05 * EYES * torch.randn(1, 5, 2, generator=generator)
            wanted.append(t.margin(y, who.judged[0].at(shaken)) + room(t, p))
            assert torch.allclose(margins(y)[0], wanted[-1], atol=1e-6)
        assert len({float(w) for w in wanted}) == 6

    @UNITS
    def test_a_recogniser_alone_is_driven_farther(self, unit, threshold):
        one, other, y = target(unit, threshold, "a"), target(unit, threshold, "b"), noise(2)
        alone, both = subject(one, rows=2), subject(one, other, rows=2)
        base, more = plan(), plan(alone=1.5)
        farther = seen([alone], more)(y) - seen([alone], base)(y)
        assert torch.allclose(farther, torch.tensor(0.5 * room(one, base)), atol=1e-6)
        assert torch.equal(seen([both], more)(y), seen([both], base)(y))

    @UNITS
    def test_several_looks_are_shaken_each_and_the_worst_counts(self, unit, threshold):
        t, p, y = target(unit, threshold), plan(jitter=0.05, looks=4), noise(2)
        who = subject(t, rows=2)
        margins = seen([who], p)
        generator = torch.Generator().manual_seed(0)
        for _ in range(3):
            shaken = [CROPPED + 0.05 * EYES * torch.randn(1, 5, 2, generator=generator) for _ in range(4)]
            rows = [t.margin(y, who.judged[0].at(points)) + room(t, p) for points in shaken]
            assert len({float(row) for row in rows}) == 4
            assert torch.allclose(margins(y)[0], max(rows), atol=1e-6)

    def test_gradient_is_that_of_the_margin(self):
        t, p = target(), plan()
        who = subject(t, rows=2)
        grads = []
        for margin in (
            lambda y: seen([who], p)(y).sum(),
            lambda y: t.margin(y, who.judged[0].at(CROPPED)).sum(),
        ):
            y = noise(2).requires_grad_(True)
            grads.append(torch.autograd.grad(margin(y), y)[0])
        assert torch.allclose(*grads, atol=1e-7)
        assert grads[0].abs().max() > 0

    def test_a_row_for_each_target_of_each_subject(self):
        one, other = target(name="a"), target("cosine similarity", 0.33, "b")
        colours, y, p = classifier(), noise(2), plan(headroom=0.3, logits=0.3)
        people = [subject(one, other, seed=5), subject(one, other, seed=9)]
        got = seen([*people, whole(colours)], p)(y)
        want = [
            t.margin(y, r.at(CROPPED)) + room(t, p)
            for person in people
            for t, r in zip(person.targets, person.judged, strict=True)
        ]
        want.append(colours.margin(y, Reference(torch.tensor([0]))) + 0.3)
        assert got.shape == (5, 1)
        assert torch.allclose(got, torch.stack(want), atol=1e-6)

    def test_what_is_looked_at_is_the_saved_file(self):
        """Once a step, and with the gradient that saving has."""
        calls = []

        def saved(y: Tensor) -> Tensor:
            calls.append(y)
            return 0.5 * y

        t, p = target(), plan(draws=3)
        who, y = subject(t), noise(2)
        margins = seen([who], p, saved=saved)
        assert calls == []
        margins(y)
        assert len(calls) == 1
        assert calls[0] is y
        still = seen([who], plan(), saved=saved)(y)
        assert torch.allclose(still, t.margin(0.5 * y, who.judged[0].at(CROPPED)) + room(t, p), atol=1e-6)


def looks_of(margins: Views, step: int, t: FaceTarget, who: Subject, y: Tensor) -> Tensor:
    """The margins of the looks of a step, each by itself."""
    rows = [t.margin(y, who.judged[0].at(CROPPED))]
    for draw in margins.draws[step]:
        rows.append(t.margin(draw(y), who.judged[0].at(draw.place(CROPPED, SIZE))))
    return torch.cat(rows)


class TestDraws:
    @UNITS
    @pytest.mark.parametrize("draws", [1, 3])
    def test_the_largest_margin_of_all_looks(self, unit, threshold, draws):
        t, p, y = target(unit, threshold), plan(draws=draws), noise(2)
        who = subject(t, rows=2)
        margins = seen([who], p)
        for step in range(p.steps):
            rows = looks_of(margins, step, t, who, y)
            assert len(rows) == draws + 1
            assert margins(y)[0, 0] == pytest.approx(float(rows.max()) + room(t, p), abs=1e-6)

    @UNITS
    def test_gradient_is_shared_by_looks_that_are_near(self, unit, threshold):
        """softmax(m / T), T a twentieth of the threshold; through the draw it reaches the crop."""
        t, p = target(unit, threshold), plan(draws=2)
        who = subject(t)
        y = noise(2).requires_grad_(True)
        margins = seen([who], p)
        got = torch.autograd.grad(margins(y).sum(), y)[0]
        rows = looks_of(margins, 0, t, who, y)
        weights = torch.softmax(rows.detach() / (SHARPNESS * threshold), 0)
        want = torch.autograd.grad((weights * rows).sum(), y)[0]
        assert torch.allclose(got, want, atol=1e-6)
        parts = [torch.autograd.grad(row, y, retain_graph=True)[0] for row in looks_of(margins, 0, t, who, y)]
        assert all(part.abs().max() > 0 for part in parts)

    def test_a_gradient_comes_through_a_draw_alone(self):
        """Where the file itself is fooled already and only what becomes of it is recognised."""
        t = target(threshold=0.05)
        clean = noise(2)
        margins = seen([subject(t)], plan(draws=1, jpeg=(1, 1), scale=(0.2, 0.2)))
        (draw,) = margins.draws[0]
        known = t.embed(draw(clean), draw.place(CROPPED, SIZE))[None]
        margins.views[0].known = {"aligned": known}
        y = clean.clone().requires_grad_(True)
        got = margins(y + 0.01)
        assert t.margin(clean + 0.01, Reference(known, CROPPED)) < -0.02
        grad = torch.autograd.grad(got.sum(), y)[0]
        assert got > 0
        assert grad.abs().max() > 0
        inside = grad[..., 35:55, 40:60]
        assert (inside != 0).float().mean() > 0.5

    @pytest.mark.parametrize("size", [SIZE, (91, 100)])
    def test_landmarks_follow_the_size(self, size):
        """x' = (x + 1/2) w' / w - 1/2 with whole numbers of pixels: half of 91 are 45."""
        t = target()
        margins = seen([subject(t)], plan(draws=2, scale=(0.5, 0.5)))
        t.shown.clear()
        margins(noise(2, *size))
        (image, points), *small = t.shown
        assert image.shape[2:] == size
        assert torch.equal(points, CROPPED)
        assert len(small) == 2
        height, width = size[0] // 2, size[1] // 2
        ratio = torch.tensor([width / size[1], height / size[0]])
        for image, points in small:
            assert image.shape[2:] == (height, width)
            assert torch.allclose(points, (CROPPED + 0.5) * ratio - 0.5, atol=1e-5)

    @pytest.mark.parametrize(("steps", "draws"), [(5, 1), (4, 3), (1, 2)])
    def test_are_those_of_the_plan(self, steps, draws):
        margins = seen([subject(target())], plan(steps=steps, draws=draws, jpeg=(30, 40), scale=(0.3, 0.7)))
        assert [len(step) for step in margins.draws] == [draws] * steps
        flat = [draw for step in margins.draws for draw in step]
        assert all(isinstance(draw, Draw) for draw in flat)
        assert all(30 <= draw.jpeg <= 40 and 0.3 <= draw.scale <= 0.7 for draw in flat)
        # each band of the sizes has its turn once in a search
        bands = sorted(min(int((draw.scale - 0.3) / 0.4 * len(flat)), len(flat) - 1) for draw in flat)
        assert bands == list(range(len(flat)))

    def test_each_step_has_its_own_and_after_the_last_the_first_comes_again(self):
        t, y = target(), noise(2)
        margins = seen([subject(t)], plan(steps=3, draws=1))
        rows = [float(margins(y)) for _ in range(6)]
        assert rows[:3] == rows[3:]
        sizes = [image.shape[2:] for image, _ in t.shown if image.shape[2:] != y.shape[2:]]
        assert len(set(sizes[:3])) == 3

    def test_none(self):
        t = target()
        margins = seen([subject(t)], plan(steps=3))
        t.shown.clear()
        for _ in range(5):
            margins(noise(2))
        assert [image.shape[2:] for image, _ in t.shown] == [SIZE] * 5


class TestSeed:
    def rows(self, seed: int) -> Tensor:
        margins = seen([subject(target())], plan(draws=1, jitter=0.05, flips=0.5, reference="both"), seed)
        return torch.cat([margins(noise(2)) for _ in range(4)])

    def test_same_seed_same_margins(self):
        assert torch.equal(self.rows(3), self.rows(3))

    def test_another_seed(self):
        assert (self.rows(3) != self.rows(4)).all()

    def test_what_is_moved_away_from_does_not_depend_on_it(self):
        known = [
            seen([subject(target())], plan(jitter=0.05, reference="mean"), seed).views[0].reference.known
            for seed in (3, 4)
        ]
        assert torch.equal(*known)

    def test_recognisers_of_one_face_are_shaken_alike(self):
        """Margins of two copies of a recogniser are the same: none depends on who else is attacked."""
        one, other = target(name="a"), target(name="b")
        who = subject(one, other)
        who = dataclasses.replace(who, judged=(who.judged[0],) * 2)
        margins = seen([who], plan(draws=1, jitter=0.05, flips=0.5))
        for _ in range(4):
            first, second = margins(noise(2))
            assert torch.equal(first, second)


class TestMirror:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6))
    def test_twice_is_the_identity(self, height, width, seed):
        generator = torch.Generator().manual_seed(seed)
        image = torch.rand(2, 3, height, width, generator=generator)
        points = torch.randint(-9, 60, (2, 5, 2), generator=generator).float()
        again = mirrored(*mirrored(image, points))
        assert torch.equal(again[0], image)
        assert torch.equal(again[1], points)

    def test_each_landmark_stays_on_its_feature_and_left_stays_left(self):
        image = noise(3, 40, 51)
        points = torch.tensor([[[10.0, 9.0], [35.0, 11.0], [22.0, 20.0], [12.0, 31.0], [33.0, 30.0]]])
        other, moved = mirrored(image, points)

        def colours(x: Tensor, at: Tensor) -> list[list[float]]:
            return [x[0, :, int(v), int(u)].tolist() for u, v in at[0].tolist()]

        left_eye, right_eye, nose, left_mouth, right_mouth = colours(image, points)
        assert colours(other, moved) == [right_eye, left_eye, nose, right_mouth, left_mouth]
        assert moved[0, 0, 0] < moved[0, 1, 0]
        assert moved[0, 3, 0] < moved[0, 4, 0]

    def test_every_look(self):
        t, p, y = target(), plan(flips=1.0, draws=1), noise(2)
        who = subject(t)
        margins = seen([who], p)
        rows = []
        for look, size in ((Draw(), SIZE), (margins.draws[0][0], SIZE)):
            image, points = mirrored(y if look.identity else look(y), look.place(CROPPED, size))
            rows.append(float(t.margin(image, who.judged[0].at(points))))
        assert float(margins(y)) == pytest.approx(max(rows) + room(t, p), abs=1e-6)
        assert abs(float(margins(y)) - float(seen([who], plan(draws=1))(y))) > 1e-4

    @pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
    def test_as_often_as_the_plan_says(self, share, monkeypatch):
        count = []
        monkeypatch.setattr(eot, "mirrored", lambda *look: count.append(1) or look)
        margins, y = seen([subject(target())], plan(flips=share, draws=1)), noise(2)
        for _ in range(100):
            margins(y)
        assert len(count) / 200 == pytest.approx(share, abs=0.09)
        if share in (0, 1):
            assert len(count) == 200 * share


class TestServices:
    """What a service makes of a photo depends on the photo's size, not on that of the crop."""

    WHOLE = (3000, 4000)

    @pytest.mark.parametrize(
        ("names", "small"), [((), []), (("x", "half"), []), (("signal", "telegram"), [0.32, 0.4])]
    )
    def test_draws_take_turns_about_the_scales_below_those_of_the_plan(self, names, small):
        p = plan(draws=2, steps=12, scale=(0.45, 0.6), withstands=names)
        drawn = eot._draws(p, 0, self.WHOLE)
        assert [len(step) for step in drawn] == [2] * 12
        ranges = [p.scale, *((eot.NEAR[0] * it, eot.NEAR[1] * it) for it in small)]
        met = [
            [place for place, (low, high) in enumerate(ranges) if all(low <= d.scale <= high for d in draws)]
            for draws in drawn
        ]
        assert all(met)  # ranges of scales that are near one another overlap
        assert {place for places in met for place in places} == set(range(len(ranges)))
        if small:  # else the looks that take turns, too, would each see one of them alone
            turns = [step % len(ranges) for step in range(12)]
            assert any(turn not in places for turn, places in zip(turns, met, strict=True))
        else:
            assert drawn == eot._draws(dataclasses.replace(p, withstands=()), 0, self.WHOLE)

    def test_no_draw_enlarges(self):
        """Signal makes 1,800 pixels 1,600: .89, and 1.2 of that would be more than there is."""
        p = plan(draws=1, steps=6, scale=(0.9, 1.0), withstands=("signal",))
        assert all(draw.scale <= 1 for draws in eot._draws(p, 0, (1200, 1800)) for draw in draws)

    def test_judged_at_the_scale_that_it_has_for_the_photo(self):
        t = target()
        t.card = dataclasses.replace(t.card, judged_as=("aligned",))
        sizes = []
        t.opinion = lambda image, reference, looks: sizes.append(tuple(image.shape[2:])) or {"aligned": 9.0}
        judged = dataclasses.replace(subject(t).judged[0], views=torch.zeros(1, 1, 12))
        who = dataclasses.replace(subject(t), judged=(judged,))
        p = plan(trials=(0.5,), seen_as=(("aligned",),), withstands=("half", "signal", "thumbnail-5"))
        y = noise(2)
        height, width = y.shape[2:]
        for photo, share in ((self.WHOLE, 0.4), (None, 1.0)):
            sizes.clear()
            Views([who], BOX, p, y, lambda image: image, whole=photo).accept(y)
            assert sizes == [
                (round(height * it), round(width * it)) if it != 0.5 else (height // 2, width // 2)
                for it in (1.0, 0.5, share, 0.2)
            ]


class TestClassifiers:
    """The whole picture goes through the channel too."""

    @pytest.mark.parametrize("threshold", [0.0, 2.0])
    def test_the_largest_margin_of_all_looks(self, threshold):
        t, p, y = classifier(threshold), plan(draws=2, jpeg=(5, 10), logits=0.3), noise(2)
        label = int(t.logits(y).argmax())
        margins = seen([whole(t, label)], p)
        reference = Reference(torch.tensor([label]))
        for step in range(p.steps):
            rows = [float(t.margin(image, reference)) for image in (y, *(d(y) for d in margins.draws[step]))]
            assert len(set(rows)) == 3
            assert float(margins(y)) == pytest.approx(max(rows) + 0.3, abs=1e-5)

    def test_gradient_is_shared_by_looks_that_are_near(self):
        t, p = classifier(), plan(draws=1, jpeg=(95, 100), scale=(0.9, 1.0))
        y = (0.45 + 0.02 * noise(2)).requires_grad_(True)
        label = int(t.logits(y).argmax())
        margins = seen([whole(t, label)], p)
        got = torch.autograd.grad(margins(y).sum(), y)[0]
        images = (y, margins.draws[0][0](y))
        rows = torch.cat([t.margin(image, Reference(torch.tensor([label]))) for image in images])
        weights = torch.softmax(rows.detach() / (SHARPNESS * LOGIT), 0)
        assert 0.05 < float(weights[0]) < 0.95
        assert torch.allclose(got, torch.autograd.grad((weights * rows).sum(), y)[0], atol=1e-6)
        assert got.abs().max() > 0

    def test_no_shaking_and_no_mirror(self):
        t, y = classifier(), noise(2)
        rows = [float(seen([whole(t)], plan(jitter=0.5, flips=1.0, logits=0.2))(y)) for _ in range(2)]
        still = float(t.margin(y, Reference(torch.tensor([0])))) + 0.2
        assert rows == pytest.approx([still, still], abs=1e-6)


@UNITS
def test_soft_choice_changes_no_value(unit, threshold):
    """Of looks that are all alike the margin is that of one: no log of their number is added."""
    t = target(unit, threshold)
    flat = torch.full((1, 3, *SIZE), 128 / 255)
    who = subject(t)
    p = plan(draws=4, jpeg=(95, 100))
    got = seen([who], p)(flat)
    one = t.margin(flat, who.judged[0].at(CROPPED)) + room(t, p)
    assert torch.allclose(got[0], one, atol=2e-3)


def test_on_every_device(device):
    """Landmarks are on the processor, pictures and weights where they are computed with."""
    t = target().to(device)
    who = subject(t, rows=2)
    who = dataclasses.replace(who, judged=tuple(Reference(r.known.to(device), r.faces) for r in who.judged))
    p = plan(draws=1, jitter=0.02, flips=0.5, reference="both")
    margins = Views([who], BOX, p, noise(1).to(device), lambda y: y)
    y = noise(2).to(device).requires_grad_(True)
    got = margins(y)
    assert got.device.type == device.type
    assert torch.autograd.grad(got.sum(), y)[0].isfinite().all()
    want = seen([subject(target(), rows=2)], p)(noise(2))
    assert torch.allclose(got.detach().cpu(), want, atol=1e-4)
