"""Users' own targets: a JSON card beside a safetensors or ONNX file, `--targets card:PATH.json`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..base.distribution import pip_install
from ..base.files import LONGEST, shown
from ..base.near import did_you_mean
from ..base.weights import WeightsFile, load_state, read_state
from .alignment import ALIGNMENTS
from .card import TargetCard
from .classifier import Classifier, Preprocess
from .dlib.target import aligned
from .looks import LOOKS
from .registry import Entry, register_family
from .target import Target

State = dict[str, Tensor]

LARGEST = 4096
"""Pixels of a side of what a network is shown."""
SHA256 = re.compile("[0-9a-fA-F]{8,64}")
"""All of the sum, or how it begins."""
TEXTS = ("name", "kind", "unit", "source", "licence", "threshold_at", "weights", "sha256", "template",
         "architecture", "interpolation", "channels", "output", "code_licence", "trained_on")  # fmt: skip
FREE = ("source", "licence", "threshold_at", "code_licence", "trained_on")
"""Those of any length."""
CARD_FORMAT = 1
"""Of cards; the field `mnd_card`, which may be left out."""
NOTES = ("accuracy", "notes")
"""Fields of a card that are for people alone."""
REQUIRED = ("architecture", "weights", *(f.name for f in fields(TargetCard) if f.default is MISSING))
ALLOWED = (*(f.name for f in fields(TargetCard) if f.name != "extra"), "architecture", "resize",
           "interpolation", "channels", "output", "mnd_card", *NOTES)  # fmt: skip


def _mobilefacenet(_: str, state: State) -> nn.Module:
    from .mobilefacenet import MobileFaceNet

    bias = state.get("conv3.bias")
    return MobileFaceNet(128 if bias is None else len(bias))


def _mobileface_v2(_: str, state: State) -> nn.Module:
    from .mobileface import MobileFaceV2, renamed

    net = MobileFaceV2()
    named = renamed(net, state)
    state.clear()
    state.update(named)
    return net


def _facenet(_: str, state: State) -> nn.Module:
    from facenet_pytorch import InceptionResnetV1

    for name in [k for k in state if k.startswith("logits.")]:
        del state[name]  # the classes of its training
    net: nn.Module = InceptionResnetV1()
    return net


def _timm(name: str, state: State) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ValueError(
            f"architecture 'timm:{name}' needs the package timm: {pip_install('[timm]')}"
        ) from error
    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}{did_you_mean(name, timm.list_models())}")
    return _sized(partial(timm.create_model, name, pretrained=False), state)


def _torchvision(name: str, state: State) -> nn.Module:
    from torchvision import models

    if name not in (known := models.list_models(module=models)):
        raise ValueError(f"torchvision has no model {name!r}{did_you_mean(name, known)}")
    return _sized(partial(models.get_model, name, weights=None), state)


def _sized(create: Callable[..., nn.Module], state: State) -> nn.Module:
    """The network with as many outputs as the last matrix or bias of its weights has rows."""
    net = create()
    last = [name for name, tensor in net.state_dict().items() if tensor.ndim > 0][-1]
    if last in state and (outputs := len(state[last])) != len(net.state_dict()[last]):
        return create(num_classes=outputs)
    if last not in state and last.rsplit(".", 1)[0] + ".weight" not in state:
        return create(num_classes=0)  # weights of a backbone, which gives its features
    return net


ARCHITECTURES: dict[str, Callable[[str, State], nn.Module]] = {
    "mobilefacenet": _mobilefacenet,
    "mobileface-v2": _mobileface_v2,
    "facenet": _facenet,
    "timm": _timm,
    "torchvision": _torchvision,
}
"""What a card's `architecture` can begin with; after a colon follows the name in that library."""
TFLITE = "tflite"
"""The `architecture` of a named recogniser whose file holds the network, too."""
ONNX = "onnx"
"""The `architecture` of a file that holds the network, too."""
CHANNELS = ("rgb", "bgr")
"""In which order a network takes colours; `mean` and `std` are those of red, green and blue in either."""


