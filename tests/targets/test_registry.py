"""Targets by name, cards of users, ensembles."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mnd.base.files import sha256_of
from mnd.targets import registry
from mnd.targets.margin import Margin
from mnd.targets.mobilefacenet import MobileFaceNet
from mnd.targets.target import Target

FIELDS = {
    "name": "mine",
    "kind": "face",
    "architecture": "mobilefacenet",
    "weights": "mine.safetensors",
    "size": [112, 112],
    "template": "arcface112",
    "unit": "cosine similarity",
    "threshold": 0.33,
    "licence": "CC0-1.0",
    "source": "a test",
}
MARKS = torch.tensor([[[100.0, 112], [148, 112], [124, 140], [104, 165], [145, 165]]])


def write(folder, state, **changes) -> str:
    """A card and its weights; a field changed to None is left out. Returns the target's name."""
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "mine.safetensors")
    fields = {k: v for k, v in (FIELDS | changes).items() if v is not None}
    (folder / "mine.json").write_text(json.dumps(fields))
    return f"card:{folder / 'mine.json'}"


def test_importing_families_is_left_until_someone_asks():
    slow = {"torchvision", "facenet_pytorch", "timm"}
    code = f"import sys, mnd.targets.registry; print(sys.modules.keys() & {slow})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_all_targets_are_listed(homes):
    listed = {line.card.name: line for line in registry.available()}
    assert {"dlib", "facenet-vggface2", "facenet-casia", "efficientnet-lite0"} <= set(listed)
    assert "torchvision:resnet50" in listed
    assert listed["dlib"].ready
    assert listed["dlib"].card.download == 0
    assert listed["efficientnet-lite0"].ready
    assert not listed["facenet-vggface2"].ready
    assert listed["facenet-vggface2"].card.download > 100e6
    assert not listed["torchvision:resnet50"].ready
    assert all(line.card.licence and line.card.source and line.card.threshold_at for line in listed.values())


def test_default_is_every_ready_face_recogniser(homes):
    assert registry.default_names() == ["dlib"]
    assert [t.card.name for t in registry.load_all(offline=True)] == ["dlib"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("dlip", "dlib"),
        ("facenet", "facenet-casia"),
        ("torchvision:resnet5", "resnet50"),
        ("resnet50", "torchvision:resnet50"),
        ("a/b.json", "card:a/b.json"),
        ("xyzzy", "card:PATH.json"),
        ("", "card:PATH.json"),
    ],
)
def test_unknown_name_has_the_nearest_ones(name, hint):
    with pytest.raises(ValueError, match=hint):
        registry.find(name)


def test_no_targets_or_one_twice():
    with pytest.raises(ValueError, match="at least one"):
        registry.load_all([])
    with pytest.raises(ValueError, match="named twice: dlib"):
        registry.load_all(["dlib", "dlib"])


def test_a_name_is_registered_once():
    entry = registry.find("dlib")
    with pytest.raises(ValueError, match="registered already"):
        registry.register(entry.card, entry.weights)(entry.build)


@pytest.mark.parametrize("name", ["facenet-vggface2", "facenet-casia", "torchvision:resnet50"])
def test_offline_without_weights(homes, name):
    with pytest.raises(FileNotFoundError, match=r"MB\).*https://.*put it at"):
        registry.load(name, offline=True)
    assert not (homes / "torch").exists()


