"""The lowest versions, as constraints: every requirement has a bound that a script can read."""

from __future__ import annotations

import pytest
from lower_bounds import ROOT, TESTS, lowest, requirements


def test_every_requirement_has_a_lower_bound():
    extras = ["anchors", "dev", "docs", "frbench", "heic", "onnx", "parquet", "ray", "timm"]
    told = list(lowest(requirements(extras)))
    assert len(told) > 30
    assert "torch==2.3" in told
    assert all("==" in line for line in told)


def test_a_package_has_one_lower_bound():
    """What `dev` asks for is what the extras ask for."""
    bounds: dict[str, set[str]] = {}
    for line in lowest(requirements(["anchors", "dev", "docs", "heic", "onnx", "parquet", "ray", "timm"])):
        name, _, version = line.partition("==")
        bounds.setdefault(name, set()).add(version.partition(";")[0])
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}


def test_the_tests_are_there():
    assert all((ROOT / path).exists() for path in TESTS)


def test_what_cannot_be_read_is_named():
    with pytest.raises(SystemExit, match=r"got the requirement 'torch', expected NAME>=VERSION"):
        list(lowest(["torch"]))
    with pytest.raises(SystemExit, match=r"got the extras \['gpu'\], expected some of anchors"):
        requirements(["gpu"])
