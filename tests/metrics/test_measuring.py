"""`measure`: the values of other programs, what is said with them, and what is refused."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from skimage import color, data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mnd.base.files import PhotoError
from mnd.base.types import Pixels
from mnd.channel import to_tensor
from mnd.losses import LPIPS, RLPIPS, RLPIPS2, ms_ssim
from mnd.metrics import METRICS, Measured, available, describe, measure
from mnd.metrics import butteraugli as program
from mnd.metrics.cards import CARDS, chosen

PLAIN = (
    "psnr",
    "ssim",
    "ms_ssim",
    "ciede2000",
    "ciede2000_worst",
    "above_jnd",
    "lpips",
    "rlpips",
    "rlpips_2",
)


@pytest.fixture(scope="module")
def photos() -> tuple[Pixels, Pixels]:
    a = np.ascontiguousarray(data.astronaut()[60:260, 100:316])
    noise = np.random.default_rng(0).integers(-6, 7, a.shape)
    return a, (a + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def found(photos: tuple[Pixels, Pixels]) -> dict[str, Measured]:
    return measure(*photos, PLAIN)


def test_each_is_what_others_compute(photos: tuple[Pixels, Pixels], found: dict[str, Measured]):
    a, b = photos
    values = {name: it.value for name, it in found.items()}
    assert tuple(values) == PLAIN
    assert values["psnr"] == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-9)
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert values["ssim"] == pytest.approx(structural_similarity(a, b, channel_axis=2, **how), abs=1e-6)
    of_pixels = color.deltaE_ciede2000(color.rgb2lab(a), color.rgb2lab(b))
    assert values["ciede2000"] == pytest.approx(of_pixels.mean(), abs=1e-3)
    assert values["ciede2000_worst"] == pytest.approx(of_pixels.max(), abs=1e-2)
    x, y = to_tensor(a), to_tensor(b)
    with torch.inference_mode():
        assert values["ms_ssim"] == pytest.approx(1 - ms_ssim(x, y).item(), abs=1e-7)
        assert values["lpips"] == pytest.approx(LPIPS()(x, y).item(), rel=1e-5)
        assert values["rlpips"] == pytest.approx(RLPIPS()(x, y).item(), rel=1e-5)
        assert values["rlpips_2"] == pytest.approx(RLPIPS2()(x, y).item(), rel=1e-5)


def test_more_change_is_worse_in_every_measure(photos: tuple[Pixels, Pixels]):
    a, b = photos
    noise = b.astype(np.int16) - a
    c = (a + 4 * noise).clip(0, 255).astype(np.uint8)
    near, far = measure(a, b), measure(a, c)
    assert set(near) == set(available()) >= {*PLAIN, "elpips"}
    for name, it in near.items():
        other = far[name].value
        assert it.value is not None
        assert other is not None
        assert (it.value > other) == (it.card.better == "higher"), name
        for value in (it.value, other):
            assert it.card.low is None or value >= it.card.low
            assert it.card.high is None or value <= it.card.high


def test_equal_pictures_have_the_best_values(photos: tuple[Pixels, Pixels]):
    a, _ = photos
    for name, it in measure(a, a).items():
        if name == "psnr":
            assert it.value is None
            assert "infinite" in it.note
        else:
            best = it.card.high if it.card.better == "higher" else 0.0
            assert it.value == pytest.approx(best, abs=1e-6), name


def test_every_measure_says_how_it_is_computed():
    assert set(METRICS) == set(CARDS)
    for name in available():
        card = describe(name)
        assert card.title
        assert card.how
        assert card.version
        assert card.better in ("higher", "lower")
    assert "11x11" in describe("ssim").how
    assert "inside the picture" in describe("ssim").how
    assert describe("rlpips").version == "efficientnet-lite0, version 1"
    assert describe("rlpips-2").version == "pyramid, version 2"
    told = measure(np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20, 3), np.uint8), "rlpips")[
        "rlpips"
    ].as_json()
    assert (told["name"], told["value"], told["version"]) == ("rlpips", 0.0, "efficientnet-lite0, version 1")


def test_paths_images_and_arrays_are_one(photos: tuple[Pixels, Pixels], tmp_path: Path):
    a, b = photos
    Image.fromarray(a).save(tmp_path / "a.png")
    Image.fromarray(b).save(tmp_path / "b.webp", lossless=True)
    wanted = measure(a, b, "psnr")["psnr"].value
    for one in (a, Image.fromarray(a), tmp_path / "a.png", str(tmp_path / "a.png")):
        for other in (b, Image.fromarray(b), tmp_path / "b.webp"):
            assert measure(one, other, ["psnr"])["psnr"].value == wanted


def test_the_orientation_is_applied(photos: tuple[Pixels, Pixels], tmp_path: Path):
    a, _ = photos
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(a).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    with Image.open(tmp_path / "turned.jpg") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert upright.shape[:2] == a.shape[1::-1]
    assert measure(tmp_path / "turned.jpg", upright, "psnr")["psnr"].value is None


def test_heic(photos: tuple[Pixels, Pixels], tmp_path: Path):
    heif = pytest.importorskip("pillow_heif")
    a, _ = photos
    heif.from_pillow(Image.fromarray(a)).save(tmp_path / "a.heic", quality=90)
    value = measure(a, tmp_path / "a.heic", "psnr")["psnr"].value
    assert value is not None
    assert 30 < value < 60


def test_small_pictures_have_what_can_be_said_of_them():
    a = np.full((9, 12, 3), 100, np.uint8)
    found = measure(a, a + np.uint8(3))
    none = {name for name, it in found.items() if it.value is None}
    assert none == {"ssim", "ms_ssim", "lpips", "rlpips", "rlpips_2"}
    assert all(found[name].note.startswith("12x9 pixels, expected at least ") for name in none)
    assert found["ssim"].note == "12x9 pixels, expected at least 11 a side"
    assert found["psnr"].value == pytest.approx(38.59, abs=0.01)
    if "ssimulacra2" in found:
        assert "fewer than 6 scales" in found["ssimulacra2"].note


GREY, COLOUR = np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (COLOUR, COLOUR[:3], r"^b has 5x3 pixels, expected 5x4, the size of a$"),
        (COLOUR, GREY, r"^b is grey, expected colour, as a is$"),
        (COLOUR / 1.0, COLOUR, r"^a is float64 with values 0\.\.0, expected uint8, 0\.\.255$"),
        (COLOUR, COLOUR.astype(np.uint16) + 300, r"^b is uint16 with values 300\.\.300, expected uint8"),
        (COLOUR * np.nan, COLOUR, r"^a is float64 without a number and 60 NaN, expected uint8"),
        (np.zeros((4, 5, 4), np.uint8), COLOUR, r"^a has shape \(4, 5, 4\), expected \(H, W, 3\) or"),
        (COLOUR[:0], COLOUR, r"^a has shape \(0, 5, 3\)"),
        (COLOUR, np.zeros((4, 5, 3), bool), r"^b is bool, expected uint8"),
        (COLOUR, [[0]], r"^b is a list, expected a path, a Pillow image or an array"),
        (COLOUR, Image.fromarray(GREY), r"^b is grey, expected colour"),
    ],
)
def test_what_does_not_fit_is_refused(a: object, b: object, message: str):
    with pytest.raises(ValueError, match=message):
        measure(a, b, "psnr")  # type: ignore[arg-type]


def test_transparent_pictures_are_refused(tmp_path: Path):
    image = Image.new("RGBA", (5, 4), (10, 20, 30, 255))
    assert measure(image, image, "psnr")["psnr"].value is None
    image.putpixel((0, 0), (1, 2, 3, 7))
    image.save(tmp_path / "b.png")
    with pytest.raises(PhotoError, match=r"b\.png: partly transparent \(RGBA with alpha from 7\)"):
        measure(COLOUR, tmp_path / "b.png", "psnr")
    with pytest.raises(PhotoError, match="there is no such file"):
        measure(COLOUR, tmp_path / "gone.png")


def test_names_are_read_as_people_write_them():
    assert chosen("PSNR, MS-SSIM,psnr") == ("psnr", "ms_ssim")
    for wrong in ("sssim", "psnr:squeeze", "lpips:", ""):
        with pytest.raises(ValueError, match="expected"):
            measure(COLOUR, COLOUR, wrong)
    with pytest.raises(ValueError, match="expected lpips or rlpips after the colon"):
        describe("elpips:psnr")
    with pytest.raises(FileNotFoundError, match=r"weights file gone\.pth does not exist"):
        describe("rlpips:squeeze:gone.pth")


def test_other_weights_are_named_as_such(photos: tuple[Pixels, Pixels], tmp_path: Path):
    from mnd.losses.lpips import PACKAGED

    a, b = photos
    file = tmp_path / "mine.safetensors"
    shutil.copy(PACKAGED / "rlpips-efficientnet-lite0.safetensors", file)
    name = f"rlpips:efficientnet-lite0:{file}"
    it = measure(a, b, [name])[name]
    assert it.value == measure(a, b, "rlpips")["rlpips"].value
    assert it.card.version.startswith("efficientnet-lite0, version mine.safetensors, sha256 ")
    assert it.card.name == name


def test_what_is_not_installed(photos: tuple[Pixels, Pixels], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(__import__("sys").modules, "ssimulacra2", None)
    assert not {"butteraugli", "butteraugli_norm", "ssimulacra2"} & set(available())
    assert set(measure(*photos)) == set(available())
    with pytest.raises(ModuleNotFoundError, match="metric butteraugli needs the program butteraugli_main"):
        measure(*photos, "butteraugli")
    with pytest.raises(ModuleNotFoundError, match="pip install ssimulacra2"):
        measure(*photos, "ssimulacra2")


def _pretend(folder: Path, said: str) -> None:
    path = folder / program.TOOL
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\necho "{said}"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("11.1216297150", "libjxl 0.7"),
        ("11.5945386887", "libjxl after 0.7 (as 0.11)"),
        ("3.5", "unknown: 3.5000"),
    ],
)
def test_butteraugli_is_known_by_what_it_says(
    said: str, version: str, photos: tuple[Pixels, Pixels], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _pretend(tmp_path, f"{said}\n3-norm: 1.5")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = measure(*photos, ["butteraugli", "butteraugli_norm"])
    assert [it.value for it in found.values()] == [float(said), 1.5]
    assert all(it.card.version.startswith(version) for it in found.values())
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == 2  # once for both, and once for its version
    assert all(line.endswith("--intensity_target 80") for line in asked)


@pytest.mark.skipif(shutil.which(program.TOOL) is None, reason="needs the program butteraugli_main")
def test_butteraugli_itself_is_a_known_version():
    assert describe("butteraugli").version.startswith("libjxl ")