@pytest.mark.parametrize(
    ("name", "classes", "file"),
    [
        ("facenet-vggface2", 8631, "20180402-114759-vggface2.pt"),
        pytest.param("facenet-casia", 10575, "20180408-102900-casia-webface.pt", marks=pytest.mark.slow),
    ],
)
def test_facenet_with_weights_of_the_same_format(homes, noise, name, classes, file):
    from facenet_pytorch import InceptionResnetV1

    net = InceptionResnetV1(classify=True, num_classes=classes)
    folder = homes / "torch" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(net.state_dict(), folder / file)
    assert name in registry.default_names()
    t = registry.load(name, offline=True)
    x = noise(250, 250).requires_grad_()
    reference = t.refer(x, MARKS)
    assert reference.known.shape == (1, 1, 512)
    net.classify = False
    chip = t.chips(x, MARKS)
    with torch.no_grad():
        want = net.eval()((chip * 255 - 127.5) / 128)
    assert torch.allclose(reference.known[0], want, atol=1e-5)
    assert t.margin(x, reference).item() == pytest.approx(1 - t.card.threshold, abs=1e-4)
    torch.save({"conv": torch.zeros(1)}, folder / file)
    with pytest.raises(ValueError, match="tensors missing"):
        registry.load(name, offline=True)


def test_card_of_a_user(tmp_path, noise, device):
    net = MobileFaceNet(64).eval()
    name = write(tmp_path, net.state_dict(), sha256=None)
    t = registry.load(name, device, offline=True)
    assert isinstance(t, Target)
    x = noise(250, 250).to(device)
    reference = t.refer(x, MARKS)
    with torch.no_grad():
        want = net.to(device)(t.chips(x, MARKS))
    assert torch.allclose(reference.known[0], want, atol=1e-4)
    assert t.margin(x, reference).item() == pytest.approx(0.67, abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": None}, "missing threshold"),
        ({"threshold": "high"}, "threshold is 'high'"),
        ({"treshold": 1, "threshold": None}, "did you mean threshold"),
        ({"licence": None}, "missing licence"),
        ({"unit": "metres"}, "unit is 'metres'"),
        ({"unit": "logit margin"}, "expected that of a face"),
        ({"unit": "euclidean distance", "threshold": -1}, "distance above 0"),
        ({"size": [112]}, "expected 2 numbers"),
        ({"mean": [0.5, 0.5]}, "expected 3 numbers"),
        ({"template": "round"}, "expected arcface112"),
        ({"architecture": "vit:b"}, "timm:NAME"),
        ({"architecture": "timm:resnet_eighteen"}, "timm"),
        ({"architecture": "torchvision:resnet19"}, "resnet18"),
        ({"weights": "mine.pt"}, "safetensors"),
        ({"sha256": "0" * 64}, "sha256 is"),
        ({"lfw": 99.5}, "lfw is 99.5, expected a share"),
        ({"lfw": "high"}, "lfw is 'high'"),
        ({"judge_only": "yes"}, "judge_only is 'yes'"),
        ({"trained_on": 5}, "trained_on is 5, expected a text"),
        ({"extra": "onnx"}, "unknown field 'extra'"),
    ],
)
def test_bad_cards(tmp_path, changes, message):
    name = write(tmp_path, {"x": torch.zeros(1)}, **changes)
    with pytest.raises(ValueError, match=message):
        registry.load(name)


def test_card_with_weights_of_another_shape(tmp_path):
    state = MobileFaceNet(64).state_dict()
    name = write(tmp_path, state | {"bn.weight": torch.zeros(63)})
    with pytest.raises(ValueError, match=r"'bn.weight' has shape \(63,\), expected \(64,\)"):
        registry.load(name)
    name = write(tmp_path, {k: v for k, v in state.items() if k != "bn.weight"})
    with pytest.raises(ValueError, match="missing"):
        registry.load(name)


