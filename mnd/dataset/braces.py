"""Names with braces, as WebDataset writes those of many shards: `shard-{000000..000127}.tar`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

MOST = 1_000_000
"""Names that one pattern may stand for."""
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}|\{([^{},]*(?:,[^{},]*)+)\}")


def is_pattern(text: str) -> bool:
    """
    >>> is_pattern("a-{00..12}.tar"), is_pattern("a-{}.tar")
    (True, False)
    """
    return _BRACES.search(text) is not None


def expanded(text: str) -> list[str]:
    """All names that a pattern stands for, in the order of a shell.

    Raises:
        ValueError: they are too many.

    >>> expanded("{train,val}-{08..10}.tar")[2:4]
    ['train-10.tar', 'val-08.tar']
    """
    parts, end = [], 0
    for found in _BRACES.finditer(text):
        parts += [[text[end : found.start()]], list(_choices(found))]
        end = found.end()
    parts.append([text[end:]])
    count = 1
    for part in parts:
        count *= len(part)
    if count > MOST:
        raise ValueError(f"{text}: stands for {count:,} names, expected at most {MOST:,}")
    return ["".join(words) for words in itertools.product(*parts)]


def _choices(found: re.Match[str]) -> Iterator[str]:
    """What one pair of braces stands for; numbers are as long as the longer end, where one begins with 0."""
    first, last, listed = found.groups()
    if listed is not None:
        yield from listed.split(",")
        return
    padded = any(len(end) > 1 and end.startswith("0") for end in (first, last))
    width = max(len(first), len(last)) if padded else 0
    low, high = int(first), int(last)
    numbers = range(low, high + 1) if low <= high else range(low, high - 1, -1)
    if len(numbers) > MOST:
        raise ValueError(f"{found[0]}: stands for {len(numbers):,} names, expected at most {MOST:,}")
    yield from (f"{number:0{width}d}" for number in numbers)
