"""The local engine: processes that die, raise, and end with their parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnd.dataset import engines
from mnd.dataset.engines import local
from mnd.dataset.items import Item
from mnd.dataset.settings import ProtectSettings
from tests.helpers.data_sets import ROOT, alive, tried
from tests.helpers.fakes import FakeJob


def run(folder: Path, names: list[str], workers: int = 2, start: str = "") -> list[dict[str, Any]]:
    items = (Item(name, name) for name in names)
    engine = engines.load("local")
    return list(engine(FakeJob(folder, start), items, ProtectSettings(workers=workers)))


@pytest.mark.parametrize("workers", [1, 3])
def test_every_item_is_done_once(tmp_path: Path, workers: int):
    names = [f"{n} ok" for n in range(40)]
    records = run(tmp_path, names, workers)
    assert sorted(record["input"] for record in records) == sorted(names)
    pids = {record["pid"] for record in records}
    assert 1 <= len(pids) <= workers
    assert os.getpid() not in pids
    assert {record["threads"] for record in records} == {"1"}
    assert all(len(tried(tmp_path, name)) == 1 for name in names)


def test_nothing_to_do_starts_nobody(tmp_path: Path):
    started = time.monotonic()
    assert run(tmp_path, [], start="die") == []
    assert time.monotonic() - started < 1


def test_a_photo_that_kills_its_worker_twice_is_given_up_and_no_other_is(tmp_path: Path):
    names = [f"{n} ok" for n in range(12)]
    names[3:3] = ["x die"]
    names[9:9] = ["y die-once"]
    records = {record["input"]: record for record in run(tmp_path, names)}
    assert records.keys() == set(names)
    assert records.pop("x die")["error"]["kind"] == "worker-died"
    assert all(record["error"] is None for record in records.values())
    assert len(set(tried(tmp_path, "x die"))) == 2
    assert len(set(tried(tmp_path, "y die-once"))) == 2
    assert all(len(tried(tmp_path, name)) == 1 for name in names if name.endswith("ok"))


def test_a_data_set_of_nothing_but_killers_comes_to_its_end(tmp_path: Path):
    records = run(tmp_path, [f"{n} die" for n in range(3)], workers=1)
    assert [record["error"]["kind"] for record in records] == ["worker-died"] * 3
    assert "signal 9" in records[0]["error"]["message"]


def test_an_exception_in_a_worker_ends_the_run(tmp_path: Path):
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(tmp_path, ["1 ok", "2 raise", "3 ok"])
    with pytest.raises(FileNotFoundError, match="weights x"):
        run(tmp_path, ["1 ok"], start="raise")


def test_workers_that_never_come_to_life_end_the_run(tmp_path: Path):
    with pytest.raises(OSError, match=r"3 workers in a row died at their start \(signal 9\)"):
        run(tmp_path, ["1 ok"], start="die")


def test_items_are_taken_as_they_are_needed(tmp_path: Path):
    taken = 0

    def items() -> Iterator[Item]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield Item(f"{number} ok", "")

    with contextlib.closing(local.run(FakeJob(tmp_path), items(), ProtectSettings(workers=2))) as records:
        for number, _ in enumerate(records, start=1):
            assert taken <= number + 4
            if number == 50:
                break
    assert taken < 100


def test_closing_ends_workers_in_the_middle_of_their_work(tmp_path: Path):
    started = time.monotonic()
    items = iter([Item("1 slow", ""), *(Item(f"{n} ok", "") for n in range(4))])
    with contextlib.closing(local.run(FakeJob(tmp_path), items, ProtectSettings(workers=2))) as records:
        assert {next(records)["input"] for _ in range(4)} == {f"{n} ok" for n in range(4)}
        deadline = (
            time.monotonic() + 30
        )  # on a busy machine the other worker may be done before this one begins
        while not (began := tried(tmp_path, "1 slow")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        [busy] = began
        assert alive(busy)
    assert time.monotonic() - started < 50
    assert not alive(busy)


PROGRAM = """
import sys
from pathlib import Path
from tests.helpers.fakes import FakeJob
from mnd.dataset.engines import local
from mnd.dataset.items import Item
from mnd.dataset.settings import ProtectSettings
if __name__ == "__main__":
    items = (Item(name, name) for name in sys.argv[2:])
    for record in local.run(FakeJob(Path(sys.argv[1])), items, ProtectSettings(workers=2)):
        print(record["input"], flush=True)
"""


def program(folder: Path, *names: str) -> subprocess.Popen[str]:
    path = folder / "program.py"
    path.write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, path, folder, *names], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path):
    process = program(tmp_path, "1 slow", "2 slow")
    try:
        deadline = time.monotonic() + 60
        while len(tried(tmp_path, "1 slow") + tried(tmp_path, "2 slow")) < 2:
            time.sleep(0.05)
            assert time.monotonic() < deadline
        workers = tried(tmp_path, "1 slow") + tried(tmp_path, "2 slow")
        assert all(map(alive, workers))
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    deadline = time.monotonic() + 10
    while any(map(alive, workers)):
        time.sleep(0.05)
        assert time.monotonic() < deadline


def test_what_workers_print_is_no_output(tmp_path: Path):
    out, err = program(tmp_path, "1 say", "2 ok").communicate(timeout=60)
    assert sorted(out.split("\n")) == ["", "1 say", "2 ok"]
    assert "a library that prints" in err


@pytest.fixture
def staying() -> Iterator[local.Staying]:
    engine = local.Staying()
    try:
        yield engine
    finally:
        engine.dismiss()


def again(engine: local.Staying, job: FakeJob, *names: str) -> list[dict[str, Any]]:
    return list(engine(job, (Item(name, name) for name in names), ProtectSettings(workers=1)))


def test_workers_that_stay_do_the_next_items_too(tmp_path: Path, staying: local.Staying):
    job = FakeJob(tmp_path)
    [first] = again(staying, job, "a ok")
    assert again(staying, job) == []
    records = again(staying, job, "b ok", "c ok")
    assert [record["pid"] for record in records] == [first["pid"]] * 2
    (tmp_path / "other").mkdir()
    [other] = again(staying, FakeJob(tmp_path / "other"), "d ok")  # another job is for others
    assert other["pid"] != first["pid"]
    assert not alive(first["pid"])
    staying.dismiss()
    assert not alive(other["pid"])


def test_a_worker_that_died_while_it_waited_is_no_fault_of_a_photo(tmp_path: Path, staying: local.Staying):
    job = FakeJob(tmp_path)
    [first] = again(staying, job, "a ok")
    os.kill(first["pid"], signal.SIGKILL)
    records = again(staying, job, "b ok", "c ok")
    assert [record["error"] for record in records] == [None, None]
    assert first["pid"] not in {record["pid"] for record in records}
    # a death is counted against a photo in the run that it happened in alone
    for _ in range(3):
        [record] = again(staying, job, "b die-once")
        assert record["error"] is None


def test_a_run_that_is_broken_off_ends_the_workers_that_stay(tmp_path: Path, staying: local.Staying):
    job = FakeJob(tmp_path)
    records = staying(job, (Item(f"{n} nap", "x") for n in range(9)), ProtectSettings(workers=1))
    pid = next(records)["pid"]
    records.close()
    assert not alive(pid)
    [record] = again(staying, job, "a ok")
    assert record["pid"] != pid