def test_card_or_weights_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        registry.load(f"card:{tmp_path / 'none.json'}")
    name = write(tmp_path, {"x": torch.zeros(1)})
    (tmp_path / "mine.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"mine\.safetensors"):
        registry.load(name)


@pytest.mark.parametrize("text", ["{", "[]", '"dlib"'])
def test_card_that_is_no_object(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ValueError, match="card"):
        registry.load(f"card:{tmp_path / 'c.json'}")


@pytest.mark.parametrize(("outputs", "kept"), [(1000, True), (10, True), (512, False)])
def test_card_of_a_timm_model(tmp_path, noise, outputs, kept):
    timm = pytest.importorskip("timm")
    net = timm.create_model("resnet18", num_classes=outputs if kept else 0)
    name = write(tmp_path, net.state_dict(), architecture="timm:resnet18")
    t = registry.load(name)
    assert t.refer(noise(250, 250), MARKS).known.shape == (1, 1, outputs)


def test_card_of_a_classifier(tmp_path, noise):
    from torchvision import models

    net = models.squeezenet1_1(num_classes=7)
    name = write(
        tmp_path, net.state_dict(), architecture="torchvision:squeezenet1_1", kind="classifier",
        unit="logit margin", threshold=0, template=None, size=[64, 64], resize=72,
    )  # fmt: skip
    t = registry.load(name)
    x = noise(80, 90)
    assert t.margin(x, t.refer(x)).item() >= 0


def test_mobilefacenet_with_real_weights(shared):
    """Pairs of photos: the same person above the threshold, different people below."""
    facenet = pytest.importorskip("facenet_pytorch")
    t = registry.load(f"card:{shared('weights/mobilefacenet-ms1m.json')}", offline=True)
    finder, known, people = facenet.MTCNN(), [], []
    for person in sorted(shared("faces/lfw10").iterdir())[:5]:
        for path in sorted(person.glob("*.jpg"))[:3]:
            photo = Image.open(path).convert("RGB")
            boxes, _, marks = finder.detect(photo, landmarks=True)
            centres = np.asarray([(b[:2] + b[2:]) / 2 for b in boxes], float)
            faces = torch.tensor(np.asarray(marks[np.abs(centres - 125).sum(1).argmin()], float))[None]
            x = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1)[None].float() / 255
            known.append(t.refer(x, faces).known[0, 0])
            people.append(person.name)
    margins = torch.stack([t.compare(torch.stack(known), k[None, None]) for k in known])
    same = torch.tensor([[a == b for b in people] for a in people])
    assert ((margins > 0) == same).float().mean() > 0.97


def test_card_with_its_real_sum(shared, tmp_path):
    source = shared("weights/mobilefacenet-ms1m.json")
    for suffix in (".json", ".safetensors"):
        shutil.copyfile(source.with_suffix(suffix), tmp_path / f"mobilefacenet-ms1m{suffix}")
    weights = tmp_path / "mobilefacenet-ms1m.safetensors"
    assert sha256_of(weights) == json.loads(source.read_text())["sha256"]
    broken = bytearray(weights.read_bytes())
    broken[-1] ^= 1
    weights.write_bytes(broken)
    with pytest.raises(ValueError, match="sha256"):
        registry.load(f"card:{tmp_path / 'mobilefacenet-ms1m.json'}")


def test_margins_of_several_targets_have_their_own_units(tmp_path, noise):
    name = write(tmp_path, MobileFaceNet(64).state_dict())
    targets = registry.load_all([name, "dlib", "efficientnet-lite0"], offline=True)
    x = noise(250, 250).requires_grad_()
    references = [target.refer(x, MARKS) for target in targets]
    margins = [t.margin(x, r) for t, r in zip(targets, references, strict=True)]
    assert [m.shape for m in margins] == [(1,)] * 3
    torch.autograd.grad(sum(m.sum() for m in margins), x)
    scores = [float(t.score(x.detach(), r)) for t, r in zip(targets, references, strict=True)]
    told = [Margin.of(t.card, score) for t, score in zip(targets, scores, strict=True)]
    assert [m.target for m in told] == ["mine", "dlib", "efficientnet-lite0"]
    assert [m.unit for m in told] == ["cosine similarity", "euclidean distance", "logit margin"]
    assert [m.threshold for m in told] == [0.33, 0.6, 0.0]
    assert not any(m.fooled for m in told)
    assert [m.margin for m in told] == pytest.approx([m.item() for m in margins], abs=1e-5)
