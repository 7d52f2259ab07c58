"""A direction of its own for each photo: where references are moved, and that verdicts know nothing of it."""

from __future__ import annotations

import pytest
import torch

from mnd.cloaking.eot import aside
from tests.helpers.views import UNITS, noise, plan, seen, subject, target


def known() -> torch.Tensor:
    return torch.rand(2, 3, 512, generator=torch.Generator().manual_seed(0)) + 0.1


def test_every_reference_of_a_photo_is_moved_the_same_way():
    moved = (aside(known(), 0.5, noise(1)) - known()) / torch.linalg.vector_norm(
        known(), dim=-1, keepdim=True
    )
    assert torch.allclose(torch.linalg.vector_norm(moved, dim=-1), torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(moved, moved[:1, :1].expand_as(moved), atol=1e-6)


def test_photos_differ_and_one_is_always_the_same():
    one, again, other = (aside(known(), 0.5, noise(seed)) - known() for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert abs(torch.nn.functional.cosine_similarity(one[0, 0], other[0, 0], dim=0)) < 0.2


def test_away_from_what_was_moved_is_away_from_it_and_into_the_own_direction():
    k, photo = torch.nn.functional.normalize(known(), dim=-1)[:1, :1], noise(1)
    u = (k - aside(k, 1.0, photo))[0, 0]
    embedding = torch.zeros_like(u, requires_grad=True)
    (slope,) = torch.autograd.grad(aside(k, 0.5, photo)[0, 0] @ embedding, embedding)
    assert float(-slope @ u) > 0
    assert float(-slope @ k[0, 0]) < 0


@UNITS
@pytest.mark.parametrize("reference", ["nearest", "both", "mean"])
def test_the_search_goes_aside_and_the_verdict_does_not(unit, threshold, reference):
    t = target(unit, threshold)
    plain, moved = (
        seen([subject(t, rows=3)], plan(reference=reference, own=share)).views[0] for share in (0, 0.4)
    )
    share = 0.0 if t.card.lower_is_same else 0.4
    for name, rows in plain.known.items():
        lengths = torch.linalg.vector_norm(moved.known[name] - rows, dim=-1)
        assert torch.allclose(lengths, share * torch.linalg.vector_norm(rows, dim=-1), rtol=1e-4, atol=1e-6)
    assert torch.equal(plain.judged.known, moved.judged.known)
