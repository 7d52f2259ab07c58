"""The searches around a group: how coarse a grid they begin on, and what comes of it."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.searching import COARSEST, FINER, coarseness
from mnd.cloaking.settings import CloakSettings
from mnd.optimizer.grid import Grid
from tests.helpers.views import FACE, classifier, noise, plan, seen, subject, target, whole


def of_size(factor: float):
    return dataclasses.replace(subject(target()), landmarks=FACE * factor)


class TestCoarseness:
    @pytest.mark.parametrize("factor", [1, 2, 5, 12, 40])
    def test_so_many_points_a_pixel_of_the_chip(self, factor):
        one = of_size(factor)
        spacing = one.targets[0].spacing(one.landmarks)
        assert coarseness([one]) == min(max(1, int(spacing / FINER)), COARSEST)

    def test_the_smallest_face_decides(self):
        assert coarseness([of_size(40), of_size(2)]) == coarseness([of_size(2)]) < coarseness([of_size(40)])

    def test_a_whole_picture_is_looked_at_as_it_is(self):
        assert coarseness([whole(classifier())]) == 1
        assert coarseness([of_size(40), whole(classifier())]) == 1

    def test_spacing_is_how_far_apart_a_chip_reads(self):
        """Twice the face, twice the distance."""
        t = target()
        assert t.spacing(2 * FACE) == pytest.approx(2 * t.spacing(FACE))


class TestViewsOnAGrid:
    def test_a_target_sees_the_same_face_there(self):
        """The picture three times as large, seen on a grid three times coarser: the same margins."""
        large = torch.nn.functional.interpolate(noise(2), scale_factor=3, mode="nearest")
        views = seen([subject(target())], plan())
        big = seen([of_size(1)], plan(), clean=large)
        grid = Grid(*large.shape[2:], 3)
        # the crop's corner is not scaled: the face lies at three times its place in the crop
        moved = big.on(grid)
        moved.place = lambda points: points
        assert torch.allclose(moved(grid.mean(large)), views(noise(2)), atol=0.02)
        assert torch.allclose(
            grid.place(torch.tensor([[4.0, 7.0]])), torch.tensor([[(4.5 / 3) - 0.5, (7.5 / 3) - 0.5]])
        )

    def test_there_is_no_file_and_no_channel_on_a_grid(self):
        saved = []
        views = seen([subject(target())], plan(draws=1), saved=lambda y: saved.append(1) or y)
        on = views.on(Grid(90, 101, 1))
        on(noise(2))
        assert not saved
        assert on.plan.withstands == ()
        assert on.plan.draws == 0
        assert views.plan.draws == 1

    def test_what_trials_taught_stays_known(self):
        views = seen([subject(target())], plan())
        views.views[0].headrooms["aligned"] = 0.123
        later = views.then(steps=7)
        assert later.views[0].headrooms["aligned"] == 0.123
        assert (later.step, later.plan.steps, later.views[0].plan.steps) == (0, 7, 7)


@pytest.mark.slow
def test_a_large_face_is_searched_on_a_coarser_grid_and_protected(tmp_path):
    """The record says how coarse."""
    from skimage import data

    head = Image.fromarray(data.astronaut()).crop((120, 20, 330, 230)).resize((1800, 1800), 1)
    grain = np.random.default_rng(0).normal(0, 3, (1800, 1800, 1))
    photo = tmp_path / "large.jpg"
    Image.fromarray((np.asarray(head) + grain).clip(0, 255).astype(np.uint8)).save(photo, quality=92)
    cloaker = Cloaker(CloakSettings(targets=("dlib",), level="minimum", offline=True))
    record = cloaker.photo(photo)
    assert record["protected"]
    assert record["regions"][0]["grid"] == 2
