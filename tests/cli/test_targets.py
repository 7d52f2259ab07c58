"""`mnd targets get` against a server on this machine, and what is told of recognisers that are not here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mnd import cli
from mnd.cli import terminal
from mnd.targets import downloads, registry
from tests.helpers.serving import Serving, moved, serving

V2 = "MobileFace_Identification_V2-0000.params"
NET = "mobilefacenet_scripted.pt"
DATA = bytes(range(256)) * 8000
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(homes, monkeypatch, tmp_path):
    """Both small recognisers come from here; the sums are those of what it has."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for module in (registry, downloads):
        monkeypatch.setattr(module, "installed", lambda extra: not extra)
    with serving() as it:
        it.files |= {f"/{V2}": DATA, f"/{NET}": DATA}
        moved(monkeypatch, it, tmp_path, "mobileface-v2", sha256=SUM, bytes=len(DATA))
        moved(monkeypatch, it, tmp_path, "mobilefacenet", sha256=SUM, tensors=None)
        yield it


def get(capsys, *words: str) -> tuple[int, list[dict], str]:
    status = cli.main(["targets", "get", *words, "--json"])
    told = capsys.readouterr()
    return status, [json.loads(line) for line in told.out.splitlines()], told.err


def test_one_is_fetched_and_then_there(server: Serving, homes: Path, capsys):
    assert cli.main(["targets", "get", "mobileface-v2"]) == 0
    told, path = capsys.readouterr(), homes / "mnd" / "weights" / V2
    assert told.out == f"mobileface-v2: downloaded, 2.0 MB, MIT, {path}\n"
    assert told.err == f"download {V2} (2.0 MB)\n"
    assert path.read_bytes() == DATA
    status, [record], err = get(capsys, "mobileface-v2")
    assert (status, err) == (0, "")
    assert record == {
        "name": "mobileface-v2",
        "status": "there",
        "path": str(path),
        "bytes": len(DATA),
        "sha256": SUM,
        "licence": "MIT",
        "judge_only": False,
        "error": None,
    }
    assert len(server.asked) == 1


def test_small_is_what_can_be_used_here(server: Serving, capsys):
    status, records, _ = get(capsys, "small", "mobileface-v2")
    assert status == 0
    assert [(it["name"], it["status"]) for it in records] == [
        ("mobilefacenet", "downloaded"),
        ("mobileface-v2", "downloaded"),
        ("uniface-mnet-v2", "skipped"),
        ("uniface-mnet-v3-large", "skipped"),
    ]
    assert sorted(path for path, _ in server.asked) == sorted([f"/{V2}", f"/{NET}"])
    assert cli.main(["targets", "get", "small"]) == 0
    told = capsys.readouterr()
    assert told.out.count("there already") == 2
    assert 'uniface-mnet-v2: left out, it needs pip install "mnd-cloak[onnx]"' in told.err


def test_what_broke_off_goes_on(server: Serving, homes: Path, capsys):
    server.cut = 1_000_000
    status, [record], _ = get(capsys, "mobileface-v2")
    assert (status, record["status"], record["error"]["kind"]) == (1, "failed", "download")
    assert "broke off after 1,000,000 of 2,048,000 bytes: run it again" in record["error"]["message"]
    status, [record], _ = get(capsys, "mobileface-v2")
    assert (status, record["status"], record["sha256"]) == (0, "downloaded", SUM)
    assert server.ranges_asked() == [None, "bytes=1000000-"]


def test_ctrl_c_leaves_what_has_come(server: Serving, homes: Path, capsys, monkeypatch):
    class Interrupted(terminal.Meter):
        def __call__(self, stage: str, done: int, total: int) -> None:
            if done > 1_000_000:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(terminal, "Meter", Interrupted)
        assert cli.main(["targets", "get", "mobileface-v2"]) == 130
    assert capsys.readouterr().err == "mnd: interrupted\n"
    have = (homes / "mnd" / "weights" / f"{V2}.part").stat().st_size
    assert have > 1_000_000
    assert cli.main(["targets", "get", "mobileface-v2"]) == 0
    assert server.ranges_asked() == [None, f"bytes={have}-"]


