"""The public names and the options of the command change only on purpose: `api_surface.json` has them all.

`python tests/test_api_surface.py` writes the file anew.
"""

from __future__ import annotations

import builtins
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SURFACE = Path(__file__).with_name("api_surface.json")
MODULES = (
    "mnd", "mnd.attacks", "mnd.channel", "mnd.cloaking", "mnd.dataset", "mnd.evaluation", "mnd.faces",
    "mnd.losses", "mnd.metrics", "mnd.optimizer", "mnd.photo", "mnd.study", "mnd.targets",
)  # fmt: skip
COMMANDS = (
    "cloak",
    "check",
    "measure",
    "faces",
    "protect",
    "evaluate",
    "study create",
    "study score",
    "targets",
    "demo",
    "doctor",
    "schema",
)


def options(command: str) -> list[str]:
    from mnd import cli

    app = cli.app
    for word in command.split():
        app = app[word]
    names = app.assemble_argument_collection(default_parameter=cli.app.default_parameter)
    # the star is a group of options, each of which is there too
    return sorted({name for argument in names for name in argument.names} - {"*"})


def surface() -> dict[str, list[str]]:
    modules = {name: sorted(importlib.import_module(name).__all__) for name in MODULES}
    return modules | {f"mnd {command}": options(command) for command in COMMANDS}


@pytest.mark.parametrize("part", [*MODULES, *(f"mnd {command}" for command in COMMANDS)])
def test_public_names_are_those_that_are_written_down(part: str):
    assert surface()[part] == json.loads(SURFACE.read_text())[part], (
        "changed on purpose? python tests/test_api_surface.py"
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_there(module: str):
    loaded = importlib.import_module(module)
    assert len(set(loaded.__all__)) == len(loaded.__all__)
    for name in loaded.__all__:
        assert getattr(loaded, name) is not None
        assert name in dir(loaded)


def test_nothing_that_was_promised_is_gone():
    """The file only grows: what it had when the rooms were made is still in it."""
    now = json.loads(SURFACE.read_text())
    assert {"Cloaker", "Checker", "MND", "cloak", "check", "protect", "evaluate", "PhotoError"} <= set(
        now["mnd"]
    )
    assert {"NAMES", "load", "Problem"} <= set(now["mnd.attacks"])
    assert {"ssim", "lpips", "RLPIPS", "Composite"} <= set(now["mnd.losses"])
    assert {"create", "score", "joined", "StudySettings"} <= set(now["mnd.study"])


def test_every_error_is_in_the_tree():
    """The docstring of `mnd.base.errors` names each, and each is what it says."""
    import mnd
    from mnd.base import errors

    told = dict(re.findall(r"\+- (\w+) \((\w+)\)", errors.__doc__ or ""))
    public = {name for name in mnd.__all__ if name.endswith("Error")} - {"MndError"}
    assert set(told) == public
    for name, base in told.items():
        assert issubclass(getattr(mnd, name), (mnd.MndError, getattr(builtins, base)))
        assert issubclass(getattr(mnd, name), getattr(builtins, base))


def test_an_unknown_name_is_an_attribute_error():
    import mnd

    with pytest.raises(AttributeError, match="'mnd' has no attribute 'cloakk'"):
        _ = mnd.cloakk


def test_importing_mnd_loads_nothing():
    code = "import sys, mnd; print(*(m for m in ('torch', 'numpy', 'PIL', 'cyclopts') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


if __name__ == "__main__":
    SURFACE.write_text(json.dumps(surface(), indent=1) + "\n")
