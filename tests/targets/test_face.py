"""What face targets share, on a network whose answers are known: the chip's mean colours."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mnd.targets.card import TargetCard
from mnd.targets.face import FaceTarget
from mnd.targets.target import Reference, Target


class MeanColour(nn.Module):
    """Three numbers a chip: its mean red, green and blue."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x.mean((2, 3)) * self.gain


def target(unit="euclidean distance", threshold=0.6, **more) -> FaceTarget:
    card = TargetCard(
        name="toy", kind="face", unit=unit, threshold=threshold, size=(32, 32), source="this test",
        licence="none", template="arcface112", **more,
    )  # fmt: skip
    return FaceTarget(card, MeanColour())


def flat(*colours) -> torch.Tensor:
    return torch.tensor(colours)[:, :, None, None].expand(-1, -1, 512, 512).contiguous()


def test_is_a_target():
    assert isinstance(target(), Target)


def test_network_is_frozen():
    net = target().net
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())


def test_mean_and_std_come_first(face):
    t = target(mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 2.0))
    got = t.embed(flat((0.6, 0.2, 0.7)), face)
    assert torch.allclose(got, torch.tensor([[1.0, 0.0, 0.2]]), atol=1e-5)


def test_clean_picture_has_the_whole_threshold_as_margin(face, device):
    t = target().to(device)
    x = flat((0.2, 0.4, 0.6)).to(device)
    reference = t.refer(x, face)
    assert reference.known.shape == (1, 1, 3)
    assert not reference.known.requires_grad
    assert t.margin(x, reference).item() == pytest.approx(0.6, abs=1e-6)
    assert t.score(x, reference).item() == pytest.approx(0.0, abs=1e-6)


def test_distance_and_margin_in_closed_form(face):
    t = target()
    reference = t.refer(flat((0.2, 0.4, 0.6)), face)
    y = flat((0.5, 0.4, 0.2))
    assert t.score(y, reference).item() == pytest.approx(0.5, abs=1e-5)
    assert t.margin(y, reference).item() == pytest.approx(0.1, abs=1e-5)


def test_cosine_in_closed_form(face):
    t = target("cosine similarity", 0.33)
    reference = t.refer(flat((1.0, 0.0, 0.0)), face)
    y = flat((0.6, 0.8, 0.0))
    assert t.score(y, reference).item() == pytest.approx(0.6, abs=1e-5)
    assert t.margin(y, reference).item() == pytest.approx(0.27, abs=1e-5)


@pytest.mark.parametrize(("unit", "threshold"), [("euclidean distance", 0.6), ("cosine similarity", 0.3)])
def test_value_is_that_of_the_nearest_reference(unit, threshold):
    t = target(unit, threshold)
    g = torch.Generator().manual_seed(0)
    e, known = torch.randn(4, 8, generator=g), torch.randn(4, 6, 8, generator=g)
    each = torch.stack([t.compare(e, known[:, r : r + 1]) for r in range(6)], 1)
    assert torch.allclose(t.compare(e, known), each.amax(1), atol=1e-6)


def test_gradient_is_shared_by_references_that_are_equally_near():
    t = target()
    known = torch.tensor([[[0.1, 0.0], [-0.1, 0.0], [0.0, 9.0]]])
    e = torch.zeros(1, 2, requires_grad=True)
    (g,) = torch.autograd.grad(t.compare(e, known).sum(), e)
    assert torch.allclose(g, torch.zeros(1, 2), atol=1e-6)  # left and right cancel, far away does not pull
    e = torch.tensor([[0.08, 0.0]], requires_grad=True)
    (g,) = torch.autograd.grad(t.compare(e, known).sum(), e)
    assert 0.9 < g[0, 0] <= 1  # now only the nearest counts


def test_gradient_at_the_reference_itself_is_finite(face):
    t = target()
    x = flat((0.2, 0.4, 0.6))
    reference = t.refer(x, face)
    (g,) = torch.autograd.grad(t.margin(x.requires_grad_(), reference).sum(), x)
    assert torch.isfinite(g).all()


def test_many_views_of_one_picture(noise, face):
    t = target()
    x = noise(512, 512)
    faces = torch.cat([face, face + 5, face * 1.1])
    views = t.embed(x, faces)
    assert torch.allclose(views, torch.cat([t.embed(x, faces[k : k + 1]) for k in range(3)]), atol=1e-6)
    reference = t.refer(x, face).at(faces)
    assert t.margin(x, reference).shape == (3,)


def test_one_place_in_many_pictures(noise, face):
    t = target()
    x = torch.cat([noise(512, 512), noise(512, 512, 1)])
    assert torch.allclose(t.embed(x, face), t.embed(x, face.expand(2, -1, -1)), atol=1e-6)


def test_one_answer_a_picture_of_a_batch(face):
    """A fooled picture of a batch does not change the margin or the gradient of another."""
    t = target()
    x = flat((0.2, 0.4, 0.6), (0.9, 0.1, 0.1))
    reference = t.refer(x, face.expand(2, -1, -1))
    y = flat((0.3, 0.4, 0.6), (0.1, 0.9, 0.9)).requires_grad_()
    both = t.margin(y, reference)
    (g,) = torch.autograd.grad(both[0], y)
    assert both[0].item() == pytest.approx(0.5, abs=1e-5)
    assert g[1].abs().sum() == 0


def test_several_photos_are_one_person(face):
    t = target()
    person = Reference.person([t.refer(flat((0.2, 0.2, 0.2)), face), t.refer(flat((0.8, 0.8, 0.8)), face)])
    assert person.known.shape == (1, 2, 3)
    assert t.score(flat((0.8, 0.8, 0.7)), person).item() == pytest.approx(0.1, abs=1e-5)


def test_support_holds_all_that_is_read(noise, face):
    t = target()
    x = noise(512, 512).requires_grad_()
    (g,) = torch.autograd.grad(t.embed(x, face).sum(), x)
    x0, y0, x1, y1 = (int(v) for v in t.support(face)[0])
    outside = g.clone()
    outside[..., y0:y1, x0:x1] = 0
    assert outside.abs().sum() == 0
    assert g.abs().sum() > 0


def test_missing_faces(noise):
    t = target()
    with pytest.raises(ValueError, match="recognises faces"):
        t.refer(noise(64, 64))
    with pytest.raises(ValueError, match="no faces"):
        t.margin(noise(64, 64), Reference(torch.zeros(1, 1, 3)))


@pytest.mark.parametrize(
    ("images", "count", "message"),
    [
        (torch.zeros(3, 64, 64), 1, "expected floating point"),
        (torch.zeros(1, 1, 64, 64), 1, "expected floating point"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), 1, "uint8"),
        (torch.zeros(2, 3, 64, 64), 3, "2 images and 3 faces"),
    ],
)
def test_bad_images(images, count, message, face):
    with pytest.raises(ValueError, match=message):
        target().embed(images, face.expand(count, -1, -1))


def test_bad_references(noise, face):
    with pytest.raises(ValueError, match="references have shape"):
        target().margin(noise(512, 512), Reference(torch.zeros(1, 1, 128), face))


def test_card_of_a_classifier_is_refused():
    card = TargetCard("x", "classifier", "logit margin", 0.0, (8, 8), "", "")
    with pytest.raises(ValueError, match="expected a face recogniser"):
        FaceTarget(card, MeanColour())
