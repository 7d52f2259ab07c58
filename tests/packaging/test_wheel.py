"""Wheel and sdist: built here, whole, and a command that starts from the wheel alone."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import mnd
from mnd.base.distribution import DISTRIBUTION
from mnd.base.schemas import NAMES

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that was built from it; the network is not asked."""
    pytest.importorskip("build", reason="needs the package build")
    pytest.importorskip("hatchling", reason="needs the package hatchling")
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [sdist], [wheel] = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def site(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it is installed, without what it needs, which is here already."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, str(folder), str(built[1])], check=True)
    return folder


def files_of_the_package() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "mnd").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_the_whole_package_and_nothing_else(built: tuple[Path, Path]):
    names = set(zipfile.ZipFile(built[1]).namelist())
    info = f"{DISTRIBUTION.replace('-', '_')}-{mnd.__version__}.dist-info"
    assert {name for name in names if not name.startswith(info)} == files_of_the_package()
    assert f"{info}/licenses/LICENSE" in names


def test_what_the_wheel_says_of_itself(built: tuple[Path, Path]):
    wheel = zipfile.ZipFile(built[1])
    [path] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    told = email.message_from_bytes(wheel.read(path))
    assert (told["Name"], told["Version"]) == (DISTRIBUTION, mnd.__version__)
    assert told["License-Expression"] == "Apache-2.0"
    assert told["Requires-Python"] == ">=3.11"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(told.get_all("Provides-Extra") or []) == set(project["optional-dependencies"])
    assert set(told.get_all("Classifier") or []) == set(project["classifiers"])
    assert built[1].name == f"mnd_cloak-{mnd.__version__}-py3-none-any.whl"


def test_the_sdist_can_be_worked_with(built: tuple[Path, Path]):
    with tarfile.open(built[0]) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert files_of_the_package() <= names
    for name in ("pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "Dockerfile", "docs/cards.md",
                 "tests/test_layers.py", "examples/own_model.py", "scripts/schemas.py"):  # fmt: skip
        assert name in names
    assert not [name for name in names if name.startswith((".git/", "findings/")) or "__pycache__" in name]


def command(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command from the wheel alone, in another folder."""
    environment = os.environ | {"PYTHONPATH": str(site), "MND_CONFIG": ""}
    run = [sys.executable, "-m", "mnd", *words]
    return subprocess.run(run, capture_output=True, text=True, env=environment, cwd=site)


def test_the_command_starts_from_the_wheel(site: Path):
    where = "import mnd, pathlib; print(pathlib.Path(mnd.__file__).parents[1])"
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", where], capture_output=True, text=True, env=environment, cwd=site
    )
    assert done.stdout.strip() == str(site)
    assert command(site, "--version").stdout == f"mnd {mnd.__version__}\n"
    assert (site / "bin" / "mnd").exists() or (site / "Scripts" / "mnd.exe").exists()


def test_what_is_no_code_is_there_too(site: Path):
    for name in NAMES:
        assert json.loads(command(site, "schema", name).stdout)["title"] == f"mnd {name}"
    lines = command(site, "targets", "--json", "--faces").stdout.splitlines()
    assert {json.loads(line)["name"] for line in lines} >= {"dlib", "sface", "mobilefacenet"}
    told = command(site, "doctor", "--json")
    assert json.loads(told.stdout)["problems"] == [], told.stderr


def test_another_package_over_the_wheel_is_told(site: Path, tmp_path: Path):
    """As pip leaves it: their `__init__` lies over ours."""
    import shutil

    shutil.copytree(site, tmp_path / "site")
    (tmp_path / "site" / "mnd" / "__init__.py").write_text('__all__ = ["match", "dispatch", "handler"]\n')
    done = command(tmp_path / "site", "cloak", "photo.jpg")
    assert done.returncode == 1
    assert "another package named mnd was installed over it" in done.stderr
