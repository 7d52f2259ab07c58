"""A coded picture: the coefficients of a file, and the same file with other pixels."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, replace

import numpy as np
from PIL import JpegImagePlugin

from .change import changed
from .frame import Box, Coefficients, Frame, Pixels
from .reader import read
from .window import cut
from .writer import write


@dataclass(frozen=True, eq=False)
class CodedPicture:
    """A JPEG picture, or a part of one, as it is coded."""

    frame: Frame
    found: Coefficients
    before: Pixels
    """What it shows, as Pillow decodes it."""
    head: bytes
    """The segments that say how its colours are stored (JFIF, Adobe)."""
    rgb: bool
    """As RGB, without the step to YCbCr."""

    @classmethod
    def of(cls, frame: Frame, before: Pixels, head: bytes, rgb: bool) -> CodedPicture:
        """The picture of a file that shows `before`.

        Raises:
            NotReadError: its data are damaged.
        """
        return cls(frame, read(frame), before, head, rgb)

    def part(self, box: Box) -> CodedPicture:
        """What stands in a box, `(x0, y0, x1, y1)`, with sides of groups of blocks or of the picture.

        Decoders spread colours over sides, so that only what is further inside is seen as in the whole.
        """
        frame, found = cut(self.frame, self.found, box)
        return replace(self, frame=frame, found=found, before=self.before[box[1] : box[3], box[0] : box[2]])

    def coded(self, after: Pixels) -> bytes:
        """The file, from its tables on, that shows these pixels as nearly as its quantisation allows."""
        return write(self.frame, self._changed(after))

    def seen(self, after: Pixels) -> Pixels:
        """What a decoder shows of `coded(after)`, exactly."""
        return _decoded(b"\xff\xd8" + self.head + write(self.frame, self._changed(after), quick=True))

    def _changed(self, after: Pixels) -> Coefficients:
        return changed(self.frame, self.found, self.before, after, self.rgb)


def _decoded(data: bytes) -> Pixels:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata, which are looked at elsewhere
        return np.asarray(JpegImagePlugin.JpegImageFile(io.BytesIO(data)))
