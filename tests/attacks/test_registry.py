"""The list of attacks, and what happens without foolbox."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from mnd import attacks
from mnd.attacks.foolbox import RECIPES

FREE = [name for name in attacks.NAMES if name not in RECIPES]


@pytest.mark.parametrize("name", attacks.NAMES)
def test_every_attack_describes_itself(name, foolbox):
    attack = attacks.load(name)
    assert attack.name == name
    assert attack.sweep == tuple(sorted(set(attack.sweep)))
    assert attack.dial in ("eps", "headroom")
    assert attack.sweep[0] == (1.0 if attack.dial == "eps" else 0.0)
    assert re.search(r"\d{4}\.\d{4,5}", attack.source)
    assert attack.title
    assert attack.note
    assert attack.library == (f"foolbox {foolbox.__version__}" if name in RECIPES else "mnd")


def test_an_attack_is_there_shaken_too():
    assert attacks.load("ddn-100-shaken").name == "ddn-shaken"
    with pytest.raises(ValueError, match="unknown attack 'zzz'"):
        attacks.load("zzz-shaken")


def test_titles_differ(foolbox):
    titles = [attacks.load(name).title for name in attacks.NAMES]
    assert len(set(titles)) == len(titles)


def test_an_unknown_attack_is_refused():
    with pytest.raises(
        ValueError, match=r"unknown attack 'ddn-4'; did you mean ddn-40\? There are mnd, mnd-40, mnd-plain, "
    ):
        attacks.load("ddn-4")
    with pytest.raises(ValueError, match=r"unknown attack 'zzz'. There are .*, perc-al, FILE.py:NAME$"):
        attacks.load("zzz")


@pytest.mark.parametrize("name", RECIPES)
def test_without_foolbox_its_attacks_say_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "foolbox", None)
    with pytest.raises(ModuleNotFoundError, match=r'not installed .*: pip install "mnd-cloak\[anchors\]"$'):
        attacks.load(name)


def test_without_foolbox_the_others_are_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "foolbox", None)
    assert [attacks.load(name).library for name in FREE] == ["mnd"] * len(FREE)


def test_foolbox_leaves_the_environment_as_it_was(monkeypatch, foolbox):
    import os

    for value in (None, "warn"):
        if value is None:
            monkeypatch.delenv("GIT_PYTHON_REFRESH", raising=False)
        else:
            monkeypatch.setenv("GIT_PYTHON_REFRESH", value)
        attacks.load("pgd")
        assert os.environ.get("GIT_PYTHON_REFRESH") == value


def test_the_list_costs_nothing():
    code = "import sys, mnd.attacks as a; print(*({'torch', 'foolbox'} & set(sys.modules)), a.NAMES[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mnd"]


def test_names_of_the_package():
    assert attacks.Problem.__name__ == "Problem"
    assert attacks.Counted.__name__ == "Counted"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = attacks.nothing
