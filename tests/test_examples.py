"""`examples/`: each runs as it is, says what it promises, and is known to its README."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs an example in an empty folder; what it prints."""
    monkeypatch.chdir(tmp_path)

    def started(name: str, *words: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", [name, *words])
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return started


def test_own_model(run):
    lines = run("own_model.py")
    assert len(lines) == 4
    for line in lines:
        before, after = re.match(r"class (\d) -> (\d): fooled True, at most \d+ grey levels", line).groups()
        assert before != after


def test_own_distance(run):
    alike, less = run("own_distance.py")
    red, _, blue = (float(v) for v in re.findall(r"[\d.]+(?=,|$)", less)[-3:])
    assert "fooled True" in alike
    assert "fooled True" in less
    assert blue > 10 * red


def test_own_attack(run):
    first, second, page = run("own_attack.py", "out")
    assert re.match(r"mi-fgsm: fooled True with \d+ grey levels, SSIM 0\.\d{4}", first)
    assert re.match(r"one_step: fooled (True|False) with \d+ grey levels", second)
    assert Path(page.removeprefix("open ")).is_file()


def test_own_recogniser(run):
    [line] = run("own_recogniser.py")
    assert re.match(r"own-recogniser/photo.cloaked.png: cosine similarity [\d.-]+ -> [\d.-]+, fooled", line)


def test_batch_on_gpu(run):
    [line] = run("batch_on_gpu.py", "2")
    assert re.match(r"\w+: 2 of 2 pictures fool it, [\d.]+ pictures a second", line)


def test_all_are_known_and_short():
    files = sorted(path.name for path in FOLDER.glob("*.py"))
    told = re.findall(r"^\| `(\w+\.py)`", (FOLDER / "README.md").read_text("utf-8"), re.M)
    assert files == sorted(told)
    tested = {f"{name.removeprefix('test_')}.py" for name in globals() if name.startswith("test_")}
    assert set(files) <= tested
    assert all(len((FOLDER / name).read_text("utf-8").splitlines()) <= 60 for name in files)
