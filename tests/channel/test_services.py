"""What services make of a photo; run as a script it writes their table into docs/sharing.md."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from mnd.channel import SERVICES, VERIFICATION, Service, jpeg, resized, scales, sent, services
from mnd.channel.codecs import jpeg_file, loaded_small

PHOTO = data.astronaut()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "sharing.md"
BEGIN, END = "<!-- services -->\n", "<!-- end -->\n"
EDGES = {
    "long": "longer side",
    "short": "shorter side",
    "width": "width",
    "area": "square of",
    "part": "part",
}


def table() -> str:
    """The services, a row each."""
    rows = ["| name | size | JPEG | what else | from | read in its code |", "|---|---|---|---|---|---|"]
    for it in SERVICES.values():
        sizes = f"1/{it.sizes[0]}" if it.edge == "part" else ", then ".join(map(str, it.sizes))
        size = sizes if it.edge == "part" else f"{EDGES[it.edge]} {sizes}"
        code = f"{it.quality}, {it.subsampling}"
        read = "yes" if it.read else "**no**"
        rows.append(f"| `{it.name}` | {size} | {code} | {it.rule} | {it.source} | {read} |")
    return "\n".join(rows) + "\n"


def test_the_page_has_the_table():
    text = PAGE.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0] == table()


@pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))
def test_a_row_is_whole(service):
    assert service.name in SERVICES
    assert "+" not in service.name
    assert service.name not in VERIFICATION
    assert 1 <= service.quality <= 100
    assert list(service.sizes) == sorted(service.sizes, reverse=service.edge != "part")
    assert service.read == ("second-hand" not in service.source)
    if service.read:
        assert re.search(r"@[0-9a-f]{7}| \d+\.\d+\.\d+ ", service.source)


@pytest.mark.parametrize(
    ("name", "size", "want"),
    [
        ("signal", (3000, 4000), 0.4),
        ("signal", (4000, 3000), 0.4),
        ("telegram", (3000, 4000), 0.32),
        ("instagram", (3000, 4000), 0.27),
        ("instagram", (4000, 3000), 0.36),
        ("immich-preview", (3000, 4000), 0.48),
        ("mastodon", (2560, 2560), 0.5),
        ("thumbnail-3", (3000, 4000), 1 / 3),
        ("thumbnail-5", (50, 50), 1 / 5),
    ],
)
def test_scale_is_of_the_side_that_counts(name, size, want):
    assert SERVICES[name].scale(size) == pytest.approx(want)


@pytest.mark.parametrize("name", [name for name in SERVICES if not name.startswith("thumbnail")])
def test_a_photo_that_is_small_enough_is_coded_alone(name):
    it = SERVICES[name]
    assert np.array_equal(sent(name, PHOTO), jpeg(PHOTO, it.quality, it.subsampling))


def test_a_larger_photo_is_resized_then_coded():
    it = replace(SERVICES["signal"], sizes=(256,))
    small = resized(PHOTO[:300], (150, 256), "bilinear")
    assert np.array_equal(it(PHOTO[:300]), jpeg(small, 70))


def test_a_file_with_too_many_bytes_gets_smaller_until_it_fits_and_the_last_size_is_kept():
    it = replace(SERVICES["signal"], sizes=(400, 200, 100))
    sizes = [len(jpeg_file(resized(PHOTO, (n, n), "bilinear"), 70)) for n in it.sizes]
    for most, want in ((sizes[0], 400), (sizes[0] - 1, 200), (sizes[1] - 1, 100), (1, 100)):
        assert replace(it, most=most)(PHOTO).shape == (want, want, 3)


def test_a_crop_arrives_as_it_would_in_its_photo():
    crop = PHOTO[128:256, 128:256]
    it = replace(SERVICES["telegram"], sizes=(256,))
    whole, part = it(PHOTO)[64:128, 64:128], it(crop, (512, 512))
    assert part.shape == whole.shape
    inside = slice(8, 56)  # beyond the filter's reach from the edge; blocks of 8 lie alike
    assert np.abs(whole.astype(int) - part)[inside, inside].mean() < 2.5
    assert replace(it, sizes=(256, 128), most=1)(crop, (512, 512)).shape == (64, 64, 3)


def test_one_after_the_other():
    wide = np.tile(PHOTO, (1, 4, 1))  # 2048 pixels
    both = sent("signal+instagram", wide)
    assert both.shape == (270, 1080, 3)
    assert np.array_equal(both, sent("instagram", sent("signal", wide)))
    assert sent("signal+instagram", wide[:, :512], (512, 2048)).shape == (270, 270, 3)
    assert scales(["signal+instagram", "half", "jpeg75", "x"], (3000, 4000)) == [0.27, 1.0]


def test_steps_that_are_no_services_are_as_they_were():
    for name, step in VERIFICATION.items():
        assert services(name) == ()
        assert np.array_equal(sent(name, PHOTO[:64]), step(PHOTO[:64]))


@pytest.mark.parametrize("name", ["", "signl", "signal+", "signal+half", "Signal"])
def test_unknown_names_are_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match=r"there is no way of sharing '.*', expected some of signal, "):
        sent(name, PHOTO)


def test_thumbnails_are_loaded_small():
    """As `sharp` 0.35.5 does it: within .6 grey levels, where Pillow alone is .9 away (508 x 508, 1/3)."""
    third = loaded_small(PHOTO[:508, :508], 3)
    assert third.shape == (254, 254, 3)
    assert loaded_small(PHOTO[:510, :510], 5).shape == (127, 127, 3)
    assert loaded_small(PHOTO, 9).shape == (64, 64, 3)
    for close in (1.0, 2.0, 2.99):  # a divisor that is nearly all of it is left to the filter
        assert loaded_small(PHOTO, close) is PHOTO
    plain = Image.fromarray(PHOTO[:508, :508]).reduce(2)
    assert np.abs(np.asarray(plain).astype(int) - third).mean() < 1


def test_the_file_is_a_jpeg():
    with Image.open(io.BytesIO(jpeg_file(PHOTO, 70))) as image:
        assert image.format == "JPEG"
    assert isinstance(SERVICES["x"], Service)


if __name__ == "__main__":
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.split(END)[1], encoding="utf-8")
