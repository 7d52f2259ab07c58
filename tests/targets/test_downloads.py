"""Named recognisers: what their cards pin, and fetching them from a server on this machine."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from mnd.base.errors import OfflineError
from mnd.targets import downloads, registry
from mnd.targets.card import TargetCard
from mnd.targets.json_card import ALLOWED
from mnd.targets.mobilefacenet import MobileFaceNet
from tests.helpers.serving import moved, serving

FILES = sorted(downloads.CARDS.glob("*.json"))
OWN = {"url", "bytes", "tensors", "channels", "extra"}
"""Fields that users' cards do not have, or not yet."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as it:
        yield it


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_card_says_what_it_is_and_pins_its_weights(path: Path):
    card, where, data = downloads.read(path)
    assert card.name == path.stem
    assert set(data) <= {*ALLOWED, *OWN}
    assert where.url is not None
    assert where.url.startswith("https://")
    assert re.fullmatch("[0-9a-f]{64}", data.get("sha256") or data["tensors"])
    assert where.size == card.download > 1_000_000
    assert where.exact == ("bytes" in data and data["bytes"] is not None)
    assert card.source
    assert card.licence
    assert card.code_licence
    assert card.trained_on
    assert card.threshold_at
    assert card.lfw is None or 0.98 < card.lfw < 1
    # a branch may move; a commit, a release and a version do not
    assert re.search(r"[0-9a-f]{40}|/releases/download/|@\d+\.\d+\.\d+/", where.url)
    assert card.judge_only == ("non-commercial" in card.licence)


def test_small_ones_are_small_and_for_everybody():
    for name in downloads.SMALL:
        card = registry.find(name).card
        assert card.download < 15e6
        assert card.licence in ("MIT", "Apache-2.0")
        assert not card.judge_only
        assert card.lfw is not None
        assert card.lfw > 0.99


def test_one_away_are_those_that_could_be_used_at_once(homes, monkeypatch):
    monkeypatch.setattr(downloads, "installed", lambda extra: not extra)
    assert [it.card.name for it in downloads.one_away()] == ["mobilefacenet", "mobileface-v2"]
    folder = homes / "mnd" / "weights"
    folder.mkdir(parents=True)
    (folder / "MobileFace_Identification_V2-0000.params").write_bytes(b"")
    assert [it.card.name for it in downloads.one_away()] == ["mobilefacenet"]


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_mobilefacenet_is_known_by_its_tensors(shared, homes, server, monkeypatch, tmp_path):
    """What its publisher has is TorchScript, with the tensors of the safetensors file beside the project."""
    from mnd.base.weights import read_state

    net = MobileFaceNet()
    net.load_state_dict(read_state(shared("weights/mobilefacenet-ms1m.safetensors")))
    torch.jit.save(torch.jit.script(net.eval()), tmp_path / "net.pt")
    server.files["/mobilefacenet_scripted.pt"] = (tmp_path / "net.pt").read_bytes()
    moved(monkeypatch, server, tmp_path, "mobilefacenet")
    target = registry.load("mobilefacenet")
    assert target.card.download == 4_200_000
    assert len(server.asked) == 1
    registry.load("mobilefacenet", offline=True)
    with torch.no_grad():
        net.conv1[0].weight[0, 0, 0, 0] += 1e-3
    torch.jit.save(torch.jit.script(net.eval()), tmp_path / "net.pt")
    server.files["/mobilefacenet_scripted.pt"] = (tmp_path / "net.pt").read_bytes()
    shutil.rmtree(homes / "mnd")
    with pytest.raises(ValueError, match=r"sha256 of its tensors is .* expected 631c2db.*removed"):
        registry.load("mobilefacenet")
    assert not registry.find("mobilefacenet").present


def test_mobileface_v2_from_a_server(shared, homes, server, monkeypatch, tmp_path):
    file = "MobileFace_Identification_V2-0000.params"
    server.files[f"/{file}"] = shared(f"weights/mobileface-v2/{file}").read_bytes()
    moved(monkeypatch, server, tmp_path, "mobileface-v2")
    with pytest.raises(OfflineError, match="about 4 MB"):
        registry.load("mobileface-v2", offline=True)
    assert server.asked == []
    server.cut = 2_000_000
    with pytest.raises(ConnectionError, match="broke off after 2,000,000 of 3,582,482 bytes"):
        registry.load("mobileface-v2")
    assert registry.load("mobileface-v2").card.name == "mobileface-v2"
    assert server.ranges_asked() == [None, "bytes=2000000-"]
    registry.load("mobileface-v2")
    assert len(server.asked) == 2


def test_an_extra_that_is_missing_is_named(homes, server, monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "installed", lambda extra: not extra)
    server.files["/mobilenetv2.onnx"] = b"network"
    moved(monkeypatch, server, tmp_path, "uniface-mnet-v2", sha256=None)
    with pytest.raises(ValueError, match=r'uniface-mnet-v2. needs an extra: pip install "mnd-cloak\[onnx\]"'):
        registry.load("uniface-mnet-v2")
    assert server.asked == []
    entry = registry.find("uniface-mnet-v2")
    entry.weights.obtain()
    assert (entry.present, entry.ready) == (True, False)
    assert "uniface-mnet-v2" not in registry.default_names()


def test_judges_are_not_attacked_unless_named(homes, server, monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "installed", lambda extra: True)
    folder = homes / "mnd" / "weights"
    folder.mkdir(parents=True)
    for file in ("w600k_r50.onnx", "mobilenetv2.onnx"):
        (folder / file).write_bytes(b"")
    assert registry.find("insightface-w600k-r50").ready
    assert registry.default_names() == ["dlib", "uniface-mnet-v2"]


def test_cards_have_no_fields_that_nobody_reads():
    known = {f.name for f in fields(TargetCard)} | OWN | {"architecture", "weights"}
    assert {name for path in FILES for name in json.loads(path.read_text())} <= known
