"""The settings of a cloak refuse what they do not know."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import subprocess
import sys

import pytest

from mnd import settings
from mnd.settings import CloakSettings


def test_defaults():
    s = CloakSettings()
    assert (s.targets, s.level, s.faces, s.seed, s.device, s.offline) == (
        (),
        "minimum",
        "all",
        0,
        "auto",
        False,
    )
    assert s.box is None
    assert s.gallery is None
    assert not s.whole


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CloakSettings().seed = 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "robust"}, "'robust' is not there yet"),
        ({"level": "strong"}, "'strong' is not there yet"),
        ({"level": "weak"}, "level is 'weak', expected one of minimum, robust, strong"),
        ({"device": "tpu"}, "device is 'tpu', expected one of auto, cpu, cuda, mps"),
        ({"steps": 0}, "steps is 0"),
        ({"headroom": -0.1}, "headroom is -0.1"),
        ({"headroom": 10}, "headroom is 10"),
        ({"headroom": float("nan")}, "headroom is nan"),
        ({"rho": -1.0}, "rho is -1"),
        ({"rho": float("nan")}, "rho is nan"),
        ({"rho": float("inf")}, "rho is inf"),
        ({"box": (0, 0, 9, 9), "whole": True}, "got a box and the whole picture"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CloakSettings(**options)


def test_every_field_is_described():
    """The attribute docstrings are the help of the command line: none may be missing."""
    tree = ast.parse(inspect.getsource(settings))
    (body,) = [n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "CloakSettings"]
    described = [
        node.target.id
        for node, after in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(node.target, ast.Name)
    ]
    assert described == [field.name for field in dataclasses.fields(CloakSettings)]


def test_needs_no_torch():
    code = "import sys, mnd.settings; print('torch' in sys.modules, 'numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "False"]
