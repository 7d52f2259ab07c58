"""The packaged surrogate: what its card says, who attacks it, and that it knows faces."""

from __future__ import annotations

import json

import pytest
import skimage.data
import torch

from mnd.channel import to_tensor
from mnd.cloaking.panel import Panel
from mnd.cloaking.settings import CloakSettings
from mnd.faces.detector import Detector
from mnd.targets import registry
from mnd.targets.surrogate import FOLDER


def test_it_is_small_and_says_how_it_was_made():
    card, path = registry.find("surrogate").card, FOLDER / "surrogate.safetensors"
    assert card.surrogate
    assert card.licence == "Apache-2.0"
    assert "train_surrogate.py" in card.source
    assert path.stat().st_size < 4e6
    log = (FOLDER / "surrogate.log.jsonl").read_text().splitlines()
    first, last = (json.loads(line)["loss"] for line in (log[0], log[-1]))
    assert last < first


def test_strong_alone_attacks_it_unasked():
    assert "surrogate" not in registry.default_names()
    assert "surrogate" in registry.default_names(surrogates=True)
    for level in ("minimum", "robust", "strong"):
        names = Panel(CloakSettings(level=level, offline=True), lambda *_: None).names
        assert ("surrogate" in names) == (level == "strong")
    assert Panel(CloakSettings(("dlib",), level="strong", offline=True), lambda *_: None).names == ["dlib"]


def test_it_knows_a_face_in_the_mirror_and_no_noise():
    target = registry.load("surrogate", offline=True)
    photo = skimage.data.astronaut()
    [face] = Detector()(photo)
    landmarks, image = torch.from_numpy(face.landmarks.copy())[None], to_tensor(photo)
    with torch.no_grad():
        chips = target.chips(image, landmarks)
        noise = torch.rand(chips.shape, generator=torch.Generator().manual_seed(0))
        own, mirrored, other = target.embed_chips(torch.cat([chips, chips.flip(3), noise]))
        near, far = (float(target.compare(own[None], it[None, None])) for it in (mirrored, other))
    assert near > 0 > far  # margins: above 0 it is the same person


@pytest.mark.parametrize("value", ["yes", 1])
def test_a_card_says_true_or_false(tmp_path, value):
    card = json.loads((FOLDER / "surrogate.json").read_text()) | {"surrogate": value}
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match="surrogate is"):
        registry.find(f"card:{tmp_path / 'card.json'}")
