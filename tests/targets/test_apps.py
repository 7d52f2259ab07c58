"""Apps by name: their profiles, their rules against others' implementations, and their targets."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.sparse.csgraph import connected_components
from scipy.stats import trim_mean

from mnd.channel import SERVICES
from mnd.targets import registry
from mnd.targets.alignment import ALIGNMENTS
from mnd.targets.apps import rules
from mnd.targets.apps.profile import previews, profiles, split
from mnd.targets.apps.target import app, card_of, covers, with_apps
from mnd.targets.dlib.target import CARD, DlibTarget
from mnd.targets.looks import LOOKS
from mnd.targets.margin import Margin
from mnd.targets.mobilefacenet import MobileFaceNet

DLIB_APPS = ("face_recognition", "home-assistant", "librephotos", "nextcloud-facerecognition",
             "nextcloud-recognize")  # fmt: skip
NAMES = sorted(profiles())


@pytest.fixture
def mine(tmp_path) -> str:
    """The name of a target of random weights."""
    torch.manual_seed(0)
    save_file(
        {k: v.contiguous() for k, v in MobileFaceNet().state_dict().items()}, tmp_path / "m.safetensors"
    )
    fields = {
        "name": "mine", "kind": "face", "architecture": "mobilefacenet", "weights": "m.safetensors",
        "size": [112, 112], "unit": "cosine similarity", "threshold": 0.3, "licence": "CC0-1.0",
        "source": "a test", "template": "arcface112",
    }  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(fields))
    return f"card:{tmp_path / 'm.json'}"


@pytest.mark.parametrize("name", NAMES)
def test_profiles_are_complete(name):
    profile = profiles()[name]
    assert profile.template is None or profile.template in ALIGNMENTS
    assert profile.look in LOOKS
    assert profile.preview is None or profile.preview in SERVICES
    words = ("title", "network", "get", "alignment", "says", "source")
    assert all(getattr(profile, word) for word in words)
    assert name not in registry.names()
    lowest = {"euclidean distance": 0.0, "cosine similarity": -1.0}[profile.unit]
    assert lowest < profile.bound < 1


def test_what_the_issue_asks_for_is_there():
    wanted = {"immich", "nextcloud-recognize", "nextcloud-facerecognition", "photoprism", "frigate", "ente",
              "face_recognition"}  # fmt: skip
    assert wanted | set(DLIB_APPS) <= set(profiles())


@pytest.mark.parametrize("name", NAMES)
def test_a_target_says_the_same_as_the_apps_own_measure(name):
    """Its threshold, in another unit, is at the same place."""
    profile = profiles()[name]
    card = card_of(profile, CARD)
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        one = torch.randn(8, generator=generator, dtype=torch.float64)
        other = one + torch.rand((), generator=generator) * torch.randn(8, generator=generator).double()
        [value] = rules.values(profile, one, other[None])
        if card.unit == "euclidean distance":
            seen = float((one - other).norm())
        else:
            seen = float(one @ other / one.norm() / other.norm())
        assert Margin.of(card, seen).fooled is not profile.matches(value)


def test_measures_in_closed_form():
    one, other = torch.tensor([3.0, 0.0]), torch.tensor([[0.0, 4.0], [6.0, 0.0]])
    told = {
        "euclidean distance": [5.0, 3.0],
        "euclidean distance of unit vectors": [2**0.5, 0.0],
        "cosine distance": [1.0, 0.0],
        "cosine similarity": [0.0, 1.0],
    }
    for measure, want in told.items():
        profile = replace(profiles()["immich"], measure=measure)
        assert rules.values(profile, one, other) == pytest.approx(want, abs=1e-6)


def on_a_line(*places: float) -> torch.Tensor:
    """Embeddings whose euclidean distances are those of places on a line."""
    return torch.tensor([[place, 0.0] for place in places])


def test_face_recognition_names_whoever_matches_one_photo():
    profile = profiles()["face_recognition"]
    known = on_a_line(0.0, 5.0)
    assert rules.matched(profile, on_a_line(0.59)[0], known) == 1
    assert rules.joins(profile, on_a_line(0.59)[0], known)
    assert not rules.joins(profile, on_a_line(0.61)[0], known)


def test_immich_needs_a_core_of_three():
    """Distances as angles: cosine distance .5 is at 60 degrees."""
    profile = profiles()["immich"]

    def at(*degrees: float) -> torch.Tensor:
        angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
        return torch.stack([angles.cos(), angles.sin()], 1)

    # two photos near each other, and a face at the end of their chain: one of them has three near
    assert rules.joins(profile, at(100)[0], at(0, 50, 250))
    # the chain is broken
    assert not rules.joins(profile, at(111)[0], at(0, 50, 250))
    # it is near one photo, which has nobody else: no core, no person
    assert not rules.joins(profile, at(100)[0], at(120, 250, 310))
    assert rules.matched(profile, at(100)[0], at(120, 250, 310)) == 1
    # with one photo there can be no core: whoever matches it is taken for its person
    assert rules.joins(profile, at(50)[0], at(0))
    assert not rules.joins(profile, at(61)[0], at(0))


@pytest.mark.parametrize("least", [1, 2, 3, 4])
def test_linked_is_scipys_connected_components(least):
    """A component that has a core, found by others' code."""
    rng = np.random.default_rng(least)
    for _ in range(100):
        near = np.triu(rng.random((7, 7)) < 0.2, 1)
        near = near | near.T | np.eye(7, dtype=bool)
        _, labels = connected_components(near)
        same = labels == labels[-1]
        want = same[:-1].any() and (near.sum(1) >= least)[same].any()
        assert rules.linked(torch.from_numpy(near), least) == want


