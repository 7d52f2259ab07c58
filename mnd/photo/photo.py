"""Photos: read and write pictures with all that they carry, and foresee what their format does to pixels.

What comes in goes out: JPEG, PNG, WebP, HEIC, AVIF, TIFF and BMP keep their format, JPEG tables and
subsampling, ICC profile, orientation, alpha and metadata. What would show the clean face (thumbnails,
previews, second frames, depth maps, pictures inside metadata) stays behind; a gain map is made anew where
pixels change. What could not be kept (animations, several pages) is refused. Sixteen bits and inks stay what
they are: `pixels` is what recognisers and people see of them (`Encoding.stored`).

Of a JPEG, the coefficients stay that no change of pixels reaches, and so do scans and restart markers
(`coefficients/`); arithmetic coding and damaged data are coded anew.

A palette cannot hold changed colours, so palette pictures are written as grey or RGB (with alpha); nothing is
lost by that. Pictures of 1, 2 and 4 bits become 8-bit grey. Interlacing and run lengths are not kept.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFile

from ..base.files import PhotoError, check_free, cloaked_path, read_bytes, write_atomic
from ..base.types import Box, Pixels
from .encoding import Encoding
from .format import Format
from .formats import FORMATS
from .gain_map import Rung
from .metadata.noted import Names, Noted
from .opening import format_of, is_grey, layers, open_picture, strict
from .orientation import colour_groups, stored_box, turn, unturn, window

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FORMATS", "MAX_PIXELS", "Photo", "PhotoError", "cloaked_path", "write_atomic"]

MAX_PIXELS = 200_000_000
"""Larger pictures are refused before they are unpacked: a small file can unpack to any size."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture file: its pixels as people see them, and all that is needed to write it again.

    >>> photo = Photo.from_image(Image.new("RGB", (4, 2), "red"))
    >>> photo.pixels.shape, photo.format, photo.grey
    ((2, 4, 3), 'PNG', False)
    >>> bool((photo.decode(photo.encode(photo.pixels)) == photo.pixels).all())
    True
    """

    pixels: Pixels
    """`(H, W, 3)` uint8 RGB, upright (the orientation applied), grey as three equal channels; read-only."""
    path: Path | None
    """The file that the photo was read from; never written to."""
    format: str
    """One of `FORMATS`."""
    mode: str
    """How `pixels` are written: `L`, `LA`, `RGB` or `RGBA`; a file of inks is `RGB` here."""
    grey: bool
    """Nothing but grey in it, however it is stored; what is written is grey too."""
    alpha: Pixels | None
    """`(H, W)` uint8, upright; written as it was read."""
    orientation: int
    """1..8, EXIF's: how the stored picture has to be turned to be upright. It is kept, and so is the tag."""
    icc: bytes | None
    """The ICC profile of the file."""
    encoding: Encoding
    removed: tuple[str, ...] = ()
    """What of the file is not carried to the new one (thumbnails, previews), in short texts."""
    names: Names = field(default_factory=lambda: Names(people=0, fields=[]))
    """How many people its metadata name or point at, and in which fields."""
    location: bool = False
    """The metadata that are carried to the new file say where the photo was taken."""
    camera: str = ""
    """With what, as far as they say it: make and model, at most 80 printable characters."""
    taken: bool = False
    """They say when."""
    converted: bool = False
    """It is written in another format than its file's (`mnd.photo.converting`)."""

    @classmethod
    def read(
        cls,
        path: Path | str,
        max_pixels: int = MAX_PIXELS,
        *,
        strip_names: bool = False,
        strip_gps: bool = False,
        strip: bool = False,
    ) -> Photo:
        """Read the photo at `path`; of a multi-picture JPEG (MPO) the first picture.

        Args:
            path: the file.
            max_pixels: larger pictures are refused.
            strip_names: leave out names of people and rectangles of their faces, which metadata may hold.
            strip_gps: leave out what says where the photo was taken.
            strip: leave out all metadata but the colour profile and how the picture is turned.

        Raises:
            PhotoError: `missing`, `folder`, `unreadable`, `empty`, `not-an-image`, `truncated`, `too-large`
                or `unsupported`; the message names the file, what was got and what was expected.
        """
        path = Path(path)
        data = read_bytes(path, limit=8 * max_pixels + (64 << 20))
        photo = cls.from_bytes(
            data, max_pixels, name=str(path), strip_names=strip_names, strip_gps=strip_gps, strip=strip
        )
        return replace(photo, path=path)

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        max_pixels: int = MAX_PIXELS,
        *,
        name: str = "the photo",
        strip_names: bool = False,
        strip_gps: bool = False,
        strip: bool = False,
    ) -> Photo:
        """The photo that a file of these bytes would be, as `read` has it; `name` stands in errors.

        Raises:
            PhotoError: as `read`.
        """
        form, noted = format_of(data, name), Noted(strip_names, strip_gps, strip)
        with strict(form.name, name, form.prints):
            form.check(data, name)
            image = open_picture(form.unturned(data), form, name, max_pixels)
            image.load()
            how = form.encoding(image, data, name, noted)
        photo = cls._of(image, form, how, name)
        return replace(
            photo,
            removed=tuple(noted.removed),
            names=noted.told(),
            location=noted.location,
            camera=noted.camera,
            taken=noted.taken and not strip,
        )

    @classmethod
    def _of(cls, image: ImageFile.ImageFile, form: Format, how: Encoding, name: str) -> Photo:
        orientation = how.orientation
        stored, alpha = layers(image, name, how.depth) if how.stored is None else how.stored.layers()
        if how.premultiplied and alpha is not None and np.min(alpha) < 255:
            raise PhotoError(
                "unsupported", f"{name}: a {form.name} with premultiplied alpha, expected plain alpha"
            )
        mode = ("L" if stored.ndim == 2 else "RGB") + ("" if alpha is None else "A")
        colours = np.repeat(stored[..., None], 3, axis=2) if stored.ndim == 2 else stored
        upright = np.ascontiguousarray(turn(colours, orientation))
        upright.flags.writeable = False
        above = None if alpha is None else np.ascontiguousarray(turn(alpha, orientation))
        grey = stored.ndim == 2 or is_grey(upright, how.slack)
        icc = image.info.get("icc_profile") or None
        return cls(upright, None, form.name, mode, grey, above, orientation, icc, how)

    @classmethod
    def from_image(cls, image: Image.Image, form: str | None = None) -> Photo:
        """The photo of a Pillow image, to be saved in the format `form` (its own by default, else PNG).

        Raises:
            PhotoError: unsupported: an animation, or a mode or format that cannot be kept.
        """
        form = form or {"MPO": "JPEG"}.get(image.format or "PNG", image.format or "PNG")
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise PhotoError(
                "unsupported", f"the image has {getattr(image, 'n_frames', 1)} frames, expected one"
            )
        if form not in FORMATS:
            raise PhotoError(
                "unsupported", f"the image's format is {form}, expected one of {', '.join(FORMATS)}"
            )
        if image.mode[0] in "IF":
            got = f"the image of mode {image.mode} has more than 8 bits"
            raise PhotoError("unsupported", f"{got}, expected 8 bits, or the file itself in its place")
        carried: dict[str, Any] = {
            key: image.info[key] for key in ("exif", "icc_profile") if image.info.get(key)
        }
        buffer = io.BytesIO()
        try:
            image.save(buffer, form, **carried, **FORMATS[form].saving(image))
        except (OSError, ValueError) as error:
            raise PhotoError(
                "unsupported", f"the image of mode {image.mode} cannot be a {form}: {error}"
            ) from error
        photo = cls.from_bytes(buffer.getvalue(), name="the image")
        pixels = np.ascontiguousarray(turn(np.asarray(image.convert("RGB")), photo.orientation))
        pixels.flags.writeable = False
        return replace(photo, pixels=pixels)

    @property
    def lossless(self) -> bool:
        """Whether the file gives back exactly the pixels that were written."""
        return self.encoding.grid is None

    def encode(
        self, pixels: Pixels, regions: Sequence[Box] | None = None, hdr: Rung | None = "curve"
    ) -> bytes:
        """The new file with `pixels` `(H, W, 3)`, uint8, upright, of the photo's size; all else as it was.

        Args:
            pixels: of the new file.
            regions: where a gain map must not show the photo as it was; by default all that differs.
            hdr: how a gain map is made anew there (`mnd.photo.gain_map`); None: the file has none.
        """
        self._check(pixels, "pixels", self.pixels.shape)
        stored = self._stored(self._kept(pixels))
        data = self.encoding.encode(self._picture(stored, self._stored_alpha()))
        if self.encoding.hdr is None or hdr is None:
            return data
        height, width = self.pixels.shape[:2]
        boxes = _differing(self.pixels, pixels) if regions is None else regions
        boxes = [stored_box(box, (width, height), self.orientation) for box in boxes]
        return self.encoding.hdr.beside(data, self._stored(self.pixels), stored, boxes, hdr)

    def readings(self, data: bytes | None = None) -> dict[str, Pixels]:
        """What else programs may show of a file than its usual picture, `(H, W, 3)`, upright; by name.

        `HDR` and `gain map`, where it has a gain map.

        Args:
            data: a file that was made of the photo; by default the one that it was read from.
        """
        it = self if data is None else type(self).from_bytes(data, max(MAX_PIXELS, self.pixels.size))
        others = it.encoding.readings(it._stored(it.pixels))
        return {name: np.ascontiguousarray(turn(seen, it.orientation)) for name, seen in others.items()}

    def save(self, pixels: Pixels, out: Path | str, overwrite: bool = False) -> Path:
        """Write `encode(pixels)` to `out`, wholly or not at all.

        Raises:
            PhotoError: see `check_output`; also `unwritable` or `disk-full`. Nothing is left behind.
        """
        self.check_output(out, overwrite)
        return write_atomic(out, self.encode(pixels), overwrite)

    def check_output(self, out: Path | str, overwrite: bool = False) -> None:
        """Refuse a name that this photo must not be written to, before any work is done.

        Raises:
            PhotoError: `original` (`out` is the file that was read, under whatever name), `unsupported` (the
                suffix is not one of the format that is written), `exists` or `folder`.
        """
        out = Path(out)
        if self.path is not None and _same_file(self.path, out):
            raise PhotoError("original", f"{out}: this is the original photo, expected another name")
        suffix = out.suffix.lower()
        # `cloaked_path` makes `photo.cloaked` of a photo without an ending
        mine = () if self.path is None or self.converted else (self.path.suffix.lower() or ".cloaked",)
        own = FORMATS[self.format].suffixes + mine
        if suffix and suffix not in own:
            got = f"the photo is a {self.format}, and keeps its format"
            got = f"the photo is written as {self.format}" if self.converted else got
            raise PhotoError(
                "unsupported",
                f"{out}: {got}, expected a name that ends in {FORMATS[self.format].suffixes[0]}",
            )
        check_free(out, overwrite)

    def decode(self, data: bytes) -> Pixels:
        """The pixels `(H, W, 3)`, upright, that a reader of the file `data` sees."""
        return type(self).from_bytes(data, max(MAX_PIXELS, self.pixels.size)).pixels

    def image(self, pixels: Pixels | None = None) -> Image.Image:
        """The photo, or `pixels` in its place, as an upright Pillow image of the photo's mode."""
        pixels = self.pixels if pixels is None else pixels
        self._check(pixels, "pixels", self.pixels.shape)
        return self._picture(self._kept(pixels), self.alpha)

    def tensor(self) -> Tensor:
        """The pixels as an image `(1, 3, H, W)`, float32 in [0, 1]."""
        import torch

        planes = np.ascontiguousarray(self.pixels.transpose(2, 0, 1)[None])
        return torch.from_numpy(planes.copy()).float() / 255

    def roundtrip(self, crop: Pixels, box: Box, around: Pixels | None = None) -> Pixels:
        """What a reader of the saved file sees in `box` when these pixels are put there.

        Exact for JPEG (blocks are coded one by one, so a window aligned to the blocks is enough) and for
        lossless formats. WebP, HEIC and AVIF predict blocks from others: small photos (`whole_below`) are
        coded whole, which is exact; of larger ones a window is coded, which is near. Tiles of a HEIC are
        coded one by one.

        Args:
            crop: `(h, w, 3)` uint8, upright.
            box: `(x0, y0, x1, y1)` in pixels of the upright photo, `x1 - x0 = w`, `y1 - y0 = h`.
            around: `(H, W, 3)`, what surrounds the crop; the photo itself by default. Of several boxes less
                than 32 pixels apart, each has to see the others' changes here.
        """
        x0, y0, x1, y1 = box
        height, width = self.pixels.shape[:2]
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise ValueError(f"box is {box}, expected a box inside the {width} x {height} photo")
        self._check(crop, "crop", (y1 - y0, x1 - x0, 3))
        flat = self._kept(crop)
        grid = self.encoding.grid
        if grid is None:
            return flat
        base = self._stored(self.pixels if around is None else around)
        size = base.shape[1], base.shape[0]
        inner = stored_box(box, (width, height), self.orientation)
        whole = width * height < self.encoding.whole_below
        more = 0 if self.encoding.apart else 1
        left, top, right, bottom = (0, 0, *size) if whole else window(inner, size, grid, more)
        part = self._kept(base[top:bottom, left:right]).copy()
        spot = slice(inner[1] - top, inner[3] - top), slice(inner[0] - left, inner[2] - left)
        part[spot] = self._stored(flat)
        alpha = self._stored_alpha()
        picture = self._picture(part, None if alpha is None else alpha[top:bottom, left:right])
        seen = self.encoding.part((left, top, right, bottom)).seen(picture)[spot]
        if seen.ndim == 2:
            seen = np.repeat(seen[..., None], 3, axis=2)
        return np.ascontiguousarray(turn(seen, self.orientation))

    def shared(self, box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
        """How many rows and columns of pixels share a colour in the file, and how many of the first of them
        lie above and to the left of `box`, `(x0, y0, x1, y1)` in pixels of the upright photo."""
        height, width = self.pixels.shape[:2]
        return colour_groups(box, (width, height), self.orientation, self.encoding.shared)

    def _check(self, pixels: Pixels, what: str, shape: tuple[int, ...]) -> None:
        if pixels.dtype != np.uint8 or pixels.shape != shape:
            raise ValueError(f"{what}: {pixels.dtype} {pixels.shape}, expected uint8 {shape}")

    def _kept(self, pixels: Pixels) -> Pixels:
        """The pixels that are written: the luma (ITU-R BT.601) of each in a grey photo."""
        if not self.grey:
            return pixels
        luma = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))
        return np.repeat(luma[..., None], 3, axis=2)

    def _stored(self, upright: Pixels) -> Pixels:
        return unturn(upright, self.orientation)

    def _stored_alpha(self) -> Pixels | None:
        return None if self.alpha is None else unturn(self.alpha, self.orientation)

    def _picture(self, colours: Pixels, alpha: Pixels | None) -> Image.Image:
        layers = colours[..., :1] if self.mode in ("L", "LA") else colours
        if alpha is not None:
            layers = np.concatenate([layers, alpha[..., None]], axis=2)
        return Image.fromarray(np.ascontiguousarray(layers[..., 0] if layers.shape[2] == 1 else layers))


def _differing(before: Pixels, after: Pixels) -> list[Box]:
    """The box around all that differs; none where nothing does."""
    there = (before != after).any(axis=2)
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    if not len(rows):
        return []
    return [(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)]


def _same_file(source: Path, out: Path) -> bool:
    """Whether two names, through links or not, are one file."""
    try:
        return out.samefile(source)
    except OSError:
        return False
