"""A face recogniser of your own by its card: a JSON file beside its weights, and no code.

python examples/own_recogniser.py [OUT]

The network here is a MobileFaceNet with random weights, so what it says of faces means nothing; with your own
file the card is the same.
"""

import json
import sys
from pathlib import Path

import skimage.data
import torch
from PIL import Image
from safetensors.torch import save_file

import mnd
from mnd.targets.mobilefacenet import MobileFaceNet

out = Path(sys.argv[1] if len(sys.argv) > 1 else "own-recogniser")
out.mkdir(parents=True, exist_ok=True)

torch.manual_seed(0)
weights = MobileFaceNet(128).state_dict()
save_file({name: tensor.contiguous() for name, tensor in weights.items()}, out / "mine.safetensors")
card = {
    "name": "mine", "kind": "face", "architecture": "mobilefacenet", "weights": "mine.safetensors",
    "size": [112, 112], "template": "arcface112", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
    "unit": "cosine similarity", "threshold": 0.3, "threshold_at": "a guess",
    "licence": "CC0-1.0", "source": "random numbers",
}  # fmt: skip
(out / "mine.json").write_text(json.dumps(card, indent=1))

Image.fromarray(skimage.data.astronaut()[:256, 100:356]).save(out / "photo.png")
cloaker = mnd.Cloaker(
    mnd.CloakSettings(
        targets=(f"card:{out / 'mine.json'}",), level="minimum", steps=10, rho=0.0, keep_best=True
    )
)
record = cloaker.photo(out / "photo.png", overwrite=True)
said = record["regions"][0]["targets"]["mine"]
print(
    f"{record['output']}: {said['unit']} {said['before']:.3f} -> {said['after']:.3f}, fooled {said['fooled']}"
)
print("random numbers take all faces for one, so nothing fools them; put your own weights and threshold in")
