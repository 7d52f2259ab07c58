"""A network and labels of your own: the least noticeable change after which another class wins.

python examples/own_model.py
"""

import torch
from torch import nn

import mnd
from mnd.losses import classifier_margin

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 10)
)
model.eval().requires_grad_(False)  # what it wants to see of a picture in [0, 1] belongs inside of it

x = (torch.rand(4, 3, 64, 64) * 255).round() / 255  # (B, 3, H, W) in [0, 1], on the 256 grey levels of a file
labels = model(x).argmax(1)

search = mnd.MND(settings=mnd.SearchSettings(steps=40))
result = search(x, classifier_margin(model, labels))

changed = model(result.image).argmax(1)
for label, other, fooled, y, clean in zip(labels, changed, result.success, result.image, x, strict=True):
    levels = (y - clean).abs().max() * 255
    print(f"class {int(label)} -> {int(other)}: fooled {bool(fooled)}, at most {levels:.0f} grey levels")
