"""Manifests of earlier versions still hold: the sum of the settings is made of values alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mnd.cloaking.settings import CloakSettings
from mnd.dataset import fingerprint
from mnd.dataset.settings import ProtectSettings

EARLIER: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"level": "minimum"}, {}, "f6c9b73ed539a7a6bc28ef75cf40357ee923dfbc53de3e9026ba6235e5bec87f"),
    ({"level": "robust", "seed": 3}, {}, "b28dec3241b6c6bf5bb972ba26f9de96b0fa45868fa63245f9f734b2bfd7f326"),
    (
        {"level": "strong", "faces": "largest", "rho": 0.0, "steps": 12},
        {"no_face": "whole"},
        "28075cb800a76d63849e53cd55ca66d0d399603f1bea30035382eefb680a6f1f",
    ),
    (
        {"level": "minimum", "whole": True, "targets": ("efficientnet-lite0",), "jpeg": (60, 90)},
        {},
        "f8167b390ce3d6a9f7d9ba743cd9b1fdf3c4c037a8d0049ad0cfef93704f8d42",
    ),
    (
        {"level": "minimum", "box": (1, 2, 30, 40), "strip_names": True},
        {"no_face": "fail"},
        "7d1335bc1ee350d0235a26a3a3f1c06c7f9f592ffd51306b7af15df818b6f2a2",
    ),
]
"""Sums that were written before the code was moved into its present rooms. Who changes a level's numbers
changes results, and writes its sums anew; who changes nothing but code does not."""


@pytest.mark.parametrize(("cloak", "protect", "known"), EARLIER)
def test_the_sum_of_the_settings_is_that_of_earlier_manifests(
    cloak: dict[str, Any], protect: dict[str, Any], known: str
):
    asked = CloakSettings(**({"targets": ("dlib",)} | cloak))
    settings, targets = fingerprint.named(asked, lambda *_: None)
    header = fingerprint.header(settings, ProtectSettings(**protect), targets, Path("photos"))
    assert header["settings_sha256"] == known
