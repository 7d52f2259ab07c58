"""`mnd measure`: two pictures, two folders, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnd import cli
from mnd.base.types import Pixels
from mnd.metrics import METRICS, available, difference_map, measure
from tests.helpers.cloaks import ASTRONAUT, files
from tests.helpers.schemas import check

A: Pixels = np.ascontiguousarray(ASTRONAUT[:96, 100:220])
FAST = "psnr,ssim,ciede2000"


def changed(levels: int, seed: int = 0) -> Pixels:
    noise = np.random.default_rng(seed).integers(-levels, levels + 1, A.shape)
    return (A + noise).clip(0, 255).astype(np.uint8)


def save(path: str, pixels: Pixels) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders: three pairs, of which one cannot be compared, and in each a picture without a partner."""
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        save(f"a/p{number}.png", A)
        save(f"b/p{number}.cloaked.png", changed(2 + number, number))
    save("a/short.png", A)
    save("b/short.png", A[:50])
    save("a/lone.png", A)
    save("b/stray.png", A)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_two_pictures_in_words(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["measure", "a/p0.png", "b/p0.cloaked.png", "--metrics", FAST, "-v"]) == 0
    told = capsys.readouterr().out
    assert "a/p0.png, b/p0.cloaked.png: 120x96 pixels" in told
    assert f"{measure(A, changed(2), 'psnr')['psnr'].value:.2f} dB" in told
    assert "Gaussian window of 11x11" in told
    assert sum(path.is_file() for path in Path().rglob("*")) == 8  # nothing is written unasked


def test_as_json_all_measures_with_what_belongs_to_them(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["measure", "a/p0.png", "b/p0.cloaked.png", "--json"]) == 0
    [record] = lines(capsys)
    check("measure", record)
    assert [it["name"] for it in record["measures"]] == list(available())
    assert record["size"] == [120, 96]
    wanted = {name: it.as_json() for name, it in measure(A, changed(2)).items()}
    for it in record["measures"]:
        value = wanted[it["name"]].pop("value")
        assert it.pop("value") == (value if value is None else pytest.approx(value, rel=1e-6))
        assert it == wanted[it["name"]]


def test_folders_as_json(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["measure", "a", "b", "--json", "--metrics", FAST]) == 1
    out = capsys.readouterr()
    *pairs, summary = [json.loads(line) for line in out.out.splitlines()]
    for record in (*pairs, summary):
        check("measure", record)
    assert [Path(it["b"]).name for it in pairs] == ["p0.cloaked.png", "p1.cloaked.png", "short.png"]
    assert [it["error"] is None for it in pairs] == [True, True, False]
    assert pairs[2]["error"] == {
        "kind": "value", "message": "b/short.png has 120x50 pixels, expected 120x96, the size of a/short.png"
    }  # fmt: skip
    assert (summary["pairs"], summary["failed"]) == (3, 1)
    assert [it["path"] for it in summary["alone"]] == ["a/lone.png", "b/stray.png"]
    psnr = [it["measures"][0]["value"] for it in pairs[:2]]
    mean = summary["measures"][0]
    assert mean["mean"] == pytest.approx(np.mean(psnr))
    assert mean["low"] <= mean["mean"] <= mean["high"]
    assert (mean["worst"], mean["worst_pair"], mean["count"]) == (psnr[1], "a/p1.png", 2)
    colour = summary["measures"][2]
    assert colour["worst_pair"] == "a/p1.png"  # here the larger is the worse
    assert "mnd: a/lone.png: no picture of this name in b" in out.err
    assert cli.main(["measure", "a", "b", "--json", "--metrics", FAST]) == 1
    assert lines(capsys)[-1] == summary  # the draws have a seed


def test_folders_in_words(capsys: pytest.CaptureFixture[str]):
    for name in ("a/short.png", "a/lone.png", "b/short.png", "b/stray.png"):
        Path(name).unlink()
    assert cli.main(["measure", "a", "b", "--metrics", FAST]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told[:2]] == ["a/p0.png", "a/p1.png"]
    assert told[0].count(",") == 2
    assert "95 %" in told[2]
    assert sum("p1.png" in line for line in told[3:]) == 3


