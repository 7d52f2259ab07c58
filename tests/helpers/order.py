"""The order in which one observer sees the trials; the page computes the very same (`order.js`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

Random = Callable[[], float]
WORD = 0xFFFFFFFF


def seed_of(text: str) -> int:
    """32 bits made of ASCII text: the FNV-1a hash (Fowler, Noll and Vo).

    >>> hex(seed_of("a"))
    '0xe40c292c'
    """
    value = 0x811C9DC5
    for code in text.encode("ascii"):
        value = (value ^ code) * 0x01000193 & WORD
    return value


def random_of(seed: int) -> Random:
    """Numbers in [0, 1) from 32 bits of state: a Weyl sequence, mixed (Ettinger's mulberry32).

    >>> draw = random_of(1)
    >>> [round(draw(), 6) for _ in range(2)]
    [0.627074, 0.002736]
    """
    state = seed & WORD

    def draw() -> float:
        nonlocal state
        state = state + 0x6D2B79F5 & WORD
        mixed = (state ^ state >> 15) * (state | 1) & WORD
        mixed ^= mixed + ((mixed ^ mixed >> 7) * (mixed | 61) & WORD) & WORD
        return (mixed ^ mixed >> 14) / 2**32

    return draw


def order(contents: Mapping[str, str], seed: str) -> list[str]:
    """The trials in the order of the observer whose seed this is.

    All are shuffled; then one after the other is taken from the front that shows another content than the
    one before and leaves the rest arrangeable: with `n` trials left, no content may have more than
    `ceil(n / 2)` of them, and the one just shown no more than `floor(n / 2)`. So no content follows itself,
    unless one has more than half of the trials and it cannot be avoided.

    `contents` has for each trial its content; both are opaque ids, in ASCII.

    >>> order({"p": "1", "q": "1", "r": "2"}, "observer")
    ['p', 'r', 'q']
    """
    draw = random_of(seed_of(seed))
    rest = list(contents)
    for place in range(len(rest) - 1, 0, -1):
        other = int(draw() * (place + 1))
        rest[place], rest[other] = rest[other], rest[place]
    left, taken, last = Counter(contents.values()), list[str](), ""
    while rest:
        trial = _next(rest, contents, left, last)
        rest.remove(trial)
        taken.append(trial)
        last = contents[trial]
        left[last] -= 1
    return taken


def _next(rest: list[str], contents: Mapping[str, str], left: Mapping[str, int], last: str) -> str:
    after = len(rest) - 1

    def arrangeable(content: str) -> bool:
        return all(
            count <= after // 2 if other == content else count <= (after + 1) // 2
            for other, count in ((c, n - (c == content)) for c, n in left.items())
        )

    fitting = {content for content in left if content != last and arrangeable(content)}
    for wanted in (fitting, set(left) - {last}):
        for trial in rest:
            if contents[trial] in wanted:
                return trial
    return rest[0]
