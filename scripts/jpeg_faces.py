"""What a JPEG loses when one face of it is cloaked: with its coefficients kept, and coded anew as a whole.

python scripts/jpeg_faces.py PHOTO... [--size 560x400] [--quality 75 90] [--sampling 4:2:0]

Each photo is pasted onto a picture without a face (scikit-image's coffee) of that size, saved as a JPEG, and
cloaked at `minimum` for dlib. Told are means over the photos, and the least gain.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data as skdata

from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings
from mnd.photo import jpeg
from mnd.photo.coefficients import Frame, NotReadError
from mnd.photo.photo import Photo


def scene(photo: Path, size: tuple[int, int], quality: int, sampling: str) -> bytes:
    """A JPEG with this photo a little left of its middle."""
    image = Image.fromarray(skdata.coffee()).resize(size, Image.Resampling.LANCZOS)
    face = Image.open(photo).convert("RGB")
    image.paste(face, ((size[0] - face.width) // 2, (size[1] - face.height) // 2))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=sampling)
    return buffer.getvalue()


@contextmanager
def coded_anew() -> Iterator[None]:
    """Every JPEG is one whose coefficients are not read."""

    class Unread(Frame):
        @classmethod
        def of(cls, data: bytes) -> Frame:
            raise NotReadError(f"{len(data)} bytes, which are not to be read")

    before, jpeg.Frame = jpeg.Frame, Unread  # type: ignore[misc]
    try:
        yield
    finally:
        jpeg.Frame = before  # type: ignore[misc]


def judged(cloaker: Cloaker, data: bytes) -> np.ndarray:
    """PSNR of the photo, PSNR and SSIM of the face's region, size by size before, share of the face's box."""
    made, record = cloaker.encoded(data, "the scene")
    assert made is not None, record["error"]
    assert record["quality"] is not None
    clean, seen = (Photo.from_bytes(one).pixels.astype(float) for one in (data, made))
    region = record["quality"]["regions"][0]
    x0, y0, x1, y1 = record["regions"][0]["box"]
    psnr = 10 * np.log10(255**2 / np.square(clean - seen).mean())
    share = (x1 - x0) * (y1 - y0) / clean[..., 0].size
    return np.array([psnr, region["psnr"], region["ssim"], len(made) / len(data), share])


def alone(data: bytes) -> float:
    """PSNR of the photo when nothing but coding anew happens to it."""
    photo = Photo.from_bytes(data)
    change = photo.decode(photo.encode(photo.pixels)).astype(float) - photo.pixels
    return float(10 * np.log10(255**2 / np.square(change).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--size", default="560x400")
    parser.add_argument("--quality", type=int, nargs="+", default=[75, 90])
    parser.add_argument("--sampling", default="4:2:0")
    asked = parser.parse_args()
    wide, high = map(int, asked.size.split("x"))
    cloaker = Cloaker(CloakSettings(level="minimum", targets=("dlib",)))
    for quality in asked.quality:
        scenes = [scene(photo, (wide, high), quality, asked.sampling) for photo in asked.photos]
        kept = np.array([judged(cloaker, data) for data in scenes])
        with coded_anew():
            anew = np.array([judged(cloaker, data) for data in scenes])
            unchanged = [alone(data) for data in scenes]
        for name, rows in (("kept", kept), ("coded anew", anew)):
            told = "photo {:.2f} dB, region {:.2f} dB, SSIM {:.4f}, size {:.3f}, face {:.3f} of the picture"
            print(f"quality {quality}, {name}: " + told.format(*rows.mean(axis=0)))
        print(f"quality {quality}: least gain of the photo {(kept - anew)[:, 0].min():.2f} dB")
        print(f"quality {quality}: coding anew alone {np.mean(unchanged):.2f} dB")


if __name__ == "__main__":
    main()
