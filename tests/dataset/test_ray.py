"""The Ray engine: clusters of one node and two, nodes and workers that are lost, clusters without room."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnd.dataset import engines
from mnd.dataset.engines import ray as engine
from mnd.dataset.items import Item
from mnd.dataset.manifest import manifest_path, read_manifest
from mnd.dataset.settings import ProtectSettings
from tests.helpers import tiny
from tests.helpers.data_sets import PHOTOS, ROOT, alive, bytes_of, files, lines, timeless, tried
from tests.helpers.fakes import FakeJob

PATHS = str(ROOT)
MISSING = importlib.util.find_spec("ray") is None
STORE = 80 << 20

needs_ray = pytest.mark.skipif(MISSING, reason="the package ray is not installed")
# a cluster takes about ten seconds to start; Ray leaves some of its own files and sockets to the collector
on_a_cluster = [
    needs_ray, pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]  # fmt: skip


def marked(function: Any) -> Any:
    for mark in on_a_cluster:
        function = mark(function)
    return function


# without a cluster ------------------------------------------------------------------------------------


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else find(name))
    with pytest.raises(ModuleNotFoundError, match=r'pip install "mnd-cloak\[ray\]"'):
        engines.load("ray")


@pytest.mark.parametrize("have", [1, 2, 3, 8, 64, 1000])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 999])
def test_all_workers_fit_and_none_takes_a_whole_cpu(have: int, count: int):
    workers, takes = engine._room(count, have, 0)
    assert workers == count
    assert 0 < takes["CPU"] < 1
    assert sum(int(1 / takes["CPU"]) for _ in range(have)) >= count


@pytest.mark.parametrize(("cpus", "gpus", "workers"), [(16, 1, 8), (4, 1, 4), (32, 8, 32), (0, 0, 1)])
def test_workers_share_the_gpus(cpus: float, gpus: float, workers: int):
    count, takes = engine._room(None, cpus, gpus)
    assert count == workers
    assert ("GPU" in takes) == (gpus > 0)
    if gpus:
        assert int(1 / takes["GPU"] + 1e-3) * gpus >= count


@pytest.mark.parametrize(("batch", "workers"), [(1, 8), (3, 3), (4, 2), (8, 1), (16, 1), (256, 1)])
def test_few_workers_with_large_batches_keep_a_gpu_busy(batch: int, workers: int):
    assert engine._room(None, 64, 1, batch)[0] == workers
    assert engine._room(None, 64, 4, batch)[0] == 4 * workers
    assert engine._room(None, 64, 0, batch)[0] == 64
    assert engine._room(5, 64, 1, batch)[0] == 5


@needs_ray
def test_nothing_to_do_starts_nothing(tmp_path: Path):
    started = time.monotonic()
    assert run(tmp_path, []) == []
    assert time.monotonic() - started < 1


# on a cluster of one node that has one CPU -----------------------------------------------------------


def run(
    folder: Path, names: list[str], workers: int | None = 2, start: str = "", batch: int | None = None
) -> list[dict[str, Any]]:
    items = (Item(name, name) for name in names)
    settings = ProtectSettings(engine="ray", workers=workers, batch=batch)
    return list(engines.load("ray")(FakeJob(folder, start), items, settings))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of one node with one CPU, that this process is connected to."""
    import ray
    from ray.cluster_utils import Cluster

    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", PATHS)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        folder = tempfile.mkdtemp(prefix="mnd-")  # pytest's own are too long for the names of sockets
        patch.setenv("RAY_TMPDIR", folder)
        os.mkdir(f"{folder}/ray")
        head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=head)
        try:
            ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
            yield made
        finally:
            ray.shutdown()
            made.shutdown()
            signal.signal(signal.SIGTERM, before)  # Ray has one of its own
            shutil.rmtree(folder, ignore_errors=True)
            del made
            gc.collect()  # as long as it is known where its open files come from


@marked
def test_every_item_is_done_once_where_there_is_one_cpu(cluster: Any, tmp_path: Path):
    names = [f"{n} ok" for n in range(40)]
    for workers in (None, 3):
        folder = tmp_path / str(workers)
        folder.mkdir()
        records = run(folder, names, workers)
        assert sorted(record["input"] for record in records) == sorted(names)
        assert {record["threads"] for record in records} == {"1"}
        assert os.getpid() not in {record["pid"] for record in records}
        assert all(len(tried(folder, name)) == 1 for name in names)


@marked
def test_a_photo_that_kills_its_worker_twice_is_given_up_and_no_other_is(cluster: Any, tmp_path: Path):
    names = [f"{n} ok" for n in range(12)]
    names[3:3] = ["x die"]
    names[9:9] = ["y die-once"]
    records = {record["input"]: record for record in run(tmp_path, names)}
    assert records.keys() == set(names)
    died = records.pop("x die")["error"]
    assert died["kind"] == "worker-died"
    assert "2 times (The actor is dead because its worker process has died)" in died["message"]
    assert all(record["error"] is None for record in records.values())
    assert len(set(tried(tmp_path, "x die"))) == 2
    assert len(set(tried(tmp_path, "y die-once"))) == 2
    assert all(len(tried(tmp_path, name)) == 1 for name in names if name.endswith("ok"))


