"""Networks that are cut: the gradients are those of autograd alone, with one pass back through each."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from mnd.base.seams import asked, cut, slopes


class Net(nn.Module):
    """Pictures to four numbers each; counts the passes back through it."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.randn(3, 4, generator=generator, dtype=torch.float64)
        self.back = 0

    def forward(self, x: Tensor) -> Tensor:
        out = torch.tanh(x.mean((2, 3)) @ self.weight)
        if out.requires_grad:
            out.register_hook(self.count)
        return out

    def count(self, grad: Tensor) -> None:
        self.back += 1


def picture(batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, 3, 6, 6, generator=generator, dtype=torch.float64)


def margins(net: nn.Module, y: Tensor, mixed: bool = False) -> list[Tensor]:
    """Rows of a picture and its mirror image, of a darker one, of another network's answer and y itself."""
    first = asked(net, torch.cat([y, y.flip(3), y * 0.5]))
    second = asked(net, y.square())
    n = len(y)
    rows = [
        first[:n].sum(1) * first[n : 2 * n, 0],
        first[2 * n :].square().sum(1),
        second[:, 1] + 3 * y.mean((1, 2, 3)),
    ]
    return [*rows, first[:n, 2] - second[:, 0]] if mixed else rows


@given(st.integers(1, 3), st.booleans())
def test_they_are_those_of_autograd(batch: int, mixed: bool):
    net, y = Net(), picture(batch).requires_grad_()
    whole = [torch.autograd.grad(row.sum(), y, retain_graph=True)[0] for row in margins(net, y, mixed)]
    with cut() as seams:
        rows = margins(net, y, mixed)
    assert len(seams) == 2
    (found,) = slopes([(rows, y)], seams)
    torch.testing.assert_close(found, torch.stack(whole))


def test_once_through_each_network_where_margins_look_at_pictures_of_their_own():
    net, y = Net(), picture().requires_grad_()
    with cut() as seams:
        rows = margins(net, y)
    slopes([(rows, y)], seams)
    assert net.back == 2


def test_margins_of_the_same_picture_go_one_after_the_other():
    net, y = Net(), picture().requires_grad_()
    with cut() as seams:
        rows = list(asked(net, y).T)
    (found,) = slopes([(rows, y)], seams)
    assert net.back == 4
    whole = torch.stack([torch.autograd.grad(row.sum(), y, retain_graph=True)[0] for row in net(y).T])
    torch.testing.assert_close(found, whole)


def test_several_searches_at_once_are_as_each_alone():
    net = Net()
    ys = [picture().requires_grad_(), (picture() / 2).requires_grad_()]
    with cut() as seams:
        said = asked(net, torch.cat(ys))
    nothing = torch.full((1,), torch.nan)
    searches = [([said[:1].sum(1)], ys[0]), ([said[1:, 0], nothing], ys[1])]
    together = slopes(searches, seams)
    assert net.back == 1
    torch.testing.assert_close(together[0][0], torch.autograd.grad(net(ys[0]).sum(), ys[0])[0])
    torch.testing.assert_close(together[1][0], torch.autograd.grad(net(ys[1])[:, 0].sum(), ys[1])[0])
    assert not together[1][1].any()


def test_nothing_is_cut_where_nobody_asked_or_there_is_no_gradient():
    net, y = Net(), picture().requires_grad_()
    assert torch.autograd.grad(asked(net, y).sum(), y)[0].any()
    with cut() as seams:
        with torch.no_grad():
            asked(net, y)
        asked(net, y.detach())
        with cut() as inner:
            asked(net, y)
        assert (len(seams), len(inner)) == (0, 1)
    assert torch.autograd.grad(asked(net, y).sum(), y)[0].any()


@pytest.mark.parametrize("row", [torch.ones(1), torch.ones(1, requires_grad=True) * 2])
def test_a_margin_that_knows_nothing_of_the_picture_is_an_error(row: Tensor):
    y = picture().requires_grad_()
    with pytest.raises(RuntimeError, match=r"does not (require grad|depend on the pictures)"):
        slopes([([row], y)], [])


def test_networks_see_the_memory_layout_that_they_are_given():
    y = picture(2).contiguous(memory_format=torch.channels_last).requires_grad_()
    seen = []

    def net(x: Tensor) -> Tensor:
        seen.append(x.is_contiguous(memory_format=torch.channels_last))
        return x.sum((1, 2, 3))

    with cut():
        asked(net, y)
    assert seen == [True]
