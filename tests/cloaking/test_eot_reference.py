"""What a search moves away from: the photos that it is judged against, their mean, or both."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from mnd.cloaking import eot
from mnd.cloaking.eot import CLEAN
from mnd.faces.landmarks import mirrored
from mnd.targets.face import FaceTarget
from mnd.targets.target import Reference
from tests.helpers.views import (
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


class TestReference:
    """What a search moves away from."""

    def known(self, kind: str, t: FaceTarget, rows: int = 3, clean=None, scale=1.0, **changes) -> Tensor:
        who = subject(t, rows=rows)
        judged = tuple(Reference(r.known * scale, r.faces) for r in who.judged)
        who = dataclasses.replace(who, judged=judged)
        return seen([who], plan(reference=kind, **changes), clean=clean).views[0].reference.known

    @UNITS
    @pytest.mark.parametrize("rows", [1, 4])
    @pytest.mark.parametrize(("kind", "more"), [("nearest", None), ("mean", 1), ("both", 1)])
    def test_how_many(self, kind, more, rows, unit, threshold):
        got = self.known(kind, target(unit, threshold), rows)
        assert got.shape == (1, {"nearest": rows, "mean": 1, "both": rows + 1}[kind], 12)
        assert not got.requires_grad

    @UNITS
    def test_both_are_the_others_and_the_mean(self, unit, threshold):
        t = target(unit, threshold)
        both, mean, near = (self.known(kind, t, jitter=0.03) for kind in ("both", "mean", "nearest"))
        assert torch.equal(both, torch.cat([near, mean], 1))
        assert torch.equal(near, subject(t, rows=3).judged[0].known)

    def flat(self) -> Tensor:
        return torch.tensor([0.8, 0.4, 0.2])[None, :, None, None].expand(-1, -1, *SIZE).contiguous()

    def test_mean_of_distances(self):
        """Of the photos' embeddings and the clean face's own, alike; all looks at a flat picture are one."""
        t = target()
        own = torch.tensor([0.8, 0.4, 0.2]).repeat_interleave(4)
        got = self.known("mean", t, clean=self.flat())
        want = torch.cat([subject(t, rows=3).judged[0].known[0], own[None]]).mean(0)
        assert torch.allclose(got[0, 0], want, atol=1e-5)

    @pytest.mark.parametrize("scale", [1.0, 10.0])
    def test_mean_of_similarities(self, scale):
        """Lengths mean nothing there: each counts at length one, whatever it had."""
        t = target("cosine similarity", 0.33)
        own = torch.tensor([0.8, 0.4, 0.2]).repeat_interleave(4)
        rows = torch.cat([subject(t, rows=3).judged[0].known[0], own[None]])
        want = (rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)).mean(0)
        got = self.known("mean", t, clean=self.flat(), scale=scale)[0, 0]
        assert torch.cosine_similarity(got, want, dim=0) == pytest.approx(1, abs=1e-6)
        assert torch.allclose(got, want, atol=1e-5)

    def test_unit(self):
        rows = 7 * torch.rand(1, 3, 12, generator=torch.Generator().manual_seed(1)) + 1
        lengths = torch.linalg.vector_norm(eot._unit(target("cosine similarity", 0.33), rows), dim=-1)
        assert torch.allclose(lengths, torch.ones(1, 3))
        assert eot._unit(target(), rows) is rows

    def test_the_clean_face_is_seen_shaken_and_mirrored(self):
        t = target()
        self.known("mean", t, jitter=0.05)
        assert len(t.shown) == CLEAN
        turned = [not torch.equal(image, noise(1)) for image, _ in t.shown]
        assert 0 < sum(turned) < CLEAN
        looks = list(zip(t.shown, turned, strict=True))
        assert all(torch.equal(image, noise(1).flip(3)) for (image, _), flipped in looks if flipped)
        spread = torch.stack([points for (_, points), flipped in looks if not flipped]) - CROPPED
        assert 0.2 * 0.05 * EYES < float(spread.std()) < 3 * 0.05 * EYES
        assert len({tuple(p.flatten().tolist()) for _, p in t.shown}) == CLEAN

    def test_without_other_looks_the_clean_photo_is_its_own_mean(self):
        """No gallery, no shaking: of what the recogniser sees in a mirrored and a straight face."""
        t, clean = target(), noise(1)
        who = subject(t)
        who = dataclasses.replace(who, judged=(t.refer(clean, CROPPED),))
        margins = seen([who], plan(reference="mean"), clean=clean)
        straight = t.refer(clean, CROPPED).known[0, 0]
        turned = t.refer(*mirrored(clean, CROPPED)).known[0, 0]
        got = margins.views[0].reference.known[0, 0]
        share = (got - straight) @ (turned - straight) / (turned - straight).square().sum()
        assert torch.allclose(got, straight + share * (turned - straight), atol=1e-6)
        assert 0 < share < 0.5  # half of it is the photo itself, and of the other half some is straight

    def test_margins_are_against_it(self):
        t, p, y = target(), plan(reference="mean"), noise(2)
        margins = seen([subject(t, rows=3)], p)
        known = margins.views[0].reference.known
        assert torch.allclose(margins(y)[0], t.margin(y, Reference(known, CROPPED)) + room(t, p), atol=1e-6)

    def test_classifiers_keep_their_class(self):
        (view,) = seen([whole(classifier(), 2)], plan(reference="both")).views
        assert view.reference.known.tolist() == [2]
