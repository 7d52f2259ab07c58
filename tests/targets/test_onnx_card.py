"""Cards for ONNX files: what they say, what is refused, and a photo protected against one."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx2pytorch")

from converters import graphs  # noqa: E402

from mnd import cli  # noqa: E402
from mnd.base.files import sha256_of  # noqa: E402
from mnd.faces import Detector  # noqa: E402
from mnd.targets import registry  # noqa: E402
from mnd.targets.alignment import fit, warp  # noqa: E402

FIELDS = {
    "name": "mine", "kind": "face", "architecture": "onnx", "weights": "mine.onnx", "size": [112, 112],
    "template": "arcface112", "unit": "cosine similarity", "threshold": 0.33, "licence": "CC0-1.0",
    "source": "a test",
}  # fmt: skip
MARKS = torch.tensor([[[100.0, 112], [148, 112], [124, 140], [104, 165], [145, 165]]])


def write(folder: Path, model: Any, **changes: Any) -> str:
    """A card and its network; a field changed to None is left out. Returns the target's name."""
    (folder / "mine.onnx").write_bytes(model.SerializeToString())
    fields = {k: v for k, v in (FIELDS | changes).items() if v is not None}
    (folder / "mine.json").write_text(json.dumps(fields))
    return f"card:{folder / 'mine.json'}"


class Judge:
    """What onnxruntime says of chips `(N, 3, h, w)` in [0, 1]."""

    def __init__(self, path: Path, mean: float = 0.0, std: float = 1.0) -> None:
        self.session = onnxruntime.InferenceSession(str(path))
        self.mean, self.std = mean, std

    def __call__(self, chips: torch.Tensor) -> torch.Tensor:
        given = self.session.get_inputs()[0].name
        shown = ((chips - self.mean) / self.std).numpy()
        rows = [self.session.run(None, {given: shown[i : i + 1]})[0] for i in range(len(shown))]
        return torch.from_numpy(np.concatenate(rows))


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_a_card_says_how_faces_are_shown(tmp_path: Path, noise, channels: str) -> None:
    mean, std = [0.1, 0.2, 0.3], [0.004, 0.5, 1.0]
    name = write(tmp_path, graphs.iresnet(), channels=channels, mean=mean, std=std)
    target = registry.load(name)
    x = noise(250, 250).requires_grad_()
    reference = target.refer(x, MARKS)
    chips = target.chips(x, MARKS).detach()
    shown = (chips - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    want = Judge(tmp_path / "mine.onnx")(shown.flip(1) if channels == "bgr" else shown)
    assert torch.allclose(reference.known[0], want, atol=1e-4 * float(want.abs().max()))
    margin = target.margin(x, reference)
    assert margin.item() == pytest.approx(0.67, abs=1e-4)
    torch.autograd.grad(margin.sum(), x)


def test_channels_are_those_of_any_card(tmp_path: Path, noise) -> None:
    """Also of networks that are no ONNX files."""
    from safetensors.torch import save_file

    from mnd.targets.mobilefacenet import MobileFaceNet

    net = MobileFaceNet(64)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, tmp_path / "mine.safetensors")
    other = {"architecture": "mobilefacenet", "weights": "mine.safetensors"}
    plain = registry.load(write(tmp_path, graphs.iresnet(), **other))
    turned = registry.load(write(tmp_path, graphs.iresnet(), **other, channels="bgr"))
    chips = noise(112, 112)
    assert torch.allclose(turned.embed_chips(chips), plain.embed_chips(chips.flip(1)), atol=1e-6)
    assert not torch.allclose(turned.embed_chips(chips), plain.embed_chips(chips), atol=1e-6)


def test_a_card_with_its_sum(tmp_path: Path) -> None:
    write(tmp_path, graphs.iresnet())
    sum_ = sha256_of(tmp_path / "mine.onnx")
    name = write(tmp_path, graphs.iresnet(), sha256=sum_)
    assert registry.load(name).card.sha256 == sum_
    name = write(tmp_path, graphs.mobilefacenet(), sha256=sum_)
    with pytest.raises(ValueError, match=rf"sha256 is [0-9a-f]{{64}}, expected {sum_}"):
        registry.load(name)


