"""An attack of your own in a comparison: its saved files beside MI-FGSM's, each with the least that fools.

python examples/own_attack.py [OUT]
mnd evaluate --data OUT/photos --targets efficientnet-lite0 --attacks examples/own_attack.py:one_step -o NEW
"""

import json
import sys
from pathlib import Path

import skimage.data
import torch
from PIL import Image
from torch import Tensor

import mnd
from mnd.attacks import Problem


def one_step(problem: Problem, eps: float, seed: int) -> Tensor:
    """One step along the signs of the margin's slope, eps grey levels long."""
    del seed  # nothing here is left to chance
    x = problem.x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(problem.margin(x).sum(), x)
    return (problem.x - eps / 255 * slope.sign()).clamp(0, 1)


if __name__ == "__main__":
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "own-attack")
    (out / "photos").mkdir(parents=True, exist_ok=True)
    # a name begins with the number of the class: 967, an espresso
    Image.fromarray(skimage.data.coffee()).save(out / "photos" / "967_coffee.png")
    settings = mnd.EvaluationSettings(
        data=out / "photos",
        targets=("efficientnet-lite0",),
        attacks=("mi-fgsm", one_step),
        draws=0,
        offline=True,
    )
    page = mnd.evaluate(settings, out / "report")
    for line in map(json.loads, (page.parent / "results.jsonl").read_text().splitlines()):
        told = f"with {line['setting']:g} grey levels, SSIM {line['ssim']:.4f}"
        print(f"{line['attack']}: fooled {line['success']} {told}")
    print(f"open {page}")