def test_csv(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["measure", "a", "b", "--csv", "--metrics", FAST]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == [
        "a",
        "b",
        "width",
        "height",
        "psnr",
        "ssim",
        "ciede2000",
        "map",
        "error",
        "versions",
    ]
    assert float(rows[0]["psnr"]) == pytest.approx(measure(A, changed(2), "psnr")["psnr"].value)
    assert (rows[2]["psnr"], rows[2]["error"][:11]) == ("", "b/short.png")


def test_a_map_shows_where(capsys: pytest.CaptureFixture[str]):
    other = A.copy()
    other[20:30, 40:60] ^= 8
    save("b/spot.png", other)
    words = ["measure", "a/p0.png", "b/spot.png", "--metrics", "psnr", "--map", "map.png", "--map-of", "jnd"]
    assert cli.main([*words, "--json"]) == 0
    [record] = lines(capsys)
    check("measure", record)
    wanted = difference_map(A, other, "jnd")
    assert record["map"] == {"path": "map.png", "of": "jnd", "white": pytest.approx(wanted.white)}
    with Image.open("map.png") as image:
        assert np.array_equal(np.asarray(image), wanted.pixels)
    before = Path("map.png").read_bytes()
    assert cli.main([*words, "--json"]) == 1  # it is there already: the values are told all the same
    [record] = lines(capsys)
    assert (record["error"]["kind"], record["map"], len(record["measures"])) == ("exists", None, 1)
    assert cli.main([*words, "--overwrite", "--map-white", "100", "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert Path("map.png").read_bytes() != before


def test_maps_of_folders():
    assert cli.main(["measure", "a", "b", "--metrics", "psnr", "--map", "maps", "-q"]) == 1
    assert files(Path("maps")) == ["p0.map.png", "p1.map.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b/stray.png"], "b/stray.png is no folder, expected two folders or two pictures"),
        (["a", "a"], "a and a are one folder, expected two"),
        (["a/p0.png", "a/p1.png", "--json", "--csv"], "got --json and --csv"),
        (["a/p0.png", "a/p1.png", "--metrics", "psnr,simm"], "metric is 'simm', expected one of psnr, ssim"),
        (["a/p0.png", "a/p1.png", "--map", "a/p1.png"], "--map would replace the picture 'a/p1.png'"),
        (["a/p0.png", "a/p1.png", "--map", "m.jpg"], "--map is 'm.jpg', expected a PNG"),
        (["a", "b", "--map", "m.png"], "--map is 'm.png', expected a folder"),
        (
            ["a/p0.png", "a/p1.png", "--map", "m.png", "--map-white", "0"],
            "--map-white is 0, expected a number",
        ),
        (["a/p0.png", "a/p1.png", "-v", "-q"], "got --verbose and --quiet"),
    ],
)
def test_wrong_usage(words: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["measure", *words]) == 2
    out = capsys.readouterr()
    assert message in out.err
    assert out.out == ""
    assert "Try: mnd measure --help" in out.err


def test_what_is_not_installed_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert cli.main(["measure", "a/p0.png", "a/p1.png", "--metrics", "butteraugli"]) == 2
    assert "needs the program butteraugli_main" in capsys.readouterr().err
    assert cli.main(["measure", "a/p0.png", "a/p1.png", "--metrics", "lpips:squeeze:gone.pth"]) == 1
    assert "mnd: weights file gone.pth does not exist" in capsys.readouterr().err


def test_files_that_cannot_be_read(capsys: pytest.CaptureFixture[str]):
    Path("broken.jpg").write_bytes(b"\xff\xd8")
    save("grey.png", A[..., 0])
    for name, kind in (("gone.png", "missing"), ("broken.jpg", "not-an-image"), ("grey.png", "value")):
        assert cli.main(["measure", "a/p0.png", name, "--metrics", "psnr", "--json"]) == 1
        [record] = lines(capsys)
        check("measure", record)
        assert (record["error"]["kind"], record["measures"], record["size"]) == (kind, [], None)
        assert name in record["error"]["message"]
    Path("empty").mkdir()
    assert cli.main(["measure", "empty", "b"]) == 1
    assert "no two pictures have one name" in capsys.readouterr().err


def test_the_help_is_short_and_the_page_names_all(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["measure", "--help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= 34
    page = (Path(__file__).resolve().parents[2] / "docs" / "measure.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name in METRICS)
