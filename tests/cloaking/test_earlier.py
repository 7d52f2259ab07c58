"""Earlier results: what was too visible then is not called protected now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from mnd.cloaking.earlier import done_already
from mnd.cloaking.settings import CloakSettings

ROBUST = CloakSettings(level="robust")


class Judge:
    """Says of every file that nobody matches it, and how it looks."""

    def __init__(self, ssim: float, iris: float) -> None:
        self.record: dict[str, Any] = {
            "protected": True, "status": "protected", "error": None, "compared": {}, "output": None,
            "regions": [{"kind": "face", "box": [1, 2, 30, 40]}],
            "quality": {"regions": [{"ssim": ssim, "appearance": {"iris": iris, "stitches": 0}}]},
        }  # fmt: skip

    def judged(self, *_args: object) -> dict[str, Any]:
        return self.record


@pytest.mark.parametrize(
    ("ssim", "iris", "settings", "why"),
    [
        (0.97, 0.4, ROBUST, ""),
        (0.80, 0.4, ROBUST, "SSIM 0.8000, expected at least 0.93"),
        (0.97, 9.0, ROBUST, "iris whose colour moved by 9.0"),
        (0.97, 0.4, replace(ROBUST, least_ssim=0.98), "expected at least 0.98"),
        (0.80, 0.4, replace(ROBUST, least_ssim=0.7), ""),
    ],
)
def test_what_may_be_seen_is_asked_again(tmp_path, ssim, iris, settings, why):
    path, out = tmp_path / "a.png", tmp_path / "a.cloaked.png"
    pixels = data.astronaut()[:64, :64]
    Image.fromarray(pixels).save(path)
    Image.fromarray((pixels ^ 1).astype(np.uint8)).save(out)
    record = done_already(path, out, settings, lambda: Judge(ssim, iris))  # type: ignore[arg-type,return-value]
    assert record is not None
    assert record["protected"] is (not why)
    if why:
        assert record["error"]["kind"] == "exists"
        assert why in record["error"]["message"]
    else:
        assert record["status"] == "skipped"