@marked
def test_an_exception_in_a_worker_ends_the_run(cluster: Any, tmp_path: Path):
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(tmp_path, ["1 ok", "2 raise", "3 ok"])
    with pytest.raises(FileNotFoundError, match="weights x"):
        run(tmp_path, ["1 ok"], start="raise")


@marked
def test_workers_that_never_come_to_life_end_the_run(cluster: Any, tmp_path: Path):
    with pytest.raises(OSError, match="3 workers in a row died at their start"):
        run(tmp_path, ["1 ok"], start="die")


@marked
def test_a_cluster_without_room_is_given_up(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import ray

    class Busy:
        def there(self) -> bool:
            return True

    busy = ray.remote(Busy).options(num_cpus=1).remote()
    try:
        assert ray.get(busy.there.remote())
        monkeypatch.setattr(engine, "WAIT", 2.0)
        started = time.monotonic()
        with pytest.raises(TimeoutError, match=r"in 2 s, expected one to take 0\.99 CPU of 0 free"):
            run(tmp_path, ["1 ok", "2 ok"], None)
        assert time.monotonic() - started < 15
    finally:
        ray.kill(busy)


@marked
def test_items_are_taken_as_they_are_needed_and_closing_ends_the_workers(cluster: Any, tmp_path: Path):
    taken = 0

    def items() -> Iterator[Item]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield Item(f"{number} {'slow' if number == 30 else 'ok'}", "")

    settings = ProtectSettings(engine="ray", workers=2)
    with contextlib.closing(engine.run(FakeJob(tmp_path), items(), settings)) as records:
        for number, _ in enumerate(records, start=1):
            assert taken <= number + 5
            if number == 50:
                break
        [busy] = tried(tmp_path, "30 slow")
        assert alive(busy)
    assert taken < 100
    deadline = time.monotonic() + 20
    while alive(busy):
        time.sleep(0.05)
        assert time.monotonic() < deadline


@marked
@pytest.mark.parametrize("graceful", [True, False])
def test_a_node_removed_in_the_middle(cluster: Any, tmp_path: Path, graceful: bool):
    """Everything comes out once, and no photo is blamed; workers that are killed besides do not matter."""
    import ray

    node = cluster.add_node(num_cpus=2, object_store_memory=STORE)
    cluster.wait_for_nodes()
    names = [f"{n} meet-3" for n in range(60)]
    items = (Item(name, name) for name in names)
    records: list[dict[str, Any]] = []
    removed = 0
    with contextlib.closing(
        engine.run(FakeJob(tmp_path), items, ProtectSettings(engine="ray", workers=3))
    ) as done:
        for record in done:
            records.append(record)
            if not removed and len({record["pid"] for record in records}) == 3:
                removed = len(records)
                cluster.remove_node(node, allow_graceful=graceful)
            if removed and len(records) == removed + 25:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(record["pid"], signal.SIGKILL)
    assert 0 < removed <= 30
    assert sorted(record["input"] for record in records) == sorted(names)
    assert all(record["error"] is None for record in records)
    again = [name for name in names if len(tried(tmp_path, name)) > 1]
    assert len(again) <= 4  # what was in flight
    ray.cluster_resources()  # the connection is as it was


@marked
def test_workers_go_where_the_gpus_are(cluster: Any, tmp_path: Path):
    node = cluster.add_node(num_cpus=2, num_gpus=1, object_store_memory=STORE)
    cluster.wait_for_nodes()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    try:
        names = [f"{n} nap" for n in range(20)]
        pairs = [f"{n} meet-2" for n in range(20)]
        records = run(tmp_path / "one", names, None)
        singly = run(tmp_path / "two", pairs, None, batch=1)
    finally:
        cluster.remove_node(node)
    for told, asked in ((records, names), (singly, pairs)):
        assert sorted(record["input"] for record in told) == sorted(asked)
        assert {record["gpus"] for record in told} == {"0"}
    assert {record["batch"] for record in records} == {16, 4}
    assert len({record["pid"] for record in records}) == 1
    assert {record["batch"] for record in singly} == {1}
    assert len({record["pid"] for record in singly}) == 2  # who share it


@marked
def test_of_a_batch_whose_worker_dies_each_item_is_tried_again_alone(cluster: Any, tmp_path: Path):
    names = [f"{n} ok" for n in range(14)]
    names[5:5] = ["x die"]
    records = {record["input"]: record for record in run(tmp_path, names, batch=4)}
    assert records.keys() == set(names)
    assert records.pop("x die")["error"]["kind"] == "worker-died"
    assert all(record["error"] is None for record in records.values())
    again = [name for name in names if len(tried(tmp_path, name)) == 2]
    assert "x die" in again
    assert len(again) <= 4
    assert all(records[name]["batch"] == 1 for name in again if name in records)


@marked
def test_a_node_without_the_folder_of_the_results_is_told(cluster: Any, tmp_path: Path):
    from mnd.cloaking.settings import CloakSettings
    from tests.helpers.fakes import TrivialJob

    job = TrivialJob(CloakSettings(targets=("dlib",)), "copy", tmp_path / "none", tmp_path, "0")
    with pytest.raises(FileNotFoundError, match=rf"none: there is no such folder on {socket.gethostname()}"):
        list(engine.run(job, iter([Item("a", "a")]), ProtectSettings(engine="ray")))


# the command -------------------------------------------------------------------------------------------


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mnd", "protect", *map(str, arguments)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, card: str) -> tuple[Path, Path]:
    """A source, and what the local engine makes of it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    tiny.write_pictures(folder / "src", PHOTOS)
    told = command(folder / "src", folder / "dst", "--targets", card, *tiny.FLAGS)
    subprocess.run(told, check=True, capture_output=True)
    return folder / "src", folder / "dst"


def same(src: Path, dst: Path, clean: Path) -> None:
    """`dst` holds what an undisturbed run of the local engine makes, each photo once."""
    assert bytes_of(dst) == bytes_of(clean)
    assert timeless(dst) == timeless(clean)
    told = [line["input"] for _, line in read_manifest(manifest_path(dst)) if "input" in line]
    assert sorted(told) == sorted(files(src))
    assert sorted(p.name for p in dst.iterdir() if p.name.startswith(".")) == [".mnd.lock"]


@pytest.fixture
def temp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where clusters put their files; pytest's own folders are too long for the names of sockets."""
    folder = Path(tempfile.mkdtemp(prefix="mnd-", dir="/tmp" if os.path.isdir("/tmp") else None))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def ours(temp: Path) -> list[Path]:
    """The folders of clusters that we have started."""
    return list(temp.glob("mnd-ray-*"))


@marked
def test_on_one_cpu_it_makes_what_the_local_engine_makes(
    undisturbed: tuple[Path, Path], tmp_path: Path, card: str, temp: Path
):
    """Relative paths, one CPU, records alone on standard output, nothing left behind."""
    src, clean = undisturbed
    (tmp_path / "src").symlink_to(src)
    cpu = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}}); "
    told = command("src", "dst", "--targets", card, *tiny.FLAGS, "--engine", "ray", "--json")[3:]
    code = f"{cpu}import sys; from mnd.cli import main; sys.exit(main({told!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == PHOTOS
    same(src, tmp_path / "dst", clean)
    assert ours(temp) == []


