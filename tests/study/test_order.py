"""No content follows itself while that can be avoided; the page and the library agree on every order."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.order import order, random_of, seed_of

COUNTS = st.lists(st.integers(1, 7), min_size=1, max_size=6)


def trials_of(counts: list[int]) -> dict[str, str]:
    return {f"{content}-{n}": f"c{content}" for content, count in enumerate(counts) for n in range(count)}


@given(COUNTS, st.text("0123456789abcdef", max_size=16))
def test_an_order_has_each_trial_once_and_no_content_twice_in_succession(counts, seed):
    trials = trials_of(counts)
    made = order(trials, seed)
    assert sorted(made) == sorted(trials)
    assert made == order(trials, seed)
    if max(counts) <= (sum(counts) + 1) // 2:
        assert all(trials[a] != trials[b] for a, b in pairwise(made))


def test_observers_have_orders_of_their_own():
    trials = trials_of([5] * 4)
    orders = {tuple(order(trials, f"{n:016x}")) for n in range(50)}
    assert len(orders) == 50


def test_every_trial_comes_at_every_place():
    trials = trials_of([3] * 3)
    seen = {(place, trial) for n in range(500) for place, trial in enumerate(order(trials, f"{n:x}"))}
    assert len(seen) == 81
    first = Counter(order(trials, f"{n:x}")[0] for n in range(900))
    assert min(first.values()) > 60  # 100 expected, standard deviation 9.4


def test_the_hash_is_fnv_1a():
    assert [hex(seed_of(text)) for text in ("", "a", "foobar")] == ["0x811c9dc5", "0xe40c292c", "0xbf9cf968"]


def test_the_numbers_are_spread_evenly():
    draw = random_of(7)
    counts = Counter(int(10 * draw()) for _ in range(10_000))
    assert set(counts) == set(range(10))
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 27.9  # chi squared, p = 0.001


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node, to run the page's own code")
def test_the_page_computes_the_same_order():
    cases = [([4] * 5, "abc"), ([13] * 12, "0123456789abcdef"), ([1], ""), ([5, 1], "f"), ([3, 2, 2], "9")]
    code = files("mnd.study").joinpath("order.js").read_text(encoding="utf-8")
    asked = [
        {"seed": seed, "trials": [{"id": name, "content": content} for name, content in trials_of(n).items()]}
        for n, seed in cases
    ]
    code += (
        f"console.log(JSON.stringify({json.dumps(asked)}.map(({{trials, seed}}) => orderOf(trials, seed))))"
    )
    ran = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(ran.stdout) == [order(trials_of(n), seed) for n, seed in cases]
