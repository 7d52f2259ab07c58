"""What makes a surrogate: embeddings that stay where the teacher's are, also under a small attack.

Networks that were trained against small attacks have gradients that other networks share: they follow what
faces have in common, not what one training happened to pick up (Springer, Mitchell and Kenyon 2021,
arXiv 2106.02105). No labels are needed where the clean teacher says what an embedding should be (Schlarmann,
Singh, Croce and Hein 2024, arXiv 2402.12336).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .chips import MARGIN, SIZE


def crops(chips: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Crops `(N, 3, 112, 112)` of chips `(N, 3, 140, 140)`, out of place by chance, half of them mirrored.

    Each is turned by a, zoomed by 1 + z and moved by d of its width; a (radians), z and d are normal with a
    deviation of `share`.
    """
    turn, zoom, right, down, flip = torch.randn((5, len(chips)), generator=generator)
    scale = SIZE / (SIZE + 2 * MARGIN) * (1 + share * zoom)
    cos, sin = scale * torch.cos(share * turn), scale * torch.sin(share * turn)
    mirror = flip.sign()
    rows = [
        torch.stack([cos * mirror, -sin, share * right], 1),
        torch.stack([sin * mirror, cos, share * down], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), [len(chips), 3, SIZE, SIZE], align_corners=False)
    return F.grid_sample(chips, grid, align_corners=False)


def apart(embeddings: Tensor, wanted: Tensor) -> Tensor:
    """`(N,)`: 1 - cos of each pair of embeddings `(N, D)`."""
    return 1 - F.cosine_similarity(embeddings, wanted)


def attacked(
    net: nn.Module, images: Tensor, wanted: Tensor, eps: float, generator: torch.Generator
) -> Tensor:
    """Images `(N, 3, h, w)` after one step of an L2 attack: embeddings away from `wanted` `(N, D)`.

    The radius of each is uniform in [0, eps]: a surrogate shall be flat near the picture and at the rim. The
    step begins at noise of half that norm, as attacks of one step have to (Wong, Rice and Kolter 2020, arXiv
    2001.03994).
    """
    radius = eps * torch.rand((len(images), 1, 1, 1), generator=generator).to(images)
    noise = torch.randn(images.shape, generator=generator).to(images)
    start = (images + radius / 2 * _unit(noise)).requires_grad_()
    (slope,) = torch.autograd.grad(apart(net(start), wanted).sum(), start)
    moved = start.detach() + radius * _unit(slope) - images
    length = torch.linalg.vector_norm(moved, dim=(1, 2, 3), keepdim=True)
    inside = moved * (radius / length.clamp_min(1e-12)).clamp(max=1)
    return (images + inside).clamp(0, 1)


def _unit(direction: Tensor) -> Tensor:
    return direction / torch.linalg.vector_norm(direction, dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
