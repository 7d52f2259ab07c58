"""The name that pip knows this package by, everywhere, and another package's `mnd` over ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mnd
from mnd.base.distribution import DISTRIBUTION, EXTRAS, pip_install, refuse_stranger

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WRITTEN = {".py", ".md", ".html", ".toml", ".yml", ".yaml", ".json", ".txt", ".cff", ""}
PLACES = ("mnd", "docs", "scripts", "examples", ".ci", ".github")


def written() -> list[Path]:
    """All texts of the project but findings, which quote others, and tests."""
    inside = [path for place in PLACES for path in (ROOT / place).rglob("*")]
    files = [path for path in [*ROOT.iterdir(), *inside] if path.is_file() and path.suffix in WRITTEN]
    return [path for path in files if "__pycache__" not in path.parts]


def test_the_name_is_one():
    assert PROJECT["name"] == DISTRIBUTION == mnd.__distribution__
    assert PROJECT["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", mnd.__version__)


def test_no_text_tells_to_install_the_stranger():
    """`mnd[extra]` and `pip install mnd` are another package's."""
    stranger = re.compile(
        r"""\bmnd\[[a-z]|\b(pip|pipx|tool|uv) (install|add|run) (-\S+ )*["']?mnd(?![\w./-])"""
    )
    wrong = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in written()
        for line in path.read_text("utf-8", "replace").splitlines()
        if stranger.search(line)
    }
    assert wrong == set()


def test_no_code_words_the_advice_itself():
    """Every `pip install` that a program says is made by `pip_install`."""
    home = ROOT / "mnd" / "base" / "distribution.py"
    code = [path for path in (ROOT / "mnd").rglob("*") if path.suffix in (".py", ".html", ".js", ".json")]
    wrong = [
        str(path.relative_to(ROOT))
        for path in code
        if path != home and re.search(r"pip3? install|uv pip|pipx ", path.read_text("utf-8"))
    ]
    assert wrong == []


def test_every_advised_extra_is_there():
    advised = {
        extra
        for path in (ROOT / "mnd").rglob("*.py")
        for extra in re.findall(r"""pip_install\(['"]\[(\w+)\]""", path.read_text("utf-8"))
    }
    told = {
        extra
        for path in written()
        for extra in re.findall(rf"{DISTRIBUTION}\[(\w+)\]", path.read_text("utf-8", "replace"))
    }
    assert {"anchors", "onnx", "ray", "timm", "parquet"} <= advised
    assert advised | told <= set(PROJECT["optional-dependencies"])
    assert set(EXTRAS) == set(PROJECT["optional-dependencies"]) - {"dev", "docs"}


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_takes_the_advice_as_it_is(shell: str, tmp_path: Path):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    (tmp_path / f"{DISTRIBUTION}o").touch()  # what an unquoted bracket would match
    command = pip_install("[onnx]").replace("pip install", "printf %s", 1)
    done = subprocess.run([shell, "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == f"{DISTRIBUTION}[onnx]"


@pytest.mark.parametrize(
    ("mark", "extra", "other"),
    [
        (
            "pipx_metadata.json",
            'pipx runpip mnd-cloak install "mnd-cloak[heic]"',
            "pipx runpip mnd-cloak install ray",
        ),
        (
            "uv-receipt.toml",
            'uv tool install ".[heic]" in the checkout',
            "uv tool install . --with ray in the checkout",
        ),
    ],
)
def test_a_command_in_an_environment_of_its_own_is_advised_so(
    mark: str, extra: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A plain pip is not that environment's: it would ask PyPI for our name."""
    (tmp_path / mark).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert (pip_install("[heic]"), pip_install("ray")) == (extra, other)


# another package's mnd --------------------------------------------------------------------------------


def overwritten(tmp_path: Path) -> Path:
    """Our files with the `__init__` of another package over ours, as pip leaves them."""
    ours = Path(mnd.__file__).parent
    shutil.copytree(ours, tmp_path / "mnd", ignore=shutil.ignore_patterns("__pycache__", "data", "*.json"))
    (tmp_path / "mnd" / "__init__.py").write_text('__all__=["match", "dispatch", "handler"]\n')
    (tmp_path / "mnd" / "match.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    "code",
    ["import mnd.__main__", "import mnd.cli", "import mnd.losses", "from mnd.base.files import PhotoError"],
)
def test_a_strangers_package_over_ours_is_told(code: str, tmp_path: Path):
    room = overwritten(tmp_path)
    start = f"import sys; sys.path.insert(0, {str(room)!r}); "
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, cwd=room)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert str(room / "mnd" / "__init__.py") in last
    assert f"pip uninstall -y mnd {DISTRIBUTION}" in last


def test_ours_is_no_stranger():
    refuse_stranger(mnd)


def test_a_stranger_of_our_version_is_one():
    class Other:
        __version__ = mnd.__version__

    with pytest.raises(ImportError, match="an unknown place is not of mnd-cloak"):
        refuse_stranger(Other)
