"""Attacks of one's own: a function, an `Attack`, a file, a package; and what is told of one that is none."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from mnd import attacks
from mnd.attacks import Attack, Problem, own
from mnd.base import plugins
from mnd.base.plugins import PluginError


def noise(problem, eps, seed):
    """Noise of eps grey levels."""
    generator = torch.Generator().manual_seed(seed)
    return (problem.x + eps / 255 * torch.randn(problem.x.shape, generator=generator).sign()).clamp(0, 1)


def problem(side: int = 8) -> Problem:
    mask = torch.zeros(1, 1, side, side)
    mask[..., : side // 2] = 1
    return Problem(
        torch.full((1, 3, side, side), 0.6), (lambda y: y.mean((1, 2, 3)) - 0.5,), (1.0,), mask=mask
    )


def written(folder: Path, code: str) -> str:
    (folder / "mine.py").write_text(code)
    return f"{folder / 'mine.py'}:noise"


CODE = "import torch\n\n\ndef noise(problem, headroom, seed):\n    return problem.x\n"


def test_a_function_is_an_attack():
    attack = own(noise)
    assert (attack.name, attack.title, attack.dial, attack.note) == (
        "noise",
        "noise",
        "eps",
        "Noise of eps grey levels.",
    )
    assert re.fullmatch(r"test_own\.py, sha256 [0-9a-f]{16}", attack.library)
    made = attack.run(problem(), 4.0, 0)
    assert torch.allclose((made - problem().x)[..., :4].abs(), torch.tensor(4 / 255))
    assert torch.equal(made[..., 4:], problem().x[..., 4:])  # outside the mask nothing changes


def test_a_file_is_loaded_once_and_anew_when_it_has_changed(tmp_path: Path):
    name = written(tmp_path, CODE)
    first, again = attacks.load(name), attacks.load(name)
    assert first.dial == "headroom"
    assert plugins.load(name) is plugins.load(name)
    written(tmp_path, CODE.replace("headroom", "eps"))
    assert attacks.load(name).dial == "eps"
    assert first.library == again.library != attacks.load(name).library
    assert attacks.load(f"{name}-shaken").name == "noise-shaken"


def test_a_module_and_an_attack_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own_package.py").write_text(
        "from mnd.attacks import Attack\n"
        "noise = Attack('soft', 'Soft', 'eps', (1.0, 2.0), 'me', 'mine', '',\n"
        "               lambda problem, eps, seed: problem.x)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    attack = attacks.load("own_package:noise")
    assert (attack.name, attack.sweep) == ("soft", (1.0, 2.0))


def test_the_entry_point_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    info = tmp_path / "their_attacks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-attacks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mnd.attacks]\ntheirs = their_attacks:run\nbroken = their_attacks:gone\n"
    )
    (tmp_path / "their_attacks.py").write_text("def run(problem, eps, seed):\n    return problem.x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert attacks.load("theirs").name == "theirs"
    with pytest.raises(ValueError, match="unknown attack 'their'; did you mean theirs"):
        attacks.load("their")
    with pytest.raises(
        PluginError, match=r"entry point broken = their_attacks:gone of their-attacks: .*gone"
    ):
        attacks.load("broken")


# what is none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "line", "told"),
    [
        ("import gone_module\n", 1, "cannot be imported: ModuleNotFoundError: No module named 'gone_module'"),
        ("x = 1\n\ndef noise(:\n", 3, "cannot be imported: SyntaxError"),
        ("x = 1\ny = x / 0\n", 2, "cannot be imported: ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", 2, "cannot be imported: SystemExit: 3"),
        (
            "\n\ndef noise(problem, strength, seed):\n    pass\n",
            3,
            r"takes \(problem, strength, seed\), expected \(pro",
        ),
        ("def noise(x):\n    pass\n", 1, r"takes \(x\), expected \(problem, eps, seed\)"),
        ("def noise(problem, eps, seed, *, more):\n    pass\n", 1, "and defaults for whatever follows"),
    ],
)
def test_code_that_is_no_attack_is_told_with_file_and_line(code: str, line: int, told: str, tmp_path: Path):
    name = written(tmp_path, code)
    with pytest.raises(PluginError, match=told) as caught:
        attacks.load(name)
    assert f"{tmp_path / 'mine.py'}:{line}: " in str(caught.value)


def test_what_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(PluginError, match="there is no such file"):
        attacks.load(f"{tmp_path / 'mine.py'}:noise")
    name = written(tmp_path, "def nose(problem, eps, seed):\n    pass\n")
    with pytest.raises(PluginError, match=r"has no 'noise', expected one of nose"):
        attacks.load(name)
    with pytest.raises(PluginError, match="is no attack, expected an Attack or a function"):
        attacks.load(written(tmp_path, "noise = 3\n"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("x[..., :4]", r"gave a tensor \(1, 3, 8, 4\) of torch.float32, expected a tensor \(1, 3, 8, 8\)"),
        ("x.byte()", "gave a tensor .* of torch.uint8, expected a tensor"),
        ("x.numpy()", "gave ndarray, expected a tensor"),
        ("None", "gave NoneType"),
        ("x + 1", "gave values from 1.6 to 1.6"),
        ("x * float('nan')", "gave values from nan"),
    ],
)
def test_what_is_no_picture_is_told_with_file_and_line(given: str, told: str, tmp_path: Path):
    code = f"import torch\n\ndef noise(problem, eps, seed):\n    x = problem.x\n    return {given}\n"
    attack = attacks.load(written(tmp_path, code))
    with pytest.raises(PluginError, match=told) as caught:
        attack.run(problem(), 1.0, 0)
    assert f"{tmp_path / 'mine.py'}:3: " in str(caught.value)


def test_a_fault_in_an_attack_is_told_with_its_line(tmp_path: Path):
    attack = attacks.load(written(tmp_path, "def noise(problem, eps, seed):\n    y = 1\n    return y / 0\n"))
    with pytest.raises(
        RuntimeError, match=rf"noise, {re.escape(str(tmp_path))}/mine.py:3: ZeroDivisionError"
    ):
        attack.run(problem(), 1.0, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "../x"), ("name", ""), ("dial", "level"), ("sweep", ()), ("sweep", (2.0, 1.0))],
)
def test_fields_that_cannot_be(field: str, value: object):
    fields = {"name": "a", "title": "A", "dial": "eps", "sweep": (1.0,), "run": noise}
    fields |= {"source": "", "library": "", "note": ""} | {field: value}
    with pytest.raises(PluginError, match=f"{field} is "):
        own(Attack(**fields))  # type: ignore[arg-type]


def test_no_entry_points_are_loaded_until_one_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    def refuse(self: EntryPoint) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(EntryPoint, "load", refuse)
    assert attacks.load("mi-fgsm").name == "mi-fgsm"
