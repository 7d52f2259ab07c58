"""Classifiers: preprocessing against torchvision's own, margins in closed form, real weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mnd.targets import registry
from mnd.targets.card import TargetCard
from mnd.targets.classifier import Classifier, Preprocess
from mnd.targets.target import Reference, Target

CARD = TargetCard("toy", "classifier", "logit margin", 0.0, (8, 8), "this test", "none")


class MeanColour(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def toy() -> Classifier:
    return Classifier(CARD, MeanColour(), Preprocess(8, (8, 8)))


def flat(*colours) -> torch.Tensor:
    return torch.tensor(colours)[:, :, None, None].expand(-1, -1, 8, 8).contiguous()


def photos(shared) -> tuple[list[torch.Tensor], torch.Tensor]:
    paths = sorted(shared("imagenet").glob("*.jpg"))
    pixels = [np.asarray(Image.open(p).convert("RGB")).copy() for p in paths]
    images = [torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in pixels]
    return images, torch.tensor([int(p.name[:3]) for p in paths])


def test_margin_in_closed_form(device):
    t = toy().to(device)
    assert isinstance(t, Target)
    x = flat((0.9, 0.5, 0.1), (0.2, 0.3, 0.7)).to(device)
    reference = t.refer(x)
    assert reference.known.tolist() == [0, 2]
    assert t.margin(x, reference).tolist() == pytest.approx([0.4, 0.4], abs=1e-6)
    labels = Reference(torch.tensor([1, 2]))
    assert t.score(x, labels).tolist() == pytest.approx([-0.4, 0.4], abs=1e-6)


def test_threshold_shifts_the_margin():
    card = TargetCard("toy", "classifier", "logit margin", 0.25, (8, 8), "this test", "none")
    t = Classifier(card, MeanColour(), Preprocess(8, (8, 8)))
    x = flat((0.9, 0.5, 0.1))
    assert t.margin(x, t.refer(x)).item() == pytest.approx(0.15, abs=1e-6)


def test_gradient_pulls_class_and_runner_up():
    t = toy()
    x = flat((0.9, 0.5, 0.1)).requires_grad_()
    (g,) = torch.autograd.grad(t.margin(x, Reference(torch.tensor([0]))).sum(), x)
    assert g.sum((0, 2, 3)).tolist() == pytest.approx([1, -1, 0], abs=1e-5)


@pytest.mark.parametrize(
    "known", [torch.tensor([3]), torch.tensor([-1]), torch.tensor([0.5]), torch.tensor([[0]])]
)
def test_bad_classes(known):
    with pytest.raises(ValueError, match=r"(classes|labels) are"):
        toy().score(flat((0.9, 0.5, 0.1)), Reference(known))


@pytest.mark.parametrize("shape", [(300, 400), (401, 233), (256, 256), (100, 130), (224, 500)])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_preprocessing_is_torchvisions(noise, shape, mode):
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as TF

    x = noise(*shape)
    want = TF.resize(x, [256], interpolation=InterpolationMode(mode), antialias=True).clamp(0, 1)
    want = TF.center_crop(want, [224])
    assert torch.allclose(Preprocess(256, (224, 224), mode)(x), want, atol=1e-6)


def test_picture_of_the_networks_size_is_left_alone(noise):
    x = noise(224, 224)
    assert Preprocess(256, (224, 224))(x) is x


def test_preprocessing_gradient_reaches_the_photo(noise):
    x = noise(600, 800).requires_grad_()
    (g,) = torch.autograd.grad(Preprocess(256, (224, 224))(x).sum(), x)
    assert (g[..., 60:540, 160:640] > 0).all()  # the middle, without a hole


def test_efficientnet_works_offline(noise):
    t = registry.load("efficientnet-lite0", offline=True)
    x = noise(224, 224).requires_grad_()
    reference = t.refer(x)
    margin = t.margin(x, reference)
    (g,) = torch.autograd.grad(margin.sum(), x)
    assert margin.item() > 0
    assert g.abs().sum() > 0


@pytest.mark.slow
def test_efficientnet_on_photos(shared):
    images, labels = photos(shared)
    t = registry.load("efficientnet-lite0", offline=True)
    seen = torch.cat([t.refer(x).known for x in images])
    assert (seen == labels).float().mean() >= 0.88  # measured: .89


def test_squeezenet_on_photos(shared, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(shared("torch_home")))
    images, labels = photos(shared)
    t = registry.load("torchvision:squeezenet1_1", offline=True)
    right = [
        t.margin(x, Reference(y[None])).item() > 0 for x, y in zip(images[::4], labels[::4], strict=True)
    ]
    assert np.mean(right) > 0.5  # .652 on 1,000 photos


def test_torchvision_by_name_with_weights_of_the_same_format(homes, noise):
    from torchvision import models

    net = models.resnet18(weights=None)
    file = models.ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[-1]
    folder = homes / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(net.state_dict(), folder / file)
    assert registry.find("torchvision:resnet18").ready
    t = registry.load("torchvision:resnet18", offline=True)
    x = noise(224, 224)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        z = net.eval()((x - mean) / std)[0]
    top = z.topk(2).values
    assert t.margin(x, t.refer(x)).item() == pytest.approx(float(top[0] - top[1]), abs=1e-4)


def test_torchvision_weights_of_another_network(homes):
    from torchvision import models

    folder = homes / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    file = models.ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[-1]
    torch.save({"fc.bias": torch.zeros(7)}, folder / file)
    with pytest.raises(ValueError, match="not the weights of torchvision's resnet18"):
        registry.load("torchvision:resnet18", offline=True)