@marked
def test_a_node_removed_while_the_command_works(
    cluster: Any, undisturbed: tuple[Path, Path], tmp_path: Path, card: str
):
    src, clean = undisturbed
    dst = tmp_path / "dst"
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    cluster.wait_for_nodes()
    arguments = (src, dst, "--targets", card, *tiny.FLAGS, "--engine", "ray", "--address", cluster.address)
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: dst.exists() and len(files(dst)) >= 3, process)
    cluster.remove_node(node, allow_graceful=False)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    same(src, dst, clean)


def until(happens: Any, process: subprocess.Popen[str], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@marked
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_nobody_and_is_gone_on_with(
    undisturbed: tuple[Path, Path], tmp_path: Path, card: str, temp: Path, how: signal.Signals
):
    src, clean = undisturbed
    dst = tmp_path / "dst"
    arguments = (src, dst, "--targets", card, *tiny.FLAGS, "--workers", 1)
    process = subprocess.Popen(
        command(*arguments, "--engine", "ray"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: dst.exists() and len(files(dst)) >= 2, process)
    workers = {int(line["worker"].rsplit("-", 1)[1]) for line in lines(dst).values()}
    process.send_signal(how)
    err = process.communicate(timeout=60)[1]
    status = {signal.SIGINT: 130, signal.SIGKILL: -9}[how]
    assert process.returncode == status, err
    assert "Traceback" not in err
    deadline = time.monotonic() + 30
    while any(map(alive, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    if how == signal.SIGKILL:  # the next cluster takes away what is left of it
        assert len(ours(temp)) == 1
        with engine._folder() as folder:
            assert ours(temp) == [Path(folder)]
    assert ours(temp) == []
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    same(src, dst, clean)


@marked
def test_no_cluster_at_the_address(undisturbed: tuple[Path, Path], tmp_path: Path, card: str):
    src, _ = undisturbed
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    arguments = (src, tmp_path / "dst", "--targets", card, *tiny.FLAGS, "--engine", "ray")
    done = subprocess.run(
        command(*arguments, "--address", address), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert f"{address}: got no answer" in done.stderr
    assert "Traceback" not in done.stderr
