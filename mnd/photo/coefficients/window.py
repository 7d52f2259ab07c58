"""A part of a file as a file of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .frame import ZIGZAG, Box, Coefficients, Frame, Scan, coded_alone, segment

_MOST = 10
"""Blocks that a group of several components may have."""


def cut(frame: Frame, found: Coefficients, box: Box) -> tuple[Frame, Coefficients]:
    """A part of a picture as a file of its own, of one pass, and its coefficients.

    Args:
        frame: of the whole file.
        found: its coefficients.
        box: `(x0, y0, x1, y1)` in pixels; it begins with a group of blocks, and ends with one or the picture.
    """
    across, down = frame.most
    left, top = box[0] // (8 * across), box[1] // (8 * down)
    width, height = box[2] - box[0], box[3] - box[1]
    wide, high = -(-width // (8 * across)), -(-height // (8 * down))
    start, components, parts = 0, [], []
    for one in frame.components:
        blocks = found[one.start : one.end].reshape(one.rows, one.columns, 64)
        parts.append(
            blocks[top * one.down : (top + high) * one.down, left * one.across : (left + wide) * one.across]
        )
        real = coded_alone(width, one.across, across), coded_alone(height, one.down, down)
        components.append(
            replace(one, start=start, columns=wide * one.across, rows=high * one.down, real=real)
        )
        start = components[-1].end
    small = Frame(width, height, False, tuple(components), frame.steps, ())
    return replace(small, parts=_layout(small)), np.concatenate([part.reshape(-1, 64) for part in parts])


def _layout(frame: Frame) -> tuple[bytes | Scan, ...]:
    """Tables, header and scans of a file of one pass."""
    header = frame.height.to_bytes(2, "big") + frame.width.to_bytes(2, "big")
    body = bytes([8]) + header + bytes([len(frame.components)])
    for number, one in enumerate(frame.components):
        body += bytes([one.name, one.across << 4 | one.down, number])
    tables = [
        segment(0xDB, bytes([0x10 | number]) + np.array(steps, ">u2")[ZIGZAG].tobytes())
        for number, steps in enumerate(frame.steps)
    ]
    every = tuple(range(len(frame.components)))
    together = sum(one.across * one.down for one in frame.components) <= _MOST
    scans = [every] if together else [(one,) for one in every]
    passes = [Scan(which, ((0, 0),) * len(which), 0, 63, 0, 0) for which in scans]
    return *tables, segment(0xC1, body), *passes
