"""Small sets of judged triplets."""

import numpy as np
from PIL import Image


def write_set(root, train=8, val=5, size=64):
    """A small set in BAPPS's layout: photos with white noise of two strengths, the weaker judged nearer."""
    from skimage import data

    photos, rng = [data.astronaut(), data.coffee(), data.chelsea()], np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for subset in ("cnn", "traditional"):
            for kind in ("ref", "p0", "p1", "judge"):
                (root / split / subset / kind).mkdir(parents=True)
            for i in range(count // 2 + (subset == "cnn") * (count % 2)):
                photo = photos[i % 3]
                top, left = (rng.integers(side - size) for side in photo.shape[:2])
                ref = photo[top : top + size, left : left + size]
                noise = np.exp(rng.uniform(0.5, 3, 2))
                shown = {"ref": ref, **{k: ref + v * rng.normal(size=ref.shape) for k, v in
                                        zip(("p0", "p1"), noise, strict=True)}}  # fmt: skip
                for kind, pixels in shown.items():
                    pixels = np.clip(pixels, 0, 255).round().astype(np.uint8)
                    Image.fromarray(pixels).save(root / split / subset / kind / f"{i:06}.png")
                share = np.array([noise[0] ** 2 / (noise**2).sum()], dtype=np.float32)
                np.save(root / split / subset / "judge" / f"{i:06}.npy", share)
    return root
