"""`examples/`: each runs as it is, says what it promises, and is known to its README."""

from __future__ import annotations

import re
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any

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
    line, why = run("own_recogniser.py")
    assert "nothing fools them" in why
    assert re.match(r"own-recogniser/photo.cloaked.png: cosine similarity [\d.-]+ -> [\d.-]+, fooled", line)


def test_batch_on_gpu(run):
    [line] = run("batch_on_gpu.py", "2")
    assert re.match(r"\w+: 2 of 2 pictures fool it, [\d.]+ pictures a second", line)


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`mnd.ipynb`, and Jupyter's folders in an empty one."""
    nbformat = pytest.importorskip("nbformat", reason="needs the package nbformat")
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return nbformat.read(FOLDER / "mnd.ipynb", as_version=4)


def test_the_notebook_is_kept_without_what_it_printed(notebook):
    pytest.importorskip("nbformat").validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)


@pytest.mark.slow
def test_notebook(notebook, tmp_path: Path):
    """Every cell runs, and its figures say what its text says."""
    nbclient = pytest.importorskip("nbclient", reason="needs the package nbclient")
    pytest.importorskip("ipykernel", reason="needs the package ipykernel")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's own
        nbclient.NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    text = "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs
    )
    before, after, limit = re.search(
        r"([\d.]+) before, ([\d.]+) after, a match is below ([\d.]+)", text
    ).groups()
    assert float(before) < float(limit) < float(after)
    assert "fooled: [True, True, True, True]" in text
    assert re.search(r"LPIPS 0\.\d+, R-LPIPS 0\.\d+", text)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3


def test_all_are_known_and_short():
    files = sorted(path.name for path in FOLDER.glob("*.py"))
    assert "`mnd.ipynb`" in (FOLDER / "README.md").read_text("utf-8")
    told = re.findall(r"^\| `(\w+\.py)`", (FOLDER / "README.md").read_text("utf-8"), re.M)
    assert files == sorted(told)
    tested = {f"{name.removeprefix('test_')}.py" for name in globals() if name.startswith("test_")}
    assert set(files) <= tested
    assert all(len((FOLDER / name).read_text("utf-8").splitlines()) <= 60 for name in files)
