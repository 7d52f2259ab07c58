"""The alignments that apps cut faces out by, against implementations that others wrote."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage.transform import SimilarityTransform
from skimage.transform import warp as skimage_warp
from torch import nn

from mnd.faces.detector import Detector, overlap
from mnd.targets import load
from mnd.targets.alignment import ALIGNMENTS, BOX, BOX_ASPECT, TEMPLATES, fit, warp
from mnd.targets.card import TargetCard
from mnd.targets.dlib.target import DlibTarget, aligned
from mnd.targets.face import FaceTarget
from mnd.targets.mobilefacenet import MobileFaceNet

SIZES = {"arcface112": 112, "dlib150": 150, "box160": 160, "box": 160, "eyes": 112}


def as_image(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()


def as_pixels(chip: torch.Tensor) -> np.ndarray:
    return chip.permute(1, 2, 0).numpy() * 255


def card_of(template: str, size: int, **more) -> TargetCard:
    return TargetCard(
        name="mirror", kind="face", unit="cosine similarity", threshold=0.5, size=(size, size),
        source="a test", licence="CC0-1.0", template=template, **more,
    )  # fmt: skip


def rotation_about(centre: tuple[float, float], degrees: float, scale: float) -> np.ndarray:
    """OpenCV's getRotationMatrix2D, from its documentation."""
    a, b = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    x, y = centre
    return np.array([[a, b, (1 - a) * x - b * y], [-b, a, b * x + (1 - a) * y]])


