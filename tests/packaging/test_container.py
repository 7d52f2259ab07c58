"""`Dockerfile` by reading: what it starts from, as whom it runs, what it takes along; it is not built."""

from __future__ import annotations

import re
from pathlib import Path

import mnd
from mnd.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Dockerfile").read_text("utf-8")


def instructions() -> list[tuple[str, str]]:
    plain = re.sub(r"\\\n\s*", "", "\n".join(line for line in TEXT.splitlines() if not line.startswith("#")))
    return [tuple(line.split(" ", 1)) for line in plain.splitlines() if line.strip()]  # type: ignore[misc]


def test_it_runs_as_a_user_of_its_own_and_starts_the_command():
    steps = instructions()
    users = [said for name, said in steps if name == "USER"]
    assert users == ["mnd"]
    names = [name for name, _ in steps]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")
    assert dict(steps)["ENTRYPOINT"] == '["mnd"]'


def test_torch_comes_from_the_index_without_cuda_before_all_else():
    first, *_ = [said for name, said in instructions() if name == "RUN"]
    said = dict(instructions())["ARG"]
    assert said == 'TORCH="torch torchvision --index-url https://download.pytorch.org/whl/cpu"'
    assert first == "pip install --no-cache-dir $TORCH"


def test_its_context_has_what_the_build_needs():
    allowed = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text("utf-8"), re.M)
    assert set(allowed) == {"mnd", "pyproject.toml", "README.md", "LICENSE"}
    assert all((ROOT / name).exists() for name in allowed)


def test_the_commands_in_its_head_are_the_commands_of_the_docs():
    run = re.search(r"docker run .*", TEXT)
    assert run is not None
    assert run[0] in (ROOT / "docs" / "install.md").read_text("utf-8")
    assert "--network none" in run[0]
    assert run[0].split("mnd ")[-1].split()[0] in app


def test_python_is_one_that_is_tested():
    version = re.search(r"FROM python:(\d\.\d+)-slim", TEXT)
    assert version is not None
    assert f"Programming Language :: Python :: {version[1]}" in (ROOT / "pyproject.toml").read_text("utf-8")
    assert mnd.__version__
