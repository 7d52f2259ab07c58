"""Targets of one's own: objects, a file, a package; and what is told of one that is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import skimage.data
import torch
from PIL import Image
from torch import nn

import mnd
from mnd.base.plugins import PluginError, PluginWarning
from mnd.cloaking.panel import Panel
from mnd.targets import Classifier, FaceTarget, TargetCard, find, load, own, registry
from tests.helpers import tiny

CARD = TargetCard(
    name="mine", kind="face", unit="cosine similarity", threshold=0.3, size=(112, 112), source="a test",
    licence="CC0-1.0", template="arcface112",
)  # fmt: skip
CODE = """
import torch
from torch import nn
from mnd.targets import FaceTarget, TargetCard

CARD = TargetCard(name="filed", kind="face", unit="cosine similarity", threshold=0.3, size=(32, 32),
                  source="a test", licence="CC0-1.0", template="arcface112")


def make():
    torch.manual_seed(0)
    return FaceTarget(CARD, nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.Flatten(), nn.Linear(392, 16)))
"""


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 9, 8), nn.Flatten(), nn.Linear(8 * 13 * 13, 32))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(skimage.data.astronaut()[:256, 128:384]).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_a_cloaker_takes_an_object(photo: Path):
    target = FaceTarget(CARD, network())
    settings = mnd.CloakSettings(level="minimum", steps=4, rho=0.0, offline=True, keep_best=True)
    cloaker = mnd.Cloaker(settings, targets=[target])
    record = cloaker.photo(photo)
    assert [it.card.name for it in cloaker.targets] == record["targets"] == ["mine"]
    assert record["regions"][0]["targets"]["mine"]["unit"] == "cosine similarity"
    told = mnd.check(photo, record["output"], targets=[target, "dlib"], level="minimum", offline=True)
    assert set(told["regions"][0]["targets"]) == {"mine", "dlib"}


def test_the_verbs_take_objects_and_settings_names_alone(photo: Path):
    target = FaceTarget(CARD, network())
    with pytest.raises(mnd.NotProtectedError) as caught:
        mnd.cloak(photo, targets=target, level="minimum", steps=1, rho=0.0, offline=True, least_ssim=1.0)
    assert caught.value.record["targets"] == ["mine"]
    with pytest.raises(
        ValueError, match=r"targets has .*expected names; Cloaker\(targets=\[...\]\) takes targets"
    ):
        mnd.CloakSettings(targets=(target,))  # type: ignore[arg-type]


def test_a_whole_picture_is_fooled_by_an_object(tmp_path: Path, card: str):
    """The same file as by its name."""
    (tmp_path / "b.png").write_bytes(tiny.picture(3))
    target = load(card)
    assert isinstance(target, Classifier)
    how = mnd.CloakSettings(**tiny.OPTIONS, whole=True)
    one = mnd.Cloaker(how, targets=[target]).photo(tmp_path / "b.png", tmp_path / "object.png")
    other = mnd.Cloaker(how, targets=[card]).photo(tmp_path / "b.png", tmp_path / "name.png")
    assert one["targets"] == other["targets"] == ["tiny"]
    assert (tmp_path / "object.png").read_bytes() == (tmp_path / "name.png").read_bytes()


def test_two_targets_of_one_name_are_refused():
    target = FaceTarget(CARD, network())
    with pytest.raises(ValueError, match="targets are named twice: mine"):
        registry.load_all([target, target])


def test_a_file_is_a_target_by_name(tmp_path: Path):
    (tmp_path / "mine.py").write_text(CODE)
    name = f"{tmp_path / 'mine.py'}:make"
    entry = find(name)
    assert (entry.card.name, entry.ready) == ("filed", True)
    panel = Panel(mnd.CloakSettings(targets=(name,), offline=True), lambda *_: None)
    assert panel.names == ["filed"]


def test_what_a_file_says_belongs_to_the_fingerprint(tmp_path: Path):
    from mnd.dataset.fingerprint import named

    (tmp_path / "mine.py").write_text(CODE)
    how = mnd.CloakSettings(targets=(f"{tmp_path / 'mine.py'}:make",), offline=True)
    _, [first] = named(how, lambda *_: None)
    (tmp_path / "mine.py").write_text(CODE.replace("manual_seed(0)", "manual_seed(1)"))
    _, [second] = named(how, lambda *_: None)
    assert first["name"] == second["name"] == "filed"
    assert first["sha256"] != second["sha256"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("make = 3\n", r"mine.py:make \(int\): got 3 without card, refer"),
        ("def make():\n    return 3\n", r"mine.py:make \(.*mine.py:1\): got 3 without card"),
        ("def make():\n    x = {}\n    return x['a']\n", r"mine.py:make, .*mine.py:3: KeyError: 'a'"),
        (
            "def make(a):\n    return a\n",
            r"mine.py:make \(.*mine.py:1\): wants a, expected a function without arguments",
        ),
        (
            "class make:\n    card = refer = score = margin = to = 1\n",
            "its card is int, expected mnd.targets.TargetCard",
        ),
    ],
)
def test_code_that_is_no_target(code: str, told: str, tmp_path: Path):
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(PluginError, match=told):
        find(f"{tmp_path / 'mine.py'}:make")


def test_a_face_that_is_not_cut_out_is_refused():
    class Mine:
        card = CARD

        def refer(self, *_): ...
        def score(self, *_): ...
        def margin(self, *_): ...
        def to(self, _): ...

    with pytest.raises(
        PluginError, match=r"target 'mine' recognises faces, expected a mnd\.targets\.FaceTarget"
    ):
        own.own(Mine())


# packages ---------------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a package with an entry point; what it registers is gone afterwards."""
    known = dict(registry._ENTRIES)
    own.import_entries.cache_clear()

    def install(code: str) -> None:
        info = tmp_path / "their_targets-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-targets\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[mnd.targets]\ntheirs = their_targets\n")
        (tmp_path / "their_targets.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "their_targets", raising=False)

    yield install
    registry._ENTRIES.clear()
    registry._ENTRIES.update(known)
    own.import_entries.cache_clear()


REGISTERING = (
    CODE
    + """
from mnd.base.weights import WeightsFile
from mnd.targets import register
from pathlib import Path


@register(CARD, WeightsFile(Path(__file__).name, folder=lambda: Path(__file__).parent))
def load(card, path):
    return make()
"""
)


def test_the_entry_point_of_a_package(package):
    package(REGISTERING)
    assert "filed" in registry.names()
    assert find("filed").ready
    assert "filed" in registry.default_names()  # it is installed on purpose
    assert load("filed").card.name == "filed"


def test_a_package_that_is_broken_takes_no_other_target_away(package):
    package("x = 1\ny = x / 0\n")
    with pytest.warns(
        PluginWarning, match=r"left out: entry point theirs .*their_targets.py:2: ZeroDivisionError"
    ):
        assert find("dlib").card.name == "dlib"
    assert find("dlib").ready  # it is said once
