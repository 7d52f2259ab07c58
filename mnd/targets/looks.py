"""Looks: the ways in which the programs that people meet cut a face out, each of which may match it.

A recogniser is one network, but every program shows it another crop: other landmarks, another margin, the
face not turned upright, its mirror image, the mean of both. A card names the looks that judge (`judged_as`);
a face that one of them still matches is not protected.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from .alignment import warp

Mirror = Literal["no", "yes", "mean"]
LEVELS = ("minimum", "robust", "strong")
"""Each promises what those before it do, and more."""


@dataclass(frozen=True, slots=True)
class Look:
    """One way to cut a face out, told by how it differs from the usual chip of its recogniser.

    Raises:
        ValueError: the zoom is not above 0, or the mirror not one of its values.
    """

    name: str
    who: str = ""
    """Which programs look so, for people."""
    landmarks: int = 5
    """How many landmarks place it, of a recogniser that knows several kinds: 5 or 68 of dlib's."""
    turn: float = 0.0
    """Degrees by which the chip is turned in the picture, clockwise as seen."""
    zoom: float = 1.0
    """The side of what it shows, in that of the usual chip."""
    shift: tuple[float, float] = (0.0, 0.0)
    """How far its centre lies to the right and below, as shares of the usual chip's side."""
    upright: bool = False
    """It is a square of the picture: the face is not turned upright."""
    mirror: Mirror = "no"
    """yes: the chip's mirror image; mean: the mean of the embeddings of both. Of a look with parts each part
    has its own."""
    parts: tuple[Look, ...] = ()
    """The chips whose mean it is, each mirrored or not as it says itself; by default it is one chip."""
    resampled: bool = False
    """It is made of the finished usual chip, not of the picture: it is a little smoother."""
    least: str = "minimum"
    """The first of the levels that promise something of it: what lies far from the usual chip costs more."""

    def __post_init__(self) -> None:
        if not self.zoom > 0:
            raise ValueError(f"look {self.name!r}: zoom is {self.zoom}, expected a number above 0")
        if self.least not in LEVELS:
            raise ValueError(f"look {self.name!r}: least is {self.least!r}, expected one of {LEVELS}")
        if self.mirror not in ("no", "yes", "mean"):
            raise ValueError(f"look {self.name!r}: mirror is {self.mirror!r}, expected no, yes or mean")

    def counts(self, level: str) -> bool:
        """Whether a face is protected at a level only if this look does not match it.

        >>> LOOKS["box 1.00"].counts("minimum"), LOOKS["mean"].counts("minimum")
        (False, True)
        """
        return LEVELS.index(self.least) <= LEVELS.index(level)

    @property
    def chips(self) -> tuple[Look, ...]:
        """The looks whose mean it is: its parts, or itself."""
        return self.parts or (self,)

    @property
    def mirrored(self) -> bool:
        """Whether it shows a mirror image, alone or beside the face as it is."""
        return any(chip.mirror != "no" for chip in self.chips)

    @property
    def sampled(self) -> bool:
        """Whether it stands for crops that a program draws anew each time."""
        return bool(self.parts)

    @property
    def place(self) -> tuple[object, ...]:
        """What it shares with another look that differs only in the mirror."""
        return self.landmarks, self.turn, self.zoom, self.shift, self.upright, self.resampled

    @property
    def source(self) -> Look:
        """The look whose chip is cut out of the picture for it."""
        return Look("usual", landmarks=self.landmarks) if self.resampled else self

    def adjusted(self, matrix: Tensor, size: tuple[int, int]) -> Tensor:
        """`(K, 2, 3)`, chip to picture, of this look, where `matrix` is that of the usual chip of `size`.

        With M the usual matrix, c the chip's centre, w its width, z the zoom, R the turn and d the shift it
        is p -> M (c + z R (p - c) + w d); an upright look takes scale and centre of M and leaves its turn.

        >>> usual = torch.tensor([[[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]])
        >>> Look("near", zoom=0.5).adjusted(usual, (3, 3))[0].tolist()
        [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
        """
        height, width = size
        centre = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=matrix.dtype)
        linear, middle = matrix[:, :, :2], matrix[:, :, :2] @ centre + matrix[:, :, 2]
        if self.upright:
            scale = torch.linalg.det(linear).abs().sqrt()[:, None, None]
            linear = scale * torch.eye(2, dtype=matrix.dtype)
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=matrix.dtype)
        middle = middle + linear @ torch.tensor(self.shift, dtype=matrix.dtype) * width
        linear = self.zoom * linear @ turn
        return torch.cat([linear, (middle - linear @ centre)[..., None]], 2)


