"""Many pictures at once, on a GPU where there is one: each is searched for by itself, in one batch.

python examples/batch_on_gpu.py [HOW MANY]

For photos as files there is `mnd protect`, which has a worker for each GPU.
"""

import sys
import time

import torch

import mnd
from mnd.base.runtime import pick_device
from mnd.losses import standard
from mnd.losses.standard import RHO
from mnd.targets import load

device = pick_device("auto")
many = int(sys.argv[1]) if len(sys.argv) > 1 else 64

torch.manual_seed(0)
coarse = torch.rand(many, 3, 16, 16)
x = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)
x = ((x * 255).round() / 255).to(device)

target = load("efficientnet-lite0", device, offline=True)
reference = target.refer(x)  # the class that each picture has while it is clean

start = time.perf_counter()
search = mnd.MND(standard(RHO, device), mnd.SearchSettings(steps=40))
result = search(x, lambda y: target.margin(y, reference))
seconds = time.perf_counter() - start

fooled = int(result.success.sum())
print(f"{device}: {fooled} of {many} pictures fool it, {many / seconds:.1f} pictures a second")
