"""Orientation: between the picture as a file stores it and the picture upright."""

from __future__ import annotations

from ..base.types import Box, Pixels

"""`(x0, y0, x1, y1)`, the last two not included."""

TURNS = {
    1: (0, 0, 0),
    2: (0, 0, 1),
    3: (0, 1, 1),
    4: (0, 1, 0),
    5: (1, 0, 0),
    6: (1, 0, 1),
    7: (1, 1, 1),
    8: (1, 1, 0),
}
"""How each orientation gets upright: swap rows and columns, mirror top and bottom, mirror left and right."""


def turn(stored: Pixels, orientation: int) -> Pixels:
    """The upright picture (a view) of a stored one, `(h, w)` or `(h, w, C)`."""
    swap, vertical, horizontal = TURNS[orientation]
    turned = stored.swapaxes(0, 1) if swap else stored
    return turned[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def unturn(upright: Pixels, orientation: int) -> Pixels:
    """The stored picture (a view) of an upright one: the inverse of `turn`."""
    swap, vertical, horizontal = TURNS[orientation]
    turned = upright[:: -1 if vertical else 1, :: -1 if horizontal else 1]
    return turned.swapaxes(0, 1) if swap else turned


def stored_box(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """The box of the stored picture that is `box` of the upright one, whose width and height are `size`."""
    swap, vertical, horizontal = TURNS[orientation]
    x0, y0, x1, y1 = box
    if horizontal:
        x0, x1 = size[0] - x1, size[0] - x0
    if vertical:
        y0, y1 = size[1] - y1, size[1] - y0
    return (y0, x0, y1, x1) if swap else (x0, y0, x1, y1)


def colour_groups(
    box: Box, size: tuple[int, int], orientation: int, shared: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of an upright picture that share a colour, and how many of the first a box cuts off.

    Args:
        box: of the upright picture.
        size: its width and height.
        orientation: how it is stored.
        shared: rows and columns of the stored picture that share a colour; groups begin at its top left.

    >>> colour_groups((1, 2, 9, 9), (10, 10), 1, (2, 2))
    ((2, 2), (0, 1))
    """
    swap, vertical, horizontal = TURNS[orientation]
    left, top, right, bottom = stored_box(box, size, orientation)
    rows, columns = (top, bottom, shared[0]), (left, right, shared[1])
    if swap:
        rows, columns = columns, rows
    outside = [
        -high % step if mirrored else low % step
        for (low, high, step), mirrored in ((rows, vertical), (columns, horizontal))
    ]
    return (rows[2], columns[2]), (outside[0], outside[1])


def window(box: Box, size: tuple[int, int], grid: int, more: int = 1) -> Box:
    """`box` and `more` blocks on each side, along the grid that starts at the stored picture's top left."""
    x0, y0, x1, y1 = box
    left, top = max(0, x0 // grid - more) * grid, max(0, y0 // grid - more) * grid
    right, bottom = (-(-x1 // grid) + more) * grid, (-(-y1 // grid) + more) * grid
    return left, top, min(right, size[0]), min(bottom, size[1])
