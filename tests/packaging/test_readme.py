"""The README: short, and every command in it does what it says, run by a shell on small photos."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.helpers.cloaks import FACE

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.M | re.S)


def commands() -> list[str]:
    """The lines of its shell blocks, without what is said of them."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [re.sub(r"\s+# .*", "", line) for line in lines]


def test_it_is_read_to_its_end():
    assert len(TEXT.splitlines()) <= 100
    assert len(TEXT.split()) <= 600


def test_what_it_links_to_is_there():
    for place in re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT):
        assert (ROOT / place).is_file(), place


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder as its commands expect it: a photo, a gallery, folders; the same face in other lights."""
    photo = Image.fromarray(FACE)
    others = [ImageEnhance.Brightness(photo).enhance(0.9), ImageEnhance.Contrast(photo).enhance(0.9)]
    folders = ("me", "photos/2026", "phone", "people/ann", "people/bob")
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    photo.save(tmp_path / "photo.jpg", quality=95)
    photo.save(tmp_path / "photos/2026/one.jpg", quality=95)
    photo.save(tmp_path / "phone/new.jpg", quality=95)
    for number, other in enumerate(others):
        other.save(tmp_path / f"me/{number}.jpg", quality=95)
        other.save(tmp_path / f"people/ann/{number}.png")
        ImageOps.mirror(other).save(tmp_path / f"people/bob/{number}.png")
    return tmp_path


def surroundings(room: Path) -> dict[str, str]:
    """Nobody's options or weights, no screen, and `mnd` of this Python."""
    home = {"MND_HOME": str(room / ".weights"), "TORCH_HOME": str(room / ".torch"), "MND_CONFIG": ""}
    ours = os.environ | home | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ours["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {name: value for name, value in ours.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}


def run(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def until_stopped(command: str, room: Path, seen: Callable[[str], bool]) -> str:
    """Runs what goes on for ever until a line of it is `seen`, then Ctrl-C; that line."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=room, env=surroundings(room), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        found = next((line for line in process.stdout if seen(line)), "")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (0, 130)
    return found


# what is installed ------------------------------------------------------------------------------------


@pytest.fixture
def fresh(tmp_path: Path, room: Path) -> dict[str, str]:
    """A new environment that has what `mnd` needs, and not `mnd`; pip asks no network."""
    pytest.importorskip("hatchling", reason="needs the package hatchling")
    pytest.importorskip("editables", reason="needs the package editables")
    place = tmp_path / ".fresh"
    venv.create(place, with_pip=True, symlinks=os.name != "nt")
    [site] = place.glob("lib/python*/site-packages")
    for path in (path for path in sys.path if path.endswith("site-packages")):
        for it in Path(path).iterdir():
            ours = re.match(r"mnd$|mnd_cloak|_editable_impl_mnd|pip(-|$)", it.name)
            if not ours and it.suffix != ".pth" and not (site / it.name).exists():
                (site / it.name).symlink_to(it)
    script = place / "bin" / "pytest"
    script.write_text(f"#!{place / 'bin' / 'python'}\nimport pytest, sys\nsys.exit(pytest.main())\n", "utf-8")
    script.chmod(0o755)
    environment = surroundings(room) | {
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(place),
        "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_CONFIG_FILE": os.devnull,
        "PYTHONPYCACHEPREFIX": str(tmp_path / ".pycache"),
    }  # fmt: skip
    environment.pop("PYTHONPATH")
    return environment


@pytest.mark.slow
def test_install_and_demo(fresh: dict[str, str], room: Path):
    [command] = [it for it in commands() if it.startswith("pip install .")]
    assert command.endswith("&& mnd demo")
    moved = command.replace("&& mnd demo", f"&& cd '{room}' && mnd demo")  # the checkout stays as it was
    out = run(moved, ROOT, fresh)
    assert out.splitlines()[-1] == "open mnd-demo/astronaut.html"
    assert (room / "mnd-demo" / "astronaut.html").is_file()
    place = run("python -c 'import mnd; print(mnd.__file__)'", room, fresh)
    assert place.startswith(fresh["VIRTUAL_ENV"])


@pytest.mark.slow
def test_install_for_developers(fresh: dict[str, str], room: Path):
    [command] = [it for it in commands() if it.startswith("pip install -e")]
    few = "-n 0 -p no:cacheprovider tests/packaging/test_distribution.py"
    out = run(command, ROOT, fresh | {"PYTEST_ADDOPTS": few})
    assert re.search(r"\d+ passed", out)
    place = run("python -c 'import mnd; print(mnd.__file__)'", room, fresh)
    assert Path(place.strip()) == ROOT / "mnd" / "__init__.py"


# what is used -----------------------------------------------------------------------------------------


def ui(command: str, room: Path) -> None:
    found = until_stopped(command, room, lambda line: "http://127.0.0.1:" in line)
    assert re.search(r"http://127\.0\.0\.1:\d+/", found)


def cloak(command: str, room: Path) -> None:
    before = (room / "photo.jpg").read_bytes()
    out = run(command, room, surroundings(room))
    assert "photo.jpg -> photo.cloaked.jpg" in out
    assert "dlib no longer matches it in the saved file" in out
    assert (room / "photo.cloaked.jpg").is_file()
    assert (room / "photo.jpg").read_bytes() == before


def cloak_with_gallery(command: str, room: Path) -> None:
    assert "dlib no longer matches" in run(command, room, surroundings(room))
    assert [path.name for path in (room / "out").iterdir()] == ["photo.cloaked.jpg"]


def check(command: str, room: Path) -> None:
    cloak("mnd cloak photo.jpg", room)
    assert "dlib no longer matches" in run(command, room, surroundings(room))


def measure(command: str, room: Path) -> None:
    Image.open(room / "photo.jpg").save(room / "photo.cloaked.jpg", quality=80)
    out = run(command, room, surroundings(room))
    assert "PSNR" in out
    assert "SSIM" in out


def protect(command: str, room: Path) -> None:
    for _ in range(2):
        run(command, room, surroundings(room))
        assert {it.name for it in (room / "out").iterdir()} >= {"2026", "manifest.jsonl", "report.html"}
    assert (room / "out" / "2026" / "one.jpg").is_file()


def watch(command: str, room: Path) -> None:
    assert "new.jpg" in until_stopped(command, room, lambda line: line.startswith("new.jpg"))
    assert (room / "out" / "new.jpg").is_file()


def evaluate(command: str, room: Path) -> None:
    run(command, room, surroundings(room))
    assert {it.name for it in (room / "report").iterdir()} >= {"report.html", "results.jsonl", "summary.csv"}
    with (room / "report" / "summary.csv").open(newline="", encoding="utf-8") as file:
        assert {row["attack"]: int(row["successes"]) > 0 for row in csv.DictReader(file)} == {
            "mnd": True,
            "mi-fgsm": True,
        }


def doctor(command: str, room: Path) -> None:
    out = run(command, room, surroundings(room))
    assert "torch" in out
    assert "dlib" in out


TRIED: dict[str, Callable[[str, Path], None]] = {
    "mnd ui": ui,
    "mnd cloak photo.jpg": cloak,
    "mnd cloak *.jpg": cloak_with_gallery,
    "mnd check": check,
    "mnd measure": measure,
    "mnd protect": protect,
    "mnd watch": watch,
    "mnd evaluate": evaluate,
    "mnd doctor": doctor,
}


def test_no_command_is_untried():
    told = [it for it in commands() if not it.startswith("pip install")]
    assert [next(start for start in TRIED if it.startswith(start)) for it in told] == list(TRIED)


@pytest.mark.slow
@pytest.mark.parametrize("start", TRIED)
def test_command(start: str, room: Path):
    [command] = [it for it in commands() if it.startswith(start)]
    TRIED[start](command, room)


@pytest.mark.slow
def test_python(room: Path):
    [code] = blocks("python")
    (room / "program.py").write_text(code, "utf-8")
    run("python program.py", room, surroundings(room))
    assert (room / "photo.cloaked.jpg").is_file()