def seen(
    cut: Callable[[Sequence[Look]], Sequence[Tensor]], looks: Sequence[Look]
) -> tuple[Tensor, list[list[int]]]:
    """What the network has to be shown for some looks, and of which rows each look is the mean.

    Args:
        cut: the chip `(1, 3, h, w)` of each of some looks, not mirrored; asked for none twice.
        looks: which.

    Returns:
        `(N, 3, h, w)`, no chip twice, and the rows of each look.
    """
    sources = {chip.source.place: chip.source for look in looks for chip in look.chips}
    chips = dict(zip(sources, cut(list(sources.values())), strict=True))
    for chip in (chip for look in looks for chip in look.chips if chip.resampled):
        usual = chips[chip.source.place]
        size = (usual.shape[2], usual.shape[3])
        chips[chip.place] = warp(usual, chip.adjusted(torch.eye(2, 3, dtype=torch.float64)[None], size), size)
    batch: list[Tensor] = []
    known: dict[tuple[object, ...], int] = {}

    def row(place: tuple[object, ...], mirrored: bool) -> int:
        if (place, mirrored) not in known:
            known[place, mirrored] = len(batch)
            batch.append(chips[place].flip(3) if mirrored else chips[place])
        return known[place, mirrored]

    wanted = {"no": (False,), "yes": (True,), "mean": (False, True)}
    rows = [[row(chip.place, flip) for chip in look.chips for flip in wanted[chip.mirror]] for look in looks]
    return torch.cat(batch), rows


def _jitters(landmarks: int) -> tuple[Look, ...]:
    """Four of the crops whose mean dlib takes, half of them mirrored: as far from the chip as most are.

    No two are alike, as none of dlib's are: a cloak learns the crops that it is tried on.
    """
    near = partial(Look, landmarks=landmarks, resampled=True)
    return (
        near("one", turn=2.0, shift=(0.012, 0.006)),
        near("other", turn=-2.0, shift=(-0.012, -0.006), zoom=0.98),
        near("third", turn=1.5, shift=(-0.008, 0.012), mirror="yes"),
        near("fourth", turn=-1.5, shift=(0.008, -0.012), zoom=0.98, mirror="yes"),
    )


ALIGNED = Look("aligned", "the recogniser's own alignment")
LOOKS: dict[str, Look] = {
    look.name: look
    for look in (
        ALIGNED,
        Look("mirrored", "jittered or flipped test-time copies", mirror="yes"),
        Look("mean", "the mean of the face and its mirror image: num_jitters, flip tests", mirror="mean"),
        Look("68 points", "face_recognition, model large", landmarks=68),
        Look("68 points, mean", "the same with num_jitters", landmarks=68, mirror="mean"),
        Look("turned", "jitters", turn=3.0),
        Look("turned back", "jitters", turn=-3.0),
        Look("shifted", "jitters, other landmarks", shift=(0.02, 0.02), least="strong"),
        Look("shifted back", "jitters, other landmarks", shift=(-0.02, -0.02), least="strong"),
        Look("padding .20", "another margin", zoom=1.4 / 1.5, least="strong"),
        Look("padding .30", "another margin", zoom=1.6 / 1.5, least="strong"),
        Look(
            "jitters",
            "num_jitters of face_recognition: turned by up to 3 degrees, moved by up to 2 %, half mirrored",
            parts=_jitters(5),
        ),
        Look("68 points, jitters", "the same, model large", parts=_jitters(68)),
        Look(
            "upright",
            "face-api in browsers, Nextcloud Recognize",
            landmarks=68,
            upright=True,
            zoom=0.96,
            shift=(-0.012, 0.006),
        ),
        Look("box .89", "deepface with dlib's detector", upright=True, zoom=0.89, least="strong"),
        Look("box .80", "deepface with MTCNN", upright=True, zoom=0.8, shift=(0.0, -0.082), least="strong"),
        Look(
            "box 1.00", "deepface with OpenCV, its default", upright=True, shift=(0.0, -0.087), least="strong"
        ),
        Look(
            "box 1.10",
            "the same where OpenCV's box is large",
            upright=True,
            zoom=1.1,
            shift=(0.0, -0.08),
            least="strong",
        ),
    )
}
"""By name, see `TargetCard.judged_as`."""
FEW = ("aligned", "mean")
"""Looks that tell enough where nothing is promised."""
DLIB = tuple(LOOKS)
"""All looks at dlib's network that were met in programs."""
USUAL = ("aligned", "mean")
"""Of other recognisers: their own alignment, and the mean with the mirror image."""
