"""The settings of a cloak refuse what they do not know."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from mnd.cloaking import levels, settings
from mnd.cloaking.settings import CloakSettings

NAN = float("nan")


def test_defaults():
    s = CloakSettings()
    assert (s.targets, s.level, s.faces, s.seed, s.device, s.offline) == (
        (),
        "robust",
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
        ({"level": "weak"}, "level is 'weak', expected one of minimum, robust, strong"),
        ({"device": "tpu"}, "device is 'tpu', expected one of auto, cpu, cuda, mps"),
        ({"withstand": ("signl",)}, "there is no way of sharing 'signl', expected some of signal, "),
        ({"withstand": "signal,"}, "there is no way of sharing '', expected some of signal, "),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"steps": NAN}, "steps is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"jpeg": 70}, "jpeg is 70, expected two rising"),
        ({"jpeg": (70.5, 95)}, "jpeg is"),
        ({"scale": 0.5}, "scale is 0.5, expected two rising"),
        ({"headroom": -0.1}, "headroom is -0.1, expected a share from -0.05 to 10"),
        ({"headroom": 10.1}, "headroom is 10.1"),
        ({"headroom": NAN}, "headroom is nan"),
        ({"jitter": -0.01}, "jitter is -0.01, expected a share from 0 to 0.5"),
        ({"jitter": 0.51}, "jitter is 0.51"),
        ({"jitter": NAN}, "jitter is nan"),
        ({"flips": -0.1}, "flips is -0.1, expected a share from 0 to 1"),
        ({"flips": 1.1}, "flips is 1.1"),
        ({"flips": NAN}, "flips is nan"),
        ({"least_ssim": -0.1}, "least_ssim is -0.1, expected a share from 0 to 1"),
        ({"least_ssim": 1.01}, "least_ssim is 1.01"),
        ({"least_ssim": NAN}, "least_ssim is nan"),
        ({"most_iris": -0.1}, "most_iris is -0.1, expected a finite number >= 0"),
        ({"most_iris": NAN}, "most_iris is nan"),
        ({"most_stitches": -1}, "most_stitches is -1, expected a whole number from 0"),
        ({"most_stitches": 0.5}, "most_stitches is 0.5"),
        ({"draws": -1}, "draws is -1, expected a whole number from 0 to 16"),
        ({"draws": 17}, "draws is 17"),
        ({"looks": 0}, "looks is 0, expected a whole number from 1 to 64"),
        ({"looks": 1.5}, "looks is 1.5"),
        ({"draws": NAN}, "draws is nan"),
        ({"spread": -0.1}, "spread is -0.1, expected a finite number >= 0"),
        ({"spread": float("inf")}, "spread is inf"),
        ({"spread": NAN}, "spread is nan"),
        ({"flat": -0.1}, "flat is -0.1, expected a finite number >= 0"),
        ({"reference": "furthest"}, "reference is 'furthest', expected one of nearest, both, mean"),
        ({"reference": ""}, "reference is '', expected one of"),
        ({"jpeg": (95, 70)}, r"jpeg is \(95, 70\), expected two rising qualities from 1 to 100"),
        ({"jpeg": (0, 70)}, r"jpeg is \(0, 70\)"),
        ({"jpeg": (70, 101)}, r"jpeg is \(70, 101\)"),
        ({"jpeg": (NAN, 95)}, r"jpeg is \(nan, 95\)"),
        ({"jpeg": (70, NAN)}, r"jpeg is \(70, nan\)"),
        ({"jpeg": (70,)}, r"jpeg is \(70,\)"),
        ({"jpeg": (70, 80, 90)}, r"jpeg is \(70, 80, 90\)"),
        ({"jpeg": ()}, r"jpeg is \(\)"),
        ({"scale": (0.6, 0.5)}, r"scale is \(0.6, 0.5\), expected two rising shares above 0, up to 1"),
        ({"scale": (0.0, 0.5)}, r"scale is \(0.0, 0.5\)"),
        ({"scale": (0.5, 1.1)}, r"scale is \(0.5, 1.1\)"),
        ({"scale": (NAN, 1.0)}, r"scale is \(nan, 1.0\)"),
        ({"scale": (0.5, NAN)}, r"scale is \(0.5, nan\)"),
        ({"scale": (0.5,)}, r"scale is \(0.5,\)"),
        ({"scale": (0.4, 0.5, 0.6)}, r"scale is \(0.4, 0.5, 0.6\)"),
        ({"rho": -1.0}, "rho is -1"),
        ({"rho": NAN}, "rho is nan"),
        ({"rho": float("inf")}, "rho is inf"),
        ({"box": (0, 0, 9, 9), "whole": True}, "got a box and the whole picture"),
        ({"box": (0, 0, 9)}, r"box is \(0, 0, 9\), expected four numbers X0,Y0,X1,Y1 in pixels"),
        ({"box": (0, 0, 9, "x")}, "expected four numbers X0,Y0,X1,Y1 in pixels"),
        ({"box": "0,0,9,9"}, "box is '0,0,9,9', expected four numbers"),
        ({"box": 7}, "box is 7, expected four numbers"),
        ({"box": ()}, r"box is \(\), expected four numbers"),
        ({"box": ((0, 0, 9, 9), (1, 2, 3))}, r"box is \(1, 2, 3\), expected four numbers"),
        ({"box": ((0, 0, 9, 9), 7)}, "expected four numbers"),
        ({"box": (9, 0, 0, 9)}, "expected X0,Y0,X1,Y1 with 0 <= X0 < X1 and 0 <= Y0 < Y1"),
        ({"box": ((0, 0, 9, 9), (0, -1, 9, 9))}, r"box is \(0, -1, 9, 9\), expected X0,Y0,X1,Y1 with"),
        ({"box": (0, 0, NAN, 9)}, "expected X0,Y0,X1,Y1 with"),
        ({"box": (0, 0, float("inf"), 9)}, "expected X0,Y0,X1,Y1 with"),
        ({"faces": "some"}, "faces is 'some', expected all, largest, none, or numbers such as 0,2"),
        ({"faces": "-1"}, "faces is '-1'"),
        ({"faces": ""}, "faces is ''"),
        ({"faces": "0,"}, "faces is '0,'"),
        ({"faces": "none"}, "faces is none and there is no box, expected a box that says where a face is"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CloakSettings(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"level": "robust"},
        {"level": "strong"},
        {"headroom": 0},
        {"headroom": -0.05},
        {"headroom": 10},
        {"jitter": 0.0},
        {"jitter": 0.5},
        {"flips": 0},
        {"flips": 1},
        {"least_ssim": 0},
        {"least_ssim": 1},
        {"most_iris": 0},
        {"most_stitches": 0},
        {"draws": 0},
        {"draws": 16},
        {"looks": 64},
        {"spread": 0},
        {"flat": 0},
        {"jpeg": (1, 100)},
        {"jpeg": (75, 75)},
        {"scale": (0.01, 1)},
        {"scale": (1, 1)},
        {"keep_best": True},
        *({"faces": which} for which in ("all", "largest", "0", "0,2", "2, 0")),
        {"box": (0, 0, 9, 9)},
        {"box": ((0, 0, 9, 9), (5, 5, 6.5, 7))},
        *({"reference": kind} for kind in ("nearest", "both", "mean")),
    ],
)
def test_ends_of_ranges_belong_to_them(options):
    (name,) = options
    assert getattr(CloakSettings(**options), name) == options[name]


@pytest.mark.parametrize("level", ["minimum", "robust", "strong"])
def test_what_is_not_given_is_the_levels(level):
    """None of the level's numbers is fixed before the level is known; `mnd.cloaking.levels` has them."""
    chosen = CloakSettings(level=level)
    of_the_level = {field.name for field in dataclasses.fields(levels.Plan)} & {
        field.name for field in dataclasses.fields(CloakSettings)
    }
    assert of_the_level == {
        "steps", "headroom", "jitter", "misplaced", "flips", "reference", "draws", "looks", "jpeg", "scale",
        "spread", "flat", "least_ssim", "most_iris", "most_stitches", "level",
    }  # fmt: skip
    assert all(getattr(chosen, name) is None for name in of_the_level - {"level"})
    assert chosen.plan == levels.PLANS[level, False]
    assert dataclasses.replace(chosen, gallery=Path("g")).plan == levels.PLANS[level, True]


