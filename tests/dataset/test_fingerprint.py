"""Manifests of earlier versions still hold: the sum of the settings is made of values alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mnd.cloaking.settings import CloakSettings
from mnd.dataset import fingerprint
from mnd.dataset.settings import ProtectSettings

EARLIER: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"level": "minimum"}, {}, "6434a0a1fc36fdbb57ba09aa146cb929f7fc838dd674342cf44be44b421910a6"),
    ({"level": "robust", "seed": 3}, {}, "588b54d8f3e835ab95736b442c4409a9dd04b96f5b60e571b87513d47f3e2948"),
    (
        {"level": "strong", "faces": "largest", "rho": 0.0, "steps": 12},
        {"no_face": "whole"},
        "1a5b01cbb403732d19f06d3326115d2545bb2cab88fda0b63a7aa94a02cdb205",
    ),
    (
        {"level": "minimum", "whole": True, "targets": ("efficientnet-lite0",), "jpeg": (60, 90)},
        {},
        "544bd994549c77cf832fd205b734431ff9537859ac7d7325603e691fa423ee10",
    ),
    (
        {"level": "minimum", "box": (1, 2, 30, 40), "strip_names": True},
        {"no_face": "fail"},
        "a4723282491aa446a024e2a8dedca0046f03b6112eb46e706f9a6df2a7d347eb",
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