def test_another_file_is_removed_and_both_sums_are_told(server: Serving, homes: Path, capsys):
    server.files[f"/{V2}"] = DATA[::-1]
    got = hashlib.sha256(DATA[::-1]).hexdigest()
    assert cli.main(["targets", "get", "mobileface-v2", "mobilefacenet"]) == 1
    told = capsys.readouterr()
    assert f"sha256 is {got}, expected {SUM}" in told.err
    assert "mobilefacenet: downloaded" in told.out  # one does not stop the others
    left = {path.name for path in (homes / "mnd" / "weights").iterdir() if not path.name.startswith(".")}
    assert left == {NET}


def test_what_is_damaged_here_is_removed_and_had_again(server: Serving, homes: Path, capsys):
    get(capsys, "mobileface-v2")
    path = homes / "mnd" / "weights" / V2
    path.write_bytes(b"damaged")
    status, [record], _ = get(capsys, "mobileface-v2", "--offline")
    assert (status, record["error"]["kind"]) == (1, "weights")
    assert f"expected {SUM}" in record["error"]["message"]
    assert get(capsys, "mobileface-v2")[1][0]["status"] == "downloaded"


def test_offline_asks_for_nothing(server: Serving, capsys):
    status, [record], _ = get(capsys, "mobileface-v2", "--offline")
    assert (status, record["error"]["kind"]) == (1, "offline")
    assert server.asked == []


def test_an_extra_that_is_missing_is_told_and_a_judge_is(server: Serving, capsys, monkeypatch, tmp_path):
    server.files["/w600k_mbf.onnx"] = DATA
    moved(monkeypatch, server, tmp_path, "insightface-w600k-mbf", sha256=SUM)
    assert cli.main(["targets", "get", "insightface-w600k-mbf"]) == 0
    told = capsys.readouterr()
    assert "judge only, by its licence" in told.out
    assert 'insightface-w600k-mbf: it needs pip install "mnd-cloak[onnx]"' in told.err


def test_wrong_names_are_told_before_anything_is_fetched(server: Serving, capsys):
    assert cli.main(["targets", "get", "mobileface-v2", "mobilefacenot"]) == 2
    assert "did you mean mobilefacenet" in capsys.readouterr().err
    assert cli.main(["targets", "get", "smal"]) == 2
    assert "did you mean small" in capsys.readouterr().err
    assert cli.main(["targets", "get"]) == 2
    assert server.asked == []


def test_the_list_has_what_is_here_and_what_is_one_command_away(server: Serving, capsys):
    assert cli.main(["targets"]) == 0
    told = capsys.readouterr().out
    assert "One command away: mobilefacenet, mobileface-v2 (6.2 MB): mnd targets get small" in told
    assert "38.7 MB [onnx]" in told
    assert '[onnx] needs pip install "mnd-cloak[onnx]"' in told
    assert '[frbench] needs pip install "mnd-cloak[frbench]": networks of FRBench, too' in told
    assert "judge only, by their licence; attacked only where they are named: insightface-w600k" in told
    get(capsys, "small")
    assert cli.main(["targets", "--json", "--faces"]) == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {name for name, row in rows.items() if row["ready"]} == {
            "dlib", "surrogate", "mobilefacenet", "mobileface-v2",
        }  # fmt: skip
    assert (
        rows["sface"].items() >= {"installed": False, "extra": "onnx", "lfw": 0.994, "present": False}.items()
    )
    assert cli.main(["targets"]) == 0
    assert "One command away" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"), [([], True), (["--targets", "dlib"], False), (["--offline"], False), (["-q"], False)]
)
def test_cloak_says_it_in_one_line(server: Serving, capsys, tmp_path: Path, words: list[str], told: bool):
    (tmp_path / "a.png").write_bytes(b"")
    assert cli.main(["cloak", str(tmp_path / "a.png"), *words]) == 1
    assert ("One command away: mobilefacenet" in capsys.readouterr().out) == told
    assert server.asked == []
