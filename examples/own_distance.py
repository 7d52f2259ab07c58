"""A distance of your own: what the search keeps small is any function of two batches of pictures.

python examples/own_distance.py
"""

import torch
from torch import Tensor

import mnd


def blue(x: Tensor, y: Tensor) -> Tensor:
    """`(B,)`: the mean square of the change, where blue counts a twentieth: eyes see little of it."""
    weights = torch.tensor([1.0, 1.0, 0.05]).view(1, 3, 1, 1)
    return ((y - x).square() * weights.to(x)).mean((1, 2, 3))


def margin(y: Tensor) -> Tensor:
    """`(B,)`, > 0 while "recognised": here, while the picture is brighter than .49."""
    return y.mean((1, 2, 3)) - 0.49


x = torch.full((1, 3, 32, 32), 128 / 255)
for name, distance in (("every colour alike", None), ("blue counts less", blue)):
    result = mnd.MND(distance)(x, margin)
    moved = (result.image - x).abs().mean((0, 2, 3)) * 255
    told = ", ".join(
        f"{colour} {levels:.2f}" for colour, levels in zip(("red", "green", "blue"), moved, strict=True)
    )
    print(f"{name}: fooled {bool(result.success)}; grey levels on average: {told}")