@pytest.mark.parametrize("turn", [0, 25, -140])
@pytest.mark.parametrize("size", [(112, 112), (160, 120)])
def test_eyes_lie_where_frigate_puts_them(face, turn, size):
    """Its steps in words: turn about the point between the eyes, scale, and move that to (1/2, .35)."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    points = face.double() @ torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    left, right = points[0, 0].numpy(), points[0, 1].numpy()
    height, width = size
    across, down = right - left
    middle = (left + right) / 2
    angle = math.degrees(math.atan2(down, across))
    there = rotation_about(tuple(middle), angle, 0.3 * width / math.hypot(across, down))
    there[:, 2] += np.array([0.5 * width, 0.35 * height]) - middle
    back = np.vstack([fit(points, "eyes", size)[0].numpy(), [0, 0, 1]])
    assert np.allclose(np.linalg.inv(back)[:2], there, atol=1e-9)


@pytest.mark.parametrize("template", ["arcface112", "box160", "eyes"])
def test_chips_are_those_of_skimage(astronaut, face, template):
    """Enlarged, so that both read every pixel bilinearly."""
    size = 4 * SIZES[template]
    if template == "eyes":
        source = np.array([[0.35 * size, 0.35 * size], [0.65 * size, 0.35 * size]])
    else:
        source = (np.array(TEMPLATES[template][1]) + 0.5) * 4 - 0.5
    oracle = SimilarityTransform()
    assert oracle.estimate(source, face[0, : len(source)].numpy().astype(np.float64))
    want = skimage_warp(astronaut.astype(np.float64), oracle, output_shape=(size, size), order=1)
    got = as_pixels(warp(as_image(astronaut), fit(face, template, (size, size)), (size, size))[0])
    assert np.abs(got - want).max() < 0.1


@pytest.mark.parametrize(("size", "padding"), [(150, 0.0), (160, 0.0), (160, 0.25)])
def test_box_is_cut_and_squeezed_as_pillow_does(astronaut, face, size, padding):
    matrix = fit(face, "box", (size, size), padding)[0].numpy()
    assert matrix[0, 1] == matrix[1, 0] == 0  # never turned
    assert matrix[0, 0] / matrix[1, 1] == pytest.approx(BOX_ASPECT)
    x0, y0 = matrix[:, 2] - np.diag(matrix) / 2 + 0.5
    box = (x0, y0, x0 + size * matrix[0, 0], y0 + size * matrix[1, 1])
    want = np.asarray(Image.fromarray(astronaut).resize((size, size), Image.Resampling.BILINEAR, box=box))
    got = as_pixels(warp(as_image(astronaut), torch.from_numpy(matrix)[None], (size, size))[0])
    assert np.abs(got - want).mean() < 0.4
    assert np.abs(got[4:-4, 4:-4] - want[4:-4, 4:-4]).max() < 5


def test_box_is_about_the_detectors_own(astronaut):
    """And does not turn with the face."""
    found = Detector()(astronaut)[0]
    landmarks = torch.from_numpy(found.landmarks.copy())[None]

    def edges(padding: float) -> tuple[float, float, float, float]:
        (a, _, x), (_, d, y) = fit(landmarks, "box", (100, 100), padding)[0].tolist()
        x0, y0 = x + 0.5 - a / 2, y + 0.5 - d / 2
        return x0, y0, x0 + 100 * a, y0 + 100 * d

    assert overlap(edges(0.0), found.box) > 0.7
    bare, padded = edges(0.0), edges(0.5)
    assert padded[2] - padded[0] == pytest.approx(1.5 * (bare[2] - bare[0]))
    assert padded[0] + padded[2] == pytest.approx(bare[0] + bare[2])


def test_box_of_a_mean_face_in_closed_form():
    """A face whose landmarks lie as those of the mean in a box of 73 x 100 has that box."""
    points = (torch.tensor(BOX) * torch.tensor([73.0, 100.0]) + torch.tensor([20.0, 30.0]) - 0.5)[None]
    matrix = fit(points, "box", (50, 50))[0]
    first = matrix @ torch.tensor([-0.5, -0.5, 1.0], dtype=torch.float64)
    last = matrix @ torch.tensor([49.5, 49.5, 1.0], dtype=torch.float64)
    assert torch.allclose(first, torch.tensor([19.5, 29.5], dtype=torch.float64), atol=1e-4)
    assert torch.allclose(last, torch.tensor([92.5, 129.5], dtype=torch.float64), atol=1e-4)


def test_no_pixel_of_a_squeezed_box_is_skipped():
    """A box is higher than wide: what is reduced more decides how finely it is read."""
    points = (torch.tensor(BOX) * torch.tensor([73.0, 100.0]) * 1.99 + 10)[None]
    image = torch.rand(1, 3, 240, 200, generator=torch.Generator().manual_seed(0)).requires_grad_()
    warp(image, fit(points, "box", (100, 100)), (100, 100)).sum().backward()
    assert image.grad is not None
    assert float(image.grad[0, 0, 40:180, 40:130].min()) > 0


def test_dlib150_of_any_network_is_dlibs_own_chip(astronaut, face):
    """A network that gives its chip back shows what it was shown."""
    dlib = pytest.importorskip("dlib")
    from mnd.targets.dlib.shape import rect_from_landmarks
    from mnd.targets.dlib.upright import Upright
    from tests.helpers.dlib_judge import _models

    mirror = aligned(card_of("dlib150", 150), nn.Flatten())
    assert isinstance(mirror, DlibTarget)
    got = mirror.judged(as_image(astronaut), face, mirror.looks[:1])[0].view(3, 150, 150)
    part = Upright.of(as_image(astronaut), face)
    levels = np.ascontiguousarray((part.part[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    left, top, right, bottom = rect_from_landmarks(part.face.numpy())[0].tolist()
    shape = _models()[1](levels, dlib.rectangle(left, top, right, bottom))
    want = dlib.get_face_chip(levels, shape, 150, 0.25)
    off = np.abs(as_pixels(got) - want)
    assert off.max() <= 1.01
    assert (off > 0.01).mean() < 0.01  # the quick way reads in float32


def test_other_sizes_of_dlib150_are_a_similarity():
    assert type(aligned(card_of("dlib150", 112), nn.Flatten())) is FaceTarget


@pytest.mark.parametrize("template", ["arcface112", "box160", "box", "eyes"])
def test_gradient_is_that_of_finite_differences(face, template):
    image = torch.rand(1, 3, 200, 300, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    matrix = fit(face, template, (12, 12), 0.1)

    def chips(y: torch.Tensor) -> torch.Tensor:
        return warp(y, matrix, (12, 12))

    image.requires_grad_()
    weights = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (slope,) = torch.autograd.grad((chips(image) * weights).sum(), image)
    step, image = (
        torch.randn(image.shape, generator=torch.Generator().manual_seed(3)).double(),
        image.detach(),
    )
    got = ((chips(image + 1e-4 * step) - chips(image - 1e-4 * step)) * weights).sum() / 2e-4
    assert float(got) == pytest.approx(float((slope * step).sum()), rel=1e-6)


@pytest.mark.parametrize("template", ALIGNMENTS)
def test_any_network_takes_any_alignment(tmp_path, astronaut, face, template):
    """By its card alone; its gradient reaches the photo, inside of what it says that it reads."""
    torch.manual_seed(0)
    save_file(
        {k: v.contiguous() for k, v in MobileFaceNet().state_dict().items()}, tmp_path / "m.safetensors"
    )
    fields = {
        "name": "mine", "kind": "face", "architecture": "mobilefacenet", "weights": "m.safetensors",
        "size": [112, 112], "unit": "cosine similarity", "threshold": 0.3, "licence": "CC0-1.0",
        "source": "a test", "template": template, "padding": 0.1,
    }  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(fields))
    target = load(f"card:{tmp_path / 'm.json'}")
    image = as_image(astronaut).requires_grad_()
    target.embed(image, face).square().sum().backward()
    x0, y0, x1, y1 = (int(v) for v in target.support(face)[0])
    assert float(image.grad.abs().sum()) > 0
    image.grad[..., max(y0, 0) : y1, max(x0, 0) : x1] = 0
    assert float(image.grad.abs().sum()) == 0
    reference = target.known(as_image(astronaut), face)
    assert target.opinion(as_image(astronaut), reference)["aligned"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("padding", ["much", -0.1, 3, None, True])
def test_bad_padding(tmp_path, padding):
    fields = {
        "name": "mine", "kind": "face", "architecture": "mobilefacenet", "weights": "m.safetensors",
        "size": [112, 112], "unit": "cosine similarity", "threshold": 0.3, "licence": "CC0-1.0",
        "source": "a test", "template": "box", "padding": padding,
    }  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(fields))
    with pytest.raises(ValueError, match=r"padding is .*, expected a share from 0 to 2"):
        load(f"card:{tmp_path / 'm.json'}")


def test_mobilefacenet_tells_people_apart_by_each_alignment(shared):
    """Of real weights: the nearest of six other photos is of the person, whichever way faces are cut out."""
    weights = shared("weights/mobilefacenet-ms1m.json")
    people = sorted(p for p in shared("faces/lfw10").iterdir() if p.is_dir())[:3]
    detector, base = Detector(), load(f"card:{weights}", offline=True)
    seen = []
    for folder in people:
        for path in sorted(folder.glob("*.jpg"))[:2]:
            pixels = np.asarray(Image.open(path).convert("RGB"))
            seen.append((as_image(pixels), torch.from_numpy(detector(pixels)[0].landmarks.copy())[None]))
    for template in ALIGNMENTS:
        size = 150 if template == "dlib150" else 112
        target = aligned(card_of(template, size, mean=base.card.mean, std=base.card.std), _Fitting(base.net))
        known = torch.cat([target.judged(image, face, target.looks[:1]) for image, face in seen])
        near = nn.functional.normalize(known, dim=1) @ nn.functional.normalize(known, dim=1).T
        near.fill_diagonal_(-1)
        right = (near.argmax(1) // 2 == torch.arange(6) // 2).sum()
        assert right >= (6 if template == "arcface112" else 4), (template, near)


class _Fitting(nn.Module):
    """A network of 112 pixels behind chips of another size."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.net(nn.functional.interpolate(x, (112, 112), mode="bilinear"))
        return out
