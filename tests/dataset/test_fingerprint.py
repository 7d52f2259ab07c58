"""Manifests of earlier versions still hold: the sum of the settings is made of values alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mnd.cloaking.settings import CloakSettings
from mnd.dataset import fingerprint
from mnd.dataset.settings import ProtectSettings

EARLIER: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"level": "minimum"}, {}, "8a8ea05442037f2c2490101b3a355ca90ce51bd7ff066323fdda710e249ee6b5"),
    ({"level": "robust", "seed": 3}, {}, "2c61dfeac39ed0573aaf8d68fbe9fd809d9f708e0752a7e997f9701e6f183cb5"),
    (
        {"level": "strong", "faces": "largest", "rho": 0.0, "steps": 12},
        {"no_face": "whole"},
        "d71964d156830ae112373e007bed130e7c50758733eccfbcb3edf3f67e5aa448",
    ),
    (
        {"level": "minimum", "whole": True, "targets": ("efficientnet-lite0",), "jpeg": (60, 90)},
        {},
        "c6fd39148634858fa4224280b1d89e080575c6a8c169821111907ce67e20f931",
    ),
    (
        {"level": "minimum", "box": (1, 2, 30, 40), "strip_names": True},
        {"no_face": "fail"},
        "9f2058f5e922fbf0fed44f710ac4d01e18878b86e7f11dd2ebaa4f7581910cc9",
    ),
]
"""Sums that were written when levels learnt to say how visible a face may be. Who changes a level's
numbers changes results, and writes its sums anew; who changes nothing but code does not."""


@pytest.mark.parametrize(("cloak", "protect", "known"), EARLIER)
def test_the_sum_of_the_settings_is_that_of_earlier_manifests(
    cloak: dict[str, Any], protect: dict[str, Any], known: str
):
    asked = CloakSettings(**({"targets": ("dlib",)} | cloak))
    settings, targets = fingerprint.named(asked, lambda *_: None)
    header = fingerprint.header(settings, ProtectSettings(**protect), targets, Path("photos"))
    assert header["settings_sha256"] == known
