"""Pictures in inks (CMYK): seen as colours through the file's profile, changed as inks.

People see them through the profile that the file brings along; programs that look at no profile (Pillow's own
`convert`, most recognisers) see another picture, which is called plain here. Without a profile there is the
plain one alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from ..base.files import PhotoError
from ..base.types import Box, Pixels

Floats = npt.NDArray[np.float32]
PLAIN = "plain CMYK"
"""What programs show that look at no profile."""
ADVICE = "`magick IN -profile sRGB.icc OUT` converts it"
_ROUNDS = 4
_STEP = 12
"""By how much of an ink its effect is measured."""
_DAMPING = 0.02
"""Of J J', relative to 1: an ink that has no effect is not moved."""
_KEPT = 4_000_000
"""Samples of a picture of which what was measured is kept."""
_ROWS = 128
"""Rows that are changed at once."""


@dataclass(frozen=True, eq=False)
class Inks:
    """The inks of a picture as its file has them."""

    samples: Pixels
    """`(h, w, 4)` uint8: cyan, magenta, yellow and black; 255 is all of an ink."""
    profile: bytes
    """The file's own; empty: it has none."""

    def layers(self) -> tuple[Pixels, None]:
        """The colours that people see, `(h, w, 3)`."""
        return self.shown(self.samples), None

    def shown(self, samples: Pixels) -> Pixels:
        """The colours (sRGB) of inks `(h, w, 4)`; through the profile, by its perceptual table."""
        image = _image(samples)
        if not self.profile:
            return np.asarray(image.convert("RGB"))
        return np.asarray(ImageCms.applyTransform(image, _to_colours(self.profile)))

    def readings(self, samples: Pixels) -> dict[str, Pixels]:
        """What programs show that look at no profile, where there is one."""
        return {PLAIN: np.asarray(_image(samples).convert("RGB"))} if self.profile else {}

    @property
    def read_as(self) -> tuple[str, ...]:
        """The names of `readings`."""
        return (PLAIN,) if self.profile else ()

    def part(self, box: Box) -> Inks:
        """Those of a box."""
        if box not in self._parts:
            x0, y0, x1, y1 = box
            self._parts.clear()
            self._parts[box] = replace(self, samples=self.samples[y0:y1, x0:x1])
        return self._parts[box]

    @cached_property
    def _parts(self) -> dict[Box, Inks]:
        """The part that was asked for last: a search asks for the same one again and again."""
        return {}

    def merged(self, picture: Pixels) -> Pixels:
        """The inks `(h, w, 4)` that show `picture` `(h, w, 3)`; where nothing changes, no ink does.

        Each round moves the inks by the least-squares step `J' (J J' + d I)^-1 (picture - shown)`, where `J`
        is what a little of each ink does to the colours at this place, measured through the profile.
        """
        made = self.samples.copy()
        for top in range(0, len(made), _ROWS):
            here, wanted = self.samples[top : top + _ROWS], picture[top : top + _ROWS]
            moved = (self.shown(here) != wanted).any(axis=2)
            if moved.any():
                made[top : top + _ROWS][moved] = self._nearest(
                    here[moved], wanted[moved], self._at(top, moved)
                )
        return made

    def _at(self, top: int, moved: npt.NDArray[np.bool_]) -> Floats:
        """The steps `(n, 4, 3)` of the inks to a change of colours, at some places of some rows."""
        here = self.samples[top : top + _ROWS]
        if self.samples.size > _KEPT:
            return self._steps(here[moved])
        if top not in self._known:
            self._known[top] = self._steps(here.reshape(-1, 4)).reshape(*here.shape, 3)
        return self._known[top][moved]

    @cached_property
    def _known(self) -> dict[int, Floats]:
        """The steps everywhere in some rows of a small picture, which a search asks for."""
        return {}

    def _nearest(self, inks: Pixels, wanted: Pixels, steps: Floats) -> Pixels:
        """The inks `(n, 4)` near these that show the colours `(n, 3)` as nearly as they can."""
        now = inks.astype(np.float32)
        for _ in range(_ROUNDS):
            missing = wanted - self._colours(now)
            now = np.clip(now + (steps @ missing[..., None])[..., 0], 0, 255)
        return cast(Pixels, np.round(now).astype(np.uint8))

    def _steps(self, inks: Pixels) -> Floats:
        """The steps `(n, 4, 3)` of inks `(n, 4)` to a change of colours."""
        now = inks.astype(np.float32)
        effects = np.stack([self._effect(now, k) for k in range(4)], axis=2)
        back = effects.swapaxes(1, 2)
        square = effects @ back + _DAMPING * np.eye(3, dtype=np.float32)
        return cast(Floats, back @ np.linalg.inv(square))

    def _colours(self, inks: Floats) -> Floats:
        colours = self.shown(np.round(inks).astype(np.uint8)[None])[0]
        return cast(Floats, colours.astype(np.float32))

    def _effect(self, inks: Floats, which: int) -> Floats:
        """`(n, 3)`: by how much the colours change with one ink."""
        more, less = inks.copy(), inks.copy()
        more[:, which] = np.minimum(more[:, which] + _STEP, 255)
        less[:, which] = np.maximum(less[:, which] - _STEP, 0)
        effect = (self._colours(more) - self._colours(less)) / (more - less)[:, which, None]
        return cast(Floats, effect)


def inks_of(image: Image.Image, profile: bytes, name: str) -> Inks:
    """The inks of an opened CMYK picture.

    Raises:
        PhotoError: unsupported: its profile cannot be used.
    """
    if profile:
        try:
            _to_colours(profile)
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            got = f"{name}: a CMYK {image.format} with a colour profile that cannot be used ({error})"
            raise PhotoError("unsupported", f"{got}, expected a CMYK profile, or none; {ADVICE}") from error
    return Inks(np.asarray(image), profile)


@lru_cache(maxsize=4)
def _to_colours(profile: bytes) -> ImageCms.ImageCmsTransform:
    """From the inks of a profile to sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "CMYK", "RGB")


def _image(samples: Pixels) -> Image.Image:
    return Image.frombuffer("CMYK", samples.shape[1::-1], np.ascontiguousarray(samples), "raw", "CMYK", 0, 1)
