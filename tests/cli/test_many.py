"""The command and many photos: names that clash, photos that fail, targets that cannot be loaded."""

from __future__ import annotations

import json
import math
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from mnd import cli
from mnd.base.errors import OfflineError
from mnd.cli import terminal
from mnd.cloaking.settings import CloakSettings


def record_of(path: Path, output: Path | None, **changes: Any) -> dict[str, Any]:
    told = {
        "unit": "euclidean distance",
        "threshold": 0.6,
        "before": 0.0,
        "after": 0.7,
        "fooled": True,
        "channel": {"jpeg75": False, "half": True},
        "values": {"jpeg75": 0.55, "half": 0.65},
    }
    return {
        "input": str(path),
        "output": output and str(output),
        "protected": True,
        "level": "minimum",
        "seed": 0,
        "seconds": 1.0,
        "targets": ["dlib"],
        "regions": [{"box": [1, 2, 3, 4], "kind": "face", "targets": {"dlib": told}}],
        "quality": {"psnr": None, "ssim": None, "above_jnd": 0.0, "regions": [{"psnr": 40.0, "ssim": 0.99}]},
        "error": None,
        **changes,
    }


class Pretender:
    """Stands for the Cloaker: writes a file at once."""

    given: CloakSettings

    def __init__(self, settings: CloakSettings, progress: Any = None) -> None:
        self.progress = progress
        Pretender.given = settings

    def photo(self, path: Path, out: Path | None = None, overwrite: bool = False) -> dict[str, Any]:
        print("a library that prints")
        self.progress("searching", 1, 2)
        if path.name == "bug.png":
            raise RuntimeError("a bug")
        if path.name == "best.png":
            assert out is not None
            out.write_bytes(b"best")
            why = {"kind": "too-visible", "message": f"{path}: face has SSIM 0.9"}
            return record_of(path, out, protected=False, error=why)
        if path.name == "plain.png":
            told = record_of(path, None, protected=False)
            told["regions"][0]["targets"]["dlib"] |= {"fooled": False, "after": math.nan}
            return told
        assert out is not None
        out.write_bytes(path.name.encode())
        return record_of(path, out)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The command in `tmp_path`, with a Cloaker of the given kind."""
    monkeypatch.chdir(tmp_path)

    def use(cloaker: object = Pretender) -> None:
        module = types.ModuleType("mnd.cloaking.cloaker")
        module.Cloaker = cloaker  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "mnd.cloaking.cloaker", module)

    use()
    return use


def test_a_bug_in_one_photo_does_not_stop_the_others(pretend, capsys):
    assert cli.main(["cloak", "bug.png", "plain.png", "good.png", "--json"]) == 1
    told = capsys.readouterr()
    bug, plain, good = map(json.loads, told.out.splitlines())
    assert bug["error"] == {"kind": "unexpected", "message": "RuntimeError: a bug"}
    assert plain["regions"][0]["targets"]["dlib"]["after"] is None  # not NaN, which is no JSON
    assert good["protected"]
    assert "plain.png: not protected: dlib still recognises it" in told.err
    assert "a library that prints" in told.err
    assert "photo 3 of 3, good.png" in told.err


def test_the_table_and_the_count(pretend, tmp_path: Path, capsys):
    (tmp_path / "[red]a\x1b[31m.png").touch()  # a name, not a pattern
    assert cli.main(["cloak", "good.png", "[red]a\x1b[31m.png", "-v"]) == 0
    told = capsys.readouterr().out
    assert "good.png -> good.cloaked.png  (minimum, seed 0, 1.0 s)" in told
    assert "[red]a\\x1b[31m.png -> " in told
    assert "\x1b" not in told
    assert "unchanged" in told
    assert "2 of 2 photos: all that the level promises holds" in told
    assert "face 1,2,3,4, dlib: farther than the threshold, no match (0.700; a match is below 0.6)" in told
    [row] = [line.split() for line in told.splitlines() if line.startswith("face")][:1]
    assert row == ["face", "1,2,3,4", "dlib", "0.000", "0.700", "0.600", "yes", "half"]


def test_every_flag_of_a_level_reaches_the_settings(pretend):
    flags = {
        "--level": "strong", "--steps": "9", "--headroom": "10", "--jitter": "0.03", "--flips": "0.25",
        "--reference": "mean", "--draws": "2", "--jpeg": "70,95", "--scale": "0.45, 0.6", "--spread": "0",
        "--flat": "1.5", "--least-ssim": "0.9",
    }  # fmt: skip
    words = [word for flag in flags.items() for word in flag]
    assert cli.main(["cloak", "good.png", *words, "--keep-best", "--json"]) == 0
    assert Pretender.given == CloakSettings(
        level="strong", steps=9, headroom=10.0, jitter=0.03, flips=0.25, reference="mean", draws=2,
        jpeg=(70, 95), scale=(0.45, 0.6), spread=0.0, flat=1.5, least_ssim=0.9, keep_best=True,
    )  # fmt: skip
    assert [type(quality) for quality in Pretender.given.jpeg or ()] == [int, int]


def test_without_flags_every_number_is_the_levels(pretend):
    assert cli.main(["cloak", "good.png", "--json"]) == 0
    assert Pretender.given == CloakSettings()
    assert cli.main(["cloak", "good.png", "--level", "robust", "--overwrite", "--json"]) == 0
    assert Pretender.given.plan == CloakSettings(level="robust").plan


def test_the_best_that_was_kept_is_no_success(pretend, tmp_path: Path, capsys):
    """Its file is there, and the sentence, the count and the exit status say that it is not as promised."""
    assert cli.main(["cloak", "best.png", "good.png", "-o", "made/", "--keep-best"]) == 1
    told = capsys.readouterr()
    assert "best.png -> made/best.cloaked.png\nToo visible at this level." in told.out.replace("\\", "/")
    assert "1 of 2 photos: all that the level promises holds" in told.out
    assert "mnd: best.png: face has SSIM 0.9" in told.err
    assert (tmp_path / "made" / "best.cloaked.png").read_bytes() == b"best"


def test_two_photos_of_one_name_do_not_replace_each_other(pretend, tmp_path: Path, capsys):
    for options in ([], ["--overwrite"]):
        assert cli.main(["cloak", "a/x.png", "b/x.png", "-o", "new/out", "--json", *options]) == 1
        first, second = map(json.loads, capsys.readouterr().out.splitlines())
        assert first["protected"]
        assert second["error"]["kind"] == "exists"
        assert "a/x.png" in second["error"]["message"].replace("\\", "/")
    assert (tmp_path / "new/out/x.cloaked.png").is_file()


def test_no_photo_of_the_list_is_replaced_by_another_ones_copy(pretend, tmp_path: Path, capsys):
    (tmp_path / "to").mkdir()
    mine = tmp_path / "to" / "x.cloaked.png"
    mine.write_bytes(b"mine")
    assert cli.main(["cloak", "x.png", "to/x.cloaked.png", "-o", "to", "--overwrite", "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["error"]["kind"] == "original"
    assert second["protected"]
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("out", ["made/", "made", "a/b/c/"])
def test_a_folder_is_made_for_what_is_saved_and_only_then(pretend, out: str, tmp_path: Path):
    assert cli.main(["cloak", "plain.png", "-o", out]) == 1
    assert list(tmp_path.iterdir()) == []
    assert cli.main(["cloak", "good.png", "-o", out]) == 0
    assert (tmp_path / out / "good.cloaked.png").is_file()


def test_to_a_file(pretend, tmp_path: Path):
    assert cli.main(["cloak", "good.png", "-o", "other.png"]) == 0
    assert (tmp_path / "other.png").read_bytes() == b"good.png"


@pytest.mark.parametrize(
    ("error", "options", "kind"),
    [
        (OfflineError("no weights"), ["--offline"], "offline"),
        (FileNotFoundError("no weights"), [], "weights"),
        (ConnectionError("no weights"), [], "download"),
    ],
)
def test_targets_that_cannot_be_loaded(pretend, error: Exception, options: list[str], kind: str, capsys):
    def fail(*_: object) -> None:
        raise error

    pretend(fail)
    assert cli.main(["cloak", "a.png", "b.png", "--json", *options]) == 1
    told = [json.loads(line)["error"] for line in capsys.readouterr().out.splitlines()]
    assert told == [{"kind": kind, "message": "no weights"}] * 2


def test_settings_that_this_machine_cannot_serve_are_wrong_usage(pretend, capsys):
    def fail(*_: object) -> None:
        raise ValueError("device is 'cuda', expected cpu")

    pretend(fail)
    assert cli.main(["cloak", "a.png", "--json"]) == 2
    told = capsys.readouterr()
    assert (told.out, "device is 'cuda'" in told.err) == ("", True)


def test_interrupted_between_photos(pretend, capsys):
    class Impatient(Pretender):
        def photo(self, path: Path, out: Path | None = None, overwrite: bool = False) -> dict[str, Any]:
            raise KeyboardInterrupt

    pretend(Impatient)
    assert cli.main(["cloak", "a.png"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_meter_says_each_stage_once_and_sizes_of_downloads(capsys):
    meter = terminal.Meter()
    for done in range(3):
        meter("weights.pt", done * 10**6, 107 * 10**6)
    meter.name = "a.png"
    for done in range(3):
        meter("searching", done, 3)
    meter.rest()
    assert capsys.readouterr().err.splitlines() == ["weights.pt (107.0 MB)", "a.png: searching"]


def test_check_shows_what_is_said_after_each_channel(capsys):
    record = record_of(Path("a.png"), Path("b.png"))
    later = {"jpeg90": 0.71, "jpeg75": 0.55, "webp80": 0.72, "half": 0.65, "half-jpeg75": 0.42}
    told = record["regions"][0]["targets"]["dlib"]
    told |= {"channel": {name: value >= 0.6 for name, value in later.items()}, "values": later}
    terminal.Teller().show_check(record)
    head, *rows = capsys.readouterr().out.splitlines()[1:]
    assert head.split() == ["Region", "Target", "Clean", "Saved", *later]
    [row] = [line.split() for line in rows if line.startswith("face")]
    assert row[3:] == [
        "recognised", "0.000", "fooled", "0.700", "fooled", "0.710", "recognised", "0.550",
        "fooled", "0.720", "fooled", "0.650", "recognised", "0.420",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "value", "verdict"),
    [
        ("euclidean distance", 0.59, "recognised 0.590"),
        ("euclidean distance", 0.6, "fooled 0.600"),
        ("cosine similarity", 0.61, "recognised 0.610"),
        ("cosine similarity", 0.6, "fooled 0.600"),
        ("logit margin", 0.7, "recognised 0.700"),
    ],
)
def test_the_verdict_on_the_clean_photo(unit: str, value: float, verdict: str, capsys):
    record = record_of(Path("a.png"), Path("b.png"))
    record["regions"][0]["targets"]["dlib"] |= {"unit": unit, "before": value}
    terminal.show_check(record)
    told = capsys.readouterr().out
    assert verdict in told
    assert f"{unit}, threshold 0.6" in told