def test_boxes():
    one, other = (0, 0, 9, 9), (5, 5, 6.5, 7)
    assert CloakSettings().boxes == ()
    assert CloakSettings(box=one).boxes == CloakSettings(box=list(one)).boxes == (one,)
    assert (
        CloakSettings(box=(one, other)).boxes == CloakSettings(box=[one, list(other)]).boxes == (one, other)
    )
    assert CloakSettings(box=one, faces="none").faces == "none"
    assert CloakSettings(whole=True, faces="none").whole


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


def test_the_weight_of_r_lpips_is_that_of_the_standard_distance():
    """It stands twice, since the settings must not import what imports torch."""
    from mnd.losses.standard import RHO

    assert CloakSettings().rho == RHO


def test_needs_no_torch():
    code = "import sys, mnd.cloaking.settings; print('torch' in sys.modules, 'numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "False"]


@pytest.mark.parametrize("level", ["robust", "strong"])
def test_of_a_large_photo_sharing_means_a_messenger_too(level):
    """Half of 4000 pixels is more than Signal keeps: what holds after half size says nothing of it."""
    settings = CloakSettings(level=level)
    small, large = (settings.plan_for(False, size).withstands for size in ((2400, 3200), (3000, 4000)))
    assert small == settings.plan.withstands
    assert large == (*settings.plan.withstands, "signal")
    asked = CloakSettings(level=level, withstand=("signal", "telegram")).plan_for(False, (3000, 4000))
    assert asked.withstands == (*settings.plan.withstands, "signal", "telegram")


def test_what_a_large_photo_is_promised_is_the_levels_whatever_the_search_draws():
    """`mnd check` knows the level, not how somebody has searched."""
    for scale in ((0.3, 0.6), (0.9, 1.0)):
        asked = CloakSettings(scale=scale)
        assert "signal" in asked.plan_for(False, (3000, 4000)).withstands
        assert "signal" not in asked.plan_for(False, (1200, 1800)).withstands


def test_a_level_that_promises_no_sharing_asks_for_none_of_a_large_photo():
    assert CloakSettings(level="minimum").plan_for(False, (3000, 4000)).withstands == ()


def test_a_setting_that_there_is_not_is_told_with_what_is_near():
    with pytest.raises(TypeError, match="no setting 'levl'; did you mean level"):
        CloakSettings.of(None, {"levl": "minimum"})
