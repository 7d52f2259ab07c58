"""Manifests of earlier versions still hold: the sum of the settings is made of values alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mnd.cloaking.settings import CloakSettings
from mnd.dataset import fingerprint
from mnd.dataset.settings import ProtectSettings

EARLIER: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"level": "minimum"}, {}, "b8e7e6577218a307d27d354654442be5166229f16f471a47bbc1d2328434b277"),
    ({"level": "robust", "seed": 3}, {}, "a9e46f47a0abbdf7f799c63d834d2feaf40051e99edbfc676d6efb721c6e1b08"),
    (
        {"level": "strong", "faces": "largest", "rho": 0.0, "steps": 12},
        {"no_face": "whole"},
        "1a5b01cbb403732d19f06d3326115d2545bb2cab88fda0b63a7aa94a02cdb205",
    ),
    (
        {"level": "minimum", "whole": True, "targets": ("efficientnet-lite0",), "jpeg": (60, 90)},
        {},
        "fb65c64904689ab92e52033d4f61d84d1c1e85342a8a38a51d974033f6436080",
    ),
    (
        {"level": "minimum", "box": (1, 2, 30, 40), "strip_names": True},
        {"no_face": "fail"},
        "4d895320aa9cfb5003e6231630de07aa6c5dbb48d31d7b7d6cb8aaf2d6b193d4",
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
