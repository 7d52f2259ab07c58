"""FRBench's networks: archives from a server on this machine, a package that stands for theirs."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

import pytest
import torch

from mnd.base.errors import OfflineError
from mnd.targets import frbench, registry
from tests.helpers.serving import serving

pytest.importorskip("yaml")
NAME = "mobilefacenet-arcface-ms1m"
KEY = "mobilefacenet_arcface_ms1m"
PACKAGE = """
import torch
raised = False
def build_backbone(name, kwargs, device):
    if name != "small":
        raise ValueError(f"Backbone '{name}' is not registered.")
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 112 * 112, kwargs["num_features"]))
"""
CONFIG = """
backbone: {name: small, kwargs: {num_features: 8}}
input: {size: [112, 112], mean: [0.5, 0.4, 0.3], var: [0.5, 0.25, 0.2], channel: CHANNEL}
"""


def weights(seed: int = 1) -> bytes:
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 112 * 112, 8))
    out = io.BytesIO()
    torch.save(net.state_dict(), out)
    return out.getvalue()


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{KEY}/{name.replace('_', '.')}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def manifest(data: bytes, **changes) -> bytes:
    entry = {
        "asset_name": "net.tar.gz",
        "target_name": KEY,
        "contents": {"config": "model.yaml", "weight": "model.pt"},
        "size": len(data),
        "sha": hashlib.sha256(data).hexdigest(),
    }
    return json.dumps({"__schema": 1, KEY: entry | changes}).encode()


@pytest.fixture
def package(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "packages" / "frbench"
    (folder / "backbones").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "backbones" / "__init__.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(folder.parent)
    for name in ("frbench", "frbench.backbones"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in ("frbench", "frbench.backbones"):
        sys.modules.pop(name, None)


@pytest.fixture
def server(monkeypatch, homes):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    data = archive(model_yaml=CONFIG.replace("CHANNEL", "rgb").encode(), model_pt=weights())
    with serving(net_tar_gz=data, manifest_json=manifest(data)) as it:
        monkeypatch.setattr(frbench, "RELEASE", it.url)
        yield it


def test_the_network_is_fetched_once_held_and_built(server, package, noise, homes):
    chips = noise(112, 112)
    target = registry.load(f"frbench:{NAME}")
    x = (chips - torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1)) / torch.tensor([0.5, 0.25, 0.2]).view(
        1, 3, 1, 1
    )
    torch.manual_seed(1)
    want = torch.nn.Linear(3 * 112 * 112, 8)(x.flatten(1))
    assert torch.allclose(target.embed_chips(chips), want, atol=1e-4)
    assert [path for path, _ in server.asked] == ["/manifest.json", "/net.tar.gz"]
    assert registry.load(f"frbench:{NAME}", offline=True).card.lfw == 0.9968
    assert len(server.asked) == 2
    assert {path.name for path in (homes / "mnd" / "frbench" / NAME).iterdir()} == {
        "weights.pt", "config.yaml", "sums.json"
    }  # fmt: skip


def test_blue_first(server, package, noise):
    data = archive(model_yaml=CONFIG.replace("CHANNEL", "bgr").encode(), model_pt=weights())
    server.files |= {"/net.tar.gz": data, "/manifest.json": manifest(data)}
    chips = noise(112, 112)
    x = chips.flip(1)
    x = (x - torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1)) / torch.tensor([0.5, 0.25, 0.2]).view(1, 3, 1, 1)
    torch.manual_seed(1)
    want = torch.nn.Linear(3 * 112 * 112, 8)(x.flatten(1))
    assert torch.allclose(registry.load(f"frbench:{NAME}").embed_chips(chips), want, atol=1e-4)


@pytest.mark.parametrize("file", ["weights.pt", "config.yaml"])
def test_what_was_unpacked_must_stay_as_it_was(server, package, homes, file):
    registry.load(f"frbench:{NAME}")
    path = homes / "mnd" / "frbench" / NAME / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match=rf"{file}: sha256 is .*, expected "):
        registry.load(f"frbench:{NAME}", offline=True)


def test_without_the_sums_it_is_refused(server, package, homes):
    registry.load(f"frbench:{NAME}")
    (homes / "mnd" / "frbench" / NAME / "sums.json").unlink()
    with pytest.raises(ValueError, match="get it again"):
        registry.load(f"frbench:{NAME}", offline=True)


def test_an_archive_of_another_sum(server, package, homes):
    server.files["/net.tar.gz"] = archive(model_yaml=b"{}", model_pt=weights(2))
    with pytest.raises(ValueError, match=r"sha256 is .*, expected .*removed"):
        registry.load(f"frbench:{NAME}")
    assert not registry.find(f"frbench:{NAME}").present
    assert list((homes / "mnd" / "frbench").glob("[!.]*.tar.gz*")) == []


def test_a_pin_of_ours_counts_more_than_the_manifest(server, package, monkeypatch):
    monkeypatch.setitem(frbench.PINNED, NAME, "0" * 64)
    with pytest.raises(ValueError, match=f"expected {'0' * 64}"):
        registry.load(f"frbench:{NAME}")


@pytest.mark.parametrize(
    "told",
    [
        b"not JSON",
        b"[]",
        b"{}",
        manifest(b"", sha="short"),
        manifest(b"", asset_name="../x"),
        manifest(b"", contents={}),
    ],
)
def test_a_manifest_that_says_nothing(server, package, told):
    server.files["/manifest.json"] = told
    with pytest.raises(ValueError, match=r"manifest\.json"):
        registry.load(f"frbench:{NAME}")


@pytest.mark.parametrize("data", [b"no archive", archive(other_pt=b""), archive(model_pt=b"")])
def test_an_archive_without_the_files(server, package, homes, data):
    server.files |= {"/net.tar.gz": data, "/manifest.json": manifest(data)}
    with pytest.raises(ValueError, match="no archive with"):
        registry.load(f"frbench:{NAME}")
    assert not registry.find(f"frbench:{NAME}").present


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("[]", "no configuration"),
        ("backbone: {name: large, kwargs: {}}", "not registered"),
        (CONFIG.replace("CHANNEL", "rgb").replace("[112, 112]", "[128, 128]"), "another alignment"),
        (CONFIG.replace("CHANNEL", "rgb").replace("num_features: 8", "num_features: 9"), "has shape"),
    ],
)
def test_a_configuration_of_something_else(server, package, told, message):
    data = archive(model_yaml=told.encode(), model_pt=weights())
    server.files |= {"/net.tar.gz": data, "/manifest.json": manifest(data)}
    with pytest.raises(ValueError, match=message):
        registry.load(f"frbench:{NAME}")


def test_offline_and_without_the_package(server, package, monkeypatch):
    with pytest.raises(OfflineError, match="about 5 MB"):
        registry.load(f"frbench:{NAME}", offline=True)
    monkeypatch.setattr(registry, "installed", lambda extra: not extra)
    with pytest.raises(ValueError, match=r'pip install "mnd-cloak\[frbench\]"'):
        registry.load(f"frbench:{NAME}")
    with pytest.raises(ValueError, match="did you mean mobilefacenet-arcface-ms1m"):
        registry.find("frbench:mobilefacenet-arcface")


def test_the_real_package_builds_every_name():
    backbones = pytest.importorskip("frbench.backbones")
    for name, (_, size) in frbench.NAMES.items():
        with torch.device("meta"):
            net = backbones.build_backbone(name.rsplit("-", 2)[0], {}, torch.device("meta"))
        assert 4 * sum(p.numel() for p in net.parameters()) == pytest.approx(size, rel=0.1)