class Reversed(nn.Module):
    """A network that takes blue, green and red."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x.flip(1))
        return out


def read_card(path: Path) -> tuple[TargetCard, dict[str, Any]]:
    """The card in a JSON file, and its fields as they stand there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON object, or a field is missing (the threshold!), unknown or wrong.
    """
    if not path.is_file():
        raise FileNotFoundError(f"card {path} does not exist")
    try:
        data = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"card {path}: no readable JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"card {path}: holds {type(data).__name__}, expected an object")
    for name in data:
        if name not in ALLOWED:
            raise ValueError(f"card {path}: unknown field {_shown(name)}{did_you_mean(name, ALLOWED)}")
    if missing := [name for name in REQUIRED if data.get(name) is None]:
        raise ValueError(f"card {path}: missing {', '.join(missing)}; expected {', '.join(REQUIRED)}")
    if data.get("mnd_card", CARD_FORMAT) != CARD_FORMAT or isinstance(data.get("mnd_card"), bool):
        raise ValueError(
            f"card {path}: mnd_card is {_shown(data['mnd_card'])}, expected {CARD_FORMAT}, or a newer mnd"
        )
    for name in data:
        if name in TEXTS and not isinstance(data[name], str) and (name, data[name]) != ("sha256", None):
            raise ValueError(f"card {path}: {name} is {_shown(data[name])}, expected a text")
        if name in TEXTS and name not in FREE and len(data[name] or "") > LONGEST:
            got = f"{name} has {len(data[name]):,} characters"
            raise ValueError(f"card {path}: {got}, expected at most {LONGEST}")
    for name in ("judge_only", "surrogate"):
        if not isinstance(data.get(name, False), bool):
            raise ValueError(f"card {path}: {name} is {_shown(data[name])}, expected true or false")
    if isinstance(data.get("lfw", 0.0), bool) or not isinstance(data.get("lfw") or 0.0, (int, float)):
        raise ValueError(f"card {path}: lfw is {_shown(data['lfw'])}, expected a share of 0 to 1")
    if not isinstance(data["threshold"], (int, float)) or abs(data["threshold"]) > 1e30:
        raise ValueError(f"card {path}: threshold is {_shown(data['threshold'])}, expected a finite number")
    padding = data.get("padding", 0.0)
    if not isinstance(padding, (int, float)) or isinstance(padding, bool):
        raise ValueError(f"card {path}: padding is {_shown(padding)}, expected a share from 0 to 2")
    values = {f.name: data[f.name] for f in fields(TargetCard) if f.name in data}
    values |= {name: _numbers(path, name, values[name]) for name in ("size", "mean", "std") if name in values}
    if "judged_as" in values:
        values["judged_as"] = _looks(path, values["judged_as"])
    card = TargetCard(**values)
    _check(path, card, data)
    return card, data


def _numbers(path: Path, name: str, value: Any) -> tuple[Any, ...]:
    count, kinds, most = (2, (int,), LARGEST) if name == "size" else (3, (int, float), 1e30)
    if not isinstance(value, list) or len(value) != count:
        raise ValueError(f"card {path}: {name} is {_shown(value)}, expected {count} numbers")
    if not all(isinstance(v, kinds) and not isinstance(v, bool) and abs(v) <= most for v in value):
        raise ValueError(
            f"card {path}: {name} is {_shown(value)}, expected {count} numbers of at most {most:g}"
        )
    return tuple(value)


def _looks(path: Path, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name in LOOKS for name in value):
        raise ValueError(
            f"card {path}: judged_as is {_shown(value)}, expected a list with some of {', '.join(LOOKS)}"
        )
    return tuple(value)


def _shown(value: Any) -> str:
    """A value in a message: anything can stand in a card."""
    return shown(repr(value))


def _check(path: Path, card: TargetCard, data: dict[str, Any]) -> None:
    """What a card of a user's has to say beyond what every card has."""
    allowed = ALIGNMENTS if card.kind == "face" else ("none",)
    if card.template not in allowed:
        raise ValueError(f"card {path}: template is {_shown(card.template)}, expected {' or '.join(allowed)}")
    if (card.unit == "logit margin") != (card.kind == "classifier"):
        raise ValueError(f"card {path}: unit is {_shown(card.unit)}, expected that of a {card.kind}")
    if card.lower_is_same and card.threshold <= 0:
        raise ValueError(f"card {path}: threshold is {card.threshold}, expected a distance above 0")
    suffix = ".onnx" if data["architecture"].partition(":")[0] == ONNX else ".safetensors"
    if not str(card.weights).endswith(suffix):
        raise ValueError(
            f"card {path}: weights is {_shown(card.weights)}, expected the name of a {suffix} file"
        )
    resize = data.get("resize", min(card.size))
    if not isinstance(resize, int) or isinstance(resize, bool) or not 0 < resize <= LARGEST:
        raise ValueError(f"card {path}: resize is {_shown(resize)}, expected pixels, 1 to {LARGEST}")
    if card.sha256 is not None and not SHA256.fullmatch(card.sha256):
        raise ValueError(f"card {path}: sha256 is {_shown(card.sha256)}, expected hexadecimal digits")
    if data["architecture"] != ONNX and data["architecture"].partition(":")[0] not in ARCHITECTURES:
        known = "mobilefacenet, facenet, onnx, timm:NAME or torchvision:NAME"
        raise ValueError(f"card {path}: architecture is {_shown(data['architecture'])}, expected {known}")
    if data.get("interpolation", "bilinear") not in ("bilinear", "bicubic"):
        raise ValueError(
            f"card {path}: interpolation is {_shown(data['interpolation'])}, expected bilinear or bicubic"
        )
    if data.get("channels", "rgb") not in CHANNELS:
        raise ValueError(f"card {path}: channels is {_shown(data['channels'])}, expected rgb or bgr")
    if "output" in data and data["architecture"] != ONNX:
        raise ValueError(f"card {path}: output names one of an ONNX file's, expected none here")


@register_family("card", list)
def entry(name: str) -> Entry:
    """The target of the card at a path; its weights lie beside it.

    Raises:
        FileNotFoundError: there is no such card.
        ValueError: it is no card of a target.
    """
    path = Path(os.path.expanduser(name))  # a user without a home folder is no error
    card, data = read_card(path)
    where = WeightsFile(card.weights, folder=lambda: path.parent, sha256=card.sha256)
    return Entry(card, where, partial(load, data))


def load(data: dict[str, Any], card: TargetCard, path: Path) -> Target:
    """The target of a card whose weights are at `path`.

    Raises:
        ValueError: the weights are not those of the card's architecture.
    """
    net = _network(data, card, path)
    if data.get("channels") == "bgr":
        net = Reversed(net)
    if card.kind == "face":
        return aligned(card, net)
    resize = data.get("resize", min(card.size))
    return Classifier(card, net, Preprocess(resize, card.size, data.get("interpolation", "bilinear")))


def _network(data: dict[str, Any], card: TargetCard, path: Path) -> nn.Module:
    if data["architecture"] == ONNX:
        from .onnx.network import read

        return read(path, card.size, data.get("output"))
    architecture, _, name = data["architecture"].partition(":")
    if architecture == TFLITE:
        from .tflite import read as read_tflite

        return read_tflite(path)
    state = read_state(path)
    net = ARCHITECTURES[architecture](name, state)
    load_state(net, state, path)
    return net
