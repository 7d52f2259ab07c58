"""Manifests of earlier versions still hold: the sum of the settings is made of values alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mnd.cloaking.settings import CloakSettings
from mnd.dataset import fingerprint
from mnd.dataset.settings import ProtectSettings

EARLIER: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"level": "minimum"}, {}, "ad8932f3bcd3418dd02af5ddaa1845bd88a5c5407108bf08232de93527f5a855"),
    ({"level": "robust", "seed": 3}, {}, "127f2edc237198b13e124947f5a50dd7a58badade546883d95e9dc7373d63a1c"),
    (
        {"level": "strong", "faces": "largest", "rho": 0.0, "steps": 12},
        {"no_face": "whole"},
        "9ca2896a1f8368e86be2b38acf849f3f5bd9654ea1afbf5d52ddadd6a9ffc28a",
    ),
    (
        {"level": "minimum", "whole": True, "targets": ("efficientnet-lite0",), "jpeg": (60, 90)},
        {},
        "5e004b168085d32dd612783182c774c60d83d4397b391559e6b8a5e6800477ac",
    ),
    (
        {"level": "minimum", "box": (1, 2, 30, 40), "strip_names": True},
        {"no_face": "fail"},
        "655528bbc4d2fbc250dfd367ed65d40945afd4dd8382597300e13e21b0e92a61",
    ),
]
"""Sums that were written when levels learnt to leave colours and features as they are. Who changes a level's
numbers changes results, and writes its sums anew; who changes nothing but code does not."""


@pytest.mark.parametrize(("cloak", "protect", "known"), EARLIER)
def test_the_sum_of_the_settings_is_that_of_earlier_manifests(
    cloak: dict[str, Any], protect: dict[str, Any], known: str
):
    asked = CloakSettings(**({"targets": ("dlib",)} | cloak))
    settings, targets = fingerprint.named(asked, lambda *_: None)
    header = fingerprint.header(settings, ProtectSettings(**protect), targets, Path("photos"))
    assert header["settings_sha256"] == known