def test_chinese_whispers_are_dlibs_own():
    """But for the order, which is chance: what dlib joins is joined, and little else."""
    dlib = pytest.importorskip("dlib")
    profile = profiles()["nextcloud-facerecognition"]
    rng = np.random.default_rng(0)
    joined, ours = [], []
    for _ in range(200):
        points = rng.normal(size=(7, 128)) * rng.uniform(0.02, 0.03)
        labels = list(dlib.chinese_whispers_clustering([dlib.vector(p) for p in points], profile.threshold))
        joined.append(labels[-1] in labels[:-1])
        ours.append(rules.joins(profile, torch.from_numpy(points[-1]), torch.from_numpy(points[:-1])))
    both = np.array(joined), np.array(ours)
    assert 40 < sum(joined) < 160
    assert (both[1] | ~both[0]).mean() > 0.98
    assert (both[0] == both[1]).mean() > 0.85


def test_whispers_in_closed_form():
    """A pair hears one another, and a clique everybody in it; who matches nobody is alone."""
    profile = profiles()["nextcloud-facerecognition"]
    assert rules.joins(profile, on_a_line(0.3)[0], on_a_line(0.0))
    assert rules.joins(profile, on_a_line(0.3)[0], on_a_line(0.0, 0.1, 0.2))
    assert not rules.joins(profile, on_a_line(0.7)[0], on_a_line(0.0, 0.1, 0.2))
    cliques = torch.block_diag(torch.ones(4, 4), torch.ones(2, 2)).bool()
    assert rules.whispered(cliques)
    assert not rules.whispered(torch.block_diag(torch.ones(4, 4), torch.ones(1, 1)).bool())


def test_trimmed_mean_is_scipys():
    rng = np.random.default_rng(0)
    for count in (1, 2, 6, 7, 20):
        known = rng.normal(size=(count, 5))
        want = trim_mean(known, 0.15)
        assert np.allclose(rules.trimmed_mean(torch.from_numpy(known)).numpy(), want)


def test_frigate_compares_with_the_mean():
    """Each photo is at 45 degrees, similarity .71; their mean is the face itself."""
    profile = replace(profiles()["frigate"], threshold=0.9)
    face, known = torch.tensor([1.0, 0.0]), torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    assert rules.matched(profile, face, known) == 0
    assert rules.joins(profile, face, known)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("imich", "unknown app 'imich', expected some of deepface, .* did you mean immich"),
        ("", "unknown app '', expected some of"),
        ("immich=", "has no target behind =, expected immich=card:PATH.json"),
        ("=dlib", "unknown app ''"),
    ],
)
def test_unknown_apps(word, message):
    with pytest.raises(ValueError, match=message):
        split(word)


def test_previews_are_named_once():
    assert previews(("immich", "ente", "immich=dlib")) == ("immich-preview",)


@pytest.mark.parametrize("name", DLIB_APPS)
def test_apps_of_dlib_are_ready(homes, name):
    found = app(name)
    assert (found.network, found.exact, found.why) == ("dlib", True, "")
    target = registry.load(f"app:{name}", offline=True)
    assert isinstance(target, DlibTarget)
    assert (target.card.name, target.card.threshold) == (f"app:{name}", profiles()[name].threshold)
    assert profiles()[name].look in [look.name for look in target.looks]


def test_a_network_that_is_not_here(homes):
    found = app("frigate")
    assert found.network is None
    assert "is not on this machine" in found.why
    assert "frigate=facenet-vggface2 downloads what stands in for it" in found.why
    assert "frigate=card:PATH.json" in found.why
    with pytest.raises(FileNotFoundError, match=r"app frigate: its network .* is not on this machine"):
        registry.find("app:frigate")


def test_a_network_that_is_pointed_at(mine, face, noise):
    assert app(f"immich={mine}").network == mine
    target = registry.load(f"app:frigate={mine}", offline=True)
    assert (target.card.template, target.card.unit, target.card.threshold) == (
        "eyes",
        "cosine similarity",
        0.61,
    )
    image = noise(300, 400).requires_grad_()
    assert target.margin(image, target.known(image.detach(), face)).item() == pytest.approx(0.39, abs=1e-3)
    target.embed(image, face).sum().backward()
    assert float(image.grad.abs().sum()) > 0
    with pytest.raises(ValueError, match="target 'efficientnet-lite0' is a classifier, expected of faces"):
        app("immich=efficientnet-lite0")
    with pytest.raises(ValueError, match="unknown target 'nobody'"):
        app("immich=nobody")


def test_other_weights_stand_in(monkeypatch, mine):
    from mnd.targets.apps import target

    stand_in = replace(profiles()["ente"], stand_ins=(mine,))
    monkeypatch.setattr(target, "split", lambda word: (stand_in, ""))
    assert (app("ente").network, app("ente").exact) == (mine, False)


def test_apps_that_a_target_stands_for_are_no_second_target(mine):
    assert with_apps(["dlib"], DLIB_APPS) == ("dlib",)
    named = with_apps([mine], ["nextcloud-recognize", f"immich={mine}", f"frigate={mine}"])
    # who asks for a similarity below .3 asks for one below .5; the eyes are another alignment
    assert named == (mine, "app:nextcloud-recognize", f"app:frigate={mine}")
    assert with_apps(named, ["nextcloud-recognize"]) == named  # the second time nothing is added


def test_covering_asks_for_as_much():
    strict = replace(CARD, threshold=0.7)
    assert covers(strict, CARD)
    assert not covers(CARD, strict)
    assert not covers(CARD, replace(CARD, template="arcface112"))
    assert not covers(replace(CARD, judged_as=("aligned",)), CARD)
    alike = replace(CARD, unit="cosine similarity", threshold=0.3)
    assert covers(alike, replace(alike, threshold=0.5))  # who is below .3 is below .5
    assert not covers(alike, replace(alike, threshold=0.2))