def test_a_card_of_a_classifier(tmp_path: Path, noise) -> None:
    """A network of classes is judged by its logits."""
    changes = {"kind": "classifier", "unit": "logit margin", "threshold": 0, "template": None}
    target = registry.load(write(tmp_path, graphs.iresnet(), **changes))
    x = noise(120, 130)
    assert target.margin(x, target.refer(x)).item() >= 0


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (graphs.iresnet, {"threshold": None}, r"mine\.json: missing threshold"),
        (graphs.iresnet, {"template": None}, r"mine\.json: template is 'none', expected arcface112"),
        (graphs.iresnet, {"weights": "mine.safetensors"}, r"mine\.json: weights .* expected .* \.onnx file"),
        (graphs.iresnet, {"architecture": "mobilefacenet"}, r"mine\.json: weights .* \.safetensors file"),
        (graphs.iresnet, {"architecture": "onnx:r50"}, r"mine\.json: architecture is 'onnx:r50'"),
        (graphs.iresnet, {"channels": "gbr"}, r"mine\.json: channels is 'gbr', expected rgb or bgr"),
        (graphs.iresnet, {"channels": 3}, r"mine\.json: channels is 3, expected a text"),
        (graphs.iresnet, {"size": [160, 160]}, r'mine\.onnx: takes .*expected "size": \[112, 112\]'),
        (graphs.two_outputs, {}, r'mine\.onnx: has 2 outputs, expected "output" in the card'),
        (graphs.iresnet, {"output": "683"}, r"mine\.onnx: has no output '683'"),
        (graphs.stepped, {}, r"mine\.onnx: has no gradient"),
        (graphs.quantised, {}, r"mine\.onnx: is quantised .* expected the float32 file"),
    ],
)  # fmt: skip
def test_bad_cards(tmp_path: Path, make: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        registry.load(write(tmp_path, make(), **changes))


def test_an_output_is_that_of_an_onnx_file_alone(tmp_path: Path) -> None:
    other = {"architecture": "mobilefacenet", "weights": "mine.safetensors", "output": "x"}
    with pytest.raises(ValueError, match="output names one of an ONNX file's"):
        registry.load(write(tmp_path, graphs.iresnet(), **other))


def test_a_damaged_file_on_the_command_line(tmp_path: Path, astronaut, capsys) -> None:
    Image.fromarray(astronaut).save(tmp_path / "photo.png")
    name = write(tmp_path, graphs.iresnet())
    whole = (tmp_path / "mine.onnx").read_bytes()
    (tmp_path / "mine.onnx").write_bytes(whole[: len(whole) // 2])
    assert cli.main(["cloak", str(tmp_path / "photo.png"), "--targets", name, "--offline"]) == 2
    assert "mine.onnx: no whole ONNX file" in capsys.readouterr().err
    assert not (tmp_path / "photo.cloaked.png").exists()


@pytest.mark.slow
def test_a_photo_is_protected_against_an_export(tmp_path: Path, shared, astronaut, capsys) -> None:
    """From torch to ONNX, from there to a card, a cloak against it, and onnxruntime's word on the file."""
    net = registry.load(f"card:{shared('weights/mobilefacenet-ms1m.json')}", offline=True)
    export, photo = tmp_path / "mine.onnx", tmp_path / "photo.png"
    card = write(tmp_path, graphs.iresnet(), mean=[*net.card.mean], std=[*net.card.std])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net.net, (torch.rand(1, 3, 112, 112),), str(export), dynamo=False, opset_version=11)
    Image.fromarray(astronaut[:256, 96:352]).save(photo)
    words = ["--targets", card, "--level", "minimum", "--offline", "--json"]
    assert cli.main(["cloak", str(photo), *words]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["protected"]
    pictures = [np.asarray(Image.open(path)) for path in (photo, tmp_path / "photo.cloaked.png")]
    marks = torch.from_numpy(Detector("cpu")(pictures[1])[0].landmarks)[None]
    images = torch.stack([torch.from_numpy(it.copy()).permute(2, 0, 1).float() / 255 for it in pictures])
    chips = warp(images, fit(marks.expand(2, -1, -1), "arcface112"), (112, 112))
    mean, std = (torch.tensor(it).view(1, 3, 1, 1) for it in (net.card.mean, net.card.std))
    judged = Judge(export)((chips - mean) / std)
    assert torch.allclose(registry.load(card).embed_chips(chips), judged, atol=1e-4)
    clean, cloaked = torch.nn.functional.normalize(judged)
    likeness, told = float(clean @ cloaked), record["regions"][0]["targets"]["mine"]["looks"]["aligned"]
    assert likeness < 0.33
    assert likeness == pytest.approx(told["value"], abs=1e-3)
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() < 3
