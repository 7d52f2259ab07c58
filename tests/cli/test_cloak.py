"""The installed command as people and programs meet it: its output, its files, its exit status."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnd import cli
from mnd.channel import VERIFICATION
from mnd.cloaking import levels
from mnd.cloaking.settings import CloakSettings

RECORD = {
    "input",
    "output",
    "protected",
    "level",
    "seed",
    "seconds",
    "targets",
    "regions",
    "quality",
    "error",
}
TOLD = {"unit", "threshold", "before", "after", "fooled", "channel", "values"}


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line, parse_constant=_no_constant) for line in self.out.splitlines()]


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def command(*arguments: object, python: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, *python, "-m", "mnd", *map(str, arguments)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Nothing but what the packages hold is ready, and nothing can be downloaded."""
    empty = str(tmp_path_factory.mktemp("home"))
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    path = os.pathsep.join(
        str(Path(p).resolve()) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p
    )
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")}
    return plain | nowhere | {"MND_HOME": empty, "TORCH_HOME": empty, "PYTHONPATH": path, "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def mnd(environment: dict[str, str]):
    def run(*arguments: object, cwd: Path | None = None, python: tuple[str, ...] = ()) -> Done:
        done = subprocess.run(
            command(*arguments, python=python),
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good photo among everything that can be wrong with one."""
    import skimage.data

    folder = tmp_path_factory.mktemp("album")
    Image.fromarray(skimage.data.astronaut()).save(folder / "astronaut.png")
    Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(folder / "wall.png")
    (folder / "empty.jpg").touch()
    (folder / "half.png").write_bytes((folder / "astronaut.png").read_bytes()[:9000])
    (folder / "notes.jpg").write_text("not a photo")
    (folder / "folder").mkdir()
    return folder


BAD = {
    "gone.jpg": "missing",
    "empty.jpg": "empty",
    "half.png": "truncated",
    "notes.jpg": "not-an-image",
    "folder": "folder",
    "wall.png": "no-face",
}


@pytest.fixture(scope="module")
def cloaked(album: Path, mnd) -> Done:
    """One run for all: the good photo last, so that none of the others stopped it."""
    return mnd(
        "cloak",
        *BAD,
        "astronaut.png",
        "-o",
        "out",
        "--json",
        "--targets",
        "dlib",
        "--level",
        "minimum",
        cwd=album,
    )


def test_help_is_quick_and_lists_what_there_is(mnd):
    done = mnd("--help", python=("-X", "importtime"))
    assert done.status == 0
    assert set(re.findall(r"^\W+([a-z]+) ", done.out, re.M)) >= {"cloak", "check", "targets", "demo"}
    loaded = set(re.findall(r"\| +([\w.]+)$", done.err, re.M))
    assert "mnd.cli" in loaded
    assert not loaded & {
        "torch",
        "numpy",
        "PIL",
        "torchvision",
        "skimage",
        "mnd.targets",
        "mnd.cloaking.cloaker",
    }


def test_version(mnd):
    from mnd import __version__

    done = mnd("--version")
    assert (done.status, done.out.strip()) == (0, f"mnd {__version__}")


def test_help_of_cloak_says_what_the_levels_have(mnd):
    """Of every number that has no default of its own but one a level."""
    text = " ".join(re.sub("│", " ", mnd("cloak", "--help-all").out).split())
    for field in (
        "steps",
        "headroom",
        "jitter",
        "misplaced",
        "flips",
        "reference",
        "draws",
        "looks",
        "jpeg",
        "scale",
        "spread",
        "flat",
    ):
        assert f"By default {levels.told(field)}." in text, field
    assert f"By default {levels.told('least_ssim')}." in text
    assert "[default: 70" not in text
    # those whose default is the settings' own say nothing of levels
    assert text.count("By default") == 15


def test_help_of_cloak_is_that_of_the_settings(mnd):
    text = " ".join(re.sub("│", " ", mnd("cloak", "--help-all").out).split())
    docs = cli.attribute_docs(CloakSettings)
    assert docs.keys() == set(CloakSettings.__dataclass_fields__)
    for field, doc in docs.items():
        assert f"--{field.replace('_', '-')}" in text
        assert doc.replace("`", "")[:25] in text, field


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["glaze"], "glaze"),
        (["cloak"], "PHOTOS"),
        (["cloak", "a.png", "--sparkle"], "--sparkle"),
        (["cloak", "a.png", "--seed", "one"], "--seed"),
        (["cloak", "a.png", "--level", "weak"], "weak"),
        (["cloak", "a.png", "--box", "1,2,3"], "X0,Y0,X1,Y1"),
        (["cloak", "a.png", "--box", "1,2,3,nan"], "box"),
        (["cloak", "a.png", "--faces", "both"], "both"),
        (["cloak", "a.png", "--steps", "0"], "steps"),
        (["cloak", "a.png", "--headroom", "10.5"], "headroom is 10.5"),
        (["cloak", "a.png", "--jitter", "0.6"], "jitter is 0.6"),
        (["cloak", "a.png", "--flips", "2"], "flips is 2"),
        (["cloak", "a.png", "--draws", "17"], "draws is 17"),
        (["cloak", "a.png", "--draws", "few"], "--draws"),
        (["cloak", "a.png", "--spread", "nan"], "spread is nan"),
        (["cloak", "a.png", "--least-ssim", "1.5"], "least_ssim is 1.5"),
        (["cloak", "a.png", "--least-ssim", "high"], "--least-ssim"),
        (["cloak", "a.png", "--reference", "furthest"], "furthest"),
        (["cloak", "a.png", "--jpeg", "95,70"], "jpeg is (95, 70)"),
        (["cloak", "a.png", "--jpeg", "75"], "--jpeg is '75', expected two numbers"),
        (["cloak", "a.png", "--jpeg", "70,80,90"], "--jpeg is '70,80,90', expected two numbers"),
        (["cloak", "a.png", "--jpeg", "70.5,95"], "--jpeg is '70.5,95', expected two numbers"),
        (["cloak", "a.png", "--jpeg", ""], "--jpeg is '', expected two numbers"),
        (["cloak", "a.png", "--scale", "0.6,0.5"], "scale is (0.6, 0.5)"),
        (["cloak", "a.png", "--scale", "half"], "--scale is 'half', expected two numbers"),
        (["cloak", "a.png", "--scale", "nan,1"], "scale is (nan, 1.0)"),
        (["cloak", "a.png", "--device", "abacus"], "abacus"),
        (["cloak", "a.png", "--gallery", "nowhere"], "nowhere"),
        (["cloak", "a.png", "b.png", "-o", "c.png"], "c.png"),
        (["cloak", "a.png", "--targets", "dlip"], "did you mean dlib?"),
        (["cloak", "a.png", "--targets", "card:gone.json"], "gone.json"),
        (["check", "a.png"], "CLOAKED"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert "--help" in told.err
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_of_the_process(mnd):
    done = mnd("cloak", "a.png", "--box", "here")
    assert (done.status, done.out) == (2, "")
    assert "--box" in done.err


def test_targets(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("MND_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert cli.main(["targets", "--json"]) == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (
        rows["dlib"].items()
        >= {
            "kind": "face",
            "unit": "euclidean distance",
            "threshold": 0.6,
            "licence": "CC0-1.0",
            "ready": True,
            "download": 0,
        }.items()
    )
    assert not rows["facenet-vggface2"]["ready"]
    assert rows["facenet-vggface2"]["download"] > 50_000_000
    assert all(row["licence"] and row["unit"] for row in rows.values())
    faces = {name for name, row in rows.items() if row["kind"] == "face"}
    for words, expected in (
        (["targets"], faces),
        (["targets", "--faces"], faces),
        (["targets", "--all"], rows),
    ):
        assert cli.main(words) == 0
        told = capsys.readouterr().out
        assert {name for name in rows if re.search(rf"^{re.escape(name)}\s", told, re.M)} == set(expected)
        assert "euclidean distance" in told
    assert cli.main(["targets", "--faces", "--json"]) == 0
    assert {json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()} == faces
    assert cli.main(["targets", "--faces", "--all"]) == 2


@pytest.mark.parametrize("known", [True, False])
def test_a_gallery_is_advised_where_there_is_none(
    album: Path, tmp_path: Path, capsys, one_attempt, known: bool
):
    """Too few steps to protect: what is told of the person does not depend on that."""
    gallery = tmp_path / "gallery"
    gallery.mkdir()
    shutil.copy(album / "astronaut.png", gallery / "other.png")
    extra = ["--gallery", str(gallery)] if known else []
    words = [
        "cloak",
        str(album / "astronaut.png"),
        "-o",
        f"{tmp_path}/o.png",
        "--targets",
        "dlib",
        "--offline",
    ]
    assert cli.main([*words, "--steps", "1", *extra]) == 1
    assert ("--gallery, a folder of others" in capsys.readouterr().out) is not known


def test_no_gallery_is_advised_where_there_is_no_face(album: Path, tmp_path: Path, capsys):
    assert cli.main(["cloak", str(album / "wall.png"), "-o", f"{tmp_path}/o.png", "--targets", "dlib"]) == 1
    assert "--gallery" not in capsys.readouterr().out


def test_one_object_a_photo_and_nothing_else(cloaked: Done):
    assert cloaked.status == 1
    records = {record["input"]: record for record in cloaked.records}
    assert list(records) == [*BAD, "astronaut.png"]
    for record in records.values():
        assert record.keys() >= RECORD
        assert record["level"] == "minimum"
        assert record["seed"] == 0
        assert record["targets"] == ["dlib"]
        assert record["seconds"] >= 0


@pytest.mark.parametrize(("name", "kind"), BAD.items())
def test_a_bad_photo_says_what_is_wrong_and_stops_no_other(cloaked: Done, name: str, kind: str):
    [record] = [record for record in cloaked.records if record["input"] == name]
    assert record["error"]["kind"] == kind
    assert record["error"]["message"]
    assert record["output"] is None
    assert record["protected"] is False
    assert any(line.startswith(f"mnd: {name}: ") for line in cloaked.err.splitlines())


def test_the_record_of_a_cloaked_photo(cloaked: Done):
    record = cloaked.records[-1]
    assert record["error"] is None
    assert record["protected"] is True
    assert Path(record["output"]) == Path("out/astronaut.cloaked.png")
    [region] = record["regions"]
    assert region["kind"] == "face"
    x0, y0, x1, y1 = region["box"]
    assert 0 <= x0 < 224 < x1 <= 512  # the nose is at 224, 129
    assert 0 <= y0 < 129 < y1 <= 512
    told = region["targets"]["dlib"]
    assert told.keys() >= TOLD
    assert told["unit"] == "euclidean distance"
    assert told["before"] < 0.6 <= told["after"]
    assert told["fooled"] is True
    assert told["channel"]
    assert all(isinstance(fooled, bool) for fooled in told["channel"].values())
    assert told["values"].keys() == told["channel"].keys() == {"jpeg75", "half"}
    assert all(told["channel"][name] is (value >= 0.6) for name, value in told["values"].items())
    quality = record["quality"]
    assert quality["psnr"] > 40
    assert 0.95 < quality["ssim"] < 1
    assert 0 <= quality["above_jnd"] < 0.05
    [inner] = quality["regions"]
    assert inner["psnr"] < quality["psnr"]
    assert inner["ssim"] < quality["ssim"]


def test_the_saved_file_is_the_one_that_was_judged(cloaked: Done, album: Path):
    before, after = (
        np.asarray(Image.open(album / name)).astype(int)
        for name in ("astronaut.png", "out/astronaut.cloaked.png")
    )
    psnr = 10 * np.log10(255**2 / np.square(before - after).mean())
    assert psnr == pytest.approx(cloaked.records[-1]["quality"]["psnr"], abs=1e-6)
    assert sorted(os.listdir(album / "out")) == ["astronaut.cloaked.png"]


def test_check_agrees_with_cloak(cloaked: Done, album: Path, monkeypatch, capsys):
    monkeypatch.chdir(album)
    assert (
        cli.main(
            [
                "check",
                "astronaut.png",
                "out/astronaut.cloaked.png",
                "--targets",
                "dlib",
                "--level",
                "minimum",
                "--json",
            ]
        )
        == 0
    )
    record = json.loads(capsys.readouterr().out)
    made, seen = (r["regions"][0]["targets"]["dlib"] for r in (cloaked.records[-1], record))
    assert seen["after"] == pytest.approx(made["after"], abs=1e-3)
    assert record["quality"]["psnr"] == pytest.approx(cloaked.records[-1]["quality"]["psnr"])


def test_check_of_what_is_no_cloak(album: Path, monkeypatch, capsys):
    monkeypatch.chdir(album)
    assert cli.main(["check", "astronaut.png", "astronaut.png", "--targets", "dlib"]) == 1
    told = capsys.readouterr()
    assert "mnd: astronaut.png: still recognised by dlib" in told.err
    for word in ("Clean", "Saved", *VERIFICATION, "recognised 0.0", "threshold 0.6"):
        assert word in told.out
    assert cli.main(["check", "astronaut.png", "wall.png", "--targets", "dlib", "--json"]) == 1
    assert "64x64" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_nothing_is_overwritten(cloaked: Done, album: Path, monkeypatch, capsys):
    """What is there is skipped where it belongs to the photo, and refused where a name was chosen for it."""
    monkeypatch.chdir(album)
    out = album / "out" / "astronaut.cloaked.png"
    before = out.read_bytes()
    asked = ["cloak", "astronaut.png", "--targets", "dlib", "--level", "minimum", "--json"]
    for where, status, told in (("out", 0, "skipped"), (str(out), 1, "failed")):
        assert cli.main([*asked, "-o", where]) == status
        record = json.loads(capsys.readouterr().out)
        assert (record["status"], record["protected"]) == (told, not status)
        assert (record["error"] or {}).get("kind") == ("exists" if status else None)
    # the original never, not even with leave to overwrite
    own = ["cloak", "astronaut.png", "-o", "astronaut.png", "--targets", "dlib", "--overwrite", "--json"]
    assert cli.main(own) == 1
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "original"
    assert out.read_bytes() == before
    assert list((album / "out").iterdir()) == [out]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user who is not root")
def test_a_folder_that_cannot_be_written(album: Path, mnd, tmp_path: Path):
    tmp_path.chmod(0o500)
    done = mnd(
        "cloak", album / "astronaut.png", "-o", tmp_path, "--targets", "dlib", "--level", "minimum", "--json"
    )
    tmp_path.chmod(0o700)
    assert done.status == 1
    assert done.records[0]["error"]["kind"] == "unwritable"


def test_an_output_below_a_file(album: Path, tmp_path: Path, capsys):
    (tmp_path / "file").write_text("in the way")
    photo, out = str(album / "wall.png"), f"{tmp_path}/file/folder/"
    assert (
        cli.main(["cloak", photo, "-o", out, "--targets", "dlib", "--whole", "--steps", "1", "--json"]) == 1
    )
    assert json.loads(capsys.readouterr().out)["error"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
def test_overwriting_makes_the_same_bytes_from_the_same_seed(cloaked: Done, album: Path, mnd):
    out = album / "out" / "astronaut.cloaked.png"
    before = out.read_bytes()
    out.write_bytes(b"old")
    done = mnd(
        "cloak",
        "astronaut.png",
        "-o",
        "out",
        "--targets",
        "dlib",
        "--level",
        "minimum",
        "--overwrite",
        "-v",
        cwd=album,
    )
    assert done.status == 0
    assert out.read_bytes() == before
    assert "out/astronaut.cloaked.png  (minimum, seed 0, " in done.out.replace(os.sep, "/")
    assert "PSNR" in done.out
    assert list((album / "out").iterdir()) == [out]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signal")
def test_interrupted(album: Path, environment: dict[str, str], tmp_path: Path):
    photo = tmp_path / "astronaut.png"
    photo.write_bytes((album / "astronaut.png").read_bytes())
    process = subprocess.Popen(
        command("cloak", photo, "--steps", 100_000), env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        # at work: while libraries are loaded, the signal is theirs
        assert any("search" in line for line in iter(process.stderr.readline, ""))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == [photo]


@pytest.mark.slow
def test_demo_twice(mnd, tmp_path: Path):
    names = {
        "astronaut.png",
        "astronaut.cloaked.png",
        "astronaut.difference.png",
        "astronaut.strip.png",
        "astronaut.html",
    }
    folder = tmp_path / "mnd-demo"
    for _ in range(2):
        done = mnd("demo", cwd=tmp_path)
        assert done.status == 0
        assert [path.name for path in tmp_path.iterdir()] == ["mnd-demo"]
        assert {path.name for path in folder.iterdir()} == names
        assert all(name in done.out for name in names)
        assert done.out.splitlines()[-1] == f"open {Path('mnd-demo', 'astronaut.html')}"
    assert "Do not share it" in (folder / "astronaut.html").read_text()
    # somebody's own picture of that name stays
    Image.new("RGB", (8, 8)).save(folder / "astronaut.png")
    mine = (folder / "astronaut.png").read_bytes()
    done = mnd("demo", "-o", folder)
    assert done.status == 1
    assert "astronaut.png" in done.err
    assert (folder / "astronaut.png").read_bytes() == mine
