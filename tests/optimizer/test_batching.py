"""Searches that ask their networks together: the same answers, fewer questions, and nobody waits for ever."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mnd.optimizer.batching import Batcher
from mnd.optimizer.mnd import MND, gradients
from mnd.optimizer.settings import SearchSettings

LONG = 60.0
"""Seconds that nothing in here takes."""


class Net(nn.Module):
    """Pictures of any size to five numbers; remembers how many it saw at once."""

    def __init__(self, seed: int = 0, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        torch.manual_seed(seed)
        body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Tanh())
        self.body = body.to(dtype).requires_grad_(False)
        self.head = nn.Linear(8, 5, dtype=dtype).requires_grad_(False)
        self.seen: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        if bool((x > 5).any()):
            raise RuntimeError("too bright")
        out: Tensor = self.head(self.body(x).mean((2, 3)))
        return out


def meet(batcher: Batcher, works: list[Callable[[], Any]], concurrency: int = 1) -> list[Any]:
    """What each of them gives, or raises; all are members before the first begins."""
    found: list[Any] = ["never done"] * len(works)

    def run(i: int) -> None:
        with batcher.member():
            try:
                found[i] = works[i]()
            except Exception as error:
                found[i] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(works))]
    for _ in range(concurrency):
        batcher._working.acquire()
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LONG
    while len(batcher._members) < len(works):
        time.sleep(0.001)
        assert time.monotonic() < deadline
    batcher._working.release(concurrency)
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    assert not any(thread.is_alive() for thread in threads)
    return found


def picture(seed: int, count: int = 1, size: int = 12, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size, size, generator=generator, dtype=dtype)


def asked(net: nn.Module, y: Tensor, slopes: Callable[..., Tensor] = gradients) -> tuple[Tensor, Tensor]:
    """What a network says, and the gradients of it."""
    y = y.clone().requires_grad_()
    out = net(y)
    return out.detach(), slopes(list(out.T), y)


@pytest.mark.parametrize(("photos", "chunk", "calls"), [(1, 4, 1), (4, 4, 1), (5, 4, 2), (8, 8, 1)])
def test_a_network_sees_the_pictures_of_all_in_batches_of_one_size(photos: int, chunk: int, calls: int):
    net, batcher = Net(), Batcher(chunk)
    shared = batcher.shared(net)

    def work(seed: int) -> Callable[[], None]:
        def steps() -> None:
            for step in range(3):
                asked(shared, picture(seed + 100 * step), batcher.gradients)

        return steps

    assert meet(batcher, [work(seed) for seed in range(photos)]) == [None] * photos
    assert net.seen == [chunk] * (3 * calls)


@pytest.mark.parametrize("chunk", [1, 4, 16])
def test_an_answer_is_the_same_in_any_company_bit_by_bit(chunk: int):
    net = Net()

    def answers(seeds: list[int]) -> dict[int, tuple[Tensor, Tensor]]:
        batcher = Batcher(chunk)
        shared = batcher.shared(net)
        works = [
            lambda seed=seed: asked(shared, picture(seed, 1 + seed % 3), batcher.gradients) for seed in seeds
        ]
        return dict(zip(seeds, meet(batcher, works), strict=True))

    alone = {seed: answers([seed])[seed] for seed in range(7)}
    for company in ([0, 1], [3, 2, 1], [6, 5, 4, 3, 2, 1, 0], [2, 6]):
        for seed, (out, slopes) in answers(company).items():
            assert torch.equal(out, alone[seed][0])
            assert torch.equal(slopes, alone[seed][1])


def life(nets: list[nn.Module], seed: int, slopes: Callable[..., Tensor]) -> list[Tensor]:
    """Some steps that ask some networks now and then, as photos with several faces do."""
    chance, found = random.Random(seed), []
    for step in range(chance.randint(1, 5)):
        y = picture(seed + step, dtype=torch.float64).requires_grad_()
        rows = []
        for _ in range(chance.randint(1, 4)):
            net, looks = chance.choice(nets), chance.randint(1, 6)
            seen = net(torch.cat([y * (1 + look) / looks for look in range(looks)]))
            rows.append(seen.square().mean(1).sum()[None])
        found.append(slopes(rows, y))
        if chance.random() < 0.3:
            time.sleep(0.01 * chance.random())
    return found


@pytest.mark.parametrize(("seed", "concurrency"), [(0, 1), (1, 1), (2, 3), (3, 20)])
def test_gradients_are_those_of_each_photo_by_itself(seed: int, concurrency: int):
    """Whatever the numbers of steps, of networks in a step, of looks and of rows."""
    nets: list[nn.Module] = [Net(n, torch.float64) for n in range(3)]
    batcher = Batcher(4, concurrency)
    shared = [batcher.shared(net) for net in nets]
    works = [lambda n=n: life(shared, 50 * seed + n, batcher.gradients) for n in range(9)]
    for n, found in enumerate(meet(batcher, works, concurrency)):
        wanted = life(nets, 50 * seed + n, gradients)
        assert len(found) == len(wanted)
        assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-14) for a, b in zip(found, wanted, strict=True))


def test_an_error_is_that_of_one_photo_and_of_no_other():
    net, batcher = Net(), Batcher(4)
    shared = batcher.shared(net)

    def well(seed: int) -> Callable[[], Any]:
        return lambda: [asked(shared, picture(seed + 10 * s), batcher.gradients) for s in range(3)]

    def bright() -> None:
        asked(shared, picture(1), batcher.gradients)
        asked(shared, picture(2) + 9, batcher.gradients)

    def unrelated() -> None:
        asked(shared, picture(3), batcher.gradients)
        y = picture(4).requires_grad_()
        shared(y)
        batcher.gradients([torch.ones(1)], y)

    def odd() -> None:
        asked(shared, picture(5), batcher.gradients)
        raise ZeroDivisionError("in the middle")

    def flat() -> None:
        asked(shared, torch.rand(1, 2, 9, 9), batcher.gradients)

    works = [well(0), bright, unrelated, well(1), odd, flat, well(2)]
    found = meet(batcher, works)
    kinds = [type(one) for one in found]
    assert kinds == [list, RuntimeError, RuntimeError, list, ZeroDivisionError, RuntimeError, list]
    assert batcher._seams == []  # also of those who ended in the middle of a step
    assert "too bright" in str(found[1])
    assert "does not require grad" in str(found[2])
    for seed, place in enumerate((0, 3, 6)):
        for step, (out, slopes) in enumerate(found[place]):
            alone = [lambda s=seed, t=step: asked(shared, picture(s + 10 * t), batcher.gradients)]
            wanted = meet(batcher, alone)[0]
            assert torch.equal(out, wanted[0])
            assert torch.equal(slopes, wanted[1])


def test_who_wants_no_gradient_waits_for_nobody():
    net, batcher = Net(), Batcher(4, concurrency=2)
    shared, left = batcher.shared(net), threading.Event()

    def looks() -> Tensor:
        with torch.no_grad():
            out: Tensor = shared(picture(0).requires_grad_())
        left.set()
        return out

    def waits() -> Tensor:
        assert left.wait(LONG)
        out: Tensor = shared(picture(0))
        return out

    found = meet(batcher, [looks, waits], concurrency=2)
    assert torch.equal(found[0], found[1])
    assert net.seen == [1, 1]


def test_everybody_is_waited_for_as_long_as_he_is_there():
    net, batcher = Net(), Batcher(4)
    shared = batcher.shared(net)

    def late() -> None:
        time.sleep(0.3)
        asked(shared, picture(1), batcher.gradients)

    meet(batcher, [lambda: asked(shared, picture(0), batcher.gradients), late])
    assert net.seen == [4]
    meet(batcher, [lambda: asked(shared, picture(0), batcher.gradients), lambda: time.sleep(0.1)])
    assert net.seen == [4, 4]
    asked(shared, picture(0), batcher.gradients)  # without being a member
    assert net.seen == [4, 4, 4]


@pytest.mark.parametrize(("seed", "concurrency"), [(0, 1), (1, 4), (2, 99)])
def test_a_crowd_that_goes_and_fails_comes_to_its_end(seed: int, concurrency: int):
    nets: list[nn.Module] = [Net(n, torch.float64) for n in range(2)]
    batcher = Batcher(4, concurrency)
    shared = [batcher.shared(net) for net in nets]

    def work(number: int) -> Callable[[], int]:
        def until_it_goes() -> int:
            chance = random.Random(1000 * seed + number)
            for round_ in range(chance.randint(1, 3)):
                time.sleep(0.01 * chance.random())
                life(shared, chance.randrange(10_000), batcher.gradients)
                if chance.random() < 0.2:
                    raise ValueError(f"{number}, {round_}")
            return number

        return until_it_goes

    found = meet(batcher, [work(n) for n in range(24)], concurrency)
    assert all(isinstance(one, ValueError) or one == n for n, one in enumerate(found))
    assert batcher._members == set()
    assert batcher._waiting == []
    assert all(batcher._working.acquire(blocking=False) for _ in range(concurrency))
    assert not batcher._working.acquire(blocking=False)


def test_no_more_threads_work_at_once_than_may():
    net, batcher, busy, most = Net(), Batcher(4, concurrency=2), 0, 0
    shared, lock = batcher.shared(net), threading.Lock()

    def work() -> None:
        nonlocal busy, most
        for _ in range(3):
            with lock:
                busy, most = busy + 1, max(most, busy + 1)
            time.sleep(0.002)
            with lock:
                busy -= 1
            asked(shared, picture(0), batcher.gradients)

    meet(batcher, [work] * 6, concurrency=2)
    assert most == 2


def test_a_search_is_the_same_in_company_and_costs_no_more_questions():
    net = Net()

    def search(batcher: Batcher, shared: nn.Module, seed: int) -> Tensor:
        x = picture(seed, size=16)
        with torch.no_grad():
            start = net(x)[:, 0]

        def margin(y: Tensor) -> Tensor:
            out: Tensor = shared(y)[:, 0] - start + 0.01
            return out

        settings = SearchSettings(steps=6)
        return MND(settings=settings, slopes=batcher.gradients)(x, margin).image

    def together(seeds: list[int]) -> tuple[list[Tensor], int]:
        batcher = Batcher(4)
        shared = batcher.shared(net)
        before = net.seen.count(4)
        works = [lambda seed=seed: search(batcher, shared, seed) for seed in seeds]
        return meet(batcher, works), net.seen.count(4) - before

    alone = [together([seed])[0][0] for seed in range(4)]
    found, calls = together([0, 1, 2, 3])
    assert calls == 6
    assert all(torch.equal(a, b) for a, b in zip(found, alone, strict=True))
    assert all(not torch.equal(image, picture(seed, size=16)) for seed, image in enumerate(found))


def test_targets_that_take_turns_are_the_same_in_company():
    """Photos with other numbers of targets, looked at in other steps: what each has alone, bit by bit."""
    net = Net()

    def search(batcher: Batcher, shared: nn.Module, seed: int) -> Tensor:
        x, rows, steps = picture(seed, size=16), 2 + seed % 2, 7
        with torch.no_grad():
            start = net(x)[:, :rows]
        calls = itertools.count()

        def margins(y: Tensor) -> Tensor:
            step = next(calls)
            every = step in (0, steps - 1)
            unseen = torch.full((1,), torch.nan)
            seen = (shared(y)[:, :rows] - start + 0.01).T
            return torch.stack(
                [row if every or k == (step + seed) % rows else unseen for k, row in enumerate(seen)]
            )

        found = MND(settings=SearchSettings(steps=steps), slopes=batcher.gradients)(x, margins)
        return torch.cat([found.image.flatten(), found.margins.flatten()])

    def together(seeds: list[int]) -> list[Tensor]:
        batcher = Batcher(4)
        shared = batcher.shared(net)
        return meet(batcher, [lambda seed=seed: search(batcher, shared, seed) for seed in seeds])

    alone = {seed: together([seed])[0] for seed in range(4)}
    for company in ([0, 1, 2, 3], [2, 0], [1, 2, 3]):
        for seed, found in zip(company, together(company), strict=True):
            assert torch.equal(found, alone[seed])


def test_a_chunk_has_pictures():
    with pytest.raises(ValueError, match="chunk and concurrency are 0 and 1, expected at least 1"):
        Batcher(0)
