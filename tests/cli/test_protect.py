"""`mnd protect` as a command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mnd import cli
from mnd.dataset.manifest import latest, manifests
from mnd.dataset.summary import Count, Summary
from tests.helpers import tiny
from tests.helpers.cloaks import FACE, NO_FACE
from tests.helpers.protecting import protected


@pytest.fixture
def src(tmp_path: Path) -> Path:
    tiny.write_pictures(tmp_path / "src", 5)
    return tmp_path / "src"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mnd", "protect", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)


def lines(dst: Path) -> dict[str, dict[str, Any]]:
    return {line["input"]: line for line in latest(manifests(dst))}


def test_a_run_and_another(src: Path, tmp_path: Path, card: str):
    dst = tmp_path / "dst"
    (src / "bad.png").write_bytes(b"rubbish")
    (src / "notes.txt").write_text("no picture")
    flags = ("--targets", card, *tiny.FLAGS)
    first = run(src, dst, *flags, "--workers", "2", "--json")
    assert first.returncode == 1
    records = [json.loads(line) for line in first.stdout.splitlines()]
    assert len(records) == 6
    assert {record["input"]: record for record in records} == {
        name: line for name, line in lines(dst).items() if line["status"] != "other"
    }
    assert "mnd: bad.png: starts with b'rubbish'" in first.stderr
    assert "6 photos: 6 new" in first.stderr
    third = run(src, dst, *flags)  # what failed then is named again
    assert third.returncode == 1
    assert "without a result (1):\n  bad.png: starts with b'rubbish'" in third.stdout
    assert "1 of these failed in earlier runs, and are tried again with --retry" in third.stdout
    (src / "bad.png").unlink()
    second = run(src, dst, *flags)
    assert second.returncode == 0
    assert "5 photos: 5 of earlier runs, 1 not in the source any more" in second.stdout
    assert str(dst / "manifest.jsonl") in second.stdout
    assert second.stderr == ""


@pytest.mark.slow
def test_the_bytes_are_those_of_mnd_cloak_whatever_the_number_of_workers(tmp_path: Path):
    src = tmp_path / "src"
    (src / "a").mkdir(parents=True)
    Image.fromarray(FACE).save(src / "face.jpg")
    Image.fromarray(FACE[:, ::-1].copy()).save(src / "a" / "face.png")
    Image.fromarray(NO_FACE[:80, :80]).save(src / "none.png")
    flags = ("--targets", "dlib", "--level", "minimum", "--steps", "12", "--offline")
    for workers in (1, 2):
        assert run(src, tmp_path / f"{workers}", *flags, "--workers", workers).returncode == 0
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("face.jpg", "a/face.png"):
        out = alone / Path(name).name
        assert cli.main(["cloak", str(src / name), "-o", str(out), *flags]) == 0  # conftest: one thread
        assert {(tmp_path / f"{n}" / name).read_bytes() for n in (1, 2)} == {out.read_bytes()}
    assert (tmp_path / "2" / "none.png").read_bytes() == (src / "none.png").read_bytes()
    told = lines(tmp_path / "2")
    assert told["none.png"]["status"] == "copied"
    done = run(src, tmp_path / "2", *flags, "--verify")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(src: Path, tmp_path: Path, card: str, number: signal.Signals):
    dst = tmp_path / "dst"
    tiny.write_pictures(src, 40)
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1")
    process = subprocess.Popen(
        command(src, dst, *flags, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # what runs in the background of a shell ignores SIGINT, and so would what it starts
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    last = err.splitlines()[-1]
    assert "photos are left: run the same command again to go on" in last  # nobody has to look for it
    assert "Traceback" not in err
    done = len(lines(dst))
    assert 3 <= done < 40
    assert sorted(p.name for p in dst.iterdir() if p.name.startswith(".")) == [".mnd.lock"]
    again = protected(card, src, dst)
    assert (again.done, again.new, again.kept) == (True, 40 - done, done)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["gone", "out"], "gone: there is no such file or folder"),
        (["src", "src/out"], "lies inside"),
        (["src", "out", "--shard", "3/2"], "shard is '3/2'"),
        (["src", "out", "--workers", "0"], "workers is 0"),
        (["src", "out", "--targets", "dlip"], "did you mean dlib"),
        (["src", "out", "--box", "1,2"], "--box"),
        (["src", "out", "--no-face", "perhaps"], "perhaps"),
        (["src", "out", "--verify"], "has no manifest"),
        (["src", "out", "--gallery", "src", "--galleries", "src"], "expected one of them"),
        (["src", "out", "--galleries", "gone"], "--galleries is 'gone'"),
        (["src"], "DST"),
    ],
)
def test_wrong_usage(src: Path, tmp_path: Path, monkeypatch, capsys, arguments: list[str], expected: str):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["protect", *arguments]) == 2
    told = capsys.readouterr()
    assert expected in " ".join(told.err.split())
    assert told.out == ""
    assert not (tmp_path / "out").exists()
    assert not (src / "out").exists()


def test_missing_weights_are_said_before_any_photo(src: Path, tmp_path: Path, homes: Path, capsys):
    assert (
        cli.main(["protect", str(src), str(tmp_path / "out"), "--targets", "facenet-casia", "--offline"]) == 1
    )
    told = capsys.readouterr()
    assert "downloads are forbidden" in told.err
    assert lines(tmp_path / "out") == {}


def test_a_second_run_is_refused_while_the_first_works(src: Path, tmp_path: Path, card: str):
    dst = tmp_path / "dst"
    tiny.write_pictures(src, 100)
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1", "--json")
    first = subprocess.Popen(
        command(src, dst, *flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        first.stdout.readline()
        second = run(src, dst, *flags)
        assert second.returncode == 2
        assert "another run of mnd protect is writing here" in second.stderr
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert all(line["status"] == "protected" for line in lines(dst).values())


def test_plain_lines_where_there_is_no_terminal(capsys):
    from mnd.cli.progress import ProtectMeter

    now = 0.0
    meter = ProtectMeter(every=30.0, clock=lambda: now)
    meter.total = 100
    record = {"status": "protected", "protected": True, "seconds": 1.0, "quality": {"ssim": 0.99}}
    for _ in range(25):
        now += 2.0
        meter.record(record, known=False)
    meter.record(record | {"status": "other"}, known=False)
    meter.record(record, known=True)
    err = capsys.readouterr().err.splitlines()
    assert err == ["mnd: 15 of 100 done, 0 failed, 0.52 a second, 3 min left, mean SSIM 0.9900"]
    assert meter.told().startswith("26 of 100 done")


ERROR = {"kind": "unsupported", "message": "a HEIC picture"}


def test_what_costs_nothing_says_nothing_of_the_rate():
    from mnd.cli.progress import ProtectMeter

    now = 0.0
    meter = ProtectMeter(clock=lambda: now)
    meter.total = 110
    plain = {"protected": False, "seconds": 0.0, "quality": None, "regions": [], "error": ERROR}
    for number in range(10):
        meter.record(plain | {"status": "failed", "input": f"refused/{number}.heic"}, known=False)
        meter.record(plain | {"status": "copied", "input": f"copied/{number}.jpg"}, known=False)
    assert meter.told() == "20 of 110 done, 10 failed, last copied/9.jpg"
    for number in range(5):
        now += 10.0
        record = {"status": "protected", "protected": True, "seconds": 10.0, "quality": None}
        meter.record(record | {"input": f"{number}.jpg"}, known=False)
    assert meter.told() == "25 of 110 done, 10 failed, 0.10 a second, 14 min left, last 4.jpg"


@pytest.mark.parametrize(
    ("failed", "more"), [(0, ""), (1, ""), (10, ""), (13, "  and 3 more: see manifest.jsonl")]
)
def test_the_first_ten_failures_are_named_at_the_end(failed: int, more: str, capsys):
    from mnd.cli.summary import show_summary

    count = Count()
    for number in range(failed):
        error = {"kind": "empty", "message": f"{number}.jpg: has 0 bytes"}
        count.add({"input": f"{number}.jpg", "status": "failed", "error": error}, "kept")
    show_summary(summary_of(count), None, quiet=False)
    told = capsys.readouterr().out.splitlines()
    listed = [line for line in told if line.startswith("  ")]
    assert listed == [f"  {n}.jpg: has 0 bytes" for n in range(min(failed, 10))] + ([more] if more else [])
    assert (f"without a result ({failed}):" in told) is (failed > 0)


def test_what_verify_found_is_told(capsys):
    from mnd.cli.summary import show_summary

    count = Count()
    error = {"kind": "empty", "message": "a.jpg: has 0 bytes"}
    count.add({"input": "a.jpg", "status": "failed", "error": error}, "kept")  # of an earlier run
    count.add({"input": "b.jpg", "status": "protected", "protected": True}, "kept")
    for bad, told in ((0, "none"), (1, "1")):
        if bad:
            error = {"kind": "damaged", "message": "c.jpg: is not what was written"}
            count.add({"input": "c.jpg", "status": "failed", "error": error}, "")
        show_summary(summary_of(count), None, quiet=False, verified=True)
        assert f"verified: 1 result read and judged again, as before; {told} not" in capsys.readouterr().out
    show_summary(summary_of(count), None, quiet=False)
    assert "verified" not in capsys.readouterr().out


def test_who_is_in_the_photos_is_told(capsys):
    from mnd.cli.summary import show_summary

    count = Count()
    for number, who in enumerate((["alice"], ["alice", "bob", None], [None])):
        regions = [{"targets": {}, "who": name} for name in who]
        gallery = {"photos": 4, "faces": len(who), "person": sum(map(bool, who)), "people": 2}
        line = {"input": f"{number}.jpg", "status": "protected", "regions": regions, "gallery": gallery}
        count.add(line, "new")
    show_summary(summary_of(count), None, quiet=False)
    told = capsys.readouterr().out
    assert "people: alice in 2, bob in 1" in told
    assert "1 photo shows nobody of the galleries; unknown: 2 faces, judged against themselves alone" in told


@pytest.mark.parametrize(
    ("level", "file"),
    [
        ("minimum", "as saved only: do not send them through a messenger"),
        ("robust", "also after a messenger (JPEG, WebP, half size)"),
    ],
)
def test_protected_says_against_whom_and_in_which_file(level: str, file: str, capsys):
    from mnd.cli.summary import show_summary

    count = Count()
    line = {"input": "a.jpg", "status": "protected", "protected": True, "targets": ["dlib"], "level": level}
    count.add(line, "new")
    show_summary(summary_of(count), None, quiet=False)
    told = capsys.readouterr().out
    assert f"protected means: no longer matched by dlib, {file}\nnot tried: any other recogniser" in told
    show_summary(summary_of(Count()), None, quiet=False)
    assert "protected means" not in capsys.readouterr().out


def summary_of(count: Count) -> Summary:
    """As a run has it at its end."""
    plain = dict.fromkeys(
        ("whole", "copied", "skipped", "others", "new", "changed", "lost", "retried", "gone"), 0
    )
    return Summary(
        **plain, photos=count.photos, protected=count.statuses["protected"], failed=count.statuses["failed"],
        kept=count.reasons["kept"], finished=True, seconds=1.0, ssim=None, psnr=None,
        manifest=Path("manifest.jsonl"), report=None, notes=(), failures=tuple(count.failures),
        strangers=count.strangers, unknown=count.unknown, failed_before=count.failed_before,
        people=dict(count.people) if count.several else None,
        against=tuple(count.against), levels=tuple(count.levels),
    )  # fmt: skip


def test_another_source_is_refused_where_nobody_can_be_asked(src: Path, tmp_path: Path, card: str):
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1")
    assert protected(card, src, tmp_path / "dst").done
    refused = run(src / "0", tmp_path / "dst", *flags)
    assert refused.returncode == 2
    assert "another source than '0'" in refused.stderr
    assert "--add-source" in refused.stderr
    assert run(src / "0", tmp_path / "dst", *flags, "--add-source").returncode == 0


def test_nothing_to_protect_is_no_success(tmp_path: Path, card: str):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "notes.txt").write_text("no picture")
    done = run(tmp_path / "src", tmp_path / "dst", "--targets", card, *tiny.FLAGS)
    assert done.returncode == 1
    assert "found no photos, expected at least one; there: 1 file that is no picture" in done.stderr


def test_without_pyarrow_there_is_one_message(tmp_path: Path, card: str):
    """And no traceback of the thread that counts."""
    (tmp_path / "list.parquet").write_bytes(b"PAR1")
    code = "import sys; sys.modules['pyarrow'] = None; from mnd.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ("protect", str(tmp_path / "list.parquet"), str(tmp_path / "dst"), "--targets", card)
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    told = 'needs the package pyarrow: pip install "mnd-cloak[parquet]"'
    assert done.stderr.splitlines()[0].endswith(told)
    assert len(done.stderr.splitlines()) == 2
    assert not (tmp_path / "dst").exists()


def test_shards_by_a_pattern(src: Path, tmp_path: Path, card: str):
    import tarfile

    shards = tmp_path / "shards"
    shards.mkdir()
    for number in range(2):
        with tarfile.open(shards / f"shard-{number:06d}.tar", "w") as tar:
            tar.add(src / f"{number}/0000{number}.{'png' if number == 0 else 'bmp'}", f"{number}.png")
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1")
    done = run(shards / "shard-{000000..000001}.tar", tmp_path / "dst", *flags)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "dst").glob("*.tar")) == [
        "shard-000000.tar",
        "shard-000001.tar",
    ]
    gone = run(shards / "shard-{000000..000007}.tar", tmp_path / "dst", *flags)
    assert gone.returncode == 2
    assert "and 5 more, expected all 8 shards that it names" in gone.stderr


def test_help_is_fast_and_names_every_flag():
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "mnd", "protect", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert time.monotonic() - started < 10
    for flag in (
        "--workers",
        "--shard",
        "--no-face",
        "--retry",
        "--verify",
        "--level",
        "--gallery",
        "--json",
    ):
        assert flag in done.stdout
