"""The way without CUDA of `docs/install.md`, tried with doubles of both indexes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "install.md"
CPU = "https://download.pytorch.org/whl/cpu"


def wheel(index: Path, name: str, version: str, *needs: str) -> None:
    """An empty package in a folder that pip takes for an index."""
    folder = index / name.replace("_", "-")
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {it}" for it in needs]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    links = "".join(f'<a href="{it.name}">{it.name}</a>' for it in folder.glob("*.whl"))
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")


@pytest.fixture
def indexes(tmp_path: Path) -> tuple[Path, Path]:
    """PyPI's torch, which asks for CUDA, with ours beside it; and torch's own index without CUDA."""
    usual, cpu = tmp_path / "usual", tmp_path / "cpu"
    wheel(usual, "nvidia_cublas", "13.0")
    wheel(usual, "torch", "2.14.1", "nvidia_cublas")
    wheel(usual, "torchvision", "0.29.1", "torch==2.14.1")
    wheel(usual, "mnd_cloak", "0.1.0", "torch>=2.3", "torchvision>=0.18")
    wheel(cpu, "torch", "2.14.1+cpu")
    wheel(cpu, "torchvision", "0.29.1+cpu", "torch==2.14.1")
    return usual, cpu


@pytest.mark.slow
def test_torch_first_and_without_cuda_then_the_rest(indexes: tuple[Path, Path], tmp_path: Path):
    usual, cpu = indexes
    python = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(python)], check=True)
    run = next(
        path for path in (python / "bin" / "python", python / "Scripts" / "python.exe") if path.exists()
    )

    def install(index: Path, *words: str) -> dict[str, str]:
        ours = ("PIP_", "PYTHON")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        report = tmp_path / "report.json"
        command = [str(run), "-m", "pip", "install", "--quiet", "--report", str(report), "--index-url"]
        subprocess.run([*command, index.as_uri(), *words], env=environment, check=True, capture_output=True)
        told = json.loads(report.read_text())["install"]
        return {it["metadata"]["name"]: it["metadata"]["version"] for it in told}

    assert install(cpu, "torch", "torchvision") == {"torch": "2.14.1+cpu", "torchvision": "0.29.1+cpu"}
    assert install(usual, "mnd-cloak") == {"mnd_cloak": "0.1.0"}  # no CUDA, and torch stays


def test_the_page_has_these_two_lines():
    text = PAGE.read_text("utf-8")
    lines = re.findall(r"^pip install .*$", text, re.M)
    first = lines.index(f"pip install torch torchvision --index-url {CPU}")
    assert lines[first + 1] == "pip install ."
