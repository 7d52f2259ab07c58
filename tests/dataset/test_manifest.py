"""The manifest: never torn, repaired at its end, refused when it is broken elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnd.dataset.manifest import (
    Index,
    LockedError,
    Manifest,
    ManifestError,
    headers,
    latest,
    locked,
    manifest_path,
    manifests,
    read_manifest,
)


def line(name: str, status: str = "protected", **more: object) -> dict[str, object]:
    return {"input": name, "status": status} | more


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return manifest_path(tmp_path)


def write(path: Path, *lines: dict[str, object]) -> None:
    manifest = Manifest(path)
    manifest.append(lines)
    manifest.close()


def test_what_is_appended_is_read(path: Path):
    write(path, {"mnd_manifest": 1}, line("a"), line("b\udcff", psnr=float("inf")))
    write(path, line("a", "failed"))
    assert [told for _, told in read_manifest(path)][1:] == [
        line("a"), line("b\udcff", psnr=None), line("a", "failed")
    ]  # fmt: skip
    assert [told["input"] + told["status"] for told in latest([path])] == ["b\udcffprotected", "afailed"]
    assert headers(path) == [{"mnd_manifest": 1}]
    assert path.read_bytes().isascii()


@pytest.mark.parametrize(
    "tail", [b'{"input": "c", "st', b"\0" * 300, b'{"input": "c"}\n', b"rubbish\n", b"\xff\n"]
)
def test_a_broken_last_line_is_cut_off_and_said(path: Path, tail: bytes):
    write(path, line("a"), line("b"))
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert [told["input"] for told in latest([path])] == ["a", "b"]
    with pytest.raises(ManifestError, match="line 3"):
        list(read_manifest(path))
    manifest = Manifest(path)
    manifest.append([line("c")])
    manifest.close()
    assert f"{len(tail)} bytes of it were removed" in manifest.repaired
    assert [told["input"] for _, told in read_manifest(path)] == ["a", "b", "c"]


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(0, 400))
def test_wherever_it_is_cut_only_whole_lines_stay(tmp_path_factory: pytest.TempPathFactory, cut: int):
    path = tmp_path_factory.mktemp("cut") / "manifest.jsonl"
    write(path, {"mnd_manifest": 1}, *(line(f"{n}") for n in range(8)))
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    manifest = Manifest(path)
    manifest.close()
    kept = path.read_bytes()
    assert whole.startswith(kept)
    assert kept == b"" or kept.endswith(b"\n")
    assert len(kept) == whole[:cut].rfind(b"\n") + 1
    assert bool(manifest.repaired) == (len(kept) < min(cut, len(whole)))


def test_a_line_that_is_broken_elsewhere_is_refused_by_its_number(path: Path):
    write(path, line("a"), line("b"), line("c"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"input": "b", "sta\n' + lines[2])
    for read in (lambda: Manifest(path), lambda: list(latest([path])), lambda: Index().add(path, torn=True)):
        with pytest.raises(ManifestError, match=r"manifest.jsonl, line 2: got b'\{\"input\": \"b\", \"sta"):
            read()
    assert path.read_bytes().count(b"\n") == 3


def test_a_status_that_nobody_knows_is_refused(path: Path):
    path.write_text(json.dumps(line("a", "done")) + "\n" + json.dumps(line("b")) + "\n")
    with pytest.raises(ManifestError, match="line 1"):
        Manifest(path)


def test_without_room_a_line_is_there_wholly_or_not_at_all(tmp_path: Path):
    code = """
import resource, sys
from pathlib import Path
from mnd.dataset.manifest import Manifest
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
manifest = Manifest(Path(sys.argv[1]))
try:
    for n in range(100):
        manifest.append([{"input": f"{n}", "status": "protected", "x": "y" * 90}])
except OSError as error:
    print(n, error.errno)
"""
    path = manifest_path(tmp_path)
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    number, _ = map(int, done.stdout.split())
    assert 3 < number < 10
    assert len(list(read_manifest(path))) == number


def test_manifests_of_shards_are_found_after_that_of_the_whole(tmp_path: Path):
    for shard in ((2, 3), None, (1, 3)):
        write(manifest_path(tmp_path, shard), line(f"{shard}"))
    assert [p.name for p in manifests(tmp_path)] == [
        "manifest.jsonl", "manifest-1-of-3.jsonl", "manifest-2-of-3.jsonl"
    ]  # fmt: skip
    assert len(list(latest(manifests(tmp_path)))) == 3


def test_an_index_keeps_no_lines(path: Path):
    write(path, *(line(f"{n}", big="x" * 1000) for n in range(100)))
    index = Index()
    index.add(path)
    assert len(index) == 100
    assert index.get("17") == line("17", big="x" * 1000)
    assert index.get("100") is None
    assert "5" in index
    index.close()


HOLD = """
import sys, time
from pathlib import Path
from mnd.dataset.manifest import locked
with locked(Path(sys.argv[1]), None):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_and_the_lock_falls_with_its_holder(tmp_path: Path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LockedError, match="another run"), locked(tmp_path, None):
            pass
        with locked(tmp_path, (1, 2)):  # another part is another manifest
            pass
        holder.kill()
        holder.wait()
        with locked(tmp_path, None):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout and holder.stdout.close()
    assert os.path.exists(tmp_path)
